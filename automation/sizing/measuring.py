"""`modelport size --measure FILE`: what a machine answers, by asking a server of the model that runs on it.

Callers who never pause, one, two, four and so on, until more of them get no more answers. Each sends rows of the
evaluation data, as a build's own measurement does. The callers share one core of this machine: where they themselves
were what was slow, what they got is not taken.
"""

import contextlib
import http.client
import platform
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from automation.exits import Exit, Failure
from automation.sizing.measured import Measured
from automation.sizing.profiles import Measurement, Step, machine
from model_build.mistakes import printable

if TYPE_CHECKING:
    from model_build.recipe import Recipe

SECONDS, LEAST, PATIENCE = 2.0, 20, 30.0
"""A step lasts so long, and until so many requests are answered, and never longer than that."""
CALLERS: Final = (1, 2, 4, 8, 16, 32, 64, 128)
GAIN: Final = 1.05
"""So many times as much as before, or so many callers were of no use; after two such steps there are no more."""
BUSY: Final = 0.85
"""Share of a core from which on the callers themselves are what is slow."""
WARM: Final = 10


class Unanswered(Exception):
    """Why a server did not answer as it should."""


@dataclass(frozen=True)
class Place:
    """Where a server is."""

    secure: bool
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str, model: str) -> "Place":
        """Raises Failure."""
        try:
            found = urlsplit(url)
            port = found.port or (443 if found.scheme == "https" else 80)
        except ValueError:
            found, port = urlsplit(""), 0
        if found.scheme not in ("http", "https") or not found.hostname or found.query or found.username:
            told = f"--url is {url!r}, expected where a server of the model answers"
            raise Failure(Exit.BAD_INPUT, f"{told}; for example --url http://10.0.0.7:8080")
        path = f"{found.path.rstrip('/')}/v2/models/{model}/infer"
        return cls(found.scheme == "https", found.hostname, port, path)

    def connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
        return kind(self.host, self.port, timeout=PATIENCE)


def measure(
    file: Path, url: str, type_: str, known: Measured, recipe: "Recipe", root: Path, say: Callable[[str], None]
) -> Measurement:
    """Ask the server at `url`, which runs on a machine of that type, and write what it did. Raises Failure."""
    where = machine(type_)
    if where is None:
        told = f"--machine is {type_!r}, expected the type of the machine that answers, of EC2 or Compute Engine"
        raise Failure(Exit.BAD_INPUT, f"{told}; for example --machine g6.xlarge")
    arches = [each.partition("/")[2] for each in recipe.platforms]
    if where.arch not in arches:
        told = f"--machine is {type_}, which is {where.arch}, expected what the image is for, {' or '.join(arches)}"
        raise Failure(Exit.BAD_INPUT, f"{told}; add linux/{where.arch} to model.platforms")
    place = Place.parse(url, known.report.name)
    if not file.parent.is_dir():
        raise Failure(Exit.BAD_INPUT, f"--measure is {file}, expected a file in a folder that is there")
    if file.exists() and not _ours(file):
        told = f"--measure is {file}, which holds something else, expected a new file or one that was written so"
        raise Failure(Exit.BAD_INPUT, f"{told}; name another")
    if not known.current or known.report.image is None:
        told = f"the report of {known.report.name} is not of the recipe as it stands, expected that of what is measured"
        raise Failure(Exit.BAD_INPUT, f"{told}; build it first")
    try:
        steps = run(place, bodies(recipe, root), say)
    except Unanswered as error:
        raise Failure(Exit.FAILED, f"{url}: {error}; --url names a server of {known.report.name}") from None
    found = Measurement(
        model=known.report.name,
        version=known.report.version,
        identity=known.report.identity,
        image=known.report.image.digest,
        machine=type_,
        request=known.served.request,
        asked_from=f"{platform.machine()}, {platform.system()}",
        date=datetime.now(UTC).date().isoformat(),
        steps=steps,
    )
    try:
        file.write_text(found.model_dump_json(indent=2) + "\n", "utf-8")
    except OSError as error:
        raise Failure(Exit.FAILED, f"{file}: {(error.strerror or str(error)).lower()}, expected a file") from None
    return found


def _ours(file: Path) -> bool:
    """Whether it is an earlier measurement, in whose place another may come."""
    try:
        Measurement.model_validate_json(file.read_bytes())
    except (OSError, ValueError):
        return False
    return True


def bodies(recipe: "Recipe", root: Path) -> list[bytes]:
    """Requests with rows of the evaluation data, out of the build's cache. Raises Failure."""
    from model_build import pipeline, served
    from model_build.convert import convert
    from model_build.errors import ModelBuildError
    from model_build.evaluation import evaluation
    from model_build.work import Work

    try:
        work = Work.on(recipe, root)
        model = pipeline.model_folder(work, *pipeline.candidate(work))
        return served.bodies(work, convert(work), evaluation(work), model)
    except (ModelBuildError, served.Unmeasured) as error:
        raise Failure(Exit.FAILED, str(error)) from None


def run(place: Place, asked: Sequence[bytes], say: Callable[[str], None]) -> list[Step]:
    """A step for each number of callers. Raises Unanswered."""
    _warm(place, asked)
    found: list[Step] = []
    idle = 0
    for callers in CALLERS:
        step, busy = _step(place, asked, callers)
        if busy > BUSY and found:
            say(f"{callers} callers were busy with asking themselves, and are not counted")
            break
        many = f"{callers} caller{'' if callers == 1 else 's'}"
        say(f"{many}: {step.rps:.0f} requests a second, p50 {step.p50_ms:.3g} ms, p99 {step.p99_ms:.3g} ms")
        before = max((each.rps for each in found), default=0.0)
        found.append(step)
        idle = 0 if step.rps >= before * GAIN else idle + 1
        if idle == 2:
            break
    return found


def _warm(place: Place, asked: Sequence[bytes]) -> None:
    with contextlib.closing(place.connect()) as connection:
        for turn in range(WARM):
            _ask(connection, place, asked[turn % len(asked)])


def _step(place: Place, asked: Sequence[bytes], callers: int) -> tuple[Step, float]:
    """What so many callers got, and how busy they were with asking."""
    together = Barrier(callers + 1)

    def caller(first: int) -> list[float]:
        taken: list[float] = []
        with contextlib.closing(place.connect()) as connection:
            connection.connect()
            together.wait(PATIENCE)
            begun = at = time.perf_counter()
            share = -(-LEAST // callers)
            while (at - begun < SECONDS or len(taken) < share) and at - begun < PATIENCE:
                _ask(connection, place, asked[(first + len(taken)) % len(asked)])
                now = time.perf_counter()
                taken.append((now - at) * 1000)
                at = now
        return taken

    with ThreadPoolExecutor(callers) as pool:
        waiting = [pool.submit(_guarded, caller, each, together) for each in range(callers)]
        with contextlib.suppress(Exception):  # a caller's own error says why
            together.wait(PATIENCE)
        begun, spent = time.perf_counter(), time.process_time()
        taken = [one for each in waiting for one in each.result()]
        wall, busy = time.perf_counter() - begun, time.process_time() - spent
    taken.sort()
    p50, p99 = (round(taken[min(len(taken) - 1, int(len(taken) * share))], 4) for share in (0.5, 0.99))
    step = Step(callers=callers, requests=len(taken), rps=round(len(taken) / wall, 3), p50_ms=p50, p99_ms=p99)
    return step, busy / wall


def _guarded(caller: Callable[[int], list[float]], first: int, together: Barrier) -> list[float]:
    try:
        return caller(first)
    except (OSError, http.client.HTTPException) as error:
        together.abort()  # so that nobody waits for it
        raise Unanswered(_why(error)) from None
    except BaseException:
        together.abort()
        raise


def _ask(connection: http.client.HTTPConnection, place: Place, body: bytes) -> None:
    try:
        connection.request("POST", place.path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unanswered(_why(error)) from None
    if answer.status != 200:
        text = printable(" ".join(said[:200].decode("utf-8", "replace").split()))
        raise Unanswered(f"answers {answer.status} to {place.path} ({text}), expected 200")


def _why(error: Exception) -> str:
    why = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return f"does not answer ({printable(why.lower())}), expected one that does"


def beside(text: str) -> None:
    """What goes on, beside what is printed."""
    print(text, file=sys.stderr)
