"""The table of meters, held to what is really registered."""

import re
from pathlib import Path
from typing import Final

import pytest

from automation.costs.book import shipped
from automation.costs.estimate import estimate
from automation.costs.meters import table
from tests.policies.programs import PROGRAMS, planned

ROOT: Final = Path(__file__).parents[3]


def known(type_: str) -> bool:
    group = re.sub(r"/[^/:]+:", "/*:", type_) if type_.startswith("kubernetes:") else type_
    return type_ in table() or group in table()


def in_snapshots() -> set[str]:
    """Types of all that the stacks' snapshots of names list."""
    files = list((ROOT / "tests").rglob("snapshots/*.txt"))
    found = {line.partition("::")[0].rpartition("$")[2] for each in files for line in each.read_text().splitlines()}
    return {each for each in found if each.count(":") >= 2 and not each.startswith(("modelport:", "pulumi:"))}


def test_snapshots_of_stacks_are_found() -> None:
    assert len(in_snapshots()) > 80


def test_every_type_that_a_stack_registers_is_in_the_table() -> None:
    assert sorted(each for each in in_snapshots() if not known(each)) == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_type_that_a_component_registers_is_in_the_table(name: str) -> None:
    missing = {each.type for each in planned(name) if each.custom and not known(each.type)}
    assert sorted(missing - {each for each in missing if each.startswith("pulumi:")}) == []


def test_every_resource_of_our_own_is_in_the_table() -> None:
    sources = [*(ROOT / "components").rglob("*.py"), *(ROOT / "model_build").rglob("*.py")]
    declared = re.compile(r'\(Resource, module="modelport", name="(\w+)"\)')
    names = {name for each in sources for name in declared.findall(each.read_text())}
    assert len(names) > 10
    assert sorted(name for name in names if f"pulumi-python:dynamic/modelport:{name}" not in table()) == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_is_reckoned_to_its_end(name: str) -> None:
    """Whatever a preview knows of it: no meter ends with a traceback, and what is unknown says why."""
    resources = [
        {"urn": each.urn, "type": each.type, "inputs": each.inputs, "custom": each.custom} for each in planned(name)
    ]
    found = estimate(resources, shipped())
    assert all(line.why for line in found.unknown)
    assert all((line.per_month is None) == (line.basis in ("usage", "unknown")) for line in found.lines)
    assert not [line for line in found.lines if line.why == "there is no meter for this type of resource"]
