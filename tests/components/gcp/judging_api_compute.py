"""What Compute Engine makes, and what is called otherwise there."""

from collections.abc import Mapping
from typing import Any, Final

from tests.components.gcp.judging_api_made import OURS, Made


def _made(method: str, takes: Mapping[str, str] | None = None, below: str = "") -> Made:
    return Made("compute.v1", method, takes or {}, below)


def _excluded(rule: str) -> dict[str, str]:
    """What a rule of a firewall for applications leaves out of its look."""
    exclusions = f"{rule}preconfiguredWafConfig.exclusions"
    words = ("Bodies", "Cookies", "Headers", "QueryParams", "Uris")
    return {f"{exclusions}.request{each}": f"request{each}ToExclude" for each in words}


_WORDS: Final = (
    *("canIpForward", "disks", "guestAccelerators", "labels", "machineType", "metadata", "networkInterfaces"),
    *("scheduling", "shieldedInstanceConfig", "tags"),
)
_INSTANCE: Final[Mapping[str, str]] = {
    **{each: f"properties.{each}" for each in _WORDS},
    "instanceDescription": "properties.description",
    "serviceAccount": "properties.serviceAccounts",
    "region": "?region",
    **{f"disks.{each}": f"initializeParams.{each}" for each in ("diskSizeGb", "diskType", "labels", "sourceImage")},
    "disks.diskEncryptionKey.kmsKeySelfLink": "kmsKeyName",
    "guestAccelerators.count": "acceleratorCount",
    "guestAccelerators.type": "acceleratorType",
}
"""A template's words are below `properties`."""
_GROUPED: Final[Mapping[str, str]] = {
    "distributionPolicyTargetShape": "distributionPolicy.targetShape",
    "distributionPolicyZones": "distributionPolicy.zones",
    "updatePolicy.maxSurgeFixed": "maxSurge.fixed",
    "updatePolicy.maxUnavailableFixed": "maxUnavailable.fixed",
    "region": "?region",
    "waitForInstances": OURS,
    "waitForInstancesStatus": OURS,
}
_POLICY: Final = "autoscalingPolicy"
_SCALED: Final[Mapping[str, str]] = {
    "region": "?region",
    f"{_POLICY}.cooldownPeriod": "coolDownPeriodSec",
    f"{_POLICY}.cpuUtilization.target": "utilizationTarget",
    f"{_POLICY}.loadBalancingUtilization.target": "utilizationTarget",
    f"{_POLICY}.maxReplicas": "maxNumReplicas",
    f"{_POLICY}.minReplicas": "minNumReplicas",
    f"{_POLICY}.metrics": "customMetricUtilizations",
    f"{_POLICY}.metrics.name": "metric",
    f"{_POLICY}.metrics.target": "utilizationTarget",
    f"{_POLICY}.metrics.type": "utilizationTargetType",
}


def _pairs(metadata: Any) -> dict[str, Any]:
    return {"items": [{"key": key, "value": value} for key, value in metadata.items()]}


def _zones(names: list[str]) -> list[dict[str, str]]:
    return [{"zone": f"zones/{each}"} for each in names]


COMPUTE: Final[Mapping[str, Made]] = {
    "gcp:compute/address:Address": _made("addresses.insert"),
    "gcp:compute/backendService:BackendService": _made(
        "backendServices.insert", {"connectionDrainingTimeoutSec": "connectionDraining.drainingTimeoutSec"}
    ),
    "gcp:compute/firewall:Firewall": _made(
        "firewalls.insert",
        {
            "allows": "allowed",
            "allows.protocol": "IPProtocol",
            "denies": "denied",
            "denies.protocol": "IPProtocol",
            "enableLogging": "logConfig.enable",
        },
    ),
    "gcp:compute/globalAddress:GlobalAddress": _made("globalAddresses.insert"),
    "gcp:compute/forwardingRule:ForwardingRule": _made(
        # One of Private Service Connect has no scheme, which the provider wants said as "", and sends none.
        "forwardingRules.insert",
        {"loadBalancingScheme": OURS, "recreateClosedPsc": OURS},
    ),
    "gcp:compute/globalForwardingRule:GlobalForwardingRule": _made("globalForwardingRules.insert"),
    "gcp:compute/healthCheck:HealthCheck": _made("healthChecks.insert"),
    "gcp:compute/instanceGroupNamedPort:InstanceGroupNamedPort": _made(
        "instanceGroups.setNamedPorts", {"group": OURS, "name": "namedPorts.name", "port": "namedPorts.port"}
    ),
    "gcp:compute/managedSslCertificate:ManagedSslCertificate": _made("sslCertificates.insert"),
    "gcp:compute/network:Network": _made(
        "networks.insert",
        {
            "bgpAlwaysCompareMed": "routingConfig.bgpAlwaysCompareMed",
            "bgpBestPathSelectionMode": "routingConfig.bgpBestPathSelectionMode",
            "bgpInterRegionCost": "routingConfig.bgpInterRegionCost",
            "deleteDefaultRoutesOnCreate": OURS,
            "routingMode": "routingConfig.routingMode",
        },
    ),
    "gcp:compute/networkEndpointGroup:NetworkEndpointGroup": _made("networkEndpointGroups.insert"),
    "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup": _made("regionNetworkEndpointGroups.insert"),
    "gcp:compute/regionAutoscaler:RegionAutoscaler": _made("regionAutoscalers.insert", _SCALED),
    "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager": Made(
        "compute.v1", "regionInstanceGroupManagers.insert", _GROUPED, told={"distributionPolicyZones": _zones}
    ),
    "gcp:compute/regionInstanceTemplate:RegionInstanceTemplate": Made(
        "compute.v1", "regionInstanceTemplates.insert", _INSTANCE, told={"metadata": _pairs}
    ),
    "gcp:compute/resourcePolicy:ResourcePolicy": _made("resourcePolicies.insert"),
    "gcp:compute/route:Route": Made(
        "compute.v1", "routes.insert", {"nextHopInstanceZone": OURS}, default=("priority",)
    ),
    "gcp:compute/router:Router": _made("routers.insert"),
    # A part of its router, and no resource of its own to Google.
    "gcp:compute/routerNat:RouterNat": _made("routers.patch", below="nats"),
    "gcp:compute/sSLPolicy:SSLPolicy": _made("sslPolicies.insert"),
    "gcp:compute/securityPolicy:SecurityPolicy": _made("securityPolicies.insert", _excluded("rules.")),
    "gcp:compute/securityPolicyRule:SecurityPolicyRule": _made("securityPolicies.addRule", _excluded("")),
    "gcp:compute/subnetwork:Subnetwork": _made("subnetworks.insert", {"sendSecondaryIpRangeIfEmpty": OURS}),
    "gcp:compute/targetHttpProxy:TargetHttpProxy": _made("targetHttpProxies.insert"),
    "gcp:compute/targetHttpsProxy:TargetHttpsProxy": _made(
        "targetHttpsProxies.insert", {"certificateManagerCertificates": "sslCertificates"}
    ),
    "gcp:compute/uRLMap:URLMap": _made("urlMaps.insert"),
}
