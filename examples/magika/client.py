"""Ask an endpoint that serves the magika model what files are.

    python -m examples.magika.client http://127.0.0.1:8081 FILE...

prints one line for each file: its path, the kind, how sure the model is. It needs nothing but Python.
"""

import json
import sys
import urllib.request
from pathlib import Path
from typing import NamedTuple

from examples.magika.features import features

LABELS = (Path(__file__).parent / "labels.txt").read_text(encoding="utf-8").splitlines()


class Answer(NamedTuple):
    label: str
    """What the model itself says; the package makes `txt` or `unknown` of an answer that it is not sure of."""
    score: float


def identify(endpoint: str, contents: list[bytes]) -> list[Answer | None]:
    """What each content is, in order; None for what is too short for the model. One request for all of them.

    endpoint: `http://host:port`. Raises urllib.error.URLError when it does not answer.
    """
    rows = [features(content) for content in contents]
    asked = [row for row in rows if row is not None]
    scores = iter(infer(endpoint, asked) if asked else [])
    return [None if row is None else _best(next(scores)) for row in rows]


def infer(endpoint: str, rows: list[list[int]]) -> list[list[float]]:
    """Open Inference Protocol: rows of 2,048 numbers in, rows of one score for each of LABELS out."""
    tensor = {"name": "bytes", "shape": [len(rows), len(rows[0])], "datatype": "INT32", "data": rows}
    request = urllib.request.Request(
        f"{endpoint}/v2/models/magika/infer",
        data=json.dumps({"inputs": [tensor], "outputs": [{"name": "target_label"}]}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        (output,) = json.load(response)["outputs"]
    flat, width = output["data"], output["shape"][1]
    return [flat[start : start + width] for start in range(0, len(flat), width)]


def _best(scores: list[float]) -> Answer:
    score = max(scores)
    return Answer(LABELS[scores.index(score)], score)


def main(endpoint: str, *paths: str) -> None:
    answers = identify(endpoint, [Path(path).read_bytes() for path in paths])
    for path, answer in zip(paths, answers, strict=True):
        print(path, *((answer.label, f"{answer.score:.3f}") if answer else ("too short to tell",)), sep="\t")


if __name__ == "__main__":
    main(*sys.argv[1:])
