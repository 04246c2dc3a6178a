"""A model that somebody wants served: where it is, what it takes and gives, and which data it can be measured on."""

import difflib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation.exits import Exit, Failure
from automation.projects import stack_files
from model_build import data, sources
from model_build.errors import ModelBuildError
from model_build.sources.remote import SCHEMES

MODELS = (".onnx", ".skops", *sources.PICKLES)
DATA = (".npz", ".csv")
_LARGEST = 1 << 28
"""Bytes of evaluation data that are still looked into."""
_DULL = ("model", "train", "main", "weights", "pipeline", "net")
"""Names of files and modules that say nothing of what is in them."""
_SKIPPED = ("node_modules", "site-packages", "__pycache__")
_FOLDERS = 2000
"""As many folders are looked through for a model, and no more."""


@dataclass(frozen=True)
class Tensor:
    """One input or output."""

    name: str
    kind: str
    shape: tuple[int | str, ...] | None

    def __str__(self) -> str:
        return f"{self.name} {self.kind}" + (f" [{', '.join(map(str, self.shape))}]" if self.shape is not None else "")


@dataclass(frozen=True)
class Graph:
    """What an ONNX file says of itself."""

    opset: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True)
class Measured:
    """What evaluation data says of itself."""

    rows: int
    metric: str
    """accuracy for labels, r2 for numbers that are no whole ones."""


def is_callable(text: str) -> bool:
    """Whether it is written as `module:function`."""
    module, colon, function = text.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), function))


def is_elsewhere(text: str) -> bool:
    """Whether it is the address of something that is on another machine."""
    return text.startswith(tuple(SCHEMES))


def is_named(text: str) -> bool:
    """Whether it stands for itself, wherever the project is: no path."""
    return text.startswith("package:") or is_callable(text) or is_elsewhere(text)


def find(text: str, root: Path, here: Path) -> tuple[str, str | None]:
    """What `--model` names: the recipe's source, and the stack whose model it is where it names one of those.

    root: of the project, which a recipe's paths are relative to. here: the folder that a flag's are.
    """
    if is_named(text):
        return text, None
    if (path := placed(text, root, here)) is not None:
        return path, None
    named = models(root)
    if text in named:
        return "", named[text]
    close = difflib.get_close_matches(text, [*named, *_nearby(here / text)], 1, 0.6)
    meant = f", did you mean {close[0]!r}?" if close else ""
    there = f"; the stacks here have the models {', '.join(named)}" if named else ""
    raise Failure(
        Exit.BAD_INPUT,
        f"--model is {text!r}, and there is no such file{meant or ','} expected a file, module:function, "
        f"package:NAME/path, an address or the name of a model that a stack has{there}",
    )


def placed(text: str, root: Path, here: Path) -> str | None:
    """A path of a flag as a recipe has it, relative to the project where it is inside of that; None for no file."""
    for base in (here, root):
        path = Path(os.path.normpath(base / Path(text).expanduser()))
        if path.exists():
            return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    return None


def _nearby(path: Path) -> list[str]:
    try:
        return [each.name for each in path.parent.iterdir()]
    except OSError:
        return []


def models(root: Path) -> dict[str, str]:
    """Names of models by the first stack that has each."""
    from stacks import yamlfile

    found: dict[str, str] = {}
    for stack in stack_files(root):
        try:
            config = yamlfile.read(root / f"Pulumi.{stack}.yaml").value["config"]
            found.setdefault(str(config["modelport:model"]["name"]), stack)
        except (yamlfile.YamlError, KeyError, TypeError):
            continue
    return found


def files(root: Path) -> list[str]:
    """Files in the project that are models by their names."""
    return sorted(path.relative_to(root).as_posix() for path in _walk(root) if path.suffix in MODELS)


def _walk(root: Path) -> Iterator[Path]:
    for number, (folder, inner, names) in enumerate(os.walk(root)):
        if number > _FOLDERS:
            return
        inner[:] = [n for n in inner if not n.startswith(".") and n not in _SKIPPED
                    and not (Path(folder) / n / "pyvenv.cfg").exists()]  # fmt: skip
        yield from (Path(folder) / name for name in names)


def called(source: str) -> str:
    """What to call the model that a recipe's source names."""
    if is_callable(source):
        parts = source.replace(":", ".").split(".")
        words = [parts[-2], *reversed(parts[:-2])]
    else:
        if is_elsewhere(source):
            # Neither the host, nor a tag, a digest or a query.
            source = re.sub(r"[?#].*|[@:][^/]*$", "", source.partition("://")[2].partition("/")[2])
        path = Path(source.removeprefix("package:"))
        words = [path.stem, *(part for part in reversed(path.parts[:-1]) if part not in ("/", "models"))]
    names = [re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")[:63].strip("-") for word in words]
    return next((name for name in names if name and name not in _DULL), "model")


def graph(source: str, root: Path) -> Graph | None:
    """What the model's file says of itself; None for anything but ONNX. Raises Failure for one that is broken."""
    try:
        found = sources.find(source, root, "source")
        file = sources.model_file(found) if found.path is not None else None
    except ModelBuildError as error:
        raise Failure(Exit.BAD_INPUT, *str(error).splitlines()) from None
    if file is None or file.suffix != ".onnx":
        return None
    from model_build import graphs, onnxfile

    try:
        onnxfile.header(file, repr(source))
        read: Any = graphs.load(file, weights=False)
    except ModelBuildError as error:
        raise Failure(Exit.BAD_INPUT, str(error)) from None
    except Exception as error:
        # protobuf's, of which there are several implementations with a class each
        what = " ".join(str(error).split()) or type(error).__name__
        raise Failure(
            Exit.BAD_INPUT,
            f"source {source!r} cannot be read as ONNX ({what}), expected a whole model; export it again",
        ) from None
    weights = {each.name for each in read.graph.initializer}
    opset = next((o.version for o in read.opset_import if o.domain in ("", "ai.onnx")), 0)
    inputs = tuple(_tensor(each) for each in read.graph.input if each.name not in weights)
    return Graph(int(opset), inputs, tuple(_tensor(each) for each in read.graph.output))


def _tensor(value: Any) -> Tensor:
    kind = str(value.type.WhichOneof("value") or "").removesuffix("_type")
    if kind != "tensor":
        return Tensor(_one_line(value.name), kind or "of no type", None)
    from model_build import runtime

    onnx = runtime.untyped("onnx")
    number = value.type.tensor_type.elem_type
    named = number in onnx.TensorProto.DataType.values()
    shape = tuple(
        dim.dim_value if dim.HasField("dim_value") else _one_line(dim.dim_param) or "?"
        for dim in value.type.tensor_type.shape.dim
    )
    told = onnx.TensorProto.DataType.Name(number).lower() if named else f"type {number}"
    return Tensor(_one_line(value.name), told, shape if value.type.tensor_type.HasField("shape") else None)


def _one_line(text: str) -> str:
    """A name out of somebody's file, which may hold anything, for a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def measured(text: str, root: Path, wanted: Graph | None) -> Measured | None:
    """Look into evaluation data as a build will; None for a function, which is not called, and for very large files.

    wanted: the model that it is for. Raises Failure for data that no model, or not this one, can be measured on.
    """
    try:
        found = sources.find(text, root, "evaluate.data")
        if found.path is None or found.path.is_dir() or found.path.stat().st_size > _LARGEST:
            return None
        inputs, labels = data.read(found.path, found.label)
        if wanted is not None:
            for name, rows in data.named(inputs, [each.name for each in wanted.inputs], found.label).items():
                _fitting(next(each for each in wanted.inputs if each.name == name), rows.shape, found.label)
    except ModelBuildError as error:
        raise Failure(Exit.BAD_INPUT, *str(error).splitlines()) from None
    numbers = labels.dtype.kind == "f" and bool((labels != labels.round()).any())
    return Measured(len(labels), "r2" if numbers else "accuracy")


def _fitting(tensor: Tensor, shape: Sequence[int], label: str) -> None:
    if tensor.shape is None:
        return
    if len(shape) == 1 and tensor.shape[1:] == (1,):
        shape = [*shape, 1]  # a column of a table
    same = len(tensor.shape) == len(shape) and all(
        not isinstance(want, int) or want == got for want, got in zip(tensor.shape[1:], shape[1:], strict=True)
    )
    if not same:
        raise Failure(
            Exit.BAD_INPUT,
            f"evaluate.data {label}: {tensor.name} has the shape {list(shape)}, expected what the model takes, "
            f"[{', '.join(map(str, tensor.shape))}]; write it in that shape, or name other data with --data",
        )


def data_beside(source: str, root: Path, wanted: Graph | None) -> list[str]:
    """Files beside the model that it can be measured on."""
    if is_named(source):
        return []
    folder = root / Path(source)
    folder = folder if folder.is_dir() else folder.parent
    found: list[str] = []
    for path in sorted(folder.iterdir()):
        if path.suffix not in DATA or not path.is_file():
            continue
        text = placed(str(path), root, root) or str(path)
        try:
            measured(text, root, wanted)
        except Failure:
            continue
        found.append(text)
    return found
