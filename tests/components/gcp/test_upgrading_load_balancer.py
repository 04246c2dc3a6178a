"""Load balancers that an earlier release has made are left alone, and change where they are asked to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.gcp.load_balancer import GcpLoadBalancer
from tests.components.gcp.test_load_balancer import HERE, RUN, TOLD
from tests.components.upgrading import Earlier


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of. changed: of the load balancer of nodes."""
    nodes: Any = {**HERE, "other_hostnames": ["old.example.com"], **changed}
    GcpLoadBalancer("edge", nodes)
    run: Any = {**RUN, "hostname": "run.example.com"}
    GcpLoadBalancer("run", run)


EARLIER = Earlier("load-balancer", shop, TOLD)


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


def test_other_callers_are_another_policy_and_nothing_else(folder: Path) -> None:
    asked = {"client_cidrs": ["203.0.113.0/24"], "requests_per_minute": 600}
    assert EARLIER.changes(folder, asked, typed=True) == {"update": {"gcp:compute/securityPolicy:SecurityPolicy::edge"}}


def test_another_name_comes_with_a_certificate_and_changes_none(folder: Path) -> None:
    found = EARLIER.changes(folder, {"other_hostnames": ["old.example.com", "new.example.com"]}, typed=True)
    assert found == {
        "create": {
            "gcp:certificatemanager/certificate:Certificate::edge-new.example.com",
            "gcp:certificatemanager/certificateMapEntry:CertificateMapEntry::edge-new.example.com",
            "gcp:certificatemanager/dnsAuthorization:DnsAuthorization::edge-new.example.com",
            "gcp:dns/recordSet:RecordSet::edge-new.example.com",
            "gcp:dns/recordSet:RecordSet::edge-validation-new.example.com",
        },
        "update": {"gcp:compute/uRLMap:URLMap::edge"},
    }


def test_names_that_move_to_a_zone_elsewhere_lose_their_records_and_nothing_else(folder: Path) -> None:
    found = EARLIER.changes(folder, {"managed_zone": None}, typed=True)
    names = ("models.example.com", "old.example.com")
    called = {f"edge-{each}" for each in names} | {f"edge-validation-{each}" for each in names}
    assert found == {"delete": {f"gcp:dns/recordSet:RecordSet::{each}" for each in called}}


def test_what_answers_moves_while_the_address_stays(folder: Path) -> None:
    """To Cloud Run, by a backend service beside the one of the nodes, which goes with all that is theirs."""
    nodes = dict.fromkeys(("instance_groups", "node_port", "network_id", "node_tag"))
    found = EARLIER.changes(folder, {**nodes, "cloud_run": RUN["cloud_run"]}, typed=True)
    assert found["create"] == {
        "gcp:compute/backendService:BackendService::edge-run",
        "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup::edge",
    }
    assert found["delete"] == {
        "gcp:compute/backendService:BackendService::edge-nodes",
        "gcp:compute/firewall:Firewall::edge-port-30080",
        "gcp:compute/healthCheck:HealthCheck::edge",
        "gcp:compute/instanceGroupNamedPort:InstanceGroupNamedPort::edge-europe-west4-a",
        "gcp:compute/instanceGroupNamedPort:InstanceGroupNamedPort::edge-europe-west4-b",
    }
    assert "gcp:compute/uRLMap:URLMap::edge" in found["update"]
    assert set(found) == {"create", "delete", "update"}
    kept = ("GlobalAddress::edge", "SecurityPolicy::edge", "Certificate::edge")
    assert not [each for each in found["update"] if any(one in each for one in kept)]
