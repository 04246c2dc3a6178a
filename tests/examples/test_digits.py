"""The report of the handwritten digits: complete, and the page says what the JSON says."""

from pathlib import Path

import numpy as np
import pytest

from examples.digits.train import evaluation, pipeline
from model_build.pipeline import Built, build
from model_build.recipe import Recipe
from model_build.report import Confusion, Report
from model_build.report.render import render
from tests.examples.conftest import ROOT
from tests.model_build.report.pages import Page, lookup


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    recipe = Recipe.load(ROOT / "Pulumi.local.yaml")
    return build(recipe, project=ROOT, layout=tmp_path_factory.mktemp("digits") / "layout")


@pytest.fixture(scope="module")
def report(built: Built) -> Report:
    return Report.load(Path(built.report_json))


def test_the_report_is_complete(built: Built, report: Report) -> None:
    assert (report.name, report.identity, report.chosen) == ("digits", built.identity, built.chosen)
    assert report.source.framework.startswith("scikit-learn")
    assert report.evaluation.baseline is not None
    assert [s.name for s in report.steps] == ["fetch", "convert", "optimize", "verify", "bake", "serve"]
    assert report.image is not None and report.image.digest == built.digest
    assert {"onnx", "onnxruntime", "scikit-learn", "skl2onnx", "python"} <= set(report.tools)
    for candidate in report.candidates:
        assert None not in (candidate.file_bytes, candidate.metric, candidate.drop, candidate.parity, candidate.latency)
        assert candidate.why
        assert candidate.latency is not None and len(candidate.latency.samples_ms) >= 20


def test_the_numbers_are_those_of_the_data(report: Report) -> None:
    """Worked out again from scratch: rows, baseline, and the confusion matrix's own accuracy."""
    pixels, digits = evaluation()
    assert report.evaluation.rows == len(digits) == 540
    assert report.evaluation.baseline == pytest.approx(float(np.mean(pipeline().predict(pixels) == digits)))
    matrix = report.quality
    assert isinstance(matrix, Confusion) and matrix.labels == [str(n) for n in range(10)]
    assert [sum(row) for row in matrix.matrix] == np.bincount(digits).tolist()
    assert report.choice is not None
    assert sum(matrix.matrix[n][n] for n in range(10)) / 540 == pytest.approx(report.choice.metric)


def test_the_pages_numbers_are_the_jsons_numbers(built: Built) -> None:
    text = Path(built.report_json).read_text(encoding="utf-8")
    numbers = Page(Path(built.report_html).read_text(encoding="utf-8")).data
    assert {key.rpartition(".")[2] for key, _, _ in numbers} >= {
        "metric", "drop", "agreement", "max_abs", "mean_abs", "p50_ms", "p99_ms", "file_bytes", "seconds", "baseline",
        "min",
    }  # fmt: skip
    for key, exact, _ in numbers:
        assert float(exact) == lookup(text, key), key


def test_the_page_is_what_the_json_renders_to(built: Built, report: Report) -> None:
    assert Path(built.report_html).read_text(encoding="utf-8") == render(report)


def test_the_report_names_no_folder_of_this_machine(built: Built) -> None:
    for path in (built.report_json, built.report_html):
        text = Path(path).read_text(encoding="utf-8")
        assert str(ROOT) not in text and str(Path.home()) + "/" not in text
