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
    head = ["Candidate", "Result", "Type", f"-{metric}", "-Worse than source", "-Same answers", "-Largest difference",
            "-Mean difference", "-p50", "-p99", "-File"]  # fmt: skip
    rows = [_candidate(c, f"candidates.{i}") for i, c in enumerate(report.candidates)]
    reasons = [parts.row(c.name, tag("td", _reason(c))) for c in report.candidates]
    return [
        tag("h2", "Candidates"),
        parts.lead("Every form of the model that was tried, on the same rows and the same machine."),
        tag("div", _panels(report, metric), class_="charts"),
        _fronts(report, metric),
        parts.table("Measurements of every candidate", head, rows),
        tag("h3", "Why"),
        parts.table("Why each candidate was chosen or not", ["Candidate", "Reason"], reasons),
    ]


def _candidate(c: Candidate, key: str) -> Markup:
    p, t = c.parity, c.latency
    cells = [
        (c.metric, figures.number, "metric"),
        (c.drop, figures.number, "drop"),
        (p.agreement if p else None, figures.share, "parity.agreement"),
        (p.max_abs if p else None, figures.number, "parity.max_abs"),
        (p.mean_abs if p else None, figures.number, "parity.mean_abs"),
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
        parts.lead(f"Time of one call with {rows}, all on one scale.{where}"),
        tag("div", panels, class_="charts"),
    ]


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
