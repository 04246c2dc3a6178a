"""The stack file of an ephemeral stack: that of the stack it is like, with names of its own where two would collide."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml

from automation.exits import Exit, Failure

MARK = "# An ephemeral stack"
"""How a file begins that was made here, and may be overwritten and taken away."""
NAME = re.compile(r"[a-z]([-a-z0-9]{0,22}[a-z0-9])?")
_SPACE = "modelport:"
_DROPPED = ("encryptionsalt", "encryptedkey")


def refuse_name(name: str) -> None:
    """Refuse a name that could not be part of those of namespaces, hosts and images."""
    if not NAME.fullmatch(name):
        raise Failure(
            Exit.BAD_INPUT,
            f"NAME is {name!r}, expected at most 24 lower-case letters, digits and hyphens, a letter first, as it "
            "becomes part of other names; for example pr-12",
        )


def drafted(
    like: Mapping[str, Any], name: str, *, like_stack: str, project: str, port: Callable[[], int], given: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """What the file says, and a line for each thing that is not as in `like`.

    given: `KEY=VALUE` of the caller, as `service.replicas=1`, which go over everything. Raises Failure for a bad one.
    """
    made: dict[str, Any] = {key: value for key, value in _copied(like).items() if key not in _DROPPED}
    config: dict[str, Any] = made.setdefault("config", {})
    sections = _Sections(config)
    _own_names(sections, name, project, port)
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or not key:
            raise Failure(Exit.BAD_INPUT, f"--set {each}: no KEY=VALUE, expected one; for example service.replicas=1")
        try:
            sections.set(key.removeprefix(_SPACE), yaml.safe_load(value))
        except yaml.YAMLError:
            raise Failure(Exit.BAD_INPUT, f"--set {each}: the value is not YAML, expected one; quote it") from None
    return made, [f"{each} (in {like_stack}: {was})" for each, was in sections.changes.items()]


def refuse_others(path: Path) -> None:
    """Refuse a file that is somebody's own."""
    if path.exists() and not path.read_text("utf-8", "replace").startswith(MARK):
        raise Failure(
            Exit.BAD_INPUT,
            f"{path.name} is there and was not made for an ephemeral stack, expected no such file; choose another NAME",
        )


def write(path: Path, made: Mapping[str, Any], *, like: str, name: str) -> None:
    """Write the file. Raises Failure where there is one that is somebody's own."""
    refuse_others(path)
    head = f"{MARK}, like {like}: modelport ephemeral writes this file and takes it away again.\n"
    text = head + yaml.safe_dump(dict(made), sort_keys=False, allow_unicode=True)
    path.write_text(text, "utf-8")


def remove(path: Path) -> None:
    """Take the file away, if it was made here."""
    if path.is_file() and path.read_text("utf-8", "replace").startswith(MARK):
        path.unlink()


def plain_push(like: Mapping[str, Any], opened: Callable[[str], str]) -> tuple[dict[str, Any], bool]:
    """The file with the registry's address in plain text, and whether it is a secret."""
    made = _copied(like)
    sections = _Sections(cast("dict[str, Any]", made.get("config") or {}))
    secret = False
    for path in ("image", "image.push"):
        value = sections.get(path)
        inner = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        if set(inner) == {"secure"}:
            text = opened(str(inner["secure"]))
            sections.set(path, yaml.safe_load(text) if path == "image" else text)
            secret = True
    return made, secret


def hide_push(made: Mapping[str, Any], hidden: Callable[[str], str]) -> None:
    """Make the registry's address a secret again."""
    sections = _Sections(made["config"])
    if isinstance(push := sections.get("image.push"), str):
        sections.set("image.push", {"secure": hidden(push)})


def secrets(value: Any, again: Callable[[str], str]) -> Any:
    """The value with each secret in it encrypted again."""
    if isinstance(value, dict):
        inner = cast("dict[str, Any]", value)
        if set(inner) == {"secure"} and isinstance(inner["secure"], str):
            return {"secure": again(inner["secure"])}
        return {key: secrets(each, again) for key, each in inner.items()}
    if isinstance(value, list):
        return [secrets(each, again) for each in cast("list[object]", value)]
    return value


class _Sections:
    """The keys of ours in a stack file, by path; what is changed is remembered."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self.changes: dict[str, str] = {}

    def get(self, path: str) -> Any:
        first, *rest = path.split(".")
        value: Any = self._config.get(_SPACE + first, self._config.get(first))
        for part in rest:
            value = cast("dict[str, Any]", value).get(part) if isinstance(value, dict) else None
        return value

    def set(self, path: str, value: Any) -> None:
        *around, last = path.split(".")
        inner = self._config
        for place, part in enumerate(around):
            key = part if place or part in inner else _SPACE + part
            held = inner.get(key)
            inner[key] = dict(cast("dict[str, Any]", held)) if isinstance(held, dict) else {}
            inner = inner[key]
        key = last if around or last in inner else _SPACE + last
        was = inner.get(key)
        if was == value:
            return
        if value is None:
            inner.pop(key, None)
        else:
            inner[key] = value
        self._note(path, was, value)

    def _note(self, path: str, was: Any, value: Any) -> None:
        secret = isinstance(was, dict)
        told = _as_yaml(value) if value is not None else "none" if path == "image.signed_by" else "its own"
        self.changes[f"{path}: {told}"] = "..." if secret else "none" if was is None else _as_yaml(was)


def _as_yaml(value: Any) -> str:
    """A value as a stack file has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _own_names(sections: _Sections, name: str, project: str, port: Callable[[], int]) -> None:
    """Put a name of its own wherever the two stacks would have the same."""
    from stacks.specs.targets import ACCOUNTS

    target = str(sections.get("target"))
    if target == "local":
        sections.set("endpoint.port", port())
    if isinstance(push := sections.get("image.push"), str):
        host, slash, rest = push.partition("/")
        sections.set("image.push", f"{host}{slash}{rest.partition(':')[0]}:{name}")
    # It is promoted nowhere, and what is under review is to be near no key.
    if sections.get("image.signed_by") is not None:
        sections.set("image.signed_by", None)
    if sections.get("release.pin") is not None:
        sections.set("release.pin", None)
    section = ACCOUNTS.get(target)
    # An image that both know by one digest must not go with the one that goes first.
    sections.set("image.keep", section is None)
    if sections.get("tenants") is not None:
        sections.set("tenants", None)
    _in_a_cluster(sections, name)
    for host in ("gateway", f"{section}.load_balancer", f"{section}.api"):
        if isinstance(held := sections.get(f"{host}.hostname"), str):
            sections.set(f"{host}.hostname", f"{name}-{held}")
    if section is not None:
        _in_an_account(sections, section, target, name, project)


def _in_a_cluster(sections: _Sections, name: str) -> None:
    if sections.get("kubernetes.create_namespace") is not False:
        if sections.get("kubernetes.namespace") is not None:
            sections.set("kubernetes.namespace", None)
        return
    model = sections.get("service.name") or sections.get("model.name")
    sections.set("service.name", f"{model}-{name}")


def _in_an_account(sections: _Sections, section: str, target: str, name: str, project: str) -> None:
    base = sections.get(f"{section}.name")
    # What most of them are called after; the whole has 22 letters at most.
    sections.set(f"{section}.name", f"{base}-{name}" if base else name)
    registry = f"{section}.registry"
    aws = target.startswith("aws-")
    default = f"{project}/{sections.get('model.name')}".lower() if aws else project.lower().replace("_", "-")
    sections.set(f"{registry}.repository", f"{sections.get(f'{registry}.repository') or default}-{name}")
    if sections.get(f"{registry}.adopt"):
        sections.set(f"{registry}.adopt", False)


def _copied(value: Mapping[str, Any]) -> dict[str, Any]:
    def copy(each: Any) -> Any:
        if isinstance(each, dict):
            return {key: copy(inner) for key, inner in cast("dict[str, Any]", each).items()}
        return [copy(inner) for inner in cast("list[object]", each)] if isinstance(each, list) else each

    return cast("dict[str, Any]", copy(dict(value)))
