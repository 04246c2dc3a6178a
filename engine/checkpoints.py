"""A state file, read with care: what cannot be understood is refused before anything is touched."""

import json
from collections.abc import Callable
from typing import Any

from engine.errors import DamagedState
from engine.state import unreadable
from engine.values import Props, is_dict, is_list, items, number


def encode(data: Props) -> bytes:
    """A checkpoint as it lies on disk."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()


def loads(raw: bytes | str) -> Any:
    """JSON with its numbers as the engine has them, in which whole ones have no fraction."""
    return json.loads(raw, parse_float=lambda text: number(float(text)))


def parse(raw: bytes, place: str, names: set[str], fix: Callable[[], str]) -> Props:
    """The checkpoint in a state file of the stack that is known by `names`.

    Raises DamagedState, with what `fix` says at its end, when it is anything but a version 3 or 4 checkpoint of that
    very stack.
    """
    try:
        data: Any = loads(raw)
    except ValueError as error:
        raise DamagedState(f"{place}: the state is damaged ({error}); {fix()}") from None
    if is_dict(data) and data.get("version", 0) in (0, 1, 2) and ("checkpoint" in data or "latest" in data):
        raise DamagedState(
            f"{place}: the checkpoint has version {data.get('version', 0)}, expected 3 or 4; run `pulumi stack export` "
            "and `pulumi stack import` with the official CLI, which write it as version 3"
        )
    checkpoint = data.get("checkpoint") if is_dict(data) else None
    if not is_dict(checkpoint):
        raise DamagedState(f"{place}: the state is not a Pulumi checkpoint; {fix()}")
    problem = unreadable(data)
    if problem:
        raise DamagedState(f"{place}: the checkpoint {problem}; {fix()}")
    latest = checkpoint.get("latest")
    if latest is not None:
        problem = shape(latest)
        if problem:
            raise DamagedState(f"{place}: the checkpoint is damaged: {problem}; {fix()}")
    named, expected = checkpoint.get("stack", ""), max(names, key=len)
    if named and named not in names and not _holds(latest, expected):
        raise DamagedState(f"{place}: the checkpoint is of the stack {named}, expected {expected}; {fix()}")
    whole: Props = data
    return whole


def _holds(latest: Any, full_name: str) -> bool:
    """Whether the resources are the stack's own: the official CLI's `stack rename` leaves the old name in the head."""
    project, stack = full_name.split("/")[-2:]
    resources: list[Props] = items(latest or {}, "resources")
    return all(resource["urn"].startswith(f"urn:pulumi:{stack}::{project}::") for resource in resources)


def shape(latest: Any) -> str | None:
    """What is wrong with the shape of a deployment, if anything is."""
    if not is_dict(latest):
        return "`latest` is not an object"
    for name in ("resources", "pending_operations"):
        entries: object = latest.get(name) or []
        if not is_list(entries):
            return f"`{name}` is not a list"
        for place, entry in enumerate(entries):
            resource = entry.get("resource") if name == "pending_operations" and is_dict(entry) else entry
            if not is_dict(resource) or not isinstance(resource.get("urn"), str):
                return f"{name}[{place}] has no urn"
            if not isinstance(resource.get("type"), str):
                return f"{name}[{place}] has no type"
    return None
