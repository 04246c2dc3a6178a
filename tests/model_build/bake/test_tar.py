"""The tar writer: what it writes others read as it was, and nothing of the machine is in it."""

import hashlib
import io
import os
import tarfile
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from model_build.bake import tar

_PART = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda part: part not in (".", "..") and len(part.encode()) <= 255
)
_TREE = st.dictionaries(st.lists(_PART, min_size=1, max_size=5).map(tuple), st.binary(max_size=1500), max_size=6)


def _fill(root: Path, tree: dict[tuple[str, ...], bytes]) -> dict[str, bytes]:
    """Write what of `tree` can be written together (a name cannot be file and folder); names with content."""
    made: dict[str, bytes] = {}
    for parts, data in tree.items():
        place = root.joinpath(*parts)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.is_dir():
                continue
            place.write_bytes(data)
        except OSError:
            continue
        made["/".join(parts)] = data
    return made


def _write(root: Path, prefix: str = "") -> tuple[bytes, tar.Written]:
    out = io.BytesIO()
    written = tar.write(tar.entries(root, prefix), out)
    return out.getvalue(), written


@settings(max_examples=60, deadline=None)
@given(tree=_TREE)
def test_python_reads_back_every_name_and_content(tree: dict[tuple[str, ...], bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = _fill(Path(folder), tree)
        data, written = _write(Path(folder), "opt/x")
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            read = {
                member.name: file.read()
                for member in archive
                if member.isfile() and (file := archive.extractfile(member)) is not None
            }
    assert read == {f"opt/x/{name}": content for name, content in made.items()}
    assert written.sha256 == hashlib.sha256(data).hexdigest()
    assert (written.size, written.unpacked) == (len(data), sum(map(len, made.values())))


def test_names_of_every_length_survive(tmp_path: Path) -> None:
    names = ["d" * 99 + "/" + "f" * n for n in (1, 54, 99, 100, 101, 155, 200)] + [
        "ü" * 40 + "/é",
        "a" * 100,
        "b" * 101,
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    data, _ = _write(tmp_path)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert sorted(member.name for member in archive if member.isfile()) == sorted(names)


def test_order_of_making_owner_time_and_umask_leave_no_trace(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        for root, order in ((tmp_path / "one", "abc"), (tmp_path / "two", "cba")):
            os.umask(0o077 if order == "abc" else 0o000)
            root.mkdir()
            for name in order:
                (root / name).write_text(name)
                os.utime(root / name, (ord(name) * 10**6, len(order) * 10**7 + ord(order[0])))
    finally:
        os.umask(before)
    assert _write(tmp_path / "one")[0] == _write(tmp_path / "two")[0]


def test_modes_are_executable_or_not_and_owners_root(tmp_path: Path) -> None:
    (tmp_path / "run").touch(mode=0o4711)
    (tmp_path / "run").chmod(0o4711)
    (tmp_path / "read").touch(mode=0o600)
    (tmp_path / "link").symlink_to("run")
    with tarfile.open(fileobj=io.BytesIO(_write(tmp_path)[0])) as archive:
        found = {member.name: (oct(member.mode), member.uid, member.gid, member.mtime) for member in archive}
    assert found == {"link": ("0o777", 0, 0, 0), "read": ("0o644", 0, 0, 0), "run": ("0o755", 0, 0, 0)}


def test_a_pax_record_counts_its_own_length() -> None:
    for length in range(80, 120):
        item = tar.Entry("n" * length + "/" + "m" * 120, b"0", 0o644)
        with tarfile.open(fileobj=io.BytesIO(tar.header(item) + bytes(1024))) as archive:
            assert archive.getnames() == [item.name]
