"""What is the same model, what is not, and how a change is told."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_build import content, distributions, identity, onnxfile
from model_build.code import locate
from model_build.errors import SourceError
from model_build.identity import identify
from model_build.recipe import Recipe
from model_build.sources import find
from tests.model_build import models

Make = Callable[..., Recipe]


def test_an_identity_is_the_same_for_a_recipe_and_its_json(project: Path, recipe: Make) -> None:
    import json

    assert identify(recipe(), project) == identify(json.loads(recipe().canonical()), project)


def test_a_moved_project_and_a_moved_file_are_the_same_model(tmp_path: Path, recipe: Make) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, name in ((one, "a.onnx"), (other, "deep/b.onnx")):
        (folder / "deep").mkdir(parents=True)
        (folder / name).write_bytes(models.linear())
        (folder / "data.py").write_text("def data(): ...")
    first = identify(recipe(source="a.onnx", evaluate={"data": "data:data"}), one)
    second = identify(recipe(source="deep/b.onnx", evaluate={"data": "data:data"}), other)
    assert first == second


@pytest.mark.parametrize(
    "change", [{"version": "2"}, {"evaluate": {"min": 0.5}}, {"optimize": {"candidates": ["fp32"]}}, {"name": "other"}]
)
def test_what_the_recipe_asks_for_is_part_of_it(project: Path, recipe: Make, change: dict[str, object]) -> None:
    assert identify(recipe(**change), project).digest != identify(recipe(), project).digest


def test_trust_is_not_part_of_it(project: Path, recipe: Make) -> None:
    assert identify(recipe(trust=True), project) == identify(recipe(), project)


def test_code_is_its_package_folder_and_what_it_imports_from_the_project(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "pkg" / "train.py").write_text("from other import helper\nimport numpy\ndef model(): ...\n")
    (tmp_path / "pkg" / "weights.bin").write_bytes(b"1")
    (tmp_path / "other" / "helper.py").write_text("x = 1\n")
    (tmp_path / "other" / "unused.py").write_text("x = 1\n")

    def digest() -> str:
        return locate("pkg.train", "model", tmp_path, "source").parts()["code"]

    seen = [digest()]
    for file, text in (("pkg/weights.bin", "2"), ("other/helper.py", "x = 2\n"), ("pkg/train.py", "def model(): 1\n")):
        (tmp_path / file).write_text(text)
        seen.append(digest())
    assert len(set(seen)) == 4
    (tmp_path / "other" / "unused.py").write_text("x = 2\n")
    (tmp_path / "pkg" / "__pycache__").mkdir()
    (tmp_path / "pkg" / "__pycache__" / "train.pyc").write_bytes(b"1")
    assert digest() == seen[-1]


def test_code_counts_the_versions_of_what_it_imports_and_of_what_that_needs(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import sklearn.svm\ndef model(): ...\n")
    parts = locate("train", "model", tmp_path, "source").parts()
    import sklearn

    assert parts["package.scikit-learn"] == sklearn.__version__
    assert "package.scipy" in parts
    assert "package.pytest" not in parts


def test_the_index_of_distributions_agrees_with_the_standard_library() -> None:
    from importlib import metadata

    for name in ("numpy", "scikit-learn", "onnx", "pulumi", "Pillow"):
        assert distributions.version(name) == metadata.version(name)
    assert distributions.version("no-such-distribution") is None
    found = distributions.installed()
    owners = metadata.packages_distributions()
    for module in ("yaml", "PIL", "sklearn", "google"):
        brings = {name for name, dist in found.items() if module in dist.imports}
        assert {distributions.normal(name) for name in owners[module]} <= brings


@pytest.mark.parametrize("dated", [1, 2**33], ids=["long ago", "in a time to come"])
def test_large_files_are_read_again_when_they_change(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, dated: int
) -> None:
    import os

    file = tmp_path / "large.bin"
    file.write_bytes(b"1" * content.REMEMBERED)
    os.utime(file, (dated, dated))
    monkeypatch.setattr(content, "_SETTLED_NS", 60_000_000_000)
    content.of_file(file)
    assert not (own_cache / "stat").exists()  # it is new, whatever it says of itself
    monkeypatch.setattr(content, "_SETTLED_NS", 10_000_000)
    time.sleep(0.02)
    first = content.of_file(file)
    assert len(list((own_cache / "stat").iterdir())) == 1
    assert content.of_file(file) == first
    file.write_bytes(b"2" * content.REMEMBERED)
    os.utime(file, (dated, dated))  # same size, same time: only the change time tells
    assert content.of_file(file) != first


def test_weights_beside_an_onnx_file_count(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(models.linear())
    before = find("m.onnx", tmp_path, "source").parts()
    (tmp_path / "m.onnx.data").write_bytes(b"1")
    assert find("m.onnx", tmp_path, "source").parts() != before


def test_a_file_of_a_package_is_found_without_importing_it() -> None:
    code = (
        "import sys; from pathlib import Path; from model_build.sources import find\n"
        "found = find('package:magika/models/standard_v3_3/model.onnx', Path(), 'source')\n"
        "print(found.path, found.parts()['content'], 'magika' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert said[1:] == [content.of_file(Path(said[0])), "False"]


def test_changes_are_told_in_words() -> None:
    told = identity.changes(
        {"recipe": "1", "source.code": "a", "tool.onnx": "1.21", "image.serving": "x", "evaluation.package.numpy": "1"},
        {"recipe": "2", "source.code": "b", "tool.onnx": "1.22", "image.serving": "y", "evaluation.package.numpy": "2"},
        '{"evaluate":{"min":0.9},"optimize":{"candidates":["fp32"]}}',
        '{"evaluate":{"min":0.95},"optimize":{"candidates":["fp32","int8"]},"version":"2"}',
    )
    assert told == [
        "numpy 1 to 2",
        "image: serving changed",
        "recipe: evaluate.min 0.9 to 0.95, optimize.candidates int8 added, version set to 2",
        "source changed",
        "onnx 1.21 to 1.22",
    ]


def test_a_platform_that_comes_is_told_once() -> None:
    before, after = {"recipe": "1"}, {"recipe": "2", "image.base.arm64": "x"}
    told = identity.changes(before, after, "{}", '{"platforms":["linux/amd64","linux/arm64"]}')
    assert told == ['recipe: platforms set to ["linux/amd64", "linux/arm64"]']


def test_the_header_of_a_model_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(models.linear(opset=19, ir=9))
    found = onnxfile.header(tmp_path / "m.onnx", "m")
    assert (found.ir_version, found.opsets) == (9, {"": 19})


@given(st.binary(max_size=300))
def test_random_bytes_are_no_model_or_have_a_header(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "junk.onnx"
    file.write_bytes(junk)
    try:
        found = onnxfile.header(file, "junk")
    except SourceError as error:
        assert "\n" not in str(error)
    else:
        assert found.graph


@given(st.data())
def test_a_model_cut_anywhere_is_refused_or_still_a_whole_graph(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = models.linear()
    cut = data.draw(st.integers(0, len(whole) - 1))
    file = tmp_path_factory.getbasetemp() / "cut.onnx"
    file.write_bytes(whole[:cut])
    try:
        onnxfile.header(file, "cut")
    except SourceError:
        return
    import onnx

    assert onnx.load_model_from_string(whole[:cut]).graph == onnx.load_model_from_string(whole).graph


def test_an_installed_model_is_the_same_in_another_environment(tmp_path: Path) -> None:
    source = find("package:magika/models/standard_v3_3/model.onnx", tmp_path, "source")
    assert source.path is not None
    shutil.copyfile(source.path, tmp_path / "copy.onnx")
    assert find("copy.onnx", tmp_path, "source").parts() == source.parts()
