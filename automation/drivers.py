"""The two engines behind one face: the official Pulumi CLI and the embedded one."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

from automation.exits import Exit, Failure
from automation.projects import Target

Operation = Literal["preview", "up", "refresh", "destroy"]
Listener = Callable[[Mapping[str, Any]], None]


class Choice(StrEnum):
    """What `--engine` may say."""

    AUTO = "auto"
    PULUMI = "pulumi"
    EMBEDDED = "embedded"


@dataclass(frozen=True)
class Options:
    """What an operation may be told; both engines understand all of it."""

    parallel: int | None = None
    refresh: bool = False
    targets: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    target_dependents: bool = False
    excludes: tuple[str, ...] = ()
    exclude_dependents: bool = False
    continue_on_error: bool = False
    preview_only: bool = False
    clear_pending_creates: bool = False
    message: str = ""
    policy_packs: tuple[str, ...] = ()
    policy_pack_configs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """How an operation ended; `error` is the engine's own text where it gave one."""

    ok: bool
    error: str | None = None
    interrupted: bool = False
    locked: bool = False
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """What each resource waits for, by URN, where the engine tells that."""


class Driver(Protocol):
    """One stack under one engine. Every method raises Failure with a message for the user."""

    name: str

    @property
    def project(self) -> str:
        """The project's name."""
        ...

    def run(self, operation: Operation, options: Options, listener: Listener) -> Result:
        """Run to the end; `listener` gets engine events, from another thread possibly, never two at once."""
        ...

    def interrupt(self) -> None:
        """Ask the operation that runs to finish its running steps and end; asked again, it ends at once."""
        ...

    def outputs(self, *, show_secrets: bool) -> dict[str, Any]:
        """The stack's outputs; {} for a stack that was never brought up."""
        ...

    def export(self, *, show_secrets: bool) -> dict[str, Any]:
        """The deployment, as `pulumi stack export` gives it."""
        ...

    def cancel(self) -> int:
        """Release the stack whoever holds it; the number of locks taken away."""
        ...

    def stacks(self) -> list[str]:
        """The stacks of the project that the backend knows."""
        ...


def resolve(choice: Choice) -> Choice:
    """AUTO as what it comes to on this machine: the official CLI where it is, with its Python language host."""
    complete = bool(shutil.which("pulumi") and shutil.which("pulumi-language-python"))
    if choice is Choice.AUTO:
        return Choice.PULUMI if complete else Choice.EMBEDDED
    if choice is Choice.PULUMI and not complete:
        missing = "pulumi-language-python" if shutil.which("pulumi") else "pulumi"
        raise Failure(
            Exit.MISSING,
            f"{missing} is not on PATH, which --engine pulumi needs; install the Pulumi CLI or leave the flag out",
        )
    return choice


def drive(target: Target, choice: Choice) -> Driver:
    """The driver for a stack."""
    if resolve(choice) is Choice.PULUMI:
        from automation.official import Official

        return Official(target)
    from automation.embedded import Embedded

    return Embedded(target)


def flags(operation: Operation, options: Options) -> list[str]:
    """The flags that say the same to a command, the official one or ours; but for `preview_only`."""
    out = [] if options.parallel is None else ["--parallel", str(options.parallel)]
    for flag, words in (
        ("--target", options.targets),
        ("--exclude", options.excludes),
        ("--replace", options.replace if operation in ("preview", "up") else ()),
        ("--policy-pack", options.policy_packs),
        ("--policy-pack-config", options.policy_pack_configs),
    ):
        out += [part for word in words for part in (flag, word)]
    for flag, on in (
        ("--refresh", options.refresh),
        ("--target-dependents", options.target_dependents),
        ("--exclude-dependents", options.exclude_dependents),
        ("--continue-on-error", options.continue_on_error),
        ("--clear-pending-creates", options.clear_pending_creates),
    ):
        out += [flag] if on else []
    return [*out, *(["--message", options.message] if options.message else [])]
