"""What an endpoint of SageMaker cannot be, each in one line before anything is registered."""

from typing import Any, cast

import botocore.session
import pulumi
import pytest

from components.aws import sagemaker_types
from components.aws.sagemaker import SageMakerEndpoint, SageMakerEndpointArgs
from components.checks import ArgsError
from tests.components.aws.test_sagemaker import HERE, IMAGE, OTHER, made_of
from tests.components.planned import plan

_BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"account_id": "12345"},
        "SageMakerEndpoint.account_id is '12345', expected an AWS account id, twelve digits as text; for example "
        '"123456789012"',
    ),
    (
        {"region": "eu-central-9"},
        "SageMakerEndpoint.region is 'eu-central-9', expected one that there is; did you mean eu-central-2",
    ),
    (
        {"image": "digits:1"},
        "SageMakerEndpoint.image is 'digits:1', expected an image in Amazon ECR by digest, "
        "ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY@sha256:...; pass the reference of a ModelImage whose "
        "destination is an EcrRegistry's url",
    ),
    (
        {"image": IMAGE.replace("eu-central-1", "us-east-1")},
        f"SageMakerEndpoint.image is '{IMAGE.replace('eu-central-1', 'us-east-1')}', expected an image in "
        "eu-central-1, where the endpoint is; push it to a repository in eu-central-1",
    ),
    (
        {"vpc_id": "net-1"},
        "SageMakerEndpoint.vpc_id is 'net-1', expected an id that begins with vpc-; for example vpc-0123456789abcdef0",
    ),
    (
        {"instance_type": "m7i.large"},
        "SageMakerEndpoint.instance_type is 'm7i.large', expected an instance type of SageMaker's as of 2026-11-22; "
        "write ml.m7i.large",
    ),
    (
        {"instance_type": "ml.m5.9xlarge"},
        "SageMakerEndpoint.instance_type is 'ml.m5.9xlarge', expected an instance type of SageMaker's as of "
        "2026-11-22; write ml.m5.xlarge",
    ),
    (
        {"instance_type": "ml.c7g.large"},
        "SageMakerEndpoint.instance_type is 'ml.c7g.large', expected an instance type that the image runs on, but has "
        "processors of arm64, and the image is for x86_64; write ml.m7i.large",
    ),
    (
        {"instance_type": "ml.inf2.xlarge"},
        "SageMakerEndpoint.instance_type is 'ml.inf2.xlarge', expected an instance type that the image runs on, but "
        "has accelerators that take models which Neuron has compiled; write ml.m7i.large",
    ),
    ({"min": 0}, "SageMakerEndpoint.min is 0, expected 1 to 1000 instances; write 1"),
    (
        {"min": 4, "max": 3},
        "SageMakerEndpoint.min is 4, expected at most SageMakerEndpoint.max, which is 3; raise SageMakerEndpoint.max "
        "to 4",
    ),
    (
        {"cpu_target": 50},
        "SageMakerEndpoint.cpu_target is 50, expected a max above min (2) beside it; raise max",
    ),
    (
        {"max": 4, "in_flight_target": 0},
        "SageMakerEndpoint.in_flight_target is 0, expected 0.1 to 100000 requests; write 0.1",
    ),
    ({"weight": -1}, "SageMakerEndpoint.weight is -1, expected 0 to 1e+06; write 0"),
    (
        {"weight": 0},
        "SageMakerEndpoint.weight is 0, expected a weight above 0 for one variant at least; write 1",
    ),
    (
        {"variants": {"main": {"image": OTHER, "weight": 1}}},
        "a key of SageMakerEndpoint.variants is 'main', expected 1 to 16 of a-z, 0-9 and -, a letter first, and "
        "neither main nor shadow; for example next",
    ),
    (
        {"variants": {"next": {"image": "digits", "weight": 1}}},
        "SageMakerEndpoint.variants['next'].image is 'digits', expected an image in Amazon ECR by digest, "
        "ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY@sha256:...; pass the reference of a ModelImage whose "
        "destination is an EcrRegistry's url",
    ),
    (
        {"variants": {f"v{at}": {"image": OTHER, "weight": 1} for at in range(10)}},
        "SageMakerEndpoint.variants is '10 variants', expected at most 9 beside the endpoint's own, as SageMaker takes "
        "10; leave some out",
    ),
    (
        {"variants": {"next": {"image": OTHER, "weight": 1}}, "shadow": {"image": OTHER}},
        "SageMakerEndpoint.shadow is 'set', expected none beside variants, as SageMaker shadows an endpoint of one "
        "variant; leave one of them out",
    ),
    (
        {"shadow": {"image": OTHER, "percent": 0}},
        "SageMakerEndpoint.shadow.percent is 0, expected 1 to 100 percent; write 1",
    ),
    ({"capture": {}}, "SageMakerEndpoint.capture.percent is missing, expected a value; write percent: ..."),
    (
        {"capture": {"percent": 101}},
        "SageMakerEndpoint.capture.percent is 101, expected 1 to 100 percent; write 100",
    ),
    (
        {"startup_seconds": 30},
        "SageMakerEndpoint.startup_seconds is 30, expected 60 to 3600 seconds; write 60",
    ),
    (
        {"env": {"MODELPORT_PORT": "80"}},
        "a key of SageMakerEndpoint.env is 'MODELPORT_PORT', expected one that the component does not set itself; "
        "leave it out",
    ),
    (
        {"env": {"SHOP_API_KEY": "7f3"}},
        "SageMakerEndpoint.env['SHOP_API_KEY'] has a value, expected nothing secret there, as whoever may describe "
        "what runs reads it; leave it out",
    ),
    (
        {"env": {"1": "a"}},
        "a key of SageMakerEndpoint.env is '1', expected a name of a variable; for example MODELPORT_QUEUE",
    ),
    (
        {"env": {"A": "a" * 1025}},
        "SageMakerEndpoint.env['A'] is 'a text of 1025 characters', expected at most 1024, as SageMaker takes no more; "
        "shorten it",
    ),
    (
        {"env": {f"A{number}": "a" for number in range(100)}, "workers": 2},
        "SageMakerEndpoint.env is '101 variables', expected at most 100, as SageMaker takes no more; leave some out",
    ),
    (
        {
            "variants": {f"v{number}": {"image": OTHER, "weight": 1} for number in range(5)},
            "release": {"strategy": "blue-green"},
            "latency_seconds": 1,
        },
        "SageMakerEndpoint.variants is '5 variants', expected at most 4 with latency_seconds, as SageMaker takes 10 "
        "alarms and each has two; leave some out, or latency_seconds",
    ),
    (
        {"latency_seconds": 61},
        "SageMakerEndpoint.latency_seconds is 61, expected 0.001 to 60 seconds; write 60",
    ),
    (
        {"log_days": 100},
        "SageMakerEndpoint.log_days is 100, expected days for which CloudWatch keeps logs; write 90",
    ),
    (
        {"replicas": 2},
        "SageMakerEndpoint has no argument 'replicas', did you mean release",
    ),
]


@pytest.mark.parametrize(("bad", "said"), _BAD, ids=[str(bad)[:24] for bad, _ in _BAD])
def test_what_cannot_be_is_said_before_anything_is_registered(bad: dict[str, Any], said: str) -> None:
    args = cast("SageMakerEndpointArgs", {**HERE, **bad})
    with pytest.raises(ArgsError) as told:
        made_of(args)
    assert str(told.value) == said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "a" * 33,
            f"the name of SageMakerEndpoint is '{'a' * 33}', expected a letter and at most 31 more of a-z, A-Z, 0-9 "
            "and -, not beginning with sg-; for example shop",
        ),
        ("digits-", "the name of SageMakerEndpoint is 'digits-', expected no - at its end; write digits"),
    ],
)
def test_a_name_that_sagemaker_would_not_take(name: str, said: str) -> None:
    with pytest.raises(ArgsError) as told:
        made_of(HERE, name=name)
    assert str(told.value) == said


def test_a_region_without_the_instance_type_is_said() -> None:
    args: SageMakerEndpointArgs = {**HERE, "instance_type": "ml.p5.48xlarge"}
    with pytest.raises(ArgsError, match=r"^SageMakerEndpoint.instance_type is 'p5.48xlarge', expected an instance type "
                       r"that eu-central-1 has; .* has it$"):  # fmt: skip
        made_of(args)


def test_an_image_that_is_known_late_is_asked_before_it_is_used() -> None:
    def program() -> None:
        SageMakerEndpoint("digits", {**HERE, "image": pulumi.Output.from_input("digits:1")})

    with pytest.raises(Exception, match="expected an image in Amazon ECR by digest"):
        plan(program, preview=False)


def test_the_instance_types_are_those_of_sagemakers_model() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    there = set(model.shape_for("ProductionVariantInstanceType").enum)
    kept = {each for each in there if sagemaker_types.family(each) not in sagemaker_types.LEFT_OUT}
    assert set(sagemaker_types.known()) == kept
    assert {sagemaker_types.family(each) for each in there - kept} == set(sagemaker_types.LEFT_OUT)
    assert set(sagemaker_types.SIZES) >= sagemaker_types.LOCAL_DISKS
