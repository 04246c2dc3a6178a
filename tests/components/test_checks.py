"""What arguments must be, in one line each."""

from typing import NotRequired, TypedDict

import pytest

from components import checks
from components.aws import catalog
from components.aws import checks as aws
from components.checks import ArgsError


class GivenArgs(TypedDict):
    region: str
    zones: NotRequired[list[str]]


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (
            lambda: checks.given("Net", {"region": "", "zone": ""}, GivenArgs),
            "Net has no argument 'zone', did you mean zones",
        ),
        (lambda: checks.given("Net", {}, GivenArgs), "Net.region is missing, expected a value; write region: ..."),
        (
            lambda: checks.network("cidr", "10.0.0.1/16"),
            "cidr is '10.0.0.1/16', expected an IPv4 network in CIDR notation; for example 10.0.0.0/16",
        ),
        (
            lambda: checks.network("cidr", "10.0.0.0/8", largest=16),
            "cidr is '10.0.0.0/8', expected a prefix of 16 to 28 bits; for example 10.0.0.0/16",
        ),
        (
            lambda: checks.apart({"a": checks.network("a", "10.0.0.0/16"), "b": checks.network("b", "10.0.128.0/24")}),
            "b is '10.0.128.0/24', which overlaps a (10.0.0.0/16), expected networks that share no address; "
            "change one of them",
        ),
        (lambda: checks.within("min", True, 0, 5), "min is True, expected 0 to 5; write 0"),
        (
            lambda: checks.in_order([("desired", 3), ("max", 2)]),
            "desired is 3, expected at most max, which is 2; raise max to 3",
        ),
        (
            lambda: aws.account("account", "12"),
            "account is '12', expected an AWS account id, twelve digits as text; for example \"123456789012\"",
        ),
        (
            lambda: aws.region("region", "eu-centrl-1"),
            "region is 'eu-centrl-1', expected one that there is; did you mean eu-central-1",
        ),
        (
            lambda: aws.zones("zones", ["eu-central-1a"], "eu-central-1"),
            "zones is ['eu-central-1a'], expected at least 2 availability zones, as one may fail; "
            "write ['eu-central-1a', 'eu-central-1b', 'eu-central-1c']",
        ),
        (
            lambda: aws.gpu_type("instance_type", "m5.large"),
            "instance_type is 'm5.large', expected an instance type with NVIDIA GPUs; for example g5.xlarge",
        ),
    ],
)
def test_a_mistake_is_one_line(rule: object, line: str) -> None:
    with pytest.raises(ArgsError) as told:
        rule()  # type: ignore[operator]
    assert str(told.value) == line


def test_what_is_right_is_let_through() -> None:
    checks.given("Net", {"region": "eu-central-1"}, GivenArgs)
    checks.within("min", 0, 0, 5)
    aws.account("account", "123456789012")
    aws.zones("zones", ["us-west-1a", "us-west-1c"], "us-west-1")
    for each in catalog.GPU_TYPES:
        aws.instance_type("type", each)
        aws.gpu_type("type", each)
