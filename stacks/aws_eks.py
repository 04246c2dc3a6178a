"""The target `aws-eks`: the network, the cluster and all around it are made on AWS, and the model answers in it."""

from collections.abc import Sequence
from typing import Any, cast

import pulumi
from pulumi_aws.autoscaling.attachment import Attachment
from pulumi_kubernetes.provider import Provider as Kubernetes

from components.aws.autoscaler import EksAutoscaler, EksAutoscalerArgs, EksAutoscalerKind
from components.aws.checks import partition
from components.aws.cluster import EksCluster, EksClusterArgs, EksSupport
from components.aws.gpu_nodes import EksGpuImage, EksGpuNodeGroup, EksGpuNodeGroupArgs
from components.aws.load_balancer import AwsLoadBalancer
from components.aws.monitoring import AwsMonitoring, AwsMonitoringArgs
from components.aws.network import AwsNetwork
from components.aws.registry import EcrRegistry
from components.kubernetes import GpuNodes, ModelServiceType
from components.rehearsal import made
from stacks import aws_parts, calling, inside
from stacks.parts import LATE
from stacks.spec import StackSpec
from stacks.specs.aws import AwsSpec, GpusSpec

GPUS = "nvidia-gpu"
"""Namespace of what tells the cluster of its nodes' GPUs."""


def deploy(spec: StackSpec) -> None:
    """Make all of it, and export what a person or a script asks next."""
    wanted = cast("AwsSpec", spec.aws)
    with aws_parts.rehearsed("aws"):
        _rehearse(spec, wanted)
    aws = aws_parts.provider(wanted)
    options = pulumi.ResourceOptions(provider=aws)
    parts = _Parts(wanted, options)
    network, cluster, registry = parts.network(), parts.cluster(), parts.registry(spec)
    aws_parts.budget(wanted, options)
    kubernetes = Kubernetes(
        "cluster",
        kubeconfig=cluster.kubeconfig,
        # Known before the cluster is, and the same whatever its kubeconfig says.
        cluster_identifier=f"arn:{partition(wanted.region)}:eks:{wanted.region}:{wanted.account_id}:cluster/{wanted.name}",
        # A key that comes or goes changes a Secret; replaced, it would be gone for a moment.
        enable_secret_mutable=True,
    )
    cluster.kubeconfig.apply(_say, run_with_unknowns=True)
    image = aws_parts.image(spec, registry)
    place = inside.Place(kubernetes, inside.namespace(spec), kubeconfig=cluster.kubeconfig)
    both = pulumi.ResourceOptions(providers={"aws": aws, "kubernetes": kubernetes})
    parts.nodes(both)
    balancer = parts.balancer()
    if balancer is not None:
        parts.attach(balancer)
    monitoring = parts.monitoring(inside.called(spec), place.namespace, balancer, both)
    service: dict[str, Any] = {}
    if balancer is not None and wanted.load_balancer is not None:
        cidr = wanted.network.existing.cidr if wanted.network.existing else wanted.network.cidr
        service["type"], service["node_port"] = ModelServiceType.NODE_PORT, wanted.load_balancer.node_port
        # What comes through a node's port comes from the address of a node.
        service["allowed_networks"] = [*spec.service.allow, cidr]
    if monitoring is not None:
        service["monitoring_namespace"] = monitoring.collector_namespace
    deployed = inside.deploy(spec, place, image, **service)
    pulumi.export("endpoint", balancer.url if balancer is not None else deployed.service.url)
    if balancer is not None:
        pulumi.export("address", balancer.dns_name)
    inside.told(spec, image, deployed)
    pulumi.export("cluster", cluster.name)
    pulumi.export("kubeconfig", cluster.kubeconfig)
    pulumi.export("registry", registry.url)
    pulumi.export("vpc", network.vpc_id)
    if monitoring is not None:
        pulumi.export("dashboard", monitoring.dashboard_url)
    way = None
    if balancer is not None and wanted.load_balancer is not None:
        way = calling.Way(balancer.url, wanted.load_balancer.hostname)
    login = f"aws eks update-kubeconfig --region {wanted.region} --name {wanted.name}"
    lines = calling.lines(spec, deployed.service, way, keyed=deployed.keys is not None, before=[login])
    pulumi.export("try", lines)


def _say(kubeconfig: object) -> None:
    if not isinstance(kubeconfig, str):
        pulumi.log.info(LATE)


def _rehearse(spec: StackSpec, wanted: AwsSpec) -> None:
    options = pulumi.ResourceOptions()
    parts = _Parts(wanted, options)
    parts.network()
    parts.cluster()
    parts.registry(spec)
    aws_parts.budget(wanted, options)
    parts.nodes(options)
    parts.monitoring(inside.called(spec), inside.namespace(spec), parts.balancer(), options)


class _Parts:
    """What a stack makes on AWS, one after the other."""

    def __init__(self, wanted: AwsSpec, options: pulumi.ResourceOptions) -> None:
        self._wanted, self._options, self._name = wanted, options, wanted.name
        self._where = aws_parts.where(wanted)
        # Karpenter makes nodes of its own, and moves the size of no group.
        self._fixed = wanted.autoscaler is None or wanted.autoscaler.kind == "karpenter"

    def network(self) -> AwsNetwork:
        self._network = aws_parts.network(self._wanted, self._options, cluster_names=[self._name])
        return self._network

    def cluster(self) -> EksCluster:
        wanted = self._wanted.cluster
        plain = ("version", "admins", "log_days", "allow_deletion")
        args: dict[str, Any] = {
            **self._where,
            **{key: getattr(wanted, key) for key in plain},
            "support": EksSupport(wanted.support),
            "subnet_ids": self._network.private_subnet_ids,
            "system_min": wanted.min,
            "system_max": wanted.max,
            "system_disk_gib": wanted.disk_gib,
            "system_fixed_size": self._fixed,
        }
        optional = {
            "public_access_cidrs": wanted.public_access_cidrs,
            "private_access_cidrs": wanted.private_access_cidrs,
            "system_instance_types": wanted.instance_types,
        }
        args |= {key: list(value) for key, value in optional.items() if value}
        if wanted.desired is not None:
            args["system_desired"] = wanted.desired
        self._cluster = made(EksCluster, self._name, cast("EksClusterArgs", args), self._options)
        return self._cluster

    def registry(self, spec: StackSpec) -> EcrRegistry:
        return aws_parts.registry(spec, self._wanted, self._options)

    def nodes(self, both: pulumi.ResourceOptions) -> None:
        """Groups of nodes with GPUs, and who decides how many nodes there are."""
        cluster = self._cluster
        if self._wanted.gpu is not None:
            self._gpus(self._wanted.gpu, both)
        wanted = self._wanted.autoscaler
        if wanted is None:
            return
        args: dict[str, Any] = {
            **self._where,
            "cluster_name": cluster.name,
            "image": wanted.image,
            "kind": EksAutoscalerKind(wanted.kind),
        }
        if wanted.kind == "karpenter":
            args |= {
                "node_role_arn": cluster.node_role_arn,
                "node_role_name": cluster.node_role_name,
                "subnet_ids": self._network.private_subnet_ids,
                "security_group_id": cluster.security_group_id,
                "definitions": list(wanted.definitions),
            }
            if wanted.pools:
                pools = {name: aws_parts.given(each.model_dump()) for name, each in wanted.pools.items()}
                args["pools"] = [{"name": name, **pool} for name, pool in pools.items()]
        made(EksAutoscaler, self._name, cast("EksAutoscalerArgs", args), both)

    def _gpus(self, wanted: GpusSpec, both: pulumi.ResourceOptions) -> None:
        cluster = self._cluster
        for name, group in wanted.groups.items():
            args: dict[str, Any] = {
                **aws_parts.given(group.model_dump(exclude={"image"})),
                **aws_parts.tagged(self._wanted),
                "region": self._wanted.region,
                "cluster_name": cluster.name,
                "cluster_version": cluster.version,
                "subnet_ids": self._network.private_subnet_ids,
                "node_role_arn": cluster.node_role_arn,
                "image": EksGpuImage[group.image],
                "fixed_size": self._fixed,
            }
            made(EksGpuNodeGroup, f"{self._name}-{name}", cast("EksGpuNodeGroupArgs", args), self._options)
        if wanted.device_plugin_image is not None:
            plugin = wanted.device_plugin_image
            made(GpuNodes, GPUS, {"device_plugin_image": plugin, "time_slices": wanted.time_slices}, both)

    def balancer(self) -> AwsLoadBalancer | None:
        """A load balancer that leads to a port of the cluster's own nodes, which pass it on to whichever pod.

        So nothing in the cluster calls AWS for it: a preview shows all of it, and a destroy leaves none of it behind.
        """
        wanted = self._wanted.load_balancer
        if wanted is None:
            return None
        to = {"target_security_group_id": self._cluster.security_group_id, "node_port": wanted.node_port}
        return aws_parts.balancer(wanted, self._wanted, self._network, self._options, **to)

    def attach(self, balancer: AwsLoadBalancer) -> None:
        """Have the cluster's own nodes be what the load balancer leads to."""
        Attachment(
            f"{self._name}-system",
            autoscaling_group_name=self._cluster.nodes.resources.apply(_scaling_group),
            lb_target_group_arn=balancer.target_group_arn,
            opts=self._options,
        )

    def monitoring(
        self, service: str, namespace: str, balancer: AwsLoadBalancer | None, both: pulumi.ResourceOptions
    ) -> AwsMonitoring | None:
        wanted = self._wanted.monitoring
        if wanted is None:
            return None
        about = {"latency": wanted.latency, "error_percent": wanted.error_percent}
        args: dict[str, Any] = {
            **self._where,
            "cluster_name": self._cluster.name,
            "collector_image": wanted.collector_image,
            "services": [{"namespace": namespace, "service": service, **about}],
            "log_days": wanted.log_days,
        }
        if wanted.emails:
            args["emails"] = list(wanted.emails)
        if balancer is not None and self._wanted.load_balancer is not None:
            args["load_balancer"] = {
                "arn_suffix": balancer.arn_suffix,
                "target_group_arn_suffix": balancer.target_group_arn_suffix,
                "network": self._wanted.load_balancer.kind == "NLB",
            }
        return made(AwsMonitoring, self._name, cast("AwsMonitoringArgs", args), both)


def _scaling_group(found: Sequence[Any]) -> str:
    """Name of a node group's auto scaling group."""
    return str(found[0].autoscaling_groups[0].name)
