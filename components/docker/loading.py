"""`DockerLoad`: an image of this machine's layout, in a Docker daemon.

The provider is pickled by reference, so this module's and the class's names are part of every stack's state: they stay.
It has no attributes.
"""

import sys
from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown

INPUTS = ("image", "destination", "host")


class DockerLoadProvider(ResourceProvider):
    """Loads. What is in the daemon already is not sent again."""

    serialize_as_secret_always: ClassVar[bool] = False  # type: ignore[misc]  # nothing secret in a reference to a class

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        from model_build.resource import docking

        inputs = {key: value for key, value in news.items() if key in INPUTS}
        failures = docking.problems(_known(inputs, "destination"), _known(inputs, "image"))
        return CheckResult(inputs, [CheckFailure(key, reason) for key, reason in failures])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Changed: another image, or another place that it is pushed to, since it is built for that anew.

        A daemon that has forgotten the image is no change, as another machine's never knew it.
        """
        image, destination = _known(_news, "image"), _known(_news, "destination")
        same = image is not None and _digest(image) == _digest(str(_olds.get("image")))
        same = same and destination is not None and destination == _olds.get("destination")
        return DiffResult(changes=not (same and _olds.get("loaded")), replaces=[])

    def create(self, props: dict[str, Any]) -> CreateResult:
        outs = _loaded(props)
        return CreateResult(_digest(str(outs["image"])), outs)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        outs = _loaded(_news)
        if (before := _digest(str(_olds.get("image")))) != _digest(str(outs["image"])):
            _unload(before, _news)
        return UpdateResult(outs)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        _unload(_digest(str(_props.get("image"))), _props)


class DockerLoad(Resource, module="modelport", name="DockerLoad"):
    """An image in a daemon. Inputs: `image` (a ModelImage's `layout_image`), `destination`, `host` of the daemon."""

    loaded: pulumi.Output[str]
    """What the daemon calls it."""
    named: pulumi.Output[str]
    """What it is to be pushed as: `host/repository:tag`."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(DockerLoadProvider(), name, {"loaded": None, "named": None, **props}, opts)


def _loaded(props: dict[str, Any]) -> dict[str, Any]:
    from model_build.resource import docking

    image, destination = str(props["image"]), str(props["destination"])
    with docking.told():
        loaded = docking.load(image, str(props.get("host") or ""), _say)
        named = docking.pushed_name(destination, _digest(image))
    outs = {key: value for key, value in props.items() if key != "__provider"}
    return outs | {"loaded": loaded, "named": named}


def _unload(digest: str, props: dict[str, Any]) -> None:
    from model_build.resource import docking

    docking.unload(digest, str(props.get("host") or ""))


def _digest(image: str) -> str:
    return image.rpartition("@")[2]


def _known(inputs: dict[str, Any], key: str) -> str | None:
    value = inputs.get(key)
    return None if isinstance(value, Unknown) else str(value or "")


def _say(text: str) -> None:
    print(f"modelport: docker: {text}", file=sys.stderr, flush=True)
