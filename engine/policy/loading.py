"""The packs of one operation, from the start of their processes until they are ready to be asked."""

import asyncio
from typing import TYPE_CHECKING

from engine.errors import PolicyError
from engine.events import Events
from engine.policy import config, packs
from engine.policy.analyzer import Analyzer, Stack, Starting
from engine.policy.enforcement import Enforcement, applied

if TYPE_CHECKING:
    from engine.run import Options, Run


class Packs:
    """Starts every pack at once, beside the program, and ends them whatever happens."""

    def __init__(self, options: "Options", events: Events, python: str) -> None:
        self._options = options
        self._events = events
        self._python = python
        self._starting: list[Starting] = []
        self._begun: asyncio.Future[None] | None = None
        self._enforcement: Enforcement | None = None

    def _heard(self, severity: str, line: str) -> None:
        known = self._enforcement
        self._events.say(severity, known.hidden(line) if known is not None else line)

    def begin(self) -> None:
        """Start the processes; what goes wrong is told by `load`."""
        self._begun = asyncio.ensure_future(self._begin())

    async def _begin(self) -> None:
        options = self._options
        for pack in packs.asked(options.policy_packs, options.policy_pack_configs, self._python):
            self._starting.append(await Starting.begin(pack, self._heard))

    async def load(self, run: "Run", engine: str, stack: Stack, stop: asyncio.Event) -> Enforcement:
        """Wait until all are ready and configured.

        Raises PolicyError where one is not there, does not start, or is configured wrongly, or where `stop` is set.
        """
        for _ in self._options.policy_packs:
            self._events.tell("policyLoadEvent", {})
        loading = asyncio.ensure_future(self._load(engine, stack))
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait({loading, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not loading.done():
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)
            raise PolicyError("canceled while the policy packs were loaded; nothing was done")
        analyzers = loading.result()
        self._events.policy_packs = applied(analyzers)
        self._enforcement = Enforcement(run, analyzers)
        return self._enforcement

    async def _load(self, engine: str, stack: Stack) -> list[Analyzer]:
        assert self._begun is not None
        await self._begun
        found = await asyncio.gather(*(_ready(each, engine, stack) for each in self._starting), return_exceptions=True)
        for one in found:
            if isinstance(one, BaseException):
                raise one
        ready = [one for one in found if not isinstance(one, BaseException)]
        wrong = sorted(told for _, problems in ready for told in problems)
        for told in wrong:
            self._events.say("error", told)
        if wrong:
            raise PolicyError("validating policy config")
        return [analyzer for analyzer, _ in ready]

    def kill(self) -> None:
        for each in self._starting:
            each.kill()

    async def abandon(self) -> None:
        """End whatever is left of them."""
        if self._begun is not None:
            await asyncio.gather(self._begun, return_exceptions=True)
        await asyncio.gather(*(each.abandon() for each in self._starting))


async def _ready(starting: Starting, engine: str, stack: Stack) -> tuple[Analyzer, list[str]]:
    """The pack, configured; and what is wrong with its configuration, in which case it is not."""
    pack = starting.pack
    given = config.read(pack.config) if pack.config else {}
    analyzer = await starting.connect(engine, stack)
    info = analyzer.info
    if not info.takes_config:
        if pack.config:
            raise PolicyError(f'policy pack "{info.name}" at "{pack.path}" does not support config')
        return analyzer, []
    settings, wrong = config.reconciled(info.policies, info.initial, given)
    if wrong:
        return analyzer, [f"validating policy config: {info.name} {info.version}  {told}" for told in wrong]
    await analyzer.configure(settings)
    return analyzer, []
