"""Resources of a provider's own SDK, asked for and come to be by the lane as the SDK itself has them."""

import enum
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Optional, Union

import pulumi
import pytest

from engine.goals import Answer
from engine.state import Resource
from engine.values import UNKNOWN, Props, Secret
from tests.engine.test_lean import Made, Thing, held

SDK: Any = sys.modules["pulumi"]

# What follows is as the generator of these SDKs writes it.


class Colour(str, enum.Enum):  # noqa: UP042
    RED = "Red"
    DARK_BLUE = "DarkBlue"


@pulumi.input_type
class PortArgs:
    def __init__(self, port_number: pulumi.Input[int], host_names: Any = None) -> None:
        SDK.set(self, "port_number", port_number)
        if host_names is not None:
            SDK.set(self, "host_names", host_names)

    @property
    @pulumi.getter(name="portNumber")
    def port_number(self) -> pulumi.Input[int]:
        return SDK.get(self, "port_number")

    @property
    @pulumi.getter(name="hostNames")
    def host_names(self) -> Optional[pulumi.Input[Sequence[pulumi.Input[str]]]]:  # noqa: UP045
        return SDK.get(self, "host_names")


@pulumi.input_type
class ByAddressArgs:
    def __init__(self, kind: pulumi.Input[str], ip_address: pulumi.Input[str]) -> None:
        SDK.set(self, "kind", kind)
        SDK.set(self, "ip_address", ip_address)

    @property
    @pulumi.getter
    def kind(self) -> pulumi.Input[Literal["address"]]:
        return SDK.get(self, "kind")

    @property
    @pulumi.getter(name="ipAddress")
    def ip_address(self) -> pulumi.Input[str]:
        return SDK.get(self, "ip_address")


@pulumi.output_type
class Port(dict[str, Any]):
    def __init__(self, *, port_number: int, host_names: Optional[Sequence[str]] = None) -> None:  # noqa: UP045
        SDK.set(self, "port_number", port_number)
        if host_names is not None:
            SDK.set(self, "host_names", host_names)

    @property
    @pulumi.getter(name="portNumber")
    def port_number(self) -> int:
        return SDK.get(self, "port_number")

    @property
    @pulumi.getter(name="hostNames")
    def host_names(self) -> Optional[Sequence[str]]:  # noqa: UP045
        return SDK.get(self, "host_names")

    def _translate_property(self, prop: str) -> str:
        return {"portNumber": "port_number", "hostNames": "host_names"}.get(prop) or prop


KEYS = {
    "first_port": "firstPort",
    "more_ports": "morePorts",
    "user_tags": "userTags",
    "any_thing": "anyThing",
    "either_way": "eitherWay",
    "by_name": "byName",
}


@pulumi.input_type
class DoorArgs:
    @property
    @pulumi.getter(name="firstPort")
    def first_port(self) -> Optional[pulumi.Input["PortArgs"]]:  # noqa: UP045
        return SDK.get(self, "first_port")

    @property
    @pulumi.getter(name="morePorts")
    def more_ports(self) -> Optional[pulumi.Input[Sequence[pulumi.Input["PortArgs"]]]]:  # noqa: UP045
        return SDK.get(self, "more_ports")

    @property
    @pulumi.getter(name="userTags")
    def user_tags(self) -> Optional[pulumi.Input[Mapping[str, pulumi.Input[str]]]]:  # noqa: UP045
        return SDK.get(self, "user_tags")

    @property
    @pulumi.getter(name="anyThing")
    def any_thing(self) -> Optional[Any]:  # noqa: UP045
        return SDK.get(self, "any_thing")

    @property
    @pulumi.getter(name="eitherWay")
    def either_way(self) -> Optional[pulumi.Input[Union["PortArgs", "ByAddressArgs"]]]:  # noqa: UP045
        return SDK.get(self, "either_way")

    @property
    @pulumi.getter(name="byName")
    def by_name(self) -> Optional[pulumi.Input[Mapping[str, pulumi.Input["PortArgs"]]]]:  # noqa: UP045
        return SDK.get(self, "by_name")

    @property
    @pulumi.getter
    def colour(self) -> Optional[pulumi.Input["Colour"]]:  # noqa: UP045
        return SDK.get(self, "colour")

    @property
    @pulumi.getter
    def size(self) -> Optional[pulumi.Input[int]]:  # noqa: UP045
        return SDK.get(self, "size")


class Door(pulumi.CustomResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None, **given: Any) -> None:
        props: Any = object.__new__(DoorArgs)
        own: Any = vars(props)
        own.update({**dict.fromkeys([*KEYS, "colour", "size"]), **given, "made_at": None})
        super().__init__("a:b/door:Door", name, props, opts)

    @property
    @pulumi.getter(name="firstPort")
    def first_port(self) -> pulumi.Output[Optional["Port"]]:
        return SDK.get(self, "first_port")

    @property
    @pulumi.getter(name="morePorts")
    def more_ports(self) -> pulumi.Output[Optional[Sequence["Port"]]]:  # noqa: UP045
        return SDK.get(self, "more_ports")

    @property
    @pulumi.getter(name="userTags")
    def user_tags(self) -> pulumi.Output[Optional[Mapping[str, str]]]:  # noqa: UP045
        return SDK.get(self, "user_tags")

    @property
    @pulumi.getter(name="anyThing")
    def any_thing(self) -> pulumi.Output[Optional[Any]]:  # noqa: UP045
        return SDK.get(self, "any_thing")

    @property
    @pulumi.getter(name="eitherWay")
    def either_way(self) -> pulumi.Output[Optional[Any]]:  # noqa: UP045
        return SDK.get(self, "either_way")

    @property
    @pulumi.getter(name="byName")
    def by_name(self) -> pulumi.Output[Optional[Mapping[str, "Port"]]]:  # noqa: UP045
        return SDK.get(self, "by_name")

    @property
    @pulumi.getter(name="madeAt")
    def made_at(self) -> pulumi.Output[str]:
        return SDK.get(self, "made_at")

    @property
    @pulumi.getter
    def colour(self) -> pulumi.Output[Optional["Colour"]]:
        return SDK.get(self, "colour")

    @property
    @pulumi.getter
    def size(self) -> pulumi.Output[Optional[int]]:  # noqa: UP045
        return SDK.get(self, "size")


PORT: dict[str, Any] = {"port_number": 80, "host_names": ["a", "b"]}
INPUTS: list[dict[str, Any]] = [
    {},
    {"size": 3, "colour": Colour.DARK_BLUE, "first_port": PORT, "more_ports": [PORT, {"port_number": 2}]},
    {"colour": "Red", "size": 2.0, "first_port": PortArgs(1, ["x"]), "more_ports": (PortArgs(2), PORT)},
    {"user_tags": {"snake_case": "as it is", "portNumber": "x"}, "by_name": {"snake_case": PORT}},
    {"any_thing": {"port_number": [1, {"host_names": None}], "deep": [[PORT]]}},
    {"either_way": {"kind": "address", "ip_address": "::1"}},
    {"either_way": {"port_number": 1}, "first_port": {"portNumber": 1, "other_one": {"host_names": 1}}},
    {"first_port": {"port_number": None, "host_names": []}, "user_tags": {}, "more_ports": []},
    {"first_port": {"portNumber": 1, "port_number": 2}},
    {"undeclared_one": {"port_number": 1}, "moreThings": "x"},
]


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("given", INPUTS, ids=[", ".join(each) or "nothing" for each in INPUTS])
def test_inputs_are_called_as_their_types_say(given: dict[str, Any], preview: bool) -> None:
    held(lambda: [Door("a", **given)], preview=preview)


def test_the_names_of_the_wire_are_on_the_wire() -> None:
    plain, _, _ = held(lambda: [Door("a", first_port=PORT, user_tags={"a_b": "c"})])
    assert set(plain.requests[0].object) == {"firstPort", "userTags"}
    assert set(plain.requests[0].object["firstPort"]) == {"portNumber", "hostNames"}
    assert set(plain.requests[0].object["userTags"]) == {"a_b"}


@pytest.mark.parametrize("preview", [False, True])
def test_what_one_takes_of_another(preview: bool) -> None:
    def told(name: str, props: Props) -> Answer:
        return Answer(Resource("", "", True, id=UNKNOWN if preview else name, outputs=dict(props)))

    def program() -> Made:
        one = Door("one", first_port=PORT, size=2, user_tags={"a_b": "c"}, colour="Red")
        secret: Any = pulumi.Output.secret({"port_number": 7})
        thing = Thing("thing", {"port_number": 1, "gone": None})
        taken: dict[str, Any] = {
            "first_port": {"port_number": one.size, "host_names": [one.id, one.made_at]},
            "more_ports": [one.first_port, secret, pulumi.Output.from_input(PORT)],
            "user_tags": {"a_b": one.user_tags["a_b"], "c_d": one.made_at},
            "by_name": one.first_port.apply(lambda port: {"a_b": port}),
            "any_thing": [thing, vars(thing)["gone"], one.id],
            "colour": one.colour,
        }
        ignoring = pulumi.ResourceOptions(ignore_changes=["first_port.port_number", "size", "user_tags"])
        return [one, thing, Door("two", ignoring, **taken), Door("three", size=one.made_at, first_port=secret)]

    plain, _, _ = held(program, told, preview=preview)
    ignored = next(list(each.ignoreChanges) for each in plain.requests if each.name == "two")
    assert ignored == ["first_port.port_number", "size", "userTags"]


BACK: dict[str, Any] = {"portNumber": 80, "hostNames": ["a"]}


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize(
    "outputs",
    [
        {},
        {"firstPort": BACK, "morePorts": [BACK, {"portNumber": 1, "hostNames": None}], "size": 3, "colour": "DarkBlue"},
        {"userTags": {"a_b": "c", "none": None}, "anyThing": {"a_b": [1, None, {"c": None}]}, "byName": {"a_b": BACK}},
        {"madeAt": UNKNOWN, "firstPort": {"portNumber": UNKNOWN, "hostNames": ["a", UNKNOWN]}, "colour": UNKNOWN},
        {"firstPort": UNKNOWN, "morePorts": [UNKNOWN], "userTags": {"a": UNKNOWN}, "size": UNKNOWN},
        {"madeAt": Secret("x"), "firstPort": {"portNumber": Secret(1)}, "size": Secret(2)},
        {"size": None, "firstPort": None, "undeclared": {"x": 1}, "eitherWay": {"port_number": 1.5}},
        {"colour": "Green"},
        {"firstPort": ["no table"]},
        {"userTags": [1]},
        {"morePorts": {"no": "list"}},
        {"madeAt": {"no": "text"}},
    ],
)
def test_answers_become_what_the_class_says(outputs: Props, preview: bool) -> None:
    def told(name: str, props: Props) -> Answer:
        return Answer(Resource("", "", True, id=name, outputs=dict(outputs)))

    held(lambda: [Door("a", size=1, first_port=PORT)], told, preview=preview)


@pytest.mark.parametrize(
    "given",
    [
        {"size": [1]},
        {"first_port": [PORT]},
        {"user_tags": {"a": ["list"]}},
        {"user_tags": {1: "a"}},
        {"first_port": {"port_number": object}},
        {"more_ports": [{"host_names": {"a": object}}]},
    ],
)
def test_what_cannot_be_sent_is_refused_in_the_sdks_words(given: dict[str, Any]) -> None:
    _, _, failed = held(lambda: [Door("a", **given)], by_lane=0)
    assert failed
