"""What the engine asks of a provider, whoever answers."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from engine.diff import Diff
from engine.errors import PluginError, ProviderRefused
from engine.values import Props, Unknown

if TYPE_CHECKING:
    from engine.protocol import provider_pb2

DYNAMIC: Final = "pulumi-python"
"""The package of dynamic providers in Python."""
KUBERNETES: Final = "kubernetes"
"""The package of Kubernetes objects, which the engine has a provider of its own for."""


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
    empty: bool = False
    """A read found no id and no outputs, and yet the provider says that the thing is there."""


class Provider:
    """What the engine asks of a provider. This one knows nothing: it takes every input and makes nothing."""

    name: str = ""
    takes_marked_questions: bool = False
    """Whether the arguments of a look-up come with their secrets marked; if not they come plain, as to any plugin."""

    async def check_config(self, urn: str, olds: Props, news: Props) -> tuple[Props, list[Failure]]:
        return news, []

    async def diff_config(self, urn: str, olds: Props, outputs: Props, news: Props) -> Diff:
        return Diff(changes=None)

    async def version(self) -> str:
        """Which one it says that it is; empty where it does not say."""
        return ""

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

    async def take_over(self, urn: str, id_: str, wanted: Props, *, timeout: float) -> Made:
        """Read what is imported; `wanted` is what the program says of it, which a provider need not look at."""
        return await self.read(urn, id_, {}, {}, timeout=timeout)

    async def delete(self, urn: str, id_: str, inputs: Props, outputs: Props, *, timeout: float) -> None:
        raise PluginError(f"{urn}: no provider")

    async def invoke(self, token: str, args: Props, *, preview: bool) -> tuple[Props, list[Failure]]:
        raise PluginError(f"{token}: no provider")

    async def construct(self, request: "provider_pb2.ConstructRequest") -> "provider_pb2.ConstructResponse":
        raise ProviderRefused(f"the provider {self.name} makes no components ({request.type} '{request.name}')")

    async def call(self, request: "provider_pb2.CallRequest") -> "provider_pb2.CallResponse":
        raise ProviderRefused(f"the provider {self.name} has no methods ({request.tok})")

    async def parameterize(self, name: str, version: str, value: bytes) -> None:
        """Make it the provider of the package that a parameter describes."""
        raise ProviderRefused(f"the provider {self.name} takes no parameter (for the package {name})")

    async def cancel(self) -> None:
        """Ask it to give up what it is doing."""

    async def close(self) -> None:
        """End it."""


class PartialFailure(ProviderRefused):
    """The provider made the thing, but it is not usable; `made` is what there is of it."""

    def __init__(self, message: str, made: Made) -> None:
        super().__init__(message)
        self.made = made


class Unanswered(ProviderRefused):
    """A look-up without an answer here: unknown in a plan. The message says what was asked, and how to know."""
