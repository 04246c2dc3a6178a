"""A stack that is open: its project, its configuration, its secrets and its state."""

import contextlib
import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from engine import journal, locks
from engine.backend import ORGANIZATION, FileBackend, choose, encode, open_backend, state_dir
from engine.errors import BadInput, DamagedState, StackMissing, WrongPassphrase
from engine.projects import NAME, Project, StackFile, load_project
from engine.secrets import Keyless, Passphrase, generated, passphrase_for
from engine.state import Deployment, checkpoint, deployment_from_json, deployment_to_json, unreadable
from engine.values import Crypter, Props, items, part

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
        return deployment_from_json(self.latest, self.crypter)


class Stack:
    """One stack of a project in a backend."""

    def __init__(self, root: Path, name: str, backend: str | None = None) -> None:
        if not NAME.fullmatch(name):
            raise BadInput(f"the stack is {name!r}, expected letters, digits, '-', '_' and '.', at most 100")
        self.project: Project = load_project(root)
        self.name = name
        self.backend: FileBackend = open_backend(choose(self.project.backend_url, backend), self.project.root)

    @property
    def full_name(self) -> str:
        return f"{ORGANIZATION}/{self.project.name}/{self.name}"

    def exists(self) -> bool:
        return self.backend.exists(self.project.name, self.name)

    def file(self) -> StackFile:
        return StackFile.load(self.project, self.name)

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

    def checkpoint(self, latest: Props) -> bytes:
        """The state file that holds this deployment."""
        return encode(checkpoint(self.full_name, latest))

    def open(self) -> Opened:
        """Read the state, after what a killed operation left behind has been folded into it."""
        journal.fold(self.backend, self.project.name, self.name)
        found = self.backend.read_state(self.project.name, self.name)
        if found is None:
            raise StackMissing(f"no stack named '{self.name}' found")
        raw, data = found
        latest = part(data["checkpoint"], "latest")
        provider = part(latest, "secrets_providers")
        file_salt = self.file().salt
        salt: str | None = file_salt
        if provider:
            if provider.get("type") != "passphrase":
                raise BadInput(
                    f"the state of {self.full_name} is encrypted by {provider.get('type')!r}, and the embedded engine "
                    "knows 'passphrase' only; install the Pulumi CLI for this stack"
                )
            salt = part(provider, "state").get("salt") or file_salt
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
    def held(self) -> Generator[None, None, None]:
        """Hold the stack while the block runs; raises StackLocked when someone else does."""
        with locks.hold(self.backend, self.project.name, self.name):
            yield

    def outputs_of(self, full_name: str) -> Props:
        """The outputs of another stack in the same backend, for a stack reference."""
        parts = full_name.split("/")
        project, name = (parts[-2], parts[-1]) if len(parts) > 1 else (self.project.name, full_name)
        journal.fold(self.backend, project, name)
        found = self.backend.read_state(project, name)
        if found is None:
            raise StackMissing(f'unknown stack "{full_name}"')
        latest = part(found[1]["checkpoint"], "latest")
        roots = [r for r in items(latest, "resources") if r.get("type") == "pulumi:pulumi:Stack"]
        if not roots:
            return {}
        salt = part(part(latest, "secrets_providers"), "state").get("salt")
        crypter: Crypter = Keyless()
        if salt:
            crypter = _unlock(name, salt)
        from engine.values import from_checkpoint

        outputs: Props = from_checkpoint(part(roots[-1], "outputs"), crypter)
        return outputs

    def imported(self, text: str) -> None:
        """Put an exported deployment in the place of the state."""
        try:
            data = json.loads(text)
            latest = data["deployment"]
        except (ValueError, TypeError, KeyError):
            raise DamagedState("what is to be imported is not an exported deployment ({version, deployment})") from None
        problem = unreadable(data)
        if problem:
            raise DamagedState(f"the deployment to import {problem}")
        with self.held():
            opened = self.open()
            deployment = deployment_from_json(latest, opened.crypter)
            deployment.secrets_provider = opened.latest.get("secrets_providers")
            raw = self.checkpoint(deployment_to_json(deployment, opened.crypter))
            self.backend.write_state(self.project.name, self.name, raw)


def _provider(salt: str) -> Props:
    return {"type": "passphrase", "state": {"salt": salt}}
