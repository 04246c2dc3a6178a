"""Writes docs/profile.schema.json of the classes of a profile: `python -m model_build.report`."""

from pathlib import Path

from model_build.report.profile import schema

if __name__ == "__main__":
    (Path(__file__).parents[2] / "docs" / "profile.schema.json").write_text(schema(), encoding="utf-8")
