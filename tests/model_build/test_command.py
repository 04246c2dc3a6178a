"""`python -m model_build`: each step from a shell."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from model_build import content
from model_build.recipe import Recipe
from tests.model_build import models
from tests.model_build.conftest import REPOSITORY

Make = Callable[..., Recipe]


@pytest.fixture
def home(tmp_path: Path, own_cache: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "m.onnx").write_bytes(models.linear())
    (folder / "d.py").write_text("import numpy as np\ndef data(): return np.zeros((6, 4), np.float32), [0] * 6\n")
    return folder


def run(step: str, recipe: Recipe, project: Path, *more: str, **environment: str) -> tuple[dict[str, Any], list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", "model_build", step, recipe.canonical(), "--project", str(project), *more],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1]), done.stderr.splitlines()


def test_each_step_runs_what_comes_before_it_once(home: Path, recipe: Make) -> None:
    asked = recipe(source="m.onnx", evaluate={"data": "d:data"})
    fetched, said = run("fetch", asked, home)
    assert (fetched["file"], fetched["format"]) == (str(home / "m.onnx"), "onnx")
    assert said == ["modelport: iris: fetch: done, from the cache"]

    converted, said = run("convert", asked, home)
    assert converted["digest"] == f"sha256:{content.of_file(Path(converted['model']))}"
    assert Path(converted["model"]).read_bytes() == (home / "m.onnx").read_bytes(), "ONNX is not rewritten"
    assert said[1] == "modelport: iris: convert: checking the ONNX"

    made, said = run("optimize", asked, home)
    assert "modelport: iris: convert: done, from the cache" in said
    int8 = onnx.load(made["int8"]["model"])
    assert {node.op_type for node in int8.graph.node} >= {"DynamicQuantizeLinear", "MatMulInteger"}
    fp32 = onnx.load(made["fp32"]["model"])
    assert [node.op_type for node in fp32.graph.node] == ["Gemm", "Softmax"] or len(fp32.graph.node) <= 3
    assert {o.domain for o in fp32.opset_import} <= {"", "com.microsoft"}

    verified, said = run("verify", asked, home)
    assert set(verified["accuracy"]) == {"fp32", "int8"}
    assert verified["chosen"] in verified["accuracy"]
    assert "modelport: iris: optimize: done, from the cache" in said


def test_a_build_goes_into_the_layout_that_is_named(project: Path, tmp_path: Path, recipe: Make) -> None:
    environment = {"MODELPORT_DATA_DIR": str(tmp_path / "data")}
    layout = tmp_path / "elsewhere"
    built, _ = run("bake", recipe(), project, "--layout", str(layout), **environment)
    assert built["layout_image"] == f"oci:{layout}@{built['digest']}"
    assert content.is_whole(layout, built["digest"])
    assert Path(built["report_html"]).is_relative_to(tmp_path / "data")


def test_the_help_says_what_there_is() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "model_build", "--help"], capture_output=True, text=True, cwd=REPOSITORY, check=True
    )
    assert all(step in done.stdout for step in ("fetch", "convert", "optimize", "verify", "bake", "push", "build"))
