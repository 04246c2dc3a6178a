"""Recipes whose image another's server answers from: what they may say, and what a build makes of them.

The base is a stand-in, a script where NVIDIA's image has the server: what a real one does with such an image is shown
in tests/model_build/bake/test_hosted.py.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model_build import checking, hosting
from model_build.bake.errors import BaseError
from model_build.bake.image import load
from model_build.errors import RecipeError, SourceError
from model_build.identity import identify
from model_build.pipeline import build, candidate
from model_build.recipe import Recipe
from model_build.report import Report
from model_build.work import Work
from tests.tools import bases

Make = Callable[..., Recipe]
DIGEST = "r/triton@sha256:" + "a" * 64
PLAIN: dict[str, Any] = {"name": "m", "source": "m.onnx", "evaluate": {"data": "d.npz"}}
TF: dict[str, Any] = {"server": "tensorflow-serving", "base": DIGEST, "optimize": {"candidates": ["fp32"]}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"server": "triton"}, "base is 'debian' with server triton, expected an image of NVIDIA Triton by its digest"),
        ({"triton": {}}, "triton is set with server modelport, expected it with server triton alone; remove it"),
        (
            {"server": "triton", "base": DIGEST, "version": "1.2"},
            "version is '1.2' with server triton, expected a whole number from 1 on, as NVIDIA Triton counts versions",
        ),
        (
            {"server": "triton", "base": DIGEST, "format": "seq2seq"},
            "format is seq2seq with server triton, expected a model that answers at once",
        ),
        (
            {"server": "triton", "base": DIGEST, "triton": {"max_batch": 8, "preferred_batches": [16]}},
            "triton.preferred_batches has 16, expected at most triton.max_batch, which is 8",
        ),
        (
            {"server": "triton", "base": DIGEST, "triton": {"max_batch": 0, "queue_delay_us": 5}},
            "triton.queue_delay_us is 5 with max_batch 0, expected 0",
        ),
        (
            {**TF, "optimize": {}},
            "optimize.candidates is fp32, int8 with server tensorflow-serving, expected fp32 alone",
        ),
        ({**TF, "format": "keras"}, "format is keras with server tensorflow-serving, expected a SavedModel"),
        (
            {**TF, "evaluate": {"data": "d.npz", "max_latency_ms": 5}},
            "evaluate.max_latency_ms is set with server tensorflow-serving, expected none, as what is measured is the",
        ),
        (
            {**TF, "platforms": ["linux/amd64", "linux/arm64"]},
            "platforms is linux/amd64, linux/arm64 with server tensorflow-serving, expected linux/amd64 alone",
        ),
    ],
)
def test_what_the_server_does_not_know_is_one_line_that_says_what_to_write(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecipeError) as error:
        Recipe.parse({**PLAIN, **change})
    assert str(error.value).startswith(f"model: {message}")


def test_a_recipe_without_the_key_is_the_text_that_it_was() -> None:
    assert "server" not in Recipe.parse({**PLAIN, "server": "modelport"}).canonical()


@pytest.fixture
def base(tmp_path: Path) -> str:
    held = {"opt/tritonserver/bin/tritonserver": "#!/bin/sh\n"}
    return bases.base(tmp_path / "bases", bases.files(tmp_path / "nvidia", held), {})


@pytest.fixture
def wanted(tmp_path: Path, recipe: Make, base: str, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path))
    return recipe(server="triton", base=base, triton={"queue_delay_us": 200})


def test_server_and_its_settings_are_what_a_build_is_known_by_and_our_program_is_not(
    wanted: Recipe, project: Path
) -> None:
    told = identify(wanted, project)
    assert set(told.of("image")) == {"image.base", "image.format"}
    other = wanted.model_copy(update={"triton": None})
    assert identify(other, project).parts["recipe"] != told.parts["recipe"]


def test_a_build_becomes_an_image_of_triton_s_that_holds_what_was_verified(
    wanted: Recipe, project: Path, tmp_path: Path
) -> None:
    built = build(wanted, project=project, layout=tmp_path / "images")
    config = load(tmp_path / "images", built.digest)["config"]
    assert config["Entrypoint"] == ["/opt/tritonserver/bin/tritonserver"]
    report = Report.load(Path(built.report_json))
    assert report.chosen == built.chosen
    assert report.served is None
    assert report.unserved == "the server is NVIDIA Triton, and what a request costs is measured of our own alone"
    found = checking.examine(f"oci:{tmp_path / 'images'}@{built.digest}", None)
    assert {each.what: each.verdict for each in found if each.verdict == "failed"} == {}
    assert build(wanted, project=project, layout=tmp_path / "images").cached


def test_a_base_without_the_server_ends_the_build_before_anything_is_measured(
    wanted: Recipe, project: Path, tmp_path: Path
) -> None:
    other = bases.base(tmp_path / "bases", bases.files(tmp_path / "other", {"usr/bin/other": "#!/bin/sh\n"}), {})
    said: list[str] = []
    with pytest.raises(Exception, match="has no tritonserver in its PATH") as error:
        build(
            wanted.model_copy(update={"base": other}),
            project=project,
            layout=tmp_path / "images",
            progress=lambda step, _: said.append(step),
        )
    assert not isinstance(error.value, BaseError)  # in the build's own words, as bad input
    assert "verify" not in said


def test_a_model_that_is_no_saved_model_is_refused_before_candidates_are_made(wanted: Recipe, project: Path) -> None:
    optimize = wanted.optimize.model_copy(update={"candidates": ["fp32"]})
    other = wanted.model_copy(update={"server": "tensorflow-serving", "triton": None, "optimize": optimize})
    with pytest.raises(
        SourceError, match="is a model of format sklearn, and server is tensorflow-serving, expected a Sa"
    ):
        candidate(Work.on(other, project))


def test_what_tensorflow_serving_serves_is_held_to_the_gate_by_its_own_answers(wanted: Recipe, project: Path) -> None:
    work = Work.on(wanted, project)
    _, verified = candidate(work)
    other = wanted.model_copy(
        update={
            "server": "tensorflow-serving",
            "evaluate": wanted.evaluate.model_copy(update={"min": 0.9, "max_drop": 0.0}),
        }
    )
    asked = replace(work, recipe=other)
    assert hosting.missed(asked, replace(verified, baseline=0.95)) == []
    (line,) = hosting.missed(asked, replace(verified, baseline=0.8))
    assert line.startswith("min: accuracy is 0.8, at least 0.9 was asked")
    (line,) = hosting.missed(asked, replace(verified, baseline=None))
    assert "is not known, as TensorFlow did not answer" in line
    assert json.loads(wanted.canonical())["server"] == "triton"
