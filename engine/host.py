"""Runs a Pulumi program as the CLI's Python language host does. Loaded by child.py, so it imports nothing of ours."""

import asyncio
import logging
import runpy
import sys
import traceback
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

    def run() -> None:
        runpy.run_path(program, run_name="__main__")

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
        workers.shutdown(wait=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return code
