"""Evaluation data as spreadsheets, damaged disks and hostile people write it: read as meant, or one clear error."""

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_build import data
from model_build.errors import DataError

HEADER = b"a,b,y\n"
ROWS = np.zeros((6, 4), np.float32)
LABELS = np.arange(6) % 3


def header(text: str) -> bytes:
    """The beginning of a .npy file that says `text` of its array."""
    line = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line


def saved(array: Any) -> bytes:
    made = io.BytesIO()
    np.save(made, array)
    return made.getvalue()


def packed(x: bytes, mark: int = 0, method: int = 0) -> bytes:
    """A .npz file with `x` in it. mark, method: what the archive says of how `x` is packed."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("X.npy", x)
        archive.writestr("y.npy", saved(LABELS))
    whole = bytearray(made.getvalue())
    for at in (0, whole.find(b"PK\x01\x02") + 2):
        whole[at + 6] |= mark
        whole[at + 8 : at + 10] = struct.pack("<H", method)
    return bytes(whole)


def read(folder: Path, name: str, content: bytes) -> tuple[data.Inputs, data.Array]:
    (folder / name).write_bytes(content)
    return data.read(folder / name, repr(name))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("d.csv", HEADER + b"1," + b"2" * 200_000 + b",0\n", "cannot be read: field larger than field limit"),
        ("d.csv", HEADER + b'1,"2,0\n' + b"1,2,0\n" * 40_000, "cannot be read: field larger than field limit"),
        ("d.csv", HEADER + b"1,2\0,0\n", "cannot be read: it has a NUL in it"),
        (
            "d.npz",
            packed(header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**70},)}}")),
            "cannot be read: ",
        ),
        ("d.npz", packed(header("{'descr': '<f4', 1: 2}")), "cannot be read: "),
        ("d.npz", packed(header("(" * 300)), "cannot be read: "),
        ("d.npz", packed(saved(np.zeros(6, "V4"))), "the input is |V4, expected numbers or text"),
        ("d.npz", packed(b"not an array"), "the input has 0 rows but there are 6 labels"),
        ("d.npz", packed(saved(ROWS), mark=1), "cannot be read: File 'X.npy' is encrypted"),
        ("d.npz", packed(saved(ROWS), method=99), "cannot be read: That compression method is not supported"),
        ("d.npz", saved(ROWS), "holds one array, as numpy.save writes it, expected inputs and the labels as y"),
    ],
)
def test_a_file_that_nobody_can_read_is_one_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    with pytest.raises(DataError) as error:
        read(tmp_path, name, content)
    message = str(error.value)
    assert said in message
    assert "\n" not in message
    assert len(message) < 400


def test_the_mark_that_spreadsheets_begin_a_file_with_is_no_part_of_a_name(tmp_path: Path) -> None:
    inputs, labels = read(tmp_path, "d.csv", b"\xef\xbb\xbfy,a\n1,2\n")
    assert (list(inputs), labels.tolist()) == (["a"], [1])


def test_a_number_of_more_than_64_bits_is_one(tmp_path: Path) -> None:
    inputs, labels = read(tmp_path, "d.csv", HEADER + b"1,99999999999999999999,99999999999999999999\n")
    assert inputs["b"].tolist() == [np.float32(1e20)]
    assert labels.tolist() == [1e20]


def test_what_has_an_underscore_in_it_is_no_number(tmp_path: Path) -> None:
    inputs, _ = read(tmp_path, "d.csv", HEADER + b"1,2024_01,0\n")
    assert inputs["b"].tolist() == ["2024_01"]


@pytest.mark.parametrize(
    ("inputs", "labels", "said"),
    [
        (np.full((6, 4), "2020-01-01", "M8[D]"), LABELS, r"input is datetime64\[D\], expected numbers or text"),
        (np.full((6, 4), 1j), LABELS, "input is complex128, expected numbers or text"),
        (ROWS, LABELS + 0j, "labels is complex128, expected numbers or text"),
        (np.ma.masked_less(ROWS, 1), LABELS, "input has 24 masked values, expected what is there; fill them"),
        (ROWS, np.ma.masked_equal(LABELS, 2), "labels has 2 masked values"),
    ],
)
def test_what_would_become_other_numbers_is_refused(inputs: Any, labels: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        data.pair((inputs, labels), "my:data")


def test_a_mask_that_hides_nothing_is_none() -> None:
    _, labels = data.pair((ROWS, np.ma.masked_array(LABELS, False)), "my:data")
    assert labels.tolist() == LABELS.tolist()
