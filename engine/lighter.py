"""Parts of the SDK that do much work for little, done with less. Loaded by host.py, so it imports nothing of ours.

Each stands in for a function of the SDK and gives what that gives; the tests hold each to the original. A thousand
resources take a fifth less of the program's time with them.
"""

import asyncio
import functools
import inspect
import sys
import traceback
from collections.abc import Callable
from typing import Any

from pulumi.runtime.proto import source_pb2

MANY = 500
"""Outstanding outputs from which on they are not looked at one by one."""
SMALL = 50
"""Resources of a program that are registered as the SDK does it; lean.py has those that come after."""


_of: Any = type
_settings: Any = sys.modules["pulumi.runtime.settings"].SETTINGS


class Patient:
    """asyncio for the SDK's own wait at the end, which looks at all that is outstanding each time one of it is done.

    With ten thousand resources that costs more than all else, so while there is much it looks again only when a second
    has passed, all of it is done, or one of it has failed: what a failing program still asks for before it ends must
    not depend on this.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def wait(self, tasks: Any, **how: Any) -> Any:
        if len(tasks) >= MANY:
            await asyncio.wait(tasks, timeout=1, return_when=asyncio.FIRST_EXCEPTION)
        return await asyncio.wait(tasks, **how)


class Traces:
    """The stack at the place where a resource is made, without reading the source of every frame on the way there."""

    def __init__(self, module: Any) -> None:
        self._position = module._get_source_position_for_frame
        self._seen: dict[tuple[str, int], Any] = {}

    def __call__(self) -> Any:
        return source_pb2.StackTrace(frames=[self.frame(*place) for place in self.places()])

    @staticmethod
    def places() -> tuple[tuple[str, int], ...]:
        """File and line of each call on the way to where a resource is being made, the innermost first."""
        frame = inspect.currentframe()  # this one, where the SDK begins with its own
        constructors = 0  # of Resource, of its kind, and of the concrete class: whoever called the third made it
        while frame is not None:
            constructors += frame.f_code.co_name == "__init__"
            if constructors == 3:
                break
            frame = frame.f_back
        found: list[tuple[str, int]] = []
        while frame is not None and (frame := frame.f_back) is not None:
            found.append((frame.f_code.co_filename, frame.f_lineno))
        return tuple(found)

    def frame(self, file: str, line: int) -> Any:
        """One place in the program, or in what it uses, as the protocol has it."""
        found = self._seen.get((file, line))
        if found is None:
            summary = traceback.FrameSummary(file, line, "", lookup_line=False)
            found = self._seen[file, line] = source_pb2.StackFrame(pc=self._position(summary))
        return found


class _Unasked:
    """The URN that a program without an engine would give a resource: with one, nobody reads it.

    It takes as many turns of the event loop as the SDK's own, for what a program that fails has asked for by then is
    told by them.
    """

    TURNS = 5

    async def future(self) -> str:
        for _ in range(self.TURNS):
            await asyncio.sleep(0)
        return ""


class Urns:
    """`create_urn`, but for the one that is made of each registration for the case that there is no engine."""

    def __init__(self, module: Any) -> None:
        self._made = module.create_urn

    def __call__(self, name: Any, type_: Any, parent: Any = None, *more: Any) -> Any:
        # an alias' name is an output, or its project and stack are given
        if isinstance(name, str) and (parent is None or isinstance(parent, str)) and not more:
            return _Unasked()
        return self._made(name, type_, parent, *more)


class Serializer:
    """`serialize_property`, at once for what is sent as it stands: most of every manifest is plain text and numbers."""

    _PLAIN = (str, int, float, bool, type(None))

    def __init__(self, module: Any) -> None:
        self._whole = module.serialize_property

    async def __call__(
        self,
        value: Any,
        deps: Any,
        property_key: Any,
        resource_obj: Any = None,
        input_transformer: Any = None,
        typ: Any = None,
        keep_output_values: bool = False,
        exclude_resource_refs_from_deps: bool = False,
        return_protobuf_value: bool = False,
    ) -> Any:
        # by exact type, as an enum is a string too; what has a type of its own may be refused
        if typ is None and type(value) in self._PLAIN and not return_protobuf_value:
            return value
        given = (deps, property_key, resource_obj, input_transformer, typ, keep_output_values)
        return await self._whole(value, *given, exclude_resource_refs_from_deps, return_protobuf_value)


class Unknowns:
    """`contains_unknowns`, at once of what is plain: every output asks it of its value."""

    _PLAIN = (str, float, bool, int, type(None))

    def __init__(self, module: Any) -> None:
        self._whole = module.contains_unknowns

    def __call__(self, val: Any) -> bool:
        return type(val) not in self._PLAIN and bool(self._whole(val))


def track(output: Any) -> None:
    """`Output._track`, which looks up again for each output, and once more as that is settled, where to keep it."""
    data, lock, outstanding = output._data, _settings.lock, _settings.outputs

    def cleanup(done: Any) -> None:
        if not done.cancelled() and done.exception() is None:
            with lock:
                outstanding.discard(done)

    with lock:
        outstanding.add(data)
    data.add_done_callback(cleanup)


class Providers:
    """`serialize_provider` of dynamic resources, once for a class whose pickle is its name and nothing more."""

    def __init__(self, module: Any) -> None:
        self._serialize = module.serialize_provider
        self._known: dict[type, str] = {}

    def __call__(self, provider: Any) -> str:
        if not self._by_name(provider):
            return str(self._serialize(provider))
        kind = _of(provider)
        found = self._known.get(kind)
        if found is None:
            found = self._known[kind] = str(self._serialize(provider))
        return found

    @staticmethod
    def _by_name(provider: Any) -> bool:
        """Whether it has nothing of its own, and a class that can be imported: any other is pickled by what it uses."""
        kind = _of(provider)
        home = None if kind.__module__ == "__main__" else sys.modules.get(kind.__module__)
        own = ("__reduce__", "__reduce_ex__", "__getstate__", "__slots__")
        return (
            not vars(provider)
            and getattr(home, kind.__qualname__, None) is kind
            and all(getattr(kind, name, None) is getattr(object, name, None) for name in own)
        )


class Growing:
    """`register_resource`, until there are so many resources that it is worth to register them another way."""

    def __init__(self, module: Any, instead: Callable[[], None]) -> None:
        self._module = module
        self._register = module.register_resource
        self._instead = instead
        self._count = 0

    def __call__(self, *args: Any, **more: Any) -> None:
        self._count += 1
        if self._count <= SMALL:
            self._register(*args, **more)
            return
        self._instead()
        self._module.register_resource(*args, **more)


def put_in() -> Traces:
    """Put all of them where the SDK looks for its own; who knows where a resource was made."""
    stack: Any = sys.modules["pulumi.runtime.stack"]
    stack.asyncio = Patient()
    resource: Any = sys.modules["pulumi.runtime.resource"]
    traces = resource._get_stack_trace = Traces(resource)
    resource.create_urn = Urns(resource)
    rpc: Any = sys.modules["pulumi.runtime.rpc"]
    rpc.serialize_property = Serializer(rpc)
    rpc.contains_unknowns = Unknowns(rpc)
    outputs: Any = sys.modules["pulumi.output"]
    outputs.Output._track = track
    dynamic: Any = sys.modules["pulumi.dynamic.dynamic"]
    dynamic.serialize_provider = Providers(dynamic)
    # a class has the same outputs however many are made of it
    types: Any = sys.modules["pulumi._types"]
    types.resource_types = functools.cache(types.resource_types)
    return traces
