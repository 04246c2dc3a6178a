"""The step between verify and bake: the chosen model in the recipe's formats, each held to the gate in its own runtime.

All are made and measured before anything is baked, so one that misses leaves what there was as it was.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model_build import cache, content, distributions, gate, isolate, measure, metrics, parity, runtime
from model_build.bake.attachments import FORMATS as TYPES
from model_build.convert import Converted
from model_build.errors import GateMissed, SourceError
from model_build.evaluation import evaluation
from model_build.fetch import Fetched, fetch
from model_build.formats import FORMATS, fitting, forms, proving, runnable
from model_build.identity import STEPS
from model_build.parity import Apart
from model_build.slicing import Slice
from model_build.verify import Verified, decided_by, figures, labels, machine, output, reference
from model_build.work import Work


@dataclass(frozen=True)
class Exported:
    name: str
    form: str
    runtime: str
    """What it was verified in, with its version."""
    folder: Path
    """Where its files are, and nothing else."""
    measured: gate.Measured
    timed: bool
    bound: float | None
    """The most that parity's distance may be; None: any."""
    why: str

    @property
    def files(self) -> dict[str, Path]:
        return dict(content.walk(self.folder))


def ready(work: Work) -> None:
    """Raise InputError for a format that is asked for and cannot be had, before anything takes long."""
    names = list(work.recipe.formats)
    runnable([name for name in names if not FORMATS[name].made_of])
    if any(FORMATS[name].made_of for name in names):
        # whose model it is comes first: nobody is to install a framework for a model that is not of it
        fitting(names, fetch(work).format, work.source.label)
        runnable(names)


def export(work: Work, converted: Converted, verified: Verified) -> list[Exported]:
    """Write and measure every format of the recipe.

    Raises SourceError for one that cannot hold the model, GateMissed for one that is not good enough.
    """
    if work.recipe.formats and converted.generates:
        raise SourceError(
            f"formats names {work.recipe.formats[0]}, but source {work.source.label!r} writes token by token, in a "
            "loop that is in the image's server; leave formats out"
        )
    return [_Exporting(work, converted, verified, name).exported() for name in work.recipe.formats]


def attach(layout: Path, digest: str, exported: Exported) -> str:
    """Attach the files to the image `digest`; the digest of what holds them."""
    from model_build import bake

    return bake.attach(layout, digest, TYPES[exported.name], exported.files)


@dataclass(frozen=True)
class _Exporting:
    work: Work
    converted: Converted
    verified: Verified
    name: str

    def exported(self) -> Exported:
        work, asked = self.work, self.work.recipe.evaluate
        about = FORMATS[self.name]
        if not about.timed:
            asked = asked.model_copy(update={"max_latency_ms": None})
        fetched = fetch(work)
        stored = evaluation(work)
        own = reference(work, fetched, self.converted, stored)
        entries: dict[str, cache.Entry] = {}
        measured: dict[str, gate.Measured] = {}
        lacks: list[str] = []
        for form in forms.plan(self.name, self.converted, self.verified, fetched):
            entry = self._made(form, fetched, stored)
            if why := entry.note().get("lacks"):
                lacks.append(why)
                continue
            entries[form.name] = entry
            measured[form.name] = self._measured(form, entry, stored, own)
        if not measured:
            raise SourceError(lacks[-1])
        work.did(f"export {self.name}", *entries.values())
        missed = {name: gate.missed(asked, got) for name, got in measured.items()}
        passed = [got for name, got in measured.items() if not missed[name]]
        chosen, why = gate.choose(passed, work.recipe.optimize.latency_margin)
        if chosen is None:
            told = [f"{self.name} ({name}) missed {line}" for name, lines in missed.items() for line in lines]
            raise GateMissed(work.recipe.name, told, f"leave {self.name} out of formats, or {gate.fix(asked, missed)}")
        if len(measured) == 1:
            why[chosen] = "passed the gate"
        if lacks:
            why[chosen] += f"; {lacks[0].partition(', but ')[2].partition('; ')[0]}"
        got = measured[chosen]
        used = next(name for name in about.packages if distributions.version(name))
        files = entries[chosen].folder / proving.FILES
        bound = parity.bound(asked.parity, got.form) if got.apart else None
        ran = f"{used} {about.version}"
        return Exported(self.name, chosen, ran, files, got, about.timed, bound, why[chosen])

    def _made(self, form: forms.Form, fetched: Fetched, stored: cache.Entry) -> cache.Entry:
        """The files, their answers and their timings; or a note of what the format lacks for them."""
        work, asked = self.work, self.work.recipe.evaluate
        about, session = FORMATS[self.name], runtime.session(self.converted.model)
        settings: dict[str, Any] = {
            "to": self.name,
            "form": form.name,
            "name": work.recipe.name,
            "version": work.recipe.version,
            "format": form.kind,
            "output": output(work, session),
            "sizes": [1, *asked.sizes] if about.timed else [],
            "batches": [1, *asked.sizes],
            "parity": asked.parity.model_dump(mode="json"),
            "columns": self.converted.columns,
            "beside": asked.beside,
        }
        del session  # a large model is not held twice

        def fill(folder: Path) -> None:
            work.progress("export", f"{about.title} of {form.name}")
            request = {
                **settings,
                "file": str(form.source),
                "own": work.source.code is not None or form.kind == "onnx",
                "model": str(self.converted.model),
                "data": str(stored.folder / "data.npz"),
                "data_label": asked.data,
                "label": work.source.label,
                "reads": [str(self.converted.model)],
                "trust": work.recipe.trust,
            }
            answer = isolate.run(
                "export",
                request,
                folder,
                project=work.project,
                step="export",
                what=f"{about.title} of {work.source.label}",
                progress=work.progress,
            )
            cache.write_note(folder, answer)

        key = {
            "steps": STEPS,
            "source": content.of_file(form.source) if form.kind == "onnx" else fetched.key,
            "model": self.converted.digest,
            "data": stored.note()["digest"],
            "machine": machine(),
            "runtime": about.version,
            **work.identity.of("tool.onnxruntime"),
            **settings,
        }
        return cache.made("export", key, fill)

    def _measured(self, form: forms.Form, made: cache.Entry, stored: cache.Entry, own: cache.Entry) -> gate.Measured:
        work, asked = self.work, self.work.recipe.evaluate
        names = labels(work, self.converted)

        def fill(folder: Path) -> None:
            with np.load(made.folder / proving.ANSWER, allow_pickle=False) as file:
                answer: metrics.Array = np.asarray(file["answer"])
            session = runtime.session(self.converted.model)
            cache.write_note(folder, figures(work, self.converted, stored, own, names, answer, session))

        decided = decided_by(work, self.converted, own, names)
        note = cache.made("answers", {"steps": STEPS, "export": made.key, **decided}, fill).note()
        if "metric" not in note:
            raise SourceError(f"formats names {self.name}, whose answers are none: {note['unfit']}; leave it out")
        timings = {size: measure.Timing(**timing) for size, timing in made.note()["timings"]}
        apart = Apart(**note["parity"]) if note.get("parity") else None
        least = timings.pop(1, None)
        counts = FORMATS[self.name].model
        files = content.walk(made.folder / proving.FILES)
        size = sum(path.stat().st_size for name, path in files if counts in ("", name))
        return gate.Measured(
            form.name,
            size,
            note["metric"],
            None if note["baseline"] is None else metrics.drop(asked.metric, note["metric"], note["baseline"]),
            least.p50_ms if least else 0.0,
            least.p99_ms if least else 0.0,
            [Slice(*each) for each in note["slices"]],
            {rows: timing.p99_ms for rows, timing in timings.items()},
            form.computes,
            apart,
            apart.cosine_worst if apart else None,
        )
