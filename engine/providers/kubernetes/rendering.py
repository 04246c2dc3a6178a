"""Objects as YAML files in a folder instead of in a cluster, for who deploys them by other means."""

from pathlib import Path

from engine.providers.base import Made
from engine.providers.kubernetes.api import Obj
from engine.providers.kubernetes.kinds import is_definition
from engine.providers.kubernetes.making import field_manager
from engine.providers.kubernetes.normal import normalised
from engine.providers.kubernetes.objects import (
    checkpoint,
    initial_version,
    is_patch,
    name,
    namespace,
    object_id,
    parse,
    plain,
    unknown_in,
)
from engine.providers.kubernetes.session import Session
from engine.values import UNKNOWN, Props, has_secret


def place(folder: str, obj: Obj) -> Path:
    """The file of an object; definitions come first in the order of names."""
    version = str(obj.get("apiVersion") or "").replace("/", "_").replace(":", "_")
    title = f"{version}-{str(obj.get('kind')).lower()}-{namespace(obj) or 'default'}-{name(obj)}.yaml"
    return Path(folder) / ("0-crd" if is_definition(obj) else "1-manifest") / title


def create(session: Session, urn: str, news: Props, *, preview: bool) -> Made:
    """Write the object's file; as the official provider does, at a preview too where the cluster knows the kind."""
    inputs = plain(news)
    if preview and (
        unknown_in(inputs)
        or not session.knows(inputs)
        or is_patch(urn, inputs.get("kind"))
        or not session.told.server_side_apply
    ):
        return Made(UNKNOWN, dict(news))
    _write(session, urn, inputs, news)
    manager = field_manager(session, {}, inputs)
    return Made(object_id(inputs), checkpoint(inputs, inputs, news, str(inputs.get("apiVersion") or ""), manager))


def update(session: Session, urn: str, olds: Props, news: Props, *, preview: bool) -> Made:
    inputs = normalised(plain(news))
    if preview and (unknown_in(inputs) or not session.knows(inputs)):
        return Made("", dict(news))
    old_inputs, _ = parse(olds)
    _write(session, urn, inputs, news, again=True)
    manager = field_manager(session, olds, inputs)
    return Made("", checkpoint(inputs, inputs, news, initial_version(olds, old_inputs), manager))


def delete(session: Session, state: Props) -> None:
    _, live = parse(state)
    place(session.told.render_to, live).unlink(missing_ok=True)


def _write(session: Session, urn: str, obj: Obj, news: Props, *, again: bool = False) -> None:
    import yaml

    file = place(session.told.render_to, obj)
    if has_secret(news):
        session.say("warning", f"rendered file {file} contains a secret value in plaintext", urn, ephemeral=again)
    for folder in ("0-crd", "1-manifest"):
        (Path(session.told.render_to) / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(obj, sort_keys=True))
    session.say("info", f"rendered {file}", urn, ephemeral=True)
