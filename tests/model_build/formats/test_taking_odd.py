"""`modelport export` of what somebody else has put into a layout or a registry: one error, and no files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_build import push
from model_build.bake.attachments import FORMATS, attach
from model_build.bake.layout import CONFIG, INDEX, MANIFEST, Json, Layout, canonical
from model_build.errors import ModelBuildError
from model_build.formats.taking import take
from tests.tools.registries import Registry


def image(store: Layout) -> str:
    """An image of one small layer."""
    digest, size = store.add(b"{}")
    blob = {"mediaType": CONFIG, "digest": digest, "size": size}
    return listed(store, {"schemaVersion": 2, "mediaType": MANIFEST, "config": blob, "layers": [blob]})


def listed(store: Layout, manifest: Any) -> str:
    digest, size = store.add(canonical(manifest))
    store.add_to_index({"mediaType": MANIFEST, "digest": digest, "size": size})
    return digest


def index(store: Layout, platform: Any) -> str:
    entry = {"mediaType": MANIFEST, "digest": image(store), "size": 1, "platform": platform}
    return listed(store, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})


def holding(*titles: str) -> Callable[[Layout], str]:
    def made(store: Layout) -> str:
        digest, file = image(store), store.path.parent / "file"
        file.write_bytes(b"x")
        attach(store.path, digest, FORMATS["ort"], dict.fromkeys(titles, file))
        return digest

    return made


Made = Callable[[Layout], str]
WRONG: list[tuple[Made, str]] = [
    (lambda store: index(store, "linux/amd64"), "has no image for linux/amd64"),
    (lambda store: listed(store, {"manifests": "none"}), "is no manifest of an image"),
    (lambda store: listed(store, {"manifests": [{"platform": {}}]}), "is no manifest of an image"),
    (lambda store: listed(store, [1]), "is no manifest of an image"),
    (holding("a", "a/b"), "has a file called 'a/b'"),
    (holding("b/c/d", "b/c"), "has a file called 'b/c"),
    (holding("a" * 300), "has a file called 'aaa"),
    (holding("a/" * 100 + "b"), "has a file called 'a/a"),
    (holding(), "has no files, expected those of the model"),
]


@pytest.mark.parametrize(("made", "message"), WRONG)
def test_what_nobody_of_ours_writes_is_refused_and_leaves_nothing(
    tmp_path: Path, made: Callable[[Layout], str], message: str
) -> None:
    store = Layout(tmp_path / "images")
    with pytest.raises(ModelBuildError, match=message):
        take(f"oci:{store.path}@{made(store)}", "ort", tmp_path / "to" / "out")
    assert not list((tmp_path / "to").glob("*"))


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    store = Layout(tmp_path / "images")
    digest = holding("model.ort")(store)
    with pytest.raises(ModelBuildError, match=r"--output is '.*', which cannot be written \(.*; name another"):
        take(f"oci:{store.path}@{digest}", "ort", tmp_path / "file" / "out")


def test_a_list_that_calls_something_else_the_format_is_not_believed(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    store = Layout(tmp_path / "images")
    digest = image(store)
    (tmp_path / "bill").write_bytes(b"{}")
    attach(store.path, digest, "application/vnd.cyclonedx+json", {"bill.json": tmp_path / "bill"})
    there = push.push(store.path, digest, f"{registry.host}/odd/{tmp_path.name.lower().replace('_', '-')}").reference
    true = push.list_referrers

    def lying(of: str) -> list[Json]:
        return [{**each, "artifactType": FORMATS["ort"]} for each in true(of)]

    monkeypatch.setattr(push, "list_referrers", lying)
    with pytest.raises(ModelBuildError, match=r"is of the type application/vnd\.cyclonedx"):
        take(there, "ort", tmp_path / "to" / "out")
    assert not list((tmp_path / "to").glob("*"))
