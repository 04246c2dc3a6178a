"""All that a `Pulumi.<stack>.yaml` may say under `modelport:`, checked before anything is touched.

`StackSpec.from_file` reads the file itself (the command, before an engine starts), `StackSpec.from_config` what Pulumi
hands to the running program. Both say the same about the same mistake.
"""

import difflib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, StrictBool, StrictInt, ValidationError, field_validator

from model_build.mistakes import mistakes, printable, show, spell, unknown
from model_build.recipe import Recipe
from stacks import yamlfile

if TYPE_CHECKING:
    import pulumi

NAMESPACE = "modelport"
SETTINGS = ("config", "encryptionsalt", "encryptedkey", "secretsprovider", "environment")
"""The keys of a stack file that are Pulumi's own."""
SECRET_PLACES = (("image",), ("image", "push"))
"""What may be encrypted. All else is part of what a build is known by, or stands in plain text in the state anyway."""

Place = tuple[int | str, ...]


class SpecError(Exception):
    """The stack file breaks its rules. `lines` has one line for each mistake, each with the file's name."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ImageSpec(_Part):
    """What becomes of the image that is made."""

    push: Annotated[str | None, Field(examples=["registry.example.com/team/digits"])] = None
    """Registry and repository that the image is pushed to, with or without a tag. Default: it stays on this machine.
    User and password come from Docker's own configuration. May be a Pulumi secret."""
    keep: StrictBool = True
    """Whether `destroy` leaves a pushed image where it is."""

    @field_validator("push")
    @classmethod
    def _destination(cls, value: str | None) -> str | None:
        if value is None:
            return None
        address = value.split("://", 1)[-1]
        if "@" in address.partition("/")[0]:
            # Neither shown nor suggested: what stands before the @ is most likely a password.
            raise ValueError(
                "holds a user or a password, expected registry and repository alone; "
                f"write {address.partition('@')[2]} and let `docker login` keep the password"
            )
        plain = address.split("@", 1)[0].rstrip("/")
        host, _, repository = plain.partition("/")
        if not repository or not host:
            raise ValueError(f"is {show(value)}, expected registry and repository; for example {host or 'host'}/digits")
        if plain != value:
            raise ValueError(f"is {show(value)}, expected registry and repository alone; write {plain}")
        if any(c.isspace() for c in value) or repository != repository.lower():
            fixed = "".join(plain.split())
            fixed = f"{fixed.partition('/')[0]}/{fixed.partition('/')[2].lower()}"
            raise ValueError(f"is {show(value)}, expected lower case without blanks; write {fixed}")
        return value


class EndpointSpec(_Part):
    """Where and how the model answers."""

    port: Annotated[StrictInt, Field(ge=1, le=65535)] = 8080
    """TCP port on the loopback address."""
    workers: Annotated[StrictInt, Field(ge=1, le=256)] = 2
    """Processes that answer."""
    runtime: Literal["auto", "docker", "podman", "process"] = "auto"
    """What runs the image. `auto`: Docker or Podman where one answers, else processes from the image's own layers."""


class StackSpec(_Part):
    """One environment of one model."""

    target: Literal["local"]
    """Where the model goes. `local`: this machine."""
    model: Recipe
    """The recipe: where the model comes from and what must be true of it before it is served."""
    image: ImageSpec = ImageSpec()
    """What becomes of the image that is made."""
    endpoint: EndpointSpec = EndpointSpec()
    """Where and how the model answers."""

    _secrets: frozenset[str] = PrivateAttr(default=frozenset())

    @property
    def secrets(self) -> frozenset[str]:
        """Places whose values are encrypted in the file, as "image.push".

        `from_file` has no key to open them: it leaves them at their default. `from_config` has them in plain text, and
        whoever hands one on marks it as a secret again.
        """
        return self._secrets

    @classmethod
    def from_file(cls, path: Path | str) -> Self:
        """Read and check a stack file. Raises SpecError with every mistake in it. Pulumi is not needed."""
        path = Path(path)
        if not path.is_file():
            raise SpecError([_absent(path)])
        try:
            document = yamlfile.read(path)
        except yamlfile.YamlError as error:
            raise SpecError([printable(f"{path.name}: {line}") for line in error.lines]) from None
        lines = [_twice(*found) for found in document.duplicates]
        values, keys, wrong = _own(document.value)
        lines += wrong

        def written(place: Place) -> str | None:
            # Under the key as it stands in the file, which may lack the namespace.
            return document.written(("config", keys.get(str(place[0]), ""), *place[1:])) if place else None

        return cls._check(values, path.name, lines, written)

    @classmethod
    def from_config(cls, config: "pulumi.Config") -> Self:
        """Check what Pulumi read, in a running program. Raises SpecError."""
        import pulumi
        from pulumi.runtime import config as runtime

        prefix = f"{config.name}:"
        whole = {**runtime.get_config_env(), **runtime.CONFIG.get()}
        names = [key.removeprefix(prefix) for key in whole if key.startswith(prefix)]
        values = {name: config.get(name) for name in names}
        secret = {name for name in names if runtime.is_config_secret(prefix + name)}
        file = f"Pulumi.{pulumi.get_stack()}.yaml"
        lines = [
            f"{name} is a secret, expected a plain value; set it with pulumi config set --plaintext"
            for name in sorted(secret)
            if not any(place[0] == name for place in SECRET_PLACES)
        ]
        spec = cls._check(values, file, lines, lambda _: None)
        spec._secrets = frozenset(secret)
        return spec

    @classmethod
    def _check(
        cls, values: dict[str, Any], file: str, lines: list[str], written: Callable[[Place], str | None]
    ) -> Self:
        known = list(cls.model_fields)
        for key in [k for k in values if k not in known]:
            lines.append(unknown(f"{NAMESPACE}:{key}", "", [f"{NAMESPACE}:{k}" for k in known]))
        checked = {key: _object(value) if key != "target" else value for key, value in values.items() if key in known}
        secrets = _take_secrets(checked)
        try:
            spec = cls.model_validate(checked)
        except ValidationError as error:
            lines = lines + mistakes(error, cls, written=written)
        else:
            if not lines:
                spec._secrets = secrets
                return spec
        raise SpecError([printable(f"{file}: {line}") for line in lines])


def _own(document: object) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """What a stack file says to us: values by key without namespace, keys as written, and what is wrong around them."""
    if document is None:
        document = {}
    if not isinstance(document, Mapping):
        return {}, {}, [f"the whole is {show(document)}, expected a mapping with config"]
    whole = cast("Mapping[str, Any]", document)
    lines = [unknown(key, "", SETTINGS) for key in whole if key not in SETTINGS]
    config: object = whole.get("config") or {}
    if not isinstance(config, Mapping):
        return (
            {},
            {},
            [*lines, f"config is {show(config)}, expected a mapping with {NAMESPACE}:target, {NAMESPACE}:model"],
        )
    values: dict[str, Any] = {}
    keys: dict[str, str] = {}
    for key, value in cast("Mapping[str, Any]", config).items():
        namespace, colon, name = key.partition(":")
        if not colon:
            # Pulumi reads a key without a namespace as one of the project, and so do we.
            namespace, name = NAMESPACE, key
        if namespace == NAMESPACE:
            values[name], keys[name] = value, key
        elif name in StackSpec.model_fields and difflib.get_close_matches(namespace, [NAMESPACE], cutoff=0.7):
            lines.append(f"unknown key '{key}', did you mean '{NAMESPACE}:{name}'?")
    return values, keys, lines


def _object(value: object) -> object:
    """`pulumi config set modelport:model '{...}'` leaves a mapping as JSON text."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _take_secrets(values: dict[str, Any]) -> frozenset[str]:
    """Take what may be encrypted and is out of `values`; returns the places."""
    taken: set[str] = set()
    for place in SECRET_PLACES:
        inner: Any = values
        for part in place[:-1]:
            inner = cast("dict[str, Any]", inner).get(part) if isinstance(inner, dict) else None
        if isinstance(inner, dict) and _encrypted(cast("dict[str, Any]", inner).get(place[-1])):
            del inner[place[-1]]
            taken.add(spell(place))
    return frozenset(taken)


def _encrypted(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    entries = cast("dict[str, object]", value)
    return set(entries) == {"secure"} and isinstance(entries["secure"], str)


def _twice(place: Place, first: int, second: int) -> str:
    under = f" under {around}" if (around := _under(place)) else ""
    where = f"on line {first}" if first == second else f"on lines {first} and {second}"
    return f"key '{place[-1]}' appears twice{under}, {where}, expected once; remove one"


def _under(place: Place) -> str:
    """The place around a key of the file, in the words of its other messages: without config and namespace."""
    around = place[:-1]
    if around[:1] == ("config",):
        around = (*[str(part).removeprefix(f"{NAMESPACE}:") for part in around[1:2]], *around[2:])
    return spell(around)


def _absent(path: Path) -> str:
    others = sorted(p.name.removeprefix("Pulumi.").removesuffix(".yaml") for p in path.parent.glob("Pulumi.*.yaml"))
    if path.is_dir():
        return f"{path.name}: it is a folder, expected a stack file"
    there = f"this project has the stacks {', '.join(others)}" if others else f"{path.parent} has no stack file at all"
    return f"{path.name}: no such file, expected a stack file; {there}"
