"""What a ModelAutoscaler makes, held to the schemas of Kubernetes and KEDA; nothing runs here."""

from typing import Any

import pulumi
import pytest

from components.kubernetes import ModelService
from components.kubernetes.autoscaler import ModelAutoscaler
from components.kubernetes.service import AT_ONCE
from tests.components.kubernetes import checking

IMAGE = "registry.example.com/digits@sha256:" + "a" * 64
BASE: dict[str, Any] = {"namespace": "team", "service": "digits", "max": 5}
EVERYTHING: dict[str, Any] = {
    "requests_in_flight": 4.0,
    "latency": 0.25,
    "gpu": 80,
    "cpu": 60,
    "queue": {"query": "sum(jobs_waiting)", "length": 10.0},
    "broker": {
        "type": "rabbitmq",
        "metadata": {"queueName": "pictures", "mode": "QueueLength", "value": "20"},
        "authentication": "rabbit",
    },
}
ACTIVATOR = {"image": IMAGE, "allowed_namespaces": ["gateway-system"], "scaler_networks": ["10.1.2.3/32"]}


def _rendered(**args: Any) -> list[checking.Manifest]:
    return checking.rendered(lambda: ModelAutoscaler("digits", {**BASE, **args}))  # type: ignore[typeddict-item]


def _scaled(found: list[checking.Manifest]) -> dict[str, Any]:
    (spec,) = (each["spec"] for each in found if each["kind"] == "ScaledObject")
    return dict(spec)


def test_every_manifest_passes_every_check() -> None:
    found = [*_rendered(), *_rendered(**EVERYTHING), *_rendered(**EVERYTHING, activator=ACTIVATOR)]
    assert checking.violations(found, checking.KEDA) == []
    assert checking.checkov(found) == []


def test_cpu_alone_needs_no_keda() -> None:
    (found,) = _rendered(min=2)
    assert (found["apiVersion"], found["kind"], found["metadata"]["name"]) == (
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "digits",
    )
    spec = found["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 5)
    assert spec["metrics"][0]["resource"] == {
        "name": "cpu",
        "target": {"type": "Utilization", "averageUtilization": 70},
    }
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "digits"}


def test_each_target_is_a_trigger() -> None:
    (found,) = _rendered(**EVERYTHING)
    triggers = {each.get("name", each["type"]): each for each in found["spec"]["triggers"]}
    assert list(triggers) == ["in-flight", "latency", "gpu", "queue", "broker", "cpu"]
    assert triggers["in-flight"]["metadata"] == {
        "serverAddress": "http://prometheus.monitoring.svc:9090",
        "query": 'sum(modelport_requests_in_flight{namespace="team",service="digits",track="stable"})',
        "threshold": "4",
    }
    # a latency and a share of time are no sums: more pods do not divide them
    assert {name: each.get("metricType") for name, each in triggers.items()} == {
        "in-flight": "AverageValue",
        "latency": "Value",
        "gpu": "Value",
        "queue": "AverageValue",
        "broker": None,
        "cpu": "Utilization",
    }
    assert found["spec"]["minReplicaCount"] == 1
    # its own HorizontalPodAutoscaler has another name than one of ours: a stack may go from one to the other
    assert "name" not in found["spec"]["advanced"]["horizontalPodAutoscalerConfig"]
    assert found["spec"]["fallback"] == {"failureThreshold": 3, "replicas": 1, "behavior": "currentReplicasIfHigher"}


def test_to_zero_with_somebody_who_holds_requests() -> None:
    found = _rendered(activator=ACTIVATOR)
    assert sorted((each["kind"], each["metadata"]["name"]) for each in found) == [
        ("Deployment", "digits-activator"),
        ("NetworkPolicy", "digits-activator"),
        ("NetworkPolicy", "digits-origin"),
        ("PodDisruptionBudget", "digits-activator"),
        ("ScaledObject", "digits"),
        ("Service", "digits-activator"),
        ("Service", "digits-origin"),
        ("ServiceAccount", "digits-activator"),
    ]
    spec = _scaled(found)
    assert (spec["minReplicaCount"], spec["pollingInterval"], spec["advanced"]["restoreToOriginalReplicaCount"]) == (
        0,
        2,
        True,
    )
    assert spec["initialCooldownPeriod"] == spec["cooldownPeriod"] == 300
    assert [each["type"] for each in spec["triggers"]] == ["metrics-api"]
    by_name = {(each["kind"], each["metadata"]["name"]): each for each in found}
    assert by_name["Service", "digits-origin"]["spec"]["selector"] == {
        "app.kubernetes.io/name": "digits",
        "modelport.io/track": "stable",
    }
    (container,) = by_name["Deployment", "digits-activator"]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == [
        "activator", "--upstream", "digits-origin.team.svc:80", "--hold", "120", "--window", "6",
    ]  # fmt: skip
    assert container["image"] == IMAGE


def test_an_activator_that_does_not_come_up_is_told_early() -> None:
    """By the resource that waits for the model's own pods too; who scales waits for it in turn."""
    seen = checking.registered(lambda: ModelAutoscaler("digits", {**BASE, "activator": ACTIVATOR}))  # type: ignore[typeddict-item]
    (waits,) = (each.inputs for each in seen if each.typ.endswith(":ModelServer"))
    assert (waits["namespace"], waits["service"], waits["image"]) == ("team", "digits-activator", IMAGE)
    (made,) = (each.inputs for each in seen if each.typ.endswith(":Deployment"))
    assert made["metadata"]["annotations"] == AT_ONCE


def test_only_callers_of_the_service_get_to_the_activator() -> None:
    found = _rendered(activator=ACTIVATOR)
    (policy,) = (
        each for each in found if (each["kind"], each["metadata"]["name"]) == ("NetworkPolicy", "digits-activator")
    )
    by_port = {rule["ports"][0]["port"]: rule["from"] for rule in policy["spec"]["ingress"]}
    space = "kubernetes.io/metadata.name"
    assert by_port == {
        "http": [{"namespaceSelector": {"matchLabels": {space: "gateway-system"}}}],
        "counts": [
            {"namespaceSelector": {"matchLabels": {space: "keda"}}},
            {"ipBlock": {"cidr": "10.1.2.3/32"}},
        ],
    }


def test_the_service_leads_to_the_activator_and_the_activator_to_the_pods() -> None:
    def program() -> None:
        ModelService("digits", {"namespace": "team", "image": IMAGE, "autoscaled": True, "activated": True})
        scaled: Any = {**BASE, "activator": ACTIVATOR}
        ModelAutoscaler("digits", scaled)

    found = {(each["kind"], each["metadata"]["name"]): each for each in checking.rendered(program)}
    pods = {
        name: found["Deployment", name]["spec"]["template"]["metadata"]["labels"]
        for name in ("digits", "digits-activator")
    }

    def reached(service: str) -> list[str]:
        wanted = found["Service", service]["spec"]["selector"].items()
        return [name for name, labels in pods.items() if wanted <= labels.items()]

    services = ("digits", "digits-origin", "digits-activator", "digits-canary")
    assert {name: reached(name) for name in services} == {
        "digits": ["digits-activator"],
        "digits-origin": ["digits"],
        "digits-activator": ["digits-activator"],
        "digits-canary": [],
    }
    # and nobody says how many pods there are but the autoscaler
    assert "replicas" not in found["Deployment", "digits"]["spec"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"min": 0}, "min is 0, expected at least 1; pass an activator, which holds requests while there is no pod"),
        ({"min": 6}, "max is 5, expected at least 6; raise it, or lower min"),
        ({"cpu": 120}, "cpu is 120, expected more than 0 and at most 100"),
        ({"latency": 0}, "latency is 0, expected more than 0 and at most 600"),
        ({"min": 1, "activator": ACTIVATOR}, "min is 1 beside an activator, expected 0; leave the activator out"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_made(args: dict[str, Any], said: str) -> None:
    seen: list[Any] = []

    def program() -> None:
        with pytest.raises(ValueError, match="the autoscaler of digits") as refused:
            ModelAutoscaler("digits", {**BASE, **args})  # type: ignore[typeddict-item]
        seen.append(str(refused.value))

    assert checking.rendered(program) == []
    assert said in seen[0]


def test_what_is_known_later_is_used_all_the_same() -> None:
    (found,) = _rendered(max=pulumi.Output.from_input(7), cpu=pulumi.Output.from_input(55))
    assert found["spec"]["maxReplicas"] == 7
    assert found["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 55
