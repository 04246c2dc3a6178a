"""How many tasks of ECS there are, by what there is to do."""

from collections.abc import Mapping
from typing import Any, cast

import pulumi
from pulumi_aws.appautoscaling.policy import Policy
from pulumi_aws.appautoscaling.target import Target
from pulumi_aws.ecs.cluster import Cluster
from pulumi_aws.ecs.service import Service

from components import scaling
from components.aws.ecs_release import EcsLoadBalancer
from components.aws.tags import Tags
from components.scaling import Counts

MOST = 5000
"""Tasks of a service, as ECS's quota has it (ECS developer guide, "Service quotas", 2026-11-22)."""


def counts(
    args: Mapping[str, Any],
    balancer: Mapping[str, Any] | None,
    what: str = "EcsService",
    limit: int = MOST,
    unit: str = "tasks",
) -> Counts:
    """`min`, `desired` and `max` of the component `what`, and what is aimed at. Raises ArgsError."""
    counted = scaling.Counted(
        balancer is not None and {"arn_suffix", "target_group_arn_suffix"} <= set(balancer),
        "an application load balancer that counts them",
        "write load_balancer with arn_suffix and target_group_arn_suffix",
    )
    return scaling.counts(what, args, limit, unit, counted)


def scaled(
    parent: pulumi.Resource,
    name: str,
    cluster: Cluster,
    service: Service,
    asked: Counts,
    balancer: EcsLoadBalancer | None,
    tags: Tags,
    *,
    side_by_side: bool,
) -> None:
    """Tasks come and go by their CPU, and by the requests that each of them gets; whatever asks for more wins."""
    child = pulumi.ResourceOptions(parent=parent)
    target = Target(
        name,
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=pulumi.Output.format("service/{0}/{1}", cluster.name, service.name),
        min_capacity=asked.least,
        max_capacity=asked.most,
        tags=tags.of(name),
        opts=child,
    )
    cpu: Any = {"predefined_metric_type": "ECSServiceAverageCPUUtilization"}
    measured: dict[str, Any] = {"cpu": {"predefined_metric_specification": cpu, "target_value": asked.cpu}}
    if asked.requests is not None and balancer is not None:
        measured["requests"] = {**_requests(cluster, service, balancer, side_by_side), "target_value": asked.requests}
    for kind, about in measured.items():
        Policy(
            f"{name}-{kind}",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            # More at once, less only when it has been quiet for a while.
            target_tracking_scaling_policy_configuration=cast(
                "Any", {**about, "scale_out_cooldown": 60, "scale_in_cooldown": 300}
            ),
            opts=child,
        )


def _requests(cluster: Cluster, service: Service, balancer: EcsLoadBalancer, side_by_side: bool) -> dict[str, Any]:
    arn, group = balancer.get("arn_suffix", ""), balancer.get("target_group_arn_suffix", "")
    if not side_by_side:
        label = pulumi.Output.format("{0}/{1}", arn, group)
        metric = {"predefined_metric_type": "ALBRequestCountPerTarget", "resource_label": label}
        return {"predefined_metric_specification": metric}
    # That metric is of one target group, and requests move from one to the other with each release.
    groups = {"blue": group, "green": balancer.get("alternate_target_group_arn_suffix", "")}
    counted = [
        _counted(kind, "AWS/ApplicationELB", "RequestCount", "Sum", {"LoadBalancer": arn, "TargetGroup": each})
        for kind, each in groups.items()
    ]
    place = {"ClusterName": cluster.name, "ServiceName": service.name}
    running = _counted("tasks", "ECS/ContainerInsights", "RunningTaskCount", "Average", place)
    each_task = {
        "id": "requests",
        "label": "Requests of each task",
        "expression": "(FILL(blue, 0) + FILL(green, 0)) / tasks",
        "return_data": True,
    }
    return {"customized_metric_specification": {"metrics": [*counted, running, each_task]}}


def _counted(called: str, space: str, metric: str, stat: str, place: Mapping[str, pulumi.Input[str]]) -> Any:
    dimensions = [{"name": key, "value": value} for key, value in place.items()]
    about = {"namespace": space, "metric_name": metric, "dimensions": dimensions}
    return {"id": called, "metric_stat": {"metric": about, "stat": stat}, "return_data": False}
