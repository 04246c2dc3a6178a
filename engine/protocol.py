"""Pulumi's protocol: the stubs that ship in the `pulumi` package, without importing `pulumi` itself.

`import pulumi` takes half a second that the engine has no use for. The stubs import each other relatively, so they load
just as well from their folder under a name of our own.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi.runtime.proto import (
        alias_pb2,
        callback_pb2,
        callback_pb2_grpc,
        engine_pb2,
        engine_pb2_grpc,
        plugin_pb2,
        provider_pb2,
        provider_pb2_grpc,
        resource_pb2,
        resource_pb2_grpc,
        source_pb2,
    )
else:
    import importlib
    import importlib.util
    import os
    import sys
    from pathlib import Path
    from types import ModuleType

    from engine.errors import PluginError

    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # that a child is broken off is no news to the user

    _PACKAGE = "engine._stubs"

    def _package() -> None:
        found = importlib.util.find_spec("pulumi")
        if found is not None and not found.submodule_search_locations:
            raise PluginError(
                f"{found.origin}: hides the `pulumi` package; rename it, or take its folder off PYTHONPATH"
            )
        if found is None:
            raise PluginError("the `pulumi` package is not installed in this environment; install `pulumi>=3.272`")
        package = ModuleType(_PACKAGE)
        package.__path__ = [str(Path(next(iter(found.submodule_search_locations))) / "runtime" / "proto")]
        sys.modules[_PACKAGE] = package

    if _PACKAGE not in sys.modules:
        _package()

    def _stub(name: str) -> ModuleType:
        return importlib.import_module(f"{_PACKAGE}.{name}")

    alias_pb2 = _stub("alias_pb2")
    callback_pb2 = _stub("callback_pb2")
    callback_pb2_grpc = _stub("callback_pb2_grpc")
    engine_pb2 = _stub("engine_pb2")
    engine_pb2_grpc = _stub("engine_pb2_grpc")
    plugin_pb2 = _stub("plugin_pb2")
    provider_pb2 = _stub("provider_pb2")
    provider_pb2_grpc = _stub("provider_pb2_grpc")
    resource_pb2 = _stub("resource_pb2")
    resource_pb2_grpc = _stub("resource_pb2_grpc")
    source_pb2 = _stub("source_pb2")

__all__ = [
    "alias_pb2",
    "callback_pb2",
    "callback_pb2_grpc",
    "engine_pb2",
    "engine_pb2_grpc",
    "plugin_pb2",
    "provider_pb2",
    "provider_pb2_grpc",
    "resource_pb2",
    "resource_pb2_grpc",
    "source_pb2",
]

GRPC_OPTIONS: list[tuple[str, int]] = [
    ("grpc.max_receive_message_length", 400 * 1024 * 1024),
    ("grpc.max_send_message_length", 400 * 1024 * 1024),
]
"""The SDK's own limit, so that nothing which one side sends is refused by the other."""
