"""Two spellings of one wish are one: inputs are kept as Kubernetes' own types spell them."""

import json
from typing import Any

import pytest

from engine.providers.kubernetes.deprecated import deprecation
from engine.providers.kubernetes.normal import normalised
from engine.providers.kubernetes.quantities import canonical
from engine.values import UNKNOWN
from tests.cluster.shared import Cluster


def deployment(**container: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "m", **container}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "it"},
        "spec": {"template": {"spec": spec}},
    }


SPELLINGS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"nonsense": 1}, {}),
    ({"tty": False, "args": [], "image": ""}, {}),
    (
        {"tty": True, "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": False}]},
        {"tty": True, "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
    ),
    ({"securityContext": {"privileged": False}}, {"securityContext": {"privileged": False}}),
    ({"resources": {}}, {"resources": {}}),
    (
        {"resources": {"limits": {"cpu": 1, "memory": "0.5Gi"}}},
        {"resources": {"limits": {"cpu": "1", "memory": "512Mi"}}},
    ),
    (
        {"resources": {"limits": {"cpu": 0.5, "memory": "1Gi"}}},
        {"resources": {"limits": {"cpu": "500m", "memory": "1Gi"}}},
    ),
    ({"ports": [{"containerPort": 80.0, "hostPort": 0}]}, {"ports": [{"containerPort": 80}]}),
    ({"livenessProbe": {"httpGet": {"port": "http"}}}, {"livenessProbe": {"httpGet": {"port": "http"}}}),
    ({"image": None}, {}),
]


@pytest.mark.parametrize(("told", "kept"), SPELLINGS)
def test_what_kubernetes_leaves_out_or_respells_is_kept_so(told: dict[str, Any], kept: dict[str, Any]) -> None:
    assert normalised(deployment(**told)) == deployment(**kept)


def test_a_value_that_does_not_fit_is_left_to_the_server() -> None:
    wrong = deployment(tty="yes", nonsense=1)
    assert normalised(wrong) == wrong


def test_an_object_with_unknown_values_waits_for_them() -> None:
    waiting = deployment(tty=False, image=UNKNOWN)
    assert normalised(waiting) == waiting


def test_objects_of_other_groups_are_nobodys_but_their_own() -> None:
    custom = {"apiVersion": "example.org/v1", "kind": "Deployment", "spec": {"tty": False, "none": None, "empty": []}}
    assert normalised(custom) == custom


def test_what_only_the_server_writes_is_no_input() -> None:
    told = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "uid": "1", "resourceVersion": "2"}}
    assert normalised(told)["metadata"] == {"name": "a"}


def test_a_secret_is_spelt_as_the_server_spells_it() -> None:
    told = {"apiVersion": "v1", "kind": "Secret", "data": {"a": "YW\nJj"}, "stringData": {}}
    assert normalised(told)["data"] == {"a": "YWJj"}


def test_a_version_that_was_given_up_is_told() -> None:
    told = deprecation("policy", "v1beta1", "PodDisruptionBudget", (1, 24), quiet=False)
    expected = "policy/v1beta1/PodDisruptionBudget is deprecated by policy/v1/PodDisruptionBudget and not supported by "
    assert told == f"{expected}Kubernetes v1.25+ clusters."
    assert deprecation("policy", "v1beta1", "PodDisruptionBudget", (1, 24), quiet=True) == ""
    removed = deprecation("policy", "v1beta1", "PodDisruptionBudget", (1, 25), quiet=True)
    assert removed.startswith('apiVersion "policy/v1beta1/PodDisruptionBudget" was removed in Kubernetes 1.25. Use')
    assert deprecation("policy", "v1", "PodDisruptionBudget", (1, 36), quiet=False) == ""
    assert deprecation("policy", "v1beta1", "PodDisruptionBudget", (1, 20), quiet=False) == ""
    endpoints = "v1/Endpoints is deprecated by discovery.k8s.io/v1/EndpointSlice."
    assert deprecation("", "v1", "Endpoints", (1, 36), quiet=False) == endpoints
    assert deprecation("", "v1", "Endpoints", (1, 20), quiet=False) == ""


QUANTITIES = {
    "0": "0",
    "0Mi": "0",
    "1": "1",
    "0.5": "500m",
    "1.5": "1500m",
    "1000m": "1",
    "1500m": "1500m",
    "0.01": "10m",
    "1024Mi": "1Gi",
    "1536Mi": "1536Mi",
    "0.5Gi": "512Mi",
    "1.5Gi": "1536Mi",
    "1000Ki": "1000Ki",
    "500": "500",
    "1000": "1k",
    "1000000": "1M",
    "1200": "1200",
    "1e3": "1e3",
    "1000e3": "1e6",
    "12E": "12E",
    "-1000m": "-1",
    "0.0000000001": "1n",
    "0.5Ki": "512",
}


@pytest.mark.parametrize("told", QUANTITIES)
def test_a_quantity_has_one_spelling(told: str) -> None:
    assert canonical(told) == QUANTITIES[told]


@pytest.mark.parametrize("told", ["", "x", "1X", "1.2.3", "Mi", "1 Gi", "."])
def test_what_is_no_quantity_is_none(told: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        canonical(told)


def test_the_server_spells_quantities_alike(cluster: Cluster, space: str) -> None:
    # less than a thousandth is refused there
    told = [text for text in QUANTITIES if not text.startswith(("-", "0.00"))]
    quotas = [
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": f"q{n}"}, "spec": {"hard": {"cpu": text}}}
        for n, text in enumerate(told)
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": quotas})
    spelled = 'jsonpath={.spec.hard.cpu}{"\\n"}'
    made = cluster.kubectl("create", "-n", space, "-o", spelled, "-f", "-", text=text).splitlines()
    assert dict(zip(told, made, strict=True)) == {text: canonical(text) for text in told}


def test_null_in_a_map_is_what_the_type_makes_of_it() -> None:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": None}, "data": {"of": None}}
    assert normalised(obj)["data"] == {"of": ""}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "a"}, "spec": {"hard": {"pods": None}}}
    assert normalised(quota)["spec"] == {"hard": {"pods": "0"}}
