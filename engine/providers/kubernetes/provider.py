"""The provider itself: each call that asks the cluster in a thread of its own, so that none holds up the others."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from engine.diff import Diff
from engine.errors import ProviderRefused
from engine.providers.base import Failure, Made, Provider
from engine.providers.kubernetes import config, making, planning, reading, rendering
from engine.providers.kubernetes.session import Say, Session
from engine.state import urn_name
from engine.values import UNKNOWN, Props, has_unknown

if TYPE_CHECKING:
    from engine.protocol import provider_pb2

P = ParamSpec("P")
T = TypeVar("T")

_NOT_KNOWN: Final = (
    "The provider for this resource has inputs that are not known during preview.\n"
    "This preview may not correctly represent the changes that will be applied during an update."
)


class KubernetesProvider(Provider):
    """Objects of a cluster. `say(severity, text, urn, ephemeral=False)` tells the user; it is called in the loop."""

    name = "kubernetes"

    def __init__(self, say: Say) -> None:
        self._say = say
        self._session: Session | None = None
        self._cancel = threading.Event()
        self._threads = ThreadPoolExecutor(64, "kubernetes")
        self._known = True

    async def _in_thread(self, call: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: call(*args, **more))

    def _opened(self) -> Session:
        if self._session is None:
            raise ProviderRefused("the Kubernetes provider is not configured")
        return self._session

    # -- configuration -------------------------------------------------------------------------------------------------

    async def check_config(self, urn: str, olds: Props, news: Props) -> tuple[Props, list[Failure]]:
        default = urn_name(urn).startswith("default")
        return news, [Failure(name, reason) for name, reason in config.check_config(news, default=default)]

    async def diff_config(self, urn: str, olds: Props, outputs: Props, news: Props) -> Diff:
        try:
            return await self._in_thread(config.diff_config, outputs, news)
        except config.ConfigProblem as error:
            # the engine prints what came over the wire from the official provider
            raise ProviderRefused(f"rpc error: code = Unknown desc = failed to parse kubeconfig: {error}") from None

    async def configure(self, urn: str, id_: str, inputs: Props) -> None:
        self._known = not any(has_unknown(value) for key, value in inputs.items() if key != "version")
        if not self._known:
            return  # a preview: where the cluster is will be known when it has been made
        loop = asyncio.get_running_loop()

        here = threading.get_ident()

        def say(severity: str, text: str, urn: str, *, ephemeral: bool = False) -> None:
            if threading.get_ident() == here:
                self._say(severity, text, urn, ephemeral=ephemeral)
            else:
                loop.call_soon_threadsafe(lambda: self._say(severity, text, urn, ephemeral=ephemeral))

        self._session = await self._in_thread(Session.open, config.settings(inputs), say, self._cancel)

    # -- resources -----------------------------------------------------------------------------------------------------

    async def check(
        self, urn: str, olds: Props | None, news: Props, *, preview: bool, seed: bytes
    ) -> tuple[Props, list[Failure]]:
        if not self._known:
            return news, []
        session = self._opened()
        if planning.at_once(session, urn):
            return planning.check(session, urn, olds or {}, news, seed), []
        return await self._in_thread(planning.check, session, urn, olds or {}, news, seed), []

    async def diff(
        self, urn: str, id_: str, old_inputs: Props, olds: Props, news: Props, *, preview: bool, ignored: list[str]
    ) -> Diff:
        if not self._known:
            self._say("warning", _NOT_KNOWN, urn)
            return Diff(changes=False)
        session = self._opened()
        if planning.at_once(session, urn):
            return planning.diff(session, urn, old_inputs, olds, news, ignored)
        return await self._in_thread(planning.diff, session, urn, old_inputs, olds, news, ignored)

    async def create(self, urn: str, news: Props, *, timeout: float, preview: bool) -> Made:
        if not self._known:
            return Made(UNKNOWN, dict(news))
        session = self._opened()
        if session.told.render_to:
            return await self._in_thread(rendering.create, session, urn, news, preview=preview)
        if preview and session.cluster is None:  # nobody to ask what would come of it
            return making.create(session, urn, news, timeout, preview=True)
        return await self._in_thread(making.create, session, urn, news, timeout, preview=preview)

    async def update(
        self,
        urn: str,
        id_: str,
        old_inputs: Props,
        olds: Props,
        news: Props,
        *,
        timeout: float,
        preview: bool,
        ignored: list[str],
    ) -> Made:
        if not self._known:
            return Made(id_, dict(news))
        session = self._opened()
        if session.told.render_to:
            made = await self._in_thread(rendering.update, session, urn, olds, news, preview=preview)
        else:
            made = await self._in_thread(making.update, session, urn, olds, news, timeout, ignored, preview=preview)
        return Made(id_, made.outputs)

    async def read(self, urn: str, id_: str, inputs: Props, state: Props, *, timeout: float) -> Made:
        if not self._known:
            return Made(id_, {})
        session = self._opened()
        if session.told.render_to:
            return Made(id_, state, inputs)
        return await self._in_thread(reading.read, session, urn, id_, inputs, state)

    async def delete(self, urn: str, id_: str, inputs: Props, outputs: Props, *, timeout: float) -> None:
        session = self._opened()
        if session.told.render_to:
            await self._in_thread(rendering.delete, session, outputs)
        else:
            await self._in_thread(reading.delete, session, urn, id_, outputs, timeout)

    async def invoke(self, token: str, args: Props, *, preview: bool) -> tuple[Props, list[Failure]]:
        from engine.providers.kubernetes.lookups import invoke

        if not self._known:
            return {}, []
        return await self._in_thread(invoke, self._opened(), token, args), []

    async def construct(self, request: "provider_pb2.ConstructRequest") -> "provider_pb2.ConstructResponse":
        from engine.providers.kubernetes.components import construct

        if not self._known:
            raise ProviderRefused(f"{request.type} '{request.name}': {_NOT_KNOWN}")
        return await construct(self._opened(), request)

    async def cancel(self) -> None:
        self._cancel.set()

    async def close(self) -> None:
        self._cancel.set()
        if self._session is not None and self._session.cluster is not None:
            self._session.cluster.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
