"""What builds a plan of TensorRT. No GPU is here: a stand-in reads trtexec's flags, and answers by ONNX Runtime."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from model_build import data
from model_build.formats import Unsupported, tensorrt
from tests.components.kubernetes import checking
from tests.model_build import models
from tests.model_build.formats.test_formats import binarised

TRTEXEC = """#!{python}
# A stand-in: what it is asked for has to be what trtexec 11.1 says it takes (samples/common/sampleOptions.cpp).
import json, shutil, sys
import numpy as np
import onnxruntime

known = "onnx stronglyTyped minShapes optShapes maxShapes noTF32 skipInference saveEngine loadEngine shapes loadInputs"
asked = dict(word.removeprefix("--").partition("=")[::2] for word in sys.argv[1:])
unknown = set(asked) - {{*known.split(), "iterations", "warmUp", "duration", "exportOutput"}}
if unknown or not all(word.startswith("--") for word in sys.argv[1:]):
    sys.exit(f"unknown: {{sys.argv}}")
if "onnx" in asked:
    shutil.copy(asked["onnx"], asked["saveEngine"])
    sys.exit(0)
session = onnxruntime.InferenceSession(open(asked["loadEngine"], "rb").read())
shape = [int(size) for size in asked["shapes"].partition(":")[2].split("x")]
rows = np.fromfile(asked["loadInputs"].partition(":")[2], np.float32).reshape(shape)
(answer,) = session.run(["scores"], {{"x": rows}})
told = {{"name": "scores", "dimensions": "x".join(map(str, answer.shape)), "values": (answer + {off}).ravel().tolist()}}
json.dump([told], open(asked["exportOutput"], "w"))
"""
ROWS = np.random.default_rng(3).normal(size=(30, 4)).astype(np.float32)


def settings(folder: Path, form: str = "fp32", rows: Any = ROWS) -> dict[str, Any]:
    data.save({"x": rows}, np.zeros(30), folder)
    parity = {"fp32": 0.001, "fp16": 0.02, "rows": 0.01}
    told = {"label": "m.onnx", "name": "linear", "form": form, "output": "scores", "batches": [1, 16], "parity": parity}
    return told | {"data": str(folder / "data.npz"), "data_label": "d", "columns": None, "beside": []}


def written(folder: Path, form: str = "fp32", model: bytes | None = None) -> Path:
    out = folder / form
    out.mkdir(parents=True)
    (folder / "m.onnx").write_bytes(model or models.linear())
    tensorrt.write(folder / "m.onnx", out, settings(folder, form))
    return out


def ran(folder: Path, tools: Path, off: float, *into: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    tools.mkdir()
    (tools / "trtexec").write_text(TRTEXEC.format(python=sys.executable, off=off))
    (tools / "trtexec").chmod(0o755)
    path = f"{tools}:/usr/bin:/bin"
    command = ["sh", str(folder / "build.sh"), *into]
    environment = {"PATH": path, "ORT_DISABLE_TELEMETRY": "1"}
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True)


def test_the_plan_is_built_for_the_numbers_of_rows_that_the_recipe_measures(tmp_path: Path) -> None:
    script = (written(tmp_path) / "build.sh").read_text()
    assert "--stronglyTyped --minShapes=x:1x4 --optShapes=x:16x4 --maxShapes=x:16x4 --noTF32 --skipInference" in script
    assert "--shapes=x:8x4 --loadInputs=x:input0.bin" in script
    assert "--noTF32" not in (written(tmp_path / "half", "fp16") / "build.sh").read_text()


def test_a_plan_that_answers_as_the_model_is_kept(tmp_path: Path) -> None:
    folder = written(tmp_path)
    done = ran(folder, tmp_path / "tools", 0.0)
    assert done.returncode == 0, done.stderr
    assert "of their size away on 8 rows" in done.stdout and (folder / "model.plan").is_file()


def test_the_folder_of_the_plan_is_the_callers(tmp_path: Path) -> None:
    (tmp_path / "plans").mkdir()
    done = ran(written(tmp_path / "made"), tmp_path / "tools", 0.0, "plans", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "plans" / "model.plan").is_file()


def test_a_plan_that_answers_otherwise_is_not(tmp_path: Path) -> None:
    folder = written(tmp_path)
    done = ran(folder, tmp_path / "tools", 0.01)
    assert done.returncode == 1 and "of their size away, at most 0.001 was asked" in done.stderr
    assert not (folder / "model.plan").exists()


def test_without_tensorrt_the_script_says_where_there_is_some(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", str(written(tmp_path) / "build.sh")], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr.count("\n")) == (127, 1) and tensorrt.IMAGE in done.stderr


@pytest.mark.parametrize("form", ["fp32", "fp16"])
def test_it_is_the_same_bytes_each_time_and_no_row_of_the_data(tmp_path: Path, form: str) -> None:
    first, second = written(tmp_path / "1", form), written(tmp_path / "2", form)
    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes()
    rows = np.fromfile(first / "input0.bin", np.float32).reshape(8, 4)
    assert rows.min() >= ROWS.min() and rows.max() <= ROWS.max()
    assert not {tuple(row) for row in rows.tolist()} & {tuple(row) for row in ROWS.tolist()}


def test_rows_by_chance_are_numbers_where_those_of_the_data_are_not_all(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(models.linear())
    rows = ROWS.copy()
    rows[0, :2] = np.inf, np.nan
    tensorrt.write(tmp_path / "m.onnx", tmp_path, settings(tmp_path, rows=rows))
    made = np.fromfile(tmp_path / "input0.bin", np.float32)
    assert np.isfinite(made).all() and made.max() <= ROWS.max()


def test_an_operator_that_tensorrt_has_not_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match=r"but TensorRT has not ai\.onnx\.ml\.Binarizer, which 'm\.onnx' uses; leave"):
        written(tmp_path, model=binarised())


def test_the_job_is_one_that_kubernetes_knows_and_that_asks_for_no_rights(tmp_path: Path) -> None:
    found = list(yaml.safe_load_all((written(tmp_path) / "job.yaml").read_text()))
    assert [each["kind"] for each in found] == ["PersistentVolumeClaim", "Job"]
    assert checking.violations(found) == []
    assert found[1]["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_an_api_server_takes_the_job_under_pod_security_restricted(cluster: Any, tmp_path: Path) -> None:
    found = list(yaml.safe_load_all((written(tmp_path) / "job.yaml").read_text()))
    assert checking.refused(cluster, found) == []
