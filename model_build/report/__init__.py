"""The report of a build: what was measured, what was chosen and why, as data and as one page."""

from model_build.report.model import (
    Candidate,
    Confusion,
    Evaluation,
    Front,
    Gate,
    Image,
    Latency,
    Parity,
    Points,
    Report,
    Slice,
    Source,
    Step,
)

__all__ = [
    "Candidate",
    "Confusion",
    "Evaluation",
    "Front",
    "Gate",
    "Image",
    "Latency",
    "Parity",
    "Points",
    "Report",
    "Slice",
    "Source",
    "Step",
]
