"""Steps that ask what there is: reading, refreshing and importing."""

from collections.abc import Callable

from engine.checks import resource_diff
from engine.diff import Diff, compare
from engine.goals import Answer, Reading, Registration
from engine.paths import ignore_changes
from engine.provider import PartialFailure
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
        if isinstance(new.id, Unknown):
            new.outputs = {}
        else:
            provider = await self.loaded()
            made = await provider.read(
                new.urn, new.id, new.inputs, new.inputs, timeout=new.custom_timeouts.get("read", 0)
            )
            new.outputs = made.outputs
            new.id = made.id or new.id
        if old is not None:
            if self.replacing:
                old.delete = True
            new.created, new.modified = old.created, old.modified
            if not equal(new.inputs, old.inputs) or not equal(new.outputs, old.outputs):
                new.modified = now()

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

    def __init__(self, run: Run, old: Resource) -> None:
        super().__init__(run, old, old)
        self.deleted = False
        self.found = Diff(changes=False)

    @property
    def subject(self) -> Resource:
        assert self.old is not None
        return self.old

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
        return "update" if self.found.changes else "same"

    async def apply(self) -> None:
        old = self.subject
        if not old.custom or is_provider(old.type) or old.pending_replacement:
            return
        provider = await self.loaded()
        init_errors: list[str] = []
        try:
            made = await provider.read(
                old.urn, str(old.id), old.inputs, old.outputs, timeout=old.custom_timeouts.get("read", 0)
            )
        except PartialFailure as error:
            made, init_errors = error.made, error.made.init_errors
            text = "Refreshed resource is in an unhealthy state:\n* " + "\n* ".join(init_errors)
            self.run.events.say("warning", text, old.urn)
        if not made.id:
            self.deleted = True
            return
        new = old.copy()
        new.id, new.outputs, new.init_errors = made.id, made.outputs, init_errors
        new.refresh_before_update = made.refresh_before_update
        if made.inputs is not None:
            new.inputs = made.inputs
        if not equal(new.inputs, old.inputs) or not equal(new.outputs, old.outputs):
            new.modified = now()
        self.new = new
        if not old.external:
            diff = await resource_diff(
                self.run,
                provider,
                old.urn,
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
        then: Callable[["Import"], None],
    ) -> None:
        super().__init__(run, reg, None, new)
        self.replaces = replaces
        self.ignored = ignored
        self.then = then
        if replaces is not None:
            self.op = "import-replacement"

    async def apply(self) -> None:
        new = self.target
        provider = await self.loaded()
        try:
            made = await provider.read(new.urn, new.import_id, {}, {}, timeout=new.custom_timeouts.get("read", 0))
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
