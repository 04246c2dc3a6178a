"""Candidates that are trained: a pruned model by the project's function, and a student by its teacher's answers."""

import importlib
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_build import graphs, learning, measure, runtime
from model_build.candidates.task import EXTENDED, Task, finish, fused
from model_build.errors import DataError, ModelBuildError, SourceError
from model_build.learning import sklearn as learner
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.recipe_optimize import Calibration
from model_build.verify import Result, Verified
from model_build.work import Work
from model_build.worker import OPERATIONS
from tests.model_build import networks

MODULE = '''
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

def rows(seed, count=400):
    """Three classes, each of two clouds, with names."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, 6, count)
    centres = np.random.default_rng(5).normal(size=(6, 8)) * 2
    values = (centres[kind] + random.normal(size=(count, 8))).astype(np.float32)
    return values, np.asarray(["ant", "bee", "cat"])[kind % 3]

def training():
    return rows(1)

def evaluation():
    return rows(2, 300)

def teacher():
    return make_pipeline(StandardScaler(), MLPClassifier((64, 32), max_iter=60, random_state=0)).fit(*training())

def tune(model):
    values, kinds = training()
    for _ in range(15):
        model[-1].partial_fit(model[:-1].transform(values), kinds)

def student():
    return make_pipeline(StandardScaler(), MLPClassifier((12,), max_iter=150, random_state=0))

def widened(model):
    return make_pipeline(StandardScaler(), MLPClassifier((9,), max_iter=3, random_state=0)).fit(*training())

def broken(model):
    return model.no_such_thing

def number():
    return 7
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("project")
    (folder / "bees.py").write_text(MODULE)
    (folder / "net.onnx").write_bytes(networks.convolutional())
    np.savez(folder / "pictures.npz", X=networks.pictures(8), y=np.zeros(8))
    (folder / "secret.txt").write_text("secret")
    peek = f"def peek(model):\n    print(open({str(folder / 'secret.txt')!r}).read())\n"
    (folder / "hooks.py").write_text(f"import bees\n\ndef tune(model):\n    bees.tune(model)\n\n{peek}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "SAMPLES", 20)  # times are not what is tested
        patch.setenv("MODELPORT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("MODELPORT_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        patch.syspath_prepend(str(folder))
        bees: Any = importlib.import_module("bees")
        with warnings.catch_warnings(action="ignore"):  # of a training that is as short as will do
            (folder / "model.pkl").write_bytes(pickle.dumps(bees.teacher()))
        (values, kinds), (others, theirs) = bees.evaluation(), bees.training()
        np.savez(folder / "same.npz", X=values, y=kinds)
        others[:9] = values[:9]
        np.savez(folder / "some.npz", X=others, y=theirs)
        yield folder


def recipe(**optimize: Any) -> Recipe:
    evaluate = {"data": "bees:evaluation", "min": 0.5}
    return Recipe.parse({"name": "bees", "source": "bees:teacher", "evaluate": evaluate, "optimize": optimize})


def asked(names: list[str], **changes: Any) -> dict[str, Any]:
    prune = {"sparsity": 0.8, "channels": 0.5, "fine_tune": "bees:tune", "rounds": 2}
    found = {"prune": prune, "distill": {"student": "bees:student", "data": "bees:training"}}
    if "distilled" not in names:
        del found["distill"]
    if not {"pruned", "pruned-channels"} & set(names):
        del found["prune"]
    return {"candidates": names, **found, **changes}


ALL = ["fp32", "pruned", "pruned-channels", "distilled"]


@pytest.fixture(scope="module")
def verified(project: Path) -> Verified:
    return candidate(Work.on(recipe(**asked(ALL)), project))[1]


def result(verified: Verified, name: str) -> Result:
    return next(each for each in verified.results if each.name == name)


def size(verified: Verified, name: str) -> int:
    measured = result(verified, name).measured
    assert measured is not None, result(verified, name).why
    return measured.file_bytes


def accuracy(verified: Verified, name: str) -> float:
    measured = result(verified, name).measured
    assert measured is not None, result(verified, name).why
    return measured.metric


def test_a_pruned_model_that_is_trained_further_answers_as_before(verified: Verified) -> None:
    assert verified.baseline is not None and verified.baseline > 0.8
    for name in ("pruned", "pruned-channels"):
        assert accuracy(verified, name) > verified.baseline - 0.08
        assert size(verified, name) < 0.65 * size(verified, "fp32")
        assert result(verified, name).detail.startswith("trained further by bees:tune, 2 times; ")


def test_zeros_stay_zeros_whatever_is_trained(verified: Verified) -> None:
    assert "2,123 of 2,656 weights are zero and are left out of the file" in result(verified, "pruned").detail


def test_half_the_neurons_of_each_hidden_layer_are_gone(verified: Verified) -> None:
    model = result(verified, "pruned-channels").model
    assert model is not None
    sizes = {tuple(t.dims) for t in graphs.load(model).graph.initializer if len(t.dims) == 2 and min(t.dims) > 1}
    assert sizes == {(8, 32), (32, 16), (16, 3)}


def test_a_student_is_a_candidate_and_answers_in_the_words_of_its_teacher(verified: Verified) -> None:
    assert verified.baseline is not None
    assert verified.chosen == "distilled"
    assert accuracy(verified, "distilled") > verified.baseline - 0.03
    assert size(verified, "distilled") < 0.3 * size(verified, "fp32")
    assert result(verified, "distilled").detail == "bees:student learnt from the source's answers to 400 rows"
    model = result(verified, "distilled").model
    assert model is not None
    outputs = [value.name for value in graphs.load(model).graph.output]
    assert outputs == ["label", "probabilities"]


def test_what_was_trained_once_is_in_the_cache(project: Path, verified: Verified) -> None:
    lines: list[str] = []
    work = Work.on(recipe(**asked(ALL)), project, lambda step, text: lines.append(f"{step}: {text}"))
    again = candidate(work)[1]
    assert [each.why for each in again.results] == [each.why for each in verified.results]
    assert "optimize: done, from the cache" in lines


def test_another_function_or_other_rows_are_another_identity(project: Path, tmp_path: Path) -> None:
    def digest(text: str, **changes: Any) -> str:
        (tmp_path / "bees.py").write_text(text)
        return Work.on(recipe(**asked(ALL, **changes)), tmp_path).identity.digest

    first = digest(MODULE)
    assert digest(MODULE) == first
    assert digest(MODULE + "# another line\n") != first
    assert digest(MODULE, distill={"student": "bees:student", "data": "bees:training", "alpha": 0.9}) != first


@pytest.mark.parametrize(("name", "count"), [("same.npz", 300), ("some.npz", 9)])
def test_a_student_never_learns_what_the_gate_measures_on(
    project: Path, verified: Verified, name: str, count: int
) -> None:
    """The same data by another name, and data in which some of its rows are."""
    wanted = asked(["distilled"], distill={"student": "bees:student", "data": name})
    with pytest.raises(DataError) as raised:
        candidate(Work.on(recipe(**wanted), project))
    assert str(raised.value).startswith(f"optimize.distill.data {name} has {count} of the 300 different rows of")


def pruning(project: Path, function: str, folder: Path) -> Path:
    """What the worker does, in this process."""
    pickled = {"format": "sklearn", "file": str(project / "model.pkl"), "label": "m", "input": "input"}
    how = {"what": "channels", "share": 0.5, "rounds": 2, "tuner": f"optimize.prune.fine_tune bees:{function}"}
    folder.mkdir()
    OPERATIONS["prune"]({**pickled, **how, "module": "bees", "function": function}, folder)
    return folder / "model.onnx"


def test_training_gives_the_same_bytes_each_time(project: Path, verified: Verified, tmp_path: Path) -> None:
    """In this process as in that of the build."""
    again = Task(project / "net.onnx", tmp_path, Calibration(), None, None, lambda _: None)
    trained = pruning(project, "tune", tmp_path / "inside")
    fused(trained, again.target, EXTENDED)
    finish(again)
    model = result(verified, "pruned-channels").model
    assert model is not None
    assert again.target.read_bytes() == model.read_bytes()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("broken", "optimize.prune.fine_tune bees:broken raised AttributeError: "),
        (
            "widened",
            "optimize.prune.fine_tune bees:widened: it gave back another model than the one that it was handed",
        ),
    ],
)
def test_a_function_that_does_something_else_is_one_error(
    project: Path, tmp_path: Path, function: str, message: str
) -> None:
    with pytest.raises(SourceError) as raised, warnings.catch_warnings(action="ignore"):
        pruning(project, function, tmp_path / "inside")
    assert str(raised.value).startswith(message)


def test_a_student_that_is_none_is_one_error(project: Path, tmp_path: Path) -> None:
    request = {"module": "bees", "function": "number", "student": "optimize.distill.student bees:number"}
    with pytest.raises(SourceError, match="bees:number returned int, expected a PyTorch module or a scikit-learn esti"):
        OPERATIONS["teach"](request, tmp_path)


def test_a_graph_cannot_be_trained_and_says_so_before_anything_is_made(project: Path) -> None:
    optimize = {"candidates": ["fp32", "pruned"], "prune": {"sparsity": 0.5, "fine_tune": "bees:tune"}}
    value = {"name": "net", "source": "net.onnx", "evaluate": {"data": "pictures.npz"}, "optimize": optimize}
    with pytest.raises(SourceError) as raised:
        candidate(Work.on(Recipe.parse(value), project))
    assert "optimize.prune.fine_tune is 'bees:tune', but the source is of format onnx" in str(raised.value)


def test_what_trains_a_pickle_is_in_its_sandbox(project: Path) -> None:
    """The file's own code might be anybody's: with it the project's function sees no more than it does."""

    def built(function: str) -> Verified:
        prune = {"channels": 0.5, "fine_tune": f"hooks:{function}"}
        evaluate = {"data": "bees:evaluation", "min": 0.5}
        value = {"name": "bees", "source": "model.pkl", "trust": True, "evaluate": evaluate}
        optimize = {"candidates": ["pruned-channels"], "prune": prune}
        return candidate(Work.on(Recipe.parse({**value, "optimize": optimize}), project))[1]

    assert accuracy(built("tune"), "pruned-channels") > 0.8
    with pytest.raises(ModelBuildError, match=r"which its sandbox refuses \(.*Permission"):
        built("peek")


def lesson(kind: learning.Kind = "classes") -> tuple[learning.Lesson, learning.Teach]:
    values = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    labels = (values[:, 0] > 0).astype(np.int64)
    scores = np.stack([-values[:, 0], values[:, 0]], axis=1) * 4
    teach = learning.Teach(kind, False, "scores", None, 2.0, 0.5, 1, 0.01, 8, "optimize.distill.student m:s")
    if kind == "numbers":
        return learning.Lesson({"x": values}, values[:, 0], values[:, :1] * 2), teach
    return learning.Lesson({"x": values}, labels, scores), teach


def test_numbers_are_learnt_between_the_teachers_and_the_datas(tmp_path: Path) -> None:
    model: Any = runtime.untyped("sklearn.linear_model").LinearRegression()
    given, teach = lesson("numbers")
    learner.teach(model, given, teach, tmp_path)
    assert model.coef_ == pytest.approx([1.5, 0, 0], abs=1e-5)  # half way from 1 to 2


def test_an_estimator_without_weights_learns_what_is_likeliest(tmp_path: Path) -> None:
    model: Any = runtime.untyped("sklearn.neighbors").KNeighborsClassifier(1)
    given, teach = lesson()
    learner.teach(model, given, teach, tmp_path)
    assert (model.predict(given.inputs["x"]) == given.labels).all()


def test_an_estimator_of_another_kind_is_refused(tmp_path: Path) -> None:
    model = runtime.untyped("sklearn.linear_model").LinearRegression()
    given, teach = lesson()
    with pytest.raises(SourceError, match="it returned LinearRegression, no classifier, expected a classifier"):
        learner.teach(model, given, teach, tmp_path)
