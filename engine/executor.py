"""Does steps: a chain in its order, chains at the same time, and notes in state and events what became of each."""

import asyncio
from collections.abc import Iterable

from engine.errors import BackendError, EngineError
from engine.goals import Outputs
from engine.hooks import Around
from engine.readings import Import, Read, Refresh
from engine.run import Run
from engine.state import ROOT_TYPE, Resource, qualified_type
from engine.steps import Create, Delete, RemovePending, Replace, Same, Step, StepFailed, Update
from engine.values import equal, secret

_PENDING = {
    "create": "creating",
    "create-replacement": "creating",
    "update": "updating",
    "delete": "deleting",
    "delete-replaced": "deleting",
    "discard": "deleting",
    "discard-replaced": "deleting",
    "read": "reading",
    "read-replacement": "reading",
    "import": "importing",
    "import-replacement": "importing",
}


class Executor:
    """Runs chains of steps, as many at once as the user allows; after a failure no new step begins."""

    def __init__(self, run: Run, parallel: int, *, ignore_errors: bool = False) -> None:
        self.run = run
        self._slots = asyncio.Semaphore(parallel)
        self._ignore_errors = ignore_errors
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending: dict[str, Step] = {}
        self.stopped = asyncio.Event()
        self.errored = False
        self.failed: list[Step] = []
        self.stack_outputs: Outputs | None = None

    def stop(self) -> None:
        """Begin no new step; what runs goes on to its end."""
        self.stopped.set()

    def abandon(self) -> None:
        """Give up what runs, as it is: the state keeps it as begun and not ended."""
        self.stop()
        for task in self._tasks:
            task.cancel()

    async def chain(self, steps: list[Step]) -> "asyncio.Task[None] | None":
        """Hand a chain over as soon as there is a hand free for it."""
        waits = self._slots.locked()
        if not await self._slot():
            return None
        task = asyncio.create_task(self._work(steps))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if waits:  # it begins before anything is heard that came in the meantime, such as the program's end
            await asyncio.sleep(0)
        return task

    async def _slot(self) -> bool:
        if not self._slots.locked():
            await self._slots.acquire()
        else:
            slot = asyncio.create_task(self._slots.acquire())
            stop = asyncio.create_task(self.stopped.wait())
            await asyncio.wait({slot, stop}, return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            if not slot.done():
                slot.cancel()
                return False
        if self.stopped.is_set():
            self._slots.release()
            return False
        return True

    async def together(self, steps: Iterable[Step]) -> None:
        """Do independent steps at the same time, and wait for them."""
        tasks = [task for task in [await self.chain([step]) for step in steps] if task is not None]
        if tasks:
            await asyncio.wait(tasks)

    async def idle(self) -> None:
        """Wait until nothing runs."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _work(self, steps: list[Step]) -> None:
        try:
            for step in steps:
                if self.stopped.is_set():
                    return
                if not await self._one(step):
                    return
        finally:
            self._slots.release()

    async def _one(self, step: Step) -> bool:
        try:
            await self._execute(step)
        except StepFailed as error:
            self._fail(step, protected=error.protected)
            return False
        except EngineError as error:
            self.run.events.say("error", str(error), step.urn)
            self._fail(step, protected=False)
            return False
        if not self.run.options.continue_on_error and self.run.post_error:
            self.stop()
        return True

    def _fail(self, step: Step, *, protected: bool) -> None:
        self.errored = True
        if self._ignore_errors:
            return
        if self.run.options.continue_on_error or protected:
            step.fail()
            self.failed.append(step)
        else:
            self.stop()

    async def _execute(self, step: Step) -> None:
        run = self.run
        run.events.began(step, run.preview)
        kind = _PENDING.get(step.op)
        if kind and not run.preview:
            run.snapshot.begin(step.subject, kind)
            await run.snapshot.settled()
        error: EngineError | None = None
        partial = False
        try:
            await step.apply()
        except StepFailed as failed:
            error, partial = failed, failed.partial
        except BackendError:
            raise
        except EngineError as failed:
            error = failed
        if error is None and step.logical and step.new is not None:
            self._pending[step.urn] = step
        if step.new_shown is not None and not isinstance(step, Replace):
            _mark_secrets(run, step.new_shown)
            (run.reads if isinstance(step, Read) else run.news)[step.urn] = step.new_shown
        self._told(step, error)
        if partial and isinstance(step, Update) and step.old is not None:
            step.target.inputs = dict(step.old.inputs)
        if not run.preview:
            self._note(step, done=error is None or partial)
            await run.snapshot.settled()
        if error is not None:
            raise StepFailed(str(error), partial=partial, protected=getattr(error, "protected", False))
        step.complete()

    def _told(self, step: Step, error: EngineError | None) -> None:
        run, events = self.run, self.run.events
        if error is not None:
            urn = "" if step.internal else step.urn
            events.say("error", f"Preview failed: {error}" if run.preview else str(error), urn)
            if not run.preview:
                events.failed(step)
            return
        op, counted = step.op, step.logical
        if isinstance(step, Refresh) and run.refresh_only:
            op, counted = step.result_op, True
        if step.op == "read":
            counted = step.old is not None and step.new is not None and not equal(step.old.outputs, step.new.outputs)
        if counted and not step.internal:
            events.changes[op] += 1
        subject = step.subject
        if run.preview or subject.custom or step.op == "delete" or isinstance(step, Refresh):
            events.ended(step, op, run.preview)

    def _note(self, step: Step, *, done: bool) -> None:
        """What the step means for the state."""
        snapshot, old, new = self.run.snapshot, step.old, step.new
        if isinstance(step, Same):
            if done and old is not None and new is not None:
                if step.skipped_create:
                    snapshot.skip(old)
                else:
                    snapshot.same(old, new, changed=_differs(old, new))
        elif isinstance(step, Create):
            gone = [old] if done and old is not None and old.pending_replacement else []
            changed = [old] if done and old is not None and old.delete else []
            snapshot.end(step.target, new=[step.target] if done else [], done=gone, changed=changed)
        elif isinstance(step, Update):
            snapshot.end(
                step.target,
                new=[step.target] if done else [],
                done=[old] if done and old is not None else [],
                changed=[],
            )
        elif isinstance(step, Delete):
            subject = step.subject
            gone = [subject] if done and not subject.pending_replacement else []
            snapshot.end(subject, new=[], done=gone, changed=[subject] if done and not gone else [])
        elif isinstance(step, Read):
            assert new is not None
            drop = [old] if done and old is not None else []
            snapshot.end(new, new=[new] if done else [], done=drop, changed=[])
        elif isinstance(step, Import):
            replaced = [step.replaces] if done and step.replaces is not None else []
            snapshot.end(step.target, new=[step.target] if done else [], done=[], changed=replaced)
        elif isinstance(step, Refresh):
            if done and step.then is not None and old is not None:
                snapshot.reread(old, step.new_shown)
        elif isinstance(step, RemovePending):
            snapshot.end(step.subject, new=[], done=[step.subject], changed=[])

    async def outputs(self, event: Outputs, *, finalizing: bool = False, errored: bool = False) -> None:
        """A component is complete, or at the very end the stack is."""
        if not finalizing and qualified_type(event.urn) == ROOT_TYPE:
            self.stack_outputs = event
            event.done()
            return
        step = self._pending.pop(event.urn, None)
        if step is None or step.new is None:
            raise EngineError(f"cannot complete a resource '{event.urn}' whose registration isn't pending")
        if isinstance(step, Same) and step.skipped_create:
            event.done()
            return
        outputs = event.outputs
        if finalizing and errored:
            old = self.run.olds.get(event.urn)
            outputs = {**(old.outputs if old else {}), **outputs}
        step.new.outputs = outputs
        if not step.new.custom:
            await self._component_hooks(step, step.new)
        self.run.events.ended(step, step.op, self.run.preview)
        unchanged = isinstance(step, Same) and step.old is not None and equal(step.old.outputs, outputs)
        if not self.run.preview and not unchanged:
            self.run.snapshot.outputs(step.new)
        if not self.run.options.continue_on_error and self.run.post_error:
            self.stop()
        event.done()

    async def _component_hooks(self, step: Step, new: Resource) -> None:
        if isinstance(step, Create):
            await step.after("after_create", Around(new, None, new, new.inputs, None, new.outputs))
        elif isinstance(step, Update) and step.old is not None:
            old = step.old
            await step.after("after_update", Around(new, old, new, new.inputs, old.inputs, new.outputs, old.outputs))


def _mark_secrets(run: Run, new: Resource) -> None:
    """Outputs named as secret are, and so is what came from a secret input."""
    for key in new.additional_secret_outputs:
        if key == "id":
            run.events.say(
                "warning",
                "The 'id' property cannot be made secret. See pulumi/pulumi#2717 for more details.",
                new.urn,
            )
        elif key in new.outputs:
            new.outputs[key] = secret(new.outputs[key])
    from engine.values import Secret

    for key, value in new.outputs.items():
        if isinstance(new.inputs.get(key), Secret):
            new.outputs[key] = secret(value)


def _differs(old: Resource, new: Resource) -> bool:
    """Whether a resource that stays as it is must still be written at once, for an option or an output of it."""
    for name in (
        "urn",
        "type",
        "custom",
        "custom_timeouts",
        "retain_on_delete",
        "provider",
        "parent",
        "deleted_with",
        "replace_with",
        "protect",
        "resource_hooks",
    ):
        if getattr(old, name) != getattr(new, name):
            return True
    return (
        not equal(old.inputs, new.inputs)
        or not equal(old.outputs, new.outputs)
        or sorted(old.dependencies) != sorted(new.dependencies)
        or not equal(old.replacement_trigger, new.replacement_trigger)
    )
