"""What AWS's own words must be: regions, zones, accounts, ARNs, instance types."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Final

from components.aws import catalog
from components.checks import fits, one_of, wrong

ACCOUNT = r"[0-9]{12}"
PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
INSTANCE_TYPE = r"[a-z][a-z0-9]*(-[a-z0-9]+)?\.([0-9]*x?large|medium|small|micro|nano|metal(-[0-9]+xl)?)"

RETENTION: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""Days for which CloudWatch keeps logs, as its PutRetentionPolicy takes them (API reference, 2026-11-22)."""
TAGS = 45
"""Tags that one may give a resource: AWS takes 50, and some are ours."""
OUR_TAGS: Final = ("modelport:component", "Name")
"""Tags that components give by themselves; another value may be given for them, and no other spelling."""

WORLDWIDE = ("iam",)
"""Services whose ARNs name no region."""

CLUSTER = r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}"
"""Names of EKS clusters."""


def identity(what: str, value: object, kind: str) -> None:
    """The id of something in EC2, such as a `subnet`. Raises ArgsError."""
    example = f"{kind}-0123456789abcdef0"
    fits(what, value, rf"{kind}-([0-9a-f]{{8}}|[0-9a-f]{{17}})", f"an id that begins with {kind}-", example)


def hosted_zone(what: str, value: object) -> None:
    """The id of a hosted zone in Route 53. Raises ArgsError."""
    fits(what, value, r"[\w-]{1,32}", "the id of a hosted zone without /hostedzone/ before it", "Z0123456789ABCDEFGHIJ")


def named(component: str, name: object, most: int) -> None:
    """The name of a component, which the names of its resources begin with. Raises ArgsError.

    most: characters that AWS leaves of its own limit, after what a resource's own part and Pulumi's suffix take.
    """
    expected = f"a letter and at most {most - 1} more of a-z, A-Z, 0-9 and -, not beginning with sg-"
    fits(f"the name of {component}", name, rf"(?!sg-)[a-zA-Z][a-zA-Z0-9-]{{0,{most - 1}}}", expected, "shop")


def tags(what: str, value: Mapping[str, object]) -> None:
    """Tags that somebody may give. Raises ArgsError."""
    for key, given in value.items():
        fits(
            f"a key of {what}",
            key,
            r"(?!(?i:aws):)[\w .:/=+@-]{1,128}",
            "1 to 128 letters, digits and any of _.:/=+-@, not beginning with aws:",
            "team",
        )
        if isinstance(given, str):
            fits(
                f"{what}[{key!r}]",
                given,
                r"[\w .:/=+@-]{0,256}",
                "at most 256 letters, digits and any of _.:/=+-@",
                "ml",
            )
    if len(value) > TAGS:
        raise wrong(what, f"{len(value)} tags", f"at most {TAGS}, as AWS takes 50 with ours", "leave some out")
    spelled = {each.lower(): each for each in OUR_TAGS}
    for key in value:
        first = spelled.setdefault(key.lower(), key)
        if first != key:
            fix = f"write {first}" if first in OUR_TAGS else "leave one of them out"
            raise wrong(f"a key of {what}", key, f"no other spelling of {first}, as IAM takes both for one", fix)


def log_days(what: str, value: object) -> None:
    """How long logs are kept. Raises ArgsError."""
    if isinstance(value, bool) or value not in RETENTION:
        number = value if isinstance(value, int | float) else 365
        nearest = min(RETENTION, key=lambda each: abs(each - number))
        raise wrong(what, value, "days for which CloudWatch keeps logs", f"write {nearest}")


def account(what: str, value: object) -> None:
    """An account's id. Raises ArgsError."""
    fits(what, value, ACCOUNT, "an AWS account id, twelve digits as text", '"123456789012"')


def region(what: str, value: object) -> None:
    """A region that is known. Raises ArgsError."""
    one_of(what, value, catalog.ZONES)


def partition(region_: str) -> str:
    """What ARNs of a region begin with after `arn:`."""
    return "aws-us-gov" if region_.startswith("us-gov-") else "aws-cn" if region_.startswith("cn-") else "aws"


def zones(what: str, value: Sequence[str], region_: str, least: int = 2) -> None:
    """Availability zones of one region, each once. Raises ArgsError."""
    for each in value:
        fits(what, each, rf"{region_}[a-z]", f"availability zones of {region_}", f"{region_}a")
    if len(set(value)) != len(value):
        raise wrong(what, list(value), "each zone once", f"write {sorted(set(value))}")
    if len(value) < least:
        more = [f"{region_}{letter}" for letter in catalog.ZONES[region_][:3]]
        raise wrong(what, list(value), f"at least {least} availability zones, as one may fail", f"write {more}")


def arn(what: str, value: object, service: str, resource: str, example: str) -> None:
    """An ARN of one kind of resource. Raises ArgsError.

    resource: the pattern of what follows account and colon, as `key/[0-9a-f-]+`. example: the same, as an example.
    """
    place = "" if service in WORLDWIDE else "[a-z0-9-]*"
    fits(
        what,
        value,
        rf"arn:({'|'.join(PARTITIONS)}):{service}:{place}:({ACCOUNT}|aws)?:{resource}",
        f"an ARN of {service}",
        f"arn:aws:{service}:{'' if service in WORLDWIDE else 'eu-central-1'}:123456789012:{example}",
    )


def here(what: str, value: str, region_: str) -> None:
    """An ARN of something in one region, or in its partition where the ARN names no region. Raises ArgsError."""
    _, part, service, found, *_ = value.split(":")
    if service not in WORLDWIDE and found != region_:
        raise wrong(what, value, f"one of {region_}, where what uses it is", f"make or take one in {region_}")
    if part != partition(region_):
        raise wrong(
            what, value, f"one of the partition {partition(region_)}, as {region_} is", "take one that begins so"
        )


def ours(what: str, value: str, account_: str) -> None:
    """An ARN of something in one account: what AWS lets nobody else's resources use. Raises ArgsError."""
    if value.split(":")[4] != account_:
        raise wrong(what, value, f"one of account {account_}, as AWS takes no other's", "make or take one there")


def instance_type(what: str, value: object) -> None:
    """The form of an EC2 instance type; which there are is EC2's to say. Raises ArgsError."""
    fits(what, value, INSTANCE_TYPE, "an EC2 instance type", "m7i.large")


def gpu_type(what: str, value: object) -> None:
    """An instance type with NVIDIA GPUs. Raises ArgsError."""
    if value in catalog.GPU_TYPES:
        return
    left_out = catalog.GPU_TYPES_LEFT_OUT.get(str(value).partition(".")[0])
    if left_out is not None:
        raise wrong(what, value, f"an instance type with NVIDIA GPUs, but {left_out}", "for example g6.xlarge")
    near = difflib.get_close_matches(str(value), catalog.GPU_TYPES, 1)
    raise wrong(what, value, "an instance type with NVIDIA GPUs", f"for example {near[0] if near else 'g6.xlarge'}")


def offered(what: str, value: str, region_: str) -> None:
    """An instance type that a region has, as far as is known. Raises ArgsError, which names near ones that have it."""
    if catalog.offered(value, region_):
        return
    has = catalog.regions(value)
    near = sorted(has, key=lambda each: (each.partition("-")[0] != region_.partition("-")[0], each))[:3]
    raise wrong(what, value, f"an instance type that {region_} has", f"{', '.join(near) or 'no region'} has it")
