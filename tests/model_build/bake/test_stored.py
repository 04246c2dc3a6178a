"""gzip without compression: any gzip reader gets back what went in."""

import gzip
import hashlib
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_build.bake.stored import Behind, Stored


@given(st.lists(st.integers(0, 200_000), max_size=5))
def test_python_reads_back_what_was_written_in_any_pieces(sizes: list[int]) -> None:
    pieces = [bytes([number]) * size for number, size in enumerate(sizes)]
    below = io.BytesIO()
    out = Stored(below)
    for piece in pieces:
        out.write(memoryview(piece))
    out.close()
    assert gzip.decompress(below.getvalue()) == b"".join(pieces)
    assert (out.size, out.sha256) == (len(below.getvalue()), hashlib.sha256(below.getvalue()).hexdigest())


def test_the_pieces_leave_no_trace() -> None:
    data = bytes(range(256)) * 1000
    results: set[str] = set()
    for step in (1000, 65535, 70000, len(data)):
        out = Stored(io.BytesIO())
        for at in range(0, len(data), step):
            out.write(data[at : at + step])
        out.close()
        results.add(out.sha256)
    assert len(results) == 1


@given(st.lists(st.integers(0, 3_000_000), max_size=4))
def test_what_is_written_behind_arrives_in_its_order(sizes: list[int]) -> None:
    pieces = [bytes([number]) * size for number, size in enumerate(sizes)]
    below = io.BytesIO()
    out = Behind(below)
    for piece in pieces:
        out.write(piece)
    out.close()
    assert below.getvalue() == b"".join(pieces)


def test_a_disk_that_is_full_is_told_to_whoever_writes_behind() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        out = Behind(full)
        with pytest.raises(OSError, match="No space left"):
            for _ in range(64):
                out.write(bytes(1 << 20))
        out.abandon()
