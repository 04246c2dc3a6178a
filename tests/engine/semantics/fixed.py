"""Walks that are not left to chance, one a file: providers of all kinds, values, options, programs that misbehave.

A file has `head`, the name of what every program of the walk begins with, and `steps` as a case of the conformance
tests has them, each with the text of its program where that changes. Beside it lies what the official engine did.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from tests.engine.conformance.normalise import Record
from tests.engine.semantics.walks import Walk

FOLDER = Path(__file__).resolve().parent / "recorded"
TINY = """

class Tiny(CustomResource):
    serial: pulumi.Output[str]
    revision: pulumi.Output[int]

    def __init__(self, name, opts=None, **props):
        super().__init__("tiny:index:Thing", name, {"label": name, "serial": None, "revision": None, **props}, opts)


"""
GROUP = """class Group(ComponentResource):
    def __init__(self, name, opts=None, **inputs):
        super().__init__("wood:index:Group", name, inputs or None, opts)


"""
IN_ORDER = """import asyncio
from concurrent.futures import ThreadPoolExecutor
asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
"""
"""One call to the engine at a time, so that the order of registrations is not left to chance."""
HEADS = {
    "tiny": "import pulumi\n"
    "from pulumi import CustomResource, Output, ProviderResource, ResourceOptions, InvokeOptions, export\n" + TINY,
    "thing": "import pulumi\nfrom pulumi import ComponentResource, Output, ResourceOptions, export\n"
    "from world import Plain, Thing\n\n",
    "all": "import pulumi\n"
    "from pulumi import Alias, ComponentResource, CustomResource, CustomTimeouts, InvokeOptions, Output, "
    "ProviderResource, ResourceOptions, export\nfrom world import Plain, Thing, note\n" + TINY + GROUP,
}
HEADS["in-order"] = HEADS["all"] + IN_ORDER


def names() -> list[str]:
    """All that there are."""
    return sorted(file.stem for file in FOLDER.glob("*.yaml"))


def fixed(name: str) -> Walk:
    """The walk of that name."""
    spec: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    made = Walk()
    for number, given in enumerate(spec["steps"], 1):
        step = {"before": [], **given}
        if "program" in step:
            made.programs[f"step{number}.py"] = HEADS[spec["head"]] + step["program"]
            step["program"] = f"step{number}.py"
        made.steps.append(step)
    return made


def golden(name: str) -> list[Record]:
    """What the official engine did at each step, recorded."""
    lines = (FOLDER / f"{name}.json").read_text().removesuffix("\n").split("\n")  # other ends of lines are in the text
    found: list[Record] = [json.loads(line) for line in lines]
    return found


def record(name: str, done: list[Record]) -> None:
    """Keep what the official engine did, a line for each step."""
    lines = [json.dumps(each, sort_keys=True, ensure_ascii=False, separators=(",", ":")) for each in done]
    (FOLDER / f"{name}.json").write_text("\n".join(lines) + "\n")
