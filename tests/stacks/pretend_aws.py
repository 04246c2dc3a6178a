"""The plug-in `pulumi-resource-aws` of an AWS that takes whatever it is given, for an engine that makes a stack.

PRETEND_CLOUD names a folder: `calls` gets a line for each change, `refused` has a type whose update fails.
"""

import hashlib
import json
import os
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from tests.components.planned import Planned
from tests.stacks.stack_files import OUTPUTS


class Pretend(provider_pb2_grpc.ResourceProviderServicer):
    """Keeps nothing: the state has it all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def told(self, request: Any, given: Any) -> Any:
        """What is there of a resource: what was given, and what the cloud would add to it."""
        inputs: dict[str, Any] = MessageToDict(given)
        added = self.added(Planned(request.type, request.name, request.urn, "", True, inputs, {}))
        found = type(given)()
        found.CopyFrom(given)
        found.update({key: value for key, value in added.items() if key not in inputs})
        return found

    def added(self, made: Planned) -> dict[str, Any]:
        """What AWS tells of a resource beside its inputs."""
        added: dict[str, Any] = {"arn": f"arn:aws:test:eu-central-1:123456789012:{made.name}", "name": made.name}
        if made.type.endswith(":Function"):
            # Another image is another version.
            added["version"] = hashlib.sha256(str(made.inputs.get("imageUri")).encode()).hexdigest()
        added["functionUrl"] = "https://a.lambda-url.eu-central-1.on.aws/"
        added |= OUTPUTS.get(made.type, lambda _: {})(made)
        return added

    def _note(self, call: str, request: Any) -> None:
        told = {"call": call, "type": request.type, "inputs": MessageToDict(request.properties)}
        with (self._folder / "calls").open("a") as file:
            file.write(json.dumps(told) + "\n")

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True, accept_outputs=True)

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse()

    def Configure(self, request: Any, context: Any) -> Any:
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=True)

    def Check(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:
        same = request.old_inputs == request.news
        kind = provider_pb2.DiffResponse
        return kind(changes=kind.DIFF_NONE if same else kind.DIFF_SOME)

    def Create(self, request: Any, context: Any) -> Any:
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        self._note("create", request)
        return provider_pb2.CreateResponse(id=f"{request.name}-id", properties=self.told(request, request.properties))

    def Update(self, request: Any, context: Any) -> Any:
        refused = self._folder / "refused"
        if not request.preview and refused.exists() and request.type == refused.read_text():
            context.abort(grpc.StatusCode.UNKNOWN, "the deployment was rolled back")
        if not request.preview:
            with (self._folder / "calls").open("a") as file:
                inputs = MessageToDict(request.news)
                file.write(json.dumps({"call": "update", "type": request.type, "inputs": inputs}) + "\n")
        return provider_pb2.UpdateResponse(properties=self.told(request, request.news))

    def Delete(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version="7.0.0")

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()


def main(cloud: type[Pretend] = Pretend) -> None:
    """Serve until the engine ends this process."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    servicer = cloud(Path(os.environ["PRETEND_CLOUD"]))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
