"""A model's endpoint on this machine."""

from enum import Enum
from typing import Any, NotRequired, Optional, TypedDict

import pulumi

from components.local.server import LocalServer


class LocalRuntime(Enum):
    """What runs the image."""

    AUTO = "auto"
    """Docker where it answers, else Podman, else plain processes."""
    DOCKER = "docker"
    """A container of Docker."""
    PODMAN = "podman"
    """A container of Podman."""
    PROCESS = "process"
    """Processes of this user, from the image's own files and by the image's own Python."""


class LocalEndpointArgs(TypedDict):
    image: pulumi.Input[str]
    """The image to run: `oci:PATH@sha256:DIGEST`, the output `layout_image` of a ModelImage."""
    model: pulumi.Input[str]
    """Name of the model in the image."""
    port: NotRequired[pulumi.Input[int]]
    """TCP port on 127.0.0.1, 1 to 65535. Default: 8080."""
    workers: NotRequired[pulumi.Input[int]]
    """Processes that answer behind the one address, 1 to 256. Default: 2."""
    runtime: NotRequired[pulumi.Input[LocalRuntime]]
    """What runs the image. Default: auto."""


class LocalEndpoint(pulumi.ComponentResource):
    """A model image that answers on a port of this machine, and goes on to after the program has ended.

    A change of image or settings starts the new version beside the old one and hands the port over when it is ready.
    Outputs: `url`, `image` (that answers), `runtime` (that was used), `metadata` (the model's inputs and outputs).
    """

    url: pulumi.Output[str]
    """Where it answers: `http://127.0.0.1:PORT`."""
    image: pulumi.Output[str]
    """The image that answers there."""
    runtime: pulumi.Output[str]
    """What runs it: docker, podman or process."""
    metadata: pulumi.Output[dict[str, Any]]
    """What `GET /v2/models/MODEL` says: inputs and outputs with names, datatypes and shapes."""

    def __init__(self, name: str, args: LocalEndpointArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        super().__init__("modelport:index:LocalEndpoint", name, {}, opts)
        server = LocalServer(
            name,
            {
                "key": f"{pulumi.get_project()}/{pulumi.get_stack()}/{name}",
                "image": args["image"],
                "model": args["model"],
                "port": args.get("port", 8080),
                "workers": args.get("workers", 2),
                "runtime": pulumi.Output.from_input(args.get("runtime", "auto")).apply(_text),
            },
            pulumi.ResourceOptions(parent=self),
        )
        self.url, self.image, self.runtime, self.metadata = server.url, server.image, server.used, server.metadata
        self.register_outputs(
            {"url": self.url, "image": self.image, "runtime": self.runtime, "metadata": self.metadata}
        )


def _text(runtime: object) -> str:
    return str(runtime.value if isinstance(runtime, LocalRuntime) else runtime)
