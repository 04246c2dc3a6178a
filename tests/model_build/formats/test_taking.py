"""`modelport export`: the files of a format, out of an image of this machine or of a registry, whole or not at all."""

import json
import shutil
from pathlib import Path

import pytest

from automation.cli import main
from model_build import bake
from model_build.bake.attachments import FORMATS
from model_build.copying import copy
from model_build.errors import InputError, ModelBuildError
from model_build.formats.taking import take
from model_build.push import list_referrers, push
from tests.model_build.formats.conftest import Made
from tests.tools.keys import key
from tests.tools.registries import Registry


@pytest.fixture
def pushed(made: Made, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The image in a registry."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    name = f"{registry.host}/formats/{tmp_path.name.lower().replace('_', '-')}"
    return push(made.layout, made.built.digest, name).reference


def test_a_person_with_a_key_gets_the_files_from_a_registry(
    made: Made, pushed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "release.pub").write_text(made.public)
    out = tmp_path / "phone" / "model"
    words = [
        "export",
        pushed,
        "--format",
        "ort",
        "--output",
        str(out),
        "--key",
        str(tmp_path / "release.pub"),
        "--json",
    ]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["digest"], told["signed"]) == (made.built.formats["ort"], True)
    assert told["files"] == {each.name: each.stat().st_size for each in out.iterdir()}
    assert sorted(told["files"]) == ["model.ort", "required_operators.config"]
    assert [each.name for each in out.parent.iterdir()] == ["model"]


def test_a_copy_has_the_formats_and_their_signatures(
    made: Made, pushed: str, registry: Registry, tmp_path: Path
) -> None:
    there = copy(pushed, f"{registry.host}/copied/{tmp_path.name.lower().replace('_', '-')}", lambda _: None)
    assert {each["artifactType"] for each in list_referrers(there)} >= {FORMATS["ort"], FORMATS["openvino"]}
    assert take(there, "openvino", tmp_path / "out", made.public).signed


def test_what_another_has_attached_is_not_taken_for_ours(made: Made, tmp_path: Path) -> None:
    layout = tmp_path / "images"
    shutil.copytree(made.layout, layout)
    (tmp_path / "model.ort").write_bytes(b"another's")
    bake.attach(layout, made.built.digest, FORMATS["ort"], {"model.ort": tmp_path / "model.ort"})
    image = f"oci:{layout}@{made.built.digest}"
    with pytest.raises(ModelBuildError, match="has 2 things attached as ort, expected one; give --key FILE"):
        take(image, "ort", tmp_path / "out")
    assert take(image, "ort", tmp_path / "out", made.public).digest == made.built.formats["ort"]
    _, other = key(tmp_path, "other")
    with pytest.raises(ModelBuildError, match="has its model as ort, but not signed by the key"):
        take(image, "ort", tmp_path / "other", other)


@pytest.mark.parametrize("title", ["../out", "/etc/model.ort", "a/../../b", "a\\b", "", "a\nb", "./a"])
def test_a_name_that_leads_elsewhere_is_refused_and_leaves_nothing(made: Made, tmp_path: Path, title: str) -> None:
    layout = tmp_path / "images"
    shutil.copytree(made.layout, layout)
    (tmp_path / "file").write_bytes(b"x")
    bake.attach(layout, made.built.digest, FORMATS["savedmodel"], {title: tmp_path / "file"})
    with pytest.raises(ModelBuildError, match="expected names in one folder; do not use it"):
        take(f"oci:{layout}@{made.built.digest}", "savedmodel", tmp_path / "to" / "out")
    assert not list((tmp_path / "to").iterdir())


def test_a_damaged_file_is_refused_and_leaves_nothing(made: Made, tmp_path: Path) -> None:
    layout = tmp_path / "images"
    shutil.copytree(made.layout, layout)
    blobs = bake.layout.Layout(layout).manifest(made.built.formats["ort"])["layers"]
    place = layout / "blobs" / "sha256" / blobs[0]["digest"].removeprefix("sha256:")
    place.chmod(0o644)
    place.write_bytes(b"\0" + place.read_bytes()[1:])
    with pytest.raises(ModelBuildError, match="is damaged, its content is"):
        take(f"oci:{layout}@{made.built.digest}", "ort", tmp_path / "to" / "out")
    assert not list((tmp_path / "to").iterdir())


def test_a_format_that_the_image_has_not_is_told_with_those_that_it_has(made: Made, tmp_path: Path) -> None:
    with pytest.raises(
        ModelBuildError, match=r"model as torchscript, only ort, openvino; write formats: \[torchscript\]"
    ):
        take(made.built.layout_image, "torchscript", tmp_path / "out")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "ort", "--output", "."], "error: --output is '.', which has something in it, expected a new"),
        (["--format", "tflite", "--output", "out"], "error: --format is 'tflite', expected one of ort, "),
    ],
)
def test_a_mistake_is_told_before_a_stack_s_model_is_built(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def built(*_: object, **__: object) -> None:
        raise AssertionError("nothing is built for this")

    (tmp_path / "notes.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("automation.building.built", built)
    with pytest.raises(SystemExit) as ended:
        main(["export", "-s", "prod", *words])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1 and said.startswith(message), said


def test_a_folder_with_something_in_it_stays_as_it_is(made: Made, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="which has something in it, expected a new folder; name another"):
        take(made.built.layout_image, "ort", tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["export", "x"], "error: --format is missing, expected it; export --help"),
        (["export", "x", "--format", "ort"], "error: --output is missing, expected it; export --help"),
        (["export", "x", "--format", "tflite", "--output", "y"], "error: --format is 'tflite', expected one of ort, "),
        (["export", "registry/x", "--format", "ort", "--output", "y"], "error: source: 'registry/x'"),
    ],
)
def test_a_mistake_in_the_flags_is_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(words)
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1 and said.startswith(message), said
