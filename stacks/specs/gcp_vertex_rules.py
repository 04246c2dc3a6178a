"""What Google Cloud would refuse of the target `gcp-vertex`, told before anything is planned, each in one line.

The rules are the component's own: its arguments are made of the stack file, and asked.
"""

from typing import TYPE_CHECKING, Any, Final, cast

from stacks.specs.gcp_common_rules import network, of_existing, project, released, standing
from stacks.specs.rules import pinned, pushed, scaled, told, unlike, worded

if TYPE_CHECKING:
    from components.gcp.vertex import VertexEndpointArgs
    from stacks.spec import StackSpec
    from stacks.specs.gcp_vertex import VertexSpec

KEYS: Final = {
    **{word: f"vertex.machine.{word}" for word in ("gpu", "gpu_count", "spot", "workers", "startup_seconds", "env")},
    "machine_type": "vertex.machine.type",
    "service_account": "vertex.machine.service_account",
    "gpu_target": "vertex.machine.gpu_busy",
    "private": "vertex.network",
    "min": "autoscaling.min",
    "max": "autoscaling.max",
    "cpu_target": "autoscaling.cpu",
    "error_percent": "vertex.alarms.error_percent",
    "latency_seconds": "vertex.alarms.latency",
    "alert_policies": "vertex.alarms.policies",
    "release": "release",
}
"""Keys of the stack file by the component's arguments; others are called as they are, under `vertex`."""
UNLIKE: Final = ("match", "analysis", "baseline", "replicas", "ready_timeout")
"""Keys of a release that Vertex AI has no counterpart of."""
STRATEGIES: Final = ("rolling", "canary", "blue-green")


def arguments(spec: "StackSpec") -> dict[str, Any]:
    """What the stack file says of the endpoint, as a VertexEndpoint takes it, without what is made later."""
    from components.gcp.vertex import VertexStrategy

    wanted, scaling = spec.vertex, spec.autoscaling
    assert wanted is not None
    machine, alarms = wanted.machine, wanted.alarms
    args: dict[str, Any] = {
        "project": wanted.project,
        "project_number": wanted.project_number,
        "region": wanted.region,
        **machine.model_dump(exclude={"type", "count", "gpu_busy"}, exclude_none=True),
        "machine_type": machine.type,
        "min": machine.count if scaling is None else scaling.min,
        "access_logs": wanted.access_logs,
        "allow_deletion": wanted.allow_deletion,
    }
    if wanted.access != "private":
        args["dedicated"] = wanted.access == "dedicated"
    optional = {
        "max": scaling.max if scaling is not None else None,
        "cpu_target": scaling.cpu if scaling is not None else None,
        "gpu_target": machine.gpu_busy,
        "invokers": dict(wanted.invokers),
        "logging": wanted.logging.model_dump(exclude_defaults=True) if wanted.logging is not None else None,
        "error_percent": alarms.error_percent,
        "latency_seconds": alarms.latency,
        "alert_policies": list(alarms.policies),
        "key_name": wanted.key_name,
        "labels": dict(wanted.labels),
        "release": released(spec, VertexStrategy),
    }
    return args | {key: value for key, value in optional.items() if value is not None and value not in ({}, [])}


def reaching(wanted: "VertexSpec", network_id: Any, subnetwork_id: Any) -> dict[str, Any]:
    """The network of a private endpoint, as a VertexEndpoint takes it."""
    asked = wanted.reached_in
    if asked is None:
        return {}
    made = {"network_id": network_id, "subnetwork_id": subnetwork_id, "global_access": asked.everywhere}
    return {"private": {**made, **({"projects": list(asked.projects)} if asked.projects else {})}}


def beside(spec: "StackSpec", secrets: frozenset[str]) -> list[str]:
    """A line for each thing that Google would refuse, or that Vertex AI has no counterpart of.

    secrets: places whose values are encrypted.
    """
    wanted = spec.vertex
    if wanted is None:
        return [
            "vertex is missing, expected the project and what is made in it; write project, project_number and region"
        ]
    why = "Vertex AI gives versions shares of the requests, and has no others; write canary"
    lines = [
        *pushed(spec, "vertex", secrets),
        *unlike(spec, "vertex", "Vertex AI", STRATEGIES, why, UNLIKE),
        *pinned(spec),
        *_scaling(spec, wanted),
    ]
    return lines or _asked(spec, wanted)


def _scaling(spec: "StackSpec", wanted: "VertexSpec") -> list[str]:
    return scaled(
        spec,
        "Vertex AI",
        ("vertex.machine.count", wanted.machine.count) if "count" in wanted.machine.model_fields_set else None,
        "Vertex AI keeps a replica at least",
        ("min", "max", "cpu"),
    )


def _asked(spec: "StackSpec", wanted: "VertexSpec") -> list[str]:
    """What the components would say of the same arguments, in the words of the stack file."""
    from components.gcp.vertex_asked import Asked

    lines = project("vertex", wanted)
    if lines:
        return lines
    asked = wanted.reached_in
    image, ids = standing(wanted, asked.existing if asked is not None else None)
    made = cast("VertexEndpointArgs", {**arguments(spec), **reaching(wanted, *ids), "image": image})
    keys = {**KEYS, "min": "vertex.machine.count"} if spec.autoscaling is None else KEYS
    lines = worded(told(lambda: Asked(wanted.name, made)), "VertexEndpoint", "vertex", keys)
    lines = of_existing("vertex", lines)
    if asked is not None and asked.existing is None:
        lines += network("vertex", asked)
    return lines
