"""Providers: their processes, and the calls of the ResourceProvider protocol."""

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engine.diff import Change, Diff
from engine.errors import EngineError, PluginError, ProviderRefused
from engine.processes import Child, Heard
from engine.projects import load_mapping
from engine.providers.base import DYNAMIC, Failure, Made, PartialFailure, Provider
from engine.providers.discovery import SOURCE, Plugin, runtime_python
from engine.providers.statuses import partial_failure
from engine.providers.wire import outgoing, restored, secretive, secretive_as
from engine.state import urn_name, urn_type
from engine.values import UNKNOWN, Props, Value, from_struct, has_unknown, known, to_struct

if TYPE_CHECKING:
    from google.protobuf import struct_pb2

    from engine.protocol import provider_pb2


START = 60.0
"""How long a provider may take to print its port, in seconds."""


class Said:
    """What a provider's process prints. Of a plugin it is news to nobody (debug) until something goes wrong."""

    def __init__(self, shown: Heard | None, heard: Heard) -> None:
        self._shown = shown
        self._heard = heard
        self._last: deque[str] = deque(maxlen=20)

    def __call__(self, severity: str, line: str) -> None:
        if self._shown is not None:
            self._shown(severity, line)
        else:
            self._last.append(line.rstrip())
            self._heard("debug", line)

    def tail(self) -> str:
        """The end of an error message: what was printed last, or where it stands."""
        if self._shown is not None:
            return "; what it printed stands above"
        return "; it printed:\n" + "\n".join(f"  {line}" for line in self._last) if self._last else ""


class PluginProvider(Provider):
    """A provider in a process of its own, over gRPC; without a child it is one that somebody else runs."""

    def __init__(self, name: str, child: Child | None, port: int, said: Said) -> None:
        import grpc.aio

        from engine.protocol import GRPC_OPTIONS, provider_pb2, provider_pb2_grpc

        self.name = name
        self._child = child
        self._said = said
        self._port = port
        self._channel: grpc.aio.Channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=GRPC_OPTIONS)
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self._pb = provider_pb2
        self._dynamic = name == DYNAMIC
        self._takes_secrets = False
        self._takes_references = False
        self._known = True
        """Whether its settings are: in a preview they may be made of what is not there yet, and it is asked nothing."""
        self._previews = False
        self._unfit: EngineError | None = None
        """Why it could not be configured: whoever first asks something of it is told."""
        self._configured = asyncio.Event()

    async def _call(self, method: str, request: object) -> object:
        import grpc

        if self._unfit is not None and method not in ("CheckConfig", "DiffConfig", "Configure"):
            raise self._unfit
        try:
            return await getattr(self._stub, method)(request)
        except grpc.aio.AioRpcError as error:
            if error.code() == grpc.StatusCode.UNAVAILABLE:
                raise await self._died(method) from None
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                raise NotImplementedError(method) from None
            if method in ("Create", "Update", "Read"):
                partial = partial_failure(error)
                if partial is not None:
                    raise partial from None
            raise ProviderRefused(error.details() or str(error.code())) from None

    async def greet(self, engine: str, folder: Path | None, *, attach: bool) -> None:
        """Tell it who is asking. A provider that does not know the call is an older one, and no worse for that."""
        from engine.protocol import plugin_pb2

        where = str(folder) if folder is not None else None
        request = self._pb.ProviderHandshakeRequest(
            engine_address=engine,
            root_directory=where,
            program_directory=where,
            configure_with_urn=True,
            supports_refresh_before_update=True,
            invoke_with_preview=True,
        )
        try:
            await self._call("Handshake", request)
        except NotImplementedError:
            if attach:
                with contextlib.suppress(NotImplementedError):
                    await self._call("Attach", plugin_pb2.PluginAttach(address=engine))

    async def _died(self, method: str) -> PluginError:
        if self._child is None:
            return PluginError(
                f"the provider {self.name} does not answer at port {self._port} (during {method}), where "
                "PULUMI_DEBUG_PROVIDERS says it runs; start it, or unset the variable"
            )
        try:
            code = await asyncio.wait_for(self._child.wait(), 2)
        except TimeoutError:
            return PluginError(f"the provider {self.name} does not answer any more (during {method})")
        how = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
        return PluginError(
            f"the provider {self.name} {how} during {method}{self._said.tail()}. "
            "What was being done may have come about or not: look, then run the command again"
        )

    def _out(self, props: Props, *, unknowns: bool, contents: bool = True) -> "struct_pb2.Struct":
        props = outgoing(props, contents=contents, references=self._takes_references)
        return to_struct(props if unknowns else known(props), secrets=self._takes_secrets)

    def _back(self, struct: "struct_pb2.Struct", like: Props) -> Props:
        props = from_struct(struct)
        return props if self._takes_secrets else secretive_as(props, like)

    async def check_config(self, urn: str, olds: Props, news: Props) -> tuple[Props, list[Failure]]:
        if self._dynamic:
            return news, []
        request = self._pb.CheckRequest(
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
            olds=to_struct(olds, secrets=False),
            news=to_struct(news, secrets=False),
        )
        try:
            response = await self._call("CheckConfig", request)
        except NotImplementedError:
            return news, []
        assert isinstance(response, self._pb.CheckResponse)
        inputs = secretive_as(from_struct(response.inputs), news) if response.HasField("inputs") else news
        return {**inputs}, [Failure(f.property, f.reason) for f in response.failures]

    async def diff_config(self, urn: str, olds: Props, outputs: Props, news: Props) -> Diff:
        if self._dynamic:
            return Diff(changes=None)
        request = self._pb.DiffRequest(
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
            olds=to_struct(outputs, secrets=False),
            old_inputs=to_struct(olds, secrets=False),
            news=to_struct(news, secrets=False),
        )
        try:
            response = await self._call("DiffConfig", request)
        except NotImplementedError:
            return Diff(changes=None)
        return self._diff(response)

    async def configure(self, urn: str, id_: str, inputs: Props) -> None:
        self._known = not any(has_unknown(value) for key, value in inputs.items() if key != "version")
        if not self._known:
            return
        variables = {
            f"{self.name}:config:{key}": _text(value)
            for key, value in inputs.items()
            if not key.startswith("__") and key != "version"
        }
        request = self._pb.ConfigureRequest(
            variables={} if self._dynamic else variables,
            args=to_struct(inputs, secrets=True),
            acceptSecrets=True,
            acceptResources=True,
            sends_old_inputs=True,
            sends_old_inputs_to_delete=True,
            id=id_,
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
        )
        self._unfit = None
        try:
            response = await self._call("Configure", request)
        except EngineError as error:
            self._unfit = error
            return
        assert isinstance(response, self._pb.ConfigureResponse)
        self._takes_secrets = response.acceptSecrets
        self._takes_references = response.acceptResources
        self._previews = response.supportsPreview

    async def check(
        self, urn: str, olds: Props | None, news: Props, *, preview: bool, seed: bytes
    ) -> tuple[Props, list[Failure]]:
        if not self._known:
            return news, []
        request = self._pb.CheckRequest(
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
            olds=self._out(olds or {}, unknowns=preview),
            news=self._out(news, unknowns=preview),
            randomSeed=seed,
        )
        response = await self._call("Check", request)
        assert isinstance(response, self._pb.CheckResponse)
        return self._back(response.inputs, news), [Failure(f.property, f.reason) for f in response.failures]

    async def diff(
        self, urn: str, id_: str, old_inputs: Props, olds: Props, news: Props, *, preview: bool, ignored: list[str]
    ) -> Diff:
        if not self._known:
            return Diff(changes=True, unavailable=True)
        request = self._pb.DiffRequest(
            id=id_,
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
            olds=self._out(olds, unknowns=preview, contents=False),
            old_inputs=self._out(old_inputs, unknowns=preview, contents=False),
            news=self._out(news, unknowns=preview, contents=False),
            ignoreChanges=ignored,
        )
        return self._diff(await self._call("Diff", request))

    def _diff(self, response: object) -> Diff:
        pb = self._pb
        assert isinstance(response, pb.DiffResponse)
        detailed: dict[str, Change] | None = None
        if response.hasDetailedDiff:
            detailed = {
                path: Change(pb.PropertyDiff.Kind.Name(change.kind).lower().replace("_", "-"), change.inputDiff)
                for path, change in response.detailedDiff.items()
            }
        known = {pb.DiffResponse.DIFF_SOME: True, pb.DiffResponse.DIFF_NONE: False}
        return Diff(
            changes=known.get(response.changes),
            replaces=list(response.replaces),
            stables=list(response.stables),
            changed=list(response.diffs),
            detailed=detailed,
            delete_first=response.deleteBeforeReplace,
        )

    async def create(self, urn: str, news: Props, *, timeout: float, preview: bool) -> Made:
        if preview and not self._known:
            return Made(UNKNOWN, {})
        if preview and not self._previews:
            return Made(UNKNOWN, dict(news))
        request = self._pb.CreateRequest(
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
            properties=self._out(news, unknowns=preview),
            timeout=timeout,
            preview=preview,
        )
        try:
            response = await self._call("Create", request)
        except PartialFailure as error:
            raise PartialFailure(str(error), secretive(error.made, news)) from None
        assert isinstance(response, self._pb.CreateResponse)
        return Made(
            response.id or (UNKNOWN if preview else ""),
            self._back(response.properties, news),
            refresh_before_update=response.refresh_before_update,
        )

    async def update(
        self,
        urn: str,
        id_: str,
        old_inputs: Props,
        olds: Props,
        news: Props,
        *,
        timeout: float,
        preview: bool,
        ignored: list[str],
    ) -> Made:
        if preview and not self._known:
            return Made(id_, {})
        if preview and not self._previews:
            return Made(id_, dict(news))
        request = self._pb.UpdateRequest(
            id=id_,
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
            olds=self._out(olds, unknowns=False, contents=False),
            old_inputs=self._out(old_inputs, unknowns=False, contents=False),
            news=self._out(news, unknowns=preview),
            timeout=timeout,
            ignoreChanges=ignored,
            preview=preview,
        )
        try:
            response = await self._call("Update", request)
        except PartialFailure as error:
            raise PartialFailure(str(error), secretive(error.made, news)) from None
        assert isinstance(response, self._pb.UpdateResponse)
        return Made(id_, self._back(response.properties, news), refresh_before_update=response.refresh_before_update)

    async def read(self, urn: str, id_: str, inputs: Props, state: Props, *, timeout: float) -> Made:
        if not self._known:
            return Made("", {}, {}, empty=True)
        request = self._pb.ReadRequest(
            id=id_,
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
            inputs=self._out(inputs, unknowns=False, contents=False),
            properties=self._out(state, unknowns=False, contents=False),
            timeout=timeout,
        )
        try:
            response = await self._call("Read", request)
        except PartialFailure as error:
            made = error.made if self._takes_secrets else secretive(error.made, state, inputs)
            raise PartialFailure(str(error), made) from None
        assert isinstance(response, self._pb.ReadResponse)
        return Made(
            response.id,
            restored(self._back(response.properties, state), inputs),
            restored(self._back(response.inputs, inputs), inputs) if response.HasField("inputs") else None,
            refresh_before_update=response.refresh_before_update,
            empty=response.HasField("properties"),
        )

    async def delete(self, urn: str, id_: str, inputs: Props, outputs: Props, *, timeout: float) -> None:
        request = self._pb.DeleteRequest(
            id=id_,
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
            properties=self._out(outputs, unknowns=False, contents=False),
            old_inputs=self._out(inputs, unknowns=False, contents=False),
            timeout=timeout,
        )
        await self._call("Delete", request)

    async def invoke(self, token: str, args: Props, *, preview: bool) -> tuple[Props, list[Failure]]:
        if not self._known:
            return {}, []
        request = self._pb.InvokeRequest(tok=token, args=self._out(args, unknowns=False), preview=preview)
        try:
            response = await self._call("Invoke", request)
        except NotImplementedError:
            raise ProviderRefused(f"the provider {self.name} answers no look-ups ({token})") from None
        assert isinstance(response, self._pb.InvokeResponse)
        return from_struct(getattr(response, "return")), [Failure(f.property, f.reason) for f in response.failures]

    async def construct(self, request: "provider_pb2.ConstructRequest") -> "provider_pb2.ConstructResponse":
        try:
            response = await self._call("Construct", request)
        except NotImplementedError:
            return await super().construct(request)
        assert isinstance(response, self._pb.ConstructResponse)
        return response

    async def call(self, request: "provider_pb2.CallRequest") -> "provider_pb2.CallResponse":
        try:
            response = await self._call("Call", request)
        except NotImplementedError:
            return await super().call(request)
        assert isinstance(response, self._pb.CallResponse)
        return response

    async def parameterize(self, name: str, version: str, value: bytes) -> None:
        given = self._pb.ParameterizeRequest.ParametersValue(name=name, version=version, value=value)
        try:
            response = await self._call("Parameterize", self._pb.ParameterizeRequest(value=given))
        except NotImplementedError:
            await super().parameterize(name, version, value)
            return
        assert isinstance(response, self._pb.ParameterizeResponse)
        if response.name != name:
            raise PluginError(
                f"the provider {self.name} was asked to be that of the package {name}, and became that of "
                f"{response.name!r}; install the version of it that the package was made with"
            )
        self.name = name

    async def version(self) -> str:
        from google.protobuf import empty_pb2

        with contextlib.suppress(NotImplementedError):
            return str(getattr(await self._call("GetPluginInfo", empty_pb2.Empty()), "version", ""))
        return ""

    async def cancel(self) -> None:
        import grpc
        from google.protobuf import empty_pb2

        try:
            await getattr(self._stub, "Cancel")(empty_pb2.Empty(), timeout=1)  # noqa: B009 - typed as a blocking call
        except grpc.aio.AioRpcError:
            return  # it cannot be asked; it is ended all the same

    async def close(self) -> None:
        if self._child is not None:
            self._child.quiet = True
            await (self._child.end() if self._dynamic else self._child.dismiss())
        await self._channel.close()


def _text(value: Value) -> str:
    from engine.values import bare, dump

    plain = bare(value)
    return plain if isinstance(plain, str) else dump(plain)


class Starting:
    """A provider's process that gets ready while the engine does; `connect` tells it the rest, and waits."""

    def __init__(self, package: str, child: Child | None, said: Said, plugin: Plugin | None) -> None:
        self._package = package
        self._child = child
        self._said = said
        self._plugin = plugin

    @classmethod
    async def begin(
        cls, package: str, *, python: str, cwd: Path, heard: Heard, plugin: Plugin | None = None
    ) -> "Starting":
        """Start the process; without a plugin it is the host of dynamic providers."""
        said = Said(heard if plugin is None else None, heard)
        if plugin is None:
            child = await Child.start(python, "module", "pulumi.dynamic", cwd=cwd, heard=said, skip_first=True)
            return cls(package, child, said, None)
        if plugin.port:
            return cls(package, None, said, plugin)
        if plugin.source:
            own = runtime_python(plugin, load_mapping(plugin.file / SOURCE), python)
            child = await Child.start(python, "exec", own, cwd=cwd, heard=said, skip_first=True)
        else:
            if not os.access(plugin.file, os.X_OK):
                raise PluginError(f"{plugin.file}: is not executable; run chmod +x on it, or install the plugin again")
            child = await Child.start(python, "exec", str(plugin.file), cwd=cwd, heard=said, skip_first=True)
        return cls(package, child, said, plugin)

    async def connect(self, engine: str, env: Mapping[str, str]) -> PluginProvider:
        plugin = self._plugin
        if self._child is None:
            assert plugin is not None
            provider = PluginProvider(self._package, None, plugin.port, self._said)
            await provider.greet(engine, None, attach=True)
            return provider
        before = ["-u", str(plugin.file)] if plugin is not None and plugin.source else []
        await self._child.order({"argv": [*before, engine], "env": env})
        try:
            line = await asyncio.wait_for(asyncio.shield(self._child.first), START)
        except TimeoutError:
            await self.abandon()
            raise PluginError(self._failed(f"did not print its port within {START:g} s")) from None
        if not (line.isdigit() and 0 < int(line) < 65536):
            if line:
                said = f"printed {line!r} instead of its port"
            else:
                said = f"exited with code {await self._child.wait()} before it printed its port"
            await self._child.end()
            raise PluginError(self._failed(said))
        provider = PluginProvider(self._package, self._child, int(line), self._said)
        if plugin is not None:
            try:
                await provider.greet(engine, plugin.file if plugin.source else plugin.file.parent, attach=False)
            except BaseException:
                await provider.close()
                raise
        return provider

    def _failed(self, how: str) -> str:
        where = f" ({self._plugin.file})" if self._plugin is not None else ""
        return f"the provider {self._package}{where} {how}{self._said.tail()}"

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()

    async def abandon(self) -> None:
        if self._child is not None:
            self._child.quiet = True
            await self._child.end()
