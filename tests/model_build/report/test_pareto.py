"""Quality against latency and size: which candidates are on the line, and what the page and the JSON say of them."""

import pytest

from model_build.report import Candidate, Report
from model_build.report.pareto import front
from model_build.report.render import render
from tests.model_build.report.pages import Page
from tests.model_build.report.samples import classifier, latency


def candidate(name: str, metric: float, ms: float, size: int, **more: object) -> Candidate:
    values = {"name": name, "dtype": "float32", "metric": metric, "latency": latency(ms), "file_bytes": size}
    return Candidate.model_validate({"passed": True, "why": "passed", **values, **more})


ALL = [
    candidate("large", 0.99, 3.0, 3000),
    candidate("beaten", 0.97, 4.0, 3500),
    candidate("quick", 0.98, 1.0, 2000),
    candidate("small", 0.90, 2.0, 500, chosen=True, detail="3 of 9 operators in float32: a, b, c"),
    candidate("compared", 1.0, 0.1, 100, peer=True),
    Candidate(name="none", dtype="int4", passed=False, why="no matrix product"),
]


def report(**changes: object) -> Report:
    values = {
        "chosen": "small",
        "candidates": [c.model_dump() for c in ALL],
        "front": front(ALL, "larger").model_dump(),
    }
    return classifier(**{**values, **changes})


def test_the_front_is_what_none_beats_in_both() -> None:
    found = front(ALL, "larger")
    assert (found.latency, found.size) == (["quick", "large"], ["small", "quick", "large"])


def test_an_error_is_better_when_smaller() -> None:
    assert front(ALL, "smaller").latency == ["quick", "small"]


def test_the_json_holds_the_front() -> None:
    assert '"front": {' in report().dump()
    assert Report.model_validate_json(report().dump()).front == front(ALL, "larger")


def test_the_page_draws_quality_against_both() -> None:
    page = Page(render(report()))
    dots = [found["class"] for tag, found in page.tags if tag == "circle" and "cx" in found and found["r"] == "6"]
    # Five candidates were measured: two pictures, and the bars of the metric, which has no zero.
    assert len(dots) == 15
    assert dots.count("dot peer") == 2
    assert sum(tag == "polyline" for tag, _ in page.tags) == 3
    said = page.said()
    assert "Accuracy against latency" in said and "Accuracy against size" in said
    assert "none is better in both than small, quick, large" in said


def test_what_is_worth_knowing_stands_beside_the_reason() -> None:
    assert "3 of 9 operators in float32: a, b, c" in Page(render(report())).said()


@pytest.mark.parametrize("changes", [{"front": None}, {"candidates": [c.model_dump() for c in ALL[2:4]]}])
def test_two_candidates_and_older_reports_have_no_picture(changes: dict[str, object]) -> None:
    assert "What quality costs" not in Page(render(report(**changes))).said()
