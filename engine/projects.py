"""Pulumi.yaml and Pulumi.STACK.yaml: what the project is, and the stack's configuration."""

import json
import os
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from engine.config_paths import SECURE, is_secure, put, split, whole
from engine.errors import BadInput
from engine.values import Crypter, Props, is_dict, is_list, part

NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True)
class Project:
    """A project on disk; `root` holds Pulumi.yaml, `main` the program."""

    name: str
    root: Path
    main: Path
    backend_url: str | None
    options: Props
    config: Props
    plugins: Props = field(default_factory=dict[str, Any])
    """What the project says of its providers: `plugins` and `packages`, as they stand in the file."""

    @property
    def program(self) -> tuple[Path, Path]:
        """The folder that the program runs in, and the file that is run."""
        folder = self.main if self.main.is_dir() else self.main.parent
        return folder, folder / "__main__.py" if self.main.is_dir() else self.main

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
    data = load_mapping(file)
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
    plugins: Props = {key: data[key] for key in ("plugins", "packages") if key in data}
    return Project(name, root, main, url, options, dict(data.get("config") or {}), plugins)


def load_mapping(file: Path) -> Props:
    """What a YAML file says; raises BadInput where it is not keys and values."""
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
        made = cls(file, project, load_mapping(file) if file.exists() else {})
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
        """Write what changed; comments, order and quotes of the rest stay as they are."""
        from engine import stack_files

        stack_files.write(self.file, self.data)

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
        return whole(key, self.project.name)

    def set(self, key: str, value: str, *, secret: Crypter | None, path: bool, kind: str = "") -> None:
        """Set one key; `secret` encrypts it, `path` reads the key as a path into an object.

        kind: string, int, float or bool, in which a value at a path is kept; else what it looks like.
        """
        _of_kind(kind, key, value)
        if self.data.get("config") is None:
            self.data["config"] = dict[str, Any]()
        config: Props = self.data["config"]
        stored: Any = {SECURE: secret.encrypt(value)} if secret else value
        if not path:
            config[self._full(key)] = stored
            return
        full, steps = split(key, self.project.name)
        if not secret and (kind or len(steps) > 1):
            stored = _of_kind(kind, key, value) if kind else _typed(value)
        put(config, full, steps, stored)

    def remove(self, key: str) -> None:
        part(self.data, "config").pop(self._full(key), None)


def _typed(value: str) -> Any:
    if value in ("true", "false"):
        return value == "true"
    return int(value) if re.fullmatch(r"0|-?[1-9]\d*", value) else value


def _of_kind(kind: str, key: str, value: str) -> Any:
    """A value as the kind that was asked for; BadInput where it is none of it."""
    try:
        if kind == "int":
            return int(value)
        if kind == "float":
            return float(value)
        if kind == "bool":
            return {"true": True, "false": False}[value]
    except (ValueError, KeyError):
        raise BadInput(f"{key} is {value!r}, expected a value of type {kind}") from None
    if kind not in ("", "string"):
        raise BadInput(f"--type is {kind!r}, expected string, int, float or bool")
    return value


def has_secrets(raw: Any) -> bool:
    if is_dict(raw):
        return is_secure(raw) or any(has_secrets(v) for v in raw.values())
    return is_list(raw) and any(has_secrets(v) for v in raw)


def _plain(raw: Any, crypter: Crypter) -> Any:
    if is_secure(raw):
        return crypter.decrypt(raw[SECURE])
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
