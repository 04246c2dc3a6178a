"""The course of an operation: refresh, the program's wishes one by one, what is left over, the end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from engine import deletes, refresh
from engine.errors import BackendError, EngineError
from engine.executor import Executor
from engine.generator import Generator
from engine.goals import Continue, Finished, Outputs, Reading, Registration
from engine.monitor import Monitor
from engine.program import Program
from engine.run import Bail, Run
from engine.state import make_urn
from engine.targets import Targets

Launch = Callable[[Monitor], Awaitable[Program]]
Item = Registration | Reading | Outputs | Continue | Finished

HANG = 5.0
"""How long a program may take to exit once all is done, in seconds; then it is ended, and nothing is lost."""

PENDING = """\
These resources are in an unknown state because the Pulumi CLI was interrupted while waiting for changes to these \
resources to complete. You should confirm whether or not the operations listed completed successfully by checking the \
state of the appropriate provider. For example, if you are using AWS, you can confirm using the AWS Console.

Once you have confirmed the status of the interrupted operations, you can repair your stack using `pulumi refresh` \
which will refresh the state from the provider you are using and clear the pending operations if there are any.

Note that `pulumi refresh` will need to be run interactively to clear pending CREATE operations."""


@dataclass
class Interrupt:
    """The user's wish to stop: once to finish what runs, twice to stop now."""

    asked: asyncio.Event
    now: asyncio.Event


class Deployment:
    """One operation on a stack whose state is open and whose children are ready to start."""

    def __init__(self, run: Run, parallel: int, interrupt: Interrupt) -> None:
        self.run = run
        self.parallel = parallel
        self.interrupt = interrupt
        self.inbox: asyncio.Queue[Item] = asyncio.Queue()
        self._watch: asyncio.Task[None] | None = None
        self._executors: list[Executor] = []

    async def perform(self, monitor: Monitor | None, launch: Launch | None) -> bool:
        """Do it all; whether it succeeded. Everything there is to say has then been said."""
        self._watch = asyncio.create_task(self._interrupted())
        try:
            return await self._perform(monitor, launch)
        except Bail:
            return False
        except BackendError as error:
            self._error(str(error))
            return False
        except EngineError as error:
            self._error(str(error))
            return False
        finally:
            self._watch.cancel()

    async def _interrupted(self) -> None:
        await self.interrupt.asked.wait()
        for executor in self._executors:
            executor.stop()
        await self.run.registry.cancel()
        if self.run.policies is not None:
            await self.run.policies.cancel()

    def abandon(self) -> None:
        """Stop now: what runs is given up, and stays in the state as begun and not ended."""
        for executor in self._executors:
            executor.abandon()

    def _error(self, message: str, urn: str = "") -> None:
        self.run.events.say("error", message, urn)

    def _result(self, how: str) -> None:
        self._error(("preview " if self.run.preview else "update ") + how)

    async def _perform(self, monitor: Monitor | None, launch: Launch | None) -> bool:
        run = self.run
        asked = run.options.refresh or run.refresh_only
        if asked and not run.refresh_program:
            if not await self._refresh():
                return False
            if run.refresh_only:
                return True
        elif (
            not asked
            and not run.refresh_program
            and any(resource.refresh_before_update for resource in run.base.resources)
        ):
            if not await self._refresh(asked=False):
                return False
        elif run.base.pending and not run.preview:
            self._warn_pending()
        refresh.check_targets(run, Targets(run.options.replace), set())
        executor = Executor(run, self.parallel)
        self._executors.append(executor)
        if self.interrupt.asked.is_set():
            executor.stop()
        generator = Generator(run, executor, self.inbox.put_nowait)
        if monitor is None or launch is None:
            self.inbox.put_nowait(Finished())
            return await self._conclude(generator, executor, await self._loop(generator, executor))
        program = await launch(monitor)
        ends = asyncio.create_task(self._await_program(monitor, program))
        try:
            error = await self._loop(generator, executor)
            if error is not None or executor.stopped.is_set():
                program.hush()
            return await self._conclude(generator, executor, error)
        finally:
            if executor.stopped.is_set() or run.events.errors:
                program.hush()
            monitor.over.set()
            ends.cancel()
            await self._leave(program, broken=executor.stopped.is_set())
            await monitor.callbacks.close()

    async def _leave(self, program: Program, *, broken: bool) -> None:
        if not broken:
            try:
                await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(program.ended())), HANG)
            except TimeoutError:
                self.run.events.say(
                    "warning", f"the program did not exit within {HANG:g} s of its end; it was ended. Nothing is lost"
                )
        await program.end()

    async def _await_program(self, monitor: Monitor, program: Program) -> None:
        done = asyncio.ensure_future(monitor.program_done.wait())
        ended = asyncio.ensure_future(program.ended())
        await asyncio.wait({done, ended}, return_when=asyncio.FIRST_COMPLETED)
        self.inbox.put_nowait(Finished() if done.done() else ended.result())
        done.cancel()

    async def _refresh(self, *, asked: bool = True) -> bool:
        """Read what the user `asked` to read, or what its provider wants read before each update."""
        run = self.run
        if not run.base.resources:
            return True
        refresh.check_targets(run, Targets(run.options.targets), set())
        refresh.check_targets(run, Targets(run.options.excludes), set())
        executor = Executor(run, self.parallel, ignore_errors=True)
        self._executors.append(executor)
        if self.interrupt.asked.is_set():
            executor.stop()
        await refresh.perform(run, executor, asked=asked)
        if executor.errored:
            self._result("failed")
            return False
        if self.interrupt.asked.is_set():
            self._result("canceled")
            return False
        return True

    def _warn_pending(self) -> None:
        pending = self.run.base.pending
        lines = [f"  * {op.resource.urn}, interrupted while {op.type}" for op in pending]
        head = (
            f"Attempting to deploy or update resources with {len(pending)} pending operations from previous deployment."
        )
        self.run.events.say("warning", "\n".join([head, *lines, PENDING]))

    async def _loop(self, generator: Generator, executor: Executor) -> Bail | None:
        """Take what the program asks for until it has ended; a Bail where there is no going on."""
        ended = False
        stopped = asyncio.ensure_future(executor.stopped.wait())
        try:
            while True:
                event = await self._next(executor, stopped)
                if event is None:
                    return None
                try:
                    ended = await self._handle(event, generator, executor) or ended
                    if ended and not generator.waiting:
                        return await self._post(generator, executor)
                except Bail as bail:
                    executor.stop()
                    return bail
                except EngineError as error:
                    self._error(str(error), self._about(event))
                    executor.stop()
                    return Bail(str(error))
        finally:
            stopped.cancel()

    async def _next(self, executor: Executor, stopped: "asyncio.Future[Any]") -> Item | None:
        """What is to be looked at next; None where the executor has stopped.

        What has been asked for already is looked at before any step that was handed over begins, for it may be refused.
        """
        if not self.inbox.empty() and not executor.stopped.is_set():
            return self.inbox.get_nowait()
        item = asyncio.ensure_future(self.inbox.get())
        await asyncio.wait({item, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if stopped.done() and not (item.done() and isinstance(item.result(), Continue)):
            item.cancel()
            return None
        return item.result()

    def _about(self, event: Item) -> str:
        if isinstance(event, Registration):
            goal = event.goal
            return make_urn(self.run.stack, self.run.project, goal.parent, goal.type, goal.name)
        if isinstance(event, Reading):
            return make_urn(self.run.stack, self.run.project, event.parent, event.type, event.name)
        return event.urn if isinstance(event, Outputs | Continue) else ""

    async def _handle(self, event: Item, generator: Generator, executor: Executor) -> bool:
        if isinstance(event, Registration):
            await generator.hand_over(generator.validated(await generator.register(event)))
        elif isinstance(event, Reading):
            await generator.hand_over(await generator.read(event))
        elif isinstance(event, Outputs):
            await executor.outputs(event)
        elif isinstance(event, Continue):
            generator.waiting -= 1
            await event.resume()
        else:
            if event.error and not event.told:
                self._error(event.error)
            if event.error:
                raise Bail(event.error)
            return True
        return False

    async def _post(self, generator: Generator, executor: Executor) -> Bail | None:
        """The deletes; a Bail only for targets that are not there."""
        missing: Bail | None = None
        try:
            refresh.check_targets(self.run, Targets(self.run.options.targets), generator.names.urns)
        except Bail as bail:
            missing = bail
        try:
            if self.run.refresh_only:
                await refresh.rest(self.run, generator, executor)
            else:
                await deletes.perform(self.run, generator, executor)
        except Bail:
            generator.saw_error = True
        return missing

    async def _conclude(self, generator: Generator, executor: Executor, error: Bail | None) -> bool:
        run = self.run
        await executor.idle()
        failed = executor.errored or generator.saw_error or bool(run.post_error)
        failed = failed or (run.policies is not None and run.policies.saw_error)
        if executor.stack_outputs is not None:
            await executor.outputs(executor.stack_outputs, finalizing=True, errored=failed or error is not None)
        if error is not None:
            return False
        if run.policies is not None and not executor.errored:
            await run.policies.analyze_stack(generator.providers)
            failed = failed or run.policies.saw_error
        if failed or run.post_error:
            self._result("failed")
            return False
        if self.interrupt.asked.is_set():
            self._result("canceled")
            return False
        return True
