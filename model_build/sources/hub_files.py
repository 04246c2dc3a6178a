"""Which files of a repository are the model: what is read without running code first, and what belongs to it."""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from model_build.sources.remote import File

_KINDS = (
    (".onnx",),
    (".safetensors",),
    (".skops",),
    (".ubj",),
    (".pmml",),
    (".keras",),
    (".pt2", ".pt", ".pth"),
    (".joblib", ".pkl", ".pickle"),
)
"""Endings of models, the best first: what is data alone before what runs code of its author when it is loaded."""
_BESIDE = ("config.json", "generation_config.json", "tokenizer.json")
"""What else a model of transformers is, as for one on this machine."""
_SHOWN = 6
_NOT_MODELS = (".md", ".txt", ".json", ".gitattributes", ".gitignore", ".png", ".jpg", ".py", ".yaml", ".yml", ".csv")


def chosen(every: Mapping[str, File], path: str) -> dict[str, str]:
    """By name in the source: the places in the repository of the model and of what belongs to it.

    every: the repository's files. path: the file or the folder that the address names; empty for the whole repository.
    Raises ValueError with the rest of a message that says what is there instead.
    """
    if path in every:
        return _with_beside(every, path)
    below = [name for name in every if name.startswith(f"{path}/")] if path else list(every)
    if not below:
        near = [name for name in every if PurePosixPath(name).name == PurePosixPath(path).name]
        raise ValueError(
            f"but it has no file or folder {path!r}; {f'did you mean {near[0]!r}?' if near else _there(every)}"
        )
    several: list[str] = []
    for kinds in _KINDS:
        found = [name for name in below if PurePosixPath(name).suffix in kinds]
        if (choice := _the_one(found)) is not None:
            return _with_beside(every, choice)
        several += found
    if several:
        raise ValueError(
            f"with {len(several)} models ({_listed(several)}), expected one called model; name the file, such as "
            f"{several[0]!r}, behind the revision"
        )
    endings = ", ".join(ending for kinds in _KINDS for ending in kinds)
    raise ValueError(
        f"with no model of a format that is read here, expected one of {endings}; {_there(below)}; export it to ONNX, "
        "such as by optimum-cli export onnx, or name a file of trees itself"
    )


def _the_one(found: list[str]) -> str | None:
    """The only one, or the one called model that is nearest to the top."""
    called = sorted((name for name in found if PurePosixPath(name).stem == "model"), key=_depth)
    if called and (len(called) == 1 or _depth(called[0]) < _depth(called[1])):
        return called[0]
    return found[0] if len(found) == 1 else None


def _depth(name: str) -> int:
    return name.count("/")


def _with_beside(every: Mapping[str, File], choice: str) -> dict[str, str]:
    path = PurePosixPath(choice)
    folder = "" if path.parent == PurePosixPath(".") else f"{path.parent}/"
    places = {path.name: choice}
    if path.suffix == ".onnx":
        weights = re.compile(re.escape(choice) + r"[._-][^/]*(?<!\.json)")
        there = [name for name in every if name.startswith(folder) and "/" not in name.removeprefix(folder)]
        alone = sum(name.endswith(".onnx") for name in there) == 1
        # MLflow and others call them as they like; those of the only model are its own.
        beside = [name for name in there if weights.fullmatch(name) or (alone and name.endswith(".data"))]
        places |= {PurePosixPath(name).name: name for name in beside}
    if path.suffix == ".safetensors":
        places |= {name: folder + name for name in _BESIDE if folder + name in every}
    return places


def _there(names: Iterable[str]) -> str:
    models = [name for name in names if not name.endswith(_NOT_MODELS)]
    return f"it has {_listed(models or list(names))}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(sorted(names)[:_SHOWN]) + more
