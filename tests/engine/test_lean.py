"""A large program's resources are asked for, and come to be, as the SDK has them, though by another way."""

import asyncio
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest
from google.protobuf.json_format import MessageToDict
from pulumi.runtime import mocks

from engine import direct, lean, lighter
from engine.api import Engine
from engine.goals import Answer
from engine.protocol import resource_pb2
from engine.registrations import request_of, response_to
from engine.state import Resource
from engine.values import (
    UNKNOWN,
    Output,
    Props,
    Secret,
    from_struct,
    to_struct,
)

SDK: Any = sys.modules["pulumi.resource"]
_LOOP = asyncio.new_event_loop()  # never closed, for Pulumi's threads have loops of their own
_LOOP.set_exception_handler(lambda loop, context: None)  # outputs of what fails are left unawaited, as the host has it

STACK = "pulumi:pulumi:Stack::p-s"

Told = Callable[[str, Props], Answer]
"""What is answered for a name and its properties."""


class Thing(pulumi.CustomResource):
    def __init__(self, name: str, props: Any, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("a:b:Thing", name, props, opts)


class Typed(pulumi.CustomResource):
    number: pulumi.Output[int]
    whole: pulumi.Output[dict[str, int]]

    def __init__(self, name: str, props: Any, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("a:b:Typed", name, {"number": None, "whole": None, **props}, opts)


class Shouted(pulumi.CustomResource):
    """Its names are not those of the wire."""

    def __init__(self, name: str, props: Any) -> None:
        super().__init__("a:b:Shouted", name, props)

    def translate_input_property(self, prop: str) -> str:
        return prop.upper()

    def translate_output_property(self, prop: str) -> str:
        return prop.lower()


class Group(pulumi.ComponentResource):
    def __init__(self, name: str, inside: int = 2, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("a:b:Group", name, {"id": "its own", "given": name}, opts)
        below = pulumi.ResourceOptions(parent=self)
        self.things = [Thing(f"{name}-{n}", {"n": n}, below) for n in range(inside)]
        self.register_outputs({"first": self.things[0].id if inside else None, "n": inside, "none": None})


class Recorder(mocks.MockMonitor):
    """The engine's place: keeps what it is asked, in the protocol's words."""

    def __init__(self, told: Told) -> None:
        super().__init__(cast("Any", None))
        self.told = told
        self.requests: list[Any] = []
        self.outputs: list[Any] = []
        self.by_lane = 0

    def RegisterResource(self, request: Any) -> Any:
        request = resource_pb2.RegisterResourceRequest.FromString(request.SerializeToString())  # the engine's own class
        return self._sdk(response_to(request, self.answer(request)))

    def RegisterResourceOutputs(self, request: Any) -> Any:
        if not request.urn.endswith(STACK):
            self.outputs.append((request.urn, from_struct(request.outputs)))

    @staticmethod
    def _sdk(answer: Any) -> Any:
        from pulumi.runtime.proto import resource_pb2 as theirs

        return theirs.RegisterResourceResponse.FromString(answer.SerializeToString())

    def answer(self, request: Any) -> Answer:
        urn = f"urn:pulumi:s::p::{request.type}::{request.name}"
        if request.type == "pulumi:pulumi:Stack":
            return Answer(Resource(urn, request.type, False))
        self.requests.append(_sorted(request))
        answer = self.told(request.name, from_struct(request.object))
        answer.resource.urn, answer.resource.type = urn, request.type
        return answer


class Lane:
    """The socket's place."""

    def __init__(self, monitor: Recorder) -> None:
        self.monitor = monitor
        self.traces: dict[int, list[Any]] = {}

    async def ask(self, text: str) -> bytes:
        await asyncio.sleep(0)
        monitor, asked = self.monitor, json.loads(text)
        monitor.by_lane += 1
        read = direct.Question(text.encode())
        if "outputs" in asked:
            monitor.outputs.append((asked["urn"], read.props()))
            return b"{}"
        if "frames" in asked:
            self.traces[asked["trace"]] = asked["frames"]
        request = request_of({**read.asked, "object": read.props()}, self.traces[asked["trace"]])
        try:
            return direct.answer_text(asked["custom"], monitor.answer(request)).encode()
        except KeyError as error:
            return direct.refusal("UNKNOWN", str(error)).encode()


def _sorted(request: Any) -> Any:
    """The request, with what is a set in an order."""
    made = resource_pb2.RegisterResourceRequest()
    made.CopyFrom(request)
    for urns in (made, *made.propertyDependencies.values()):
        field = urns.dependencies if urns is made else urns.urns
        field[:] = sorted(field)
    made.object.CopyFrom(to_struct(from_struct(made.object), secrets=True))
    made.ClearField("hooks")  # the SDK's says nothing, or is not there
    return made


def _as_asked(name: str, props: Props) -> Answer:
    return Answer(Resource("", "", True, id=f"{name}-id", outputs=props))


Made = list[pulumi.Resource]


def _without_places(text: str) -> str:
    return re.sub(r" at 0x[0-9a-f]+", "", text)


async def _seen(made: Made) -> list[Any]:
    out: list[Any] = []
    for resource in made:
        for key, value in sorted(vars(resource).items()):
            if isinstance(value, pulumi.Output):
                try:
                    data: Any = await cast("Any", value)._data
                except Exception as error:
                    out.append((resource._name, key, type(error), _without_places(str(error))))
                    continue
                names = sorted(each._name for each in data.resources)
                out.append(
                    (resource._name, key, _without_places(repr(data.value)), data.is_known, data.is_secret, names)
                )
    return out


def _run(program: Callable[[], Made], told: Told, preview: bool, light: bool) -> tuple[Recorder, list[Any], str]:
    asyncio.set_event_loop(_LOOP)
    monitor = Recorder(told)
    mocks.set_mocks(monitor.mocks, project="p", stack="s", preview=preview, monitor=monitor)
    made: Made = []
    failed = ""

    @pulumi.runtime.test
    def run() -> None:
        made.extend(program())

    with pytest.MonkeyPatch.context() as patch:
        if light:
            registrar = lean.Registrar(
                cast("Any", Lane(monitor)), lighter.Traces(sys.modules["pulumi.runtime.resource"])
            )
            patch.setattr(SDK, "register_resource", registrar.register)
            patch.setattr(SDK, "register_resource_outputs", registrar.outputs)
        try:
            run()
        except Exception as error:
            failed = _without_places(f"{type(error).__name__}: {error}")
    seen = _LOOP.run_until_complete(_seen(made))
    return monitor, seen, failed


def held(program: Callable[[], Made], told: Told = _as_asked, *, preview: bool = False, by_lane: int = -1) -> Any:
    """Run the program both ways, from one line: the same requests, outputs and errors. What the SDK's way gave."""
    (plain, seen, failed), (light, found, error) = (_run(program, told, preview, light) for light in (False, True))
    assert failed == error
    assert [each for each in seen if each not in found] == [each for each in found if each not in seen]
    assert seen == found
    for one, other in zip(_by_name(plain), _by_name(light), strict=True):
        assert MessageToDict(one) == MessageToDict(other)
    if not failed:
        assert sorted(plain.outputs, key=repr) == sorted(light.outputs, key=repr)
    if by_lane >= 0 or not failed:
        assert light.by_lane == (by_lane if by_lane >= 0 else len(light.requests) + len(light.outputs))
    return plain, seen, failed


def _by_name(monitor: Recorder) -> list[Any]:
    return sorted(monitor.requests, key=lambda request: (request.type, request.name))


PLAIN = {
    "text": 'ä\n"',
    "whole": 7,
    "big": 2**60,
    "small": -(2**53),
    "part": 1.5,
    "even": 2.0,
    "yes": True,
    "none": None,
    "list": [1, "a", None, [], {}, (1, 2)],
    "nested": {"a": {"b": None, "c": [{"d": 0.1}]}, "": "", "e": {}},
}


@pytest.mark.parametrize("preview", [False, True])
def test_plain_properties_are_what_the_sdk_has(preview: bool) -> None:
    plain, seen, _ = held(lambda: [Thing("a", PLAIN), Thing("none", {})], preview=preview)
    assert len(plain.requests) == 2
    assert ("a", "whole", "7.0", True, False, ["a"]) in seen
    assert [each.name for each in plain.requests if each.stackTrace.frames] == ["a", "none"]


@pytest.mark.parametrize("preview", [False, True])
def test_what_one_resource_takes_of_another(preview: bool) -> None:
    def program() -> Made:
        one = Thing("one", {"key": "k", "table": {"x": 1, "y": [1, 2]}})
        secret = Thing("two", {"s": pulumi.Output.secret("hidden"), "deep": [{"t": pulumi.Output.secret({"a": 1})}]})
        asks: dict[str, Any] = vars(one)
        taken = {
            "id": one.id,
            "urn_": one.urn,
            "part": asks["table"]["y"][0],
            "whole": asks["table"],
            "made": pulumi.Output.concat("a-", asks["key"]),
            "thing": one,
            "secret": vars(secret)["s"],
            "asset": pulumi.StringAsset("text"),
            "later": asyncio.ensure_future(asyncio.sleep(0, result="later")),
        }
        return [one, secret, Thing("three", taken), Thing("four", {"list": [asks["key"], 1, one.id, [secret.id]]})]

    held(program, preview=preview)


@pytest.mark.parametrize("preview", [False, True])
def test_dependencies_parents_and_options(preview: bool) -> None:
    def program() -> Made:
        group = Group("group", 3)
        empty = Group("empty", 0, pulumi.ResourceOptions(depends_on=[group]))
        provider = pulumi.ProviderResource("a", "prov", {})
        first = Thing("first", {"a": 1}, pulumi.ResourceOptions(depends_on=group, protect=True, retain_on_delete=True))
        both = pulumi.ResourceOptions(depends_on=[first, empty, group.things[0]], provider=provider, version="1.2.3")
        merged = pulumi.ResourceOptions.merge(both, pulumi.ResourceOptions(protect=False))
        late = pulumi.ResourceOptions(
            depends_on=pulumi.Output.from_input([first]), ignore_changes=["a", "b.c"], retain_on_delete=False
        )
        late.aliases = [
            pulumi.Alias(name="old"),
            pulumi.Alias(type_="a:b:Old", parent=None),
            pulumi.Alias(parent=group, project="other"),
            pulumi.Output.from_input("urn:pulumi:a::b::c:d:E::f"),
        ]
        inside = Group("inside", 1, pulumi.ResourceOptions(parent=group, providers=[provider]))
        return [
            group,
            empty,
            first,
            Thing("second", {"b": 2}, merged),
            Thing("third", {}, late),
            inside,
            *inside.things,
        ]

    plain, _, _ = held(program, preview=preview, by_lane=13)  # all but the provider
    (second,) = [each for each in plain.requests if each.name == "second"]
    assert second.dependencies
    assert second.version == "1.2.3"
    assert not second.protect
    assert second.HasField("protect")
    assert [len(each.aliases) for each in plain.requests if each.aliases] == [4]
    assert [each.name for each in plain.requests if each.retainOnDelete] == ["first"]
    assert [each.name for each in plain.requests if each.HasField("retainOnDelete")] == ["first", "third"]


def test_other_options_are_left_to_the_sdk() -> None:
    options: list[dict[str, Any]] = [
        {"delete_before_replace": False},
        {"additional_secret_outputs": ["a"]},
        {"custom_timeouts": pulumi.CustomTimeouts(create="1m")},
        {"import_": "x"},
        {"replace_on_changes": ["a"]},
    ]

    def program() -> Made:
        made: Made = [Thing(f"t{n}", {"a": 1}, pulumi.ResourceOptions(**each)) for n, each in enumerate(options)]
        return [*made, Shouted("shouted", {"a": {"b": 1}})]

    held(program, by_lane=0)


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize(
    "outputs",
    [
        {"number": 3, "whole": {"a": 1}},
        {"number": None, "more": 1, "whole": {"a": None, "b": 2}},
        {"n": Secret({"a": 1}), "number": UNKNOWN},
        {"n": [None, {"a": None, "b": [1, None]}], "deep": {"u": UNKNOWN, "s": [Secret("x")]}},
        {"whole": "not an object"},
        {"n": {"4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17", "text": "an asset"}},
        {"n": Output("x", True, True, ())},
        {},
    ],
)
def test_answers_are_taken_as_the_sdk_takes_them(outputs: Props, preview: bool) -> None:
    def told(name: str, props: Props) -> Answer:
        id_ = UNKNOWN if preview else f"{name}-id"
        return Answer(Resource("", "", True, id=id_, outputs=dict(outputs)))

    held(lambda: [Thing("a", {"n": 1, "deep": {"x": 1}, "gone": "x"}), Typed("b", {"n": 2})], told, preview=preview)


@pytest.mark.parametrize("result", ["failed", "skipped"])
@pytest.mark.parametrize("preview", [False, True])
def test_what_failed_has_outputs_that_nobody_knows(result: str, preview: bool) -> None:
    def told(name: str, props: Props) -> Answer:
        if name == "a":
            return Answer(Resource("", "", True, id="", outputs=props), result, unknown=result == "skipped")
        return _as_asked(name, props)

    def program() -> Made:
        one = Thing("a", {"n": 1})
        return [one, Thing("b", {"n": vars(one)["n"]}), Group("c", 1, pulumi.ResourceOptions(depends_on=[one]))]

    held(program, told, preview=preview)


@pytest.mark.parametrize(
    "props",
    [{"bad": object}, {"deep": {"bad": [object]}}, {"bad": b"bytes"}, {"keys": {1: "a"}}, {"keys": {"a": {2: "a"}}}],
)
def test_what_cannot_be_sent_is_refused_in_the_same_words(props: Props) -> None:
    def program() -> Made:
        bad = Thing("bad", props)
        return [bad, Thing("after", {"a": bad.id})]

    _, _, failed = held(program, by_lane=0)
    assert failed


def test_a_refusal_of_the_engine_is_told_in_its_words() -> None:
    def told(name: str, props: Props) -> Answer:
        raise KeyError("no such thing")

    class Refusing(Recorder):
        def RegisterResource(self, request: Any) -> Any:
            try:
                return super().RegisterResource(request)
            except KeyError as error:
                raise lean.Refused("UNKNOWN", str(error)) from None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[__name__], "Recorder", Refusing)
        _, _, failed = held(lambda: [Thing("a", {"n": 1})], told)
    assert failed == "Exception: 'no such thing'"


GROUPS = """
import pulumi

class Group(pulumi.ComponentResource):
    def __init__(self, name, props, opts):
        super().__init__("a:b:Group", name, props, opts)
        self.register_outputs({"half": 0.5, "whole": 2, "urn": self.urn, "hidden": pulumi.Output.secret("x")})

first = Group("first", {}, None)
for number in range(COUNT):
    opts = pulumi.ResourceOptions(depends_on=[first])
    outer = Group(f"outer-{number:04}", {"n": 1, "list": [1.5, None, {"a": 2**60}]}, opts)
    Group(f"inner-{number:04}", {"of": first.urn}, pulumi.ResourceOptions(parent=outer, protect=True))
"""


def test_the_state_of_a_large_program_is_as_that_of_a_small_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In earnest: over the socket, from the program's process to the engine and into the state."""
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "x")
    count = lighter.SMALL // 2 + 20
    (tmp_path / "Pulumi.yaml").write_text("name: many\nruntime: {name: python, options: {virtualenv: .venv}}\n")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "__main__.py").write_text(GROUPS.replace("COUNT", str(count)))
    (tmp_path / "backend").mkdir()
    engine = Engine(tmp_path, "dev", f"file://{tmp_path / 'backend'}")
    done = engine.up()
    assert done.error == ""
    assert (done.exit_code, done.changes) == (0, {"create": 2 * count + 2})
    state = engine.export(show_secrets=True)["deployment"]
    resources = {each["urn"].rpartition("::")[2]: each for each in state["resources"]}
    for kind in ("outer", "inner"):
        early, late = (_anonymous(resources[f"{kind}-{number:04}"]) for number in (10, count - 10))
        assert early["sourcePosition"].endswith(("#12", "#13"))
        assert early["stackTrace"]
        assert early == late
    again = engine.preview()
    assert (again.exit_code, again.changes) == (0, {"same": 2 * count + 2})


def _anonymous(resource: Props) -> Props:
    """A resource without its number, whose text is all that tells it from its like, and without its times."""
    text = re.sub(r"er-\d{4}", "er", json.dumps(resource, sort_keys=True))
    times = ("created", "modified")
    return {key: value for key, value in json.loads(text).items() if key not in times}


# -- the engine's end ------------------------------------------------------------------------------------------------
