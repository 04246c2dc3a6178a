"""Logs models as data scientists do, by MLflow's own client in its own environment (`tests.tools.mlflow_server`).

Prints what they are called: {"runs": {...}, "models": {...}} by a short name.
"""

import json
import sys
from pathlib import Path
from typing import Any

import lightgbm
import mlflow
import numpy
import xgboost
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

INPUTS, LABELS = load_iris(return_X_y=True)


def network() -> Any:
    """An ONNX model with a batch of any size: probabilities of three classes.

    Its layer is wide enough for MLflow to save the weights in a file beside it, under a name of chance.
    """
    trained = MLPClassifier((64,), max_iter=200, random_state=0).fit(INPUTS, LABELS)
    weights = {
        name: values.astype(numpy.float32)
        for at in (0, 1)
        for name, values in ((f"w{at}", trained.coefs_[at]), (f"b{at}", trained.intercepts_[at]))
    }
    nodes = [
        helper.make_node("Gemm", ["x", "w0", "b0"], ["first"]),
        helper.make_node("Relu", ["first"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "w1", "b1"], ["second"]),
        helper.make_node("Softmax", ["second"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


class Anything(mlflow.pyfunc.PythonModel):
    """A function of Python, which is all that `python_function` alone is."""

    def predict(self, context: Any, model_input: list[str], params: Any = None) -> list[str]:
        return model_input


def main() -> None:
    runs: dict[str, str] = {}
    models: dict[str, str] = {}
    client = mlflow.MlflowClient()
    regression = LogisticRegression(max_iter=500).fit(INPUTS, LABELS)
    other = LogisticRegression(max_iter=500, C=0.1).fit(INPUTS, LABELS)
    booster = xgboost.XGBClassifier(n_estimators=4, max_depth=2).fit(INPUTS, LABELS).get_booster()
    light = lightgbm.LGBMClassifier(n_estimators=4, num_leaves=4, verbosity=-1).fit(INPUTS, LABELS).booster_
    # The packages that a model needs are given, or each log would start a Python to find them.
    plain: dict[str, Any] = {"name": "model", "pip_requirements": ["mlflow"]}
    steps: list[tuple[str, str, Any]] = [
        ("iris", "sklearn", lambda kept: mlflow.sklearn.log_model(regression, serialization_format="skops", **kept)),
        ("iris", "sklearn", lambda kept: mlflow.sklearn.log_model(other, serialization_format="skops", **kept)),
        (
            "pickled",
            "sklearn",
            lambda kept: mlflow.sklearn.log_model(regression, serialization_format="pickle", **kept),
        ),
        ("network", "onnx", lambda kept: mlflow.onnx.log_model(network(), **kept)),
        ("boosted", "xgboost", lambda kept: mlflow.xgboost.log_model(booster, **kept)),
        ("light", "lightgbm", lambda kept: mlflow.lightgbm.log_model(light, **kept)),
        ("function", "pyfunc", lambda kept: mlflow.pyfunc.log_model(python_model=Anything(), **kept)),
    ]
    mlflow.set_experiment("models")
    for name, _, log in steps:
        with mlflow.start_run() as run:
            logged = log({**plain, "registered_model_name": name})
            mlflow.log_text("not a model", "notes/readme.txt")
        key = name if name not in runs else f"{name}-2"
        runs[key], models[key] = run.info.run_id, logged.model_id
    with mlflow.start_run() as run:
        # As clients before MLflow 3 logged: in the artifacts of the run itself.
        folder = str(Path(sys.argv[1]) / "older")
        mlflow.onnx.save_model(network(), folder, save_as_external_data=False)
        mlflow.log_artifacts(folder, "model")
        runs["older"] = run.info.run_id
    client.set_registered_model_alias("iris", "champion", "1")
    print(json.dumps({"runs": runs, "models": models}))


if __name__ == "__main__":
    main()
