"""A version on Vertex AI: the model that is uploaded and how it is deployed, in the words of Vertex AI's own API."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

import pulumi

from components import outputs
from components.gcp.rest import Json
from components.kubernetes import names

PREDICT: Final = "/invocations"
"""Where the server takes a request that says nothing of its model, as this path is part of a version."""
PERIOD: Final = 5
"""Seconds between two looks at a server that starts."""
_PATIENCE: Final = 10
"""Seconds that a look may take."""
MACHINES: Final = 1800
"""Seconds that machines and an image may take beside the server's own start."""
_METRIC: Final = "aiplatform.googleapis.com/prediction/online"
CPU, GPU = f"{_METRIC}/cpu/utilization", f"{_METRIC}/accelerator/duty_cycle"

ACCELERATORS: Final[Mapping[str, str]] = {
    "t4": "NVIDIA_TESLA_T4",
    "v100": "NVIDIA_TESLA_V100",
    "l4": "NVIDIA_L4",
    "rtx-pro-6000": "NVIDIA_RTX_PRO_6000",
    "a100": "NVIDIA_TESLA_A100",
    "a100-80gb": "NVIDIA_A100_80GB",
    "h100": "NVIDIA_H100_80GB",
    "h100-mega": "NVIDIA_H100_MEGA_80GB",
    "h200": "NVIDIA_H200_141GB",
    "b200": "NVIDIA_B200",
}
"""Models of GPUs, and what Vertex AI calls them (the enum of `MachineSpec.acceleratorType`, 2026-11-22)."""


class Version(NamedTuple):
    """All that decides a version beside its image."""

    machine_type: str
    accelerator: str | None
    """As Vertex AI calls it."""
    accelerators: int
    spot: bool
    start: int
    """Seconds."""
    env: Mapping[str, pulumi.Input[str]]
    account: pulumi.Input[str] | None
    access_logs: bool


class Scale(NamedTuple):
    """How many replicas there are."""

    least: int
    most: int
    cpu: int
    gpu: int | None


def version(asked: Version, name: str, image: pulumi.Input[str], key: pulumi.Input[str]) -> dict[str, Any]:
    """The version as Vertex AI's API has it; its leaves may be outputs."""
    revision = outputs.known(names.revision, reference=cast("Any", image))
    env: dict[str, pulumi.Input[str]] = {
        "MODELPORT_HOST": "0.0.0.0",
        "MODELPORT_PORT": str(names.PORT),
        "MODELPORT_REVISION": revision,
        **asked.env,
    }
    machine: Json = {"machineType": asked.machine_type}
    if asked.accelerator is not None:
        machine |= {"acceleratorType": asked.accelerator, "acceleratorCount": asked.accelerators}
    resources: Json = {"machineSpec": machine}
    if asked.spot:
        resources["spot"] = True
    deployed: Json = {
        "displayName": outputs.known(_called, name=name, revision=revision),
        "dedicatedResources": resources,
        "enableAccessLogging": asked.access_logs,
    }
    if asked.account is not None:
        deployed["serviceAccount"] = asked.account
    model: Json = {
        "displayName": name,
        "versionDescription": revision,
        "encryptionSpec": {"kmsKeyName": key},
        "containerSpec": {
            "imageUri": image,
            "ports": [{"containerPort": names.PORT}],
            "predictRoute": PREDICT,
            "healthRoute": names.READY,
            "env": [{"name": each, "value": env[each]} for each in sorted(env)],
            "startupProbe": _probe(names.READY, -(-asked.start // PERIOD)),
            "healthProbe": _probe(names.READY, 2),
            "livenessProbe": _probe(names.LIVE, 6),
            "deploymentTimeout": f"{asked.start + MACHINES}s",
        },
    }
    return {"model": model, "deployed": deployed}


def scale(asked: Scale) -> Json:
    """Replicas, and what they are scaled by."""
    targets = {CPU: asked.cpu, GPU: asked.gpu}
    return {
        "minReplicaCount": asked.least,
        "maxReplicaCount": asked.most,
        "autoscalingMetricSpecs": [
            {"metricName": metric, "target": target} for metric, target in targets.items() if target is not None
        ],
    }


def _called(name: str, revision: str) -> str:
    return f"{name}-{revision}"


def _probe(path: str, failures: int) -> Json:
    return {
        "httpGet": {"path": path, "port": names.PORT},
        "periodSeconds": PERIOD,
        "timeoutSeconds": _PATIENCE,
        "failureThreshold": failures,
    }
