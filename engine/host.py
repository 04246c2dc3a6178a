"""Runs a Pulumi program as the CLI's Python language host does. Loaded by child.py, so it imports nothing of ours."""

import asyncio
import contextlib
import functools
import importlib.machinery
import importlib.util
import json
import logging
import os
import re
import runpy
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pulumi
import pulumi.runtime

TOLD = 32
"""The exit code that says: it failed, and the user has been told why."""


def _shown(program: str) -> str:
    """The traceback from the program's own first frame on; without one there, whole."""
    frames = traceback.extract_tb(sys.exc_info()[2])
    main = Path(program, "__main__.py") if Path(program).is_dir() else Path(program)
    for place, frame in enumerate(frames):
        if Path(frame.filename).absolute() == main.absolute():
            return traceback.format_exc(limit=place - len(frames))
    return traceback.format_exc()


def _forget(program: str) -> None:
    """Take away the byte code of a program that was written just now.

    Python knows it by the second and the size of its source: an update may be over, and the program be another, before
    that second is.
    """
    main = Path(program, "__main__.py")
    if main.is_file() and time.time() - main.stat().st_mtime < _YOUNG:
        Path(importlib.util.cache_from_source(str(main))).unlink(missing_ok=True)


_YOUNG = 2.0
_LATER = re.compile(r"^[ \t]+(?:import|from)[ \t]+(pulumi_\w+)", re.MULTILINE)
"""An import of an SDK that is not at the top of its module."""


class _Needs:
    """Tells the engine, by a pipe, which packages the program names, before it is asked for anything of theirs."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._told: set[str] = set()
        self._read = False

    def tell(self, how: str, package: str, version: str = "") -> None:
        line = json.dumps({"how": how, "package": package, "version": version})
        if line not in self._told:
            self._told.add(line)
            os.write(self._pipe, line.encode() + b"\n")

    def made(self, args: pulumi.ResourceTransformationArgs) -> None:
        """Sees each resource as it is made, and changes nothing."""
        self._read_ahead()
        package, _, rest = args.type_.partition(":")
        if args.type_.count(":") == 2 and isinstance(args.resource, (pulumi.CustomResource, pulumi.ProviderResource)):
            found = rest.removeprefix("providers:") if args.type_.startswith("pulumi:providers:") else package
            self.tell("made", found)

    def _read_ahead(self) -> None:
        """Tell the SDKs, too, that the program's own code imports in functions, which may not have been called yet."""
        if self._read:
            return
        self._read = True
        main = Path(sys.argv[0])
        here = str(main if main.is_dir() else main.parent)
        found = {str(getattr(module, "__file__", None)) for module in [*sys.modules.values()]}
        own = {
            file for file in found if file.startswith(here + os.sep) and f"{os.sep}site-packages{os.sep}" not in file
        }
        for file in {*own, str(main / "__main__.py" if main.is_dir() else main)}:
            with contextlib.suppress(OSError, ValueError):
                for name in _LATER.findall(Path(file).read_text(encoding="utf-8")):
                    if name not in sys.modules:
                        self.find_spec(name)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Sees each import, and finds nothing itself."""
        if path is None and name.startswith("pulumi_"):
            spec = importlib.machinery.PathFinder.find_spec(name)
            for folder in (spec.submodule_search_locations or []) if spec else []:
                with contextlib.suppress(OSError, ValueError):
                    about = json.loads(Path(folder, "pulumi-plugin.json").read_text())
                    if about.get("resource"):
                        served_by = str(about.get("name") or name.removeprefix("pulumi_"))
                        self.tell("imported", served_by, str(about.get("version") or ""))
                        if "parameterization" in about:
                            self.tell("parameterised", str(about["parameterization"].get("name")), served_by)


def _tell_needs(pipe: int) -> None:
    os.set_inheritable(pipe, False)
    needs = _Needs(pipe)
    root: Any = pulumi.runtime.get_root_resource()
    root._transformations = [*(root._transformations or []), needs.made]
    watcher: Any = needs
    sys.meta_path.insert(0, watcher)
    invokes: Any = sys.modules["pulumi.runtime.invoke"]
    ask = invokes._invoke

    def asked(tok: str, *args: Any, **more: Any) -> Any:
        needs.tell("made", tok.partition(":")[0])
        return ask(tok, *args, **more)

    invokes._invoke = asked


def _refuse_unknown_answers() -> None:
    """A look-up in its plain form needs its answer at once: say so where there is none, lest None be taken for it."""
    module: Any = sys.modules["pulumi.runtime.invoke"]
    answered = module.invoke = _answered(module.invoke)
    setattr(pulumi.runtime, "invoke", answered)  # noqa: B010 - the module of that name is hidden by the function


def _leave_secrets_marked() -> None:
    """What a look-up is asked with keeps the mark of a secret as far as the engine, which may have to show it."""
    module: Any = sys.modules["pulumi.runtime.rpc"]
    unwrapped = getattr(module, "_unwrap_rpc_secret_struct_properties", None)

    def marked(value: Any) -> tuple[Any, bool]:
        return value, unwrapped(value)[1] if unwrapped else False

    if unwrapped is not None:
        module._unwrap_rpc_secret_struct_properties = marked


def _answered(ask: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(ask)
    def answered(tok: str, props: Any, *args: Any, **more: Any) -> Any:
        found = ask(tok, props, *args, **more)
        if not found.is_known and not _holds_outputs(props):
            function = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", tok.rpartition(":")[2]).lower()
            raise pulumi.RunError(
                f"{tok}: the answer to this look-up is not known here, and the plain form {function}(...) needs it at "
                f"once; use {function}_output(...), whose answer may be unknown in a plan, or do what the warning "
                "above says"
            )
        return found

    return answered


def _holds_outputs(value: Any) -> bool:
    within: list[Any] = []
    if isinstance(value, dict):
        within = [*value.values()]  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    elif isinstance(value, (list, tuple)):
        within = [*value]  # pyright: ignore[reportUnknownArgumentType]
    return isinstance(value, pulumi.Output) or any(_holds_outputs(each) for each in within)


def _unsaid(msg: str, resource: Any = None, stream_id: Any = None, ephemeral: Any = None) -> None:
    return None


def main(orders: dict[str, Any]) -> int:
    """Run the program; 0 when it is done, 1 after a RunError, 32 after any other exception."""
    program: str = orders["program"]
    settings: dict[str, Any] = orders["settings"]
    pulumi.runtime.set_all_config(pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env())
    pulumi.runtime.configure(pulumi.runtime.Settings(**settings))
    sys.argv = [program]

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    workers = ThreadPoolExecutor(max_workers=min(max(settings["parallel"], 1) * 4, 1024))
    loop.set_default_executor(workers)
    # what is left unawaited when a program fails is no news to its user
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    closing = contextlib.ExitStack()

    def run() -> None:
        _refuse_unknown_answers()
        _leave_secrets_marked()
        here = Path(__file__)
        lighter = runpy.run_path(str(here.with_name("lighter.py")))
        traces = lighter["put_in"]()
        if "lane" in orders and not orders.get("debug"):  # each debugging word of the SDK's is wanted there

            def instead() -> None:
                closing.callback(runpy.run_path(str(here.with_name("lean.py")))["put_in"](orders["lane"], traces))

            os.set_inheritable(orders["lane"], False)
            resources: Any = sys.modules["pulumi.resource"]
            resources.register_resource = lighter["Growing"](resources, instead)
        if "needs" in orders:
            _tell_needs(orders["needs"])
        _forget(program)
        runpy.run_path(program, run_name="__main__")

    if not orders.get("debug"):
        pulumi.log.debug = _unsaid  # nobody would see it, and sending it costs more than all the rest

    code = 1
    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(run))
        code = 0
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
    except Exception:
        pulumi.log.error("Program failed with an unhandled exception:\n" + _shown(program))
        code = TOLD
    finally:
        closing.close()
        workers.shutdown(wait=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return code
