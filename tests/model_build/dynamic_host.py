"""The real host of dynamic providers, `python -m pulumi.dynamic`, driven over gRPC as an engine drives it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import struct_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from model_build.resource import ModelImageProvider

PROVIDER = serialize_provider(ModelImageProvider())


class Host:
    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path, provider: ResourceProvider) -> None:
        self.process, self.log = process, log
        self._held = serialize_provider(provider)
        kind = type(provider).__name__.removesuffix("Provider")
        self._urn = f"urn:pulumi:test::test::pulumi-python:dynamic/modelport:{kind}::iris"
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self.channel)

    def check(self, news: dict[str, Any], olds: dict[str, Any] | None = None) -> tuple[dict[str, Any], list[str]]:
        request = provider_pb2.CheckRequest(urn=self._urn, olds=self._struct(olds or {}), news=self._struct(news))
        answer = self.stub.Check(request)
        return MessageToDict(answer.inputs), [failure.reason for failure in answer.failures]

    def changed(self, olds: dict[str, Any], news: dict[str, Any]) -> bool:
        request = provider_pb2.DiffRequest(id="x", urn=self._urn, olds=self._struct(olds), news=self._struct(news))
        return bool(self.stub.Diff(request).changes == provider_pb2.DiffResponse.DIFF_SOME)

    def create(self, props: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        answer = self.stub.Create(provider_pb2.CreateRequest(urn=self._urn, properties=self._struct(props)))
        return answer.id, MessageToDict(answer.properties)

    def update(self, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        answer = self.stub.Update(
            provider_pb2.UpdateRequest(id="x", urn=self._urn, olds=self._struct(olds), news=self._struct(news))
        )
        return dict(MessageToDict(answer.properties))

    def read(self, id_: str, props: dict[str, Any]) -> str:
        return str(self.stub.Read(provider_pb2.ReadRequest(id=id_, urn=self._urn, properties=self._struct(props))).id)

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        self.stub.Delete(provider_pb2.DeleteRequest(id=id_, urn=self._urn, properties=self._struct(props)))

    def _struct(self, value: dict[str, Any]) -> struct_pb2.Struct:
        made = struct_pb2.Struct()
        made.update({**value, "__provider": self._held})
        return made


@contextmanager
def host(project: Path, log: Path, provider: ResourceProvider | None = None, **environment: str) -> Iterator[Host]:
    """Start the host in `project`. log: the file that takes what it and its builds say. Default: of a ModelImage."""
    repository = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join([str(project), repository])
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pulumi.dynamic"],
            cwd=project,
            env={**os.environ, "PYTHONPATH": paths, **environment},
            stdout=subprocess.PIPE,
            stderr=said,
        )
    assert process.stdout is not None
    found = Host(process, int(process.stdout.readline()), log, provider or ModelImageProvider())
    try:
        yield found
    finally:
        found.channel.close()
        process.kill()
        process.wait()
        process.stdout.close()
