"""Pickles: what a corpus of malicious ones would run is never run, and what models are made of is let through."""

import io
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from model_build import isolate, pickles
from model_build.errors import DataError, SourceError
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.work import Work
from tests.model_build import malicious

RUNNING = list(malicious.running(Path("/tmp/unused-marker")))
HIDDEN = [*malicious.hidden(Path("/tmp/unused-marker"))]


def refused(file: Path, folder: Path) -> str:
    """Ask for the model's own answers, and return why there are none."""
    inside = folder / "work"
    inside.mkdir()
    request = {"file": str(file), "format": "sklearn", "data": "none.npz", "inputs": ["x"], "output": "label"}
    with pytest.raises(SourceError) as error:
        isolate.run(
            "predict", request, inside, project=folder, step="verify", what="the test", progress=lambda *_: None
        )
    assert "\n" not in str(error.value)
    return str(error.value)


def test_each_would_run_where_it_is_loaded_plainly(tmp_path: Path) -> None:
    """The corpus is one: what is refused below really makes its marker."""
    code = (
        "import pathlib, pickle, sys, contextlib\n"
        "for file in sorted(pathlib.Path(sys.argv[1]).glob('*.pkl')):\n"
        "    with contextlib.suppress(BaseException):\n"
        "        pickle.loads(file.read_bytes())\n"
    )
    for at, name in enumerate(RUNNING):
        (tmp_path / f"{at:02}.pkl").write_bytes(malicious.running(tmp_path / f"marker{at:02}")[name])
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(tmp_path)], check=False, capture_output=True)
    missing = [name for at, name in enumerate(RUNNING) if not (tmp_path / f"marker{at:02}").is_dir()]
    assert missing == []


@pytest.mark.parametrize("name", RUNNING)
def test_none_of_the_corpus_runs(tmp_path: Path, name: str) -> None:
    marker = tmp_path / "marker"
    file = tmp_path / "model.pkl"
    file.write_bytes(malicious.running(marker)[name])
    said = refused(file, tmp_path)
    assert "is a pickle that would call" in said or "cannot be read to its end as a pickle" in said
    assert not marker.exists()


@pytest.mark.parametrize("name", HIDDEN)
def test_none_that_is_hidden_runs(tmp_path: Path, name: str) -> None:
    marker = tmp_path / "marker"
    (tmp_path / name).write_bytes(malicious.hidden(marker)[name])
    refused(tmp_path / name, tmp_path)
    assert not marker.exists()


@pytest.mark.parametrize("name", malicious.bombs(8))
def test_what_unpacks_to_many_times_its_size_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(pickles, "_SMALL", 1 << 20)
    (tmp_path / name).write_bytes(malicious.bombs(4 << 20)[name])
    assert "it unpacks to many times its size" in refused(tmp_path / name, tmp_path)


def test_the_names_are_told_in_one_error(tmp_path: Path) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(malicious.running(tmp_path / "marker")["os.system"])
    assert refused(file, tmp_path) == (
        "source 'model.pkl' is a pickle that would call posix.system, which no model needs; do not load it; ask "
        "whoever made it for ONNX or a .skops file, or, if it is yours, name a function that loads it as the source"
    )


def test_trust_does_not_let_it_through(tmp_path: Path, own_cache: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(malicious.running(tmp_path / "marker")["eval"])
    np.savez(tmp_path / "d.npz", X=np.zeros((2, 4), np.float32), y=[0, 1])
    recipe = Recipe.parse({"name": "m", "source": "model.pkl", "trust": True, "evaluate": {"data": "d.npz"}})
    with pytest.raises(SourceError, match=r"would call builtins\.eval"):
        candidate(Work.on(recipe, tmp_path))
    assert not (tmp_path / "marker").exists()
    assert not list(own_cache.rglob("*.part"))


def test_a_pickle_beside_the_model_is_looked_at_too(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(malicious.hidden(tmp_path / "marker")["torch.pt"])
    (folder / "model.json").write_text("{}")
    with pytest.raises(SourceError, match=r"would call posix\.mkdir"):
        pickles.check(folder, folder / "model.json", "other", "saved")


def test_evaluation_data_with_objects_in_it_is_not_loaded(tmp_path: Path, own_cache: Path) -> None:
    name = "arrays.npz"
    from tests.model_build import models

    (tmp_path / "m.onnx").write_bytes(models.linear())
    (tmp_path / name).write_bytes(malicious.hidden(tmp_path / "marker")[name])
    recipe = Recipe.parse({"name": "m", "source": "m.onnx", "trust": True, "evaluate": {"data": name}})
    with pytest.raises(DataError, match="cannot be read"):
        candidate(Work.on(recipe, tmp_path))
    assert not (tmp_path / "marker").exists()


def _models() -> dict[str, Any]:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

    X, y = np.random.default_rng(0).random((40, 3)), np.arange(40) % 2
    words = np.array([["a"], ["b"]] * 20, object)
    return {
        "forest": RandomForestClassifier(2).fit(X, y),
        "boosting": HistGradientBoostingClassifier(max_iter=2).fit(X, y),
        "text": make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["aa bb", "cc"] * 20, y),
        "categories": make_pipeline(OneHotEncoder(), LogisticRegression()).fit(words, y),
        "function": make_pipeline(FunctionTransformer(np.log1p), KNeighborsClassifier()).fit(X, y),
    }


def test_models_as_they_are_saved_are_let_through(tmp_path: Path) -> None:
    for name, model in _models().items():
        for protocol in (0, 2, 5):
            (tmp_path / f"{name}.pkl").write_bytes(pickle.dumps(model, protocol))
            assert pickles.check(tmp_path / f"{name}.pkl", tmp_path / f"{name}.pkl", "sklearn", name)
        for packing in (0, ("zlib", 3), ("gzip", 1), ("bz2", 1), ("xz", 1), ("lzma", 1)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                joblib.dump(model, tmp_path / f"{name}.joblib", compress=packing)
            found = pickles.check(tmp_path / f"{name}.joblib", tmp_path / f"{name}.joblib", "sklearn", name)
            assert ("joblib.numpy_pickle", "NumpyArrayWrapper") in found


def test_what_picklescan_finds_is_refused_too(tmp_path: Path) -> None:
    """Ours reads further than its own walk over a file, and is never kinder."""
    from picklescan.scanner import scan_bytes

    corpus = {f"{at}.pkl": data for at, data in enumerate(malicious.running(tmp_path / "marker").values())}
    found = [name for name, data in corpus.items() if scan_bytes(io.BytesIO(data), name, ".pkl").issues_count]
    assert len(found) > len(corpus) / 2
    for name in found:
        (tmp_path / name).write_bytes(corpus[name])
        with pytest.raises(SourceError):
            pickles.check(tmp_path / name, tmp_path / name, "sklearn", name)
