"""Resource hooks: functions of the program that the engine calls around its steps."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.errors import EngineError
from engine.state import Resource
from engine.values import Props

if TYPE_CHECKING:
    from engine.protocol import resource_pb2


class HookFailed(EngineError):
    """A hook raised an exception."""


@dataclass(frozen=True)
class Around:
    """What a hook is told about the step."""

    resource: Resource
    old: Resource | None = None
    new: Resource | None = None
    new_inputs: Props | None = None
    old_inputs: Props | None = None
    new_outputs: Props | None = None
    old_outputs: Props | None = None


@dataclass(frozen=True)
class Hook:
    """A hook that the program has registered."""

    call: Callable[[Around], Awaitable[str]]
    """Returns an error message, or nothing."""
    on_preview: bool
    ignore_errors: bool


class Hooks:
    """All hooks of a program, by name; and those that decide whether a failed step is tried again."""

    def __init__(self) -> None:
        self.named: dict[str, Hook] = {}
        self.on_error: dict[str, Callable[[Around, str, list[str]], Awaitable[bool]]] = {}

    async def run(
        self, kind: str, names: list[str], around: Around, *, preview: bool, warn: Callable[[str], None]
    ) -> None:
        """Run the hooks of one kind (before_create, …); raises HookFailed."""
        for name in names:
            hook = self.named.get(name)
            if hook is None:
                raise HookFailed(f'hook "{name}" was not registered')
            if preview and not hook.on_preview:
                continue
            error = await hook.call(around)
            if not error:
                continue
            if hook.ignore_errors:
                warn(f'{_title(kind)} hook "{name}" failed: {error}')
                continue
            raise HookFailed(f'{kind.partition("_")[0]} hook "{name}" failed: {error}')

    async def retry(self, names: list[str], around: Around, operation: str, failures: list[str]) -> bool:
        """Whether a hook wants the failed operation tried again; failures are newest first."""
        again = False
        for name in names:
            hook = self.on_error.get(name)
            if hook is None:
                raise HookFailed(f'error hooks execution failed: error hook "{name}" was not registered')
            try:
                again = await hook(around, operation, failures) or again
            except EngineError as error:
                raise HookFailed(f'error hooks execution failed: error hook "{name}" failed: {error}') from None
        return again


def _title(kind: str) -> str:
    return "".join(part.title() for part in kind.split("_"))


HOOK_KINDS = {
    "before_create": "BeforeCreate",
    "after_create": "AfterCreate",
    "before_update": "BeforeUpdate",
    "after_update": "AfterUpdate",
    "before_delete": "BeforeDelete",
    "after_delete": "AfterDelete",
    "on_error": "OnError",
}
"""The kinds of hooks, and the names under which the checkpoint has them."""


def options_of(resource: Resource) -> "resource_pb2.ResourceOptions":
    """The options of a resource as a hook sees them."""
    from engine.protocol import resource_pb2

    options: dict[str, Any] = {
        "depends_on": resource.dependencies,
        "protect": resource.protect,
        "ignore_changes": resource.ignore_changes,
        "replace_on_changes": resource.replace_on_changes,
        "provider": resource.provider,
        "retain_on_delete": resource.retain_on_delete,
        "deleted_with": resource.deleted_with,
        "additional_secret_outputs": resource.additional_secret_outputs,
        "import": resource.import_id,
        "replace_with": resource.replace_with,
        "parent": resource.parent,
    }
    made = resource_pb2.ResourceOptions(**options)
    for name, seconds in resource.custom_timeouts.items():
        if seconds:
            setattr(made.custom_timeouts, name, f"{seconds:g}s")
    for kind, key in HOOK_KINDS.items():
        getattr(made.hooks, kind).extend(resource.resource_hooks.get(key, []))
    return made
