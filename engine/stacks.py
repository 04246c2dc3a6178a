"""A stack that is open: its project, its configuration, its secrets and its state."""

import contextlib
import os
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from engine import journal, locks
from engine.backend import ORGANIZATION, Backend, choose, open_backend, stack_parts, state_dir
from engine.checkpoints import encode, parse
from engine.errors import BackendError, BadInput, StackLocked, StackMissing, WrongPassphrase
from engine.projects import NAME, Project, StackFile, load_project
from engine.secrets import Keyless, Passphrase, generated, passphrase_for
from engine.state import Deployment, checkpoint, deployment_from_json, deployment_to_json
from engine.values import Crypter, Props, from_checkpoint, items, marked, part

NO_PASSPHRASE = (
    "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables; it "
    "encrypts the secrets in a stack's state: choose one and export it, or give the one that the stack was made with"
)


def _unlock(stack: str, salt: str) -> Passphrase:
    """The secrets of `stack`, by the passphrase that is set or else the one that was made up for it."""
    passphrase = passphrase_for(stack, state_dir(), generate=False)
    if passphrase is None:
        raise WrongPassphrase(NO_PASSPHRASE)
    # A variable set for another stack must not lock the user out of the one that has a passphrase of its own.
    return Passphrase.open(passphrase, salt, generated(stack, state_dir()))


@dataclass
class Opened:
    """The state as read; `raw` is the file, byte for byte, empty where there is none yet."""

    raw: bytes
    latest: Props
    crypter: Crypter
    config_crypter: Crypter

    def deployment(self) -> Deployment:
        """The state with its secrets readable; the first one waits for the key."""
        return deployment_from_json(self.latest, self.crypter, plain=not marked(self.raw))


@dataclass(frozen=True)
class StackSummary:
    """A stack as a list shows it; `updated` (RFC 3339) is when its state was written, None where it does not say."""

    name: str
    project: str
    updated: str | None
    resources: int
    locked: bool

    @property
    def full_name(self) -> str:
        return f"{ORGANIZATION}/{self.project}/{self.name}"


def summarised(backend: Backend, project: str, name: str) -> StackSummary | None:
    """What a list shows of a stack, by its state as it lies; None where it is gone since."""
    found = backend.read_state(project, name)
    if found is None:
        return None
    latest = part(found[1]["checkpoint"], "latest")
    resources = items(latest, "resources")
    updated = part(latest, "manifest").get("time")
    return StackSummary(name, project, updated, len(resources), bool(backend.locks(project, name)))


class Stack:
    """One stack of a project in a backend."""

    def __init__(self, root: Path, name: str, backend: str | None = None) -> None:
        self.project: Project = load_project(root)
        project, self.name = stack_parts(name, self.project.name)
        if not NAME.fullmatch(self.name):
            raise BadInput(f"the stack is {name!r}, expected letters, digits, '-', '_' and '.', at most 100")
        if project != self.project.name:
            raise BadInput(
                f"the stack {name} is of the project {project}, and Pulumi.yaml here is of {self.project.name}; "
                "change to the project that it is of"
            )
        self.backend: Backend = open_backend(choose(self.project.backend_url, backend), self.project.root)
        self._held = False

    @property
    def full_name(self) -> str:
        return f"{ORGANIZATION}/{self.project.name}/{self.name}"

    def exists(self) -> bool:
        return self.backend.exists(self.project.name, self.name)

    def file(self) -> StackFile:
        file = StackFile.load(self.project, self.name)
        if file.data.get("encryptedkey"):
            raise BadInput(
                f"{file.file.name}: has an encryptedkey, so its secrets are kept by a cloud's key service, and the "
                "embedded engine knows passphrases only; install the Pulumi CLI for this stack, or change it there "
                "with `pulumi stack change-secrets-provider passphrase`"
            )
        return file

    def passphrase(self, *, generate: bool) -> str | None:
        return passphrase_for(self.name, state_dir(), generate=generate)

    def init(self, *, with_file: bool) -> None:
        """Make the stack; with `with_file` its salt goes into Pulumi.STACK.yaml, as `pulumi stack init` does."""
        if self.exists():
            raise BadInput(f"stack '{self.full_name}' already exists")
        file = self.file()
        salt = file.salt
        if salt is None:
            passphrase = self.passphrase(generate=True)
            if passphrase is None:
                raise WrongPassphrase(NO_PASSPHRASE)
            salt = Passphrase.create(passphrase).salt
            if with_file:
                file.salt = salt
                file.save()
        raw = self.checkpoint(deployment_to_json(Deployment(secrets_provider=_provider(salt)), None))
        self.backend.write_state(self.project.name, self.name, raw)
        self.backend.write_state(self.project.name, self.name, raw)

    def checkpoint(self, latest: Props, full_name: str | None = None) -> bytes:
        """The state file that holds this deployment."""
        return encode(checkpoint(full_name or self.full_name, latest))

    def config_crypter(self) -> Crypter:
        """What reads and writes the secrets of Pulumi.STACK.yaml; the state is asked where the file has no salt."""
        salt = self.file().salt
        return _unlock(self.name, salt) if salt else self.open().config_crypter

    def journal(self, opened: Opened) -> journal.Journal:
        """Where the steps of an operation on what was opened are noted."""
        if self.backend.local is not None:
            return journal.Journal(self.backend.journal_file(self.project.name, self.name), opened.raw)
        from engine.remote_journal import RemoteJournal

        return RemoteJournal(self.backend, self.project.name, self.name, opened.raw)

    def read(self) -> tuple[bytes, Props]:
        """The state and the checkpoint in it, after what a killed operation left behind has been folded into it."""
        seen = self._fold()
        if seen is not None:
            names = {self.full_name, self.name}
            return seen, parse(seen, self.backend.state_file(self.project.name, self.name), names, lambda: "")
        found = self.backend.read_state(self.project.name, self.name)
        if found is None:
            raise StackMissing(f"no stack named '{self.name}' found")
        return found

    def _fold(self) -> bytes | None:
        """Fold a journal; what the state would then be where someone else holds the stack and it is not written."""
        backend, project, name = self.backend, self.project.name, self.name
        if backend.local is not None:
            return None if journal.fold(backend, project, name) else self._under_way()
        from engine import remote_journal

        if self._held:
            remote_journal.fold(backend, project, name)
            return None
        if not remote_journal.pending(backend, project, name):
            return None
        try:
            with self.held():
                remote_journal.fold(backend, project, name)
        except StackLocked:
            return remote_journal.replayed(backend, project, name)
        return None

    def _under_way(self) -> bytes | None:
        """What the state would be if the operation that runs elsewhere ended now; None where there is none.

        Raises BackendError where the stack is held here and that one runs on: its lock was taken away.
        """
        found = journal.replayed(self.backend, self.project.name, self.name)
        if found is None or found[1] == os.getpid():
            return None
        if self._held:
            raise BackendError(
                f"stack '{self.name}': the operation of process {found[1]} still runs, though its lock was taken away; "
                "wait until it has ended, or end it, and run the command again"
            )
        return found[0]

    def open(self) -> Opened:
        """Read the state, after what a killed operation left behind has been folded into it."""
        raw, data = self.read()
        latest = part(data["checkpoint"], "latest")
        provider = part(latest, "secrets_providers")
        file_salt = self.file().salt
        if provider and provider.get("type") != "passphrase":
            crypter_of(latest, self.name, self.full_name)
        salt: str | None = part(provider, "state").get("salt") or file_salt
        if salt is None:
            return Opened(raw, latest, Keyless(), Keyless())
        crypter = _unlock(self.name, salt)
        other = crypter if file_salt in (None, salt) else _unlock(self.name, str(file_salt))
        if not provider:
            latest["secrets_providers"] = _provider(salt)
        return Opened(raw, latest, crypter, other)

    def empty(self) -> Opened:
        """A stack that does not exist yet, for a preview of it."""
        salt = self.file().salt
        passphrase = self.passphrase(generate=False)
        if salt is None or passphrase is None:
            return Opened(b"", {}, Keyless(), Keyless())
        crypter = Passphrase.open(passphrase, salt)
        return Opened(b"", {}, crypter, crypter)

    @contextlib.contextmanager
    def held(self, problem: Callable[[str], None] | None = None) -> Generator[None, None, None]:
        """Hold the stack while the block runs; raises StackLocked when someone else does.

        problem: told when the lock cannot be taken away at the end; nothing else is then wrong.
        """
        with locks.hold(self.backend, self.project.name, self.name, problem):
            self._held = True
            try:
                yield
            finally:
                self._held = False

    def outputs_of(self, name: str) -> Props:
        """The outputs of another stack in the same backend, for a stack reference; secrets as such."""
        project, stack = stack_parts(name, self.project.name)
        data = self._checkpoint_of(project, stack)
        if data is None:
            raise StackMissing(f'unknown stack "{name}"')
        latest = part(data["checkpoint"], "latest")
        roots = [r for r in items(latest, "resources") if r.get("type") == "pulumi:pulumi:Stack"]
        if not roots:
            return {}
        outputs: Props = from_checkpoint(part(roots[-1], "outputs"), crypter_of(latest, stack, f"{project}/{stack}"))
        return outputs

    def _checkpoint_of(self, project: str, stack: str) -> Props | None:
        if self.backend.local is not None:
            journal.fold(self.backend, project, stack)
        else:
            from engine.remote_journal import replayed

            if (raw := replayed(self.backend, project, stack)) is not None:
                return parse(raw, self.backend.state_file(project, stack), {f"{ORGANIZATION}/{project}/{stack}"}, str)
        found = self.backend.read_state(project, stack)
        return found[1] if found else None


def crypter_of(latest: Props, stack: str, told: str) -> Crypter:
    """What reads the secrets of a deployment; told: what to call it in a refusal."""
    provider = part(latest, "secrets_providers")
    if provider and provider.get("type") != "passphrase":
        raise BadInput(
            f"the state of {told} is encrypted by {provider.get('type')!r}, and the embedded engine knows 'passphrase' "
            "only; install the Pulumi CLI for this stack"
        )
    salt = part(provider, "state").get("salt")
    return _unlock(stack, salt) if salt else Keyless()


def _provider(salt: str) -> Props:
    return {"type": "passphrase", "state": {"salt": salt}}
