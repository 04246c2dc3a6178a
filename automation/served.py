"""What a stack serves, proved by its state: the image, and what was measured of it.

Served: the last operation on the stack succeeded, nothing was broken off, nobody is at work on it; the image of its
model is the one that its outputs name; something of the stack runs that image; and the report says that it passed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from automation.drivers import Choice, drive, resolve
from automation.exits import Exit, Failure
from automation.projects import Target
from engine import locks
from engine.api import Engine
from engine.backend import choose
from engine.errors import EngineError, StackMissing
from engine.projects import load_project
from engine.values import SECRET_TAG, TAG

_MAKERS = ("ModelImage", "ImageCopy", "Release", "ReleaseRecord")
"""Resources that know an image and do not run it."""
_NONE: Mapping[str, Any] = {}
_KINDS = {"update": "up"}
"""What a history calls an operation, in the words of the command."""


@dataclass(frozen=True)
class Served:
    """What a stack serves."""

    stack: str
    digest: str
    reference: str
    recipe: Mapping[str, Any]
    image: Mapping[str, Any]
    """Outputs of the ModelImage."""
    secret: bool
    """Whether the registry's address is a secret of the stack."""


def served(target: Target, choice: Choice, model: str) -> Served:
    """What the stack serves of `model`. Raises Failure with the reason why it is not known to serve anything."""
    name = target.stack
    _ended_well(target, choice)
    deployment: Mapping[str, Any] = drive(target, choice).export(show_secrets=True).get("deployment") or {}
    if pending := deployment.get("pending_operations"):
        what = pending[0]["resource"]["urn"].rpartition("::")[2]
        raise _never(name, f"an operation on {what} was broken off", f"run modelport up -s {name}")
    resources = cast("Sequence[Mapping[str, Any]]", deployment.get("resources") or ())
    images = {str(_recipe(each).get("name")): each for each in resources if _kind(each) == "ModelImage"}
    if model not in images:
        had = f"serves {', '.join(sorted(images))}" if images else "serves no model"
        raise _never(name, f"{had}, expected {model}", f"bring that up there: modelport up -s {name}")
    outputs, secret = _opened(_part(images[model], "outputs"))
    if outputs.get("builder") == "docker":
        why = "serves an image that Docker pushed, to which no report is attached"
        raise _never(name, why, "let each stack build its own, or leave image.builder out")
    digest = str(outputs.get("digest") or "")
    told, _ = _opened(next((_part(each, "outputs") for each in resources if _kind(each) == "Stack"), _NONE))
    answers = str(told.get("digest") or "")
    # Pods of several platforms run the index of the images.
    names = {digest, str(outputs.get("index") or "").rpartition("@")[2]} - {""}
    if not digest or answers not in names:
        was = f"serves {answers[:19]}, and its model is {digest[:19] or 'not built'}" if answers else "serves nothing"
        raise _never(name, was, f"run modelport up -s {name}, and promote what it then serves")
    runs = [json.dumps(each.get("outputs") or {}) for each in resources if _runs(each)]
    if not any(each in text for each in names for text in runs):
        raise _never(name, f"has {digest[:19]} and runs it nowhere", f"run modelport up -s {name} without --target")
    return Served(name, digest, str(outputs["reference"]), _recipe(images[model]), outputs, secret)


def promoted(target: Target, choice: Choice) -> bool:
    """Whether the stack's image was promoted from another stack."""
    deployment: Mapping[str, Any] = drive(target, choice).export(show_secrets=False).get("deployment") or {}
    resources = cast("Sequence[Mapping[str, Any]]", deployment.get("resources") or ())
    return any(_part(each, "inputs").get("promoted") for each in resources if _kind(each) == "ModelImage")


def _ended_well(target: Target, choice: Choice) -> None:
    name = target.stack
    try:
        last = _last(target, choice)
    except StackMissing:
        last = None
    except EngineError as error:
        raise Failure(Exit.FAILED, str(error)) from None
    if last is None:
        raise _never(name, "was never brought up", f"run modelport up -s {name}")
    kind = _KINDS.get(str(last.get("kind")), str(last.get("kind")))
    if last.get("result") != "succeeded":
        raise _never(name, f"has {last.get('result')} at its last operation, {kind}", f"run modelport up -s {name}")


def _last(target: Target, choice: Choice) -> Mapping[str, Any] | None:
    """The newest entry of the stack's history; None where it has none. Raises Failure while somebody holds it."""
    if choose(load_project(target.root).backend_url).startswith("http"):
        return _last_by_cli(target, choice)
    # Both engines keep history and locks in the same place.
    engine = Engine(target.root, target.stack)
    stack = engine.stack
    if found := locks.holders(stack.backend, stack.project.name, stack.name):
        who = found[0]
        raise Failure(
            Exit.LOCKED,
            f"stack {target.stack} is held by {who.user}@{who.host}, process {who.pid}, since {who.since}, expected "
            f"nobody at work on what is promoted; wait, or release it with modelport cancel --stack {target.stack}",
        )
    return next(iter(engine.history(page_size=1)), None)


def _last_by_cli(target: Target, choice: Choice) -> Mapping[str, Any] | None:
    import subprocess

    resolve(Choice.PULUMI if choice is Choice.AUTO else choice)
    from automation.official import Official

    command = ["pulumi", "stack", "history", "--json", "--page-size", "1", "--stack", target.stack]
    done = subprocess.run(
        command, cwd=target.root, env=Official(target).environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Failure(Exit.FAILED, done.stderr.strip().removeprefix("error: "))
    return next(iter(json.loads(done.stdout or "[]")), None)


def _never(stack: str, why: str, fix: str) -> Failure:
    return Failure(Exit.BAD_INPUT, f"stack {stack} {why}, expected one that serves what is to be promoted; {fix}")


def _kind(resource: Mapping[str, Any]) -> str:
    return str(resource.get("type", "")).rpartition(":")[2]


def _part(resource: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", resource.get(key) or {})


def _runs(resource: Mapping[str, Any]) -> bool:
    return bool(resource.get("custom")) and _kind(resource) not in _MAKERS


def _recipe(image: Mapping[str, Any]) -> Mapping[str, Any]:
    """The recipe of a ModelImage, as it was when it was last brought up."""
    outputs, _ = _opened(_part(image, "outputs"))
    try:
        return cast("Mapping[str, Any]", json.loads(str(outputs.get("recipe"))))
    except ValueError:
        return {}


def _opened(outputs: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Outputs with their secrets in plain text, and whether there were any."""
    plain: dict[str, Any] = {}
    secret = False
    for key, value in outputs.items():
        if isinstance(value, dict) and cast("dict[str, Any]", value).get(TAG) == SECRET_TAG:
            secret, text = True, cast("dict[str, Any]", value).get("plaintext")
            plain[key] = json.loads(str(text)) if text is not None else None
        else:
            plain[key] = value
    return plain, secret
