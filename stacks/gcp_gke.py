"""The target `gcp-gke`: network, cluster and all around it are made on Google Cloud, and the model answers in it."""

from typing import Any, cast

import pulumi
from pulumi_kubernetes.provider import Provider as Kubernetes

from components.gcp import catalog, collector
from components.gcp.cluster import GkeChannel, GkeCluster, GkeClusterArgs, GkeKind
from components.gcp.gpu_nodes import GkeGpuNodePool, GkeGpuNodePoolArgs
from components.gcp.load_balancer import GcpLoadBalancer
from components.gcp.monitoring import GcpMonitoring, GcpMonitoringArgs
from components.gcp.network import GcpNetwork
from components.gcp.registry import ArtifactRegistry
from components.kubernetes import ModelServiceType
from components.rehearsal import made
from stacks import calling, gcp_parts, inside
from stacks.parts import LATE
from stacks.spec import StackSpec
from stacks.specs.gcp import GcpSpec

APIS = ("certificatemanager", "compute", "container", "containerfilesystem", "containersecurity", "dns")
"""What this target asks beside what all do."""


def deploy(spec: StackSpec) -> None:
    """Make all of it, and export what a person or a script asks next."""
    wanted = cast("GcpSpec", spec.gcp)
    with gcp_parts.rehearsed("gcp"):
        _rehearse(spec, wanted)
    google = gcp_parts.provider(wanted)
    enabled = gcp_parts.apis(wanted, APIS, google)
    options = pulumi.ResourceOptions.merge(enabled, pulumi.ResourceOptions(provider=google))
    stands = _Parts(wanted, options)
    network, cluster, registry = stands.network(), stands.cluster(), stands.registry(spec)
    gcp_parts.budget(wanted, enabled)
    kubernetes = Kubernetes(
        "cluster",
        kubeconfig=cluster.kubeconfig,
        # Known before the cluster is, and the same whatever its kubeconfig says.
        cluster_identifier=f"projects/{wanted.project}/locations/{wanted.region}/clusters/{wanted.name}",
        # A key that comes or goes changes a Secret; replaced, it would be gone for a moment.
        enable_secret_mutable=True,
    )
    cluster.kubeconfig.apply(_say, run_with_unknowns=True)
    image = gcp_parts.image(spec, registry)
    place = inside.Place(kubernetes, inside.namespace(spec), kubeconfig=cluster.kubeconfig)
    both = pulumi.ResourceOptions.merge(enabled, pulumi.ResourceOptions(providers=[google, kubernetes]))
    stands.nodes()
    balancer = stands.balancer()
    service: dict[str, Any] = {}
    if balancer is not None and wanted.load_balancer is not None:
        cidr = wanted.network.existing.cidr if wanted.network.existing else wanted.network.cidr
        service["type"], service["node_port"] = ModelServiceType.NODE_PORT, wanted.load_balancer.node_port
        # What comes through a node's port comes from the address of a node.
        service["allowed_networks"] = [*spec.service.allow, cidr]
    if wanted.monitoring is not None:
        service["monitoring_namespace"] = collector.namespace(autopilot=wanted.cluster.kind == "autopilot")
    deployed = inside.deploy(spec, place, image, **service)
    # What says which pods are asked for their metrics lives in their namespace.
    after = pulumi.ResourceOptions.merge(both, pulumi.ResourceOptions(depends_on=[deployed.service]))
    monitoring = stands.monitoring(inside.called(spec), place.namespace, balancer, after)
    pulumi.export("endpoint", balancer.url if balancer is not None else deployed.service.url)
    if balancer is not None:
        pulumi.export("address", balancer.address)
    inside.told(spec, image, deployed)
    pulumi.export("cluster", cluster.name)
    pulumi.export("kubeconfig", cluster.kubeconfig)
    pulumi.export("registry", registry.url)
    pulumi.export("network", network.network_id)
    if monitoring is not None:
        pulumi.export("dashboard", monitoring.dashboard_url)
    way = None
    if balancer is not None and wanted.load_balancer is not None:
        way = calling.Way(balancer.url, wanted.load_balancer.hostname)
    login = (
        f"gcloud container clusters get-credentials {wanted.name} --location {wanted.region} --project {wanted.project}"
    )
    lines = calling.lines(spec, deployed.service, way, keyed=deployed.keys is not None, before=[login])
    pulumi.export("try", lines)


def _say(kubeconfig: object) -> None:
    if not isinstance(kubeconfig, str):
        pulumi.log.info(LATE)


def _rehearse(spec: StackSpec, wanted: GcpSpec) -> None:
    options = pulumi.ResourceOptions()
    stands = _Parts(wanted, options)
    stands.network()
    stands.cluster()
    stands.registry(spec)
    gcp_parts.budget(wanted)
    stands.nodes()
    stands.monitoring(inside.called(spec), inside.namespace(spec), stands.balancer(), options)


class _Parts:
    """What a stack makes on Google Cloud, one after the other."""

    def __init__(self, wanted: GcpSpec, options: pulumi.ResourceOptions) -> None:
        self._wanted, self._options, self._name = wanted, options, wanted.name
        self._where = gcp_parts.where(wanted)

    def network(self) -> GcpNetwork:
        self._network = gcp_parts.network(self._wanted, self._options)
        return self._network

    def cluster(self) -> GkeCluster:
        wanted, network = self._wanted.cluster, self._network
        args: dict[str, Any] = {
            **self._where,
            "project_number": self._wanted.project_number,
            "kind": GkeKind[wanted.kind.upper()],
            "channel": GkeChannel[wanted.channel],
            "network_id": network.network_id,
            "subnetwork_id": network.subnetwork_id,
            "pods_range": network.pods_range,
            "services_range": network.services_range,
            "dns_endpoint": wanted.dns_endpoint,
            "allow_deletion": wanted.allow_deletion,
        }
        if wanted.version is not None:
            args["version"] = wanted.version
        for key in ("public_access_cidrs", "private_access_cidrs"):
            if found := getattr(wanted, key):
                args[key] = list(found)
        if wanted.kind == "standard":
            own = {
                "machine_type": wanted.machine_type,
                "min": wanted.min,
                "max": wanted.max,
                "disk_gib": wanted.disk_gib,
            }
            args |= {f"system_{key}": value for key, value in own.items() if value is not None}
        self._cluster = made(GkeCluster, self._name, cast("GkeClusterArgs", args), self._options)
        return self._cluster

    def registry(self, spec: StackSpec) -> ArtifactRegistry:
        # Nodes pull as the account that they are.
        reader = self._cluster.node_service_account.apply(lambda email: f"serviceAccount:{email}")
        pullers = {**self._wanted.registry.pullers, "nodes": reader}
        return gcp_parts.registry(spec, self._wanted, self._options, pullers=pullers)

    def nodes(self) -> None:
        """Nodes with GPUs."""
        cluster = self._cluster
        for name, pool in (self._wanted.gpu or {}).items():
            args: dict[str, Any] = {
                **gcp_parts.given(pool.model_dump()),
                **self._where,
                "cluster_name": cluster.name,
                "node_service_account": cluster.node_service_account,
                "node_tag": cluster.node_tag,
                "disk_key_name": cluster.disk_key_name,
            }
            made(GkeGpuNodePool, f"{self._name}-{name}", cast("GkeGpuNodePoolArgs", args), self._options)

    def balancer(self) -> GcpLoadBalancer | None:
        """A load balancer that leads to a port of the cluster's own nodes, which pass it on to whichever pod.

        So nothing in the cluster calls Google for it: a preview shows all of it, and a destroy leaves none behind.
        """
        wanted = self._wanted.load_balancer
        if wanted is None:
            return None
        to = {
            "instance_groups": self._cluster.instance_groups,
            "node_port": wanted.node_port,
            "zones": catalog.zones(self._wanted.region)[:3],
            "node_tag": self._cluster.node_tag,
            "network_id": self._network.network_id,
        }
        return gcp_parts.balancer(wanted, self._wanted, self._options, **to)

    def monitoring(
        self, service: str, namespace: str, balancer: GcpLoadBalancer | None, both: pulumi.ResourceOptions
    ) -> GcpMonitoring | None:
        wanted = self._wanted.monitoring
        if wanted is None:
            return None
        about = {"latency": wanted.latency, "error_percent": wanted.error_percent}
        args: dict[str, Any] = {
            "project": self._wanted.project,
            **gcp_parts.labelled(self._wanted),
            "location": self._wanted.region,
            "cluster_name": self._cluster.name,
            "services": [{"namespace": namespace, "service": service, **about}],
            "autopilot": self._wanted.cluster.kind == "autopilot",
        }
        if wanted.emails:
            args["emails"] = list(wanted.emails)
        if balancer is not None:
            args["load_balancer"] = {"backend_service_name": balancer.backend_service_name}
        if wanted.uptime and self._wanted.load_balancer is not None:
            args["hostname"] = self._wanted.load_balancer.hostname
        return made(GcpMonitoring, self._name, cast("GcpMonitoringArgs", args), both)
