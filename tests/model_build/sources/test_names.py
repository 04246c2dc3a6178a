"""Names that files of a source have: whatever they are, a file lands inside its folder or is refused in one line."""

import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from model_build.errors import SourceError
from model_build.sources import find
from model_build.sources.downloads import Into
from model_build.sources.https import Https
from model_build.sources.remote import File


@pytest.fixture
def into(tmp_path: Path) -> Into:
    source = Https(f"https://models.example/m.onnx#sha256={'0' * 64}", "source")
    return Into(tmp_path / "part", source, lambda _: None)


def read(start: int) -> tuple[int, Generator[bytes]]:
    return start, (each for each in [b"abc"])


@pytest.mark.parametrize(
    "name", ["a" * 255, "\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 127, "a b", "-rf", "~", "%2e%2e"]
)
def test_any_name_that_a_disk_takes_will_do(into: Into, name: str) -> None:
    assert into.take(name, File(3), read).read_bytes() == b"abc"
    assert [each.name for each in into.folder.iterdir()] == [name]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a" * 256], "which has a file called 'aaa"),
        (["/".join(["a" * 200] * 30)], "a file with a name of 6,029 characters, more than a disk takes; name it"),
        (["../x"], r"a file called '\.\./x', expected a plain relative name; do not use it"),
        (["a/./x"], "expected a plain relative name"),
        (["a\\b"], "expected a plain relative name"),
        (["\ud800"], r"a file called '\\ud800', expected a plain relative name"),
        (["a", "a/b"], r"a file and a folder of one name \('a/b'\), expected one of them; do not use it"),
        (["a/b", "a"], r"a file and a folder of one name \('a'\)"),
    ],
)
def test_a_name_that_none_can_be_is_one_error(into: Into, names: list[str], said: str) -> None:
    *before, last = names
    for name in before:
        into.take(name, File(3), read)
    with pytest.raises(SourceError, match=said):
        into.take(last, File(3), read)


def test_a_name_that_a_terminal_would_obey_is_shown_and_not_obeyed() -> None:
    said = str(SourceError("source has \x1b[2Km\u202eonnx and \ud800\n in it"))
    assert said == "source has \\x1b[2Km\\u202eonnx and \\ud800 in it"


def test_a_path_here_that_is_too_long_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="which cannot be looked at: file name too long; name another"):
        find("a" * 300 + ".onnx", tmp_path, "source")


def test_what_the_builder_may_not_read_is_told() -> None:
    with tempfile.TemporaryDirectory() as made:  # what lies above is open to all, and above tmp_path it is not
        folder = Path(made)
        folder.chmod(0o755)
        (folder / "closed").mkdir()
        (folder / "closed" / "m.onnx").write_bytes(b"model")
        (folder / "m.onnx").write_bytes(b"model")
        for name in ("closed", "m.onnx"):
            (folder / name).chmod(0)
        root = os.geteuid() == 0
        try:
            if root:
                os.seteuid(65534)
            with pytest.raises(SourceError, match="which cannot be looked at: permission denied"):
                find("closed/m.onnx", folder, "source")
            with pytest.raises(SourceError, match="which may not be read by whoever builds; give them leave"):
                find("m.onnx", folder, "source")
        finally:
            if root:
                os.seteuid(0)
            (folder / "closed").chmod(0o755)
