"""What AWS would refuse of any target's section, told before anything is planned, each in one line.

The rules are the components' own; here they are asked of the whole file at once, as a component asks them of its own
arguments only when others have been registered.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from stacks.specs.words import wide

if TYPE_CHECKING:
    from components.aws.budget import AwsBudgetArgs
    from components.aws.registry import EcrRegistryArgs
    from stacks.spec import StackSpec
    from stacks.specs.aws_common import AccountSpec, FrontSpec, NetworkSpec, VpcSpec

DIGEST: Final = r"sha256:[0-9a-f]{64}"
LEAST_SUBNETS: Final = 2
"""Of a load balancer, each of another zone."""


def pushed(spec: "StackSpec", section: str, secrets: frozenset[str]) -> list[str]:
    """A line for a registry of the user's own beside the one that the stack makes."""
    if spec.image.push is None and not secrets & {"image", "image.push"}:
        return []
    return [
        f"image.push is set with target {spec.target}, expected none, as the stack makes its registry; remove it, and "
        f"write {section}.registry.repository for another name"
    ]


def unlike(
    spec: "StackSpec", section: str, platform: str, strategies: Sequence[str], why: str, keys: Sequence[str]
) -> list[str]:
    """Lines about what a release asks for and `platform` has no counterpart of.

    strategies: those that it has, and `why` no others. keys: those of a release that it has none of.
    """
    release = spec.release
    if release is None:
        return []
    if release.strategy not in strategies:
        return [
            f"release.strategy is {release.strategy} with target {spec.target}, expected one of "
            f"{', '.join(strategies)}, as {why}"
        ]
    instead = {"analysis": f", and write {section}.alarms"}
    return [
        f"release.{key} is set with target {spec.target}, expected none, as {platform} has no counterpart; remove it"
        f"{instead.get(key, '')}"
        for key in keys
        if key in release.model_fields_set
    ]


def scaled(
    spec: "StackSpec", platform: str, count: tuple[str, int] | None, none: str, known: Sequence[str], fix: str = ""
) -> list[str]:
    """Lines about what autoscaling asks for and `platform` has no counterpart of.

    count: what says how many there are without autoscaling, where the file says it. none: why 0 is too few. known: the
    keys that it has. fix: what to write in place of others.
    """
    scaling = spec.autoscaling
    if scaling is None:
        return []
    if count is not None:
        what, number = count
        return [
            f"{what} is {number} beside autoscaling, expected one of them; remove it, and write autoscaling.min: "
            f"{number}"
        ]
    if scaling.min == 0:
        return [f"autoscaling.min is 0 with target {spec.target}, expected 1 or more, as {none}; write 1"]
    told = f"{', '.join(known[:-1])} and {known[-1]} alone"
    return [
        f"autoscaling.{key} is set with target {spec.target}, expected {told}, as {platform} has no counterpart; "
        f"remove it{fix}"
        for key in sorted(scaling.model_fields_set - {*known})
    ]


def worded(lines: Sequence[str], component: str, section: str, keys: Mapping[str, str]) -> list[str]:
    """Lines of a component's own with the stack file's words.

    keys: those of the stack file by the component's arguments; others are called as they are, under `section`.
    """
    name = f"{section.partition('.')[0]}.name"
    lines = [re.sub(rf"^the name of {component}\b", name, line) for line in lines]
    return [
        re.sub(rf"\b{component}\.(\w+)", lambda word: keys.get(word[1], f"{section}.{word[1]}"), line) for line in lines
    ]


def pinned(spec: "StackSpec") -> list[str]:
    """A line for a version that only a history could tell: what is planned here asks none."""
    pin = spec.release.pin if spec.release is not None else None
    if pin is None or re.fullmatch(DIGEST, pin):
        return []
    return [
        f"release.pin is {pin!r} with target {spec.target}, expected the whole digest of a version, as sha256:...; "
        "modelport rollback --list --json has those that were released"
    ]


def told(*rules: Callable[[], object]) -> list[str]:
    """The line of each rule that refuses."""
    found: list[str] = []
    for rule in rules:
        try:
            rule()
        except ValueError as error:
            found.append(" ".join(str(error).split()))
    return found


def account(section: str, wanted: "AccountSpec") -> tuple[list[str], bool]:
    """Lines about what every section has, and whether the region is one: what a region has is asked of that alone."""
    from components.aws import checks

    region = told(lambda: checks.region(f"{section}.region", wanted.region))
    lines = [
        *told(lambda: checks.account(f"{section}.account_id", wanted.account_id)),
        *region,
        *told(lambda: checks.tags(f"{section}.tags", wanted.tags)),
    ]
    for each in wanted.registry.pull_account_ids:
        lines += told(partial(checks.account, f"{section}.registry.pull_account_ids", each))
    return (lines or [*_registry(section, wanted), *_budget(section, wanted)]), not region


def _registry(section: str, wanted: "AccountSpec") -> list[str]:
    """A line about the key of the images."""
    if wanted.registry.key_arn is None:
        return []
    from components.aws.registry import given_key

    given = {"region": wanted.region, "key_arn": wanted.registry.key_arn}
    lines = told(lambda: given_key(cast("EcrRegistryArgs", given)))
    return [line.replace("EcrRegistry.", f"{section}.registry.") for line in lines]


def budget(wanted: "AccountSpec") -> dict[str, Any] | None:
    """What the section says of a budget, as an AwsBudget takes it; nothing where it says nothing."""
    asked = wanted.budget
    if asked is None:
        return None
    args: dict[str, Any] = {
        "account_id": wanted.account_id,
        "region": wanted.region,
        "monthly_usd": asked.monthly_usd,
        "actual_percents": list(asked.actual_percents),
        "forecast_percents": list(asked.forecast_percents),
        "emails": list(asked.emails),
    }
    if wanted.tags:
        args["tags"] = dict(wanted.tags)
    if asked.cost_tag is not None:
        args["cost_tag"] = {"key": asked.cost_tag, "values": [wanted.tags[asked.cost_tag]]}
    if asked.action is not None:
        args["action"] = {**asked.action.model_dump(), "role_names": list(asked.action.role_names)}
    return args


def _budget(section: str, wanted: "AccountSpec") -> list[str]:
    """A line about a budget that AWS would refuse."""
    args = budget(wanted)
    if args is None:
        return []
    from components.aws.budget import asked

    lines = told(lambda: asked(cast("AwsBudgetArgs", args)))
    return [line.replace("AwsBudget.", f"{section}.budget.") for line in lines]


def network(section: str, wanted: "NetworkSpec", region: str) -> list[str]:
    """Lines about a network of a region that there is."""
    from components import checks as values
    from components.aws import addresses, checks

    there, what = wanted.existing, f"{section}.network.existing"
    if there is None:
        lines = told(
            lambda: addresses.layout(region, wanted.cidr, wanted.zones, None, None, wanted.apart_from),
            lambda: checks.log_days(f"{section}.network.flow_log_days", wanted.flow_log_days),
        )
        return [line.replace("AwsNetwork.", f"{section}.network.") for line in lines]
    lines = told(
        lambda: checks.zones(f"{what}.zones", there.zones, region),
        lambda: values.network(f"{what}.cidr", there.cidr),
        lambda: checks.identity(f"{what}.vpc_id", there.vpc_id, "vpc"),
    )
    for key, kind in (("private_subnet_ids", "subnet"), ("public_subnet_ids", "subnet"), ("route_table_ids", "rtb")):
        ids: Sequence[str] = getattr(there, key)
        lines += told(*(partial(checks.identity, f"{what}.{key}[{at}]", each, kind) for at, each in enumerate(ids)))
        if len(set(ids)) != len(ids):
            lines.append(f"{what}.{key} has one of them twice, expected each once; leave one out")
    if len(there.private_subnet_ids) != len(there.zones):
        lines.append(
            f"{what}.private_subnet_ids has {len(there.private_subnet_ids)}, expected one for each of the "
            f"{len(there.zones)} zones; name each zone's"
        )
    return lines


def front(section: str, wanted: "FrontSpec | None", there: "VpcSpec | None") -> list[str]:
    """Lines about a load balancer where there is one, and the name that it has. there: the VPC that it stands in."""
    if wanted is None:
        return []
    from components import checks as values
    from components.aws import checks

    what, lines = f"{section}.load_balancer", list[str]()
    if not _below(wanted.hostname, wanted.zone_name):
        lines.append(
            f"{what}.hostname is {wanted.hostname}, expected a name in the zone {wanted.zone_name}; for example "
            f"models.{wanted.zone_name}"
        )
    lines += told(
        lambda: values.fits(
            f"{what}.hosted_zone_id", wanted.hosted_zone_id, r"Z[A-Z0-9]{1,31}", "the id of a zone of Route 53",
            "Z0123456789ABCDEFGHIJ",
        )
    )  # fmt: skip
    if not wanted.client_cidrs:
        lines.append(f"{what}.client_cidrs is empty, expected networks that may call; for example [10.0.0.0/8]")
    if (each := wide(wanted.client_cidrs)) is not None and not wanted.internet_facing:
        lines.append(
            f"{what}.client_cidrs has {each}, expected networks of your own, as it does not face the internet; name "
            "them, or write internet_facing: true"
        )
    if wanted.internet_facing and there is not None and len(there.public_subnet_ids) < LEAST_SUBNETS:
        lines.append(
            f"{what}.internet_facing is true beside {section}.network.existing with {len(there.public_subnet_ids)} "
            "public subnets, expected two at least, in which the load balancer stands; write public_subnet_ids, or "
            "leave internet_facing out"
        )
    if wanted.certificate is not None:
        arn, names = wanted.certificate.arn, wanted.certificate.names
        lines += told(lambda: checks.arn(f"{what}.certificate.arn", arn, "acm", "certificate/[0-9a-f-]{36}",
                                          "certificate/1234abcd-12ab-34cd-56ef-1234567890ab"))  # fmt: skip
        if not any(_names(each, wanted.hostname) for each in names):
            lines.append(
                f"{what}.certificate.names is {', '.join(names) or 'empty'}, expected one that is for hostname, which "
                f"is {wanted.hostname}; take another certificate, or leave it out, and one is made"
            )
    if wanted.web_acl_arn is not None and wanted.kind == "NLB":
        lines.append(f"{what}.web_acl_arn is set with kind NLB, expected ALB, as WAF looks at HTTP; remove it")
    return lines


def _below(name: str, zone: str) -> bool:
    return name == zone or name.endswith(f".{zone}")


def _names(pattern: str, name: str) -> bool:
    """Whether a certificate's name is for a host: a star stands for one part."""
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return pattern == name
