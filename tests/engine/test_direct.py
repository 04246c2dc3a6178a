"""The engine's end of the socket over which a large program registers its resources."""

import asyncio
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from google.protobuf import struct_pb2

from engine import direct, lean
from engine.errors import BadArgument, Closed
from engine.goals import Answer, Goal
from engine.monitor import Monitor
from engine.protocol import alias_pb2, resource_pb2
from engine.registrations import Trace, goal_of, inherit, options_of, plain_goal, request_of
from engine.state import Resource
from engine.values import (
    RESOURCE_TAG,
    SECRET_TAG,
    TAG,
    UNKNOWN,
    UNKNOWN_TEXT,
    Props,
    Secret,
    from_struct,
)

_OLD = alias_pb2.Alias(spec=alias_pb2.Alias.Spec(name="old", type="a:b:Old", noParent=True))


@pytest.fixture(name="above")
def goals() -> Iterator[list[Goal | None]]:
    yield [
        None,
        Goal("a:b:Group", "g", False, {}),
        Goal("a:b:Group", "g", False, {}, protect=True, retain_on_delete=True, deleted_with="urn:x"),
        Goal("a:b:Thing", "g", True, {}, provider="urn:pulumi:s::p::pulumi:providers:a::prov::id", protect=False),
        Goal("a:b:Thing", "g", True, {}, provider="urn:pulumi:s::p::pulumi:providers:other::prov::id"),
    ]


@pytest.mark.parametrize("custom", [True, False])
@pytest.mark.parametrize(
    "words",
    [
        {},
        {"protect": False, "provider": "urn:own::id"},
        {"protect": True, "propertyDependencies": {"b": ["urn:2", "urn:1"], "a": []}},
        {"version": "1", "pluginDownloadURL": "u"},
        {"ignoreChanges": ["a", "b.c"]},
        {"aliases": [alias_pb2.Alias(urn="urn:old").SerializeToString().hex()]},
        {"aliases": [_OLD.SerializeToString().hex()], "retainOnDelete": True},
        {"retainOnDelete": False},
    ],
)
def test_a_goal_is_what_the_request_of_the_same_words_means(
    custom: bool, words: dict[str, Any], above: list[Goal | None]
) -> None:
    asked: dict[str, Any] = {
        "type": "a:b:Thing",
        "name": "t",
        "custom": custom,
        "parent": "urn:parent",
        "object": {"b": [1, {"c": UNKNOWN}], "a": Secret("x")},
        "dependencies": ["urn:2", "urn:1"],
        "propertyDependencies": {},
        **words,
    }
    frames = [["file:///project/a.py", 3, 0], None, ["file:///elsewhere/b.py", 4, 2]]
    for each in above:
        request = request_of(asked, frames)
        if each is not None:
            inherit(request, each)
        needed = {key: set(found.urns) for key, found in request.propertyDependencies.items()}
        props = from_struct(request.object)
        needed = needed or {key: set(request.dependencies) for key in props}
        options = options_of(request)
        given = options.provider if custom else ""
        expected = goal_of("/project", request, options, props, given, set(request.dependencies), needed)
        assert plain_goal(dict(asked), Trace("/project", frames), each) == expected


def test_numbers_and_marks_are_read_as_from_the_wire() -> None:
    sent = {"a": 1.0, "b": 1e3, "c": 0.5, "d": float(2**60), "e": [-0.0, 1e300], "f": 3, "g": UNKNOWN_TEXT}
    sent["h"] = {
        "i": [{TAG: SECRET_TAG, "value": {"j": 1.0}}],
        "k": {TAG: RESOURCE_TAG, "urn": "u", "id": UNKNOWN_TEXT},
    }
    struct = struct_pb2.Struct()
    struct.update(sent)
    found = direct.Question(json.dumps({"outputs": sent}).encode()).props()
    assert found == from_struct(struct)
    assert repr([found[key] for key in "abcdef"]) == repr([from_struct(struct)[key] for key in "abcdef"])
    assert repr(found["a"]) == "1"


def test_transforms_see_what_is_registered_this_way() -> None:
    """The monitor is asked by a request of the protocol where the program has transforms."""

    class Transforming:
        def __init__(self) -> None:
            self.requests: list[Any] = []

        async def register(self, request: Any) -> Any:
            self.requests.append(request)
            return resource_pb2.RegisterResourceResponse(
                urn="urn:x", id="i", object=request.object, result=cast("Any", 1)
            )

    monitor = Transforming()
    asked = {"type": "a:b:C", "name": "n", "custom": True, "parent": "", "object": {"a": Secret(1)}}
    words = {**asked, "dependencies": [], "propertyDependencies": {}}
    answer = asyncio.run(direct.by_request(cast("Monitor", monitor), words, Trace("/", [])))
    assert (answer.resource.urn, answer.resource.id, answer.result) == ("urn:x", "i", "failed")
    assert answer.resource.outputs == {"a": Secret(1)}
    assert [each.name for each in monitor.requests] == ["n"]


class Doing:
    """The monitor's place beside a socket: gives back what it is asked for, once all have asked."""

    gate = None

    def __init__(self, count: int) -> None:
        self.project = type("Project", (), {"root": Path("/")})
        self.all = asyncio.Barrier(count)

    def transforms(self, parent: str) -> bool:
        return False

    async def register_plain(self, asked: dict[str, Any], trace: Trace) -> Answer:
        await self.all.wait()
        if asked["name"] == "refused":
            raise BadArgument("no such type")
        if asked["name"] == "broken":
            raise ValueError("broken")
        return Answer(Resource("urn:" + asked["name"], "a:b:C", True, id="i", outputs=asked["object"]))

    async def plain_outputs(self, urn: str, values: Props) -> None:
        await self.all.wait()
        raise Closed("over")


def test_many_questions_large_and_small_are_answered_each_with_its_own() -> None:
    base = {"type": "a:b:C", "custom": True, "parent": "", "trace": 0, "dependencies": [], "propertyDependencies": {}}
    large = ["x" * 1_000_000, "\N{SNOWMAN}" * 300_000]

    async def asked() -> list[Any]:
        ours, theirs = socket.socketpair()
        lane = lean.Lane(theirs)
        names = [f"n{number}" for number in range(200)]
        words: list[dict[str, Any]] = [{**base, "name": name, "object": {"n": name}} for name in names]
        words[0] |= {"frames": [], "object": {"l": large}}
        words[8]["object"]["l"] = large[0]
        words += [{**base, "name": name, "object": {}} for name in ("refused", "broken")]
        words.append({"urn": "urn:x", "outputs": {}})
        monitor = cast("Monitor", Doing(len(words)))
        await asyncio.get_running_loop().create_unix_connection(lambda: direct.Direct(monitor), sock=ours)
        found = await asyncio.gather(*(lane.ask(json.dumps(each)) for each in words))
        lane.close()
        return [json.loads(each) for each in found]

    found = asyncio.run(asked())
    assert [each["urn"] for each in found[:200]] == [f"urn:n{number}" for number in range(200)]
    assert found[0]["object"] == {"l": large}
    assert [each["object"] for each in found[7:10]] == [{"n": "n7"}, {"n": "n8", "l": large[0]}, {"n": "n9"}]
    assert [each["error"] for each in found[200:]] == [
        ["INVALID_ARGUMENT", "no such type"],
        ["UNKNOWN", "Unexpected <class 'ValueError'>: broken"],
        ["UNAVAILABLE", "over"],
    ]


def test_whoever_asks_an_engine_that_has_ended_is_told() -> None:
    async def asked() -> list[Any]:
        ours, theirs = socket.socketpair()
        lane = lean.Lane(theirs)
        first = asyncio.ensure_future(lane.ask("{}"))
        await asyncio.sleep(0.01)
        ours.close()
        found = await asyncio.gather(first, return_exceptions=True)
        return found + await asyncio.gather(lane.ask("{}"), return_exceptions=True)

    for error in asyncio.run(asked()):
        assert isinstance(error, lean.Refused)
        assert error.code() == grpc.StatusCode.UNAVAILABLE
