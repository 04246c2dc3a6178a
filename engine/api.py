"""The engine as a library: one stack, its operations, what it holds.

Importing this module imports neither `pulumi` nor gRPC; the first operation does what it needs of that.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import locks
from engine.errors import EngineError, StackMissing
from engine.events import Event, Listener
from engine.run import Options
from engine.stacks import Stack
from engine.state import versioned
from engine.values import Props, Value, bare, from_checkpoint, has_secret, is_dict, is_list, items, part, to_checkpoint

if TYPE_CHECKING:
    from engine.operation import Kind, Operation

__all__ = ["Engine", "EngineError", "Event", "Listener", "Options", "Outcome", "StackMissing"]


@dataclass(frozen=True)
class Outcome:
    """How an operation ended. `changes` counts steps by kind; `error` is the first thing that went wrong, in full."""

    exit_code: int
    changes: dict[str, int] = field(default_factory=dict[str, int])
    error: str = ""


class Engine:
    """One stack of the project in a folder. Every method raises an EngineError for what stops it before it begins."""

    def __init__(self, project: Path, stack: str, backend: str | None = None) -> None:
        self.stack = Stack(project, stack, backend)
        self._operation: Operation | None = None

    # -- operations --------------------------------------------------------------------------------------------------

    def preview(
        self, options: Options | None = None, on_event: Listener | None = None, *, create: bool = True
    ) -> Outcome:
        """What `up` would do. A stack that is not there is previewed as an empty one, and nothing is written."""
        return self._do("preview", options, on_event, create=create)

    def up(self, options: Options | None = None, on_event: Listener | None = None, *, create: bool = True) -> Outcome:
        """Make the world what the program says; a stack that is not there is made, unless `create` is False."""
        return self._do("up", options, on_event, create=create)

    def refresh(self, options: Options | None = None, on_event: Listener | None = None) -> Outcome:
        """Make the state say what the world is."""
        return self._do("refresh", options, on_event, create=False)

    def destroy(self, options: Options | None = None, on_event: Listener | None = None) -> Outcome:
        """Take everything away; the stack itself stays, empty."""
        return self._do("destroy", options, on_event, create=False)

    def interrupt(self) -> None:
        """From another thread: stop the operation, the first time after what runs, the second time at once."""
        operation = self._operation
        if operation is not None:
            operation.interrupt()

    def _do(self, what: str, options: Options | None, on_event: Listener | None, *, create: bool) -> Outcome:
        from engine.operation import Kind

        chosen = options or Options()
        preview = what == "preview" or chosen.preview_only
        kind = Kind(
            name="update" if what == "up" else what,
            program=what in ("preview", "up"),
            preview=preview,
            refresh_only=what == "refresh",
        )
        if create and not self.stack.exists():
            if preview:
                return self._operate(kind, chosen, on_event, what)
            self.stack.init(with_file=False)
        if preview:
            return self._operate(kind, chosen, on_event, what)
        if not self.stack.exists():
            raise StackMissing(f"no stack named '{self.stack.name}' found")
        with self.stack.held():
            return self._operate(kind, chosen, on_event, what)

    def _operate(self, kind: "Kind", options: Options, on_event: Listener | None, what: str) -> Outcome:
        import os

        from engine.operation import Operation

        opened = self.stack.open() if self.stack.exists() or what != "preview" else self.stack.empty()
        errors: list[str] = []

        def hear(event: Event) -> None:
            diagnostic = event.get("diagnosticEvent")
            if diagnostic and diagnostic["severity"] == "error":
                errors.append(str(diagnostic["message"]).strip())
            if on_event is not None:
                on_event(event)

        parallel = options.parallel if options.parallel > 0 else 4 * (os.cpu_count() or 1)
        operation = self._operation = Operation(self.stack, kind, options, hear, parallel)
        try:
            ok = operation.run(opened)
        finally:
            self._operation = None
        changes = dict(sorted(operation.events.changes.items()))
        return Outcome(0 if ok else 1, changes, "" if ok else (errors[0] if errors else "the operation failed"))

    # -- what the stack holds ----------------------------------------------------------------------------------------

    def outputs(self, show_secrets: bool = False) -> dict[str, Value]:
        """The stack's outputs; secrets as "[secret]" unless they are to be shown."""
        opened = self.stack.open()
        roots = [r for r in items(opened.latest, "resources") if r.get("type") == "pulumi:pulumi:Stack"]
        if not roots:
            return {}
        raw = part(roots[-1], "outputs")
        if not _has_ciphertext(raw):
            return raw
        values: Props = from_checkpoint(raw, opened.crypter)
        if show_secrets:
            return {key: bare(value) for key, value in values.items()}
        return {key: "[secret]" if has_secret(value) else value for key, value in values.items()}

    def export(self, show_secrets: bool = False) -> Props:
        """The deployment as `stack export` prints it."""
        opened = self.stack.open()
        latest = dict(opened.latest)
        if show_secrets:
            for name in ("resources", "pending_operations"):
                if name in latest:
                    latest[name] = to_checkpoint(from_checkpoint(latest[name], opened.crypter), None, show=True)
        return {**versioned(latest), "deployment": latest}

    def import_(self, text: str) -> None:
        """Put an exported deployment in the place of the state."""
        self.stack.imported(text)

    def cancel(self) -> int:
        """Release a stack that a killed operation holds; the number of locks taken away."""
        return locks.cancel(self.stack.backend, self.stack.project.name, self.stack.name)

    def init(self) -> None:
        """Make the stack, its salt in Pulumi.STACK.yaml, as `pulumi stack init` does."""
        self.stack.init(with_file=True)

    def exists(self) -> bool:
        return self.stack.exists()

    def stacks(self) -> list[str]:
        """The project's stacks in this backend."""
        return self.stack.backend.stacks(self.stack.project.name)

    def history(self) -> list[Props]:
        """What was done with the stack, newest first."""
        return self.stack.backend.history(self.stack.project.name, self.stack.name)

    def set_config(self, key: str, value: str, *, secret: bool = False, path: bool = False) -> None:
        """Set a configuration value in Pulumi.STACK.yaml."""
        file = self.stack.file()
        crypter = None
        if secret:
            crypter = self.stack.open().config_crypter
        file.set(key, value, secret=crypter, path=path)
        file.save()

    def remove(self, *, force: bool = False) -> None:
        """Forget the stack; refuses while it still has resources, unless forced."""
        opened = self.stack.open()
        if opened.latest.get("resources") and not force:
            raise EngineError(
                f"stack '{self.stack.name}' still has resources; remove them with destroy, or force its removal"
            )
        with self.stack.held():
            self.stack.backend.remove(self.stack.project.name, self.stack.name)


def _has_ciphertext(raw: Any) -> bool:
    from engine.values import SECRET_TAG, TAG

    if is_dict(raw):
        return raw.get(TAG) == SECRET_TAG or any(_has_ciphertext(v) for v in raw.values())
    return is_list(raw) and any(_has_ciphertext(v) for v in raw)
