"""Containers that another's server answers from: its ports, where it says that it is ready, and what it asks of a node.

The image has the server, its flags and its model, so nothing is told to it here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

from components.kubernetes import names

Json = dict[str, Any]


class ImageServer(Enum):
    """What answers from a model's image: its recipe's `server`."""

    MODELPORT = "modelport"
    """The library's own program."""
    TRITON = "triton"
    """NVIDIA Triton."""
    TENSORFLOW_SERVING = "tensorflow-serving"
    """TensorFlow Serving."""


@dataclass(frozen=True)
class Other:
    """A server that is not ours. Paths may name the model."""

    ready: str
    live: str
    ports: Mapping[str, int]
    """Those beside `http`."""


OTHERS: Mapping[ImageServer, Other] = MappingProxyType(
    {
        ImageServer.TRITON: Other(names.READY, names.LIVE, {"grpc": 8001, "metrics": 8002}),
        # It answers nothing at all before its model is loaded, and ends where that fails.
        ImageServer.TENSORFLOW_SERVING: Other("/v1/models/{model}", "/v1/models/{model}", {"grpc": 8500}),
    }
)
CPU, MEMORY, CPU_LIMIT, MEMORY_LIMIT = "500m", "1Gi", "2", "2Gi"
"""What is asked of a node where nobody says it: what the server takes has not been measured."""


def resources(given: Mapping[str, str] | None) -> dict[str, dict[str, str]]:
    """Requests and limits of a pod's container."""
    said = given or {}
    # A limit alone may be below what would be set aside.
    cpu = said.get("cpu") or said.get("cpu_limit") or CPU
    memory = said.get("memory") or said.get("memory_limit") or MEMORY
    most = {"cpu": said.get("cpu_limit"), "memory": said.get("memory_limit")}
    return {
        "requests": {"cpu": cpu, "memory": memory, "ephemeral-storage": "64Mi"},
        "limits": {
            "cpu": most["cpu"] or (cpu if "cpu" in said else CPU_LIMIT),
            "memory": most["memory"] or (memory if "memory" in said else MEMORY_LIMIT),
            "ephemeral-storage": "512Mi",
        },
    }


def paths(server: ImageServer, model: str) -> tuple[str, str]:
    """Where the server says that it is ready, and that it lives."""
    found = OTHERS[server]
    return found.ready.format(model=model), found.live.format(model=model)


def ports(server: ImageServer) -> list[Json]:
    """The container's ports beside that of HTTP."""
    return [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in OTHERS[server].ports.items()]
