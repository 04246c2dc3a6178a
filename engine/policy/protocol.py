"""The Analyzer protocol's stubs, which only an operation with a policy pack loads."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
else:
    import importlib

    import engine.protocol  # noqa: F401 - makes the package of the stubs

    analyzer_pb2 = importlib.import_module("engine._stubs.analyzer_pb2")
    analyzer_pb2_grpc = importlib.import_module("engine._stubs.analyzer_pb2_grpc")

__all__ = ["analyzer_pb2", "analyzer_pb2_grpc"]
