"""The target `aws-sagemaker`: one stack file makes all around the model, and SageMaker releases its versions."""

import json
from pathlib import Path
from typing import Any

import pytest

from stacks import aws_sagemaker
from stacks.spec import SpecError
from tests.components.planned import UNKNOWN
from tests.stacks.pictures import picture
from tests.stacks.stack_files import IMAGE, MODEL, ROOT, StackFile

SNAPSHOT = Path(__file__).parent / "snapshots" / "aws-sagemaker.txt"
ENDPOINT = "aws:sagemaker/endpoint:Endpoint"
CONFIGURATION = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
MODELS = "aws:sagemaker/model:Model"
BEFORE = "sha256:" + "b2" * 32

FILE = StackFile("aws-sagemaker", aws_sagemaker.deploy, {})


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(tmp_path: Path, preview: bool) -> None:
    FILE.planned(tmp_path, preview=preview).holds(SNAPSHOT)


def test_the_picture_of_it_is_of_this_plan(tmp_path: Path) -> None:
    page = ROOT / "docs" / "aws-sagemaker.svg"
    drawn = picture("aws-sagemaker", FILE.planned(tmp_path))
    if not page.exists():
        page.write_text(drawn)
        raise AssertionError("docs/aws-sagemaker.svg was drawn, look at it and run the test again")
    assert page.read_text() == drawn, "to draw it anew, delete docs/aws-sagemaker.svg and run the test once"


def test_the_image_that_was_pushed_is_what_runs(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path)
    assert found.one(MODEL).inputs["destination"] == IMAGE.partition("@")[0]
    assert found.one(MODELS).inputs["primaryContainer"]["image"] == IMAGE
    first = FILE.planned(tmp_path, preview=True)
    assert first.one(MODEL).inputs["destination"] == UNKNOWN
    assert first.one(MODELS).inputs["primaryContainer"]["image"] == UNKNOWN


def test_the_image_is_in_dockers_words_without_anybodys_writing_it(tmp_path: Path) -> None:
    assert json.loads(FILE.planned(tmp_path).one(MODEL).inputs["recipe"])["manifest"] == "docker"
    with pytest.raises(SpecError) as error:
        FILE.spec(tmp_path, model={"manifest": "oci"})
    assert error.value.lines == [
        "Pulumi.aws-sagemaker.yaml: model.manifest is oci with target aws-sagemaker, expected docker, as SageMaker "
        "takes no OCI image; remove it"
    ]


def test_the_words_of_a_release_are_sagemakers_own(tmp_path: Path) -> None:
    def policy(**release: Any) -> dict[str, Any]:
        made = FILE.planned(tmp_path, release=release or None).one(ENDPOINT).inputs["deploymentConfig"]
        return {key: value for key, value in made.items() if key != "autoRollbackConfiguration"}

    canary = policy(strategy="canary")["blueGreenUpdatePolicy"]["trafficRoutingConfiguration"]
    assert (canary["type"], canary["canarySize"]["value"], canary["waitIntervalInSeconds"]) == ("CANARY", 10, 300)
    assert list(policy()) == ["rollingUpdatePolicy"]
    switched = policy(strategy="blue-green", pause=600, steps=None)["blueGreenUpdatePolicy"]
    assert switched["trafficRoutingConfiguration"]["type"] == "ALL_AT_ONCE"
    assert switched["terminationWaitInSeconds"] == 600


def test_a_shadow_gets_copies_while_the_pinned_version_answers(tmp_path: Path) -> None:
    shadow = {"strategy": "shadow", "steps": None, "pin": BEFORE}
    found = FILE.planned(tmp_path, release=shadow, sagemaker={"shadow_percent": 20})
    images = {each.name: each.inputs["primaryContainer"]["image"] for each in found.all(MODELS)}
    assert images == {"models": f"{IMAGE.partition('@')[0]}@{BEFORE}", "models-shadow": IMAGE}
    (copied,) = found.one(CONFIGURATION).inputs["shadowProductionVariants"]
    assert copied["initialVariantWeight"] == 0.2


def test_a_pinned_version_answers_in_place_of_the_models(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path, release={"pin": BEFORE})
    assert found.one(MODELS).inputs["primaryContainer"]["image"] == f"{IMAGE.partition('@')[0]}@{BEFORE}"


def test_versions_share_the_requests_by_their_weights(tmp_path: Path) -> None:
    other = {"before": {"digest": BEFORE, "weight": 1, "type": "ml.c7i.large"}}
    found = FILE.planned(tmp_path, sagemaker={"weight": 9, "variants": other})
    told = [
        (each["variantName"], each["initialVariantWeight"], each["instanceType"])
        for each in found.one(CONFIGURATION).inputs["productionVariants"]
    ]
    assert told == [("main", 9, "ml.m7i.large"), ("before", 1, "ml.c7i.large")]
    assert len(found.all("aws:appautoscaling/target:Target")) == 2


def test_models_stand_in_private_subnets_without_a_way_out(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path)
    model = found.one(MODELS).inputs
    assert model["vpcConfig"]["subnets"] == ["models-private-a-id", "models-private-b-id", "models-private-c-id"]
    assert model["enableNetworkIsolation"] is True
    assert found.all("aws:ec2/natGateway:NatGateway") == []
    assert [each.name for each in found.all("aws:ec2/vpcEndpoint:VpcEndpoint")] == ["models-s3"]
    reached = FILE.planned(tmp_path, sagemaker={"reached_from_vpc": True})
    names = {each.inputs["serviceName"] for each in reached.all("aws:ec2/vpcEndpoint:VpcEndpoint")}
    assert names == {"com.amazonaws.eu-central-1.s3", "com.amazonaws.eu-central-1.sagemaker.runtime"}


def test_they_go_before_what_they_stand_in(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path)
    needed = {urn.rpartition("$")[2] for urn in found.one(MODELS).request["dependencies"]}
    assert "aws:ec2/routeTableAssociation:RouteTableAssociation::models-private-a" in needed
    assert "aws:ec2/securityGroup:SecurityGroup::models" in needed
    assert "aws:iam/rolePolicy:RolePolicy::models-execution" in needed


_BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"sagemaker": None},
        "sagemaker is missing, expected the account and what is made in it; write account_id and region",
    ),
    (
        {"sagemaker": {"account_id": "1234"}},
        "sagemaker.account_id is '1234', expected an AWS account id, twelve digits as text; for example "
        '"123456789012"',
    ),
    (
        {"sagemaker": {"instance": {"type": "ml.c7g.large"}}},
        "sagemaker.instance.type is 'ml.c7g.large', expected an instance type that the image runs on, but has "
        "processors of arm64, and the image is for x86_64; write ml.m7i.large",
    ),
    (
        {"sagemaker": {"instance": {"count": 3}}},
        "sagemaker.instance.count is 3 beside autoscaling, expected one of them; remove it, and write "
        "autoscaling.min: 3",
    ),
    (
        {"autoscaling": None},
        "sagemaker.instance.requests_per_minute is set without autoscaling, expected instances that come and go; write "
        "autoscaling: {min: 2, max: 8}, or remove it",
    ),
    (
        {"autoscaling": None, "sagemaker": {"instance": {"count": 1, "requests_per_minute": None}}},
        "sagemaker.instance.count is 1, expected 2 instances at least, as the first that are new may be half of them "
        "with strategy canary; write 2, or strategy blue-green",
    ),
    (
        {"autoscaling": {"min": 0}},
        "autoscaling.min is 0 with target aws-sagemaker, expected 1 or more, as an endpoint without instances answers "
        "nobody; write 1",
    ),
    (
        {"autoscaling": {"gpu": 50}},
        "autoscaling.gpu is set with target aws-sagemaker, expected min, max, cpu and requests_in_flight alone, as "
        "SageMaker has no counterpart; remove it",
    ),
    (
        {"release": {"strategy": "ab", "steps": None, "match": {"header": "x-beta", "value": "1"}}},
        "release.strategy is ab with target aws-sagemaker, expected one of rolling, canary, blue-green, shadow, as "
        "SageMaker gives requests to variants by weight; write canary, or sagemaker.variants",
    ),
    (
        {"release": {"strategy": "shadow", "steps": None}},
        "release.strategy is shadow without release.pin, expected the digest of the version that answers meanwhile, "
        "the output digest of the `up` that made it; write pin: sha256:...",
    ),
    (
        {"release": {"strategy": "shadow", "steps": None, "pin": BEFORE, "pause": 600}},
        "release.pause is set with strategy shadow, expected none, as SageMaker promotes no shadow by itself; remove "
        "it, and write another strategy without pin once the shadow has shown itself",
    ),
    (
        {"release": {"pin": "a1b2"}},
        "release.pin is 'a1b2' with target aws-sagemaker, expected the whole digest of a version, as sha256:...; "
        "modelport rollback --list --json has those that were released",
    ),
    (
        {"release": {"baseline": True}},
        "release.baseline is set with target aws-sagemaker, expected none, as SageMaker has no counterpart; remove it",
    ),
    (
        {"release": {"analysis": {"prometheus": "https://prometheus.example.com", "success_rate": {"min": 0.99}}}},
        "release.analysis is set with target aws-sagemaker, expected none, as SageMaker has no counterpart; remove it, "
        "and write sagemaker.alarms",
    ),
    (
        {"release": {"steps": [{"weight": 10, "pause": 3000}]}},
        "release is '3300 seconds of pauses in all', expected at most 2400, as the provider waits an hour for all of "
        "it; write shorter pauses, or fewer steps",
    ),
    (
        {"sagemaker": {"weight": 0}},
        "sagemaker: weight is 0, expected one above 0 here or for one of variants; write 1",
    ),
    (
        {"sagemaker": {"variants": {"main": {"digest": BEFORE, "weight": 1}}}},
        "a key of sagemaker.variants is 'main', expected 1 to 16 of a-z, 0-9 and -, a letter first, and neither main "
        "nor shadow; for example next",
    ),
    (
        {"sagemaker": {"network": {"cidr": "10.30.0.1/16"}}},
        "sagemaker.network.cidr is '10.30.0.1/16', expected the network's own address; write 10.30.0.0/16",
    ),
    (
        {"image": {"push": "registry.example.com/digits"}},
        "image.push is set with target aws-sagemaker, expected none, as the stack makes its registry; remove it, and "
        "write sagemaker.registry.repository for another name",
    ),
]


@pytest.mark.parametrize(("sections", "said"), _BAD, ids=[said.partition(",")[0] for _, said in _BAD])
def test_what_cannot_be_is_said_before_anything_is_planned(tmp_path: Path, sections: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as error:
        FILE.spec(tmp_path, **sections)
    assert f"Pulumi.aws-sagemaker.yaml: {said}" in error.value.lines
