"""What a network on Google Cloud cannot be, each in one line before anything is registered."""

from typing import Any

import pulumi
import pytest

from components.checks import ArgsError
from components.gcp.network import GcpNat, GcpNetwork, GcpNetworkArgs
from tests.components.gcp.test_network import FULL, HERE, NETWORK, SUBNETWORK, THERE, made_of
from tests.components.planned import plan


def _adopting(**changed: object) -> GcpNetworkArgs:
    existing: Any = {**THERE.get("existing", {}), **changed}
    return {**HERE, "existing": existing}


def _less(key: str) -> GcpNetworkArgs:
    existing: Any = {each: value for each, value in THERE.get("existing", {}).items() if each != key}
    return {**HERE, "existing": existing}


APART = "expected networks that share no address; change one of them"
MISTAKES: list[tuple[Any, str]] = [
    (
        {**HERE, "region": "europe-wst4"},
        "GcpNetwork.region is 'europe-wst4', expected one that there is; did you mean europe-west4",
    ),
    (
        {**HERE, "project": "Shop"},
        "GcpNetwork.project is 'Shop', expected the id of a project, 6 to 30 of a-z, 0-9 and -, beginning with a "
        "letter; for example shop-prod",
    ),
    ({"region": "europe-west4"}, "GcpNetwork.project is missing, expected a value; write project: ..."),
    ({**HERE, "pod_cidr": "10.4.0.0/14"}, "GcpNetwork has no argument 'pod_cidr', did you mean pods_cidr"),
    (
        {**HERE, "cidr": "10.0.0.7/20"},
        "GcpNetwork.cidr is '10.0.0.7/20', expected an IPv4 network in CIDR notation; for example 10.0.0.0/20",
    ),
    (
        {**HERE, "cidr": "10.0.0.0/30"},
        "GcpNetwork.cidr is '10.0.0.0/30', expected a prefix of 8 to 29 bits; for example 10.0.0.0/29",
    ),
    (
        {**HERE, "pods_cidr": "10.4.0.0/22"},
        "GcpNetwork.pods_cidr is '10.4.0.0/22', expected a prefix of 9 to 21 bits; for example 10.4.0.0/21",
    ),
    (
        {**HERE, "services_cidr": "10.0.16.0/28"},
        "GcpNetwork.services_cidr is '10.0.16.0/28', expected a prefix of 16 to 27 bits; for example 10.0.16.0/27",
    ),
    (
        {**HERE, "services_cidr": "10.96.0.0/12"},
        "GcpNetwork.services_cidr is '10.96.0.0/12', expected a prefix of 16 to 27 bits; for example 10.96.0.0/16",
    ),
    (
        {**HERE, "proxy_cidr": "10.0.32.0/27"},
        "GcpNetwork.proxy_cidr is '10.0.32.0/27', expected a prefix of 8 to 26 bits; for example 10.0.32.0/26",
    ),
    (
        {**HERE, "private_services_cidr": "10.8.0.0/25"},
        "GcpNetwork.private_services_cidr is '10.8.0.0/25', expected a prefix of 8 to 24 bits; for example 10.8.0.0/24",
    ),
    (
        {**HERE, "private_services_cidr": "100.64.0.0/16"},
        "GcpNetwork.private_services_cidr is '100.64.0.0/16', expected a part of 10.0.0.0/8, 172.16.0.0/12, "
        "192.168.0.0/16, as Google asks it of what its services have; for example 10.8.0.0/16",
    ),
    (
        {**HERE, "cidr": "10.5.0.0/20"},
        f"GcpNetwork.pods_cidr is '10.4.0.0/14', which overlaps GcpNetwork.cidr (10.5.0.0/20), {APART}",
    ),
    (
        {**HERE, "services_cidr": "10.0.0.0/20"},
        f"GcpNetwork.services_cidr is '10.0.0.0/20', which overlaps GcpNetwork.cidr (10.0.0.0/20), {APART}",
    ),
    (
        {**HERE, "services_cidr": "10.7.0.0/20"},
        f"GcpNetwork.services_cidr is '10.7.0.0/20', which overlaps GcpNetwork.pods_cidr (10.4.0.0/14), {APART}",
    ),
    (
        {**HERE, "proxy_cidr": "10.0.8.0/23"},
        f"GcpNetwork.proxy_cidr is '10.0.8.0/23', which overlaps GcpNetwork.cidr (10.0.0.0/20), {APART}",
    ),
    (
        {**HERE, "private_services_cidr": "10.0.0.0/16"},
        f"GcpNetwork.private_services_cidr is '10.0.0.0/16', which overlaps GcpNetwork.cidr (10.0.0.0/20), {APART}",
    ),
    (
        {**HERE, "apart_from": ["192.168.0.0/16", "10.0.0.0/24"]},
        f"GcpNetwork.cidr is '10.0.0.0/20', which overlaps GcpNetwork.apart_from[1] (10.0.0.0/24), {APART}",
    ),
    (
        {**HERE, "apart_from": ["10.6.0.0/16"]},
        f"GcpNetwork.pods_cidr is '10.4.0.0/14', which overlaps GcpNetwork.apart_from[0] (10.6.0.0/16), {APART}",
    ),
    (
        {**HERE, "apart_from": ["10.0.31.0/28"]},
        f"GcpNetwork.services_cidr is '10.0.16.0/20', which overlaps GcpNetwork.apart_from[0] (10.0.31.0/28), {APART}",
    ),
    (
        {**FULL, "apart_from": ["10.0.32.0/28"]},
        f"GcpNetwork.proxy_cidr is '10.0.32.0/23', which overlaps GcpNetwork.apart_from[0] (10.0.32.0/28), {APART}",
    ),
    (
        {**FULL, "apart_from": ["10.8.255.0/24"]},
        "GcpNetwork.private_services_cidr is '10.8.0.0/16', which overlaps GcpNetwork.apart_from[0] (10.8.255.0/24), "
        f"{APART}",
    ),
    (
        {**HERE, "apart_from": ["office"]},
        "GcpNetwork.apart_from[0] is 'office', expected an IPv4 network in CIDR notation; for example 10.0.0.0/16",
    ),
    (
        {**HERE, "cidr": "169.254.0.0/20"},
        "GcpNetwork.cidr is '169.254.0.0/20', expected addresses that a network may have; for example 10.8.0.0/20",
    ),
    (
        {**HERE, "pods_cidr": "224.0.0.0/14"},
        "GcpNetwork.pods_cidr is '224.0.0.0/14', expected addresses that a network may have; for example 10.4.0.0/14",
    ),
    (
        {**HERE, "pods_cidr": "172.16.0.0/14"},
        "GcpNetwork.pods_cidr is '172.16.0.0/14', expected another network than 172.17.0.0/16, which Docker has on "
        "every machine for its own containers; for example 10.4.0.0/14",
    ),
    (
        {**HERE, "services_cidr": "34.118.224.0/20"},
        "GcpNetwork.services_cidr is '34.118.224.0/20', expected another network than 34.118.224.0/20, which GKE gives "
        "the services of clusters that have no range of their own; for example 10.0.16.0/20",
    ),
    (
        {**HERE, "cidr": "199.36.153.0/24"},
        "GcpNetwork.cidr is '199.36.153.0/24', expected another network than 199.36.153.4/30, which "
        "restricted.googleapis.com has; for example 10.8.0.0/24",
    ),
    (
        {**HERE, "cidr": "35.191.0.0/20"},
        "GcpNetwork.cidr is '35.191.0.0/20', expected another network than 35.191.0.0/16, which load balancers and "
        "their health checks come from; for example 10.8.0.0/20",
    ),
    (
        {**HERE, "nat": "gateway"},
        "GcpNetwork.nat is 'gateway', expected one of automatic, static, none; write automatic",
    ),
    (
        {**HERE, "nat": GcpNat.STATIC, "nat_address_count": 0},
        "GcpNetwork.nat_address_count is 0, expected 1 to 64; write 1",
    ),
    (
        {**HERE, "nat_address_count": 2},
        "GcpNetwork.nat_address_count is 2, expected it beside a nat whose addresses stay; write nat: static",
    ),
    (
        {**HERE, "google_apis": "secret"},
        "GcpNetwork.google_apis is 'secret', expected one of public, private, restricted; write public",
    ),
    (
        {**HERE, "nat": "none", "google_apis": "public"},
        "GcpNetwork.google_apis is 'public', expected private or restricted without nat, as no route leads to public "
        "addresses; leave it out",
    ),
    (
        {**HERE, "internal_ports": ["http"]},
        "GcpNetwork.internal_ports is 'http', expected ports as text, one or from one to another; for example "
        '"8080" or "9000-9100"',
    ),
    (
        {**HERE, "internal_ports": ["9100-9000"]},
        "GcpNetwork.internal_ports is '9100-9000', expected ports of 1 to 65535, the first of a range first; for "
        'example "8080" or "9000-9100"',
    ),
    (
        {**HERE, "internal_ports": ["70000"]},
        "GcpNetwork.internal_ports is '70000', expected ports of 1 to 65535, the first of a range first; for example "
        '"8080" or "9000-9100"',
    ),
    (
        {**HERE, "internal_ports": ["8080", "8080"]},
        "GcpNetwork.internal_ports is ['8080', '8080'], expected each once; write ['8080']",
    ),
    (
        {**HERE, "flow_log_sampling": 50},
        "GcpNetwork.flow_log_sampling is 50, expected 0 to 1; write 1",
    ),
    (
        {**HERE, "flow_log_sampling": 0},
        "GcpNetwork.flow_log_sampling is 0, expected a share above 0; write flow_logs: false",
    ),
    (
        {**HERE, "flow_log_seconds": 45},
        "GcpNetwork.flow_log_seconds is 45, expected one of 5, 30, 60, 300, 600, 900 seconds; write 30",
    ),
    (
        {**HERE, "flow_log_seconds": 1},
        "GcpNetwork.flow_log_seconds is 1, expected 5 to 900 seconds; write 5",
    ),
    (
        {**HERE, "labels": {"Team": "ml"}},
        "a key of GcpNetwork.labels is 'Team', expected a letter and at most 62 letters of lower case, digits, _ and "
        "-; for example team",
    ),
    *(
        (
            {**THERE, key: value},
            f"GcpNetwork.{key} is {told!r}, expected nothing beside existing, which has its own; leave {key} out, or "
            "existing",
        )
        for key, value, told in [
            ("cidr", "10.2.0.0/20", "10.2.0.0/20"),
            ("pods_cidr", "10.4.0.0/14", "10.4.0.0/14"),
            ("services_cidr", "10.2.16.0/20", "10.2.16.0/20"),
            ("nat", GcpNat.STATIC, "static"),
            ("nat_address_count", 2, 2),
        ]
    ),
    (
        {**THERE, "apart_from": ["10.104.7.0/24"]},
        "GcpNetwork.existing.pods_cidr is '10.104.0.0/16', which overlaps GcpNetwork.apart_from[0] (10.104.7.0/24), "
        f"{APART}",
    ),
    (
        {**THERE, "proxy_cidr": "10.100.0.0/26"},
        f"GcpNetwork.proxy_cidr is '10.100.0.0/26', which overlaps GcpNetwork.existing.cidr (10.100.0.0/22), {APART}",
    ),
    (
        {**THERE, "proxy_cidr": "35.191.0.0/26"},
        "GcpNetwork.proxy_cidr is '35.191.0.0/26', expected another network than 35.191.0.0/16, which load balancers "
        "and their health checks come from; for example 10.8.0.0/26",
    ),
    (
        _adopting(network_id="models"),
        "GcpNetwork.existing.network_id is 'models', expected an id that begins with "
        f"projects/shop-prod/global/networks/; for example {NETWORK}",
    ),
    (
        _adopting(subnetwork_id=SUBNETWORK.replace("europe-west4", "europe-west1")),
        "GcpNetwork.existing.subnetwork_id is 'projects/shop-prod/regions/europe-west1/subnetworks/models-eu', "
        "expected an id that begins with projects/shop-prod/regions/europe-west4/subnetworks/; for example "
        "projects/shop-prod/regions/europe-west4/subnetworks/models",
    ),
    (
        _adopting(project="shop-networks"),
        f"GcpNetwork.existing.network_id is '{NETWORK}', expected an id that begins with "
        "projects/shop-networks/global/networks/; for example projects/shop-networks/global/networks/models",
    ),
    (
        _adopting(project="S"),
        "GcpNetwork.existing.project is 'S', expected the id of a project, 6 to 30 of a-z, 0-9 and -, beginning with a "
        "letter; for example shop-prod",
    ),
    (
        _less("pods_range"),
        "GcpNetwork.existing.pods_range is missing, expected a value; write pods_range: ...",
    ),
    (
        _adopting(pods_range="Pods"),
        "GcpNetwork.existing.pods_range is 'Pods', expected the name of a secondary range; for example pods",
    ),
    (
        _adopting(services_range="gke-pods"),
        "GcpNetwork.existing.services_range is 'gke-pods', expected another range than that of pods; name that of "
        "services",
    ),
    (
        _adopting(services_cidr="10.104.0.0/20"),
        "GcpNetwork.existing.services_cidr is '10.104.0.0/20', which overlaps GcpNetwork.existing.pods_cidr "
        f"(10.104.0.0/16), {APART}",
    ),
    (
        _adopting(cidr="10.100.0.1/22"),
        "GcpNetwork.existing.cidr is '10.100.0.1/22', expected an IPv4 network in CIDR notation; for example "
        "10.100.0.0/22",
    ),
    (
        _adopting(subnet="models"),
        "GcpNetwork.existing has no argument 'subnet', did you mean subnetwork_id",
    ),
]


@pytest.mark.parametrize(("args", "line"), MISTAKES, ids=[line.partition(",")[0] for _, line in MISTAKES])
def test_a_mistake_is_one_line_and_nothing_is_registered(args: Any, line: str) -> None:
    def program() -> None:
        with pytest.raises(ArgsError) as told:
            GcpNetwork("net", args)
        assert str(told.value) == line

    assert plan(program).resources == []


@pytest.mark.parametrize("name", ["Net", "n" * 39, "9net", "net_one", "net-", ""])
def test_a_name_that_google_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(ArgsError, match=r"^the name of GcpNetwork is '.*', expected a letter and at most 37 more of"):
        plan(lambda: GcpNetwork(name, HERE))


def test_the_longest_name_leaves_room_for_what_pulumi_adds() -> None:
    found = plan(lambda: GcpNetwork("n" * 38, FULL))
    # The name of a record is that of what it answers for.
    own = [each for each in found.resources[1:] if each.type != "gcp:dns/recordSet:RecordSet"]
    assert max(len(each.name) for each in own) + len("-1234567") == 63


@pytest.mark.parametrize(
    ("key", "start", "asked"),
    [
        ("network_id", "projects/shop-prod/global/networks/", "iap_ssh"),
        ("subnetwork_id", "projects/shop-prod/regions/europe-west4/subnetworks/", "flow_logs"),
    ],
)
def test_what_is_known_late_must_be_an_id_too(key: str, start: str, asked: str) -> None:
    late: Any = {**_adopting(**{key: pulumi.Output.from_input("net")}), asked: True}
    line = f"GcpNetwork.existing.{key} is 'net', expected an id that begins with {start}"
    with pytest.raises(ValueError, match=line):
        made_of(late)
