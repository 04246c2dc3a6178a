"""The providers of one operation: found, started once, configured, and ended."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

from engine.diff import Diff
from engine.errors import EngineError, ProviderMissing
from engine.plugins import Starting, find_binary
from engine.provider import DYNAMIC, Failure, Made, PlanOnly, Provider
from engine.state import Resource, package_of, split_reference, urn_type
from engine.values import UNKNOWN, Props, equal

Begin = Callable[[str, str | None], Awaitable[Starting]]
"""Starts the process of a package's provider: the dynamic host, or the binary that is given."""
Connect = Callable[[Starting], Awaitable[Provider]]


def refusal(package: str) -> str:
    """Why a package cannot be deployed here, and what to do."""
    return (
        f"no provider for the package '{package}' on this machine: the embedded engine can plan it (`preview`), not "
        "deploy it; install the Pulumi CLI (curl -fsSL https://get.pulumi.com | sh) and run the same command with "
        f"`--engine pulumi`, or put pulumi-resource-{package} on PATH"
    )


class Registry:
    """Providers by reference (URN::ID). `providers` is the provider of providers: it makes them as resources."""

    def __init__(self, begin: Begin, connect: Connect, builtin: Provider, *, preview: bool) -> None:
        self._begin_process = begin
        self._connect = connect
        self._builtin = builtin
        self._preview = preview
        self._loaded: dict[str, Provider] = {}
        self._configured: dict[str, Provider] = {}
        self._early: asyncio.Future[Starting] | None = None
        self._all: list[Provider] = []
        self.providers: Provider = _Providers(self)

    def use_early(self, starting: "asyncio.Future[Starting]") -> None:
        """Take the host of dynamic providers that was started beside the program, once one is needed."""
        self._early = starting

    async def _begin(self, package: str, binary: str | None) -> Provider:
        early = None
        if package == DYNAMIC:
            early, self._early = self._early, None
        starting = await (early if early is not None else self._begin_process(package, binary))
        made = await self._connect(starting)
        self._all.append(made)
        return made

    async def load(self, urn: str, inputs: Props) -> Provider:
        """The provider for a provider resource, started but not yet configured."""
        found = self._loaded.get(urn)
        if found is None:
            found = self._loaded[urn] = await self._fresh(package_of(urn_type(urn)), str(inputs.get("version") or ""))
        return found

    async def _fresh(self, package: str, version: str) -> Provider:
        if package == "pulumi":
            return self._builtin
        if package == DYNAMIC:
            return await self._begin(DYNAMIC, None)
        binary = find_binary(package, version)
        if binary:
            return await self._begin(package, binary)
        if self._preview:
            return PlanOnly(package)
        raise ProviderMissing(refusal(package))

    def get(self, reference: str) -> Provider | None:
        return self._configured.get(reference)

    async def same(self, urn: str, id_: str, inputs: Props) -> None:
        """Bring up a provider as it stands in the state."""
        reference = f"{urn}::{id_}"
        if reference not in self._configured:
            provider = await self.load(urn, inputs)
            await provider.configure(urn, id_, inputs)
            self._configured[reference] = provider

    async def configure(self, urn: str, id_: str, inputs: Props) -> None:
        provider = await self.load(urn, inputs)
        await provider.configure(urn, id_, inputs)
        self._configured[f"{urn}::{id_}"] = provider

    def alias(self, urn: str, old: str) -> None:
        """A provider that was renamed answers to its old name too."""
        for reference, provider in list(self._configured.items()):
            known, id_ = split_reference(reference)
            if known == old:
                self._configured[f"{urn}::{id_}"] = provider

    async def ensure(self, reference: str, olds: dict[str, Resource]) -> None:
        """Bring up the provider that a resource of the old state was made with."""
        if not reference or reference in self._configured:
            return
        urn, id_ = split_reference(reference)
        old = olds.get(urn)
        if old is None or str(old.id) != id_:
            raise EngineError(f"could not find provider {reference} in the state")
        await self.same(urn, id_, old.inputs)

    async def cancel(self) -> None:
        await asyncio.gather(*(provider.cancel() for provider in self._all))

    async def close(self) -> None:
        if self._early is not None:
            await (await self._early).abandon()
            self._early = None
        await asyncio.gather(*(provider.close() for provider in self._all))


class _Providers(Provider):
    """Makes providers: creating one configures it."""

    name = "providers"

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def check(
        self, urn: str, olds: Props | None, news: Props, *, preview: bool, seed: bytes
    ) -> tuple[Props, list[Failure]]:
        provider = await self._registry.load(urn, news)
        return await provider.check_config(urn, olds or {}, news)

    async def diff(
        self, urn: str, id_: str, old_inputs: Props, olds: Props, news: Props, *, preview: bool, ignored: list[str]
    ) -> Diff:
        provider = await self._registry.load(urn, news)
        diff = await provider.diff_config(urn, old_inputs, olds, news)
        if diff.changes is None:
            return Diff(changes=not equal(old_inputs, news))
        return diff

    async def create(self, urn: str, news: Props, *, timeout: float, preview: bool) -> Made:
        id_ = UNKNOWN if preview else str(uuid.uuid4())
        await self._registry.configure(urn, UNKNOWN_REFERENCE if preview else str(id_), news)
        return Made(id_, dict(news))

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
        await self._registry.configure(urn, id_, news)
        return Made(id_, dict(news))

    async def read(self, urn: str, id_: str, inputs: Props, state: Props, *, timeout: float) -> Made:
        raise EngineError("provider resources may not be read")

    async def delete(self, urn: str, id_: str, inputs: Props, outputs: Props, *, timeout: float) -> None:
        return None


UNKNOWN_REFERENCE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The id in a reference to a provider that a preview only pretends to make."""
