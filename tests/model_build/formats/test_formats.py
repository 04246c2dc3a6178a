"""What a build makes of `formats`: attached, signed, measured in their own runtimes, and there when asked again."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest

from model_build import content, signing
from model_build.bake import referrers
from model_build.bake.attachments import FORMATS
from model_build.errors import GateMissed, InputError, RecipeError, SourceError
from model_build.formats import exporting
from model_build.formats import openvino as writer
from model_build.formats.taking import take
from model_build.identity import changes, identify
from model_build.pipeline import build
from model_build.report import Report
from model_build.work import Work
from tests.model_build import models
from tests.model_build.formats.conftest import Made, recipe


def test_onnx_runtime_reads_what_was_attached_in_its_own_format(made: Made, tmp_path: Path) -> None:
    take(made.built.layout_image, "ort", tmp_path / "out")
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "model.ort"), providers=["CPUExecutionProvider"])
    assert np.array_equal(session.run(["scores"], {"x": made.rows})[0], made.expected)
    told = (tmp_path / "out" / "required_operators.config").read_text()
    assert told.startswith("ai.onnx;13;Gemm") and "/" not in told


def test_openvino_reads_what_was_attached_as_its_ir(made: Made, tmp_path: Path) -> None:
    take(made.built.layout_image, "openvino", tmp_path / "out")
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["model.bin", "model.xml"]
    model = openvino.Core().compile_model(str(tmp_path / "out" / "model.xml"), "CPU", writer.EXACT)
    assert float(np.abs(model({"x": made.rows})["scores"] - made.expected).max()) < 2e-3


def test_the_report_says_what_each_was_measured_in_and_came_to(made: Made) -> None:
    ir, ort = Report.load(Path(made.built.report_json)).exports  # by name, however the recipe lists them
    assert (ort.name, ort.form, ort.runtime) == ("ort", "fp32", f"onnxruntime {onnxruntime.__version__}")
    assert ort.metric == ir.metric == 1.0
    assert ort.parity is not None and ort.parity.max_abs == 0
    assert ir.parity is not None and ir.parity.bound in (0.02, 0.001) and 0 < (ir.parity.most or 0) <= ir.parity.bound
    assert ir.p99_ms is not None and ir.p99_ms > 0
    assert {"ort": ort.digest, "openvino": ir.digest} == made.built.formats


def test_each_is_signed_by_itself(made: Made) -> None:
    for digest in made.built.formats.values():
        assert signing.found(made.layout, digest, made.public)


def test_what_was_built_is_there_when_it_is_asked_again_and_made_again_when_it_is_lost(made: Made) -> None:
    asked = recipe(formats=["ort", "openvino"])
    assert build(asked, project=made.project, layout=made.layout, signed_by=made.public).cached
    lost = made.built.formats["ort"]
    (made.layout / "blobs" / "sha256" / lost.removeprefix("sha256:")).unlink()
    again = build(asked, project=made.project, layout=made.layout, signed_by=made.public)
    assert not again.cached and content.is_whole(made.layout, lost)
    assert (again.digest, again.formats) == (made.built.digest, made.built.formats)


def test_the_image_is_the_same_without_them(made: Made, project: Path) -> None:
    plain = build(recipe(), project=project, layout=made.layout)
    assert plain.digest == made.built.digest and plain.formats == {}


def test_a_recipe_without_formats_is_spelt_as_it_was() -> None:
    assert '"formats"' not in recipe().canonical() and '"formats"' not in recipe(formats=[]).canonical()


def test_a_plan_says_which_format_came(project: Path) -> None:
    before, after = recipe(), recipe(formats=["openvino"])
    parts = [identify(each, project).parts for each in (before, after)]
    assert changes(*parts, before.canonical(), after.canonical()) == ['recipe: formats set to ["openvino"]']
    assert parts[1]["export.openvino"] in openvino.__version__


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["tflite"], "formats[0] is 'tflite', expected one of ort, openvino, torchscript, savedmodel, tensorrt"),
        (["ort", "ort"], "formats is ['ort', 'ort'], expected each format once; remove the repeated one"),
    ],
)
def test_a_recipe_that_names_no_format(wanted: list[str], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe(formats=wanted)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["torchscript", "savedmodel"])
def test_a_format_that_the_source_does_not_come_in_is_told_by_a_plan(project: Path, name: str) -> None:
    with pytest.raises(SourceError, match=f"formats names {name}, which is written of models of .* alone, but source"):
        identify(recipe(formats=[name]), project)


def test_a_format_whose_runtime_is_missing_is_told_before_anything_is_made(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("model_build.distributions.version", lambda name: None if name == "openvino" else "1")
    asked = recipe(formats=["openvino"])
    with pytest.raises(InputError, match=r"but openvino is not installed; pip install 'modelport\[openvino\]'"):
        build(asked, project=project, layout=tmp_path / "images")
    assert not (tmp_path / "images").exists()


def test_no_framework_is_asked_for_by_a_format_that_the_source_does_not_come_in(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_build.distributions.version", lambda name: None if "tensorflow" in name else "1")
    (tmp_path / "linear.onnx").write_bytes(models.linear())
    np.savez(tmp_path / "rows.npz", X=np.zeros((3, 4), np.float32), y=[0, 1, 2])
    (tmp_path / "shop.py").write_text("def model():\n    return 'linear.onnx'\n")
    work = Work.on(recipe(source="shop:model", formats=["savedmodel"]), tmp_path)
    with pytest.raises(SourceError, match="of models of Keras and TensorFlow alone, but source 'shop:model' is onnx"):
        exporting.ready(work)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "images"


def test_an_operator_that_a_runtime_has_not_is_named_before_the_bake(project: Path, own: Path) -> None:
    (project / "binary.onnx").write_bytes(binarised())
    with pytest.raises(
        SourceError, match=r"OpenVINO [\d.]+ has not ai\.onnx\.ml\.Binarizer, which 'binary.onnx' uses;"
    ):
        build(recipe(formats=["openvino"], source="binary.onnx", evaluate={"min": 0}), project=project, layout=own)
    assert not own.exists()


def binarised() -> bytes:
    """The linear model with an operator of ONNX's for tables before it."""
    model = models.parse(models.linear())
    node = onnx.helper.make_node("Binarizer", ["x"], ["binary"], domain="ai.onnx.ml", threshold=0.0)
    model.graph.node[0].input[0] = "binary"
    model.graph.node.insert(0, node)
    model.opset_import.append(onnx.helper.make_opsetid("ai.onnx.ml", 3))
    return bytes(model.SerializeToString())


def test_a_format_that_is_not_good_enough_fails_the_gate_before_the_bake(project: Path, own: Path) -> None:
    most = (project / "linear.onnx").stat().st_size + 200
    with pytest.raises(GateMissed) as caught:
        build(recipe(formats=["openvino"], evaluate={"max_bytes": most}), project=project, layout=own)
    assert "linear: openvino (fp16) missed max_bytes: size is " in str(caught.value)
    assert "leave openvino out of formats, or make the model smaller, or raise the bound" in str(caught.value)
    assert not own.exists()


def test_formats_go_with_their_image(made: Made) -> None:
    attached = {each["artifactType"]: each["digest"] for each in referrers(made.layout, made.built.digest)}
    assert {FORMATS[name]: digest for name, digest in made.built.formats.items()}.items() <= attached.items()
