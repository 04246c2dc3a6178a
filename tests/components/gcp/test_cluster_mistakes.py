"""What a cluster on Google Cloud cannot be, each in one line before anything is planned."""

from typing import Any

import pulumi
import pytest

from components.checks import ArgsError
from components.gcp.cluster import GkeCluster, GkeClusterArgs
from components.gcp.cluster_maintenance import GkeExclusion, GkeMaintenance
from tests.components.gcp.test_cluster import HERE, KEY
from tests.components.planned import plan

VERSION = (
    "expected a version of Kubernetes as text, with a patch and GKE's own number if it has to be that one; for example "
    '"1.35"'
)
ELSEWHERE = KEY.replace("europe-west4", "us-east1")
SUBNETWORK = "projects/shop-prod/regions/europe-west4/subnetworks/models"
_EXAMPLE = "projects/shop-prod/locations/europe-west4/keyRings/models/cryptoKeys/models"
CHRISTMAS = "GkeCluster.maintenance.exclusions['christmas']"


def _closed(**more: Any) -> dict[str, Any]:
    return {"maintenance": {"exclusions": {"christmas": {"start": "2026-12-18T00:00:00Z", **more}}}}


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {"project": "Shop"},
            "GkeCluster.project is 'Shop', expected the id of a project, 6 to 30 of a-z, 0-9 and -, beginning with a "
            "letter; for example shop-prod",
        ),
        (
            {"project_number": 123456789012},
            "GkeCluster.project_number is 123456789012, expected the number of a project, digits as text, which "
            '`gcloud projects describe` tells; for example "123456789012"',
        ),
        (
            {"region": "europe-wst4"},
            "GkeCluster.region is 'europe-wst4', expected one that there is; did you mean europe-west4",
        ),
        (
            {"kind": "SERVERLESS"},
            "GkeCluster.kind is 'SERVERLESS', expected one of STANDARD, AUTOPILOT; write STANDARD",
        ),
        (
            {"channel": "stable"},
            "GkeCluster.channel is 'stable', expected one of RAPID, REGULAR, STABLE, EXTENDED; write RAPID",
        ),
        ({"version": 1.35}, f"GkeCluster.version is 1.35, {VERSION}"),
        ({"version": "latest"}, f"GkeCluster.version is 'latest', {VERSION}"),
        ({"version": "1.35-gke.100"}, f"GkeCluster.version is '1.35-gke.100', {VERSION}"),
        (
            {"network_id": "models"},
            "GkeCluster.network_id is 'models', expected the id of a network; for example "
            "projects/shop-prod/global/networks/models",
        ),
        (
            {"subnetwork_id": "projects/shop-prod/global/networks/models"},
            "GkeCluster.subnetwork_id is 'projects/shop-prod/global/networks/models', expected the id of a subnetwork; "
            f"for example {SUBNETWORK}",
        ),
        (
            {"subnetwork_id": "projects/shop-prod/regions/us-east1/subnetworks/models"},
            "GkeCluster.subnetwork_id is 'projects/shop-prod/regions/us-east1/subnetworks/models', expected one of "
            f"europe-west4, where the cluster is; for example {SUBNETWORK}",
        ),
        (
            {"pods_range": "10.4.0.0/14"},
            "GkeCluster.pods_range is '10.4.0.0/14', expected the name of a secondary range of the subnetwork; for "
            "example pods",
        ),
        (
            {"services_range": "Services"},
            "GkeCluster.services_range is 'Services', expected the name of a secondary range of the subnetwork; for "
            "example services",
        ),
        (
            {"services_range": "pods"},
            "GkeCluster.services_range is 'pods', expected another than pods_range, 'pods'; name the subnetwork's "
            "range for services",
        ),
        (
            {"public_access_cidrs": ["0.0.0.0/0"]},
            "GkeCluster.public_access_cidrs is '0.0.0.0/0', expected networks of those who administer the cluster, as "
            "this opens its API server to the internet; name theirs, or write open_to_the_internet: true",
        ),
        (
            {"public_access_cidrs": ["192.168.7.0/24"]},
            "GkeCluster.public_access_cidrs is '192.168.7.0/24', expected networks that somebody has on the internet; "
            "write it under private_access_cidrs, or leave it out",
        ),
        (
            {"public_access_cidrs": "203.0.113.0/24"},
            "GkeCluster.public_access_cidrs is '203.0.113.0/24', expected a list of networks; write ['203.0.113.0/24']",
        ),
        (
            {"public_access_cidrs": [f"203.0.113.{number}/32" for number in range(51)]},
            "GkeCluster.public_access_cidrs is '51 networks', expected at most 50, as GKE takes no more; join some",
        ),
        (
            {
                "public_access_cidrs": [f"203.0.113.{number}/32" for number in range(26)],
                "private_access_cidrs": [f"10.0.{number}.0/24" for number in range(25)],
            },
            "GkeCluster.private_access_cidrs is '25 networks beside 26 of the internet', expected at most 50 of both, "
            "as GKE takes no more; join some",
        ),
        (
            {"private_access_cidrs": ["0.0.0.0/0"]},
            "GkeCluster.private_access_cidrs is '0.0.0.0/0', expected a prefix of 8 to 32 bits; for example 0.0.0.0/8",
        ),
        (
            {"control_plane_cidr": "10.9.0.0/24"},
            "GkeCluster.control_plane_cidr is '10.9.0.0/24', expected a prefix of 28 to 28 bits; for example "
            "10.9.0.0/28",
        ),
        (
            {"key_name": "models"},
            f"GkeCluster.key_name is 'models', expected the whole name of a key of Cloud KMS; for example {_EXAMPLE}",
        ),
        (
            {"disk_key_name": ELSEWHERE},
            f"GkeCluster.disk_key_name is '{ELSEWHERE}', expected a key of europe-west4, where what uses it is; make "
            f"or take one there: {_EXAMPLE}",
        ),
        (
            {"security_group": "admins@example.com"},
            "GkeCluster.security_group is 'admins@example.com', expected the address of the group that GKE looks in, "
            "gke-security-groups@DOMAIN; for example gke-security-groups@example.com",
        ),
        (
            {"zones": ["us-east1-b"]},
            "GkeCluster.zones is 'us-east1-b', expected zones of europe-west4; take of europe-west4-a, europe-west4-b, "
            "europe-west4-c",
        ),
        (
            {"zones": "europe-west4-a"},
            "GkeCluster.zones is 'europe-west4-a', expected a list of zones; write ['europe-west4-a']",
        ),
        (
            {"zones": []},
            "GkeCluster.zones is [], expected at least 1 zones, as one may fail; write ['europe-west4-a', "
            "'europe-west4-b', 'europe-west4-c']",
        ),
        (
            {"system_machine_type": "m6i.large"},
            "GkeCluster.system_machine_type is 'm6i.large', expected a machine type of Compute Engine; for example "
            "n2-standard-4",
        ),
        (
            {"system_machine_type": "g2-standard-8"},
            "GkeCluster.system_machine_type is 'g2-standard-8', expected a machine type without GPUs, as the cluster's "
            "own pods would hold them; make a GkeGpuNodePool for it",
        ),
        (
            {"system_disk_gib": 8},
            "GkeCluster.system_disk_gib is 8, expected 20 to 65536 GiB; write 20",
        ),
        (
            {"system_desired": 4},
            "GkeCluster.system_desired is 4, expected a multiple of 3, the zones, as Google makes as many nodes in "
            "each; write 6",
        ),
        (
            {"system_min": 0, "system_desired": 0},
            "GkeCluster.system_desired is 0, expected a multiple of 3, the zones, as Google makes as many nodes in "
            "each; write 3",
        ),
        (
            {"system_min": 1, "system_max": 2},
            "GkeCluster.system_max is 2, expected at least 3, as Google makes as many nodes in each of 3 zones; write "
            "3, or name fewer zones",
        ),
        (
            {"system_desired": 9},
            "GkeCluster.system_desired is 9, expected at most GkeCluster.system_max, which is 6; raise "
            "GkeCluster.system_max to 9",
        ),
        (
            {"system_min": "2"},
            "GkeCluster.system_min is '2', expected a number; write 2",
        ),
        (
            {"kind": "AUTOPILOT", "system_min": 2},
            "GkeCluster.system_min is 2, expected nothing, as kind is AUTOPILOT and its nodes are Google's; leave it "
            "out, or write kind: STANDARD",
        ),
        (
            {"kind": "AUTOPILOT", "zones": ["europe-west4-a"]},
            "GkeCluster.zones is ['europe-west4-a'], expected nothing, as kind is AUTOPILOT and its nodes are "
            "Google's; leave it out, or write kind: STANDARD",
        ),
        (
            {"labels": {"Team": "ml"}},
            "a key of GkeCluster.labels is 'Team', expected a letter and at most 62 letters of lower case, digits, _ "
            "and -; for example team",
        ),
        ({"vpc": "models"}, "GkeCluster has no argument 'vpc', it takes " + ", ".join(GkeClusterArgs.__annotations__)),
        (
            {"maintenance": {"window": "always"}},
            "GkeCluster.maintenance has no argument 'window', it takes " + ", ".join(GkeMaintenance.__annotations__),
        ),
        (
            {"maintenance": {"days": "SA"}},
            "GkeCluster.maintenance.days is 'SA', expected a list of at least one day; write ['SA', 'SU']",
        ),
        (
            {"maintenance": {"days": ["SUNDAY"]}},
            "GkeCluster.maintenance.days is 'SUNDAY', expected one of MO, TU, WE, TH, FR, SA, SU; write MO",
        ),
        (
            {"maintenance": {"days": ["SU", "SA", "SU"]}},
            "GkeCluster.maintenance.days is ['SU', 'SA', 'SU'], expected each day once; write ['SA', 'SU']",
        ),
        (
            {"maintenance": {"start": "2:00"}},
            "GkeCluster.maintenance.start is '2:00', expected a time of day in UTC, as text; for example \"02:00\"",
        ),
        (
            {"maintenance": {"hours": 3}},
            "GkeCluster.maintenance.hours is 3, expected 4 to 24 hours; write 4",
        ),
        (
            _closed(),
            f"{CHRISTMAS}.end is None, expected an end within 90 days, as nothing is upgraded until then; write "
            "2027-03-18T00:00:00Z, or another scope",
        ),
        (
            _closed(end="2027-03-19T00:00:00Z"),
            f"{CHRISTMAS}.end is '2027-03-19T00:00:00Z', expected at most 90 days after its start, as nothing is "
            "upgraded until then; write 2027-03-18T00:00:00Z, or another scope",
        ),
        (
            _closed(end="2026-12-18T00:00:00Z"),
            f"{CHRISTMAS}.end is '2026-12-18T00:00:00Z', expected a time after its start, 2026-12-18T00:00:00Z; write "
            "a later one",
        ),
        (
            _closed(end="2026-12-24"),
            f"{CHRISTMAS}.end is '2026-12-24', expected a moment in UTC, as RFC 3339 writes it; for example "
            "2026-12-18T00:00:00Z",
        ),
        (
            _closed(end="2026-12-32T00:00:00Z"),
            f"{CHRISTMAS}.end is '2026-12-32T00:00:00Z', expected a day and hour that there is; for example "
            "2026-12-18T00:00:00Z",
        ),
        (
            _closed(scope="ALL"),
            f"{CHRISTMAS}.scope is 'ALL', expected one of NO_UPGRADES, NO_MINOR_UPGRADES, NO_MINOR_OR_NODE_UPGRADES; "
            "write NO_UPGRADES",
        ),
        (
            _closed(until="2027-01-04T00:00:00Z"),
            f"{CHRISTMAS} has no argument 'until', it takes " + ", ".join(GkeExclusion.__annotations__),
        ),
        (
            {"maintenance": {"exclusions": {"Merry Christmas": {"start": "2026-12-18T00:00:00Z"}}}},
            "a key of GkeCluster.maintenance.exclusions is 'Merry Christmas', expected a name of a-z, 0-9 and -; for "
            "example christmas",
        ),
        (
            {
                "maintenance": {
                    "exclusions": {
                        f"n{each}": {"start": f"202{each}-12-18T00:00:00Z", "end": f"202{each}-12-28T00:00:00Z"}
                        for each in range(6, 10)
                    }
                }
            },
            "GkeCluster.maintenance.exclusions is '4 times', expected at most 3 without any upgrade, as GKE takes no "
            "more; give the others scope: NO_MINOR_OR_NODE_UPGRADES",
        ),
        (
            {
                "maintenance": {
                    "exclusions": {
                        f"n{each}": {"start": "2026-12-18T00:00:00Z", "scope": "NO_MINOR_UPGRADES"}
                        for each in range(21)
                    }
                }
            },
            "GkeCluster.maintenance.exclusions is '21 times', expected at most 20, as GKE takes no more; leave out "
            "past ones",
        ),
    ],
)
def test_a_mistake_is_told_before_anything_is_planned(more: Any, line: str) -> None:
    told: list[str] = []
    args: Any = {**HERE, **more}

    def program() -> None:
        try:
            GkeCluster("shop", args)
        except ArgsError as problem:
            told.append(str(problem))

    found = plan(program)
    assert told == [line]
    assert found.resources == []


@pytest.mark.parametrize("missing", sorted(GkeClusterArgs.__required_keys__))
def test_what_has_to_be_said_is_asked_for(missing: str) -> None:
    args: Any = {key: value for key, value in HERE.items() if key != missing}
    line = f"GkeCluster.{missing} is missing, expected a value; write {missing}: ..."
    with pytest.raises(ArgsError) as told:
        plan(lambda: GkeCluster("shop", args))
    assert str(told.value) == line


def test_a_name_is_held_to_what_google_takes() -> None:
    for name in ("Shop", "shop_1", "1shop", "shop-", "s" * 17):
        with pytest.raises(ArgsError, match="the name of GkeCluster is "):
            GkeCluster(name, HERE)


def test_the_longest_name_leaves_room_for_what_is_put_behind_it() -> None:
    made = plan(lambda: GkeCluster("s" * 16, HERE)).resources
    longest = {"gcp:serviceaccount/account:Account": 30, "gcp:container/nodePool:NodePool": 40}
    for each in made:
        assert len(each.name) + len("-1a2b3c4") <= longest.get(each.type, 63) or "name" in each.inputs, each.name


@pytest.mark.parametrize(
    ("argument", "value", "expected"),
    [
        ("network_id", "models", "the id of a network"),
        ("subnetwork_id", "projects/shop-prod/regions/us-east1/subnetworks/models", "one of europe-west4"),
        ("pods_range", "10.4.0.0/14", "the name of a secondary range"),
        ("key_name", ELSEWHERE, "a key of europe-west4"),
        ("disk_key_name", ELSEWHERE, "a key of europe-west4"),
    ],
)
def test_what_is_known_later_is_told_then(argument: str, value: str, expected: str) -> None:
    args: Any = {**HERE, argument: pulumi.Output.from_input(value)}
    with pytest.raises(ValueError, match=expected):
        plan(lambda: GkeCluster("shop", args))
