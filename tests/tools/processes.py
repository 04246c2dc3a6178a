"""Servers that tests start: ended with the test session, their log shown when they do not come up."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_SECONDS = 60


class Server:
    """A process with its log, ended by `stop`."""

    def __init__(self, command: list[str], log: Path, env: Mapping[str, str]) -> None:
        self.log = log
        # A test run that is killed takes its servers along.
        with_us = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [*with_us, *command], env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )

    def wait_for(self, ready: Callable[[], bool], seconds: float = _SECONDS) -> None:
        """Wait until `ready`; an end of the process, or `seconds` without it, is an error with the log in it."""
        until = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise RuntimeError(
                    f"{self.process.args!r} did not come up:\n{self.log.read_text(errors='replace')[-4000:]}"
                )
            time.sleep(0.02)

    def find(self, pattern: str) -> str:
        """The first group of the first match in the log, empty when there is none."""
        found = re.search(pattern, self.log.read_text(errors="replace"))
        return found[1] if found else ""

    def stop(self) -> None:
        """End the process."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
