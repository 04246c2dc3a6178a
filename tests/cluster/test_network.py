"""Pods, services, names, policies and images on both nodes, as on any cluster."""

import json
import secrets
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_build.push import pull, push
from tests.cluster import kubernetes
from tests.cluster.images import Image
from tests.cluster.shared import Cluster

PAUSE = "registry.k8s.io/pause:3.10"


@pytest.fixture(scope="module")
def space(cluster: Cluster) -> Iterator[str]:
    """A namespace with a server on each node, `web-one` and `web-two`, and the service `web` before both."""
    name = f"network-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=60s")
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": name},
        "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    pods = [_pod(name, f"web-{node}", ["serve", "8080"], node) for node in cluster.node_addresses]
    cluster.kubectl(
        "apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": [service, *pods]})
    )
    cluster.kubectl("wait", "pod", "-l", "app=web", "-n", name, "--for=condition=Ready", "--timeout=120s")
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def test_a_pod_of_each_node_answers_the_host(cluster: Cluster, space: str) -> None:
    for node in cluster.node_addresses:
        assert _ask(f"http://{_address(cluster, space, f'web-{node}')}:8080") == "ok\n"


def test_a_pod_of_each_node_answers_a_pod_of_the_other(cluster: Cluster, space: str) -> None:
    one, two = (_address(cluster, space, f"web-{node}") for node in cluster.node_addresses)
    assert _ask_in(cluster, space, "web-one", "get", f"http://{two}:8080") == "ok\n"
    assert _ask_in(cluster, space, "web-two", "get", f"http://{one}:8080") == "ok\n"


def test_a_service_answers_by_its_address_and_on_the_port_of_each_node(cluster: Cluster, space: str) -> None:
    found = json.loads(cluster.kubectl("get", "service", "web", "-n", space, "-o", "json"))["spec"]
    for address in (found["clusterIP"], *(f"{each}:{found['ports'][0]['nodePort']}" for each in _nodes(cluster))):
        assert _ask_until(f"http://{address}") == "ok\n"


@pytest.mark.parametrize("node", ["one", "two"])
def test_a_pod_finds_a_service_by_its_name(cluster: Cluster, space: str, node: str) -> None:
    address = cluster.kubectl("get", "service", "web", "-n", space, "-o", "jsonpath={.spec.clusterIP}")
    assert _ask_in(cluster, space, f"web-{node}", "resolve", f"web.{space}.svc.cluster.local") == f"[{address}]\n"
    assert _ask_in(cluster, space, f"web-{node}", "get", "http://web") == "ok\n"


def test_a_pod_reaches_the_host(cluster: Cluster, space: str) -> None:
    import http.server

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"here\n")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer((cluster.host_address, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            for node in cluster.node_addresses:
                address = f"http://{cluster.host_address}:{server.server_port}"
                assert _ask_in(cluster, space, f"web-{node}", "get", address) == "here\n"
        finally:
            server.shutdown()
            thread.join()


def test_a_policy_lets_through_what_it_names_and_nothing_else(cluster: Cluster, space: str) -> None:
    name = f"{space}-closed"
    cluster.kubectl("create", "namespace", name)
    try:
        cluster.kubectl("wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=60s")
        policy: dict[str, Any] = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "friends", "namespace": name},
            "spec": {
                "podSelector": {"matchLabels": {"app": "web"}},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "friend"}}}]}],
            },
        }
        pods = [
            _pod(name, f"{app}-{node}", ["serve", "8080"], node, app=app)
            for app in ("web", "friend", "stranger")
            for node in cluster.node_addresses
        ]
        made = json.dumps({"apiVersion": "v1", "kind": "List", "items": [policy, *pods]})
        cluster.kubectl("apply", "-f", "-", text=made)
        # Its own node reaches a pod whatever a policy says: the kubelet asks it whether it is ready.
        cluster.kubectl("wait", "pod", "--all", "-n", name, "--for=condition=Ready", "--timeout=120s")
        for to in cluster.node_addresses:
            address = f"http://{_address(cluster, name, f'web-{to}')}:8080"
            _until_closed(address)
            for node in cluster.node_addresses:
                # A node hears of a pod that may come in a moment after it runs.
                assert _ask_in(cluster, name, f"friend-{node}", "get", address, "60s") == "ok\n"
                with pytest.raises(RuntimeError, match=r"refused|exceeded|timeout"):
                    _ask_in(cluster, name, f"stranger-{node}", "get", address)
    finally:
        cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.mark.parametrize("by", ["crane", "ours"])
@pytest.mark.parametrize("node", ["one", "two"])
def test_an_image_that_was_pushed_runs_by_its_digest(
    cluster: Cluster, space: str, crane: Path, tmp_path: Path, by: str, node: str
) -> None:
    image = Image({"/pause": kubernetes.pause(), "/salt": secrets.token_bytes(8)}, ["/pause"], "65535:65535")
    name = f"{cluster.registry}/tests/{by}-{node}"
    image.archive(name, tmp_path / "image.tar")
    ran = subprocess.run([crane, "push", tmp_path / "image.tar", name], capture_output=True, text=True, check=True)
    reference = ran.stdout.strip()
    if by == "ours":
        digest = pull(reference, tmp_path / "layout")
        reference = push(tmp_path / "layout", digest, f"{name}-again:v1").reference
    assert reference.startswith(f"{cluster.registry}/tests/") and "@sha256:" in reference
    pod = _pod(space, f"{by}-{node}", ["serve", "8080"], node, image=reference, app="pushed")
    cluster.kubectl("apply", "-f", "-", text=json.dumps(pod))
    cluster.kubectl("wait", f"pod/{by}-{node}", "-n", space, "--for=condition=Ready", "--timeout=120s")
    said = json.loads(cluster.kubectl("get", "pod", f"{by}-{node}", "-n", space, "-o", "json"))
    assert said["status"]["containerStatuses"][0]["imageID"] == reference


@pytest.mark.parametrize("node", ["one", "two"])
def test_a_command_runs_in_a_pod_and_a_port_of_it_is_brought_here(
    cluster: Cluster, space: str, node: str, free_port: int
) -> None:
    said = cluster.kubectl("exec", f"web-{node}", "-n", space, "--", "/pause", "get", "http://localhost:8080")
    assert said == "ok\n"
    command = [str(cluster.programs / "kubectl"), "--kubeconfig", str(cluster.kubeconfig), "-n", space]
    command += ["port-forward", f"pod/web-{node}", f"{free_port}:8080"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forward:
        assert forward.stdout
        try:
            assert forward.stdout.readline().startswith("Forwarding from 127.0.0.1")
            assert _ask(f"http://127.0.0.1:{free_port}") == "ok\n"
        finally:
            forward.terminate()


def test_a_drained_node_has_its_pods_moved(cluster: Cluster, space: str) -> None:
    with cluster.alone("nodes"):
        cluster.kubectl("create", "deployment", "moved", "-n", space, f"--image={PAUSE}", "--replicas=2")
        spread = {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app": "moved"}},
        }
        patch = {"spec": {"template": {"spec": {"topologySpreadConstraints": [spread]}}}}
        cluster.kubectl("patch", "deployment", "moved", "-n", space, "-p", json.dumps(patch))
        cluster.kubectl("rollout", "status", "deployment/moved", "-n", space, "--timeout=120s")
        try:
            told = ("--ignore-daemonsets", "--force", "--pod-selector=app=moved", "--timeout=120s")
            cluster.kubectl("drain", "two", *told)
            cluster.kubectl("rollout", "status", "deployment/moved", "-n", space, "--timeout=120s")
            listed = json.loads(cluster.kubectl("get", "pods", "-n", space, "-l", "app=moved", "-o", "json"))["items"]
            running = [item for item in listed if not item["metadata"].get("deletionTimestamp")]
            assert [item["spec"]["nodeName"] for item in running] == ["one", "one"]
        finally:
            cluster.kubectl("uncordon", "two")
            cluster.kubectl("delete", "deployment", "moved", "-n", space, "--wait=false")


def _pod(
    space: str, name: str, arguments: list[str], node: str, *, app: str = "web", image: str = PAUSE
) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "main", "image": image, "args": arguments}
    if arguments[0] == "serve":
        container["readinessProbe"] = {"httpGet": {"path": "/", "port": int(arguments[1])}, "periodSeconds": 1}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": space, "labels": {"app": app}},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "containers": [container],
        },
    }


def _ask_in(cluster: Cluster, space: str, pod: str, *arguments: str) -> str:
    """What the image's program prints that is run in a pod."""
    return cluster.kubectl("exec", pod, "-n", space, "--", "/pause", *arguments)


def _status(cluster: Cluster, space: str, name: str) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(cluster.kubectl("get", "pod", name, "-n", space, "-o", "json"))["status"]
    return status


def _address(cluster: Cluster, space: str, name: str) -> str:
    return str(_status(cluster, space, name)["podIP"])


def _nodes(cluster: Cluster) -> list[str]:
    return list(cluster.node_addresses.values())


def _ask(address: str, seconds: float = 10) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=seconds) as answer:
        return str(answer.read().decode())


def _ask_until(address: str) -> str:
    """The answer of a service whose pods are ready; the nodes' rules follow within a moment."""
    until = time.monotonic() + 60
    while True:
        try:
            return _ask(address, 2)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _until_closed(address: str) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            _ask(address, 1)
        except (urllib.error.URLError, TimeoutError):
            return
        assert time.monotonic() < until, f"{address} answers this host, which no policy lets through"
        time.sleep(0.1)
