"""A model that somebody wants served: where it is, what it takes and gives, and which data it can be measured on."""

import difflib
import importlib.util
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation.exits import Exit, Failure
from automation.projects import stack_files
from model_build import data, keras_files, sources
from model_build.errors import ModelBuildError
from model_build.identity import file_format
from model_build.sources.remote import SCHEMES

MODELS = (".onnx", ".skops", ".ubj", *keras_files.ENDINGS, *sources.PMML, *sources.PICKLES, *sources.TORCH)
"""How files of models end."""
_TOLD_INSIDE = {".json": (b'"learner"', "XGBoost"), ".ubj": (b"learner", "XGBoost"), ".txt": (b"tree\n", "LightGBM")}
"""What stands near the beginning of such a file where it is a model, and whose it is then."""
_BEGINNING = 4096
_SAVED_MODEL, _WEIGHTS, _CONFIG = "saved_model.pb", "model.safetensors", "config.json"
DATA = (".npz", ".csv")
_LARGEST = 1 << 28
"""Bytes of evaluation data that are still looked into."""
_DULL = ("model", "train", "main", "weights", "pipeline", "net", "saved")
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
class Kind:
    """What is told of a model by its name, and by what is plain to see in it: nothing is loaded."""

    name: str
    """Of the framework."""
    format: str
    extra: str
    """What `pip install modelport[...]` brings to build it; empty where that is there, or nothing is needed."""
    pickle: bool
    code: tuple[str, ...] = ()
    """What of its author's runs when it is loaded."""


@dataclass(frozen=True)
class Measured:
    """What evaluation data says of itself."""

    rows: int
    metric: str
    """accuracy for labels, r2 for numbers that are no whole ones, chrf for what a model writes."""


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
        try:
            path = Path(os.path.normpath(base / Path(text).expanduser()))
            if not path.exists():
                continue
        except (OSError, RuntimeError):  # a name that is too long, a user whom nobody knows
            continue
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
    """Files in the project that are models, and folders of files that are one together."""
    found: set[Path] = set()
    for path in _walk(root):
        together = path.name == _SAVED_MODEL or (path.name == _WEIGHTS and path.with_name(_CONFIG).is_file())
        if together:
            found.add(path if path.parent == root else path.parent)
        elif sources.ending(path.name) in MODELS or _told_inside(path):
            found.add(path)
    kept = [path for path in found if path.name == _SAVED_MODEL or not found.intersection(path.parents)]
    return sorted(path.relative_to(root).as_posix() for path in kept)


def _told_inside(path: Path) -> bool:
    if path.suffix not in _TOLD_INSIDE or not path.is_file():  # a pipe would never be opened
        return False
    try:
        with path.open("rb") as opened:
            return _TOLD_INSIDE[path.suffix][0] in opened.read(_BEGINNING)
    except OSError:
        return False


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
        words = [
            path.name.removesuffix(sources.ending(path.name)),
            *(part for part in reversed(path.parts[:-1]) if part not in ("/", "models")),
        ]
    names = [re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")[:63].strip("-") for word in words]
    # A number is a version's, as in models/digits/1.
    return next((name for name in names if name and name not in _DULL and not name.isdigit()), "model")


def kind(source: str, root: Path, wanted: str = "auto") -> Kind | None:
    """What a source is; None for a function, which may return anything. wanted: the format, where it is said.

    Raises Failure for what is no model that can be built, by its name or by its first bytes.
    """
    try:
        found = sources.find(source, root, "source")
        if found.code is not None:
            return None
        # Whether it is trusted is asked of whoever is here, by what is said of it now.
        form = str(file_format(found, {"trust": True, "format": wanted}))
        name = sources.model_name(found)
        file = sources.model_file(found) if found.path is not None else None
        code = keras_files.look(file, f"source {source!r}").code if file is not None and form == "keras" else []
    except ModelBuildError as error:
        raise Failure(Exit.BAD_INPUT, *str(error).splitlines()) from None
    ending = sources.ending(Path(name).name)
    if file is not None and ending in _TOLD_INSIDE and not _told_inside(file):
        raise Failure(
            Exit.BAD_INPUT,
            f"source {source!r} is no model of {_TOLD_INSIDE[ending][1]}, expected what its save_model writes into a "
            f"{ending} file; save the model so",
        )
    if file is not None and form == "seq2seq" and not file.with_name(_CONFIG).is_file():
        raise Failure(
            Exit.BAD_INPUT,
            f"source {source!r} has no {_CONFIG} beside {file.name}, expected a folder that save_pretrained has "
            "written; save it so, or name a function that makes the model and loads the weights",
        )
    called, needs, module = _FRAMEWORKS[form]
    lacking = needs if module and importlib.util.find_spec(module) is None else ""
    return Kind(called, form, lacking, ending in (*sources.PICKLES, *sources.TORCH), tuple(code))


_FRAMEWORKS = {
    "onnx": ("ONNX", "", ""),
    "sklearn": ("scikit-learn", "sklearn", "sklearn"),
    "xgboost": ("XGBoost", "trees", "xgboost"),
    "lightgbm": ("LightGBM", "trees", "lightgbm"),
    "pmml": ("PMML", "", ""),
    "torch": ("PyTorch", "torch", "torch"),
    "seq2seq": ("an encoder-decoder of transformers", "seq2seq", "transformers"),
    "keras": ("Keras", "tf", "tensorflow"),
    "savedmodel": ("a SavedModel of TensorFlow", "tf", "tensorflow"),
}
"""By format: the framework, the extra that brings it, and what is imported of it."""


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


def measured(text: str, root: Path, wanted: Graph | None, *, writes: bool = False) -> Measured | None:
    """Look into evaluation data as a build will; None for a function, which is not called, and for very large files.

    wanted: the model that it is for. writes: it answers with texts. Raises Failure for data that no model, or not this
    one, can be measured on.
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
    return Measured(len(labels), "chrf" if writes else "r2" if numbers else "accuracy")


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
    place = root / Path(source)
    # In a folder that is the model data is part of it, so that is looked for beside it as well.
    folders = [place, place.parent] if place.is_dir() and place != root else [place if place.is_dir() else place.parent]
    found: list[str] = []
    for path in (each for folder in folders for each in sorted(folder.iterdir())):
        if path.suffix not in DATA or not path.is_file():
            continue
        text = placed(str(path), root, root) or str(path)
        try:
            measured(text, root, wanted)
        except Failure:
            continue
        found.append(text)
    return found
