"""The target `aws-ec2`: a network, a registry and a load balancer are made, and the model answers on instances."""

from pathlib import Path
from typing import Any, cast

import pulumi

from components.aws.ec2_service import Ec2LoadBalancer, Ec2Service, Ec2ServiceArgs
from components.aws.load_balancer import AwsLoadBalancer
from components.rehearsal import made
from stacks import aws_parts, parts, samples, telling
from stacks.spec import StackSpec
from stacks.specs.aws_ec2 import Ec2Spec
from stacks.specs.aws_ec2_rules import arguments, measured


def deploy(spec: StackSpec) -> None:
    """Make all of it, and export what a person or a script asks next."""
    wanted = cast("Ec2Spec", spec.ec2)
    aws_parts.idle_gpus("ec2.instance.types", wanted.instance.types or ())
    aws_parts.deploy("ec2", wanted, lambda options: _make(spec, wanted, options))


def _make(spec: StackSpec, wanted: Ec2Spec, options: pulumi.ResourceOptions) -> None:
    aws_parts.budget(wanted, options)
    network, registry = aws_parts.network(wanted, options), aws_parts.registry(spec, wanted, options)
    image = aws_parts.image(spec, registry)
    reference = aws_parts.serving(spec, registry, image)
    front = wanted.load_balancer
    given: dict[str, Any] = {
        **arguments(spec),
        "image": reference,
        "vpc_id": network.vpc_id,
        "subnet_ids": network.private_subnet_ids,
    }
    balancer = None
    if front is not None:
        balancer = aws_parts.balancer(front, wanted, network, options, instance_targets=True)
        given["load_balancer"] = _front(wanted, balancer)
    service = made(Ec2Service, wanted.name, cast("Ec2ServiceArgs", given), options)
    telling.of_model(spec, image)
    parts.released(spec, wanted.name, reference, service, waited=wanted.wait)
    pulumi.export("registry", registry.url)
    pulumi.export("vpc", network.vpc_id)
    pulumi.export("group", service.group_name)
    pulumi.export("security_group", service.security_group_id)
    pulumi.export("logs", service.log_group_name)
    if balancer is not None:
        # Who follows these finds the version that has come to all instances.
        url = pulumi.Output.all(balancer.url, service.serving).apply(lambda known: str(known[0]))
        pulumi.export("endpoint", url)
        pulumi.export("address", balancer.dns_name)
        pulumi.export("try", url.apply(lambda known: _lines(spec, known)))


def _lines(spec: StackSpec, url: str) -> list[str]:
    """What can be pasted into a shell in the project's folder."""
    found, about = samples.beside(spec.model.source, Path.cwd()), {"name": spec.model.name}
    return samples.requests(url, about, found, classify=spec.model.classify is not None)


def _front(wanted: Ec2Spec, way: AwsLoadBalancer) -> Ec2LoadBalancer:
    """The load balancer as the service takes it."""
    found = Ec2LoadBalancer(target_group_arn=way.target_group_arn, security_group_id=way.security_group_id)
    if measured(wanted):
        found["arn_suffix"] = way.arn_suffix
        found["target_group_arn_suffix"] = way.target_group_arn_suffix
    return found
