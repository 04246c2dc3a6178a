"""Pools of nodes that Karpenter may make: what one may say, and what that is in Karpenter's words."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, NotRequired, TypedDict

import pulumi

from components import checks
from components.aws import catalog, karpenter, nodes
from components.aws import checks as aws
from components.outputs import known

Json = dict[str, Any]

NAME = r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?"
LABEL = r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
RELEASE: Final = {karpenter.AL2023: r"v20[0-9]{6}", karpenter.BOTTLEROCKET: r"v[0-9]+\.[0-9]+\.[0-9]+"}

GPU: Final = "nvidia.com/gpu"
TAINT: Final = {"key": GPU, "value": "true", "effect": "NoSchedule"}
"""What components/kubernetes/gpu_nodes.py and pods that ask for a GPU put up with."""


class EksNodeImage(Enum):
    """The family of machine images that nodes of a pool start from."""

    AL2023 = "AL2023"
    """Amazon Linux 2023."""
    BOTTLEROCKET = "BOTTLEROCKET"
    """Bottlerocket, whose system nobody can write to."""


class EksNodePool(TypedDict):
    """Nodes that Karpenter may make."""

    name: str
    """What the pool is called in the cluster."""
    gpus: NotRequired[bool]
    """Whether its nodes have NVIDIA GPUs and are kept free for pods that ask for one. Default: False."""
    instance_types: NotRequired[Sequence[str]]
    """Types that nodes may have, of one architecture. Default: any of the families c, m and r from the fifth generation
    on. A pool with GPUs names them."""
    arm: NotRequired[bool]
    """Whether nodes without named types are ARM (Graviton), for images built for arm64. Default: False."""
    spot: NotRequired[bool]
    """Whether spot capacity is taken where there is some, and on-demand capacity otherwise; else only on demand.
    Default: True."""
    min_cpus: NotRequired[int]
    """Cores of the smallest node, where no types are named. Default: 4."""
    max_cpus: NotRequired[int]
    """Cores of the largest node, where no types are named. Default: 32."""
    limit_cpus: NotRequired[int]
    """Cores of all nodes together, which the pool does not grow beyond. Default: 64; with GPUs 32 for each of them."""
    limit_memory_gib: NotRequired[int]
    """Memory of all nodes together, in GiB. Default: 8 for each core of limit_cpus."""
    limit_gpus: NotRequired[int]
    """GPUs of all nodes together. A pool with GPUs says it."""
    image: NotRequired[EksNodeImage]
    """Machine image. Default: AL2023."""
    image_release: NotRequired[str]
    """Release of that image, `v20261023` or `v1.66.0`. Default: the one that this library was written with."""
    disk_gib: NotRequired[int]
    """Size of a node's disk. Default: 50, with GPUs 100."""
    labels: NotRequired[dict[str, str]]
    """Labels of nodes beside those of GPUs. Default: none."""
    weight: NotRequired[int]
    """Pools with more weight are tried first, 1 to 100. Default: 10."""


def checked(what: str, given: Sequence[EksNodePool] | None, region: str) -> None:
    """Hold pools to what AWS and Karpenter have. Raises ArgsError."""
    seen: set[str] = set()
    for pool in given or []:
        checks.given(what, pool, EksNodePool)
        checks.fits(f"{what}[].name", pool["name"], NAME, "at most 40 of a-z, 0-9 and -, a letter first", "cpu")
        if pool["name"] in seen:
            raise checks.wrong(
                f"{what}[].name", pool["name"], "a name that no other pool has", "call one of them otherwise"
            )
        seen.add(pool["name"])
        _checked(f"{what}[{pool['name']!r}]", pool, region)
    if given is not None and not given:
        raise checks.wrong(what, list(given), "at least one pool", 'write [{"name": "cpu"}], or leave it out')


def _checked(what: str, pool: EksNodePool, region: str) -> None:
    types = list(pool.get("instance_types") or [])
    if "instance_types" in pool:
        nodes.types(f"{what}.instance_types", types, region)
        for key in ("arm", "min_cpus", "max_cpus"):
            if key in pool:
                raise checks.wrong(
                    f"{what}.{key}", pool.get(key), "nothing beside instance_types", "leave one of them out"
                )
    for key, least, most in (
        ("min_cpus", 1, 192), ("max_cpus", 1, 192), ("limit_cpus", 1, 100_000), ("limit_memory_gib", 1, 1_000_000),
        ("limit_gpus", 1, 10_000), ("disk_gib", 20, 16_384), ("weight", 1, 100),
    ):  # fmt: skip
        value = pool.get(key)
        if value is not None:
            checks.within(f"{what}.{key}", value, least, most)
            if value != int(value):  # type: ignore[call-overload]  # within has seen that it is a number
                raise checks.wrong(f"{what}.{key}", value, "a whole number", f"write {int(value)}")  # type: ignore[call-overload]
    if pool.get("gpus"):
        _with_gpus(what, pool, types)
    else:
        if gpus := [each for each in types if each in catalog.GPU_TYPES]:
            raise checks.wrong(
                f"{what}.instance_types", gpus[0], "types without GPUs", "write gpus: True, or another type"
            )
        if "limit_gpus" in pool:
            raise checks.wrong(f"{what}.limit_gpus", pool["limit_gpus"], "nothing without gpus", "write gpus: True")
        if not types:
            checks.in_order(
                [
                    (f"{what}.min_cpus", pool.get("min_cpus", 4)),
                    (f"{what}.max_cpus", pool.get("max_cpus", 32)),
                    (f"{what}.limit_cpus", pool.get("limit_cpus", 64)),
                ]
            )
    if "image" in pool:
        checks.choice(f"{what}.image", pool["image"], EksNodeImage)
    if "image_release" in pool:
        release = karpenter.PINNED[family(pool)]
        pattern = RELEASE[family(pool)]
        checks.fits(f"{what}.image_release", pool["image_release"], pattern, f"a release of {family(pool)}", release)
    for key, value in (pool.get("labels") or {}).items():
        _label(f"{what}.labels", key, value)


def _with_gpus(what: str, pool: EksNodePool, types: Sequence[str]) -> None:
    if not types:
        raise checks.ArgsError(
            f"{what}.instance_types is missing, expected the types of a pool with GPUs; "
            "write instance_types: ['g6.xlarge']"
        )
    for each in types:
        aws.gpu_type(f"{what}.instance_types", each)
    if "limit_gpus" not in pool:
        raise checks.ArgsError(
            f"{what}.limit_gpus is missing, expected the most GPUs that the pool may have; write limit_gpus: 4"
        )
    smallest = min(types, key=lambda each: catalog.GPU_TYPES[each].count)
    least = catalog.GPU_TYPES[smallest].count
    if pool["limit_gpus"] < least:
        raise checks.wrong(
            f"{what}.limit_gpus", pool["limit_gpus"], f"at least {least}, as {smallest} has", f"write {least}"
        )
    cpus = min(catalog.GPU_TYPES[each].vcpus for each in types)
    if pool.get("limit_cpus", cpus) < cpus:
        raise checks.wrong(
            f"{what}.limit_cpus", pool.get("limit_cpus"), f"at least {cpus}, as its smallest type has", f"write {cpus}"
        )


def _label(what: str, key: str, value: object) -> None:
    checks.fits(f"a key of {what}", key, LABEL, "a label's key", "example.com/team")
    checks.fits(f"{what}[{key!r}]", value, VALUE, "a label's value, at most 63 of a-z, A-Z, 0-9, -, _ and .", "ml")
    domain = key.rpartition("/")[0]
    if domain and any(domain == each or domain.endswith(f".{each}") for each in _RESERVED):
        raise checks.wrong(f"a key of {what}", key, "a label of your own", "for example example.com/team")


_RESERVED = ("kubernetes.io", "k8s.io", "karpenter.sh", "karpenter.k8s.aws", "eks.amazonaws.com", "nvidia.com")


def family(pool: Mapping[str, Any]) -> str:
    """The images' family, as Karpenter calls it."""
    given = pool.get("image", EksNodeImage.AL2023)
    return karpenter.AL2023 if EksNodeImage(given) is EksNodeImage.AL2023 else karpenter.BOTTLEROCKET


def node_class(
    pool: EksNodePool,
    profile: pulumi.Input[str],
    subnets: pulumi.Input[Sequence[pulumi.Input[str]]],
    group: Any,
    tags: Any,
) -> Json:
    """Its EC2NodeClassSpec."""

    def unnamed(tags: Mapping[str, Any]) -> Json:
        # Karpenter calls each node by a name of its own.
        return {key: value for key, value in tags.items() if key != "Name"}

    image = family(pool)
    return karpenter.node_class(
        image,
        pool.get("image_release") or karpenter.PINNED[image],
        pool.get("disk_gib") or (100 if pool.get("gpus") else 50),
        profile,
        subnets,
        group,
        known(unnamed, tags=tags),
    )


def node_pool(pool: EksNodePool) -> Json:
    """Its NodePoolSpec."""
    types = list(pool.get("instance_types") or [])
    arm = nodes.arm(types[0]) if types else bool(pool.get("arm"))
    # Where a pool allows both, Karpenter takes spot as long as there is some.
    capacity = ["spot", "on-demand"] if pool.get("spot", True) else ["on-demand"]
    requirements: list[karpenter.Requirement] = [
        karpenter.Requirement("kubernetes.io/os", "In", ["linux"]),
        karpenter.Requirement("kubernetes.io/arch", "In", ["arm64" if arm else "amd64"]),
        karpenter.Requirement("karpenter.sh/capacity-type", "In", capacity),
    ]
    if types:
        requirements.append(karpenter.Requirement("node.kubernetes.io/instance-type", "In", types))
    else:
        about = "karpenter.k8s.aws/instance"
        requirements += [
            karpenter.Requirement(f"{about}-category", "In", ["c", "m", "r"]),
            karpenter.Requirement(f"{about}-generation", "Gt", ["4"]),
            karpenter.Requirement(f"{about}-cpu", "Gt", [str(pool.get("min_cpus", 4) - 1)]),
            karpenter.Requirement(f"{about}-cpu", "Lt", [str(pool.get("max_cpus", 32) + 1)]),
        ]
    gpus = bool(pool.get("gpus"))
    return karpenter.node_pool(
        pool["name"],
        requirements=requirements,
        limits=_limits(pool),
        labels={**(pool.get("labels") or {}), **(_gpu_labels(pool, types) if gpus else {})},
        taints=[TAINT] if gpus else [],
        weight=pool.get("weight", 10),
        only_when_empty=gpus,
    )


def _limits(pool: EksNodePool) -> dict[str, str]:
    gpus = pool.get("limit_gpus", 0)
    cpus = pool.get("limit_cpus", 32 * gpus if pool.get("gpus") else 64)
    if pool.get("gpus") and "limit_cpus" not in pool:
        # Never fewer than one machine of any type has.
        cpus = max(cpus, *(catalog.GPU_TYPES[each].vcpus for each in pool.get("instance_types") or []))
    memory = pool.get("limit_memory_gib", 8 * cpus)
    found = {"cpu": str(cpus), "memory": f"{memory}Gi"}
    return {**found, GPU: str(gpus)} if gpus else found


def _gpu_labels(pool: EksNodePool, types: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    # Bottlerocket brings a device plugin of its own, which a second one would stand beside.
    if family(pool) == karpenter.AL2023:
        found[f"{GPU}.present"] = "true"
    models = {catalog.GPU_TYPES[each].model for each in types}
    if len(models) == 1:
        found["k8s.amazonaws.com/accelerator"] = f"nvidia-{models.pop()}"
    return found
