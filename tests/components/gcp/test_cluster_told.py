"""What a cluster on GKE tells of itself, when it is upgraded, and who waits for it."""

import json
from typing import Any

import pytest
from pulumi_gcp.pubsub.topic import Topic

from components.gcp.cluster import GkeCluster, GkeExclusionScope
from tests.components.gcp.test_cluster import CLUSTER, CRYPTO, EMAIL, GROUPS, HERE, OUTPUTS, POOL, _made, _plan
from tests.components.planned import UNKNOWN, plan


@pytest.mark.parametrize(
    ("machine_type", "disk"),
    [("n2-standard-4", "pd-balanced"), ("c3-standard-4", "pd-balanced"), ("n4-standard-4", "hyperdisk-balanced"),
     ("c4a-standard-4", "hyperdisk-balanced")],
)  # fmt: skip
def test_a_machine_boots_from_what_its_series_takes(machine_type: str, disk: str) -> None:
    found = _plan(system_machine_type=machine_type, system_disk_gib=60).one(POOL).inputs["nodeConfig"]
    assert (found["machineType"], found["diskType"], found["diskSizeGb"]) == (machine_type, disk, 60)


def test_upgrades_come_in_the_time_that_is_said_and_not_in_others() -> None:
    maintenance = {
        "days": ["WE", "TU"],
        "start": "22:30",
        "hours": 6,
        "exclusions": {
            "christmas": {"start": "2026-12-18T00:00:00Z", "end": "2027-01-04T00:00:00Z"},
            "nodes": {
                "start": "2027-01-04T00:00:00Z",
                "end": "2027-06-30T00:00:00Z",
                "scope": GkeExclusionScope.NO_MINOR_OR_NODE_UPGRADES,
            },
            "minor": {"start": "2027-01-04T00:00:00Z", "scope": "NO_MINOR_UPGRADES"},
        },
    }
    assert _plan(maintenance=maintenance).one(CLUSTER).inputs["maintenancePolicy"] == {
        "recurringWindow": {
            "startTime": "2026-01-06T22:30:00Z",
            "endTime": "2026-01-07T04:30:00Z",
            "recurrence": "FREQ=WEEKLY;BYDAY=TU,WE",
        },
        "maintenanceExclusions": [
            {
                "exclusionName": "christmas",
                "startTime": "2026-12-18T00:00:00Z",
                "endTime": "2027-01-04T00:00:00Z",
                "exclusionOptions": {"scope": "NO_UPGRADES"},
            },
            {
                "exclusionName": "nodes",
                "startTime": "2027-01-04T00:00:00Z",
                "endTime": "2027-06-30T00:00:00Z",
                "exclusionOptions": {"scope": "NO_MINOR_OR_NODE_UPGRADES"},
            },
            {
                "exclusionName": "minor",
                "startTime": "2027-01-04T00:00:00Z",
                "exclusionOptions": {"scope": "NO_MINOR_UPGRADES", "endTimeBehavior": "UNTIL_END_OF_SUPPORT"},
            },
        ],
    }


def test_what_it_tells() -> None:
    told = _made()
    config = json.loads(told.pop("kubeconfig"))
    assert told == {
        "name": "shop",
        "id": "shop-id",
        "location": "europe-west4",
        "endpoint": "https://10.0.0.2",
        "certificate_authority": "Q0E=",
        "version": "1.35.1-gke.1396000",
        "node_service_account": EMAIL,
        "node_tag": "shop-nodes",
        "instance_groups": GROUPS,
        "workload_pool": "shop-prod.svc.id.goog",
        "key_name": "shop-key-id",
        "disk_key_name": "shop-disk-key-id",
    }
    assert config["clusters"] == [
        {"name": "shop", "cluster": {"server": "https://10.0.0.2", "certificate-authority-data": "Q0E="}}
    ]
    (user,) = config["users"]
    assert user["user"] == {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "gke-gcloud-auth-plugin",
            "provideClusterInfo": True,
            "interactiveMode": "Never",
        }
    }
    assert config["current-context"] == "shop"


def test_without_pools_it_tells_the_same_but_no_groups() -> None:
    told = _made(kind="AUTOPILOT")
    assert told["instance_groups"] == []
    assert (told["name"], told["node_tag"], told["node_service_account"]) == ("shop", "shop-nodes", EMAIL)


def test_by_its_name_the_api_server_has_a_certificate_that_everybody_knows() -> None:
    told = _made(dns_endpoint=True)
    assert told["endpoint"] == "https://gke-0123456789ab.europe-west4.gke.goog"
    assert json.loads(told["kubeconfig"])["clusters"][0]["cluster"] == {"server": told["endpoint"]}
    inputs = _plan(dns_endpoint=True).one(CLUSTER).inputs
    assert inputs["controlPlaneEndpointsConfig"] == {"dnsEndpointConfig": {"allowExternalTraffic": True}}


@pytest.mark.parametrize("output", ["kubeconfig", "certificate_authority", "endpoint"])
def test_what_is_no_secret_is_none(output: str) -> None:
    """Though it is told beside a client's key, which is one."""

    def program() -> None:
        Topic("user", labels={"found": getattr(GkeCluster("shop", HERE), output)})

    found = plan(program, preview=False, outputs=OUTPUTS).one("gcp:pubsub/topic:Topic", "user").inputs["labels"]
    assert isinstance(found["found"], str)


@pytest.mark.parametrize("output", ["node_tag", "workload_pool", "name", "location"])
def test_what_firewalls_and_bindings_refer_to_is_known_in_a_preview(output: str) -> None:
    def program() -> None:
        Topic("user", labels={"found": getattr(GkeCluster("shop", HERE), output)})

    assert plan(program).one("gcp:pubsub/topic:Topic", "user").inputs["labels"]["found"] != UNKNOWN


@pytest.mark.parametrize(
    ("kind", "output", "behind"),
    [
        ("STANDARD", "name", {"shop-system"}),
        ("STANDARD", "kubeconfig", {"shop", "shop-system"}),
        ("STANDARD", "instance_groups", {"shop-system"}),
        ("STANDARD", "workload_pool", {"shop"}),
        ("STANDARD", "disk_key_name", {"shop-disk-key-compute-system"}),
        ("AUTOPILOT", "name", {"shop"}),
        ("AUTOPILOT", "kubeconfig", {"shop"}),
        ("AUTOPILOT", "workload_pool", {"shop"}),
    ],
)
def test_who_is_in_the_cluster_is_gone_before_its_nodes_are(kind: str, output: str, behind: set[str]) -> None:
    def program() -> None:
        args: Any = {**HERE, "kind": kind}
        found: Any = getattr(GkeCluster("shop", args), output)
        Topic("user", labels={"found": found.apply(str)})

    assert behind <= plan(program).one("gcp:pubsub/topic:Topic", "user").depends_on


@pytest.mark.parametrize("kind", ["STANDARD", "AUTOPILOT"])
def test_everything_that_takes_labels_has_them(kind: str) -> None:
    found = _plan(kind=kind, labels={"team": "ml"})
    labels = {"modelport-component": "shop", "team": "ml"}
    assert found.one(CLUSTER).inputs["resourceLabels"] == labels
    assert all(each.inputs["nodeConfig"]["resourceLabels"] == labels for each in found.all(POOL))
    assert [each.inputs["labels"] for each in found.all(CRYPTO)] == [labels, labels]
