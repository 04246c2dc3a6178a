"""Writes a model in a format and asks it, in its own runtime, what the gate asks. It runs where `worker` runs."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from model_build import data, measure, runtime
from model_build.errors import DataError
from model_build.formats import Runs, Unsupported, writer

FILES, ANSWER = "files", "answer.npz"


def prove(request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Leave the files and their answers to all rows of `data` in `folder`; how long calls of each of `sizes` took.

    request: as `Writer.write` takes it, with `to` (the format), `file`, `output`, `columns`, `beside` and `data_label`.
    Raises Unsupported.
    """
    made, files = writer(request["to"]), folder / FILES
    files.mkdir()
    made.write(Path(request["file"]), files, request)
    like = runtime.session(Path(request["model"]))
    session = made.opened(files, like, request)
    names = [value.name for value in like.get_inputs()]
    given, _ = data.load(Path(request["data"]), request["columns"], request["beside"], names)
    feeds = measure.fit(like, given, request["data_label"])
    try:
        answer = measure.run(session, feeds, request["output"])
    except (DataError, KeyError) as error:
        # The model itself has been run on these rows: it is the format that does not take them.
        said = str(error).partition("does not fit the model: ")[2].partition(";")[0] or f"has no {error}"
        raise Unsupported(
            f"formats names {request['to']}, whose runtime does not run {request['label']!r} on evaluate.data: {said}; "
            "leave it out"
        ) from None
    np.savez(folder / ANSWER, answer=np.asarray(answer))
    return {"timings": _timed(session, feeds, request)}


def _timed(session: Runs, feeds: data.Inputs, request: Mapping[str, Any]) -> list[list[Any]]:
    """Pairs of a number of rows and its timing; 1 stands for the least that the model takes."""
    sizes: list[int] = request["sizes"]
    taken = {n: measure.latency({"": session}, feeds, request["output"], None if n == 1 else n) for n in sizes}
    return [[size, asdict(timing[""])] for size, timing in taken.items()]
