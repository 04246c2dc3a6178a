"""What GpuNodes makes, held to schemas; no GPU is here to run it on."""

from typing import Any

import pytest
import yaml

from components.kubernetes.gpu_nodes import GpuNodes, config
from tests.components.kubernetes import checking

PLUGIN = "nvcr.io/nvidia/k8s-device-plugin@sha256:" + "a" * 64
EXPORTER = "nvcr.io/nvidia/k8s/dcgm-exporter@sha256:" + "b" * 64


def _rendered(**args: Any) -> list[checking.Manifest]:
    given: Any = {"device_plugin_image": PLUGIN, **args}
    return checking.rendered(lambda: GpuNodes("modelport-gpu", given))


FULL: dict[str, Any] = {
    "exporter_image": EXPORTER,
    "time_slices": 4,
    "runtime_class": "nvidia",
    "node_selector": {"cloud.google.com/gke-accelerator": "nvidia-l4"},
    "tolerations": [{"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}],
}


def test_every_manifest_fits_its_schema() -> None:
    assert checking.violations([*_rendered(), *_rendered(**FULL)]) == []


def test_all_that_checkov_misses_is_a_user_other_than_root() -> None:
    """The kubelet's sockets are root's: a plugin that is somebody else can not reach them. Nothing else is missing."""
    failed = checking.checkov(_rendered(**FULL))
    assert [line.split(": ")[0] for line in failed] == [
        "CKV_K8S_23 DaemonSet.modelport-gpu.dcgm-exporter",
        "CKV_K8S_23 DaemonSet.modelport-gpu.nvidia-device-plugin",
        "CKV_K8S_40 DaemonSet.modelport-gpu.dcgm-exporter",
        "CKV_K8S_40 DaemonSet.modelport-gpu.nvidia-device-plugin",
    ]


def test_what_it_is_made_of() -> None:
    found = {(each["kind"], each["metadata"]["name"]) for each in _rendered(**FULL)}
    assert found == {
        ("Namespace", "modelport-gpu"),
        ("ConfigMap", "nvidia-device-plugin"),
        ("ServiceAccount", "nvidia-device-plugin"),
        ("DaemonSet", "nvidia-device-plugin"),
        ("ServiceAccount", "dcgm-exporter"),
        ("DaemonSet", "dcgm-exporter"),
        ("Service", "dcgm-exporter"),
        ("NetworkPolicy", "deny-all"),
        ("NetworkPolicy", "dcgm-exporter"),
    }
    alone = {each["metadata"]["name"] for each in _rendered()}
    assert "dcgm-exporter" not in alone


def test_where_the_pods_go() -> None:
    for each in _rendered(**FULL):
        if each["kind"] == "DaemonSet":
            pod = each["spec"]["template"]["spec"]
            assert pod["nodeSelector"] == FULL["node_selector"]
            assert pod["tolerations"] == FULL["tolerations"]
            assert pod["runtimeClassName"] == "nvidia"


def test_shares_have_a_name_of_their_own() -> None:
    assert yaml.safe_load(config(4))["sharing"] == {
        "timeSlicing": {
            "renameByDefault": True,
            "failRequestsGreaterThanOne": True,
            "resources": [{"name": "nvidia.com/gpu", "replicas": 4}],
        }
    }
    assert "sharing" not in yaml.safe_load(config(1))


def test_other_settings_are_other_pods() -> None:
    def mark(**args: Any) -> str:
        (found,) = (each for each in _rendered(**args) if each["kind"] == "DaemonSet")
        return str(found["spec"]["template"]["metadata"]["annotations"]["modelport.io/settings"])

    assert mark() == mark(time_slices=1) != mark(time_slices=2)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"time_slices": 0}, "time_slices is 0, expected a whole number from 1 to 64"),
        ({"device_plugin_image": "nvcr.io/nvidia/k8s-device-plugin:v0.17.0"}, "expected one by digest"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, Any], said: str) -> None:
    with pytest.raises(Exception, match=said):
        _rendered(**args)
