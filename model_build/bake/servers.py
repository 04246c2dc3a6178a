"""Servers of others that an image may run in the place of ours: what each is started with, and what it reads.

HTTP is on the port where every image answers; what else a server has is where its own documentation has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from model_build.bake.errors import BaseError
from model_build.bake.layout import Json
from model_build.recipe_server import OWN, TENSORFLOW, TRITON

LABEL, VERSION = "io.modelport.server", "io.modelport.server.version"
"""Labels of an image: which of them it runs, and the version that the server's own image tells. One with ours has
neither."""
HTTP = 8080


@dataclass(frozen=True)
class Server:
    called: str
    program: str
    """Name of its file."""
    folders: tuple[str, ...]
    """Where its own images have that, beside those of PATH."""
    ports: tuple[int, ...]
    versions: tuple[str, ...]
    """Variables and labels of its images that tell its version, the most telling first."""
    entry: str = ""
    """Name of a script of its images that prepares the machine and then runs what it is given."""

    def flags(self, name: str) -> list[str]:
        """What it is started with to serve the model `name` at /models/`name`."""
        if self.program == "tritonserver":
            return [
                "--model-repository=/models",
                "--strict-readiness=true",
                "--exit-timeout-secs=30",
                f"--http-port={HTTP}",
                "--grpc-port=8001",
                "--metrics-port=8002",
            ]
        return [f"--rest_api_port={HTTP}", "--port=8500", f"--model_name={name}", f"--model_base_path=/models/{name}"]


SERVERS: Mapping[str, Server] = MappingProxyType(
    {
        TRITON: Server(
            "NVIDIA Triton",
            "tritonserver",
            ("/opt/tritonserver/bin",),
            (HTTP, 8001, 8002),
            ("TRITON_SERVER_VERSION", "NVIDIA_TRITON_SERVER_VERSION"),
            # It looks for a driver, and sets what an older one needs.
            "nvidia_entrypoint.sh",
        ),
        TENSORFLOW: Server(
            "TensorFlow Serving",
            "tensorflow_model_server",
            ("/usr/bin", "/usr/local/bin"),
            (HTTP, 8500),
            ("tensorflow_serving_github_branchtag",),
        ),
    }
)
PROGRAMS = frozenset(each.program for each in SERVERS.values())


def told(config: Json) -> str:
    """Which server the image with this config runs."""
    found = _labels(config).get(LABEL)
    return found if isinstance(found, str) and found in SERVERS else OWN


def about(config: Json) -> Json:
    """What the config of an image says of how it runs."""
    found: Json = config.get("config") or dict[str, Any]()
    return found


def _labels(config: Json) -> Json:
    found: Json = about(config).get("Labels") or dict[str, Any]()
    return found


def environment(config: Json) -> dict[str, str]:
    """The variables of an image."""
    listed: Sequence[str] = about(config).get("Env") or []
    return dict(entry.split("=", 1) for entry in listed if "=" in entry)


def labels(server: Server, key: str, config: Json) -> dict[str, str]:
    """Labels that tell of the server on a base with this config."""
    given: dict[str, Any] = {**_labels(config), **environment(config)}
    version = next((str(given[name]) for name in server.versions if given.get(name)), "")
    return {LABEL: key, VERSION: version} if version else {LABEL: key}


def started(server: Server, config: Json, program: str, name: str) -> tuple[list[str], list[str]]:
    """Entrypoint and Cmd of an image on a base with this config, in which `program` is the server's file."""
    first: Sequence[str] = about(config).get("Entrypoint") or []
    if server.entry and first and first[0].rpartition("/")[2] == server.entry:
        return [*first], [program, *server.flags(name)]
    return [program], server.flags(name)


def absent(server: Server, base: str) -> BaseError:
    return BaseError(
        f"base {base} has no {server.program} in its PATH or in {' or '.join(server.folders)}, expected an image of "
        f"{server.called}; name the digest of one"
    )
