"""What the tables of tests/scheduling.py name is there."""

from pathlib import Path

import pytest

from tests import scheduling

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("place", sorted({*scheduling.APART, *scheduling.FIRST}))
def test_what_is_named_is_there(place: str) -> None:
    path = ROOT / place
    assert path.is_dir() if place.endswith("/") else path.is_file()
