"""The target `local`: the model answers on a port of this machine."""

from pathlib import Path
from typing import Any, cast

import pulumi

from components.local import LocalEndpoint, LocalRuntime
from model_build.resource import ModelImage
from stacks import imaging, samples, telling
from stacks.spec import StackSpec


def deploy(spec: StackSpec) -> None:
    """Build the image, run it, and export what a person or a script asks next.

    The resources' names do not depend on the model: another model in the same stack replaces the one that answers.
    """
    destination: pulumi.Input[str | None] = spec.image.push
    if destination and spec.secrets:
        destination = pulumi.Output.secret(destination)
    image = ModelImage("model", imaging.args(spec, destination))
    endpoint = LocalEndpoint(
        "endpoint",
        {
            "image": image.layout_image,
            "model": image.model,
            "port": spec.endpoint.port,
            "workers": spec.endpoint.workers,
            "runtime": LocalRuntime(spec.endpoint.runtime),
        },
    )
    pulumi.export("endpoint", endpoint.url)
    telling.of_model(spec, image)
    pulumi.export("digest", image.digest)
    found = samples.beside(spec.model.source, Path.cwd())

    def lines(known: list[Any]) -> list[str]:
        url, metadata = cast("tuple[str, dict[str, Any]]", known)
        return samples.requests(url, metadata, found, classify=spec.model.classify is not None)

    pulumi.export("try", pulumi.Output.all(endpoint.url, endpoint.metadata).apply(lines))
