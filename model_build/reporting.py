"""Fills in the report of a build and reads it back: the report is also the record that a build was done."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from model_build import distributions, folders, metrics, report, runtime
from model_build.convert import Converted
from model_build.gate import Measured
from model_build.profiles import LEAST
from model_build.recipe_evaluate import ERRORS, Evaluate
from model_build.report.pareto import front
from model_build.report.render import render
from model_build.served import Served
from model_build.verify import Result, Verified, machine
from model_build.work import Work

if TYPE_CHECKING:
    from model_build.formats.exporting import Exported

_POINTS = 2000
"""Points of a parity plot: more do not show."""


@dataclass(frozen=True)
class Written:
    json: Path
    html: Path

    @property
    def profile(self) -> Path:
        """Of a report that has one."""
        return self.json.with_name("profile.json")

    def files(self) -> dict[str, Path]:
        """By name, what goes with an image."""
        return {path.name: path for path in (self.json, self.html, self.profile) if path.is_file()}


def fill(
    work: Work,
    converted: Converted,
    verified: Verified,
    image: report.Image | None,
    costs: tuple[Served | None, str] = (None, ""),
    exports: Sequence[report.Export] = (),
) -> report.Report:
    """All that the build measured and decided. costs: of a request to the image's serving program, or why not."""
    recipe, asked = work.recipe, work.recipe.evaluate
    tools = {name.partition(".")[2]: version for name, version in work.identity.of("tool").items()}
    better: Literal["larger", "smaller"] = "smaller" if asked.metric in ERRORS else "larger"
    candidates = [_candidate(result, verified) for result in verified.results]
    return report.Report(
        name=recipe.name,
        version=recipe.version,
        identity=work.identity.digest,
        source=report.Source(
            framework=converted.framework,
            description=work.source.described,
            digest=f"sha256:{converted.digest}",
            bytes=converted.model.stat().st_size,
        ),
        evaluation=report.Evaluation(
            rows=verified.rows,
            metric=asked.metric,
            better=better,
            digest=f"sha256:{verified.data_digest}",
            baseline=verified.baseline,
        ),
        gate=_gate(asked),
        chosen=verified.chosen,
        candidates=candidates,
        front=front(candidates, better),
        quality=_quality(verified),
        profile=_profile(work, verified),
        slices=_slices(verified, asked.metric, better),
        steps=[report.Step(name=s.name, seconds=round(s.seconds, 3), cached=s.cached) for s in work.steps],
        tools=tools
        | {"python": platform.python_version(), "modelport": distributions.version("modelport") or "source"},
        machine=machine(),
        image_onnxruntime=runtime.image_version() or "",
        image=image,
        exports=list(exports),
        served=report.Served.model_validate(asdict(costs[0])) if costs[0] else None,
        unserved=costs[1],
    )


def exported(found: "Exported", digest: str) -> report.Export:
    """What is told of a format. digest: of what holds it."""
    got, timed = found.measured, found.timed
    return report.Export(
        name=found.name,
        form=found.form,
        runtime=found.runtime,
        digest=digest,
        file_bytes=got.file_bytes,
        metric=got.metric,
        drop=got.drop,
        parity=report.Parity(**asdict(got.apart), bound=found.bound) if got.apart else None,
        p50_ms=got.p50_ms if timed else None,
        p99_ms=got.p99_ms if timed else None,
        why=found.why,
    )


def place(identity: str) -> Written:
    folder = folders.report(identity)
    return Written(folder / "report.json", folder / "report.html")


def write(made: report.Report) -> Written:
    """Put JSON and page where reports are kept; each appears whole. The JSON is last: where it is, both are."""
    written = place(made.identity)
    written.json.parent.mkdir(parents=True, exist_ok=True)
    profile = [(written.profile, made.profile.dump())] if made.profile else []
    for path, text in (*profile, (written.html, render(made)), (written.json, made.dump())):
        part = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            part.write_text(text, "utf-8")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return written


def read(identity: str) -> report.Report | None:
    """The report of an earlier build of this identity; None where there is none that can be read."""
    written = place(identity)
    if not written.html.exists():
        return None
    try:
        found = report.Report.load(written.json)
    except (OSError, ValueError):
        return None
    return found if found.identity == identity else None


def figures(made: report.Report) -> dict[str, float]:
    """The numbers of the chosen candidate for a stack's outputs: the metric by its name, latency in ms, bytes."""
    choice = made.choice
    if choice is None:
        return {}
    found: dict[str, float | None] = {
        made.evaluation.metric: choice.metric,
        "baseline": made.evaluation.baseline,
        "drop": choice.drop,
        "p50_ms": choice.latency.p50_ms if choice.latency else None,
        "p99_ms": choice.latency.p99_ms if choice.latency else None,
        "bytes": choice.file_bytes,
        "agreement": choice.parity.agreement if choice.parity else None,
        "max_abs": choice.parity.max_abs if choice.parity else None,
        "distance": choice.parity.rms if choice.parity else None,
        "least_cosine": choice.parity.cosine_worst if choice.parity else None,
        **{f"p99_ms_of_{each.rows}": each.p99_ms for each in choice.batches},
    }
    return {name: value for name, value in found.items() if value is not None}


def _candidate(result: Result, verified: Verified) -> report.Candidate:
    got: Measured | None = result.measured
    timing = result.timing
    return report.Candidate(
        name=result.name,
        dtype=result.dtype,
        file_bytes=got.file_bytes if got else None,
        metric=got.metric if got else None,
        drop=got.drop if got else None,
        parity=_parity(result),
        latency=report.Latency(
            p50_ms=timing.p50_ms,
            p99_ms=timing.p99_ms,
            mean_ms=timing.mean_ms,
            samples_ms=timing.samples_ms,
            batch=verified.batch,
        )
        if timing
        else None,
        batches=[
            report.Batch(
                rows=rows,
                p50_ms=each.p50_ms,
                p99_ms=each.p99_ms,
                rows_per_second=round(rows / each.mean_ms * 1000, 1) if each.mean_ms else 0.0,
            )
            for rows, each in result.batches.items()
        ],
        passed=got is not None and not result.missed,
        chosen=result.name == verified.chosen,
        why=result.why,
        detail=result.detail,
        peer=result.peer,
        missed=result.missed,
    )


def _profile(work: Work, verified: Verified) -> report.Profile | None:
    if verified.shown is None or not verified.profile:
        return None
    told = {
        "model": work.recipe.name,
        "version": work.recipe.version,
        "candidate": verified.shown,
        "data": f"sha256:{verified.data_digest}",
        "rows": verified.rows,
        "least": LEAST,
    }
    return report.Profile.model_validate(told | verified.profile)


def _gate(asked: Evaluate) -> report.Gate:
    plain = {name: getattr(asked, name) for name in report.Gate.model_fields if hasattr(asked, name)}
    latencies = dict(asked.latencies)
    first = latencies.pop(1, None)
    return report.Gate.model_validate(plain | {"max_latency_ms": first, "max_latency_ms_by_rows": latencies or None})


def _parity(result: Result) -> report.Parity | None:
    found = result.parity
    return None if found is None else report.Parity(**asdict(found), bound=result.bound)


def _slices(verified: Verified, metric: str, better: str) -> list[report.Slice]:
    shown = verified.choice or next((each for each in verified.results if each.name == verified.shown), None)
    if shown is None or shown.measured is None:
        return []
    sign = 1 if better == "larger" else -1
    return [
        report.Slice(
            column=each.column,
            group=each.group,
            rows=each.rows,
            metric=each.metric,
            baseline=each.baseline,
            drop=None if each.baseline is None else metrics.drop(metric, each.metric, each.baseline),
        )
        for each in sorted(shown.measured.slices, key=lambda each: sign * each.metric)
    ]


def _quality(verified: Verified) -> report.Confusion | report.Points | None:
    found = verified.quality
    if "matrix" in found:
        return report.Confusion(labels=found["labels"], matrix=found["matrix"])
    if "expected" in found:
        step = max(1, len(found["expected"]) // _POINTS)
        return report.Points(expected=found["expected"][::step], actual=found["actual"][::step])
    return None
