"""Calls from the engine back into the program: transforms and hooks."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from engine.errors import EngineError
from engine.hooks import Around, options_of
from engine.protocol import GRPC_OPTIONS, callback_pb2, callback_pb2_grpc, resource_pb2
from engine.values import Props, from_struct, to_struct

if TYPE_CHECKING:
    from google.protobuf import struct_pb2

Options = resource_pb2.TransformResourceOptions
Transform = Callable[[str, str, bool, str, Props, "Options"], Awaitable[tuple[Props, "Options"]]]

InvokeOptions = resource_pb2.TransformInvokeOptions
InvokeTransform = Callable[[str, Props, "InvokeOptions"], Awaitable[tuple[Props, "InvokeOptions"]]]


class CallbackFailed(EngineError):
    """The program's function raised an exception; `details` is what it said, without the status."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details or message


class Callbacks:
    """Connections to the places where the program listens for callbacks; usually there is one."""

    def __init__(self) -> None:
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def _invoke(self, callback: callback_pb2.Callback, request: bytes) -> bytes:
        channel = self._channels.get(callback.target)
        if channel is None:
            channel = self._channels[callback.target] = grpc.aio.insecure_channel(callback.target, options=GRPC_OPTIONS)
        stub = callback_pb2_grpc.CallbacksStub(channel)
        try:
            invoke = getattr(stub, "Invoke")  # noqa: B009 - the shipped stubs do not say what it gives
            answer = await invoke(callback_pb2.CallbackInvokeRequest(token=callback.token, request=request))
        except grpc.aio.AioRpcError as error:
            text = error.details() or ""
            raise CallbackFailed(f"rpc error: code = {_title(error.code())} desc = {text}", text) from None
        found: bytes = answer.response
        return found

    def transform(self, callback: callback_pb2.Callback) -> Transform:
        async def call(
            name: str, type_: str, custom: bool, parent: str, props: Props, options: Options
        ) -> tuple[Props, Options]:
            request = resource_pb2.TransformRequest(
                name=name,
                type=type_,
                custom=custom,
                parent=parent,
                properties=to_struct(props, secrets=True, outputs=True),
                options=options,
            )
            answer = resource_pb2.TransformResponse.FromString(
                await self._invoke(callback, request.SerializeToString())
            )
            new_props = from_struct(answer.properties) if answer.HasField("properties") else props
            return new_props, answer.options if answer.HasField("options") else options

        return call

    def invoke_transform(
        self, callback: callback_pb2.Callback
    ) -> Callable[
        [str, Props, resource_pb2.TransformInvokeOptions], Awaitable[tuple[Props, resource_pb2.TransformInvokeOptions]]
    ]:
        async def call(
            token: str, args: Props, options: resource_pb2.TransformInvokeOptions
        ) -> tuple[Props, resource_pb2.TransformInvokeOptions]:
            request = resource_pb2.TransformInvokeRequest(
                token=token, args=to_struct(args, secrets=True, outputs=True), options=options
            )
            try:
                raw = await self._invoke(callback, request.SerializeToString())
            except CallbackFailed as error:
                raise CallbackFailed(error.details) from None
            answer = resource_pb2.TransformInvokeResponse.FromString(raw)
            new_args = from_struct(answer.args) if answer.HasField("args") else args
            return new_args, answer.options if answer.HasField("options") else options

        return call

    def hook(self, callback: callback_pb2.Callback) -> Callable[[Around], Awaitable[str]]:
        async def call(around: Around) -> str:
            request = resource_pb2.ResourceHookRequest(**_around(around))
            if around.new_outputs is not None:
                request.new_outputs.CopyFrom(_struct(around.new_outputs))
            try:
                raw = await self._invoke(callback, request.SerializeToString())
            except CallbackFailed as error:
                return str(error)
            return resource_pb2.ResourceHookResponse.FromString(raw).error

        return call

    def error_hook(self, callback: callback_pb2.Callback) -> Callable[[Around, str, list[str]], Awaitable[bool]]:
        async def call(around: Around, operation: str, failures: list[str]) -> bool:
            request = resource_pb2.ErrorHookRequest(**_around(around), failed_operation=operation, errors=failures)
            raw = await self._invoke(callback, request.SerializeToString())
            answer = resource_pb2.ErrorHookResponse.FromString(raw)
            if answer.error:
                raise CallbackFailed(answer.error)
            return answer.retry

        return call

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()


def _title(code: grpc.StatusCode) -> str:
    """A status as the official engine words it: Unknown, InvalidArgument."""
    return "".join(part.title() for part in code.name.split("_"))


def _struct(props: Props) -> "struct_pb2.Struct":
    return to_struct(props, secrets=True, outputs=True)


def _around(around: Around) -> dict[str, Any]:
    resource = around.resource
    from engine.state import urn_name

    out: dict[str, Any] = {
        "urn": resource.urn,
        "id": resource.id if isinstance(resource.id, str) else "",
        "name": urn_name(resource.urn),
        "type": resource.type,
    }
    for name in ("new_inputs", "old_inputs", "old_outputs"):
        props: Props | None = getattr(around, name)
        if props is not None:
            out[name] = _struct(props)
    if around.old is not None:
        out["old_options"] = options_of(around.old)
    if around.new is not None:
        out["new_options"] = options_of(around.new)
    return out
