"""Step four: every candidate on real data, against the source framework's own answers, and the choice."""

import os
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from model_build import cache, data, gate, graphs, isolate, measure, metrics, parity, profiles, runtime
from model_build.convert import Converted, asked_to_write
from model_build.errors import DataError, SourceError
from model_build.evaluation import beside, evaluation, inputs_and_labels
from model_build.fetch import Fetched, fetch
from model_build.identity import STEPS
from model_build.optimize import Candidate
from model_build.parity import Apart
from model_build.slicing import Slice, sliced
from model_build.work import Work

_PEER = (
    "not to be taken, only measured to compare with: its weights of eight bits overflow on processors without VNNI, so "
    "that its answers are not the same everywhere"
)


@dataclass(frozen=True)
class Result:
    """One candidate, measured or not."""

    name: str
    dtype: str
    measured: gate.Measured | None
    timing: measure.Timing | None
    parity: Apart | None
    missed: list[str]
    why: str
    model: Path | None
    detail: str = ""
    """What is worth knowing of how it was made."""
    peer: bool = False
    """Made to be compared with, never taken."""
    batches: dict[int, measure.Timing] = field(default_factory=dict[int, measure.Timing])
    """By rows per call, for more than the least."""
    bound: float | None = None
    """The most that parity's distance may be; None: any."""


@dataclass(frozen=True)
class Verified:
    results: list[Result]
    chosen: str | None
    rows: int
    batch: int
    """Rows per call when latency was measured."""
    data_digest: str
    baseline: float | None
    """The metric of the source framework's own answers."""
    labels: list[str] | None
    quality: dict[str, Any]
    """Of the chosen candidate, or of the best when none passed: `matrix`, or `expected` and `actual`."""
    shown: str | None = None
    """The candidate that `quality` and `profile` are of."""
    profile: dict[str, Any] = field(default_factory=dict[str, Any])
    """`inputs`, `outputs` and `expected` of a profile."""

    @property
    def choice(self) -> Result | None:
        return next((r for r in self.results if r.name == self.chosen), None)


def machine() -> str:
    """What latencies are measured on."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"


def labels(work: Work, converted: Converted) -> list[str] | None:
    """The names of the classes: the recipe's, or those of a file that it names, or the source model's own.

    Raises DataError for a file that is not a text with one label a line.
    """
    classify, asked = work.recipe.classify, work.recipe.evaluate.labels
    key, wanted = "evaluate.labels", asked
    if classify and classify.labels is not None:
        key, wanted = "classify.labels", classify.labels
    if isinstance(wanted, str):
        path, text = work.find(wanted, key).path, wanted
        try:
            wanted = path.read_text("utf-8").splitlines() if path else []
        except (OSError, UnicodeDecodeError):
            raise DataError(f"{key} is {text!r}, expected a text file with one label a line") from None
        while wanted and not wanted[-1].strip():
            wanted.pop()
        if not wanted:
            raise DataError(f"{key} is {text!r}, an empty file; expected one label a line")
    if wanted is not None:
        return wanted
    return [str(value) for value in converted.classes] if converted.classes is not None else None


def reference(work: Work, fetched: Fetched, converted: Converted, stored: cache.Entry) -> cache.Entry:
    """The source framework's own answers as reference.npz. Raises DataError when the data does not fit the model."""
    session = runtime.session(converted.model)
    inputs, _ = inputs_and_labels(work, converted, stored, session)
    measure.fit(session, inputs, work.recipe.evaluate.data)
    if not converted.missing:
        data.whole(inputs, work.recipe.evaluate.data)
    request: dict[str, Any] = {
        "format": fetched.format,
        "output": output(work, session),
        "inputs": [value.name for value in session.get_inputs()],
    }
    if said := asked_to_write(work, fetched.format):
        request["said"] = said

    def fill(folder: Path) -> None:
        work.progress("verify", "the source framework's own answers")
        extra = {
            "file": str(fetched.file),
            "own": work.source.code is not None,
            "data": str(stored.folder / "data.npz"),
            "data_label": work.recipe.evaluate.data,
            "columns": converted.columns,
            "beside": work.recipe.evaluate.beside,
        }
        answer = isolate.run(
            "predict",
            {**request, **extra},
            folder,
            project=work.project,
            step="verify",
            what=f"source {work.source.label}",
            progress=work.progress,
        )
        work.unchanged("source", "source")
        cache.write_note(folder, answer)

    key = {"steps": STEPS, "source": fetched.key, "data": stored.note()["digest"], "model": converted.digest, **request}
    return cache.made("reference", key, fill)


def output(work: Work, session: Any) -> str:
    """The output that is measured."""
    recipe = work.recipe
    return measure.pick(session, [recipe.evaluate.output, recipe.classify.output if recipe.classify else None])


def verify(work: Work, converted: Converted, candidates: Iterable[Candidate]) -> Verified:
    """Measure all candidates, hold them against the gate, choose. A missed gate is a result here, not an error.

    candidates: each is measured before the next is asked for. What was measured is kept for each by itself.
    Raises DataError for data that does not fit the model.
    """
    fetched = fetch(work)
    here, there = runtime.onnxruntime().__version__, runtime.image_version()
    if here != there:
        work.progress("verify", f"measured with onnxruntime {here}, but the image has {there}; install that to be sure")
    stored = evaluation(work)
    beside(work, stored)  # before anything takes long
    own = reference(work, fetched, converted, stored)
    names = labels(work, converted)
    session = runtime.session(converted.model)
    sizes, inputs, named = _sizes(work, session), [value.name for value in session.get_inputs()], output(work, session)
    del session  # a large model is not held twice
    form = parity.form_of(graphs.load(converted.model, weights=False))
    if fetched.format != "onnx":
        _whole(work, form, _answered(work, converted, _itself(converted), stored, own, names), named)
    found: list[Candidate] = []
    answers: dict[str, cache.Entry] = {}
    for candidate in candidates:
        found.append(candidate)
        if candidate.model is not None:
            answers[candidate.name] = _answered(work, converted, candidate, stored, own, names)
    # One that does not run on the data would not while it is timed, either.
    ran = [c for c in found if c.name in answers and "metric" in answers[c.name].note()]
    timings = {size: _timed(work, converted, ran, stored, size) for size in (1, *sizes)}
    taken = [entry for entries in timings.values() for entry in entries.values()]
    seen = _profiled(work, converted, stored, inputs)
    work.did("verify", stored, own, seen, *answers.values(), *taken)
    notes = {name: entry.note() for name, entry in answers.items()}
    made = _judge(work, found, form, notes, {size: _scaled(each) for size, each in timings.items()}, stored.note())
    return replace(made, profile={**seen.note(), **notes[made.shown]["profile"]}) if made.shown else made


def _profiled(work: Work, converted: Converted, stored: cache.Entry, names: list[str]) -> cache.Entry:
    """The distributions of the evaluation data's inputs."""

    def fill(folder: Path) -> None:
        given, _ = data.load(stored.folder / "data.npz", converted.columns, work.recipe.evaluate.beside, names)
        found = profiles.inputs(given, names, converted.columns)
        cache.write_note(folder, {"inputs": {name: each.model_dump(mode="json") for name, each in found.items()}})

    beside = work.recipe.evaluate.beside
    key = {
        "steps": STEPS,
        "data": stored.note()["digest"],
        "names": names,
        "columns": converted.columns,
        "beside": beside,
        "least": profiles.LEAST,
    }
    return cache.made("profile", key, fill)


def _itself(converted: Converted) -> Candidate:
    return Candidate("the converted model", "float32", converted.model, converted.digest, "")


def _whole(work: Work, form: parity.Form, answers: cache.Entry, name: str) -> None:
    """Raise SourceError for a conversion that answers otherwise than its source: no form of it could be any good."""
    found = answers.note().get("parity")
    asked = work.recipe.evaluate.parity
    if found and (told := parity.broken(asked, form, Apart(**found), work.source.label, name)):
        raise SourceError(told)


def _sizes(work: Work, session: Any) -> list[int]:
    """Rows per call at which latency is measured beside the least. Raises DataError where the model takes others."""
    asked = work.recipe.evaluate
    if measure.takes_any(session):
        return asked.sizes
    step = measure.rows_per_call(session)
    if other := [size for size in asked.sizes if size != step]:
        raise DataError(
            f"evaluate asks for the latency of {other[0]} rows a call, but the model takes {step} at a time, always; "
            "leave that number out of batch_sizes and max_latency_ms, or set optimize.open_batch: true"
        )
    return asked.sizes


def _answered(
    work: Work,
    converted: Converted,
    candidate: Candidate,
    stored: cache.Entry,
    own: cache.Entry,
    names: list[str] | None,
) -> cache.Entry:
    """What a candidate answers, as figures."""
    asked = work.recipe.evaluate

    def fill(folder: Path) -> None:
        assert candidate.model is not None
        original = runtime.session(converted.model)
        given, expectations = inputs_and_labels(work, converted, stored, original)
        work.progress("verify", f"{candidate.name} on {len(expectations)} rows")
        name = output(work, original)
        step = measure.rows_per_call(original)
        try:
            session = runtime.session(candidate.model)
            answer = measure.run(session, measure.fit(session, given, asked.data), name)
        except DataError as error:
            # Where the model itself runs, it is the candidate that does not.
            measure.run(original, measure.fit(original, given, asked.data), name)
            cache.write_note(folder, {"unfit": str(error), "baseline": None, "batch": step})
            return
        cache.write_note(folder, {**figures(work, converted, stored, own, names, answer, original), "batch": step})

    key = {
        "steps": STEPS,
        "candidate": candidate.digest,
        **decided_by(work, converted, own, names),
        **work.identity.of("tool.onnxruntime"),
    }
    return cache.made("answers", key, fill)


def figures(
    work: Work,
    converted: Converted,
    stored: cache.Entry,
    own: cache.Entry,
    names: list[str] | None,
    answer: metrics.Array,
    session: Any,
) -> dict[str, Any]:
    """What is to be known of an answer to all rows: its metric, its parity, that of groups; or why it has none.

    session: of the converted model.
    """
    asked = work.recipe.evaluate
    _, expectations = inputs_and_labels(work, converted, stored, session)
    aside, name = beside(work, stored), output(work, session)
    source = _stored(own)
    like = answer if source is None else source
    want = metrics.expected(expectations, like, converted.classes or names, asked.metric, asked.data)
    if asked.groups:
        want = replace(want, groups=aside[asked.groups], most=asked.k)
    elif asked.metric == "recall_at_k":
        want = replace(want, most=asked.k)
    elif asked.metric == "cosine":
        want = replace(want, source=source)
    reference = None if source is None else metrics.decide(source, want, name)
    baseline = None if reference is None else metrics.score(asked.metric, reference, want, source, name)
    note: dict[str, Any] = {"baseline": baseline}
    try:
        answered = metrics.decide(answer, want, name)
        note["metric"] = metrics.score(asked.metric, answered, want, answer, name)
        columns = {each: aside[each] for each in asked.slices}
        note["slices"] = sliced(work, columns, want, (answered, answer), (reference, source))
        if source is not None and reference is not None:
            rows = asked.parity.rows
            note["parity"] = asdict(parity.apart(answer, answered, source, reference, want, rows))
        note["quality"] = _quality(answered, want, names)
        outputs, labelled = profiles.answers(name, answer, answered, want, names)
        note["profile"] = {
            "outputs": {each: told.model_dump(mode="json") for each, told in outputs.items()},
            "expected": labelled.model_dump(mode="json") if labelled else None,
        }
    except metrics.NoNumbers as error:
        note["unfit"] = str(error)
    return note


def decided_by(work: Work, converted: Converted, own: cache.Entry, names: list[str] | None) -> dict[str, Any]:
    """All that `figures` are made of beside the answer."""
    asked = work.recipe.evaluate
    return {
        "reference": own.key,
        "metric": asked.metric,
        "labels": names,
        "classes": converted.classes,
        "groups": [asked.groups, asked.k, asked.slices, asked.slice_rows],
        "rows": asked.parity.rows,
        "least": profiles.LEAST,
    }


def _timed(
    work: Work, converted: Converted, candidates: list[Candidate], stored: cache.Entry, size: int
) -> dict[str, cache.Entry]:
    """How long each takes; those that are not known yet in turns, and the converted model with them as a yardstick.

    size: rows per call; 1 stands for the least that the model takes.
    """

    def key(candidate: Candidate) -> dict[str, Any]:
        return {
            "steps": STEPS,
            "machine": machine(),
            "candidate": candidate.digest,
            "model": converted.digest,
            "data": stored.note()["digest"],
            "output": [work.recipe.evaluate.output, work.recipe.classify.output if work.recipe.classify else None],
            "rows": size,
            **work.identity.of("tool.onnxruntime"),
        }

    new = {c.name: c for c in candidates if not cache.place("latency", key(c)).is_dir()}
    taken: dict[str, measure.Timing] = {}
    yardstick = ""
    if new:
        work.progress("verify", "latency" if size == 1 else f"latency of {size} rows a call")
        original = runtime.session(converted.model)
        sessions = {yardstick: original} | {c.name: runtime.session(c.model) for c in new.values() if c.model}
        given, _ = inputs_and_labels(work, converted, stored, original)
        feeds = measure.fit(original, given, work.recipe.evaluate.data)
        taken = measure.latency(sessions, feeds, output(work, original), None if size == 1 else size)

    def fill(candidate: Candidate) -> Callable[[Path], None]:
        def write(folder: Path) -> None:
            timing = asdict(taken[candidate.name])
            cache.write_note(folder, {"timing": timing, "yardstick": taken[yardstick].p50_ms})

        return write

    return {c.name: cache.made("latency", key(c), fill(c)) for c in candidates}


def _scaled(timings: Mapping[str, cache.Entry]) -> dict[str, measure.Timing]:
    """Timings of several rounds, perhaps of different days, as of the first one: by what the yardstick took in each."""
    notes = {name: entry.note() for name, entry in timings.items()}
    first = next(iter(notes.values()), {"yardstick": 1.0})["yardstick"]
    found: dict[str, measure.Timing] = {}
    for name, note in notes.items():
        by = first / note["yardstick"] if first and note["yardstick"] else 1.0
        timing = measure.Timing(**note["timing"])
        found[name] = timing if by == 1 else timing.scaled(by)
    return found


def _judge(
    work: Work,
    candidates: list[Candidate],
    converted: parity.Form,
    notes: Mapping[str, Mapping[str, Any]],
    taken: Mapping[int, Mapping[str, measure.Timing]],
    stored: Mapping[str, Any],
) -> Verified:
    asked, timings = work.recipe.evaluate, taken[1]
    batches = {name: {size: each[name] for size, each in taken.items() if size > 1} for name in timings}
    forms: dict[str, parity.Form | None] = {c.name: parity.form(c.name, c.dtype, converted) for c in candidates}
    parities = {name: Apart(**note["parity"]) for name, note in notes.items() if note.get("parity")}
    baseline = next((note["baseline"] for note in notes.values() if note["baseline"] is not None), None)
    measured: dict[str, gate.Measured] = {}
    for candidate in candidates:
        got = notes.get(candidate.name)
        if got is None or "metric" not in got or candidate.model is None:
            continue
        measured[candidate.name] = gate.Measured(
            candidate.name,
            candidate.model.stat().st_size,
            got["metric"],
            None if baseline is None else metrics.drop(asked.metric, got["metric"], baseline),
            timings[candidate.name].p50_ms,
            timings[candidate.name].p99_ms,
            [Slice(*each) for each in got["slices"]],
            {size: timing.p99_ms for size, timing in batches[candidate.name].items()},
            forms[candidate.name],
            (apart := parities.get(candidate.name)),
            apart.cosine_worst if apart else None,
        )
    peers = {c.name for c in candidates if c.peer}
    missed = {name: gate.missed(asked, got) for name, got in measured.items()}
    passed = [got for name, got in measured.items() if not missed[name] and name not in peers]
    chosen, why = gate.choose(passed, work.recipe.optimize.latency_margin)
    if chosen is not None:
        others = {n: (got, missed[n]) for n, got in measured.items() if n != chosen and n not in peers}
        why[chosen] += gate.passed_over(measured[chosen], others)
    results: list[Result] = []
    for candidate in candidates:
        name = candidate.name
        known, raw = measured.get(name), notes.get(name, {})
        short = missed.get(name, [])
        reason = why.get(name) or raw.get("unfit") or candidate.why or f"missed its gate: {'; '.join(short)}"
        if candidate.peer and known and not short:
            reason = _PEER
        timing = timings[name] if known else None
        found, form = parities.get(name), forms[name]
        results.append(
            Result(
                name,
                candidate.dtype,
                known,
                timing,
                found,
                short,
                reason,
                candidate.model,
                candidate.detail,
                candidate.peer,
                batches[name] if known else {},
                parity.bound(asked.parity, form) if found else None,
            )
        )
    shown = chosen or min(measured, key=lambda name: measured[name].drop or -measured[name].metric, default=None)
    quality: dict[str, Any] = notes[shown]["quality"] if shown else {}
    batch = next((note["batch"] for note in notes.values()), 1)
    return Verified(
        results, chosen, stored["rows"], batch, stored["digest"], baseline, quality.get("labels"), quality, shown
    )


def _stored(own: cache.Entry) -> metrics.Array | None:
    if not own.note()["predicts"]:
        return None
    with np.load(own.folder / "reference.npz", allow_pickle=False) as file:
        return np.asarray(file["answer"])


def _quality(answered: metrics.Array, want: metrics.Expected, names: list[str] | None) -> dict[str, Any]:
    if want.form != "labels":
        return {}  # as many classes as there are things to find, and no text of the data goes into a report
    if want.classes is None:
        return {"expected": want.values.tolist(), "actual": answered.tolist()}
    shown = names if names is not None and len(names) == len(want.classes) else [str(c) for c in want.classes]
    return {"labels": shown, "matrix": metrics.confusion(answered, want)}
