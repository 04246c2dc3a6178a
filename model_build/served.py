"""What a request costs of the image's own serving program on this machine: its processor, its time, its memory.

The program runs as it will: the image's Python, wheels and code, one worker, on one core. It is asked over loopback,
one request at a time, for rows of the evaluation data as JSON. Its time on the processor is the kernel's own count, so
that what else the machine does is not in it; it is in what a caller waits, which is as good as the machine is quiet.
"""

import contextlib
import http.client
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from model_build import cache, measure, runtime
from model_build.bake.errors import BakeError
from model_build.bake.program import program
from model_build.bake.python import Launcher
from model_build.convert import Converted
from model_build.errors import DataError, SourceError
from model_build.evaluation import evaluation, inputs_and_labels
from model_build.identity import STEPS
from model_build.verify import machine
from model_build.work import Work

WARM, SAMPLES, LEAST = 10, 200, 20
"""Requests before it counts, requests that count, and the least of those for a model that takes its time."""
SECONDS, PATIENCE = 1.5, 20.0
"""The time after which the least will do, and that after which none more is sent."""
START = 60.0
"""Seconds that the program may take to answer."""
FIGURES = "2"
"""Goes up when what is measured means something else."""
BODIES = 16
"""Different requests, in turn."""
MOST_BODY = 8 * 2**20
"""Bytes of a request, beyond which nobody sends it as JSON."""
_ADDRESS = re.compile(rb"serving .* on http://127\.0\.0\.1:(\d+)")
_KINDS = {"float32": "FP32", "float64": "FP64", "float16": "FP16", "bool": "BOOL", "object": "BYTES"}


class Unmeasured(Exception):
    """Why nothing could be measured, in a few words."""


@dataclass(frozen=True)
class Served:
    """What was measured. Times in milliseconds, of one request."""

    request: str
    """What was asked: `1 row as JSON, 512 bytes`."""
    requests: int
    cpu_ms: float
    """Of the processor, for one request, the mean."""
    cpu_sd_ms: float
    """How much that differs from one to the next, the standard deviation."""
    cpu_p99_ms: float
    """That 99 of 100 requests take at most."""
    p50_ms: float
    p99_ms: float
    """That a caller waits who is alone."""
    master_bytes: int
    """Memory of the process that holds the socket, at its most."""
    worker_bytes: int
    """What a worker has at its most beside that: the model, what requests left, and the files that it has mapped."""


def served(work: Work, converted: Converted, model: Path, layout: Path, digest: str) -> tuple[Served | None, str]:
    """What a request costs, or None and why nobody could measure it.

    model: the folder that is in the image. It fails no build: a gate is about the model, and this is about figures.
    """
    stored = evaluation(work)
    key = {
        "steps": STEPS,
        "machine": machine(),
        "image": digest,
        "data": stored.note()["digest"],
        "calls": [WARM, SAMPLES, LEAST, BODIES],
        "figures": [FIGURES, *(each.name for each in fields(Served))],
    }

    def fill(folder: Path) -> None:
        work.progress("serve", "what a request costs")
        asked = bodies(work, converted, stored, model)
        try:
            found = measured(program(layout, digest), model, work.recipe.name, asked)
        except (OSError, KeyError, http.client.HTTPException) as error:
            # Such as a kernel that does not tell of memory, an image of another form, or a folder without programs.
            raise Unmeasured(f"{type(error).__name__}: {error}") from None
        cache.write_note(folder, asdict(found))

    try:
        entry = cache.made("served", key, fill)
    except (Unmeasured, BakeError, DataError, SourceError) as error:
        why = " ".join(str(error).split())
        work.progress("serve", f"not measured: {why}")
        return None, why
    work.did("serve", entry)
    return Served(**entry.note()), ""


def bodies(work: Work, converted: Converted, stored: cache.Entry, model: Path) -> list[bytes]:
    """Requests of the Open Inference Protocol, each of the fewest rows that the model takes."""
    session = runtime.session(model / "model.onnx")
    given, _ = inputs_and_labels(work, converted, stored, session)
    inputs = measure.fit(session, given, work.recipe.evaluate.data)
    step = measure.rows_per_call(session)
    rows = len(next(iter(inputs.values())))
    found: list[bytes] = []
    for start in range(0, max(1, min(rows // step, BODIES)) * step, step):
        batch = {name: values[start : start + step] for name, values in inputs.items()}
        if sum(values.size for values in batch.values()) * 4 > MOST_BODY:
            raise Unmeasured(f"a request would have more than {MOST_BODY >> 20} MiB as JSON")
        found.append(json.dumps({"inputs": [_tensor(name, values) for name, values in batch.items()]}).encode())
    return found


def _tensor(name: str, values: measure.Array) -> dict[str, Any]:
    kind = values.dtype.name
    datatype = _KINDS.get(kind) or kind.upper()  # int64 is INT64 there
    flat = [str(each) for each in values.ravel()] if datatype == "BYTES" else values.ravel().tolist()
    return {"name": name, "shape": list(values.shape), "datatype": datatype, "data": flat}


def measured(python: Launcher, model: Path, name: str, bodies: Sequence[bytes]) -> Served:
    """What one of `bodies` costs, posted to the model `name` in the folder `model`. Raises Unmeasured."""
    with running(python, model) as (master, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        taken: list[float] = []
        spent: list[float] = []
        began = time.monotonic()
        try:
            for turn in range(WARM + SAMPLES):
                passed = time.monotonic() - began
                if passed > PATIENCE or (turn >= WARM + LEAST and passed > SECONDS):
                    break
                if turn == WARM:
                    taken, spent = [], []
                busy, at = _busy(master), time.perf_counter()
                _ask(connection, name, bodies[turn % len(bodies)])
                taken.append((time.perf_counter() - at) * 1000)
                spent.append((_busy(master) - busy) / 1e6)
        finally:
            connection.close()
        memory = _memory(master)
    p50, p99 = (round(float(each), 4) for each in np.percentile(taken, [50, 99]))
    rows = (json.loads(bodies[0])["inputs"][0]["shape"] or [1])[0]
    size = round(sum(map(len, bodies)) / len(bodies))
    return Served(
        request=f"{rows} row{'' if rows == 1 else 's'} as JSON, {size} bytes",
        requests=len(taken),
        cpu_ms=round(float(np.mean(spent)), 4),
        cpu_sd_ms=round(float(np.std(spent)), 4),
        cpu_p99_ms=round(float(np.percentile(spent, 99)), 4),
        p50_ms=p50,
        p99_ms=p99,
        master_bytes=memory[0],
        worker_bytes=memory[1],
    )


def _ask(connection: http.client.HTTPConnection, name: str, body: bytes) -> None:
    connection.request("POST", f"/v2/models/{name}/infer", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise Unmeasured(f"the serving program answered {answer.status}: {said[:200].decode(errors='replace')}")


@contextlib.contextmanager
def running(python: Launcher, model: Path) -> Generator[tuple[int, int]]:
    """The program's process and its port; it is gone afterwards, with its worker."""
    with tempfile.TemporaryDirectory(prefix="served-") as folder, (Path(folder) / "log").open("w+b") as log:
        words = [*python.argv, "-m", "serving", "--model", str(model), "--port", "0", "--workers", "1"]
        process = subprocess.Popen(
            words, cwd=folder, env=python.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log
        )
        try:
            # Long before it looks how many cores there are: a worker has one when there are as many of them.
            os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
            yield process.pid, _port(process, Path(folder) / "log")
        finally:
            process.kill()  # its worker dies with it
            process.wait()


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        if found := _ADDRESS.search(log.read_bytes()):
            return int(found[1])
        if ended:
            break
        time.sleep(0.01)
    last = log.read_text("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
    raise Unmeasured(f"the serving program did not start: {last[0][:300]}")


def _family(master: int) -> list[int]:
    """A process and its children, itself first."""
    children: list[int] = []
    for task in Path(f"/proc/{master}/task").glob("*/children"):
        children += map(int, task.read_text("ascii").split())
    return [master, *children]


def _busy(master: int) -> int:
    """Nanoseconds on a processor of all threads."""
    return sum(
        int(task.read_text("ascii").split()[0])
        for process in _family(master)
        for task in Path(f"/proc/{process}/task").glob("*/schedstat")
    )


def _memory(master: int) -> tuple[int, int]:
    """Bytes of the master and what its worker has beside it, each at its most."""
    first, *workers = _family(master)
    if not workers:
        raise Unmeasured("the serving program has lost its worker")
    own = 0
    for each in workers:
        now, parts = _status(each), _fields(Path(f"/proc/{each}/smaps_rollup"))
        # Pages of files count as its own: whether they are shared hangs on what else this machine runs just now.
        own = max(own, parts["Private_Dirty"] + now["RssFile"] + max(0, now["VmHWM"] - now["VmRSS"]))
    return _status(first)["VmHWM"], own


def _status(process: int) -> Mapping[str, int]:
    return _fields(Path(f"/proc/{process}/status"))


def _fields(file: Path) -> Mapping[str, int]:
    """Lines of kilobytes, as bytes."""
    return {
        key: int(number) * 1024 for key, number in re.findall(r"^(\w+):\s+(\d+) kB$", file.read_text(), re.MULTILINE)
    }
