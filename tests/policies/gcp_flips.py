"""What breaks the rules of GKE: of the cluster, and of its nodes."""

from typing import Any, Final

from tests.policies.flips import GONE, Flip, made

_CLUSTER: Final = "gcp:container/cluster:Cluster"
_POOL: Final = "gcp:container/nodePool:NodePool"


def _cluster(rule: str, change: dict[str, Any], **how: Any) -> Flip:
    return Flip(rule, "cluster.cluster", _CLUSTER, "shop", change, **how)


def _pool(rule: str, change: dict[str, Any], **how: Any) -> Flip:
    return Flip(rule, "cluster.cluster", _POOL, "shop-system", change, **how)


GKE: Final = (
    _cluster("gke-nodes-private", {"privateClusterConfig.enablePrivateNodes": False}),
    _pool("gke-nodes-private", {"networkConfig.enablePrivateNodes": False}),
    _cluster(
        "gke-api-not-open",
        {
            "privateClusterConfig.enablePrivateEndpoint": False,
            "masterAuthorizedNetworksConfig": {"cidrBlocks": [{"cidrBlock": "0.0.0.0/0"}]},
        },
        unknown="masterAuthorizedNetworksConfig.cidrBlocks[0].cidrBlock",
    ),
    _cluster(
        "gke-api-not-open",
        {"masterAuthorizedNetworksConfig": GONE, "privateClusterConfig.enablePrivateEndpoint": GONE},
    ),
    _cluster("gke-api-private", {"privateClusterConfig.enablePrivateEndpoint": False}),
    _cluster("gke-nodes-shielded", {"enableShieldedNodes": False}),
    _cluster("gke-workload-identity", {"workloadIdentityConfig": GONE}, unknown="enableAutopilot"),
    _cluster("gke-network-policies", {"datapathProvider": "LEGACY_DATAPATH"}),
    _cluster("gke-network-policies", {"datapathProvider": GONE, "networkPolicy": {"enabled": False}}),
    _cluster("gke-binary-authorization", {"binaryAuthorization.evaluationMode": "DISABLED"}),
    _cluster("gke-binary-authorization", {"binaryAuthorization": GONE}),
    _cluster("gke-secrets-encrypted", {"databaseEncryption.state": "DECRYPTED"}),
    _cluster("gke-secrets-encrypted", {"databaseEncryption": GONE}),
    _cluster("gke-secrets-encrypted", {"databaseEncryption.keyName": GONE}, unknown=None),
    _cluster("gke-release-channel", {"releaseChannel.channel": "UNSPECIFIED"}),
    _cluster("gke-release-channel", {"releaseChannel": GONE}),
    _cluster("gke-no-old-access", {"enableLegacyAbac": True}),
    _cluster("gke-no-old-access", {"masterAuth.clientCertificateConfig.issueClientCertificate": True}),
    _cluster("gke-observed", {"loggingConfig.enableComponents": ["SYSTEM_COMPONENTS"]}),
    _cluster("gke-observed", {"monitoringConfig.enableComponents": []}),
    _cluster("gke-observed", {"loggingService": "none"}),
    _cluster("gke-intranode-visible", {"enableIntranodeVisibility": False}),
    _cluster("gke-vpc-native", {"networkingMode": "ROUTES"}),
    _cluster("gke-no-alpha", {"enableKubernetesAlpha": True}),
    _cluster("gke-posture", {"securityPostureConfig.mode": "DISABLED"}),
    _pool("gke-nodes-maintained", {"management.autoRepair": False}),
    _pool("gke-nodes-maintained", {"management.autoUpgrade": False}),
    _pool("gke-nodes-secure-boot", {"nodeConfig.shieldedInstanceConfig.enableSecureBoot": False}),
    _pool("gke-nodes-secure-boot", {"nodeConfig.shieldedInstanceConfig.enableIntegrityMonitoring": False}),
    _pool("gke-nodes-secure-boot", {"nodeConfig": GONE}),
    _pool("gke-nodes-cos", {"nodeConfig.imageType": "UBUNTU_CONTAINERD"}),
    _pool("gke-nodes-own-account", {"nodeConfig.serviceAccount": GONE}),
    _pool(
        "gke-nodes-own-account",
        {"nodeConfig.serviceAccount": "123456789012-compute@developer.gserviceaccount.com"},
    ),
    _pool("gke-nodes-metadata", {"nodeConfig.workloadMetadataConfig": GONE}),
    _pool("gke-nodes-metadata", {"nodeConfig.workloadMetadataConfig.mode": "GCE_METADATA"}),
    _pool("gke-nodes-metadata", {"nodeConfig.metadata": {"disable-legacy-endpoints": "false"}}),
    _pool("gke-nodes-own-key", {"nodeConfig.bootDiskKmsKey": GONE}, unknown=None),
    Flip(
        "gke-nodes-own-account",
        "cluster.cluster",
        _CLUSTER,
        "by-hand",
        {"nodePools": [{"name": "first", "nodeConfig": {"serviceAccount": "default"}}]},
        unknown="nodePools[0].nodeConfig.serviceAccount",
        added=made(_CLUSTER, "by-hand", {"location": "europe-west4"}),
    ),
)
