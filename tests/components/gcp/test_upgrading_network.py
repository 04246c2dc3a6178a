"""A network that an earlier release has made is left alone, and changes where it is asked to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pulumi_gcp.compute.instance import Instance

from components.gcp.network import GcpNetwork
from tests.components.gcp import test_network
from tests.components.upgrading import Earlier

ZONES = {f"net-{domain}{part}" for domain in ("googleapis-com", "gcr-io", "pkg-dev", "gke-goog", "run-app")
         for part in ("", "-all")}  # fmt: skip
WAYS = {"net-google-apis", "net-google-direct"}


def _used(net: GcpNetwork) -> None:
    """Somebody in the network, whom another network would replace."""
    Instance(
        "user",
        machine_type="n2-standard-4",
        zone="europe-west4-a",
        boot_disk={"initialize_params": {"image": "cos-cloud/cos-stable"}},
        network_interfaces=[{"network": net.network_id, "subnetwork": net.subnetwork_id}],
    )


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of. changed: of the network."""
    network: Any = {**test_network.HERE, **changed}
    _used(GcpNetwork("net", network))


def closed(changed: Mapping[str, Any]) -> None:
    """The same without a way out, with all else that a network may have."""
    network: Any = {**test_network.FULL, "nat": "none", **changed}
    del network["nat_address_count"]
    _used(GcpNetwork("net", network))


def fixed(changed: Mapping[str, Any]) -> None:
    """The same with addresses that stay."""
    network: Any = {**test_network.FULL, "google_apis": "public", **changed}
    _used(GcpNetwork("net", network))


EARLIER = Earlier("network", shop, test_network.TOLD)
CLOSED = Earlier("network-closed", closed, test_network.TOLD)
FIXED = Earlier("network-fixed", fixed, test_network.TOLD)


@pytest.mark.parametrize("earlier", [EARLIER, CLOSED, FIXED], ids=["usual", "closed", "fixed"])
def test_what_an_earlier_release_has_made_is_left_alone(folder: Path, earlier: Earlier) -> None:
    assert earlier.changes(folder) == {}


def test_addresses_that_stay_come_without_another_nat(folder: Path) -> None:
    assert EARLIER.changes(folder, {"nat": "static"}, typed=True) == {
        "create": {"gcp:compute/address:Address::net-nat-1"},
        "update": {"gcp:compute/routerNat:RouterNat::net"},
    }


def test_an_address_more_is_no_other_for_those_that_are_there(folder: Path) -> None:
    assert FIXED.changes(folder, {"nat_address_count": 3}, typed=True) == {
        "create": {"gcp:compute/address:Address::net-nat-3"},
        "update": {"gcp:compute/routerNat:RouterNat::net"},
    }


def test_an_address_less_is_gone_after_the_nat_has_let_it_go(folder: Path) -> None:
    assert FIXED.changes(folder, {"nat_address_count": 1}, typed=True) == {
        "update": {"gcp:compute/routerNat:RouterNat::net"},
        "delete": {"gcp:compute/address:Address::net-nat-2"},
    }


def test_a_network_that_is_closed_loses_its_way_out_and_nothing_else(folder: Path) -> None:
    assert EARLIER.changes(folder, {"nat": "none"}, typed=True) == {
        "create": {
            *(f"gcp:compute/route:Route::{each}" for each in WAYS),
            *(f"gcp:dns/recordSet:RecordSet::{each}" for each in ZONES),
            *(f"gcp:dns/managedZone:ManagedZone::{each}" for each in ZONES if not each.endswith("-all")),
        },
        "delete": {
            "gcp:compute/route:Route::net-internet",
            "gcp:compute/router:Router::net",
            "gcp:compute/routerNat:RouterNat::net",
        },
    }


def test_a_closed_network_that_gets_a_way_out_keeps_what_else_it_has(folder: Path) -> None:
    assert CLOSED.changes(folder, {"nat": "automatic"}, typed=True) == {
        "create": {
            "gcp:compute/route:Route::net-internet",
            "gcp:compute/router:Router::net",
            "gcp:compute/routerNat:RouterNat::net",
        }
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"cidr": "10.0.0.0/19", "services_cidr": "10.0.32.0/20"},
        {"flow_logs": False},
        {"flow_log_sampling": 0.1, "flow_log_seconds": 900},
    ],
    ids=["wider", "no logs", "fewer logs"],
)
def test_a_subnetwork_that_changes_is_the_same_one(folder: Path, changed: dict[str, Any]) -> None:
    assert EARLIER.changes(folder, changed, typed=True) == {"update": {"gcp:compute/subnetwork:Subnetwork::net"}}


def test_what_is_asked_for_later_comes_beside_what_is_there(folder: Path) -> None:
    later = {
        "iap_ssh": True,
        "internal_ports": ["8080"],
        "proxy_cidr": "10.0.32.0/23",
        "private_services_cidr": "10.8.0.0/16",
    }
    assert EARLIER.changes(folder, later) == {
        "create": {"net-iap-ssh", "net-internal", "net-proxies", "net-private-services"}
    }
