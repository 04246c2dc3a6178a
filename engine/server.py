"""The wire's side of the services: one server on the loopback for one operation; errors become statuses here."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from google.protobuf import empty_pb2

from engine import versions
from engine.errors import BadArgument, Closed, EngineError
from engine.monitor import FEATURES, Monitor
from engine.protocol import (
    GRPC_OPTIONS,
    callback_pb2,
    engine_pb2,
    engine_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]

SEVERITIES = {
    engine_pb2.DEBUG: "debug",
    engine_pb2.INFO: "info",
    engine_pb2.WARNING: "warning",
    engine_pb2.ERROR: "error",
}


class Server:
    """Both services on one port of the loopback, for one operation."""

    def __init__(self, monitor: Monitor | None, log: Callable[[engine_pb2.LogRequest], None]) -> None:
        self._server = grpc.aio.server(options=GRPC_OPTIONS)
        engine_pb2_grpc.add_EngineServicer_to_server(_Engine(log), self._server)
        if monitor is not None:
            resource_pb2_grpc.add_ResourceMonitorServicer_to_server(_Monitor(monitor), self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        if monitor is not None:
            monitor.address = self.address

    async def start(self) -> None:
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)


class _Engine(engine_pb2_grpc.EngineServicer):
    def __init__(self, log: Callable[[engine_pb2.LogRequest], None]) -> None:
        self._log = log
        self._root = ""

    async def Log(self, request: engine_pb2.LogRequest, context: "Context") -> empty_pb2.Empty:
        self._log(request)
        return empty_pb2.Empty()

    async def GetRootResource(
        self, request: engine_pb2.GetRootResourceRequest, context: "Context"
    ) -> engine_pb2.GetRootResourceResponse:
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    async def SetRootResource(
        self, request: engine_pb2.SetRootResourceRequest, context: "Context"
    ) -> engine_pb2.SetRootResourceResponse:
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()

    async def RequirePulumiVersion(
        self, request: engine_pb2.RequirePulumiVersionRequest, context: "Context"
    ) -> engine_pb2.RequirePulumiVersionResponse:
        try:
            versions.require(request.pulumi_version_range)
        except EngineError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))
        return engine_pb2.RequirePulumiVersionResponse()


class _Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """The wire's side of the monitor: errors become statuses here, and nothing else happens."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    async def _answer(self, context: "Context", work: Coroutine[Any, Any, Any]) -> Any:
        try:
            if self._monitor.gate is not None:
                try:
                    await self._monitor.gate.passed()
                except Closed:
                    work.close()
                    raise
            return await work
        except Closed as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        except BadArgument as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except EngineError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))

    async def GetDeploymentInfo(self, request: empty_pb2.Empty, context: "Context") -> resource_pb2.DeploymentInfo:
        return self._monitor.info()

    async def SupportsFeature(
        self, request: resource_pb2.SupportsFeatureRequest, context: "Context"
    ) -> resource_pb2.SupportsFeatureResponse:
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in FEATURES)

    async def RegisterResource(self, request: resource_pb2.RegisterResourceRequest, context: "Context") -> Any:
        return await self._answer(context, self._monitor.register(request))

    async def ReadResource(self, request: resource_pb2.ReadResourceRequest, context: "Context") -> Any:
        return await self._answer(context, self._monitor.read(request))

    async def Invoke(self, request: resource_pb2.ResourceInvokeRequest, context: "Context") -> Any:
        return await self._answer(context, self._monitor.invoke(request))

    async def Call(self, request: resource_pb2.ResourceCallRequest, context: "Context") -> Any:
        return await self._answer(context, self._monitor.call(request))

    async def RegisterResourceOutputs(
        self, request: resource_pb2.RegisterResourceOutputsRequest, context: "Context"
    ) -> Any:
        await self._answer(context, self._monitor.outputs(request.urn, request.outputs))
        return empty_pb2.Empty()

    async def RegisterStackTransform(self, request: callback_pb2.Callback, context: "Context") -> Any:
        self._monitor.add_stack_transform(request)
        return empty_pb2.Empty()

    async def RegisterStackInvokeTransform(self, request: callback_pb2.Callback, context: "Context") -> Any:
        self._monitor.add_invoke_transform(request)
        return empty_pb2.Empty()

    async def RegisterResourceHook(self, request: resource_pb2.RegisterResourceHookRequest, context: "Context") -> Any:
        async def add() -> empty_pb2.Empty:
            self._monitor.add_hook(request)
            return empty_pb2.Empty()

        return await self._answer(context, add())

    async def RegisterErrorHook(self, request: resource_pb2.RegisterErrorHookRequest, context: "Context") -> Any:
        self._monitor.add_error_hook(request)
        return empty_pb2.Empty()

    async def RegisterPackage(self, request: resource_pb2.RegisterPackageRequest, context: "Context") -> Any:
        async def add() -> resource_pb2.RegisterPackageResponse:
            return resource_pb2.RegisterPackageResponse(ref=self._monitor.packages.add(request))

        return await self._answer(context, add())

    async def SignalAndWaitForShutdown(self, request: empty_pb2.Empty, context: "Context") -> Any:
        self._monitor.program_done.set()
        await self._monitor.over.wait()
        return empty_pb2.Empty()
