"""Which stack is meant where none is named."""

import os
from pathlib import Path

from engine.errors import BadInput
from engine.projects import load_project


def stack_name(given: str | None, folder: Path) -> str:
    """The stack given, PULUMI_STACK, or the only one that has a file in the project."""
    if name := given or os.environ.get("PULUMI_STACK"):
        return name
    root = load_project(folder).root
    found = sorted(file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in root.glob("Pulumi.*.yaml"))
    if len(found) == 1:
        return found[0]
    there = f"there are {', '.join(found)}" if found else "there is no Pulumi.<stack>.yaml"
    raise BadInput(f"no stack is named and {there}; name one with --stack or PULUMI_STACK")
