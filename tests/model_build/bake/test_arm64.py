"""The same model for ARM64: baked on x86-64, and run by an emulated processor."""

import hashlib
import subprocess
from pathlib import Path

import httpx
import pytest

from model_build import bake
from model_build.bake import debian, image, inputs
from model_build.bake.errors import BaseError
from model_build.bake.layout import Layout
from tests.model_build.bake.conftest import Baked
from tests.tools import emulation
from tests.tools.processes import Server

ARM64 = "linux/arm64"
AARCH64 = 183
"""The machine's number in ELF."""


@pytest.fixture(scope="module")
def arm(baked: Baked) -> bake.Image:
    return bake.bake(baked.model, name="tiny", base="debian", layout=baked.layout, platform=ARM64)


@pytest.fixture(scope="module")
def root(arm: bake.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake.extract(arm.layout, arm.digest, tmp_path_factory.mktemp("arm") / "root")


def test_model_and_program_are_the_same_layers(baked: Baked, arm: bake.Image) -> None:
    ours, theirs = ({each.kind: each.digest for each in made.layers} for made in (baked.image, arm))
    assert {kind for kind in ours if ours[kind] == theirs[kind]} == {"code", "model"}


def test_it_says_what_it_is_for(arm: bake.Image) -> None:
    assert image.load(arm.layout, arm.digest)["architecture"] == "arm64"
    listed = Layout(arm.layout).descriptor(arm.digest)
    assert listed["platform"] == {"architecture": "arm64", "os": "linux"}


def test_every_library_in_it_is_for_arm64(root: Path) -> None:
    found = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    machines = {int.from_bytes(head[18:20], "little") for path in found if (head := _head(path)).startswith(b"\x7fELF")}
    assert machines == {AARCH64}


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(20)


def emulated(root: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    env = {
        "PATH": "/usr/bin:/bin",
        "PYTHONHOME": str(root / "usr"),
        "PYTHONPATH": f"{root / inputs.APP}:{root / inputs.SITE}",
        "ORT_DISABLE_TELEMETRY": "1",
        "MODELPORT_MODEL": str(root / "models" / "tiny"),
    }
    return [str(emulation.aarch64()), "-L", str(root), str(root / "usr/bin/python3.11"), *arguments], env


def test_its_own_python_would_have_compiled_the_same(root: Path) -> None:
    """Byte code of the image comes from the Python for x86-64."""
    place = root / "usr/lib/python3.11/json/decoder.py"
    (cached,) = place.parent.glob("__pycache__/decoder.*.pyc")
    program = (
        "import importlib._bootstrap_external as e, importlib.util as u, hashlib, sys\n"
        "source = open(sys.argv[1], 'rb').read()\n"
        "code = compile(source, '/usr/lib/python3.11/json/decoder.py', 'exec', dont_inherit=True)\n"
        "print(hashlib.sha256(e._code_to_hash_pyc(code, u.source_hash(source), False)).hexdigest())"
    )
    command, env = emulated(root, "-c", program, str(place))
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == hashlib.sha256(cached.read_bytes()).hexdigest()


def test_it_answers(root: Path, tmp_path: Path) -> None:
    command, env = emulated(root, "-m", "serving", "--port", "0")
    server = Server(command, tmp_path / "log", env)
    try:
        server.wait_for(lambda: server.find(r"serving tiny version 1 on (http://\S+)") != "")
        row = {"name": "x", "datatype": "FP32", "shape": [1, 8], "data": [1.0] * 8}
        url = server.find(r"serving tiny version 1 on (http://\S+)")
        answer = httpx.post(f"{url}/v2/models/tiny/infer", json={"inputs": [row]}, timeout=30)
        assert answer.status_code == 200, answer.text
        assert answer.json()["outputs"][0]["shape"] == [1, 128]
    finally:
        server.stop()


def test_both_locks_are_of_one_release() -> None:
    """So that one compiles for the other."""
    versions = [{each.name: each.version for each in debian.read_lock(platform)} for platform in inputs.DEBIAN_LOCKS]
    python = [{name: found[name] for name in found if "python" in name} for found in versions]
    assert python[0] == python[1]


def test_a_base_for_one_platform_is_refused_for_the_other(baked: Baked, tmp_path: Path) -> None:
    base = f"oci:{baked.layout}@{baked.image.digest}"
    with pytest.raises(BaseError) as refused:
        bake.bake(baked.model, name="tiny", base=base, layout=tmp_path / "images", platform=ARM64)
    assert str(refused.value) == (
        f"base {base} is for linux/amd64, expected linux/arm64; name another digest of an index of images that has one "
        "for each of the recipe's platforms"
    )
    assert not list(tmp_path.iterdir())
