"""`preview --build`, to a model that passes its gate and to one that misses it: the digits, measured for real.

What was trained and measured before comes from the user's cache, so that a build is cheap but for the first time.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.report.model import Model, Report
from tests.automation.conftest import ROOT, Project, environment
from tests.ports import free_port

PUSHED = "registry.example.com/models/digits"


@dataclass(frozen=True)
class Built:
    """A preview that built its model, and what it left."""

    project: Project
    done: subprocess.CompletedProcess[str]

    @property
    def report(self) -> Report:
        return Report.model_validate_json((self.project.root / "p.json").read_bytes())

    @property
    def model(self) -> Model:
        (found,) = self.report.models
        return found

    @property
    def measured(self) -> dict[str, Any]:
        """What the build itself wrote down."""
        (file,) = (self.data / "reports").glob("*/report.json")
        found: dict[str, Any] = json.loads(file.read_bytes())
        return found

    @property
    def data(self) -> Path:
        return Path(self.project.environment["MODELPORT_DATA_DIR"])

    def text(self, name: str) -> str:
        return (self.project.root / name).read_text("utf-8")


def previewed(folder: Path, least: float, *flags: str) -> Built:
    """The stack `local` with a bound for its accuracy, and a registry that nobody is to reach."""
    root = folder / "project"
    root.mkdir()
    for name in ("stacks", "examples"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "__main__.py", root)
    settings = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    settings["runtime"]["options"]["virtualenv"] = os.environ.get("VIRTUAL_ENV", str(ROOT / ".venv"))
    (root / "Pulumi.yaml").write_text(yaml.safe_dump(settings))
    stack = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())
    stack["config"]["modelport:model"]["evaluate"]["min"] = least
    stack["config"]["modelport:image"] = {"push": PUSHED}
    stack["config"]["modelport:endpoint"] = {"port": free_port(), "runtime": "process"}
    (root / "Pulumi.local.yaml").write_text(yaml.safe_dump(stack))
    project = Project(root, {**environment(folder), "MODELPORT_DATA_DIR": str(folder / "data")})
    files = ("--html", "r.html", "--markdown", "c.md", "--json-file", "p.json")
    return Built(project, project.run("preview", "-s", "local", "--build", *files, *flags))


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> Built:
    found = previewed(tmp_path_factory.mktemp("passed"), 0.95)
    assert found.done.returncode == 0, found.done.stdout + found.done.stderr
    return found


@pytest.fixture(scope="module")
def missed(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return previewed(tmp_path_factory.mktemp("missed"), 1.0)


class Cells(HTMLParser):
    """The rows of a page's tables, by the first cell of each."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._open = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._open = False

    def handle_data(self, data: str) -> None:
        if self._open:
            self.rows[-1][-1] += data

    def row(self, name: str) -> list[str]:
        (found,) = (row for row in self.rows if row and row[0] == name)
        return found[1:]


def written(candidate: Mapping[str, Any], result: str) -> list[str]:
    """A candidate as people read it, from what the build measured."""
    return [
        result,
        f"{candidate['metric']:.4g}",
        f"{candidate['file_bytes']:,} bytes",
        f"{candidate['latency']['p99_ms']:.3g} ms",
    ]


def in_comment(text: str, name: str) -> list[str]:
    (line,) = (each for each in text.splitlines() if each.startswith(f"  | <code>{name}</code> |"))
    return [cell.strip().strip("*") for cell in line.strip().strip("|").split("|")][1:]


def test_the_report_has_the_digest_and_the_metric_that_the_build_came_to(passed: Built) -> None:
    model, measured = passed.model, passed.measured
    chosen = next(each for each in measured["candidates"] if each["chosen"])
    assert (model.measured, model.passed, model.note) == ("build", True, "")
    assert model.digest_after == measured["image"]["digest"]
    assert (model.metric, model.metric_after, model.chosen_after) == ("accuracy", chosen["metric"], chosen["name"])
    told = [(each.name, each.metric, each.file_bytes, each.p99_ms, each.passed) for each in model.candidates]
    assert told == [
        (each["name"], each["metric"], each["file_bytes"], each["latency"]["p99_ms"], each["passed"])
        for each in measured["candidates"]
    ]


def test_page_and_comment_have_each_candidate_as_measured(passed: Built) -> None:
    page, comment = Cells(passed.text("r.html")), passed.text("c.md")
    assert len(passed.measured["candidates"]) > 1
    for each in passed.measured["candidates"]:
        expected = written(each, "chosen" if each["chosen"] else "passed")
        assert page.row(each["name"]) == expected
        assert in_comment(comment, each["name"]) == expected
    digest = passed.measured["image"]["digest"].removeprefix("sha256:")[:12]
    assert digest in passed.text("r.html") and digest in comment


def test_a_later_preview_has_the_measurements_of_the_build(passed: Built) -> None:
    done = passed.project.run("preview", "-s", "local", "--json-file", "later.json")
    assert done.returncode == 0, done.stdout + done.stderr
    (model,) = Report.model_validate_json((passed.project.root / "later.json").read_bytes()).models
    assert model.measured == "cache"
    assert (model.digest_after, model.candidates) == (passed.model.digest_after, passed.model.candidates)


def test_a_model_that_misses_its_gate_refuses_the_change(missed: Built) -> None:
    assert missed.done.returncode == 3
    (line,) = missed.done.stderr.splitlines()
    assert line.startswith("error: digits: fp32 missed min: accuracy is 0.98")
    assert "at least 1 was asked" in line and "train a better model" in line
    report = missed.report
    assert (report.result, report.exit_code, len(report.errors)) == ("failed", 3, 1)
    assert line.startswith(f"error: {report.errors[0]}")


def test_the_verdict_is_in_page_and_comment_with_what_each_candidate_came_to(missed: Built) -> None:
    page, comment = Cells(missed.text("r.html")), missed.text("c.md")
    assert (missed.model.passed, missed.model.digest_after, missed.model.metric_after) == (False, None, None)
    for each in missed.measured["candidates"]:
        assert not each["passed"]
        assert page.row(each["name"]) == in_comment(comment, each["name"]) == written(each, "missed")
    for text in (missed.text("r.html"), comment):
        assert "This change is refused: exit code 3" in text
        assert "not shipped" in text
        assert "known once it is built" not in text
    assert '<div class="verdict failed">' in missed.text("r.html")
    assert "- **Model** <code>digits</code>: it does not pass its gate, and is not shipped" in comment


def test_nothing_is_baked_pushed_or_made_of_a_model_that_misses_its_gate(missed: Built) -> None:
    """The registry's name is none that anything answers to, so a push would have been told."""
    assert "bake:" not in missed.done.stdout and "push" not in missed.done.stdout + missed.done.stderr
    assert not (missed.data / "images").exists()
    assert not Path(missed.project.environment["MODELPORT_STATE_DIR"]).exists()


def test_a_model_that_passes_is_not_pushed_by_a_preview(passed: Built) -> None:
    assert "digits: bake:" in passed.done.stdout
    assert "push" not in passed.done.stdout + passed.done.stderr
    assert not Path(passed.project.environment["MODELPORT_STATE_DIR"]).exists()


@pytest.mark.parametrize("name", ["r.html", "c.md", "p.json"])
def test_no_path_of_the_machine_is_in_a_report(missed: Built, name: str) -> None:
    """Though the line for the terminal says where the build's own report lies."""
    assert str(missed.data) in missed.done.stderr
    assert str(missed.data) not in missed.text(name)
