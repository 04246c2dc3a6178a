"""What the targets on AWS have in common: network, registry, load balancer and budget of a stack file."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import pulumi
from pulumi_aws.provider import Provider as Aws

from components.aws.load_balancer import AwsLoadBalancer, AwsLoadBalancerArgs, AwsLoadBalancerKind
from components.aws.network import AwsEndpoint, AwsNat, AwsNetwork, AwsNetworkArgs
from components.aws.registry import EcrRegistry, EcrRegistryArgs
from components.rehearsal import made
from model_build.resource import ModelImage
from stacks import parts
from stacks.parts import given as given
from stacks.spec import StackSpec
from stacks.specs import aws_common_rules as rules
from stacks.specs.aws_common import AccountSpec, FrontSpec, NetworkedSpec

_KEYS = {
    "AwsApiGateway": "api",
    "AwsBudget": "budget",
    "AwsLoadBalancer": "load_balancer",
    "AwsMonitoring": "monitoring",
    "AwsNetwork": "network",
    "EcrRegistry": "registry",
    "EcsMonitoring": "monitoring",
    "EksAutoscaler": "autoscaler",
    "EksCluster": "cluster",
}
"""Keys of a section by the components that have their arguments from there."""


def rehearsed(section: str) -> AbstractContextManager[None]:
    """Within, what `made` would make is asked whether it could be made. Raises ArgsError in the stack file's words."""
    return parts.rehearsed(section, _KEYS, ("account_id", "region", "tags"))


def deploy(section: str, wanted: AccountSpec, make: Callable[[pulumi.ResourceOptions], None]) -> None:
    """Rehearse what `make` makes, and make it with a provider of the section's region."""
    with rehearsed(section):
        make(pulumi.ResourceOptions())
    make(pulumi.ResourceOptions(provider=provider(wanted)))


def provider(wanted: AccountSpec) -> Aws:
    """With credentials of another account nothing is read or made."""
    return Aws("aws", region=wanted.region, allowed_account_ids=[wanted.account_id])


def image(spec: StackSpec, registry: EcrRegistry) -> ModelImage:
    """The model's image."""
    return parts.image(spec, registry.url)


def serving(spec: StackSpec, registry: EcrRegistry, image: ModelImage) -> pulumi.Output[str]:
    """What is to answer: the model's image, or the version in its place that the stack file pins."""
    return parts.serving(spec, registry.url, image)


def idle_gpus(what: str, types: Sequence[str], way: str = "take types without GPUs") -> None:
    """Say that GPUs of these types would have nothing to do."""
    found = [each for each in types if re.match(r"(ml\.)?(g|gr|p)\d", each)]
    if found:
        parts.idle_gpus(what, found, way)


def where(wanted: AccountSpec) -> dict[str, Any]:
    """Account, region and tags, as every component takes them."""
    return {"account_id": wanted.account_id, "region": wanted.region, **tagged(wanted)}


def tagged(wanted: AccountSpec) -> dict[str, Any]:
    """Tags, as every component takes them."""
    return {"tags": dict(wanted.tags)} if wanted.tags else {}


def network(wanted: NetworkedSpec, options: pulumi.ResourceOptions, **more: Any) -> AwsNetwork:
    """The network; `more`: arguments of one target alone."""
    asked = wanted.network
    args: dict[str, Any] = {**where(wanted), **more}
    if asked.apart_from:
        args["apart_from"] = list(asked.apart_from)
    if asked.existing is not None:
        args["existing"] = given(asked.existing.model_dump())
        if asked.existing.route_table_ids:
            # Routes of a VPC that somebody else made are his, unless the file names them.
            args["endpoints"] = [AwsEndpoint.S3, *args.get("endpoints", [])]
    else:
        args |= {"cidr": asked.cidr, "nat": AwsNat(asked.nat), "flow_log_days": asked.flow_log_days}
        if asked.zones is not None:
            args["zones"] = list(asked.zones)
    return made(AwsNetwork, wanted.name, cast("AwsNetworkArgs", args), options)


def registry(spec: StackSpec, wanted: AccountSpec, options: pulumi.ResourceOptions, **more: Any) -> EcrRegistry:
    """The repository that the model's image is pushed to; `more`: arguments of one target alone."""
    asked = wanted.registry
    args: dict[str, Any] = {
        **where(wanted),
        "repository": asked.repository or f"{pulumi.get_project()}/{spec.model.name}".lower(),
        "images_kept": asked.images_kept,
        "pull_account_ids": list(asked.pull_account_ids),
        "delete_images": not spec.image.keep,
        **({"key_arn": asked.key_arn} if asked.key_arn is not None else {}),
        **({"adopt": True} if asked.adopt else {}),
        **more,
    }
    return made(EcrRegistry, wanted.name, cast("EcrRegistryArgs", args), options)


def budget(wanted: AccountSpec, options: pulumi.ResourceOptions) -> None:
    """What a month may cost, where the section says it, and the export of the topic that is told."""
    args = rules.budget(wanted)
    if args is None:
        return
    # Its modules of pulumi_aws cost a start of a program that has none their time.
    from components.aws.budget import AwsBudget, AwsBudgetArgs

    pulumi.export("budget_topic", made(AwsBudget, wanted.name, cast("AwsBudgetArgs", args), options).topic_arn)


def balancer(
    front: FrontSpec,
    wanted: AccountSpec,
    network: AwsNetwork,
    options: pulumi.ResourceOptions,
    **more: Any,
) -> AwsLoadBalancer:
    """The name with TLS; `more`: what it leads to, in one target alone."""
    args: dict[str, Any] = {
        **where(wanted),
        "vpc_id": network.vpc_id,
        "subnet_ids": network.public_subnet_ids if front.internet_facing else network.private_subnet_ids,
        "hostname": front.hostname,
        "zone_name": front.zone_name,
        "hosted_zone_id": front.hosted_zone_id,
        "client_cidrs": list(front.client_cidrs),
        "kind": AwsLoadBalancerKind[front.kind],
        "internet_facing": front.internet_facing,
        "log_days": front.log_days,
        "allow_deletion": front.allow_deletion,
        **more,
    }
    if front.certificate is not None:
        args["certificate"] = given(front.certificate.model_dump())
    if front.web_acl_arn is not None:
        args["web_acl_arn"] = front.web_acl_arn
    return made(AwsLoadBalancer, wanted.name, cast("AwsLoadBalancerArgs", args), options)
