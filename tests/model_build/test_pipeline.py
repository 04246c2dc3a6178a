"""From a recipe to an image, on real models; the same on any machine."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from model_build import provenance, sbom
from model_build.bake import referrers
from model_build.bake.layout import Layout
from model_build.pipeline import REPORT_TYPE, build, candidate, model_folder
from model_build.recipe import Recipe
from model_build.report import Profile, Report
from model_build.work import Work
from tests.model_build import models
from tests.model_build.conftest import REPOSITORY

Make = Callable[..., Recipe]

DIGITS = Recipe.parse(
    {
        "name": "digits",
        "source": "examples.digits.train:pipeline",
        "evaluate": {"data": "examples.digits.train:evaluation", "min": 0.95, "max_drop": 0.01},
        "classify": {
            "input": "image",
            "output": "probabilities",
            "preprocess": {"width": 8, "height": 8, "mode": "L", "layout": "flat", "scale": 0.0627},
        },
    }
)


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    return tmp_path / "images"


def test_the_digits_become_an_image_with_a_report(
    layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path))
    lines: list[str] = []
    built = build(
        DIGITS, project=REPOSITORY, layout=layout, progress=lambda step, text: lines.append(f"{step}: {text}")
    )
    assert (built.model, built.chosen, built.cached) == ("digits", "int8", False)
    assert built.metrics["accuracy"] >= 0.97
    assert built.metrics["bytes"] < 70_000
    assert built.reference == built.layout_image == f"oci:{layout}@{built.digest}"

    report = Report.load(Path(built.report_json))
    assert report.identity == built.identity
    assert report.image is not None and report.image.digest == built.digest
    assert report.evaluation.rows == 540
    assert report.source.framework.startswith("scikit-learn 1.")
    assert [step.name for step in report.steps] == ["fetch", "convert", "optimize", "verify", "bake", "serve"]
    for one in report.candidates:
        assert one.parity is not None and one.latency is not None
        assert one.parity.agreement is not None and one.parity.agreement > 0.99
        assert len(one.latency.samples_ms) >= 20
    assert report.candidates[0].parity is not None and report.candidates[0].parity.max_abs < 1e-4
    assert report.quality is not None and report.quality.kind == "confusion"
    assert report.quality.labels == [str(n) for n in range(10)]
    assert sum(map(sum, report.quality.matrix)) == 540
    assert report.served is not None and report.served.requests >= 20
    assert 0 < report.served.cpu_ms <= report.served.p99_ms
    assert report.served.request.startswith("1 row as JSON, ")
    assert 5e6 < report.served.worker_bytes < report.served.master_bytes < 200e6
    assert Path(built.report_html).read_text().startswith("<!doctype html>")

    attached = [each["artifactType"] for each in referrers(layout, built.digest)]
    assert attached == [REPORT_TYPE, sbom.TYPE, provenance.TYPE]
    told = Layout(layout).manifest(referrers(layout, built.digest)[0]["digest"])["layers"]
    titles = {each["annotations"]["org.opencontainers.image.title"]: each["digest"] for each in told}
    assert set(titles) == {"report.html", "report.json", "profile.json"}
    assert Profile.model_validate_json(Layout(layout).read(titles["profile.json"])) == report.profile

    again = build(DIGITS, project=REPOSITORY, layout=layout)
    assert again.cached
    assert (again.digest, again.metrics) == (built.digest, built.metrics)


def test_an_image_is_in_the_words_that_its_recipe_asks_for(
    layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path))
    built = build(DIGITS.model_copy(update={"manifest": "docker"}), project=REPOSITORY, layout=layout)
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    assert Layout(layout).manifest(built.digest)["mediaType"] == kind
    for attached in referrers(layout, built.digest):
        assert Layout(layout).manifest(attached["digest"])["subject"]["mediaType"] == kind


def test_a_lost_image_is_baked_again_to_the_same_digest(
    project: Path, layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Make
) -> None:
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path))
    first = build(recipe(), project=project, layout=layout)
    (layout / "blobs" / "sha256" / first.digest.removeprefix("sha256:")).unlink()
    second = build(recipe(), project=project, layout=layout)
    assert not second.cached
    assert second.digest == first.digest


def test_a_callable_is_called_once_while_its_code_is_the_same(own_cache: Path, tmp_path: Path, recipe: Make) -> None:
    home = tmp_path / "project"
    home.mkdir()
    code = "import pathlib, onnx\ndef model():\n  with open('calls', 'a') as f: f.write('x')\n"
    code += f"  return onnx.load_model_from_string({models.linear()!r})\n"
    code += "def data():\n  import numpy as np\n  return np.zeros((3, 4), np.float32), [0, 1, 2]\n"
    (home / "m.py").write_text(code)
    asked = recipe(source="m:model", evaluate={"data": "m:data"})
    for change in ({}, {"version": "2"}, {"optimize": {"candidates": ["fp32"]}}):
        candidate(Work.on(recipe(source="m:model", evaluate={"data": "m:data"}, **change), home))
    assert (home / "calls").read_text() == "x"
    (home / "m.py").write_text(code + "# another\n")
    candidate(Work.on(asked, home))
    assert (home / "calls").read_text() == "xx"


SURROUNDINGS = (("UTC", 0o022, "0"), ("Asia/Tokyo", 0o077, "42"))

CHILD = """
import sys, json, hashlib, pathlib
from model_build.pipeline import candidate, model_folder
from model_build.recipe import Recipe
from model_build.work import Work
work = Work.on(Recipe.parse(sys.argv[1]), pathlib.Path(sys.argv[2]))
folder = model_folder(work, *candidate(work))
print(work.identity.digest, *(p.name + hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())))
"""


@pytest.mark.parametrize("source", ["iris:model", "m.onnx"])
def test_a_model_folder_is_the_same_bytes_whatever_the_surroundings(tmp_path: Path, recipe: Make, source: str) -> None:
    from tests.model_build.conftest import IRIS

    asked = recipe(source=source).canonical()
    seen: set[str] = set()
    for number, (zone, mask, seed) in enumerate(SURROUNDINGS):
        home = tmp_path / f"home{'x' * number}"
        home.mkdir()
        (home / "iris.py").write_text(IRIS)
        (home / "m.onnx").write_bytes(models.linear())
        environment = {"TZ": zone, "PYTHONHASHSEED": seed, "MODELPORT_CACHE_DIR": str(home / "cache")}
        done = subprocess.run(
            [sys.executable, "-c", CHILD, asked, str(home)],
            env={**os.environ, **environment},
            cwd=REPOSITORY,
            umask=mask,
            capture_output=True,
            text=True,
            check=True,
        )
        seen.add(done.stdout)
    assert len(seen) == 1


def test_the_model_folder_says_what_serving_needs_and_nothing_measured(project: Path) -> None:
    work = Work.on(DIGITS, REPOSITORY)
    folder = model_folder(work, *candidate(work))
    assert sorted(p.name for p in folder.iterdir()) == ["model.json", "model.onnx"]
    told = json.loads((folder / "model.json").read_text())
    assert DIGITS.classify is not None
    assert told == {
        "format": 1,
        "name": "digits",
        "version": "1",
        "classify": DIGITS.classify.model_dump(mode="json") | {"labels": [str(n) for n in range(10)]},
    }
    model = onnx.load(str(folder / "model.onnx"))
    assert (model.ir_version, model.producer_name, model.doc_string) == (10, "modelport", "")
    assert {o.domain: o.version for o in model.opset_import}[""] == 21
    assert [value.name for value in model.graph.input] == ["image"]
    assert [value.name for value in model.graph.output] == ["label", "probabilities"]


def test_a_regressor_is_measured_by_its_errors(own_cache: Path, tmp_path: Path, recipe: Make) -> None:
    (tmp_path / "r.py").write_text(
        "from sklearn.datasets import load_diabetes\nfrom sklearn.ensemble import RandomForestRegressor\n"
        "import numpy as np\n"
        "def data():\n  X, y = load_diabetes(return_X_y=True)\n  return X.astype(np.float32), y\n"
        "def model(): return RandomForestRegressor(20, random_state=0, max_depth=5).fit(*data())\n"
    )
    asked = recipe(source="r:model", evaluate={"data": "r:data", "metric": "rmse", "max": 60, "max_drop": 0.01})
    _, verified = candidate(Work.on(asked, tmp_path))
    assert verified.chosen == "fp32"
    fp32, int8 = verified.results
    assert fp32.measured is not None and fp32.measured.metric < 60
    assert fp32.measured.drop == pytest.approx(0, abs=1e-3)
    assert int8.measured is None
    assert int8.why == "no matrix product with constant weights to quantise"
    assert len(verified.quality["expected"]) == 442


@pytest.mark.parametrize(
    "made",
    [
        "from sklearn.svm import SVC\ndef make(X, y): return SVC().fit(X, y)",
        "from sklearn.tree import DecisionTreeClassifier\n"
        "def make(X, y): return DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y.astype(str))",
    ],
    ids=["no probabilities", "text labels"],
)
def test_classifiers_of_all_kinds_agree_with_scikit_learn(
    own_cache: Path, tmp_path: Path, recipe: Make, made: str
) -> None:
    (tmp_path / "c.py").write_text(
        f"from sklearn.datasets import load_iris\nimport numpy as np\n{made}\n"
        "def data():\n  X, y = load_iris(return_X_y=True)\n  return X.astype(np.float32), y\n"
        "def text():\n  X, y = data()\n  return X, y.astype(str)\n"
        "def model(): return make(*data())\n"
    )
    data = "c:text" if "astype(str)" in made else "c:data"
    asked = recipe(source="c:model", evaluate={"data": data, "max_drop": 0.0}, optimize={"candidates": ["fp32"]})
    _, verified = candidate(Work.on(asked, tmp_path))
    assert verified.results[0].parity is not None
    assert verified.results[0].parity.agreement == 1.0
    assert verified.baseline is not None and verified.baseline > 0.7


def test_data_comes_from_files_too(own_cache: Path, tmp_path: Path, recipe: Make) -> None:
    (tmp_path / "m.onnx").write_bytes(models.linear())
    rows = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    session = onnxruntime.InferenceSession(models.linear(), providers=["CPUExecutionProvider"])
    labels = session.run(None, {"x": rows})[0].argmax(1)
    np.savez(tmp_path / "d.npz", X=rows, y=labels)
    np.savetxt(
        tmp_path / "d.csv",
        np.column_stack([rows, labels]),
        delimiter=",",
        header="a,b,c,d,label",
        comments="",
        fmt="%.9g",
    )
    for name in ("d.npz", "d.csv"):
        asked = recipe(source="m.onnx", evaluate={"data": name, "min": 1.0})
        _, verified = candidate(Work.on(asked, tmp_path))
        assert verified.baseline == 1.0
        assert verified.rows == 20


def test_a_trusted_pickle_a_folder_and_a_file_that_needs_no_trust(
    own_cache: Path, tmp_path: Path, recipe: Make
) -> None:
    import pickle

    import joblib
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    from tests.model_build.conftest import IRIS

    (tmp_path / "iris.py").write_text(IRIS)
    (tmp_path / "folder").mkdir()
    model = LogisticRegression(max_iter=1000).fit(*load_iris(return_X_y=True))
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(model))
    joblib.dump(model, tmp_path / "folder" / "any.joblib")
    models.save_skops(model, tmp_path / "m.skops")
    for source, trust in (("m.pkl", True), ("folder", True), ("m.skops", False)):
        asked = recipe(source=source, trust=trust, evaluate={"min": 0.9}, optimize={"candidates": ["fp32"]})
        _, verified = candidate(Work.on(asked, tmp_path))
        assert verified.chosen == "fp32"


def test_weights_in_files_beside_it_end_up_in_the_model(own_cache: Path, tmp_path: Path, recipe: Make) -> None:
    import shutil

    (tmp_path / "split").mkdir()
    whole = models.parse(models.linear(width=400))
    onnx.save_model(
        whole, str(tmp_path / "split" / "m.onnx"), save_as_external_data=True, location="m.onnx.data", size_threshold=0
    )
    (tmp_path / "d.py").write_text("import numpy as np\ndef data(): return np.ones((3, 400), np.float32), [0, 1, 2]\n")
    for source in ("split/m.onnx", "split"):
        asked = recipe(source=source, evaluate={"data": "d:data"}, optimize={"candidates": ["fp32"]})
        work = Work.on(asked, tmp_path)
        folder = model_folder(work, *candidate(work))
        shutil.move(folder / "model.onnx", tmp_path / "alone.onnx")
        assert (tmp_path / "alone.onnx").stat().st_size > 400 * 3 * 4
        shutil.move(tmp_path / "alone.onnx", folder / "model.onnx")


def test_several_inputs_and_a_fixed_batch(own_cache: Path, tmp_path: Path, recipe: Make) -> None:
    from onnx import TensorProto, helper

    shape = [2, 3]
    graph = helper.make_graph(
        [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Softmax", ["sum"], ["out"])],
        "two",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in "ab"],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, shape)],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    (tmp_path / "d.py").write_text(
        "import numpy as np\ndef data():\n  x = np.eye(3)[[0, 1, 2, 0]]\n  return {'a': x, 'b': x}, [0, 1, 2, 0]\n"
    )
    asked = recipe(source="m.onnx", evaluate={"data": "d:data", "min": 1.0}, optimize={"candidates": ["fp32"]})
    _, verified = candidate(Work.on(asked, tmp_path))
    assert (verified.baseline, verified.batch) == (1.0, 2)


def test_the_model_of_magika_keeps_its_answers(own_cache: Path, tmp_path: Path, recipe: Make) -> None:
    (tmp_path / "d.py").write_text(
        "import numpy as np\n"
        "def data():\n  x = np.random.default_rng(0).integers(0, 256, (20, 2048)).astype(np.int32)\n"
        "  return {'bytes': x}, np.zeros(20, int)\n"
    )
    source = "package:magika/models/standard_v3_3/model.onnx"
    _, verified = candidate(Work.on(recipe(source=source, evaluate={"data": "d:data"}), tmp_path))
    for result in verified.results:
        assert result.parity is not None
        assert result.parity.agreement == 1.0
    fp32 = verified.results[0]
    assert fp32.parity is not None and fp32.parity.max_abs < 1e-4
