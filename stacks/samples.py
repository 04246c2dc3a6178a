"""Requests to try an endpoint with, as curl lines that work when they are pasted into a shell.

Samples lie beside the model's source: the first `*.json` that is a request to the model, the first picture. Where there
is none, a request is made from what the server says about its inputs, where it can be asked.
"""

import json
import math
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_INLINE = 1500
"""Characters of a request that a line still shows in full."""
_PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


@dataclass(frozen=True)
class Samples:
    """Files to send, relative to the project's folder: requests as JSON, and pictures."""

    requests: tuple[Path, ...] = ()
    pictures: tuple[Path, ...] = ()


def beside(source: str, project: Path) -> Samples:
    """The samples in the folder of a recipe's source, `module:function` or a path; none outside of the project."""
    module, colon, _ = source.partition(":")
    path = Path(*module.split(".")) if colon else Path(source)
    folder = path if (project / path).is_dir() and not colon else path.parent
    try:
        inside = (project / folder).resolve().relative_to(project.resolve())
        names = sorted((project / inside).iterdir()) if inside.parts else []
    except (OSError, ValueError):
        return Samples()
    return Samples(
        tuple(inside / each.name for each in names if each.suffix == ".json"),
        tuple(inside / each.name for each in names if each.suffix in _PICTURES),
    )


def requests(
    url: str,
    metadata: dict[str, Any],
    samples: Samples,
    *,
    classify: bool,
    options: str = "",
    trust: str = "",
    server: str = "modelport",
) -> list[str]:
    """curl lines for the model at `url` whose server says `metadata` about it; of one not asked yet: `name` alone.

    options: of curl, for each line that asks the model, as `-H 'X-Api-Key: ...'`. trust: for every line.
    server: what answers there, as a recipe calls it.
    """
    plain = f"curl -sS {trust}".rstrip()
    curl = f"{plain} {options}".rstrip()
    if server == "tensorflow-serving":  # which has a protocol of its own
        model = f"{url}/v1/models/{metadata['name']}"
        return [f"{curl} {model}", f"{curl} {model}/metadata"]
    model = f"{url}/v2/models/{metadata['name']}"
    lines = [f"{plain} {url}/v2/health/ready", f"{curl} {model}"]
    if data := _infer(metadata, samples):
        lines.append(f"{curl} {model}/infer -H 'Content-Type: application/json' -d {data}")
    if classify and samples.pictures:
        picture = samples.pictures[0]
        kind = _PICTURES[picture.suffix]
        lines.append(f"{curl} {model}/classify -H 'Content-Type: {kind}' --data-binary {shlex.quote(f'@{picture}')}")
    return lines


def fitting(metadata: dict[str, Any], samples: Samples) -> Path | None:
    """The first file that is a request to the model, as its server says of itself; if not asked yet: `name` alone."""
    return next((path for path in samples.requests if _fits(_read(path), metadata)), None)


def _infer(metadata: dict[str, Any], samples: Samples) -> str | None:
    """What follows `-d`: the request itself where it is short, else the file with it; None for neither."""
    if (path := fitting(metadata, samples)) is not None:
        text = json.dumps(_read(path), separators=(",", ":"))
        return shlex.quote(text) if len(text) <= _INLINE else shlex.quote(f"@{path}")
    if "inputs" not in metadata:
        return None
    text = json.dumps({"inputs": [_zeros(each) for each in metadata["inputs"]]}, separators=(",", ":"))
    return shlex.quote(text) if len(text) <= _INLINE else None


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _fits(request: Any, metadata: dict[str, Any]) -> bool:
    """Whether a file's content is a request to this model: it has exactly its inputs, in their types and shapes."""
    try:
        if "inputs" not in metadata:
            return all(isinstance(each["name"], str) for each in request["inputs"])
        given = {each["name"]: each for each in request["inputs"]}
        taken = {each["name"]: each for each in metadata["inputs"]}
        return given.keys() == taken.keys() and all(_takes(taken[name], each) for name, each in given.items())
    except (KeyError, TypeError):
        return False


def _takes(tensor: dict[str, Any], given: dict[str, Any]) -> bool:
    if given["datatype"] != tensor["datatype"] or len(given["shape"]) != len(tensor["shape"]):
        return False
    return all(want < 0 or int(want) == got for want, got in zip(tensor["shape"], given["shape"], strict=True))


def _zeros(tensor: dict[str, Any]) -> dict[str, Any]:
    """One row of zeros, or of empty texts, for an input as the server describes it."""
    shape = [max(1, int(size)) for size in tensor["shape"]]
    kind = str(tensor["datatype"])
    zero: object = {"BYTES": "", "BOOL": False}.get(kind, 0.0 if kind.startswith(("FP", "BF")) else 0)
    # Beyond what a line shows there is no need to make them all.
    count = min(math.prod(shape), _INLINE)
    return {"name": tensor["name"], "shape": shape, "datatype": kind, "data": [zero] * count}
