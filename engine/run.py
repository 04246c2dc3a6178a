"""One operation under way: what every part of it shares."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.events import Events
from engine.goals import Goal
from engine.hooks import HOOK_KINDS, Around, Hooks
from engine.journal import Journal
from engine.snapshot import Snapshot
from engine.state import Deployment, Resource

if TYPE_CHECKING:
    from engine.policy.enforcement import Enforcement
    from engine.providers.registry import Registry


@dataclass(frozen=True)
class Options:
    """What the user asked of an operation."""

    parallel: int = 0
    """How many steps at once; 0 is four for each core."""
    refresh: bool = False
    run_program: bool = False
    """Whether a refresh or a destroy runs the program, to know the providers' settings and the hooks."""
    ignore_protect: bool = False
    targets: tuple[str, ...] = ()
    target_dependents: bool = False
    excludes: tuple[str, ...] = ()
    exclude_dependents: bool = False
    replace: tuple[str, ...] = ()
    continue_on_error: bool = False
    preview_only: bool = False
    show_secrets: bool = False
    clear_pending_creates: bool = False
    message: str = ""
    debug: bool = False
    """Whether the program's debugging words are wanted: a dozen messages for each resource."""
    policy_packs: tuple[str, ...] = ()
    """Folders of policy packs, for a preview and an up."""
    policy_pack_configs: tuple[str, ...] = ()
    """JSON files with what is set of them, one for each pack; or none."""


class Bail(Exception):
    """The operation ends here; what there is to say has been said."""


@dataclass
class Run:
    """The state, the providers and the user's wishes of one operation."""

    project: str
    stack: str
    preview: bool
    refresh_only: bool
    options: Options
    events: Events
    snapshot: Snapshot
    registry: "Registry"
    journal: Journal | None = None
    hooks: Hooks = field(default_factory=Hooks)
    news: dict[str, Resource] = field(default_factory=dict[str, Resource])
    reads: dict[str, Resource] = field(default_factory=dict[str, Resource])
    goals: dict[str, Goal] = field(default_factory=dict[str, Goal])
    olds: dict[str, Resource] = field(default_factory=dict[str, Resource])
    all_olds: dict[str, list[Resource]] = field(default_factory=dict[str, list[Resource]])
    post_error: str = ""
    destroying: bool = False
    """A destroy that runs the program."""
    policies: "Enforcement | None" = None

    def __post_init__(self) -> None:
        self.index(self.snapshot.base)

    @property
    def refresh_program(self) -> bool:
        """Whether what is refreshed is refreshed as the program registers it."""
        return self.options.run_program and not self.destroying

    @property
    def base(self) -> Deployment:
        return self.snapshot.base

    def index(self, base: Deployment) -> None:
        """Look up the state from which the operation starts by URN."""
        self.olds = {r.urn: r for r in base.resources if not r.delete}
        self.all_olds = {}
        for resource in base.resources:
            self.all_olds.setdefault(resource.urn, []).append(resource)

    async def run_hooks(self, kind: str, around: Around) -> None:
        resource = around.resource
        names = resource.resource_hooks.get(HOOK_KINDS[kind], [])
        if names:
            await self.hooks.run(
                kind,
                names,
                around,
                preview=self.preview,
                warn=lambda text: self.events.say("warning", text, resource.urn),
            )
