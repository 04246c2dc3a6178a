"""Step four: every candidate on real data, against the source framework's own answers, and the choice."""

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model_build import cache, content, data, gate, isolate, measure, metrics, runtime, sources
from model_build.convert import Converted
from model_build.errors import DataError
from model_build.fetch import Fetched, fetch
from model_build.identity import STEPS
from model_build.optimize import Candidate
from model_build.work import Work


@dataclass(frozen=True)
class Result:
    """One candidate, measured or not."""

    name: str
    dtype: str
    measured: gate.Measured | None
    timing: measure.Timing | None
    parity: dict[str, float | None] | None
    """max_abs, mean_abs, agreement."""
    missed: list[str]
    why: str
    model: Path | None


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
        path, text = sources.find(wanted, work.project, key).path, wanted
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


def evaluation(work: Work) -> cache.Entry:
    """The evaluation data as data.npz, read or made by its function. Raises DataError."""
    text = work.recipe.evaluate.data
    source = sources.find(text, work.project, "evaluate.data")

    def fill(folder: Path) -> None:
        work.progress("verify", f"evaluation data from {source.label}")
        if source.code is None:
            assert source.path is not None
            note = data.save(*data.read(source.path, repr(source.label)), folder)
        else:
            request = {"module": source.code.module, "function": source.code.function, "label": source.label}
            note = isolate.run(
                "data",
                request,
                folder,
                project=work.project,
                step="verify",
                what=f"evaluate.data {source.label}",
                progress=work.progress,
            )
        cache.write_note(folder, {**note, "digest": content.of_file(folder / "data.npz")})

    return cache.made("data", {"steps": STEPS, **work.identity.of("evaluation")}, fill)


def reference(work: Work, fetched: Fetched, converted: Converted, stored: cache.Entry) -> cache.Entry:
    """The source framework's own answers as reference.npz. Raises DataError when the data does not fit the model."""
    session = runtime.session(converted.model)
    inputs, _ = data.load(stored.folder / "data.npz")
    measure.fit(session, inputs, work.recipe.evaluate.data)
    if not converted.missing:
        data.whole(inputs, work.recipe.evaluate.data)
    request = {
        "format": fetched.format,
        "output": output(work, session),
        "inputs": [value.name for value in session.get_inputs()],
    }

    def fill(folder: Path) -> None:
        work.progress("verify", "the source framework's own answers")
        extra = {
            "file": str(fetched.file),
            "data": str(stored.folder / "data.npz"),
            "data_label": work.recipe.evaluate.data,
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
        cache.write_note(folder, answer)

    key = {"steps": STEPS, "source": fetched.key, "data": stored.note()["digest"], "model": converted.digest, **request}
    return cache.made("reference", key, fill)


def output(work: Work, session: Any) -> str:
    """The output that is measured."""
    recipe = work.recipe
    return measure.pick(session, [recipe.evaluate.output, recipe.classify.output if recipe.classify else None])


def verify(work: Work, converted: Converted, candidates: list[Candidate]) -> Verified:
    """Measure all candidates, hold them against the gate, choose. A missed gate is a result here, not an error.

    Raises DataError for data that does not fit the model.
    """
    fetched = fetch(work)
    here, there = runtime.onnxruntime().__version__, runtime.image_version()
    if here != there:
        work.progress("verify", f"measured with onnxruntime {here}, but the image has {there}; install that to be sure")
    stored = evaluation(work)
    own = reference(work, fetched, converted, stored)
    names = labels(work, converted)
    asked = work.recipe.evaluate

    def fill(folder: Path) -> None:
        cache.write_note(folder, _measure(work, converted, candidates, stored, own, names))

    key = {
        "steps": STEPS,
        "machine": machine(),
        "candidates": {c.name: c.digest for c in candidates},
        "reference": own.key,
        "metric": asked.metric,
        "labels": names,
        "classes": converted.classes,
        **work.identity.of("tool.onnxruntime"),
    }
    entry = cache.made("verify", key, fill)
    work.did("verify", stored, own, entry)
    return _judge(work, candidates, entry.note(), stored.note())


def _measure(
    work: Work,
    converted: Converted,
    candidates: list[Candidate],
    stored: cache.Entry,
    own: cache.Entry,
    names: list[str] | None,
) -> dict[str, Any]:
    asked, called = work.recipe.evaluate, work.recipe.evaluate.data
    given, expectations = data.load(stored.folder / "data.npz")
    sessions = {c.name: runtime.session(c.model) for c in candidates if c.model is not None}
    name = output(work, runtime.session(converted.model))
    feeds = {key: measure.fit(session, given, called) for key, session in sessions.items()}
    answers: dict[str, metrics.Array] = {}
    for key, session in sessions.items():
        work.progress("verify", f"{key} on {len(expectations)} rows")
        answers[key] = measure.run(session, feeds[key], name)
    source = _stored(own)
    if not sessions:
        return {"measured": {}, "unfit": {}, "baseline": None, "quality": {}, "batch": 1}
    first = next(iter(answers.values()))
    want = metrics.expected(expectations, first, converted.classes or names, asked.metric, called)
    reference = None if source is None else metrics.decide(source, want, name)
    baseline = None if reference is None else metrics.score(asked.metric, reference, want)
    work.progress("verify", "latency")
    timing = measure.latency(sessions, next(iter(feeds.values())), name)
    found: dict[str, Any] = {}
    unfit: dict[str, str] = {}
    for key, answer in answers.items():
        try:
            answered = metrics.decide(answer, want, name)
        except metrics.NoNumbers as error:
            unfit[key] = str(error)
            continue
        found[key] = {
            "metric": metrics.score(asked.metric, answered, want),
            "parity": _parity(answer, answered, source, reference, want),
            "timing": asdict(timing[key]),
            "quality": _quality(answered, want, names),
        }
    rows = measure.rows_per_call(next(iter(sessions.values())))
    return {"measured": found, "unfit": unfit, "baseline": baseline, "batch": rows}


def _judge(work: Work, candidates: list[Candidate], note: Mapping[str, Any], stored: Mapping[str, Any]) -> Verified:
    asked, baseline = work.recipe.evaluate, note["baseline"]
    measured: dict[str, gate.Measured] = {}
    for candidate in candidates:
        if (got := note["measured"].get(candidate.name)) is None or candidate.model is None:
            continue
        measured[candidate.name] = gate.Measured(
            candidate.name,
            candidate.model.stat().st_size,
            got["metric"],
            None if baseline is None else metrics.drop(asked.metric, got["metric"], baseline),
            got["timing"]["p50_ms"],
            got["timing"]["p99_ms"],
        )
    missed = {name: gate.missed(asked, got) for name, got in measured.items()}
    passed = [got for name, got in measured.items() if not missed[name]]
    chosen, why = gate.choose(passed, work.recipe.optimize.latency_margin)
    results: list[Result] = []
    for candidate in candidates:
        got, raw = measured.get(candidate.name), note["measured"].get(candidate.name)
        short = missed.get(candidate.name, [])
        unfit = note.get("unfit", {}).get(candidate.name)
        reason = why.get(candidate.name) or unfit or candidate.why or f"missed its gate: {'; '.join(short)}"
        timing = measure.Timing(**raw["timing"]) if raw else None
        parity = raw["parity"] if raw else None
        results.append(Result(candidate.name, candidate.dtype, got, timing, parity, short, reason, candidate.model))
    shown = chosen or min(measured, key=lambda name: measured[name].drop or -measured[name].metric, default=None)
    quality: dict[str, Any] = note["measured"][shown]["quality"] if shown else {}
    return Verified(
        results, chosen, stored["rows"], note["batch"], stored["digest"], baseline, quality.get("labels"), quality
    )


def _stored(own: cache.Entry) -> metrics.Array | None:
    if not own.note()["predicts"]:
        return None
    with np.load(own.folder / "reference.npz", allow_pickle=False) as file:
        return np.asarray(file["answer"])


def _parity(
    answer: metrics.Array,
    answered: metrics.Array,
    source: metrics.Array | None,
    reference: metrics.Array | None,
    want: metrics.Expected,
) -> dict[str, float | None] | None:
    if source is None or reference is None:
        return None
    apart = metrics.distance(answer, source) if answer.dtype.kind == "f" or want.classes is None else None
    agreement = None if want.classes is None else float((answered == reference).mean())
    largest, mean = apart or (float((answered != reference).max()), float((answered != reference).mean()))
    return {"max_abs": largest, "mean_abs": mean, "agreement": agreement}


def _quality(answered: metrics.Array, want: metrics.Expected, names: list[str] | None) -> dict[str, Any]:
    if want.classes is None:
        return {"expected": want.values.tolist(), "actual": answered.tolist()}
    shown = names if names is not None and len(names) == len(want.classes) else [str(c) for c in want.classes]
    return {"labels": shown, "matrix": metrics.confusion(answered, want)}
