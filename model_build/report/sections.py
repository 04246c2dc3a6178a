"""The sections of the page below its verdict, each a function of the report; None where it has nothing to show."""

from model_build.report import charts, figures, pareto, parts
from model_build.report.markup import Child, Markup, tag
from model_build.report.model import Candidate, Confusion, Points, Report

_COMMON = 10  # confusions that the table lists
_GROUPS = 20  # groups of rows that the table lists


def candidates(report: Report) -> Child:
    if not report.candidates:
        return None
    metric = parts.title(report.evaluation.metric)
    head = ["Candidate", "Result", "Type", f"-{metric}", "-Worse than source", "-p50", "-p99", "-File"]
    rows = [_candidate(c, f"candidates.{i}") for i, c in enumerate(report.candidates)]
    reasons = [parts.row(c.name, tag("td", _reason(c))) for c in report.candidates]
    return [
        tag("h2", "Candidates"),
        parts.lead("Every form of the model that was tried, on the same rows and the same machine."),
        tag("div", _panels(report, metric), class_="charts"),
        _fronts(report, metric),
        parts.table("Measurements of every candidate", head, rows),
        _parities(report),
        tag("h3", "Why"),
        parts.table("Why each candidate was chosen or not", ["Candidate", "Reason"], reasons),
    ]


def _candidate(c: Candidate, key: str) -> Markup:
    t = c.latency
    cells = [
        (c.metric, figures.number, "metric"),
        (c.drop, figures.number, "drop"),
        (t.p50_ms if t else None, figures.milliseconds, "latency.p50_ms"),
        (t.p99_ms if t else None, figures.milliseconds, "latency.p99_ms"),
        (c.file_bytes, figures.size, "file_bytes"),
    ]
    result = parts.chip("chosen", True) if c.chosen else parts.chip(*_verdict(c))
    return parts.row(
        c.name,
        tag("td", result),
        tag("td", c.dtype),
        [parts.number(parts.value(amount, spell, f"{key}.{at}")) for amount, spell, at in cells],
        chosen=c.chosen,
    )


def _parities(report: Report) -> Child:
    """How far each is from the source; columns that say nothing of this model are left out."""
    known = [(c, f"candidates.{i}.parity", c.parity) for i, c in enumerate(report.candidates) if c.parity]
    if not known:
        return None
    columns: list[tuple[str, str, figures.Spell]] = [
        ("-Same answers", "agreement", figures.share),
        ("-Most rows", "most", figures.number),
        ("-Root mean square", "rms", figures.number),
        ("-Allowed", "bound", figures.number),
        ("-Largest difference", "max_abs", figures.number),
        ("-Mean difference", "mean_abs", figures.number),
        ("-Cosine, mean", "cosine_mean", figures.number),
        ("-Cosine, worst", "cosine_worst", figures.number),
    ]
    shown = [each for each in columns if any(getattr(p, each[1]) is not None for _, _, p in known)]
    rows = [
        parts.row(
            c.name,
            [parts.number(parts.value(getattr(p, at), spell, f"{key}.{at}")) for _, at, spell in shown],
            chosen=c.chosen,
        )
        for c, key, p in known
    ]
    told = (
        f"Answers beside those of {report.source.framework}, as shares of their size. Float32 and float16 are held to "
        "what most rows keep, all but a few; what is quantised to the root mean square of all."
    )
    return [
        tag("h3", "How far from the source"),
        parts.lead(told),
        parts.table("Distance of every candidate from the source", ["Candidate", *(each[0] for each in shown)], rows),
    ]


def _verdict(c: Candidate) -> tuple[str, bool | None]:
    if c.peer and c.metric is not None:
        return "compared", None
    if c.metric is None:
        return "not made", False
    return ("passed", None) if c.passed else ("missed", False)


def _reason(c: Candidate) -> Child:
    return [c.why, [[tag("br"), line] for line in (c.detail, *c.missed) if line and line not in c.why]]


def _panels(report: Report, metric: str) -> list[Child]:
    gate, found = report.gate, report.candidates
    quality, worst = (gate.max, "most") if report.evaluation.better == "smaller" else (gate.min, "least")
    return [
        _panel(metric, [(c, c.metric) for c in found], figures.number, quality, worst, zoom=True),
        _panel("Latency, p99", [(c, c.latency.p99_ms if c.latency else None) for c in found], figures.milliseconds,
               gate.max_latency_ms, "most"),
        _panel("Model file", [(c, c.file_bytes) for c in found], figures.size, gate.max_bytes, "most"),
    ]  # fmt: skip


def _fronts(report: Report, metric: str) -> Child:
    """Only for a real choice: two candidates are compared well enough by bars."""
    found = [c for c in report.candidates if c.metric is not None]
    if report.front is None or len(found) < 3:
        return None
    front, better = report.front, report.evaluation.better

    def panel(name: str, values: list[tuple[Candidate, float | None]], on: list[str], spell: figures.Spell) -> Child:
        dots = [
            pareto.Dot(c.name, v, c.metric, _kind(c), c.name in on)
            for c, v in values
            if v is not None and c.metric is not None
        ]
        if not dots:
            return None
        told = f"{metric} against {name}; none is better in both than {', '.join(on)}"
        note = f"Further up is better, further left is {'quicker' if spell is figures.milliseconds else 'smaller'}."
        picture = pareto.picture(told, dots, spell, better)
        return tag("figure", tag("h3", f"{metric} against {name}"), picture, tag("figcaption", note))

    return [
        tag("h3", "What quality costs"),
        parts.lead("On the line are the candidates that no other beats in both; a hollow dot is only compared with."),
        tag(
            "div",
            panel(
                "latency",
                [(c, c.latency.p50_ms if c.latency else None) for c in found],
                front.latency,
                figures.milliseconds,
            ),
            panel("size", [(c, c.file_bytes) for c in found], front.size, figures.size),
            class_="charts",
        ),
    ]


def _kind(c: Candidate) -> str:
    return "peer" if c.peer else "chosen" if c.chosen else "other" if c.passed else "missed"


def _panel(
    title: str,
    found: list[tuple[Candidate, float | None]],
    spell: figures.Spell,
    bound: float | None,
    side: str,
    *,
    zoom: bool = False,
) -> Child:
    bars = [charts.Bar(c.name, v, spell(v), c.chosen, c.passed) for c, v in found if v is not None]
    if not bars:
        return None
    told = f"{title} by candidate: " + ", ".join(f"{b.label} {b.text}" for b in bars)
    limit = None if bound is None else (float(bound), f"gate: at {side} {spell(bound)}")
    return tag("figure", tag("h3", title), charts.bars(told, bars, limit=limit, zoom=zoom))


def quality(report: Report) -> Child:
    about = parts.subject(report)
    name = about.name if about else "the model"
    match report.quality:
        case Confusion() as found:
            return _confusion(found, name)
        case Points() as found:
            picture, shown = charts.parity(f"Expected against actual values of {name}", found)
            some = "" if shown == len(found.expected) else f" {shown} of {len(found.expected)} rows are drawn."
            return [
                tag("h2", "Expected against actual"),
                parts.lead(f"What {name} answers on the evaluation data. On the dashed line both are equal.{some}"),
                tag("figure", picture, class_="large"),
            ]
        case None:
            return None


def _confusion(found: Confusion, name: str) -> Child:
    total = sum(map(sum, found.matrix))
    right = sum(found.matrix[i][i] for i in range(len(found.labels)))
    told = f"{right} of {parts.counted(total, 'row')} answered as expected"
    picture, hidden = charts.confusion(f"Confusion matrix of {name}: {told}", found)
    note = "Rows are what was expected, columns what was answered, shaded by the share of the row."
    if hidden:
        note += f" {parts.counted(hidden, 'label')} that no row has or got are left out."
    wrong = [(n, i, j) for i, row in enumerate(found.matrix) for j, n in enumerate(row) if n and i != j]
    wrong.sort(key=lambda cell: (-cell[0], cell[1], cell[2]))
    rows = [
        parts.row(
            found.labels[i],
            tag("td", found.labels[j]),
            parts.number(figures.data(str(n), n, f"quality.matrix.{i}.{j}")),
        )
        for n, i, j in wrong[:_COMMON]
    ]
    listing = [
        tag("h3", "Answered otherwise than expected"),
        parts.table("Confusions", ["Expected", "Answered", "-Rows"], rows) if rows else tag("p", "None."),
        parts.lead(f"The {_COMMON} most frequent of {len(wrong)} kinds.") if len(wrong) > _COMMON else None,
    ]
    return [
        tag("h2", "Where it is right and wrong"),
        parts.lead(f"{told} by {name}."),
        tag("div", tag("figure", picture, tag("figcaption", note)), tag("div", listing), class_="charts two"),
    ]


def slices(report: Report) -> Child:
    if not report.slices:
        return None
    rows = [
        parts.row(
            f"{each.column}: {each.group}",
            parts.number(figures.data(f"{each.rows:,}", each.rows, f"slices.{place}.rows")),
            [
                parts.number(parts.value(amount, figures.number, f"slices.{place}.{at}"))
                for amount, at in ((each.metric, "metric"), (each.baseline, "baseline"), (each.drop, "drop"))
            ],
        )
        for place, each in enumerate(report.slices[:_GROUPS])
    ]
    more = len(report.slices) - len(rows)
    left = f" {more} more, all better than these, are in report.json." if more else ""
    metric = parts.title(report.evaluation.metric)
    return [
        tag("h2", "Groups"),
        parts.lead(f"Rows measured group by group, the worst first.{left}"),
        parts.table("Groups of rows", ["Group", "-Rows", f"-{metric}", "-Source model", "-Worse than source"], rows),
    ]


def latency(report: Report) -> Child:
    timed = [(c, c.latency) for c in report.candidates if c.latency and c.latency.samples_ms]
    if not timed:
        return None
    upto = max(t.p99_ms for _, t in timed) * 1.35 or 1.0
    panels: list[Child] = []
    for c, t in timed:
        beyond = sum(sample > upto for sample in t.samples_ms)
        note = (
            f"{parts.counted(len(t.samples_ms), 'call')}, mean {figures.milliseconds(t.mean_ms)}, slowest "
            f"{figures.milliseconds(max(t.samples_ms))}{f'; {beyond} beyond the right edge' if beyond else ''}."
        )
        picture = charts.histogram(f"Distribution of the latency of {c.name}", t, upto)
        panels.append(tag("figure", tag("h3", c.name), picture, tag("figcaption", note)))
    where = f" Measured on {report.machine}." if report.machine else ""
    rows = parts.counted(timed[0][1].batch, "row")
    return [
        tag("h2", "Latency"),
        parts.lead(f"Time of one call with {rows}, all on one scale.{where}{_runtimes(report)}"),
        tag("div", panels, class_="charts"),
        _batches(report),
    ]


def _runtimes(report: Report) -> str:
    here, there = report.tools.get("onnxruntime"), report.image_onnxruntime
    if not here or not there:
        return ""
    if here == there:
        return f" ONNX Runtime {here}, one thread, as a worker in the image has it."
    return f" Measured in ONNX Runtime {here}, but the image has {there}: install that one to be sure."


def _batches(report: Report) -> Child:
    """A line for each candidate and number of rows, those with one row first."""
    rows: list[Child] = []
    for index, c in enumerate(report.candidates):
        if not c.batches or c.latency is None:
            continue
        key, t = f"candidates.{index}", c.latency
        least = t.batch / t.mean_ms * 1000 if t.mean_ms else 0.0
        rows.append(
            _batch(c, t.batch, [(t.p50_ms, f"{key}.latency.p50_ms"), (t.p99_ms, f"{key}.latency.p99_ms")], least)
        )
        for at, b in enumerate(c.batches):
            times = [(b.p50_ms, f"{key}.batches.{at}.p50_ms"), (b.p99_ms, f"{key}.batches.{at}.p99_ms")]
            rows.append(_batch(c, b.rows, times, b.rows_per_second))
    if not rows:
        return None
    return [
        tag("h3", "With more rows a call"),
        parts.lead("As many as clients send in one request: the server runs them as they come."),
        parts.table("Latency by rows a call", ["Candidate", "-Rows", "-p50", "-p99", "-Rows a second"], rows),
    ]


def _batch(c: Candidate, rows: int, times: list[tuple[float, str]], speed: float) -> Markup:
    return parts.row(
        c.name,
        parts.number(str(rows)),
        [parts.number(parts.value(value, figures.milliseconds, key)) for value, key in times],
        parts.number(figures.number(round(speed))),
        chosen=c.chosen,
    )


def steps(report: Report) -> Child:
    if not report.steps:
        return None
    longest = max(s.seconds for s in report.steps) or 1.0
    cached = sum(s.cached for s in report.steps)
    rows: list[Child] = []
    for index, step in enumerate(report.steps):
        filled = tag("i", style=f"width:{step.seconds / longest * 100:.1f}%")
        bar = tag("span", filled, class_="time cached" if step.cached else "time", aria_hidden="true")
        spent = figures.data(figures.seconds(step.seconds), step.seconds, f"steps.{index}.seconds")
        origin = parts.chip("cache", None) if step.cached else "this build"
        rows.append(parts.row(step.name, parts.number(spent), tag("td", bar, class_="grow"), tag("td", origin)))
    total = figures.seconds(sum(s.seconds for s in report.steps))
    return [
        tag("h2", "Steps"),
        parts.lead(f"{total} in all; {cached} of {parts.counted(len(report.steps), 'step')} came from the cache."),
        parts.table("Steps of the build", ["Step", "-Time", "", "From"], rows),
    ]


def origin(report: Report) -> Child:
    source, data, image = report.source, report.evaluation, report.image
    facts: list[tuple[str, Child]] = [
        ("Source", _lines(source.description, f"{source.framework}, {figures.size(source.bytes)}", source.digest)),
        ("Evaluation data", _lines(f"{parts.counted(data.rows, 'row')}, {parts.title(data.metric)}", data.digest)),
        ("Image", _lines(f"{figures.size(image.unpacked_bytes)} unpacked", image.digest) if image else None),
        ("Identity", tag("code", report.identity)),
        ("Machine", report.machine or None),
        ("Tools", ", ".join(f"{name} {version}" for name, version in report.tools.items()) or None),
    ]
    return [
        tag("h2", "Where it comes from"),
        tag("dl", [[tag("dt", name), tag("dd", told)] for name, told in facts if told], class_="facts"),
    ]


def _lines(*lines: str) -> Child:
    """Lines of one fact; the last one is a digest."""
    return [*([line, tag("br")] for line in lines[:-1]), tag("code", lines[-1])]
