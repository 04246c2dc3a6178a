"""What the engine asks of a provider, whoever answers."""

from dataclasses import dataclass, field
from typing import Final

from engine.diff import Diff
from engine.errors import PluginError, ProviderRefused
from engine.values import UNKNOWN, Props, Unknown

DYNAMIC: Final = "pulumi-python"
"""The package of dynamic providers in Python."""


@dataclass(frozen=True)
class Failure:
    """One input that a provider refuses; `property` is empty where it refuses the whole."""

    property: str
    reason: str


@dataclass(frozen=True)
class Made:
    """What a create, update or read gave. `id` is empty where a read found nothing."""

    id: str | Unknown
    outputs: Props
    inputs: Props | None = None
    init_errors: list[str] = field(default_factory=list[str])
    """Why it is not yet usable although it exists."""
    refresh_before_update: bool = False


class Provider:
    """What the engine asks of a provider. This one knows nothing: it takes every input and makes nothing."""

    name: str = ""

    async def check_config(self, urn: str, olds: Props, news: Props) -> tuple[Props, list[Failure]]:
        return news, []

    async def diff_config(self, urn: str, olds: Props, outputs: Props, news: Props) -> Diff:
        return Diff(changes=None)

    async def configure(self, urn: str, id_: str, inputs: Props) -> None:
        return None

    async def check(
        self, urn: str, olds: Props | None, news: Props, *, preview: bool, seed: bytes
    ) -> tuple[Props, list[Failure]]:
        return news, []

    async def diff(
        self, urn: str, id_: str, old_inputs: Props, olds: Props, news: Props, *, preview: bool, ignored: list[str]
    ) -> Diff:
        return Diff(changes=None)

    async def create(self, urn: str, news: Props, *, timeout: float, preview: bool) -> Made:
        raise PluginError(f"{urn}: no provider")

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
        raise PluginError(f"{urn}: no provider")

    async def read(self, urn: str, id_: str, inputs: Props, state: Props, *, timeout: float) -> Made:
        raise PluginError(f"{urn}: no provider")

    async def delete(self, urn: str, id_: str, inputs: Props, outputs: Props, *, timeout: float) -> None:
        raise PluginError(f"{urn}: no provider")

    async def invoke(self, token: str, args: Props, *, preview: bool) -> tuple[Props, list[Failure]]:
        raise PluginError(f"{token}: no provider")

    async def cancel(self) -> None:
        """Ask it to give up what it is doing."""

    async def close(self) -> None:
        """End it."""


class PartialFailure(ProviderRefused):
    """The provider made the thing, but it is not usable; `made` is what there is of it."""

    def __init__(self, message: str, made: Made) -> None:
        super().__init__(message)
        self.made = made


class PlanOnly(Provider):
    """A package that this machine has no provider for: its inputs are the plan, its outputs are unknown."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def create(self, urn: str, news: Props, *, timeout: float, preview: bool) -> Made:
        return Made(UNKNOWN, dict(news))

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
        return Made(id_, dict(news))

    async def read(self, urn: str, id_: str, inputs: Props, state: Props, *, timeout: float) -> Made:
        return Made(id_, {**inputs, **state})

    async def invoke(self, token: str, args: Props, *, preview: bool) -> tuple[Props, list[Failure]]:
        return {}, []
