"""Stacks whose model is for several platforms: which run the index, and which say that they cannot."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks import aws_eks
from stacks.spec import SpecError, StackSpec
from tests.components.planned import Plan, plan
from tests.stacks import aws_plans
from tests.stacks.earlier import MODEL, RELEASE, ROOT

BOTH = ["linux/amd64", "linux/arm64"]
INDEX = aws_plans.IMAGE.replace("a1", "b2")


def document(target: str, **image: Any) -> dict[str, Any]:
    whole: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{target}.yaml").read_text())
    whole["config"]["modelport:model"]["platforms"] = BOTH
    if image:
        whole["config"]["modelport:image"] = {**whole["config"].get("modelport:image", {}), **image}
    return whole


def lines(folder: Path, whole: dict[str, Any]) -> list[str]:
    file = folder / "Pulumi.test.yaml"
    file.write_text(yaml.safe_dump(whole, sort_keys=False))
    try:
        StackSpec.from_file(file)
    except SpecError as error:
        return error.lines
    return []


@pytest.mark.parametrize("target", ["aws-ecs", "aws-ec2", "aws-lambda", "aws-sagemaker", "gcp-cloudrun", "gcp-vertex"])
def test_a_target_that_runs_one_platform_says_so(tmp_path: Path, target: str) -> None:
    assert lines(tmp_path, document(target)) == [
        f"Pulumi.test.yaml: model.platforms is [linux/amd64, linux/arm64] with target {target}, expected linux/amd64 "
        "alone, as it runs no other image; remove it"
    ]


@pytest.mark.parametrize("target", ["local", "dev", "aws-eks", "gcp-gke"])
def test_a_target_whose_machines_take_their_own_image_is_content(tmp_path: Path, target: str) -> None:
    assert lines(tmp_path, document(target)) == []


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (
            {"modelcar": True},
            "image.modelcar is true, expected one of them, as the files' own image is for linux/amd64",
        ),
        ({"builder": "docker"}, "image.builder is docker, expected one of them, as Docker pushes one image"),
    ],
)
def test_what_is_made_for_one_platform_alone_is_refused_beside_several(
    tmp_path: Path, image: dict[str, Any], told: str
) -> None:
    (line,) = lines(tmp_path, document("dev", **image))
    assert told in line


def test_nodes_of_arm64_want_an_image_of_theirs(tmp_path: Path) -> None:
    whole = aws_plans.document(cluster={"instance_types": ["m7g.large"]}, gpu=None)
    assert any("write model.platforms: [linux/amd64, linux/arm64]" in each for each in lines(tmp_path, whole))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """On nodes of ARM64."""
    whole = aws_plans.document(cluster={"instance_types": ["m7g.large"]}, gpu=None)
    whole["config"]["modelport:model"]["platforms"] = BOTH
    spec = aws_plans.spec(tmp_path_factory.mktemp("spec"), whole)

    def image(_: Any) -> dict[str, Any]:
        return {**aws_plans.OUTPUTS[MODEL](None), "index": INDEX}

    outputs: dict[str, Any] = {**aws_plans.OUTPUTS, MODEL: image}
    return plan(lambda: aws_eks.deploy(spec), preview=False, outputs=outputs)


def test_pods_are_of_the_index(made: Plan) -> None:
    (release,) = made.all(RELEASE)
    assert release.inputs["candidate"] == INDEX
