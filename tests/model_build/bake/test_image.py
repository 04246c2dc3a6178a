"""The image: its parts, and that the same input makes the same bytes anywhere."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from model_build import bake
from model_build.bake.cache import cache_dir
from model_build.bake.errors import BakeError, BaseError
from model_build.bake.image import load
from model_build.bake.layout import Layout
from tests.model_build.bake.conftest import Baked
from tests.tools import models

_BAKE = """
import sys
from pathlib import Path
from model_build.bake import bake
print(bake(Path(sys.argv[1]), name="tiny", base="debian", layout=Path(sys.argv[2])).digest)
"""


def test_the_layers_are_base_wheels_code_and_model(baked: Baked) -> None:
    assert [layer.kind for layer in baked.image.layers] == ["base", "wheels", "code", "model"]
    assert baked.image.unpacked_bytes <= 260_000_000
    assert baked.image.unpacked_bytes == sum(layer.unpacked for layer in baked.image.layers)


def test_the_config_is_what_runtimes_and_serving_expect(baked: Baked) -> None:
    config = load(baked.layout, baked.image.digest)["config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["/usr/bin/python3.11", "-m", "serving"]
    assert (config["Cmd"], config["WorkingDir"], config["ExposedPorts"]) == ([], "/", {"8080/tcp": {}})
    assert dict(entry.split("=", 1) for entry in config["Env"]) == {
        "LANG": "C.UTF-8",
        "MODELPORT_MODEL": "/models/tiny",
        "ORT_DISABLE_TELEMETRY": "1",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": "/opt/modelport/app:/opt/modelport/site",
        "PYTHONUNBUFFERED": "1",
    }


def test_in_dockers_words_it_is_of_the_same_parts(baked: Baked) -> None:
    """What Amazon SageMaker takes: a manifest, a config and layers of Docker's types alone."""
    store = Layout(baked.layout)
    image = bake.bake(baked.model, name="tiny", base="debian", layout=baked.layout, manifest="docker")
    ours, theirs = store.manifest(baked.image.digest), store.manifest(image.digest)
    kinds = "application/vnd.docker"
    assert theirs == {
        "schemaVersion": 2,
        "mediaType": f"{kinds}.distribution.manifest.v2+json",
        "config": {**ours["config"], "mediaType": f"{kinds}.container.image.v1+json"},
        "layers": [{**each, "mediaType": f"{kinds}.image.rootfs.diff.tar.gzip"} for each in ours["layers"]],
    }
    assert image.layers == baked.image.layers
    assert store.descriptor(image.digest)["mediaType"] == theirs["mediaType"]


def test_an_image_in_dockers_words_is_unpacked_as_any_other(baked: Baked, rootfs: Path, tmp_path: Path) -> None:
    image = bake.bake(baked.model, name="tiny", base="debian", layout=baked.layout, manifest="docker")
    root = bake.extract(baked.layout, image.digest, tmp_path / "root")
    model = "models/tiny/model.onnx"
    assert (root / model).read_bytes() == (rootfs / model).read_bytes()


def test_a_new_model_is_one_new_layer(baked: Baked, tmp_path: Path) -> None:
    other = bake.bake(models.folder(tmp_path, seed=1), name="tiny", base="debian", layout=baked.layout)
    assert other.layers[:3] == baked.image.layers[:3]
    assert other.layers[3].digest != baked.image.layers[3].digest


def test_the_model_layer_holds_the_model_folder(baked: Baked) -> None:
    blob = Layout(baked.layout).blob(baked.image.layers[3].digest)
    with tarfile.open(blob) as archive:
        assert archive.getnames() == ["models", "models/tiny", "models/tiny/model.json", "models/tiny/model.onnx"]
        file = archive.extractfile("models/tiny/model.onnx")
        assert file is not None
        assert file.read() == (baked.model / "model.onnx").read_bytes()


def test_a_first_bake_elsewhere_gives_the_same_bytes(baked: Baked, tmp_path: Path) -> None:
    """Everything made anew, in another place, by a process with another time zone, umask, locale and hash seed."""
    cache = tmp_path / "a cache ünder another name"
    shutil.copytree(cache_dir() / "debs", cache / "debs")
    model = tmp_path / "deep" / "er" / "model"
    shutil.copytree(baked.model, model)
    for file in model.iterdir():
        file.chmod(0o600)
        os.utime(file, (1, 1))
    environment = {
        **os.environ,
        "MODELPORT_CACHE_DIR": str(cache),
        "TZ": "Pacific/Kiritimati",
        "PYTHONHASHSEED": "4711",
        "LC_ALL": "C",
        "SOURCE_DATE_EPOCH": "1234567890",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    expected = bake.bake(baked.model, name="tiny", base="debian", layout=baked.layout).digest
    ran = subprocess.run(
        [sys.executable, "-c", _BAKE, str(model), str(tmp_path / "images")],
        env=environment,
        umask=0o077,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout.strip(), ran.stderr) == (expected, "")


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("ubuntu", "expected debian, oci:/path@sha256"),
        ("oci:/nowhere", "by digest"),
        ("python:3.11@sha256:" + "0" * 63, "by digest"),
        ("oci:/nowhere@sha256:" + "0" * 64, "has no sha256:0000"),
    ],
)
def test_a_base_that_cannot_be_is_refused(baked: Baked, tmp_path: Path, base: str, said: str) -> None:
    with pytest.raises((BaseError, BakeError), match=said):
        bake.bake(baked.model, name="tiny", base=base, layout=tmp_path / "images")
    assert not (tmp_path / "images").exists()


@pytest.mark.parametrize("name", ["", "Tiny", "../x", "a/b", "a b", "-a", "a" * 200])
def test_a_name_that_cannot_be_a_folder_is_refused(baked: Baked, tmp_path: Path, name: str) -> None:
    with pytest.raises(BakeError, match="expected lower-case letters"):
        bake.bake(baked.model, name=name, base="debian", layout=tmp_path / "images")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BakeError, match=r"has no model\.onnx.*convert the model first"):
        bake.bake(tmp_path, name="tiny", base="debian", layout=tmp_path / "images")


def test_a_baked_image_can_be_a_base(baked: Baked, tmp_path: Path) -> None:
    base = f"oci:{baked.layout}@{baked.image.digest}"
    image = bake.bake(baked.model, name="again", base=base, layout=tmp_path / "images")
    assert [layer.kind for layer in image.layers] == ["base"] * 4 + ["wheels", "code", "model"]
    assert image.layers[0].digest == baked.image.layers[0].digest
    root = bake.extract(tmp_path / "images", image.digest, tmp_path / "root")
    assert sorted(path.name for path in (root / "models").iterdir()) == ["again", "tiny"]


def test_identity_names_what_decides_the_bytes(baked: Baked) -> None:
    found = bake.identity("debian")
    assert sorted(found) == ["base", "format", "serving", "wheels"]
    digest = "sha256:" + "ab" * 32
    assert bake.identity(f"oci:/somewhere@{digest}") == {**found, "base": digest}


def test_identity_imports_next_to_nothing() -> None:
    program = (
        "import sys; from model_build.bake import identity; identity('debian'); print(json.dumps(sorted(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", f"import json; {program}"], capture_output=True, text=True, check=True)
    heavy = {"httpx", "tarfile", "subprocess", "numpy", "onnx", "pydantic", "pulumi", "serving", "ssl"}
    assert heavy & set(json.loads(ran.stdout)) == set()
