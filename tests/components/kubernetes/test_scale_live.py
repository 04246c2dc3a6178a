"""What scales and watches a service, shown to a real API server: dry runs under Pod Security `restricted`."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from components.kubernetes import access, rollout
from components.kubernetes.autoscaler import ModelAutoscaler
from components.kubernetes.errors import NotReady
from components.kubernetes.gpu_nodes import GpuNodes
from components.kubernetes.monitoring import ModelMonitoring, MonitoringMode
from components.kubernetes.runtimes import WITH_FILES, ServingProgram, ServingRuntime
from tests.cluster.addons.given import eventually
from tests.cluster.shared import Cluster
from tests.components.kubernetes import checking

IMAGE = "registry.example.com/team/digits@sha256:" + "a" * 64
BASE: dict[str, Any] = {"namespace": "team", "service": "digits"}


@pytest.fixture(scope="module")
def definitions(cluster: Cluster) -> Iterator[None]:
    """The kinds of KEDA, of the Prometheus Operator and of KServe, without what acts on them."""
    wanted = ("servicemonitors", "prometheusrules", "inferenceservices")
    found = [
        each
        for place in (checking.PROMETHEUS_OPERATOR, checking.KSERVE)
        for each in checking.custom(*place)
        if each["spec"]["names"]["plural"] in wanted
    ]
    for each in found:
        each["spec"].pop("conversion", None)  # nobody is here to convert
    with cluster.addon("keda"), cluster.alone("definitions"):
        listed = {"apiVersion": "v1", "kind": "List", "items": found}
        cluster.kubectl("apply", "--server-side", "-f", "-", text=json.dumps(listed))
        names = [f"crd/{each['metadata']['name']}" for each in found]
        try:
            # Asked again: kubectl stumbles over an object that has no conditions yet.
            eventually(lambda: cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names))
            yield
        finally:
            cluster.kubectl("delete", *names)


def _all() -> list[checking.Manifest]:
    activator: Any = {"image": IMAGE, "allowed_namespaces": ["gateway-system"]}

    def program() -> None:
        scaled: Any = {**BASE, "max": 5}
        ModelAutoscaler("cpu", scaled)
        ModelAutoscaler("none", {**scaled, "latency": 0.5, "gpu": 80, "activator": activator})
        watched: Any = {**BASE}
        ModelMonitoring("operator", watched)
        ModelMonitoring("plain", {**watched, "mode": MonitoringMode.PLAIN, "dashboard": False})
        for program in (*WITH_FILES, ServingProgram.KSERVE):
            serving: Any = {"namespace": "team", "program": program, "image": IMAGE, "files": IMAGE}
            ServingRuntime(f"by-{program.value}", serving)

    return checking.rendered(program)


@pytest.mark.usefixtures("definitions")
def test_the_api_server_takes_every_manifest(cluster: Cluster) -> None:
    found = _all()
    assert {each["kind"] for each in found} >= {"ScaledObject", "ServiceMonitor", "PrometheusRule", "InferenceService"}
    assert checking.refused(cluster, found) == []


@pytest.mark.usefixtures("definitions")
def test_the_api_server_does_not_take_everything(cluster: Cluster) -> None:
    (found, *_) = (each for each in _all() if each["kind"] == "InferenceService")
    found["spec"]["predictor"]["minimum"] = 2
    (line,) = checking.refused(cluster, [found])
    assert 'unknown field "spec.predictor.minimum"' in line


def test_what_nodes_with_gpus_need_is_taken_where_pods_may_be_privileged(cluster: Cluster) -> None:
    """As their own namespace is; under `restricted` the API server refuses the pods."""
    given: Any = {"device_plugin_image": IMAGE, "exporter_image": IMAGE, "time_slices": 2}
    found = checking.rendered(lambda: GpuNodes("modelport-gpu", given))
    lines = checking.refused(cluster, found)
    assert lines and all("PodSecurity" in line and "hostPath" in line for line in lines)
    name = "modelport-gpu"
    (space,) = (each for each in found if each["kind"] == "Namespace")
    with cluster.alone(name):
        cluster.kubectl("apply", "-f", "-", text=json.dumps(space))
        try:
            rest = {"apiVersion": "v1", "kind": "List", "items": [each for each in found if each is not space]}
            cluster.kubectl(
                "create",
                "--dry-run=server",
                "--validate=strict",
                "--warnings-as-errors",
                "-f",
                "-",
                text=json.dumps(rest),
            )
        finally:
            cluster.kubectl("delete", "namespace", name, "--wait=false")


def test_an_activator_without_an_image_is_told_within_seconds(cluster: Cluster) -> None:
    space, image = f"late-{secrets.token_hex(4)}", f"{cluster.registry}/nobody/digits@sha256:{'a' * 64}"
    scaled: Any = {"namespace": space, "service": "digits", "max": 5, "activator": {"image": image, "replicas": 1}}
    found = checking.rendered(lambda: ModelAutoscaler("digits", scaled))
    wanted = [each for each in found if each["metadata"]["name"] == "digits-activator" and each["kind"] != "Service"]
    cluster.kubectl("create", "namespace", space)
    try:
        cluster.kubectl("create", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": wanted}))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KUBECONFIG", str(cluster.kubeconfig))
            with access.Cluster() as api, pytest.raises(NotReady, match=f"{image}: not found, expected 1 pods"):
                rollout.wait(api, space, "digits-activator", timeout=300, say=lambda _: None)
    finally:
        cluster.kubectl("delete", "namespace", space, "--wait=false")
