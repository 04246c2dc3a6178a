"""Objects as the provider keeps them: what of them goes into the state, and how it is taken out again."""

import secrets
from typing import Any, Final, cast

from engine.providers.kubernetes.api import Obj
from engine.state import urn_type
from engine.values import Props, Secret, Unknown, Value, has_secret, has_unknown, is_dict, is_list, part

INPUTS: Final = "__inputs"
INITIAL_VERSION: Final = "__initialApiVersion"
FIELD_MANAGER: Final = "__fieldManager"
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"

_DASHED: Final = {
    f"x_kubernetes_{word.replace('-', '_')}": f"x-kubernetes-{word}"
    for word in (
        "embedded-resource",
        "int-or-string",
        "list-map-keys",
        "list-type",
        "map-type",
        "preserve-unknown-fields",
        "validations",
    )
}
"""Keys of a definition's schema: with underscores in the state, for an SDK has no dashes in names."""
_UNDERSCORED: Final = {dashed: plain for plain, dashed in _DASHED.items()}

_NOT_INPUTS: Final = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
)
"""What the server alone writes into the metadata."""


def words(text: str) -> list[str]:
    return text.split()


def plain(props: Props) -> Obj:
    """Properties as the object that they stand for: secrets bare, unknown values left in place. Always a copy."""
    return cast(Obj, _plain(props))


def _plain(value: Value) -> Any:
    if is_dict(value):
        return {_DASHED.get(key, key): item if type(item) is str else _plain(item) for key, item in value.items()}
    if is_list(value):
        return [item if type(item) is str else _plain(item) for item in value]
    return _plain(value.value) if isinstance(value, Secret) else value


def underscored(key: str) -> str:
    """A key of an object as outputs have it."""
    return _UNDERSCORED.get(key, key)


def outputs(obj: Obj) -> Props:
    """An object as a resource's outputs, which have no dashes in the keys of a schema. Always a copy."""
    return cast(Props, _outputs(obj))


def _outputs(value: Any) -> Value:
    if is_dict(value):
        return {_UNDERSCORED.get(key, key): _outputs(item) for key, item in value.items()}
    if is_list(value):
        return [_outputs(item) for item in value]
    return value


def copied(obj: Obj) -> Obj:
    """A copy that shares nothing with the object but its unknown values, of which there is only one."""
    return cast(Obj, _copied(obj))


def _copied(value: Any) -> Any:
    if is_dict(value):
        return {key: item if type(item) is str else _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if is_list(value) else value


def annotate(outs: Props, ins: Props) -> None:
    """Mark as secret in `outs` what is secret in `ins`, and the data of every Secret."""
    if outs.get("kind") == "Secret":
        for key in ("data", "stringData"):
            if key in outs and not isinstance(outs[key], Secret):
                outs[key] = Secret(outs[key])
        return
    for key, item in ins.items():
        if key not in outs:
            continue
        out = outs[key]
        if is_dict(out) and is_dict(item):
            annotate(out, item)
        elif not isinstance(out, Secret) and has_secret(item):
            outs[key] = Secret(out)


def checkpoint(inputs: Obj, live: Obj, origin: Props, initial_version: str, manager: str) -> Props:
    """The outputs of a resource: the live object, with the inputs that made it. `origin` says what is secret."""
    out, kept = outputs(live), outputs(inputs)
    annotate(out, origin)
    annotate(kept, origin)
    out[INPUTS] = kept
    out[INITIAL_VERSION] = initial_version
    out[FIELD_MANAGER] = manager
    return out


def parse(state: Props) -> tuple[Obj, Obj]:
    """Outputs taken apart again: the inputs that made the object, and the live object."""
    live = plain(state)
    if "inputs" in live and "live" in live:  # as the first versions of the official provider wrote it
        return part(live, "inputs"), part(live, "live")
    inputs = live.pop(INPUTS, None)
    for key in (INITIAL_VERSION, FIELD_MANAGER):
        live.pop(key, None)
    return (inputs if is_dict(inputs) else {}), live


def initial_version(state: Props, inputs: Obj) -> str:
    found = state.get(INITIAL_VERSION)
    return found if isinstance(found, str) else str(inputs.get("apiVersion") or "")


# -- parts of an object ----------------------------------------------------------------------------------------------


def meta(obj: Obj) -> Obj:
    return part(obj, "metadata")


def text(obj: Obj, key: str) -> str:
    """A text of the metadata; empty where it is missing or not known yet."""
    found = meta(obj).get(key)
    return found if isinstance(found, str) else ""


def name(obj: Obj) -> str:
    return text(obj, "name")


def namespace(obj: Obj) -> str:
    return text(obj, "namespace")


def annotation(obj: Obj, key: str) -> str:
    found = part(meta(obj), "annotations").get(key)
    return found if isinstance(found, str) else ""


def set_meta(obj: Obj, key: str, value: str) -> None:
    """Set a text of the metadata, or take it away where it is empty; a metadata that is not known stays as it is."""
    inside = obj.setdefault("metadata", {}) if value else obj.get("metadata")
    if not is_dict(inside):
        return
    if value:
        inside[key] = value
    else:
        inside.pop(key, None)


def set_in_meta(obj: Obj, group: str, key: str, value: str) -> None:
    """Set a label or an annotation, unless where it belongs is not known yet."""
    inside = obj.setdefault("metadata", {})
    if not is_dict(inside):
        return
    values = inside.setdefault(group, {})
    if is_dict(values):
        values[key] = value


def object_id(obj: Obj) -> str:
    """NAMESPACE/NAME, or NAME."""
    return f"{namespace(obj)}/{name(obj)}" if namespace(obj) else name(obj)


def split_id(id_: str) -> tuple[str, str]:
    """Namespace and name of an id; the namespace is empty where there is none."""
    parts = id_.split("/")
    return ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])


def group_version(api_version: str) -> tuple[str, str]:
    """Group and version; the core group is empty."""
    group, _, version = api_version.rpartition("/")
    return ("" if group == "core" else group), version


def api_version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version


def kind_of_urn(urn: str) -> tuple[str, str, str]:
    """(group, version, kind) that a type token stands for; raises ValueError for one that stands for none."""
    _, module, kind = urn_type(urn).split(":", 2)
    group, _, version = module.partition("/")
    if not version or "/" in version:
        raise ValueError(f'apiVersion does not have both a group and a version: "{module}"')
    return ("" if group == "core" else group), version, kind


def is_patch(urn: str, kind: object) -> bool:
    """Whether a resource owns but some fields of an object that others made."""
    return urn_type(urn).rpartition(":")[2] == f"{kind}Patch"


def unique(prefix: str, seed: bytes = b"") -> str:
    """The prefix and 8 hex digits, the same ones for the same seed."""
    if not seed:
        return prefix + secrets.token_hex(4)
    import hashlib

    return prefix + hashlib.sha256(seed + prefix.encode()).hexdigest()[:8]


def unknown_in(obj: Obj) -> bool:
    return has_unknown(cast(Value, obj))


def known(value: object) -> bool:
    return not isinstance(value, Unknown)


# -- shapes ----------------------------------------------------------------------------------------------------------


def prune(source: Obj, like: Obj) -> Obj:
    """What `source` has at the places that `like` has."""
    out: Obj = {}
    for key, value in source.items():
        if key not in like:
            continue
        wanted = like[key]
        if type(value) is str:
            out[key] = value
        elif is_dict(value) and is_dict(wanted):
            out[key] = prune(value, wanted)
        elif is_list(value) and is_list(wanted):
            out[key] = _prune_list(value, wanted)
        else:
            out[key] = value
    return out


def _prune_list(source: list[Any], like: list[Any]) -> list[Any]:
    if not source or not like:
        return []
    if type(source[0]) is not type(like[0]):
        return list(source)
    out: list[Any] = []
    for value, wanted in zip(source, like, strict=False):
        if is_dict(value) and is_dict(wanted):
            out.append(prune(value, wanted))
        elif is_list(value) and is_list(wanted):
            out.append(_prune_list(value, wanted))
        else:
            out.append(value)
    return out


def identity_only(obj: Obj) -> bool:
    """Whether nothing is said of an object but which one it is."""
    return obj.keys() <= {"apiVersion", "kind", "metadata"} and meta(obj).keys() <= {"name", "namespace"}


def without_server_fields(obj: Obj) -> Obj:
    """The object without what only the server writes into its metadata. Changes it in place."""
    inside = meta(obj)
    for key in _NOT_INPUTS:
        inside.pop(key, None)
    return obj


def whole(live: Obj) -> Obj:
    """What of an object that the program never saw before counts as its inputs: all but what the server keeps there."""
    out = without_server_fields(copied({key: value for key, value in live.items() if key != "status"}))
    notes = part(meta(out), "annotations")
    for key in ("deployment.kubernetes.io/revision", LAST_APPLIED):
        notes.pop(key, None)
    return out
