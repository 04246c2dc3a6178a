"""Which extra of this library brings what a model is built with: its framework, and what asks where it lies.

Nothing is imported or fetched to tell.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from model_build import identity, sources

EXTRAS = {
    **dict.fromkeys(("sklearn", "skl2onnx", "skops"), "sklearn"),
    **dict.fromkeys(("xgboost", "lightgbm"), "trees"),
    **dict.fromkeys(("torch", "onnxscript"), "torch"),
    **dict.fromkeys(("tensorflow", "keras", "tf2onnx"), "tf"),
    "transformers": "seq2seq",
    "tokenizers": "text",
    "onnxslim": "optimize",
    "s3fs": "s3",
    "gcsfs": "gcs",
    "adlfs": "azblob",
    "huggingface_hub": "hf",
}
"""By the name under which it is imported."""

_FORMATS = {
    "sklearn": ("sklearn", "skl2onnx"),
    "xgboost": ("xgboost",),
    "lightgbm": ("lightgbm",),
    "torch": ("torch", "onnxscript"),
    "seq2seq": ("transformers", "torch", "onnxscript"),
    "keras": ("tensorflow", "keras", "tf2onnx"),
    "savedmodel": ("tensorflow", "keras", "tf2onnx"),
}
_SCHEMES = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "hf": "huggingface_hub"}


def install(module: str) -> str | None:
    """The command that brings `module`, where an extra of ours does."""
    extra = EXTRAS.get(module.partition(".")[0])
    return f"pip install 'modelport[{extra}]'" if extra else None


def wanted(recipe: Mapping[str, Any], project: Path) -> set[str]:
    """What a build imports of those in EXTRAS: for the model's format, by the functions, for the places it names.

    Raises InputError for a function or file that is not there.
    """
    optimize: Mapping[str, Any] = recipe.get("optimize") or {}
    prune, distill = (cast("Mapping[str, str]", optimize.get(each) or {}) for each in ("prune", "distill"))
    named = {"source": recipe["source"], "evaluate.data": recipe["evaluate"]["data"]}
    for key, training in (("optimize.prune.fine_tune", prune), ("optimize.distill.student", distill)):
        if text := training.get(key.rpartition(".")[2]):
            named[key] = text
    found: set[str] = {"onnxslim"} if "slim" in (optimize.get("candidates") or ()) else set()
    for key, text in named.items():
        scheme = text.partition("://")[0]
        if "://" in text or text.startswith("mlflow:"):
            found |= {_SCHEMES[scheme]} if scheme in _SCHEMES else set()
            continue
        source = sources.find(text, project, key)
        if source.code is not None:
            found |= EXTRAS.keys() & source.code.imports()
        if key == "source":
            found |= set(_FORMATS.get(identity.file_format(source, recipe) or "", ()))
    return found


def lacking(recipe: Mapping[str, Any], project: Path) -> dict[str, list[str]]:
    """What `wanted` names and this Python does not have, by the extra that brings it."""
    found: dict[str, list[str]] = {}
    for module in sorted(wanted(recipe, project)):
        if find_spec(module) is None:
            found.setdefault(EXTRAS[module], []).append(module)
    return found
