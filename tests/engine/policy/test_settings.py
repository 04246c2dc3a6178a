"""What is set of policies: what wins over what, and what is wrong in the words of the official engine."""

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import PolicyError
from engine.policy.config import Policy, Setting, read, reconciled
from engine.policy.flags import paths
from engine.policy.packs import shown
from engine.policy.schemas import problems


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        ({"type": "string"}, 3, ["(root): Invalid type. Expected: string, given: integer"]),
        ({"type": "integer"}, 3.5, ["(root): Invalid type. Expected: integer, given: number"]),
        ({"type": ["string", "null"]}, True, ["(root): Invalid type. Expected: [string,null], given: boolean"]),
        ({"type": "number"}, 3, []),
        ({"type": "integer"}, 3.0, []),
        ({"enum": ["a", 1.0]}, "b", ['(root): (root) must be one of the following: "a", 1']),
        ({"enum": ["a", 1.0]}, 1, []),
        ({"const": {"b": 1, "a": None}}, 2, ['(root): (root) does not match: {"a":null,"b":1}']),
        ({"required": ["a"]}, {}, ["(root): a is required"]),
        ({"additionalProperties": False, "properties": {"a": {}}}, {"a": 1, "b": 2}, [
            "(root): Additional property b is not allowed"
        ]),
        ({"additionalProperties": {"type": "string"}}, {"b": 2}, ["b: Invalid type. Expected: string, given: integer"]),
        ({"patternProperties": {"^x": {"minLength": 2}}}, {"xa": "a"}, [
            "xa: String length must be greater than or equal to 2"
        ]),
        ({"properties": {"a": {"items": {"maximum": 3}}}}, {"a": [1, 4]}, ["a.1: Must be less than or equal to 3"]),
        ({"items": [{"type": "string"}], "additionalItems": False}, ["a", 1], [
            "(root): No additional items allowed on array"
        ]),
        ({"minItems": 2, "maxItems": 3}, [1], ["(root): Array must have at least 2 items"]),
        ({"uniqueItems": True}, [1, {"a": 1}, {"a": 1.0}], ["(root): array items[1,2] must be unique"]),
        ({"contains": {"type": "string"}}, [1], [
            "(root): At least one of the items must match",
            "0: Invalid type. Expected: string, given: integer",
        ]),
        ({"minProperties": 1}, {}, ["(root): Must have at least 1 properties"]),
        ({"multipleOf": 0.1}, 0.3, []),
        ({"multipleOf": 2}, 3, ["(root): Must be a multiple of 2"]),
        ({"exclusiveMinimum": 3, "exclusiveMaximum": 3}, 3, [
            "(root): Must be less than 3",
            "(root): Must be greater than 3",
        ]),
        ({"pattern": "^a+$"}, "b", ["(root): Does not match pattern '^a+$'"]),
        ({"maxLength": 1}, "äö", ["(root): String length must be less than or equal to 1"]),
        ({"format": "ipv4"}, "1.2.3.456", ["(root): Does not match format 'ipv4'"]),
        ({"format": "ipv4"}, "10.2.3.255", []),
        ({"anyOf": [{"type": "string"}, {"type": "boolean"}]}, 1, [
            "(root): Must validate at least one schema (anyOf)",
            "(root): Invalid type. Expected: string, given: integer",
        ]),
        ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, 1, [
            "(root): Must validate one and only one schema (oneOf)"
        ]),
        ({"allOf": [{"minimum": 2}]}, 1, [
            "(root): Must be greater than or equal to 2",
            "(root): Must validate all the schemas (allOf)",
        ]),
        ({"not": {"type": "integer"}}, 1, ["(root): Must not validate the schema (not)"]),
        ({"if": {"minimum": 2}, "then": {"maximum": 3}, "else": {"const": 0}}, 5, [
            '(root): Must validate "then" as "if" was valid',
            "(root): Must be less than or equal to 3",
        ]),
        ({"dependencies": {"a": ["b"]}}, {"a": 1}, ["(root): Has a dependency on b"]),
        ({"definitions": {"d": {"type": "string"}}, "properties": {"a": {"$ref": "#/definitions/d"}}}, {"a": 1}, [
            "a: Invalid type. Expected: string, given: integer"
        ]),
        (False, 1, ["(root): False always fails validation"]),
        (True, 1, []),
    ],
)  # fmt: skip
def test_a_schema_is_checked_in_the_official_words(schema: Any, value: Any, expected: list[str]) -> None:
    assert problems(schema, value) == expected


def test_the_user_wins_over_the_pack_and_the_pack_over_its_policies() -> None:
    policies = [
        Policy("a", "advisory", "resource", properties={"x": {"default": 1}, "y": {"default": 2}}),
        Policy("b", "mandatory", "resource"),
        Policy("c", "advisory", "stack"),
    ]
    initial = {"all": Setting("mandatory"), "a": Setting("", {"y": 3, "z": 4})}
    given = {"b": Setting("disabled"), "a": Setting("remediate", {"z": 5})}
    settings, wrong = reconciled(policies, initial, given)
    assert wrong == []
    assert settings["a"] == Setting("remediate", {"x": 1, "y": 3, "z": 5})
    assert settings["b"] == Setting("disabled", {})
    assert settings["c"] == Setting("mandatory", {})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"a": None}, 'parsing "a": <nil> is not a valid value; must be a string or object'),
        ({"a": True}, 'parsing "a": true is not a valid value; must be a string or object'),
        ({"a": {"enforcementLevel": "x"}}, 'parsing enforcement level for "a": "x" is not a valid enforcement level'),
        ([1], "is [1], expected an object with a policy's name for each key"),
        ({"environments": ["e"]}, "environments cannot be used"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, data: Any, expected: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(data))
    with pytest.raises(PolicyError) as caught:
        read(str(file))
    assert expected in str(caught.value)


def test_a_setting_that_sets_nothing_is_none(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"a": {}, "b": "disabled"}')
    assert read(str(file)) == {"b": Setting("disabled")}


def test_a_path_is_shown_as_the_official_engine_shows_it() -> None:
    assert shown("./pack/") == "pack"
    assert shown("/a/b/../" + "c" * 40 + "/" + "d" * 40 + "/e/f") == "/a/.../e/f"
    assert shown("a" * 90) == "a" * 90


def test_flags_are_read_as_the_official_command_reads_them() -> None:
    assert paths(["a,b", "c"], Path()) == ("a", "b", "c")
    assert paths(["a,/b"], Path("/x")) == ("/x/a", "/b")
