"""Providers: their processes, and the calls of the ResourceProvider protocol."""

import asyncio
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engine.diff import Change, Diff
from engine.errors import PluginError, ProviderRefused
from engine.processes import Child, Heard
from engine.provider import DYNAMIC, Failure, Made, PartialFailure, Provider
from engine.state import urn_name, urn_type
from engine.statuses import partial_failure
from engine.values import UNKNOWN, Props, Unknown, Value, from_struct, keep_secrets, to_struct

if TYPE_CHECKING:
    from google.protobuf import struct_pb2


class PluginProvider(Provider):
    """A provider in a process of its own, over gRPC."""

    def __init__(self, name: str, child: Child, port: int) -> None:
        import grpc.aio

        from engine.protocol import GRPC_OPTIONS, provider_pb2, provider_pb2_grpc

        self.name = name
        self._child = child
        self._channel: grpc.aio.Channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=GRPC_OPTIONS)
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self._pb = provider_pb2
        self._dynamic = name == DYNAMIC
        self._takes_secrets = False
        self._previews = False
        self._configured = asyncio.Event()

    async def _call(self, method: str, request: object) -> object:
        import grpc

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

    async def _died(self, method: str) -> PluginError:
        try:
            code = await asyncio.wait_for(self._child.wait(), 2)
        except TimeoutError:
            return PluginError(f"the provider {self.name} does not answer any more (during {method})")
        how = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
        return PluginError(
            f"the provider {self.name} {how} during {method}; what it printed stands above. "
            "Run the command again: what was being done is noted as pending"
        )

    def _out(self, props: Props, *, unknowns: bool) -> "struct_pb2.Struct":
        if not unknowns:
            props = {key: value for key, value in props.items() if not isinstance(value, Unknown)}
        return to_struct(props, secrets=self._takes_secrets)

    def _back(self, struct: "struct_pb2.Struct", like: Props) -> Props:
        props = from_struct(struct)
        return (
            props
            if self._takes_secrets
            else {k: keep_secrets(v, like[k]) if k in like else v for k, v in props.items()}
        )

    async def check_config(self, urn: str, olds: Props, news: Props) -> tuple[Props, list[Failure]]:
        if self._dynamic:
            return news, []
        request = self._pb.CheckRequest(
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
            olds=to_struct(olds, secrets=True),
            news=to_struct(news, secrets=True),
        )
        try:
            response = await self._call("CheckConfig", request)
        except NotImplementedError:
            return news, []
        assert isinstance(response, self._pb.CheckResponse)
        inputs = from_struct(response.inputs) if response.HasField("inputs") else news
        return {**inputs}, [Failure(f.property, f.reason) for f in response.failures]

    async def diff_config(self, urn: str, olds: Props, outputs: Props, news: Props) -> Diff:
        if self._dynamic:
            return Diff(changes=None)
        request = self._pb.DiffRequest(
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
            olds=to_struct(outputs, secrets=True),
            old_inputs=to_struct(olds, secrets=True),
            news=to_struct(news, secrets=True),
        )
        try:
            response = await self._call("DiffConfig", request)
        except NotImplementedError:
            return Diff(changes=None)
        return self._diff(response)

    async def configure(self, urn: str, id_: str, inputs: Props) -> None:
        package = self.name
        variables = {
            f"{package}:config:{key}": _text(value) for key, value in inputs.items() if not key.startswith("__")
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
        response = await self._call("Configure", request)
        assert isinstance(response, self._pb.ConfigureResponse)
        self._takes_secrets = response.acceptSecrets
        self._previews = response.supportsPreview

    async def check(
        self, urn: str, olds: Props | None, news: Props, *, preview: bool, seed: bytes
    ) -> tuple[Props, list[Failure]]:
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
        request = self._pb.DiffRequest(
            id=id_,
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
            olds=self._out(olds, unknowns=preview),
            old_inputs=self._out(old_inputs, unknowns=preview),
            news=self._out(news, unknowns=preview),
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
            raise PartialFailure(str(error), _secretive(error.made, news)) from None
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
        if preview and not self._previews:
            return Made(id_, dict(news))
        request = self._pb.UpdateRequest(
            id=id_,
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
            olds=self._out(olds, unknowns=preview),
            old_inputs=self._out(old_inputs, unknowns=preview),
            news=self._out(news, unknowns=preview),
            timeout=timeout,
            ignoreChanges=ignored,
            preview=preview,
        )
        try:
            response = await self._call("Update", request)
        except PartialFailure as error:
            raise PartialFailure(str(error), _secretive(error.made, news)) from None
        assert isinstance(response, self._pb.UpdateResponse)
        return Made(id_, self._back(response.properties, news), refresh_before_update=response.refresh_before_update)

    async def read(self, urn: str, id_: str, inputs: Props, state: Props, *, timeout: float) -> Made:
        request = self._pb.ReadRequest(
            id=id_,
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
            inputs=self._out(inputs, unknowns=False),
            properties=self._out(state, unknowns=False),
        )
        try:
            response = await self._call("Read", request)
        except PartialFailure as error:
            raise PartialFailure(str(error), _secretive(error.made, {**inputs, **state})) from None
        assert isinstance(response, self._pb.ReadResponse)
        return Made(
            response.id,
            self._back(response.properties, state),
            self._back(response.inputs, inputs) if response.HasField("inputs") else None,
            refresh_before_update=response.refresh_before_update,
        )

    async def delete(self, urn: str, id_: str, inputs: Props, outputs: Props, *, timeout: float) -> None:
        request = self._pb.DeleteRequest(
            id=id_,
            urn=urn,
            name=urn_name(urn),
            type=urn_type(urn),
            properties=self._out(outputs, unknowns=False),
            old_inputs=self._out(inputs, unknowns=False),
            timeout=timeout,
        )
        await self._call("Delete", request)

    async def invoke(self, token: str, args: Props, *, preview: bool) -> tuple[Props, list[Failure]]:
        request = self._pb.InvokeRequest(tok=token, args=to_struct(args, secrets=self._takes_secrets), preview=preview)
        try:
            response = await self._call("Invoke", request)
        except NotImplementedError:
            raise ProviderRefused(f"the provider {self.name} answers no look-ups ({token})") from None
        assert isinstance(response, self._pb.InvokeResponse)
        return from_struct(getattr(response, "return")), [Failure(f.property, f.reason) for f in response.failures]

    async def cancel(self) -> None:
        import grpc
        from google.protobuf import empty_pb2

        try:
            await getattr(self._stub, "Cancel")(empty_pb2.Empty(), timeout=1)  # noqa: B009 - typed as a blocking call
        except grpc.aio.AioRpcError:
            return  # it cannot be asked; it is ended all the same

    async def close(self) -> None:
        self._child.quiet = True
        await self._child.end()
        await self._channel.close()


def _secretive_as(props: Props, like: Props) -> Props:
    return {k: keep_secrets(v, like[k]) if k in like else v for k, v in props.items()}


def _secretive(made: Made, like: Props) -> Made:
    return Made(made.id, _secretive_as(made.outputs, like), made.inputs, made.init_errors)


def _text(value: Value) -> str:
    from engine.values import bare, dump

    plain = bare(value)
    return plain if isinstance(plain, str) else dump(plain)


def find_binary(package: str, version: str = "") -> str | None:
    """A provider's binary on PATH or in the Pulumi plugin folder, the newest that is there or the one asked for."""
    name = f"pulumi-resource-{package}"
    if found := shutil.which(name):
        return found
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"
    if not home.is_dir():
        return None
    folders = sorted(home.glob(f"resource-{package}-v*"), key=_version)
    if version:
        folders = [f for f in folders if f.name.endswith(f"-v{version}")] or folders
    for folder in reversed(folders):
        if (folder / name).is_file():
            return str(folder / name)
    return None


def _version(folder: Path) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", folder.name.rpartition("-v")[2])]


class Starting:
    """A provider's process that gets ready while the engine does; `connect` tells it the rest, and waits."""

    def __init__(self, package: str, child: Child) -> None:
        self._package = package
        self._child = child

    @classmethod
    async def begin(
        cls, package: str, *, python: str, cwd: Path, heard: Heard, binary: str | None = None
    ) -> "Starting":
        """Start the process; without a binary it is the host of dynamic providers."""
        kind, what = ("exec", binary) if binary else ("module", "pulumi.dynamic")
        return cls(package, await Child.start(python, kind, what, cwd=cwd, heard=heard, skip_first=True))

    async def connect(self, engine: str, env: Mapping[str, str]) -> PluginProvider:
        await self._child.order({"argv": [engine], "env": env})
        line = await self._child.first
        if line.isdigit():
            return PluginProvider(self._package, self._child, int(line))
        if line:
            said = f"said {line!r} instead of its port"
        else:
            said = f"exited with code {await self._child.wait()} before it was ready"
        await self._child.end()
        raise PluginError(f"the provider {self._package} {said}; what it printed stands above")

    def kill(self) -> None:
        self._child.kill()

    async def abandon(self) -> None:
        self._child.quiet = True
        await self._child.end()
