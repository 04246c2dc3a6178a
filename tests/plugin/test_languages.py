"""Programs of docs/languages.md name what the schema has, in the manner of their language."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.plugin.snapshot import FILE

PAGE = (Path(__file__).parent.parent.parent / "docs" / "languages.md").read_text()
RESOURCES: dict[str, Any] = json.loads(FILE.read_text())["resources"]
MANNERS = {
    "typescript": (r"new modelport\.(\w+)\(", r"(?m)^ {4}(\w+):", r"\b(?:net|digits)\.(\w+)"),
    "go": (r"modelport\.New(\w+)\(", r"(?m)^\t([A-Z]\w+):", r"\b(?:net|digits)\.(\w+)"),
    "csharp": (r"new (\w+)\(\"", r"(?m)^ {4}(\w+) =", r"\b(?:net|digits)\.(\w+)"),
    "java": (r"new (\w+)\(\"", r"(?m)^ {4}\.(?!build)(\w+)\(", r"\b(?:net|digits)\.(\w+)"),
}
"""How components, their arguments and their outputs are written."""


def _program(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def _inputs(kind: str) -> set[str]:
    return {name.rstrip("?") for name in RESOURCES[kind]["inputs"]}


def _needed(kind: str) -> set[str]:
    return {name for name in RESOURCES[kind]["inputs"] if not name.endswith("?")}


def test_the_program_in_yaml_fits_the_schema() -> None:
    made = yaml.safe_load(_program("yaml"))["resources"]
    for name, each in made.items():
        kind = each["type"].removeprefix("modelport:")
        assert _needed(kind) <= set(each["properties"]) <= _inputs(kind), name
    for name, output in re.findall(r"\$\{(\w+)\.(\w+)\}", _program("yaml")):
        assert output in RESOURCES[made[name]["type"].removeprefix("modelport:")]["outputs"]


@pytest.mark.parametrize("language", MANNERS)
def test_the_program_names_what_there_is(language: str) -> None:
    component, argument, output = MANNERS[language]
    program = _program(language)
    kinds = re.findall(component, program)
    assert kinds == ["AwsNetwork", "EcsService"]
    parts = re.split(component, program)[2::2]
    for kind, part in zip(kinds, parts, strict=True):
        given = {name[0].lower() + name[1:] for name in re.findall(argument, part)}
        shared = {"accountId", "region"} if language == "typescript" else set[str]()
        assert _needed(kind) <= given | shared <= _inputs(kind)
    outputs = {name[0].lower() + name[1:] for name in re.findall(output, program)}
    assert outputs >= {"vpcId", "privateSubnetIds"}
    assert outputs <= {*RESOURCES["AwsNetwork"]["outputs"], *RESOURCES["EcsService"]["outputs"]}
