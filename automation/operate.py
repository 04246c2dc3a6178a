"""One operation from the command's point of view: check, show, ask, do, sum up."""

import contextlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from automation import diagnosis, printers
from automation.diagnosis import Reason
from automation.drivers import Driver, Operation, Options, Result
from automation.exits import Exit, Failure
from automation.projects import Target, has_spec
from automation.story import UNCHANGED, Step, Story

SCHEMA = 1
"""Version of what `--json` prints; it grows by new keys, a changed or removed one raises it."""

_ASK = {
    "up": "make these changes",
    "destroy": "delete these resources",
    "refresh": "write what was found into the state",
}


@dataclass
class Ended:
    """How an operation ended, and all that its summary says."""

    operation: Operation
    code: Exit
    seconds: float
    changes: dict[str, int]
    steps: list[Step] = field(default_factory=list[Step])
    errors: list[str] = field(default_factory=list[str])

    @property
    def changed(self) -> int:
        return sum(count for op, count in self.changes.items() if op != UNCHANGED)


def check_stack_file(target: Target) -> None:
    """Refuse a stack file that makes no sense, one line for each mistake, before anything is touched."""
    if not has_spec(target.root):
        return
    from stacks.spec import SpecError, StackSpec

    try:
        StackSpec.from_file(target.file)
    except SpecError as error:
        raise Failure(Exit.BAD_INPUT, *error.lines) from None


def perform(
    driver: Driver, operation: Operation, options: Options, *, as_json: bool, stack: str, verbose: bool
) -> Ended:
    """Run one operation and show it while it runs. verbose: errors are repeated as the engine wrote them."""
    printer = printers.choose(as_json=as_json)
    story = Story(printer, verbose=verbose)
    began = time.monotonic()
    with _interruptible(driver) as interrupted:
        try:
            result = driver.run(operation, options, story)
        finally:
            if (close := getattr(printer, "close", None)) is not None:
                close()
    seconds = time.monotonic() - began
    return _sum_up(operation, result, story, seconds, interrupted=bool(interrupted), stack=stack)


def _sum_up(
    operation: Operation, result: Result, story: Story, seconds: float, *, interrupted: bool, stack: str
) -> Ended:
    changes = dict(story.changes or Counter(step.op for step in story.steps))
    if result.ok:
        return Ended(operation, Exit.DONE, seconds, changes, story.steps)
    reasons = list(story.reasons)
    if not reasons and result.error and (told := diagnosis.reason(result.error)):
        reasons.append(told)
    if not reasons and story.last_raised:
        reasons.append(Reason(Exit.FAILED, story.last_raised))
    errors = list(dict.fromkeys(reason.text for reason in reasons))
    if result.locked:
        code = Exit.LOCKED
        errors = [f"{result.error}\nto release it when nothing runs any more: modelport cancel --stack {stack}"]
    elif interrupted or result.interrupted:
        code = Exit.INTERRUPTED
        errors.append(f"{operation} was interrupted; what was finished is kept, run it again to go on")
    else:
        code = diagnosis.weigh(reasons)
        errors = errors or [
            result.error or f"{operation} failed and the engine said no reason; -v shows what it printed"
        ]
    return Ended(operation, code, seconds, changes, story.steps, errors)


@contextlib.contextmanager
def _interruptible(driver: Driver) -> Generator[list[int]]:
    """Hand Ctrl-C, SIGTERM and a closed terminal to the engine: once to finish what runs, twice to stop at once."""
    seen: list[int] = []

    def on_signal(number: int, _: FrameType | None) -> None:
        seen.append(number)
        if len(seen) == 1:
            # os.write: print may be in the middle of a line of its own when a signal comes
            with contextlib.suppress(OSError):  # a terminal that was closed takes nothing more
                os.write(2, b"\ninterrupted: finishing the steps that run, once more stops at once\n")
        driver.interrupt()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def agreed(operation: Operation, ended: Ended, ask: Callable[[str], bool]) -> bool:
    """Whether the user wants what the preview showed."""
    if operation == "up" and not ended.changed:
        return True
    return ask(f"\n{_ASK[operation]}?")


def must_ask(operation: Operation, *, yes: bool, as_json: bool) -> bool:
    """Whether to show and ask first; refuses where nobody can answer."""
    if yes or operation == "preview":
        return False
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        where = "--json is asked for" if as_json else "this is not a terminal"
        raise Failure(
            Exit.BAD_INPUT, f"{operation} asks before it changes anything and {where}; add --yes to agree beforehand"
        )
    return True


def count_line(ended: Ended, *, planned: bool) -> str:
    """`3 to create, 1 unchanged (2.1 s)`."""
    words = {UNCHANGED: "unchanged"}
    past = {
        "create": "created",
        "update": "updated",
        "delete": "deleted",
        "replace": "replaced",
        "refresh": "refreshed",
    }
    parts: list[str] = []
    for op, count in sorted(ended.changes.items(), key=lambda item: (item[0] == UNCHANGED, item[0])):
        if count:
            word = words.get(op) or (f"to {op}" if planned else past.get(op, op))
            parts.append(f"{count} {word}")
    return f"{', '.join(parts) or 'no resources'} ({ended.seconds:.1f} s)"


def summary(ended: Ended, *, stack: str, engine: str, outputs: dict[str, Any] | None) -> dict[str, Any]:
    """The last object that `--json` prints."""
    return {
        "schema": SCHEMA,
        "operation": ended.operation,
        "stack": stack,
        "engine": engine,
        "result": {Exit.DONE: "done", Exit.INTERRUPTED: "interrupted"}.get(ended.code, "failed"),
        "exit_code": int(ended.code),
        "changes": ended.changes,
        "seconds": round(ended.seconds, 3),
        "outputs": outputs,
        "errors": ended.errors,
    }


def refusal(failure: Failure) -> dict[str, Any]:
    """What `--json` prints for a command that ended before it began."""
    return {
        "event": "summary",
        "schema": SCHEMA,
        "operation": None,
        "stack": None,
        "engine": None,
        "result": "refused",
        "exit_code": int(failure.code),
        "changes": {},
        "seconds": 0.0,
        "outputs": None,
        "errors": failure.messages,
    }
