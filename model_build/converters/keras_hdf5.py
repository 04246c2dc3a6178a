"""HDF5 as Keras writes it, looked through before Keras reads it: nothing in it may be kept anywhere else."""

import json
import zipfile
from pathlib import Path
from typing import Any, cast

from model_build import runtime
from model_build.errors import SourceError

_MOST = 1 << 20
"""Groups and arrays of one file."""
_RATIO, _SMALL = 200, 256 << 20
"""An array that is so many times what is stored of it, and so large, is a bomb."""


def config(path: Path, called: str) -> Any:
    """The description of the model in a file. Raises SourceError for a file that has none, or leads elsewhere."""
    with _opened(path, path, called) as file:
        _check(file, called)
        text: Any = file.attrs.get("model_config")
    if text is None:
        raise SourceError(
            f"{called} holds the weights of a model and not the model, expected what model.save writes; write a "
            "function that makes the model, calls load_weights and returns it, and name that: source: module:function"
        )
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        raise SourceError(f"{called} has a description of its model that is no JSON; save it again") from None


def check_inside(path: Path, called: str) -> None:
    """Look through the HDF5 files in a `.keras` file."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith((".h5", ".hdf5")):
                with archive.open(name) as member, _opened(member, path, called) as file:
                    _check(file, called)


def _opened(source: Any, path: Path, called: str) -> Any:
    try:
        return runtime.untyped("h5py").File(source, "r")
    except Exception as error:  # OSError for what is no HDF5, others for what is cut
        raise SourceError(
            f"{called} is no file of Keras ({path.stat().st_size:,} bytes; {runtime.first_line(error)}), expected what "
            "model.save writes; save it again"
        ) from None


def _check(file: Any, called: str) -> None:
    h5py = runtime.untyped("h5py")
    waiting: list[Any] = [file]
    groups: set[int] = set()  # by where they are: a group may be in itself
    seen = 0
    while waiting:
        group = waiting.pop()
        if (place := int(h5py.h5o.get_info(group.id).addr)) in groups:
            continue
        groups.add(place)
        for name in cast("list[str]", list(group)):
            seen += 1
            if seen > _MOST:
                raise SourceError(f"{called} has more than {_MOST:,} parts, expected the layers of a model")
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                where = f" to {link.filename!r}" if isinstance(link, h5py.ExternalLink) else ""
                raise SourceError(
                    f"{called} has a link{where} in the place of {group.name.rstrip('/')}/{name}, expected all of the "
                    "model in one file; do not load it"
                )
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                _array(item, called)


def _array(item: Any, called: str) -> None:
    if item.external or item.is_virtual:
        files = item.external or [source.file_name for source in item.virtual_sources()]
        first = files[0][0] if isinstance(files[0], tuple) else files[0]
        raise SourceError(
            f"{called} keeps {item.name} in another file ({first}), expected all of the model in one; do not load it"
        )
    stored = int(item.id.get_storage_size())
    if item.nbytes > max(stored * _RATIO, _SMALL):
        raise SourceError(
            f"{called} says that {item.name} has {item.nbytes:,} bytes, but {stored:,} are stored; do not load it"
        )
