"""What may stand in the environment of a server, whichever component asks: variables without secrets."""

import pytest

from components import environment
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
        ("MAPS", "AIza0123456789abcdefghijklmnopqrstuvwxy"),
        ("CLIENT", "GOCSPX-0123456789abcdefghijklmnopqr"),
        ("BEARER", "ya29.a0Af_7f3"),
    ],
)
def test_what_holds_a_secret_is_refused_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(ArgsError, match="expected nothing secret there") as told:
        environment.plain("EcsService.env", {name: value})
    assert value not in str(told.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((each, "7") for each in ("MAX_TOKENS", "TOKEN_LIMIT", "COMPASS", "BYPASS", "PARTITION_KEY", "SORT_KEY")),
        ("ORIGIN", "https://shop.example.com:8080/a@b"),
        ("MIRROR", "https://reader@pypi.example.com"),
        ("AIRPORT", "AIza"),
    ],
)
def test_what_only_sounds_like_one_is_taken(name: str, value: str) -> None:
    environment.plain("EcsService.env", {name: value})


@pytest.mark.parametrize("name", ["AÄ", "Ä", "A-B", "A B", "1A", ""])
def test_names_of_variables_are_plain(name: str) -> None:
    with pytest.raises(ArgsError, match="expected a name of a variable"):
        environment.plain("EcsService.env", {name: "7"})


def test_what_the_component_says_itself_is_refused() -> None:
    with pytest.raises(ArgsError, match="expected one that the component does not set itself; leave it out"):
        environment.plain("EcsService.env", {"MODELPORT_PORT": "7"})
