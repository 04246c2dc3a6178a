"""What goes wrong on a real cluster, as `modelport up` tells it: one error, and the version before answers on."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from automation.exits import Exit
from model_build.push.transfer import delete
from stacks import reaching
from tests.cluster.shared import Cluster
from tests.components.load import Load
from tests.stacks.clusters import STACK, Project

KEY = "a key from elsewhere"


class Shop:
    """One stack with a pod of version 1 and a key, and the command."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.shown = ""
        """What the last `up` that failed printed beside its error."""

    def write(self, **changed: Any) -> None:
        base = {"replicas": 1, "ready_timeout": 60, "resources": {"cpu": "100m"}}
        self.project.write(**{**changed, "service": {**base, **changed.get("service", {})}})
        self.project.engine.set_config("modelport:api_keys", json.dumps({"shop": KEY}), secret=True)

    def run(self, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "automation", *words, "--stack", STACK],
            cwd=self.project.path,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def fails(self, code: Exit = Exit.FAILED, **env: str) -> str:
        """`modelport up`, which has to fail: the one line that it says of why."""
        up = self.run("up", "--yes", **env)
        assert up.returncode == code, up.stdout + up.stderr
        assert up.stderr.startswith("error: ") and up.stderr.count("\n") == 1, up.stderr
        line, self.shown = up.stderr.removeprefix("error: ").rstrip(), up.stdout
        for output in (up.stdout, up.stderr):
            assert "Traceback" not in output
            assert output.count(line) == 1, output
        assert "  - digest" not in up.stdout, "what the stack told before is as it was, not gone"
        return line


@pytest.fixture(scope="module")
def shop(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with Project.opened(tmp_path_factory.mktemp("mistakes"), cluster) as project:
        made = Shop(project)
        made.project.engine.init()
        made.write()
        made.project.up()
        yield made
        made.project.destroy()


@pytest.fixture
def served(shop: Shop) -> Iterator[None]:
    """All the time callers are answered by version 1, and afterwards the pod is the one of before."""
    before = ready(shop)
    told = shop.project.outputs()
    host, port = shop.project.cluster.node_address, shop.project.node_port()
    with Load(port, host=host, pause=0.02, clients=2, key=KEY) as load:
        load.wait_for(10)
        yield
        load.wait_for(10)
    assert (load.failures, load.versions) == ([], {"1"})
    assert ready(shop) == before
    assert shop.project.outputs() == told


def ready(shop: Shop) -> set[str]:
    """The pods that answer."""
    return {
        each["metadata"]["uid"]
        for each in shop.project.pods()
        if any(one["type"] == "Ready" and one["status"] == "True" for one in each["status"].get("conditions", []))
    }


def elsewhere(shop: Shop, folder: Path) -> str:
    """A kubeconfig of a server that is not there."""
    told = yaml.safe_load(shop.project.cluster.kubeconfig.read_text())
    told["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    (folder / "kubeconfig").write_text(json.dumps(told))
    return os.fspath(folder / "kubeconfig")


def test_a_cluster_that_does_not_answer(shop: Shop, served: None, tmp_path: Path) -> None:
    shop.write(model={"version": "2"})
    assert shop.fails(KUBECONFIG=elsewhere(shop, tmp_path)) == (
        "the cluster at https://127.0.0.1:1 does not answer (Connection refused), expected its API server; "
        "check the kubeconfig's server and the network"
    )


def test_a_change_is_planned_without_a_kubeconfig(shop: Shop, tmp_path: Path) -> None:
    shop.write(model={"version": "2"})
    plan = shop.run("preview", KUBECONFIG=os.fspath(tmp_path / "none"))
    assert plan.returncode == 0, plan.stdout + plan.stderr
    assert "warning: planned from the stack file alone, as up would fail here: no cluster is known (" in plan.stdout
    assert "kubernetes:apps/v1:Deployment digits update [diff: ~spec]" in plan.stdout
    assert "replace" not in plan.stdout


def test_no_change_is_planned_for_a_server_that_does_not_answer(shop: Shop, tmp_path: Path) -> None:
    shop.write(model={"version": "2"})
    plan = shop.run("preview", KUBECONFIG=elsewhere(shop, tmp_path))
    assert plan.returncode == Exit.FAILED, plan.stdout
    assert plan.stderr.startswith("error: the cluster at https://127.0.0.1:1 does not answer (Connection refused), ")


@pytest.mark.parametrize(
    ("context", "namespace", "own", "line"),
    [
        (None, "kube-system", True, "the namespace kube-system is there and somebody else's, expected none, as the"),
        (None, "nobodys", False, "the namespace nobodys is not there, expected it, as kubernetes.create_namespace is"),
        (
            "nobodys",
            "nobodys",
            True,
            "no cluster is known (Invalid kube-config file. Expected object with name nobodys",
        ),
    ],
)
def test_a_place_that_is_not_the_stacks(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, context: str | None, namespace: str, own: bool, line: str
) -> None:
    monkeypatch.setenv("KUBECONFIG", os.fspath(cluster.kubeconfig))
    with pytest.raises(pulumi.RunError) as raised:
        reaching.identity(context, namespace, own=own)
    assert str(raised.value).startswith(line)


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ("garbage: [", "no cluster is known (while parsing a flow node"),
        ("", "no cluster is known (Invalid kube-config. "),
    ],
)
def test_a_kubeconfig_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, line: str) -> None:
    (tmp_path / "config").write_text(config)
    monkeypatch.setenv("KUBECONFIG", os.fspath(tmp_path / "config"))
    with pytest.raises(pulumi.RunError) as raised:
        reaching.identity(None, "shop")
    assert str(raised.value).startswith(line)
    assert str(raised.value).endswith("set KUBECONFIG, or modelport:kubernetes.context")
    assert str(raised.value).isprintable()


def test_a_user_whom_the_cluster_does_not_know(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = yaml.safe_load(cluster.kubeconfig.read_text())
    told["users"][0]["user"] = {"token": "not-this-one"}
    (tmp_path / "config").write_text(json.dumps(told))
    monkeypatch.setenv("KUBECONFIG", os.fspath(tmp_path / "config"))
    with pytest.raises(pulumi.RunError) as raised:
        reaching.identity(None, "shop")
    assert str(raised.value) == (
        "the cluster refuses the kubeconfig's user (Unauthorized), expected one that it knows; log in again"
    )


def test_an_image_that_is_not_there(shop: Shop, served: None) -> None:
    """Somebody cleared the registry, and a setting asks for new pods."""
    reference = shop.project.pods()[0]["spec"]["containers"][0]["image"]
    delete(reference)
    shop.write(service={"workers": 2})
    line = shop.fails()
    assert line.startswith(
        f"the new version of digits in namespace {shop.project.namespace} does not come up: pod digits-"
    )
    assert line.count(reference) == 1 and f"{reference}: not found, expected 1 pods that answer" in line
    assert line.endswith(
        "the version before goes on; check modelport:image.push, and that the cluster's nodes may pull from there"
    )


def test_a_quota_that_is_too_small(shop: Shop, served: None) -> None:
    shop.write(service={"workers": 3}, kubernetes={"namespace": shop.project.namespace, "quota": {"cpu": "100m"}})
    line = shop.fails()
    assert "exceeded quota: modelport, requested: requests.cpu=100m, used: requests.cpu=" in line
    assert line.endswith("raise modelport:kubernetes.quota, or ask for less in modelport:service.resources")


def test_a_model_that_crashes_at_start(shop: Shop, served: None) -> None:
    """What the server does not start with: an entry among its keys that is none."""
    keys = ("patch", "secret", "digits-keys", "--namespace", shop.project.namespace, "--type=merge", "--patch")
    no_hash = base64.b64encode(b"no hash").decode()
    shop.project.cluster.kubectl(*keys, json.dumps({"data": {"broken": no_hash}}))
    shop.write(model={"version": "2"})
    line = shop.fails(Exit.ROLLED_BACK)
    shop.project.cluster.kubectl(*keys, json.dumps({"data": {"broken": None}}))
    assert line.startswith("digits: version ") and " was rolled back: the new version of digits in namespace " in line
    assert "its process ended 2 times, last with exit code" in line
    assert "it said last: error: MODELPORT_API_KEYS: /etc/modelport/keys/broken is not the SHA-256 of a key" in line
    assert line.endswith(" answers as before")
    # All that it printed last stands above, as it printed it.
    assert ": | modelport: error: MODELPORT_API_KEYS: " in shop.shown


def test_what_is_right_goes_on_after_all_of_that(shop: Shop, tmp_path: Path) -> None:
    """By another kubeconfig too: the cluster is the one of before, so nothing in it is another's."""
    (tmp_path / "moved").write_bytes(shop.project.cluster.kubeconfig.read_bytes())
    up = shop.run("up", "--yes", "--json", KUBECONFIG=os.fspath(tmp_path / "moved"))
    assert (up.returncode, up.stderr) == (0, "")
    assert json.loads(up.stdout.splitlines()[-1])["modelportEvent"]["changes"].keys() == {"same", "update"}
    # A pod that ends still answers for some seconds.
    until = time.monotonic() + 60
    chosen = ("pods", "--selector", "app.kubernetes.io/name=digits")
    while len(shop.project.get(*chosen)["items"]) > 1 and time.monotonic() < until:
        time.sleep(0.5)
    with Load(shop.project.node_port(), host=shop.project.cluster.node_address, clients=1, key=KEY) as load:
        load.wait_for(1)
    assert (load.failures, load.versions) == ([], {"2"})


def test_a_namespace_that_is_being_deleted(shop: Shop) -> None:
    """The last: nothing is left in it."""
    space = shop.project.namespace
    held = json.dumps({"metadata": {"finalizers": ["tests.modelport.io/held"]}})
    shop.project.cluster.kubectl("patch", "namespace", space, "--type=merge", "--patch", held)
    # Pods that take their time would keep the namespace for half a minute more.
    at_once = ("--all", "--grace-period=0", "--force", "--wait=false")
    shop.project.cluster.kubectl("delete", "deployments,replicasets,pods", "-n", space, *at_once)
    shop.project.cluster.kubectl("delete", "namespace", space, "--wait=false")
    try:
        line = shop.fails()
        assert line.startswith(f"the namespace {space} is being deleted, expected one that takes objects; ")
        assert line.endswith(
            "wait until it is gone and run modelport refresh, or set another in modelport:kubernetes.namespace"
        )
    finally:
        free = json.dumps({"metadata": {"finalizers": None}})
        shop.project.cluster.kubectl("patch", "namespace", space, "--type=merge", "--patch", free)
        shop.project.cluster.kubectl("wait", "--for=delete", f"namespace/{space}", "--timeout=180s")
