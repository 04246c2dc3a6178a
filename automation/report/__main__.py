"""Writes docs/plan-report.schema.json of the classes of a report: `python -m automation.report`."""

from pathlib import Path

from automation.report.model import schema

if __name__ == "__main__":
    (Path(__file__).parents[2] / "docs" / "plan-report.schema.json").write_text(schema(), encoding="utf-8")
