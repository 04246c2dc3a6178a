"""Where a model or data may come from, found and known by content without being loaded.

module:function            code of the project or of an installed package
package:NAME/path/inside   a file that an installed package brings
path                       a file or folder, relative to the project
scheme://...               elsewhere (`remote.py` has the schemes)

What is elsewhere is fetched once, into the cache, and is from then on a file or folder of this machine like any other.
"""

import difflib
import importlib.util
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from model_build import content, keras_files
from model_build.code import Code, locate
from model_build.errors import DataError, InputError, SourceError

if TYPE_CHECKING:
    from model_build.sources.keeping import Pinned
    from model_build.sources.remote import Remote

PICKLES = (".pkl", ".pickle", ".joblib")
TORCH = (".pt", ".pth", ".pt2")
"""Of PyTorch, which loads all of them by way of pickle."""
PMML = (".pmml", ".pmml.gz")
_BESIDE = ("config.json", "generation_config.json", "tokenizer.json")
_CALLABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://|(s3|gs|az|hf|https?|oci|mlflow|azureml|file):")


@dataclass(frozen=True)
class Source:
    """One thing that a recipe names: `path` or `code`, or `pinned` without a path for what is known and not fetched."""

    text: str
    """As the recipe has it; of an address what anybody may read."""
    path: Path | None = None
    code: Code | None = None
    pinned: "Pinned | None" = None
    """Of what comes from elsewhere: its version, and the digests of its files."""

    @property
    def label(self) -> str:
        """What a report may show: never an absolute path."""
        return Path(self.text).name if self.path is not None and Path(self.text).is_absolute() else self.text

    @property
    def described(self) -> str:
        """Its label, and of what comes from elsewhere its version: the commit of a branch, the run of an alias."""
        version = self.pinned.version if self.pinned is not None else ""
        return f"{self.label}, {version}" if version and version not in self.label else self.label

    @property
    def address(self) -> str:
        """Where it was fetched from; empty for what is on this machine."""
        return self.text if self.pinned is not None else ""

    def parts(self) -> dict[str, str]:
        """What its content is, by name: `content`, or `code` and the versions that the code runs on."""
        if self.code is not None:
            return self.code.parts()
        if self.pinned is not None:
            return {"content": self.pinned.content}
        assert self.path is not None
        if self.path.is_dir():
            return {"content": content.of_files(dict(content.walk(self.path)))}
        beside = weights_beside(self.path)
        if beside:
            return {"content": content.of_files({file.name: file for file in (self.path, *beside)})}
        return {"content": content.of_file(self.path)}


@dataclass
class Finder:
    """Finds what a recipe names, each thing once: all steps of a build see one version of it.

    Remote sources are asked for their version. What is in them is fetched when that is asked for, or when there is no
    other way to know their content: it is not said by where they are, nor by the cache, nor by `told`.
    """

    project: Path
    fetch: bool = True
    told: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """By key of the recipe: what `pins` of an earlier one said."""
    say: Callable[[str], None] = lambda _: None
    pins: dict[str, Any] = field(default_factory=dict[str, Any])
    """By key of the recipe: version and digests of each remote source."""
    found: dict[str, Source] = field(default_factory=dict[str, Source])
    """By key of the recipe."""
    _known: dict[tuple[str, str], Source] = field(default_factory=dict[tuple[str, str], Source])

    def __call__(self, text: str, key: str) -> Source:
        """Find what `text` names.

        key: the recipe's key (`source`, `evaluate.data`), which leads messages. Raises SourceError, or DataError for
        data; UnreachedError for what is elsewhere and does not answer.
        """
        if (text, key) not in self._known:  # of one artifact data takes other files than the model
            from model_build.sources import remote

            elsewhere = None if _CALLABLE.fullmatch(text) else remote.opened(text, key)
            found = _local(text, self.project, key) if elsewhere is None else self._fetched(elsewhere)
            self._known[text, key] = found
        found = self._known[text, key]
        if found.pinned is not None and (told := found.pinned.to_dict()):
            self.pins[key] = {"address": found.address, **told}
        self.found[key] = found
        return found

    def _fetched(self, elsewhere: "Remote") -> Source:
        from model_build.sources import keeping

        given: Any = self.told.get(elsewhere.key)
        told = cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else dict[str, Any]()
        if told.get("address") != elsewhere.label:
            told = {}  # a version is one of its address, and may be another's too

        def known(version: str) -> "Pinned | None":
            return keeping.noted(elsewhere, version) or keeping.Pinned.of(told, version)

        # What can be nothing else is not asked for, so that it is found without a network.
        seen, pinned = None, known(elsewhere.fixed) if elsewhere.fixed else None
        if pinned is None:
            seen = elsewhere.look()
            pinned = keeping.pinned(seen) or known(seen.version)
        path = keeping.place(pinned) if pinned else None
        if path is None and (self.fetch or pinned is None):
            pinned, path = keeping.bring(elsewhere, seen or elsewhere.look(), pinned, self.say)
        return Source(elsewhere.label, path=path, pinned=pinned)


def find(text: str, project: Path, key: str) -> Source:
    """Find what `text` names, and fetch it where it is elsewhere. As `Finder`, which see."""
    return Finder(project)(text, key)


def _local(text: str, project: Path, key: str) -> Source:
    failed: type[InputError] = SourceError if key == "source" else DataError
    if text.startswith("package:"):
        return Source(text, path=_packaged(text, key, failed))
    if _CALLABLE.fullmatch(text):
        module, _, function = text.partition(":")
        try:
            return Source(text, code=locate(module, function, project, key))
        except SourceError as error:
            raise failed(str(error)) from None
    if found := _ADDRESS.match(text):
        from model_build.sources.remote import SCHEMES, shown

        named = ", ".join(SCHEMES)
        instead = "; write https://" if found[0] == "http://" else "; download the file and name its path"
        raise failed(
            f"{key} is {shown(text)!r}, but {text.partition(':')[0]}: is not a source, expected module:function, a "
            f"path, package:NAME/path or an address ({named}){instead}"
        )
    path = project / Path(text).expanduser()
    try:
        there = path.exists()
        nearby = "" if there else _nearby(path, text)
    except OSError as error:  # a name that is too long, a folder of somebody else
        why = (error.strerror or type(error).__name__).lower()
        raise failed(f"{key} is {text[:200]!r}, which cannot be looked at: {why}; name another") from None
    if not there:
        raise failed(f"{key} is {text!r}, but there is no such file{nearby}")
    if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        raise failed(f"{key} is {text!r}, which may not be read by whoever builds; give them leave, or name another")
    if path.is_dir() and not any(True for _ in content.walk(path)):
        raise failed(f"{key} is {text!r}, an empty folder; expected a model in it")
    return Source(text, path=path)


def model_file(source: Source) -> Path:
    """The one file in a source that holds the model. Raises SourceError when a folder has none or several."""
    assert source.path is not None
    return source.path if source.path.is_file() else source.path / model_name(source)


def model_name(source: Source) -> str:
    """The name of `model_file`, relative to the source, which need not have been fetched yet."""
    if (alone := _alone(source)) is not None:
        return alone
    names = _names(source)
    if len(saved := _saved(names)) == 1:
        return saved[0]
    if saved:
        raise SourceError(
            f"source is {source.text!r}, a folder with {len(saved)} SavedModels ({', '.join(saved[:5])}), expected "
            "one; name the folder of one"
        )
    kinds = (".onnx", ".skops", ".ubj", ".safetensors", *keras_files.ENDINGS, *PMML, *PICKLES, *TORCH)
    found = [name for name in names if ending(name) in kinds]
    preferred = [name for name in found if PurePosixPath(name).stem == "model"]
    choice = preferred if len(preferred) == 1 else found
    if len(choice) != 1:
        got = f"{len(found)} models ({', '.join(found[:5])})" if found else "no model"
        raise SourceError(
            f"source is {source.text!r}, a folder with {got}, expected one file of {', '.join(kinds)}; "
            "name the file itself"
        )
    return choice[0]


def ending(name: str) -> str:
    """The part of a file's name that tells its format."""
    return ".pmml.gz" if name.endswith(".pmml.gz") else PurePosixPath(name).suffix


def has_saved_model(source: Source) -> bool:
    """Whether a source is a folder with one SavedModel of TensorFlow in it."""
    return source.code is None and _alone(source) is None and len(_saved(_names(source))) == 1


def _alone(source: Source) -> str | None:
    """The name of the one file that a source is; None for a folder."""
    if source.path is not None:
        return source.path.name if source.path.is_file() else None
    assert source.pinned is not None
    return None if source.pinned.folder else next(iter(source.pinned.files))


def _names(source: Source) -> list[str]:
    if source.path is not None:
        return [name for name, _ in content.walk(source.path)]
    return list(source.pinned.files) if source.pinned is not None else []


def _saved(names: list[str]) -> list[str]:
    """The folders that hold a SavedModel."""
    return [PurePosixPath(name).parent.as_posix() for name in names if PurePosixPath(name).name == "saved_model.pb"]


def weights_beside(path: Path) -> list[Path]:
    """The files in which an ONNX file keeps its large weights, by the names that exporters give them.

    Beside the weights of a model of transformers: what else it is.
    """
    if path.suffix == ".safetensors":
        return [file for name in _BESIDE if (file := path.with_name(name)).is_file()]
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
