"""Archives of others: no name, link or mark in one reaches out of the folder it is unpacked to."""

import io
import tarfile
from pathlib import Path

import pytest

from model_build.bake.errors import BakeError
from model_build.bake.unpack import resolve, unpack_tar


def _archive(*members: tuple[str, bytes | str | None]) -> tarfile.TarFile:
    """A tar of (name, content | link target | None for a folder)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, what in members:
            info = tarfile.TarInfo(name)
            if what is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(what, str):
                info.type, info.linkname = tarfile.SYMTYPE, what
            else:
                info.size = len(what)
            archive.addfile(info, io.BytesIO(what) if isinstance(what, bytes) else None)
    out.seek(0)
    return tarfile.open(fileobj=out)


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/../evil", "./../evil"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with _archive((name, b"x")) as archive, pytest.raises(BakeError, match="leads out of it"):
        unpack_tar(archive, root)
    assert not (tmp_path / "evil").exists()


def test_an_absolute_name_lands_inside(tmp_path: Path) -> None:
    with _archive(("/etc/passwd", b"x")) as archive:
        unpack_tar(archive, tmp_path)
    assert (tmp_path / "etc/passwd").read_bytes() == b"x"


@pytest.mark.parametrize("link", ["/", "../..", "/../../..", "../../../../../../../.."])
def test_writing_through_a_link_stays_inside(tmp_path: Path, link: str) -> None:
    root = tmp_path / "a" / "root"
    root.mkdir(parents=True)
    with _archive(("way", link), ("way/out/evil", b"x")) as archive:
        unpack_tar(archive, root)
    assert (root / "out/evil").read_bytes() == b"x"
    assert sorted(path.name for path in tmp_path.rglob("evil")) == ["evil"]


def test_a_link_is_replaced_and_what_it_points_to_is_not_written(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.write_text("mine")
    (root / "file").symlink_to(outside)
    with _archive(("file", b"theirs")) as archive:
        unpack_tar(archive, root)
    assert (outside.read_text(), (root / "file").read_text()) == ("mine", "theirs")


def test_a_hard_link_to_a_link_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("s")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("way")
        link.type, link.linkname = tarfile.SYMTYPE, "../secret"
        hard = tarfile.TarInfo("copy")
        hard.type, hard.linkname = tarfile.LNKTYPE, "way"
        archive.addfile(link)
        archive.addfile(hard)
    out.seek(0)
    with tarfile.open(fileobj=out) as archive, pytest.raises(BakeError, match="hard link"):
        unpack_tar(archive, root)


def test_whiteouts_take_away_what_layers_below_made(tmp_path: Path) -> None:
    with _archive(("d/a", b"1"), ("d/b", b"2"), ("e/c", b"3")) as archive:
        unpack_tar(archive, tmp_path)
    with _archive(("d/.wh.a", b""), ("e/.wh..wh..opq", b""), ("e/n", b"4")) as archive:
        unpack_tar(archive, tmp_path, whiteouts=True)
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert found == ["d/b", "e/n"]


def test_a_folder_entry_keeps_a_merged_link(tmp_path: Path) -> None:
    with _archive(("usr/lib", None), ("lib", "usr/lib")) as archive:
        unpack_tar(archive, tmp_path)
    with _archive(("lib", None), ("lib/x", b"x")) as archive:
        unpack_tar(archive, tmp_path)
    assert (tmp_path / "lib").is_symlink()
    assert (tmp_path / "usr/lib/x").read_bytes() == b"x"


def test_absolute_links_become_relative_and_mean_the_same(tmp_path: Path) -> None:
    with _archive(("usr/lib/ld.so", b"x"), ("lib64/ld", "/usr/lib/ld.so")) as archive:
        unpack_tar(archive, tmp_path)
    assert (tmp_path / "lib64/ld").read_bytes() == b"x"


def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(BakeError, match="circle"):
        resolve(tmp_path, "a/x")
