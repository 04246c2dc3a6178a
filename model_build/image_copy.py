"""`ImageCopy`: an image in a second registry, as a Pulumi resource.

As in `resource.py`, the provider is pickled by reference: the names of this module and its class are part of every
stack's state, and stay. It has no attributes.
"""

import sys
from typing import Any, ClassVar, NotRequired, TypedDict

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown

__all__ = ["ImageCopy", "ImageCopyArgs", "ImageCopyProvider"]

INPUTS, OUTPUTS = ("source", "destination", "keep"), ("digest", "reference")


class ImageCopyArgs(TypedDict):
    source: pulumi.Input[str]
    """What to copy, by digest: the output `reference` of a ModelImage, or its `layout_image`.

    An image that this machine has, as the one that built it does, is not fetched from its registry again.
    """
    destination: pulumi.Input[str]
    """Where to: `host[:port]/repository[:tag]`, of another registry or another repository.

    As a ModelImage's it may be the output of a registry that the same program makes, and no credentials go with it.
    """
    keep: NotRequired[pulumi.Input[bool]]
    """Whether the copy outlives the resource. Default: True."""


class ImageCopyProvider(ResourceProvider):
    """Copies. What is at the destination already is not sent again."""

    serialize_as_secret_always: ClassVar[bool] = False  # type: ignore[misc]  # nothing secret in a reference to a class

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        from model_build import copying

        inputs = {key: value for key, value in news.items() if key in INPUTS}
        if not isinstance(keep := inputs.get("keep"), Unknown):
            inputs["keep"] = True if keep is None else bool(keep)
        failures = copying.check(_known(inputs, "source"), _known(inputs, "destination"))
        return CheckResult(inputs, [CheckFailure(key, reason) for key, reason in failures])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Changed: another image, another place, whether it is kept. From where the same image comes is no change."""
        from model_build import copying

        source, old = _known(_news, "source"), str(_olds.get("source", ""))
        same = source is not None and copying.digest_of(source) == copying.digest_of(old)
        for key in ("destination", "keep"):
            same = same and _olds.get(key) == _news.get(key)
        return DiffResult(changes=not (same and _olds.get("reference")), replaces=[])

    def create(self, props: dict[str, Any]) -> CreateResult:
        outs = _copied(props)
        return CreateResult(str(outs["destination"]), outs)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(_copied(_news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Gone when the registry no longer has it."""
        from model_build import copying

        outs = {key: value for key, value in props.items() if key != "__provider"}
        return ReadResult(id_, outs) if copying.exists(outs) else ReadResult("", {})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Take it away from the registry, if it was not to be kept."""
        from model_build import copying

        copying.remove(_props)


class ImageCopy(Resource, module="modelport", name="ImageCopy"):
    """An image in another registry: the same bytes, and so the same digest, with the report that belongs to it.

    Both registries' answers are held to the digest. What served from the destination before is not touched.
    """

    digest: pulumi.Output[str]
    """`sha256:...` of the image's manifest: that of `source`."""
    reference: pulumi.Output[str]
    """What to deploy: `host/repository@sha256:...` at the destination."""

    def __init__(self, name: str, args: ImageCopyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs: dict[str, Any] = {
            "source": args["source"],
            "destination": args["destination"],
            "keep": args.get("keep", True),
        }
        super().__init__(ImageCopyProvider(), name, {**dict.fromkeys(OUTPUTS), **inputs}, opts)


def _copied(props: dict[str, Any]) -> dict[str, Any]:
    from model_build import copying
    from model_build.child import BuildFailed
    from model_build.errors import ModelBuildError, line

    source, destination = str(props["source"]), str(props["destination"])
    try:
        reference = copying.copy(source, destination, _say)
    except ModelBuildError as error:
        raise BuildFailed(line(error)) from None
    outs = {key: value for key, value in props.items() if key != "__provider"}
    return outs | {"digest": copying.digest_of(source), "reference": reference}


def _known(inputs: dict[str, Any], key: str) -> str | None:
    """The text of an input, none where it is not known yet; what was forgotten is no text that does."""
    value = inputs.get(key)
    return None if isinstance(value, Unknown) else str(value or "")


def _say(text: str) -> None:
    print(f"modelport: copy: {text}", file=sys.stderr, flush=True)
