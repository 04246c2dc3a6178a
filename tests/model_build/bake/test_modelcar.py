"""The model's files as an image of their own: what is in it, who can read it, and where it goes."""

import ast
import importlib.util
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import descriptor_pool, message_factory, text_format
from onnx import TensorProto, helper

from model_build import bake, copying, gc, generating, push, signing
from model_build.bake import modelcar, triton
from model_build.bake.attachments import MODELCAR, SIGNATURE, referrers
from model_build.bake.errors import BakeError
from model_build.bake.layout import Layout
from tests.model_build.bake.conftest import Baked
from tests.tools.keys import key
from tests.tools.registries import Registry


@pytest.fixture(scope="module")
def car(baked: Baked) -> str:
    return modelcar.attach(baked.layout, baked.image.digest)


@pytest.fixture(scope="module")
def root(baked: Baked, car: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake.extract(baked.layout, car, tmp_path_factory.mktemp("car") / "root")


def test_it_shares_the_layer_of_the_model_and_has_little_else(baked: Baked, car: str) -> None:
    store = Layout(baked.layout)
    shell, model, repository = store.manifest(car)["layers"]
    assert model["digest"] == store.manifest(baked.image.digest)["layers"][-1]["digest"]
    assert shell["size"] < 2_100_000
    assert repository["size"] < 10_000


def attached(layout: Path, digest: str) -> list[str]:
    return [str(each["digest"]) for each in referrers(layout, digest) if each["artifactType"] == MODELCAR]


def test_the_same_image_has_the_same_modelcar(baked: Baked, car: str) -> None:
    assert modelcar.attach(baked.layout, baked.image.digest) == car
    gc.remove(baked.layout, car)
    assert attached(baked.layout, baked.image.digest) == []
    assert modelcar.attach(baked.layout, baked.image.digest) == car


def test_the_model_in_triton_s_place_is_the_model(baked: Baked, root: Path) -> None:
    there = root / "models" / "tiny"
    assert (there / "1" / "model.onnx").read_bytes() == (baked.model / "model.onnx").read_bytes()
    assert onnxruntime.InferenceSession(there / "1" / "model.onnx").get_inputs()


@pytest.mark.parametrize(
    "command",
    [
        "[ -d /models ] && [ \"$(ls -A /models)\" ] && echo fine",
        "mkdir -p /tmp/m && ln -sf /models /tmp/m/models && [ \"$(cat /tmp/m/models/tiny/model.json)\" ] && echo fine",
        "sleep 0 && echo fine",
    ],
)  # fmt: skip
def test_kserve_s_commands_run_in_it(root: Path, command: str) -> None:
    """As KServe's webhook writes them, in a root of its own."""
    (root / "tmp").mkdir(exist_ok=True)
    ran = subprocess.run(
        ["/usr/bin/unshare", "--map-root-user", "/usr/sbin/chroot", str(root), "/bin/sh", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/bin"},
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "fine"), ran.stderr


def test_it_goes_to_a_registry_with_its_image_and_nothing_is_sent_twice(
    baked: Baked, car: str, registry: Registry
) -> None:
    place = f"{registry.host}/cars/tiny"
    model = Layout(baked.layout).manifest(car)["layers"][1]["digest"]
    pushed = push.push(baked.layout, baked.image.digest, place)
    assert pushed.uploaded.count(model) == 1
    assert model in pushed.skipped
    assert push.exists(f"{place}@{car}")
    assert [each["digest"] for each in push.list_referrers(pushed.reference, MODELCAR)] == [car]


def test_a_copy_brings_it_with_its_signature(
    baked: Baked, car: str, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, public = key(tmp_path)
    monkeypatch.setenv(signing.KEY_FILE, str(file))
    signature = signing.attach(baked.layout, car, "tiny", signing.Signer.of(public))
    pushed = push.push(baked.layout, baked.image.digest, f"{registry.host}/cars/signed")
    copying.bring(pushed.reference, tmp_path / "other", lambda _: None)
    assert attached(tmp_path / "other", baked.image.digest) == [car]
    held = [each["digest"] for each in referrers(tmp_path / "other", car) if each["artifactType"] == SIGNATURE]
    assert held == [signature]
    assert signing.good(Layout(tmp_path / "other"), car, signature, public)


def test_it_goes_from_registry_and_layout_with_its_image(
    baked: Baked, car: str, registry: Registry, tmp_path: Path
) -> None:
    pushed = push.push(baked.layout, baked.image.digest, f"{registry.host}/cars/gone")
    copying.bring(pushed.reference, tmp_path / "other", lambda _: None)
    push.delete(pushed.reference)
    assert not push.exists(f"{registry.host}/cars/gone@{car}")
    gc.remove(tmp_path / "other", baked.image.digest)
    assert Layout(tmp_path / "other").index()["manifests"] == []


def graph(
    inputs: list[tuple[str, int, list[int | str | None]]], outputs: list[tuple[str, int, list[int | str | None]]]
) -> bytes:
    named = [[helper.make_tensor_value_info(*each) for each in both] for both in (inputs, outputs)]
    nodes = [helper.make_node("Cast", [inputs[0][0]], [name], to=kind) for name, kind, _ in outputs]
    made = helper.make_model(helper.make_graph(nodes, "g", *named), opset_imports=[helper.make_opsetid("", 21)])
    return made.SerializeToString()


@pytest.fixture(scope="module")
def message() -> Any:
    """Triton's own ModelConfig, out of its client, whose generated code wants a newer protobuf than onnx."""
    spec = importlib.util.find_spec("tritonclient")
    assert spec is not None and spec.submodule_search_locations is not None
    code = Path(spec.submodule_search_locations[0], "grpc", "model_config_pb2.py").read_text()
    calls = [each for each in ast.walk(ast.parse(code)) if isinstance(each, ast.Call)]
    (described,) = [each for each in calls if ast.unparse(each.func).endswith("AddSerializedFile")]
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(ast.literal_eval(described.args[0]))
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("inference.ModelConfig"))


def config(message: Any, tmp_path: Path, data: bytes) -> Any:
    """As Triton reads it, which refuses words that it does not know."""
    (tmp_path / "model.onnx").write_bytes(data)
    return text_format.Parse(triton.config(tmp_path / "model.onnx", "m"), message())


def test_triton_is_told_of_inputs_and_outputs(message: Any, tmp_path: Path) -> None:
    told = config(
        message,
        tmp_path,
        graph(
            [("ids", TensorProto.INT64, ["batch", "length"]), ("x", TensorProto.FLOAT16, [None, 3, 8])],
            [("words", TensorProto.STRING, ["batch", 4])],
        ),
    )
    assert (told.name, told.platform, told.max_batch_size) == ("m", "onnxruntime_onnx", triton.MOST_ROWS)
    found = [(each.name, each.data_type, list(each.dims)) for each in (*told.input, *told.output)]
    types = message.DESCRIPTOR.fields_by_name["input"].message_type.fields_by_name["data_type"].enum_type
    numbers = {each: types.values_by_name[each].number for each in ("TYPE_INT64", "TYPE_FP16", "TYPE_STRING")}
    assert found == [
        ("ids", numbers["TYPE_INT64"], [-1]),
        ("x", numbers["TYPE_FP16"], [3, 8]),
        ("words", numbers["TYPE_STRING"], [4]),
    ]
    assert told.HasField("dynamic_batching")


def test_a_fixed_number_of_rows_is_no_batch(message: Any, tmp_path: Path) -> None:
    told = config(message, tmp_path, graph([("x", TensorProto.FLOAT, [1, 3])], [("y", TensorProto.FLOAT, [1, 3])]))
    assert (told.max_batch_size, list(told.input[0].dims)) == (0, [1, 3])
    assert not told.HasField("dynamic_batching")


def test_a_row_that_is_one_number_is_reshaped(message: Any, tmp_path: Path) -> None:
    told = config(message, tmp_path, graph([("x", TensorProto.FLOAT, [None])], [("y", TensorProto.INT64, [None])]))
    assert (list(told.input[0].dims), list(told.input[0].reshape.shape)) == ([1], [])
    assert told.input[0].HasField("reshape")


def test_what_triton_has_no_word_for_is_refused_by_name(message: Any, tmp_path: Path) -> None:
    sequence = helper.make_tensor_sequence_value_info("many", TensorProto.FLOAT, [None])
    made = helper.make_graph(
        [helper.make_node("SequenceConstruct", ["x"], ["many"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])],
        [sequence],
    )
    with pytest.raises(BakeError, match="'many' is a sequence, expected a tensor, which is all that Triton takes"):
        config(message, tmp_path, helper.make_model(made).SerializeToString())


def test_a_model_that_writes_has_no_place_in_triton(tmp_path: Path) -> None:
    made = onnx.load_model_from_string(graph([("x", TensorProto.FLOAT, [None])], [("y", TensorProto.INT64, [None])]))
    helper.set_model_props(made, {generating.KEY: "{}"})
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    assert triton.config(tmp_path / "model.onnx", "m") is None


def test_a_weight_is_no_input(message: Any, tmp_path: Path) -> None:
    """Older exporters list weights among the inputs."""
    weight = onnx.numpy_helper.from_array(np.ones((3,), np.float32), "w")
    x, y, w = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 3]) for name in ("x", "y", "w"))
    made = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["y"])], "g", [x, w], [y], [weight])
    assert [each.name for each in config(message, tmp_path, helper.make_model(made).SerializeToString()).input] == ["x"]


def test_an_image_of_others_has_no_modelcar(tmp_path: Path) -> None:
    from tests.model_build.push.conftest import make

    other = make(tmp_path / "images", sizes=(100,))
    with pytest.raises(BakeError, match="is none that a ModelImage has made"):
        modelcar.attach(other.layout, other.digest)
    assert json.loads((other.layout / "index.json").read_text())["manifests"][0]["digest"] == other.digest
