"""A release on a real cluster under the official CLI. A machine without it skips."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.exits import Exit
from tests.cluster.shared import Cluster
from tests.components.kubernetes.releasing.conftest import Versions
from tests.components.kubernetes.releasing.stage import LOOSE, Stage, canary, revision, soak, until

TOOLS = ("pulumi", "pulumi-language-python", "pulumi-resource-pulumi-python", "pulumi-resource-kubernetes")
MISSING = [tool for tool in TOOLS if not shutil.which(tool)]

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"not on PATH: {', '.join(MISSING)}, of the official Pulumi CLI"),
    soak,
]


@pytest.fixture(scope="module")
def official(cluster: Cluster, stand: Path, gateway: str, versions_: Versions) -> Iterator[Stage]:
    made = Stage.make(stand / "official", cluster, versions_.one, gateway)
    made.driver = "pulumi"
    try:
        up = made.run("up", "--yes")
        assert up.returncode == Exit.DONE, up.stdout + up.stderr
        made.answered()
        yield made
    finally:
        down = made.run("destroy", "--yes")
        assert down.returncode == Exit.DONE, down.stdout + down.stderr


def test_a_healthy_version_is_promoted_under_the_official_cli(official: Stage, versions_: Versions) -> None:
    stage, wanted = official, versions_.other(official.stable)
    stage.write(wanted, canary(), LOOSE)
    with stage.callers() as callers:
        done = stage.run("up", "--yes")
    assert done.returncode == Exit.DONE, done.stdout + done.stderr
    assert f"digits: canary: step 2 of 2 (60 % of the requests): 1 pod of version {revision(wanted)}" in done.stdout
    assert callers.failed() == {}
    assert callers.broken == []
    stage.stable = wanted
    _no_drift(stage)


def test_a_version_that_errors_is_rolled_back_under_the_official_cli(official: Stage, versions_: Versions) -> None:
    stage, bad = official, revision(versions_.failing)
    stage.write(versions_.failing, canary(), LOOSE)
    with stage.callers() as callers:
        until(lambda: callers.revisions == {revision(stage.stable)})
        done = stage.run("up", "--yes")
    assert done.returncode == Exit.ROLLED_BACK, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: digits: version {bad} was rolled back: success rate is 0.")
    assert line.endswith(f"; version {revision(stage.stable)} answers as before")
    assert {each for each, _ in callers.failed()} == {bad}
    stage.write(stage.stable)
    _no_drift(stage)


def test_back_to_an_earlier_version_under_the_official_cli(official: Stage, versions_: Versions) -> None:
    stage, wanted = official, versions_.other(official.stable)
    done = stage.run("rollback", wanted.partition("@")[2], "--yes")
    assert done.returncode == Exit.DONE, done.stdout + done.stderr
    assert stage.serves() == wanted
    stage.write(wanted)
    stage.stable = wanted
    _no_drift(stage)


def _no_drift(stage: Stage) -> None:
    """State and cluster say the same, and the stack file has nothing to do."""
    assert stage.at_rest()
    assert stage.serves() == stage.stable
    for words in (("preview",), ("preview", "--refresh")):
        done = stage.run(*words, "--json")
        assert done.returncode == Exit.DONE, done.stdout + done.stderr
        assert set(json.loads(done.stdout)["changeSummary"]) == {"same"}, (words, done.stdout)
    done = stage.run("refresh", "--yes", "--json")
    assert done.returncode == Exit.DONE, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])["modelportEvent"]
    assert set(told["changes"]) == {"same"}, done.stdout
