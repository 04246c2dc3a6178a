"""What is plain is worked out at once; what is not, as Pulumi's own functions would have it."""

import json
import sys
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components import outputs
from tests.components.planned import plan

OUTPUT: Any = sys.modules["pulumi.output"].Output
UNKNOWN: Any = sys.modules["pulumi.output"].UNKNOWN


class Thing(pulumi.CustomResource):
    def __init__(self, name: str, props: dict[str, Any]) -> None:
        super().__init__("a:b:Thing", name, {**props, "arn": None})


def _settled(program: Callable[[], list[Any]], *, preview: bool = False) -> list[Any]:
    """Value, whether known, whether secret and names of resources of each."""
    found: list[Any] = []

    def made() -> None:
        async def look() -> None:
            for each in asked:
                data: Any = await each._data
                found.append((data.value, data.is_known, data.is_secret, sorted(of._name for of in data.resources)))

        asked = program()
        looked: Any = OUTPUT.from_input(look())
        assert looked is not None

    plan(made, preview=preview)
    return found


def test_what_is_plain_is_known_at_once() -> None:
    assert outputs.known(_both, name="a", sizes=[{"b": 1}]) == ("a", [{"b": 1}])
    assert outputs.text([{"a": ("b", None, 1.5, True)}]) == '[{"a": ["b", null, 1.5, true]}]'
    assert outputs.text({}) == "{}"


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_what_waits_for_anything_is_an_output(depth: int) -> None:
    async def later() -> str:
        return "later"

    def program() -> list[Any]:
        leaves: list[Any] = [OUTPUT.from_input("later"), later(), OUTPUT.from_input("later"), later()]
        made: list[Any] = [outputs.known(_both, name="a", sizes=_deep(leaf, depth)) for leaf in leaves[:2]]
        made += [outputs.text(_deep(leaf, depth)) for leaf in leaves[2:]]
        assert all(type(each) is OUTPUT for each in made)
        return made

    told = [each[0] for each in _settled(program)]
    assert told == [("a", _deep("later", depth))] * 2 + [json.dumps(_deep("later", depth))] * 2


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("kind", ["known", "secret", "unknown", "nested", "twice"])
def test_text_is_what_pulumi_makes_of_it(kind: str, preview: bool) -> None:
    def program() -> list[Any]:
        one: Any = Thing("one", {"a": ["x", {"b": 1}]})
        leaves: dict[str, Any] = {
            "known": vars(one)["a"],
            "secret": OUTPUT.secret("hidden"),
            "unknown": vars(one)["arn"],
            "nested": OUTPUT.from_input({"c": OUTPUT.from_input("d"), "e": vars(one)["a"]}),
            "twice": OUTPUT.all(one.id, "f"),
        }
        leaf = leaves[kind]
        whole: dict[str, Any] = {"z": [1, leaf, None], "a": {"in": (leaf, "text")}, "plain": {"b": [True]}}
        return [OUTPUT.json_dumps(whole), outputs.text(whole)]

    pulumis, ours = _settled(program, preview=preview)
    assert ours == pulumis


def _both(name: Any, sizes: Any) -> tuple[Any, Any]:
    return name, sizes


def _deep(leaf: Any, depth: int) -> Any:
    return [{"in": _deep(leaf, depth - 1)}] if depth else leaf
