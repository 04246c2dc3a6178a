"""What differs between two sets of properties, and what that means for a resource."""

from dataclasses import dataclass, field, replace
from typing import Final, cast

from engine import paths
from engine.errors import EngineError
from engine.values import Props, Unknown, Value, bare, equal, is_dict, is_list

INIT_ERROR: Final = "#initerror"


@dataclass(frozen=True)
class Change:
    """One changed place: add, delete or update, with `-replace` where it cannot happen in place."""

    kind: str
    input: bool

    def replacing(self) -> "Change":
        return self if self.kind.endswith("-replace") else replace(self, kind=f"{self.kind}-replace")


@dataclass(frozen=True)
class Diff:
    """A provider's answer, or the engine's own. `changes` is None where the provider had no opinion."""

    changes: bool | None = False
    replaces: list[str] = field(default_factory=list[str])
    stables: list[str] = field(default_factory=list[str])
    changed: list[str] = field(default_factory=list[str])
    detailed: dict[str, Change] | None = None
    delete_first: bool = False
    unavailable: bool = False
    """The provider cannot say, for it is not known yet how it will be set up."""

    @property
    def replace(self) -> bool:
        return bool(self.replaces) or any(c.kind.endswith("-replace") for c in (self.detailed or {}).values())

    def inverted(self) -> "Diff":
        """The same difference seen from the other side: for refresh, what the world did rather than what is wanted."""
        swap = {"add": "delete", "delete": "add", "add-replace": "delete-replace", "delete-replace": "add-replace"}
        detailed = self.detailed and {
            path: Change(swap.get(change.kind, change.kind), False) for path, change in self.detailed.items()
        }
        return replace(self, detailed=detailed)


def compare(olds: Props, news: Props) -> Diff:
    """Compare inputs place by place, secrets by what they hold."""
    detailed: dict[str, Change] = {}
    before, after = cast(Props, bare(olds)), cast(Props, bare(news))
    _object(before, after, [], detailed)
    if not detailed:
        return Diff(changes=False)
    keys = {str((paths.parse(path) or [path])[0]) for path in detailed}
    return Diff(changes=True, changed=sorted(keys), detailed=detailed)


def _object(old: Props, new: Props, at: paths.Path, out: dict[str, Change]) -> None:
    for key, item in old.items():
        if key in new:
            _value(item, new[key], [*at, key], out)
        elif item is not None:
            out[paths.show([*at, key])] = Change("delete", True)
    for key, item in new.items():
        if key not in old and item is not None:
            out[paths.show([*at, key])] = Change("add", True)


def _value(old: Value, new: Value, at: paths.Path, out: dict[str, Change]) -> None:
    if is_dict(old) and is_dict(new):
        _object(old, new, at, out)
    elif is_list(old) and is_list(new):
        before, after = old, new
        for place in range(max(len(before), len(after))):
            if place >= len(after):
                out[paths.show([*at, place])] = Change("delete", True)
            elif place >= len(before):
                out[paths.show([*at, place])] = Change("add", True)
            else:
                _value(before[place], after[place], [*at, place], out)
    elif not equal(old, new) or isinstance(new, Unknown):
        kind = "add" if old is None else "delete" if new is None else "update"
        out[paths.show(at)] = Change(kind, True)


def replace_on_changes(diff: Diff, selected: list[str], has_init_errors: bool) -> Diff:
    """Turn changes at the selected paths into reasons for a replacement; raises EngineError where one is no path."""
    if not diff.changes and not has_init_errors:
        return diff
    try:
        chosen = [paths.read(text) for text in selected]
        for text in diff.detailed or ():
            paths.read(text)
    except ValueError as error:
        raise EngineError(str(error)) from None

    def hit(text: str) -> bool:
        path = paths.parse(text)
        return path is not None and any(paths.contains(one, path) for one in chosen)

    detailed = diff.detailed
    if detailed is not None:
        detailed = {path: change.replacing() if hit(path) else change for path, change in detailed.items()}
    replaces = list(diff.replaces) + [key for key in diff.changed if key not in diff.replaces and hit(key)]
    changes = diff.changes
    if has_init_errors and hit(INIT_ERROR):
        replaces.append(INIT_ERROR)
        changes = True
        if detailed is not None:
            detailed = {**detailed, INIT_ERROR: Change("update-replace", False)}
    return replace(diff, changes=changes, replaces=replaces, detailed=detailed)
