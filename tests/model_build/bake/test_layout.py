"""The layout folder: shared by many, whole at every moment, whatever is killed and however full the disk."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from model_build import bake
from model_build.bake.cache import cache_dir, sweep, work_folder
from model_build.bake.errors import BakeError, DiskFullError
from model_build.bake.layout import Layout, sha256
from tests.model_build.bake.conftest import Baked
from tests.tools import models

_ADD = """
import sys
from pathlib import Path
from model_build.bake.layout import Layout
layout = Layout(Path(sys.argv[1]))
for number in range(25):
    digest, size = layout.add(f"{sys.argv[2]} {number}".encode())
    layout.add_to_index({"mediaType": "text/plain", "digest": digest, "size": size})
"""
_BAKE = """
import sys, resource
from pathlib import Path
from model_build.bake import BakeError, bake
if len(sys.argv) > 3:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    print(bake(Path(sys.argv[1]), name="big", base="debian", layout=Path(sys.argv[2])).digest)
except BakeError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _ADD, str(tmp_path)]
    for process in [subprocess.Popen([*command, name]) for name in "abcd"]:
        assert process.wait() == 0
    entries = Layout(tmp_path).index()["manifests"]
    expected = {sha256(f"{name} {number}".encode()) for name in "abcd" for number in range(25)}
    assert {entry["digest"] for entry in entries} == expected
    assert len(entries) == 100


def test_adding_the_same_entry_again_changes_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    digest, size = layout.add(b"x")
    for _ in range(2):
        layout.add_to_index({"mediaType": "text/plain", "digest": digest, "size": size})
    assert len(layout.index()["manifests"]) == 1


@pytest.mark.parametrize(("damage", "said"), [(b"", "damaged"), (b"[]", "damaged"), (b"{}", "damaged")])
def test_a_damaged_index_is_named(tmp_path: Path, damage: bytes, said: str) -> None:
    Layout(tmp_path).add(b"x")
    (tmp_path / "index.json").write_bytes(damage)
    with pytest.raises(BakeError, match=said):
        Layout(tmp_path).index()


def test_a_damaged_blob_is_not_believed(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    digest, _ = layout.add(b"right")
    layout.blob(digest).write_bytes(b"wrong")
    with pytest.raises(BakeError, match="damaged"):
        layout.read(digest)


def test_a_blob_cut_short_by_a_crash_is_written_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    digest, _ = layout.add(b"whole")
    layout.blob(digest).write_bytes(b"who")
    layout.add(b"whole")
    assert layout.read(digest) == b"whole"


def _files(folder: Path) -> set[str]:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if Path(name).name != ".lock"}


def test_a_write_past_the_limit_is_one_clear_error_and_leaves_nothing(baked: Baked, tmp_path: Path) -> None:
    model = models.folder(tmp_path / "model", kilobytes=2000)
    before = _files(baked.layout)
    command = [sys.executable, "-c", _BAKE, str(model), str(baked.layout), "1000000"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert "no space left for the image" in ran.stderr
    assert "MODELPORT_DATA_DIR" in ran.stderr
    assert _files(baked.layout) == before
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000000


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system small enough to fill")
def test_a_full_disk_is_one_clear_error_and_leaves_nothing(baked: Baked, tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    model = models.folder(tmp_path / "model", kilobytes=2000)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=True)
    try:
        with pytest.raises(DiskFullError, match="no space left for the image"):
            bake.bake(model, name="big", base="debian", layout=place / "images")
        assert _files(place) == {"images/oci-layout", "images/index.json"}
        assert Layout(place / "images").index()["manifests"] == []
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_place_that_cannot_be_a_folder_is_named(baked: Baked, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        BakeError, match=r"file/images: cannot be written \(Not a directory\), expected a folder of yours"
    ):
        bake.bake(baked.model, name="tiny", base="debian", layout=tmp_path / "file" / "images")


def test_a_bake_killed_at_any_moment_leaves_a_usable_layout(baked: Baked, tmp_path: Path) -> None:
    model = models.folder(tmp_path / "model", seed=3, kilobytes=30000)
    layout = tmp_path / "images"
    command = [sys.executable, "-c", _BAKE, str(model), str(layout)]
    for delay in (0.05, 0.12, 0.16, 0.2, 0.3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (layout / "index.json").exists():
            for entry in json.loads((layout / "index.json").read_bytes())["manifests"]:
                assert bake.extract(layout, entry["digest"], tmp_path / f"root{delay}").is_dir()
        for blob in layout.glob("blobs/sha256/*"):
            assert sha256(blob.read_bytes()) == f"sha256:{blob.name}"
    image = bake.bake(model, name="big", base="debian", layout=layout)
    assert [entry["digest"] for entry in Layout(layout).index()["manifests"]] == [image.digest]


def test_what_a_killed_maker_left_is_swept_and_a_living_ones_is_not(tmp_path: Path) -> None:
    dead = tmp_path / "work-dead"
    dead.mkdir()
    with work_folder(tmp_path) as living:
        for folder in (dead, living):
            os.utime(folder, (0, 0))
        sweep(tmp_path)
        assert (dead.exists(), living.exists()) == (False, True)


def test_a_work_folder_goes_with_its_user() -> None:
    with work_folder(cache_dir() / "work") as folder:
        assert folder.is_dir()
    assert not folder.exists()
