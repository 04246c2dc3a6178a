"""`DockerPush`: what Docker has pushed, held to the image that passed its gate.

The provider is pickled by reference, so this module's and the class's names are part of every stack's state: they stay.
It has no attributes.
"""

from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import CheckResult, CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult
from pulumi.output import Unknown

INPUTS = ("image", "pushed", "keep")


class DockerPushProvider(ResourceProvider):
    """Asks the registry. It changes nothing there, but for what is not to be kept."""

    serialize_as_secret_always: ClassVar[bool] = False  # type: ignore[misc]  # nothing secret in a reference to a class

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        inputs = {key: value for key, value in news.items() if key in INPUTS}
        if not isinstance(keep := inputs.get("keep"), Unknown):
            inputs["keep"] = True if keep is None else bool(keep)
        return CheckResult(inputs, [])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Changed: what was pushed, what it is held to, whether it is kept. Where the layout lies is no change."""
        same = all(_told(_news, key) == _told(_olds, key) for key in INPUTS)
        return DiffResult(changes=not (same and _olds.get("reference")), replaces=[])

    def create(self, props: dict[str, Any]) -> CreateResult:
        outs = _held(props)
        return CreateResult(str(outs["digest"]), outs)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(_held(_news))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Take it away from the registry, if it was not to be kept."""
        from model_build.resource import docking

        if not _props.get("keep", True):
            with docking.told():
                docking.remove(str(_props["reference"]))


class DockerPush(Resource, module="modelport", name="DockerPush"):
    """What Docker has pushed. Inputs: `image` (a ModelImage's `layout_image`), `pushed`, `keep`."""

    digest: pulumi.Output[str]
    reference: pulumi.Output[str]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(DockerPushProvider(), name, {"digest": None, "reference": None, **props}, opts)


def _held(props: dict[str, Any]) -> dict[str, Any]:
    from model_build.resource import docking

    with docking.told():
        digest = docking.pushed(str(props["image"]), str(props["pushed"]))
    outs = {key: value for key, value in props.items() if key != "__provider"}
    return outs | {"digest": digest, "reference": str(props["pushed"])}


def _told(inputs: dict[str, Any], key: str) -> object:
    value = inputs.get(key)
    if key == "keep":
        return True if value is None else value
    if isinstance(value, Unknown):
        return None
    return str(value).rpartition("@")[2] if key == "image" else value
