"""What a program needs, known before anything is done: packages that it names, and SDKs that it has imported.

The program's process writes a line to a pipe for each as it comes upon it, and always before it asks the engine for
anything; so what stands in the pipe when the first request comes is all that the program has named until then.
"""

import contextlib
import json
import os
from dataclasses import dataclass, field


@dataclass
class Needs:
    """The reading end. `made` are packages of resources that the program has made, `imported` those of its SDKs."""

    made: dict[str, str] = field(default_factory=dict[str, str])
    imported: dict[str, str] = field(default_factory=dict[str, str])
    """Package to version; the version may be empty."""

    parameterised: dict[str, str] = field(default_factory=dict[str, str])
    """A package that a parameter describes, and the one whose provider takes that parameter."""

    def __post_init__(self) -> None:
        self._read, self.write = os.pipe()
        os.set_blocking(self._read, False)
        self._rest = b""

    def catch_up(self) -> None:
        """Read what has been written by now."""
        if self._read < 0:
            return
        with contextlib.suppress(BlockingIOError):
            while more := os.read(self._read, 65536):
                self._rest += more
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            entry: dict[str, str] = json.loads(line)
            where = self.made if entry["how"] == "made" else self.imported
            if entry["how"] == "parameterised":
                self.parameterised[entry["package"]] = entry["version"]
                continue
            where[entry["package"]] = entry.get("version") or where.get(entry["package"], "")
        for package in [each for each in self.made if each in self.parameterised]:
            self.made[self.parameterised[package]] = ""
            del self.made[package]
        for package in self.made:
            self.made[package] = self.made[package] or self.imported.get(package, "")

    def close(self) -> None:
        """Let go of both ends; once is enough."""
        for end in (self._read, self.write):
            if end >= 0:
                os.close(end)
        self._read = self.write = -1
