"""`stack rename`: state, history and stack file under a new name, and every URN in the state with it."""

from pathlib import Path
from typing import Any

from engine.backend import ORGANIZATION, stack_parts, state_dir
from engine.errors import BackendError, BadInput
from engine.projects import NAME
from engine.secrets import generated
from engine.stacks import Stack
from engine.state import ROOT_TYPE, make_urn, split_reference, urn_type
from engine.values import RESOURCE_TAG, TAG, Props, is_dict, is_list, items, part


def rename(stack: Stack, new: str) -> str:
    """Give a stack another name (or another project's name); its full new name. What is refused is refused at first."""
    project, name = stack_parts(new, stack.project.name)
    for word in (project, name):
        if not NAME.fullmatch(word):
            raise BadInput(f"the new name is {new!r}, expected letters, digits, '-', '_' and '.', at most 100")
    backend, old_project, old = stack.backend, stack.project.name, stack.name
    source = stack.file().file
    target = source.with_name(f"Pulumi.{name}.yaml")
    if target != source and source.exists() and target.exists():
        raise BadInput(f"{target.name} is there already; remove it, or choose another name")
    _keep_passphrase(old, name)
    with stack.held():
        if backend.exists(project, name):
            raise BackendError(f"a stack named {ORGANIZATION}/{project}/{name} already exists; choose another name")
        _, data = stack.read()
        latest = part(data["checkpoint"], "latest")
        _Renamer(old, old_project, name, project).deployment(latest)
        backend.write_state(project, name, stack.checkpoint(latest, f"{ORGANIZATION}/{project}/{name}"))
        backend.retire(old_project, old)
        backend.move_history(old_project, old, project, name)
    if source.exists():
        source.rename(target)
    return f"{ORGANIZATION}/{project}/{name}"


def _keep_passphrase(old: str, new: str) -> None:
    """The passphrase that is made up for the stack `local` is found by that name."""
    from engine.secrets import named

    if old != new and generated(old, state_dir()) is not None and not named():
        raise BadInput(
            f"the stack '{old}' has a passphrase of its own, which another name would lose; "
            f"set PULUMI_CONFIG_PASSPHRASE_FILE={Path(state_dir()) / 'passphrase'} and keep it set for '{new}'"
        )


class _Renamer:
    """Rewrites the URNs of one stack and no others."""

    def __init__(self, old: str, old_project: str, new: str, new_project: str) -> None:
        self._head = f"urn:pulumi:{old}::{old_project}::"
        self._new, self._project = new, new_project

    def urn(self, urn: str) -> str:
        if not urn.startswith(self._head):
            return urn
        rest = urn[len(self._head) :]
        if urn_type(urn) == ROOT_TYPE and rest.startswith(ROOT_TYPE + "::"):
            return make_urn(self._new, self._project, "", ROOT_TYPE, f"{self._project}-{self._new}")
        return f"urn:pulumi:{self._new}::{self._project}::{rest}"

    def deployment(self, latest: Props) -> None:
        for resource in items(latest, "resources"):
            self._resource(resource)
        for operation in items(latest, "pending_operations"):
            self._resource(operation["resource"])

    def _resource(self, resource: Props) -> None:
        for key in ("urn", "parent", "deletedWith", "viewOf"):
            if resource.get(key):
                resource[key] = self.urn(resource[key])
        for key in ("dependencies", "replaceWith", "aliases"):
            if resource.get(key):
                resource[key] = [self.urn(urn) for urn in resource[key]]
        if resource.get("propertyDependencies"):
            resource["propertyDependencies"] = {
                name: [self.urn(urn) for urn in items({"": urns}, "")]
                for name, urns in part(resource, "propertyDependencies").items()
            }
        if resource.get("provider"):
            urn, id_ = split_reference(resource["provider"])
            resource["provider"] = f"{self.urn(urn)}::{id_}"
        for key in ("inputs", "outputs", "replacementTrigger"):
            if key in resource:
                resource[key] = self._value(resource[key])

    def _value(self, value: Any) -> Any:
        if is_list(value):
            return [self._value(item) for item in value]
        if not is_dict(value):
            return value
        if value.get(TAG) == RESOURCE_TAG and isinstance(value.get("urn"), str):
            return {**value, "urn": self.urn(value["urn"])}
        return {key: self._value(item) for key, item in value.items()}
