"""Where a policy pack lies, what it is, and how its process is started."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from engine.errors import PolicyError
from engine.values import Props, is_dict, part

FILE = "PulumiPolicy.yaml"


@dataclass(frozen=True)
class Command:
    """How child.py is told to start a pack: its kind of child, what to load or run, and the arguments after that."""

    python: str
    kind: str
    what: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    def arguments(self, engine: str) -> list[str]:
        return [*self.before, engine, *self.after]


@dataclass(frozen=True)
class Pack:
    """One pack as the user named it; `version` and `description` are empty where PulumiPolicy.yaml has none."""

    path: str
    config: str
    folder: Path
    command: Command
    version: str = ""
    description: str = ""


def asked(paths: tuple[str, ...], configs: tuple[str, ...], python: str) -> list[Pack]:
    """The packs that the user asked for, each with its configuration file or none.

    python: the interpreter for packs that name no virtual environment of their own.
    Raises PolicyError where there is no pack that can be started.
    """
    return [_pack(path, config, python) for path, config in zip(paths, configs or ("",) * len(paths), strict=True)]


def _pack(path: str, config: str, python: str) -> Pack:
    place = Path(os.path.abspath(path))  # noqa: PTH100 - a link stays one
    if place.is_file():
        beside = place.parent / FILE
        data = _project(path, beside) if beside.exists() else {}
        command = Command(python, "exec", str(place))
        return Pack(
            path, config, place.parent, command, str(data.get("version") or ""), str(data.get("description") or "")
        )
    data = _project(path, place / FILE)
    runtime = data.get("runtime")
    options: Props = part(runtime, "options") if is_dict(runtime) else {}
    name = str(runtime.get("name") or "") if is_dict(runtime) else str(runtime or "")
    if not name:
        raise PolicyError(
            f"failed to load Pulumi policy project located at \"{path}\": project is missing a 'runtime' attribute"
        )
    command = _python(path, place, options, python) if name == "python" else _other(place, name, options, python)
    return Pack(path, config, place, command, str(data.get("version") or ""), str(data.get("description") or ""))


def _project(path: str, file: Path) -> Props:
    where = f'failed to load Pulumi policy project located at "{path}"'
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        told = error.strerror.lower() if error.strerror else str(error)
        raise PolicyError(f"{where}: open {Path(path) / FILE}: {told}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PolicyError(f"{where}: {error}") from None
    if data is not None and not is_dict(data):
        raise PolicyError(f"{where}: {FILE} is a {type(data).__name__}, expected keys and values")
    return data or {}


def _python(path: str, place: Path, options: Props, python: str) -> Command:
    interpreter = _interpreter(path, place, options, python)
    if (place / "__main__.py").exists():
        return Command(interpreter, "module", "pulumi.policy", after=(str(place),))
    name = _package(place)
    if not name:
        raise PolicyError(
            f'policy pack "{path}" failed to start: it provides neither __main__.py nor a buildable pyproject.toml'
        )
    return Command(interpreter, "module", "pulumi.run.plugin", before=(name,))


def _package(place: Path) -> str:
    import tomllib

    try:
        data = tomllib.loads((place / "pyproject.toml").read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return ""
    return str(part(data, "project").get("name") or "") if "build-system" in data else ""


def _interpreter(path: str, place: Path, options: Props, python: str) -> str:
    """The Python of the pack's own environment, or the one of the program."""
    toolchain = str(options.get("toolchain") or "pip").lower()
    named = str(options.get("virtualenv") or "")
    if toolchain == "poetry":
        return _poetry(path, place)
    if toolchain == "uv" and not named:
        named = os.environ.get("UV_PROJECT_ENVIRONMENT") or _above(place)
    elif toolchain not in ("pip", "uv"):
        raise PolicyError(f"{path}: toolchain is {toolchain!r} in {FILE}, expected pip, poetry or uv")
    if not named:
        return python
    folder = place / named
    for found in (folder / "bin" / "python", folder / "Scripts" / "python.exe"):
        if found.exists():
            return str(found)
    raise PolicyError(
        f'policy pack "{path}" failed to start: its virtualenv {named!r} is not there or holds no Python; '
        "make it and install the pack's requirements into it"
    )


def _above(place: Path) -> str:
    """The folder in which uv keeps the environment: beside its lock file, or in the pack."""
    for folder in (place, *place.parents):
        if (folder / "uv.lock").exists():
            return str(folder / ".venv")
    return ".venv"


def _poetry(path: str, place: Path) -> str:
    try:
        done = subprocess.run(
            ["poetry", "env", "info", "--executable"], cwd=place, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PolicyError(
            f'policy pack "{path}" failed to start: poetry cannot be asked for its Python: {error}'
        ) from None
    found = done.stdout.strip()
    if done.returncode or not Path(found).exists():
        raise PolicyError(
            f'policy pack "{path}" failed to start: poetry has made no environment for it; run poetry install in {path}'
        )
    return found


def _other(place: Path, runtime: str, options: Props, python: str) -> Command:
    """A pack of another runtime, by the plugin that boots such packs, as the official engine finds it."""
    name = f"pulumi-analyzer-policy-{runtime}"
    found = shutil.which(name)
    if not found:
        raise PolicyError(
            f'could not start policy pack "{place}" because the built-in analyzer plugin that runs policy plugins is '
            "missing. This might occur when the plugin directory is not on your $PATH, when the installed version of "
            "the Pulumi SDK does not support resource policies, or when the required analyzer plugin has not been "
            f"installed: no analyzer plugin '{name}' found in the workspace or on your $PATH"
        )
    given = tuple(f"-{key}={value}" for key, value in sorted(options.items()) if value != "")
    return Command(python, "exec", found, after=(".", *given))


def shown(path: str) -> str:
    """A path as events name it: cleaned, and a long one with its middle left out."""
    path = os.path.normpath(path)
    parts = path.split("/")
    if len(path) <= 75 or len(parts) <= 4:
        return path
    return "/".join([*parts[:2], "...", *parts[-2:]])
