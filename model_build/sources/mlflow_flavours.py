"""What of a logged model is the model itself: by the flavours that MLflow's file MLmodel tells of."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, cast

FILE = "MLmodel"
_FLAVOURS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "onnx": ("data", {".onnx": ".onnx"}),
    "sklearn": ("pickled_model", {".skops": ".skops", ".pkl": ".pkl", ".joblib": ".joblib"}),
    "xgboost": ("data", {".ubj": ".ubj", ".json": ".json", ".xgb": ".ubj"}),
    "lightgbm": ("data", {".lgb": ".txt", ".txt": ".txt", ".skops": ".skops", ".pkl": ".pkl"}),
    "keras": ("data", {".keras": ".keras", ".h5": ".h5"}),
    "tensorflow": ("data", {".keras": ".keras", ".h5": ".h5"}),
    "pytorch": ("model_data", {".pt2": ".pt2", ".pth": ".pth", ".pt": ".pt"}),
}
"""By flavour, the best first: the key that names its file or the folder of it, and the endings that the file may have,
with the ending that it has here, which tells its format."""
_OF_MLFLOW = (
    *(FILE, "conda.yaml", "python_env.yaml", "requirements.txt", "constraints.txt", "registered_model_meta"),
    *("input_example.json", "serving_input_example.json", "model_config.yaml"),
)
_FOLDERS = ("metadata", "code", "artifacts")
_INSTEAD = "log it as ONNX (mlflow.onnx.log_model), or name a function that makes it, module:function"


def flavours(model: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found: Any = model.get("flavors")
    if not isinstance(found, dict):
        return {}
    told = cast("dict[object, object]", found)
    return {
        str(name): cast("Mapping[str, Any]", values) if isinstance(values, dict) else {}
        for name, values in told.items()
    }


def chosen(model: Mapping[str, Any], every: Mapping[str, int | None]) -> dict[str, str]:
    """By name in the source: the artifacts that are the model.

    model: what MLmodel holds. every: the artifacts beside it. Raises ValueError with the rest of a message that says
    what there is instead.
    """
    told = flavours(model)
    known = [name for name in _FLAVOURS if name in told]
    if not known:
        others = [name for name in told if name != "python_function"]
        if others:
            raise ValueError(
                f"a model of the flavour {', '.join(others)}, expected one of {', '.join(_FLAVOURS)}; {_INSTEAD}"
            )
        if told:
            raise ValueError(
                "a model of the flavour python_function alone, which is a function of Python and no model in a file, "
                f"expected one of {', '.join(_FLAVOURS)} beside it; {_INSTEAD}"
            )
        raise ValueError(f"whose {FILE} tells of no flavour; log the model by MLflow's own client")
    flavour = known[0]
    key, endings = _FLAVOURS[flavour]
    place = str(told[flavour].get(key) or "")
    below = [name for name in every if name == place or name.startswith(f"{place}/")]
    found = [name for name in below if PurePosixPath(name).suffix in endings]
    if len(found) != 1:
        there = ", ".join(sorted(below or every)[:6]) or "nothing"
        raise ValueError(
            f"a model of the flavour {flavour} with {there} as {place or key!r}, expected one file of "
            f"{', '.join(endings)}; {_INSTEAD}"
        )
    path = PurePosixPath(found[0])
    places = {path.stem + endings[path.suffix]: found[0]}
    if flavour == "onnx":
        # Its weights may be beside it, under names of chance.
        places |= {name: name for name in every if name != found[0] and _is_beside(name)}
    return places


def _is_beside(name: str) -> bool:
    return name not in _OF_MLFLOW and name.partition("/")[0] not in _FOLDERS
