"""The cluster of the tests' own does what tests ask of one, and leaves nothing behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from model_build.bake.cache import cache_dir
from tests.cluster import kubernetes, shared
from tests.cluster.control import ControlPlane
from tests.cluster.network import Network
from tests.cluster.shared import Cluster
from tests.tools import debian

IMAGE = "registry.k8s.io/pause:3.10"


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = f"cluster-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def test_it_is_the_release_that_it_says(cluster: Cluster) -> None:
    said = json.loads(cluster.kubectl("version", "-o", "json"))
    assert said["serverVersion"]["gitVersion"] == kubernetes.VERSION


def test_what_uses_a_cluster_is_marked(cluster: Cluster, request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("cluster") is not None


def test_what_uses_none_is_not_marked(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("cluster") is None


def test_a_pod_runs_and_has_an_address(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("run", "one", "-n", namespace, f"--image={IMAGE}")
    cluster.kubectl("wait", "pod/one", "-n", namespace, "--for=condition=Ready", "--timeout=120s")
    address = cluster.kubectl("get", "pod", "one", "-n", namespace, "-o", "jsonpath={.status.podIP}")
    assert address.startswith("10.")


def test_a_container_ends_as_told_and_its_words_are_kept(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("run", "end", "-n", namespace, "--restart=Never", f"--image={IMAGE}", "--", "exit", "3")
    cluster.kubectl("wait", "pod/end", "-n", namespace, "--for=jsonpath={.status.phase}=Failed", "--timeout=120s")
    assert cluster.kubectl("logs", "end", "-n", namespace) == "ending with 3\n"


def test_a_volume_is_made_on_demand(cluster: Cluster, namespace: str) -> None:
    kind = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": namespace},
        "provisioner": "kubernetes.io/host-path",
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "claim", "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": namespace,
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }
    cluster.kubectl("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": [kind, claim]}))
    try:
        cluster.kubectl("wait", "pvc/claim", "-n", namespace, "--for=jsonpath={.status.phase}=Bound", "--timeout=60s")
    finally:
        cluster.kubectl("delete", "pvc/claim", "-n", namespace)
        cluster.kubectl("delete", "storageclass", namespace)


def test_an_error_of_kubectl_is_told_in_its_words(cluster: Cluster) -> None:
    with pytest.raises(RuntimeError, match=r'kubectl get pod none failed: .*pods "none" not found'):
        cluster.kubectl("get", "pod", "none")


def test_the_same_tests_run_on_a_cluster_that_somebody_else_runs(cluster: Cluster) -> None:
    env = {**os.environ, "MODELPORT_TEST_KUBECONFIG": str(cluster.kubeconfig)}
    env |= {"PATH": f"{cluster.programs}:{os.environ['PATH']}", "MODELPORT_TEST_REGISTRY": cluster.registry}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        f"{__file__}::test_a_pod_runs_and_has_an_address",
    ]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr


def test_an_add_on_of_another_cluster_is_used_where_it_is_there(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(cluster.programs), prepend=os.pathsep)
    other = shared.given(cluster.kubeconfig, cluster.registry)
    assert other.node_addresses == cluster.node_addresses
    assert other.host_address == cluster.host_address
    with other.addon("dns"):
        pass
    with pytest.raises(pytest.skip.Exception, match="this cluster has no kwok"), other.addon("kwok"):
        pass


def test_an_add_on_that_does_not_come_up_is_ended_and_the_cluster_stays(tmp_path: Path) -> None:
    if told := shared.reason_against():
        pytest.skip(told)
    plane = ControlPlane(tmp_path, tmp_path, Network(250), "127.0.0.1:1")
    try:
        waits = None
        with pytest.raises(RuntimeError, match="sorry"), plane.owned("unhappy"):
            waits = plane.run("waits", ["sleep", "600"], os.environ)
            plane.until(lambda: False, plane.run("unhappy", ["sh", "-c", "echo sorry; exit 1"], os.environ))
        assert waits and waits.process.poll() is not None
        assert plane.dead() == ""
        plane.run("part", ["sh", "-c", "echo farewell"], os.environ).process.wait()
        assert "farewell" in plane.dead()
    finally:
        plane.stop()


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, with the programs of the other: a cluster that no other test uses."""
    if told := shared.reason_against():
        pytest.skip(told)
    kubernetes.programs()
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "tools").symlink_to(cache_dir() / "tools")
    monkeypatch.setenv("MODELPORT_CACHE_DIR", str(cache))
    return cache


@pytest.mark.cluster
def test_nothing_is_left_when_its_only_user_is_killed(own_cache: Path) -> None:
    with _up(own_cache) as (user, known):
        make = ["kubectl", "--kubeconfig", known["kubeconfig"], "create", "deployment", "web", f"--image={IMAGE}"]
        subprocess.run(make, executable=f"{known['programs']}/kubectl", capture_output=True, check=True)
        user.kill()
        user.wait(60)
        assert _in_the_end(lambda: _left(known) + _left_of_network(known)) == []


@pytest.mark.cluster
def test_what_a_killed_keeper_leaves_is_cleared_by_the_next(own_cache: Path) -> None:
    with _up(own_cache) as (user, first):
        os.kill(int(first["pid"]), signal.SIGKILL)
        # Its network goes by itself, and the next may have the same one.
        assert _in_the_end(lambda: _left_of_network(first)) == []
        assert user.wait(60) == 1  # it says that the cluster has gone
    command = [sys.executable, "-m", "tests.cluster"]
    subprocess.run([*command, "start", "--bare", str(own_cache / "up")], stdout=subprocess.DEVNULL, check=True)
    try:
        second = _known(own_cache)
        assert second["pid"] != first["pid"]
        assert _in_the_end(lambda: _left(first)) == []
    finally:
        subprocess.run([*command, "down", str(own_cache / "up")], check=True)
    assert _left_of_network(second) == []  # an orderly end leaves none of it to the kernel's own time
    assert _in_the_end(lambda: _left(second)) == []


@contextlib.contextmanager
def _up(cache: Path) -> Generator[tuple["subprocess.Popen[str]", dict[str, str]]]:
    command = [sys.executable, "-m", "tests.cluster", "up", "--bare", str(cache / "up")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as user:
        try:
            assert user.stdout is not None
            assert user.stdout.readline() == "starting Kubernetes\n"
            assert user.stdout.readline().startswith("Kubernetes is ready after ")
            assert user.stdout.readline().startswith("export KUBECONFIG=")
            yield user, _known(cache)
        finally:
            user.terminate()
            user.wait(60)


def _known(cache: Path) -> dict[str, str]:
    known: dict[str, str] = json.loads((cache / "cluster" / "keeper.json").read_text())
    return known


def _in_the_end(left: Callable[[], list[str]]) -> list[str]:
    until = time.monotonic() + 60
    while (found := left()) and time.monotonic() < until:
        time.sleep(0.2)
    return found


def _host(package: str, command: str, *arguments: str) -> str:
    program = debian.program(package, command)
    ran = subprocess.run([str(program.path), *arguments], env=program.env, capture_output=True, text=True, check=True)
    return ran.stdout


def _left_of_network(known: dict[str, str]) -> list[str]:
    """Interfaces, routes and rules of a cluster's in the host's network."""
    prefix = known["network"].removesuffix("0.0/16")
    told = _host("nftables", "nft", "list", "ruleset")
    try:
        there = (Path("/sys/class/net") / known["link"] / "address").read_text().strip() == known["mac"]
    except OSError:
        there = False
    if there:  # another cluster may have the name by now, and its routes
        told += _host("iproute2", "ip", "route", "show", "table", "all")
    return [known["link"]] * there + [line for line in told.splitlines() if prefix in line]


def _left(known: dict[str, str]) -> list[str]:
    """Folders, control groups, mounts and processes of a cluster."""
    folder = Path(known["folder"])
    places = [folder, Path(known["data"]), *Path("/sys/fs/cgroup").glob(f"*/{folder.name}")]
    found = [str(place) for place in places if place.exists()]
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if known["folder"] in line]
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if known["folder"] in command or known["data"] in command:
            found.append(command)
    return found
