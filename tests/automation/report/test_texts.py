"""What of a value a report shows."""

from typing import Any

import pytest

from automation.report import texts
from engine.values import ASSET_TAG, SECRET_TAG, TAG, UNKNOWN_TEXT


def shown(value: Any) -> dict[str, Any]:
    return {path: show for path, _, show in texts.leaves(value)}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"word": {TAG: SECRET_TAG, "ciphertext": "v1:abc:hunter2"}}, "word"),
        ({"password": "hunter2"}, "password"),
        ({"masterPassword": "hunter2"}, "masterPassword"),
        ({"tlsPrivateKey": "hunter2"}, "tlsPrivateKey"),
        ({"environment": [{"name": "DB_PASSWORD", "value": "hunter2"}]}, "environment[0].value"),
        ({"task": '[{"environment": [{"name": "API_KEY", "value": "hunter2"}]}]'}, "task[0].environment[0].value"),
        ({"note": "postgres://user:hunter2@host/db"}, "note"),
        ({"note": "ghp_" + "a" * 36}, "note"),
        ({"note": "-----BEGIN RSA PRIVATE KEY-----"}, "note"),
    ],
)  # fmt: skip
def test_a_secret_is_blotted_out(value: Any, path: str) -> None:
    assert shown(value)[path] == texts.SECRET
    assert "hunter2" not in str(shown(value))


def test_what_names_a_secret_and_holds_none_is_shown() -> None:
    value = {"secretName": "models", "passwordSecretArn": "arn:aws:secretsmanager:x", "maxTokens": 5, "token": ""}
    assert shown(value) == value


def test_what_is_not_known_yet_is_said() -> None:
    assert shown({"a": [UNKNOWN_TEXT]}) == {"a[0]": texts.UNKNOWN}


def test_an_asset_is_told_by_its_digest() -> None:
    assert shown({"code": {TAG: ASSET_TAG, "hash": "abcdef0123456789", "text": "hunter2"}}) == {
        "code": "[asset abcdef012345]"
    }


def test_paths_are_as_pulumi_writes_them() -> None:
    assert list(shown({"a": {"b.c/d": [{"e": 1}]}, "f": {}})) == ['a["b.c/d"][0].e', "f"]


def test_internal_properties_are_left_out() -> None:
    assert shown({"__provider": "x", "a": 1}) == {"a": 1}


def test_a_very_deep_value_ends() -> None:
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]
    assert list(shown({"a": deep}).values()) == ["[too deep to show]"]
    assert shown({"a": "[" * 200_000}) == {"a": "[" * 200_000}


def test_what_cannot_be_seen_is_written_out() -> None:
    assert texts.visible("a\u202eb\u200bc\x1b\x00d\ud800") == "a\\u202eb\\u200bc\\u001b\\u0000d\\ud800"
    assert texts.visible("schön 模型 🙂") == "schön 模型 🙂"


def test_of_two_long_values_the_part_is_shown_where_they_differ() -> None:
    before, after = texts.pair("x" * 5000 + "old" + "y" * 5000, "x" * 5000 + "new" + "y" * 5000)
    assert before.startswith("…x") and "old" in before and "new" in after
    assert max(len(before), len(after)) <= texts.LONGEST
