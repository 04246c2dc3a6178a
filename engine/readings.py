"""Steps that ask what there is: reading, refreshing and importing."""

from collections.abc import Callable

from engine.checks import resource_diff
from engine.diff import Diff, compare
from engine.errors import EngineError
from engine.goals import Answer, Reading, Registration
from engine.paths import ignore_changes
from engine.providers.base import PartialFailure
from engine.run import Run
from engine.state import Resource, is_provider, now
from engine.steps import Registered, Step, StepFailed
from engine.values import Unknown, equal


class Read(Step):
    """Read a resource that someone else manages."""

    def __init__(self, run: Run, reading: Reading, old: Resource | None, new: Resource, *, replacing: bool) -> None:
        super().__init__(run, old, new)
        self.reading = reading
        self.replacing = replacing
        self.op = "read-replacement" if replacing else "read"
        self.logical = not replacing

    async def apply(self) -> None:
        new, old = self.subject, self.old
        failed: PartialFailure | None = None
        if isinstance(new.id, Unknown):
            new.outputs = {}
        else:
            provider = await self.loaded()
            try:
                made = await provider.read(
                    new.urn, new.id, new.inputs, new.inputs, timeout=new.custom_timeouts.get("read", 0)
                )
            except PartialFailure as error:
                failed, made = error, error.made
                new.init_errors = made.init_errors
            if not made.id and not made.outputs and not made.empty:
                raise StepFailed(f"resource '{new.id}' does not exist")
            new.outputs = made.outputs
            new.id = made.id or new.id
        if old is not None:
            if self.replacing:
                old.delete = True
            new.created, new.modified = old.created, old.modified
            if not equal(new.inputs, old.inputs) or not equal(new.outputs, old.outputs):
                new.modified = now()
        if failed:
            raise StepFailed(str(failed), partial=True)

    def complete(self) -> None:
        self.reading.done(Answer(self.subject))

    def fail(self) -> None:
        self.reading.done(Answer(self.subject, "failed"))

    def skip(self) -> None:
        self.reading.done(Answer(self.subject, "skipped"))


class Refresh(Step):
    """Ask the provider what has become of a resource."""

    op = "refresh"
    logical = False

    def __init__(
        self,
        run: Run,
        old: Resource,
        *,
        wanted: Resource | None = None,
        hidden: bool = False,
        then: Callable[[Resource | None, EngineError | None], None] | None = None,
    ) -> None:
        super().__init__(run, old, wanted or old)
        self.deleted = False
        self.hidden = hidden
        self.then = then
        self.found = Diff(changes=False)

    @property
    def subject(self) -> Resource:
        assert self.old is not None
        return self.old

    @property
    def urn(self) -> str:
        return self.found_state.urn

    @property
    def type(self) -> str:
        return self.found_state.type

    @property
    def provider(self) -> str:
        return self.found_state.provider

    @property
    def internal(self) -> bool:
        return self.hidden or super().internal

    @property
    def new_shown(self) -> Resource | None:
        return None if self.deleted else self.new

    @property
    def found_state(self) -> Resource:
        """The resource as it was found."""
        return self.new or self.subject

    @property
    def result_op(self) -> str:
        if self.deleted:
            return "delete"
        if self.new is self.old:
            return "same"
        assert self.old is not None and self.new is not None
        if self.old.external:
            return "same" if not compare(self.old.outputs, self.new.outputs).changes else "update"
        return "same" if self.found.changes is False else "update"

    async def apply(self) -> None:
        try:
            await self._refresh()
        except EngineError as error:
            if self.then is not None:
                self.then(None, error)
            raise

    def complete(self) -> None:
        if self.then is not None:
            self.then(self.new_shown, None)

    async def _refresh(self) -> None:
        old = self.subject
        if not old.custom or is_provider(old.type) or old.pending_replacement:
            if self.then is not None:
                self.new = old.copy()
                self.found = Diff(changes=None)  # the official engine counts what it does not compare as changed
            return
        provider = await self.loaded()
        init_errors: list[str] = []
        try:
            made = await provider.read(
                self.urn, str(old.id), old.inputs, old.outputs, timeout=old.custom_timeouts.get("read", 0)
            )
        except PartialFailure as error:
            made, init_errors = error.made, error.made.init_errors
            text = "Refreshed resource is in an unhealthy state:\n* " + "\n* ".join(init_errors)
            self.run.events.say("warning", text, self.urn)
        if not made.id:
            self.deleted = True
            return
        new = self.found_state.copy()
        new.id, new.outputs, new.init_errors = made.id, made.outputs, init_errors
        new.refresh_before_update = made.refresh_before_update
        new.inputs = old.inputs if made.inputs is None else made.inputs
        if not equal(new.inputs, old.inputs) or not equal(new.outputs, old.outputs):
            new.modified = now()
        self.new = new
        if not old.external:
            diff = await resource_diff(
                self.run,
                provider,
                new.urn,
                str(new.id),
                new.inputs,
                new.outputs,
                old.inputs,
                old.ignore_changes,
                preview=self.run.preview,
            )
            self.found = diff.inverted()
            self.diffs, self.detailed = self.found.changed, self.found.detailed


class Import(Registered):
    """Take over a resource that exists, by its id."""

    op = "import"

    def __init__(
        self,
        run: Run,
        reg: Registration,
        new: Resource,
        *,
        replaces: Resource | None,
        ignored: list[str],
        then: Callable[["Import | None"], None],
    ) -> None:
        super().__init__(run, reg, None, new)
        self.replaces = replaces
        self.ignored = ignored
        self.then = then
        if replaces is not None:
            self.op = "import-replacement"
            self.logical = False

    async def apply(self) -> None:
        new = self.target
        provider = await self.loaded()
        try:
            timeout = new.custom_timeouts.get("read", 0)
            made = await provider.take_over(new.urn, new.import_id, new.inputs, timeout=timeout)
        except PartialFailure as error:
            made = error.made
            new.init_errors = made.init_errors
        if not made.id and not made.outputs:
            raise StepFailed(f"resource '{new.import_id}' does not exist")
        if made.inputs is None:
            package = new.type.split(":", 1)[0]
            raise StepFailed(
                f"provider does not support importing resources; please try updating the '{package}' plugin"
            )
        new.id = made.id or new.import_id
        new.inputs, new.outputs = made.inputs, made.outputs
        old = new.copy()
        old.created = old.modified = ""
        self.old = old
        new.created = new.modified = now()
        new.inputs, _ = ignore_changes(new.inputs, old.inputs, self.ignored)
        if self.replaces is not None:
            self.replaces.delete = True

    def complete(self) -> None:
        self.then(self)

    def fail(self) -> None:
        super().fail()
        self.then(None)

    def skip(self) -> None:
        super().skip()
        self.then(None)
