"""The provider `pulumi`, which is the engine itself: stack references, stashes, look-ups in the state at hand."""

import uuid
from collections.abc import Callable

from engine.diff import Diff
from engine.errors import ProviderRefused
from engine.providers.base import Failure, Made, Provider
from engine.state import Resource, urn_type
from engine.values import UNKNOWN, Props, Unknown, equal, has_secret

REFERENCE = "pulumi:pulumi:StackReference"
STASH = "pulumi:index:Stash"


class Builtin(Provider):
    """`stack_outputs` reads another stack of the same backend by its full name; raises an EngineError if it cannot."""

    name = "pulumi"

    def __init__(
        self,
        stack_outputs: Callable[[str], Props],
        find: Callable[[str], Resource | None],
        warn: Callable[[str, str], None],
    ) -> None:
        self._stack_outputs = stack_outputs
        self._find = find
        self._warn = warn

    async def check(
        self, urn: str, olds: Props | None, news: Props, *, preview: bool, seed: bytes
    ) -> tuple[Props, list[Failure]]:
        key = self._key(urn)
        if key == "name":
            self._warn(
                'The "pulumi:pulumi:StackReference" resource type is deprecated. Update your SDK or if already up to '
                "date raise an issue at https://github.com/pulumi/pulumi/issues.",
                urn,
            )
        for name in news:
            if name != key:
                return {}, [Failure(name, f'unknown property "{name}"')]
        if key not in news:
            return {}, [Failure(key, f'missing required property "{key}"')]
        if key == "name" and not isinstance(news["name"], (str, Unknown)):
            return {}, [Failure("name", 'property "name" must be a string')]
        return news, []

    def _key(self, urn: str) -> str:
        type_ = urn_type(urn)
        if type_ == REFERENCE:
            return "name"
        if type_ == STASH:
            return "input"
        raise ProviderRefused(f"unrecognized resource type '{type_}'")

    async def diff(
        self, urn: str, id_: str, old_inputs: Props, olds: Props, news: Props, *, preview: bool, ignored: list[str]
    ) -> Diff:
        key = self._key(urn)
        if equal(news.get(key), old_inputs.get(key)):
            return Diff(changes=False)
        return Diff(changes=True, replaces=["name"]) if key == "name" else Diff(changes=True, changed=["input"])

    async def create(self, urn: str, news: Props, *, timeout: float, preview: bool) -> Made:
        id_ = UNKNOWN if preview else str(uuid.uuid4())
        if self._key(urn) == "name":
            return Made(id_, self._reference(news["name"]))
        return Made(id_, {"input": news["input"], "output": news["input"]})

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
        return Made(id_, {"input": news["input"], "output": olds.get("output")})

    async def delete(self, urn: str, id_: str, inputs: Props, outputs: Props, *, timeout: float) -> None:
        return None

    async def read(self, urn: str, id_: str, inputs: Props, state: Props, *, timeout: float) -> Made:
        if self._key(urn) == "name":
            if "name" not in inputs:
                raise ProviderRefused("stack reference can not be imported")
            return Made(id_, self._reference(state["name"]), inputs)
        if not inputs:
            raise ProviderRefused("stash can not be imported")
        return Made(id_, state, inputs)

    def _reference(self, name: object) -> Props:
        outputs = self._stack_outputs(str(name))
        hidden = sorted(key for key, value in outputs.items() if has_secret(value))
        return {"name": name, "outputs": outputs, "secretOutputNames": hidden}

    async def invoke(self, token: str, args: Props, *, preview: bool) -> tuple[Props, list[Failure]]:
        if token == "pulumi:pulumi:readStackOutputs":
            return self._reference(args["name"]), []
        if token == "pulumi:pulumi:getResource":
            found = self._find(str(args.get("urn")))
            if found is None:
                raise ProviderRefused(f"unknown resource {args.get('urn')}")
            return {"urn": found.urn, "id": found.id, "state": found.outputs}, []
        raise ProviderRefused(f"unrecognized function name: '{token}'")
