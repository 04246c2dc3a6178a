"""What decides how many pods there are, in the words of HorizontalPodAutoscaler and KEDA: pure, on plain values.

The queries are over what `ModelMonitoring` has Prometheus collect: metrics of the serving program with the labels
`namespace`, `service` and `track`.
"""

from collections.abc import Mapping
from typing import Any

from components.kubernetes import names

Json = dict[str, Any]

ACTIVATOR = "activator"
COUNTS_NAME, COUNTS = "counts", 9000
"""The port of an activator on which it tells how many requests wait."""


def activator(name: str) -> str:
    """What is called after the activator of the service `name`."""
    return f"{name}-{ACTIVATOR}"


def origin(name: str) -> str:
    """The Service behind the activator: the pods themselves, of which there may be none."""
    return f"{name}-origin"


def series(namespace: str, name: str) -> str:
    """The labels of what the stable pods of a service tell."""
    return f'namespace="{namespace}",service="{name}",track="{names.STABLE}"'


def in_flight(namespace: str, name: str) -> str:
    """Requests that all pods have in hand."""
    return f"sum(modelport_requests_in_flight{{{series(namespace, name)}}})"


def latency(namespace: str, name: str, quantile: float) -> str:
    """Seconds within which that share of requests was answered in the last minute; 0 when there were none."""
    labels = f'{series(namespace, name)},route=~"infer|classify"'
    rate = f"sum by (le) (rate(modelport_request_duration_seconds_bucket{{{labels}}}[1m]))"
    # without requests the quantile is NaN, which is greater than nothing
    return f"(histogram_quantile({quantile:g}, {rate}) > 0) or vector(0)"


def gpu(namespace: str, name: str) -> str:
    """Per cent of the GPUs' time that the pods use. Where Prometheus keeps its labels, the pod's are `exported_`."""
    pods = f"{name}-[0-9a-z]+-[0-9a-z]+"
    one = f'DCGM_FI_DEV_GPU_UTIL{{namespace="{namespace}",pod=~"{pods}"}}'
    other = f'DCGM_FI_DEV_GPU_UTIL{{exported_namespace="{namespace}",exported_pod=~"{pods}"}}'
    return f"avg({one} or {other})"


def prometheus(name: str, server: str, query: str, threshold: object, *, each: bool, auth: str | None = None) -> Json:
    """A trigger of KEDA. each: the threshold is for each pod; else the whole is held to it, as a latency is."""
    metadata = {"serverAddress": server, "query": query, "threshold": _number(threshold)}
    trigger: Json = {"type": "prometheus", "name": name, "metadata": metadata}
    trigger["metricType"] = "AverageValue" if each else "Value"
    return {**trigger, "authenticationRef": {"name": auth}} if auth else trigger


def waiting(namespace: str, name: str, each: object) -> Json:
    """A trigger on what waits at the activator, asked of its pods themselves: it starts the first pod."""
    return {
        "type": "metrics-api",
        "name": "waiting",
        "metricType": "AverageValue",
        "metadata": {
            "url": f"http://{activator(name)}.{namespace}.svc:{COUNTS}/metrics",
            "format": "prometheus",
            "valueLocation": "modelport_activator_requests",
            "aggregateFromKubeServiceEndpoints": "true",
            "aggregationType": "sum",
            "targetValue": _number(each),
            "activationTargetValue": "0",
        },
    }


def cpu_trigger(percent: object) -> Json:
    return {"type": "cpu", "metricType": "Utilization", "metadata": {"value": _number(percent)}}


def cpu_metric(percent: object) -> Json:
    """The same for a HorizontalPodAutoscaler."""
    return {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}},
    }


def behavior(up_seconds: object, down_seconds: object) -> Json:
    """Up at once and by as many as there are; down by a tenth a minute, once `down_seconds` of calm have passed."""
    return {
        "scaleUp": {
            "stabilizationWindowSeconds": up_seconds,
            "selectPolicy": "Max",
            "policies": [
                {"type": "Percent", "value": 100, "periodSeconds": 15},
                {"type": "Pods", "value": 4, "periodSeconds": 15},
            ],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": down_seconds,
            "selectPolicy": "Max",
            "policies": [
                {"type": "Percent", "value": 10, "periodSeconds": 60},
                {"type": "Pods", "value": 1, "periodSeconds": 15},
            ],
        },
    }


def horizontal(name: str, least: object, most: object, metric: Json, behaviour: Json) -> Json:
    """A HorizontalPodAutoscalerSpec."""
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": [metric],
        "behavior": behaviour,
    }


def scaled_object(
    name: str,
    *,
    least: int,
    most: object,
    triggers: list[Json],
    behaviour: Json,
    polling: object,
    cooldown: object,
) -> Json:
    """The spec of a ScaledObject."""
    spec: Json = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "pollingInterval": polling,
        "cooldownPeriod": cooldown,
        # Else KEDA, which has seen no request yet, takes the pods away that were just made.
        **({"initialCooldownPeriod": cooldown} if least == 0 else {}),
        "minReplicaCount": least,
        "maxReplicaCount": most,
        "advanced": {
            # Who takes the autoscaler away finds a pod where there was none.
            "restoreToOriginalReplicaCount": least == 0,
            # KEDA names its own: one called as ours would stand in the way when a stack goes from one to the other.
            "horizontalPodAutoscalerConfig": {"behavior": behaviour},
        },
        "triggers": triggers,
    }
    if any(each["type"] != "cpu" for each in triggers):
        # Who cannot be asked says nothing about the load: what there is stays, and at least one.
        spec["fallback"] = {"failureThreshold": 3, "replicas": max(1, least), "behavior": "currentReplicasIfHigher"}
    return spec


def _number(value: object) -> str:
    """As KEDA wants numbers: in text."""
    number = float(str(value))
    return f"{number:g}" if abs(number) < 1e6 else f"{number:.0f}"


def problem(settings: Mapping[str, Any], *, holds: bool) -> str | None:
    """What is wrong with least, most and the targets of an autoscaler, in a line that says what to do."""
    least, most = float(settings["min"]), float(settings["max"])
    if least < (0 if holds else 1):
        fix = "pass an activator, which holds requests while there is no pod" if least == 0 else "write 1"
        return f"min is {least:g}, expected at least {0 if holds else 1}; {fix}"
    if holds and least > 0:
        return f"min is {least:g} beside an activator, expected 0; leave the activator out, or write 0"
    if most < max(1.0, least):
        return f"max is {most:g}, expected at least {max(1.0, least):g}; raise it, or lower min"
    for key, highest in (("cpu", 100.0), ("gpu", 100.0), ("latency", 600.0), ("requests_in_flight", 1e6)):
        value = settings.get(key)
        if value is not None and not 0 < float(value) <= highest:
            return f"{key} is {float(value):g}, expected more than 0 and at most {highest:g}"
    return None
