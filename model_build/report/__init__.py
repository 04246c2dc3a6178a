"""The report of a build: what was measured, what was chosen and why, as data and as one page."""

from model_build.report.model import (
    Batch,
    Candidate,
    Confusion,
    Evaluation,
    Export,
    Front,
    Gate,
    Image,
    Latency,
    Parity,
    Points,
    Report,
    Served,
    Slice,
    Source,
    Step,
)
from model_build.report.profile import Profile

__all__ = [
    "Batch",
    "Candidate",
    "Confusion",
    "Evaluation",
    "Export",
    "Front",
    "Gate",
    "Image",
    "Latency",
    "Parity",
    "Points",
    "Profile",
    "Report",
    "Served",
    "Slice",
    "Source",
    "Step",
]
