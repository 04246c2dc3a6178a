"""Kills the engine at one point after another of an operation, and looks at what the next command finds.

`python -m tests.engine.walking ORDERS` takes its orders as JSON and prints one line of JSON for each point.
It is a process of its own because it forks: everything is loaded once, and each engine begins as a copy of it. Programs
and hosts of providers begin as they always do. Nothing in the product knows of it: a point is a call that every Python
program must make to leave something behind (a write, a rename, an fsync, a deletion, a new folder, as the interpreter's
audit hook and `os` see them), or a call to a provider.
"""

import contextlib
import ctypes
import gc
import importlib
import itertools
import json
import os
import re
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from engine import secrets
from engine.api import Engine, Options
from engine.providers.plugins import PluginProvider
from tests.engine.conformance.normalise import well_ordered

Facts = dict[str, Any]

LOADED = (
    "engine.operation",
    "engine.server",
    "pulumi.runtime",
    "pulumi.dynamic",
    "dill",
    "asyncio.subprocess",
    "world",
)
THING = "pulumi-python:dynamic:Resource"


class Killer:
    """Counts points, and dies at the one that was ordered.

    at: the number of the point, from 1; 0 for never. power: the children go first, as when the power fails. full: at
    points too that leave nothing else behind than those beside them do, such as a new folder.
    """

    def __init__(self, root: Path, at: int, *, power: bool, full: bool) -> None:
        self.root = str(root)
        self.at = at
        self.power = power
        self.full = full
        self.passed: list[str] = []

    def point(self, name: str) -> bool:
        """Pass a point; whether it is the one to die at."""
        self.passed.append(name)
        return len(self.passed) == self.at

    def here(self, name: str) -> None:
        if self.point(name):
            self.die()

    def die(self) -> None:
        if self.power:
            for pid in _children():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)

    def install(self) -> None:
        """Watch this process from here on; there is no way back."""
        sys.addaudithook(self._audit)
        pwrite, fsync = os.pwrite, os.fsync

        def torn(handle: int, data: bytes, offset: int) -> int:
            if self.full:
                self.here("write: before")  # but for what is torn the same as the write before this one
            if self.point("write: torn"):
                pwrite(handle, data[: len(data) // 2], offset)
                self.die()
            done = pwrite(handle, data, offset)
            self.here("write: after")
            return done

        def synced(handle: int) -> None:
            self.here("fsync")
            fsync(handle)

        os.pwrite, os.fsync = torn, synced
        if self.full:
            self._watch_calls()

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"):
            if self.root in str(args[0]) and (self.full or not (event == "os.mkdir" or ".attrs" in str(args[0]))):
                self.here(f"{event} {Path(str(args[0])).name}")
        elif event == "open" and isinstance(args[0], (str, Path)) and self.root in str(args[0]) and self.full:
            mode, flags = args[1], args[2]
            if (isinstance(mode, str) and any(c in mode for c in "wax+")) or flags & (os.O_WRONLY | os.O_RDWR):
                self.here(f"open {Path(str(args[0])).name}")

    def _watch_calls(self) -> None:
        real = PluginProvider._call

        async def call(provider: PluginProvider, method: str, request: object) -> object:
            self.here(f"{method}: before")
            answer = await real(provider, method, request)
            self.here(f"{method}: after")
            return answer

        PluginProvider._call = call  # type: ignore[method-assign]


def _children() -> list[int]:
    """Children of this process, whichever of its threads has started them."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile has none
            found += map(int, (task / "children").read_text().split())
    return found


def forked(work: Callable[[], Facts]) -> tuple[int, Facts]:
    """Do something in a copy of this process: how it ended (a signal as a negative number), and what it found.

    Whatever it left running has ended when this returns.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            os.close(read)
            facts = work()
            with os.fdopen(write, "w") as out:
                json.dump(facts, out)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as back:
        text = back.read()
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()  # its orphans are this process's children: a subreaper
    return os.waitstatus_to_exitcode(status), json.loads(text) if text else {}


class Walk:
    """One operation on one state, again and again."""

    def __init__(self, orders: Facts) -> None:
        self.root = Path(orders["root"])
        self.op: str = orders.get("op", "up")
        self.power: bool = orders["power"]
        self.full: bool = orders.get("full", False)
        self.forget: bool = orders.get("forget", False)
        self.options = Options(parallel=orders.get("parallel", 1))
        self.project, self.backend, self.world = (self.root / part for part in ("project", "backend", "world"))
        self.kept = self.root / "kept"

    def engine(self) -> Engine:
        return Engine(self.project, "dev")

    def program(self, text: str) -> None:
        (self.project / "__main__.py").write_text(text)

    def keep(self) -> None:
        """Remember backend and world as they are."""
        shutil.rmtree(self.kept, ignore_errors=True)
        for folder in (self.backend, self.world):
            shutil.copytree(folder, self.kept / folder.name)

    def restore(self) -> None:
        for folder in (self.backend, self.world):
            shutil.rmtree(folder)
            shutil.copytree(self.kept / folder.name, folder)

    def operate(self, killer: Killer | None) -> Facts:
        """The operation, watched; what it did and said."""
        if killer is not None:
            if self.forget:
                _forget()
            killer.install()
        ops: list[str] = []
        said: list[str] = []

        def hear(event: Facts) -> None:
            step = event.get("resourcePreEvent")
            if step and step["metadata"]["op"] != "same":
                ops.append(f"{step['metadata']['op']} {_name(step['metadata']['urn'])}")
            if "diagnosticEvent" in event and event["diagnosticEvent"]["severity"] in ("warning", "error"):
                said.append(event["diagnosticEvent"]["message"])

        engine = self.engine()
        outcome = getattr(engine, self.op)(self.options, hear)
        points = killer.passed if killer is not None else []
        return {"exit": outcome.exit_code, "error": outcome.error, "ops": ops, "said": said, "points": points}

    def killed(self, at: int) -> tuple[int, Facts]:
        """The operation, killed at a point."""
        self.restore()
        return forked(lambda: self.operate(Killer(self.backend, at, power=self.power, full=self.full)))

    def found(self) -> Facts:
        """What a user finds after a kill, and what the next operation makes of it."""
        engine = self.engine()
        facts: Facts = {"things": self.things(), "cancelled": engine.cancel()}
        facts["first"] = _export(engine)
        facts["next"] = self.operate_unwatched()
        facts["last"] = _export(self.engine())
        facts["left"] = self.things()
        facts["creates"] = self.creates()
        facts["journals"] = sorted(f.name for f in self.backend.rglob("*.jsonl*")) + sorted(
            f.name for f in self.backend.rglob("*.orphan")
        )
        return facts

    def operate_unwatched(self) -> Facts:
        return self.operate(None)

    def things(self) -> list[str]:
        folder = self.world / "things"
        return sorted(file.stem for file in folder.glob("*.json")) if folder.is_dir() else []

    def creates(self) -> dict[str, int]:
        """How often the provider was asked to create each thing, since the state that is kept."""
        log, before = self.world / "calls.jsonl", self.kept / "world" / "calls.jsonl"
        skip = before.stat().st_size if before.exists() else 0
        count: Counter[str] = Counter()
        with log.open() as lines:
            lines.seek(skip)
            for line in lines:
                call = json.loads(line)
                if call["call"] == "create":
                    count[call["props"]["label"]] += 1
        return dict(count)


def _forget() -> None:
    """Break the journal, to show that a walk over a broken engine finds it broken."""
    from engine.journal import Journal

    Journal.write = lambda self, acts: None  # type: ignore[method-assign]


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]


_ID = re.compile(r"\b([a-z]+\d*)-\d+\b", re.IGNORECASE)


def _plain(value: Any) -> Any:
    """Without what differs when a thing is made or changed a second time: its number, its revision, the time."""
    if isinstance(value, str):
        return _ID.sub(r"\1-N", value)
    if isinstance(value, dict):
        dropped = ("__provider", "revision", "created", "modified", "stackTrace")
        return {key: _plain(item) for key, item in value.items() if key not in dropped}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _export(engine: Engine) -> Facts:
    export = engine.export(show_secrets=True)
    latest = export["deployment"]
    resources = latest.get("resources", [])
    return {
        "ordered": well_ordered(export),
        "pending": [[op["type"], _name(op["resource"]["urn"])] for op in latest.get("pending_operations", [])],
        "ids": sorted(r["id"] for r in resources if r["type"] == THING and not r.get("external")),
        "twice": [u for u, n in Counter(r["urn"] for r in resources if not r.get("delete")).items() if n > 1],
        "state": sorted((_plain(r) for r in resources), key=lambda r: json.dumps(r, sort_keys=True)),
    }


def judge(facts: Facts, whole: Facts) -> list[str]:
    """What is wrong with what was found after a kill; `whole` is what an operation that nobody kills leaves."""
    wrong: list[str] = []

    def hold(claim: bool, text: str) -> None:
        if not claim:
            wrong.append(text)

    first, last, again = facts["first"], facts["last"], facts["next"]
    creating = [name for type_, name in first["pending"] if type_ == "creating"]
    hold(facts["cancelled"] <= 1, f"{facts['cancelled']} locks were left")
    hold(first["ordered"] and not first["twice"], f"the state after the kill is not well-formed: {first['twice']}")
    hold(again["exit"] == 0, f"the next operation failed: {again['error']}")
    hold(last["ordered"] and not last["twice"], "the state after the next operation is not well-formed")
    told = [text for text in again["said"] if "pending operations from previous deployment" in text]
    hold(len(told) == bool(first["pending"]), f"{first['pending']} were pending, and the user was told {told}")
    for type_, name in first["pending"]:
        hold(f"{name}, interrupted while {type_}" in "".join(told), f"the user was not told of {type_} {name}")
    hold(last["pending"] == [["creating", name] for name in creating], f"still pending: {last['pending']}")
    other = [r for r in last["state"] if r not in whole["last"]["state"]]
    missing = [r["urn"] for r in whole["last"]["state"] if r not in last["state"]]
    hold(not other and not missing, f"the state is not what the program says: {other} for {missing}")
    lost = sorted(set(last["ids"]) - set(facts["left"]))
    hold(not lost, f"in the state and not in the world: {lost}")
    orphans = sorted(set(facts["left"]) - set(last["ids"]))
    hold(
        all(orphan.rpartition("-")[0] in creating for orphan in orphans) and len(orphans) <= len(creating),
        f"in the world and not in the state: {orphans}, while {creating} were pending",
    )
    for label, count in facts["creates"].items():
        more = count - whole["creates"].get(label, 0)
        hold(0 <= more <= creating.count(label), f"{label} was made {count} times")
    hold(not facts["journals"], f"left behind: {facts['journals']}")
    return wrong


def walk(orders: Facts) -> None:
    """Every point in turn, until the operation ends unkilled."""
    made = Walk(orders)
    made.program(orders["before"])
    code, facts = forked(lambda: {"exit": made.engine().up(Options(parallel=4)).exit_code})
    assert (code, facts) == (0, {"exit": 0}), (code, facts)
    made.program(orders["after"])
    made.keep()
    code, done = made.killed(0)
    assert code == 0 and done["exit"] == 0, (code, done)
    found = {"last": forked(lambda: _export(made.engine()))[1], "creates": made.creates()}
    say({"ops": done["ops"], "points": done["points"], "creates": found["creates"], "last": found["last"]})
    first, stride = orders.get("first", 1), orders.get("stride", 1)
    for at in itertools.islice(itertools.count(first, stride), orders.get("count")):
        code, facts = made.killed(at)
        if code == 0:
            if facts["exit"] != 0:
                say({"at": at, "wrong": [f"the operation failed instead of being killed: {facts['error']}"]})
            return
        if code != -signal.SIGKILL:
            say({"at": at, "wrong": [f"the engine ended with {code} instead of being killed"]})
            return
        if orders.get("folding"):
            _fold_walk(made, at, found)
        else:
            code, facts = forked(made.found)
            wrong = judge(facts, found) if code == 0 else [f"the next commands ended with {code}"]
            say({"at": at, "pending": facts.get("first", {}).get("pending"), "wrong": wrong})


def _fold_walk(made: Walk, at: int, found: Facts) -> None:
    """A command that folds what a killed operation left is itself killed, at each of its points."""
    shutil.rmtree(made.root / "cut", ignore_errors=True)
    for folder in (made.backend, made.world):
        shutil.copytree(folder, made.root / "cut" / folder.name)
    second = 0
    while True:
        second += 1
        for folder in (made.backend, made.world):
            shutil.rmtree(folder)
            shutil.copytree(made.root / "cut" / folder.name, folder)

        def fold(second: int = second) -> Facts:
            Killer(made.backend, second, power=False, full=True).install()
            return {"pending": _export(made.engine())["pending"]}

        code, _ = forked(fold)
        ended = code == 0
        code, facts = forked(made.found)
        wrong = judge(facts, found) if code == 0 else [f"the next commands ended with {code}"]
        say({"at": at, "second": second, "pending": facts.get("first", {}).get("pending"), "wrong": wrong})
        if ended:
            return


def say(line: Facts) -> None:
    print(json.dumps(line), flush=True)


def main() -> None:
    orders = json.loads(sys.argv[1])
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    for name in LOADED:
        importlib.import_module(name)
    root = Path(orders["root"])
    engine = Engine(root / "project", "dev")
    if not engine.exists():
        engine.init()
    salt = engine.stack.file().salt
    assert salt is not None
    raw = secrets.base64.b64decode(salt.split(":")[1])
    key: Future[Any] = Future()
    key.set_result(secrets._cipher(os.environ["PULUMI_CONFIG_PASSPHRASE"], raw))
    secrets._KEYS[os.environ["PULUMI_CONFIG_PASSPHRASE"], raw] = key
    gc.freeze()
    walk(orders)


if __name__ == "__main__":
    main()
