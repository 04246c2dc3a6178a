"""Images unpacked, and run by their own Python through their own loader."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from model_build import bake
from model_build.bake.cache import cache_dir
from model_build.bake.errors import BakeError
from tests.model_build.bake.conftest import Baked


def _run(root: Path, program: str) -> str:
    launcher = bake.launcher(root)
    ran = subprocess.run([*launcher.argv, "-c", program], env=launcher.env, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def test_the_images_own_python_imports_what_serving_needs(rootfs: Path) -> None:
    program = (
        "import json, sys, onnxruntime, numpy, ssl, PIL.Image\n"
        "maps = {line.split()[-1] for line in open('/proc/self/maps') if '.so' in line.split()[-1]}\n"
        "found = [getattr(m, '__file__') for m in list(sys.modules.values()) if getattr(m, '__file__', None)]\n"
        "certificates = len(ssl.create_default_context().get_ca_certs())\n"
        "print(json.dumps([sorted(maps), found, certificates]))"
    )
    mapped, modules, certificates = json.loads(_run(rootfs, program))
    # Every library and module comes from the image, none from this machine. (Hard links: maps may name the cache.)
    assert [path for path in mapped if not path.startswith((str(rootfs), str(cache_dir())))] == []
    assert [path for path in modules if not path.startswith(str(rootfs))] == []
    assert certificates > 100


def test_a_model_answers_from_the_image(rootfs: Path) -> None:
    program = (
        "import os, numpy, onnxruntime\n"
        "session = onnxruntime.InferenceSession(os.environ['MODELPORT_MODEL'] + '/model.onnx')\n"
        "print(session.run(None, {'x': numpy.ones((3, 8), numpy.float32)})[0].shape[0])"
    )
    assert _run(rootfs, program).strip() == "3"


def test_serving_comes_from_the_image_and_not_from_the_current_folder(
    rootfs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "serving.py").write_text("raise SystemExit('the current folder got in')")
    monkeypatch.chdir(tmp_path)
    assert _run(rootfs, "import serving; print(serving.__file__)").startswith(str(rootfs / "opt/modelport/app"))


def test_start_up_compiles_and_reads_no_source(rootfs: Path) -> None:
    program = "import serving, numpy, json; print([m.__cached__ for m in (serving, numpy, json)])"
    assert all(Path(path).is_file() for path in json.loads(_run(rootfs, program).replace("'", '"')))


def test_the_hosts_environment_plays_no_part(rootfs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('the host got in')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    assert _run(rootfs, "import numpy, sys; print(sys.prefix)").strip() == str(rootfs / "usr")


def test_extracting_again_changes_nothing(baked: Baked, rootfs: Path) -> None:
    before = (rootfs / ".modelport-image.json").stat().st_mtime_ns
    assert bake.extract(baked.layout, baked.image.digest, rootfs) == rootfs
    assert (rootfs / ".modelport-image.json").stat().st_mtime_ns == before


def test_many_at_once_agree(baked: Baked, tmp_path: Path) -> None:
    results: list[object] = []

    def one() -> None:
        try:
            results.append(bake.extract(baked.layout, baked.image.digest, tmp_path / "root"))
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [tmp_path / "root"] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["root"]


def test_a_folder_with_something_else_in_it_is_left_alone(baked: Baked, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(BakeError, match="holds something else"):
        bake.extract(baked.layout, baked.image.digest, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_damaged_layer_is_found_and_nothing_appears(
    baked: Baked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELPORT_CACHE_DIR", str(tmp_path / "cache"))
    copy = tmp_path / "images"
    subprocess.run(["cp", "-r", str(baked.layout), str(copy)], check=True)
    blob = copy / "blobs" / baked.image.layers[3].digest.replace(":", "/")
    data = bytearray(blob.read_bytes())
    data[2000] ^= 1
    blob.write_bytes(data)
    with pytest.raises(BakeError, match="damaged"):
        bake.extract(copy, baked.image.digest, tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_a_missing_image_is_named(baked: Baked, tmp_path: Path) -> None:
    with pytest.raises(BakeError, match=r"has no sha256:0{64}; build the image again"):
        bake.extract(baked.layout, "sha256:" + "0" * 64, tmp_path / "root")


def test_a_launcher_for_no_image_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BakeError, match="no glibc loader"):
        bake.launcher(tmp_path)


def test_the_version_is_the_images_not_this_machines(rootfs: Path) -> None:
    assert bake.launcher(rootfs).version == "3.11"
    assert _run(rootfs, "import sys; print(sys.version)").strip() != sys.version
