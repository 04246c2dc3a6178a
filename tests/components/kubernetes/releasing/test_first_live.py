"""The first version of all on a real cluster: nothing serves before it, so nothing holds up what comes after it."""

from pathlib import Path

import pytest

from automation.exits import Exit
from tests.cluster.shared import Cluster
from tests.components.kubernetes.releasing.conftest import Versions
from tests.components.kubernetes.releasing.stage import LOOSE, Stage, canary, revision, soak


@pytest.fixture
def first(cluster: Cluster, gateway: str, versions_: Versions, tmp_path: Path) -> Stage:
    return Stage.make(tmp_path / "project", cluster, versions_.broken, gateway)


def test_a_first_version_that_crashes_is_followed_by_one_that_does_not(first: Stage, versions_: Versions) -> None:
    """It stays as it is to be looked at; no analysis stands between it and the next one, as nobody calls it."""
    first.write(versions_.broken, canary(), LOOSE)
    try:
        done = first.run("up", "--yes")
        assert done.returncode == Exit.FAILED, done.stdout + done.stderr
        assert "does not come up" in done.stderr
        assert "model.onnx" in done.stderr
        assert first.deployments() == {"digits"}
        first.write(versions_.one, canary(), LOOSE)
        first.up()
        assert first.outputs()["verdict"] == "promoted at once: no version before it ever answered"
        assert first.at_rest()
        assert first.serves() == versions_.one
        assert first.preview() == 0
        listed = first.run("rollback", "--list").stdout.splitlines()
        assert len(listed) == 1
        assert listed[0].startswith(f"1 {versions_.one.partition('@')[2][:19]} ")
    finally:
        first.destroy()
    assert first.cluster.kubectl("get", "namespace", first.namespace, "--ignore-not-found") == ""


@soak
def test_nothing_is_left_of_a_first_version_that_crashes(first: Stage, versions_: Versions) -> None:
    first.write(versions_.broken, canary(), LOOSE)
    try:
        assert "does not come up" in first.fails()
    finally:
        first.destroy()
    assert first.cluster.kubectl("get", "namespace", first.namespace, "--ignore-not-found") == ""


@soak
def test_a_version_that_crashes_is_found_out_where_no_pod_runs(first: Stage, versions_: Versions) -> None:
    """Scaled to none, the service would take any version; one pod of it is tried."""
    first.service["replicas"] = 0
    first.write(versions_.one)
    try:
        first.up()
        first.write(versions_.broken)
        assert "was rolled back: the new version of digits-canary" in first.fails()
        assert first.at_rest()
        assert first.serves() == versions_.one
        first.write(versions_.two)
        first.up()
        assert f"one of version {revision(versions_.two)} is tried" in "\n".join(first.said)
        assert first.at_rest()
        assert first.serves() == versions_.two
        assert first.preview() == 0
    finally:
        first.destroy()
