"""What the components plan fits Google's own descriptions of its interfaces, and these see what does not."""

from typing import Any

import pytest

from tests.components.gcp import judging, judging_api
from tests.components.gcp.judging_api_made import OURS, Made
from tests.components.gcp.judging_programs import PROGRAMS
from tests.components.gcp.judging_types import kind
from tests.components.planned import Plan, Planned

CLUSTER = "gcp:container/cluster:Cluster"
MAKES_CLUSTER = "container.projects.locations.clusters.create a"
SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"
BARE = {"name": "a", "network": "a", "ipCidrRange": "10.0.0.0/20", "region": "europe-west4"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_google_s_own_descriptions_have_nothing_against_it(name: str) -> None:
    assert judging_api.misfits(judging.planned(PROGRAMS[name])) == []


@pytest.mark.parametrize("token", judging_api.MADE)
def test_every_row_of_the_tables_is_of_what_there_is(token: str) -> None:
    assert kind(token)
    assert judging_api.unknown(judging_api.MADE[token]) == []


def test_a_row_that_names_what_there_is_not_is_seen() -> None:
    row = Made("compute.v1", "routes.insert", {"a": "routes.a", "b": "?zone", "c": OURS, "d": "destRange"})
    assert judging_api.unknown(row) == ["a", "b"]


@pytest.mark.parametrize(
    ("token", "inputs", "said"),
    [
        # A word that there is not, at the top and below.
        (SUBNETWORK, {**BARE, "zone": "europe-west4-a"}, "compute.subnetworks.insert a: takes no zone"),
        (
            SUBNETWORK,
            {**BARE, "logConfig": {"interval": "INTERVAL_5_SEC"}},
            "compute.subnetworks.insert a: takes no logConfig.interval",
        ),
        # What is in beta alone.
        (CLUSTER, {"name": "a", "clusterTelemetry": {"type": "ALL"}}, f"{MAKES_CLUSTER}: takes no clusterTelemetry"),
        # A choice that is none, also where the provider calls its place otherwise, and in a list of blocks.
        (
            CLUSTER,
            {"name": "a", "releaseChannel": {"channel": "FAST"}},
            f"{MAKES_CLUSTER}: cluster.releaseChannel.channel is 'FAST', "
            "expected one of UNSPECIFIED, RAPID, REGULAR, STABLE, EXTENDED",
        ),
        (
            CLUSTER,
            {"name": "a", "datapathProvider": "ADVANCED"},
            f"{MAKES_CLUSTER}: cluster.networkConfig.datapathProvider is 'ADVANCED', "
            "expected one of DATAPATH_PROVIDER_UNSPECIFIED, LEGACY_DATAPATH, ADVANCED_DATAPATH, "
            "MIGRATE_TO_ADVANCED_DATAPATH, MIGRATE_TO_LEGACY_DATAPATH",
        ),
        (
            "gcp:container/nodePool:NodePool",
            {"cluster": "a", "name": "a", "nodeConfig": {"taints": [{"key": "a", "effect": "NoSchedule"}]}},
            "container.projects.locations.clusters.nodePools.create a: nodePool.config.taints[0].effect is "
            "'NoSchedule', expected one of EFFECT_UNSPECIFIED, NO_SCHEDULE, PREFER_NO_SCHEDULE, NO_EXECUTE",
        ),
        # A name that Google does not take, and one whose parent has another form.
        (
            "gcp:compute/network:Network",
            {"name": "Shop"},
            "compute.networks.insert a: name is 'Shop', expected [a-z](?:[-a-z0-9]{0,61}[a-z0-9])?",
        ),
        (
            "gcp:kms/cryptoKey:CryptoKey",
            {"name": "a", "keyRing": "shop", "purpose": "ENCRYPT_DECRYPT"},
            "cloudkms.projects.locations.keyRings.cryptoKeys.create a: ?parent is 'shop', "
            "expected ^projects/[^/]+/locations/[^/]+/keyRings/[^/]+$",
        ),
        (
            "gcp:serviceaccount/iAMMember:IAMMember",
            {"serviceAccountId": "pods@shop.iam.gserviceaccount.com", "role": "a", "member": "allUsers"},
            "iam.projects.serviceAccounts.setIamPolicy a: ?resource is 'pods@shop.iam.gserviceaccount.com', "
            "expected ^projects/[^/]+/serviceAccounts/[^/]+$",
        ),
        # Durations, numbers, and what is no text.
        (
            "gcp:kms/cryptoKey:CryptoKey",
            {"name": "a", "keyRing": "projects/p/locations/l/keyRings/r", "rotationPeriod": "90 days"},
            "cloudkms.projects.locations.keyRings.cryptoKeys.create a: rotationPeriod is '90 days', "
            r"expected -?[0-9]+(\.[0-9]{1,9})?s",
        ),
        (
            "gcp:dns/recordSet:RecordSet",
            {"managedZone": "a", "name": "a.", "type": "A", "ttl": "an hour", "rrdatas": ["192.0.2.1"]},
            "dns.resourceRecordSets.create a: ttl is 'an hour', expected an integer",
        ),
        # What Google tells, what it calls old, and what it cannot do without.
        (
            CLUSTER,
            {"name": "a", "ipAllocationPolicy": {"additionalPodRangesConfig": {"podRangeNames": ["pods"]}}},
            f"{MAKES_CLUSTER}: cluster.ipAllocationPolicy.additionalPodRangesConfig is told by Google alone",
        ),
        (CLUSTER, {"name": "a", "enableTpu": True}, f"{MAKES_CLUSTER}: cluster.enableTpu is old"),
        (
            "gcp:compute/route:Route",
            {"name": "a", "network": "a", "nextHopGateway": "default-internet-gateway"},
            "compute.routes.insert a: destRange is missing",
        ),
        # A text that holds JSON.
        (
            "gcp:monitoring/dashboard:Dashboard",
            {"dashboardJson": '{"displayName": "a", "gridLayout": {"widgets": [{"name": "b"}]}}'},
            "monitoring.projects.dashboards.create a: takes no gridLayout.widgets[0].name",
        ),
        ("gcp:bigquery/table:Table", {}, "gcp:bigquery/table:Table is in no table"),
    ],
)  # fmt: skip
def test_what_google_would_refuse_is_seen(token: str, inputs: dict[str, Any], said: str) -> None:
    planned = Planned(token, "a", f"urn:pulumi:test::shop::{token}::a", "", True, inputs, {})
    assert judging_api.misfits(Plan([planned])) == [said]
