"""What inputs of clouds say: which variables are secrets, and what is no value at all."""

from typing import Any, Final

import pytest

from policies.given import is_secret, no, open_to_all, yes
from policies.looking import Look

SECRETS: Final[list[tuple[str, Any]]] = [
    *((name, "hunter2") for name in ("SECRET_KEY", "PGPASSWORD", "MYSQL_PWD", "PASSPHRASE", "KEY_PASSPHRASE")),
    *((name, "hunter2") for name in ("API_KEY", "signing-key", "db_password", "UPSTREAM_TOKEN", "CREDENTIALS")),
    *(("DB_PASSWORD", value) for value in ("/abc", "https://u:hunter2@h/", 12345, 12345.0, "4096", "projects/x")),
    ("DATABASE_URL", "postgres://u:hunter2@h/shop"),
    ("CACHE", "redis://:hunter2@h:6379/0"),
    ("TOKEN_", "github_pat_" + "a1" * 20),
    ("HUB", "hf_" + "a" * 34),
    ("CHAT", "xoxb-" + "1234567890-abcdef"),
    ("CODE", "gho_" + "a" * 36),
    ("LAB", "glpat-" + "a" * 20),
    ("MAX_TOKEN", "hunter2"),
    ("EOS", "AKIA" + "Q" * 16),
]
HARMLESS: Final[list[tuple[str, Any]]] = [
    ("MAX_TOKEN", "4096"),
    ("MAX_NEW_TOKEN", 4096),
    ("PRICE_PER_TOKEN", "2"),
    ("EOS_TOKEN", "</s>"),
    ("PWD", "/srv"),
    ("PASSWORD_FILE", "/run/password"),
    ("GOOGLE_APPLICATION_CREDENTIALS", "/run/account.json"),
    ("DATABASE_URL", "postgres://u:$(PASSWORD)@h/shop"),
    ("DATABASE_URL", "postgres://u@h:5432/shop"),
    ("PAGE", "http://h:80/a@b"),
    ("UPSTREAM_TOKEN", "projects/shop/secrets/upstream/versions/1"),
    ("UPSTREAM_TOKEN", "arn:aws:secretsmanager:eu-central-1:1:secret:x"),
    ("UPSTREAM_TOKEN", "https://vault.example.com/upstream"),
    *(("UPSTREAM_TOKEN", value) for value in (None, "", True, "false")),
]


@pytest.mark.parametrize(("name", "value"), SECRETS)
def test_it_is_a_secret(name: str, value: Any) -> None:
    assert is_secret(name, value)


@pytest.mark.parametrize(("name", "value"), HARMLESS)
def test_it_is_none(name: str, value: Any) -> None:
    assert not is_secret(name, value)


@pytest.mark.parametrize(("value", "told"), [("", False), (None, False), ("key", True), (0, True), (False, True)])
def test_empty_text_is_not_there(value: Any, told: bool) -> None:
    assert Look("type", "name", "urn", {"key": value}).told("key") is told


def test_truth_is_read_as_providers_read_it() -> None:
    assert [yes(each) for each in (True, "true", "TRUE", "1", "", None, "yes", False)] == [True] * 4 + [False] * 4
    assert [no(each) for each in (False, "false", "False", "0", "", None, True)] == [True] * 4 + [False] * 3


def test_a_network_with_spaces_round_it_is_one() -> None:
    assert open_to_all(" 0.0.0.0/0")
    assert not open_to_all(" 10.0.0.0/8")
