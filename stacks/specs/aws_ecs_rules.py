"""What AWS and ECS would refuse of the target `aws-ecs`, told before anything is planned, each in one line.

The rules are the component's own: its arguments are made of the stack file, and asked.
"""

from typing import TYPE_CHECKING, Any, Final, cast

from stacks.specs.aws_common_rules import account, front, network
from stacks.specs.rules import pinned, pushed, scaled, told, unlike, worded

if TYPE_CHECKING:
    from components.aws.ecs import EcsServiceArgs
    from stacks.spec import StackSpec
    from stacks.specs.aws_ecs import EcsSpec

KEYS: Final = {
    **{word: f"ecs.task.{word}" for word in ("cpu", "memory", "workers", "requests_per_second", "spot_percent", "env")},
    **{word: f"ecs.gpu.{word}" for word in ("instance_types", "gpus", "max_instances", "disk_gib")},
    **{word: f"autoscaling.{word}" for word in ("min", "desired", "max")},
    "cpu_target": "autoscaling.cpu",
    "requests_target": "ecs.task.requests_per_minute",
    "error_percent": "ecs.alarms.error_percent",
    "latency_seconds": "ecs.alarms.latency",
    "alarm_names": "ecs.alarms.names",
    "release": "release",
}
"""Keys of the stack file by the component's arguments; others are called as they are, under `ecs`."""
STRATEGIES: Final = ("rolling", "canary", "blue-green")
OF_KUBERNETES: Final = ("match", "analysis", "baseline", "replicas", "ready_timeout")
"""Keys of a release that ECS has no counterpart of."""


def arguments(spec: "StackSpec") -> dict[str, Any]:
    """What the stack file says of the service, as an EcsService takes it."""
    from components.aws.ecs import EcsCapacity, EcsStrategy

    wanted = spec.ecs
    assert wanted is not None
    task, alarms = wanted.task, wanted.alarms
    args: dict[str, Any] = {
        "account_id": wanted.account_id,
        "region": wanted.region,
        "workers": task.workers,
        "requests_per_second": task.requests_per_second,
        "spot_percent": task.spot_percent,
        "env": task.env,
        "log_days": wanted.log_days,
        "wait": wanted.wait,
        "min": task.count,
    }
    scaling = spec.autoscaling
    if scaling is not None:
        args |= {"min": scaling.min, "max": scaling.max}
    optional = {
        "cpu": task.cpu,
        "memory": task.memory,
        "requests_target": task.requests_per_minute,
        "cpu_target": scaling.cpu if scaling is not None else None,
        "latency_seconds": alarms.latency,
        "error_percent": alarms.error_percent if _measured(wanted) else None,
        "tags": wanted.tags or None,
    }
    args |= {key: value for key, value in optional.items() if value is not None}
    if alarms.names:
        args["alarm_names"] = list(alarms.names)
    if wanted.gpu is not None:
        told = wanted.gpu.model_dump(exclude_none=True)
        args |= {**told, "instance_types": list(wanted.gpu.instance_types), "capacity": EcsCapacity.GPU_INSTANCES}
    if spec.release is not None:
        release: dict[str, Any] = {"strategy": EcsStrategy(spec.release.strategy)}
        if spec.release.strategy == "canary":
            release["steps"] = [{"weight": each.weight, "pause": each.pause} for each in spec.release.steps]
        if spec.release.strategy != "rolling":
            release["pause"] = spec.release.pause
        args["release"] = release
    return args


def _measured(wanted: "EcsSpec") -> bool:
    """Whether an ALB counts answers."""
    return wanted.load_balancer is not None and wanted.load_balancer.kind == "ALB"


def beside(spec: "StackSpec", secrets: frozenset[str]) -> list[str]:
    """A line for each thing that AWS would refuse, or that ECS has no counterpart of.

    secrets: places whose values are encrypted.
    """
    wanted = spec.ecs
    if wanted is None:
        return ["ecs is missing, expected the account and what is made in it; write account_id and region"]
    lines = pushed(spec, "ecs", secrets)
    lines += [*_release(spec, wanted), *pinned(spec), *_scaling(spec, wanted)]
    return lines or _asked(spec, wanted)


def _release(spec: "StackSpec", wanted: "EcsSpec") -> list[str]:
    lines = unlike(spec, "ecs", "ECS", STRATEGIES, "ECS has no others; write canary", OF_KUBERNETES)
    release = spec.release
    if release is None or release.strategy not in STRATEGIES or release.strategy == "rolling":
        return lines
    if wanted.load_balancer is None:
        lines.append(
            f"release.strategy is {release.strategy} without ecs.load_balancer, expected one that moves requests from "
            "a version to the other; write ecs.load_balancer, or strategy: rolling"
        )
    elif not (_measured(wanted) or wanted.alarms.names):
        lines.append(
            f"release.strategy is {release.strategy} with ecs.load_balancer.kind NLB, which measures no answers, "
            "expected alarms of your own that roll it back; write ecs.alarms.names, or kind: ALB"
        )
    return lines


def _scaling(spec: "StackSpec", wanted: "EcsSpec") -> list[str]:
    task = wanted.task
    return scaled(
        spec,
        "ECS",
        ("ecs.task.count", task.count) if "count" in task.model_fields_set else None,
        "nothing would start a task",
        ("min", "max", "cpu"),
        ", and write ecs.task.requests_per_minute to scale by requests",
    )


def _asked(spec: "StackSpec", wanted: "EcsSpec") -> list[str]:
    """What the component would say of the same arguments, in the words of the stack file."""
    from components.aws.ecs_asked import Asked

    balancer: dict[str, Any] = {}
    if wanted.load_balancer is not None:
        arn = f"arn:aws:elasticloadbalancing:{wanted.region}:123456789012"
        balancer = {
            "target_group_arn": f"{arn}:targetgroup/a/0123456789abcdef",
            "alternate_target_group_arn": f"{arn}:targetgroup/b/0123456789abcdef",
            "rule_arn": f"{arn}:listener/net/a/0123456789abcdef/0123456789abcdef",
            "security_group_id": "sg-0123456789abcdef0",
        }
        if _measured(wanted):
            group = "targetgroup/a/0123456789abcdef"
            balancer |= {"arn_suffix": "app/a/0123456789abcdef", "target_group_arn_suffix": group}
    made: dict[str, Any] = {
        **arguments(spec),
        # What is made later is right: it is asked for what stands in the file.
        "image": f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/a@sha256:{'0' * 64}",
        "vpc_id": "vpc-0123456789abcdef0",
        "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        **({"load_balancer": balancer} if balancer else {}),
    }
    lines, _ = account("ecs", wanted)
    if lines:
        return lines
    lines = told(lambda: Asked(wanted.name, cast("EcsServiceArgs", made)))
    lines = [line.replace("capacity: EcsCapacity.GPU_INSTANCES with instance_types", "ecs.gpu") for line in lines]
    lines = worded(lines, "EcsService", "ecs", KEYS)
    lines += network("ecs", wanted.network, wanted.region)
    return lines + front("ecs", wanted.load_balancer, wanted.network.existing)
