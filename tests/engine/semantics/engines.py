"""Takes a walk under an engine, or under two in turn, each time in a world of its own; tells where records differ."""

import difflib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

from engine.api import Engine
from tests.engine.conformance.normalise import Record
from tests.engine.conformance.runner import OURS, Case
from tests.engine.semantics.walks import Walk

OFFICIAL = ["pulumi"]
TINY = Path(__file__).resolve().parent / "tiny.py"
PROJECT = "name: wood\nruntime: python\n"


class Trip(Case):
    """A walk taken by an engine. The state is made and read by the engine as a library, for that is not in question."""

    patience = 60.0

    def __init__(self, folder: Path, root: Path, engine: list[str], other: list[str] | None = None) -> None:
        root.mkdir(parents=True)
        super().__init__(str(folder), root, engine, other)
        binary = root / "bin" / "pulumi-resource-tiny"
        binary.parent.mkdir()
        binary.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{TINY}" "$@"\n')
        binary.chmod(0o755)
        self.env["PATH"] = f"{binary.parent}{os.pathsep}{self.env['PATH']}"

    def _happen(self, actions: list[Record]) -> None:
        for action in actions:
            if "heal" in action:
                (self.world / action["heal"]).unlink(missing_ok=True)
            for file in self._things(action.get("lose")):
                file.unlink()
            for file in self._things(action.get("drift")):
                found = json.loads(file.read_text())
                file.write_text(json.dumps({**found, "tone": "drifted", "serial": "DRIFTED"}, sort_keys=True))
        super()._happen([action for action in actions if not {"heal", "lose", "drift"} & set(action)])

    def _calls(self) -> dict[str, list[Any]]:
        """The calls; what an error hook was told keeps no frame of a library, which would say where that lies."""
        found = super()._calls()
        for call in (each for calls in found.values() for each in calls if "errors" in each):
            call["errors"] = [self._norm.message(text) for text in call["errors"]]
        return found

    def _things(self, label: str | None) -> list[Path]:
        return [] if label is None else sorted((self.world / "things").glob(f"{label}-*.json"))

    def _prepare(self, engine: list[str], step: Record, project: Path, stack: str) -> None:
        if (str(project), stack) not in self._stacks:
            super()._prepare(OURS, {}, project, stack)
        super()._prepare(engine, step, project, stack)

    def _export(self, engine: list[str], stack: str, project: Path) -> Record | None:
        return Engine(project, stack, f"file://{self.backend}").export(show_secrets=True)


def write(walk: Walk, folder: Path) -> Path:
    """Lay a walk down as a case."""
    if folder.exists():
        shutil.rmtree(folder)
    program = folder / "program"
    program.mkdir(parents=True)
    (program / "Pulumi.yaml").write_text(PROJECT)
    for name, text in walk.programs.items():
        (program / name).write_text(text)
    (folder / "case.yaml").write_text(yaml.safe_dump({"steps": walk.steps}, sort_keys=False))
    return folder


def records(folder: Path, root: Path, engine: list[str], other: list[str] | None = None) -> list[Record]:
    """What an engine did at each step of a walk."""
    if root.exists():
        shutil.rmtree(root)
    trip = Trip(folder, root, engine, other)
    return [trip.run(number) for number in range(1, len(trip.steps) + 1)]


def lines(record: Any) -> list[str]:
    return json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False).splitlines()


def broken(record: Record) -> bool:
    """Whether the official engine wrote a state that it will itself refuse; nobody need do the same from there on."""
    return any("snapshot integrity" in each["message"] for each in record["diagnostics"])


def difference(official: list[Record], ours: list[Record], *, all_steps: bool = False) -> str:
    """The first step at which two trips differ, or all of them, and how; empty where they are the same."""
    found = ""
    for number, (expected, actual) in enumerate(zip(official, ours, strict=True), 1):
        if broken(expected):
            return ""
        if expected != actual:
            told = difflib.unified_diff(lines(expected), lines(actual), "official", "ours", lineterm="", n=4)
            found += f"step {number}:\n" + "\n".join(told) + "\n"
            if not all_steps:
                return found
    return found


def compared(folder: Path, root: Path, *, turns: bool = False, tries: int = 3, all_steps: bool = False) -> str:
    """How the engines differ on a walk; what differs from one official run to the next is chance, and no difference."""
    told = ""
    for _ in range(tries):
        official = records(folder, root / "official", OFFICIAL)
        told = difference(official, records(folder, root / "ours", OURS), all_steps=all_steps)
        if turns and not told:
            told = difference(official, records(folder, root / "turns", OURS, OFFICIAL))
        if not told:
            return ""
    return told
