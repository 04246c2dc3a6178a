"""Stacks from Python: `Deployer`, for CI and for programs that bring stacks up for others.

    deployer = Deployer("path/to/project", "prod")
    running = deployer.up()
    async for event in running:
        ...                      # the engine's events, while it runs
    done = await running         # Done; raises OperationFailed
    both = await asyncio.gather(Deployer(project, "eu").up().done(), Deployer(project, "us").up().done())

Each operation is a process of its own: an engine and Pulumi's SDK have one state for a whole process, so several stacks
at a time would be in each other's way, one could not be interrupted alone, and a provider that takes its process down
would take the caller's with it.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from automation.drivers import Choice, Operation, Options, flags
from automation.exits import Exit, Failure
from automation.projects import Target, select
from automation.story import Step, Story
from engine.errors import Holder

_T = TypeVar("_T")
Event = Mapping[str, Any]
"""One of Pulumi's engine events, as `--event-log` writes them; `modelportRetryEvent` is ours."""
_TRANSIENT = (
    *("throttl", "rate exceeded", "rate limit", "too many requests", "quota exceeded for quota metric"),
    *("timed out", "timeout", "deadline exceeded", "temporarily unavailable", "service unavailable", "bad gateway"),
    *("connection reset", "connection refused", "broken pipe", "unexpected eof", "tls handshake", "no such host"),
)
"""Words of an error that another try may not meet."""
_CHUNK = 1 << 16
_INTERRUPTED = (
    "it was interrupted before it had begun, or as it ended; what was finished is kept, run it again to go on"
)


@dataclass(frozen=True)
class Retries:
    """When an operation is tried again by itself.

    Again means from the beginning, which goes on where the last try ended, as a state holds what was finished. Never
    tried again: what is wrong with the input, a gate that was missed, a release that was rolled back, an operation that
    was interrupted, and one that left a resource in the making, which a second try might make twice.
    """

    attempts: int = 3
    """Tries in all, where every error is one that passes, such as a throttled call."""
    pause: float = 5.0
    """Seconds before the second try, twice as many before each further one."""
    lock: float = 0.0
    """Seconds to wait for another operation on the stack to end."""
    release_ended: bool = False
    """Whether to release a lock whose holder was a process of this machine that has ended."""


@dataclass(frozen=True)
class Done:
    """How an operation ended."""

    operation: Operation
    stack: str
    engine: str
    code: Exit
    changes: Mapping[str, int]
    """Steps by kind: create, update, same, ..."""
    seconds: float
    outputs: Mapping[str, Any] | None
    """Those of the stack after an up or a refresh, secrets as "[secret]" unless they were asked for."""
    errors: Sequence[str]
    """One line each: what, what there was, what was expected, the fix."""
    steps: Sequence[Step] = ()
    attempts: int = 1


class OperationFailed(Exception):
    """An operation that did not end with Exit.DONE."""

    def __init__(self, done: Done) -> None:
        self.done = done
        super().__init__("\n".join(done.errors) or f"{done.operation} of {done.stack} ended with {int(done.code)}")


class StackHeld(Exception):
    """Somebody holds the stack who may still be at work."""

    def __init__(self, stack: str, holders: Sequence[Holder]) -> None:
        self.holders = holders
        who = ", ".join(f"{each.user}@{each.host}, process {each.pid}, since {each.since}" for each in holders)
        super().__init__(f"stack {stack} is held by {who}, expected nobody who may be at work; wait for them to end")


@dataclass
class _Attempt:
    """What one process said."""

    story: Story
    summary: dict[str, Any] = field(default_factory=dict[str, Any])
    stderr: str = ""
    returncode: int = 0


class Running:
    """An operation that runs: iterate over its events, await its end."""

    def __init__(self, deployer: "Deployer", operation: Operation, arguments: Sequence[str]) -> None:
        self._deployer, self._arguments = deployer, arguments
        self._operation: Operation = operation
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._process: asyncio.subprocess.Process | None = None
        self._interrupted = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def __await__(self) -> Generator[Any, None, Done]:
        return self.done().__await__()

    async def done(self) -> Done:
        """How it ended. Raises OperationFailed; cancelled, it interrupts the operation, and ends when that has."""
        try:
            found = await asyncio.shield(self._task)
        except asyncio.CancelledError:
            self.interrupt()
            with contextlib.suppress(Exception):
                await self._task
            raise
        if found.code is not Exit.DONE:
            raise OperationFailed(found)
        return found

    async def __aiter__(self) -> AsyncIterator[Event]:
        """The events of all tries, once, as they come."""
        while (event := await self._events.get()) is not None:
            yield event

    def interrupt(self) -> None:
        """Finish the steps that run and end; asked again, it ends at once. It is not tried again."""
        self._interrupted.set()
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGINT)

    async def _run(self) -> Done:
        retries, waited, attempt, steps = self._deployer.retries, 0.0, 1, list[Step]()
        try:
            while True:
                found = await self._attempt()
                steps += found.story.steps
                done = self._ended(found, attempt, steps)
                pause = await self._pause(done, attempt, waited, retries)
                if pause is None:
                    return done
                self._events.put_nowait(
                    {"modelportRetryEvent": {"attempt": attempt, "pause": pause, "errors": list(done.errors)}}
                )
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._interrupted.wait(), pause)
                if self._interrupted.is_set():
                    return replace(done, code=Exit.INTERRUPTED, errors=[*done.errors, _INTERRUPTED])
                if done.code is Exit.LOCKED:
                    waited += pause
                else:
                    attempt += 1
        finally:
            self._events.put_nowait(None)

    async def _pause(self, done: Done, attempt: int, waited: float, retries: Retries) -> float | None:
        """Seconds until the next try; None for no other."""
        if self._interrupted.is_set() or done.code not in (Exit.LOCKED, Exit.FAILED):
            return None
        if done.code is Exit.LOCKED:
            if retries.release_ended:
                # Somebody who may be at work is waited for, as without it.
                with contextlib.suppress(StackHeld, Failure):
                    if await self._deployer.release():
                        return 0.0
            return min(2.0, retries.lock - waited) if waited < retries.lock else None
        if attempt >= retries.attempts or not done.errors or not all(transient(each) for each in done.errors):
            return None
        try:
            if self._operation != "preview" and await self._deployer.in_the_making():
                return None
        except Failure:
            return None  # Where nobody can tell, what it ended with is the word, and not why nobody can.
        return retries.pause * float(2 ** (attempt - 1))

    async def _attempt(self) -> _Attempt:
        found = _Attempt(Story(_Silent()))
        read, write = os.pipe()
        command = [sys.executable, "-m", "automation", *self._arguments, "--event-log", f"/dev/fd/{write}"]
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self._deployer.target.root,
                env=self._deployer.variables(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(write,),
                # A terminal's Ctrl-C is the caller's to hand on: two of them would mean "at once".
                start_new_session=True,
            )
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        if self._interrupted.is_set():
            self._process.send_signal(signal.SIGINT)
        events = asyncio.create_task(self._hear(read, found.story))
        # A caller that goes away, such as a program that ends, must not leave an operation that nobody hears of.
        out, err = await self._to_its_end(self._process.communicate)
        await self._to_its_end(lambda: asyncio.wait([events]))
        await events
        found.returncode = self._process.returncode or 0
        found.summary = _summary(out.decode(errors="replace"))
        found.stderr = err.decode(errors="replace")
        return found

    async def _to_its_end(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """What `ask` gives; each time that this is cancelled meanwhile the operation is interrupted, and waited for."""
        while True:
            try:
                return await ask()
            except asyncio.CancelledError:
                self.interrupt()

    async def _hear(self, descriptor: int, story: Story) -> None:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        pipe = os.fdopen(descriptor, "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        rest = b""
        try:
            # By chunks: an event may be longer than a line of a StreamReader may be.
            while True:
                try:
                    chunk = await reader.read(_CHUNK)
                except asyncio.CancelledError:
                    continue  # who waits for the process says what becomes of it
                if not chunk:
                    break
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    event: Event = json.loads(line)
                    story(event)
                    self._events.put_nowait(event)
        finally:
            transport.close()

    def _ended(self, found: _Attempt, attempt: int, steps: Sequence[Step]) -> Done:
        told, target = found.summary, self._deployer.target
        errors: list[str] = list(told.get("errors") or ())
        if told:
            code = Exit(told["exit_code"])
        elif self._interrupted.is_set():
            code, errors = Exit.INTERRUPTED, [_INTERRUPTED]
        else:
            # Killed, or a mistake of its own: what it wrote last is all that there is.
            code = _code(found.returncode)
            errors = [found.stderr.strip()[-2000:] or f"it ended with {found.returncode} and said nothing"]
        return Done(
            self._operation,
            target.stack,
            str(told.get("engine") or ""),
            code,
            dict(told.get("changes") or {}),
            float(told.get("seconds") or 0.0),
            told.get("outputs"),
            errors,
            tuple(steps),
            attempt,
        )


class Deployer:
    """One stack of one project, from Python. Raises Failure for a project or a stack that is not there.

    project: the folder that holds Pulumi.yaml, or one below it. engine: as `--engine`. environment: variables beside
    this process's own, for example a passphrase; they are handed to the operations and never written down.
    """

    def __init__(
        self,
        project: Path | str,
        stack: str,
        *,
        engine: Choice = Choice.AUTO,
        environment: Mapping[str, str] | None = None,
        retries: Retries | None = None,
    ) -> None:
        self.target: Target = select(Path(project), stack, from_file=False)
        self.engine = engine
        self.retries = retries or Retries()
        self._environment = dict(environment or {})

    def preview(self, options: Options | None = None) -> Running:
        """What `up` would do."""
        return self._operate("preview", options)

    def up(self, options: Options | None = None, *, show_secrets: bool = False) -> Running:
        """Make the stack what its file says."""
        return self._operate("up", options, *(["--show-secrets"] if show_secrets else []))

    def refresh(self, options: Options | None = None) -> Running:
        """Read what is really there into the state."""
        return self._operate("refresh", options)

    def destroy(self, options: Options | None = None) -> Running:
        """Take the stack's resources away."""
        return self._operate("destroy", options)

    def promote(self, source: str, options: Options | None = None) -> Running:
        """Make the stack serve the very image that the stack `source` serves: `modelport promote`."""
        planned = ["--preview-only"] if (options or Options()).preview_only else []
        return self._staged("up", "promote", "--from", source, "--to", self.target.stack, *planned)

    def ephemeral(self, like: str, ttl: str, settings: Sequence[str] = ()) -> Running:
        """Make the stack one like another for a time, or bring it up to date: `modelport ephemeral up`."""
        given = [part for each in settings for part in ("--set", each)]
        return self._staged("up", "ephemeral", "up", self.target.stack, "--like", like, "--ttl", ttl, *given)

    def end(self) -> Running:
        """Take the ephemeral stack away, with all that is known of it: `modelport ephemeral down`."""
        return self._staged("destroy", "ephemeral", "down", self.target.stack)

    def _staged(self, operation: Operation, *words: str) -> Running:
        root = str(self.target.root)
        return Running(self, operation, [*words, "--cwd", root, "--engine", self.engine.value, "--json", "--yes"])

    async def outputs(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """The stack's outputs. Raises Failure for a stack that was never brought up."""
        return cast("dict[str, Any]", await self._ask("output", *(["--show-secrets"] if show_secrets else [])))

    async def drift(self) -> dict[str, Any]:
        """What is no longer as the state says, as `modelport drift --json` prints it."""
        return cast("dict[str, Any]", await self._ask("drift", accepted=(Exit.DONE, Exit.DRIFTED)))

    async def holders(self) -> list[Holder]:
        """Who holds the stack."""
        return [Holder(**each) for each in await self._told("automation.holding", *self._stack())]

    async def release(self) -> int:
        """Release locks whose holders were processes of this machine that have ended; how many these were.

        Raises StackHeld, with nothing released, where one may still be at work: a process that runs, or one of another
        machine, of which nobody here can tell.
        """
        found = await self.holders()
        if at_work := [each for each in found if each.alive is not False]:
            raise StackHeld(self.target.stack, at_work)
        return int(await self._told("automation.holding", *self._stack(), "release"))

    async def in_the_making(self) -> list[str]:
        """The resources of which a broken-off operation left unsaid whether they were made."""
        exported = await self._ask("stack", "export")
        deployment: dict[str, Any] = cast("dict[str, Any]", exported).get("deployment") or {}
        return [each["resource"]["urn"] for each in deployment.get("pending_operations") or ()]

    def variables(self) -> dict[str, str]:
        """What an operation's process has as its environment."""
        return {**os.environ, **self._environment}

    def _operate(self, operation: Operation, options: Options | None, *more: str) -> Running:
        chosen = options or Options()
        if chosen.preview_only and operation == "preview":
            raise ValueError("preview_only is for up, refresh and destroy; a preview is one already")
        agreed = [] if operation == "preview" else ["--yes"]
        planned = ["--preview-only"] if chosen.preview_only else []
        said = ["--json", *agreed, *planned, *flags(operation, chosen), *more]
        return Running(self, operation, [operation, *self._where(), *said])

    def _where(self) -> list[str]:
        return ["--cwd", str(self.target.root), "--stack", self.target.stack, "--engine", self.engine.value]

    def _stack(self) -> tuple[str, str]:
        return str(self.target.root), self.target.stack

    async def _ask(self, *words: str, accepted: Sequence[Exit] = (Exit.DONE,)) -> Any:
        plain = [] if words[0] == "stack" else ["--json"]
        verb = [each for each in words if not each.startswith("--")]
        rest = [each for each in words if each.startswith("--")]
        return await self._told("automation", *verb, *self._where(), *plain, *rest, accepted=accepted)

    async def _told(self, *words: str, accepted: Sequence[Exit] = (Exit.DONE,)) -> Any:
        """What a module of ours prints as JSON, with the variables of an operation. Raises Failure with its errors."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *words),
            cwd=self.target.root,
            env=self.variables(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        if process.returncode not in {int(each) for each in accepted}:
            lines = [line.removeprefix("error: ") for line in err.decode(errors="replace").splitlines()]
            raise Failure(
                _code(process.returncode), *(lines or [f"{words[1]} ended with {process.returncode} and said nothing"])
            )
        return json.loads(out)


def _code(returncode: int | None) -> Exit:
    """What a process ended with; a signal, or anything that is no code of ours, is a failure."""
    return Exit(returncode) if returncode in {int(each) for each in Exit} else Exit.FAILED


def transient(error: str) -> bool:
    """Whether an error is of a kind that passes."""
    said = error.lower()
    return any(each in said for each in _TRANSIENT)


def _summary(out: str) -> dict[str, Any]:
    """Our own word at the end of what a command prints as JSON: a document, or lines."""
    for text in (out, out.rstrip().rpartition("\n")[2]):
        with contextlib.suppress(ValueError):
            told: dict[str, Any] = json.loads(text)
            return cast("dict[str, Any]", told.get("modelport") or told.get("modelportEvent") or {})
    return {}


class _Silent:
    """Nobody reads along."""

    def began(self, step: Step) -> None: ...
    def ended(self, step: Step) -> None: ...
    def failed(self, step: Step) -> None: ...
    def progress(self, progress: Any) -> None: ...
    def message(self, message: Any) -> None: ...
    def reason(self, reason: Any, urn: str) -> None: ...
    def event(self, event: Event) -> None: ...
