"""Files of Keras, told without loading them: what is packed in one, and what of it would run code of its author.

A `.keras` file is a zip of a JSON that names layers, and of weights. Most layers are Keras's own; a `Lambda` has Python
in it, and other entries name a module to import and something in it to call. An HDF5 file has the same JSON inside.
"""

import builtins
import json
import mmap
import re
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from model_build.errors import SourceError

if TYPE_CHECKING:
    from model_build.pickles import Name

FORMATS = ("keras", "savedmodel")
"""Formats whose loaders read data, and have been led astray by it: they are sandboxed where there is a sandbox."""
HDF5 = (".h5", ".hdf5")
ENDINGS = (".keras", *HDF5)

_RUNNING = ("Lambda", "TorchModuleWrapper", "FlaxLayer", "JaxLayer", "TFSMLayer")
"""Layers of Keras that have code in them, or load it from elsewhere."""
_VALUES = ("__tuple__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__", "__keras_tensor__",
           "__typespec__", "__dtype__")  # fmt: skip
_PARTS = re.compile(
    r"keras(\.src)?(\.(activations|constraints|dtype_policies|initializers|layers|losses|metrics|models|ops|optimizers"
    r"|quantizers|random|regularizers)(\.\w+)*)?"
)
"""Modules of Keras that models are made of; in others are functions that fetch files and change settings."""
_LARGEST_CONFIG = 256 << 20
_LOOKED_THROUGH = 32 << 20
_OBJECT = re.compile(rb'\{"\w+": ?["{\[]')
"""How a description begins."""
_RATIO, _SMALL = 200, 256 << 20
"""A file that grows by more than that, to more than this, is a bomb."""


@dataclass
class Told:
    """What the description of a model names."""

    code: list[str] = field(default_factory=list[str])
    """What runs when it is loaded and is not Keras's own."""
    names: "set[Name]" = field(default_factory=set[tuple[str, str]])
    """Modules that would be imported, and what in them would be used."""

    def check(self, called: str, *, trust: bool) -> None:
        """Raise SourceError for what no model needs, and for code that is not trusted."""
        from model_build.pickles import refused  # which brings all that unpacks archives

        if bad := [name for name in sorted(self.names) if _no_part(name) or refused([name])]:
            shown = ", ".join(".".join(each) for each in bad[:5])
            raise SourceError(f"{called} would call {shown} when it is loaded, which no model needs; do not load it")
        if self.code and not trust:
            raise SourceError(
                f"{called} has code of its author in it ({', '.join(self.code[:5])}), which runs when it is loaded; "
                "if you trust whoever made it set trust: true, else ask for a SavedModel (model.export) or ONNX"
            )


def runs_code(file: Path, kind: str) -> bool:
    """Whether loading `file` may run code that is in it. Raises SourceError for a file that is broken."""
    if kind != "keras" or file.is_dir():
        return False
    return file.suffix in HDF5 or bool(look(file, f"source {file.name!r}").code)


def look(file: Path, called: str) -> Told:
    """What a file names; of HDF5 what is plain to see. Raises SourceError."""
    if not file.is_file():
        return Told()
    return told(glimpsed(file) if file.suffix in HDF5 else config(file, called))


def glimpsed(file: Path) -> Any:
    """The description in an HDF5 file, found without the library that reads such files; None where it is not seen.

    It stands in one piece before the weights, as Keras writes it. That is for whoever hands in a model and is to hear
    of code in it at once: what is loaded is decided by what the library reads, right before.
    """
    size = min(file.stat().st_size, _LOOKED_THROUGH)
    if not size:
        return None
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), size, access=mmap.ACCESS_READ) as mapped:
        at, left = 0, 4 * _LOOKED_THROUGH  # so that a file full of beginnings keeps nobody waiting
        while left > 0 and (begins := _OBJECT.search(mapped, at)):
            at = begins.start()
            end = mapped.find(b"\0", at)
            text = mapped[at : end if end >= 0 else size].decode("latin-1")  # a byte is a character
            left -= len(text)
            try:
                found, length = json.JSONDecoder().raw_decode(text)
            except (ValueError, RecursionError):
                at += 1
                continue
            if {"class_name", "config"} <= set(cast("dict[str, Any]", found)):
                return found
            at += length  # another one, such as the optimizer's, with what is in it
    return None


def config(file: Path, called: str) -> Any:
    """The description in a `.keras` file. Raises SourceError for what is none, or would be unpacked elsewhere."""
    try:
        with zipfile.ZipFile(file) as archive:
            _whole(archive, file.stat().st_size, called)
            with archive.open("config.json") as opened:
                text = opened.read(_LARGEST_CONFIG + 1)
        if len(text) > _LARGEST_CONFIG:
            raise SourceError(f"{called} has a config.json of more than {_LARGEST_CONFIG:,} bytes; do not load it")
        return json.loads(text)
    except (OSError, EOFError, KeyError, ValueError, RecursionError, NotImplementedError, RuntimeError) as error:
        why = str(error).strip("'\"") or type(error).__name__
        raise _none(file, why, called) from None
    except zipfile.BadZipFile as error:
        raise _none(file, str(error), called) from None


def _none(file: Path, why: str, called: str) -> SourceError:
    return SourceError(
        f"{called} is no file of Keras ({file.stat().st_size:,} bytes; {why}), expected what "
        "model.save('model.keras') writes; save it again"
    )


def _whole(archive: zipfile.ZipFile, size: int, called: str) -> None:
    """Raise SourceError for an archive whose files would land outside of a folder, or fill the disk."""
    names: set[str] = set()
    total = 0
    for each in archive.infolist():
        path = PurePosixPath(each.filename)
        away = path.is_absolute() or ".." in path.parts or "\\" in each.filename or ":" in each.filename
        if away or stat.S_ISLNK(each.external_attr >> 16):
            raise SourceError(f"{called} has {each.filename!r} in it, which leads out of it; do not load it")
        if each.filename in names:
            raise SourceError(f"{called} has two files of the name {each.filename!r} in it; do not load it")
        names.add(each.filename)
        total += each.file_size
    if total > max(size * _RATIO, _SMALL):
        raise SourceError(f"{called} unpacks to {total:,} bytes, many times its size; do not load it")


def told(value: Any) -> Told:
    """What a description, as JSON has it, names."""
    found = Told()
    for entry in _entries(value):
        kind, module = entry.get("class_name"), entry.get("module")
        inner: Any = entry.get("config")
        if isinstance(inner, dict) and isinstance(inner.get("vocabulary"), str):  # pyright: ignore[reportUnknownMemberType]
            found.code.append(f"words from the file {inner['vocabulary']!r}")
        if not isinstance(kind, str) or kind in _VALUES:
            continue
        if kind in _RUNNING or kind.startswith("__"):
            found.code.append(_layer(kind, inner))
        # A function has its name where a class has its settings.
        what = inner if isinstance(inner, str) and kind.islower() else kind
        if not isinstance(module, str) or not module or _PARTS.fullmatch(module) or kind in _RUNNING:
            continue
        if module == "builtins" and not hasattr(builtins, what):
            continue  # a value, or a function by its name alone: one of Keras's, or none that is in the file
        found.names.add((module, what))
        found.code.append(f"{module}.{what}")
    found.code = list(dict.fromkeys(found.code))
    return found


def _layer(kind: str, inner: Any) -> str:
    name: object = cast("dict[str, object]", inner).get("name") if isinstance(inner, dict) else None
    if kind == "__lambda__":
        return "a lambda"
    return f"the {kind} layer {name!r}" if isinstance(name, str) else f"a {kind.strip('_')}"


def _entries(value: Any) -> Iterator[dict[str, Any]]:
    """All objects of a JSON value, deep ones too."""
    waiting: list[object] = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            entry = cast("dict[str, Any]", each)
            yield entry
            waiting.extend(entry.values())
        elif isinstance(each, list):
            waiting.extend(cast("list[object]", each))


def _no_part(name: "Name") -> bool:
    """Something of Keras that is no part of a model."""
    return name[0].partition(".")[0] in ("keras", "tensorflow", "tf_keras")
