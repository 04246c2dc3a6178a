"""A service on a real cluster: what changes under load changes unseen, and what goes wrong is told once, alone."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from model_build.bake import bake
from tests.cluster.shared import Cluster
from tests.components.kubernetes.programs import Program, environ, pushed, until
from tests.components.load import Load
from tests.serving import models

SOAK = int(os.environ.get("MODELPORT_SOAK") or 0)


@dataclass(frozen=True)
class Pushed:
    """References to images of the model `digits`: two versions, one that no runtime can load, one that is nowhere."""

    one: str
    two: str
    broken: str

    @property
    def nowhere(self) -> str:
        return self.one.partition("@")[0] + "@sha256:" + "0" * 64


@pytest.fixture(scope="module")
def refs(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Pushed:
    home = tmp_path_factory.mktemp("images")
    found = [models.digits(home / version, version=version) for version in ("1", "2", "3")]
    (found[2] / "model.onnx").write_bytes(b"no model at all")
    layout = home / "layout"
    made = [bake(each, name="digits", base="debian", layout=layout) for each in found]
    return Pushed(*(pushed(cluster, f"oci:{layout}@{each.digest}") for each in made))


@pytest.fixture(scope="module")
def shop(cluster: Cluster, refs: Pushed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One service with two pods of version 1, for all tests of this module: each leaves it as it was."""
    home = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        for key, value in environ(cluster).items():
            patch.setenv(key, value)
        patch.setenv("MODELPORT_STATE_DIR", os.fspath(home / "state"))
        made = Program.make(home / "project", cluster)
        made.write(refs.one)
        made.up()
        yield made
        made.quota = {}
        made.write(refs.one)
        made.destroy()


def load_on(shop: Program, **changed: Any) -> Load:
    return Load(shop.node_port(), host=shop.cluster.node_address, pause=0.01, **changed)


def digests(shop: Program) -> list[str]:
    return [each["metadata"]["annotations"]["modelport.io/digest"] for each in shop.pods()]


def test_rolling_updates_under_load(shop: Program, refs: Pushed) -> None:
    """Requests go on over kept and new connections through a port of a node while versions take each other's place."""
    with load_on(shop) as load:
        load.wait_for(50)
        for turn in range(SOAK or 3):
            wanted = refs.one if turn % 2 else refs.two
            shop.write(wanted)
            assert shop.up().changes == {"same": 12, "update": 2}
            assert digests(shop) == [wanted.partition("@")[2]] * 2
            load.wait_for(50)
            assert load.failures == []
        shop.write(refs.one)
        shop.up()
        load.wait_for(50)
    assert load.failures == []
    assert load.versions == {"1", "2"}
    print(f"{SOAK or 3} rolling updates, {load.answered} requests, {len(load.failures)} failed")


def test_a_node_is_drained_under_load(shop: Program) -> None:
    (node, *_) = {each["spec"]["nodeName"] for each in shop.pods()}
    before = {each["metadata"]["name"] for each in shop.pods()}
    # Pods of other tests bear the name digits too, and are to stay where they are.
    mine = f"drained={shop.namespace}"
    shop.cluster.kubectl("label", "pods", "-n", shop.namespace, *before, mine)
    with shop.cluster.alone("nodes"):
        try:
            with load_on(shop) as load:
                load.wait_for(50)
                drain = ["drain", node, f"--pod-selector={mine}", "--ignore-daemonsets", "--delete-emptydir-data"]
                shop.cluster.kubectl(*drain, "--timeout=180s")
                until(lambda: all(_ready(each) for each in shop.pods()) and len(shop.pods()) == 2)
                load.wait_for(50)
        finally:
            shop.cluster.kubectl("uncordon", node)
    assert load.failures == []
    assert {each["spec"]["nodeName"] for each in shop.pods()} != {node}
    assert {each["metadata"]["name"] for each in shop.pods()} != before


def test_a_killed_pod_costs_at_most_what_it_had_in_hand(shop: Program) -> None:
    """kill -9 of all that a pod runs. A connection that nobody takes has no request on it: a client tries again."""
    victim = shop.pods()[0]["metadata"]["name"]
    with load_on(shop, patient=True) as load:
        load.wait_for(50)
        for pid in _processes(victim):
            os.kill(pid, signal.SIGKILL)
        until(lambda: _restarts(shop, victim) == 1 and all(_ready(each) for each in shop.pods()))
        load.wait_for(50)
    assert len(load.failures) <= load.clients
    print(f"{len(load.failures)} failed, {load.refused} connections tried again")


def _processes(pod: str) -> list[int]:
    """Processes of a pod's container, which has its name for a host name, the eldest first.

    The server's master holds the socket that callers come to. If it lived on after its workers, callers that lost one
    request would come again and lose another; and numbers of processes begin anew when they have all been given away.
    """
    wanted, found = f"HOSTNAME={pod}".encode(), list[tuple[int, int]]()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    started = (entry / "stat").read_text().rpartition(")")[2].split()[19]
                    found.append((int(started), int(entry.name)))
            except OSError:
                continue
    assert found
    return [pid for _, pid in sorted(found)]


def _ready(pod: Any) -> bool:
    conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True"


def _restarts(shop: Program, name: str) -> int:
    return sum(
        each["status"]["containerStatuses"][0]["restartCount"]
        for each in shop.pods()
        if each["metadata"]["name"] == name
    )


def one_line(lines: list[str]) -> str:
    """The line that says what went wrong: there is one."""
    (line,) = {each.partition("modelport: failed: ")[2] for each in lines if "modelport: failed: " in each}
    return line


def serving(shop: Program) -> list[str]:
    """Digests of the pods that are ready."""
    return [each["metadata"]["annotations"]["modelport.io/digest"] for each in shop.pods() if _ready(each)]


def test_a_model_that_does_not_load(shop: Program, refs: Pushed) -> None:
    before = [each["metadata"]["name"] for each in shop.pods()]
    shop.write(refs.broken)
    with load_on(shop) as load:
        load.wait_for(50)
        line = one_line(shop.fails())
        load.wait_for(50)
    assert load.failures == [] and load.versions == {"1"}
    assert "the new version of digits" in line and "its process ended" in line and "exit code" in line
    assert "it said last: " in line and "the version before goes on" in line
    # What it printed stands above the error, as it printed it.
    assert any("rollout: | " in said and "model.onnx" in said for said in shop.said)
    assert serving(shop) == [refs.one.partition("@")[2]] * 2
    assert set(before) <= {each["metadata"]["name"] for each in shop.pods()}


def test_an_image_that_is_not_there(shop: Program, refs: Pushed) -> None:
    shop.write(refs.nowhere)
    line = one_line(shop.fails())
    assert "ErrImagePull" in line or "ImagePullBackOff" in line
    assert "not found" in line and line.endswith(
        "check modelport:image.push, and that the cluster's nodes may pull from there"
    )
    assert serving(shop) == [refs.one.partition("@")[2]] * 2


def test_a_quota_that_is_too_small(shop: Program, refs: Pushed) -> None:
    shop.quota = {"cpu": "250m"}
    shop.write(refs.two)
    line = one_line(shop.fails())
    assert "exceeded quota: modelport" in line and "requests.cpu" in line
    assert line.endswith("raise modelport:kubernetes.quota, or ask for less in modelport:service.resources")
    assert set(serving(shop)) >= {refs.one.partition("@")[2]}
    # With room, what was asked for comes to be, and then what was before.
    shop.quota = {}
    for wanted in (refs.two, refs.one):
        shop.write(wanted)
        shop.up()
        assert serving(shop) == [wanted.partition("@")[2]] * 2


def test_an_api_server_that_does_not_answer(shop: Program, refs: Pushed, tmp_path: Path) -> None:
    told = yaml.safe_load(shop.cluster.kubeconfig.read_text())
    told["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (tmp_path / "kubeconfig").write_text(json.dumps(told))
    shop.write(refs.two)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", os.fspath(tmp_path / "kubeconfig"))
        lines = shop.fails()
    assert len({line for line in lines if "127.0.0.1:1" in line}) == 1
    shop.write(refs.one)
    assert shop.up().changes == {"same": 14}
    assert serving(shop) == [refs.one.partition("@")[2]] * 2


def test_a_kubeconfig_that_is_given_as_text(shop: Program, refs: Pushed) -> None:
    """A cluster that the program makes is in no file yet: here its context has a name that no file knows."""
    told = yaml.safe_load(shop.cluster.kubeconfig.read_text())
    told["current-context"] = told["contexts"][0]["name"] = "made"
    shop.write(refs.two, context="made", kubeconfig=json.dumps(told))
    assert shop.up().changes == {"same": 12, "update": 2}
    assert serving(shop) == [refs.two.partition("@")[2]] * 2
    shop.write(refs.two)
    assert shop.up().changes == {"same": 14}
    shop.write(refs.one)
    shop.up()


@pytest.mark.parametrize("own", [True, False])
def test_a_namespace_that_is_being_deleted(
    cluster: Cluster, refs: Pushed, shop: Program, tmp_path: Path, own: bool
) -> None:
    other = Program.make(tmp_path / "other", cluster)
    other.own = own
    held = {"metadata": {"name": other.namespace, "finalizers": ["tests.modelport.io/held"]}}
    cluster.kubectl("create", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "Namespace", **held}))
    cluster.kubectl("delete", "namespace", other.namespace, "--wait=false")
    try:
        other.write(refs.one)
        (first, *more) = other.fails()
        assert other.namespace in first
        assert ("object is being deleted" if own else "because it is being terminated") in first
        # One resource failed, and nothing was tried after it.
        assert not any("urn:pulumi" in line for line in more)
        assert other.get("all").get("items") == []
    finally:
        free = json.dumps({"metadata": {"finalizers": None}})
        cluster.kubectl("patch", "namespace", other.namespace, "--type=merge", "--patch", free)
