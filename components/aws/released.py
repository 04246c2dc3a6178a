"""`ReleaseRecord`: what a stack has released on a platform that carries releases out itself, kept in the state alone.

It comes behind the service, so it is written only when the `up` of a version has not failed, and no call to AWS is made
for it. The provider is pickled by reference, so the names of this module and its class are part of every stack's state:
they stay. It has no attributes: what it needs is in the resource's inputs.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, NotRequired, TypedDict, cast

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult
from pulumi.output import Unknown

from components.history import Promotion, moved, of, promoted
from components.kubernetes import names

OUTPUTS = ("stable", "stable_digest", "history")


class ReleaseRecordArgs(TypedDict):
    service: str
    """What the service is called."""
    reference: pulumi.Input[str]
    """The image that it was given, by digest."""
    version: NotRequired[pulumi.Input[str]]
    """What that is called in the history. Default: nothing."""
    waited: NotRequired[pulumi.Input[bool]]
    """Whether an `up` ends when a release has. Default: yes; without, one that was rolled back later is here too."""


class ReleaseRecordProvider(ResourceProvider):
    """Writes down which version a service was given, and since when."""

    serialize_as_secret_always: ClassVar[bool] = False  # type: ignore[misc]  # nothing secret in a reference to a class

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        failures: list[CheckFailure] = []
        if not isinstance(news.get("reference"), Unknown):
            try:
                names.digest(str(news.get("reference")))
            except ValueError as error:
                failures.append(CheckFailure("reference", str(error)))
        return CheckResult(news, failures)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Changed: the version, or where it comes from. What a version is called belongs to the day it was released."""
        keys = ("service", "waited")
        changed = _news.get("reference") != _olds.get("stable") or any(_news.get(key) != _olds.get(key) for key in keys)
        return DiffResult(changes=changed, replaces=[])

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(str(props["service"]), _outputs(props, []))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(_outputs(_news, of(_olds)))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """It was in the state alone."""


class ReleaseRecord(Resource, module="modelport", name="ReleaseRecord"):
    """Which versions a service was given. `modelport rollback` goes by it."""

    stable: pulumi.Output[str]
    """The image that was released last."""
    stable_digest: pulumi.Output[str]
    """Its digest."""
    history: pulumi.Output[list[dict[str, Any]]]
    """What was released, with number, digest, reference, version and time, the newest last."""

    def __init__(self, name: str, args: ReleaseRecordArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs: dict[str, Any] = {
            "service": args["service"],
            "reference": args["reference"],
            "version": args.get("version", ""),
            "waited": args.get("waited", True),
        }
        super().__init__(ReleaseRecordProvider(), name, {**dict.fromkeys(OUTPUTS), **inputs}, opts)


def _outputs(props: Mapping[str, Any], history: list[Promotion]) -> dict[str, Any]:
    reference = str(props["reference"])
    told = {"digest": names.digest(reference), "reference": reference, "version": str(props.get("version") or "")}
    wanted = cast("Promotion", told)
    if history and history[-1]["digest"] == wanted["digest"]:
        history = moved(history, reference)
    else:
        history = promoted(history, wanted)
    inputs = {key: value for key, value in props.items() if key not in ("__provider", *OUTPUTS)}
    return {**inputs, "stable": reference, "stable_digest": wanted["digest"], "history": list(history)}
