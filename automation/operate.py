"""One operation from the command's point of view: check, show, ask, do, sum up."""

import contextlib
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from automation import diagnosis
from automation.diagnosis import Reason
from automation.drivers import Choice, Driver, Listener, Operation, Options, Result, resolve
from automation.exits import Exit, Failure
from automation.projects import Target, has_spec
from automation.showing import SCHEMA, Showing
from automation.story import UNCHANGED, Step, Story
from engine import ahead, signals
from engine.command import targets
from engine.command.eventlog import EventLog
from engine.display.options import Options as Shown
from engine.errors import BadInput, EngineError
from engine.projects import load_project

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
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """What each resource waits for, by URN, where the engine tells that."""

    @property
    def changed(self) -> int:
        return sum(count for op, count in self.changes.items() if op != UNCHANGED)


def begin_program(target: Target, choice: Choice) -> None:
    """Let the program's process load the SDK while the stack file is checked, which takes as long."""
    if choice is Choice.PULUMI or resolve(choice) is not Choice.EMBEDDED:
        return
    with contextlib.suppress(EngineError):  # it is told when the project is read in earnest
        project = load_project(target.root)
        ahead.start(project.python(), project.program[0])


def check_stack_file(target: Target) -> None:
    """Refuse a stack file that makes no sense, one line for each mistake, before anything is touched."""
    if not has_spec(target.root):
        return
    from stacks.spec import SpecError, StackSpec

    try:
        spec = StackSpec.from_file(target.file)
    except SpecError as error:
        raise Failure(Exit.BAD_INPUT, *error.lines) from None
    if spec.image.signed_by is not None:
        _check_key(target, spec.image.signed_by)


def _check_key(target: Target, file: str) -> None:
    from model_build.signing import SigningKeyError, public

    what = f"{target.file.name}: image.signed_by is {file!r}"
    try:
        public((target.root / file).read_text("utf-8"), f"{what}, which")
    except (OSError, UnicodeDecodeError) as error:
        why = (getattr(error, "strerror", None) or "it is no text").lower()
        told = f"{what}, which cannot be read ({why}), expected the file of a public key; name it"
        raise Failure(Exit.BAD_INPUT, told) from None
    except SigningKeyError as error:
        raise Failure(Exit.BAD_INPUT, str(error)) from None


def check_port(target: Target) -> None:
    """Refuse a port that somebody else holds before a model is built for it; the stack's own endpoint may hold it."""
    if not has_spec(target.root):
        return
    from stacks.spec import StackSpec

    port = StackSpec.from_file(target.file).endpoint.port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
            return
    from components.local.errors import LocalError
    from components.local.folder import endpoints
    from components.local.ports import require_free

    own = f"{load_project(target.root).name}/{target.stack}/"
    if any(each.port == port for _, record in endpoints() if record.key.startswith(own) for each in record.all()):
        return
    try:
        require_free(port)
    except LocalError as error:
        raise Failure(Exit.FAILED, error.message) from None


def perform(
    driver: Driver,
    operation: Operation,
    options: Options,
    shown: Shown,
    *,
    stack: str,
    verbose: bool,
    event_log: Path | None = None,
    also: Listener | None = None,
) -> tuple[Ended, Showing]:
    """Run one operation and show it while it runs. verbose: errors are repeated as the engine wrote them.

    also: hears each event too.

    The showing waits for its end, which has the outputs in it.
    """
    showing = Showing(shown, driver.project, verbose=verbose)
    story = Story(showing, verbose=verbose)
    began = time.monotonic()
    with _interruptible(driver, showing) as interrupted, _logged(event_log, _both(story, also)) as hear:
        try:
            result = driver.run(operation, options, hear)
        except BaseException:
            showing.close()
            raise
    seconds = time.monotonic() - began
    if result.ok and operation in ("preview", "up"):
        try:
            targets.check((*options.targets, *options.replace), story.seen)
        except BadInput as error:
            showing.close()
            raise Failure(Exit.BAD_INPUT if operation == "preview" else Exit.FAILED, str(error)) from None
    ended = _sum_up(operation, result, story, seconds, interrupted=bool(interrupted), stack=stack)
    ended.references = result.references
    return ended, showing


def _both(first: Listener, second: Listener | None) -> Listener:
    if second is None:
        return first

    def hear(event: Mapping[str, Any]) -> None:
        first(event)
        second(event)

    return hear


@contextlib.contextmanager
def _logged(file: Path | None, hear: Listener) -> Generator[Listener]:
    """Write each event to a file too, a line each, as the CLI's --event-log does."""
    if file is None:
        yield hear
        return
    try:
        log = EventLog(file)
    except BadInput as error:
        raise Failure(Exit.BAD_INPUT, f"{error}; name a file that can") from None
    with log:
        yield _both(log.write, hear)


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


_INTERRUPTED = "interrupted: finishing the steps that run, once more stops at once"


@contextlib.contextmanager
def _interruptible(driver: Driver, showing: Showing) -> Generator[list[int]]:
    """Hand Ctrl-C, SIGTERM and a closed terminal to the engine: once to finish what runs, twice to stop at once."""
    seen: list[int] = []

    def on_signal(number: int, _: FrameType | None) -> None:
        seen.append(number)
        if len(seen) == 1 and not showing.notice(_INTERRUPTED):
            # os.write: print may be in the middle of a line of its own when a signal comes
            with contextlib.suppress(OSError):  # a terminal that was closed takes nothing more
                os.write(2, f"\n{_INTERRUPTED}\n".encode())
        driver.interrupt()

    before = {number: signal.signal(number, on_signal) for number in signals.heeded()}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def agreed(operation: Operation, ended: Ended, ask: Callable[[str], bool]) -> bool:
    """Whether the user wants what the preview showed."""
    if operation == "up" and not ended.changed:
        return True
    return ask(question(operation))


def question(operation: Operation) -> str:
    """What is asked before anything changes."""
    return f"{_ASK[operation]}?"


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
