"""The target `aws-eks`, planned: what there is, in which order it goes, and what an old state and an upgrade show."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.components.planned import Plan
from tests.stacks.aws_plans import OUTPUTS, document, planned, spec
from tests.stacks.earlier import MODEL, ROOT, Project, alone, needed, plain
from tests.stacks.pictures import picture


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    # Whose credentials would be asked for; there are none.
    with alone(tmp_path_factory.mktemp("aws"), {"aws": "#!/bin/sh\nexit 255\n"}, "AWS_") as made:
        yield made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return planned(spec(tmp_path_factory.mktemp("spec"), document()), preview=False)


def test_a_preview_from_nothing_shows_all_of_it(project: Project, made: Plan) -> None:
    assert set(project.preview(document()).changes) == {"create"}
    assert any("nothing is asked of it now" in each for each in project.said)
    assert {plain(each.urn) for each in made.resources} <= {each["urn"] for each in project.steps}


@pytest.fixture(scope="module")
def up(project: Project, made: Plan) -> Project:
    """The stack as if it had been brought up."""
    project.bring_up(document(), made, OUTPUTS)
    return project


def test_an_old_state_of_it_previews_clean(up: Project) -> None:
    up.preview(document())
    assert [(each["urn"], each.get("diffs")) for each in up.steps if each["op"] != "same"] == []


def test_an_upgrade_of_kubernetes_and_another_model_touch_neither_network_nor_whose_the_cluster_is(up: Project) -> None:
    newer = document(cluster={"version": "1.36"})
    newer["config"]["modelport:model"]["optimize"] = {"candidates": ["fp32"]}
    up.preview(newer)
    changed = {(each["type"], each["urn"].rpartition("::")[2]): each for each in up.steps if each["op"] != "same"}
    assert {each["op"] for each in changed.values()} == {"update"}
    cluster, group = "aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup"
    versions = [(cluster, "models"), *((group, f"models-{each}") for each in ("system", "l4-on-demand", "l4-spot"))]
    assert [changed[each]["diffs"] for each in versions] == [["version"]] * 4
    assert (MODEL, "model") in changed
    # What only a made cluster tells is not known while it changes; nothing else is said of what stands around it.
    follow = {
        "autoscalingGroupName",
        "securityGroupId",
        "referencedSecurityGroupId",
        "kubeconfig",
        "addonVersion",
        "version",
    }
    for (kind, name), each in changed.items():
        if kind.startswith(("aws:", "pulumi:providers:kubernetes")):
            assert set(each["diffs"]) <= follow, (kind, name)
    assert not any("AwsNetwork" in each["urn"] or "EcrRegistry" in each["urn"] for each in changed.values())


def test_nodes_are_as_many_as_is_said_where_no_cluster_autoscaler_moves_their_number(
    made: Plan, tmp_path: Path
) -> None:
    def ignored(plan: Plan) -> dict[str, list[str]]:
        return {each.name: each.request.get("ignoreChanges", []) for each in plan.all("aws:eks/nodeGroup:NodeGroup")}

    groups = ("models-system", "models-l4-on-demand", "models-l4-spot")
    assert ignored(made) == {each: ["scalingConfig.desiredSize"] for each in groups}
    alone = document(autoscaler=None, monitoring=None)
    alone["config"]["modelport:aws"]["gpu"]["groups"]["l4"]["desired"] = 1
    assert ignored(planned(spec(tmp_path, alone))) == {each: [] for each in groups}


def test_the_picture_of_it_is_of_this_plan(made: Plan) -> None:
    page = ROOT / "docs" / "aws-eks.svg"
    drawn = picture("aws-eks", made)
    if not page.exists():
        page.write_text(drawn)
        raise AssertionError("docs/aws-eks.svg was drawn, look at it and run the test again")
    assert page.read_text() == drawn, "to draw it anew, delete docs/aws-eks.svg and run the test once"


def test_what_goes_first_when_all_goes(made: Plan) -> None:
    """An engine deletes nothing before what depends on it: so no network interface is left in a subnet that goes."""
    below = partial(needed, made)

    subnets = {f"Subnet models-private-{zone}" for zone in "abc"}
    ways = {f"Route models-private-{zone}" for zone in "abc"}
    for kind, many in (("NodeGroup", 3), ("Cluster", 1), ("LoadBalancer", 1)):
        each = below(kind)
        assert len(each) == many
        assert all(subnets | ways <= one for one in each), kind
    # What runs in the cluster goes while nodes, their network and whoever may speak to the cluster are still there.
    inside = below("Deployment") + below("ModelServer") + below("Release")
    assert inside
    for one in inside:
        assert {
            "NodeGroup models-system",
            "Addon models-vpc-cni",
            "AccessPolicyAssociation models-admin-deployer",
        } <= one
    (attached,) = below("Attachment")
    assert {"NodeGroup models-system", "Listener models", "TargetGroup models"} <= attached
