"""What Google Cloud would refuse of the target `gcp-cloudrun`, told before anything is planned, each in one line.

The rules are the component's own: its arguments are made of the stack file, and asked.
"""

from typing import TYPE_CHECKING, Any, Final, cast

from stacks.specs.gcp_common_rules import front, network, of_existing, project, released, standing
from stacks.specs.rules import pinned, pushed, scaled, told, unlike, worded

if TYPE_CHECKING:
    from components.gcp.cloud_run import CloudRunServiceArgs
    from stacks.spec import StackSpec
    from stacks.specs.gcp_cloudrun import CloudRunSpec

_INSTANCE: Final = (
    *("cpu", "memory", "workers", "concurrency", "timeout", "startup_seconds", "startup_boost", "cpu_always", "env"),
    *("secrets", "service_account"),
)
KEYS: Final = {
    **{word: f"cloudrun.instance.{word}" for word in _INSTANCE},
    "gpu": "cloudrun.gpu.type",
    "gpu_zonal_redundancy": "cloudrun.gpu.zonal_redundancy",
    "min": "autoscaling.min",
    "max": "autoscaling.max",
    "error_percent": "cloudrun.alarms.error_percent",
    "latency_seconds": "cloudrun.alarms.latency",
    "alert_policies": "cloudrun.alarms.policies",
    "release": "release",
}
"""Keys of the stack file by the component's arguments; others are called as they are, under `cloudrun`."""
UNLIKE: Final = ("match", "analysis", "baseline", "replicas", "ready_timeout")
"""Keys of a release that Cloud Run has no counterpart of."""
STRATEGIES: Final = ("rolling", "canary", "blue-green")
NARROWEST: Final = 26
"""Bits of a subnetwork that instances reach out from ("Direct VPC egress" of Cloud Run, 2026-11-22)."""


def arguments(spec: "StackSpec") -> dict[str, Any]:
    """What the stack file says of the service, as a CloudRunService takes it, without what is made later."""
    from components.gcp.cloud_run import CloudRunGpu, CloudRunIngress, CloudRunStrategy

    wanted, scaling = spec.cloudrun, spec.autoscaling
    assert wanted is not None
    instance, alarms = wanted.instance, wanted.alarms
    args: dict[str, Any] = {
        "project": wanted.project,
        "project_number": wanted.project_number,
        "region": wanted.region,
        **instance.model_dump(exclude={"secrets"}, exclude_none=True),
        "ingress": CloudRunIngress(wanted.open_to),
        "anonymous": wanted.anonymous,
        "binary_authorization": wanted.binary_authorization,
        "allow_deletion": wanted.allow_deletion,
    }
    optional = {
        "secrets": {key: each.model_dump(exclude_none=True) for key, each in instance.secrets.items()},
        "invokers": dict(wanted.invokers),
        "error_percent": alarms.error_percent,
        "latency_seconds": alarms.latency,
        "alert_policies": list(alarms.policies),
        "key_name": wanted.key_name,
        "audiences": _audiences(wanted),
        "labels": dict(wanted.labels),
        "release": released(spec, CloudRunStrategy),
    }
    args |= {key: value for key, value in optional.items() if value is not None and value not in ({}, [])}
    if scaling is not None:
        args |= {"min": scaling.min, "max": scaling.max}
    if wanted.gpu is not None:
        args |= {"gpu": CloudRunGpu(wanted.gpu.type), "gpu_zonal_redundancy": wanted.gpu.zonal_redundancy}
    return args


def reaching(wanted: "CloudRunSpec", network_id: Any, subnetwork_id: Any) -> dict[str, Any]:
    """The network that instances reach out into, as a CloudRunService takes it."""
    from components.gcp.cloud_run import CloudRunEgress

    asked = wanted.network
    if asked is None:
        return {}
    made = {"network_id": network_id, "subnetwork_id": subnetwork_id, "egress": CloudRunEgress(asked.egress)}
    return {"network": {**made, **({"tags": list(asked.tags)} if asked.tags else {})}}


def _audiences(wanted: "CloudRunSpec") -> list[str]:
    """What tokens of callers may be for beside Cloud Run's own URL: that which they use."""
    front = wanted.load_balancer
    return [f"https://{front.hostname}"] if front is not None and not wanted.anonymous else []


def beside(spec: "StackSpec", secrets: frozenset[str]) -> list[str]:
    """A line for each thing that Google would refuse, or that Cloud Run has no counterpart of.

    secrets: places whose values are encrypted.
    """
    wanted = spec.cloudrun
    if wanted is None:
        return [
            "cloudrun is missing, expected the project and what is made in it; write project, project_number and region"
        ]
    why = "Cloud Run has no others; write canary"
    lines = [
        *pushed(spec, "cloudrun", secrets),
        *unlike(spec, "cloudrun", "Cloud Run", STRATEGIES, why, UNLIKE),
        *pinned(spec),
        *_scaling(spec),
    ]
    return lines or _asked(spec, wanted)


def _scaling(spec: "StackSpec") -> list[str]:
    fix = ", and write cloudrun.instance.concurrency to scale by requests"
    return scaled(spec, "Cloud Run", None, None, ("min", "max"), fix)


def _asked(spec: "StackSpec", wanted: "CloudRunSpec") -> list[str]:
    """What the components would say of the same arguments, in the words of the stack file."""
    from components.gcp.cloud_run_asked import Asked

    lines = project("cloudrun", wanted)
    if lines:
        return lines
    image, ids = standing(wanted, wanted.network.existing if wanted.network is not None else None)
    made = cast("CloudRunServiceArgs", {**arguments(spec), **reaching(wanted, *ids), "image": image})
    lines = worded(told(lambda: Asked(wanted.name, made)), "CloudRunService", "cloudrun", KEYS)
    return of_existing("cloudrun", lines) + _network(wanted) + front("cloudrun", wanted.load_balancer)


def _network(wanted: "CloudRunSpec") -> list[str]:
    asked = wanted.network
    if asked is None or asked.existing is not None:
        return []
    lines = network("cloudrun", asked)
    if not lines and int(asked.cidr.rpartition("/")[2]) > NARROWEST:
        lines.append(
            f"cloudrun.network.cidr is {asked.cidr}, expected at least 64 addresses, as instances of Cloud Run have "
            f"some of their own; write a network of /{NARROWEST} or larger"
        )
    return lines
