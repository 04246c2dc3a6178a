"""Candidates that are trained: a pruned model by the project's own function, and a student by its teacher's answers.

Both run beside the build (`isolate`), as the project's code; a pruned model that may run code when it is loaded is
loaded, and trained further, in the sandbox. The teacher's answers are those of the converted model, so that a model of
any framework can teach.
"""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model_build import cache, data, isolate, learning, measure, metrics, runtime
from model_build.code import Code
from model_build.convert import INPUT, Converted
from model_build.errors import DataError, InputError, SourceError
from model_build.evaluation import TRAINED, evaluation, inputs_and_labels, renamed, training
from model_build.fetch import fetch
from model_build.identity import STEPS
from model_build.recipe_optimize import Distill, Prune
from model_build.work import Work

_CLASSES = ("accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "average_precision", "log_loss")
_NUMBERS = ("mae", "medae", "mape", "rmse", "r2")
_TWINS = 0.01
"""The share of the evaluation rows that may be among those to train on: data has rows that are equal by nature."""


@dataclass(frozen=True)
class Teaching:
    """What candidates are trained with, once it is known that they can be."""

    work: Work
    converted: Converted
    tuner: Code | None
    student: Code | None
    lesson: cache.Entry | None

    @classmethod
    def of(cls, work: Work, converted: Converted) -> "Teaching":
        """Look at all that is needed before any candidate is made. Raises InputError."""
        asked = work.recipe.optimize
        tuner = student = lesson = None
        if asked.prune is not None and asked.prune.fine_tune is not None:
            tuner = _code(work, asked.prune.fine_tune, "optimize.prune.fine_tune")
            kind = fetch(work).format
            if kind not in learning.PRUNES:
                raise SourceError(
                    f"optimize.prune.fine_tune is {asked.prune.fine_tune!r}, but the source is of format {kind}, "
                    "expected a PyTorch module or a scikit-learn MLP, which can be trained further; leave it out, and "
                    "the graph is pruned as it is"
                )
        if asked.distill is not None:
            student = _code(work, asked.distill.student, "optimize.distill.student")
            lesson = _lesson(work, converted)
        return cls(work, converted, tuner, student, lesson)

    def inputs(self, name: str) -> dict[str, Any]:
        """What a candidate depends on, beside the model."""
        asked = self.work.recipe.optimize
        found: dict[str, Any] = {}
        if name in ("pruned", "pruned-channels"):
            assert asked.prune is not None
            found["share"] = self.share(name)
            if self.tuner is not None:
                found |= {"source": fetch(self.work).key, "rounds": asked.prune.rounds, **self._settings()}
                found |= self.work.identity.of("fine tuning")
                found["rows"] = evaluation(self.work).note()["digest"]
        if name == "distilled":
            assert asked.distill is not None and self.lesson is not None
            settings = asked.distill.model_dump(mode="json", exclude={"data", "student"})
            found |= {"lesson": self.lesson.key, **settings, **self._settings(), **self.work.identity.of("student")}
        return found

    def share(self, name: str) -> float:
        prune: Prune | None = self.work.recipe.optimize.prune
        found = {"pruned": prune and prune.sparsity, "pruned-channels": prune and prune.channels}.get(name)
        return found or 0.0

    def trained(self, name: str, folder: Path) -> Callable[[Path], str] | None:
        """What trains a candidate and writes it as ONNX; None for one that nobody trains."""
        if name == "distilled":
            return lambda target: self._distilled(folder / "training", target)
        if name in ("pruned", "pruned-channels") and self.tuner is not None:
            return lambda target: self._pruned(name, folder / "training", target)
        return None

    def _pruned(self, name: str, inside: Path, target: Path) -> str:
        fetched, prune = fetch(self.work), self.work.recipe.optimize.prune
        assert self.tuner is not None and prune is not None
        label = f"optimize.prune.fine_tune {prune.fine_tune}"
        request = {
            "format": fetched.format,
            "file": str(fetched.file),
            "own": self.work.source.code is not None,
            "label": self.work.source.label,
            "what": "weights" if name == "pruned" else "channels",
            "share": self.share(name),
            "rounds": prune.rounds,
            "tuner": label,
            "reads": [str(file) for file in self.tuner.files()],
            "data": str(evaluation(self.work).folder / "data.npz"),
        }
        self._run("prune", {**request, **_called(self.tuner), **self._settings()}, inside, target, label)
        rounds = f", {prune.rounds} times" if prune.rounds > 1 else ""
        return f"trained further by {prune.fine_tune}{rounds}"

    def _distilled(self, inside: Path, target: Path) -> str:
        distill: Distill | None = self.work.recipe.optimize.distill
        assert self.student is not None and self.lesson is not None and distill is not None
        note, label = self.lesson.note(), f"optimize.distill.student {distill.student}"
        settings = distill.model_dump(mode="json", exclude={"data", "student"})
        kinds = {key: note[key] for key in ("kind", "shares", "output", "classes", "input")}
        request = {**settings, **kinds, "axes": self.work.recipe.axes, "student": label, "label": distill.student}
        request["lesson"] = str(self.lesson.folder / "data.npz")
        self._run("teach", {**request, **_called(self.student)}, inside, target, label)
        _alike(runtime.session(target), runtime.session(self.converted.model), label)
        told = f"{distill.student} learnt from the source's answers to {note['rows']:,} rows"
        if note["twins"]:
            told += f", among which are {note['twins']} of those of evaluate.data"
        return told

    def _run(self, operation: str, request: dict[str, Any], inside: Path, target: Path, what: str) -> None:
        inside.mkdir()
        work = self.work
        isolate.run(
            operation, request, inside, project=work.project, step="optimize", what=what, progress=work.progress
        )
        self.work.unchanged("source", "source")
        (inside / "model.onnx").replace(target)
        shutil.rmtree(inside)

    def _settings(self) -> dict[str, Any]:
        classify = self.work.recipe.classify
        return {"input": classify.input if classify else INPUT, "axes": self.work.recipe.axes}


def _code(work: Work, text: str, key: str) -> Code:
    found = work.find(text, key).code
    if found is None:
        raise InputError(f"{key} is {text!r}, expected module:function")
    return found


def _called(code: Code) -> dict[str, str]:
    return {"module": code.module, "function": code.function}


def _lesson(work: Work, converted: Converted) -> cache.Entry:
    """Rows to learn from and the teacher's answers to them. Raises DataError for rows that the gate measures on."""
    stored, measured = training(work), evaluation(work)
    asked = work.recipe.evaluate
    kind = "classes" if asked.metric in _CLASSES else "numbers" if asked.metric in _NUMBERS else "answers"
    from model_build.verify import labels, output  # which knows of candidates, too

    names = converted.classes or labels(work, converted)
    key = {
        "steps": STEPS,
        "model": converted.digest,
        "rows": stored.note()["digest"],
        "measured": measured.note()["digest"],
        "output": [asked.output, work.recipe.classify.output if work.recipe.classify else None],
        "metric": asked.metric,
        "classes": names,
        **work.identity.of("tool.onnxruntime"),
    }

    def fill(folder: Path) -> None:
        session = runtime.session(converted.model)
        text = str(work.recipe.optimize.training)
        twins = _twins(work, converted, session, stored, measured, text)
        work.progress("optimize", "the answers of the model, which teaches")
        try:
            given, expectations = inputs_and_labels(work, converted, stored, session)
            named = data.named(given, [value.name for value in session.get_inputs()], text)
            name = output(work, session)
            answer = measure.run(session, measure.fit(session, given, text), name)
            want = metrics.expected(expectations, answer, names, asked.metric, text) if kind != "answers" else None
        except DataError as error:
            raise renamed(error, TRAINED) from None
        shares = False
        if answer.dtype.kind != "f" or (kind == "classes" and (answer.ndim != 2 or answer.shape[1] < 2)):
            raise InputError(
                f"optimize.distill: the output {name!r}, which is measured, has {answer.dtype} of shape "
                f"{list(answer.shape)}, expected scores or shares of classes [rows, classes], or numbers; name such an "
                "output in evaluate.output"
            )
        if kind == "classes":
            shares = bool((answer >= 0).all() and np.allclose(answer.sum(axis=1), 1, atol=1e-3))
            answer = np.log(np.clip(answer, 1e-7, None)) if shares else answer
        truth = np.zeros(len(answer), np.int64) if want is None else want.values
        truth = truth.astype(np.float32) if kind == "numbers" else truth
        # Of classes that an estimator would sort otherwise it learns the positions.
        plain = converted.classes
        plain = plain if plain is not None and plain == sorted(plain) and kind == "classes" else None
        values: dict[str, Any] = {f"input.{each}": array for each, array in named.items()}
        teacher = answer.astype(np.float32)
        np.savez(folder / "data.npz", allow_pickle=False, **values, labels=truth, teacher=teacher)
        told = {"rows": len(truth), "twins": twins, "kind": kind, "shares": shares, "output": name, "classes": plain}
        cache.write_note(folder, {**told, "input": next(iter(named)) if len(named) == 1 else INPUT})

    return cache.made("lesson", key, fill)


def _twins(
    work: Work, converted: Converted, session: Any, stored: cache.Entry, measured: cache.Entry, text: str
) -> int:
    """How many rows of the evaluation data are among those to train on. Raises DataError where these are too many."""
    known, rows = (set(_rows(work, converted, session, entry)) for entry in (stored, measured))
    twins, count = len(known & rows), len(rows)
    if twins > _TWINS * count:
        raise DataError(
            f"optimize.distill.data {text} has {twins} of the {count} different rows of evaluate.data, expected rows "
            "that the gate does not measure on: a student that has seen them would be measured on what it knows by "
            "heart; name others"
        )
    return twins


def _rows(work: Work, converted: Converted, session: Any, entry: cache.Entry) -> list[bytes]:
    try:
        given, _ = inputs_and_labels(work, converted, entry, session)
        feeds = measure.fit(session, given, str(work.recipe.optimize.training))
    except DataError as error:
        raise renamed(error, TRAINED) from None
    count = len(next(iter(feeds.values())))
    found: list[bytes] = []
    for row in range(count):
        digest = hashlib.sha256()
        for values in feeds.values():
            one = values[row]
            digest.update(repr(np.asarray(one).tolist()).encode() if values.dtype.hasobject else one.tobytes())
        found.append(digest.digest())
    return found


def _alike(student: Any, teacher: Any, label: str) -> None:
    """Raise SourceError where callers of the teacher could not call the student."""

    def spoken(values: Any) -> dict[str, tuple[str, int]]:
        return {value.name: (value.type, len(value.shape)) for value in values}

    for what, has, wants in (
        ("takes", spoken(student.get_inputs()), spoken(teacher.get_inputs())),
        ("answers with", spoken(student.get_outputs()), spoken(teacher.get_outputs())),
    ):
        missing = {name: kind for name, kind in wants.items() if has.get(name) != kind}
        if missing or (what == "takes" and set(has) != set(wants)):
            got, expected = (
                ", ".join(f"{name} {kind} of {axes} axes" for name, (kind, axes) in sorted(each.items()))
                for each in (has, wants)
            )
            raise SourceError(
                f"{label}: its student {what} {got}, expected {expected}, as the model does, so that whoever calls it "
                "need not know which of them answers; change the student"
            )
