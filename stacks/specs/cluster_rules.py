"""What a cluster that a stack makes itself does not have, told before anything is planned, each in one line."""

from typing import TYPE_CHECKING

from stacks.specs.rules import pushed

if TYPE_CHECKING:
    from stacks.spec import StackSpec

EVERYWHERE = ("default", "kube-system", "kube-public", "kube-node-lease")


def made(spec: "StackSpec", section: str, *, anonymous: bool, secrets: frozenset[str]) -> list[str]:
    """A line for each thing that the file asks of a cluster which is just made, and that has none of it.

    section: where the file says whose the cluster is. anonymous: whether its load balancer asks nobody for a key.
    secrets: places whose values are encrypted.
    """
    lines = pushed(spec, section, secrets)
    for key in ("context", "create_namespace", "pull_secret"):
        if key in spec.kubernetes.model_fields_set:
            lines.append(
                f"kubernetes.{key} is set with target {spec.target}, expected none, as the stack makes its cluster; "
                "remove it"
            )
    if spec.kubernetes.namespace in EVERYWHERE:
        lines.append(
            f"kubernetes.namespace is {spec.kubernetes.namespace}, expected one that the stack makes, as every cluster "
            "has that; leave it out"
        )
    if "type" in spec.service.model_fields_set:
        lines.append(
            f"service.type is {spec.service.type} with target {spec.target}, expected none, as what a cluster makes "
            f"outside of itself outlives it; remove it, and write {section}.load_balancer"
        )
    scaling = spec.autoscaling
    if scaling is not None and scaling.by_keda:
        lines.append(
            "autoscaling wants KEDA, which a cluster that is just made does not have, expected cpu alone with min 1 or "
            "more; leave the other targets out"
        )
    analysis = spec.release.analysis if spec.release is not None else None
    if analysis is not None and "://" not in analysis.prometheus:
        lines.append(
            "release.analysis asks a Prometheus in the cluster, and one that is just made has none, expected another; "
            "write release.analysis.prometheus: https://..., or leave analysis out"
        )
    if anonymous and (spec.api_keys or "api_keys" in secrets):
        lines.append(
            f"{section}.load_balancer.anonymous is true beside api_keys, expected one of them: the server would want a "
            "key from everybody; remove one"
        )
    return lines
