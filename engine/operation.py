"""An operation from beginning to end: children started early, the state written at last, whatever happens between."""

import asyncio
import contextlib
import functools
import importlib
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from engine import collector, deletes, refresh, signals
from engine.deploy import Deployment, Interrupt, Launch
from engine.errors import BackendError, BadInput, EngineError, PolicyError, ProviderMissing
from engine.events import Events, Listener
from engine.gate import Gate, check_state
from engine.journal import Journal
from engine.program import Program, environment
from engine.projects import Config, has_secrets, resolve
from engine.providers import discovery
from engine.providers.base import DYNAMIC, Provider
from engine.providers.builtin import Builtin
from engine.providers.plugins import Starting
from engine.providers.registry import Registry
from engine.run import Options, Run
from engine.snapshot import Snapshot
from engine.stacks import Opened, Stack
from engine.state import PROVIDER_PREFIX, split_reference
from engine.values import Props, items

if TYPE_CHECKING:
    from engine.monitor import Monitor
    from engine.policy.enforcement import Enforcement
    from engine.policy.loading import Packs
    from engine.protocol import engine_pb2


Started = TypeVar("Started")


@dataclass(frozen=True)
class Kind:
    """What an operation does: its name in the history, and which of its parts run."""

    name: str
    program: bool
    preview: bool
    refresh_only: bool = False
    destroying: bool = False
    rehearsal: bool = False
    """A preview that nobody sees, to learn what the program needs; dynamic providers are left out of it."""


class Operation:
    """Runs once. `interrupt` may be called from any thread."""

    def __init__(self, stack: Stack, kind: Kind, options: Options, listener: Listener | None, parallel: int) -> None:
        self.stack = stack
        self.kind = kind
        self.options = options
        self.events = Events(listener)
        self.parallel = parallel
        self.error = ""
        self.registry: Registry | None = None
        self._known: dict[str, Run] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._interrupt: Interrupt | None = None
        self._beginning = threading.Lock()
        self._early = 0

    def interrupt(self) -> None:
        """Once: finish what runs, then stop. Twice: stop now."""
        with self._beginning:
            if self._loop is None:
                self._early += 1
                return
        with contextlib.suppress(RuntimeError):  # it is over
            self._loop.call_soon_threadsafe(self._interrupted)

    def _interrupted(self) -> None:
        asked = self._interrupt
        if asked is None:
            return
        if asked.asked.is_set():
            asked.now.set()
        else:
            asked.asked.set()

    def run(self, opened: Opened) -> bool:
        """Do it; whether it succeeded. The stack must be held by the caller unless it is a preview."""
        return asyncio.run(self._main(opened))

    def references(self) -> dict[str, tuple[str, ...]]:
        """What each resource that a preview has come to waits for, itself or by way of its provider."""
        run = self._known.get("run")
        news = dict(run.news) if run is not None and self.kind.preview else {}
        found: dict[str, tuple[str, ...]] = {}
        for urn, resource in news.items():
            provider = news.get(split_reference(resource.provider)[0]) if resource.provider else None
            through = provider.dependencies if provider is not None else []
            found[urn] = tuple(dict.fromkeys([*resource.dependencies, *through]))
        return found

    async def _main(self, opened: Opened) -> bool:
        self._interrupt = Interrupt(asyncio.Event(), asyncio.Event())
        with self._beginning:
            self._loop = asyncio.get_running_loop()
        for _ in range(self._early):
            self._interrupted()
        with signals.told(self._interrupted):
            return await self._whole(opened, self._interrupt)

    async def _whole(self, opened: Opened, interrupt: Interrupt) -> bool:
        began = time.time()
        raw_config = self.stack.file().raw()
        children = _Children(self.stack, self.events)
        try:
            ok = await self._within(opened, interrupt, children, raw_config, began)
        finally:
            await children.end()
        self.events.send("cancelEvent", {})
        return ok

    async def _within(
        self, opened: Opened, interrupt: Interrupt, children: "_Children", raw_config: Props, began: float
    ) -> bool:
        packs = children.packs(self.options) if self.kind.program and self.options.policy_packs else None
        if packs is None:
            self.events.send("preludeEvent", {"config": _hidden(raw_config)})
        program = children.soon(children.program()) if self.kind.program else None
        dynamic = any(r.get("type") == PROVIDER_PREFIX + DYNAMIC for r in items(opened.latest, "resources"))
        early = children.soon(children.begin(DYNAMIC, None)) if dynamic else None
        await asyncio.sleep(0)
        await asyncio.to_thread(importlib.import_module, "engine.server")  # gRPC, beside the children's own loading
        from engine.direct import Direct
        from engine.monitor import Monitor
        from engine.server import Server

        await self._key(opened, raw_config)
        config = resolve(raw_config, opened.config_crypter)
        self.events.hide([config.values[key] for key in config.secret_keys])
        with collector.staying():
            deployment = opened.deployment()
        registry = self.registry = self._registry(children)
        if not self.kind.preview or self.kind.refresh_only or self.options.refresh:
            check_state(deployment, registry)
        journal = None
        if not self.kind.preview:
            journal = self.stack.journal(opened)
        snapshot = Snapshot(deployment, opened.crypter, journal)
        run = self._run(snapshot, journal, registry)
        if early is not None:
            run.registry.use_early(early)
        if self.options.clear_pending_creates:
            refresh.clear_pending_creates(run)
        if not self.kind.program and not self.kind.refresh_only and deletes.refuse_hooks(run):
            if not self.kind.preview:
                self._save(run, raw_config, began, False)
            raise BadInput("You must run with the `--run-program` flag to use delete hooks during destroy.")
        course = Deployment(run, self.parallel, interrupt)
        monitor: Monitor | None = None
        if self.kind.program:
            monitor = Monitor(run, self.stack.project, config, self.parallel, course.inbox.put_nowait)
            if not self.kind.preview:
                monitor.gate = Gate(registry, lambda: self._rehearsed(opened, interrupt))
        server = Server(monitor, self._log)
        await server.start()
        children.address, children.config = server.address, config
        if packs is not None:
            try:
                run.policies = await children.policies(packs, run, interrupt.asked)
            except PolicyError:
                if not self.kind.preview:
                    self._save(run, raw_config, began, False)
                await asyncio.gather(run.registry.close(), server.stop())
                self.events.send("cancelEvent", {})
                raise
            self.events.send("preludeEvent", {"config": _hidden(raw_config)})

        async def launch(_: "Monitor") -> Program:
            assert program is not None
            started = await program
            if monitor is not None:
                if monitor.gate is not None:
                    monitor.gate.needs = started.needs
                await started.serve(functools.partial(Direct, monitor))
            await started.run(
                self.stack.name,
                config,
                address=server.address,
                preview=self.kind.preview,
                parallel=self.parallel,
                debug=self.options.debug,
            )
            return started

        try:
            ok = await self._course(course, run, monitor, launch if monitor else None, interrupt, children)
        except (ProviderMissing, BadInput):
            # nothing was done, so there is nothing to write
            if journal is not None:
                journal.drop()
            await asyncio.gather(run.registry.close(), server.stop())
            if run.policies is not None:
                await run.policies.close()
            self.events.send("cancelEvent", {})
            raise
        self.events.summary(
            preview=self.kind.preview, seconds=time.time() - began, result="succeeded" if ok else "failed"
        )
        if not self.kind.preview:
            ok = self._save(run, raw_config, began, ok) and ok
        await asyncio.gather(run.registry.close(), server.stop())
        if run.policies is not None:
            await run.policies.close()
        return ok

    async def _course(
        self,
        course: Deployment,
        run: Run,
        monitor: "Monitor | None",
        launch: Launch | None,
        interrupt: Interrupt,
        children: "_Children",
    ) -> bool:
        """The deployment, unless the user says twice that it shall stop."""
        work = asyncio.ensure_future(course.perform(monitor, launch))
        now = asyncio.ensure_future(interrupt.now.wait())
        refused = monitor.gate.refused if monitor is not None and monitor.gate is not None else None
        try:
            waiting: set[asyncio.Future[Any]] = {work, now}
            if refused is not None:
                waiting.add(refused)
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if work.done() and not (refused and refused.done()):
                return work.result()
            course.abandon()
            children.kill()
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            if refused and refused.done():
                raise refused.result()
            self.events.say("error", ("preview" if run.preview else "update") + " canceled")
            return False
        finally:
            now.cancel()

    async def _rehearsed(self, opened: Opened, interrupt: Interrupt) -> dict[str, str]:
        """The packages without a provider here that the program uses, by a preview that nobody sees."""
        options = replace(self.options, refresh=False, policy_packs=())
        kind = Kind(self.kind.name, program=True, preview=True, rehearsal=True)
        unseen = Operation(self.stack, kind, options, None, self.parallel)
        with contextlib.suppress(EngineError):  # what else is wrong with the program is told when it runs in earnest
            await unseen._whole(opened, interrupt)
        return dict(unseen.registry.plan_only) if unseen.registry else {}

    async def _key(self, opened: Opened, raw_config: Props) -> None:
        """Wait for the key without blocking anything else, where a secret must be read."""
        from engine.secrets import Passphrase

        for crypter in (opened.crypter, opened.config_crypter):
            if isinstance(crypter, Passphrase) and (crypter is opened.crypter or has_secrets(raw_config)):
                await asyncio.wrap_future(crypter.ready())
                _ = crypter.cipher

    def _registry(self, children: "_Children") -> Registry:
        events, project, known = self.events, self.stack.project, self._known
        builtin = Builtin(
            self.stack.outputs_of,
            lambda urn: known["run"].news.get(urn) or known["run"].reads.get(urn),
            lambda text, urn: events.say("warning", text, urn),
        )
        return Registry(
            children.begin,
            children.connect,
            builtin,
            lambda package, version: discovery.find(package, version, project.plugins, project.root),
            lambda severity, text, marks: events.say(severity, text, marks=marks),
            preview=self.kind.preview,
            rehearsal=self.kind.rehearsal,
        )

    def _run(self, snapshot: Snapshot, journal: Journal | None, registry: Registry) -> Run:
        run = Run(
            project=self.stack.project.name,
            stack=self.stack.name,
            preview=self.kind.preview,
            refresh_only=self.kind.refresh_only,
            destroying=self.kind.destroying,
            options=self.options,
            events=self.events,
            snapshot=snapshot,
            registry=registry,
            journal=journal,
        )
        self._known["run"] = run
        return run

    def _save(self, run: Run, raw_config: Props, began: float, ok: bool) -> bool:
        """Write the state, and note in the history what was done; False where the disk takes no more."""
        project, name, backend = self.stack.project.name, self.stack.name, self.stack.backend
        raw = self.stack.checkpoint(run.snapshot.to_json())
        try:
            if run.journal is not None:
                run.journal.final(raw)
            backend.write_state(project, name, raw)
        except BackendError as error:
            kept = ""
            if run.journal is not None:
                run.journal.close()
                kept = f". What was done is kept in {run.journal.file} and will be found by the next command"
            self.events.say("error", f"{error}{kept}")
            return False
        if run.journal is not None:
            run.journal.drop()
        update: Props = {
            "kind": self.kind.name,
            "startTime": int(began),
            "message": self.options.message,
            "environment": {"exec.kind": "modelport"},
            "config": raw_config,
            "version": 0,
            "result": "succeeded" if ok else "failed",
            "endTime": int(time.time()),
            "resourceChanges": dict(sorted(self.events.changes.items())),
        }
        try:
            backend.write_history(project, name, update, raw)
        except BackendError as error:
            self.events.say("warning", f"{error}; the state itself is written")
        return True

    def _log(self, request: "engine_pb2.LogRequest") -> None:
        from engine.server import SEVERITIES

        self.events.say(
            SEVERITIES[request.severity],
            request.message,
            request.urn,
            ephemeral=request.ephemeral,
            stream=request.streamId,
        )


def _hidden(raw: Props) -> dict[str, str]:
    return {key: "[secret]" if has_secrets(value) else str(value) for key, value in raw.items()}


_PRINTED = {"info": 1, "info#err": 2}
"""What is printed is a stream of its own, apart from what is logged."""


class _Children:
    """The processes of one operation."""

    def __init__(self, stack: Stack, events: Events) -> None:
        self._stack = stack
        self._events = events
        self.address = ""
        self.config: Config | None = None
        self._programs: list[Program] = []
        self._starting: list[Starting | Packs] = []
        self._soon: list[asyncio.Future[Any]] = []

    def soon(self, start: Coroutine[Any, Any, Started]) -> "asyncio.Future[Started]":
        """Start one beside everything else; whatever comes of it, `end` ends it."""
        future = asyncio.ensure_future(start)
        self._soon.append(future)
        return future

    def _heard(self, severity: str, line: str) -> None:
        if line.strip():
            self._events.say(severity, line, stream=_PRINTED.get(severity, 0))

    async def program(self) -> Program:
        made = await Program.begin(self._stack.project, self._heard)
        self._programs.append(made)
        return made

    def packs(self, options: Options) -> "Packs":
        """Start the policy packs, which only an operation that has some needs to know of."""
        from engine.policy.loading import Packs

        made = Packs(options, self._events, replace(self._stack.project, options={}).python())
        self._starting.append(made)
        made.begin()
        return made

    async def policies(self, packs: "Packs", run: Run, stop: asyncio.Event) -> "Enforcement":
        """The packs, once all are ready."""
        from engine.policy.analyzer import Stack as Looked

        config = self.config
        assert config is not None
        keys = tuple(sorted(config.secret_keys))
        tags = self._stack.backend.tags(run.project, run.stack)
        looked = Looked(run.project, run.stack, run.preview, config.values, keys, tags)
        return await packs.load(run, self.address, looked, stop)

    async def begin(self, package: str, plugin: discovery.Plugin | None) -> Starting:
        project = self._stack.project
        made = await Starting.begin(
            package, python=project.python(), cwd=project.root, heard=self._heard, plugin=plugin
        )
        self._starting.append(made)
        return made

    async def connect(self, starting: Starting) -> Provider:
        assert self.config is not None
        return await starting.connect(self.address, environment(self._stack.project, self._stack.name, self.config))

    def kill(self) -> None:
        for program in self._programs:
            program.kill()
        for starting in self._starting:
            starting.kill()

    async def end(self) -> None:
        """Whatever is left of them goes."""
        await asyncio.gather(*self._soon, return_exceptions=True)
        await asyncio.gather(*(p.end() for p in self._programs), *(s.abandon() for s in self._starting))
