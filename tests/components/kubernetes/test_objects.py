"""An object made lightly is the resource that the SDK's own class makes."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.autoscaling.v2 import HorizontalPodAutoscaler
from pulumi_kubernetes.core.v1 import Service, ServiceAccount
from pulumi_kubernetes.networking.v1 import NetworkPolicy
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from components.kubernetes.objects import KubernetesObject
from tests.components.kubernetes import checking

META: Any = {"name": "one", "namespace": "shop", "labels": {"a": "b"}}
KINDS: list[tuple[str, Any, dict[str, Any]]] = [
    ("apps/v1", Deployment, {"replicas": 2, "selector": {"matchLabels": {"a": "b"}}}),
    ("autoscaling/v2", HorizontalPodAutoscaler, {"maxReplicas": 3}),
    ("v1", Service, {"selector": {"a": "b"}, "ports": [{"port": 80}]}),
    ("networking.k8s.io/v1", NetworkPolicy, {"policyTypes": ["Ingress"]}),
    ("policy/v1", PodDisruptionBudget, {"maxUnavailable": 1}),
]


def _made(program: Callable[[], object]) -> Any:
    return next(each for each in checking.registered(program) if each.typ.startswith("kubernetes:"))


@pytest.mark.parametrize(("api", "typed", "spec"), KINDS, ids=[kind.__name__ for _, kind, _ in KINDS])
def test_the_same_resource_as_the_sdks(api: str, typed: Any, spec: dict[str, Any]) -> None:
    own = _made(lambda: typed("one", metadata=META, spec=spec))
    options = pulumi.ResourceOptions()
    light = _made(lambda: KubernetesObject(api, typed.__name__, "one", options, metadata=META, spec=spec))
    assert (light.typ, light.name, light.inputs) == (own.typ, own.name, own.inputs)
    assert light.inputs["spec"] == spec


def test_words_of_two_parts_are_as_in_a_manifest() -> None:
    own = _made(lambda: ServiceAccount("one", metadata=META, automount_service_account_token=False))
    options = pulumi.ResourceOptions()
    light = _made(
        lambda: KubernetesObject(
            "v1", "ServiceAccount", "one", options, metadata=META, automountServiceAccountToken=False
        )
    )
    assert (light.typ, light.inputs) == (own.typ, own.inputs)


def test_the_same_version_of_the_provider_is_asked_for() -> None:
    told: list[Any] = []

    def look(args: pulumi.ResourceTransformationArgs) -> None:
        told.append(args.opts.version)

    def program() -> None:
        seen = pulumi.ResourceOptions(transformations=[look])
        Service("own", metadata=META, opts=seen)
        KubernetesObject("v1", "Service", "light", seen, metadata=META)

    checking.registered(program)
    assert len(told) == 2
    assert told[0] == told[1] is not None
