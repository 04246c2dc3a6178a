"""What AWS and EKS would refuse of the section `aws`, told before anything is planned, each in one line.

The rules are the components' own; here they are asked of the whole file at once, as a component asks them of its own
arguments only when others have been registered.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from stacks.specs import cluster_rules
from stacks.specs.aws_common_rules import account, front, network
from stacks.specs.rules import told

if TYPE_CHECKING:
    from stacks.spec import StackSpec
    from stacks.specs.aws import AwsSpec, BalancerSpec, GpuSpec
    from stacks.specs.aws_common import VpcSpec

PRINCIPAL = r"(role|user)/[\w+=,.@/-]{1,512}"


def beside(spec: "StackSpec", secrets: frozenset[str]) -> list[str]:
    """A line for each thing that AWS would refuse, or that a cluster which is just made does not have.

    secrets: places whose values are encrypted.
    """
    if spec.aws is None:
        return ["aws is missing, expected the account and what is made in it; write account_id, region and cluster"]
    front = spec.aws.load_balancer
    lines = cluster_rules.made(spec, "aws", anonymous=front is not None and front.anonymous, secrets=secrets)
    return lines + unfit(spec.aws, spec.model.platforms)


def unfit(wanted: "AwsSpec", platforms: Sequence[str] = ()) -> list[str]:
    """A line for each thing that AWS would refuse."""
    lines, there = account("aws", wanted)
    lines += _cluster(wanted)
    if wanted.load_balancer is not None:
        lines += _balancer(wanted.load_balancer, wanted.network.existing)
    if there:
        lines += [*network("aws", wanted.network, wanted.region), *_nodes(wanted, platforms)]
    return lines


def _cluster(wanted: "AwsSpec") -> list[str]:
    from components.aws import catalog, checks

    cluster, what = wanted.cluster, "aws.cluster"
    lines: list[str] = []
    if cluster.version not in catalog.KUBERNETES:
        known = list(catalog.KUBERNETES)
        near = difflib.get_close_matches(cluster.version, known, 1) or known
        lines.append(
            f"{what}.version is {cluster.version!r}, expected a version of Kubernetes that EKS supports: "
            f'{", ".join(known)}; write "{near[0]}"'
        )
    elif cluster.support == "STANDARD" and (until := catalog.KUBERNETES[cluster.version].standard) < catalog.UPDATED:
        lines.append(
            f"{what}.version is '{cluster.version}', expected one in standard support, which this was until {until}, "
            "as support is STANDARD; take a newer one, or support: EXTENDED"
        )
    if not cluster.admins:
        lines.append(
            f"{what}.admins is empty, expected who runs up at least, as to have made a cluster gives no rights in it; "
            "write deployer: arn:aws:iam::123456789012:role/deployer"
        )
    for who, arn in cluster.admins.items():
        lines += told(partial(checks.arn, f"{what}.admins.{who}", arn, "iam", PRINCIPAL, "role/deployer"))
    lines += told(lambda: checks.log_days(f"{what}.log_days", cluster.log_days))
    lines += [
        f"{what}.public_access_cidrs has {each}, expected networks of those who administer the cluster, as this opens "
        "its API server to the internet; name theirs"
        for each in cluster.public_access_cidrs
        if int(each.partition("/")[2]) < 8
    ]
    return lines + _ordered(what, cluster.model_dump())


def _nodes(wanted: "AwsSpec", platforms: Sequence[str]) -> list[str]:
    """Machines that a region does not have, or that are not what they are to be."""
    types = {"aws.cluster.instance_types": wanted.cluster.instance_types or ()}
    pools = wanted.autoscaler.pools if wanted.autoscaler else {}
    moved = wanted.autoscaler is not None and wanted.autoscaler.kind == "cluster-autoscaler"
    types |= {f"aws.autoscaler.pools.{name}.instance_types": each.instance_types or () for name, each in pools.items()}
    lines = [line for what, each in types.items() for line in _types(what, each, wanted.region)]
    own = {f"aws.autoscaler.pools.{name}.instance_types" for name, pool in pools.items() if pool.gpus}
    # Nodes with GPUs are kept for pods that ask for one; on any other the model's pods may come to stand.
    if "linux/arm64" not in platforms:
        lines += [line for what, each in types.items() if what not in own for line in _arms(what, each)]
    for name, pool in pools.items():
        if pool.gpus and (not pool.instance_types or pool.limit_gpus is None):
            key = "limit_gpus" if pool.instance_types else "instance_types"
            lines.append(
                f"aws.autoscaler.pools.{name}.{key} is missing, expected it, as the pool has GPUs; write {key}"
            )
    for name, group in (wanted.gpu.groups if wanted.gpu else {}).items():
        lines += _gpus(f"aws.gpu.groups.{name}", name, group, wanted.region)
        if not moved and not (group.desired or group.min):
            lines.append(
                f"aws.gpu.groups.{name}.desired is 0 without a cluster autoscaler, expected a node at least, as nobody "
                "would start one; write desired: 1, or aws.autoscaler with kind: cluster-autoscaler"
            )
    if wanted.gpu and wanted.gpu.device_plugin_image is None:
        lines += [
            f"aws.gpu.device_plugin_image is missing, expected NVIDIA's device plugin by digest, as the nodes of "
            f"{name} have none; name it, or write image: BOTTLEROCKET"
            for name, group in wanted.gpu.groups.items()
            if group.image == "AL2023"
        ][:1]
    return lines


def _gpus(what: str, name: str, group: "GpuSpec", region: str) -> list[str]:
    from components import checks as values
    from components.aws import catalog, checks

    lines = told(
        lambda: values.fits(
            f"the name of {what}", name, r"[a-z]([-a-z0-9]{0,13}[a-z0-9])?",
            "at most 15 lower-case letters, digits and hyphens, a letter first", "l4",
        ),
        *(partial(checks.gpu_type, f"{what}.instance_types", each) for each in group.instance_types),
    )  # fmt: skip
    if not group.instance_types:
        lines.append(f"{what}.instance_types is empty, expected a type with NVIDIA GPUs; for example [g6.xlarge]")
    kinds = {(catalog.GPU_TYPES[each].model, catalog.GPU_TYPES[each].count)
             for each in group.instance_types if each in catalog.GPU_TYPES}  # fmt: skip
    if len(kinds) > 1:
        models = " and ".join(f"{count} {model}" for model, count in sorted(kinds))
        lines.append(f"{what}.instance_types have {models}, expected as many GPUs of one model each; make two groups")
    if not lines:
        lines = list(_types(f"{what}.instance_types", group.instance_types, region))
    return lines + _ordered(what, group.model_dump())


def _types(what: str, types: Sequence[str], region: str) -> Iterator[str]:
    from components.aws import checks

    for each in types:
        lines = told(partial(checks.instance_type, what, each))
        yield from lines or told(partial(checks.offered, what, each, region))


def _arms(what: str, types: Sequence[str]) -> list[str]:
    from components.aws import nodes

    return [
        f"{what} has {each}, expected types of x86_64, as the model's image is of; for example m7i.large, or write "
        "model.platforms: [linux/amd64, linux/arm64]"
        for each in types
        if nodes.arm(each)
    ]


def _ordered(what: str, sizes: Mapping[str, Any]) -> list[str]:
    from components import checks

    numbers = [(f"{what}.{key}", sizes[key]) for key in ("min", "desired", "max") if sizes[key] is not None]
    return told(lambda: checks.in_order(numbers))


def _balancer(wanted: "BalancerSpec", there: "VpcSpec | None") -> list[str]:
    what, lines = "aws.load_balancer", front("aws", wanted, there)
    if not wanted.keys and not wanted.anonymous:
        lines.append(
            f"{what}.keys is empty, expected a key's name, for without one everybody is answered; write keys: "
            "[default], or anonymous: true if that is meant"
        )
    return lines
