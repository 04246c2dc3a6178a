"""What arguments must be, in one line each."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict, cast

import pulumi
import pytest

from components import checks
from components.aws import catalog
from components.aws import checks as aws
from components.checks import ArgsError


class GivenTrigger(TypedDict):
    topic: str


class GivenArgs(TypedDict):
    region: str
    zones: NotRequired[list[str]]
    anonymous: NotRequired[bool]
    kept: NotRequired[bool | None]
    waited: NotRequired[pulumi.Input[bool]]
    min: NotRequired[int]
    percents: NotRequired[Sequence[float]]
    env: NotRequired[Mapping[str, pulumi.Input[str]]]
    labels: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    trigger: NotRequired[GivenTrigger]


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


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("anonymous", "false", "is 'false', expected True or False; write False"),
        ("anonymous", "yes", "is 'yes', expected True or False; write True"),
        ("anonymous", 1, "is 1, expected True or False; write True"),
        ("anonymous", None, "is None, expected True or False; leave it out"),
        ("anonymous", [True], "is [True], expected True or False; write False"),
        ("kept", "false", "is 'false', expected True or False; write False"),
        ("min", "3", "is '3', expected a number; write 3"),
        ("min", "many", "is 'many', expected a number; write one"),
        ("min", [], "is [], expected a number; write one"),
        ("region", [], "is [], expected a text; write one"),
        ("zones", 5, "is 5, expected a list; write [5]"),
        ("zones", {}, "is {}, expected a list; write one"),
        ("zones", [["a"]], "[0] is ['a'], expected a text; write one"),
        ("percents", b"80", "is b'80', expected a list; write one"),
        ("env", "A=5", "is 'A=5', expected a mapping; write {...}"),
        ("labels", ["team"], "is ['team'], expected a mapping; write {...}"),
        ("trigger", 5, "is 5, expected a mapping; write {...}"),
    ],
)
def test_a_value_of_another_type_is_told(key: str, value: object, said: str) -> None:
    with pytest.raises(ArgsError) as told:
        checks.given("Net", {"region": "", key: value}, GivenArgs)
    assert str(told.value) == f"Net.{key}{'' if said.startswith('[') else ' '}{said}"


def test_a_truth_that_is_known_later_is_told() -> None:
    with pytest.raises(ArgsError, match=r"^Net.anonymous is an output, expected True or False; write False$"):
        checks.given("Net", {"region": "", "anonymous": later()}, GivenArgs)


@pytest.mark.parametrize(
    "more",
    [
        {"anonymous": False, "kept": None, "min": 3.0, "zones": ("a",), "percents": [80, 99.5]},
        {"env": {}, "trigger": {"topic": "a"}, "labels": {"team": "ml"}},
        {"zones": None, "env": None, "trigger": None, "min": None},
    ],
)
def test_a_value_of_its_type_is_let_through(more: dict[str, object]) -> None:
    checks.given("Net", {"region": "", **more}, GivenArgs)


def test_what_may_be_an_output_is_left_alone() -> None:
    checks.given("Net", {"region": "", "waited": later(), "labels": later()}, GivenArgs)
    checks.given("Net", {"region": "", "waited": "false"}, GivenArgs)


def test_what_is_no_mapping_is_told() -> None:
    with pytest.raises(ArgsError, match=r"^Net.trigger is 5, expected a mapping of topic; write \{'topic': ...\}$"):
        checks.given("Net.trigger", cast("Any", 5), GivenTrigger)


def test_a_long_value_is_told_in_part() -> None:
    long = "a" * 5000
    said = str(checks.wrong("Net.keys", long, "a list", f"write ['{long}']"))
    assert len(said) < 400
    assert "(5002 characters)" in said


def test_what_cannot_be_written_is_told_all_the_same() -> None:
    assert str(checks.wrong("Net.keys", "\ud800", "a list", "write ['\ud800']")).encode()


def later() -> "pulumi.Output[Any]":
    """An output, of which nobody asks here what it is."""
    found: Any = object.__new__(pulumi.Output)
    return cast("pulumi.Output[Any]", found)


def test_what_is_right_is_let_through() -> None:
    checks.given("Net", {"region": "eu-central-1"}, GivenArgs)
    checks.within("min", 0, 0, 5)
    aws.account("account", "123456789012")
    aws.zones("zones", ["us-west-1a", "us-west-1c"], "us-west-1")
    for each in catalog.GPU_TYPES:
        aws.instance_type("type", each)
        aws.gpu_type("type", each)
