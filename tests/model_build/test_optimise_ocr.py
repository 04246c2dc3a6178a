"""A network of convolutions that people use, RapidOCR's: which way up a line of text is, on lines drawn here."""

from typing import Any

import numpy as np
import pytest

from model_build import measure
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.verify import Result, Verified
from model_build.work import Work
from tests.tools import ocr

ROWS = 60


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("ocr")
    pictures, flipped = ocr.turned(ROWS)
    np.savez(home / "lines.npz", X=pictures, y=flipped)
    recipe = {
        "name": "cls",
        "source": str(ocr.model("cls")),
        "evaluate": {"data": "lines.npz", "max_drop": 0.02},
        "optimize": {"candidates": ["fp32", "int8", "int8-percentile", "int8-plain"], "calibration": {"rows": 8}},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "SAMPLES", 20)  # times are not what is tested
        patch.setenv("MODELPORT_CACHE_DIR", str(home / "cache"))
        yield candidate(Work.on(Recipe.parse(recipe), home))[1]


def result(verified: Verified, name: str) -> Result:
    return next(each for each in verified.results if each.name == name)


def test_it_is_right_about_lines_drawn_here(verified: Verified) -> None:
    assert verified.baseline is not None and verified.baseline > 0.9


def test_static_int8_answers_as_float32_does(verified: Verified) -> None:
    static = result(verified, "int8-percentile")
    assert static.parity is not None and static.parity.agreement is not None
    assert static.parity.agreement > 0.95


def test_static_int8_is_smaller_than_what_quantize_dynamic_makes(verified: Verified) -> None:
    static, plain, floats = (result(verified, name).measured for name in ("int8-percentile", "int8-plain", "fp32"))
    assert static is not None and plain is not None and floats is not None
    assert static.file_bytes < 0.7 * floats.file_bytes < 0.7 * plain.file_bytes


def test_every_candidate_has_its_reason(verified: Verified) -> None:
    assert result(verified, "int8").why == "no matrix product with constant weights to quantise"
    for each in verified.results:
        # Which is taken is for the processor to say: without VNNI int8 is slower here than float32.
        said = ("chosen: ", "passed, but ", "not to be taken, ", "no matrix product", "missed its gate: max_drop")
        assert each.why.startswith(said)


def test_what_is_taken_says_what_smaller_was_not(verified: Verified) -> None:
    """Which that is depends on the processor; each that is smaller is named, with its reason."""
    choice = verified.choice
    assert choice is not None and choice.measured is not None
    for each in verified.results:
        if each.measured is not None and not each.peer and each is not choice:
            smaller = each.measured.file_bytes < choice.measured.file_bytes
            assert (each.name in choice.why) == smaller
