"""Each wrong thing that can be handed in: one clear error with the fix, a code that is not 0, nothing half-made."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_build import errors
from model_build.errors import DataError, InputError, ModelBuildError, SourceError
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.work import Work
from tests.model_build import models

Make = Callable[..., Recipe]
DATA = "import numpy as np\ndef data(): return np.zeros((6, 4), np.float32), np.arange(6) % 3\n"


@pytest.fixture
def home(tmp_path: Path, own_cache: Path) -> Path:
    """A project with `m.onnx` (four numbers to three scores), data that fits it, and a cache of its own."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "m.onnx").write_bytes(models.linear())
    (folder / "good.py").write_text(DATA)
    (folder / "tidy.py").write_text(
        f"{DATA}\nfrom pathlib import Path\nROWS = 6\ndef model(): return _own()\ndef _own(): ...\n"
    )
    return folder


@pytest.fixture
def refused(home: Path, own_cache: Path, recipe: Make) -> Callable[..., str]:
    """Build with a change and return the error's message, having seen that it left no result."""

    def attempt(kind: type[ModelBuildError] = SourceError, **changes: Any) -> str:
        evaluate = {"data": "good:data", **changes.pop("evaluate", {})}
        with pytest.raises(kind) as error:
            candidate(Work.on(recipe(**{"source": "m.onnx", **changes}, evaluate=evaluate), home))
        assert "\n" not in str(error.value)
        assert not list(own_cache.rglob("*.part"))
        assert not (own_cache.parent / "data" / "images").exists()
        return str(error.value)

    return attempt


def write(home: Path, body: str) -> dict[str, str]:
    (home / "bad.py").write_text("import numpy as np\n" + body)
    return {"data": "bad:data"}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("n.onnx", "source is 'n.onnx', but there is no such file; did you mean 'm.onnx'?"),
        ("no/m.onnx", "source is 'no/m.onnx', but there is no such file, nor a folder 'no'; paths are relative"),
        ("package:no_such/m.onnx", "no package 'no_such' is installed; pip install no_such"),
        ("package:numpy/../onnx/x", "which leads out of the package"),
        ("package:magika/model.onnx", "but magika has no such file"),
        ("package:magika", "expected package:NAME/path/inside"),
        ("goood:model", "there is no module 'goood'; did you mean 'good'?"),
        ("good:modle", "good has no 'modle'"),
        ("tidy:weights", "tidy has no 'weights'; it defines data, model"),
        ("s3x://bucket/m.onnx", "s3x: is not a source, expected module:function"),
        ("good.py", "whose format cannot be told from its name"),
    ],
)
def test_a_source_that_is_not_there(refused: Callable[..., str], source: str, message: str) -> None:
    assert message in refused(source=source)


def test_a_folder_without_a_model_and_with_two(refused: Callable[..., str], home: Path) -> None:
    (home / "empty").mkdir()
    assert "an empty folder; expected a model in it" in refused(source="empty")
    (home / "two").mkdir()
    for name in ("a.onnx", "b.onnx"):
        (home / "two" / name).write_bytes(models.linear())
    assert "a folder with 2 models (a.onnx, b.onnx)" in refused(source="two")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, expected an ONNX model"),
        (models.linear()[:150], "ends in the middle of a model after 150 bytes"),
        (np.random.default_rng(0).bytes(5000), "is not an ONNX model (5,000 bytes"),
        (b"<html>404 Not Found</html>", "is not an ONNX model"),
    ],
)
def test_a_broken_onnx_file(refused: Callable[..., str], home: Path, content: bytes, message: str) -> None:
    (home / "broken.onnx").write_bytes(content)
    assert message in refused(source="broken.onnx")


def test_an_onnx_file_whose_inside_is_random(refused: Callable[..., str], home: Path) -> None:
    whole = bytearray(models.linear(width=50))
    whole[60:100] = np.random.default_rng(1).bytes(40)
    (home / "broken.onnx").write_bytes(bytes(whole))
    assert "source 'broken.onnx' " in refused(source="broken.onnx")


def test_a_graph_that_breaks_its_own_rules(refused: Callable[..., str], home: Path) -> None:
    model = models.parse(models.linear())
    model.graph.node[0].op_type = "NoSuchOperator"
    model.graph.node[0].name = "first"
    (home / "broken.onnx").write_bytes(model.SerializeToString())
    assert (
        "source 'broken.onnx' uses NoSuchOperator (node 'first'), which is not in its opset 21: no opset of ONNX has "
        "it; export it with operators that are there"
    ) in refused(source="broken.onnx")


def test_an_operator_of_a_later_opset_is_named_with_that(refused: Callable[..., str], home: Path) -> None:
    model = models.parse(models.linear())
    model.graph.node[0].op_type = "RMSNormalization"
    (home / "later.onnx").write_bytes(model.SerializeToString())
    message = refused(source="later.onnx")
    assert "source 'later.onnx' uses RMSNormalization" in message
    assert "which is not in its opset 21: opset 23 has it; export it with opset 23, or with operators that" in message


def test_an_operator_of_a_domain_that_nobody_knows_is_named(refused: Callable[..., str], home: Path) -> None:
    model = models.parse(models.linear())
    model.graph.node[0].op_type = "Fancy"
    model.graph.node[0].domain = "my.own"
    model.opset_import.add(domain="my.own", version=1)
    (home / "own.onnx").write_bytes(model.SerializeToString())
    assert "uses my.own.Fancy" in (message := refused(source="own.onnx"))
    assert "which ONNX Runtime has not, expected operators of ONNX" in message


@pytest.mark.parametrize(("what", "version"), [("opset", {"opset": 99}), ("IR version", {"ir": 99})])
def test_a_model_newer_than_the_runtime_names_both_versions(
    refused: Callable[..., str], home: Path, what: str, version: dict[str, int]
) -> None:
    (home / "new.onnx").write_bytes(models.linear(**version))
    message = refused(source="new.onnx")
    import onnxruntime

    assert f"has {what} 99, but onnxruntime {onnxruntime.__version__}, which is in the image, takes " in message


def test_weights_that_are_kept_in_a_file_that_is_not_there(refused: Callable[..., str], home: Path) -> None:
    import onnx

    model = models.parse(models.linear(width=400))
    onnx.save_model(model, str(home / "split.onnx"), save_as_external_data=True, location="w.bin", size_threshold=0)
    (home / "w.bin").unlink()
    assert "w.bin" in refused(source="split.onnx")


class Bomb:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, tuple[str, ...]]:
        return os.mkdir, (str(self.file),)


def test_a_pickle_is_not_loaded_without_trust(refused: Callable[..., str], home: Path) -> None:
    for name in ("model.pkl", "model.joblib"):
        (home / name).write_bytes(pickle.dumps(Bomb(home / "exploded")))
        assert "a pickle, which runs code of its author when it is loaded; if you trust" in refused(source=name)
    (home / "model.bin").write_bytes(pickle.dumps(Bomb(home / "exploded")))
    assert "a pickle" in refused(source="model.bin", format="sklearn")
    assert not (home / "exploded").exists()


def test_a_skops_file_that_holds_other_things_or_is_cut(refused: Callable[..., str], home: Path) -> None:
    models.save_skops(Recipe, home / "model.skops")
    assert "holds types that skops does not know to be safe: model_build.recipe.Recipe" in refused(source="model.skops")
    (home / "model.skops").write_bytes(b"PK\x03\x04 cut")
    assert "source 'model.skops' is not a whole skops file; save it again" in refused(source="model.skops")


def test_a_pickle_that_is_trusted_and_is_no_model(refused: Callable[..., str], home: Path) -> None:
    (home / "model.pkl").write_bytes(pickle.dumps({"not": "a model"}))
    assert "is not an estimator" in refused(source="model.pkl", trust=True)
    (home / "model.pkl").write_bytes(b"\x80\x04 rubbish")
    assert "cannot be read to its end as a pickle" in refused(source="model.pkl", trust=True)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return None", "source bad:model returned nothing, expected a model; add a return"),
        (
            "return 3",
            "source 'bad:model' returned int, expected a fitted estimator of scikit-learn, XGBoost or LightGBM",
        ),
        ("return LogisticRegression()", "is a LogisticRegression that is not fitted; call fit before returning it"),
        ("raise ValueError('no luck')", "raised ValueError: no luck, at bad.py:4 (def model(): raise ValueError"),
        ("import sys; sys.exit(4)", "raised SystemExit: 4, at bad.py:4"),
        ("return PCA(1).fit(np.eye(3))", "is a PCA, expected a classifier or regressor"),
    ],
)
def test_a_callable_that_raises_or_returns_the_wrong_thing(
    refused: Callable[..., str], home: Path, body: str, message: str
) -> None:
    imports = "from sklearn.linear_model import LogisticRegression\nfrom sklearn.decomposition import PCA\n"
    write(home, f"{imports}def model(): {body}\n")
    assert message in refused(source="bad:model")


def test_a_callable_whose_module_does_not_import_or_parse(refused: Callable[..., str], home: Path) -> None:
    write(home, "import no_such_thing\ndef model(): ...\n")
    assert "raised ModuleNotFoundError: No module named 'no_such_thing', at bad.py:2" in refused(source="bad:model")
    write(home, "import tf2onnx.nothing\ndef model(): ...\n")
    assert "raised ModuleNotFoundError: No module named 'tf2onnx', at bad.py:2 (import tf2onnx.nothing); " in (
        said := refused(source="bad:model")
    )
    assert said.endswith("; pip install 'modelport[tf]'")
    write(home, "def model(:\n")
    assert "bad.py line 2 is not Python" in refused(source="bad:model")


def test_code_that_takes_its_process_down_does_not_take_the_build_along(
    refused: Callable[..., str], home: Path
) -> None:
    write(home, "import os\ndef model(): os.kill(os.getpid(), 11)\n")
    assert refused(ModelBuildError, source="bad:model") == (
        "source bad:model crashed (SIGSEGV); run it by itself to see where"
    )
    write(home, "import os\ndef model(): print('last words'); os._exit(7)\n")
    assert "ended its process with exit code 7 instead of returning" in refused(ModelBuildError, source="bad:model")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return np.zeros((6, 5), np.float32), np.zeros(6, int)", "has shape [6, 5], but the model takes [any, 4]"),
        ("return {'y': np.zeros((6, 4), np.float32)}, np.zeros(6, int)", "has inputs y, but the model takes x"),
        ("return np.asarray([['a'] * 4] * 6), np.zeros(6, int)", "input 'x' is <U1, but the model takes float"),
        (
            "return np.full((6, 4), np.nan, np.float32), np.zeros(6, int)",
            "the input has 24 NaN values, the first in row 0",
        ),
        ("return np.full((6, 4), np.inf, np.float32), np.zeros(6, int)", "has 24 infinite values"),
        ("return np.zeros((6, 4), np.float32), np.full(6, np.nan)", "labels has 6 NaN values"),
        (
            "return np.zeros((6, 4), np.float32), np.arange(6)",
            "3 labels are out of range (3, 4, 5, the first in row 3)",
        ),
        ("return np.zeros((6, 4), np.float32), -np.ones(6, int)", "6 labels are out of range (-1"),
        ("return np.zeros((0, 4), np.float32), np.zeros(0, int)", "is empty, expected at least one row"),
        ("return np.zeros((5, 4), np.float32), np.zeros(6, int)", "the input has 5 rows but there are 6 labels"),
        ("return np.zeros((6, 4), np.float32)", "returned ndarray, expected (inputs, labels)"),
        ("return 1, 2, 3", "returned 3 values, expected (inputs, labels)"),
        ("raise KeyError('gone')", "evaluate.data bad:data raised KeyError: 'gone', at bad.py:2"),
    ],
)
def test_evaluation_data_that_does_not_fit(refused: Callable[..., str], home: Path, body: str, message: str) -> None:
    assert message in refused(DataError, evaluate=write(home, f"def data(): {body}\n"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.npz", b"PK\x03\x04 cut", "evaluate.data 'd.npz' "),
        ("d.npz", b"", "evaluate.data 'd.npz' cannot be read"),
        ("d.csv", b"a,b,c,d,y\n", "is empty, expected a header and at least one row"),
        ("d.csv", b"a,b,c,d\n1,2,3,4\n", "has columns a, b, c, d, expected one called y"),
        ("d.csv", b"a,b,c,d,y\n1,2,3,4,0\n1,2,x,4,0\n", "column 'c' holds text ('x' in row 1), but"),
        ("d.csv", b"a,b,c,d,y\n1,2,3,0\n", "line 2 has 4 values, expected 5"),
        ("d.txt", b"1", "expected module:function, a .npz or a .csv file"),
    ],
)
def test_evaluation_files_that_cannot_be_read(
    refused: Callable[..., str], home: Path, name: str, content: bytes, message: str
) -> None:
    (home / name).write_bytes(content)
    assert message in refused(DataError, evaluate={"data": name})


def test_an_output_that_the_model_does_not_have(refused: Callable[..., str]) -> None:
    assert "the model has no output 'logits', expected one of scores" in refused(evaluate={"output": "logits"})


def test_labels_from_a_file_that_is_not_there(refused: Callable[..., str]) -> None:
    preprocess = {"width": 2, "height": 2, "mode": "L", "layout": "flat"}
    classify = {"input": "x", "output": "scores", "labels": "names.txt", "preprocess": preprocess}
    assert "classify.labels is 'names.txt', but there is no such file" in refused(InputError, classify=classify)


def test_a_missed_gate_names_every_bound_and_candidate_and_exits_3(home: Path, own_cache: Path, recipe: Make) -> None:
    asked = recipe(source="m.onnx", evaluate={"data": "good:data", "min": 1.0, "max_bytes": 10})
    done = run("build", asked.canonical(), home)
    assert done.returncode == 3
    assert done.stdout == ""
    code, message = errors.parse(done.stderr) or (0, "")
    assert code == 3
    assert message.startswith("iris: fp32 missed min: accuracy is 0.333333, at least 1 was asked, 0.667 short; ")
    assert message.count(" missed max_bytes: size is ") == 2
    report = Path(message.rpartition("report: ")[2])
    assert json.loads(report.with_suffix(".json").read_text())["chosen"] is None
    assert not (own_cache.parent / "data" / "images").exists()


def test_a_missed_gate_leaves_the_image_that_was_there(home: Path, own_cache: Path, recipe: Make) -> None:
    layout = own_cache.parent / "data" / "images"
    (layout / "blobs").mkdir(parents=True)
    (layout / "index.json").write_text("{}")
    assert (
        run("build", recipe(source="m.onnx", evaluate={"data": "good:data", "min": 1.0}).canonical(), home).returncode
        == 3
    )
    assert [p.name for p in layout.iterdir()] in (["blobs", "index.json"], ["index.json", "blobs"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no.yaml", "no.yaml: no such file or directory, expected a recipe"),
        ('{"name": "x"}', "model.source is missing"),
        ("{", "model is "),
    ],
)
def test_the_command_refuses_a_recipe_with_exit_code_2(home: Path, text: str, message: str) -> None:
    done = run("verify", text, home)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("modelport: bad input: ")
    assert message in done.stderr


def test_a_model_that_no_candidate_can_be_made_of(refused: Callable[..., str], home: Path) -> None:
    body = "from sklearn.linear_model import LogisticRegression\n"
    write(home, body + "def model(): return LogisticRegression().fit(np.eye(4), range(4))\n")
    message = refused(ModelBuildError, source="bad:model", optimize={"candidates": ["int8"]})
    assert "no candidate could be made: int8: no matrix product with constant weights to quantise" in message


def test_a_push_without_a_destination(home: Path, recipe: Make) -> None:
    done = run("push", recipe(source="m.onnx").canonical(), home)
    assert (done.returncode, done.stderr) == (
        2,
        "modelport: bad input: push has no destination, expected --push host/repository[:tag]; add it\n",
    )


def test_a_full_disk_while_a_model_is_made(home: Path, own_cache: Path, recipe: Make) -> None:
    body = "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    body += "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
    write(home, f"{body}from sklearn.linear_model import LogisticRegression\n")
    with (home / "bad.py").open("a") as file:
        file.write("def model(): return LogisticRegression().fit(np.eye(30), range(30))\n")
    with pytest.raises(ModelBuildError, match="the build was stopped; run modelport gc, free"):
        candidate(Work.on(recipe(source="bad:model", evaluate={"data": "good:data"}), home))
    assert not [p for p in (own_cache / "steps" / "fetch").iterdir() if not p.name.endswith(".lock")]


def run(step: str, recipe: str, project: Path) -> subprocess.CompletedProcess[str]:
    repository = str(Path(__file__).resolve().parents[2])
    return subprocess.run(
        [sys.executable, "-m", "model_build", step, recipe, "--project", str(project)],
        capture_output=True,
        text=True,
        cwd=repository,
        check=False,
    )


def test_what_a_callable_leaves_running_holds_up_no_build(home: Path, own_cache: Path, recipe: Make) -> None:
    (home / "leaves.py").write_text(
        "import subprocess\n"
        "def model():\n"
        "    subprocess.Popen(['sleep', '600'])\n"
        "    print('x' * 10_000)\n"
        "    print('a line\\n' * 2000)\n"
        "    raise ValueError('seen')\n"
    )
    said: list[str] = []
    with pytest.raises(SourceError, match="seen"):
        asked = recipe(source="leaves:model", evaluate={"data": "good:data"})
        candidate(Work.on(asked, home, lambda _, text: said.append(text)))
    assert max(map(len, said)) == 2000
    assert len(said) < 600
