"""preview, up, refresh and destroy: from the flags to the exit code."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from automation import operate
from automation.drivers import Choice, Driver, Operation, Options, drive
from automation.exits import Exit, Failure
from automation.operate import Ended
from automation.projects import Target, select
from automation.story import patient
from engine.backend import choose, state_dir
from engine.projects import load_project

ENDPOINT, REPORT, TRY = "endpoint", "report", "try"
"""Outputs of a stack that have a place of their own at the end of `up`."""


@dataclass(frozen=True)
class Request:
    """What the flags say, the same for all four."""

    cwd: Path
    stack: str | None
    engine: Choice
    as_json: bool = False
    yes: bool = False
    show_secrets: bool = False
    verbose: bool = False
    options: Options = field(default_factory=Options)


def run(operation: Operation, request: Request, ask: Callable[[str], bool]) -> Exit:
    """Carry the operation out; raises Failure for what is refused before anything happens."""
    target = select(request.cwd, request.stack, from_file=operation in ("preview", "up"))
    asking = operate.must_ask(operation, yes=request.yes, as_json=request.as_json)
    if operation in ("preview", "up"):
        operate.check_stack_file(target)
    generated = state_dir() / "passphrase"
    known = generated.exists()
    driver = drive(target, request.engine)
    if asking:
        planned = _do(driver, "preview", request, target) if operation == "up" else _what_is_there(driver, operation)
        if planned.code is not Exit.DONE:
            return planned.code
        if not operate.agreed(operation, planned, ask):
            print("nothing was done")
            return Exit.DONE
    code = _do(driver, operation, request, target).code
    if generated.exists() and not known and not request.as_json:
        with patient():
            print(_handing_over(target))
    return code


def _handing_over(target: Target) -> str:
    """How the stack that was just made, with a passphrase that was made up, goes on under `pulumi` itself."""
    url = choose(load_project(target.root).backend_url)
    return (
        f"\nthe passphrase of stack {target.stack} was made up and is kept in a file; for pulumi itself:\n"
        f"export PULUMI_BACKEND_URL={url} PULUMI_CONFIG_PASSPHRASE_FILE={state_dir() / 'passphrase'}"
    )


def _what_is_there(driver: Driver, operation: Operation) -> Ended:
    """What a refresh or a destroy would go through: the state itself, named one by one."""
    deployment: dict[str, Any] = driver.export(show_secrets=False).get("deployment") or {}
    resources: list[dict[str, str]] = deployment.get("resources") or []
    for resource in resources:
        print(f"  {resource['type'].rpartition(':')[2]} {resource['urn'].rpartition('::')[2]}")
    return Ended(operation, Exit.DONE, 0.0, {})


def _do(driver: Driver, operation: Operation, request: Request, target: Target) -> Ended:
    with patient():
        if not request.as_json:
            print(f"{operation} of stack {target.stack} ({driver.name} engine)", flush=True)
    ended = operate.perform(
        driver,
        operation,
        request.options,
        as_json=request.as_json,
        stack=target.stack,
        verbose=request.verbose,
    )
    outputs: dict[str, Any] | None = None
    if ended.code is Exit.DONE and operation in ("up", "refresh"):
        outputs = driver.outputs(show_secrets=request.show_secrets)
    with patient():
        _conclude(ended, driver, request, target, outputs)
    return ended


def _conclude(ended: Ended, driver: Driver, request: Request, target: Target, outputs: dict[str, Any] | None) -> None:
    if request.as_json:
        told = operate.summary(ended, stack=target.stack, engine=driver.name, outputs=outputs)
        print(json.dumps({"event": "summary", **told}), flush=True)
    else:
        print(f"{ended.operation}: {operate.count_line(ended, planned=ended.operation == 'preview')}", flush=True)
    for error in ended.errors:
        print(f"error: {error}", file=sys.stderr)
    if outputs and not request.as_json:
        show_outputs(outputs)


def show_outputs(outputs: dict[str, Any]) -> None:
    """The endpoint first, what else there is, and last the lines that can be pasted into a shell."""
    rest = {key: value for key, value in outputs.items() if key not in (ENDPOINT, REPORT, TRY)}
    print()
    for key in (ENDPOINT, REPORT):
        if key in outputs:
            print(f"{key}: {_text(outputs[key])}")
    for key, value in sorted(rest.items()):
        print(f"{key}: {_text(value)}")
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
