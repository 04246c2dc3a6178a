"""A cluster on GKE, as it would be registered."""

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pulumi
import pytest
from pulumi_gcp.pubsub.topic import Topic

from components.gcp import catalog
from components.gcp.cluster import GkeChannel, GkeCluster, GkeClusterArgs, GkeKind
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
NETWORK = "projects/shop-prod/global/networks/models"
SUBNETWORK = "projects/shop-prod/regions/europe-west4/subnetworks/models"
HERE: GkeClusterArgs = {
    "project": "shop-prod",
    "project_number": "123456789012",
    "region": "europe-west4",
    "network_id": NETWORK,
    "subnetwork_id": SUBNETWORK,
    "pods_range": "pods",
    "services_range": "services",
}
KEY = "projects/shop-prod/locations/europe-west4/keyRings/models/cryptoKeys/models"
CLUSTER, POOL = "gcp:container/cluster:Cluster", "gcp:container/nodePool:NodePool"
ACCOUNT, MEMBER = "gcp:serviceaccount/account:Account", "gcp:projects/iAMMember:IAMMember"
USES, CRYPTO = "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember", "gcp:kms/cryptoKey:CryptoKey"
EMAIL = "shop-nodes-1a2b3c4@shop-prod.iam.gserviceaccount.com"
GROUPS = [f"https://www.googleapis.com/compute/v1/projects/shop-prod/zones/europe-west4-{each}/instanceGroups/g"
          for each in "abc"]  # fmt: skip
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = {_SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "value": ""}
"""How the provider tells what is sensitive."""


def _told(made: Planned) -> dict[str, Any]:
    return {
        "endpoint": "10.0.0.2",
        "masterVersion": "1.35.1-gke.1396000",
        "masterAuth": {"clusterCaCertificate": base64.b64encode(b"CA").decode(), "clientKey": SECRET},
        "controlPlaneEndpointsConfig": {
            "dnsEndpointConfig": {"endpoint": "gke-0123456789ab.europe-west4.gke.goog", "allowExternalTraffic": True}
        },
    }


OUTPUTS: dict[str, Callable[[Planned], dict[str, Any]]] = {
    CLUSTER: _told,
    POOL: lambda _: {"managedInstanceGroupUrls": GROUPS},
    ACCOUNT: lambda _: {"email": EMAIL, "member": f"serviceAccount:{EMAIL}"},
}


def _plan(preview: bool = True, **more: Any) -> Plan:
    args: Any = {**HERE, **more}
    return plan(lambda: GkeCluster("shop", args), preview=preview, outputs=OUTPUTS)


def _made(**more: Any) -> dict[str, Any]:
    """Outputs of a cluster that is there."""
    found: dict[str, Any] = {}

    def program() -> None:
        args: Any = {**HERE, **more}
        cluster = GkeCluster("shop", args)
        told: dict[str, pulumi.Output[Any]] = {each: getattr(cluster, each) for each in GkeCluster.__annotations__}
        pulumi.Output.all(**told).apply(found.update)

    plan(program, preview=False, outputs=OUTPUTS)
    return found


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    _plan(preview).holds(SNAPSHOTS / "cluster.txt")


@pytest.mark.parametrize("preview", [True, False])
def test_with_keys_of_somebody_elses_names_stay_too(preview: bool) -> None:
    _plan(preview, key_name=KEY, disk_key_name=KEY).holds(SNAPSHOTS / "cluster-keys.txt")


@pytest.mark.parametrize("preview", [True, False])
def test_without_pools_names_stay_too(preview: bool) -> None:
    _plan(preview, kind=GkeKind.AUTOPILOT).holds(SNAPSHOTS / "cluster-autopilot.txt")


COMMON: Final[dict[str, Any]] = {
    "name": "shop",
    "project": "shop-prod",
    "location": "europe-west4",
    "network": NETWORK,
    "subnetwork": SUBNETWORK,
    "networkingMode": "VPC_NATIVE",
    "ipAllocationPolicy": {"clusterSecondaryRangeName": "pods", "servicesSecondaryRangeName": "services"},
    "releaseChannel": {"channel": "REGULAR"},
    "maintenancePolicy": {
        "recurringWindow": {
            "startTime": "2026-01-10T00:00:00Z",
            "endTime": "2026-01-10T08:00:00Z",
            "recurrence": "FREQ=WEEKLY;BYDAY=SA,SU",
        }
    },
    "privateClusterConfig": {
        "enablePrivateNodes": True,
        "enablePrivateEndpoint": True,
        "masterGlobalAccessConfig": {"enabled": False},
    },
    "masterAuthorizedNetworksConfig": {
        "cidrBlocks": [],
        "gcpPublicCidrsAccessEnabled": False,
        "privateEndpointEnforcementEnabled": True,
    },
    "controlPlaneEndpointsConfig": {"dnsEndpointConfig": {"allowExternalTraffic": False}},
    "masterAuth": {"clientCertificateConfig": {"issueClientCertificate": False}},
    "enableLegacyAbac": False,
    "anonymousAuthenticationConfig": {"mode": "LIMITED"},
    "rbacBindingConfig": {
        "enableInsecureBindingSystemAuthenticated": False,
        "enableInsecureBindingSystemUnauthenticated": False,
    },
    "databaseEncryption": {"state": "ENCRYPTED", "keyName": "shop-key-id"},
    "workloadIdentityConfig": {"workloadPool": "shop-prod.svc.id.goog"},
    "binaryAuthorization": {"evaluationMode": "PROJECT_SINGLETON_POLICY_ENFORCE"},
    "securityPostureConfig": {"mode": "BASIC"},
    "loggingConfig": {
        "enableComponents": ["SYSTEM_COMPONENTS", "WORKLOADS", "APISERVER", "CONTROLLER_MANAGER", "SCHEDULER"]
    },
    "monitoringConfig": {
        "enableComponents": [
            *("SYSTEM_COMPONENTS", "APISERVER", "CONTROLLER_MANAGER", "SCHEDULER", "STORAGE", "HPA", "POD"),
            *("DAEMONSET", "DEPLOYMENT", "STATEFULSET", "KUBELET", "CADVISOR", "DCGM"),
        ],
        "managedPrometheus": {"enabled": True},
    },
    "gatewayApiConfig": {"channel": "CHANNEL_STANDARD"},
    "costManagementConfig": {"enabled": True},
    "serviceExternalIpsConfig": {"enabled": False},
    "deletionProtection": True,
    "resourceLabels": {"modelport-component": "shop"},
}
STARTED: Final[dict[str, Any]] = {
    "bootDiskKmsKey": "shop-disk-key-id",
    "imageType": "COS_CONTAINERD",
    "gcfsConfig": {"enabled": True},
    "gvnic": {"enabled": True},
    "serviceAccount": EMAIL,
    "oauthScopes": ["https://www.googleapis.com/auth/cloud-platform"],
    "shieldedInstanceConfig": {"enableSecureBoot": True, "enableIntegrityMonitoring": True},
    "workloadMetadataConfig": {"mode": "GKE_METADATA"},
    "metadata": {"disable-legacy-endpoints": "true"},
    "kubeletConfig": {"insecureKubeletReadonlyPortEnabled": "FALSE"},
    "tags": ["shop-nodes"],
    "resourceLabels": {"modelport-component": "shop"},
}


def test_the_cluster() -> None:
    assert _plan(False).one(CLUSTER).inputs == {
        **COMMON,
        "nodeLocations": ["europe-west4-a", "europe-west4-b", "europe-west4-c"],
        "removeDefaultNodePool": True,
        "initialNodeCount": 1,
        # The pool that it is made with is no weaker than those that come, for the minutes that it is there.
        "nodeConfig": {**STARTED, "diskSizeGb": 20},
        "datapathProvider": "ADVANCED_DATAPATH",
        "enableIntranodeVisibility": True,
        "enableShieldedNodes": True,
        "nodePoolDefaults": {
            "nodeConfigDefaults": {"gcfsConfig": {"enabled": True}, "insecureKubeletReadonlyPortEnabled": "FALSE"}
        },
        "addonsConfig": {
            "httpLoadBalancing": {"disabled": False},
            "horizontalPodAutoscaling": {"disabled": False},
            "gcePersistentDiskCsiDriverConfig": {"enabled": True},
            "dnsCacheConfig": {"enabled": True},
        },
    }


def test_the_system_nodes() -> None:
    nodes = _plan(False).one(POOL)
    assert nodes.inputs == {
        "project": "shop-prod",
        "location": "europe-west4",
        "cluster": "shop",
        "nodeLocations": ["europe-west4-a", "europe-west4-b", "europe-west4-c"],
        "initialNodeCount": 1,
        "autoscaling": {"totalMinNodeCount": 3, "totalMaxNodeCount": 6, "locationPolicy": "BALANCED"},
        "management": {"autoRepair": True, "autoUpgrade": True},
        "upgradeSettings": {"strategy": "SURGE", "maxSurge": 1, "maxUnavailable": 0},
        "networkConfig": {"enablePrivateNodes": True},
        "nodeConfig": {
            **STARTED,
            "machineType": "e2-standard-4",
            "diskType": "pd-balanced",
            "diskSizeGb": 100,
            "labels": {"modelport.io/nodes": "system"},
        },
    }
    # Another number to begin with would replace it; what there are by now is the autoscaler's and the channel's.
    assert nodes.request["ignoreChanges"] == ["initialNodeCount", "nodeCount", "version"]


def test_without_pools_nodes_are_googles_and_ours_all_the_same() -> None:
    found = _plan(False, kind="AUTOPILOT")
    assert found.all(POOL) == []
    assert found.one(CLUSTER).inputs == {
        **COMMON,
        "enableAutopilot": True,
        "clusterAutoscaling": {
            "autoProvisioningDefaults": {
                "serviceAccount": EMAIL,
                "oauthScopes": ["https://www.googleapis.com/auth/cloud-platform"],
                "bootDiskKmsKey": "shop-disk-key-id",
            }
        },
        "nodePoolAutoConfig": {
            "networkTags": {"tags": ["shop-nodes"]},
            "nodeKubeletConfig": {"insecureKubeletReadonlyPortEnabled": "FALSE"},
        },
    }


def test_in_a_preview_nothing_is_known_that_cannot_be() -> None:
    found = _plan()
    cluster, nodes = found.one(CLUSTER).inputs, found.one(POOL).inputs
    assert cluster["databaseEncryption"] == {"state": "ENCRYPTED", "keyName": UNKNOWN}
    assert (cluster["nodeConfig"]["bootDiskKmsKey"], cluster["nodeConfig"]["serviceAccount"]) == (UNKNOWN, UNKNOWN)
    assert (nodes["cluster"], nodes["nodeConfig"]["tags"]) == ("shop", ["shop-nodes"])


def test_network_and_keys_may_be_unknown() -> None:
    def program() -> None:
        later: Any = Topic("elsewhere").id
        GkeCluster(
            "shop",
            {
                **HERE,
                "network_id": later,
                "subnetwork_id": later,
                "pods_range": later,
                "services_range": later,
                "key_name": later,
                "disk_key_name": later,
            },
        )

    found = plan(program)
    cluster = found.one(CLUSTER).inputs
    assert (cluster["network"], cluster["subnetwork"]) == (UNKNOWN, UNKNOWN)
    assert cluster["ipAllocationPolicy"] == {
        "clusterSecondaryRangeName": UNKNOWN,
        "servicesSecondaryRangeName": UNKNOWN,
    }
    assert cluster["databaseEncryption"]["keyName"] == UNKNOWN
    assert found.one(POOL).inputs["nodeConfig"]["bootDiskKmsKey"] == UNKNOWN
    assert found.all(CRYPTO) == []


def test_nothing_that_is_changed_replaces_it() -> None:
    request = _plan().one(CLUSTER).request
    assert request["protect"] is True
    # What the pool was that it was made with is told of another one, once that is gone.
    assert request["ignoreChanges"] == ["initialNodeCount", "nodeConfig", "nodeVersion"]
    # Another of its name cannot be made while it is there, and it does not go first.
    assert request["deleteBeforeReplaceDefined"] is True
    assert not request.get("deleteBeforeReplace")
    assert "ignoreChanges" not in _plan(kind="AUTOPILOT").one(CLUSTER).request


FOR_GOOD: Final = (
    *("name", "location", "project", "network", "subnetwork", "networkingMode", "ipAllocationPolicy"),
    *("datapathProvider", "enableAutopilot", "initialNodeCount", "nodeConfig", "description", "defaultMaxPodsPerNode"),
    *("confidentialNodes", "masterAuth", "privateClusterConfig.masterIpv4CidrBlock"),
    *("privateClusterConfig.privateEndpointSubnetwork", "enableKubernetesAlpha", "enableTpu", "nodePools"),
    "clusterAutoscaling.autoProvisioningDefaults.bootDiskKmsKey",
)
"""What the provider makes another cluster for, as far as the Cluster of a component says it (google_container_cluster,
ForceNew in its schema, 7.45)."""
OF_A_POOL_FOR_GOOD: Final = (
    *("name", "location", "project", "cluster", "initialNodeCount", "maxPodsPerNode", "placementPolicy"),
    *("nodeConfig.bootDiskKmsKey", "nodeConfig.metadata", "nodeConfig.oauthScopes", "nodeConfig.serviceAccount"),
    *("nodeConfig.shieldedInstanceConfig", "nodeConfig.spot", "nodeConfig.minCpuPlatform"),
)
"""The same of a NodePool (google_container_node_pool)."""


def _paths(before: Any, after: Any, path: str = "") -> set[str]:
    """Where two values differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = {*before, *after}
        return {
            each for key in keys for each in _paths(before.get(key), after.get(key), f"{path}.{key}".removeprefix("."))
        }
    return set() if before == after else {path}


def _within(path: str, places: Sequence[str]) -> bool:
    """Whether a path leads to one of some places, or on from there."""
    return any(f"{path}.".startswith(f"{each}.") for each in places)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"version": "1.35"}, {"minMasterVersion"}),
        ({"channel": GkeChannel.STABLE}, {"releaseChannel.channel"}),
        ({"public_access_cidrs": ["203.0.113.0/24"]}, None),
        ({"private_access_cidrs": ["10.8.0.0/16"]}, None),
        ({"dns_endpoint": True}, None),
        ({"key_name": KEY}, {"databaseEncryption.keyName"}),
        ({"maintenance": {"days": ["TU", "WE"], "start": "01:30"}}, None),
        ({"binary_authorization": False}, {"binaryAuthorization.evaluationMode"}),
        ({"security_group": "gke-security-groups@example.com"}, None),
        ({"allow_deletion": True}, {"deletionProtection"}),
        ({"labels": {"team": "ml"}}, None),
        ({"zones": ["europe-west4-a", "europe-west4-b"]}, None),
        ({"system_machine_type": "n2-standard-8"}, set[str]()),
        ({"system_disk_gib": 200}, set[str]()),
        ({"system_min": 6, "system_max": 12}, set[str]()),
        ({"system_desired": 6}, set[str]()),
    ],
)
def test_what_may_be_changed_is_changed_in_place(more: Any, expected: set[str] | None) -> None:
    before, after = _plan(False), _plan(False, **more)
    if "key_name" not in more:
        assert before.lines() == after.lines()
    changed = _paths(before.one(CLUSTER).inputs, after.one(CLUSTER).inputs)
    if expected is not None:
        assert changed == expected
    ignored = after.one(CLUSTER).request["ignoreChanges"]
    assert [each for each in changed if _within(each, FOR_GOOD) and not _within(each, ignored)] == []
    of_pool = _paths(before.one(POOL).inputs, after.one(POOL).inputs)
    ignored = after.one(POOL).request["ignoreChanges"]
    assert [each for each in of_pool if _within(each, OF_A_POOL_FOR_GOOD) and not _within(each, ignored)] == []


def test_to_be_deleted_it_has_to_be_said_first() -> None:
    found = _plan(allow_deletion=True).one(CLUSTER)
    assert found.inputs["deletionProtection"] is False
    assert not found.request.get("protect")


def test_a_version_is_a_least_one_and_nodes_follow() -> None:
    found = _plan(version="1.35.1-gke.1396000")
    assert found.one(CLUSTER).inputs["minMasterVersion"] == "1.35.1-gke.1396000"
    assert "version" not in found.one(POOL).inputs
    assert "nodeVersion" not in found.one(CLUSTER).inputs
    assert "minMasterVersion" not in _plan().one(CLUSTER).inputs


def test_secrets_and_disks_have_keys_of_their_own_that_rotate_and_googles_agents_use() -> None:
    found = _plan(False)
    assert {each.name: each.inputs["rotationPeriod"] for each in found.all(CRYPTO)} == {
        "shop-key": "7776000s",
        "shop-disk-key": "7776000s",
    }
    assert {each.inputs["location"] for each in found.all("gcp:kms/keyRing:KeyRing")} == {"europe-west4"}
    number = "123456789012"
    assert {each.inputs["cryptoKeyId"]: (each.inputs["member"], each.inputs["role"]) for each in found.all(USES)} == {
        "shop-key-id": (
            f"serviceAccount:service-{number}@container-engine-robot.iam.gserviceaccount.com",
            "roles/cloudkms.cryptoKeyEncrypterDecrypter",
        ),
        "shop-disk-key-id": (
            f"serviceAccount:service-{number}@compute-system.iam.gserviceaccount.com",
            "roles/cloudkms.cryptoKeyEncrypterDecrypter",
        ),
    }
    # Before the agents may use them, neither cluster nor nodes come up.
    used = {each.name for each in found.all(USES)}
    assert used <= found.one(CLUSTER).depends_on
    assert "shop-disk-key-compute-system" in found.one(POOL).depends_on


def test_a_given_key_is_used() -> None:
    found = _plan(False, key_name=KEY)
    assert [each.name for each in found.all(CRYPTO)] == ["shop-disk-key"]
    assert found.one(CLUSTER).inputs["databaseEncryption"]["keyName"] == KEY
    found = _plan(False, disk_key_name=KEY)
    assert [each.name for each in found.all(CRYPTO)] == ["shop-key"]
    assert found.one(POOL).inputs["nodeConfig"]["bootDiskKmsKey"] == KEY
    assert found.one(CLUSTER).inputs["nodeConfig"]["bootDiskKmsKey"] == KEY


def test_the_api_is_opened_to_named_networks_alone() -> None:
    found = _plan(public_access_cidrs=["203.0.113.0/24"], private_access_cidrs=["10.8.0.0/16"]).one(CLUSTER).inputs
    assert found["privateClusterConfig"]["enablePrivateEndpoint"] is False
    assert found["masterAuthorizedNetworksConfig"] == {
        "cidrBlocks": [{"cidrBlock": "203.0.113.0/24"}, {"cidrBlock": "10.8.0.0/16"}],
        "gcpPublicCidrsAccessEnabled": False,
        "privateEndpointEnforcementEnabled": True,
    }
    opened = _plan(public_access_cidrs=["0.0.0.0/0"], open_to_the_internet=True).one(CLUSTER).inputs
    assert opened["masterAuthorizedNetworksConfig"]["cidrBlocks"] == [{"cidrBlock": "0.0.0.0/0"}]


def test_private_networks_reach_the_api_from_any_region() -> None:
    found = _plan(private_access_cidrs=["10.8.0.0/16"], control_plane_cidr="10.9.0.0/28").one(CLUSTER).inputs
    assert found["masterAuthorizedNetworksConfig"]["cidrBlocks"] == [{"cidrBlock": "10.8.0.0/16"}]
    assert found["privateClusterConfig"] == {
        "enablePrivateNodes": True,
        "enablePrivateEndpoint": True,
        "masterGlobalAccessConfig": {"enabled": True},
        "masterIpv4CidrBlock": "10.9.0.0/28",
    }


def test_nodes_are_somebody_who_may_do_no_more_than_a_node_must() -> None:
    found = _plan(False)
    assert found.one(ACCOUNT).inputs == {"project": "shop-prod", "displayName": "Nodes of the cluster shop"}
    assert found.one(MEMBER).inputs == {
        "project": "shop-prod",
        "role": "roles/container.defaultNodeServiceAccount",
        "member": f"serviceAccount:{EMAIL}",
    }
    # They are heard of from the first on.
    awaited = found.one(CLUSTER).request["dependencies"]
    assert any(each.endswith(f"{MEMBER}::shop-nodes") for each in awaited)


@pytest.mark.parametrize(
    ("more", "initial", "least", "most"),
    [
        ({"system_min": 1}, 1, 1, 6),
        ({"system_min": 0, "system_max": 3}, 1, 0, 3),
        ({"system_min": 4}, 2, 4, 6),
        ({"system_min": 9}, 3, 9, 9),
        ({"system_desired": 6}, 2, 3, 6),
        ({"zones": ["europe-west4-b"], "system_desired": 2}, 2, 1, 2),
        ({"zones": ["europe-west4-b"]}, 1, 1, 2),
        ({"zones": ["europe-west4-b", "europe-west4-a"], "system_min": 3, "system_max": 5}, 2, 3, 5),
    ],
)
def test_numbers_of_nodes_are_of_all_zones_together(more: Any, initial: int, least: int, most: int) -> None:
    nodes = _plan(**more).one(POOL).inputs
    assert nodes["initialNodeCount"] == initial
    assert nodes["autoscaling"] == {
        "totalMinNodeCount": least,
        "totalMaxNodeCount": most,
        "locationPolicy": "BALANCED",
    }


@pytest.mark.parametrize("region", list(catalog.ZONES))
def test_nodes_are_in_three_zones_of_any_region(region: str) -> None:
    found = _plan(region=region, subnetwork_id=SUBNETWORK.replace("europe-west4", region)).one(POOL).inputs
    assert found["nodeLocations"] == catalog.zones(region)[:3]
    assert len(found["nodeLocations"]) == 3
