"""`stack import`: a deployment takes the place of the state, after it was looked at as the official CLI looks at it."""

import contextlib
import json
from typing import Any

from engine.checkpoints import shape
from engine.errors import DamagedState, StackMissing
from engine.stacks import Opened, Stack, crypter_of
from engine.state import (
    Deployment,
    Resource,
    deployment_from_json,
    deployment_to_json,
    is_provider,
    split_reference,
    unreadable,
)
from engine.values import Props, is_dict, part


def import_deployment(stack: Stack, text: str, *, force: bool) -> list[str]:
    """Put an exported deployment in the place of the state; the warnings for the user.

    Raises DamagedState for what cannot be read, and without `force` for what would be dangerous to go on with.
    """
    latest = _read(text)
    with stack.held():
        if not stack.exists():
            raise StackMissing(f"no stack named '{stack.name}' found")
        opened = _present(stack, needed=not _salted(latest))
        crypter = opened.crypter if opened else crypter_of(latest, stack.name, "the deployment to import")
        deployment = deployment_from_json(latest, crypter)
        problems = _problems(deployment, stack.name)
        if problems and not force:
            raise DamagedState(
                "; ".join(problems) + "; importing this file could be dangerous; rerun with --force to proceed anyway"
            )
        for operation in deployment.pending:
            problems.append(
                f"removing pending operation '{operation.type}' on '{operation.resource.urn}' from snapshot"
            )
        deployment.pending.clear()
        if opened:
            deployment.secrets_provider = opened.latest.get("secrets_providers")
        raw = stack.checkpoint(deployment_to_json(deployment, crypter))
        stack.backend.write_state(stack.project.name, stack.name, raw)
    return problems


def _present(stack: Stack, *, needed: bool) -> Opened | None:
    """The state that is there, where what is imported does not say itself how its secrets are read.

    Otherwise it is only tidied up, and may be damaged: an import is how it is made good.
    """
    if needed:
        return stack.open()
    with contextlib.suppress(DamagedState):
        stack.read()
    return None


def _salted(latest: Props) -> bool:
    return bool(part(latest, "secrets_providers"))


def _read(text: str) -> Props:
    try:
        data: Any = json.loads(text)
    except ValueError as error:
        raise DamagedState(
            f"what is to be imported is no JSON ({error}), expected what `stack export` prints"
        ) from None
    latest = data.get("deployment") if is_dict(data) else None
    if not is_dict(data) or not is_dict(latest):
        raise DamagedState("what is to be imported is not an exported deployment ({version, deployment})")
    problem = unreadable(data) or shape(latest)
    if problem:
        raise DamagedState(f"the deployment to import {problem}")
    whole: Props = latest
    return whole


def _problems(deployment: Deployment, stack: str) -> list[str]:
    out: list[str] = []
    for resource in deployment.resources:
        named = resource.urn.split("::", 1)[0].removeprefix("urn:pulumi:")
        if named != stack:
            out.append(f"resource '{resource.urn}' is from a different stack ({named} != {stack})")
    problem = integrity(deployment.resources)
    return [*out, f"state file contains errors: {problem}"] if problem else out


_DEPENDENCIES = {
    "parent": (
        "child resource {urn}'s parent {other} comes after it",
        "child resource {urn} refers to missing parent {other}",
    ),
    "dependency": (
        "resource {urn}'s dependency {other} comes after it",
        "resource {urn}'s dependency {other} refers to missing resource",
    ),
    "property": (
        "resource {urn}'s property dependency {other} (from property {key}) comes after it",
        "resource {urn}'s property dependency {other} (from property {key}) refers to missing resource",
    ),
    "deletedWith": (
        "resource {urn} is specified as being deleted with {other}, which comes after it",
        "resource {urn} is specified as being deleted with {other}, which is missing",
    ),
    "replaceWith": (
        "resource {urn} is specified as being replaced with {other}, which comes after it",
        "resource {urn} is specified as being replaced with {other}, which is missing",
    ),
}


def integrity(resources: list[Resource]) -> str | None:
    """What is wrong with the order and the references of a state, if anything is."""
    seen: set[str] = set()
    live: set[str] = set()
    providers: set[str] = set()
    every = {resource.urn for resource in resources}
    for resource in resources:
        urn = resource.urn
        if not resource.custom and resource.id:
            return f"resource '{urn}' has 'custom' false but non-empty ID"
        if is_provider(resource.type):
            providers.add(f"{urn}::{resource.id}")
        if resource.provider and resource.provider not in providers and not resource.pending_replacement:
            return f"resource {urn} refers to unknown provider {'::'.join(split_reference(resource.provider))}"
        for kind, other, key in resource.all_dependencies():
            if other not in seen:
                later, missing = _DEPENDENCIES[kind]
                return (later if other in every else missing).format(urn=urn, other=other, key=key)
        if not resource.delete:
            if urn in live:
                return f"duplicate resource {urn}"
            live.add(urn)
        seen.add(urn)
    return None
