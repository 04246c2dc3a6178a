"""The engine as a library: one stack, its operations, what it holds.

Importing this module imports neither `pulumi` nor gRPC; the first operation does what it needs of that.
"""

from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import ahead, collector, locks
from engine.errors import EngineError, ProviderMissing, StackMissing
from engine.events import Event, Events, Listener
from engine.policy import flags as policies
from engine.providers.standins import StandIn
from engine.run import Options
from engine.stacks import Stack, StackSummary, summarised
from engine.state import ROOT_TYPE, versioned
from engine.values import Props, Value, bare, from_checkpoint, has_secret, is_dict, is_list, items, part, to_checkpoint

if TYPE_CHECKING:
    from engine.operation import Kind, Operation
    from engine.settings import ConfigValue

__all__ = ["Engine", "EngineError", "Event", "Listener", "Options", "Outcome", "StackMissing", "StackSummary"]


@dataclass(frozen=True)
class Outcome:
    """How an operation ended. `changes` counts steps by kind; `error` is the first thing that went wrong, in full."""

    exit_code: int
    changes: dict[str, int] = field(default_factory=dict[str, int])
    error: str = ""
    stand_ins: tuple[StandIn, ...] = ()
    """Look-ups that a stand-in answered: made-up values that are in this plan (docs/stand-ins.md)."""
    plan_only: tuple[str, ...] = ()
    """Packages of the plan that have no provider on this machine; `up` refuses them."""
    references: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """What each resource waits for, by URN, itself or by way of its provider: no event tells that."""


class Engine:
    """One stack of the project in a folder. Every method raises an EngineError for what stops it before it begins."""

    def __init__(self, project: Path, stack: str, backend: str | None = None) -> None:
        self.stack = Stack(project, stack, backend)
        self._operation: Operation | None = None
        self._early = 0

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
        """From another thread: stop the operation, the first time after what runs, the second time at once.

        One that has been asked for and has not begun stops as it begins.
        """
        operation = self._operation
        if operation is not None:
            operation.interrupt()
        else:
            self._early += 1

    def _do(self, what: str, options: Options | None, on_event: Listener | None, *, create: bool) -> Outcome:
        from engine.operation import Kind

        chosen = options or Options()
        policies.check(chosen.policy_packs, chosen.policy_pack_configs)
        preview = what == "preview" or chosen.preview_only
        kind = Kind(
            name="update" if what == "up" else what,
            program=what in ("preview", "up") or chosen.run_program,
            preview=preview,
            refresh_only=what == "refresh",
            destroying=what == "destroy" and chosen.run_program,
        )
        if create and not self.stack.exists():
            if preview:
                return self._operate(kind, chosen, on_event, what)
            self.stack.init(with_file=False)
            try:
                return self._do(what, options, on_event, create=False)
            except ProviderMissing:
                self.stack.backend.remove(self.stack.project.name, self.stack.name)
                raise
        if preview:
            return self._operate(kind, chosen, on_event, what)
        if not self.stack.exists():
            raise StackMissing(f"no stack named '{self.stack.name}' found")
        with self.stack.held(lambda text: Events(on_event).say("warning", text)):
            return self._operate(kind, chosen, on_event, what)

    def _operate(self, kind: "Kind", options: Options, on_event: Listener | None, what: str) -> Outcome:
        import os

        from engine.operation import Operation

        project = self.stack.project
        folder, file = project.program
        beside = ahead.started(project.python(), folder) if kind.program and file.is_file() else nullcontext()
        with beside, collector.staying():
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
        while self._early:
            self._early -= 1
            operation.interrupt()
        try:
            ok = operation.run(opened)
        finally:
            self._operation = None
        changes = dict(sorted(operation.events.changes.items()))
        registry = operation.registry
        return Outcome(
            0 if ok else 1,
            changes,
            "" if ok else (errors[0] if errors else "the operation failed"),
            tuple(registry.stand_ins) if registry else (),
            tuple(sorted(registry.plan_only)) if registry else (),
            operation.references(),
        )

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

    def import_(self, text: str, *, force: bool = False) -> list[str]:
        """Put an exported deployment in the place of the state; the warnings for the user.

        Raises DamagedState where it is of another stack or does not hold together, unless `force` asks for it.
        """
        from engine.importing import import_deployment

        return import_deployment(self.stack, text, force=force)

    def rename(self, new: str) -> str:
        """Give the stack another name, STACK or organization/PROJECT/STACK; its full new name."""
        from engine.renaming import rename

        return rename(self.stack, new)

    def protected(self) -> tuple[list[str], int]:
        """The URNs of what is protected and of all that it needs, and how many resources there are in all."""
        from engine.graph import Graph

        resources = self.stack.open().deployment().resources
        graph = Graph(resources)
        kept: set[int] = set()
        for resource in resources:
            if resource.protect:
                kept |= {id(resource), *graph.transitive(resource)}
        return [resource.urn for resource in resources if id(resource) in kept], len(resources)

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

    def stack_details(self, *, all_projects: bool = False) -> list[StackSummary]:
        """What `stack ls` shows of each stack, by full name."""
        backend = self.stack.backend
        projects = backend.projects() if all_projects else [self.stack.project.name]
        return [
            summary
            for project in projects
            for name in backend.stacks(project)
            if (summary := summarised(backend, project, name)) is not None
        ]

    def history(self, page_size: int = 0, page: int = 1) -> list[Props]:
        """What was done with the stack, newest first; page_size 0 is all of it, pages count from 1."""
        if not self.exists():
            raise StackMissing(f"no stack named '{self.stack.name}' found")
        return self.stack.backend.history(self.stack.project.name, self.stack.name, page_size, page)

    def set_config(self, key: str, value: str, *, secret: bool = False, path: bool = False, kind: str = "") -> None:
        """Set a configuration value in Pulumi.STACK.yaml. kind: string, int, float or bool; else as it looks."""
        file = self.stack.file()
        crypter = None
        if secret:
            crypter = self.stack.config_crypter()
        file.set(key, value, secret=crypter, path=path, kind=kind)
        file.save()

    def config_get(self, key: str, *, path: bool = False) -> "ConfigValue":
        """One configuration value, a secret one decrypted; BadInput where there is none."""
        from engine import settings

        return settings.get(self.stack, key, path=path)

    def config_list(self, *, show_secrets: bool = False) -> "dict[str, ConfigValue]":
        """Every configuration value by its full key."""
        from engine import settings

        return settings.values(self.stack, show_secrets=show_secrets)

    def config_remove(self, key: str, *, path: bool = False) -> None:
        """Take a configuration value out of Pulumi.STACK.yaml."""
        from engine import settings

        settings.remove(self.stack, key, path=path)

    def change_passphrase(self, new: str) -> None:
        """Encrypt the state and Pulumi.STACK.yaml anew with another passphrase."""
        from engine import settings

        settings.change_passphrase(self.stack, new)

    def remove(self, *, force: bool = False, preserve_config: bool = True, remove_backups: bool = False) -> None:
        """Forget the stack; refuses while it still has resources, unless forced.

        preserve_config: leave Pulumi.STACK.yaml. remove_backups: take the backups too.
        """
        backend, project, name = self.stack.backend, self.stack.project.name, self.stack.name
        with self.stack.held():
            _, data = self.stack.read()
            left: list[Props] = items(part(data["checkpoint"], "latest"), "resources")
            if [r for r in left if r.get("type") != ROOT_TYPE] and not force:
                raise EngineError(f"stack '{name}' still has resources; remove them with destroy, or force its removal")
            backend.remove(project, name, backups=remove_backups)
        if not preserve_config:
            (self.stack.project.root / f"Pulumi.{name}.yaml").unlink(missing_ok=True)


def _has_ciphertext(raw: Any) -> bool:
    from engine.values import SECRET_TAG, TAG

    if is_dict(raw):
        return raw.get(TAG) == SECRET_TAG or any(_has_ciphertext(v) for v in raw.values())
    return is_list(raw) and any(_has_ciphertext(v) for v in raw)
