"""The target `aws-ecs`: a network, a registry and a load balancer are made, and the model answers in ECS."""

from pathlib import Path
from typing import Any, cast

import pulumi

from components.aws.ecs import EcsLoadBalancer, EcsService, EcsServiceArgs
from components.aws.ecs_monitoring import EcsMonitoring, EcsMonitoringArgs
from components.aws.load_balancer import AwsLoadBalancer
from components.rehearsal import made
from stacks import aws_parts, parts, samples, telling
from stacks.spec import StackSpec
from stacks.specs.aws_ecs import EcsSpec
from stacks.specs.aws_ecs_rules import arguments


def deploy(spec: StackSpec) -> None:
    """Make all of it, and export what a person or a script asks next."""
    wanted = cast("EcsSpec", spec.ecs)
    if wanted.gpu is not None:
        aws_parts.idle_gpus("ecs.gpu.instance_types", wanted.gpu.instance_types, "leave gpu out for Fargate")
    aws_parts.deploy("ecs", wanted, lambda options: _make(spec, wanted, options))


def _make(spec: StackSpec, wanted: EcsSpec, options: pulumi.ResourceOptions) -> None:
    network, registry = aws_parts.network(wanted, options), aws_parts.registry(spec, wanted, options)
    aws_parts.budget(wanted, options)
    image = aws_parts.image(spec, registry)
    reference = aws_parts.serving(spec, registry, image)
    front = wanted.load_balancer
    # Two versions always: another strategy then changes the service alone.
    balancer = aws_parts.balancer(front, wanted, network, options, two_versions=True) if front is not None else None
    given: dict[str, Any] = {
        **arguments(spec),
        "image": reference,
        "metrics": image.metrics,
        "vpc_id": network.vpc_id,
        "subnet_ids": network.private_subnet_ids,
    }
    if balancer is not None:
        given["load_balancer"] = _front(wanted, balancer)
    service = made(EcsService, wanted.name, cast("EcsServiceArgs", given), options)
    if wanted.monitoring is not None:
        watched = {"cluster_name": service.cluster_name, "service_name": service.service_name}
        args = {**_watching(wanted, balancer), **watched}
        found = made(EcsMonitoring, wanted.name, cast("EcsMonitoringArgs", args), options)
        pulumi.export("dashboard", found.dashboard_url)
        pulumi.export("alarm_topic", found.topic_arn)
    telling.of_model(spec, image)
    parts.released(spec, wanted.name, reference, service, waited=wanted.wait)
    pulumi.export("registry", registry.url)
    pulumi.export("vpc", network.vpc_id)
    pulumi.export("cluster", service.cluster_name)
    pulumi.export("service", service.service_name)
    pulumi.export("security_group", service.security_group_id)
    pulumi.export("logs", service.log_group_name)
    if balancer is not None:
        pulumi.export("endpoint", balancer.url)
        pulumi.export("address", balancer.dns_name)
        pulumi.export("try", balancer.url.apply(lambda url: _lines(spec, url)))


def _lines(spec: StackSpec, url: str) -> list[str]:
    """What can be pasted into a shell in the project's folder."""
    found, about = samples.beside(spec.model.source, Path.cwd()), {"name": spec.model.name}
    return samples.requests(url, about, found, classify=spec.model.classify is not None)


def _watching(wanted: EcsSpec, made: AwsLoadBalancer | None) -> dict[str, Any]:
    """What the stack file says of alarms, as an EcsMonitoring takes it; without the service's own name."""
    asked = wanted.monitoring
    if asked is None:
        return {}
    given = asked.model_dump(include={"cpu_percent", "memory_percent"})
    args: dict[str, Any] = {**aws_parts.where(wanted), **given, "emails": list(asked.emails)}
    if made is None or wanted.load_balancer is None:
        return args
    balancer: dict[str, Any] = {
        "arn_suffix": made.arn_suffix,
        "target_group_arn_suffixes": [made.target_group_arn_suffix, made.alternate_target_group_arn_suffix],
    }
    if wanted.load_balancer.kind == "NLB":
        return {**args, "load_balancer": {**balancer, "network": True}}
    promised = {"latency": asked.latency, "error_percent": asked.error_percent}
    return {**args, "load_balancer": {**balancer, **promised}}


def _front(wanted: EcsSpec, made: AwsLoadBalancer) -> EcsLoadBalancer:
    """The load balancer as the service takes it."""
    found = EcsLoadBalancer(
        target_group_arn=made.target_group_arn,
        security_group_id=made.security_group_id,
        rule_arn=made.rule_arn,
        alternate_target_group_arn=made.alternate_target_group_arn,
    )
    if wanted.load_balancer is not None and wanted.load_balancer.kind == "ALB":
        found["arn_suffix"] = made.arn_suffix
        found["target_group_arn_suffix"] = made.target_group_arn_suffix
        found["alternate_target_group_arn_suffix"] = made.alternate_target_group_arn_suffix
    return found
