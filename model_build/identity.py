"""What a build is of: one digest over all that decides what comes out.

In it: the content of the model, of the evaluation data and of the recipe, the versions of the tools, the serving code
and the base. Not in it: credentials, where the image is pushed, and paths (a moved file is the same model). It is
cheap, because it is worked out on every `up`: nothing here imports numpy, onnx, pydantic or the training code.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from model_build import content, distributions, keras_files, onnxfile, sources
from model_build.errors import SourceError

if TYPE_CHECKING:
    from model_build.recipe import Recipe

STEPS = "4"
"""Goes up when a step is changed on purpose so that it makes other bytes or decides otherwise."""

_ALWAYS = ("onnx", "onnxruntime")
_SKLEARN = ("scikit-learn", "skl2onnx")
_TREES = {"xgboost": ("xgboost", "xgboost-cpu"), "lightgbm": ("lightgbm",)}
_TREE_FILES = {".json": "xgboost", ".ubj": "xgboost", ".txt": "lightgbm"}
_TORCH = ("torch", "onnxscript")
_SEQ2SEQ = ("transformers", "tokenizers")
_TF = ("tensorflow", "tensorflow-cpu", "keras", "tf2onnx")
_SLIM = ("onnxslim",)
_PLACES = (
    *(("source",), ("trust",), ("evaluate", "data"), ("optimize", "calibration", "data"), ("base",)),
    *(("optimize", "prune", "fine_tune"), ("optimize", "distill", "student"), ("optimize", "distill", "data")),
)
"""Keys of the recipe that say where something is; what is there counts instead."""
_LABELLED = ("classify", "evaluate")
"""Keys whose `labels` may name a file."""


@dataclass(frozen=True)
class Identity:
    digest: str
    """Hex of a SHA-256."""
    parts: dict[str, str]
    """What it is made of, by name, in order of name: versions as they are, content as hex."""

    @property
    def short(self) -> str:
        return self.digest[:12]

    def of(self, *prefixes: str) -> dict[str, str]:
        """The parts whose name is, or begins with, one of `prefixes`."""
        return {
            name: value
            for name, value in self.parts.items()
            if any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)
        }


def identify(
    recipe: "Recipe | Mapping[str, Any]", project: Path, find: Callable[[str, str], sources.Source] | None = None
) -> Identity:
    """Work out the identity of `recipe` (a Recipe, or what its canonical JSON holds), whose paths are in `project`.

    find: what finds a source by its text and key. Default: sources.Finder, which fetches what is elsewhere.
    Raises InputError for all that can be known without running anything: no such file, module, function or package; an
    untrusted pickle; a file that is not the beginning and end of an ONNX model.
    """
    find = find or sources.Finder(project)
    value: Mapping[str, Any] = recipe if isinstance(recipe, Mapping) else json.loads(recipe.canonical())
    source = find(value["source"], "source")
    kind = file_format(source, value)
    if (said := value.get("generate")) and kind is not None:
        writing(said["num_beams"], kind, source.label)
    data = find(value["evaluate"]["data"], "evaluate.data")
    parts = {"steps": STEPS, "recipe": content.of_json(_without_places(value))}
    parts |= {f"source.{name}": text for name, text in source.parts().items()}
    parts |= {f"evaluation.{name}": text for name, text in data.parts().items()}
    optimize: Mapping[str, Any] = value.get("optimize") or {}
    learnt_on: Mapping[str, Any] = optimize.get("calibration") or {}
    if calibration := learnt_on.get("data"):
        found = find(calibration, "optimize.calibration.data").parts()
        parts |= {f"calibration.{name}": text for name, text in found.items()}
    training = _training(optimize, find)
    parts |= {f"{part}.{name}": text for part, each in training.items() for name, text in each.parts().items()}
    for owner in _LABELLED:
        inside: Mapping[str, Any] = value.get(owner) or {}
        labels = inside.get("labels")
        if isinstance(labels, str):
            found = find(labels, f"{owner}.labels").parts()
            parts |= {f"{owner} labels.{name}": text for name, text in found.items()}
    if wanted := value.get("formats"):
        from model_build import formats

        if kind is not None:
            formats.fitting(wanted, kind, source.label)
        parts |= {f"export.{name}": formats.FORMATS[name].version or "none" for name in wanted}
    tools = _SLIM if {"slim", "all"}.intersection(optimize.get("candidates") or ()) else ()
    used: tuple[str, ...] = ()
    if kind == "sklearn" or (source.code and "sklearn" in source.code.imports()):
        used = _SKLEARN
    for each, names in _TREES.items():
        used += names if kind == each or (source.code and each in source.code.imports()) else ()
    used += _TORCH if kind == "torch" or (source.code and "torch" in source.code.imports()) else ()
    if kind in keras_files.FORMATS or (source.code and {"keras", "tensorflow"} & set(source.code.imports())):
        used += _TF
    imports = {name for each in training.values() if each.code for name in each.code.imports()}
    used += (_SKLEARN if "sklearn" in imports else ()) + (_TORCH if "torch" in imports else ())
    writes = kind == "seq2seq" or (source.code and "transformers" in source.code.imports())
    used += (*_SEQ2SEQ, *_TORCH) if writes else ()
    parts |= {f"tool.{name}": distributions.version(name) or "none" for name in (*_ALWAYS, *tools, *used)}
    from model_build import bake

    image = bake.identity(value.get("base", "debian"), value.get("platforms", ()))
    if value.get("server", "modelport") != "modelport":  # whose image has nothing of ours but the model
        image = {name: text for name, text in image.items() if name not in ("wheels", "serving")}
    parts |= {f"image.{name}": text for name, text in image.items()}
    if writes:
        from model_build.bake import inputs

        parts["image.wheels for text"] = content.of_file(inputs.locks(["text"])[-1])
    parts = dict(sorted(parts.items()))
    return Identity(content.of_json(parts), parts)


def writing(beams: int, kind: str, label: str) -> None:
    """Raise SourceError where `generate` is said of a model whose way of writing is not set here."""
    if kind != "seq2seq":
        raise SourceError(
            f"generate.num_beams is {beams}, but source {label!r} is of format {kind}, expected an encoder-decoder of "
            "transformers (seq2seq); take generate out"
        )


def _training(optimize: Mapping[str, Any], find: Callable[[str, str], sources.Source]) -> dict[str, sources.Source]:
    """By part: what trains candidates, and on what."""
    keys = {
        "fine tuning": ("prune", "fine_tune"),
        "student": ("distill", "student"),
        "training": ("distill", "data"),
    }
    found: dict[str, sources.Source] = {}
    for part, (owner, key) in keys.items():
        section: Mapping[str, Any] = optimize.get(owner) or {}
        if text := section.get(key):
            found[part] = find(text, f"optimize.{owner}.{key}")
    return found


def file_format(source: sources.Source, recipe: Mapping[str, Any]) -> str | None:
    """The format that can be told without loading; None for a callable that may return any.

    Raises SourceError for a pickle that the recipe does not trust, and for a file that cannot be a model.
    """
    wanted = str(recipe.get("format", "auto"))
    if source.code is not None:
        return None if wanted == "auto" else wanted
    file = PurePosixPath(sources.model_name(source))
    if wanted == "auto":
        known = {".onnx": "onnx", ".skops": "sklearn", **dict.fromkeys(sources.PICKLES, "sklearn"), **_TREE_FILES}
        known |= {**dict.fromkeys(sources.TORCH, "torch"), ".safetensors": "seq2seq"}
        known |= dict.fromkeys(keras_files.ENDINGS, "keras")
        if sources.has_saved_model(source):
            known[file.suffix] = "savedmodel"
        known |= dict.fromkeys(sources.PMML, "pmml")
        if sources.ending(file.name) not in known:
            raise SourceError(
                f"source is {source.text!r}, whose format cannot be told from its name, expected {', '.join(known)}; "
                "set format: onnx, sklearn or torch, or name the folder of a SavedModel"
            )
        wanted = known[sources.ending(file.name)]
    pickled = wanted == "torch" or (wanted == "sklearn" and file.suffix != ".skops")
    if pickled and not recipe.get("trust", False):
        raise SourceError(
            f"source is {source.text!r}, a pickle, which runs code of its author when it is loaded; "
            "if you trust whoever made it set trust: true, else ask for ONNX"
            f"{'' if wanted == 'torch' else ' or a .skops file'}"
        )
    if (wanted == "savedmodel") != sources.has_saved_model(source):
        raise SourceError(
            f"source is {source.text!r}, {'no' if wanted == 'savedmodel' else 'a'} folder with a saved_model.pb in it, "
            f"but format is {wanted}; {'name the folder' if wanted == 'savedmodel' else 'set format: savedmodel'}"
        )
    if wanted == "keras" and source.path is not None:
        called = f"source {source.label!r}"
        keras_files.look(sources.model_file(source), called).check(called, trust=bool(recipe.get("trust", False)))
    if wanted in _TREES and _TREE_FILES.get(file.suffix) != wanted:
        endings = " or ".join(ending for ending, each in _TREE_FILES.items() if each == wanted)
        raise SourceError(
            f"source is {source.text!r}, expected a {endings} file of format {wanted}; save the model as one, or, if "
            "it is a pickle, set format: sklearn"
        )
    if wanted == "onnx" and source.path is not None:
        onnxfile.header(sources.model_file(source), repr(source.text))
    return wanted


def changes(before: Mapping[str, str], after: Mapping[str, str], old: str, new: str) -> list[str]:
    """What makes two identities differ, in words: `recipe: optimize.candidates int8 added`, `onnx 1.21 to 1.22`.

    before, after: their parts. old, new: the canonical recipes.
    """
    found: list[str] = []
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        group, _, rest = name.partition(".")
        if was == now:
            continue
        if name == "recipe":
            found.append(f"recipe: {', '.join(_edits(old, new)) or 'changed'}")
        elif group == "tool" or rest.startswith("package."):
            found.append(f"{rest.removeprefix('package.')} {was or 'none'} to {now or 'none'}")
        elif group == "export" and was and now:
            found.append(f"the runtime of {rest} {was} to {now}")
        elif group == "export" or (name.startswith("image.base.") and not (was and now)):
            continue  # the recipe says so: another format, another platform
        elif group == "steps":
            found.append("modelport's own steps changed")
        elif group == "image":
            found.append(f"image: {rest.replace('_', ' ').replace('base.', 'base for ')} changed")
        else:
            found.append(f"{group} changed")
    return list(dict.fromkeys(found))


def _edits(old: str, new: str) -> list[str]:
    before, after = _flat(_read(old)), _flat(_read(new))
    found: list[str] = []
    for key in sorted({*before, *after}):
        was: Any = before.get(key)
        now: Any = after.get(key)
        if was == now:
            continue
        if isinstance(was, list) and isinstance(now, list):
            olds, news = cast("list[object]", was), cast("list[object]", now)
            found.extend(f"{key} {item} added" for item in news if item not in olds)
            found.extend(f"{key} {item} removed" for item in olds if item not in news)
        elif key not in before:
            found.append(f"{key} set to {_brief(now)}")
        elif key not in after:
            found.append(f"{key} {_brief(was)} taken away")
        else:
            found.append(f"{key} {_brief(was)} to {_brief(now)}")
    return found


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _read(recipe: str) -> Mapping[str, Any]:
    try:
        value = json.loads(recipe)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            found |= _flat(cast("dict[str, Any]", inner), f"{prefix}{key}.")
        else:
            found[prefix + key] = inner
    return found


def _without_places(recipe: Mapping[str, Any]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(json.dumps(recipe))
    for *parents, last in _PLACES:
        inner = value
        for key in parents:
            inner = inner.get(key, {})
        inner.pop(last, None)
    for owner in _LABELLED:
        inside: dict[str, Any] = value.get(owner) or {}
        if isinstance(inside.get("labels"), str):
            inside["labels"] = "by content"
    return value
