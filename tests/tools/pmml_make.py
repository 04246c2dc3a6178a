"""Writes tests/model_build/pmml: what exporters make of fitted models, and what JPMML answers to these and others.

python -m tests.tools.pmml_make
"""

import gzip
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "model_build" / "pmml"
ANSWERS = FOLDER / "answers.json.gz"


def exports() -> dict[str, str]:
    """The documents that exporters wrote, by name."""
    return {f"export {path.stem}": path.read_text("utf-8") for path in sorted(FOLDER.glob("*.pmml"))}


def recorded() -> dict[str, list[Any]]:
    """What JPMML answered to each document."""
    found: dict[str, list[Any]] = json.loads(gzip.decompress(ANSWERS.read_bytes()))
    return found


def main() -> None:
    from tests.model_build import pmml_documents, pmml_parts
    from tests.tools import pmml, pypi

    python = pypi.environment(pmml.EXPORTERS) / "python"
    env = {**os.environ, "JAVA_HOME": str(pmml.java_home())}
    subprocess.run([str(python), __file__, "export", str(FOLDER)], check=True, env=env)
    found = pmml.answers(exports() | pmml_parts.documents(), pmml_documents.rows())
    text = json.dumps(found, separators=(",", ":"), sort_keys=True).encode()
    ANSWERS.write_bytes(gzip.compress(text, 9, mtime=0))


def export(folder: Path) -> None:
    """Run with the packages of pmml_exporters.lock."""

    def of(module: str, name: str) -> Any:
        return getattr(importlib.import_module(module), name)

    numpy, pandas = importlib.import_module("numpy"), importlib.import_module("pandas")
    random = numpy.random.default_rng(3)
    rows = 240
    table = pandas.DataFrame(
        {
            "a": random.normal(size=rows).round(2),
            "b": random.normal(2, 3, rows).round(2),
            "c": random.integers(0, 6, rows),
            "city": random.choice(["Bern", "Köln", "Łódź", "Rom"], rows),
            "tone": random.choice(["red", "blue"], rows),
        }
    )
    holes = table.copy()
    holes.loc[::9, "b"] = numpy.nan
    number = table.a * 2 + table.b.abs() + (table.city == "Rom") * 2 + random.normal(size=rows) * 0.2
    three = numpy.asarray(["high", "low", "mid"])[numpy.digitize(number, [2, 4])]
    codes, two = numpy.digitize(number, [2, 4]), (number > 3).astype(int)
    numbers, texts = ["a", "b", "c"], ["city", "tone"]

    ensemble, linear, tree = "sklearn.ensemble", "sklearn.linear_model", "sklearn.tree"
    network, changed = "sklearn.neural_network", "sklearn.preprocessing"
    pipeline, columns = of("sklearn.pipeline", "make_pipeline"), of("sklearn.compose", "ColumnTransformer")
    one_hot = of(changed, "OneHotEncoder")

    def prepared(last: Any) -> Any:
        scaled = pipeline(of("sklearn.impute", "SimpleImputer")(), of(changed, "StandardScaler")())
        return pipeline(columns([("n", scaled, numbers), ("k", one_hot(handle_unknown="ignore"), texts)]), last)

    def few(module: str, name: str, **settings: Any) -> Any:
        return of(module, name)(**{"random_state": 0, **settings})

    logistic = of(linear, "LogisticRegression")
    shallow = few(tree, "DecisionTreeClassifier", max_depth=3)
    several = [
        ("p", of(changed, "PolynomialFeatures")(2), ["a", "b"]),
        ("m", of(changed, "MinMaxScaler")(), ["c"]),
        ("d", of(changed, "KBinsDiscretizer")(3, quantile_method="averaged_inverted_cdf"), ["b"]),
        ("o", of(changed, "OrdinalEncoder")(), texts),
    ]
    mixed = columns([("n", "passthrough", numbers), ("k", one_hot(), texts)])
    voters = [("l", logistic()), ("t", shallow)]
    grown = of("xgboost", "XGBClassifier")
    light = {"num_leaves": 6, "verbose": -1}
    models: dict[str, tuple[Any, Any, Any]] = {
        "tree": (few(tree, "DecisionTreeClassifier", max_depth=4), table[numbers], three),
        "tree-text": (pipeline(mixed, few(tree, "DecisionTreeRegressor", max_depth=4)), table, number),
        "forest": (few(ensemble, "RandomForestClassifier", n_estimators=4, max_depth=3), table[numbers], three),
        "extra-trees": (few(ensemble, "ExtraTreesRegressor", n_estimators=4, max_depth=3), table[numbers], number),
        "boosting": (few(ensemble, "GradientBoostingClassifier", n_estimators=4, max_depth=2), table[numbers], three),
        "histogram": (
            few(ensemble, "HistGradientBoostingRegressor", max_iter=4, max_leaf_nodes=6),
            holes[numbers],
            number,
        ),
        "adaboost": (few(ensemble, "AdaBoostRegressor", n_estimators=4), table[numbers], number),
        "bagging": (few(ensemble, "BaggingClassifier", estimator=logistic(), n_estimators=3), table[numbers], two),
        "voting-soft": (of(ensemble, "VotingClassifier")(voters, voting="soft"), table[numbers], three),
        "voting-hard": (
            of(ensemble, "VotingClassifier")(
                [*voters, ("u", few(tree, "DecisionTreeClassifier", max_depth=2))], weights=[1, 2, 4]
            ),
            table[numbers],
            three,
        ),
        "logistic": (prepared(logistic()), holes, two),
        "softmax": (prepared(logistic()), holes, three),
        "one-vs-rest": (prepared(of("sklearn.multiclass", "OneVsRestClassifier")(logistic())), holes, three),
        "poisson": (prepared(of(linear, "PoissonRegressor")()), holes, number.clip(0)),
        "columns": (pipeline(columns(several), of(linear, "LinearRegression")()), table, number),
        "network": (prepared(few(network, "MLPClassifier", hidden_layer_sizes=(5,), max_iter=60)), holes, three),
        "network-number": (
            prepared(few(network, "MLPRegressor", hidden_layer_sizes=(4, 3), activation="tanh")),
            holes,
            number,
        ),
        "xgboost": (grown(n_estimators=4, max_depth=3), holes[numbers], two),
        "xgboost-three": (grown(n_estimators=3, max_depth=2), holes[numbers], codes),
        "xgboost-number": (of("xgboost", "XGBRegressor")(n_estimators=4, max_depth=3), holes[numbers], number),
        "lightgbm": (few("lightgbm", "LGBMClassifier", n_estimators=4, **light), holes[numbers], two),
        "lightgbm-three": (few("lightgbm", "LGBMClassifier", n_estimators=3, **light), holes[numbers], three),
    }
    write, whole = of("sklearn2pmml", "sklearn2pmml"), of("sklearn2pmml.pipeline", "PMMLPipeline")
    for name, (model, given, wanted) in models.items():
        made = whole(model.steps if hasattr(model, "steps") else [("model", model)]).fit(given, wanted)
        made.active_fields, made.target_fields = numpy.asarray(given.columns), numpy.asarray(["y"])
        with tempfile.TemporaryDirectory() as place:
            write(made, f"{place}/m.pmml")
            text = Path(place, "m.pmml").read_text("utf-8")
        # When it was made is no part of it.
        text = re.sub(r"\s*<Timestamp>.*</Timestamp>", "", text)
        (folder / f"{name}.pmml").write_text(text, "utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["export"]:
        export(Path(sys.argv[2]))
    else:
        main()
