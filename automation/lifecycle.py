"""preview, up, refresh and destroy: from the flags to the exit code."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from automation import operate
from automation.drivers import Choice, Driver, Listener, Operation, Options, drive
from automation.exits import Exit, Failure
from automation.operate import Ended
from automation.projects import Target, select
from automation.showing import TRY, complain
from automation.story import patient
from automation.wanted import Wanted
from engine import ahead
from engine.backend import choose, state_dir
from engine.command import targets
from engine.display.options import Options as Shown
from engine.errors import BadInput
from engine.projects import load_project

if TYPE_CHECKING:
    from automation.report.making import Making

ENDPOINT, REPORT = "endpoint", "report"
"""Outputs of a stack that have a place of their own at the end of `up`."""


@dataclass(frozen=True)
class Request:
    """What the flags say, the same for all four."""

    cwd: Path
    stack: str | None
    engine: Choice
    as_json: bool = False
    yes: bool = False
    skip_preview: bool = False
    show_secrets: bool = False
    verbose: bool = False
    options: Options = field(default_factory=Options)
    shown: Shown = field(default_factory=Shown)
    event_log: Path | None = None
    expect_no_changes: bool = False
    report: Wanted = field(default_factory=Wanted)


def run(operation: Operation, request: Request, ask: Callable[[str], bool]) -> Exit:
    """Carry the operation out; raises Failure for what is refused before anything happens."""
    target = select(request.cwd, request.stack, from_file=operation in ("preview", "up"))
    try:
        return _run(operation, request, ask, target)
    finally:
        ahead.drop()


def _run(operation: Operation, request: Request, ask: Callable[[str], bool], target: Target) -> Exit:
    unasked = request.yes or request.options.preview_only
    asking = operate.must_ask(operation, yes=unasked, as_json=request.as_json)
    if operation in ("preview", "up"):
        operate.begin_program(target, request.engine)
        operate.check_stack_file(target)
    if operation == "up" and not asking and not request.options.preview_only:
        # where a preview comes first, that tells it
        operate.check_port(target)
    generated = state_dir() / "passphrase"
    known = generated.exists()
    making = _making(request, target) if request.report else None
    driver = drive(target, request.engine)
    check_targets(driver, operation, request.options)
    if asking and request.skip_preview:
        if not ask(operate.question(operation)):
            print("nothing was done")
            return Exit.DONE
    elif asking:
        planned = _do(driver, operation, _planning(request), target)
        if planned.code is not Exit.DONE:
            return planned.code
        if not operate.agreed(operation, planned, ask):
            print("nothing was done")
            return Exit.DONE
    ended = _do(driver, operation, request, target, also=making.plan if making else None)
    code = ended.code
    if making is not None:
        code = making.finish(ended, project=driver.project, engine=driver.name, quiet=request.as_json)
    if generated.exists() and not known and not request.as_json:
        with patient():
            print(_handing_over(target))
    return code


def _making(request: Request, target: Target) -> "Making":
    from automation.report.making import Making

    return Making(request.report, target)


def _planning(request: Request) -> Request:
    """The same, only planned."""
    return replace(request, options=replace(request.options, preview_only=True), event_log=None)


def check_targets(driver: Driver, operation: Operation, options: Options) -> None:
    """Refuse names that no resource has, where the state alone says which there are."""
    given = (*options.targets, *options.excludes)
    if operation in ("preview", "up") or not any(not targets.is_urn(word) for word in given):
        return
    deployment: dict[str, Any] = driver.export(show_secrets=False).get("deployment") or {}
    resources: list[dict[str, str]] = deployment.get("resources") or []
    try:
        targets.check(given, [resource["urn"] for resource in resources])
    except BadInput as error:
        raise Failure(Exit.BAD_INPUT, str(error)) from None


def _handing_over(target: Target) -> str:
    """How the stack that was just made, with a passphrase that was made up, goes on under `pulumi` itself."""
    url = choose(load_project(target.root).backend_url)
    return (
        f"\nthe passphrase of stack {target.stack} was made up and is kept in a file; for pulumi itself:\n"
        f"export PULUMI_BACKEND_URL={url} PULUMI_CONFIG_PASSPHRASE_FILE={state_dir() / 'passphrase'}"
    )


def _do(
    driver: Driver, operation: Operation, request: Request, target: Target, *, also: Listener | None = None
) -> Ended:
    planning = operation == "preview" or request.options.preview_only
    shown = replace(
        request.shown,
        operation=operation,
        stack=target.stack,
        preview=planning,
        as_json=request.as_json,
        # in plain text they follow at the end
        suppress_outputs=request.shown.suppress_outputs or (request.show_secrets and not planning),
        engine=driver.name,
    )
    ended, showing = operate.perform(
        driver,
        "preview" if planning and operation == "up" else operation,
        request.options,
        shown,
        stack=target.stack,
        verbose=request.verbose,
        event_log=request.event_log,
        also=also,
    )
    outputs: dict[str, Any] | None = None
    if ended.code is Exit.DONE and not planning and operation in ("up", "refresh"):
        outputs = driver.outputs(show_secrets=request.show_secrets)
    if ended.code is Exit.DONE and request.expect_no_changes and ended.changed:
        ended.code = Exit.FAILED
        ended.errors = [f"{ended.changed} changes, expected none; leave --expect-no-changes out to accept them"]
    with patient():
        showing.conclude(operate.summary(ended, stack=target.stack, engine=driver.name, outputs=outputs))
        complain(ended.errors)
        if outputs and not request.as_json:
            _at_the_end(outputs, request)
    return ended


def _at_the_end(outputs: dict[str, Any], request: Request) -> None:
    """What the view did not say: secrets that are to be shown, and the lines to paste."""
    if request.show_secrets and not request.shown.suppress_outputs:
        show_outputs(outputs)
    else:
        _try_it(outputs)


def show_outputs(outputs: dict[str, Any]) -> None:
    """The endpoint first, what else there is, and last the lines that can be pasted into a shell."""
    rest = {key: value for key, value in outputs.items() if key not in (ENDPOINT, REPORT, TRY)}
    print()
    for key in (ENDPOINT, REPORT):
        if key in outputs:
            print(f"{key}: {_text(outputs[key])}")
    for key, value in sorted(rest.items()):
        print(f"{key}: {_text(value)}")
    _try_it(outputs)


def _try_it(outputs: dict[str, Any]) -> None:
    lines: Any = outputs.get(TRY)
    if isinstance(lines, list) and lines:
        print("\ntry it:")
        # nothing in front of them: each can be marked and pasted as it stands
        print("\n".join(str(line) for line in cast("list[object]", lines)))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def cancel(request: Request, ask: Callable[[str], bool]) -> Exit:
    """Release a stack that an operation left locked."""
    target = select(request.cwd, request.stack, from_file=False)
    driver = drive(target, request.engine)
    if not request.yes:
        if not sys.stdin.isatty():
            raise Failure(
                Exit.BAD_INPUT, "cancel asks before it takes a lock away and this is not a terminal; add --yes"
            )
        if not ask(f"release stack {target.stack}, even if an operation still runs on it?"):
            print("nothing was done")
            return Exit.DONE
    taken = driver.cancel()
    print(
        f"stack {target.stack}: {taken} lock{'' if taken == 1 else 's'} released"
        if taken
        else f"stack {target.stack} was not locked"
    )
    return Exit.DONE
