"""What GKE makes, and what is called otherwise there."""

from collections.abc import Mapping
from typing import Any, Final, cast

from tests.components.gcp.judging_api_made import OURS, Made
from tests.components.judging import opened

_NODES: Final = {
    "nodeConfig.guestAccelerators": "accelerators",
    "nodeConfig.guestAccelerators.count": "acceleratorCount",
    "nodeConfig.guestAccelerators.type": "acceleratorType",
    "nodeConfig.gpudirectStrategy": "gpuDirectConfig.gpuDirectStrategy",
    "nodeConfig.linuxNodeConfig.hugepagesConfig": "hugepages",
    "nodeConfig.loggingVariant": "loggingConfig.variantConfig.variant",
    "nodeConfig.sandboxConfig.sandboxType": "type",
}
_PORT: Final = "insecureKubeletReadonlyPortEnabled"
_OLD: Final = (
    "binaryAuthorization.enabled",
    "initialNodeCount",
    "masterAuthorizedNetworksConfig",
    "nodeConfig",
    "privateClusterConfig.enablePrivateEndpoint",
    "privateClusterConfig.enablePrivateNodes",
    "privateClusterConfig.masterGlobalAccessConfig",
    "privateClusterConfig.privateEndpointSubnetwork",
)
"""What GKE has newer words for, which the provider has not."""


def _flag(given: Any) -> Any:
    """What the provider has as a word, so that it can be left to GKE."""
    return {"TRUE": True, "FALSE": False}.get(given, given)


def _exclusions(given: Any) -> Any:
    """Exclusions by their names, which the provider has beside the rest of each."""
    found: dict[str, Any] = {}
    for each in cast("list[dict[str, Any]]", given):
        known = {key: opened(value) for key, value in each.items()}
        name, options = known.pop("exclusionName"), known.pop("exclusionOptions", None)
        found[name] = known if options is None else {**known, "maintenanceExclusionOptions": options}
    return found


CONTAINER: Final[Mapping[str, Made]] = {
    "gcp:container/cluster:Cluster": Made(
        "container.v1",
        "projects.locations.clusters.create",
        {
            **_NODES,
            **{
                word: f"cluster.networkConfig.{word}"
                for word in (
                    *("datapathProvider", "defaultSnatStatus", "disableL4LbFirewallReconciliation", "dnsConfig"),
                    *("enableCiliumClusterwideNetworkPolicy", "enableFqdnNetworkPolicy", "enableIntranodeVisibility"),
                    *("enableL4IlbSubsetting", "enableMultiNetworking", "gatewayApiConfig"),
                    *("inTransitEncryptionConfig", "networkPerformanceConfig", "privateIpv6GoogleAccess"),
                    "serviceExternalIpsConfig",
                )
            },
            **dict.fromkeys(("ignoreNodeCountChanges", "networkingMode", "nodeVersion", "removeDefaultNodePool"), OURS),
            "allowNetAdmin": "cluster.autopilot.workloadPolicyConfig.allowNetAdmin",
            "clusterAutoscaling": "cluster.autoscaling",
            "clusterAutoscaling.enabled": "enableNodeAutoprovisioning",
            "clusterAutoscaling.autoProvisioningDefaults": "autoprovisioningNodePoolDefaults",
            "clusterAutoscaling.autoProvisioningDefaults.diskSize": "diskSizeGb",
            "clusterAutoscaling.autoProvisioningLocations": "autoprovisioningLocations",
            "defaultMaxPodsPerNode": "cluster.defaultMaxPodsConstraint.maxPodsPerNode",
            "enableAutopilot": "cluster.autopilot.enabled",
            "enableLegacyAbac": "cluster.legacyAbac.enabled",
            "enableShieldedNodes": "cluster.shieldedNodes.enabled",
            "ipAllocationPolicy.podCidrOverprovisionConfig.disabled": "disable",
            "loggingConfig.enableComponents": "componentConfig.enableComponents",
            "maintenancePolicy.dailyMaintenanceWindow": "window.dailyMaintenanceWindow",
            "maintenancePolicy.maintenanceExclusions": "window.maintenanceExclusions",
            "maintenancePolicy.recurringWindow": "window.recurringWindow",
            "maintenancePolicy.recurringWindow.endTime": "window.endTime",
            "maintenancePolicy.recurringWindow.startTime": "window.startTime",
            "minMasterVersion": "cluster.initialClusterVersion",
            "monitoringConfig.enableComponents": "componentConfig.enableComponents",
            "nodeLocations": "cluster.locations",
            f"nodePoolDefaults.nodeConfigDefaults.{_PORT}": f"nodeKubeletConfig.{_PORT}",
            "nodePoolDefaults.nodeConfigDefaults.loggingVariant": "loggingConfig.variantConfig.variant",
            "resourceUsageExportConfig.enableResourceConsumptionMetering": "consumptionMeteringConfig.enabled",
        },
        "cluster",
        {
            "maintenancePolicy.maintenanceExclusions": _exclusions,
            f"nodeConfig.kubeletConfig.{_PORT}": _flag,
            f"nodePoolAutoConfig.nodeKubeletConfig.{_PORT}": _flag,
            f"nodePoolDefaults.nodeConfigDefaults.{_PORT}": _flag,
        },
        old=tuple(f"cluster.{each}" for each in _OLD),
    ),
    "gcp:container/nodePool:NodePool": Made(
        "container.v1",
        "projects.locations.clusters.nodePools.create",
        {
            **_NODES,
            "cluster": OURS,
            "ignoreNodeCountChanges": OURS,
            "maxPodsPerNode": "nodePool.maxPodsConstraint.maxPodsPerNode",
            "namePrefix": OURS,
            "networkConfig.podCidrOverprovisionConfig.disabled": "disable",
            "nodeConfig": "nodePool.config",
            "nodeCount": "nodePool.initialNodeCount",
            "nodeLocations": "nodePool.locations",
        },
        "nodePool",
        {f"nodeConfig.kubeletConfig.{_PORT}": _flag},
    ),
}
