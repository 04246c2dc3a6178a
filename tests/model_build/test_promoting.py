"""What is promoted is spoken for before it is brought anywhere."""

import json
from pathlib import Path
from typing import Any

import pytest

from model_build import promoting
from model_build.errors import InputError

DIGEST = f"sha256:{'a1' * 32}"


def test_nothing_is_pushed_that_no_report_speaks_for(own_cache: Path, tmp_path: Path) -> None:
    # Nobody listens there: whoever would push first would be told so.
    with pytest.raises(InputError, match="does not say that it passed: there is none on this machine"):
        promoting.take({"promoted": record(tmp_path).canonical(), "destination": "127.0.0.1:9/models/digits:prod"})


RECIPE = {"name": "digits", "source": "digits.onnx", "evaluate": {"data": "holdout.npz", "min": 0.9}}
TRITON = {"server": "triton", "base": f"registry.example.com/tritonserver@{DIGEST}"}


@pytest.mark.parametrize(
    ("there", "here", "said"),
    [
        ({}, TRITON, "is answered from by server modelport, expected triton, which the pods are made for; write"),
        (TRITON, {}, "is answered from by server triton, expected modelport, which the pods are made for; write"),
        ({"formats": ["ort"]}, {"formats": ["openvino", "ort"]}, "was not written as openvino, expected every format"),
    ],
)
def test_what_the_recipe_asks_of_the_image_and_the_promoted_one_has_not_is_refused(
    there: dict[str, Any], here: dict[str, Any], said: str, tmp_path: Path
) -> None:
    found = record(tmp_path, **promoting.of_recipe(RECIPE | there))
    with pytest.raises(InputError, match=f"digits 1, promoted from dev, {said}"):
        promoting.held(json.dumps(RECIPE | here), found)
    promoting.held(json.dumps(RECIPE | there), promoting.Promoted.parse(found.canonical()))


def record(folder: Path, **changed: Any) -> promoting.Promoted:
    whole: dict[str, Any] = {
        "stack": "dev",
        "digest": DIGEST,
        "source": f"oci:{folder}/images@{DIGEST}",
        "identity": "b2" * 32,
        "model": "digits",
        "version": "1",
        "chosen": "int8",
        "metric": "accuracy",
        "metrics": {"accuracy": 0.99, "bytes": 1, "p50_ms": 1, "p99_ms": 1},
        "parts": {},
    }
    return promoting.Promoted(**whole | changed)
