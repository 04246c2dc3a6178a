"""The checks see what is wrong: a check that passes everything shows nothing."""

import copy
from typing import Any

import pytest
from pulumi_kubernetes.core.v1.ConfigMap import ConfigMap

from tests.components.kubernetes import checking

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "rules", "namespace": "team"},
    "data": {"one": "1"},
}
SCALED: dict[str, Any] = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "ScaledObject",
    "metadata": {"name": "digits", "namespace": "team"},
    "spec": {
        "scaleTargetRef": {"name": "digits"},
        "maxReplicaCount": 3,
        "triggers": [{"type": "prometheus", "metadata": {"query": "vector(1)", "threshold": "1"}}],
    },
}


def test_checkov_says_what_a_bare_pod_lacks() -> None:
    bare = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "team"}}
    failed = checking.checkov([{**bare, "spec": {"containers": [{"name": "a", "image": "a"}]}}])
    assert "CKV_K8S_20 Pod.team.a: Containers should not run with allowPrivilegeEscalation" in failed
    assert checking.checkov([POD]) == []


def test_a_field_that_kubernetes_has_not_is_seen_by_five_minors() -> None:
    assert checking.violations([POD]) == []
    wrong = checking.violations([{**POD, "dat": {}}])
    assert [line.split(": ")[1] for line in wrong] == ["1.33", "1.34", "1.35", "1.36", "1.37"]


def test_a_kind_without_a_schema_is_no_success() -> None:
    assert "Couldn't find schema for kind ScaledObject" in checking.violations([SCALED])[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"maxReplicaCount": "3"}, "ScaledObject/digits: spec.maxReplicaCount: '3' is not of type 'integer'"),
        ({"maxReplicas": 3}, "ScaledObject/digits: spec: Additional properties are not allowed"),
        ({"triggers": [{"type": "prometheus"}]}, "ScaledObject/digits: spec.triggers[0]: 'metadata' is a required"),
    ],
)
def test_a_custom_kind_is_held_to_its_definition(change: dict[str, Any], said: str) -> None:
    assert checking.violations([SCALED], checking.KEDA) == []
    wrong = copy.deepcopy(SCALED)
    wrong["spec"].update(change)
    (line,) = checking.violations([wrong], checking.KEDA)
    assert line.startswith(said)


def test_what_a_program_makes_is_a_manifest() -> None:
    def program() -> None:
        ConfigMap("rules", metadata={"name": "rules", "namespace": "team"}, data={"one": "1"})

    assert checking.rendered(program) == [POD]
