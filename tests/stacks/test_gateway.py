"""The digits behind a gateway on a real cluster: TLS, API keys, tenants apart, and the Ingress as another way."""

import base64
import json
import os
import re
import secrets
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pulumi
import pytest

from stacks import kubernetes, wanting
from stacks.spec import StackSpec
from tests.cluster.gateway import CLASS, NAMESPACE
from tests.cluster.shared import Cluster
from tests.stacks.clusters import Project

PATIENCE = 120.0
"""Seconds after which a wait is a failure; nothing here is about speed."""
PAUSE = "registry.k8s.io/pause:3.10"
BODY = {"inputs": [{"name": "image", "shape": [1, 64], "datatype": "FP32", "data": [0.0] * 64}]}


class Shop:
    """A project with its stack behind the gateway, and its callers."""

    def __init__(self, project: Project, **gateway: Any) -> None:
        self.project = project
        self.host = f"{project.namespace}.example.test"
        self.gateway: dict[str, Any] = {
            "hostname": self.host,
            "class_name": os.environ.get("MODELPORT_TEST_GATEWAY_CLASS", CLASS),
            "namespace": NAMESPACE,
            **gateway,
        }

    def up(self, **changed: Any) -> None:
        self.write(**changed)
        self.project.up()

    def write(self, **changed: Any) -> None:
        service = {"type": "ClusterIP", "allow": [], "replicas": 1}
        self.project.write(service=service, gateway=self.gateway, **changed)

    def keys(self) -> dict[str, str]:
        found: dict[str, str] = self.project.engine.outputs(show_secrets=True)["api_keys"]
        return found

    @property
    def address(self) -> str:
        """Where the gateway answers."""
        if self.gateway.get("kind") == "ingress":
            return str(self.project.get("ingress", "digits")["status"]["loadBalancer"]["ingress"][0]["ip"])
        return str(self.project.get("gateway", "digits")["status"]["addresses"][0]["value"])

    def authority(self) -> ssl.SSLContext:
        """A client's trust in the stack's own authority, and in nobody else."""
        secret = self.project.get("secret", "digits-tls")
        return ssl.create_default_context(cadata=base64.b64decode(secret["data"]["ca.crt"]).decode())

    def client(self, host: str = "", trust: ssl.SSLContext | None = None) -> httpx.Client:
        """Asks the gateway for `host`, and believes the stack's own authority alone."""
        name = host or self.host

        def named(request: httpx.Request) -> None:
            request.extensions = {**request.extensions, "sni_hostname": name}

        return httpx.Client(
            base_url=f"https://{self.address}",
            headers={"Host": name},
            verify=trust or self.authority(),
            timeout=PATIENCE,
            trust_env=False,
            event_hooks={"request": [named]},
        )


@pytest.fixture(scope="module")
def red() -> str:
    return f"red-{secrets.token_hex(4)}"


@pytest.fixture(scope="module")
def shop(cluster: Cluster, red: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The stack with one tenant, deployed once for the module."""
    with (
        Project.opened(tmp_path_factory.mktemp("gateway"), cluster) as project,
        cluster.addon("gateway"),
        cluster.addon("cert_manager"),
    ):
        made = Shop(project)
        made.up(tenants={red: {"hostname": f"{red}.example.test", "replicas": 1}})
        yield made
        made.project.destroy()


@pytest.fixture
def client(shop: Shop) -> Iterator[httpx.Client]:
    with closing(shop.client()) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_it_answers_with_tls_and_a_key(shop: Shop, client: httpx.Client) -> None:
    assert shop.project.outputs()["endpoint"] == f"https://{shop.host}"
    answer = client.post("/v2/models/digits/infer", json=BODY, headers=bearer(shop.keys()["default"]))
    assert (answer.status_code, answer.json()["model_name"]) == (200, "digits")


def test_the_lines_to_try_work_as_printed(shop: Shop) -> None:
    """In one shell and the project's folder, where no DNS knows the name and no `modelport` is on PATH."""
    told = shop.project.outputs()
    assert told["address"] == shop.address
    lines: list[str] = told["try"]
    script = "\n".join(line + ("; echo" if line.startswith("curl ") else "") for line in lines)
    path = f"{shop.project.cluster.programs}:/usr/bin:/bin"
    ran = subprocess.run(
        ["sh", "-c", script], cwd=shop.project.path, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    ready, metadata, infer, classify = (json.loads(line) for line in ran.stdout.splitlines() if line)
    assert (ready["ready"], metadata["name"], infer["outputs"][0]["data"], classify["label"]) == (
        True, "digits", [7], "7"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"gateway": {"class_name": "nope"}},
            r"gateway\.class_name is nope, and the cluster has no GatewayClass of that name, expected one of .+",
        ),
        (
            {"gateway": {"class_name": "nope", "kind": "ingress"}},
            r"gateway\.class_name is nope, and the cluster has no IngressClass of that name, expected one of .+",
        ),
        (
            {"gateway": {"issuer": "nope"}},
            r"gateway\.issuer is nope, and the cluster has no ClusterIssuer of that name, expected .+",
        ),
        (
            {"gateway": {"issuer": "nope", "issuer_kind": "Issuer"}},
            r"gateway\.issuer is nope, and the cluster has no Issuer in namespace shop-.+ of that name, expected one "
            "of digits-ca, digits-self-signed",
        ),
        (
            {"monitoring": {"mode": "operator"}},
            r"monitoring\.mode is operator, and the cluster has no Prometheus Operator, expected .+; write mode: "
            "plain .+",
        ),
    ],
)
def test_what_the_cluster_lacks_is_told_before_anything(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], told: str
) -> None:
    """A stack's program, which ends before it asks the engine for a single resource: a preview as well."""
    # Another test may have the operator's kinds in the cluster just now.
    monkeypatch.setattr(wanting, "OPERATOR", "/apis/monitoring.example.com/v1")
    with written(shop, changed) as spec, pytest.raises(pulumi.RunError) as raised:
        kubernetes.deploy(spec)
    assert re.fullmatch(told, str(raised.value))


@contextmanager
def written(shop: Shop, changed: dict[str, Any]) -> Iterator[StackSpec]:
    """The stack file as the cluster never sees it."""
    text = (shop.project.path / "Pulumi.dev.yaml").read_text()
    try:
        shop.project.write(gateway={**shop.gateway, **changed.pop("gateway", {})}, **changed)
        yield StackSpec.from_file(shop.project.path / "Pulumi.dev.yaml")
    finally:
        (shop.project.path / "Pulumi.dev.yaml").write_text(text)


def test_a_bad_key_and_none_do_not_get_through(client: httpx.Client) -> None:
    for headers in ({}, bearer("mp_" + "x" * 43), {"X-Api-Key": "default"}):
        answer = client.post("/v2/models/digits/infer", json=BODY, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith('Bearer realm="modelport"')


def test_metrics_are_not_for_callers(shop: Shop, client: httpx.Client) -> None:
    assert client.get("/metrics", headers=bearer(shop.keys()["default"])).status_code == 404


def test_plain_http_is_sent_to_tls_and_gets_no_further(shop: Shop) -> None:
    answer = httpx.post(
        f"http://{shop.address}/v2/models/digits/infer",
        json=BODY,
        headers={"Host": shop.host, **bearer(shop.keys()["default"])},
        trust_env=False,
    )
    assert (answer.status_code, answer.headers["location"]) == (301, f"https://{shop.host}/v2/models/digits/infer")


def test_a_client_that_does_not_know_the_authority_refuses_it(shop: Shop) -> None:
    with (
        closing(shop.client(trust=ssl.create_default_context())) as stranger,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        stranger.get("/v2")


def test_a_key_stands_nowhere_in_plain_text(shop: Shop) -> None:
    key = shop.keys()["default"].encode()
    files = [each for each in Path(os.environ["MODELPORT_STATE_DIR"]).rglob("*") if each.is_file()]
    files += [each for each in shop.project.path.rglob("*.yaml") if each.is_file()]
    assert len(files) > 3
    assert [each for each in files if key in each.read_bytes()] == []
    assert key.decode() not in json.dumps(shop.project.get("secrets"))
    assert key.decode() not in "\n".join(shop.project.said)


def test_a_tenant_has_his_own_name_key_and_pods(shop: Shop, red: str) -> None:
    told = shop.project.engine.outputs(show_secrets=True)[f"tenant-{red}"]
    assert told["url"] == f"https://{red}.example.test"
    with closing(shop.client(f"{red}.example.test")) as his:
        codes = [
            his.post("/v2/models/digits/infer", json=BODY, headers=bearer(key)).status_code
            for key in (told["api_keys"]["default"], shop.keys()["default"])
        ]
    assert codes == [200, 401]
    pods = json.loads(shop.project.cluster.kubectl("get", "pods", "-n", red, "-o", "json"))["items"]
    assert [each["metadata"]["labels"]["app.kubernetes.io/name"] for each in pods] == [red]


def test_a_pod_elsewhere_is_dropped_and_the_gateways_are_let_in(shop: Shop, red: str) -> None:
    cluster, url = shop.project.cluster, f"http://digits.{shop.project.namespace}.svc/v2/health/live"
    # The tenant's own pods may not reach anything at all, so one of a namespace without rules is the one to try.
    other = f"blue-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", other)
    try:
        with ThreadPoolExecutor(3) as pool:
            ours, his = (
                pool.submit(asks, cluster, other, each, "5s")
                for each in (url, f"http://{red}.{red}.svc/v2/health/live")
            )
            # A new pod's address is known to the other nodes' rules a moment later.
            gateways = pool.submit(asks, cluster, NAMESPACE, url, f"{PATIENCE:.0f}s")
            assert [each.result() for each in (ours, his, gateways)] == ["Failed", "Failed", "Succeeded"]
    finally:
        cluster.kubectl("delete", "namespace", other, "--wait=false")


def asks(cluster: Cluster, namespace: str, url: str, patience: str) -> str:
    """How a pod ends that asks for `url` until it answers or for as long as its patience is."""
    name = f"asks-{secrets.token_hex(4)}"
    cluster.kubectl("run", name, "-n", namespace, "--restart=Never", f"--image={PAUSE}", "--", "get", url, patience)
    try:
        found = until(
            lambda: cluster.kubectl("get", "pod", name, "-n", namespace, "-o", "jsonpath={.status.phase}"),
            lambda phase: phase in ("Failed", "Succeeded"),
        )
    finally:
        cluster.kubectl("delete", "pod", name, "-n", namespace, "--wait=false")
    return found


def until(ask: Callable[[], str], enough: Callable[[str], bool]) -> str:
    deadline = time.monotonic() + 2 * PATIENCE
    while not enough(found := ask()):
        assert time.monotonic() < deadline, f"still {found!r} after {2 * PATIENCE} s"
        time.sleep(0.3)
    return found


def test_again_changes_nothing_and_a_second_key_is_good_beside_the_first(shop: Shop, red: str) -> None:
    before, old = pods(shop), shop.keys()["default"]
    assert shop.project.preview().changes.keys() <= {"same"}
    shop.gateway["keys"] = ["default", "next"]
    shop.up(tenants={red: {"hostname": f"{red}.example.test", "replicas": 1}})
    known = shop.keys()
    assert known["default"] == old
    with closing(shop.client()) as client:
        until(lambda: code(shop, client, known["next"]), lambda found: found == "200")
        assert code(shop, client, old) == "200"
    assert pods(shop) == before


def pods(shop: Shop) -> list[str]:
    return sorted(each["metadata"]["uid"] for each in shop.project.pods())


def code(shop: Shop, client: httpx.Client, key: str) -> str:
    # The kubelet brings a changed Secret within a minute or two, and at once to a pod that changes.
    for each in shop.project.pods():
        shop.project.cluster.kubectl(
            "annotate",
            "pod",
            each["metadata"]["name"],
            "-n",
            shop.project.namespace,
            "--overwrite",
            f"tests/touched={time.monotonic_ns()}",
        )
    return str(client.get("/v2/models/digits", headers=bearer(key)).status_code)


def test_an_ingress_takes_the_gateways_place_and_the_first_key_is_withdrawn(shop: Shop, red: str) -> None:
    """The last of this file: it leaves the stack without its Gateway."""
    before, given, old = pods(shop), "a key from elsewhere", shop.keys()["default"]
    shop.gateway |= {"kind": "ingress", "keys": ["next"]}
    shop.write(tenants={red: {"replicas": 1}})
    shop.project.engine.set_config("modelport:api_keys", json.dumps({"shop": given}), secret=True)
    shop.project.up()
    with closing(shop.client()) as client:
        until(lambda: code(shop, client, given), lambda found: found == "200")
        assert [code(shop, client, key) for key in (shop.keys()["next"], old)] == ["200", "401"]
        taken = client.post("/v2/models/digits/infer", json=BODY, headers=bearer(given))
        plain = client.post(f"http://{shop.address}/v2/models/digits/infer", json=BODY, headers=bearer(given))
    assert (taken.status_code, taken.json()["model_name"]) == (200, "digits")
    assert (plain.status_code, plain.headers["location"]) == (308, f"https://{shop.host}/v2/models/digits/infer")
    assert pods(shop) == before
    assert shop.project.get("gateways")["items"] == []
    assert given not in (shop.project.path / "Pulumi.dev.yaml").read_text()
