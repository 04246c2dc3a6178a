"""The source of a function, made of an image: the same bytes anywhere, and nothing that is not in the image."""

import hashlib
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pulumi.output import Unknown

from components.checks import ArgsError
from components.gcp import function_archive
from components.gcp.function_archive import Archive
from components.gcp.function_source import FunctionSourceProvider
from model_build.bake import bake
from model_build.bake.cache import cache_dir
from model_build.bake.inputs import wheels_lock
from model_build.bake.layout import Layout, canonical
from model_build.push import push
from tests.serving import models
from tests.tools.registries import Registry


class Baked:
    """An image in a layout of its own."""

    def __init__(self, home: Path, version: str = "1", **changed: Any) -> None:
        self.model = models.digits(home / "model", version=version, **changed)
        self.layout = home / "layout"
        self.digest = bake(self.model, name="digits", base="debian", layout=self.layout).digest

    @property
    def reference(self) -> str:
        return f"oci:{self.layout}@{self.digest}"


@pytest.fixture(scope="module")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Baked:
    return Baked(tmp_path_factory.mktemp("baked"))


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another machine: nothing is in its cache."""
    monkeypatch.setenv("MODELPORT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    return tmp_path / "cache"


@pytest.fixture
def elsewhere(baked: Baked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another machine that has made no archive yet; layers that it gets it has unpacked before, which takes long."""
    trees = cache_dir() / "trees"
    monkeypatch.setenv("MODELPORT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "trees").symlink_to(trees)
    return tmp_path / "cache"


def _names(archive: Archive) -> list[str]:
    with zipfile.ZipFile(function_archive.file(archive.sha256)) as found:
        return found.namelist()


def test_it_holds_the_images_model_and_code_and_the_pins(baked: Baked) -> None:
    archive = function_archive.archived(baked.reference)
    with zipfile.ZipFile(function_archive.file(archive.sha256)) as found:
        names = found.namelist()
        assert found.read("model/model.onnx") == (baked.model / "model.onnx").read_bytes()
        assert json.loads(found.read("model/model.json"))["name"] == "digits"
        requirements = found.read("requirements.txt").decode()
        assert found.read("main.py").decode() == function_archive.MAIN
    assert {name.partition("/")[0] for name in names} == {"main.py", "model", "requirements.txt", "serving"}
    assert "serving/process/cloud_function.py" in names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    assert requirements == "# No code of a package is run to install it.\n--only-binary :all:\n" + (
        function_archive.LOCK.read_text()
    )
    assert archive.runtime == "python311"
    assert archive.model == sum(each.stat().st_size for each in baked.model.iterdir())


def test_the_same_image_gives_the_same_bytes(baked: Baked, elsewhere: Path) -> None:
    here = function_archive.archived(baked.reference)
    content = function_archive.file(here.sha256).read_bytes()
    shutil.rmtree(elsewhere)
    before = os.umask(0o077)
    try:
        again = function_archive.archived(baked.reference)
    finally:
        os.umask(before)
    assert again == here
    assert function_archive.file(again.sha256).read_bytes() == content
    assert hashlib.sha256(content).hexdigest() == here.sha256
    with zipfile.ZipFile(function_archive.file(here.sha256)) as found:
        kinds = {
            (each.date_time, each.compress_type, each.external_attr, each.create_system) for each in found.infolist()
        }
    assert kinds == {((1980, 1, 1, 0, 0, 0), zipfile.ZIP_STORED, 0o100644 << 16, 3)}


def test_another_model_gives_another_archive(baked: Baked, tmp_path: Path) -> None:
    other = function_archive.archived(Baked(tmp_path, "2").reference)
    assert other.sha256 != function_archive.archived(baked.reference).sha256


def test_what_was_made_needs_no_image(baked: Baked, elsewhere: Path, tmp_path: Path) -> None:
    made = function_archive.archived(baked.reference)
    gone = f"oci:{tmp_path / 'nowhere'}@{baked.digest}"
    assert function_archive.archived(gone) == made
    # Unless what was made is gone, too, or not whole.
    with function_archive.file(made.sha256).open("ab") as file:
        file.write(b"more")
    assert function_archive.archived(baked.reference) == made
    assert hashlib.sha256(function_archive.file(made.sha256).read_bytes()).hexdigest() == made.sha256


def test_it_comes_out_of_a_registry_without_the_base(
    baked: Baked, elsewhere: Path, registry: Registry, tmp_path: Path
) -> None:
    pushed = push(baked.layout, baked.digest, f"{registry.host}/models/digits").reference
    gone = f"oci:{tmp_path / 'nowhere'}@{baked.digest}"
    made = function_archive.archived(pushed, gone)
    assert made == function_archive.archived(baked.reference)
    layers = Layout(baked.layout).manifest(baked.digest)["layers"]
    fetched = {f"sha256:{each.name}" for each in (elsewhere / "parts" / "blobs" / "sha256").iterdir()}
    assert {each["digest"] for each in layers[-3:]} <= fetched
    assert not {each["digest"] for each in layers[:-3]} & fetched


def test_on_the_machine_that_built_it_no_registry_is_asked(baked: Baked, elsewhere: Path) -> None:
    nobody = f"127.0.0.1:9/models/digits@{baked.digest}"
    assert function_archive.archived(nobody, baked.reference).runtime == "python311"


def _failure(image: str, layout_image: str = "", memory: str = "2048") -> tuple[str, str]:
    given: dict[str, Any] = {"image": image, "layout_image": layout_image, "memory": memory}
    (failure,) = FunctionSourceProvider().check({}, given).failures
    return failure.property, failure.reason


def test_an_image_that_is_nowhere_is_one_line(baked: Baked, elsewhere: Path, tmp_path: Path) -> None:
    gone = f"oci:{tmp_path / 'nowhere'}@{baked.digest}"
    assert _failure(gone) == (
        "image",
        f"CloudFunction.image: image {baked.digest} is not in {tmp_path / 'nowhere'} on this machine, nor in a "
        "registry, expected it in one of them; give the ModelImage a destination, or run this where it was built",
    )


def test_an_image_that_its_registry_has_not_is_one_line(elsewhere: Path, registry: Registry) -> None:
    missing = f"{registry.host}/models/missing@sha256:{'0' * 64}"
    word, line = _failure(missing)
    assert (word, line.partition("(")[0]) == (
        "image",
        f"CloudFunction.image: {registry.host}/models/missing: the registry has none ",
    )


def test_a_registry_that_does_not_answer_is_one_line(elsewhere: Path) -> None:
    word, line = _failure(f"127.0.0.1:9/models/digits@sha256:{'0' * 64}")
    assert (word, line.partition("(")[0]) == ("image", "CloudFunction.image: 127.0.0.1:9: no answer ")


def test_an_image_that_is_no_models_is_one_line(elsewhere: Path, tmp_path: Path) -> None:
    store = Layout(tmp_path / "layout")
    config, size = store.add(canonical({"rootfs": {"type": "layers", "diff_ids": []}}))
    manifest: dict[str, Any] = {"config": {"digest": config, "size": size}, "layers": []}
    digest, _ = store.add(canonical(manifest))
    assert _failure(f"oci:{store.path}@{digest}") == (
        "image",
        f"CloudFunction.image: image {digest} is none that a ModelImage has made, expected one of those; pass its "
        "reference",
    )


def test_a_blob_that_is_damaged_is_one_line(baked: Baked, empty: Path, tmp_path: Path) -> None:
    store = Layout(tmp_path / "layout")
    shutil.copytree(baked.layout, store.path, copy_function=os.link)
    blob = store.blob(store.manifest(baked.digest)["layers"][-1]["digest"])
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.unlink()
    blob.write_bytes(content)
    word, line = _failure(f"oci:{store.path}@{baked.digest}")
    assert (word, line.count("\n")) == ("image", 0)
    assert line.startswith(f"CloudFunction.image: {blob}: damaged")


def test_a_model_that_does_not_fit_into_memory_is_one_line(tmp_path: Path) -> None:
    archive = Archive("0" * 64, "python311", 0, 600 << 20)
    with pytest.raises(ArgsError) as raised:
        function_archive.fits(archive, 512)
    assert str(raised.value) == (
        "CloudFunction.memory is '512 MiB', expected more than the 600 MiB of the model; raise it, or bake a smaller "
        "model"
    )
    function_archive.fits(archive, 601)


def test_the_resource_tells_a_model_that_does_not_fit(baked: Baked) -> None:
    assert _failure(baked.reference, memory="0")[0] == "memory"


def test_an_image_of_other_wheels_is_one_line(
    baked: Baked, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "lock"
    text = function_archive.LOCK.read_text()
    (version,) = [each for each in text.splitlines() if each.startswith("orjson==")]
    lock.write_text(text.replace(version, "orjson==0.1 \\"))
    monkeypatch.setattr(function_archive, "LOCK", lock)
    there = version.removeprefix("orjson==").partition(" ")[0]
    assert _failure(baked.reference) == (
        "image",
        f"CloudFunction.image is {baked.reference!r}, expected one that this version of the library has baked; it has "
        f"orjson {there} in it, where 0.1 is pinned by hash here; bake it with this version of the library, or give it "
        "to a CloudRunService, which takes an image whole",
    )


@pytest.mark.parametrize(
    ("files", "got"),
    [
        (["a.cpython-310-x86_64-linux-gnu.so"], "python310"),
        (["a.cpython-311-x86_64-linux-gnu.so", "b.cpython-312-x86_64-linux-gnu.so"], "python311, python312"),
        ([], "no wheel of CPython"),
    ],
)
def test_an_image_of_a_python_that_google_does_not_run_is_one_line(
    tmp_path: Path, files: list[str], got: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in files:
        (tmp_path / each).touch()
    parts: Any = type("Parts", (), {"wheels": tmp_path, "code": tmp_path, "model": tmp_path})
    monkeypatch.setattr("model_build.bake.parts", lambda *_: parts)
    image = f"oci:/images@sha256:{'1' * 64}"
    assert _failure(image) == (
        "image",
        f"CloudFunction.image is {image!r}, expected wheels for one of Google's runtimes, python311, python312, "
        f"python313, python314, and not for {got}; bake it on a base with one of them",
    )


def test_an_image_from_before_there_were_functions_is_one_line(
    baked: Baked, elsewhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from model_build.bake import parts

    found = parts(baked.reference)
    old = tmp_path / "old"
    shutil.copytree(found.code, old)
    (old / "serving" / "process" / "cloud_function.py").unlink()
    older: Any = type("Parts", (), {"wheels": found.wheels, "code": old, "model": found.model})
    monkeypatch.setattr("model_build.bake.parts", lambda *_: older)
    assert "serving code of before there were functions of Google Cloud" in _failure(baked.reference)[1]


def test_what_is_not_known_yet_is_left_unknown() -> None:
    unknown: Any = Unknown
    given: dict[str, Any] = {"image": unknown(), "layout_image": "", "memory": "2048"}
    checked = FunctionSourceProvider().check({}, given)
    assert (checked.failures, "sha256" in checked.inputs) == ([], False)
    assert FunctionSourceProvider().diff("id", {"sha256": "a", "runtime": "python311"}, checked.inputs).changes


def test_where_the_image_lies_is_no_difference(baked: Baked) -> None:
    provider = FunctionSourceProvider()
    given: dict[str, Any] = {"image": baked.reference, "layout_image": "", "memory": "2048"}
    olds = provider.create(provider.check({}, given).inputs).outs
    assert olds is not None
    news = provider.check({}, {**given, "layout_image": baked.reference, "memory": "4096"}).inputs
    assert not provider.diff("id", olds, news).changes
    assert provider.diff("id", {**olds, "sha256": "0" * 64}, news).changes


def test_the_pins_are_those_of_the_image() -> None:
    ours = {line for line in function_archive.LOCK.read_text().splitlines() if "==" in line or "--hash" in line}
    images = {line for line in wheels_lock().read_text().splitlines() if "==" in line or "--hash" in line}
    missing = {each.rstrip(" \\") for each in images} - {each.rstrip(" \\") for each in ours}
    assert missing == set()
    assert any(line.startswith("functions-framework==") for line in ours)


def test_nothing_half_made_is_left(baked: Baked, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(function_archive, "_put", full)
    assert _failure(baked.reference) == (
        "image",
        "CloudFunction.image: its source was not made, expected a cache to write to (No space left on device); set "
        "MODELPORT_CACHE_DIR to a larger disk",
    )
    assert list((elsewhere / "functions").iterdir()) == []
