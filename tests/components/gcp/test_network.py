"""A network on Google Cloud with a subnetwork in a region, or one that is there, as it would be registered."""

import ipaddress
from functools import partial
from pathlib import Path
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as some
from pulumi_gcp.compute.instance_group import InstanceGroup

from components.gcp import addresses
from components.gcp.network import GcpGoogleApis, GcpNat, GcpNetwork, GcpNetworkArgs
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
PROJECT, REGION = "shop-prod", "europe-west4"
HERE: GcpNetworkArgs = {"project": PROJECT, "region": REGION}
NETWORK = "projects/shop-prod/global/networks/models"
SUBNETWORK = "projects/shop-prod/regions/europe-west4/subnetworks/models-eu"
THERE: GcpNetworkArgs = {
    **HERE,
    "existing": {
        "network_id": NETWORK,
        "subnetwork_id": SUBNETWORK,
        "cidr": "10.100.0.0/22",
        "pods_cidr": "10.104.0.0/16",
        "services_cidr": "10.100.16.0/20",
        "pods_range": "gke-pods",
        "services_range": "gke-services",
    },
}
FULL: GcpNetworkArgs = {
    **HERE,
    "nat": GcpNat.STATIC,
    "nat_address_count": 2,
    "google_apis": GcpGoogleApis.RESTRICTED,
    "internal_ports": ["8080", "9000-9100"],
    "iap_ssh": True,
    "proxy_cidr": "10.0.32.0/23",
    "private_services_cidr": "10.8.0.0/16",
    "labels": {"team": "ml"},
}


def _address(made: Planned) -> dict[str, Any]:
    return {"selfLink": f"{made.name}-link", "address": f"192.0.2.{made.name[-1]}"}


TOLD = {"gcp:compute/address:Address": _address}
OURS = {"modelport-component": "net"}


def made_of(args: GcpNetworkArgs, *, preview: bool = False) -> Plan:
    return plan(lambda: GcpNetwork("net", args), preview=preview, outputs=TOLD)


def _firewalls(found: Plan) -> dict[str, dict[str, Any]]:
    return {each.name: each.inputs for each in found.all("gcp:compute/firewall:Firewall")}


def _routes(found: Plan) -> dict[str, str]:
    return {each.name: each.inputs["destRange"] for each in found.all("gcp:compute/route:Route")}


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    found = made_of(FULL, preview=preview)
    found.holds(SNAPSHOTS / "network.txt")
    assert {each.parent for each in found.resources[1:]} == {"net"}


def test_the_network_has_no_subnetworks_and_no_routes_that_nobody_asked_for() -> None:
    assert made_of(HERE).one("gcp:compute/network:Network").inputs == {
        "project": PROJECT,
        "autoCreateSubnetworks": False,
        "deleteDefaultRoutesOnCreate": True,
        "routingMode": "REGIONAL",
        "networkFirewallPolicyEnforcementOrder": "BEFORE_CLASSIC_FIREWALL",
    }


def test_nodes_pods_and_services_have_ranges_of_one_subnetwork() -> None:
    assert made_of(HERE).one("gcp:compute/subnetwork:Subnetwork").inputs == {
        "project": PROJECT,
        "region": REGION,
        "network": "net-id",
        "ipCidrRange": "10.0.0.0/20",
        "secondaryIpRanges": [
            {"rangeName": "pods", "ipCidrRange": "10.4.0.0/14"},
            {"rangeName": "services", "ipCidrRange": "10.0.16.0/20"},
        ],
        "privateIpGoogleAccess": True,
        "logConfig": {
            "aggregationInterval": "INTERVAL_5_SEC",
            "flowSampling": 1,
            "metadata": "INCLUDE_ALL_METADATA",
        },
    }


def test_the_usual_pods_have_a_24_for_each_of_a_thousand_nodes() -> None:
    pods = ipaddress.IPv4Network(addresses.PODS)
    assert len(list(pods.subnets(new_prefix=24))) == 1024
    assert ipaddress.IPv4Network(addresses.NODES).num_addresses - 4 >= 1024


@given(
    bits=some.tuples(some.integers(12, 29), some.integers(13, 21), some.integers(16, 27)),
    at=some.lists(some.integers(0, 15), min_size=3, max_size=3, unique=True),
)
def test_ranges_that_are_apart_are_taken_as_they_are(bits: tuple[int, int, int], at: list[int]) -> None:
    keys = ("cidr", "pods_cidr", "services_cidr")
    told = {key: f"10.{16 * each}.0.0/{size}" for key, size, each in zip(keys, bits, at, strict=True)}
    found = addresses.layout(told, [])
    assert {"cidr": found.nodes, "pods_cidr": found.pods, "services_cidr": found.services} == told


@pytest.mark.parametrize("cidr", ["240.0.0.0/20", "100.64.0.0/20", "192.168.0.0/24", "198.18.0.0/20"])
def test_addresses_that_google_alone_lets_networks_have_are_taken(cidr: str) -> None:
    assert made_of({**HERE, "cidr": cidr}).one("gcp:compute/subnetwork:Subnetwork").inputs["ipCidrRange"] == cidr


def test_nothing_comes_in_and_what_tried_is_logged() -> None:
    assert _firewalls(made_of(HERE)) == {
        "net-deny": {
            "project": PROJECT,
            "network": "net-id",
            "description": "Denies and logs what no other rule lets in",
            "direction": "INGRESS",
            "priority": 65534,
            "sourceRanges": ["0.0.0.0/0"],
            "denies": [{"protocol": "all"}],
            "logConfig": {"metadata": "INCLUDE_ALL_METADATA"},
        }
    }


def test_ports_that_are_asked_for_answer_nodes_and_pods_alone() -> None:
    rule = _firewalls(made_of({**HERE, "internal_ports": ["8080", "9000-9100"]}))["net-internal"]
    assert rule["sourceRanges"] == ["10.0.0.0/20", "10.4.0.0/14"]
    assert rule["allows"] == [{"protocol": "tcp", "ports": ["8080", "9000-9100"]}]
    assert rule["direction"] == "INGRESS"
    assert "priority" not in rule  # Google's own is 1000: before the denial
    assert rule["logConfig"] == {"metadata": "INCLUDE_ALL_METADATA"}


def test_ssh_comes_in_through_the_proxy_where_it_is_asked_for() -> None:
    rules = _firewalls(made_of({**HERE, "iap_ssh": True}))
    assert sorted(rules) == ["net-deny", "net-iap-ssh"]
    rule = rules["net-iap-ssh"]
    assert rule["sourceRanges"] == ["35.235.240.0/20"]
    assert rule["allows"] == [{"protocol": "tcp", "ports": ["22"]}]
    assert rule["logConfig"] == {"metadata": "INCLUDE_ALL_METADATA"}


def test_the_way_out_is_a_nat_whose_addresses_google_chooses() -> None:
    found = made_of(HERE)
    assert _routes(found) == {"net-internet": "0.0.0.0/0"}
    assert found.one("gcp:compute/route:Route").inputs["nextHopGateway"] == "default-internet-gateway"
    assert found.one("gcp:compute/router:Router").inputs == {
        "project": PROJECT,
        "region": REGION,
        "network": "net-id",
    }
    assert found.one("gcp:compute/routerNat:RouterNat").inputs == {
        "project": PROJECT,
        "region": REGION,
        "router": "net",
        "natIpAllocateOption": "AUTO_ONLY",
        "sourceSubnetworkIpRangesToNat": "LIST_OF_SUBNETWORKS",
        "subnetworks": [{"name": "net-id", "sourceIpRangesToNats": ["ALL_IP_RANGES"]}],
        "enableDynamicPortAllocation": True,
        "enableEndpointIndependentMapping": False,
        "minPortsPerVm": 64,
        "maxPortsPerVm": 4096,
        "logConfig": {"enable": True, "filter": "ERRORS_ONLY"},
    }
    assert found.all("gcp:compute/address:Address") == []


def test_the_addresses_of_a_nat_may_stay() -> None:
    found = made_of({**HERE, "nat": GcpNat.STATIC, "nat_address_count": 2})
    gateway = found.one("gcp:compute/routerNat:RouterNat").inputs
    assert (gateway["natIpAllocateOption"], gateway["natIps"]) == ("MANUAL_ONLY", ["net-nat-1-link", "net-nat-2-link"])
    assert found.one("gcp:compute/address:Address", "net-nat-2").inputs == {
        "project": PROJECT,
        "region": REGION,
        "addressType": "EXTERNAL",
        "description": "Where the network comes from on the internet",
        "labels": OURS,
    }
    assert _outputs({**HERE, "nat": GcpNat.STATIC, "nat_address_count": 2}, preview=False)["nat_addresses"] == [
        "192.0.2.1",
        "192.0.2.2",
    ]


def test_a_nat_whose_addresses_stay_has_one() -> None:
    found = made_of({**HERE, "nat": GcpNat.STATIC})
    assert [each.name for each in found.all("gcp:compute/address:Address")] == ["net-nat-1"]


def test_without_a_way_out_google_is_reached_and_nobody_else() -> None:
    found = made_of({**HERE, "nat": GcpNat.NONE})
    kinds = {each.type.rpartition(":")[2] for each in found.resources}
    assert not {"Router", "RouterNat", "Address"} & kinds
    assert _routes(found) == {"net-google-apis": "199.36.153.8/30", "net-google-direct": "34.126.0.0/18"}
    assert found.one("gcp:compute/subnetwork:Subnetwork").inputs["privateIpGoogleAccess"] is True
    names = {each.inputs["dnsName"] for each in found.all("gcp:dns/managedZone:ManagedZone")}
    assert names == {"googleapis.com.", "gcr.io.", "pkg.dev.", "gke.goog.", "run.app."}


PRIVATE = ["199.36.153.8", "199.36.153.9", "199.36.153.10", "199.36.153.11"]
RESTRICTED = ["199.36.153.4", "199.36.153.5", "199.36.153.6", "199.36.153.7"]


def _records(found: Plan) -> dict[str, tuple[str, str, list[str]]]:
    """By name: zone, type and answers."""
    return {
        each.inputs["name"]: (each.inputs["managedZone"], each.inputs["type"], each.inputs["rrdatas"])
        for each in found.all("gcp:dns/recordSet:RecordSet")
    }


@pytest.mark.parametrize(
    ("kind", "range_", "answers"),
    [(GcpGoogleApis.PRIVATE, "199.36.153.8/30", PRIVATE), (GcpGoogleApis.RESTRICTED, "199.36.153.4/30", RESTRICTED)],
    ids=["private", "restricted"],
)
def test_names_of_google_are_answered_by_addresses_of_its_own(
    kind: GcpGoogleApis, range_: str, answers: list[str]
) -> None:
    found = made_of({**HERE, "google_apis": kind})
    assert _routes(found)["net-google-apis"] == range_
    records = _records(found)
    apis = f"{kind.value}.googleapis.com."
    assert records.pop(apis) == ("net-googleapis-com", "A", answers)
    assert records.pop("*.googleapis.com.") == ("net-googleapis-com", "CNAME", [apis])
    for domain in ("gcr.io", "pkg.dev", "gke.goog", "run.app"):
        zone = f"net-{domain.replace('.', '-')}"
        assert records.pop(f"{domain}.") == (zone, "A", answers)
        assert records.pop(f"*.{domain}.") == (zone, "CNAME", [f"{domain}."])
    assert records == {}


def test_only_the_network_sees_those_answers() -> None:
    for each in made_of({**HERE, "nat": GcpNat.NONE}).all("gcp:dns/managedZone:ManagedZone"):
        assert each.inputs["visibility"] == "private"
        assert each.inputs["privateVisibilityConfig"] == {"networks": [{"networkUrl": "net-id"}]}
        assert each.inputs["labels"] == OURS


def test_with_a_way_out_names_of_google_are_left_alone() -> None:
    assert made_of(HERE).all("gcp:dns/managedZone:ManagedZone") == []


def test_flow_logs_may_be_fewer() -> None:
    found = made_of({**HERE, "flow_log_sampling": 0.25, "flow_log_seconds": 600})
    log = found.one("gcp:compute/subnetwork:Subnetwork").inputs["logConfig"]
    assert log == {
        "aggregationInterval": "INTERVAL_10_MIN",
        "flowSampling": 0.25,
        "metadata": "INCLUDE_ALL_METADATA",
    }


def test_flow_logs_are_left_out_where_that_is_said() -> None:
    found = made_of({**HERE, "flow_logs": False})
    assert "logConfig" not in found.one("gcp:compute/subnetwork:Subnetwork").inputs


def test_names_that_are_asked_for_are_logged() -> None:
    assert made_of(HERE).one("gcp:dns/policy:Policy").inputs == {
        "project": PROJECT,
        "description": "Logs of net",
        "enableLogging": True,
        "networks": [{"networkUrl": "net-id"}],
    }
    assert made_of({**HERE, "dns_logs": False}).all("gcp:dns/policy:Policy") == []


def test_proxies_of_the_region_have_a_subnetwork_of_their_own() -> None:
    found = made_of({**HERE, "proxy_cidr": "10.0.32.0/23"})
    assert found.one("gcp:compute/subnetwork:Subnetwork", "net-proxies").inputs == {
        "project": PROJECT,
        "region": REGION,
        "network": "net-id",
        "ipCidrRange": "10.0.32.0/23",
        "purpose": "REGIONAL_MANAGED_PROXY",
        "role": "ACTIVE",
    }


def test_services_of_google_are_joined_by_a_range_of_their_own() -> None:
    found = made_of({**HERE, "private_services_cidr": "10.8.0.0/16"})
    assert found.one("gcp:compute/globalAddress:GlobalAddress").inputs == {
        "project": PROJECT,
        "network": "net-id",
        "purpose": "VPC_PEERING",
        "addressType": "INTERNAL",
        "address": "10.8.0.0",
        "prefixLength": 16,
        "labels": OURS,
    }
    assert found.one("gcp:servicenetworking/connection:Connection").inputs == {
        "network": "net-id",
        "service": "servicenetworking.googleapis.com",
        "reservedPeeringRanges": ["net-private-services"],
    }


def test_everything_that_takes_labels_has_them() -> None:
    labelled = {each.name for each in made_of(FULL).resources if each.inputs.get("labels") == {**OURS, "team": "ml"}}
    zones = {f"net-{each}" for each in ("googleapis-com", "gcr-io", "pkg-dev", "gke-goog", "run-app")}
    assert labelled == {"net-nat-1", "net-nat-2", "net-private-services", *zones}


def test_everything_that_takes_a_project_is_in_it() -> None:
    for each in made_of(FULL).resources[1:]:
        if each.type != "gcp:servicenetworking/connection:Connection":  # the network says whose it is
            assert each.inputs["project"] == PROJECT, each.name


def _waited(output: str, args: GcpNetworkArgs) -> set[str]:
    """What somebody who takes an output is made after, and therefore removed before, by type and name."""

    def program() -> None:
        net = GcpNetwork("net", args)
        InstanceGroup("user", zone="europe-west4-a", network=getattr(net, output))

    user = plan(program, preview=False, outputs=TOLD).one("gcp:compute/instanceGroup:InstanceGroup")
    urns = user.request.get("dependencies", [])
    return {f"{urn.rpartition('$')[2].split(':')[2]} {urn.rpartition('::')[2]}" for urn in urns}


@pytest.mark.parametrize("output", ["network_id", "network_name", "subnetwork_id", "subnetwork_name"])
def test_who_is_in_the_network_is_gone_before_its_ways_out_and_its_names(output: str) -> None:
    waited = _waited(output, FULL)
    assert {"RouterNat net", "Route net-internet", "Route net-google-apis", "Route net-google-direct"} <= waited
    assert {"RecordSet net-pkg-dev", "RecordSet net-pkg-dev-all", "RecordSet net-googleapis-com-all"} <= waited
    assert {"Subnetwork net-proxies", "Connection net-private-services"} <= waited


def test_who_takes_addresses_of_the_private_range_waits_until_it_is_joined() -> None:
    waited = _waited("private_services_range", FULL)
    assert waited == {"GlobalAddress net-private-services", "Connection net-private-services"}


def _outputs(args: GcpNetworkArgs, *, preview: bool) -> dict[str, Any]:
    """Outputs of the component; those that are not known are left out."""
    found: dict[str, Any] = {}

    def program() -> None:
        net = GcpNetwork("net", args)
        for key in GcpNetwork.__annotations__:
            value: pulumi.Output[Any] = getattr(net, key)
            value.apply(partial(found.__setitem__, key))

    plan(program, preview=preview, outputs=TOLD)
    return found


KNOWN: dict[str, Any] = {
    "cidr": "10.0.0.0/20",
    "pods_cidr": "10.4.0.0/14",
    "services_cidr": "10.0.16.0/20",
    "pods_range": "pods",
    "services_range": "services",
    "proxy_cidr": "",
    "private_services_range": "",
    "nat_addresses": [],
}


def test_outputs_are_what_others_take() -> None:
    ids = {
        "network_id": "net-id",
        "network_name": "net",
        "subnetwork_id": "net-id",
        "subnetwork_name": "net",
    }
    assert _outputs(HERE, preview=False) == {**KNOWN, **ids}
    assert _outputs(FULL, preview=False) == {
        **KNOWN,
        **ids,
        "proxy_cidr": "10.0.32.0/23",
        "private_services_range": "net-private-services",
        "nat_addresses": ["192.0.2.1", "192.0.2.2"],
    }


def test_a_first_preview_knows_addresses_and_ranges_and_no_id() -> None:
    assert _outputs(HERE, preview=True) == KNOWN
    found = made_of(FULL, preview=True)
    assert found.one("gcp:compute/subnetwork:Subnetwork", "net").inputs["network"] == UNKNOWN
    assert found.one("gcp:compute/routerNat:RouterNat").inputs["natIps"] == [UNKNOWN, UNKNOWN]


def test_in_a_network_that_is_there_nothing_is_made() -> None:
    assert [each.type for each in made_of(THERE).resources] == ["modelport:index:GcpNetwork"]
    assert _outputs(THERE, preview=True) == {
        "network_id": NETWORK,
        "network_name": "models",
        "subnetwork_id": SUBNETWORK,
        "subnetwork_name": "models-eu",
        "cidr": "10.100.0.0/22",
        "pods_cidr": "10.104.0.0/16",
        "services_cidr": "10.100.16.0/20",
        "pods_range": "gke-pods",
        "services_range": "gke-services",
        "proxy_cidr": "",
        "private_services_range": "",
        "nat_addresses": [],
    }


ASKED: GcpNetworkArgs = {
    **THERE,
    "google_apis": GcpGoogleApis.PRIVATE,
    "internal_ports": ["8080"],
    "iap_ssh": True,
    "proxy_cidr": "10.0.32.0/23",
    "private_services_cidr": "10.8.0.0/16",
    "flow_logs": True,
    "flow_log_seconds": 60,
    "dns_logs": True,
}


def test_in_a_network_that_is_there_what_is_asked_for_is_made() -> None:
    found = made_of(ASKED)
    found.holds(SNAPSHOTS / "network-adopted.txt")
    rules = _firewalls(found)
    assert rules["net-internal"]["sourceRanges"] == ["10.100.0.0/22", "10.104.0.0/16"]
    assert sorted(rules) == ["net-iap-ssh", "net-internal"]
    for each in found.resources[1:]:
        assert each.inputs.get("network", NETWORK) == NETWORK, each.name
    assert found.one("gcp:networkmanagement/vpcFlowLogsConfig:VpcFlowLogsConfig").inputs == {
        "project": PROJECT,
        "location": "global",
        "vpcFlowLogsConfigId": "net-flow-logs",
        "subnet": SUBNETWORK,
        "aggregationInterval": "INTERVAL_1_MIN",
        "flowSampling": 1,
        "metadata": "INCLUDE_ALL_METADATA",
        "labels": OURS,
    }


def test_what_is_made_in_a_shared_network_is_made_in_its_project() -> None:
    shared: Any = {
        **ASKED.get("existing", {}),
        "project": "shop-networks",
        "network_id": NETWORK.replace("shop-prod", "shop-networks"),
        "subnetwork_id": SUBNETWORK.replace("shop-prod", "shop-networks"),
    }
    found = made_of({**ASKED, "existing": shared})
    projects = {each.inputs["project"] for each in found.resources[1:] if "project" in each.inputs}
    assert projects == {"shop-networks"}


def test_the_ids_of_an_adopted_network_may_be_known_late() -> None:
    def program() -> None:
        first = GcpNetwork("first", HERE)
        there: Any = {
            **THERE.get("existing", {}),
            "network_id": first.network_id,
            "subnetwork_id": first.subnetwork_id,
        }
        GcpNetwork("net", {**HERE, "existing": there, "iap_ssh": True})

    assert plan(program).one("gcp:compute/firewall:Firewall", "net-iap-ssh").inputs["network"] == UNKNOWN
