"""A report as one page: self-contained, without scripts, without a single request to anywhere."""

from pathlib import Path

from model_build.report import exports, figures, parts, profiled, sections, serving
from model_build.report.markup import Child, Markup, tag
from model_build.report.model import Candidate, Report

_STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render(report: Report) -> str:
    """The page, UTF-8 text from doctype to the closing tag. The same report gives the same page, byte for byte."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", f"{report.name} {report.version}: model build report"),
        tag("style", Markup(_STYLE)),
    )
    body = [
        _header(report),
        _verdict(report),
        _tiles(report),
        _gates(report),
        sections.candidates(report),
        sections.quality(report),
        sections.slices(report),
        profiled.profile(report),
        sections.latency(report),
        serving.served(report),
        exports.exports(report),
        sections.steps(report),
        sections.origin(report),
        _footer(report),
    ]
    return f"<!doctype html>\n{tag('html', head, tag('body', tag('main', body)), lang='en')}\n"


def _header(report: Report) -> Markup:
    version = tag("small", f"version {report.version}")
    return tag("header", tag("p", "Model build report", class_="over"), tag("h1", report.name, " ", version))


def _verdict(report: Report) -> Markup:
    choice, gate = report.choice, report.gate
    if choice is None:
        tried = parts.counted(len(report.candidates), "candidate")
        told, why = "Not passed: no candidate met the gate", f"{tried} tried. The build stopped here and made no image."
    else:
        asked = any(bound is not None for bound in gate.model_dump().values())
        told = f"Passed: {choice.name} was chosen" + (" and met every gate" if asked else "; no gate was asked for")
        why = choice.why.removeprefix("chosen: ")
    return tag(
        "div",
        tag("strong", told),
        tag("p", _sentence(why)),
        class_="verdict" if choice else "verdict failed",
        role="status",
    )


def _tiles(report: Report) -> Child:
    """The few numbers that most readers came for."""
    about = parts.subject(report)
    if about is None:
        return None
    key = f"candidates.{report.candidates.index(about)}"
    tiles: list[Child] = []

    def tile(name: str, amount: float | None, spell: figures.Spell, at: str, below: Child) -> None:
        if amount is not None:
            big = tag("dd", figures.data(spell(amount), amount, f"{key}.{at}"))
            tiles.append(tag("div", tag("dt", name), big, tag("dd", below, class_="sub")))

    baseline, rows = report.evaluation.baseline, parts.counted(report.evaluation.rows, "row")
    beside: Child = f"on {rows}"
    if baseline is not None:
        beside = ["source model ", figures.data(figures.number(baseline), baseline, "evaluation.baseline")]
    tile(parts.title(report.evaluation.metric), about.metric, figures.number, "metric", beside)
    if about.parity:
        same = f"same answers as the source, {rows}"
        tile("Agreement", about.parity.agreement, figures.share, "parity.agreement", same)
    if about.latency:
        p50 = figures.data(figures.milliseconds(about.latency.p50_ms), about.latency.p50_ms, f"{key}.latency.p50_ms")
        calls = f", {parts.counted(about.latency.batch, 'row')} a call"
        tile("Latency, p99", about.latency.p99_ms, figures.milliseconds, "latency.p99_ms", ["p50 ", p50, calls])
    before = figures.data(figures.size(report.source.bytes), report.source.bytes, "source.bytes")
    tile("Model file", about.file_bytes, figures.size, "file_bytes", ["source ", before])
    return tag("dl", tiles, class_="tiles")


def _gates(report: Report) -> Child:
    about = parts.subject(report)
    if about is None:
        return None
    rows = [_gate(about, *gate) for gate in _asked(report, about) if gate[2] is not None]
    if not rows:
        none = "The recipe asks for no gate: any candidate that could be measured may be chosen."
        return [tag("h2", "Gate"), parts.lead(none)]
    return [
        tag("h2", "Gate"),
        parts.lead(f"What the recipe asks for, held against {about.name}."),
        parts.table("Gates", ["Gate", "Result", "-Asked", "-Measured", "-To spare"], rows),
    ]


def _asked(report: Report, about: Candidate) -> list[tuple[str, str, float | None, float | None, figures.Spell, int]]:
    """Each gate: its key, its name, the bound, what was measured, how to spell both, and 1 for an upper bound."""
    gate, metric = report.gate, parts.title(report.evaluation.metric)
    p99 = about.latency.p99_ms if about.latency else None
    of, drops = [each.metric for each in report.slices], [s.drop for s in report.slices if s.drop is not None]
    return [
        ("min", f"{metric}, at least", gate.min, about.metric, figures.number, -1),
        ("max", f"{metric}, at most", gate.max, about.metric, figures.number, 1),
        ("max_drop", "Worse than the source, at most", gate.max_drop, about.drop, figures.number, 1),
        ("min_slice", f"{metric} in any group, at least", gate.min_slice, min(of, default=None), figures.number, -1),
        ("max_slice", f"{metric} in any group, at most", gate.max_slice, max(of, default=None), figures.number, 1),
        (
            "max_drop_slice",
            "Worse than the source in any group, at most",
            gate.max_drop_slice,
            max(drops, default=None),
            figures.number,
            1,
        ),
        (
            "min_cosine",
            "Cosine to the source's, in any row at least",
            gate.min_cosine,
            about.parity.cosine_worst if about.parity else None,
            figures.number,
            -1,
        ),
        ("max_latency_ms", "Latency p99, at most", gate.max_latency_ms, p99, figures.milliseconds, 1),
        *(
            (
                f"max_latency_ms_by_rows.{rows}",
                f"Latency p99 of {parts.counted(rows, 'row')}, at most",
                most,
                next((each.p99_ms for each in about.batches if each.rows == rows), None),
                figures.milliseconds,
                1,
            )
            for rows, most in (gate.max_latency_ms_by_rows or {}).items()
        ),
        ("max_bytes", "Model file, at most", gate.max_bytes, about.file_bytes, figures.size, 1),
    ]


def _gate(
    about: Candidate, key: str, name: str, bound: float | None, measured: float | None, spell: figures.Spell, upper: int
) -> Markup:
    spare = None if bound is None or measured is None else (bound - measured) * upper
    # The builder decides, the page tells: a candidate that passed has met every gate.
    met = about.passed or (spare is not None and spare >= 0)
    margin = "" if spare is None else ("" if spare >= 0 else figures.MINUS) + spell(abs(spare))
    return parts.row(
        name,
        tag("td", parts.chip("passed" if met else "missed", met)),
        parts.number(parts.value(bound, spell, f"gate.{key}")),
        parts.number(figures.NONE if measured is None else spell(measured)),
        parts.number(margin),
    )


def _footer(report: Report) -> Markup:
    whole = "The same numbers, unrounded, are in report.json beside this page."
    return tag("footer", f"Made by Modelport, build {report.identity[:12]}. {whole}")


def _sentence(text: str) -> str:
    """With a full stop, but never with a capital: it may begin with a candidate's name."""
    return text if text.endswith((".", "!", "?")) else text + "."
