"""`modelport ephemeral`: a stack like another for a time, as for a pull request, and an end to what outlived its time.

Such a stack has a stack file made from the other's, with names of its own wherever the two would have the same, and a
record in the backend (`ephemeral_records`). Whoever changes a record holds the stack meanwhile: a sweep marks a stack
as leaving before it destroys it, and one that is leaving is not brought up, so neither takes the other by surprise.
"""

import asyncio
import contextlib
import json
import socket
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import yaml

from automation import ephemeral_file, operate
from automation import ephemeral_records as records
from automation.ephemeral_records import Record
from automation.exits import Exit, Failure
from automation.lifecycle import Request, run
from automation.projects import Target, find_root, has_spec, stack_files, unknown_stack
from engine import locks
from engine.api import Engine
from engine.backend import Backend
from engine.errors import StackLocked
from engine.values import Crypter, items, part

_OF_THE_ENGINE = ("pulumi:pulumi:Stack", "pulumi:providers:")
"""Types of what is in every state and is nothing by itself."""


def up(request: Request, name: str, like: str, ttl: str, settings: Sequence[str], ask: Callable[[str], bool]) -> Exit:
    """Make the stack `name`, like another, or bring it up to date with that; its time begins anew."""
    root = find_root(request.cwd)
    ephemeral_file.refuse_name(name)
    lasting = records.duration(ttl, "--ttl")
    operate.must_ask("up", yes=request.yes, as_json=request.as_json)
    source = _like(root, name, like)
    engine = records.opened(root, name)
    file, backend, project = Target(root, name).file, engine.stack.backend, engine.stack.project.name
    opener, secret = _opener(root, like, source), False
    if opener is not None:
        source, secret = ephemeral_file.plain_push(source, opener.decrypt)
    made, changes = ephemeral_file.drafted(
        source, name, like_stack=like, project=project, port=lambda: _port(file), given=settings
    )
    if opener is not None and secret:
        ephemeral_file.hide_push(made, opener.encrypt)
        changes = [each for each in changes if not each.startswith("image.push")]
    _check(root, made, like, name)
    record = Record(name, like, records.now() + lasting)
    with records.said(name), engine.stack.held():
        before = _mine(engine, name, like)
        ephemeral_file.refuse_others(file)
        if not engine.stack.exists():
            # Killed in between, it leaves a name that somebody may give to a stack of his own.
            records.write(backend, project, replace(record, begun=True))
            _init(engine, before)
        records.write(backend, project, record)
        crypter = engine.stack.config_crypter() if opener is not None else None
        whole = _closed(made, opener, crypter)
        ephemeral_file.write(file, whole, like=like, name=name)
    if not request.as_json:
        print(f"stack {name}, like {like}, until {record.expires:%Y-%m-%d %H:%M} UTC; what is not as there:")
        for line in changes:
            print(f"  {line}")
        print(flush=True)
    return run("up", replace(request, cwd=root, stack=name), ask)


def down(request: Request, name: str, ask: Callable[[str], bool]) -> Exit:
    """Take the stack away, with all that is known of it."""
    root = find_root(request.cwd)
    operate.must_ask("destroy", yes=request.yes, as_json=request.as_json)
    engine = records.opened(root, name)
    with records.said(name):
        _known(engine, name)
    if not request.yes and not ask(f"take stack {name} away?"):
        print("nothing was done")
        return Exit.DONE
    with records.said(name):
        _leaves(engine, name, only_due=False)
    if engine.stack.exists():
        code = run("destroy", replace(request, cwd=root, stack=name, yes=True), ask)
        if code is not Exit.DONE:
            return code
    with records.said(name):
        _forget(engine, root, name)
    return Exit.DONE


@dataclass(frozen=True)
class Row:
    """An ephemeral stack as a list shows it."""

    record: Record
    resources: int
    held: bool

    def told(self, now: datetime) -> dict[str, Any]:
        return {
            "name": self.record.name,
            "like": self.record.like,
            "expires": self.record.expires.isoformat().replace("+00:00", "Z"),
            "expired": self.record.expires <= now,
            "leaving": self.record.leaving is not None,
            "resources": self.resources,
            "held": self.held,
        }


def listed(request: Request) -> Exit:
    """Say which there are."""
    root, now = find_root(request.cwd), records.now()
    found, damaged = _rows(root)
    if request.as_json:
        print(json.dumps({"schema": 1, "stacks": [each.told(now) for each in found], "errors": damaged}))
    for row in [] if request.as_json else found:
        record = row.record
        left = "is being taken away" if record.leaving else "its time is over" if record.due(now) else ""
        until = f"until {record.expires:%Y-%m-%d %H:%M} UTC"
        told = ", ".join(
            each for each in (until, left, f"{row.resources} resources", "held" if row.held else "") if each
        )
        print(f"{record.name:<24} like {record.like}, {told}")
    if not request.as_json and not found and not damaged:
        print("there are no ephemeral stacks")
    if damaged and not request.as_json:
        raise Failure(Exit.FAILED, *damaged)
    return Exit.FAILED if damaged else Exit.DONE


def sweep(request: Request, locks_after: str | None, ask: Callable[[str], bool]) -> Exit:
    """Take away those whose time is over; what is left says why, and is tried again next time.

    locks_after: locks that are older, and whose holder is not known to live, are released first.
    """
    root, now = find_root(request.cwd), records.now()
    age = records.duration(locks_after, "--release-locks-after") if locks_after else None
    operate.must_ask("destroy", yes=request.yes, as_json=request.as_json)
    found, damaged = _rows(root)
    due = [row.record for row in found if row.record.due(now)]
    if due and not request.yes and not ask(f"take away {', '.join(each.name for each in due)}?"):
        print("nothing was done")
        return Exit.DONE
    gone: list[str] = []
    left: list[dict[str, str]] = [{"name": "", "why": each} for each in damaged]
    codes: list[Exit] = [Exit.FAILED for _ in damaged]
    for record in due:
        try:
            if taken_away(request, root, record.name, age):
                gone.append(record.name)
                told = "taken away"
            else:
                told = "its time was prolonged meanwhile; it stays"
        except Failure as failure:
            codes.append(failure.code)
            told = "; ".join(failure.messages)
            left.append({"name": record.name, "why": told})
            told = f"left: {told}"
        if not request.as_json:
            print(f"{record.name}: {told}", flush=True)
    code = Exit.DONE if not codes else Exit.LOCKED if set(codes) == {Exit.LOCKED} else Exit.FAILED
    if request.as_json:
        print(json.dumps({"schema": 1, "destroyed": gone, "left": left, "exit_code": int(code)}))
    elif not due and not damaged:
        print("no ephemeral stack's time is over")
    if code is not Exit.DONE and not request.as_json:
        names = ", ".join(each["name"] or "a damaged record" for each in left)
        raise Failure(code, f"{len(left)} of {len(due) + len(damaged)} left: {names}, expected none; run it again")
    return code


def taken_away(request: Request, root: Path, name: str, age: timedelta | None) -> bool:
    """Take one away; False where it is not due any more."""
    from automation.deployer import Deployer, OperationFailed

    engine = records.opened(root, name)
    with records.said(name):
        if age is not None:
            _release(engine, age)
        if not _leaves(engine, name, only_due=True):
            return False
    if engine.stack.exists():

        async def destroy() -> None:
            # A process of its own for each: an engine has one state for a whole process.
            await Deployer(root, name, engine=request.engine).destroy().done()

        try:
            asyncio.run(destroy())
        except OperationFailed as failed:
            raise Failure(failed.done.code, *(failed.done.errors or [str(failed)])) from None
    with records.said(name):
        _forget(engine, root, name)
    return True


def _rows(root: Path) -> tuple[list[Row], list[str]]:
    """The ephemeral stacks, and a line for each record that cannot be read."""
    engine = records.opened(root, "local")
    backend, project = engine.stack.backend, engine.stack.project.name
    rows: list[Row] = []
    damaged: list[str] = []
    with records.said("local"):
        names = backend.stacks(project)
    for name in names:
        try:
            with records.said(name):
                record = _own(backend, project, name)
                kinds = _kinds(backend, project, name) if record is not None else []
                locked = bool(backend.locks(project, name))
        except Failure as failure:
            damaged += failure.messages
            continue
        if record is not None:
            rows.append(Row(record, len(kinds), locked))
    return rows, damaged


def _like(root: Path, name: str, like: str) -> dict[str, Any]:
    """The file of the stack that it is to be like."""
    if not has_spec(root):
        raise Failure(
            Exit.BAD_INPUT, f"{root} has no stacks/spec.py, expected a project of Modelport's own stacks; use one"
        )
    if name == like:
        raise Failure(Exit.BAD_INPUT, f"NAME and --like are both {like}, expected two stacks; choose another NAME")
    if like not in stack_files(root):
        raise Failure(Exit.BAD_INPUT, unknown_stack(like, stack_files(root)))
    operate.check_stack_file(Target(root, like))
    return cast("dict[str, Any]", yaml.safe_load(Target(root, like).file.read_text("utf-8-sig")) or {})


def _opener(root: Path, like: str, source: dict[str, Any]) -> Crypter | None:
    """What opens the secrets of the file, if it has any."""
    if '"secure"' not in json.dumps(source, default=str):
        return None
    with records.said(like):
        return Engine(root, like).stack.config_crypter()


def _closed(made: dict[str, Any], opener: Crypter | None, crypter: Crypter | None) -> dict[str, Any]:
    """The file with its secrets encrypted for the stack itself."""
    if opener is None or crypter is None:
        return made
    found: dict[str, Any] = ephemeral_file.secrets(made, lambda text: crypter.encrypt(opener.decrypt(text)))
    return found


def _check(root: Path, made: dict[str, Any], like: str, name: str) -> None:
    """Refuse what would be no stack file, before anything is touched."""
    from stacks.spec import SpecError, StackSpec

    with tempfile.TemporaryDirectory(prefix="modelport-ephemeral-") as folder:
        file = Path(folder) / f"Pulumi.{name}.yaml"
        ephemeral_file.write(file, made, like=like, name=name)
        try:
            StackSpec.from_file(file)
        except SpecError as error:
            raise Failure(
                Exit.BAD_INPUT, *(f"like {like}: {line}, or say another with --set KEY=VALUE" for line in error.lines)
            ) from None


def _mine(engine: Engine, name: str, like: str) -> Record | None:
    """What is known of the stack so far. Raises Failure for one that is not ours to change. The stack is held."""
    backend, project = engine.stack.backend, engine.stack.project.name
    before = _own(backend, project, name)
    if before is None:
        if engine.stack.exists():
            raise Failure(
                Exit.BAD_INPUT,
                f"stack {name} is there and is not ephemeral, expected a name that nobody has; choose another NAME",
            )
        return None
    if not engine.stack.exists():
        return before  # a command that was killed before it had made anything
    if before.leaving is not None:
        raise Failure(
            Exit.LOCKED,
            f"stack {name} is being taken away since {before.leaving:%Y-%m-%d %H:%M} UTC, expected one that stays; run "
            f"modelport ephemeral down {name}, and bring it up again then",
        )
    if before.like != like:
        raise Failure(
            Exit.BAD_INPUT,
            f"stack {name} is like {before.like}, expected --like {before.like}; take it away first, or choose another "
            "NAME",
        )
    return before


def _init(engine: Engine, before: Record | None) -> None:
    stack = engine.stack
    try:
        stack.init(with_file=False)
    except BaseException:
        if before is None:
            with contextlib.suppress(Exception):
                stack.backend.write_tags(stack.project.name, stack.name, {})
        raise


def _own(backend: Backend, project: str, name: str, *, leaving: bool = False) -> Record | None:
    """What is known of an ephemeral stack; None for one that somebody made by a name that was only begun with."""
    found = records.read(backend, project, name, leaving=leaving)
    return None if found is not None and found.begun and _kinds(backend, project, name) else found


def _kinds(backend: Backend, project: str, name: str) -> list[str]:
    """Types of the resources that a stack has, but for the engine's own."""
    found = backend.read_state(project, name)
    listed = items(part(found[1]["checkpoint"], "latest"), "resources") if found is not None else []
    return [kind for kind in (str(each.get("type")) for each in listed) if not kind.startswith(_OF_THE_ENGINE)]


def _known(engine: Engine, name: str, *, leaving: bool = True) -> Record:
    """The record of a stack that is to go. Raises Failure for one that is not ephemeral."""
    found = _own(engine.stack.backend, engine.stack.project.name, name, leaving=leaving)
    if found is None:
        there = "is not ephemeral" if engine.stack.exists() else "is not there"
        raise Failure(
            Exit.BAD_INPUT,
            f"stack {name} {there}, expected one of modelport ephemeral list; for others there is modelport destroy",
        )
    return found


def _leaves(engine: Engine, name: str, *, only_due: bool) -> bool:
    """Mark it as leaving; False where its time was prolonged meanwhile. Raises StackLocked."""
    with engine.stack.held():
        record, now = _known(engine, name, leaving=not only_due), records.now()
        if only_due and not record.due(now):
            return False
        marked = record if record.leaving else replace(record, leaving=now)
        records.write(engine.stack.backend, engine.stack.project.name, marked)
        return True


def _forget(engine: Engine, root: Path, name: str) -> None:
    """Take state, record and file of an empty stack away."""
    if engine.stack.exists():
        engine.remove(remove_backups=True)
    engine.stack.backend.write_tags(engine.stack.project.name, name, {})
    ephemeral_file.remove(Target(root, name).file)


def _release(engine: Engine, age: timedelta) -> None:
    """Take away locks that are older, but for those of processes that are known to live. Raises StackLocked."""
    stack, here = engine.stack, socket.gethostname()
    found = locks.holders(stack.backend, stack.project.name, stack.name)
    for each in found:
        try:
            since = datetime.fromisoformat(each.since)
            young = since.tzinfo is None or records.now() - since < age
        except ValueError:
            young = True
        if young or (each.host == here and each.alive):
            raise StackLocked(stack.name, found)
    # Those alone that were looked at: another sweep may have released them, and be at work meanwhile.
    locks.release(stack.backend, stack.project.name, stack.name, found)


def _port(file: Path) -> int:
    """A port of this machine: the one that the stack has, else one that is free."""
    with contextlib.suppress(OSError, yaml.YAMLError, KeyError, TypeError):
        text = file.read_text("utf-8")
        if text.startswith(ephemeral_file.MARK):
            return int(yaml.safe_load(text)["config"]["modelport:endpoint"]["port"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
