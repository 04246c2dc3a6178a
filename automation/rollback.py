"""`modelport rollback`: back to a version that served before, as an ordinary `up` with another candidate.

In a cluster the version is given by digest and looked up in the release's own history. Where a platform releases by
itself it is given with its address, and what builds images is left alone: the image is there, or nothing is done.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from automation.drivers import drive
from automation.exits import Exit, Failure
from automation.lifecycle import Request, run
from automation.projects import Target, has_spec, select

if TYPE_CHECKING:
    from components.history import Promotion

PIN = "MODELPORT_RELEASE_PIN"
"""What the program reads: the version to serve, for this one run; with its address where the platform releases."""


@dataclass(frozen=True)
class _Released:
    """What was released of one service, oldest first."""

    service: str
    history: "Sequence[Promotion]"
    by_platform: bool = False
    waited: bool = True
    """Whether each `up` saw its release end."""


def rollback(
    request: Request,
    wanted: str | None,
    *,
    to: str | None,
    service: str | None,
    only_list: bool,
    ask: Callable[[str], bool],
) -> Exit:
    """Return to the version before, or to the one that is named; or say which there are."""
    if wanted is not None and to is not None:
        raise Failure(
            Exit.BAD_INPUT, f"both {wanted} and --to {to} name a version, expected one of them; leave one out"
        )
    target = select(request.cwd, request.stack, from_file=False)
    _possible(target)
    resources = _resources(drive(target, request.engine).export(show_secrets=False))
    found = _chosen(resources, target, service)
    if only_list:
        _show(found, as_json=request.as_json)
        return Exit.DONE
    entry = _meant(found.service, found.history, wanted, to)
    if entry["digest"] == found.history[-1]["digest"]:
        raise Failure(
            Exit.BAD_INPUT,
            f"{found.service} serves {_line(entry)} already, expected an earlier version; modelport rollback --list "
            "shows which",
        )
    if found.by_platform:
        _still_there(found.service, entry)
        # Built or not, and whatever the file says of it: what is meant is in the registry.
        images = tuple(str(each["urn"]) for each in resources if str(each.get("type", "")).endswith(":ModelImage"))
        request = replace(request, options=replace(request.options, excludes=images))
        if not request.as_json:
            print(f"{found.service}: back to {_line(entry)}")
    code = _up(request, entry["reference"] if found.by_platform else entry["digest"], ask)
    if code is Exit.DONE and not request.as_json and not request.options.preview_only:
        print(
            f"\nthe next up releases what {target.file.name} says; to stay with this version:\n"
            f"modelport config set --path modelport:release.pin {entry['digest']} --stack {target.stack}"
        )
    return code


def _up(request: Request, pin: str, ask: Callable[[str], bool]) -> Exit:
    before = os.environ.get(PIN)
    os.environ[PIN] = pin
    try:
        return run("up", request, ask)
    finally:
        if before is None:
            os.environ.pop(PIN, None)
        else:
            os.environ[PIN] = before


def _possible(target: Target) -> None:
    """Refuse a stack of a target that releases nothing."""
    if not has_spec(target.root) or not target.file.is_file():
        return
    from stacks.spec import SpecError, StackSpec

    try:
        spec = StackSpec.from_file(target.file)
    except SpecError:
        return  # `up` says what is wrong, and a list needs no file
    if spec.target == "local":
        raise Failure(
            Exit.BAD_INPUT,
            f"stack {target.stack} runs on this machine, where a new version takes over at once and no history is "
            f"kept, expected a target that releases; put the earlier model back into {target.file.name} and run "
            f"modelport up -s {target.stack}, which builds nothing that is in the cache",
        )


def _resources(exported: Mapping[str, Any]) -> "Sequence[Mapping[str, Any]]":
    deployment: Mapping[str, Any] = exported.get("deployment") or {}
    return cast("Sequence[Mapping[str, Any]]", deployment.get("resources") or ())


def _chosen(resources: "Sequence[Mapping[str, Any]]", target: Target, service: str | None) -> _Released:
    """The service that is meant, and what was promoted for it."""
    found: dict[str, _Released] = {}
    for each in resources:
        outputs: Mapping[str, Any] = each.get("outputs") or {}
        kind = str(each.get("type", "")).rpartition(":")[2]
        if kind in ("Release", "ReleaseRecord") and outputs.get("stable_digest") and outputs.get("history"):
            name, recorded = str(outputs.get("service")), kind == "ReleaseRecord"
            found[name] = _Released(name, list(outputs["history"]), recorded, outputs.get("waited") is not False)
    if not found:
        raise Failure(
            Exit.BAD_INPUT,
            f"stack {target.stack} has released nothing, expected a version to return to; run modelport up first",
        )
    if service is None and len(found) == 1:
        return next(iter(found.values()))
    if service not in found:
        given = "no service is named" if service is None else f"there is no service {service!r}"
        raise Failure(Exit.BAD_INPUT, f"{given}, expected one of {', '.join(sorted(found))}; name it with --service")
    return found[service]


def _meant(name: str, history: "Sequence[Promotion]", wanted: str | None, to: str | None) -> "Promotion":
    from components.history import found, numbered

    if wanted is None and to is None:
        others = [each for each in history if each["digest"] != history[-1]["digest"]]
        if not others:
            raise Failure(
                Exit.BAD_INPUT,
                f"{name} has served no other version than {_line(history[-1])}, expected one to return to; "
                "release another first",
            )
        return others[-1]
    try:
        return numbered(history, int(to)) if to is not None and to.isdecimal() else found(history, str(wanted or to))
    except ValueError as error:
        raise Failure(Exit.BAD_INPUT, f"{name}: {error}") from None


def _still_there(name: str, entry: "Promotion") -> None:
    """Refuse a version whose image the registry has no longer; say so where nobody can say."""
    from model_build import push
    from model_build.push.errors import DestinationError, RegistryError

    repository = entry["reference"].partition("@")[0]
    try:
        there = push.exists(entry["reference"])
    except (RegistryError, DestinationError) as error:
        print(f"warning: whether {repository} still has the image is not known: {error}", file=sys.stderr, flush=True)
        return
    if not there:
        raise Failure(
            Exit.BAD_INPUT,
            f"{name}: the image of {_line(entry)} is no longer in {repository}, expected it there, as nothing is built "
            "by a rollback; put its model back into the stack file and run modelport up, and raise "
            "registry.images_kept to keep more of them",
        )


def _line(entry: "Promotion") -> str:
    from components.history import described

    return described(entry)


def _show(found: _Released, *, as_json: bool) -> None:
    last = found.history[-1]
    if as_json:
        entries = [{**each, "number": int(each["number"])} for each in found.history]
        print(json.dumps({"schema": 1, "service": found.service, "history": entries, "serves": last["digest"]}))
        return
    mark = "serves" if found.waited else "released last; whether it held AWS knows"
    for each in reversed(found.history):
        print(f"{_line(each)}{f'  ({mark})' if each is last else ''}")
