"""A version of a Cloud Run service: what its instances run and as whom, in the words of Cloud Run's own API.

The same text goes both ways: to the API, which makes a version beside the one that serves, and to the service's own
resource, which then finds that version there. So there is one form of it, and `provided` puts it into the SDK's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import pulumi

from components import outputs
from components.gcp.cloud_run_sizes import Size
from components.kubernetes import names, sizing

Json = dict[str, Any]

DRAIN: Final = 8
"""Seconds that a server takes at most to finish what it has in hand: Cloud Run ends it 10 after it asked it to
("Container runtime contract" of Cloud Run, 2026-11-22)."""
PERIOD: Final = 2
"""Seconds between two looks at an instance that starts."""
GEN2: Final = "EXECUTION_ENVIRONMENT_GEN2"
"""A whole Linux, which GPUs and a writable /tmp want."""
LATEST: Final = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
FIXED: Final = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"


class Revision(NamedTuple):
    """All that decides a version beside its image."""

    size: Size
    workers: int
    concurrency: int
    timeout: int
    most: int
    start: int
    always: bool
    boost: bool
    redundant: bool
    env: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, Json]
    network: Json | None


def template(
    asked: Revision, image: pulumi.Input[str], account: pulumi.Input[str], key: pulumi.Input[str]
) -> dict[str, Any]:
    """The version as Cloud Run's API has it; its leaves may be outputs."""
    made: Json = {
        "serviceAccount": account,
        "encryptionKey": key,
        "executionEnvironment": GEN2,
        "maxInstanceRequestConcurrency": asked.concurrency,
        "timeout": f"{asked.timeout}s",
        "scaling": {"maxInstanceCount": asked.most},
        "containers": [_container(asked, image)],
    }
    if asked.size.gpu is not None:
        made["nodeSelector"] = {"accelerator": asked.size.gpu.value}
        made["gpuZonalRedundancyDisabled"] = not asked.redundant
    if asked.network is not None:
        made["vpcAccess"] = asked.network
    return made


def _container(asked: Revision, image: pulumi.Input[str]) -> Json:
    limits = {"cpu": str(asked.size.cpu), "memory": f"{asked.size.memory}Mi"}
    if asked.size.gpu is not None:
        limits["nvidia.com/gpu"] = "1"
    env: dict[str, pulumi.Input[str]] = {
        "MODELPORT_HOST": "0.0.0.0",
        "MODELPORT_PORT": str(names.PORT),
        "MODELPORT_WORKERS": str(asked.workers),
        "MODELPORT_REVISION": outputs.known(names.revision, reference=cast("Any", image)),
        "MODELPORT_MAX_HELD_BYTES": str(sizing.HELD),
        "MODELPORT_DRAIN_TIMEOUT": str(DRAIN),
        **asked.env,
    }
    named: dict[str, Json] = {key: {"value": value} for key, value in env.items()}
    named |= {key: {"valueSource": {"secretKeyRef": dict(each)}} for key, each in asked.secrets.items()}
    return {
        "name": names.CONTAINER,
        "image": image,
        "ports": [{"name": "http1", "containerPort": names.PORT}],
        "env": [{"name": key, **named[key]} for key in sorted(named)],
        "resources": {"limits": limits, "cpuIdle": not asked.always, "startupCpuBoost": asked.boost},
        "startupProbe": {
            "httpGet": {"path": names.READY, "port": names.PORT},
            "periodSeconds": PERIOD,
            "timeoutSeconds": 1,
            "failureThreshold": -(-asked.start // PERIOD),
        },
        "livenessProbe": {
            "httpGet": {"path": names.LIVE, "port": names.PORT},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
    }


def provided(given: Mapping[str, Any]) -> Any:
    """A template in the words of the SDK's Service."""
    made = _snake(given)
    for container in made["containers"]:
        container["envs"] = container.pop("env")
        (container["ports"],) = container["ports"]
    return made


def _snake(value: Any) -> Any:
    """Keys in snake case, all but those of limits, which are names of resources."""
    if isinstance(value, Mapping):
        known = cast("Mapping[str, Any]", value)
        return {_key(key): each if key == "limits" else _snake(each) for key, each in known.items()}
    if isinstance(value, list):
        return [_snake(each) for each in cast("Sequence[Any]", value)]
    return value


def _key(text: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in text)


def traffic(revision: str) -> list[dict[str, Any]]:
    """Who gets the requests, as the service's own resource says it: one version, or the only one that there is yet."""
    if not revision:
        return [{"type": LATEST, "percent": 100}]
    return [{"type": FIXED, "revision": revision, "percent": 100}]
