"""The resources of a large program, registered for less. Loaded by host.py, so it imports nothing of ours.

The SDK makes five futures and a task of each property of a resource, and a thread and a call of gRPC of each
registration: more than a millisecond for each, here and in the engine again. Once there are many, those whose options
are ordinary go another way: their properties become outputs that are futures and nothing else, and the request and its
answer go as JSON over a socket between program and engine (direct.py is its other end). What is asked for, what comes
of it and what goes wrong are what the SDK would have them; anything out of the ordinary is left to it.

A small program never comes here: what one that fails has asked for by then is told by the turns of the event loop that
the SDK takes, and these are not the same.
"""

import asyncio
import contextlib
import importlib.util
import json
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import struct_pb2
from pulumi import Resource, ResourceHookBinding
from pulumi.output import Output

# what the SDK has no types for, or keeps to itself
outputs: Any = sys.modules["pulumi.output"]
registering: Any = sys.modules["pulumi.runtime.resource"]
resources: Any = sys.modules["pulumi.resource"]
rpc: Any = sys.modules["pulumi.runtime.rpc"]
settings: Any = sys.modules["pulumi.runtime.settings"]
types: Any = sys.modules["pulumi._types"]
exactly: Any = type
inside: Any = vars


def _beside(name: str) -> Any:
    """A module beside this one, which is not on the program's path."""
    found: Any = importlib.util.spec_from_file_location(f"_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


values = _beside("lean_values")
Odd: type[Exception] = values.Odd

HEAD = struct.Struct(">II")
"""Before each message: its length without this, and the number of the question."""

_TAG = b"4dabf18193072939515e22adb298388d"
_UNKNOWN = rpc.UNKNOWN.encode()

_CARRIED = (
    "aliases",
    "parent",
    "depends_on",
    "ignore_changes",
    "protect",
    "provider",
    "providers",
    "retain_on_delete",
    "version",
    "plugin_download_url",
    "transformations",
)
"""Options that a registration may have here; `transformations` have been applied by then."""

_write = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_read = json.JSONDecoder(parse_int=float).decode
"""Numbers are floating in the SDK's answers."""


class Refused(grpc.RpcError):
    """The engine's refusal, as gRPC would bring it."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__()
        self._code, self._details = code, details

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode[self._code]

    def details(self) -> str:
        return self._details


class Lane(asyncio.Protocol):
    """Questions to the engine over a socket, and their answers."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._opening: asyncio.Task[Any] | None = None
        self._transport: Any = None
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._number = 0
        self._unsent: list[bytes] = []
        self._read = bytearray()
        self._lost = False

    async def ask(self, text: str) -> bytes:
        """The answer; raises Refused."""
        if self._lost:
            raise Refused("UNAVAILABLE", "the engine has ended")
        loop, data = asyncio.get_running_loop(), text.encode()
        self._number += 1
        answer: asyncio.Future[bytes] = loop.create_future()
        self._waiting[self._number] = answer
        if not self._unsent:  # what is asked for in one turn of the loop goes together
            loop.call_soon(self._send)
        self._unsent.append(HEAD.pack(len(data), self._number))
        self._unsent.append(data)
        return await answer

    async def _open(self, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, _ = await loop.create_unix_connection(lambda: self, sock=self._sock)
        self._send()

    def _send(self) -> None:
        if self._transport is None:
            if self._opening is None:
                loop = asyncio.get_running_loop()
                self._opening = loop.create_task(self._open(loop))
            return
        data, self._unsent = b"".join(self._unsent), []
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        read, at = self._read, 0
        read += data
        while len(read) - at >= HEAD.size:
            length, number = HEAD.unpack_from(read, at)
            if len(read) - at - HEAD.size < length:
                break
            at += HEAD.size
            answer = self._waiting.pop(number)
            if not answer.done():
                answer.set_result(bytes(read[at : at + length]))
            at += length
        del read[:at]

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Refused("UNAVAILABLE", "the engine has ended"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        else:
            self._sock.close()


class Making:
    """A resource that is being registered, and what of it is not known before that has been answered."""

    def __init__(self, res: Any, custom: bool, props: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.res, self.custom = res, custom
        self.urn = loop.create_future()
        self.id = loop.create_future() if custom else None
        self.outputs = {name: loop.create_future() for name in props if name != "urn" and not (custom and name == "id")}
        attributes = inside(res)
        attributes["urn"] = _output(self.urn)
        if self.id is not None:
            attributes["id"] = _output(self.id)
        for name, future in self.outputs.items():
            attributes[name] = _output(future)

    def fail(self, error: Exception) -> None:
        """Whoever waits for any of it, and has not been told yet, is told."""
        for future in (*self.outputs.values(), self.urn, self.id):
            if future is not None and not future.done():
                future.set_exception(error)

    def settle(self, future: Any, value: Any, *, known: bool = True) -> None:
        """An output's data; `value` holds nothing that is not known."""
        data: Any = object.__new__(
            outputs._OutputData
        )  # its own constructor would look through the value for what is unknown
        data.resources, data.value, data.is_known, data.is_secret = {self.res}, value, known, False
        future.set_result(data)

    def resolvers(self) -> dict[str, Any]:
        """The outputs as the SDK itself settles them."""

        def of(future: Any) -> Any:
            def resolve(value: Any, known: bool, secret: bool, deps: Any, error: Exception | None) -> None:
                if error is not None:
                    future.set_exception(error)
                else:
                    future.set_result(outputs._OutputData({*(deps or ()), self.res}, value, known, secret))

            return resolve

        return {name: of(future) for name, future in self.outputs.items()}


def _output(future: Any) -> Any:
    made: Any = object.__new__(outputs.Output)
    made._data = future
    return made


class Registrar:
    """Stands in for `register_resource` and `register_resource_outputs` of the SDK."""

    def __init__(self, lane: Lane, traces: Any) -> None:
        self._sdk, self._sdk_outputs = registering.register_resource, registering.register_resource_outputs
        self._lane = lane
        self._sites = traces
        self._traces: dict[tuple[Any, ...], int] = {}
        self._untold: dict[int, list[Any]] = {}
        self._classes: dict[type, bool] = {}

    # -- what the SDK calls ------------------------------------------------------------------------------------------

    def register(
        self,
        res: Any,
        ty: str,
        name: str,
        custom: bool,
        remote: bool,
        new_dependency: Any,
        props: Any,
        opts: Any,
        typ: Any = None,
        package_ref: Any = None,
    ) -> None:
        if remote or package_ref is not None or not self._ordinary(res, ty, opts):
            self._sdk(res, ty, name, custom, remote, new_dependency, props, opts, typ, package_ref)
            return
        loop = asyncio.get_running_loop()
        making = Making(res, custom, props, loop)
        asked: dict[str, Any] = {"type": ty, "name": name, "custom": custom}
        self._placed(asked)
        self._begin(self._registered(making, asked, props, opts, typ))

    def outputs(self, res: Any, outputs: Any) -> None:
        if type(outputs) is not dict or res._type.startswith("pulumi:"):
            self._sdk_outputs(res, outputs)
            return
        self._begin(self._registered_outputs(res, outputs))

    def _ordinary(self, res: Any, ty: str, opts: Any) -> bool:
        kind = exactly(res)
        plain = self._classes.get(kind)
        if plain is None:
            plain = self._classes[kind] = bool(
                kind.translate_input_property is Resource.translate_input_property
                and kind.translate_output_property is Resource.translate_output_property
            )
        if not plain or ty.startswith("pulumi:") or opts is None:
            return False
        return all(value is None or key in _CARRIED or _empty(value) for key, value in inside(opts).items())

    def _placed(self, asked: dict[str, Any]) -> None:
        """Where it was made: the engine is told the whole trace once, and then its number."""
        key = self._sites.places()
        number = self._traces.get(key)
        if number is None:
            number = self._traces[key] = len(self._traces)
            frames = [self._sites.frame(*place) for place in key]
            self._untold[number] = [
                [each.pc.uri, each.pc.line, each.pc.column] if each.HasField("pc") else None for each in frames
            ]
        asked["trace"] = number

    def _begin(self, work: Any) -> None:
        """As the SDK's RPCManager begins one: it is outstanding, and its failure is the program's."""
        manager = settings._get_rpc_manager()

        async def rpc_wrapper() -> Any:  # the name by which the SDK knows what is outstanding
            try:
                return await work
            except Exception as error:
                if manager.unhandled_exception is None:
                    manager.unhandled_exception = error
                    manager.exception_traceback = sys.exc_info()[2]
                raise

        manager.rpcs.append(asyncio.get_running_loop().create_task(rpc_wrapper()))

    # -- registering -------------------------------------------------------------------------------------------------

    async def _registered(self, making: Making, asked: dict[str, Any], props: Any, opts: Any, typ: Any) -> None:
        try:
            try:
                await self._prepare(making.res, asked, props, opts, typ)
                if asked["trace"] in self._untold:
                    asked["frames"] = self._untold[asked["trace"]]
                text = _write(asked)
                self._untold.pop(asked["trace"], None)
            except (ValueError, AssertionError) as error:
                kind = "ValueError" if isinstance(error, ValueError) else "AssertionError"
                colon = ":" if kind == "ValueError" else ""
                raise (ValueError if colon else AssertionError)(
                    f"While processing resource: {asked['name']!r}, type{colon} {asked['type']!r}\n"
                    f"{kind} has risen: {error}"
                ) from error
            raw, answer = await self._asked(text)
        except Exception as error:
            making.fail(error)
            raise
        try:
            self._resolve(making, asked["object"], answer, raw, typed=typ is not None)
        except Exception as error:
            making.fail(error)
            raise

    async def _asked(self, text: str) -> tuple[bytes, Any]:
        try:
            raw = await self._lane.ask(text)
            answer = _read(raw.decode())
            if "error" in answer:
                raise Refused(*answer["error"])
            return raw, answer
        except grpc.RpcError as error:
            raise settings.grpc_error_to_exception(error)  # noqa: B904 - the SDK's own way, with the same context

    async def _registered_outputs(self, res: Any, outputs: Any) -> None:
        urn = await res.urn.future()
        found = await self._serialized(outputs, {}, None, None)
        await self._asked(_write({"urn": urn, "outputs": found}))

    async def _prepare(self, res: Any, asked: dict[str, Any], props: Any, opts: Any, typ: Any) -> None:
        dependencies: set[str] = set()
        known: dict[Any, Any] = {}
        if opts.depends_on is not None:
            above: Any = opts.depends_on
            above = above if exactly(above) is list else [above]
            if all(isinstance(each, Resource) for each in above):
                dependencies.update(await self._expanded(set(above), res, known))
            else:
                dependencies |= await registering._resolve_depends_on_urns(opts._depends_on_list(), from_resource=res)
        needed: dict[str, list[Any]] = {}
        asked["object"] = await self._serialized(props, needed, res, typ)
        parent = opts.parent if opts.parent is not None else settings.get_root_resource()
        asked["parent"] = (await parent.urn.future() or "") if parent is not None else ""
        if asked["custom"] and opts.provider is not None:
            asked["provider"] = await registering._create_provider_ref(opts.provider)
        if not asked["custom"]:
            given = registering.convert_providers(opts.provider, opts.providers)
            asked["providers"] = {key: await registering._create_provider_ref(each) for key, each in given.items()}
        found: dict[str, list[str]] = {}
        for key, each in needed.items():
            found[key] = list(await self._expanded(each, res, known)) if each else []
            dependencies.update(found[key])
        asked["dependencies"], asked["propertyDependencies"] = list(dependencies), found
        for key, option in (("version", opts.version), ("pluginDownloadURL", opts.plugin_download_url)):
            if option:
                asked[key] = option
        if opts.protect is not None:
            asked["protect"] = opts.protect
        if opts.aliases:
            named = await registering.prepare_aliases(res, opts, True)
            asked["aliases"] = [each.SerializeToString().hex() for each in named]
        if opts.retain_on_delete is not None:
            asked["retainOnDelete"] = opts.retain_on_delete
        if opts.ignore_changes:
            asked["ignoreChanges"] = registering._translate_ignore_changes(res, typ, opts.ignore_changes)

    async def _expanded(self, resources: Any, res: Any, known: dict[Any, Any]) -> set[str]:
        """URNs of what a resource builds on. `known` are those that it was asked for before."""
        urns: set[str] = set()
        for each in resources:
            found = known.get(each)
            if found is None:
                found = known[each] = await rpc._expand_dependencies([each], res)
            urns.update(found)
        return urns

    # -- values ------------------------------------------------------------------------------------------------------

    async def _serialized(self, props: Any, needed: dict[str, list[Any]], res: Any, typ: Any) -> dict[str, Any]:
        """`serialize_properties`; `needed` is given the resources that each property comes of."""
        out: dict[str, Any] = {}
        translate = res.translate_input_property if res is not None and typ is None else None
        about: tuple[dict[Any, Any], dict[Any, Any]] = ({}, {}) if typ is None else values.properties(typ)
        kinds, others = about
        for key in props:
            value, deps = props[key], list[Any]()
            if value is None:
                continue
            called, of = kinds.get(key) or (key, others.get(key))
            kind = exactly(value)
            found = value
            if kind is not str and kind is not bool:
                try:
                    found = await self._serialized_one(value, deps, key, res, translate, of)
                except (ValueError, AssertionError) as error:
                    raised = ValueError if isinstance(error, ValueError) else AssertionError
                    raise raised(
                        f"While processing input: {key!r}, type {type(key)}, value {value!r}\n"
                        f"{raised.__name__} has risen: {error}"
                    ) from error
            if found is not None:
                out[called] = found
                needed[called] = deps
        return out

    async def _serialized_one(self, value: Any, deps: list[Any], key: Any, res: Any, translate: Any, typ: Any) -> Any:
        held: list[Any] = [value]
        holes: list[Any] = []
        try:
            held[0] = values.sent(value, typ, held, 0, key, holes)
        except Odd:
            found = await rpc.serialize_property(value, deps, key, res, translate, typ, False, False)
            struct_pb2.Struct()[key] = found  # which says what is wrong with it
            return found
        for container, place, leaf, at, of in holes:
            container[place] = await self._leaf(leaf, deps, at, res, translate, of)
        return held[0]

    async def _leaf(self, leaf: Any, deps: list[Any], key: Any, res: Any, translate: Any, typ: Any) -> Any:
        if type(leaf) is Output:
            data: Any = await inside(leaf)["_data"]
            if not data.is_secret:
                if not data.is_known and data.value is None:
                    deps.extend(data.resources)
                    return rpc.UNKNOWN
                if data.is_known:
                    with contextlib.suppress(Odd):
                        holes: list[Any] = []
                        found = values.sent(data.value, typ, [None], 0, key, holes)
                        if not holes:
                            deps.extend(data.resources)
                            return found
        return await rpc.serialize_property(leaf, deps, key, res, translate, typ, False, False)

    # -- the answer --------------------------------------------------------------------------------------------------

    def _resolve(self, making: Making, sent: dict[str, Any], answer: Any, raw: bytes, *, typed: bool) -> None:
        preview = settings.is_dry_run()
        failed = bool(answer["result"])
        making.settle(making.urn, answer["urn"])
        if making.id is not None:
            making.settle(making.id, answer["id"] or "", known=bool(answer["id"]))
        left_unknown = failed or (making.custom and not preview and answer["unknown"])
        found: dict[str, Any] = {} if failed else answer["object"]
        if failed:
            sent = {}
        whole = preview and not settings.is_legacy_apply_enabled()  # what came back counts alone, without what was sent
        whole = whole or all(found.get(key) is not None for key in sent)
        came: dict[str, Any] | None = None
        if whole and _TAG not in raw:
            with contextlib.suppress(Odd):
                came = self._came(found, exactly(making.res), typed=typed)
        if came is None:
            given, answered = struct_pb2.Struct(), struct_pb2.Struct()
            given.update(sent)
            answered.update(found)
            rpc.resolve_outputs(
                making.res,
                given,
                answered,
                {},
                making.resolvers(),
                making.custom,
                typed,
                not failed,
                resolve_missing_as_unknown=bool(left_unknown),
            )
            return
        nowhere = _UNKNOWN not in raw
        for name, future in making.outputs.items():
            value = came.get(name)
            if value is None:
                making.settle(future, None, known=not preview and not left_unknown)
            else:
                making.settle(future, value, known=nowhere or not rpc.contains_unknowns(value))

    @staticmethod
    def _came(found: dict[str, Any], kind: Any, *, typed: bool) -> dict[str, Any]:
        """What is told of the resource, by the names and types of its class. Raises Odd."""
        names, kinds = values.results(kind, typed)
        came = values.came
        return {names.get(key) or key: came(each, kinds.get(key)) for key, each in found.items() if each is not None}


def _empty(option: Any) -> bool:
    """Whether an option says nothing, as one that was merged of two that say nothing."""
    if isinstance(option, ResourceHookBinding):
        return not any(vars(option).values())
    return isinstance(option, list | dict) and not option


def put_in(sock: int, traces: Any) -> Callable[[], None]:
    """Register over the socket from here on; what ends that, before the event loop is closed."""
    lane = Lane(socket.socket(fileno=sock))
    registrar = Registrar(lane, traces)
    resources.register_resource, resources.register_resource_outputs = registrar.register, registrar.outputs
    return lane.close
