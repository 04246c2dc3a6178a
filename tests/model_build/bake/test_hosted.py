"""Images that another's server answers from: what is in them, and that a real Triton serves the model in one.

Where no server runs, the base is a stand-in: a few files as NVIDIA's and TensorFlow's images have them, with a shell
script in the server's place. They stand for where things are, and for nothing that a server does.
"""

import contextlib
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tritonclient.http as client
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from model_build import bake, push, sbom
from model_build.bake import inside, modelcar
from model_build.bake.errors import BakeError, BaseError
from model_build.bake.hosted import SAVED, Hosting
from model_build.bake.image import Image, load
from model_build.bake.inputs import SITE
from model_build.bake.layout import Layout
from tests.model_build.bake.conftest import Baked
from tests.ports import free_port
from tests.tools import bases, models, triton
from tests.tools.registries import Registry

ECHO = '#!/bin/sh\nfor each; do echo "$each"; done\n'
DPKG = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.39-0ubuntu8\n"
NVIDIA = {
    "Entrypoint": ["/opt/nvidia/nvidia_entrypoint.sh"],
    "Env": ["PATH=/opt/tritonserver/bin:/usr/bin", "TRITON_SERVER_VERSION=2.60.0", "LD_LIBRARY_PATH=/usr/local/cuda"],
    "WorkingDir": "/opt/tritonserver",
    "Labels": {"of": "the base"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hosted")


@pytest.fixture(scope="module")
def nvidia(folder: Path) -> str:
    """As NVIDIA's image has them: the server, a script before it, a record of dpkg's, Ubuntu's name."""
    held = {
        "opt/tritonserver/bin/tritonserver": ECHO,
        "opt/nvidia/nvidia_entrypoint.sh": '#!/bin/sh\nexec "$@"\n',
        "var/lib/dpkg/status": DPKG,
        "usr/lib/os-release": "ID=ubuntu\nVERSION_ID=24.04\n",
        "usr/lib/large": "x" * 100_000,
    }
    root = bases.files(folder / "nvidia", held)
    (root / "etc").mkdir()
    (root / "etc" / "os-release").symlink_to("../usr/lib/os-release")
    return bases.base(folder / "bases", root, NVIDIA)


@pytest.fixture(scope="module")
def hosted(folder: Path, nvidia: str) -> Image:
    settings = {"max_batch": 16, "preferred_batches": [4, 8], "queue_delay_us": 500, "instances": 2, "device": "cpu"}
    model = models.folder(folder / "model")
    return bake.bake(
        model, name="tiny", base=nvidia, layout=folder / "images", hosting=Hosting("triton", "3", settings)
    )


@pytest.fixture(scope="module")
def root(hosted: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake.extract(hosted.layout, hosted.digest, tmp_path_factory.mktemp("hosted-root") / "root")


def test_it_is_the_base_and_one_layer_with_a_whole_repository(hosted: Image, nvidia: str, root: Path) -> None:
    below = Layout(Path(nvidia.removeprefix("oci:").rpartition("@")[0])).manifest(nvidia.rpartition("@")[2])
    assert [layer.digest for layer in hosted.layers][:-1] == [each["digest"] for each in below["layers"]]
    held = sorted(path.relative_to(root / "models").as_posix() for path in (root / "models").rglob("*"))
    assert held == ["tiny", "tiny/3", "tiny/3/model.onnx", "tiny/config.pbtxt", "tiny/model.json"]


def test_what_the_recipe_says_of_triton_is_in_its_config(root: Path) -> None:
    """That Triton reads these words so is shown below, by a real one."""
    told = (root / "models" / "tiny" / "config.pbtxt").read_text()
    assert " ".join(told.partition("dynamic_batching ")[2].split()) == (
        "{ preferred_batch_size: [4, 8] max_queue_delay_microseconds: 500 } "
        "instance_group { count: 2 kind: KIND_CPU } version_policy { specific { versions: [3] } }"
    )


def test_it_runs_the_script_of_nvidia_s_image_and_that_the_server(hosted: Image, root: Path) -> None:
    """The scripts are stand-ins: what is shown is what they are called with."""
    config = load(hosted.layout, hosted.digest)["config"]
    ran = subprocess.run(
        ["/usr/bin/env", "-i", *_here(root, [*config["Entrypoint"], *config["Cmd"]])],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == [
        "--model-repository=/models",
        "--strict-readiness=true",
        "--exit-timeout-secs=30",
        "--http-port=8080",
        "--grpc-port=8001",
        "--metrics-port=8002",
    ]


def _here(root: Path, words: list[str]) -> list[str]:
    return [f"{root}{word}" if word.startswith("/opt/") else word for word in words]


def test_its_config_is_the_base_s_surroundings_and_our_user(hosted: Image) -> None:
    config = load(hosted.layout, hosted.digest)["config"]
    assert (config["User"], config["WorkingDir"]) == ("65532:65532", "/opt/tritonserver")
    assert config["ExposedPorts"] == {"8080/tcp": {}, "8001/tcp": {}, "8002/tcp": {}}
    assert config["Env"] == sorted([*NVIDIA["Env"], "ORT_DISABLE_TELEMETRY=1"])
    assert config["Labels"] == {
        "org.opencontainers.image.title": "tiny",
        "io.modelport.server": "triton",
        "io.modelport.server.version": "2.60.0",
    }


def test_the_same_input_is_the_same_image(hosted: Image, folder: Path, nvidia: str, tmp_path: Path) -> None:
    settings = {"max_batch": 16, "preferred_batches": [4, 8], "queue_delay_us": 500, "instances": 2, "device": "cpu"}
    again = shutil.copytree(folder / "model", tmp_path / "elsewhere")
    hosting = Hosting("triton", "3", settings)
    assert bake.bake(again, name="tiny", base=nvidia, layout=tmp_path / "i", hosting=hosting).digest == hosted.digest


def test_the_base_may_come_out_of_a_registry(hosted: Image, folder: Path, nvidia: str, registry: Registry) -> None:
    place, _, digest = nvidia.removeprefix("oci:").rpartition("@")
    pushed = push.push(Path(place), digest, f"{registry.host}/nvidia/tritonserver")
    settings = {"max_batch": 16, "preferred_batches": [4, 8], "queue_delay_us": 500, "instances": 2, "device": "cpu"}
    hosting = Hosting("triton", "3", settings)
    made = bake.bake(folder / "model", name="tiny", base=pushed.reference, layout=folder / "pulled", hosting=hosting)
    assert made.digest == hosted.digest


def test_its_bill_of_materials_names_the_server_and_says_that_it_is_not_all(hosted: Image, root: Path) -> None:
    text = sbom.describe(hosted.layout, hosted.digest)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.decode()) is None
    told = json.loads(text)
    found = {each["name"]: each for each in told["components"]}
    assert sorted(found) == ["libc6", "tiny", "tritonserver"]
    assert found["libc6"]["purl"] == "pkg:deb/ubuntu/libc6@2.39-0ubuntu8?arch=amd64&distro=ubuntu-24.04"
    assert found["tritonserver"]["version"] == "2.60.0"
    assert [each["aggregate"] for each in told["compositions"]] == ["incomplete"]


def test_its_modelcar_is_its_own_layer_and_a_shell(hosted: Image) -> None:
    car = modelcar.attach(hosted.layout, hosted.digest)
    _, top = Layout(hosted.layout).manifest(car)["layers"]
    assert top["digest"] == hosted.layers[-1].digest


def test_who_wants_the_parts_of_our_server_is_told_that_it_has_none(hosted: Image) -> None:
    with pytest.raises(BakeError, match="has the server triton, expected one with the server modelport"):
        inside.parts(f"oci:{hosted.layout}@{hosted.digest}")


def test_a_base_without_the_server_is_refused_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    other = bases.base(folder / "bases", bases.files(tmp_path / "r", {"usr/bin/other": ECHO}), {})
    with pytest.raises(BaseError, match="has no tritonserver in its PATH or in /opt/tritonserver/bin, expected an ima"):
        bake.bake(folder / "model", name="t", base=other, layout=tmp_path / "images", hosting=Hosting("triton"))
    assert not (tmp_path / "images").exists()


def test_a_base_that_took_the_server_away_has_none(folder: Path, tmp_path: Path, nvidia: str) -> None:
    """A layer's whiteout holds for what is looked up too."""
    store = Layout(folder / "bases")
    below = store.manifest(nvidia.rpartition("@")[2])
    from model_build.bake.layers import listed

    config = json.loads(store.read(below["config"]["digest"]))
    lower = [(each, store.blob(each.digest)) for each in listed(below, config)]
    root = bases.files(tmp_path / "r", {"opt/tritonserver/bin/.wh.tritonserver": ""})
    with pytest.raises(BaseError, match="has no tritonserver"):
        bake.bake(
            folder / "model",
            name="t",
            base=bases.base(folder / "bases", root, NVIDIA, lower),
            layout=tmp_path / "images",
            hosting=Hosting("triton"),
        )


@pytest.mark.parametrize(("key", "value"), [("max_batch", 8), ("preferred_batches", [4]), ("queue_delay_us", 100)])
def test_a_batch_of_a_model_that_takes_none_is_refused(
    folder: Path, nvidia: str, tmp_path: Path, key: str, value: object
) -> None:
    import onnx

    model = shutil.copytree(folder / "model", tmp_path / "fixed")
    graph = onnx.load(model / "model.onnx")
    graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(graph, model / "model.onnx")
    hosting = Hosting("triton", "1", {key: value})
    with pytest.raises(BakeError, match=rf"triton\.{key} is .*, but 'x' of the model has the shape \[1, 8\], expected"):
        bake.bake(model, name="t", base=nvidia, layout=tmp_path / "images", hosting=hosting)


def test_tensorflow_serving_has_the_saved_model_and_is_started_by_its_own_flags(folder: Path, tmp_path: Path) -> None:
    """No registry here has the server, so the base is a stand-in; the flags are those of its documentation."""
    model = bases.files(
        tmp_path / "model",
        {
            "model.json": json.dumps({"name": "digits", "version": "2", "savedmodel": "0" * 64}),
            f"{SAVED}/saved_model.pb": "graph",
            f"{SAVED}/variables/variables.index": "index",
        },
    )
    held = bases.files(tmp_path / "root", {"usr/bin/tensorflow_model_server": ECHO, "usr/bin/entry.sh": "#!/bin/sh\n"})
    base = bases.base(folder / "bases", held, {"Entrypoint": ["/usr/bin/entry.sh"], "Env": ["MODEL_NAME=model"]})
    made = bake.bake(
        model, name="digits", base=base, layout=tmp_path / "images", hosting=Hosting("tensorflow-serving", "2")
    )
    config = load(made.layout, made.digest)["config"]
    assert [*config["Entrypoint"], *config["Cmd"]] == [
        "/usr/bin/tensorflow_model_server",
        "--rest_api_port=8080",
        "--port=8500",
        "--model_name=digits",
        "--model_base_path=/models/digits",
    ]
    root = bake.extract(made.layout, made.digest, tmp_path / "out")
    files = sorted(
        path.relative_to(root).as_posix() for path in (root / "models" / "digits").rglob("*") if path.is_file()
    )
    at = "models/digits"
    assert files == [f"{at}/2/saved_model.pb", f"{at}/2/variables/variables.index", f"{at}/model.json"]
    told = json.loads(sbom.describe(made.layout, made.digest))
    (part,) = [each for each in told["components"] if each["bom-ref"] == "model"]
    assert part["properties"] == [{"name": "modelport:format", "value": "savedmodel"}]


@pytest.fixture(scope="module")
def served(
    baked: Baked, tmp_path_factory: pytest.TempPathFactory
) -> Generator[tuple[client.InferenceServerClient, str]]:
    """A model on a base with a real tritonserver, run with the image's own words, variables and files.

    Its ports are moved, as the test's are any; the root folder is the image's.
    """
    folder = tmp_path_factory.mktemp("triton")
    triton.lay(folder / "server", f"/{SITE}")
    lower = [(layer, baked.layout / "blobs" / "sha256" / layer.digest[7:]) for layer in baked.image.layers[:2]]
    settings = {"Env": ["LD_LIBRARY_PATH=/opt/tritonserver/lib", "PATH=/opt/tritonserver/bin:/usr/bin"]}
    base = bases.base(folder / "bases", folder / "server", settings, lower)
    hosting = Hosting("triton", "7", {"max_batch": 32, "preferred_batches": [8], "queue_delay_us": 100, "instances": 1})
    image = bake.bake(baked.model, name="tiny", base=base, layout=folder / "images", hosting=hosting)
    config = load(image.layout, image.digest)["config"]
    root = bake.extract(image.layout, image.digest, folder / "root")
    http, metrics = free_port(), free_port()
    moved = [f"--http-port={http}", "--http-address=127.0.0.1", "--allow-grpc=false"]
    moved += [f"--metrics-port={metrics}", "--metrics-address=127.0.0.1"]
    words = [*config["Entrypoint"], *config["Cmd"], *moved]
    with contextlib.ExitStack() as held:
        address = held.enter_context(triton.running(root, words, config["Env"], http, folder / "log"))
        # It does not end before its callers have.
        asked = held.enter_context(contextlib.closing(client.InferenceServerClient(address.removeprefix("http://"))))
        yield asked, f"http://127.0.0.1:{metrics}/metrics"


def test_a_real_triton_reads_the_repository_as_it_is_meant(served: tuple[Any, str]) -> None:
    told = served[0].get_model_config("tiny")
    assert (told["backend"], told["max_batch_size"]) == ("onnxruntime", 32)
    assert told["version_policy"] == {"specific": {"versions": [7]}}
    together = told["dynamic_batching"]
    assert (together["preferred_batch_size"], together["max_queue_delay_microseconds"]) == ([8], 100)
    assert [each["count"] for each in told["instance_group"]] == [1]


def test_a_real_triton_answers_as_the_model_does(served: tuple[Any, str], baked: Baked) -> None:
    rows = np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)
    given = client.InferInput("x", [5, 8], "FP32")
    given.set_data_from_numpy(rows)
    answer = served[0].infer("tiny", [given])
    session = onnxruntime.InferenceSession(baked.model / "model.onnx")
    np.testing.assert_allclose(answer.as_numpy("y"), session.run(["y"], {"x": rows})[0], rtol=1e-5)
    assert answer.get_response()["model_version"] == "7"


def test_a_real_triton_counts_by_model_and_version(served: tuple[Any, str]) -> None:
    with urllib.request.urlopen(served[1], timeout=10) as answer:
        told = answer.read().decode()
    assert 'nv_inference_request_success{model="tiny",version="7"}' in told
