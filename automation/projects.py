"""Which project and which stack a command is about, and whether the stack file makes sense."""

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from automation.exits import Exit, Failure


@dataclass(frozen=True)
class Target:
    """One stack of one project; `root` holds Pulumi.yaml."""

    root: Path
    stack: str

    @property
    def file(self) -> Path:
        return self.root / f"Pulumi.{self.stack}.yaml"


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` that holds Pulumi.yaml."""
    if not start.is_dir():
        raise Failure(Exit.BAD_INPUT, f"{start} is not a folder, expected the project's; give it with --cwd")
    here = start.resolve()
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").is_file() or (folder / "Pulumi.yml").is_file():
            return folder
    raise Failure(
        Exit.BAD_INPUT,
        f"no Pulumi.yaml in {here} or a folder above it, expected one; change to the project or name it with --cwd",
    )


def stack_files(root: Path) -> list[str]:
    """The stacks that have a file here, sorted."""
    names = (p.name.removeprefix("Pulumi.").removesuffix(".yaml") for p in root.glob("Pulumi.*.yaml"))
    return sorted(name for name in names if name)


def select(start: Path, given: str | None, *, existing: Sequence[str] = (), from_file: bool = True) -> Target:
    """The stack meant: the one given, PULUMI_STACK, or the only one that has a file.

    existing: stacks that the backend knows though no file names them. from_file: the command reads the stack file, so
    that a stack without one is a mistake wherever others have theirs.
    """
    root = find_root(start)
    files = stack_files(root)
    name = given or os.environ.get("PULUMI_STACK") or ""
    if name:
        if from_file and files and name not in files and name not in existing:
            raise Failure(Exit.BAD_INPUT, unknown_stack(name, files))
        return Target(root, name.rpartition("/")[2])
    if len(files) == 1:
        return Target(root, files[0])
    if not files:
        raise Failure(Exit.BAD_INPUT, f"no stack is named and {root} has no Pulumi.<stack>.yaml; name one with --stack")
    raise Failure(
        Exit.BAD_INPUT,
        f"no stack is named and there are {len(files)}: {', '.join(files)}; name one with --stack or PULUMI_STACK",
    )


def unknown_stack(name: str, known: Sequence[str]) -> str:
    """The line for a stack that does not exist."""
    close = difflib.get_close_matches(name, known, n=1)
    listed = ", ".join(known) or "none"
    if close:
        return f"there is no stack '{name}', did you mean '{close[0]}'? there are: {listed}"
    return f"there is no stack '{name}', there are: {listed}; write Pulumi.{name}.yaml to make it"


def has_spec(root: Path) -> bool:
    """Whether the project's stacks are Modelport's own, so that a stack file has a known shape."""
    return (root / "stacks" / "spec.py").is_file()
