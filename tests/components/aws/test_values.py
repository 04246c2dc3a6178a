"""What texts of AWS's own must be, whichever component asks: tags, ARNs."""

import pytest

from components.aws import checks
from components.checks import ArgsError


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"name": "a"}, "a key of T is 'name', expected no other spelling of Name, as IAM takes both for one"),
        ({"ModelPort:Component": "a"}, "expected no other spelling of modelport:component"),
        ({"team": "a", "TEAM": "b"}, "a key of T is 'TEAM', expected no other spelling of team"),
    ],
)
def test_tags_that_iam_takes_for_one_are_refused(tags: dict[str, str], said: str) -> None:
    with pytest.raises(ArgsError, match=said):
        checks.tags("T", tags)


def test_a_tag_of_ours_may_have_another_value() -> None:
    checks.tags("T", {"Name": "digits", "team": "ml"})


@pytest.mark.parametrize(
    ("arn", "region"),
    [
        ("arn:aws:kms:us-east-1:123456789012:key/a", "eu-central-1"),
        ("arn:aws:kms::123456789012:key/a", "eu-central-1"),
        ("arn:aws-cn:kms:eu-central-1:123456789012:key/a", "eu-central-1"),
        ("arn:aws:iam::123456789012:role/a", "us-gov-west-1"),
    ],
)
def test_an_arn_of_elsewhere_is_refused(arn: str, region: str) -> None:
    with pytest.raises(ArgsError, match="expected one of"):
        checks.here("A", arn, region)


def test_an_arn_of_here_is_taken() -> None:
    checks.here("A", "arn:aws:kms:eu-central-1:123456789012:key/a", "eu-central-1")
    checks.here("A", "arn:aws-us-gov:iam::123456789012:role/a", "us-gov-west-1")
