"""The gateway in the cluster: what Gateway and HTTPRoute say is what its pod does once their statuses say so."""

import base64
import http.client
import json
import secrets
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cluster.gateway import CLASS
from tests.cluster.gateway.addon import HTTP_PORT, HTTPS_PORT
from tests.cluster.shared import Cluster
from tests.tools import certificates

PATIENCE = 60.0
API = "gateway.networking.k8s.io/v1"
PAUSE = "registry.k8s.io/pause:3.10"


class Place:
    """A namespace with a Gateway, a Service `full` with a pod behind it, and one `empty` with none."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.name = cluster, f"gateway-{secrets.token_hex(4)}"
        self.host = f"{self.name}.test"
        self.cluster.kubectl("create", "namespace", self.name)
        container = {"name": "serve", "image": PAUSE, "args": ["serve", "8080"]}
        labels = {"app": "full"}
        meta = {"name": "full", "namespace": self.name, "labels": labels}
        self.apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}})
        for name in ("full", "empty"):
            ports = [{"port": 80, "targetPort": 8080}]
            self.apply(self.object("v1", "Service", name, {"selector": {"app": name}, "ports": ports}))
        plain = {"name": "http", "port": 80, "protocol": "HTTP"}
        shown = {"certificateRefs": [{"name": "tls"}]}
        secure = {"name": "https", "port": 443, "protocol": "HTTPS", "hostname": self.host, "tls": shown}
        self.apply(self.object(API, "Gateway", "web", {"gatewayClassName": CLASS, "listeners": [plain, secure]}))
        self.cluster.kubectl("wait", "pod/full", "-n", self.name, "--for=condition=Ready", "--timeout=120s")

    def object(self, version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
        return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": self.name}, "spec": spec}

    def apply(self, item: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            self.cluster.kubectl("apply", "-o", "json", "-f", "-", text=json.dumps(item))
        )
        return found

    def route(self, *rules: dict[str, Any]) -> dict[str, str]:
        """Have a route with these rules; its conditions once they are about these rules."""
        spec = {"parentRefs": [{"name": "web"}], "hostnames": [self.host], "rules": list(rules)}
        made = self.apply(self.object(API, "HTTPRoute", "web", spec))
        told = "{.status.parents[0].conditions[0].observedGeneration}"
        done = f"--for=jsonpath={told}={made['metadata']['generation']}"
        self.cluster.kubectl("wait", "httproute/web", "-n", self.name, done, "--timeout=60s")
        return self.conditions("httproute", ".status.parents[0].conditions")

    def conditions(self, kind: str, place: str) -> dict[str, str]:
        found = json.loads(self.cluster.kubectl("get", kind, "web", "-n", self.name, "-o", f"jsonpath={{{place}}}"))
        return {each["type"]: each["reason"] for each in found}

    def ask(self, path: str = "/", **headers: str) -> int:
        """The status of an answer, by way of a node's port."""
        url = f"http://{self.cluster.node_address}:{HTTP_PORT}{path}"
        return httpx.get(url, headers={"Host": self.host, **headers}, timeout=PATIENCE, trust_env=False).status_code

    def close(self) -> None:
        self.cluster.kubectl("delete", "namespace", self.name, "--wait=false")


@pytest.fixture(scope="module")
def place(cluster: Cluster) -> Iterator[Place]:
    with cluster.addon("gateway"):
        made = Place(cluster)
        yield made
        made.close()


def to(**weights: int) -> dict[str, Any]:
    return {"backendRefs": [{"name": name, "port": 80, "weight": weight} for name, weight in weights.items()]}


def test_weights_hold_once_the_status_is_of_them(place: Place) -> None:
    assert place.route(to(full=1, empty=0)) == {"Accepted": "Accepted", "ResolvedRefs": "ResolvedRefs"}
    assert {place.ask() for _ in range(10)} == {200}
    place.route(to(full=1, empty=1))
    seen = Counter(place.ask() for _ in range(60))
    # That one of two equals never comes in sixty tries is no chance.
    assert set(seen) == {200, 503}
    place.route(to(full=0, empty=1))
    assert {place.ask() for _ in range(10)} == {503}


def test_a_cookie_chooses_and_what_is_not_there_is_told(place: Place) -> None:
    cookie = {"type": "RegularExpression", "name": "Cookie", "value": "(^|; )track=canary(;|$)"}
    told = place.route(to(full=1), {**to(none=1), "matches": [{"headers": [cookie]}]})
    assert told == {"Accepted": "Accepted", "ResolvedRefs": "BackendNotFound"}
    assert (place.ask(), place.ask(Cookie="a=b; track=canary")) == (200, 500)


def test_a_pod_that_comes_is_found(place: Place) -> None:
    place.route(to(empty=1))
    assert place.ask() == 503
    place.cluster.kubectl("label", "pod", "full", "-n", place.name, "--overwrite", "app=empty")
    try:
        for _ in range(600):
            if (status := place.ask()) == 200:
                break
        assert status == 200
    finally:
        place.cluster.kubectl("label", "pod", "full", "-n", place.name, "--overwrite", "app=full")


def test_tls_ends_here_with_the_certificate_of_the_secret(place: Place, tmp_path: Path) -> None:
    assert place.conditions("gateway", ".status.conditions")["Programmed"] == "Invalid"
    made = certificates.make(tmp_path, "gateway", place.host)
    parts = (("tls.crt", made.certificate_file), ("tls.key", made.key_file))
    data = {name: base64.b64encode(part.read_bytes()).decode() for name, part in parts}
    meta = {"name": "tls", "namespace": place.name}
    place.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "kubernetes.io/tls", "data": data})
    place.cluster.kubectl("wait", "gateway/web", "-n", place.name, "--for=condition=Programmed", "--timeout=60s")
    place.route(to(full=1))
    trust = ssl.create_default_context(cafile=made.certificate_file)
    with httpx.Client(verify=trust, trust_env=False, timeout=PATIENCE) as client:
        url = f"https://{place.cluster.node_address}:{HTTPS_PORT}/"
        request = client.build_request("GET", url, headers={"Host": place.host})
        request.extensions["sni_hostname"] = place.host
        assert client.send(request).status_code == 200


def test_routes_and_weights_that_change_under_load_fail_no_request(place: Place) -> None:
    full = {"name": "full", "port": 80}
    place.route({"backendRefs": [{**full, "weight": 1}]})
    stop = threading.Event()
    failures: list[str] = []
    answered = Counter[int]()

    def client(fresh: bool) -> None:
        connection = http.client.HTTPConnection(place.cluster.node_address, HTTP_PORT, timeout=PATIENCE)
        while not stop.is_set():
            try:
                connection.request("GET", "/", headers={"Host": place.host})
                answer = connection.getresponse()
                answer.read()
                answered[answer.status] += 1
            except (OSError, http.client.HTTPException) as error:
                failures.append(repr(error))
                connection.close()
            if fresh:
                connection.close()
        connection.close()

    clients = [threading.Thread(target=client, args=(bool(number % 2),)) for number in range(4)]
    for each in clients:
        each.start()
    try:
        for number in range(4):
            # A new path is a new configuration, another weight is none.
            other = {"matches": [{"path": {"value": f"/{number}"}}], **to(empty=1)}
            place.route({"backendRefs": [{**full, "weight": number + 1}]}, other)
            place.route({"backendRefs": [{**full, "weight": number + 5}]}, other)
    finally:
        stop.set()
        for each in clients:
            each.join(PATIENCE)
    assert (failures, set(answered)) == ([], {200})
