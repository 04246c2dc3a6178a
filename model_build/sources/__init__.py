"""Where a model or data may come from, found and known by content without being loaded.

module:function            code of the project or of an installed package
package:NAME/path/inside   a file that an installed package brings
path                       a file or folder, relative to the project
"""

import difflib
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from model_build import content
from model_build.code import Code, locate
from model_build.errors import DataError, InputError, SourceError

PICKLES = (".pkl", ".pickle", ".joblib")
TORCH = (".pt", ".pth", ".pt2")
"""Of PyTorch, which loads all of them by way of pickle."""
_CALLABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
_LATER = re.compile(r"(s3|gs|hf|https?|oci|mlflow|azureml|file):")


@dataclass(frozen=True)
class Source:
    """One thing that a recipe names: exactly one of `path` and `code`."""

    text: str
    """As the recipe has it."""
    path: Path | None = None
    code: Code | None = None

    @property
    def label(self) -> str:
        """What a report may show: never an absolute path."""
        return Path(self.text).name if self.path is not None and Path(self.text).is_absolute() else self.text

    def parts(self) -> dict[str, str]:
        """What its content is, by name: `content`, or `code` and the versions that the code runs on."""
        if self.code is not None:
            return self.code.parts()
        assert self.path is not None
        if self.path.is_dir():
            return {"content": content.of_files(dict(content.walk(self.path)))}
        beside = weights_beside(self.path)
        if beside:
            return {"content": content.of_files({file.name: file for file in (self.path, *beside)})}
        return {"content": content.of_file(self.path)}


def find(text: str, project: Path, key: str) -> Source:
    """Find what `text` names.

    key: the recipe's key (`source`, `evaluate.data`), which leads messages. Raises SourceError, or DataError for data.
    """
    failed: type[InputError] = SourceError if key == "source" else DataError
    if text.startswith("package:"):
        return Source(text, path=_packaged(text, key, failed))
    if _CALLABLE.fullmatch(text):
        module, _, function = text.partition(":")
        try:
            return Source(text, code=locate(module, function, project, key))
        except SourceError as error:
            raise failed(str(error)) from None
    if found := _LATER.match(text):
        raise failed(
            f"{key} is {text!r}, but {found[1]}: is not a source yet, expected module:function, a path or "
            "package:NAME/path; download the file and name its path"
        )
    path = project / Path(text).expanduser()
    if not path.exists():
        raise failed(f"{key} is {text!r}, but there is no such file{_nearby(path, text)}")
    if path.is_dir() and not any(True for _ in content.walk(path)):
        raise failed(f"{key} is {text!r}, an empty folder; expected a model in it")
    return Source(text, path=path)


def model_file(source: Source) -> Path:
    """The one file in a source that holds the model. Raises SourceError when a folder has none or several."""
    assert source.path is not None
    if source.path.is_file():
        return source.path
    kinds = (".onnx", ".skops", ".ubj", *PICKLES, *TORCH)
    found = [path for _, path in content.walk(source.path) if path.suffix in kinds]
    preferred = [path for path in found if path.stem == "model"]
    choice = preferred if len(preferred) == 1 else found
    if len(choice) != 1:
        names = ", ".join(path.relative_to(source.path).as_posix() for path in found[:5])
        got = f"{len(found)} models ({names})" if found else "no model"
        raise SourceError(
            f"source is {source.text!r}, a folder with {got}, expected one file of {', '.join(kinds)}; "
            "name the file itself"
        )
    return choice[0]


def weights_beside(path: Path) -> list[Path]:
    """The files in which an ONNX file keeps its large weights, by the names that exporters give them."""
    if path.suffix != ".onnx":
        return []
    return sorted(p for p in path.parent.glob(f"{path.name}[._-]*") if p.is_file() and not p.name.endswith(".json"))


def _packaged(text: str, key: str, failed: type[InputError]) -> Path:
    name, slash, inside = text.removeprefix("package:").partition("/")
    if not slash or not inside or not name.isidentifier():
        raise failed(
            f"{key} is {text!r}, expected package:NAME/path/inside, such as package:magika/models/m/model.onnx"
        )
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise failed(f"{key} is {text!r}, but no package {name!r} is installed; pip install {name}")
    folder = Path(next(iter(spec.submodule_search_locations))).resolve()
    path = (folder / inside).resolve()
    if not path.is_relative_to(folder):
        raise failed(f"{key} is {text!r}, which leads out of the package; expected a path inside {name}")
    if not path.is_file():
        raise failed(f"{key} is {text!r}, but {name} has no such file{_nearby(path, text)}")
    return path


def _nearby(path: Path, text: str) -> str:
    there = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = next(iter(difflib.get_close_matches(path.name, there, 1, 0.6)), None)
    if near:
        return f"; did you mean {str(Path(text).with_name(near))!r}?"
    if not path.parent.is_dir():
        return f", nor a folder {str(Path(text).parent)!r}; paths are relative to the project"
    return "; paths are relative to the project"
