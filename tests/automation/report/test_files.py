"""Files of a report: refused early, written whole."""

import os
import threading
from pathlib import Path

import pytest

from automation.exits import Exit, Failure
from automation.report import files


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "expected the name of a file"),
        ("no/such/folder/file", "there is no folder"),
        (".", "expected the name of a file"),
        ("folder", "which is a folder"),
        ("/dev/null", "which is a device or a pipe"),
        ("pipe", "which is a device or a pipe"),
        ("/proc/file", "which cannot be written"),
        ("loop", "which cannot be written"),
        ("Pulumi.yaml", "which the project is read from"),
        ("link", "which the project is read from"),
        ("nul\0l", "expected the name of a file"),
        ("n" * 300, "which cannot be written"),
    ],
)
def test_a_path_is_refused_with_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "Pulumi.yaml").write_text("name: demo")
    (tmp_path / "link").symlink_to("Pulumi.yaml")
    with pytest.raises(Failure) as caught:
        files.check([("--html", Path(path))], kept=[tmp_path / "Pulumi.yaml"])
    assert caught.value.code is Exit.BAD_INPUT
    (line,) = caught.value.messages
    assert why in line and line.startswith("--html is ")
    assert (tmp_path / "Pulumi.yaml").read_text() == "name: demo"


def test_every_mistake_has_its_line() -> None:
    with pytest.raises(Failure) as caught:
        files.check([("--html", Path("/proc/x")), ("--json", Path("no/such/x"))])
    assert [each.split()[0] for each in caught.value.messages] == ["--html", "--json"]


def test_a_check_leaves_nothing_behind(tmp_path: Path) -> None:
    files.check([("--html", tmp_path / "r.html")])
    assert list(tmp_path.iterdir()) == []


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """While it is written again and again, what is read is one of the whole texts."""
    file = tmp_path / "r.html"
    texts = ["a" * 3_000_000, "b" * 2_000_000]
    files.write(file, texts[0])
    ended = threading.Event()

    def again() -> None:
        for at in range(40):
            files.write(file, texts[at % 2])
        ended.set()

    thread = threading.Thread(target=again)
    thread.start()
    seen: set[str] = set()
    while not ended.is_set():
        seen.add(file.read_text())
    thread.join()
    assert seen <= set(texts)


def test_what_cannot_be_encoded_fails_and_keeps_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "r.html"
    files.write(file, "old")
    with pytest.raises(UnicodeEncodeError):
        files.write(file, "lone \ud800 surrogate")
    assert file.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["r.html"]


def test_a_new_file_has_the_mode_that_new_files_get(tmp_path: Path) -> None:
    files.write(tmp_path / "new", "x")
    (tmp_path / "plain").write_text("x")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "plain").stat().st_mode
