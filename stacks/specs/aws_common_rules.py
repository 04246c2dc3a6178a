"""What AWS would refuse of any target's section, told before anything is planned, each in one line.

The rules are the components' own; here they are asked of the whole file at once, as a component asks them of its own
arguments only when others have been registered.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from stacks.specs.rules import below, covers, told
from stacks.specs.words import wide

if TYPE_CHECKING:
    from components.aws.budget import AwsBudgetArgs
    from components.aws.registry import EcrRegistryArgs
    from stacks.specs.aws_common import AccountSpec, FrontSpec, NetworkSpec, VpcSpec

LEAST_SUBNETS: Final = 2
"""Of a load balancer, each of another zone."""


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
    if not below(wanted.hostname, wanted.zone_name):
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
        if not any(covers(each, wanted.hostname) for each in names):
            lines.append(
                f"{what}.certificate.names is {', '.join(names) or 'empty'}, expected one that is for hostname, which "
                f"is {wanted.hostname}; take another certificate, or leave it out, and one is made"
            )
    if wanted.web_acl_arn is not None and wanted.kind == "NLB":
        lines.append(f"{what}.web_acl_arn is set with kind NLB, expected ALB, as WAF looks at HTTP; remove it")
    return lines
