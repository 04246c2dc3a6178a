"""Pipelines of text and of columns by name: one input a column, and evaluation data that is a table."""

import contextlib
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import lightgbm
import numpy as np
import onnx
import onnxruntime
import pandas
import pytest
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from model_build import data
from model_build.converters import sklearn
from model_build.errors import DataError, SourceError
from model_build.pipeline import candidate, model_folder
from model_build.recipe import Recipe
from model_build.work import Work
from tests.serving.support import Server

Make = Callable[..., Recipe]
ROWS = 200
WORDS = ["good", "bad", "état", "Über", "straße", "漢字", "a", "x1", "re_use", "don't", "Łódź", "naïve"]

_random = np.random.default_rng(0)
TABLE = pandas.DataFrame(
    {
        "age": _random.normal(40, 10, ROWS).astype(np.float32),
        "city": _random.choice(["Bern", "Köln", "Łódź"], ROWS),
        "rank": _random.integers(1, 5, ROWS),
        "note": [" ".join(_random.choice(WORDS, 6)) for _ in range(ROWS)],
        "id": np.arange(ROWS),
    }
)
TABLE.loc[::7, "age"] = np.nan
LABELS = np.where(TABLE["note"].str.contains("good") ^ (TABLE["city"] == "Bern"), "yes", "no")

AGE = ("age", make_pipeline(SimpleImputer(), StandardScaler()), ["age"])
CITY = ("city", OneHotEncoder(handle_unknown="ignore"), ["city"])
RANK = ("rank", OrdinalEncoder(), ["rank"])
NOTE = ("note", TfidfVectorizer(ngram_range=(1, 2)), "note")


def piped(*parts: Any, last: Any = None, **settings: Any) -> Any:
    return make_pipeline(ColumnTransformer(list(parts), **settings), last or LogisticRegression())


def few(kind: Any, **settings: Any) -> Any:
    return kind(n_estimators=5, n_jobs=1, **settings)


PIPELINES: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "numbers, categories and text": (lambda: piped(AGE, CITY, RANK, NOTE), ["age", "city", "rank", "note"]),
    "what is left over": (
        lambda: piped(CITY, ("id", "drop", ["id", "note", "age"]), remainder="passthrough"),
        ["city", "rank"],
    ),
    "a column twice": (
        lambda: piped(NOTE, ("letters", CountVectorizer(analyzer="char"), "note")),
        ["note"],
    ),
    "trees of LightGBM": (
        lambda: piped(AGE, CITY, RANK, last=few(lightgbm.LGBMClassifier, verbose=-1)),
        ["age", "city", "rank"],
    ),
    "a regressor of XGBoost": (
        lambda: piped(("same", "passthrough", ["age", "rank"]), CITY, last=few(xgboost.XGBRegressor)),
        ["age", "rank", "city"],
    ),
}


def feeds(session: onnxruntime.InferenceSession, table: pandas.DataFrame) -> dict[str, Any]:
    kinds = {"tensor(float)": np.float32, "tensor(string)": object}
    return {v.name: table[v.name].to_numpy().astype(kinds[v.type])[:, None] for v in session.get_inputs()}


LETTERS = pytest.mark.filterwarnings("ignore:The conversion of CountVectorizer may not work")
"""skl2onnx says so of letters, of which it does."""


@LETTERS
@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_has_an_input_for_each_column_and_answers_the_same(name: str, tmp_path: Path) -> None:
    make, wanted = PIPELINES[name]
    model = make()
    target = np.arange(ROWS) / ROWS if hasattr(model[-1], "get_booster") else LABELS
    model.fit(TABLE, target)
    saved = tmp_path / sklearn.save(model, tmp_path)
    sklearn.convert(saved, tmp_path / "m.onnx", {"input": "input", "label": "it"})
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == wanted
    given = feeds(session, TABLE)
    answer = session.run(None, given)[-1]
    own = model.predict_proba(TABLE) if hasattr(model, "predict_proba") else model.predict(TABLE)
    np.testing.assert_allclose(answer.reshape(own.shape), own, atol=3e-7)
    plain = {key: values.astype(str) if values.dtype == object else values for key, values in given.items()}
    output = session.get_outputs()[-1].name
    np.testing.assert_allclose(sklearn.predict(saved, plain, output), own, atol=1e-7)


@LETTERS
def test_texts_of_any_language_need_no_locale_of_the_machine(tmp_path: Path) -> None:
    model = make_pipeline(
        FeatureUnion([("words", TfidfVectorizer()), ("letters", CountVectorizer(analyzer="char"))]),
        LogisticRegression(),
    ).fit(TABLE["note"], LABELS)
    saved = tmp_path / sklearn.save(model, tmp_path)
    sklearn.convert(saved, tmp_path / "m.onnx", {"input": "text", "label": "it"})
    graph = onnx.load(tmp_path / "m.onnx").graph
    named = [a.s for n in graph.node if n.op_type == "StringNormalizer" for a in n.attribute if a.name == "locale"]
    assert named == [b"C.UTF-8"] * 2
    assert not {"LOCPATH", "LC_ALL"} & set(os.environ)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    texts = TABLE["note"].to_numpy().astype(object)
    np.testing.assert_allclose(
        session.run(["probabilities"], {"text": texts[:, None]})[0], model.predict_proba(texts), atol=5e-7
    )


def test_zeros_that_a_sparse_matrix_leaves_out_are_missing_to_xgboost(tmp_path: Path) -> None:
    model = piped(CITY, last=few(xgboost.XGBClassifier), sparse_threshold=1).fit(TABLE, LABELS == "yes")
    saved = tmp_path / sklearn.save(model, tmp_path)
    sklearn.convert(saved, tmp_path / "m.onnx", {"input": "input", "label": "it"})
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    answer = session.run(["probabilities"], feeds(session, TABLE))[0]
    np.testing.assert_allclose(answer, model.predict_proba(TABLE), atol=1e-6)
    full = model[-1].predict_proba(model[0].transform(TABLE).toarray())
    assert np.abs(full - model.predict_proba(TABLE)).max() > 0.01


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            lambda: make_pipeline(HashingVectorizer(n_features=9), LogisticRegression()).fit(TABLE["note"], LABELS),
            "Hashing",
        ),
        (
            lambda: piped(("c", OneHotEncoder(), [0])).fit(TABLE[["city"]].to_numpy(), LABELS),
            "takes columns of text by their number, expected by name; fit it on a DataFrame",
        ),
        (
            lambda: piped(("c", OneHotEncoder(), ["label"])).fit(TABLE.rename(columns={"city": "label"}), LABELS),
            "takes a column 'label', which an output of the model is called; give it another name",
        ),
    ],
    ids=["hashing", "by number", "a taken name"],
)
def test_pipelines_that_are_refused(model: Callable[[], Any], message: str, tmp_path: Path) -> None:
    saved = tmp_path / sklearn.save(model(), tmp_path)
    with pytest.raises(SourceError, match=message):
        sklearn.convert(saved, tmp_path / "m.onnx", {"input": "input", "label": "it"})


MODULE = """
import pandas
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

def data():
    table = pandas.read_csv("rows.csv")
    return table.drop(columns="label"), table["label"]

def model():
    parts = [("a", SimpleImputer(), ["age"]), ("c", OneHotEncoder(), ["city"]), ("n", TfidfVectorizer(), "note")]
    return make_pipeline(ColumnTransformer(parts), LogisticRegression()).fit(*data())
"""


def test_a_csv_with_text_is_measured_on_and_the_model_is_asked_by_columns(
    own_cache: Path, tmp_path: Path, recipe: Make
) -> None:
    TABLE.assign(label=LABELS).to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "t.py").write_text(MODULE)
    asked = recipe(source="t:model", evaluate={"data": "rows.csv", "max_drop": 0.0}, optimize={"candidates": ["fp32"]})
    work = Work.on(asked, tmp_path)
    converted, verified = candidate(work)
    (result,) = verified.results
    assert verified.chosen == "fp32"
    assert result.parity is not None
    assert result.parity.agreement == 1.0
    assert result.parity.max_abs < 1e-5
    own = candidate_answers(tmp_path)
    with closing(Server(tmp_path, model_folder(work, converted, verified), "--workers", "1")) as server:
        inputs = [
            {"name": "age", "datatype": "FP32", "shape": [2, 1], "data": TABLE["age"][1:3].tolist()},
            {"name": "city", "datatype": "BYTES", "shape": [2, 1], "data": TABLE["city"][1:3].tolist()},
            {"name": "note", "datatype": "BYTES", "shape": [2, 1], "data": TABLE["note"][1:3].tolist()},
        ]
        reply = httpx.post(f"{server.url}/v2/models/iris/infer", json={"inputs": inputs}, timeout=60).json()
    told = {each["name"]: each["data"] for each in reply["outputs"]}
    assert told["label"] == own["label"][1:3].tolist()
    np.testing.assert_allclose(told["probabilities"], own["probabilities"][1:3].ravel(), atol=1e-6)


def candidate_answers(folder: Path) -> dict[str, Any]:
    """What the pipeline of MODULE answers to all rows, in this process."""
    made: dict[str, Any] = {}
    with contextlib.chdir(folder):
        exec(MODULE, made)
        model, rows = made["model"](), made["data"]()[0]
    return {"label": model.predict(rows), "probabilities": model.predict_proba(rows)}


def test_a_table_goes_into_one_matrix_by_the_names_that_a_model_has_for_it(
    own_cache: Path, tmp_path: Path, recipe: Make
) -> None:
    x, y = TABLE[["rank", "id"]], TABLE["rank"] * 3.0
    few(lightgbm.LGBMRegressor, verbose=-1).fit(x, y).booster_.save_model(tmp_path / "m.txt")
    TABLE[["note", "id", "rank"]].assign(y=y).to_csv(tmp_path / "rows.csv", index=False)
    asked = recipe(
        source="m.txt",
        evaluate={"data": "rows.csv", "metric": "mae", "max_drop": 1e-5},
        optimize={"candidates": ["fp32"]},
    )
    _, verified = candidate(Work.on(asked, tmp_path))
    assert verified.chosen == "fp32"


def read(text: str, folder: Path) -> tuple[data.Inputs, data.Array]:
    (folder / "d.csv").write_text(text)
    return data.read(folder / "d.csv", "d.csv")


def test_columns_of_a_csv_are_numbers_or_text(tmp_path: Path) -> None:
    table, labels = read("a,b,c,y\n1,2.5,x,0\n2,,7,1\n", tmp_path)
    assert {name: values.dtype.kind for name, values in table.items()} == {"a": "i", "b": "f", "c": "U"}
    assert np.isnan(table["b"][1])
    assert table["c"].tolist() == ["x", "7"]
    assert labels.tolist() == [0, 1]


def test_a_column_twice_and_text_with_holes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has two columns 'a', expected each name once"):
        read("a,a,y\n1,2,0\n", tmp_path)
    with pytest.raises(DataError, match="input c is text with nothing in 1 places, expected text everywhere"):
        data.pair((pandas.DataFrame({"c": ["x", None]}), [0, 1]), "it")


def test_a_dataframe_is_what_a_csv_of_it_is(tmp_path: Path) -> None:
    written, _ = read(TABLE.assign(label=LABELS).to_csv(index=False), tmp_path)
    table, labels = data.pair((TABLE, pandas.Series(LABELS)), "it")
    assert list(table) == list(written)
    assert all(np.array_equal(table[name], written[name], equal_nan=name == "age") for name in table)
    assert labels.tolist() == LABELS.tolist()


def test_numbers_with_holes_of_a_dataframe_are_numbers() -> None:
    table, _ = data.pair((pandas.DataFrame({"c": pandas.array([1, None], dtype="Int64")}), [0, 1]), "it")
    assert table["c"].tolist()[0] == 1.0
    assert np.isnan(table["c"][1])
