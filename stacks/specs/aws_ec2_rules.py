"""What AWS would refuse of the target `aws-ec2`, told before anything is planned, each in one line.

The rules are the component's own: its arguments are made of the stack file, and asked.
"""

from typing import TYPE_CHECKING, Any, Final, cast

from stacks.specs.aws_common_rules import account, front, network
from stacks.specs.rules import pinned, pushed, scaled, told, unlike, worded

if TYPE_CHECKING:
    from components.aws.ec2_service import Ec2ServiceArgs
    from stacks.spec import StackSpec
    from stacks.specs.aws_ec2 import Ec2Spec

KEYS: Final = {
    **{word: f"ec2.instance.{word}" for word in ("image_id", "spot_percent", "disk_gib", "workers", "env")},
    "instance_types": "ec2.instance.types",
    "max_instance_days": "ec2.instance.max_days",
    "allow_sessions": "ec2.instance.sessions",
    "requests_target": "ec2.instance.requests_per_minute",
    **{word: f"autoscaling.{word}" for word in ("min", "desired", "max")},
    "cpu_target": "autoscaling.cpu",
    "error_percent": "ec2.alarms.error_percent",
    "latency_seconds": "ec2.alarms.latency",
    "alarm_names": "ec2.alarms.names",
    "release": "release",
}
"""Keys of the stack file by the component's arguments; others are called as they are, under `ec2`."""
OF_KUBERNETES: Final = ("match", "analysis", "baseline", "replicas", "ready_timeout")
"""Keys of a release that an instance refresh has no counterpart of."""


def arguments(spec: "StackSpec") -> dict[str, Any]:
    """What the stack file says of the service, as an Ec2Service takes it."""
    from components.aws.ec2_service import Ec2Strategy

    wanted = spec.ec2
    assert wanted is not None
    instance, alarms, scaling = wanted.instance, wanted.alarms, spec.autoscaling
    args: dict[str, Any] = {
        "account_id": wanted.account_id,
        "region": wanted.region,
        "spot_percent": instance.spot_percent,
        "max_instance_days": instance.max_days,
        "env": instance.env,
        "allow_sessions": instance.sessions,
        "log_days": wanted.log_days,
        "wait": wanted.wait,
        "min": instance.count,
    }
    if scaling is not None:
        args |= {"min": scaling.min, "max": scaling.max}
    optional = {
        "instance_types": list(instance.types) if instance.types is not None else None,
        "image_id": instance.image_id,
        "disk_gib": instance.disk_gib,
        "workers": instance.workers,
        "requests_target": instance.requests_per_minute,
        "cpu_target": scaling.cpu if scaling is not None else None,
        "latency_seconds": alarms.latency,
        "error_percent": alarms.error_percent if measured(wanted) else None,
        "alarm_names": list(alarms.names) or None,
        "tags": wanted.tags or None,
    }
    args |= {key: value for key, value in optional.items() if value is not None}
    if (release := spec.release) is not None:
        asked: dict[str, Any] = {"strategy": Ec2Strategy(release.strategy)}
        if release.strategy == "canary":
            asked["steps"] = [{"weight": each.weight, "pause": each.pause} for each in release.steps]
        if release.strategy == "canary" or "pause" in release.model_fields_set:
            asked["pause"] = release.pause
        args["release"] = asked
    return args


def measured(wanted: "Ec2Spec") -> bool:
    """Whether an ALB counts answers."""
    return wanted.load_balancer is not None and wanted.load_balancer.kind == "ALB"


def beside(spec: "StackSpec", secrets: frozenset[str]) -> list[str]:
    """A line for each thing that AWS would refuse, or that an instance refresh has no counterpart of.

    secrets: places whose values are encrypted.
    """
    wanted = spec.ec2
    if wanted is None:
        return ["ec2 is missing, expected the account and what is made in it; write account_id and region"]
    lines = [*pushed(spec, "ec2", secrets), *_release(spec, wanted), *pinned(spec), *_scaling(spec, wanted)]
    return lines or _asked(spec, wanted)


def _release(spec: "StackSpec", wanted: "Ec2Spec") -> list[str]:
    why = "an instance refresh has no others; write canary"
    lines = unlike(spec, "ec2", "an instance refresh", ("rolling", "canary"), why, OF_KUBERNETES)
    canary = spec.release is not None and spec.release.strategy == "canary"
    if canary and not (measured(wanted) or wanted.alarms.names):
        lines.append(
            "release.strategy is canary without an ALB, expected alarms that end it; write ec2.load_balancer with kind "
            "ALB, or ec2.alarms.names"
        )
    return lines


def _scaling(spec: "StackSpec", wanted: "Ec2Spec") -> list[str]:
    instance = wanted.instance
    return scaled(
        spec,
        "EC2 Auto Scaling",
        ("ec2.instance.count", instance.count) if "count" in instance.model_fields_set else None,
        "nothing would start an instance",
        ("min", "max", "cpu"),
        ", and write ec2.instance.requests_per_minute to scale by requests",
    )


def _asked(spec: "StackSpec", wanted: "Ec2Spec") -> list[str]:
    """What the component would say of the same arguments, in the words of the stack file."""
    from components.aws.ec2_service_asked import Asked

    made: dict[str, Any] = {
        **arguments(spec),
        # What is made later is right: it is asked for what stands in the file.
        "image": f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/a@sha256:{'0' * 64}",
        "vpc_id": "vpc-0123456789abcdef0",
        "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    }
    if wanted.load_balancer is not None:
        group = "targetgroup/a/0123456789abcdef"
        made["load_balancer"] = {
            "target_group_arn": f"arn:aws:elasticloadbalancing:{wanted.region}:123456789012:{group}",
            "security_group_id": "sg-0123456789abcdef0",
        }
        if measured(wanted):
            made["load_balancer"] |= {"arn_suffix": "app/a/0123456789abcdef", "target_group_arn_suffix": group}
    lines, _ = account("ec2", wanted)
    if lines:
        return lines
    lines = told(lambda: Asked(wanted.name, cast("Ec2ServiceArgs", made)))
    lines = [line.replace("write image_id, or", "write ec2.instance.image_id, or") for line in lines]
    lines = worded(lines, "Ec2Service", "ec2", KEYS)
    lines += network("ec2", wanted.network, wanted.region)
    return lines + front("ec2", wanted.load_balancer, wanted.network.existing)
