"""A project with Modelport's stacks and a model of its own, small enough to be built in a test."""

import shutil
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import yaml
from onnx import TensorProto, helper, numpy_helper

from tests.automation.conftest import ROOT, Project


def shop(project: Project) -> Project:
    """Give the project the library's stacks, `models/churn.onnx`, and `models/holdout.npz` to measure it on."""
    shutil.copytree(ROOT / "stacks", project.root / "stacks", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "__main__.py", project.root)
    settings = yaml.safe_load((project.root / "Pulumi.yaml").read_text())
    (project.root / "Pulumi.yaml").write_text(yaml.safe_dump({**settings, "name": "modelport"}))
    (project.root / "provider.py").unlink()
    (project.root / "models").mkdir()
    weights = churn(project.root / "models" / "churn.onnx")
    rows = np.random.default_rng(7).normal(size=(30, 4)).astype(np.float32)
    np.savez(project.root / "models" / "holdout.npz", X=rows, y=(rows @ weights).argmax(axis=1))
    return project


def churn(file: Path, outputs: tuple[str, ...] = ("probabilities",)) -> Any:
    """Write a classifier of four features and three classes; returns its weights."""
    weights = np.random.default_rng(8).normal(size=(4, 3)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["features", "weights"], ["logits"])]
    nodes += [helper.make_node("Softmax", ["logits"], [name], axis=1) for name in outputs]
    made = helper.make_model(
        helper.make_graph(
            nodes,
            "churn",
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 4])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3]) for name in outputs],
            [numpy_helper.from_array(weights, "weights")],
        ),
        opset_imports=[helper.make_opsetid("", 21)],
        ir_version=10,
    )
    cast("Any", onnx).save(made, str(file))
    return weights
