"""The engine is killed at points all along a thirty-step update, and the next `up` carries on.

After each kill: one lock at most is left and `cancel` releases it; the state is well-formed; what was under way is told
as pending; the next `up` makes the world what the program says; nothing is lost, and nothing is made twice but a
creation that was under way, of which nobody can tell whether it came about.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import Place

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs a subreaper, which Linux alone has")

COMMON = """
import pulumi
from pulumi import ComponentResource, ResourceOptions
from world import Thing


class Shed(ComponentResource):
    def __init__(self, name, doors, tools):
        super().__init__("farm:index:Shed", name, {"doors": doors})
        for n in range(tools):
            Thing(f"{name}tool{n}", ResourceOptions(parent=self), edge=n)
        self.register_outputs({"doors": doors})

"""

BEFORE = (
    COMMON
    + """
kept = Thing("kept", code=pulumi.Output.secret("swordfish"))
turned = [Thing(f"turned{n}", size=1, base=kept.serial) for n in range(5)]
for n in range(2):
    Thing(f"swapped{n}", kind="old", base=kept.serial)
razed = Thing("razed", zone="east", dbr=True)
Thing("above", zone=razed.serial, dbr=True)
last = None
for n in range(4):
    last = Thing(f"gone{n}", after=last.serial if last else "nothing")
Shed("shed", 1, 1)
"""
)

AFTER = (
    COMMON
    + """
kept = Thing("kept", code=pulumi.Output.secret("swordfish"))
turned = [Thing(f"turned{n}", size=2, base=kept.serial) for n in range(5)]
for n in range(2):
    Thing(f"swapped{n}", kind="new", base=kept.serial)
razed = Thing("razed", zone="west", dbr=True)
Thing("above", zone=razed.serial, dbr=True)
last = None
for n in range(3):
    last = Thing(f"made{n}", after=last.serial if last else "nothing")
Shed("shed", 2, 2)
Shed("barn", 1, 1)
for n in range(2):
    Thing(f"seen{n}", ResourceOptions(id=turned[n].id))
pulumi.export("last", last.serial)
pulumi.export("code", kept.code if hasattr(kept, "code") else pulumi.Output.secret("swordfish"))
"""
)

STEPS = 30


ROOT = Path(__file__).resolve().parents[2]

soak = pytest.mark.skipif(
    not os.environ.get("MODELPORT_SOAK"),
    reason="takes a quarter of an hour; MODELPORT_SOAK=1 runs it, as `make soak` does",
)


class Walking:
    """A walk under way in a process of its own; `result` waits for it."""

    def __init__(self, place: Place, folder: str, **orders: Any) -> None:
        root = place.root / folder
        for part in ("project", "backend", "world"):
            (root / part).mkdir(parents=True)
        (root / "project" / "Pulumi.yaml").write_text("name: place\nruntime: python\n")
        orders = {"root": str(root), "before": BEFORE, "after": AFTER, "power": True, **orders}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.walking", json.dumps(orders)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PULUMI_BACKEND_URL": f"file://{root}/backend", "CASE_WORLD": str(root / "world")},
        )
        place.processes.append(self.process)

    def result(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """What the operation does when nobody kills it, and what came of each kill."""
        out, err = self.process.communicate()
        assert self.process.returncode == 0, err
        whole, *kills = [json.loads(line) for line in out.splitlines()]
        return whole, kills


def wrong(whole: dict[str, Any], kills: list[dict[str, Any]]) -> list[str]:
    """Every kill after which something was wrong, with the point at which it came."""
    return [f"{kill['at']} ({whole['points'][kill['at'] - 1]}): {kill['wrong']}" for kill in kills if kill["wrong"]]


def test_an_update_that_is_killed_is_carried_on_by_the_next(place: Place) -> None:
    """At every fourth point, by turns a power cut and the engine alone; `make soak` takes both at all of them."""
    walks = [
        Walking(place, "cut", stride=8, first=1, power=True),
        Walking(place, "killed", stride=8, first=5, power=False),
    ]
    pending: set[str] = set()
    visited: set[int] = set()
    for each in walks:
        whole, kills = each.result()
        assert len(whole["ops"]) == STEPS
        assert wrong(whole, kills) == []
        pending |= {type_ for kill in kills for type_, _ in kill["pending"]}
        visited |= {kill["at"] for kill in kills}
    assert visited == set(range(1, len(whole["points"]) + 1, 4))
    assert pending == {"creating", "updating", "deleting", "reading"}


def test_a_refresh_and_a_destroy_that_are_killed_are_carried_on_too(place: Place) -> None:
    """At some of the points; `make soak` takes all of them."""
    walks = [
        Walking(place, "destroy", op="destroy", stride=15, first=3, power=True),
        Walking(place, "refresh", op="refresh", stride=4, first=2, power=False, parallel=4),
    ]
    for each in walks:
        whole, kills = each.result()
        assert wrong(whole, kills) == []
        assert len(kills) > 3


def test_a_command_that_is_killed_while_it_folds_leaves_the_rest_to_the_next(place: Place) -> None:
    whole, kills = Walking(place, "fold", first=61, count=1, folding=True).result()
    assert len(kills) > 8
    assert wrong(whole, kills) == []


def test_a_walk_over_an_engine_without_a_journal_finds_what_it_loses(place: Place) -> None:
    whole, kills = Walking(place, "broken", first=2, count=1, forget=True).result()
    assert "in the world and not in the state" in str(wrong(whole, kills))


@soak
@pytest.mark.parametrize("power", [True, False], ids=["power-cut", "engine-alone"])
@pytest.mark.parametrize("parallel", [1, 8])
@pytest.mark.parametrize("op", ["up", "refresh", "destroy"])
def test_every_operation_at_every_point_each_way(place: Place, op: str, parallel: int, power: bool) -> None:
    walks = [
        Walking(place, f"walk{n}", op=op, parallel=parallel, power=power, full=True, stride=2, first=n) for n in (1, 2)
    ]
    count = 0
    for each in walks:
        whole, kills = each.result()
        assert wrong(whole, kills) == []
        count += len(kills)
    print(f"{op}, {parallel} at once, {'power cut' if power else 'engine alone'}: {count} kills")
    assert count > 20
