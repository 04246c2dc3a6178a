"""The target `gcp-gke`, planned: what there is, in which order it goes, and what an old state and an upgrade show."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.components.gcp import judging
from tests.components.planned import Plan
from tests.stacks.earlier import MODEL, ROOT, Project, alone, needed, plain
from tests.stacks.gcp_plans import document, planned, spec
from tests.stacks.pictures import picture

NOBODY = "#!/bin/sh\nexit 255\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    # Who would be asked for credentials; there are none.
    asked = {"gcloud": NOBODY, "gke-gcloud-auth-plugin": NOBODY}
    with alone(tmp_path_factory.mktemp("gcp"), asked, "GOOGLE_", "CLOUDSDK_", "GCLOUD_") as made:
        yield made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return planned(spec(tmp_path_factory.mktemp("spec"), document()))


def test_a_preview_from_nothing_shows_all_of_it(project: Project, made: Plan) -> None:
    assert set(project.preview(document()).changes) == {"create"}
    assert any("nothing is asked of it now" in each for each in project.said)
    assert {plain(each.urn) for each in made.resources} <= {each["urn"] for each in project.steps}


@pytest.fixture(scope="module")
def up(project: Project, made: Plan) -> Project:
    """The stack as if it had been brought up."""
    project.bring_up(document(), made, judging.TOLD, judging.identity)
    return project


def test_an_old_state_of_it_previews_clean(up: Project) -> None:
    up.preview(document())
    assert [(each["urn"], each.get("diffs")) for each in up.steps if each["op"] != "same"] == []


def test_another_channel_and_another_model_touch_neither_network_nor_whose_the_cluster_is(up: Project) -> None:
    newer = document(cluster={"channel": "STABLE"})
    newer["config"]["modelport:model"]["optimize"] = {"candidates": ["fp32"]}
    up.preview(newer)
    changed = {(each["type"], each["urn"].rpartition("::")[2]): each for each in up.steps if each["op"] != "same"}
    assert {each["op"] for each in changed.values()} == {"update"}
    assert changed["gcp:container/cluster:Cluster", "models"]["diffs"] == ["releaseChannel"]
    assert (MODEL, "model") in changed
    assert not any(
        part in each["urn"] for each in changed.values() for part in ("GcpNetwork", "ArtifactRegistry", "CryptoKey")
    )


def test_the_apis_stay_when_the_stack_goes_and_all_else_waits_for_them(made: Plan) -> None:
    apis = made.all("gcp:projects/service:Service")
    assert {each.inputs["service"].partition(".")[0] for each in apis} == {
        *("artifactregistry", "certificatemanager", "cloudkms", "compute", "container", "dns"),
        *("containerfilesystem", "containersecurity", "iam", "logging", "monitoring"),
    }
    assert all(each.request["retainOnDelete"] and each.inputs["disableOnDestroy"] is False for each in apis)
    natives = [each for each in made.resources if each.type.startswith("gcp:") and each not in apis]
    urns = {each.urn for each in apis}
    assert all(urns <= set(each.request["dependencies"]) for each in natives)


def test_apis_that_somebody_else_enables_are_let_be(tmp_path: Path) -> None:
    assert planned(spec(tmp_path, document(enable_apis=False))).all("gcp:projects/service:Service") == []


def test_disks_of_all_nodes_are_encrypted_by_the_clusters_own_key(made: Plan) -> None:
    keys = {each.inputs["nodeConfig"]["bootDiskKmsKey"] for each in made.all("gcp:container/nodePool:NodePool")}
    (disks,) = [each for each in made.all("gcp:kms/cryptoKey:CryptoKey") if each.name == "models-disk-key"]
    assert keys == {judging.tells(disks, "id")}


def test_nodes_may_pull_and_nobody_else(made: Plan) -> None:
    (nodes,) = made.all("gcp:artifactregistry/repositoryIamMember:RepositoryIamMember")
    (account,) = made.all("gcp:serviceaccount/account:Account")
    assert nodes.inputs["member"] == judging.tells(account, "member")
    assert nodes.inputs["role"] == "roles/artifactregistry.reader"


def test_the_load_balancer_leads_to_the_port_that_the_service_has(made: Plan) -> None:
    ports = {each.inputs["port"] for each in made.all("gcp:compute/instanceGroupNamedPort:InstanceGroupNamedPort")}
    services = [each.inputs["spec"] for each in made.all("kubernetes:core/v1:Service")]
    (asked,) = {port["nodePort"] for each in services for port in each["ports"] if "nodePort" in port}
    assert ports == {asked}
    policies = [each.inputs["spec"] for each in made.all("kubernetes:networking.k8s.io/v1:NetworkPolicy")]
    callers = [one for each in policies for rule in each.get("ingress", []) for one in rule.get("from", [])]
    assert [one["ipBlock"]["cidr"] for one in callers if "ipBlock" in one] == ["10.20.0.0/20"], (
        "what comes through a port of a node comes from the address of a node"
    )


def test_the_picture_of_it_is_of_this_plan(made: Plan) -> None:
    page = ROOT / "docs" / "gcp-gke.svg"
    drawn = picture("gcp-gke", made)
    if not page.exists():
        page.write_text(drawn)
        raise AssertionError("docs/gcp-gke.svg was drawn, look at it and run the test again")
    assert page.read_text() == drawn, "to draw it anew, delete docs/gcp-gke.svg and run the test once"


def test_what_goes_first_when_all_goes(made: Plan) -> None:
    """An engine deletes nothing before what depends on it."""
    below = partial(needed, made)

    way_out = {"Subnetwork models", "RouterNat models"}
    for kind, many in (("NodePool", 3), ("Cluster", 1)):
        each = below(kind)
        assert len(each) == many
        assert all(way_out <= one for one in each), kind
    # What runs in the cluster goes while nodes and their network are still there.
    inside = below("Deployment") + below("ModelServer") + below("Release")
    assert inside
    assert all({"NodePool models-system", *way_out} <= one for one in inside)
    # From the front to the nodes: nothing is in use when it goes.
    ways = [each for each in below("GlobalForwardingRule") if "TargetHttpsProxy models" in each]
    assert len(ways) == 1
    assert {"URLMap models", "BackendService models-nodes"} <= ways[0]
    (backend,) = below("BackendService")
    assert {"NodePool models-system", "InstanceGroupNamedPort models-europe-west4-a"} <= backend
    assert {each.partition(" ")[0] for each in backend} >= {"HealthCheck", "SecurityPolicy"}
