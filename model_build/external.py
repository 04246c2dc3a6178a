"""Where an ONNX file says that its weights are: in files beside it, and nowhere else."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from model_build.errors import SourceError

if TYPE_CHECKING:
    import onnx

_EXTERNAL = 1
"""TensorProto.DataLocation.EXTERNAL."""


def check(model: "onnx.ModelProto", folder: Path, name: str) -> bool:
    """Whether weights of `model`, which was read from `folder`, are in other files.

    Raises SourceError for a place that leads out of the folder, by its words or by a link.
    """
    places = sorted(set(_places(model)))
    for place in places:
        if why := _leads_out(place, folder):
            raise SourceError(
                f"source {name} keeps weights in {place!r}, {why}, expected a file beside the model; do not use it, or "
                "export it again with its weights in one file"
            )
    return bool(places)


def _leads_out(place: str, folder: Path) -> str:
    parts = PurePosixPath(place).parts
    if not place or "\0" in place or "\\" in place:
        return "which is no name of a file"
    if place.startswith("/") or ":" in parts[0]:
        return "an absolute path"
    if ".." in parts:
        return "which leads out of its folder"
    at = folder
    for part in parts:
        at = at / part
        if at.is_symlink():
            return f"where {part!r} is a link to {str(at.readlink())!r}"
    return "" if not at.exists() or at.is_file() else "which is no file"


def _places(model: "onnx.ModelProto") -> Iterator[str]:
    """Of all tensors, wherever they are: in branches, functions, attributes and sparse ones too."""
    waiting: list[Any] = [model]
    while waiting:
        message = waiting.pop()
        if message.DESCRIPTOR.name == "TensorProto":
            if message.data_location == _EXTERNAL:
                yield next((str(entry.value) for entry in message.external_data if entry.key == "location"), "")
            continue
        for field, value in message.ListFields():
            if field.message_type is not None:
                repeated = hasattr(value, "__len__") and not hasattr(value, "DESCRIPTOR")
                waiting.extend(list(value) if repeated else [value])
