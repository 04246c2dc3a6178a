"""What can go wrong, as one tree.

EngineError
├── BadInput            a flag, a name or a project file that makes no sense
├── BackendError        the state cannot be read or written
│   ├── DamagedState    what is there is no checkpoint, or not one of ours to touch
│   └── StackLocked     another operation holds the stack
├── StackMissing        no such stack
├── ChangesProposed     changes where none were expected
├── WrongPassphrase     the passphrase is absent or not the one that the stack was made with
├── PluginError         a provider's process could not be started, or died
├── ProviderMissing     a package for which this machine has no provider
├── ProviderRefused     a provider answered a call with an error
├── PolicyError         a policy pack cannot be loaded, or a policy of it broke down
└── ProgramError        the program could not be run
"""

from dataclasses import dataclass


class EngineError(Exception):
    """One clear message for the user: what, got, expected, fix."""


class BadInput(EngineError):
    """A flag, a name or a project file that makes no sense."""


class BackendError(EngineError):
    """The state cannot be read or written."""


class DamagedState(BackendError):
    """What stands where the state should be is not a checkpoint that this engine may touch."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock; `alive` is None when the process lives on another host and nobody here can tell."""

    file: str
    user: str
    host: str
    pid: int
    since: str
    alive: bool | None


class StackLocked(BackendError):
    """Another operation holds the stack, or one that was killed held it."""

    def __init__(self, stack: str, holders: list[Holder]) -> None:
        self.stack, self.holders = stack, holders
        lines = [
            f"the stack is currently locked by {len(holders)} lock(s). Either wait for the other process(es) to end or "
            "delete the lock file with `pulumi cancel`."
        ]
        for holder in holders:
            lines.append(
                f"  {holder.file}: created by {holder.user}@{holder.host} (pid {holder.pid}) at {holder.since}"
            )
        self.official = "\n".join(lines)
        self.hint = ""
        if holders and all(holder.alive is False for holder in holders):
            self.hint = (
                "no such process runs on this host any more; what it did is kept, and "
                f"`modelport cancel --stack {stack}` releases the stack"
            )
        super().__init__(self.official + (f"\n  {self.hint}" if self.hint else ""))


class StackMissing(EngineError):
    """No such stack in this backend."""


class ChangesProposed(EngineError):
    """There is something to do where `--expect-no-changes` said that there is nothing."""


class WrongPassphrase(EngineError):
    """The passphrase is absent, or is not the one that the stack's secrets were written with."""


class PluginError(EngineError):
    """A provider's process could not be started, or died."""


class ProviderMissing(EngineError):
    """A package for which this machine has no provider."""


class ProviderRefused(EngineError):
    """A provider answered a call with an error; `partial` holds what it made all the same."""


class PolicyError(EngineError):
    """A policy pack cannot be loaded, or a policy of it broke down; not what is told where a policy is violated."""


class ProgramError(EngineError):
    """The program could not be run at all."""


class BadArgument(EngineError):
    """The program asked for something in a form that nothing can have."""


class Closed(EngineError):
    """The operation is over; nobody answers any more."""
