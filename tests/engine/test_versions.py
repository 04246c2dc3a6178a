"""Ranges of versions, as a program says which engine it needs."""

import pytest

from engine.errors import EngineError
from engine.versions import require, within


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        (">=3.0.0", True),
        (">=3.260.0", True),
        (">3.260.0", False),
        ("<3.260.0 || >3.260.0", False),
        (">=3.5.0 !3.7.7", True),
        ("!3.260.0", False),
        ("3.260.0", True),
        ("= 3.260.0", True),
        ("3.x", True),
        ("3.259.x", False),
        (">3.259.x <4.x", True),
        ("<=3.259.x", False),
        ("!=3.x", False),
    ],
)
def test_a_version_is_in_a_range_or_not(wanted: str, there: bool) -> None:
    assert within("3.260.0", wanted) is there


def test_a_range_that_the_engine_is_not_in_is_refused_in_the_words_of_the_official_one() -> None:
    require("")
    require(">=3.0.0")
    with pytest.raises(
        EngineError, match=r'^Pulumi CLI version 3\.260\.0 does not satisfy the version range ">=4\.0\.0"$'
    ):
        require(">=4.0.0")


@pytest.mark.parametrize("wanted", ["new", "3", ">=3.1", "||", ">=3.0.0 || later"])
def test_a_range_that_makes_no_sense_is_refused(wanted: str) -> None:
    with pytest.raises(EngineError, match="parsing CLI version range"):
        within("3.260.0", wanted)
