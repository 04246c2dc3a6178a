"""The report as data refuses what contradicts itself and survives the way to a file and back."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from model_build.report import Confusion, Points, Report

from . import samples


def test_json_and_back_is_the_same_report(tmp_path: Path) -> None:
    report = samples.classifier()
    (tmp_path / "report.json").write_text(report.dump(), encoding="utf-8")
    assert Report.load(tmp_path / "report.json") == report


def test_points_and_confusion_are_told_apart_when_read() -> None:
    assert isinstance(Report.model_validate_json(samples.regression().dump()).quality, Points)
    assert isinstance(Report.model_validate_json(samples.classifier().dump()).quality, Confusion)


def test_unknown_keys_are_refused() -> None:
    data = json.loads(samples.classifier().dump()) | {"colour": "red"}
    with pytest.raises(ValidationError, match="colour"):
        Report.model_validate(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chosen": "fp32"}, "chosen is fp32, but the candidates marked as chosen are"),
        ({"chosen": None}, "chosen is None"),
        ({"quality": {"kind": "confusion", "labels": ["a", "b"], "matrix": [[1, 0]]}}, "2 rows of 2 numbers"),
        ({"quality": {"kind": "points", "expected": [1.0, 2.0], "actual": [1.0]}}, "2 expected values but 1 actual"),
    ],
)
def test_a_report_that_contradicts_itself_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        samples.classifier(**change)


def test_a_chosen_candidate_must_have_passed() -> None:
    candidates = [c.model_dump() for c in samples.classifier().candidates]
    candidates[1]["passed"] = False
    with pytest.raises(ValidationError, match="chosen but has not passed"):
        samples.classifier(candidates=candidates)


def test_two_candidates_of_one_name_are_refused() -> None:
    candidates = [c.model_dump() for c in samples.classifier().candidates]
    candidates[0]["name"] = "int8"
    with pytest.raises(ValidationError, match="names of their own"):
        samples.classifier(candidates=candidates)


def test_what_is_not_a_number_is_refused() -> None:
    text = samples.classifier().dump().replace('"metric": 0.985185185', '"metric": NaN')
    assert "NaN" in text
    with pytest.raises(ValidationError):
        Report.model_validate_json(text)
