"""Create and Update: what is made in the cluster, and made otherwise."""

import secrets
from collections.abc import Callable
from typing import Final

from engine.errors import ProviderRefused
from engine.providers.base import Made, PartialFailure
from engine.providers.kubernetes import readiness
from engine.providers.kubernetes.api import APPLY, JSON_PATCH, ApiError, Cluster, NoAnswer, NoMatch, Obj
from engine.providers.kubernetes.kinds import is_definition
from engine.providers.kubernetes.managers import (
    CREATOR,
    conflict,
    forced,
    handed_over,
    leave_ignored,
    relinquish,
    with_tools,
)
from engine.providers.kubernetes.normal import normalised
from engine.providers.kubernetes.objects import (
    FIELD_MANAGER,
    LAST_APPLIED,
    annotation,
    api_version,
    checkpoint,
    copied,
    initial_version,
    is_patch,
    kind_of_urn,
    meta,
    name,
    namespace,
    object_id,
    parse,
    plain,
    prune,
    set_meta,
    unique,
    unknown_in,
)
from engine.providers.kubernetes.session import Session
from engine.values import UNKNOWN, Props, part

TIMEOUT: Final = 600.0
_RETRIES: Final = 5
_IMMUTABLE: Final = "field is immutable"


def multi(reasons: list[str]) -> str:
    """Several reasons as one text, as the official engine prints them."""
    head = "1 error occurred" if len(reasons) == 1 else f"{len(reasons)} errors occurred"
    return f"{head}:\n" + "".join(f"\t* {reason}\n" for reason in reasons) + "\n"


def failed(made: Made, reasons: list[str]) -> PartialFailure:
    return PartialFailure(multi(reasons), Made(made.id, made.outputs, made.inputs, reasons))


def field_manager(session: Session, state: Props, inputs: Obj) -> str:
    """The name under which the program owns its fields: the object's own, the state's, or a new one."""
    if not session.told.server_side_apply:
        return CREATOR
    named = annotation(inputs, "pulumi.com/patchFieldManager")
    kept = state.get(FIELD_MANAGER)
    return named or (kept if isinstance(kept, str) and kept else unique(f"{CREATOR}-"))


def limit(inputs: Obj, timeout: float) -> float:
    """Seconds to wait at most."""
    if timeout:
        return timeout
    told = annotation(inputs, "pulumi.com/timeoutSeconds")
    return float(told) if told.isdigit() else TIMEOUT


# -- create ----------------------------------------------------------------------------------------------------------


def create(session: Session, urn: str, news: Props, timeout: float, *, preview: bool) -> Made:
    told = session.told
    inputs = plain(news)
    patch = is_patch(urn, inputs.get("kind"))
    if preview and (unknown_in(inputs) or not session.knows(inputs) or patch or not told.server_side_apply):
        return Made(UNKNOWN, dict(news))
    if preview and namespace(inputs) in session.absent:
        return Made(UNKNOWN, dict(news))
    cluster = session.reached()
    manager = field_manager(session, {}, inputs)
    initial = str(inputs.get("apiVersion") or "")
    try:
        live = _created(session, cluster, urn, inputs, manager, preview=preview)
    except NoMatch as error:
        group, version, kind = kind_of_urn(urn)
        raise ProviderRefused(
            f'creation of resource "{urn}" with kind {api_version(group, version)}/{kind} failed because the '
            "Kubernetes API server reported that the apiVersion for this resource does not exist. "
            f"Verify that any required CRDs have been created: {error}"
        ) from None
    except (ApiError, NoAnswer) as error:
        if preview and isinstance(error, ApiError) and _no_preview(error):
            if _without_namespace(error):
                session.absent.add(namespace(inputs))
            return Made(UNKNOWN, dict(news))
        raise ProviderRefused(_refused(urn, _told(error, manager, exists=True))) from None
    if preview:
        live.pop("status", None)
        return Made(UNKNOWN, checkpoint(inputs, live, news, initial, manager))
    try:
        live = _await(session, cluster, urn, live, inputs, None, timeout)
    except readiness.Unaskable as error:
        raise ProviderRefused(_refused(urn, str(error))) from None
    except readiness.NotReady as error:
        made = Made(object_id(error.live), checkpoint(inputs, error.live, news, initial, manager))
        text = (
            f'resource "{urn}" was successfully created, but the Kubernetes API server reported that it failed to '
            f"fully initialize or become live: {error}"
        )
        raise failed(made, [text, *error.reasons]) from None
    if is_definition(inputs):
        cluster.forget()
    return Made(object_id(live), checkpoint(inputs, live, news, initial, manager))


def _refused(urn: str, why: str) -> str:
    return f'resource "{urn}" was not successfully created by the Kubernetes API server: {why}'


def _no_preview(error: ApiError) -> bool:
    """Whether a dry run failed for a reason that says nothing about the real thing."""
    if error.status == 403 or error.reason == "AlreadyExists":
        return True
    if _without_namespace(error):
        return True
    return error.status == 400 and ("dryRun" in error.message or "does not support dry run" in error.message)


def _without_namespace(error: ApiError) -> bool:
    return error.status == 404 and part(error.body, "details").get("kind") == "namespaces"


def _told(error: ApiError | NoAnswer, manager: str, *, exists: bool = False) -> str:
    if isinstance(error, ApiError) and error.status == 409:
        if error.reason == "AlreadyExists":
            return f"{error}{_EXISTS}" if exists else str(error)
        return conflict(manager, str(error))
    return str(error)


_EXISTS: Final = (
    "\n\nThe resource already exists in the cluster. This can happen when:\n\n"
    "  - Renaming a Pulumi resource: use an alias to preserve the identity,\n"
    "    or use deleteBeforeReplace if the resource needs replacement.\n"
    "  - Managing an existing resource: use a Patch resource (e.g. NamespacePatch)\n"
    "    to manage specific fields without owning the resource lifecycle.\n"
    "  - Adopting a resource into Pulumi: use `pulumi import`. Note that\n"
    "    protected resources (e.g. kube-system) cannot be deleted on destroy.\n"
    "  - Intentional upsert: set upsertExistingObjects on the provider to allow\n"
    "    server-side apply to update existing objects on create."
)


def _created(session: Session, cluster: Cluster, urn: str, inputs: Obj, manager: str, *, preview: bool) -> Obj:
    """Make the object; what is missing yet, a namespace or a definition, is waited for for a while."""
    apply = session.told.server_side_apply and (session.told.upsert or is_patch(urn, inputs.get("kind")))

    def once() -> Obj:
        if apply:
            return _upserted(session, cluster, urn, inputs, manager, preview=preview)
        return cluster.create(inputs, manager=CREATOR, dry_run=preview)

    def missing(error: ApiError | NoMatch) -> bool:
        if isinstance(error, NoMatch):
            return True
        namespace_missing = part(error.body, "details").get("kind") == "namespaces"
        return error.status == 404 and not (preview and namespace_missing)

    return _retried(session, urn, once, missing)


def _retried(session: Session, urn: str, once: Callable[[], Obj], again: Callable[[ApiError | NoMatch], bool]) -> Obj:
    pause = 1.0
    for number in range(_RETRIES + 1):
        try:
            return once()
        except (ApiError, NoMatch) as error:
            if number == _RETRIES or not again(error):
                raise
            session.say("info", f"Retry #{number}; creation failed: {error}", urn, ephemeral=True)
            if not session.pause(pause):
                raise
            pause *= 2
    raise AssertionError("unreachable")


def _upserted(session: Session, cluster: Cluster, urn: str, inputs: Obj, manager: str, *, preview: bool) -> Obj:
    force = forced(inputs, None, always=session.told.patch_force, preview=preview)
    try:
        return cluster.patch(cluster.path_of(inputs), inputs, APPLY, manager=manager, force=force, dry_run=preview)
    except ApiError as error:
        if not (preview and error.reason == "Invalid" and _IMMUTABLE in error.message):
            raise
    other = copied(inputs)  # it will be replaced: under another name the server can say what it would look like
    set_meta(other, "name", f"{name(inputs)[:58]}{secrets.token_hex(3)[:5]}")
    retried = f'Preview creation failed due to immutable fields; retrying with name "{name(other)}"'
    session.say("info", retried, urn)
    return cluster.patch(cluster.path_of(other), other, APPLY, manager=manager, force=force, dry_run=True)


def _await(
    session: Session, cluster: Cluster, urn: str, live: Obj, inputs: Obj, previous: Obj | None, timeout: float
) -> Obj:
    if annotation(inputs, "pulumi.com/skipAwait") == "true":
        return live
    return readiness.wait(
        cluster,
        live,
        inputs=inputs,
        previous=previous,
        timeout=limit(inputs, timeout),
        say=lambda severity, text: session.say(severity, text, urn, ephemeral=True),
        cancel=session.cancel,
    )


# -- update ----------------------------------------------------------------------------------------------------------


def update(
    session: Session, urn: str, olds: Props, news: Props, timeout: float, ignored: list[str], *, preview: bool
) -> Made:
    inputs = normalised(plain(news))
    if preview and (unknown_in(inputs) or not session.knows(inputs)):
        return Made("", dict(news))
    cluster = session.reached()
    old_inputs, live = parse(olds)
    old_inputs = normalised(old_inputs)
    initial = initial_version(olds, old_inputs)
    manager, former = (field_manager(session, olds, one) for one in (inputs, old_inputs))
    reasons: list[str] = []
    problem = ""
    try:
        live, reasons = _updated(session, cluster, urn, live, old_inputs, inputs, manager, timeout, ignored, preview)
    except NoMatch as error:
        raise ProviderRefused(
            f'update of resource "{urn}" failed because the Kubernetes API server reported that the apiVersion for '
            f"this resource does not exist. Verify that any required CRDs have been created: {error}"
        ) from None
    except (ApiError, NoAnswer) as error:
        if preview and isinstance(error, ApiError) and error.status == 403:
            return Made("", dict(news))
        problem = _told(error, manager)
    except readiness.NotReady as error:
        problem, reasons = str(error), error.reasons
    if problem:
        live = _as_it_is(cluster, urn, live, problem)
    # what went to the server counts as the inputs: ignored fields as they are there, a definition's resourceVersion
    made = Made(object_id(live), checkpoint(inputs, live, news, initial, manager))
    if problem:
        text = (
            f'the Kubernetes API server reported that "{object_id(live)}" failed to fully initialize or become live: '
            f"{problem}"
        )
        raise failed(made, [text, *reasons])
    if session.told.server_side_apply and not preview and former != manager:
        relinquish(cluster, live, former)
    return made


def _as_it_is(cluster: Cluster, urn: str, live: Obj, problem: str) -> Obj:
    try:
        return cluster.get(str(live["apiVersion"]), str(live["kind"]), name(live), namespace(live))
    except (ApiError, NoAnswer, NoMatch) as error:
        raise ProviderRefused(
            f'update of resource "{urn}" failed: {problem}\nunable to get cluster state: {error}'
        ) from None


def _updated(
    session: Session,
    cluster: Cluster,
    urn: str,
    state: Obj,
    old_inputs: Obj,
    inputs: Obj,
    manager: str,
    timeout: float,
    ignored: list[str],
    preview: bool,
) -> tuple[Obj, list[str]]:
    at = cluster.path(str(inputs["apiVersion"]), str(inputs["kind"]), namespace(inputs), name(state))
    before = cluster.request("GET", at)
    if is_definition(inputs):
        set_meta(inputs, "resourceVersion", str(meta(before).get("resourceVersion") or ""))
        live = cluster.replace(inputs, manager=manager, dry_run=preview)
        if not preview:
            cluster.forget()
    elif session.told.server_side_apply:
        live = _applied(session, cluster, urn, at, before, inputs, manager, ignored, preview)
    else:
        from engine.providers.kubernetes.client_side import patched

        live = patched(cluster, at, _remembering(state, old_inputs), inputs, before, manager, ignored, preview=preview)
    if preview:
        return live, []
    return _await(session, cluster, urn, live, inputs, before, timeout), []


def _remembering(state: Obj, old_inputs: Obj) -> Obj:
    """The live object at the places that the old inputs set, and the note that kubectl and older providers left."""
    noted = part(meta(state), "annotations").get(LAST_APPLIED)
    if noted is not None:
        old_inputs = copied(old_inputs)
        part(old_inputs, "metadata").setdefault("annotations", {}).setdefault(LAST_APPLIED, noted)
    return prune(state, old_inputs)


def _applied(
    session: Session,
    cluster: Cluster,
    urn: str,
    at: str,
    before: Obj,
    inputs: Obj,
    manager: str,
    ignored: list[str],
    preview: bool,
) -> Obj:
    if not preview and not is_patch(urn, inputs.get("kind")):
        entries = handed_over(before, manager)
        if entries is not None:
            patch = [{"op": "replace", "path": "/metadata/managedFields", "value": entries}]
            before = cluster.patch(at, patch, JSON_PATCH)
    leave_ignored(inputs, before, ignored, manager)
    force = forced(inputs, before, always=session.told.patch_force, preview=preview)
    try:
        return cluster.patch(at, inputs, APPLY, manager=manager, force=force, dry_run=preview)
    except ApiError as error:
        if not preview or is_patch(urn, inputs.get("kind")) or not with_tools(error):
            raise
        # The official provider's preview fails here, though its update does not: an edit by hand could be mended only
        # by who asked for no preview.
        return cluster.patch(at, inputs, APPLY, manager=manager, force=True, dry_run=True)
