"""A Kubernetes cluster on GKE, with the nodes that its own pods run on."""

from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, NotRequired, Optional, TypedDict, cast

import pulumi
from pulumi_gcp.container.cluster import Cluster
from pulumi_gcp.container.node_pool import NodePool

from components import checks, kubeconfig
from components.gcp import checks as gcp
from components.gcp import cluster_nodes, keys
from components.gcp.cluster_asked import Asked, asked
from components.gcp.cluster_maintenance import GkeExclusion as GkeExclusion
from components.gcp.cluster_maintenance import GkeExclusionScope as GkeExclusionScope
from components.gcp.cluster_maintenance import GkeMaintenance as GkeMaintenance
from components.gcp.labels import Labels

LOGS: Final = ["SYSTEM_COMPONENTS", "WORKLOADS", "APISERVER", "CONTROLLER_MANAGER", "SCHEDULER"]
"""What system, pods and control plane write. Who asked the API server for what is in Cloud Audit Logs in any case."""
METRICS: Final = [
    *("SYSTEM_COMPONENTS", "APISERVER", "CONTROLLER_MANAGER", "SCHEDULER", "STORAGE", "HPA", "POD", "DAEMONSET"),
    *("DEPLOYMENT", "STATEFULSET", "KUBELET", "CADVISOR", "DCGM"),
]
"""What GKE itself measures of control plane, nodes, pods and GPUs (google_container_cluster, "monitoring_config",
7.45)."""


class GkeKind(Enum):
    """Whose the nodes are."""

    STANDARD = "STANDARD"
    """Those of pools, which somebody sizes and pays by the node."""
    AUTOPILOT = "AUTOPILOT"
    """Google's: it makes them as pods need them, and is paid by the pod."""


class GkeChannel(Enum):
    """How soon a version of Kubernetes comes to the cluster by itself."""

    RAPID = "RAPID"
    """First, and without a service level agreement."""
    REGULAR = "REGULAR"
    """Once it has proven itself in RAPID."""
    STABLE = "STABLE"
    """Once it has proven itself in REGULAR."""
    EXTENDED = "EXTENDED"
    """As REGULAR; a minor version stays for two years, for a fee once others have gone."""


class GkeClusterArgs(TypedDict):
    project: str
    """Id of the project, as `shop-prod`."""
    project_number: str
    """Number of the project, digits as text: GKE's and Compute Engine's own accounts, which encrypt, are named by
    it."""
    region: str
    """Region, as `europe-west4`: the control plane is in three of its zones."""
    network_id: pulumi.Input[str]
    """Id of the network, as `projects/shop-prod/global/networks/models`."""
    subnetwork_id: pulumi.Input[str]
    """Id of its subnetwork in the region, as `projects/shop-prod/regions/europe-west4/subnetworks/models`."""
    pods_range: pulumi.Input[str]
    """Name of the subnetwork's secondary range for pods."""
    services_range: pulumi.Input[str]
    """Name of the subnetwork's secondary range for services."""
    kind: NotRequired[GkeKind]
    """Whose the nodes are. It is that of the cluster for good. Default: STANDARD."""
    channel: NotRequired[GkeChannel]
    """How soon versions come by themselves, to control plane and nodes. Default: REGULAR."""
    version: NotRequired[str]
    """Least version of Kubernetes, as `1.35`, `1.35.1` or `1.35.1-gke.1396000`, one that the channel has. A higher one
    upgrades the control plane in place at once, one minor version at a time, as GKE refuses to skip one; nodes follow
    in the time for maintenance. There is no way back. Default: the channel's."""
    maintenance: NotRequired[GkeMaintenance]
    """When GKE may upgrade by itself. Default: on Saturdays and Sundays from 00:00 to 08:00 UTC."""
    public_access_cidrs: NotRequired[Sequence[str]]
    """Networks that may reach the API server over the internet. Default: none, it is reached from the network alone."""
    open_to_the_internet: NotRequired[bool]
    """Whether one of `public_access_cidrs` may be 0.0.0.0/0 or next to it. Default: no."""
    private_access_cidrs: NotRequired[Sequence[str]]
    """Private networks, those of a VPN for example, that may reach the API server from any region. Default: the
    subnetwork alone."""
    dns_endpoint: NotRequired[bool]
    """Whether the API server is also reached by a name, through Google's front end, from anywhere: by whom IAM gives
    `container.clusters.connect`, and nobody else. `kubeconfig` then has that name. Default: no."""
    control_plane_cidr: NotRequired[str]
    """Addresses of the control plane, a network of 28 bits that nothing else in the network has. It is that of the
    cluster for good. Default: an address of the subnetwork."""
    key_name: NotRequired[pulumi.Input[str]]
    """Whole name of the key of Cloud KMS that encrypts secrets, `projects/.../cryptoKeys/...` in this region; the
    account `service-NUMBER@container-engine-robot.iam.gserviceaccount.com` has to be allowed to encrypt and decrypt
    with it. Default: one made for it, which rotates and which that account may use."""
    disk_key_name: NotRequired[pulumi.Input[str]]
    """Whole name of the key of the nodes' disks, likewise, for
    `service-NUMBER@compute-system.iam.gserviceaccount.com`. Another replaces the system nodes by new ones; with
    AUTOPILOT it is that of the cluster for good. Default: one made for them."""
    binary_authorization: NotRequired[bool]
    """Whether pods have to pass the project's policy of Binary Authorization, which lets all through until somebody
    writes another. Default: yes."""
    security_group: NotRequired[str]
    """Google group, `gke-security-groups@DOMAIN`, whose member groups RBAC in the cluster may name. Default: none."""
    allow_deletion: NotRequired[bool]
    """Whether the cluster may be deleted. Default: no; write true and run `up` before `destroy`."""
    zones: NotRequired[Sequence[str]]
    """Zones of the system nodes, which other pools follow. Default: the first three of the region."""
    system_machine_type: NotRequired[str]
    """Machine type of the nodes that the cluster's own pods run on. Default: `e2-standard-4`."""
    system_min: NotRequired[int]
    """Least number of these nodes, in all zones together. Default: one in each zone, so that one may fail."""
    system_desired: NotRequired[int]
    """Number of them at first, in all zones together, and as many in each; an autoscaler moves it from then on.
    Default: the least, rounded up to that."""
    system_max: NotRequired[int]
    """Greatest number of them, in all zones together. Default: two in each zone."""
    system_disk_gib: NotRequired[int]
    """Size of a node's encrypted disk, GiB. Default: 100."""
    labels: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels of everything that is made and can have some, beside this library's. Default: none."""


class GkeCluster(pulumi.ComponentResource):
    """A regional GKE cluster with private nodes, encrypted secrets and disks, all logs and metrics, and system nodes.

    It is called as the component is. No version, window or size that is changed replaces it: what would is refused, by
    Pulumi's protection and the provider's. Who may do what in it is IAM's to say, `roles/container.developer` for
    example, and Kubernetes' own. Who uses its `name` or `kubeconfig` comes after nodes and network, and is gone before
    those go. Outputs: `name`, `id`, `location`, `endpoint`, `certificate_authority`, `kubeconfig` (no
    secret: `gke-gcloud-auth-plugin` is asked for a token), `version`, `node_service_account`, `node_tag`,
    `instance_groups`, `workload_pool`, `key_name`, `disk_key_name`.
    """

    name: pulumi.Output[str]
    """Name of the cluster."""
    id: pulumi.Output[str]
    """Its id, `projects/PROJECT/locations/REGION/clusters/NAME`."""
    location: pulumi.Output[str]
    """Its region."""
    endpoint: pulumi.Output[str]
    """URL of its API server."""
    certificate_authority: pulumi.Output[str]
    """Certificate of its authority, PEM in Base64; a name of `dns_endpoint` has one that everybody knows."""
    kubeconfig: pulumi.Output[str]
    """A kubeconfig that has `gke-gcloud-auth-plugin` fetch a token, so there is no secret in it."""
    version: pulumi.Output[str]
    """Version of Kubernetes, with GKE's own number."""
    node_service_account: pulumi.Output[str]
    """Address of the nodes' service account: who has to be allowed to pull."""
    node_tag: pulumi.Output[str]
    """Network tag of every node, by which firewall rules find them."""
    instance_groups: pulumi.Output[list[str]]
    """Instance groups of the system nodes, one of each zone; none with AUTOPILOT."""
    workload_pool: pulumi.Output[str]
    """Workload identity pool, `PROJECT.svc.id.goog`, that the cluster's service accounts are in."""
    key_name: pulumi.Output[str]
    """Whole name of the key that encrypts secrets."""
    disk_key_name: pulumi.Output[str]
    """Whole name of the key of the nodes' disks."""

    def __init__(self, name: str, args: GkeClusterArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        checks.given("GkeCluster", args, GkeClusterArgs)
        kind = checks.choice("GkeCluster.kind", args.get("kind", GkeKind.STANDARD), GkeKind)
        channel = checks.choice("GkeCluster.channel", args.get("channel", GkeChannel.REGULAR), GkeChannel)
        autopilot = kind is GkeKind.AUTOPILOT
        found = asked(name, cast("Any", args), autopilot=autopilot)
        labels = Labels("GkeCluster.labels", name, args.get("labels"))
        super().__init__("modelport:index:GkeCluster", name, {}, opts)
        project, region, child = args["project"], args["region"], pulumi.ResourceOptions(parent=self)

        def key(called: str, given: pulumi.Input[str] | None, service: str) -> pulumi.Output[str]:
            if given is not None:
                return pulumi.Output.from_input(given)
            agents = {service: gcp.agent(args["project_number"], service)}
            return keys.made(called, project=project, location=region, agents=agents, labels=labels, opts=child)

        self.key_name = key(f"{name}-key", found.key, "container-engine-robot")
        self.disk_key_name = key(f"{name}-disk-key", found.disk_key, "compute-system")
        who, may = cluster_nodes.account(name, project, child)
        tag = f"{name}-nodes"
        if found.system is None:
            kept = _autopilot(who.email, tag, self.disk_key_name)
            ignored: list[str] = []
        else:
            first = cluster_nodes.config(who.email, tag, self.disk_key_name, labels, machine_type=None, gib=20)
            kept = _standard(found.system, first)
            # The pool that GKE makes with a cluster goes at once; from then on the first of the others is told in its
            # place, and its own settings would replace the cluster.
            ignored = ["initialNodeCount", "nodeConfig", "nodeVersion"]
        cluster = Cluster(
            name,
            **{**_common(name, args, found, channel, self.key_name), **kept},
            resource_labels=labels.all(),
            opts=pulumi.ResourceOptions(
                parent=self,
                # Without its role a node comes up and is not heard of.
                depends_on=[may],
                protect=None if args.get("allow_deletion", False) else True,
                ignore_changes=ignored,
                # Should anything call for another cluster: its name is taken, so that the old one stays.
                delete_before_replace=False,
            ),
        )
        self.nodes: NodePool | None = None
        self.name = cluster.name
        self.instance_groups = pulumi.Output.from_input(cast("list[str]", []))
        if found.system is not None:
            system = found.system
            self.nodes = cluster_nodes.pool(
                name,
                system,
                cluster_nodes.config(
                    who.email, tag, self.disk_key_name, labels, machine_type=system.machine_type, gib=system.gib
                ),
                project=project,
                region=region,
                cluster=cluster.name,
                opts=child,
            )
            # By way of its nodes: who is in the cluster is gone before they and their network are.
            self.name = self.nodes.cluster
            self.instance_groups = cluster_nodes.groups(self.nodes)
        self.id, self.location, self.version = cluster.id, cluster.location, cluster.master_version
        self.node_service_account, self.node_tag = who.email, pulumi.Output.from_input(tag)
        # It is there once the project has a cluster that uses it.
        self.workload_pool = cluster.name.apply(lambda _: _pool(project))
        # Google tells it beside a client's key, which is a secret and not there.
        self.certificate_authority = pulumi.Output.unsecret(
            cluster.master_auth.apply(lambda told: told.cluster_ca_certificate or "")
        )
        named = args.get("dns_endpoint", False)
        self.endpoint = pulumi.Output.concat("https://", _by_name(cluster) if named else cluster.endpoint)
        self.kubeconfig = self._kubeconfig(named)
        self.register_outputs({each: getattr(self, each) for each in GkeCluster.__annotations__})

    def _kubeconfig(self, named: bool) -> pulumi.Output[str]:
        ask = {"command": "gke-gcloud-auth-plugin", "provideClusterInfo": True}
        authority = None if named else self.certificate_authority
        name = pulumi.Output.all(self.name, *([] if self.nodes is None else [self.nodes.urn]))
        return kubeconfig.written(name.apply(lambda found: str(found[0])), self.endpoint, authority, ask)


def _common(
    name: str, args: GkeClusterArgs, found: Asked, channel: GkeChannel, key: pulumi.Output[str]
) -> dict[str, Any]:
    """What a cluster of either kind is."""
    version, endpoint, group = args.get("version"), args.get("control_plane_cidr"), args.get("security_group")
    policy = "PROJECT_SINGLETON_POLICY_ENFORCE" if args.get("binary_authorization", True) else "DISABLED"
    return {
        "name": name,
        "project": args["project"],
        "location": args["region"],
        "network": found.network,
        "subnetwork": found.subnetwork,
        "networking_mode": "VPC_NATIVE",
        "ip_allocation_policy": {
            "cluster_secondary_range_name": found.pods,
            "services_secondary_range_name": found.services,
        },
        "release_channel": {"channel": channel.value},
        **({} if version is None else {"min_master_version": version}),
        "maintenance_policy": found.maintenance,
        "private_cluster_config": {
            "enable_private_nodes": True,
            "enable_private_endpoint": not found.public,
            "master_global_access_config": {"enabled": bool(found.private)},
            **({} if endpoint is None else {"master_ipv4_cidr_block": endpoint}),
        },
        # Who is not named is not let in: not Google's other customers, nor the rest of the network.
        "master_authorized_networks_config": {
            "cidr_blocks": [{"cidr_block": each} for each in (*found.public, *found.private)],
            "gcp_public_cidrs_access_enabled": False,
            "private_endpoint_enforcement_enabled": True,
        },
        "control_plane_endpoints_config": {
            "dns_endpoint_config": {"allow_external_traffic": args.get("dns_endpoint", False)}
        },
        "master_auth": {"client_certificate_config": {"issue_client_certificate": False}},
        "enable_legacy_abac": False,
        # Without a name one hears whether the API server is well, and no more.
        "anonymous_authentication_config": {"mode": "LIMITED"},
        "rbac_binding_config": {
            "enable_insecure_binding_system_authenticated": False,
            "enable_insecure_binding_system_unauthenticated": False,
        },
        **({} if group is None else {"authenticator_groups_config": {"security_group": group}}),
        "database_encryption": {"state": "ENCRYPTED", "key_name": key},
        "workload_identity_config": {"workload_pool": _pool(args["project"])},
        "binary_authorization": {"evaluation_mode": policy},
        "security_posture_config": {"mode": "BASIC"},
        "logging_config": {"enable_components": LOGS},
        "monitoring_config": {"enable_components": METRICS, "managed_prometheus": {"enabled": True}},
        "gateway_api_config": {"channel": "CHANNEL_STANDARD"},
        "cost_management_config": {"enabled": True},
        "service_external_ips_config": {"enabled": False},
        "deletion_protection": not args.get("allow_deletion", False),
    }


def _standard(system: cluster_nodes.System, first: dict[str, Any]) -> dict[str, Any]:
    """What a cluster with pools is beside that. `first`: how the nodes start that it is made with."""
    return {
        "node_locations": system.zones,
        "remove_default_node_pool": True,
        "initial_node_count": 1,
        "node_config": first,
        "datapath_provider": "ADVANCED_DATAPATH",
        "enable_intranode_visibility": True,
        "enable_shielded_nodes": True,
        "node_pool_defaults": {
            "node_config_defaults": {"gcfs_config": {"enabled": True}, **cluster_nodes.READ_ONLY_PORT}
        },
        "addons_config": {
            "http_load_balancing": {"disabled": False},
            "horizontal_pod_autoscaling": {"disabled": False},
            "gce_persistent_disk_csi_driver_config": {"enabled": True},
            "dns_cache_config": {"enabled": True},
        },
    }


def _autopilot(who: pulumi.Input[str], tag: str, key: pulumi.Input[str]) -> dict[str, Any]:
    """What a cluster without pools is beside that: its data path, shielded nodes and metadata server are Google's."""
    return {
        "enable_autopilot": True,
        "cluster_autoscaling": {
            "auto_provisioning_defaults": {
                "service_account": who,
                "oauth_scopes": cluster_nodes.SCOPES,
                "boot_disk_kms_key": key,
            }
        },
        "node_pool_auto_config": {
            "network_tags": {"tags": [tag]},
            "node_kubelet_config": cluster_nodes.READ_ONLY_PORT,
        },
    }


def _pool(project: str) -> str:
    """The workload identity pool of a project."""
    return f"{project}.svc.id.goog"


def _by_name(cluster: Cluster) -> pulumi.Output[str]:
    """The DNS name of an API server."""
    told = cluster.control_plane_endpoints_config.apply(lambda found: found.dns_endpoint_config)
    return told.apply(lambda found: str((found and found.endpoint) or ""))
