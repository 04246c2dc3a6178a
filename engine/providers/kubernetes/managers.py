"""Who owns which fields of an object: taking over from tools, giving up, and conflicts."""

import re
from typing import Any, Final

from engine.paths import parse
from engine.providers.kubernetes.api import APPLY, ApiError, Cluster, Obj
from engine.providers.kubernetes.objects import annotation, copied, meta, name, namespace, set_meta
from engine.values import is_dict, items, part

CREATOR: Final = "pulumi-kubernetes"
"""The manager of a plain create, for every object alike; the first update hands its fields on."""

_TAKEN_OVER: Final = (
    ("kubectl", "Apply"),
    ("kubectl", "Update"),
    ("before-first-apply", "Update"),
    (CREATOR, "Update"),
    ("pulumi-resource-kubernetes", "Update"),
)
"""Managers, by the beginning of their names and their operation, whose fields are the program's to change."""

_THEIRS: Final = re.compile(r'conflict with "([^"]+)"')

_SPECIAL: Final = frozenset('."[]')

HELP: Final = (
    "https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/"
    "managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources"
)


def handed_over(live: Obj, manager: str) -> list[Obj] | None:
    """The object's managed fields once `manager` has taken over what tools own; None where there is nothing to take."""
    entries = [entry for entry in items(meta(live), "managedFields") if is_dict(entry)]
    ours = next((entry for entry in entries if _is(entry, manager, "Apply")), None)
    kept: list[Obj] = []
    taken = copied(ours) if ours is not None else None
    changed = False
    for entry in entries:
        if entry is ours:
            continue
        if not any(_begins(entry, name, operation) for name, operation in _TAKEN_OVER):
            kept.append(entry)
            continue
        changed = True
        if taken is None:
            taken = {**copied(entry), "manager": manager, "operation": "Apply"}
            taken.pop("subresource", None)
        else:
            taken["fieldsV1"] = _merged(part(taken, "fieldsV1"), part(entry, "fieldsV1"))
    return [*kept, taken] if changed and taken is not None else None


def _is(entry: Obj, manager: str, operation: str) -> bool:
    return entry.get("manager") == manager and entry.get("operation") == operation


def _begins(entry: Obj, name: str, operation: str) -> bool:
    return str(entry.get("manager") or "").startswith(name) and entry.get("operation") == operation


def _merged(a: Obj, b: Obj) -> Obj:
    out = dict(a)
    for key, value in b.items():
        mine = out.get(key)
        out[key] = _merged(mine, value) if is_dict(mine) and is_dict(value) else value
    return out


def forced(inputs: Obj, live: Obj | None, *, always: bool, preview: bool) -> bool:
    """Whether to take fields that others own."""
    if always or annotation(inputs, "pulumi.com/patchForce") == "true":
        return True
    if live is None:
        return preview  # a replacement's preview meets the object that it will replace
    entries = items(meta(live), "managedFields")
    if preview and any(
        _is(entry, name, "Update")
        for entry in entries
        for name in ("pulumi-resource-kubernetes", CREATOR, "pulumi-kubernetes.exe")
    ):
        return True  # an update would have taken these over before
    return not entries


def with_tools(error: ApiError) -> bool:
    """Whether all that a refusal tells of is conflicts with managers whose fields an update takes over first."""
    causes = error.causes()
    theirs = [_THEIRS.match(str(cause.get("message") or "")) for cause in causes]
    names = tuple(name for name, _ in _TAKEN_OVER)
    return error.reason == "Conflict" and bool(causes) and all(each and each[1].startswith(names) for each in theirs)


def conflict(manager: str, message: str) -> str:
    """What to say of fields that another manager owns; the server's message names it."""
    return (
        f"server-side apply field conflict detected, see {HELP} for troubleshooting help\n"
        f'The resource managed by field manager "{manager}" had an apply conflict: {message}'
    )


def leave_ignored(inputs: Obj, live: Obj, ignored: list[str], manager: str) -> None:
    """Make the inputs say of ignored fields what is live, or nothing where only others own them. In place."""
    ours: list[Obj] = []
    theirs: list[Obj] = []
    for entry in items(meta(live), "managedFields"):
        (ours if entry.get("manager") == manager else theirs).append(entry.get("fieldsV1") or {})
    for text in ignored:
        path = parse(text)
        if not path or not all(isinstance(step, str) and not _SPECIAL & set(step) for step in path):
            continue  # the official provider finds no such place
        steps = [str(step) for step in path]
        if any(_owns(fields, steps) for fields in theirs) and not any(_owns(fields, steps) for fields in ours):
            _remove(inputs, steps)
            continue
        found, value = _lookup(live, steps)
        if found:
            _set(inputs, steps, copied({"": value})[""])


def _owns(fields: Obj, steps: list[str]) -> bool:
    inside: Any = fields
    for step in steps:
        inside = inside.get(f"f:{step}") if is_dict(inside) else None
        if inside is None:
            return False
    return True


def _lookup(obj: Obj, steps: list[str]) -> tuple[bool, Any]:
    inside: Any = obj
    for step in steps:
        if not is_dict(inside) or step not in inside:
            return False, None
        inside = inside[step]
    return True, inside


def _remove(obj: Obj, steps: list[str]) -> None:
    found, parent = _lookup(obj, steps[:-1])
    if found and is_dict(parent):
        parent.pop(steps[-1], None)


def _set(obj: Obj, steps: list[str], value: Any) -> None:
    inside = obj
    for step in steps[:-1]:
        following = inside.setdefault(step, {})
        if not is_dict(following):
            return
        inside = following
    inside[steps[-1]] = value


def relinquish(cluster: Cluster, live: Obj, manager: str) -> None:
    """Own nothing of the object any more under this name."""
    bare: Obj = {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": {"name": name(live)}}
    set_meta(bare, "namespace", namespace(live))
    cluster.patch(cluster.path_of(bare), bare, APPLY, manager=manager)
