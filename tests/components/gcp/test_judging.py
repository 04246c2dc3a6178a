"""What the components plan on Google Cloud is right to judges that are not ours, and the judges see what is wrong."""

from typing import Any

import pulumi
import pytest
from pulumi_gcp.artifactregistry.repository import Repository
from pulumi_gcp.compute.firewall import Firewall
from pulumi_gcp.compute.network import Network
from pulumi_gcp.compute.subnetwork import Subnetwork
from pulumi_gcp.container.cluster import Cluster
from pulumi_gcp.kms.crypto_key import CryptoKey
from pulumi_gcp.kms.key_ring import KeyRing
from pulumi_gcp.serviceaccount.account import Account

from components import gcp
from tests.components.gcp import judging, judging_checkov, judging_terraform
from tests.components.gcp.judging_programs import PROGRAMS, TOO_MUCH
from tests.components.planned import Plan, Planned


@pytest.fixture(scope="module")
def plans() -> dict[str, Plan]:
    return {name: judging.planned(program) for name, program in PROGRAMS.items()}


@pytest.fixture(scope="module")
def checked(plans: dict[str, Plan]) -> list[str]:
    return judging_checkov.checkov({**plans, "bare": judging.planned(_bare)})


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_terraform_provider_has_nothing_against_it(plans: dict[str, Plan], name: str) -> None:
    assert judging_terraform.misfits(plans[name]) == []


def test_every_component_is_judged(plans: dict[str, Plan]) -> None:
    made = {each.type.rpartition(":")[2] for plan in plans.values() for each in plan.resources if not each.custom}
    components = {
        name
        for name in gcp.__all__
        if isinstance(found := getattr(gcp, name), type) and issubclass(found, pulumi.ComponentResource)
    }
    assert components - made == set()


def test_checkov_has_nothing_against_any_but_what_is_listed(checked: list[str]) -> None:
    found = {judging_checkov.told(line) for line in checked if not line.startswith("bare: ")}
    assert found - {None} == set(TOO_MUCH)


def test_what_is_never_wanted_is_asked_for_by_checkov(checked: list[str]) -> None:
    found = {line.split(": ")[1].partition(".")[0] for line in checked if not line.startswith("bare: ")}
    assert set(judging_checkov.NEVER_WANTED) - found == set()


def test_checkov_says_what_a_bare_plan_lacks(checked: list[str]) -> None:
    found = [line.removeprefix("bare: ") for line in checked if line.startswith("bare: ")]
    assert "CKV_GCP_66 google_container_cluster.shop: Ensure use of Binary Authorization" in found
    assert "CKV_GCP_70 google_container_cluster.shop: Ensure the GKE Release Channel is set" in found
    # What is seen in how resources refer to each other alone:
    assert any(line.startswith("CKV2_GCP_18 google_compute_network.apart: ") for line in found)
    assert not any("google_compute_network.shop:" in line and "CKV2_GCP_18 " in line for line in found)


@pytest.mark.parametrize(
    ("token", "inputs", "said"),
    [
        (
            "gcp:kms/keyRing:KeyRing",
            {"location": "europe-west4", "name": "a", "zone": "europe-west4-a"},
            "google_kms_key_ring.a: google_kms_key_ring has no zone",
        ),
        (
            "gcp:container/cluster:Cluster",
            {"databaseEncryption": {"keyName": "a"}, "name": "a"},
            "google_container_cluster.a: google_container_cluster.database_encryption lacks state",
        ),
        (
            "gcp:compute/subnetwork:Subnetwork",
            {"network": "a", "ipCidrRange": "10.0.0.0/20", "privateIpGoogleAccess": "perhaps"},
            "google_compute_subnetwork.a: google_compute_subnetwork.private_ip_google_access is 'perhaps', "
            "expected a boolean",
        ),
        (
            "gcp:compute/network:Network",
            {"mtu": "as Google likes"},
            "google_compute_network.a: google_compute_network.mtu is 'as Google likes', expected a number",
        ),
        (
            "gcp:artifactregistry/repository:Repository",
            {"repositoryId": "a", "format": "DOCKER", "labels": ["a"]},
            "google_artifact_registry_repository.a: google_artifact_registry_repository.labels is ['a'], "
            "expected a map",
        ),
        (
            "gcp:container/cluster:Cluster",
            {"name": "a", "releaseChannel": [{"channel": "STABLE"}, {"channel": "RAPID"}]},
            "google_container_cluster.a: google_container_cluster.release_channel is there 2 times, expected once",
        ),
    ],
)
def test_what_the_terraform_provider_does_not_take_is_seen(token: str, inputs: dict[str, Any], said: str) -> None:
    planned = Planned(token, "a", f"urn:pulumi:test::shop::{token}::a", "", True, inputs, {})
    assert judging_terraform.misfits(Plan([planned])) == [said]


def test_what_another_resource_tells_is_referred_to_and_other_text_stands_as_it_is() -> None:
    def program() -> None:
        ring = KeyRing("shop", location="europe-west4")
        CryptoKey("shop", key_ring=ring.id, labels={"of": ring.name.apply(lambda name: f"by-{name}-of-shop")})
        account = Account("shop", account_id="shop-pods", description="${resource.type}")
        Repository("shop", repository_id="models", format="DOCKER", description=account.email)

    (resources,) = judging_terraform.configuration(judging.planned(program)).values()
    key, account = resources["google_kms_crypto_key"]["shop"], resources["google_service_account"]["shop"]
    assert key["key_ring"] == "${google_kms_key_ring.shop.id}"
    assert key["depends_on"] == ["google_kms_key_ring.shop"]
    assert account["description"] == "$${resource.type}"
    told = resources["google_artifact_registry_repository"]["shop"]["description"]
    assert told == "${google_service_account.shop.email}"


def test_a_name_that_pulumi_would_not_make_is_seen() -> None:
    with pytest.raises(ValueError, match=r"gcp:compute/network:Network n+: Pulumi makes no name of more than 63"):
        judging.planned(lambda: Network("n" * 56))


def _bare() -> None:
    network = Network("shop", auto_create_subnetworks=True)
    Network("apart", auto_create_subnetworks=False)
    Firewall("shop", network=network.id, source_ranges=["10.0.0.0/20"], allows=[{"protocol": "tcp", "ports": ["443"]}])
    subnetwork = Subnetwork("shop", network=network.id, ip_cidr_range="10.0.0.0/20", region="europe-west4")
    Cluster("shop", location="europe-west4", network=network.id, subnetwork=subnetwork.id, initial_node_count=1)
    Repository("models", repository_id="models", format="DOCKER", location="europe-west4")
