"""What a program would register, resource by resource, under Pulumi's mocks: inputs, references and options.

    found = plan(lambda: AwsNetwork("net", {"region": "eu-central-1"}))
    assert found.one("aws:ec2/vpc:Vpc").inputs["cidrBlock"] == "10.0.0.0/16"
    assert found.lines() == [...]      # names, types and parents: a changed one replaces what is there

`UNKNOWN` stands where a preview cannot know a value yet. After `up` (`preview=False`) every resource has the id
`NAME-id`, its inputs as outputs, an `arn` and a `name`, and whatever `outputs` says for its type.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pulumi
from google.protobuf.json_format import MessageToDict
from pulumi.runtime import mocks, rpc
from pulumi.runtime import resource as runtime_resource
from pulumi.runtime.proto import source_pb2

UNKNOWN = "(unknown)"
SECRET = "(secret)"
SNAPSHOT = (
    "to take the new names on purpose, delete the file and run the test once: a changed line is a replaced resource"
)
_ABOUT_THE_SDK = ("sourcePosition", "stackTrace", "acceptSecrets", "acceptResources", "supportsPartialValues",
                  "supportsResultReporting", "hooks")  # fmt: skip
_SECRET_KEY = "4dabf18193072939515e22adb298388d"
ASSET = "c44067f5952c0a294b673a41bacd8c17"
# Never closed: threads that Pulumi starts from it have loops of their own, which nobody closes when the threads end.
_LOOP = asyncio.new_event_loop()


@dataclass(frozen=True)
class Planned:
    """One registration."""

    type: str
    name: str
    urn: str
    parent: str
    custom: bool
    inputs: dict[str, Any]
    """As in a state, secrets as {SECRET: value}."""
    request: Any
    """The RegisterResourceRequest as JSON, for options: protect, ignoreChanges, deleteBeforeReplace, aliases, ..."""

    @property
    def depends_on(self) -> set[str]:
        """Names of what it waits for, by reference or by option."""
        return {urn.rpartition("::")[2] for urn in self.request.get("dependencies", [])}


@dataclass
class Plan:
    """All that was registered, in order."""

    resources: list[Planned] = field(default_factory=list[Planned])

    def all(self, type_: str) -> list[Planned]:
        return [each for each in self.resources if each.type == type_]

    def one(self, type_: str, name: str | None = None) -> Planned:
        """The only resource of a type, or the one of that name."""
        (found,) = (each for each in self.all(type_) if name in (None, each.name))
        return found

    def lines(self) -> list[str]:
        """`PARENT'S TYPE$TYPE::NAME` of each, as its urn ends."""
        return sorted(each.urn.split("::", 2)[2].removeprefix("pulumi:pulumi:Stack$") for each in self.resources)

    def holds(self, snapshot: Path) -> None:
        """Hold names and types to a file of lines, which is written where there is none (and the test fails once)."""
        text = "".join(f"{line}\n" for line in self.lines())
        if not snapshot.exists():
            snapshot.parent.mkdir(exist_ok=True)
            snapshot.write_text(text)
            raise AssertionError(f"{snapshot.name} was written, look at it and run the test again")
        assert text == snapshot.read_text(), SNAPSHOT


class _Monitor(mocks.MockMonitor):
    def __init__(
        self,
        plan: Plan,
        preview: bool,
        outputs: Mapping[str, Callable[[Planned], dict[str, Any]]],
        ids: Callable[[Planned], str],
    ) -> None:
        super().__init__(_Refusing())
        self._plan, self._preview, self._outputs, self._ids = plan, preview, outputs, ids

    def RegisterResource(self, request: Any) -> Any:
        from pulumi.runtime.proto import resource_pb2

        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        asked = {key: value for key, value in MessageToDict(request).items() if key not in _ABOUT_THE_SDK}
        found = Planned(
            request.type,
            request.name,
            urn,
            request.parent.rpartition("::")[2],
            request.custom,
            _plain(asked.get("object", {})),
            asked,
        )
        self._plan.resources.append(found)
        answer = resource_pb2.RegisterResourceResponse(urn=urn)
        answer.object.CopyFrom(request.object)
        if self._preview or not request.custom:
            return answer
        answer.id = self._ids(found)
        given = {"arn": f"arn:aws:test:eu-central-1:123456789012:{request.name}", **self._outputs.get(
            request.type, lambda _: {})(found)}  # fmt: skip
        for key, value in {"name": request.name, **given}.items():
            if key in given or key not in answer.object:
                answer.object[key] = value
        return answer


class _Refusing(mocks.Mocks):
    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        raise AssertionError(args)

    def call(self, args: mocks.MockCallArgs) -> dict[Any, Any]:
        raise AssertionError(f"{args.token} was asked for, expected a plan that needs no look-up")


def plan(
    program: Callable[[], object],
    *,
    preview: bool = True,
    outputs: Mapping[str, Callable[[Planned], dict[str, Any]]] | None = None,
    ids: Callable[[Planned], str] = lambda made: f"{made.name}-id",
) -> Plan:
    """What `program` registers; in a preview what is made has no id and no outputs beside its inputs yet.

    outputs: by type, what a made resource tells beside that. ids: what its id is. Raises what the program raises,
    ArgsError for example.
    """
    found = Plan()
    # Pulumi asks for the thread's loop, which it has not once anything before has run one of its own.
    asyncio.set_event_loop(_LOOP)
    monitor = _Monitor(found, preview, {} if outputs is None else outputs, ids)
    mocks.set_mocks(monitor.mocks, project="shop", stack="test", preview=preview, monitor=monitor)

    @pulumi.runtime.test
    def run() -> None:
        program()

    # Of each resource Pulumi tells the whole stack of calls, here that of pytest too: a third of a plan's time.
    with patch.object(runtime_resource, "_get_stack_trace", source_pb2.StackTrace):
        run()
    return found


def _plain(value: Any) -> Any:
    """Numbers as a program wrote them, unknown values as UNKNOWN, secrets as {SECRET: value}, assets as they are."""
    if isinstance(value, dict):
        if value.get(_SECRET_KEY) == ASSET:
            return value
        if _SECRET_KEY in value:
            return {SECRET: _plain(value["value"])}
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if value == rpc.UNKNOWN:
        return UNKNOWN
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
