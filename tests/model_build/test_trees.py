"""Trees of XGBoost and LightGBM answer as ONNX what they answer themselves, missing values and categories too."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import onnxruntime
import pytest
import xgboost

from model_build import isolate, sandbox
from model_build.converters import converter, recognise
from model_build.errors import DataError, ModelBuildError, SourceError
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.work import Work

Make = Callable[..., Recipe]
ROWS = 400
CATEGORIES = 40

_random = np.random.default_rng(7)
X = _random.normal(size=(ROWS, 5)).astype(np.float32)
X[:, 0] = np.arange(ROWS) * 7 % CATEGORIES
HOLES = np.where(_random.random(X.shape) < 0.1, np.float32(np.nan), X)
NUMBERS = 3 + X[:, 1] ** 2 + 2 * np.isin(X[:, 0], [3, 7, 9, 20, 39]) + np.abs(_random.normal(size=ROWS)) / 4
CLASSES = np.digitize(NUMBERS, [3.6, 5.0])
GROUPS = [20] * (ROWS // 20)
ODD = HOLES.copy()
ODD[::11, 0] = CATEGORIES + 3
"""With categories that were in no training data."""

FEW: dict[str, Any] = {"n_estimators": 8, "max_depth": 3, "n_jobs": 1}
QUIET: dict[str, Any] = {"n_estimators": 8, "num_leaves": 8, "n_jobs": 1, "verbose": -1}
KINDS = ["c", *["q"] * 4]


def by_xgboost(objective: str) -> Any:
    if objective.startswith("rank:"):
        return xgboost.XGBRanker(objective=objective, **FEW).fit(X, CLASSES > 0, group=GROUPS)
    if objective.startswith("multi:"):
        return xgboost.XGBClassifier(objective=objective, **FEW).fit(HOLES, CLASSES)
    if objective.startswith("binary:"):
        return xgboost.XGBClassifier(objective=objective, **FEW).fit(HOLES, CLASSES > 0)
    return xgboost.XGBRegressor(objective=objective, **FEW).fit(HOLES, NUMBERS / 20)


def by_lightgbm(objective: str) -> Any:
    if objective in ("lambdarank", "rank_xendcg"):
        return lightgbm.LGBMRanker(objective=objective, **QUIET).fit(X, CLASSES, group=GROUPS)
    if objective in ("binary", "multiclass", "multiclassova"):
        labels = np.asarray(["low", "some", "high"])[CLASSES if objective != "binary" else CLASSES.clip(0, 1)]
        return lightgbm.LGBMClassifier(objective=objective, **QUIET).fit(HOLES, labels)
    return lightgbm.LGBMRegressor(objective=objective, **QUIET).fit(HOLES, NUMBERS / 20)


def stopped_early(kind: Any, **settings: Any) -> Any:
    return kind(**{**settings, "n_estimators": 60}).fit(X[:300], NUMBERS[:300], eval_set=[(X[300:], -NUMBERS[300:])])


MODELS: dict[str, Callable[[], Any]] = {
    **{
        f"xgboost {name}": lambda name=name: by_xgboost(name)
        for name in (
            *("binary:logistic", "binary:hinge", "multi:softprob", "rank:ndcg", "rank:pairwise", "rank:map"),
            *("reg:squarederror", "reg:logistic", "reg:absoluteerror", "reg:gamma", "reg:tweedie", "count:poisson"),
        )
    },
    **{
        f"lightgbm {name}": lambda name=name: by_lightgbm(name)
        for name in (
            *("binary", "multiclass", "multiclassova", "lambdarank", "rank_xendcg", "regression", "regression_l1"),
            *("huber", "fair", "quantile", "mape", "poisson", "gamma", "tweedie"),
            *("cross_entropy", "cross_entropy_lambda"),
        )
    },
    "xgboost dart": lambda: xgboost.XGBRegressor(booster="dart", rate_drop=0.4, **FEW).fit(X, NUMBERS),
    "xgboost forest": lambda: xgboost.XGBRFClassifier(**FEW).fit(X, CLASSES),
    "xgboost stopped early": lambda: stopped_early(xgboost.XGBRegressor, early_stopping_rounds=1, **FEW),
    "xgboost a number for what is missing": lambda: xgboost.XGBRegressor(missing=0.0, **FEW).fit(
        np.nan_to_num(HOLES), NUMBERS
    ),
    "xgboost several numbers": lambda: xgboost.XGBRegressor(**FEW).fit(X, np.stack([NUMBERS, -NUMBERS], axis=1)),
    "xgboost categories": lambda: xgboost.XGBRegressor(feature_types=KINDS, enable_categorical=True, **FEW).fit(
        HOLES, NUMBERS
    ),
    "xgboost single categories": lambda: xgboost.XGBRegressor(
        feature_types=KINDS, enable_categorical=True, max_cat_to_onehot=100, **FEW
    ).fit(X, NUMBERS),
    "xgboost booster": lambda: xgboost.train(
        {"objective": "multi:softmax", "num_class": 3, "max_depth": 3}, xgboost.DMatrix(HOLES, label=CLASSES), 5
    ),
    "lightgbm dart": lambda: lightgbm.LGBMRegressor(boosting_type="dart", **QUIET).fit(X, NUMBERS),
    "lightgbm forest": lambda: lightgbm.LGBMClassifier(
        boosting_type="rf", bagging_freq=1, bagging_fraction=0.5, **QUIET
    ).fit(X, CLASSES),
    "lightgbm roots": lambda: lightgbm.LGBMRegressor(reg_sqrt=True, **QUIET).fit(X, NUMBERS - 5),
    "lightgbm sigmoid of its own": lambda: lightgbm.LGBMClassifier(sigmoid=2.0, **QUIET).fit(X, CLASSES > 0),
    "lightgbm categories": lambda: lightgbm.LGBMRegressor(cat_smooth=1, **QUIET).fit(
        HOLES, NUMBERS, categorical_feature=[0]
    ),
    "lightgbm categories, none missing in training": lambda: lightgbm.LGBMRegressor(cat_smooth=1, **QUIET).fit(
        X, NUMBERS, categorical_feature=[0]
    ),
    "lightgbm nothing missing in training": lambda: lightgbm.LGBMRegressor(**QUIET).fit(X, NUMBERS),
    "lightgbm booster": lambda: lightgbm.train(
        {"objective": "binary", "verbose": -1}, lightgbm.Dataset(HOLES, label=CLASSES > 0), 5
    ),
}


def converted(made: Any, folder: Path) -> tuple[Any, onnxruntime.InferenceSession, Path]:
    """What `convert` told, the model as ONNX, and the file that it was made of."""
    form = converter(recognise(made, "it"))
    saved = folder / form.save(made, folder)
    told = form.convert(saved, folder / "m.onnx", {"input": "input", "label": saved.name})
    return told, onnxruntime.InferenceSession(folder / "m.onnx", providers=["CPUExecutionProvider"]), saved


@pytest.mark.parametrize("name", MODELS)
def test_trees_answer_as_onnx_what_they_answer_themselves(name: str, tmp_path: Path) -> None:
    made = MODELS[name]()
    told, session, saved = converted(made, tmp_path)
    answers = dict(zip([v.name for v in session.get_outputs()], session.run(None, {"input": ODD}), strict=True))
    assert list(answers) == (["prediction"] if told["classes"] is None else ["label", "probabilities"])
    for output, answer in answers.items():
        own = converter(name.partition(" ")[0]).predict(saved, {"input": ODD}, output)
        if output == "label":
            assert answer.tolist() == own.tolist()
        else:
            # Sums of floats of 32 bits: some units of their last place, of numbers up to 10.
            np.testing.assert_allclose(answer.reshape(own.shape), own, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("name", ["xgboost multi:softprob", "xgboost stopped early", "lightgbm multiclass"])
def test_what_parity_is_measured_against_is_the_estimators_own_answer(name: str, tmp_path: Path) -> None:
    made = MODELS[name]()
    form = converter(name.partition(" ")[0])
    saved = tmp_path / form.save(made, tmp_path)
    if hasattr(made, "predict_proba"):
        assert np.array_equal(form.predict(saved, {"": HOLES}, "probabilities"), made.predict_proba(HOLES))
        assert np.array_equal(form.predict(saved, {"": HOLES}, "label"), made.predict(HOLES))
    else:
        assert made.best_iteration < 20
        assert np.array_equal(form.predict(saved, {"": HOLES}, "prediction"), made.predict(HOLES))


def test_a_number_of_32_bits_goes_the_same_way_at_a_threshold_of_64(tmp_path: Path) -> None:
    rows = np.repeat(np.asarray([[1.0], [np.nextafter(np.float32(1), np.float32(2))]], np.float32), 30, axis=0)
    made = lightgbm.LGBMRegressor(**{**QUIET, "n_estimators": 1}).fit(rows.astype(float), np.repeat([0.0, 1.0], 30))
    _, session, _ = converted(made, tmp_path)
    (answers,) = session.run(None, {"input": rows})
    assert len(np.unique(made.predict(rows))) == 2
    np.testing.assert_allclose(answers[:, 0], made.predict(rows), atol=1e-7)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: xgboost.XGBRegressor(booster="gblinear", n_jobs=1), "is of booster gblinear, which has no trees"),
        (lambda: xgboost.XGBRegressor(multi_strategy="multi_output_tree", **FEW), "has leaves with several numbers"),
        (lambda: lightgbm.LGBMRegressor(linear_tree=True, **QUIET), "has linear trees, which ONNX has not"),
        (lambda: lightgbm.LGBMRegressor(zero_as_missing=True, **QUIET), "takes zeros for missing values"),
    ],
    ids=["gblinear", "vectors", "linear trees", "zeros"],
)
def test_what_onnx_cannot_say_is_refused(made: Callable[[], Any], message: str, tmp_path: Path) -> None:
    model = made()
    several = "multi_strategy" in model.get_params() and model.get_params()["multi_strategy"]
    model.fit(X, np.stack([NUMBERS, NUMBERS], axis=1) if several else NUMBERS)
    with pytest.raises(SourceError, match=message):
        converted(model, tmp_path)


def test_one_that_is_not_fitted_is_refused(tmp_path: Path) -> None:
    for made in (xgboost.XGBClassifier(), lightgbm.LGBMClassifier()):
        with pytest.raises(SourceError, match="Classifier that is not fitted; call fit before returning it"):
            converted(made, tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [("m.json", b"{}"), ("m.json", b"not JSON"), ("m.ubj", b"{"), ("m.txt", b"tree of something"), ("m.txt", b""),
     ("m.json", b'{"a' + b"\xff" * 9)],
)  # fmt: skip
def test_a_file_that_is_none_of_theirs(name: str, text: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(text)
    form = converter("lightgbm" if name == "m.txt" else "xgboost")
    with pytest.raises(SourceError, match=f"source '{name}' is not a model of") as error:
        form.convert(tmp_path / name, tmp_path / "m.onnx", {"input": "x", "label": name})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "told", "said"),
    [
        (
            b'{"a":' * 100_000,
            {"label": "m.json"},
            r"crashed \(SIGSEGV\); the file is damaged, or made to do that: save",
        ),
        (b"{}", {}, "failed: KeyError: 'label'; save the file again"),  # no label: a mistake of ours
    ],
)
def test_one_that_takes_its_reader_down_is_one_line_too(
    tmp_path: Path, text: bytes, told: dict[str, str], said: str
) -> None:
    (tmp_path / "m.json").write_bytes(text)
    request = {"file": str(tmp_path / "m.json"), "format": "xgboost", **told}
    with pytest.raises(ModelBuildError, match=rf"converting m\.json {said}"):
        isolate.run(
            "convert", request, tmp_path, project=tmp_path, step="x", what="converting m.json",
            progress=lambda *_: None,
        )  # fmt: skip


def test_files_need_no_trust_and_have_holes_in_their_data(own_cache: Path, tmp_path: Path, recipe: Make) -> None:
    by_xgboost("binary:logistic").save_model(tmp_path / "m.ubj")
    by_lightgbm("multiclass").booster_.save_model(tmp_path / "m.txt")
    np.savez(tmp_path / "two.npz", X=HOLES, y=CLASSES > 0)
    np.savez(tmp_path / "three.npz", X=HOLES, y=CLASSES)
    for source, rows in (("m.ubj", "two.npz"), ("m.txt", "three.npz")):
        asked = recipe(source=source, evaluate={"data": rows, "max_drop": 0.0}, optimize={"candidates": ["fp32"]})
        _, verified = candidate(Work.on(asked, tmp_path))
        (result,) = verified.results
        assert result.parity is not None
        assert result.parity.agreement == 1.0
        assert result.parity.max_abs < 1e-6


@pytest.mark.parametrize("name", ["m.json", "m.ubj", "m.txt"])
def test_their_files_are_read_in_the_sandbox(
    own_cache: Path, tmp_path: Path, recipe: Make, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What reads them is no Python, and goes wherever they say."""
    (tmp_path / name).write_bytes(b"tree")
    np.savez(tmp_path / "d.npz", X=HOLES, y=CLASSES)
    monkeypatch.setenv(sandbox.SECONDS, "no time")
    asked = recipe(source=name, evaluate={"data": "d.npz"})
    with pytest.raises(SourceError, match=f"{sandbox.SECONDS} is 'no time'"):
        candidate(Work.on(asked, tmp_path))


def test_a_pickle_of_theirs_is_one_and_needs_trust(own_cache: Path, tmp_path: Path, recipe: Make) -> None:
    joblib.dump(by_lightgbm("regression"), tmp_path / "m.joblib")
    np.savez(tmp_path / "d.npz", X=HOLES, y=NUMBERS / 20)
    measured = {"data": "d.npz", "metric": "rmse", "max_drop": 1e-6}
    with pytest.raises(SourceError, match="a pickle, which runs code of its author"):
        candidate(Work.on(recipe(source="m.joblib", evaluate=measured), tmp_path))
    with pytest.raises(SourceError, match=r"expected a \.txt file of format lightgbm; save the model as one, or"):
        candidate(Work.on(recipe(source="m.joblib", format="lightgbm", evaluate=measured), tmp_path))
    asked = recipe(source="m.joblib", trust=True, evaluate=measured, optimize={"candidates": ["fp32"]})
    converted, verified = candidate(Work.on(asked, tmp_path))
    assert converted.framework.startswith("lightgbm ")
    assert verified.chosen == "fp32"


def test_holes_are_refused_for_a_model_without_a_word_for_them(own_cache: Path, tmp_path: Path, recipe: Make) -> None:
    from tests.model_build import models

    (tmp_path / "m.onnx").write_bytes(models.linear())
    np.savez(tmp_path / "d.npz", X=HOLES[:, :4], y=CLASSES)
    with pytest.raises(DataError, match=r"NaN values, the first in row 0|NaN values, the first in row \d+"):
        candidate(Work.on(recipe(source="m.onnx", evaluate={"data": "d.npz"}), tmp_path))
