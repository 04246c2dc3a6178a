"""Read and Delete: what the cluster has of an object, and the end of it."""

from typing import Final

from engine.errors import ProviderRefused
from engine.providers.base import Made
from engine.providers.kubernetes import readiness
from engine.providers.kubernetes.api import ApiError, Cluster, NoAnswer, NoMatch, Obj
from engine.providers.kubernetes.kinds import LETS_DELETES_GO
from engine.providers.kubernetes.making import failed, field_manager, limit
from engine.providers.kubernetes.managers import relinquish
from engine.providers.kubernetes.normal import normalised
from engine.providers.kubernetes.objects import (
    annotate,
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
    split_id,
    whole,
)
from engine.providers.kubernetes.session import Session
from engine.values import Props

_FORGET_BY: Final = 'PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"'
_FORGET: Final = (
    "configured Kubernetes cluster is unreachable and the `deleteUnreachable` option is enabled. "
    "Deleting the unreachable resource from Pulumi state"
)


# -- read ----------------------------------------------------------------------------------------------------------


def read(session: Session, urn: str, id_: str, inputs: Props, state: Props) -> Made:
    gone = Made("", {})

    def missing() -> Made:
        if not inputs and not state:  # asked for by its id alone, not looked for again
            raise ProviderRefused(f"resource '{id_}' does not exist")
        return gone

    if session.cluster is None:
        session.say("warning", session.unreachable, urn)
        if session.told.delete_unreachable:
            session.say("info", _FORGET, urn)
            return gone
        if session.told.skip_update_unreachable:
            session.say(
                "info",
                "configured Kubernetes cluster is unreachable and the `skipUnreachable` option is enabled. "
                "Returned data could not reflect the actual cluster configuration.",
                urn,
            )
            return Made(id_, state, inputs)
        raise ProviderRefused(
            "failed to read resource state due to unreachable cluster. If the cluster was deleted, you can remove this "
            f"resource from Pulumi state by rerunning the operation with the {_FORGET_BY}"
        )
    space, title = split_id(id_)
    if not title:
        raise ProviderRefused(
            f"failed to read resource because of a failure to parse resource name from request ID: {id_}"
        )
    old = normalised(plain(inputs))
    _, live = parse(state)
    fresh = _identify(urn, old, live, space, title)
    initial = initial_version(state, old)
    manager = field_manager(session, state, old)
    reasons: list[str] = []
    try:
        found = session.cluster.get(str(old["apiVersion"]), str(old["kind"]), title, namespace(old))
        if not fresh and annotation(old, "pulumi.com/skipAwait") != "true":
            try:
                readiness.check(session.cluster, found, cancel=session.cancel)
            except readiness.NotReady as error:
                reasons = [str(error), *error.reasons]
                found = error.live
    except NoMatch:
        return missing()
    except ApiError as error:
        if error.status == 404:
            return missing()
        raise ProviderRefused(str(error)) from None
    except NoAnswer as error:
        raise ProviderRefused(str(error)) from None
    kept = prune(found, old)
    outputs = checkpoint(kept, found, inputs, initial, manager)
    seen = copied(whole(found) if fresh else kept)
    annotate(seen, inputs)
    made = Made(id_ or object_id(found), outputs, seen)
    if reasons:
        raise failed(made, reasons)
    return made


def _identify(urn: str, old: Obj, live: Obj, space: str, title: str) -> bool:
    """Make inputs that are not known name what the id names. True where nothing at all was known of the object."""
    fresh = False
    if old.get("kind"):
        return fresh
    if live.get("kind"):
        old.update(apiVersion=live.get("apiVersion"), kind=live.get("kind"))
    else:
        try:
            group, version, kind = kind_of_urn(urn)
        except ValueError as error:
            raise ProviderRefused(str(error)) from None
        old.update(apiVersion=api_version(group, version), kind=kind)
        fresh = True
    if not name(old):
        set_meta(old, "name", title)
    if not namespace(old) and space:
        set_meta(old, "namespace", space)
    return fresh


# -- delete --------------------------------------------------------------------------------------------------------


def delete(session: Session, urn: str, id_: str, state: Props, timeout: float) -> None:
    inputs, live = parse(state)
    cluster = session.cluster
    if cluster is None:
        session.say("warning", session.unreachable, urn)
        if session.told.delete_unreachable:
            session.say("info", _FORGET, urn)
            return
        raise ProviderRefused(
            "configured Kubernetes cluster is unreachable. If the cluster was deleted, you can remove this resource "
            f"from Pulumi state by rerunning the operation with the {_FORGET_BY}"
        )
    title = split_id(id_)[1]
    try:
        if session.told.server_side_apply and is_patch(urn, inputs.get("kind")):
            relinquish(cluster, live, field_manager(session, state, inputs))
            return
        at = cluster.path(str(live["apiVersion"]), str(live["kind"]), namespace(live), title)
        cluster.delete(at, propagation=_propagation(inputs))
        _gone(session, cluster, urn, at, inputs, live, timeout)
    except NoMatch:
        return
    except ApiError as error:
        if error.status == 404:
            return
        required = next((one for one in error.causes() if one.get("reason") == "FieldValueRequired"), None)
        if is_patch(urn, live.get("kind")) and "Required value" in error.message and required is not None:
            raise ProviderRefused(
                "this Patch resource is currently managing a required field, so it can't be deleted directly. Either "
                "set the `retainOnDelete` resource option, or transfer ownership of the field before deleting: "
                f"{required.get('field')}"
            ) from None
        raise ProviderRefused(str(error)) from None
    except NoAnswer as error:
        raise ProviderRefused(str(error)) from None


def _propagation(inputs: Obj) -> str:
    told = annotation(inputs, "pulumi.com/deletionPropagationPolicy").lower()
    return {"orphan": "Orphan", "background": "Background"}.get(told, "Foreground")


def _gone(session: Session, cluster: Cluster, urn: str, at: str, inputs: Obj, live: Obj, timeout: float) -> None:
    """Wait until the object is no more, or another stands in its place."""
    key = (str(inputs.get("apiVersion")), str(inputs.get("kind")))
    if annotation(inputs, "pulumi.com/skipAwait") == "true" and key in LETS_DELETES_GO:
        return
    uid = meta(live).get("uid")
    end = session.clock() + limit(inputs, timeout)
    pause, told = 0.05, False
    while True:
        now = cluster.request("GET", at)  # the error that it is not found is what is waited for
        if uid and meta(now).get("uid") != uid:
            return
        if session.clock() >= end:
            _warn_of_finalizers(session, urn, now)
            raise ProviderRefused("timed out waiting for the condition")
        if not told and pause > 1:
            session.say("info", f"waiting for {object_id(live)} to be deleted", urn, ephemeral=True)
            told = True
        if not session.pause(pause):
            _warn_of_finalizers(session, urn, now)
            raise ProviderRefused("context canceled")
        pause = min(pause * 1.5, 2.0)


def _warn_of_finalizers(session: Session, urn: str, live: Obj) -> None:
    finalizers = ", ".join(meta(live).get("finalizers") or [])
    session.say("warning", f"finalizers might be preventing deletion ({finalizers})", urn)
