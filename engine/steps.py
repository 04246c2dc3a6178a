"""Steps: each takes one resource from what it is to what it shall be."""

from collections.abc import Awaitable, Callable
from typing import Final

from engine.diff import Change, Diff
from engine.errors import EngineError
from engine.goals import Answer, Registration
from engine.hooks import HOOK_KINDS, Around, HookFailed
from engine.providers.base import Made, PartialFailure, Provider
from engine.run import Run
from engine.state import Resource, is_provider, now
from engine.values import Value

MAX_RETRIES: Final = 100


class StepFailed(EngineError):
    """The provider refused; `partial` says that the thing exists all the same."""

    def __init__(self, message: str, *, partial: bool = False, protected: bool = False) -> None:
        super().__init__(message)
        self.partial = partial
        self.protected = protected


class Step:
    """One step. `apply` does it; what follows it in state and events is the executor's."""

    op: str = ""
    logical: bool = True

    def __init__(self, run: Run, old: Resource | None, new: Resource | None) -> None:
        self.run = run
        self.old = old
        self.new = new
        self.keys: list[str] = []
        self.diffs: list[str] = []
        self.detailed: dict[str, Change] | None = None
        self.shown: dict[int, tuple[Value, Value]] = {}
        """Values by their identity, and as its events show them."""

    @property
    def subject(self) -> Resource:
        found = self.new or self.old
        assert found is not None
        return found

    @property
    def new_shown(self) -> Resource | None:
        return self.new

    @property
    def urn(self) -> str:
        return self.subject.urn

    @property
    def type(self) -> str:
        return self.subject.type

    @property
    def provider(self) -> str:
        return self.subject.provider

    @property
    def internal(self) -> bool:
        """Not shown to the user and not counted."""
        from engine.state import is_default_provider

        return is_default_provider(self.urn)

    async def apply(self) -> None:
        """Do it; raises an EngineError when it cannot be done."""

    def complete(self) -> None:
        """Answer whoever waits for the step."""

    def fail(self) -> None:
        """Tell whoever waits that it failed."""

    def skip(self) -> None:
        """Tell whoever waits that it was left out."""

    async def loaded(self) -> Provider:
        """The provider of the resource."""
        subject = self.subject
        if is_provider(subject.type):
            return self.run.registry.providers
        found = self.run.registry.get(subject.provider)
        if found is None:
            raise StepFailed(f"unknown provider '{subject.provider}' for resource '{subject.urn}'")
        return found

    async def retried(self, operation: str, around: Around, call: Callable[[], Awaitable[Made | None]]) -> Made | None:
        """Call the provider, again where the program's error hooks ask for it."""
        names = around.resource.resource_hooks.get(HOOK_KINDS["on_error"], [])
        failures: list[str] = []
        while True:
            try:
                return await call()
            except HookFailed:
                raise
            except EngineError as error:
                if not names:
                    raise
                failures.insert(0, str(error))
                if len(failures) > MAX_RETRIES:
                    self.run.events.say(
                        "warning", f"maximum number of error hook retries ({MAX_RETRIES}) reached", self.urn
                    )
                    raise
                try:
                    again = await self.run.hooks.retry(names, around, operation, failures)
                except HookFailed:
                    if operation != "delete":
                        raise
                    again = False  # of a deletion only the provider's own error is told
                if not again:
                    raise
                self.run.events.say(
                    "warning",
                    f"retrying {operation} due to on-error hook request ({len(failures)}/{MAX_RETRIES})",
                    self.urn,
                )

    async def after(self, kind: str, around: Around) -> None:
        """Run the hooks that follow a step: their failure fails the operation, not the step."""
        try:
            await self.run.run_hooks(kind, around)
        except EngineError as error:
            self.run.events.say("error", str(error), self.urn)
            self.run.post_error = str(error)


class Registered(Step):
    """A step that answers a registration."""

    def __init__(self, run: Run, reg: Registration | None, old: Resource | None, new: Resource) -> None:
        super().__init__(run, old, new)
        self.reg = reg

    @property
    def target(self) -> Resource:
        assert self.new is not None
        return self.new

    def complete(self) -> None:
        if self.reg:
            self.reg.done(Answer(self.target))

    def fail(self) -> None:
        if self.reg:
            self.reg.done(Answer(self.target, "failed"))

    def skip(self) -> None:
        if self.reg:
            self.reg.done(Answer(self.target, "skipped"))


class Same(Registered):
    """Nothing changes; the new state may still differ in options."""

    op = "same"

    def __init__(
        self,
        run: Run,
        reg: Registration | None,
        old: Resource,
        new: Resource,
        *,
        untargeted: bool = False,
        skipped_create: bool = False,
    ) -> None:
        super().__init__(run, reg, old, new)
        self.untargeted = untargeted
        self.skipped_create = skipped_create

    async def apply(self) -> None:
        old, new = self.old, self.target
        assert old is not None
        new.id = old.id
        new.outputs = dict(old.outputs)
        if is_provider(new.type) and not self.skipped_create and not self.untargeted:
            await self.run.registry.same(new.urn, str(old.id), old.inputs)

    def complete(self) -> None:
        if self.reg:
            self.reg.done(Answer(self.target, unknown=self.skipped_create))


class Create(Registered):
    """Make a new resource, perhaps in the place of an old one."""

    op = "create"

    def __init__(
        self,
        run: Run,
        reg: Registration,
        new: Resource,
        *,
        replaces: Resource | None = None,
        diff: Diff | None = None,
        pending_delete: bool = False,
    ) -> None:
        super().__init__(run, reg, replaces, new)
        self.pending_delete = pending_delete
        if replaces is not None:
            self.op = "create-replacement"
            self.logical = False
        if diff is not None:
            self.keys, self.diffs, self.detailed = diff.replaces, diff.changed, diff.detailed

    async def apply(self) -> None:
        new = self.target
        around = Around(new, new=new, new_inputs=new.inputs)
        await self.run.run_hooks("before_create", around)
        failed: PartialFailure | None = None
        if new.custom:
            provider = await self.loaded()

            async def call() -> Made:
                return await provider.create(
                    new.urn, new.inputs, timeout=new.custom_timeouts.get("create", 0), preview=self.run.preview
                )

            try:
                made = await self.retried("create", around, call)
            except PartialFailure as error:
                failed, made = error, error.made
                new.init_errors = made.init_errors
            assert made is not None
            if not made.id and not failed:
                raise StepFailed("provider did not return an ID from Create")
            new.id, new.outputs = made.id, made.outputs
            new.refresh_before_update = made.refresh_before_update
        new.created = new.modified = now()
        if self.old is not None and self.pending_delete:
            self.old.delete = True
        if failed:
            raise StepFailed(str(failed), partial=True)
        if new.custom:
            await self.after("after_create", Around(new, None, new, new.inputs, None, new.outputs))


class Update(Registered):
    """Change a resource in place."""

    op = "update"

    def __init__(
        self, run: Run, reg: Registration, old: Resource, new: Resource, diff: Diff, ignored: list[str]
    ) -> None:
        super().__init__(run, reg, old, new)
        self.diffs, self.detailed = diff.changed, diff.detailed
        self.ignored = ignored

    async def apply(self) -> None:
        old, new = self.old, self.target
        assert old is not None
        new.id, new.created, new.modified = old.id, old.created, old.modified
        around = Around(new, old, new, new.inputs, old.inputs, None, old.outputs)
        await self.run.run_hooks("before_update", around)
        failed: PartialFailure | None = None
        if new.custom:
            provider = await self.loaded()

            async def call() -> Made:
                return await provider.update(
                    new.urn,
                    str(old.id),
                    old.inputs,
                    old.outputs,
                    new.inputs,
                    timeout=new.custom_timeouts.get("update", 0),
                    preview=self.run.preview,
                    ignored=self.ignored,
                )

            try:
                made = await self.retried("update", around, call)
            except PartialFailure as error:
                failed, made = error, error.made
                new.init_errors = made.init_errors
            assert made is not None
            new.outputs = made.outputs
            new.refresh_before_update = made.refresh_before_update
            new.modified = now()
        if failed:
            raise StepFailed(str(failed), partial=True)
        if old.custom:
            await self.after("after_update", Around(new, old, new, new.inputs, old.inputs, new.outputs, old.outputs))


class Replace(Step):
    """Tells that a resource is replaced; the steps beside it do the work."""

    op = "replace"

    def __init__(self, run: Run, old: Resource, new: Resource, diff: Diff | None = None) -> None:
        super().__init__(run, old, new)
        if diff is not None:
            self.keys, self.diffs, self.detailed = diff.replaces, diff.changed, diff.detailed


class Delete(Step):
    """Take a resource away: one that left the program, or one that was replaced."""

    def __init__(
        self, run: Run, old: Resource, others: set[str], *, replacing: bool = False, pending: bool = False
    ) -> None:
        super().__init__(run, old, None)
        self.others = others
        self.replacing = replacing
        self.pending = pending
        self.logical = not replacing
        if old.external:
            self.op = "discard-replaced" if replacing else "discard"
        else:
            self.op = "delete-replaced" if replacing else "delete"

    async def apply(self) -> None:
        old = self.subject
        around = Around(old, old=old, old_inputs=old.inputs, old_outputs=old.outputs)
        await self.run.run_hooks("before_delete", around)
        if not self.replacing and old.protect and not self.run.options.ignore_protect:
            raise StepFailed(
                f'resource "{old.urn}" cannot be deleted\n'
                "because it is protected. To unprotect the resource, either remove the `protect` flag from the "
                "resource in your Pulumi program and run `pulumi up`, or use the command:\n"
                f"`pulumi state unprotect {quoted(old.urn)}`",
                protected=True,
            )
        spared = self.run.preview or old.external or old.retain_on_delete
        if not spared and old.custom and old.deleted_with not in self.others:
            provider = await self.loaded()

            async def call() -> None:
                await provider.delete(
                    old.urn, str(old.id), old.inputs, old.outputs, timeout=old.custom_timeouts.get("delete", 0)
                )

            await self.retried("delete", around, call)
        if self.pending:
            old.pending_replacement = True
        await self.after("after_delete", around)


def quoted(urn: str) -> str:
    """A URN as a shell takes it whole."""
    return "'" + urn.replace("'", "'\\''") + "'"


class RemovePending(Step):
    """Forget a resource that was deleted for a replacement which never came."""

    op = "remove-pending-replace"
    logical = False

    def __init__(self, run: Run, old: Resource) -> None:
        super().__init__(run, old, None)

    @property
    def internal(self) -> bool:
        return True
