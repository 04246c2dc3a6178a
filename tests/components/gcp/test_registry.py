"""A repository of Artifact Registry, as it would be registered."""

from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi_gcp.kms.key_ring import KeyRing

from components.checks import ArgsError
from components.gcp import registry
from components.gcp.registry import ArtifactRegistry, ArtifactRegistryArgs
from tests.components.planned import UNKNOWN, Plan, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
HERE: ArtifactRegistryArgs = {
    "project": "shop-prod",
    "project_number": "123456789012",
    "region": "europe-west4",
    "repository": "models",
    "image": "digits",
}
KEY = "projects/shop-prod/locations/europe-west4/keyRings/models/cryptoKeys/models"
WHOLE = "projects/shop-prod/locations/europe-west4/repositories/models"
URL = "europe-west4-docker.pkg.dev/shop-prod/models/digits"
AGENT = "serviceAccount:service-123456789012@gcp-sa-artifactregistry.iam.gserviceaccount.com"
NODES = "serviceAccount:nodes@shop-prod.iam.gserviceaccount.com"
REPOSITORY, PULLERS, IDENTITY = (
    "gcp:artifactregistry/repository:Repository",
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember",
    "gcp:projects/serviceIdentity:ServiceIdentity",
)
RING, OWN_KEY, USE = (
    "gcp:kms/keyRing:KeyRing",
    "gcp:kms/cryptoKey:CryptoKey",
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
)


def planned(preview: bool = True, **changes: Any) -> Plan:
    given: Any = {**HERE, **changes}
    return plan(lambda: ArtifactRegistry("images", given), preview=preview)


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned(preview, pullers={"nodes": NODES}).holds(SNAPSHOTS / "registry.txt")


def test_what_a_repository_is() -> None:
    found = planned(preview=False)
    assert found.one(REPOSITORY).inputs == {
        "project": "shop-prod",
        "location": "europe-west4",
        "repositoryId": "models",
        "format": "DOCKER",
        "mode": "STANDARD_REPOSITORY",
        "description": "Images of digits",
        "dockerConfig": {"immutableTags": True},
        "kmsKeyName": "images-id",
        "cleanupPolicies": [
            {"id": "keep-newest", "action": "KEEP", "mostRecentVersions": {"keepCount": 200}},
            {
                "id": "delete-untagged",
                "action": "DELETE",
                "condition": {"tagState": "UNTAGGED", "olderThan": "604800s"},
            },
        ],
        "cleanupPolicyDryRun": False,
        "vulnerabilityScanningConfig": {"enablementConfig": "INHERITED"},
        "labels": {"modelport-component": "images"},
    }
    assert not found.all(PULLERS), "who may pull is the project's to say until somebody is named"


def test_a_preview_knows_all_that_there_is_to_know() -> None:
    found = planned().one(REPOSITORY)
    assert found.inputs["kmsKeyName"] == UNKNOWN
    assert found.inputs["repositoryId"] == "models"
    assert len(found.inputs["cleanupPolicies"]) == 2


def test_its_own_key_rotates_and_serves_artifact_registry_alone() -> None:
    found = planned()
    assert found.one(OWN_KEY).inputs["rotationPeriod"] == "7776000s"
    assert found.one(OWN_KEY).inputs["labels"] == {"modelport-component": "images"}
    assert found.one(RING).inputs == {"project": "shop-prod", "location": "europe-west4"}
    use = found.one(USE).inputs
    assert (use["role"], use["member"]) == ("roles/cloudkms.cryptoKeyEncrypterDecrypter", AGENT)


def test_the_account_that_encrypts_is_there_before_it_is_named_and_may_before_the_repository_is_made() -> None:
    found = planned()
    assert found.one(IDENTITY).inputs == {"project": "shop-prod", "service": "artifactregistry.googleapis.com"}
    depends = found.one(USE).request["dependencies"]
    assert found.one(IDENTITY).urn in depends
    assert {found.one(OWN_KEY).urn, found.one(USE).urn} <= set(found.one(REPOSITORY).request["dependencies"])


@pytest.mark.parametrize("preview", [True, False])
def test_a_given_key_is_used_as_it_is(preview: bool) -> None:
    found = planned(preview, key_name=KEY)
    assert [each.type for each in found.resources if each.custom] == [REPOSITORY]
    assert found.one(REPOSITORY).inputs["kmsKeyName"] == KEY


def test_what_goes_and_what_stays() -> None:
    """A push makes two versions, the image and its report; what has a tag cannot be deleted while tags do not move."""
    keep, delete = planned(images_kept=20, untagged_days=3).one(REPOSITORY).inputs["cleanupPolicies"]
    assert keep["mostRecentVersions"] == {"keepCount": 40}
    assert delete["condition"] == {"tagState": "UNTAGGED", "olderThan": "259200s"}


def test_who_is_named_may_pull_from_this_repository_and_nothing_else() -> None:
    found = planned(pullers={"nodes": NODES, "team": "group:ml@example.com"})
    assert [each.name for each in found.all(PULLERS)] == ["images-nodes", "images-team"]
    assert found.one(PULLERS, "images-nodes").inputs == {
        "project": "shop-prod",
        "location": "europe-west4",
        "repository": "models",
        "role": "roles/artifactregistry.reader",
        "member": NODES,
    }
    assert found.one(REPOSITORY).urn in found.one(PULLERS, "images-team").request["dependencies"]


@pytest.mark.parametrize(
    "member",
    [
        "user:alice@example.com",
        "group:ml@example.com",
        "domain:example.com",
        "serviceAccount:123456789012-compute@developer.gserviceaccount.com",
        "serviceAccount:shop-prod.svc.id.goog[models/digits]",
        "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/ns/models/sa/digits",
        "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*",
    ],
)
def test_who_may_be_named(member: str) -> None:
    assert planned(pullers={"them": member}).one(PULLERS).inputs["member"] == member


def test_destroy_leaves_the_images_and_what_they_need_unless_asked() -> None:
    asked: dict[str, Any] = {"pullers": {"nodes": NODES}}
    children = [each for each in planned(**asked).resources if each.custom]
    assert [each.request.get("retainOnDelete") for each in children] == [True] * 6
    assert not any(each.request.get("retainOnDelete") for each in planned(**asked, delete_images=True).resources)


def test_one_that_was_left_is_taken_over() -> None:
    found = planned(adopt=True, key_name=KEY, pullers={"nodes": NODES})
    assert found.one(REPOSITORY).request["importId"] == WHOLE
    assert "importId" not in found.one(PULLERS).request
    assert "importId" not in planned().one(REPOSITORY).request


def _outputs(preview: bool) -> tuple[dict[str, Any], set[str]]:
    """What is told, and what the address waits for."""
    known: dict[str, Any] = {}

    def program() -> None:
        given: Any = {**HERE, "pullers": {"nodes": NODES}}
        made = ArtifactRegistry("images", given)
        for each in ("url", "repository", "id", "key_name"):
            getattr(made, each).apply(lambda value, each=each: known.update({each: value}))
        KeyRing("after", location=made.url)

    found = plan(program, preview=preview, ids=lambda made: WHOLE if made.type == REPOSITORY else f"{made.name}-id")
    return known, found.one(RING, "after").depends_on


def test_outputs() -> None:
    known, waits = _outputs(preview=False)
    assert known == {"url": URL, "repository": "models", "id": WHOLE, "key_name": "images-id"}
    assert waits == {"images", "images-nodes"}, "who is told of it may pull from it"


def test_a_preview_says_where_the_image_will_go() -> None:
    known, _ = _outputs(preview=True)
    assert known == {"url": URL, "repository": "models"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"project": "Shop"}, "ArtifactRegistry.project is 'Shop', expected the id of a project"),
        ({"project_number": 123456789012}, "ArtifactRegistry.project_number is 123456789012, expected the number of"),
        ({"region": "europe-west44"}, "ArtifactRegistry.region is 'europe-west44', expected one that there is; did"),
        ({"region": "europe"}, "ArtifactRegistry.region is 'europe', expected one that there is"),
        ({"repository": "Models"}, "ArtifactRegistry.repository is 'Models', expected a letter and at most 62 more"),
        ({"repository": "models/digits"}, "ArtifactRegistry.repository is 'models/digits'"),
        ({"repository": "m" * 64}, "expected a letter and at most 62 more"),
        ({"image": "Digits"}, "ArtifactRegistry.image is 'Digits', expected 1 to 128 of a-z and 0-9"),
        ({"image": "digits:v1"}, "ArtifactRegistry.image is 'digits:v1'"),
        ({"image": "shop//digits"}, "ArtifactRegistry.image is 'shop//digits'"),
        ({"image": "d" * 129}, "expected 1 to 128 of a-z"),
        ({"images_kept": 0}, "ArtifactRegistry.images_kept is 0, expected 1 to 10000; write 1"),
        ({"images_kept": 2.5}, "ArtifactRegistry.images_kept is 2.5, expected a whole number; write 2"),
        ({"untagged_days": True}, "ArtifactRegistry.untagged_days is True, expected 1 to 365; write 1"),
        (
            {"pullers": {"nodes": "nodes@shop-prod.iam.gserviceaccount.com"}},
            "ArtifactRegistry.pullers['nodes'] is 'nodes@shop-prod.iam.gserviceaccount.com', expected an IAM member, "
            "its kind before it; for example serviceAccount:nodes@",
        ),
        ({"pullers": {"all": "allUsers"}}, "ArtifactRegistry.pullers['all'] is 'allUsers', expected somebody by name"),
        ({"pullers": {"all": "allAuthenticatedUsers"}}, "expected somebody by name"),
        ({"pullers": {"The Nodes": NODES}}, "a key of ArtifactRegistry.pullers is 'The Nodes', expected a letter"),
        ({"key_name": "models"}, "ArtifactRegistry.key_name is 'models', expected the whole name of a key of Cloud"),
        (
            {"key_name": KEY.replace("europe-west4", "us-east1")},
            "expected a key of europe-west4, where what uses it is; make or take one there",
        ),
        (
            {"adopt": True},
            "ArtifactRegistry.adopt is True, expected `key_name` with it, as a repository keeps the key that it was "
            "made with; ask `gcloud artifacts repositories describe models --location europe-west4 --project "
            "shop-prod` for its kmsKeyName",
        ),
        ({"repositry": "x"}, "ArtifactRegistry has no argument 'repositry', did you mean repository"),
        ({"labels": {"Team": "x"}}, "a key of ArtifactRegistry.labels is 'Team'"),
    ],
)
def test_what_cannot_be_is_named_before_anything_is_planned(changes: dict[str, Any], said: str) -> None:
    given: Any = {**HERE, **changes}

    def program() -> None:
        with pytest.raises(ArgsError) as raised:
            ArtifactRegistry("images", given)
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)

    assert plan(program).resources == []


@pytest.mark.parametrize("changes", [{"key_name": "key"}, {"pullers": {"nodes": "nodes"}}])
def test_what_is_known_late_is_asked_then(changes: dict[str, Any]) -> None:
    def late(value: Any) -> Any:
        return (
            {key: late(each) for key, each in value.items()}
            if isinstance(value, dict)
            else pulumi.Output.from_input(value)
        )

    given: Any = {**HERE, **{key: late(value) for key, value in changes.items()}}

    def program() -> None:
        registry.given_key(given)
        registry._pullers(given)

    with pytest.raises(ArgsError, match=r"ArtifactRegistry\.(key_name is 'key'|pullers\['nodes'\] is 'nodes')"):
        plan(program, preview=False)


def test_a_name_that_is_too_long() -> None:
    with pytest.raises(ArgsError, match="the name of ArtifactRegistry is"):
        plan(lambda: ArtifactRegistry("i" * 56, HERE))
    assert plan(lambda: ArtifactRegistry("i" * 55, HERE)).resources
