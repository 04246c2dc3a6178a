"""Networks, as the judges judge them: the usual one, and each other kind with every argument."""

from collections.abc import Callable
from typing import Final

from components.gcp.network import GcpGoogleApis, GcpNat, GcpNetwork, GcpNetworkArgs

PROJECT: Final = "shop-prod"
REGION: Final = "europe-west4"
HERE: Final[GcpNetworkArgs] = {"project": PROJECT, "region": REGION}


def network() -> None:
    GcpNetwork("net", HERE)


def network_with_everything() -> None:
    GcpNetwork(
        "net",
        {
            **HERE,
            "cidr": "10.20.0.0/20",
            "pods_cidr": "10.24.0.0/14",
            "services_cidr": "10.20.16.0/20",
            "apart_from": ["172.16.0.0/28"],
            "nat": GcpNat.STATIC,
            "nat_address_count": 2,
            "google_apis": GcpGoogleApis.PRIVATE,
            "internal_ports": ["8080", "9000-9100"],
            "iap_ssh": True,
            "proxy_cidr": "10.20.32.0/23",
            "private_services_cidr": "10.28.0.0/16",
            "flow_logs": True,
            "flow_log_sampling": 0.5,
            "flow_log_seconds": 60,
            "dns_logs": True,
            "labels": {"team": "ml"},
        },
    )


def network_without_a_way_out() -> None:
    GcpNetwork("net", {**HERE, "nat": GcpNat.NONE, "google_apis": GcpGoogleApis.RESTRICTED})


def network_that_was_there() -> None:
    GcpNetwork(
        "net",
        {
            **HERE,
            "existing": {
                "network_id": "projects/shop-networks/global/networks/models",
                "subnetwork_id": "projects/shop-networks/regions/europe-west4/subnetworks/models",
                "cidr": "10.100.0.0/22",
                "pods_cidr": "10.104.0.0/16",
                "services_cidr": "10.100.16.0/20",
                "pods_range": "pods",
                "services_range": "services",
                "project": "shop-networks",
            },
            "google_apis": GcpGoogleApis.PRIVATE,
            "internal_ports": ["8080"],
            "iap_ssh": True,
            "proxy_cidr": "10.0.32.0/23",
            "private_services_cidr": "10.8.0.0/16",
            "flow_logs": True,
            "dns_logs": True,
            "labels": {"team": "ml"},
        },
    )


PROGRAMS: Final[dict[str, Callable[[], object]]] = {
    "network": network,
    "network with everything": network_with_everything,
    "network without a way out": network_without_a_way_out,
    "network that was there": network_that_was_there,
}
