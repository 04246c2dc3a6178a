"""A canary without a gateway on a real cluster: whole pods share the requests out, and Prometheus is asked by URL."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from automation.exits import Exit
from components.kubernetes.releasing.plan import Bound, Query, Step
from tests.cluster.addons import prometheus
from tests.cluster.shared import Cluster
from tests.components.kubernetes.releasing.conftest import Versions
from tests.components.kubernetes.releasing.stage import LOOSE, Stage, canary, revision, soak, until

pytestmark = soak
HALF = canary(Step(50, 4.0))


@pytest.fixture(scope="module")
def open_stage(cluster: Cluster, stand: Path, versions_: Versions) -> Iterator[Stage]:
    """Two pods that this machine calls by the service's own address."""
    service = {"replicas": 2, "split_by_replicas": True, "allowed_networks": ["0.0.0.0/0"]}
    made = Stage.make(stand / "open", cluster, versions_.one, "", **service)
    made.up()
    yield made
    made.destroy()


def test_a_version_that_errors_is_rolled_back_by_replicas(open_stage: Stage, versions_: Versions) -> None:
    stage, bad = open_stage, revision(versions_.failing)
    stage.write(versions_.failing, HALF, replace(LOOSE, prometheus=prometheus.address(stage.cluster)))
    with stage.callers() as callers:
        done = stage.run("up", "--yes")
    assert done.returncode == Exit.ROLLED_BACK, done.stdout + done.stderr
    assert f"step 1 of 1 (50 % of the requests): 2 pods of version {bad}" in done.stdout
    assert "was rolled back: success rate is 0." in done.stderr
    assert {each for each, _ in callers.failed()} == {bad}
    assert callers.broken == []
    assert stage.at_rest()
    assert stage.serves() == stage.stable
    assert stage.refresh() == 0


def test_a_healthy_version_is_promoted_by_replicas(open_stage: Stage, versions_: Versions) -> None:
    stage, wanted = open_stage, versions_.other(open_stage.stable)
    stage.write(wanted, HALF, replace(LOOSE, prometheus=prometheus.address(stage.cluster)))
    with stage.callers() as callers:
        process = stage.command("up", "--yes")
        with process:
            until(lambda: callers.revisions == {revision(stage.stable), revision(wanted)})
            before = Counter(callers.answers)
            until(lambda: sum(callers.answers.values()) >= sum(before.values()) + 100)
            assert stage.record()["phase"] == "steps"
            share = Counter(callers.answers) - before
            out, err = process.communicate(timeout=240)
        until(lambda: callers.answers[revision(wanted), 200] > share[revision(wanted), 200])
    assert process.returncode == 0, out + err
    assert callers.failed() == {}
    assert callers.broken == []
    # half of them, to chance: 100 of them are within 30 and 70 but once in twenty thousand times
    assert 0.3 < share[revision(wanted), 200] / sum(share.values()) < 0.7
    stage.stable = wanted
    assert stage.at_rest()
    assert stage.serves() == wanted
    assert stage.refresh() == stage.preview() == 0


@pytest.mark.parametrize(("most", "code"), [(0.5, Exit.ROLLED_BACK), (1.0, Exit.DONE)])
def test_a_query_of_the_users_decides(open_stage: Stage, versions_: Versions, most: float, code: Exit) -> None:
    """The same PromQL about a healthy version, with a bound that it does not keep to and with one that it does."""
    stage, wanted = open_stage, versions_.other(open_stage.stable)
    series = 'modelport_requests_total{namespace="{{namespace}}", revision="{{revision}}"}'
    query = Query("answering", f"count(count by (revision) (increase({series}[{{{{window}}}}]) > 0))", Bound(max=most))
    analysis = replace(LOOSE, prometheus=prometheus.address(stage.cluster), queries=(query,))
    stage.write(wanted, HALF, analysis)
    with stage.callers():
        done = stage.run("up", "--yes")
    assert done.returncode == code, done.stdout + done.stderr
    if code == Exit.ROLLED_BACK:
        assert "was rolled back: answering is 1, expected at most 0.5, at step 1 of 1" in done.stderr
    else:
        stage.stable = wanted
    assert stage.at_rest()
    assert stage.serves() == stage.stable
    assert stage.refresh() == 0
