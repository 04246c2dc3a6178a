"""The section of the page on what a request costs of the serving program."""

from model_build.report import figures, parts
from model_build.report.markup import Child, tag
from model_build.report.model import Report


def served(report: Report) -> Child:
    """None where it was not measured, and nobody can say why."""
    found = report.served
    if found is None:
        told = f"It could not be measured: {report.unserved}." if report.unserved else ""
        return [tag("h2", "Serving"), parts.lead(told)] if told else None
    rows = [
        ("Time on the processor, mean", found.cpu_ms, figures.milliseconds, "cpu_ms"),
        ("Time on the processor, p99", found.cpu_p99_ms, figures.milliseconds, "cpu_p99_ms"),
        ("Answer, p50", found.p50_ms, figures.milliseconds, "p50_ms"),
        ("Answer, p99", found.p99_ms, figures.milliseconds, "p99_ms"),
        ("Memory of the server", found.master_bytes, figures.size, "master_bytes"),
        ("Memory of each worker beside it", found.worker_bytes, figures.size, "worker_bytes"),
    ]
    many = parts.counted(found.requests, "request")
    return [
        tag("h2", "Serving"),
        parts.lead(
            f"{many} of {found.request}, to the image's own program with one worker on one core, one after the other. "
            "What else the machine did is in the time of an answer, and not in that on the processor."
        ),
        parts.table(
            "Serving",
            ["A request", "-Measured"],
            [
                parts.row(name, parts.number(parts.value(amount, spell, f"served.{key}")))
                for name, amount, spell, key in rows
            ],
        ),
    ]
