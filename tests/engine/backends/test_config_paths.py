"""Paths into configuration: what the official CLI makes of them, and its words for what is none."""

from typing import Any

import pytest

from engine.config_paths import found, parse, put, split, take, whole
from engine.errors import BadInput
from tests.engine.backends.conftest import Official
from tests.engine.conftest import Place

MADE: list[tuple[list[tuple[str, Any]], Any]] = [
    ([("l[0]", "a"), ("l[1]", "b")], {"p:l": ["a", "b"]}),
    ([("m[3].k", 1), ("m[0][1]", "q")], {"p:m": [[None, "q"], None, None, {"k": 1}]}),
    ([("a.b.c", True), ("a.b", 3), ('a["x.y"]', "z")], {"p:a": {"b": 3, "x.y": "z"}}),
    ([("u..v", 1), ('q["say \\"hi\\""]', 2)], {"p:u": {"v": 1}, "p:q": {'say "hi"': 2}}),
    ([("other:k", "2"), ("other:k.z", 3)], {"other:k": {"z": 3}}),
    ([("s", {"secure": "v1:x"}), ("s.k", 1)], {"p:s": {"k": 1}}),
]
REFUSED = [
    ("l[2]", "could not set config: l[2]: array index out of range"),
    ("l[-1]", "could not set config: l[-1]: array index out of range"),
    ("l.x", "could not set config: l.x: key for an array must be an int"),
    ("a[0]", "could not set config: a[0]: key for a map must be a string"),
    ("a.b.d", "could not set config: a.b: expected a map"),
    ("a.b[0]", "could not set config: a.b: expected an array"),
    ("n.secure", 'could not set config: maps with the single key "secure" are reserved'),
    ("s[x]", "invalid config key path: invalid array index: 'x' is no number"),
    ("t.[0]", "invalid config key path: expected property name after '.'"),
    ("t.", "invalid config key path: expected property path to end with a name or index"),
    ('q["unclosed', "invalid config key path: missing closing quote in property name"),
    ('q["x"', "invalid config key path: missing closing bracket in property access"),
    ("q[1", "invalid config key path: missing closing bracket in array index"),
    ("[0]", "invalid config key path: '[0]' does not begin with the name of a key"),
    ("", "invalid config key path: '' does not begin with the name of a key"),
    ("a:b:c.d", "invalid configuration key: could not parse a:b:c as a configuration key"),
]


@pytest.mark.parametrize(("steps", "expected"), MADE)
def test_lists_and_maps_are_made_on_the_way(steps: list[tuple[str, Any]], expected: Any) -> None:
    config: dict[str, Any] = {}
    for key, value in steps:
        put(config, *split(key, "p"), value)
    assert config == expected


@pytest.mark.parametrize(("key", "said"), REFUSED)
def test_what_cannot_be_set_is_refused_in_the_official_words(key: str, said: str) -> None:
    config: dict[str, Any] = {"p:l": ["a"], "p:a": {"b": 3}}
    with pytest.raises(BadInput) as caught:
        put(config, *split(key, "p"), "v")
    assert str(caught.value).startswith(said)


def test_a_key_has_the_namespace_of_the_project_unless_it_says_another() -> None:
    assert whole("k", "p") == "p:k"
    assert whole("aws:region", "p") == whole("aws:config:region", "p") == "aws:region"
    assert split("k", "p") == ("p:k", ["k"])
    with pytest.raises(BadInput, match="could not parse a:b:c as a configuration key"):
        whole("a:b:c", "p")


def test_what_lies_at_a_path_is_found_and_taken_away() -> None:
    value: Any = {"l": [1, {"k": None}], "s": {"secure": "v1:x"}, "t": {"secure": "a", "u": 1}}
    assert found(value, parse("l[1].k")) == (None, True)
    for nothing in ("l[2]", "l[-1]", "l.x", "[0]", "s.secure", "x.y"):
        assert found(value, parse(nothing)) == (None, False)
        take(value, parse(nothing))
    take(value, parse("l[0]"))
    assert value["l"] == [{"k": None}]
    with pytest.raises(BadInput, match="reserved"):
        take(value, parse("t.u"))


def test_a_value_without_a_path_stays_the_text_that_it_is(place: Place) -> None:
    engine = place.engine()
    engine.init()
    engine.set_config("count", "7", path=True)
    engine.set_config("deep.count", "7", path=True)
    assert engine.config_get("deep").value == '{"count":7}'
    assert engine.stack.file().raw() == {"place:count": "7", "place:deep": {"count": 7}}


def test_the_official_engine_makes_the_same_of_the_same_paths(place: Place, official: Official) -> None:
    official.run(place, "stack", "init", "dev")
    place.engine("ours").init()
    asked = [("m[3].k", "1"), ("m[0][1]", "q"), ('a["x.y"]', "true"), ("n", "7"), ("m", "back"), ("o[0]", "007")]
    for key, value in asked:
        official.run(place, "config", "set", "--path", key, value, "--stack", "dev")
        place.engine("ours").set_config(key, value, path=True)
    assert place.engine("ours").stack.file().raw() == place.engine().stack.file().raw()
