"""The providers of one operation: found, started once, configured, and ended."""

import asyncio
import base64
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from engine.diff import Diff
from engine.errors import EngineError, ProviderMissing
from engine.providers.base import DYNAMIC, KUBERNETES, Failure, Made, Provider
from engine.providers.discovery import Plugin
from engine.providers.plan_only import PlanOnly, refusal
from engine.providers.plugins import Starting
from engine.providers.standins import StandIn, told
from engine.state import Resource, package_of, split_reference, urn_type
from engine.values import UNKNOWN, Props, equal, is_dict, part
from engine.versions import older

Begin = Callable[[str, Plugin | None], Awaitable[Starting]]
"""Starts the process of a package's provider: the dynamic host, or the plugin that is given."""
Find = Callable[[str, str], Plugin | None]
"""Where the provider of a package, of a version or of any (""), is on this machine."""
Say = Callable[[str, str, Props], None]
"""A diagnostic: severity, text, and keys that the event carries beside them."""
Connect = Callable[[Starting], Awaitable[Provider]]


LATE: Final = (
    "it could not be known before the program came to it, so what was made until then stays and is in the state"
)


@dataclass
class Loaded:
    """A provider that was started for a provider resource. Once configured it is for these settings alone."""

    plugin: tuple[str, str, str]
    provider: Provider
    settings: Props | None = None


class Registry:
    """Providers by reference (URN::ID). `providers` is the provider of providers: it makes them as resources."""

    def __init__(
        self,
        begin: Begin,
        connect: Connect,
        builtin: Provider,
        find: Find,
        say: Say,
        *,
        preview: bool,
        rehearsal: bool = False,
    ) -> None:
        self._begin_process = begin
        self._connect = connect
        self._builtin = builtin
        self._find = find
        self._say = say
        self.stand_ins: list[StandIn] = []
        self.plan_only: dict[str, str] = {}
        """Packages without a provider here, with the version that was asked for (it may be empty)."""
        self._noted: set[str] = set()
        self._preview = preview
        self._rehearsal = rehearsal
        self._loaded: dict[str, list[Loaded]] = {}
        self._configured: dict[str, Provider] = {}
        self._early: asyncio.Future[Starting] | None = None
        self._all: list[Provider] = []
        self.providers: Provider = _Providers(self)

    def use_early(self, starting: "asyncio.Future[Starting]") -> None:
        """Take the host of dynamic providers that was started beside the program, once one is needed."""
        self._early = starting

    def lacks(self, package: str, version: str = "") -> bool:
        """Whether nobody on this machine can deploy a package."""
        return package not in ("pulumi", DYNAMIC, KUBERNETES) and self._find(package, version) is None

    async def _begin(self, package: str, plugin: Plugin | None) -> Provider:
        early = None
        if package == DYNAMIC:
            early, self._early = self._early, None
        starting = await (early if early is not None else self._begin_process(package, plugin))
        made = await self._connect(starting)
        self._all.append(made)
        return made

    async def load(self, urn: str, inputs: Props, *, settings: Props | None = None) -> Provider:
        """The provider for a provider resource, started but not yet configured, or configured with these `settings`.

        What is asked before that, about settings, any of the resource's processes of that plugin may answer.
        """
        package, version = package_of(urn_type(urn)), str(inputs.get("version") or "")
        parameter = str(part(inputs, INTERNAL).get("parameterization", ""))
        plugin = (*served_by(package, inputs), parameter)
        for found in self._loaded.get(urn, []):
            if found.plugin == plugin and (
                settings is None or found.settings is None or equal(found.settings, settings)
            ):
                break
        else:
            found = Loaded(plugin, await self._fresh(*plugin[:2]))
            if "parameterization" in part(inputs, INTERNAL) and not isinstance(found.provider, PlanOnly):
                await found.provider.parameterize(package, version, base64.b64decode(parameter))
            self._loaded.setdefault(urn, []).append(found)
        if settings is not None:
            found.settings = settings
        return found.provider

    async def _fresh(self, package: str, version: str) -> Provider:
        if package == "pulumi":
            return self._builtin
        if package == DYNAMIC:
            if self._rehearsal:
                return PlanOnly(DYNAMIC, "", lambda _: None, lambda _: None)
            return await self._begin(DYNAMIC, None)
        plugin = self._find(package, version)
        if plugin is not None:
            if plugin.ambient and package not in self._noted:
                self._noted.add(package)
                self._say("warning", f"using pulumi-resource-{package} from $PATH at {plugin.file}", {})
            made = await self._begin(package, plugin)
            if version and plugin.ambient:
                await self._look_at_version(made, package, version)
            return made
        if package == KUBERNETES:
            return self._own_kubernetes()
        if not self._preview:
            raise ProviderMissing(refusal({package: version}, done=LATE))
        return self._planned(package, version)

    async def _look_at_version(self, provider: Provider, package: str, wanted: str) -> None:
        """Say so where the plugin that takes the place of any version is older than the one that was asked for."""
        has = await provider.version()
        if not has or older(has, wanted):
            text = (
                f"resource plugin {package} is expected to have version >={wanted}, but has {has.removeprefix('v')}; "
                "the wrong version may be on your path, or this may be a bug in the plugin"
            )
            self._say("warning", text, {})

    def _own_kubernetes(self) -> Provider:
        from engine.providers.kubernetes import KubernetesProvider

        def say(severity: str, text: str, urn: str, *, ephemeral: bool = False) -> None:
            self._say(severity, text, {"urn": urn, **({"ephemeral": True} if ephemeral else {})})

        made = KubernetesProvider(say)
        self._all.append(made)
        return made

    def _planned(self, package: str, version: str) -> Provider:
        if package not in self.plan_only:
            self.plan_only[package] = version
            text = (
                f"plan only: no provider for the package '{package}' on this machine; the inputs of its resources are "
                "the plan, their outputs are unknown, and `up` will refuse it"
            )
            self._say("info", text, {"planOnly": {"package": package, "version": version}})

        def used(stand_in: StandIn) -> None:
            if stand_in not in self.stand_ins:
                self.stand_ins.append(stand_in)
                marked = {"token": stand_in.token, "args": stand_in.args, "values": stand_in.values}
                self._say("info", told(stand_in), {"standIn": marked})

        def note(text: str) -> None:
            if text not in self._noted:
                self._noted.add(text)
                self._say("info", f"plan only: {text}", {"planOnly": {"package": package, "version": version}})

        return PlanOnly(package, version, used, note)

    def get(self, reference: str) -> Provider | None:
        return self._configured.get(reference)

    async def same(self, urn: str, id_: str, inputs: Props) -> None:
        """Bring up a provider as it stands in the state."""
        if f"{urn}::{id_}" not in self._configured:
            await self.configure(urn, id_, inputs)

    async def configure(self, urn: str, id_: str, inputs: Props) -> None:
        settings = plain_config(inputs)
        provider = await self.load(urn, inputs, settings=settings)
        await provider.configure(urn, id_, settings)
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
        checked, failures = await provider.check_config(urn, plain_config(olds or {}), plain_config(news))
        return {**checked, **{key: news[key] for key in (INTERNAL,) if key in news}}, failures

    async def diff(
        self, urn: str, id_: str, old_inputs: Props, olds: Props, news: Props, *, preview: bool, ignored: list[str]
    ) -> Diff:
        provider = await self._registry.load(urn, news)
        before, after = plain_config(old_inputs), plain_config(news)
        diff = await provider.diff_config(urn, before, olds, after)
        if diff.changes is None:
            return Diff(changes=not equal(before, after))
        return diff

    async def create(self, urn: str, news: Props, *, timeout: float, preview: bool) -> Made:
        id_ = UNKNOWN if preview else str(uuid.uuid4())
        await self._registry.configure(urn, UNKNOWN_REFERENCE if preview else str(id_), news)
        return Made(id_, plain_config(news))

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
        return Made(id_, plain_config(news))

    async def read(self, urn: str, id_: str, inputs: Props, state: Props, *, timeout: float) -> Made:
        raise EngineError("provider resources may not be read")

    async def delete(self, urn: str, id_: str, inputs: Props, outputs: Props, *, timeout: float) -> None:
        return None


INTERNAL: Final = "__internal"
"""Where a provider's inputs keep what is the engine's own; providers and outputs never see it."""


def served_by(package: str, inputs: Props) -> tuple[str, str]:
    """The plugin that serves a package and its version: for a parameterised one, those of the plugin below it."""
    own = part(inputs, INTERNAL)
    if "parameterization" in own:
        return str(own.get("name") or package), str(own.get("version") or "")
    return package, str(inputs.get("version") or "")


def plain_config(inputs: Props) -> Props:
    return {key: value for key, value in inputs.items() if key != INTERNAL}


def mark_plugin(inputs: Props, version: str, url: str) -> None:
    """Note in a provider's inputs which plugin the program asked for. Changes them in place."""
    if version or url:
        own = inputs.setdefault(INTERNAL, {})
        if url and is_dict(own):
            own["pluginDownloadURL"] = url
    if version:
        inputs["version"] = version


UNKNOWN_REFERENCE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The id in a reference to a provider that a preview only pretends to make."""
