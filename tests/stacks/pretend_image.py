"""A program of a target in a cloud whose image is built of one file's text, at once, and pushed nowhere.

Each build adds a line to PRETEND_CLOUD/builds.
"""

import hashlib
import importlib
import os
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.rehearsal import made
from model_build.resource import OUTPUTS, ModelImage
from stacks import parts
from stacks.spec import StackSpec


class PretendImageProvider(ResourceProvider):
    """As that of a ModelImage: the content decides."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        return CheckResult({**news, "identity": _folder().joinpath("model").read_text()}, [])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=_olds.get("identity") != _news.get("identity"))

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult("model", _built(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(_built(_news))


class PretendImage(Resource, module="modelport", name="ModelImage"):
    """In the place of a ModelImage."""

    def __init__(self, name: str, props: dict[str, Any]) -> None:
        super().__init__(PretendImageProvider(), name, {**dict.fromkeys(OUTPUTS), **props})


def digest(model: str) -> str:
    """What an image of it is known by."""
    return f"sha256:{hashlib.sha256(model.encode()).hexdigest()}"


def image(spec: StackSpec, destination: pulumi.Input[str | None]) -> ModelImage:
    """In the place of `parts.image`."""
    return cast("ModelImage", made(PretendImage, "model", {"destination": destination}))


def main() -> None:
    """The program of every stack, with that image."""
    parts.image = image
    importlib.import_module("stacks.__main__")


def _folder() -> Path:
    return Path(os.environ["PRETEND_CLOUD"])


def _built(props: dict[str, Any]) -> dict[str, Any]:
    model = str(props["identity"])
    with (_folder() / "builds").open("a") as file:
        file.write(f"{model}\n")
    known = {key: value for key, value in props.items() if key != "__provider"}
    told: dict[str, Any] = {
        "digest": digest(model),
        "reference": f"{props['destination']}@{digest(model)}",
        "model": "digits",
    }
    return {
        **known,
        **dict.fromkeys(OUTPUTS, ""),
        **told,
        "identity": model,
        "metrics": {"bytes": 58407.0, "p50_ms": 0.1},
    }
