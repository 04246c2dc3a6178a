"""What stands in for parts of the SDK gives what those give."""

import asyncio
import enum
import sys
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from pulumi.dynamic import ResourceProvider

from engine import lighter

SDK: Any = sys.modules["pulumi.runtime.resource"]
RPC: Any = sys.modules["pulumi.runtime.rpc"]
SETTINGS: Any = sys.modules["pulumi.runtime.settings"].SETTINGS
OUTPUT: Any = sys.modules["pulumi.output"].Output
DYNAMIC: Any = sys.modules["pulumi.dynamic.dynamic"]


class Kind:
    """As Resource and CustomResource: two constructors of the SDK's, and one of the class that is made."""

    def __init__(self, levels: int, ask: Callable[[], list[Any]]) -> None:
        self.told = type(self)(levels - 1, ask).told if levels else ask()


def _both() -> list[Any]:
    light = lighter.Traces(SDK)
    return [SDK._get_stack_trace(), light(), light()]  # on one line: the same place


@pytest.mark.parametrize("levels", [0, 1, 2, 3, 5])
def test_a_resource_was_made_where_the_sdk_says(levels: int) -> None:
    plain, light, again = Kind(levels, _both).told
    assert plain == light == again
    # three constructors from the innermost out, and not one of them in the trace
    assert bool(plain.frames) == (levels >= 2)
    assert all(frame.pc.uri.endswith("/test_lighter.py") and frame.pc.line for frame in plain.frames[:1])


def test_lines_without_a_file_have_no_position() -> None:
    code = "found = Kind(2, both).told"
    names: dict[str, Any] = {"Kind": Kind, "both": _both}
    exec(compile(code, "<somewhere>", "exec"), names)
    plain, light, again = names["found"]
    assert plain == light == again
    assert not plain.frames[0].HasField("pc")


def test_an_alias_has_the_urn_that_the_sdk_makes() -> None:
    async def both() -> list[str]:
        light = lighter.Urns(SDK)
        name = pulumi.Output.from_input("one")
        parent = "urn:pulumi:s::p::a:b:C::above"
        asked = [
            (name, "a:b:D", parent),
            (name, "a:b:D", pulumi.Output.from_input(parent)),
            ("one", "t", None, "p", "s"),
        ]
        found = [[await make(*each).future() for each in asked] for make in (SDK.create_urn, light)]
        assert found[0] == found[1]
        return found[0]

    urn = "urn:pulumi:s::p::a:b:C$a:b:D::one"
    assert asyncio.run(both()) == [urn, urn, "urn:pulumi:s::p::t::one"]


@pytest.mark.parametrize("parent", [None, "", "urn:pulumi:s::p::a:b:C::above"])
def test_a_registration_takes_as_many_turns_of_the_loop(parent: str | None) -> None:
    async def turns(make: Any) -> int:
        number, ends = 0, False

        def turn() -> None:
            nonlocal number
            if not ends:
                number += 1
                asyncio.get_running_loop().call_soon(turn)

        asyncio.get_running_loop().call_soon(turn)
        await make("one", "a:b:D", parent).future()
        ends = True
        return number

    async def both() -> list[int]:
        return [await turns(make) for make in (SDK.create_urn, lighter.Urns(SDK))]

    plain, light = asyncio.run(both())
    assert plain == light > 1


class Size(enum.StrEnum):
    SMALL = "small"


@pytest.mark.parametrize("kind", [None, str, int, float])
def test_a_value_is_sent_as_the_sdk_sends_it(kind: type | None) -> None:
    def given() -> list[Any]:
        plain = ["", "text", 0, 2**60, 1.5, True, False, None, Size.SMALL, RPC.UNKNOWN]
        outputs = [pulumi.Output.from_input({"a": plain}), pulumi.Output.secret("x"), pulumi.Output.from_input(None)]
        return [*plain, plain, {"a": {"b": plain, "c": outputs}}, b"bytes", object(), pulumi.StringAsset("a")]

    async def sent(serialize: Any, value: Any) -> Any:
        try:
            return await serialize(value, [], "key", None, str.upper, kind)
        except (ValueError, AssertionError) as error:
            return type(error), str(error).partition(" at 0x")[0]

    async def both() -> tuple[list[Any], list[Any]]:
        real, light = RPC.serialize_property, lighter.Serializer(RPC)
        plain = [await sent(real, value) for value in given()]
        monkey = pytest.MonkeyPatch()
        with monkey.context() as patch:  # in the values of values too
            patch.setattr(RPC, "serialize_property", light)
            return plain, [await sent(light, value) for value in given()]

    plain, light = asyncio.run(both())
    assert plain == light
    assert [type(each) for each in plain] == [type(each) for each in light]


def test_a_value_in_the_engines_own_words_is_left_to_the_sdk() -> None:
    async def both() -> list[Any]:
        ways = (RPC.serialize_property, lighter.Serializer(RPC))
        return [await serialize("text", [], "key", return_protobuf_value=True) for serialize in ways]

    plain, light = asyncio.run(both())
    assert plain == light
    assert plain.string_value == "text"


UNKNOWN = pulumi.output.Unknown()


@pytest.mark.parametrize(
    "value", ["text", 1, 0.5, True, None, [], {}, [1, [UNKNOWN]], {"a": {"b": UNKNOWN}}, UNKNOWN, object(), (UNKNOWN,)]
)
def test_what_is_unknown_is_found_where_the_sdk_finds_it(value: Any) -> None:
    assert lighter.Unknowns(RPC)(value) is RPC.contains_unknowns(value)


def test_an_output_is_waited_for_until_it_is_settled_or_for_good_where_it_failed() -> None:
    async def both() -> None:
        theirs: Any = OUTPUT._track
        for track in (theirs, lighter.track):
            outstanding: Any = SETTINGS.outputs
            before = set(outstanding)
            loop = asyncio.get_running_loop()
            good, bad = loop.create_future(), loop.create_future()
            for future in (good, bad):
                made: Any = object.__new__(OUTPUT)
                made._data = future
                track(made)
            assert outstanding - before == {good, bad}
            good.set_result(None)
            bad.set_exception(KeyError("one"))
            await asyncio.sleep(0)
            assert outstanding - before == {bad}
            outstanding.discard(bad)
            await asyncio.sleep(0)

    asyncio.run(both())


@pytest.mark.parametrize("fails", [False, True])
def test_whoever_waits_for_many_hears_of_one(fails: bool) -> None:
    async def one() -> None:
        if fails:
            raise KeyError("one")

    async def waited() -> tuple[int, int, list[bool]]:
        held = asyncio.Event()
        rest = [asyncio.ensure_future(held.wait()) for _ in range(2 * lighter.MANY)]
        first = asyncio.ensure_future(one())
        done, left = await lighter.Patient().wait([*rest, first], return_when=asyncio.FIRST_COMPLETED)
        held.set()
        await asyncio.wait(rest)
        return len(done), len(left), [each is first and each.exception() is not None for each in done]

    assert asyncio.run(waited()) == (1, 2 * lighter.MANY, [fails])


def test_all_that_was_outstanding_is_told_together() -> None:
    async def waited() -> tuple[int, int]:
        tasks = [asyncio.ensure_future(asyncio.sleep(0)) for _ in range(lighter.MANY)]
        done, left = await lighter.Patient().wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return len(done), len(left)

    assert asyncio.run(waited()) == (lighter.MANY, 0)


class Plain(ResourceProvider):
    """Known by its name."""


class Slotted(ResourceProvider):
    __slots__ = ("one",)


class Reduced(ResourceProvider):
    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        COUNT.append(1)
        return Reduced, ()


COUNT: list[int] = []


def test_a_provider_is_pickled_once_where_its_name_is_all_there_is_of_it() -> None:
    class Inner(ResourceProvider):
        pass

    Inner.__module__ = "__main__"  # as one of the program's own file
    asked: list[Any] = []

    class Module:
        @staticmethod
        def serialize_provider(provider: Any) -> str:
            asked.append(provider)
            return str(DYNAMIC.serialize_provider(provider))

    light = lighter.Providers(Module)
    full = Plain()
    vars(full)["secret"] = "x"
    for provider, times in ((Plain(), 1), (Inner(), 3), (Slotted(), 3), (Reduced(), 3), (full, 3)):
        asked.clear()
        found = {light(provider) for _ in range(3)}
        assert found == {DYNAMIC.serialize_provider(provider)}
        assert len(asked) == times
    assert light(Plain()) != light(full)
