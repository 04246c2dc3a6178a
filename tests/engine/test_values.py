"""Property values, their paths and their differences."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.checkpoints import encode, loads
from engine.diff import Change, compare, replace_on_changes
from engine.paths import contains, ignore_changes, parse, show
from engine.secrets import Passphrase
from engine.state import deployment_from_json
from engine.values import (
    SECRET_TAG,
    TAG,
    UNKNOWN,
    UNKNOWN_TEXT,
    Crypter,
    Secret,
    equal,
    from_checkpoint,
    from_struct,
    keep_secrets,
    marked,
    number,
    to_checkpoint,
    to_struct,
)

TEXT = st.text(max_size=8).filter(lambda text: text != UNKNOWN_TEXT)
PLAIN = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False).map(number) | TEXT
VALUES: st.SearchStrategy[Any] = st.recursive(
    PLAIN | st.just(UNKNOWN),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3) | inner.map(Secret),
    max_leaves=12,
)
CRYPTER = Passphrase.create("correct horse")


def test_numbers_that_json_has_no_word_for_survive_the_checkpoint() -> None:
    written = to_checkpoint({"n": [float("inf"), float("-inf"), float("nan")]}, None)
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    assert [each["value"] for each in written["n"]] == ["7ff0000000000000", "fff0000000000000", "7ff8000000000000"]
    found = from_checkpoint(written, Crypter())["n"]
    assert found[:2] == [float("inf"), float("-inf")]
    assert found[2] != found[2]


@settings(deadline=None)
@given(st.dictionaries(TEXT, VALUES, max_size=4), st.dictionaries(TEXT, PLAIN, max_size=4))
def test_a_state_is_read_the_same_whether_or_not_it_is_gone_through(odd: dict[str, Any], bare: dict[str, Any]) -> None:
    for props in (odd, bare):
        resource = {"urn": "urn:pulumi:a::b::c:d:E::f", "type": "c:d:E", "inputs": to_checkpoint(props, CRYPTER)}
        written = encode({"resources": [resource]})
        read = loads(written)
        found = deployment_from_json(read, CRYPTER, plain=not marked(written)).resources[0].inputs
        assert equal(found, from_checkpoint(json.loads(written)["resources"][0]["inputs"], CRYPTER))
        assert json.dumps(to_checkpoint(found, None, show=True)) == json.dumps(to_checkpoint(props, None, show=True))
        found["more"] = 1  # what a step adds is not in what was read
        assert "more" not in read["resources"][0]["inputs"] or "more" in props


@pytest.mark.parametrize("text", ["1.0", "1e3", "1.5", "-0.0", "1e21", "123456789012345678901234567890.0", "7"])
def test_whole_numbers_of_a_state_have_no_fraction(text: str) -> None:
    (found,) = loads(f"[{text}]")
    assert repr(found) == repr(from_checkpoint(json.loads(text), Crypter()))


@settings(deadline=None)
@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_values_survive_the_wire(props: dict[str, Any]) -> None:
    assert equal(from_struct(to_struct(props, secrets=True)), props)


@settings(deadline=None)
@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_values_survive_the_checkpoint(props: dict[str, Any]) -> None:
    assert equal(from_checkpoint(to_checkpoint(props, CRYPTER), CRYPTER), props)


@settings(deadline=None)
@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_what_is_the_same_has_no_difference(props: dict[str, Any]) -> None:
    known = {key: value for key, value in props.items() if "UNKNOWN" not in repr(value) and "Secret" not in repr(value)}
    assert compare(known, known).changes is False


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (30.0, "30"),
        (12.5, "12.5"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (12345678901234567890.0, "12345678901234567000"),
    ],
)
def test_numbers_are_written_as_the_official_engine_writes_them(value: float, written: str) -> None:
    assert repr(number(value)) == written


def test_a_path_is_read_and_shown() -> None:
    assert parse('spec.ports[0]["a b"][*].c') == ["spec", "ports", 0, "a b", "*", "c"]
    assert show(["spec", "ports", 0, "a b"]) == 'spec.ports[0]["a b"]'
    assert contains(["marks", "*", "at"], ["marks", 1, "at", "x"])
    assert not contains(["marks", "*", "at"], ["marks", 1])


def test_ignored_changes_put_the_old_value_back_and_say_where_they_cannot() -> None:
    news, failed = ignore_changes({"a": {"b": 2}, "t": ["x", "y"]}, {"a": {"b": 1}, "t": ["w"]}, ["a.b", "t[1]"])
    assert news == {"a": {"b": 1}, "t": ["x", "y"]}
    assert failed == ["t[1]"]


def test_a_difference_names_its_places_and_turns_into_a_replacement_where_asked() -> None:
    diff = compare({"a": {"b": [1, 2]}, "gone": 1}, {"a": {"b": [1, 3, 4]}, "new": Secret(1)})
    assert diff.detailed == {
        "a.b[1]": Change("update", True),
        "a.b[2]": Change("add", True),
        "gone": Change("delete", True),
        "new": Change("add", True),
    }
    assert diff.changed == ["a", "gone", "new"]
    assert not diff.replace
    assert replace_on_changes(diff, ["a.b[*]"], False).replace


def test_secrets_stay_at_their_place_and_a_list_that_held_one_is_one() -> None:
    old = {"a": Secret(1), "o": {"x": Secret(2), "y": 3}, "l": [Secret(1), 2]}
    new = {"a": 1, "o": {"x": 2, "y": 4}, "l": [1, 2], "z": 5}
    assert keep_secrets(new, old) == {"a": Secret(1), "o": {"x": Secret(2), "y": 4}, "l": Secret([1, 2]), "z": 5}


def test_a_secret_within_a_secret_is_encrypted_once_as_the_official_engine_does() -> None:
    nested = Secret({"open": "1", "hidden": Secret("v1:2")})
    written: Any = to_checkpoint(nested, CRYPTER)
    inside = json.loads(CRYPTER.decrypt(written["ciphertext"]))
    assert inside["hidden"] == {TAG: SECRET_TAG, "ciphertext": '"v1:2"'}
    assert equal(from_checkpoint(written, CRYPTER), nested)
    inside["hidden"]["ciphertext"] = CRYPTER.encrypt('"v1:2"')  # as earlier states of ours have it
    twice = {TAG: SECRET_TAG, "ciphertext": CRYPTER.encrypt(json.dumps(inside))}
    assert equal(from_checkpoint(twice, CRYPTER), nested)
    shown: Any = to_checkpoint(nested, CRYPTER, show=True)
    assert json.loads(shown["plaintext"])["hidden"]["plaintext"] == '"v1:2"'
