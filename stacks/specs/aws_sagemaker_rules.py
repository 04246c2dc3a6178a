"""What AWS and SageMaker would refuse of the target `aws-sagemaker`, told before anything is planned, in one line each.

The rules are the component's own: its arguments are made of the stack file, and asked.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from stacks.specs.aws_common_rules import account, network
from stacks.specs.rules import pinned, pushed, scaled, told, unlike, worded

if TYPE_CHECKING:
    from components.aws.sagemaker import SageMakerEndpointArgs
    from stacks.spec import StackSpec
    from stacks.specs.aws_sagemaker import SageMakerSpec

KEYS: Final = {
    "instance_type": "sagemaker.instance.type",
    "workers": "sagemaker.instance.workers",
    "env": "sagemaker.instance.env",
    "startup_seconds": "sagemaker.instance.startup_seconds",
    "requests_target": "sagemaker.instance.requests_per_minute",
    "min": "autoscaling.min",
    "max": "autoscaling.max",
    "cpu_target": "autoscaling.cpu",
    "in_flight_target": "autoscaling.requests_in_flight",
    "error_percent": "sagemaker.alarms.error_percent",
    "latency_seconds": "sagemaker.alarms.latency",
    "alarm_names": "sagemaker.alarms.names",
    "release": "release",
}
"""Keys of the stack file by the component's arguments; others are called as they are, under `sagemaker`."""
OF_KUBERNETES: Final = ("match", "analysis", "baseline", "replicas", "ready_timeout")
"""Keys of a release that SageMaker has no counterpart of."""
STRATEGIES: Final = ("rolling", "canary", "blue-green", "shadow")


def arguments(spec: "StackSpec", serving: Any, image: Any, other: Callable[[str], Any]) -> dict[str, Any]:
    """What the stack file says of the endpoint, as a SageMakerEndpoint takes it, without what is made later.

    serving: the image that answers. image: the model's own. other: gives the image of a digest in the same repository.
    """
    from components.aws.sagemaker import SageMakerStrategy

    wanted, release, scaling = spec.sagemaker, spec.release, spec.autoscaling
    assert wanted is not None
    instance, alarms = wanted.instance, wanted.alarms
    args: dict[str, Any] = {
        "account_id": wanted.account_id,
        "region": wanted.region,
        "image": serving,
        "instance_type": instance.type,
        "weight": wanted.weight,
        "min": instance.count if scaling is None else scaling.min,
        "env": instance.env,
        "startup_seconds": instance.startup_seconds,
        "error_percent": alarms.error_percent,
        "log_days": wanted.log_days,
    }
    optional = {
        "max": scaling.max if scaling is not None else None,
        "cpu_target": scaling.cpu if scaling is not None else None,
        "in_flight_target": scaling.requests_in_flight if scaling is not None else None,
        "requests_target": instance.requests_per_minute,
        "workers": instance.workers,
        "latency_seconds": alarms.latency,
        "alarm_names": list(alarms.names) or None,
        "capture": wanted.capture.model_dump() if wanted.capture is not None else None,
        "tags": wanted.tags or None,
    }
    args |= {key: value for key, value in optional.items() if value is not None}
    if wanted.variants:
        args["variants"] = {
            name: {
                "image": other(each.digest),
                "weight": each.weight,
                **({"instance_type": each.type} if each.type is not None else {}),
            }
            for name, each in wanted.variants.items()
        }
    if release is None:
        return args
    if release.strategy == "shadow":
        args["shadow"] = {"image": image, "percent": wanted.shadow_percent}
        return {**args, "release": {"strategy": SageMakerStrategy.BLUE_GREEN}}
    made: dict[str, Any] = {"strategy": SageMakerStrategy(release.strategy)}
    if release.strategy == "canary":
        made["steps"] = [{"weight": each.weight, "pause": each.pause} for each in release.steps]
    if "pause" in release.model_fields_set:
        made["pause"] = release.pause
    return {**args, "release": made}


def beside(spec: "StackSpec", secrets: frozenset[str]) -> list[str]:
    """A line for each thing that AWS would refuse, or that SageMaker has no counterpart of.

    secrets: places whose values are encrypted.
    """
    wanted = spec.sagemaker
    if wanted is None:
        return ["sagemaker is missing, expected the account and what is made in it; write account_id and region"]
    lines = pushed(spec, "sagemaker", secrets)
    if spec.model.manifest != "docker":
        lines.append(
            f"model.manifest is {spec.model.manifest} with target aws-sagemaker, expected docker, as SageMaker takes "
            "no OCI image; remove it"
        )
    lines += [*_release(spec, wanted), *_scaling(spec, wanted)]
    return lines or _asked(spec, wanted)


def _release(spec: "StackSpec", wanted: "SageMakerSpec") -> list[str]:
    why = "SageMaker gives requests to variants by weight; write canary, or sagemaker.variants"
    lines = unlike(spec, "sagemaker", "SageMaker", STRATEGIES, why, OF_KUBERNETES)
    release = spec.release
    if release is None or release.strategy not in STRATEGIES:
        return lines
    lines += pinned(spec)
    if release.strategy != "shadow":
        return lines
    if release.pin is None:
        lines.append(
            "release.strategy is shadow without release.pin, expected the digest of the version that answers "
            "meanwhile, the output digest of the `up` that made it; write pin: sha256:..."
        )
    if wanted.variants:
        lines.append(
            "release.strategy is shadow beside sagemaker.variants, expected one of them, as SageMaker shadows an "
            "endpoint of one variant; leave variants out"
        )
    if "pause" in release.model_fields_set:
        lines.append(
            "release.pause is set with strategy shadow, expected none, as SageMaker promotes no shadow by itself; "
            "remove it, and write another strategy without pin once the shadow has shown itself"
        )
    return lines


def _scaling(spec: "StackSpec", wanted: "SageMakerSpec") -> list[str]:
    scaling, count = spec.autoscaling, wanted.instance.count
    if scaling is None:
        if wanted.instance.requests_per_minute is None:
            return []
        return [
            "sagemaker.instance.requests_per_minute is set without autoscaling, expected instances that come and go; "
            f"write autoscaling: {{min: {count}, max: {count * 4}}}, or remove it"
        ]
    return scaled(
        spec,
        "SageMaker",
        ("sagemaker.instance.count", count) if "count" in wanted.instance.model_fields_set else None,
        "an endpoint without instances answers nobody",
        ("min", "max", "cpu", "requests_in_flight"),
    )


def _asked(spec: "StackSpec", wanted: "SageMakerSpec") -> list[str]:
    """What the component would say of the same arguments, in the words of the stack file."""
    from components.aws.sagemaker_asked import Asked

    lines, _ = account("sagemaker", wanted)
    if lines:
        return lines
    # What is made later is right: it is asked for what stands in the file.
    repository, own = f"123456789012.dkr.ecr.{wanted.region}.amazonaws.com/a", f"sha256:{'0' * 64}"
    pin = spec.release.pin if spec.release is not None else None

    def other(digest: str) -> str:
        return f"{repository}@{digest}"

    made: dict[str, Any] = {
        **arguments(spec, other(pin or own), other(own), other),
        "vpc_id": "vpc-0123456789abcdef0",
        "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    }
    keys = {**KEYS, "min": "sagemaker.instance.count"} if spec.autoscaling is None else KEYS
    lines = told(lambda: Asked(wanted.name, cast("SageMakerEndpointArgs", made)))
    return worded(lines, "SageMakerEndpoint", "sagemaker", keys) + network("sagemaker", wanted.network, wanted.region)
