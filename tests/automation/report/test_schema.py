"""The JSON keeps the schema that docs/plan-report.schema.json promises."""

import json
from pathlib import Path

import pytest

from automation.report.model import Report, schema
from tests.automation.conftest import ROOT
from tests.automation.report import judging, samples
from tests.automation.report.conftest import Shop

FILE = ROOT / "docs" / "plan-report.schema.json"


def test_the_schema_in_the_documentation_is_that_of_the_report() -> None:
    """Where this fails on purpose: .venv/bin/python -m automation.report"""
    assert FILE.read_text("utf-8") == schema()


def test_real_reports_fit_the_schema_by_another_validator(changed: Shop, cloud: dict[str, Path]) -> None:
    reports = [(changed.project.root / "p.json").read_text(), cloud["json"].read_text()]
    made = [samples.hostile().dump(), samples.report([]).dump(), samples.huge(20).dump()]
    assert judging.mistakes(FILE, [json.loads(each) for each in (*reports, *made)]) == []


def test_the_validator_finds_what_does_not_fit(changed: Shop) -> None:
    report = json.loads((changed.project.root / "p.json").read_text())
    wrong = [{**report, "schema_version": 2}, {**report, "more": 1}, {**report, "risks": [{"level": "grave"}]}]
    assert len(judging.mistakes(FILE, wrong)) >= 3


def test_a_report_is_read_back_as_it_was(changed: Shop) -> None:
    text = (changed.project.root / "p.json").read_text("utf-8")
    assert Report.model_validate_json(text).dump() == text


@pytest.mark.parametrize("name", ["result", "risks", "schema_version"])
def test_no_key_is_ever_absent(changed: Shop, name: str) -> None:
    assert name in json.loads((changed.project.root / "p.json").read_text())
