"""A process of a provider is for one set of settings: what was made with others is read and deleted with those."""

import asyncio
from pathlib import Path

import pytest

from engine.defaults import default_name
from engine.providers.base import Provider
from engine.providers.discovery import Plugin
from engine.providers.plugins import Said, Starting
from engine.providers.registry import Registry
from engine.values import Props
from engine.versions import older

URN = "urn:pulumi:dev::wood::pulumi:providers:acme::p"


class Process(Provider):
    """Knows what it was configured with, and says which version it is."""

    def __init__(self, version: str) -> None:
        self.says = version
        self.settings: Props = {}

    async def version(self) -> str:
        return self.says

    async def configure(self, urn: str, id_: str, inputs: Props) -> None:
        self.settings = inputs


class Place:
    """A registry whose processes are pretended."""

    def __init__(self, *, ambient: bool = False, version: str = "1.0.0") -> None:
        self.processes: list[Process] = []
        self.said: list[str] = []

        async def begin(package: str, plugin: Plugin | None) -> Starting:
            return Starting(package, None, Said(None, lambda _, __: None), plugin)

        async def connect(starting: Starting) -> Provider:
            self.processes.append(Process(version))
            return self.processes[-1]

        def find(package: str, wanted: str) -> Plugin:
            return Plugin(package, wanted, Path("acme"), ambient=ambient)

        def say(severity: str, text: str, more: Props) -> None:
            if severity == "warning":
                self.said.append(text)

        self.registry = Registry(begin, connect, Provider(), find, say, preview=False)

    def settings_of(self, id_: str) -> Props:
        found = self.registry.get(f"{URN}::{id_}")
        assert isinstance(found, Process)
        return found.settings


def test_what_was_made_in_a_region_is_deleted_there_though_the_provider_has_moved() -> None:
    place = Place()

    async def replaced() -> None:
        await place.registry.same(URN, "one", {"region": "r1"})  # a refresh
        await place.registry.providers.check(URN, {"region": "r1"}, {"region": "r2"}, preview=False, seed=b"")
        await place.registry.configure(URN, "two", {"region": "r2"})

    asyncio.run(replaced())
    assert place.settings_of("one") == {"region": "r1"}
    assert place.settings_of("two") == {"region": "r2"}


def test_a_provider_that_stays_as_it_is_has_one_process() -> None:
    place = Place()

    async def kept() -> None:
        await place.registry.providers.check(URN, {"region": "r1"}, {"region": "r1"}, preview=False, seed=b"")
        await place.registry.same(URN, "one", {"region": "r1"})
        await place.registry.providers.check(URN, {"region": "r1"}, {"region": "r1"}, preview=False, seed=b"")
        await place.registry.same(URN, "one", {"region": "r1"})

    asyncio.run(kept())
    assert len(place.processes) == 1


def test_another_version_of_a_provider_is_another_process() -> None:
    place = Place()

    async def upgraded() -> None:
        await place.registry.same(URN, "one", {"version": "1.0.0"})
        await place.registry.providers.check(URN, {"version": "1.0.0"}, {"version": "2.0.0"}, preview=False, seed=b"")

    asyncio.run(upgraded())
    assert len(place.processes) == 2


@pytest.mark.parametrize(("has", "told"), [("1.0.0", True), ("v2.0.0", False), ("2.1", False), ("", True)])
def test_a_plugin_on_path_that_is_older_than_what_was_asked_for_is_told_of(has: str, told: bool) -> None:
    place = Place(ambient=True, version=has)
    asyncio.run(place.registry.same(URN, "one", {"version": "2.0.0"}))
    expected = (
        f"resource plugin acme is expected to have version >=2.0.0, but has {has}; "
        "the wrong version may be on your path, or this may be a bug in the plugin"
    )
    assert (expected in place.said) is told


def test_versions_have_an_order() -> None:
    assert older("1.9.9", "1.10.0")
    assert older("2.0.0-alpha.1", "2.0.0")
    assert older("of my own", "2.0.0")
    assert not older("v2.0.0+build", "2.0.0")


@pytest.mark.parametrize(
    ("version", "url", "name"),
    [
        ("", "", "default"),
        ("1.0.0", "", "default_1_0_0"),
        ("1.0.0-alpha.1-x+b.2", "", "default_1_0_0_alpha_1-x_b_2"),
        ("1.0.0", "https://example.com/a b/", "default_1_0_0_https_/example.com/a_b"),
        ("", "/", "default__"),
    ],
)
def test_the_default_providers_of_two_addresses_have_two_names(version: str, url: str, name: str) -> None:
    assert default_name(version, url) == name
