"""Check and Diff: what of an object goes to the cluster, and what a change of it would mean."""

import os
import re
from typing import Final

from engine import paths
from engine.diff import Change, Diff
from engine.errors import ProviderRefused
from engine.providers.kubernetes.api import ApiError, NoAnswer, NoMatch, Obj
from engine.providers.kubernetes.deprecated import deprecation
from engine.providers.kubernetes.differences import detailed, merge_patch
from engine.providers.kubernetes.forcing import IDENTITY, forcing
from engine.providers.kubernetes.kinds import is_built_in, is_definition, namespaced
from engine.providers.kubernetes.normal import normalised
from engine.providers.kubernetes.objects import (
    annotate,
    annotation,
    api_version,
    group_version,
    identity_only,
    is_patch,
    kind_of_urn,
    meta,
    name,
    namespace,
    parse,
    plain,
    prune,
    set_in_meta,
    set_meta,
    text,
    unique,
    unknown_in,
    whole,
)
from engine.providers.kubernetes.session import Session
from engine.providers.kubernetes.unchanged import REPLACE_UNREADY, unchanged
from engine.state import urn_name
from engine.values import Props, Unknown, has_secret, items, part

AUTONAMED: Final = "pulumi.com/autonamed"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"


def at_once(session: Session, urn: str) -> bool:
    """Whether neither check nor diff of a resource asks anything of the cluster, so that they need no thread."""
    if session.cluster is None:
        return True
    try:
        group, version, kind = kind_of_urn(urn)
    except ValueError:
        return True
    asks = session.told.reject_unknown or kind == "Job"  # which may ask to be replaced when it is not ready
    return not asks and namespaced(group, version, kind) is not None


def check(session: Session, urn: str, olds: Props, news: Props, seed: bytes) -> Props:
    """The inputs as they are kept: named, in a namespace, in normal form. Raises ProviderRefused."""
    told = session.told
    if session.cluster is None and told.skip_update_unreachable:
        skipped = "Cluster is unreachable but skipUpdateUnreachable flag is set to true, skipping..."
        session.say("warning", skipped, urn)
        return olds
    try:
        group, version, kind = kind_of_urn(urn)
    except ValueError as error:
        raise ProviderRefused(str(error)) from None
    _refuse_what_is_no_object(group, version, kind)
    before, obj = plain(olds), plain(news)
    if news != olds:  # which are in normal form
        obj = normalised(obj)
    if is_patch(urn, obj.get("kind")):
        if not told.server_side_apply:
            raise ProviderRefused(
                "patch resources require Server-Side Apply mode, which is enabled using the `enableServerSideApply` "
                "Provider config"
            )
        if not name(obj):
            raise ProviderRefused("patch resources require the `.metadata.name` field to be set")
    _warn_of_annotations(session, urn, obj)
    _give_name(session, urn, before, obj, seed)
    if not _named(obj) and (text(obj, "generateName") or isinstance(meta(obj).get("generateName"), Unknown)):
        if told.server_side_apply:
            raise ProviderRefused("the `.metadata.generateName` field is not supported in Server-Side Apply mode")
        if told.render_to:
            raise ProviderRefused("the `.metadata.generateName` field is not supported in YAML rendering mode")
    if session.cluster is not None:
        warning = deprecation(group, version, kind, session.version, quiet=told.quiet_deprecations)
        if warning:
            session.say("warning", warning, urn)
    if session.namespace and not namespace(obj) and session.in_namespace(group, version, kind):
        set_meta(obj, "namespace", session.namespace)
    if told.reject_unknown and session.cluster is not None and not unknown_in(obj) and not session.knows(obj):
        raise ProviderRefused(
            f"unable to fetch schema for resource type {obj.get('apiVersion')}/{obj.get('kind')}: cluster does not "
            f"support resource type '{group}/{version}, Kind={kind}'"
        )
    if is_definition(obj):
        session.define(obj)
    annotate(obj, news)
    if told.render_to and has_secret(obj):
        session.say("warning", "rendered YAML will contain a secret value in plaintext", urn)
    session.checked[urn] = obj
    return obj


def _refuse_what_is_no_object(group: str, version: str, kind: str) -> None:
    if kind.endswith("List") and is_built_in(api_version(group, version)):
        raise ProviderRefused(
            "list resources exist for compatibility with YAML manifests and Helm charts, and cannot be created "
            "directly. Use the underlying resource type instead"
        )
    if (group, kind) == ("helm.sh", "Release"):
        raise ProviderRefused(
            "a Helm release needs the official plugin, expected pulumi-resource-kubernetes on PATH or in the Pulumi "
            "plugin folder; install it (pulumi plugin install resource kubernetes), or render the chart with "
            "kubernetes.helm.v3.Chart and the program helm"
        )


def _named(obj: Obj) -> bool:
    return bool(name(obj)) or isinstance(meta(obj).get("name"), Unknown)


def _give_name(session: Session, urn: str, before: Obj, obj: Obj, seed: bytes) -> None:
    if before:
        if not _named(obj) and annotation(before, AUTONAMED) == "true":
            set_meta(obj, "name", name(before))
            set_in_meta(obj, "annotations", AUTONAMED, "true")
        label = part(meta(before), "labels").get(MANAGED_BY)
        if isinstance(label, Unknown) or label == _manager_label():
            set_in_meta(obj, "labels", MANAGED_BY, _manager_label())
        return
    if not _named(obj) and not text(obj, "generateName") and not isinstance(meta(obj).get("generateName"), Unknown):
        set_meta(obj, "name", unique(f"{urn_name(urn)}-", seed))
        set_in_meta(obj, "annotations", AUTONAMED, "true")
    if not session.told.server_side_apply:
        set_in_meta(obj, "labels", MANAGED_BY, _manager_label())


def _manager_label() -> str:
    return os.environ.get("PULUMI_KUBERNETES_MANAGED_BY_LABEL", "pulumi")


def _warn_of_annotations(session: Session, urn: str, obj: Obj) -> None:
    hooked = False
    for key, value in part(meta(obj), "annotations").items():
        if key.startswith(AUTONAMED):
            session.say("warning", f'ignoring user-specified value for internal annotation "{key}"', urn)
        if key.startswith("helm.sh/hook") and re.search("test|test-success|test-failure", str(value)):
            hooked = True
    if hooked and not session.told.quiet_helm_hooks:
        session.say(
            "warning",
            "This resource contains Helm hooks that are not currently supported by Pulumi. The resource will be "
            "created, but any hooks will not be executed. Hooks support is tracked at "
            "https://github.com/pulumi/pulumi-kubernetes/issues/555 -- This warning can be disabled by setting the "
            "PULUMI_K8S_SUPPRESS_HELM_HOOK_WARNINGS environment variable",
            urn,
        )


# -- diff ------------------------------------------------------------------------------------------------------------


def diff(session: Session, urn: str, old_inputs: Props, olds: Props, news: Props, ignored: list[str]) -> Diff:
    """What of the live object, as far as the program set it, differs from what the program wants now."""
    told = session.told
    if (
        news is session.checked.pop(urn, None)
        and not (told.render_to and told.always_render)
        and unchanged(old_inputs, olds, news)
    ):
        return Diff(changes=False, detailed={})
    wanted = plain(news)
    obj = normalised(wanted)
    inputs, live = parse(olds)
    if identity_only(inputs) and old_inputs:  # an import: what it found of inputs stands beside the outputs alone
        inputs = plain(old_inputs)
        if inputs == whole(live):
            inputs = obj
    # the program most often wants what it wanted before
    before = prune(live, obj if inputs == wanted else normalised(inputs))
    group, version = group_version(str(obj.get("apiVersion") or ""))
    scoped = session.in_namespace(group, version, str(obj.get("kind") or ""))
    for one in (before, obj):
        set_meta(one, "namespace", (namespace(one) or "default") if scoped else "")
    if not before.get("kind"):
        before.update(apiVersion=obj.get("apiVersion"), kind=obj.get("kind"))
    if name(obj):
        set_meta(before, "name", name(live))
    changes: dict[str, Change] = {}
    patch = merge_patch(before, obj)
    if patch:
        fields = (
            IDENTITY
            if is_patch(urn, obj.get("kind"))
            else forcing(obj, config_map_mutable=told.config_map_mutable, secret_mutable=told.secret_mutable)
        )
        changes = _without(detailed(patch, before, obj, fields), ignored)
    replaces = [
        path for path, change in changes.items() if change.kind.endswith("-replace") or (path, change.kind) == _ALL_META
    ]
    changed = bool(changes)
    if annotation(obj, REPLACE_UNREADY) == "true" and _unready(session, urn, obj, live):
        changed = True
        replaces.append(f'.metadata.annotations["{REPLACE_UNREADY}"]')
    delete_first = (
        bool(replaces)
        and _named(obj)
        and annotation(obj, AUTONAMED) != "true"
        and name(obj) == name(live)
        and namespace(obj) == namespace(live)
    )
    if told.render_to and told.always_render:
        changed = True
    return Diff(changes=changed, replaces=replaces, detailed=changes, delete_first=delete_first)


_ALL_META: Final = ("metadata", "delete")


def _without(changes: dict[str, Change], ignored: list[str]) -> dict[str, Change]:
    chosen = [path for path in (paths.parse(one) for one in ignored) if path is not None]

    def hit(shown: str) -> bool:
        path = paths.parse(shown)
        return path is not None and any(paths.contains(one, path) for one in chosen)

    return {shown: change for shown, change in changes.items() if not hit(shown)} if chosen else changes


def _unready(session: Session, urn: str, obj: Obj, live: Obj) -> bool:
    """Whether an object that asks to be replaced when it is not ready is not."""
    if session.cluster is None:
        session.say("warning", "Cluster is unreachable, skipping replaceUnready check", urn)
        return False
    if obj.get("kind") != "Job":
        session.say("warning", "replaceUnready annotation is not supported for this resource", urn)
        return False
    try:
        now = session.cluster.get(str(live["apiVersion"]), "Job", name(live), namespace(live))
    except (ApiError, NoMatch, NoAnswer):
        return False
    conditions = items(part(now, "status"), "conditions")
    return not any(one.get("type") == "Complete" and one.get("status") == "True" for one in conditions)
