"""The engine does what the official one does, on programs that nobody recorded.

Random walks run both engines on worlds of their own and compare what they did; fixed walks were recorded under the
official engine (`python -m tests.engine.semantics FOLDER record`), so they run wherever the tests do.
"""

import json
import os
import random
import shutil
from pathlib import Path

import pytest

from tests.engine.conformance.runner import OURS, PASSPHRASE
from tests.engine.semantics.engines import compared, difference, records, write
from tests.engine.semantics.fixed import fixed, golden, names
from tests.engine.semantics.walks import walk

SEEDS = (1, 101)
TELLING = (
    "aliases",
    "dbr",
    "destroy-program",
    "ignore-options",
    "provider-half",
    "provider-import",
    "refresh-program",
    "values",
)
"""The fixed walks that every test run takes; the others are for `make soak`, for together they take minutes."""
SOAK = int(os.environ.get("MODELPORT_SOAK") or 0)

official = pytest.mark.skipif(not shutil.which("pulumi"), reason="the official `pulumi` is not on PATH to compare with")


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)


@pytest.mark.parametrize("name", names())
def test_a_fixed_walk_goes_as_it_went_under_the_official_engine(name: str, tmp_path: Path) -> None:
    if not SOAK and name not in TELLING:
        pytest.skip("`make soak` takes all fixed walks, for together they take minutes; MODELPORT_SOAK=1 does so too")
    place, told = tmp_path.resolve(), ""
    for _ in range(2):  # what differs once and not again is chance: the order of what is independent
        ours = records(write(fixed(name), place / "case"), place / "ours", OURS)
        told = difference(golden(name), json.loads(json.dumps(ours)))
        if not told:
            break
    assert not told


@official
@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_walk_goes_as_under_the_official_engine(seed: int, tmp_path: Path) -> None:
    place = tmp_path.resolve()
    assert not compared(write(walk(seed), place / "case"), place)


@official
@pytest.mark.skipif(
    not SOAK, reason="takes a minute a walk; MODELPORT_SOAK=20 takes twenty new ones, as `make soak` does"
)
def test_new_random_walks_go_as_under_the_official_engine_and_in_turns(tmp_path: Path) -> None:
    differing: dict[int, str] = {}
    for _ in range(SOAK):
        seed = random.randrange(10**9)
        place = tmp_path.resolve() / str(seed)
        told = compared(write(walk(seed), place / "case"), place, turns=True)
        if told:
            differing[seed] = told
    assert not differing, "\n".join(f"seed {seed}, {told}" for seed, told in differing.items())
