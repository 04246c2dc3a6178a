"""What is cleared, what is kept, and that a build under way is left alone."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from model_build import cache, folders, gc, reporting
from model_build.bake import attach, platforms
from model_build.bake.layout import INDEX, MANIFEST, Layout, canonical
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


def indexed(layout: Path, *images: str) -> str:
    return platforms.index(layout, dict(zip(("linux/amd64", "linux/arm64"), images, strict=True)), "both")


def test_an_index_keeps_its_images_and_takes_them_along(layout: Path) -> None:
    first, second = image(layout, b"first"), image(layout, b"second")
    index = indexed(layout, first, second)
    gc.collect([index])
    assert is_whole(layout, index), "an index that is kept keeps its images"
    assert gc.remove(layout, first) == 0
    assert is_whole(layout, index)
    gc.remove(layout, index)
    assert (blobs(layout), Layout(layout).index()["manifests"]) == (0, [])


def test_an_index_goes_alone_from_an_image_that_something_refers_to(layout: Path) -> None:
    first, second = image(layout, b"first"), image(layout, b"second")
    index = indexed(layout, first, second)
    would = gc.collect([first], dry_run=True)
    assert gc.collect([first]).to_dict() == would.to_dict()
    assert [is_whole(layout, each) for each in (index, first, second)] == [False, True, False]


def test_an_image_of_two_indexes_stays_with_the_one_that_does(layout: Path) -> None:
    first, second, third = (image(layout, each) for each in (b"first", b"second", b"third"))
    one, two = indexed(layout, first, second), indexed(layout, first, third)
    gc.remove(layout, one, first)
    assert [is_whole(layout, each) for each in (one, second, two)] == [False, False, True]


@pytest.mark.parametrize("listed", [None, [], ["x"], [{"digest": 1}], [{"digest": "../../x"}], {"digest": "x"}])
def test_an_index_of_another_form_leads_to_nothing(layout: Path, listed: object) -> None:
    kept = image(layout, b"kept")
    data = json.dumps({"manifests": listed}).encode()
    digest, size = Layout(layout).add(data)
    Layout(layout).add_to_index({"mediaType": INDEX, "digest": digest, "size": size})
    gc.remove(layout, digest)
    assert not Layout(layout).blob(digest).exists()
    assert is_whole(layout, kept)
