"""What AWS has where, as far as a plan must know it without asking AWS: data with a date, and who says so.

What is not in these tables is refused where the table is complete (regions, GPU instance types) and let through
where it cannot be (other instance types, of which there are hundreds): AWS itself then has the last word.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

UPDATED: Final = "2026-11-22"
"""The day on which somebody last held these tables to AWS's documentation and botocore's models."""

ZONES: Final[dict[str, str]] = {
    "af-south-1": "abc",
    "ap-east-1": "abc",
    "ap-east-2": "abc",
    "ap-northeast-1": "acd",
    "ap-northeast-2": "abc",
    "ap-northeast-3": "abc",
    "ap-south-1": "abc",
    "ap-south-2": "abc",
    "ap-southeast-1": "abc",
    "ap-southeast-2": "abc",
    "ap-southeast-3": "abc",
    "ap-southeast-4": "abc",
    "ap-southeast-5": "abc",
    "ap-southeast-6": "abc",
    "ap-southeast-7": "abc",
    "ca-central-1": "abd",
    "ca-west-1": "abc",
    "eu-central-1": "abc",
    "eu-central-2": "abc",
    "eu-north-1": "abc",
    "eu-south-1": "abc",
    "eu-south-2": "abc",
    "eu-west-1": "abc",
    "eu-west-2": "abc",
    "eu-west-3": "abc",
    "il-central-1": "abc",
    "me-central-1": "abc",
    "me-south-1": "abc",
    "mx-central-1": "abc",
    "sa-east-1": "abc",
    "us-east-1": "abcdf",
    "us-east-2": "abc",
    "us-gov-east-1": "abc",
    "us-gov-west-1": "abc",
    "us-west-1": "ac",
    "us-west-2": "abcd",
}
"""Letters of a region's availability zones. us-east-1e is left out: it takes neither EKS nor current instance types. An
account may see fewer (us-west-1) or others: `zones` of a component says which."""


@dataclass(frozen=True)
class Gpus:
    """The accelerators of an instance type."""

    model: str
    """As NVIDIA calls it, in lower case: what `nvidia.com/gpu.product` and DCGM's labels are about."""
    count: int
    vcpus: int
    memory: int
    """Of the instance, GiB."""
    arm: bool = False


def _family(name: str, gpu: str, sizes: str, *, arm: bool = False) -> dict[str, Gpus]:
    """`sizes`: SIZE=GPUS/VCPUS/GIB, blanks between them."""
    found: dict[str, Gpus] = {}
    for each in sizes.split():
        size, _, numbers = each.partition("=")
        count, vcpus, memory = map(int, numbers.split("/"))
        found[f"{name}.{size}"] = Gpus(gpu, count, vcpus, memory, arm)
    return found


GPU_TYPES: Final[dict[str, Gpus]] = {
    **_family(
        "g4dn",
        "t4",
        "xlarge=1/4/16 2xlarge=1/8/32 4xlarge=1/16/64 8xlarge=1/32/128 16xlarge=1/64/256 12xlarge=4/48/192 "
        "metal=8/96/384",
    ),
    **_family(
        "g5",
        "a10g",
        "xlarge=1/4/16 2xlarge=1/8/32 4xlarge=1/16/64 8xlarge=1/32/128 16xlarge=1/64/256 12xlarge=4/48/192 "
        "24xlarge=4/96/384 48xlarge=8/192/768",
    ),
    **_family(
        "g5g",
        "t4g",
        "xlarge=1/4/8 2xlarge=1/8/16 4xlarge=1/16/32 8xlarge=1/32/64 16xlarge=2/64/128 metal=2/64/128",
        arm=True,
    ),
    **_family(
        "g6",
        "l4",
        "xlarge=1/4/16 2xlarge=1/8/32 4xlarge=1/16/64 8xlarge=1/32/128 16xlarge=1/64/256 12xlarge=4/48/192 "
        "24xlarge=4/96/384 48xlarge=8/192/768",
    ),
    **_family("gr6", "l4", "4xlarge=1/16/128 8xlarge=1/32/256"),
    **_family(
        "g6e",
        "l40s",
        "xlarge=1/4/32 2xlarge=1/8/64 4xlarge=1/16/128 8xlarge=1/32/256 16xlarge=1/64/512 12xlarge=4/48/384 "
        "24xlarge=4/96/768 48xlarge=8/192/1536",
    ),
    **_family(
        "g7e",
        "rtx-pro-server-6000",
        "2xlarge=1/8/64 4xlarge=1/16/128 8xlarge=1/32/256 12xlarge=2/48/512 24xlarge=4/96/1024 48xlarge=8/192/2048",
    ),
    **_family("p3", "v100", "2xlarge=1/8/61 8xlarge=4/32/244 16xlarge=8/64/488"),
    **_family("p3dn", "v100", "24xlarge=8/96/768"),
    **_family("p4d", "a100", "24xlarge=8/96/1152"),
    **_family("p4de", "a100", "24xlarge=8/96/1152"),
    **_family("p5", "h100", "4xlarge=1/16/256 48xlarge=8/192/2048"),
    **_family("p5e", "h200", "48xlarge=8/192/2048"),
    **_family("p5en", "h200", "48xlarge=8/192/2048"),
    **_family("p6-b200", "b200", "48xlarge=8/192/2048"),
    **_family("p6-b300", "b300", "48xlarge=8/192/4096"),
}
"""Instance types with NVIDIA GPUs that EKS's images drive: held to EC2's own DescribeInstanceTypes (as karpenter's
reference of instance types has it, 2026-07-20; p3 but for p3dn is left in GovCloud alone, and not in there) and to
botocore's list of instance types."""

GPU_TYPES_LEFT_OUT: Final[dict[str, str]] = {
    "g4ad": "it has GPUs of AMD, which EKS has no image for",
    "g6f": "it has a part of a GPU, which wants NVIDIA's GRID driver and EKS's images have another",
    "gr6f": "it has a part of a GPU, which wants NVIDIA's GRID driver and EKS's images have another",
    "g7": "its GPUs want a driver from 595 on and EKS's images have 580",
    "p6e-gb200": "it is sold as a part of an UltraServer, by reservation alone",
    "g2": "AWS has retired it",
    "g3": "AWS has retired it",
    "g3s": "AWS has retired it",
    "p2": "AWS has retired it",
}
"""Families with GPUs that are no use here, and why."""

SURVEYED: Final = frozenset(ZONES) - {"ap-east-2", "ap-southeast-6", "ap-southeast-7", "mx-central-1"}
"""Regions of which it is known what they offer; elsewhere EC2 has the last word."""

GPU_REGIONS: Final[dict[str, str]] = {
    "g4dn": "af-south-1 ap-east-1 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-southeast-1 "
    "ap-southeast-2 ca-central-1 eu-central-1 eu-north-1 eu-south-1 eu-west-1 eu-west-2 eu-west-3 me-south-1 sa-east-1 "
    "us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-west-1 us-west-2",
    "g4dn.metal": "af-south-1 ap-east-1 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-southeast-1 "
    "ap-southeast-2 ca-central-1 eu-central-1 eu-north-1 eu-south-1 eu-west-1 eu-west-2 eu-west-3 me-south-1 sa-east-1 "
    "us-east-1 us-east-2 us-gov-west-1 us-west-1 us-west-2",
    "g5": "ap-east-1 ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-2 ap-southeast-3 ca-central-1 eu-central-1 "
    "eu-north-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 sa-east-1 us-east-1 us-east-2 "
    "us-west-2",
    "g5g": "ap-northeast-1 ap-northeast-2 ap-southeast-1 eu-central-1 eu-south-2 us-east-1 us-west-2",
    "g5g.metal": "ap-northeast-1 ap-northeast-2 ap-southeast-1 ap-southeast-3 eu-central-1 eu-south-2 us-east-1 "
    "us-west-2",
    "g6": "ap-northeast-1 ap-northeast-2 ap-south-1 ap-south-2 ap-southeast-2 ap-southeast-5 ca-central-1 eu-central-1 "
    "eu-central-2 eu-north-1 eu-south-2 eu-west-2 eu-west-3 me-central-1 sa-east-1 us-east-1 us-east-2 us-gov-east-1 "
    "us-gov-west-1 us-west-2",
    "gr6": "ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-2 ap-southeast-5 ca-central-1 eu-central-1 "
    "eu-central-2 eu-north-1 eu-south-2 eu-west-2 eu-west-3 sa-east-1 us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 "
    "us-west-2",
    "g6e": "ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 eu-central-1 eu-north-1 eu-south-2 "
    "me-central-1 us-east-1 us-east-2 us-west-2",
    "g7e": "ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-3 eu-central-1 eu-north-1 eu-south-2 eu-west-2 "
    "us-east-1 us-east-2 us-west-2",
    "p3": "us-gov-west-1",
    "p3dn": "ap-northeast-1 eu-west-1 us-east-1 us-gov-east-1 us-gov-west-1 us-west-2",
    "p4d": "ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-2 ca-central-1 eu-central-1 eu-north-1 eu-west-1 "
    "eu-west-2 sa-east-1 us-east-1 us-east-2 us-gov-west-1 us-west-2",
    "p4de": "ap-northeast-1 ap-southeast-1 eu-central-1 il-central-1 us-east-1 us-west-2",
    "p5": "ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-2 ap-southeast-3 ca-central-1 eu-north-1 eu-west-2 "
    "sa-east-1 us-east-1 us-east-2 us-gov-west-1 us-west-1 us-west-2",
    "p5.4xlarge": "ap-northeast-1 ap-south-1 ap-southeast-2 ap-southeast-3 eu-north-1 eu-west-2 sa-east-1 us-east-1 "
    "us-east-2 us-gov-west-1 us-west-2",
    "p5e": "ap-southeast-2 ap-southeast-3 eu-north-1 eu-west-2 sa-east-1 us-east-2 us-west-2",
    "p5en": "ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-3 eu-north-1 eu-south-2 me-central-1 us-east-1 "
    "us-east-2 us-gov-west-1 us-west-1 us-west-2",
    "p6-b200": "ap-south-1 ap-south-2 eu-north-1 eu-west-3 us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-west-2",
    "p6-b300": "ap-northeast-2 ap-south-2 ap-southeast-3 sa-east-1 us-east-1 us-gov-east-1 us-west-2",
}
"""Where a family is offered, or a type that differs from its family: what EC2's DescribeInstanceTypeOfferings said
in each region (as moto 5.2.5 has recorded it), and its price list for the two GovCloud regions (as karpenter's of
2026-07-20 has it)."""

REGIONS_WITHOUT: Final[dict[str, str]] = {
    "c5": "ap-southeast-5",
    "c6g": "",
    "c6i": "ap-southeast-3 ap-southeast-4 eu-central-2 eu-south-2",
    "c7g": "ap-southeast-4",
    "c7i": "",
    "m5": "ap-southeast-5",
    "m6g": "",
    "m6i": "ap-southeast-4 eu-south-2",
    "m7g": "ca-west-1 eu-south-1",
    "m7i": "ca-west-1",
    "m7i-flex": "af-south-1 ca-west-1 eu-central-2 eu-south-1 il-central-1",
    "m8g": "il-central-1",
    "r6g": "",
    "r6i": "ap-southeast-3 ap-southeast-4 eu-south-2",
    "r7g": "",
    "r7i": "af-south-1 ap-east-1 ca-west-1 eu-central-2 il-central-1",
}
"""Families for general use, and the surveyed regions that do not offer them, from the same answers of EC2. The two
in the Middle East are left to EC2: what they offer changed in the months before."""


def offered(instance_type: str, region: str) -> bool:
    """Whether a region offers an instance type, as far as is known: true where it is not."""
    if region not in SURVEYED:
        return True
    family = instance_type.partition(".")[0]
    for each in (instance_type, family):
        if each in GPU_REGIONS:
            return region in GPU_REGIONS[each].split()
    return region not in REGIONS_WITHOUT.get(family, "").split()


def regions(instance_type: str) -> list[str]:
    """Regions that are known to offer an instance type."""
    return [each for each in ZONES if each in SURVEYED and offered(instance_type, each)]


class Support(NamedTuple):
    """Until when EKS supports a version of Kubernetes, as dates."""

    standard: str
    extended: str
    """For a fee from the end of standard support on."""


KUBERNETES: Final[dict[str, Support]] = {
    "1.36": Support("2027-08-02", "2028-08-02"),
    "1.35": Support("2027-03-27", "2028-03-27"),
    "1.34": Support("2026-12-02", "2027-12-02"),
    "1.33": Support("2026-07-29", "2027-07-29"),
    "1.32": Support("2026-03-23", "2027-03-23"),
}
"""Versions that a cluster may have, newest first (EKS user guide, "Understand the Kubernetes version lifecycle on
EKS", 2026-11-22). 1.31 is left out: its extended support ends on 2026-11-26."""

_COMMON: Final = {
    "vpc-cni": "v1.22.4-eksbuild.3",
    "eks-pod-identity-agent": "v1.3.10-eksbuild.3",
    "aws-ebs-csi-driver": "v1.66.0-eksbuild.1",
    "metrics-server": "v0.9.0-eksbuild.11",
}

ADD_ONS: Final[dict[str, dict[str, str]]] = {
    "1.36": {**_COMMON, "kube-proxy": "v1.36.0-eksbuild.25", "coredns": "v1.14.3-eksbuild.23"},
    "1.35": {**_COMMON, "kube-proxy": "v1.35.3-eksbuild.29", "coredns": "v1.13.2-eksbuild.31"},
    "1.34": {**_COMMON, "kube-proxy": "v1.34.6-eksbuild.29", "coredns": "v1.12.4-eksbuild.38"},
    "1.33": {**_COMMON, "kube-proxy": "v1.33.10-eksbuild.29", "coredns": "v1.12.4-eksbuild.38"},
    "1.32": {**_COMMON, "kube-proxy": "v1.32.13-eksbuild.32", "coredns": "v1.11.4-eksbuild.60"},
}
"""Versions of the add-ons by that of Kubernetes: the defaults of `aws eks describe-addon-versions` on 2026-09-24, as
an upgrade of a cluster from 1.31 to 1.36 recorded them that day; `add_on_versions` of EksCluster says others."""
