"""What texts of AWS's own must be, whichever component asks: variables without secrets, tags, ARNs."""

import pytest

from components.aws import checks
from components.checks import ArgsError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((each, "7f3") for each in ("DB_PASS", "DB_PWD", "DBPASSWORD", "PASSWORD1", "PASSPHRASE", "MY_APIKEY")),
        *((each, "7f3") for each in ("SECRET_KEY_BASE", "AWS_ACCESS_KEY_ID", "SHOP_TOKEN", "SIGNING_KEY", "secrets")),
        ("DATABASE_URL", "postgres://shop:7f3@db.example.com/shop"),
        ("CACHE", "redis://:7f3@cache.example.com"),
        ("PEM", "-----BEGIN RSA PRIVATE KEY-----\n7f3"),
        ("WHO", "AKIA0123456789ABCDEF"),
    ],
)
def test_what_holds_a_secret_is_refused_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(ArgsError, match="expected nothing secret there") as told:
        checks.environment("EcsService.env", {name: value})
    assert value not in str(told.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((each, "7") for each in ("MAX_TOKENS", "TOKEN_LIMIT", "COMPASS", "BYPASS", "PARTITION_KEY", "SORT_KEY")),
        ("ORIGIN", "https://shop.example.com:8080/a@b"),
        ("MIRROR", "https://reader@pypi.example.com"),
    ],
)
def test_what_only_sounds_like_one_is_taken(name: str, value: str) -> None:
    checks.environment("EcsService.env", {name: value})


@pytest.mark.parametrize("name", ["AÄ", "Ä", "A-B", "A B", "1A", ""])
def test_names_of_variables_are_plain(name: str) -> None:
    with pytest.raises(ArgsError, match="expected a name of a variable"):
        checks.environment("EcsService.env", {name: "7"})


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
