"""Updates without server-side apply, for clusters or stacks that turn it off: a three-way merge made here."""

from typing import Any

from engine.providers.kubernetes.api import MERGE_PATCH, Cluster, Obj
from engine.providers.kubernetes.differences import same
from engine.providers.kubernetes.managers import leave_ignored
from engine.values import is_dict


def patched(
    cluster: Cluster,
    at: str,
    last: Obj,
    inputs: Obj,
    live: Obj,
    manager: str,
    ignored: list[str],
    *,
    preview: bool,
) -> Obj:
    """Make the live object what the inputs say, and take away what the last inputs said and these do not.

    The inputs then say of ignored fields what is live.
    """
    leave_ignored(inputs, {**live, "metadata": {**live["metadata"], "managedFields": []}}, ignored, manager)
    patch = three_way(last, inputs, live)
    return cluster.patch(at, patch, MERGE_PATCH, manager=manager, dry_run=preview)


def three_way(last: Obj, wanted: Obj, live: Obj) -> Obj:
    """The JSON merge patch that brings `live` to `wanted`, and drops what only `last` had."""
    out: Obj = {}
    for key, value in wanted.items():
        now: Any = live.get(key)
        if is_dict(value) and is_dict(now):
            before = last.get(key)
            inner = three_way(before if is_dict(before) else {}, value, now)
            if inner:
                out[key] = inner
        elif key not in live or not same(value, now):
            out[key] = value
    for key in last:
        if key not in wanted and key in live:
            out[key] = None
    return out
