"""A stack in a real cluster that scales to none and back, and whose objectives are watched."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from tests.cluster.addons import prometheus
from tests.cluster.shared import Cluster
from tests.stacks.clusters import Project

PATIENCE = 120.0
"""Seconds after which a wait is a failure; nothing here is about speed."""


@pytest.fixture(scope="module")
def project(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The digits, of which there is no pod while nobody calls; deployed once for the module."""
    with (
        Project.opened(tmp_path_factory.mktemp("scaling"), cluster) as made,
        cluster.addon("keda"),
        cluster.addon("prometheus"),
    ):
        made.write(
            autoscaling={
                "min": 0,
                "max": 3,
                "requests_in_flight": 2,
                # never reached: it shows that a source which cannot be asked without Prometheus is asked
                "latency": 60,
                "prometheus": prometheus.IN_CLUSTER,
                "polling_seconds": 1,
                "cooldown_seconds": 2,
                "scale_down_seconds": 0,
                "scaler_networks": [f"{address}/32" for address in cluster.node_addresses.values()],
            },
            monitoring={"mode": "plain", "namespace": prometheus.NAMESPACE, "scrape_seconds": 1, "latency": 0.5},
        )
        made.up()
        yield made
        # What `destroy` leaves is asked elsewhere; here nobody waits for it.
        cluster.kubectl("delete", "namespace", made.namespace, "--wait=false")


class Load:
    """Callers that ask without a pause; what they got."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.codes: list[int] = []
        self._end = threading.Event()

    def call(self) -> None:
        body = {"inputs": [{"name": "image", "shape": [256, 64], "datatype": "FP32", "data": [0.0] * 64 * 256}]}
        text = json.dumps(body).encode()
        with httpx.Client(timeout=PATIENCE, trust_env=False) as client:
            while not self._end.is_set():
                self.codes.append(_code(client, self.url, text))

    @contextmanager
    def going(self, callers: int) -> Iterator[None]:
        with ThreadPoolExecutor(callers) as pool:
            calls = [pool.submit(self.call) for _ in range(callers)]
            try:
                yield
            finally:
                self._end.set()
        for each in calls:
            each.result()


def _code(client: httpx.Client, url: str, body: bytes) -> int:
    try:
        return client.post(f"{url}/v2/models/digits/infer", content=body).status_code
    except httpx.HTTPError as error:
        raise AssertionError(f"a request failed: {error!r}") from error


def _url(project: Project) -> str:
    return f"http://{project.cluster.node_address}:{project.node_port()}"


def _replicas(project: Project) -> int:
    return int(project.get("deployment", "digits")["spec"].get("replicas", 0))


def _until(true: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until, what
        time.sleep(0.3)


def test_to_none_and_back_without_a_request_that_fails(project: Project) -> None:
    url = _url(project)
    _until(lambda: _replicas(project) == 0 and not project.pods(), "it never went to no pod")
    with ThreadPoolExecutor(5) as pool:
        # The first requests after none, all at once: each is held until a pod answers it.
        first = list(
            pool.map(lambda _: httpx.get(f"{url}/v2/models/digits", timeout=PATIENCE, trust_env=False), "12345")
        )
    assert [each.status_code for each in first] == [200] * 5
    assert first[0].json()["name"] == "digits"
    load = Load(url)
    with load.going(8):
        _until(lambda: _replicas(project) >= 2, "load did not bring more pods")
        _until(lambda: len(project.pods()) >= 2, "the pods did not come")
    _until(lambda: _replicas(project) == 0, "it stayed up after the load")
    assert load.codes and set(load.codes) == {200}


def test_nobody_fights_over_the_number_of_pods(project: Project) -> None:
    """What the autoscaler has set is no difference to the next preview, and an `up` leaves it."""
    _until(lambda: _replicas(project) == 0, "it never went to no pod")
    changes = dict(project.preview().changes)
    assert set(changes) <= {"same"}, changes


def test_an_alert_fires_when_the_service_errs(project: Project) -> None:
    """A pod of the service that takes one request at a time answers the others with 503; the real Prometheus pages."""
    template = project.get("deployment", "digits")["spec"]["template"]
    (container,) = template["spec"]["containers"]
    container["env"].append({"name": "MODELPORT_QUEUE", "value": "1"})
    labels = {**template["metadata"]["labels"], "modelport.io/track": "canary"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "digits-crowded", "labels": labels}}
    text = json.dumps({**pod, "spec": template["spec"]})
    project.cluster.kubectl("apply", "--namespace", project.namespace, "-f", "-", text=text)
    project.cluster.kubectl(
        "wait", "pod/digits-crowded", "--namespace", project.namespace, "--for=condition=Ready", "--timeout=120s"
    )
    load = Load(f"http://{project.get('pod', 'digits-crowded')['status']['podIP']}:8080")
    where = f'namespace="{project.namespace}"'
    firing = f'ALERTS{{alertname="ModelFailsTooOften",alertstate="firing",severity="page",{where}}}'
    with load.going(8):
        _until(lambda: bool(prometheus.query(project.cluster, firing)), "no alert fired")
    assert 503 in load.codes
    (found, *_) = prometheus.query(project.cluster, firing)
    assert (found["metric"]["service"], found["metric"]["slo"]) == ("digits", "availability")


@pytest.mark.parametrize("target", [{"cpu": 20}, {"requests_in_flight": 2}], ids=["cpu", "requests-in-flight"])
def test_more_pods_for_more_load_and_fewer_after_it(project: Project, target: dict[str, float]) -> None:
    """By a HorizontalPodAutoscaler with metrics-server, and by KEDA with Prometheus; one pod at the least."""
    if "MODELPORT_SOAK" not in os.environ:
        pytest.skip("two more deployments and their calming down take minutes: make soak")
    project.write(
        service={"workers": 1},
        autoscaling={
            "min": 1,
            "max": 3,
            "prometheus": prometheus.IN_CLUSTER,
            "polling_seconds": 1,
            "scale_down_seconds": 0,
            **target,
        },
        monitoring={"mode": "plain", "namespace": prometheus.NAMESPACE, "scrape_seconds": 1, "latency": 0.5},
    )
    with project.cluster.addon("metrics_server"):
        project.up()
        url = _url(project)
        load = Load(url)
        with load.going(8):
            _until(lambda: _replicas(project) >= 2, "load did not bring more pods")
        _until(lambda: _replicas(project) == 1, "it stayed up after the load")
    assert load.codes and set(load.codes) == {200}
