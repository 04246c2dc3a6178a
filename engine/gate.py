"""Before an operation does anything: are the providers here that it needs?

The state names the packages of what there is. A program names those of what it wants: the resources that it has made
and the SDKs that it has imported by the time it first asks the engine for something, which is before anything is done.
An imported SDK may never be used, so where one has no provider here the program is rehearsed, as a preview that nobody
sees; only what that needs is refused.
"""

import asyncio
from collections.abc import Awaitable, Callable

from engine.errors import Closed, EngineError, ProviderMissing
from engine.providers.needs import Needs
from engine.providers.plan_only import refusal
from engine.providers.registry import Registry, served_by
from engine.state import Deployment, is_provider, package_of, split_reference, urn_type

Rehearse = Callable[[], Awaitable[dict[str, str]]]
"""Runs the program as a preview; the packages that turned out to have no provider, with their versions."""


def check_state(state: Deployment, registry: Registry) -> None:
    """Raise ProviderMissing where something in the state cannot be read, changed or deleted from here."""
    served = {r.urn: served_by(package_of(r.type), r.inputs) for r in state.resources if is_provider(r.type)}
    missing: dict[str, str] = {}
    for resource in state.resources:
        if not resource.custom or is_provider(resource.type):
            continue
        provider = split_reference(resource.provider)[0] if resource.provider else ""
        fallback = (package_of(urn_type(provider)) if provider else package_of(resource.type), "")
        package, version = served.get(provider, fallback)
        if package not in missing and registry.lacks(package, version):
            missing[package] = version
    if missing:
        raise ProviderMissing(refusal(missing))


class Gate:
    """Lets the program's requests through once it is known that none of them will be refused for want of a provider."""

    def __init__(self, registry: Registry, rehearse: Rehearse) -> None:
        self.refused: asyncio.Future[EngineError] = asyncio.get_running_loop().create_future()
        self.needs: Needs | None = None
        self._registry = registry
        self._rehearse = rehearse
        self._lock = asyncio.Lock()
        self._open = False

    async def passed(self) -> None:
        """Wait for the answer; raises Closed when it is no."""
        if self._open:
            return
        async with self._lock:
            if not self._open and not self.refused.done():
                try:
                    await self._look()
                except EngineError as error:
                    self.refused.set_result(error)
            if self.refused.done():
                raise Closed("resource monitor shut down")
            self._open = True

    async def _look(self) -> None:
        if self.needs is None:
            return
        self.needs.catch_up()
        missing = self._lacking(self.needs.made)
        if not missing and self._lacking(self.needs.imported):
            missing = await self._rehearse()
        if missing:
            self.refused.set_result(ProviderMissing(refusal(missing)))

    def _lacking(self, packages: dict[str, str]) -> dict[str, str]:
        return {package: version for package, version in packages.items() if self._registry.lacks(package, version)}
