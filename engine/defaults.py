"""Which provider serves a resource or a look-up: its own, its parents', or the default one of its package."""

import asyncio
import base64
import json
import re
import uuid
from collections.abc import Awaitable, Callable

from engine.errors import Closed, EngineError
from engine.goals import Answer, Goal, Registration
from engine.projects import Config
from engine.protocol import resource_pb2
from engine.providers.registry import INTERNAL, mark_plugin
from engine.registrations import id_text
from engine.state import PROVIDER_PREFIX, package_of
from engine.values import Props, Secret

DYNAMIC_PACKAGES = ("pulumi-python", "pulumi-nodejs")


def default_name(version: str, url: str) -> str:
    """What the default provider of a package is called: each version of it, from each address, has its own."""
    core, _, build = version.partition("+")
    core, _, pre = core.partition("-")
    parts = ["default", *(part for part in (core, pre, build) if part)]
    name = "_".join(part.replace(".", "_") for part in parts)
    if not url:
        return name
    segments = [re.sub(r"[^A-Za-z0-9_.-]", "_", part) for part in url.split("/") if part]
    return f"{name}_{'/'.join(segments) or '_'}"


class Packages:
    """The packages that the program names, and their default providers: `register` has one made and waits for it."""

    def __init__(self, config: Config, register: Callable[[Registration], Awaitable[Answer]]) -> None:
        self.config = config
        self._register = register
        self._defaults: dict[str, str] = {}
        self._default_lock = asyncio.Lock()
        self._component_providers: dict[str, dict[str, str]] = {}
        self._packages: dict[str, tuple[str, str, str]] = {}
        self._parameters: dict[tuple[str, str, str], Props] = {}
        """Of a parameterised package: the plugin that serves it, and the parameter (base64)."""

    def of_component(self, urn: str) -> dict[str, str]:
        """The providers that a component hands to its children, by package."""
        return self._component_providers.get(urn, {})

    def give_component(self, urn: str, providers: dict[str, str]) -> None:
        self._component_providers[urn] = providers

    async def default_provider(self, package: str, version: str = "", url: str = "") -> str:
        """The reference to the default provider of a package, registered when the first resource needs it."""
        async with self._default_lock:
            key = f"{package}@{version}@{url}"
            known = self._defaults.get(key)
            if known is not None:
                return known
            self._refuse_denied(package)
            inputs = self._provider_config(package)
            mark_plugin(inputs, version, url)
            self._mark_parameter(inputs, (package, version, url))
            reg = Registration(Goal(PROVIDER_PREFIX + package, default_name(version, url), True, inputs))
            answer = await self._register(reg)
            if answer.result != "success":
                raise Closed(f"the default provider of {package} could not be made")
            made = f"{answer.resource.urn}::{id_text(answer.resource)}"
            self._defaults[key] = made
            return made

    def _refuse_denied(self, package: str) -> None:
        text = self.config.values.get("pulumi:disable-default-providers", "")
        if package == "pulumi" or not text:
            return
        try:
            denied = [str(entry).strip() for entry in json.loads(text)]
        except (ValueError, TypeError):
            raise EngineError(f"Failed to parse pulumi:disable-default-providers: {text}") from None
        if "*" in denied or package in denied:
            raise EngineError(f"Default provider for '{package}' disabled. It must use an explicit provider.")

    def _provider_config(self, package: str) -> Props:
        out: Props = {}
        for key, text in self.config.values.items():
            namespace, _, name = key.partition(":")
            if package not in DYNAMIC_PACKAGES and namespace != package:
                continue
            value = Secret(text) if key in self.config.secret_keys else text
            out[key if package in DYNAMIC_PACKAGES else name] = value
        return out

    def given(self, type_: str, own: str, providers: dict[str, str], parent: str) -> str:
        """The explicit provider of a resource or a look-up: its own, or one of its parents'; empty where none is."""
        package = package_of(type_)
        return own or providers.get(package, "") or self.of_component(parent).get(package, "")

    async def provider_for(
        self, type_: str, given: str, providers: dict[str, str], parent: str, version: str, url: str, package_ref: str
    ) -> str:
        """The provider that a resource or a look-up uses: its own, its parents', the package's default."""
        package = package_of(type_)
        found = self.given(type_, given, providers, parent)
        if found:
            return found
        if package_ref:
            if package_ref not in self._packages:
                raise EngineError(f"unknown provider package '{package_ref}'")
            package, version, url = self._packages[package_ref]
        return await self.default_provider(package, version, url)

    def complete(
        self,
        request: resource_pb2.RegisterResourceRequest,
        options: resource_pb2.TransformResourceOptions,
        props: Props,
    ) -> None:
        """Give an explicit provider's inputs the version and address that the program asked for."""
        version, url = options.version, options.plugin_download_url
        if request.packageRef in self._packages:
            _, found, found_url = self._packages[request.packageRef]
            version, url = version or found, url or found_url
        mark_plugin(props, version, url)
        self._mark_parameter(props, (package_of(request.type.removeprefix(PROVIDER_PREFIX)), version, url))

    def _mark_parameter(self, inputs: Props, package: tuple[str, str, str]) -> None:
        if package in self._parameters:
            inputs[INTERNAL] = {**inputs.get(INTERNAL, {}), **self._parameters[package]}

    def add(self, request: resource_pb2.RegisterPackageRequest) -> str:
        """Take a package that the program describes; the reference under which resources name it."""
        if request.HasField("extension"):
            raise EngineError(
                f"the package '{request.extension.name}' extends another one, which the embedded engine cannot plan; "
                "install the Pulumi CLI and run the same command with `--engine pulumi`"
            )
        entry = (request.name, request.version, request.download_url)
        if request.HasField("parameterization"):
            given = request.parameterization
            entry = (given.name, given.version, request.download_url)
            value = base64.b64encode(given.value).decode()
            own = {"name": request.name, "version": request.version, "parameterization": value}
            self._parameters[entry] = {key: each for key, each in own.items() if each or key == "parameterization"}
        for ref, known in self._packages.items():
            if known == entry:
                return ref
        ref = str(uuid.uuid4())
        self._packages[ref] = entry
        return ref
