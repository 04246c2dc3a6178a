"""A package without a provider on this machine: its inputs are the plan, its outputs are unknown.

Nothing is made up but what the table of stand-ins says, and each use of that is told to `used`.
"""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from engine.diff import Diff
from engine.errors import ProviderMissing
from engine.providers.base import Failure, Made, Provider, Unanswered
from engine.providers.standins import StandIn, ask
from engine.state import urn_name
from engine.values import UNKNOWN, Props, Value, bare, equal, is_dict, is_list, secret_texts

if TYPE_CHECKING:
    from engine.protocol import provider_pb2

_DEFAULTS = "__defaults"
"""Where a provider made from a Terraform one notes which inputs it filled in itself."""

CHANGES = (
    "changes of existing resources are shown as updates: which of them replace the resource only the provider knows"
)
IMPORTS = (
    "an import is planned as the program describes it: whether what exists under its id is like that only the provider "
    "knows"
)


def install(package: str, version: str = "") -> str:
    """How to get the provider of a package onto this machine."""
    plugin = f"pulumi plugin install resource {package}" + (f" {version}" if version else "")
    return (
        "install the Pulumi CLI (curl -fsSL https://get.pulumi.com | sh), then either run the same command with "
        f"`--engine pulumi` or run `{plugin}`; or put pulumi-resource-{package} on PATH"
    )


def refusal(packages: Mapping[str, str], *, done: str = "nothing was done") -> str:
    """Why packages (with their versions, which may be empty) cannot be deployed here, and what to do."""
    first, version = next(iter(packages.items()))
    named = ", ".join(f"'{package}'" for package in packages)
    many = len(packages) > 1
    return (
        f"no provider for the package{'s' if many else ''} {named} on this machine: the embedded engine can plan "
        f"{'them' if many else 'it'} (`preview`), not deploy {'them' if many else 'it'}; {done}; "
        f"{install(first, version)}"
    )


class PlanOnly(Provider):
    """One configured provider of such a package, default or explicit."""

    takes_marked_questions = True

    def __init__(self, name: str, version: str, used: Callable[[StandIn], None], note: Callable[[str], None]) -> None:
        self.name = name
        self._version = version
        self._used = used
        self._note = note
        self._config: Props = {}

    async def configure(self, urn: str, id_: str, inputs: Props) -> None:
        self._config = inputs

    async def check(
        self, urn: str, olds: Props | None, news: Props, *, preview: bool, seed: bytes
    ) -> tuple[Props, list[Failure]]:
        return (news if olds is None else kept(urn, olds, news)), []

    async def diff(
        self, urn: str, id_: str, old_inputs: Props, olds: Props, news: Props, *, preview: bool, ignored: list[str]
    ) -> Diff:
        if not equal(bare(old_inputs), bare(news)):
            self._note(CHANGES)
        return Diff(changes=None)

    async def create(self, urn: str, news: Props, *, timeout: float, preview: bool) -> Made:
        self._only(preview)
        return Made(UNKNOWN, _shown(news))

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
        self._only(preview)
        return Made(id_, _shown(news))

    async def read(self, urn: str, id_: str, inputs: Props, state: Props, *, timeout: float) -> Made:
        return Made(id_, {**inputs, **state})

    async def take_over(self, urn: str, id_: str, wanted: Props, *, timeout: float) -> Made:
        self._note(IMPORTS)
        return Made(id_, _shown(wanted), wanted)

    async def delete(self, urn: str, id_: str, inputs: Props, outputs: Props, *, timeout: float) -> None:
        self._only(preview=False)

    def _only(self, preview: bool) -> None:
        if not preview:
            raise ProviderMissing(refusal({self.name: self._version}))

    async def invoke(self, token: str, args: Props, *, preview: bool) -> tuple[Props, list[Failure]]:
        self._only(preview)
        found = ask(token, args, self._config)
        if found is None:
            raise Unanswered(
                f"{token}: nobody here can answer this look-up, so its answer is unknown in this plan; for a true one "
                f"{install(self.name, self._version)}"
            )
        values, kind = found
        if kind == "stand-in":
            hidden = secret_texts(args) | secret_texts(self._config)
            self._used(StandIn(token, _told(args, hidden), _told(values, hidden)))
        return values, []

    async def construct(self, request: "provider_pb2.ConstructRequest") -> "provider_pb2.ConstructResponse":
        raise ProviderMissing(
            f"{request.type} '{request.name}' is a component that its provider makes, and there is none for the "
            f"package '{self.name}' on this machine, so what is in it cannot be planned; "
            f"{install(self.name, self._version)}"
        )

    async def call(self, request: "provider_pb2.CallRequest") -> "provider_pb2.CallResponse":
        raise ProviderMissing(
            f"{request.tok} is a method that its provider answers, and there is none for the package '{self.name}' on "
            f"this machine; {install(self.name, self._version)}"
        )


def _told(props: Props, hidden: set[str]) -> Props:
    """What a plan shows of a look-up: everything but the secrets that it was asked with."""
    return {key: _without(bare(value), sorted(hidden, key=len, reverse=True)) for key, value in props.items()}


def _without(value: Value, hidden: list[str]) -> Value:
    if is_dict(value):
        return {key: _without(item, hidden) for key, item in value.items()}
    if is_list(value):
        return [_without(item, hidden) for item in value]
    if isinstance(value, str):
        for secret in hidden:
            value = value.replace(secret, "[secret]")
    return value


def _shown(news: Props) -> Props:
    return {key: value for key, value in news.items() if key != _DEFAULTS}


def kept(urn: str, olds: Props, news: Props) -> Props:
    """The new inputs with what the provider itself had filled in before, so that only the program's changes differ."""
    out = _with_defaults(olds, news)
    name = re.escape(urn_name(urn))
    for key, value in olds.items():
        made_up = isinstance(value, str) and re.fullmatch(rf"{name}-?[0-9a-f]{{7,8}}", value)
        if key not in out and made_up:
            out[key] = value
    if "tagsAll" in olds and "tagsAll" not in news and equal(bare(olds.get("tags")), bare(out.get("tags"))):
        out["tagsAll"] = olds["tagsAll"]
    return out


def _with_defaults(old: Props, new: Props) -> Props:
    out = {key: _kept_value(old.get(key), value) for key, value in new.items()}
    if _DEFAULTS in old:
        filled = [key for key in old[_DEFAULTS] if key not in new] if is_list(old[_DEFAULTS]) else []
        for key in filled:
            if key in old:
                out[key] = old[key]
        out[_DEFAULTS] = filled
    return out


def _kept_value(old: Value, new: Value) -> Value:
    if is_dict(old) and is_dict(new):
        return _with_defaults(old, new)
    if is_list(old) and is_list(new):
        return [_kept_value(old[n], each) if n < len(old) else each for n, each in enumerate(new)]
    return new
