"""Versions of the model `digits`, each with one thing about it: good ones, and ones that no gate lets through."""

from pathlib import Path
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper

from tests.serving import models

LONG = 40_000
"""Rounds of a loop that take a second or two on a core."""


def good(folder: Path, version: str) -> Path:
    return models.digits(folder, version=version)


def wrong(folder: Path) -> Path:
    """Answers as fast and as surely as the good ones, with another digit."""
    weights = np.zeros((64, 10), dtype=np.float32)
    for k in range(8):
        weights[k * 8 : k * 8 + 8, (k + 1) % 8] = 1.0
    return _of(folder, "wrong", _scores("image"), {"weights": weights})


def slow(folder: Path) -> Path:
    """Right, after a loop that changes nothing."""
    nodes = [
        helper.make_node("Loop", ["rounds", "", "square"], ["same"], body=models.multiplying()),
        helper.make_node("MatMul", ["image", "same"], ["late"]),
    ]
    given = {"square": np.eye(64, dtype=np.float32), "rounds": np.array(LONG, dtype=np.int64)}
    return _of(folder, "slow", [*nodes, *_scores("late")], {"weights": _weights(), **given})


def failing(folder: Path) -> Path:
    """Right, but for pictures with a bright row 3: these it reads as 65 pixels, which they have not."""
    nodes = [
        helper.make_node("Slice", ["image", "begin", "end", "axis"], ["row"]),
        helper.make_node("ReduceMax", ["row"], ["brightest"], keepdims=0),
        helper.make_node("Greater", ["brightest", "bright"], ["is_bright"]),
        helper.make_node("Cast", ["is_bright"], ["more"], to=TensorProto.INT64),
        helper.make_node("Mul", ["more", "one_more"], ["added"]),
        helper.make_node("Add", ["as_it_is", "added"], ["shape"]),
        helper.make_node("Reshape", ["image", "shape"], ["read"]),
    ]
    given: dict[str, Any] = {
        "begin": np.array([24], dtype=np.int64),
        "end": np.array([32], dtype=np.int64),
        "axis": np.array([1], dtype=np.int64),
        "bright": np.array(0.5, dtype=np.float32),
        "as_it_is": np.array([-1, 64], dtype=np.int64),
        "one_more": np.array([0, 1], dtype=np.int64),
    }
    return _of(folder, "failing", [*nodes, *_scores("read")], {"weights": _weights(), **given})


def _weights() -> Any:
    weights = np.zeros((64, 10), dtype=np.float32)
    for k in range(8):
        weights[k * 8 : k * 8 + 8, k] = 1.0
    return weights


def _scores(pixels: str) -> list[NodeProto]:
    return [
        helper.make_node("MatMul", [pixels, "weights"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=-1),
        helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
    ]


def _of(folder: Path, version: str, nodes: list[NodeProto], weights: dict[str, Any]) -> Path:
    outputs: list[models.Info] = [("probabilities", "FP32", ("batch", 10)), ("label", "INT64", ("batch",))]
    image: list[models.Info] = [("image", "FP32", ("batch", 64))]
    return models.save(folder, nodes, image, outputs, weights=weights, name="digits", version=version)
