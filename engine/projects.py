"""Pulumi.yaml and Pulumi.STACK.yaml: what the project is, and the stack's configuration."""

import itertools
import json
import os
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from engine.errors import BadInput
from engine.values import Crypter, Props, is_dict, is_list, part

NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_SECURE = "secure"


@dataclass(frozen=True)
class Project:
    """A project on disk; `root` holds Pulumi.yaml, `main` the program."""

    name: str
    root: Path
    main: Path
    backend_url: str | None
    options: Props
    config: Props

    def python(self) -> str:
        """The interpreter that the program and its dynamic providers run under."""
        named = self.options.get("virtualenv")
        if isinstance(named, str) and named:
            found = self.root / named / "bin" / "python"
            if found.exists():
                return str(found)
        if command := os.environ.get("PULUMI_PYTHON_CMD"):
            return command
        if sys.prefix != sys.base_prefix:
            return sys.executable
        return shutil.which("python3") or sys.executable


def load_project(root: Path) -> Project:
    """Read Pulumi.yaml of `root` or of the nearest folder above it."""
    for folder in (root.resolve(), *root.resolve().parents):
        for name in ("Pulumi.yaml", "Pulumi.yml"):
            if (folder / name).is_file():
                return _project(folder, folder / name)
    raise BadInput(f"no Pulumi.yaml found in {root} or a folder above it; run this in a Pulumi project")


def _project(root: Path, file: Path) -> Project:
    data = _mapping(file)
    name = data.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadInput(f"{file.name}: name is {name!r}, expected letters, digits, '-', '_' and '.'")
    runtime = data.get("runtime", "python")
    options: Props = {}
    if is_dict(runtime):
        options = dict(runtime.get("options") or {})
        runtime = runtime.get("name")
    if runtime != "python":
        raise BadInput(
            f"{file.name}: runtime is {runtime!r}, and the embedded engine runs python programs only; "
            "install the Pulumi CLI for others"
        )
    backend = data.get("backend")
    url = backend.get("url") if is_dict(backend) else None
    main = root / str(data.get("main") or ".")
    return Project(name, root, main, url, options, dict(data.get("config") or {}))


def _mapping(file: Path) -> Props:
    try:
        data: Any = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{file.name}: cannot be read: {error}") from None
    if data is None:
        return {}
    if not is_dict(data):
        raise BadInput(f"{file.name}: is a {type(data).__name__}, expected keys and values")
    return data


@dataclass
class StackFile:
    """Pulumi.STACK.yaml; kept as read, so that what this engine does not know survives a write."""

    file: Path
    project: Project
    data: Props = field(default_factory=dict[str, Any])

    @classmethod
    def load(cls, project: Project, stack: str) -> "StackFile":
        file = project.root / f"Pulumi.{stack}.yaml"
        made = cls(file, project, _mapping(file) if file.exists() else {})
        provider = made.data.get("secretsprovider")
        if provider and provider != "passphrase":
            raise BadInput(
                f"{file.name}: secretsprovider is {provider!r}, and the embedded engine knows 'passphrase' only; "
                "install the Pulumi CLI for this stack"
            )
        return made

    @property
    def salt(self) -> str | None:
        found = self.data.get("encryptionsalt")
        return str(found) if found else None

    @salt.setter
    def salt(self, value: str) -> None:
        self.data["encryptionsalt"] = value

    def save(self) -> None:
        temporary = self.file.with_name(self.file.name + ".tmp")
        temporary.write_text(yaml.safe_dump(self.data, sort_keys=False, allow_unicode=True))
        temporary.replace(self.file)

    def raw(self) -> dict[str, Any]:
        """Every key with its namespace; secrets as they lie on disk; the project's own values below the stack's."""
        out: dict[str, Any] = {}
        for key, value in self.project.config.items():
            if is_dict(value) and ("default" in value or "value" in value):
                out[self._full(key)] = value.get("value", value.get("default"))
            elif not is_dict(value) or not ({"type", "items", "secret", "description"} & value.keys()):
                out[self._full(key)] = value
        for key, value in part(self.data, "config").items():
            out[self._full(str(key))] = value
        return out

    def _full(self, key: str) -> str:
        return key if ":" in key else f"{self.project.name}:{key}"

    def set(self, key: str, value: str, *, secret: Crypter | None, path: bool) -> None:
        """Set one key; `secret` encrypts it, `path` reads the key as a path into an object."""
        config = self.data.setdefault("config", {})
        whole = self._full(key)
        stored: Any = {_SECURE: secret.encrypt(value)} if secret else value
        if not path:
            config[whole] = stored
            return
        namespace, _, rest = whole.partition(":")
        steps = [(m[1] or m[2] or m[3]) for m in re.finditer(r'([^.\[\]"]+)|\["([^"]*)"\]|\[(\d+)\]', rest)]
        if not secret:
            stored = _typed(value)
        target: Any = config
        names: list[str | int] = [f"{namespace}:{steps[0]}", *(int(s) if s.isdigit() else s for s in steps[1:])]
        for name, follows in itertools.pairwise(names):
            target = _descend(target, name, [] if isinstance(follows, int) else {})
        _put(target, names[-1], stored)

    def remove(self, key: str) -> None:
        part(self.data, "config").pop(self._full(key), None)


def _typed(value: str) -> Any:
    if value in ("true", "false"):
        return value == "true"
    return int(value) if re.fullmatch(r"0|-?[1-9]\d*", value) else value


def _descend(target: Any, name: str | int, empty: Any) -> Any:
    if is_list(target) and isinstance(name, int):
        if name == len(target):
            target.append(empty)
        elif name > len(target):
            raise BadInput(f"the path names element {name} of a list of {len(target)}")
        return target[name]
    if not is_dict(target):
        raise BadInput(f"the path goes through {name!r}, which holds a value")
    return target.setdefault(str(name), empty)


def _put(target: Any, name: str | int, value: Any) -> None:
    if is_list(target) and isinstance(name, int):
        items = target
        if name == len(items):
            items.append(value)
        elif name < len(items):
            items[name] = value
        else:
            raise BadInput(f"the path names element {name} of a list of {len(items)}")
    elif is_dict(target):
        target[str(name)] = value
    else:
        raise BadInput(f"the path goes through {name!r}, which holds a value")


def has_secrets(raw: Any) -> bool:
    if is_dict(raw):
        return is_secure(raw) or any(has_secrets(v) for v in raw.values())
    return is_list(raw) and any(has_secrets(v) for v in raw)


def is_secure(raw: Any) -> bool:
    return is_dict(raw) and list(raw) == [_SECURE] and isinstance(raw[_SECURE], str)


def _plain(raw: Any, crypter: Crypter) -> Any:
    if is_secure(raw):
        return crypter.decrypt(raw[_SECURE])
    if is_dict(raw):
        return {key: _plain(value, crypter) for key, value in raw.items()}
    if is_list(raw):
        return [_plain(value, crypter) for value in raw]
    return raw


@dataclass(frozen=True)
class Config:
    """The configuration as a program gets it: texts, and which of them are secret."""

    values: dict[str, str]
    secret_keys: frozenset[str]
    objects: frozenset[str]
    raw: Props


def resolve(raw: dict[str, Any], crypter: Crypter) -> Config:
    """Decrypt, and turn every value into the text that a program reads."""
    values: dict[str, str] = {}
    secrets: set[str] = set()
    objects: set[str] = set()
    for key, value in sorted(raw.items()):
        if has_secrets(value):
            secrets.add(key)
        plain = _plain(value, crypter)
        if is_dict(plain) or is_list(plain):
            objects.add(key)
            values[key] = json.dumps(plain, separators=(",", ":"), sort_keys=True, ensure_ascii=False, default=str)
        elif isinstance(plain, bool):
            values[key] = "true" if plain else "false"
        else:
            values[key] = "" if plain is None else str(plain)
    return Config(values, frozenset(secrets), frozenset(objects), raw)
