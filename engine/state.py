"""Resources as the checkpoint knows them, and the version 3 deployment that holds them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from engine.values import (
    UNKNOWN,
    UNKNOWN_TEXT,
    Crypter,
    Props,
    Secret,
    Unknown,
    Value,
    is_dict,
    is_list,
    items,
    part,
    properties,
    to_checkpoint,
)

ENGINE_VERSION: Final = "v3.260.0"
"""The official engine whose behaviour and format this one keeps; it stands in the manifest."""

ROOT_TYPE: Final = "pulumi:pulumi:Stack"
PROVIDER_PREFIX: Final = "pulumi:providers:"


def now() -> str:
    """The moment in UTC, as the checkpoint writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def make_urn(stack: str, project: str, parent: str, type_: str, name: str) -> str:
    """The URN of a resource; a parent's types are part of it, unless the parent is the stack."""
    chain = ""
    if parent:
        parent_type = qualified_type(parent)
        if parent_type != ROOT_TYPE:
            chain = parent_type + "$"
    return f"urn:pulumi:{stack}::{project}::{chain}{type_}::{name}"


def qualified_type(urn: str) -> str:
    return urn.split("::", 3)[2] if urn.count("::") >= 3 else ""


def urn_type(urn: str) -> str:
    return qualified_type(urn).rsplit("$", 1)[-1]


def urn_name(urn: str) -> str:
    parts = urn.split("::", 3)
    return parts[3] if len(parts) > 3 else ""


def is_provider(type_: str) -> bool:
    return type_.startswith(PROVIDER_PREFIX)


def package_of(type_: str) -> str:
    """The package of a type token; of a provider's type, the package that it serves."""
    return type_.removeprefix(PROVIDER_PREFIX) if is_provider(type_) else type_.split(":", 1)[0]


def split_reference(reference: str) -> tuple[str, str]:
    """A provider reference is URN::ID."""
    urn, _, id_ = reference.rpartition("::")
    return urn, id_


def is_default_provider(urn: str) -> bool:
    name = urn_name(urn)
    return is_provider(urn_type(urn)) and (name == "default" or name.startswith("default_"))


Id: TypeAlias = str | Unknown


@dataclass(eq=False, slots=True)
class Resource:
    """One resource; compared by identity, as a replaced one and its successor share their URN."""

    urn: str
    type: str
    custom: bool
    delete: bool = False
    id: Id = ""
    inputs: Props = field(default_factory=dict[str, Value])
    outputs: Props = field(default_factory=dict[str, Value])
    parent: str = ""
    protect: bool = False
    taint: bool = False
    external: bool = False
    dependencies: list[str] = field(default_factory=list[str])
    init_errors: list[str] = field(default_factory=list[str])
    provider: str = ""
    property_dependencies: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    pending_replacement: bool = False
    additional_secret_outputs: list[str] = field(default_factory=list[str])
    aliases: list[str] = field(default_factory=list[str])
    custom_timeouts: dict[str, float] = field(default_factory=dict[str, float])
    import_id: str = ""
    retain_on_delete: bool = False
    deleted_with: str = ""
    replace_with: list[str] = field(default_factory=list[str])
    created: str = ""
    modified: str = ""
    source_position: str = ""
    stack_trace: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    ignore_changes: list[str] = field(default_factory=list[str])
    hide_diff: list[Any] = field(default_factory=list[Any])
    replace_on_changes: list[str] = field(default_factory=list[str])
    replacement_trigger: Value = None
    refresh_before_update: bool = False
    view_of: str = ""
    resource_hooks: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    more: Props = field(default_factory=dict[str, Value])
    """Fields of a newer checkpoint that this engine does not know; they are kept as they are."""

    def copy(self) -> "Resource":
        return replace(self)

    def all_dependencies(self) -> list[tuple[str, str, str]]:
        """Everything that this one refers to, as (kind, urn, property)."""
        out = [("parent", self.parent, "")] if self.parent else []
        out += [("dependency", urn, "") for urn in self.dependencies]
        out += [("property", urn, key) for key, urns in self.property_dependencies.items() for urn in urns]
        if self.deleted_with:
            out.append(("deletedWith", self.deleted_with, ""))
        out += [("replaceWith", urn, "") for urn in self.replace_with]
        return out


_NAMES: Final = {
    "init_errors": "initErrors",
    "property_dependencies": "propertyDependencies",
    "pending_replacement": "pendingReplacement",
    "additional_secret_outputs": "additionalSecretOutputs",
    "custom_timeouts": "customTimeouts",
    "import_id": "importID",
    "retain_on_delete": "retainOnDelete",
    "deleted_with": "deletedWith",
    "replace_with": "replaceWith",
    "source_position": "sourcePosition",
    "stack_trace": "stackTrace",
    "ignore_changes": "ignoreChanges",
    "hide_diff": "hideDiff",
    "replace_on_changes": "replaceOnChanges",
    "replacement_trigger": "replacementTrigger",
    "refresh_before_update": "refreshBeforeUpdate",
    "view_of": "viewOf",
    "resource_hooks": "resourceHooks",
}
_FIELDS: Final = [
    (item.name, _NAMES.get(item.name, item.name))
    for item in fields(Resource)
    if item.name not in ("more", "urn", "custom", "type")
]
_KNOWN: Final = {name for _, name in _FIELDS} | {"urn", "custom", "type"}
_SECRETIVE: Final = {"inputs", "outputs", "replacementTrigger"}


def resource_to_json(resource: Resource, crypter: Crypter | None, *, show: bool = False) -> Props:
    """A resource as the checkpoint has it; empty fields are left out."""
    out: Props = {"urn": resource.urn, "custom": resource.custom, "type": resource.type}
    for name, key in _FIELDS:
        value = getattr(resource, name)
        if value is None or value is False or value == "" or value == [] or value == {}:
            continue
        if key in _SECRETIVE:
            value = to_checkpoint(value, crypter, show=show)
        elif isinstance(value, Unknown):
            value = UNKNOWN_TEXT
        out[key] = value
    return {**out, **resource.more}


def resource_from_json(data: Props, crypter: Crypter, *, plain: bool = False) -> Resource:
    out = Resource(urn=data["urn"], type=data["type"], custom=bool(data.get("custom", False)))
    for name, key in _FIELDS:
        if data.get(key) is not None:
            value = data[key]
            if key in _SECRETIVE:
                value = properties(value, crypter, plain=plain)
                if key == "replacementTrigger":
                    value = _forgotten(value)
            elif key == "id" and value == UNKNOWN_TEXT:
                value = UNKNOWN
            setattr(out, name, value)
    out.more = {key: value for key, value in data.items() if key not in _KNOWN}
    return out


def _forgotten(value: Value) -> Value:
    """A trigger with nothing in its secrets: the official engine (3.260) does not read them back from the state.

    So it never replaces for the change of a secret trigger, and after a refresh there is nothing in it.
    """
    if isinstance(value, Secret):
        return Secret(None)
    if is_dict(value):
        return {key: _forgotten(item) for key, item in value.items()}
    return [_forgotten(item) for item in value] if is_list(value) else value


def alike(old: Resource, new: Resource) -> bool:
    """Whether both are written the same, given that their inputs and outputs are."""
    names = [name for name, key in _FIELDS if key not in _SECRETIVE]
    return old.urn == new.urn and all(getattr(old, name) == getattr(new, name) for name in names)


@dataclass(eq=False, slots=True)
class Operation:
    """A step that had begun and not ended when the state was written."""

    resource: Resource
    type: str


@dataclass(eq=False, slots=True)
class Deployment:
    """The state of a stack: `latest` in a checkpoint, `deployment` in an export."""

    resources: list[Resource] = field(default_factory=list[Resource])
    pending: list[Operation] = field(default_factory=list[Operation])
    secrets_provider: Props | None = None
    metadata: Props = field(default_factory=dict[str, Value])
    more: Props = field(default_factory=dict[str, Value])


def deployment_to_json(deployment: Deployment, crypter: Crypter | None, *, show: bool = False) -> Props:
    out: Props = {
        "manifest": {
            "time": now(),
            "magic": hashlib.sha256(ENGINE_VERSION.encode()).hexdigest(),
            "version": ENGINE_VERSION,
        }
    }
    if deployment.secrets_provider is not None:
        out["secrets_providers"] = deployment.secrets_provider
    if deployment.resources:
        out["resources"] = [resource_to_json(r, crypter, show=show) for r in deployment.resources]
    if deployment.pending:
        out["pending_operations"] = [
            {"resource": resource_to_json(op.resource, crypter, show=show), "type": op.type}
            for op in deployment.pending
        ]
    out["metadata"] = deployment.metadata
    return {**out, **deployment.more}


_DEPLOYMENT_KNOWN: Final = {"manifest", "secrets_providers", "resources", "pending_operations", "metadata"}


def deployment_from_json(data: Props, crypter: Crypter, *, plain: bool = False) -> Deployment:
    """`data` as `checkpoints.loads` has read it; `plain`: nothing in it is marked, as a secret is."""
    return Deployment(
        resources=[resource_from_json(r, crypter, plain=plain) for r in items(data, "resources")],
        pending=[
            Operation(resource_from_json(op["resource"], crypter, plain=plain), op["type"])
            for op in items(data, "pending_operations")
        ],
        secrets_provider=data.get("secrets_providers"),
        metadata=part(data, "metadata"),
        more={key: value for key, value in data.items() if key not in _DEPLOYMENT_KNOWN},
    )


FEATURES: Final[dict[str, Callable[[Props], bool]]] = {
    "refreshBeforeUpdate": lambda resource: bool(resource.get("refreshBeforeUpdate")),
    "hooks": lambda resource: bool(resource.get("resourceHooks")),
    "taint": lambda resource: bool(resource.get("taint")),
    "replaceWith": lambda resource: bool(resource.get("replaceWith")),
}
"""What a state may use that older engines do not know; such a state is written as version 4 and names what it uses."""


def versioned(latest: Props) -> Props:
    """The head of a checkpoint or an export: its version, and the features that the resources use."""
    resources: list[Props] = items(latest, "resources")
    used = sorted(name for name, uses in FEATURES.items() if any(uses(resource) for resource in resources))
    return {"version": 4, "features": used} if used else {"version": 3}


def checkpoint(full_name: str, latest: Props) -> Props:
    """What lies in the state file of a stack."""
    return {**versioned(latest), "checkpoint": {"stack": full_name, "latest": latest}}


def unreadable(head: Props) -> str | None:
    """Why a checkpoint or an export with this head cannot be used here, if it cannot."""
    version = head.get("version")
    if version not in (3, 4):
        return f"has version {version}, expected 3 or 4"
    unknown = sorted(set(head.get("features") or []) - FEATURES.keys()) if version == 4 else []
    if unknown:
        what = ", ".join(unknown)
        return f"needs {what}, which the embedded engine does not know; install the Pulumi CLI for this stack"
    return None
