"""What is cleared, what is kept, and that a build under way is left alone."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from model_build import cache, folders, gc, reporting
from model_build.bake import attach
from model_build.bake.layout import MANIFEST, Layout, canonical
from model_build.content import is_whole
from model_build.errors import ModelBuildError


@pytest.fixture
def layout(own_cache: Path) -> Path:
    return folders.images()


def image(layout: Path, own: bytes, shared: bytes = b"base") -> str:
    """An image of two layers: one of its own, one that all have. It has something attached."""
    store = Layout(layout)
    blobs = [store.add(data) for data in (b"{}" + own, shared, own)]
    config, *layers = ({"mediaType": "x", "digest": digest, "size": size} for digest, size in blobs)
    made = canonical({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers})
    digest, size = store.add(made)
    store.add_to_index({"mediaType": MANIFEST, "digest": digest, "size": size})
    note = layout.parent / "note.txt"
    note.write_bytes(own)
    attach(layout, digest, "application/vnd.test", {"note.txt": note})
    return digest


def blobs(layout: Path) -> int:
    return len(list((layout / "blobs" / "sha256").iterdir()))


def test_an_image_goes_with_what_is_attached_and_leaves_what_others_need(layout: Path) -> None:
    kept, gone = image(layout, b"kept"), image(layout, b"gone")
    before = blobs(layout)
    assert gc.remove(layout, gone) > 0
    assert is_whole(layout, kept)
    assert not is_whole(layout, gone)
    # manifest, config, own layer (which is the note as well) and the artifact's manifest
    assert before - blobs(layout) == 4
    assert gc.remove(layout, gone) == 0


def test_images_and_reports_that_nothing_refers_to_are_cleared(layout: Path, own_cache: Path) -> None:
    kept, gone = image(layout, b"kept"), image(layout, b"gone")
    for name, digest in (("a" * 64, kept), ("b" * 64, gone)):
        place = reporting.place(name)
        place.json.parent.mkdir(parents=True)
        place.json.write_text(json.dumps({"image": {"digest": digest}}))
    cache.made("convert", {"a": 1}, lambda folder: (folder / "model.onnx").write_bytes(b"x" * 1000))
    would = gc.collect([kept], dry_run=True)
    assert is_whole(layout, gone)
    cleared = gc.collect([kept])
    assert cleared.to_dict() == would.to_dict()
    assert is_whole(layout, kept)
    assert not is_whole(layout, gone)
    assert reporting.place("a" * 64).json.exists()
    assert not reporting.place("b" * 64).json.exists()
    assert not list((own_cache / "steps").rglob("model.onnx"))
    assert {kind for kind, _, _ in cleared.things} == {"cache", "image", "report"}
    assert cleared.bytes >= 1000


def test_what_was_used_lately_can_be_spared(own_cache: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "x").write_text("x")

    old, new = (cache.made("s", {"n": n}, fill).folder for n in (1, 2))
    os.utime(old, (time.time() - 8 * 86400,) * 2)
    gc.collect([], older_than=7)
    assert (old.exists(), new.exists()) == (False, True)


def test_nothing_is_cleared_while_a_build_runs(own_cache: Path) -> None:
    made = cache.made("s", {}, lambda folder: (folder / "x").write_text("x"))
    with cache.in_use(), pytest.raises(ModelBuildError, match="a build is running"):
        gc.collect([])
    assert made.folder.exists()


def test_a_machine_without_builds_has_nothing_to_clear(own_cache: Path) -> None:
    assert gc.collect([]).things == []


def test_a_cleared_cache_is_filled_again(own_cache: Path) -> None:
    fill: Callable[[Path], int] = lambda folder: (folder / "x").write_text("x")  # noqa: E731
    cache.made("s", {}, fill)
    gc.collect([])
    assert not cache.made("s", {}, fill).cached
