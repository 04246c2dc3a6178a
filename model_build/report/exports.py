"""The section of the page on the model in formats of other runtimes."""

from model_build.report import figures, parts
from model_build.report.markup import Child, tag
from model_build.report.model import Report


def exports(report: Report) -> Child:
    if not report.exports:
        return None
    rows = [
        parts.row(
            each.name,
            tag("td", each.form),
            tag("td", each.runtime),
            [
                parts.number(parts.value(amount, spell, f"exports.{place}.{at}"))
                for amount, spell, at in (
                    (each.metric, figures.number, "metric"),
                    (each.drop, figures.number, "drop"),
                    (each.parity.most if each.parity else None, figures.number, "parity.most"),
                    (each.p50_ms, figures.milliseconds, "p50_ms"),
                    (each.file_bytes, figures.size, "file_bytes"),
                )
            ],
        )
        for place, each in enumerate(report.exports)
    ]
    metric = parts.title(report.evaluation.metric)
    head = ["Format", "Form", "Measured in", f"-{metric}", "-Worse than source", "-Most rows away", "-Median", "-Size"]
    return [
        tag("h2", "For other runtimes"),
        parts.lead("Attached to the image, each held to the same gate in its own runtime: modelport export gets it."),
        parts.table("The model in other formats", head, rows),
    ]
