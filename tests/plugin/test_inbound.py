"""What the plugin gives a component: what the same program in Python would, whatever way it came."""

import json
import re
from collections.abc import Callable

import pytest

from tests.components.aws import judging as aws_judging
from tests.components.aws import judging_programs as aws
from tests.components.gcp import judging as gcp_judging
from tests.components.gcp import judging_programs as gcp
from tests.components.planned import Plan
from tests.plugin.wire import through_the_plugin

PROGRAMS: dict[str, Callable[[], object]] = {
    **{f"aws.{name}": each for name, each in aws.PROGRAMS.items() if "stack" not in name},
    **{f"gcp.{name}": each for name, each in gcp.PROGRAMS.items() if "stack" not in name},
}


def _shown(found: Plan) -> list[tuple[str, str, list[str]]]:
    """A whole number is one however a language writes it: JavaScript has no 1.0."""
    shown = [(each.urn, json.dumps(each.inputs, sort_keys=True), sorted(each.depends_on)) for each in found.resources]
    return sorted((urn, re.sub(r"\b(\d+)\.0\b", r"\1", inputs), on) for urn, inputs, on in shown)


def _planned(name: str) -> Plan:
    planned = aws_judging.planned if name.startswith("aws.") else gcp_judging.planned
    return planned(PROGRAMS[name])


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_makes_the_same_by_way_of_the_plugin(name: str) -> None:
    direct = _shown(_planned(name))
    with through_the_plugin() as made:
        assert _shown(_planned(name)) == direct
    assert made
