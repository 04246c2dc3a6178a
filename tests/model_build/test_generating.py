"""Models that write token by token, from a recipe to the folder that goes into an image, with the server's own loop."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from model_build import generating, graphs, runtime
from model_build.errors import DataError, SourceError
from model_build.pipeline import candidate, model_folder
from model_build.recipe import Recipe
from model_build.work import Work
from tests.serving import writers

TEXTS = ["a b c", "d", "b b", "i h g f", "c a", "e f g h i a b c"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    onnx.save(writers.model(), str(folder / "writer.onnx"))
    onnx.save(writers.model(text=False), str(folder / "ids.onnx"))
    np.savez(folder / "rows.npz", text=np.array(TEXTS), y=np.array([writers.answer(text) for text in TEXTS]))
    np.savez(folder / "half.npz", text=np.array(TEXTS[:2]), y=np.array([writers.answer(TEXTS[0]), "e e"]))
    np.savez(folder / "long.npz", text=np.array(["a", "a b c d e f g h i"]), y=np.array(["a a", "a"]))
    ids: dict[str, Any] = {"input_ids": np.array([[3, 4], [5, 0]]), "attention_mask": np.array([[1, 1], [1, 0]])}
    np.savez(folder / "ids.npz", **ids, y=np.array(["4 3 4", "5 5"]))
    return folder


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELPORT_CACHE_DIR", str(folder / "cache"))
        patch.setenv("MODELPORT_DATA_DIR", str(folder / "data"))
        yield folder


def work(project: Path, *candidates: str, source: str = "writer.onnx", data: str = "rows.npz") -> Work:
    evaluate = {"data": data, "metric": "exact_match"}
    given: dict[str, Any] = {"name": "writer", "source": source, "evaluate": evaluate}
    return Work.on(Recipe.parse({**given, "optimize": {"candidates": list(candidates or ("fp32",))}}), project)


def test_every_candidate_is_measured_by_what_it_writes(project: Path) -> None:
    under_way = work(project, "fp32", "slim", "int8-minmax")
    converted, verified = candidate(under_way)
    assert converted.generates == "text"
    metrics = {each.name: each.measured.metric for each in verified.results if each.measured}
    assert metrics == {"fp32": 1.0, "slim": 1.0}
    why = {each.name: each.why for each in verified.results}
    assert why["int8-minmax"] == "a model that writes token by token is not calibrated; int8 needs no data"
    folder = model_folder(under_way, converted, verified)
    assert json.loads((folder / "model.json").read_text())["needs"] == ["text"]
    kept = {each.key for each in graphs.load(folder / "model.onnx").metadata_props}
    assert kept == {"modelport.generation", "modelport.tokenizer"}


def test_a_metric_is_of_texts(project: Path) -> None:
    _, verified = candidate(work(project, data="half.npz"))
    assert [each.measured.metric for each in verified.results if each.measured] == [0.5]
    assert verified.baseline == 0.5


def test_without_a_tokenizer_ids_are_measured_as_their_text(project: Path) -> None:
    under_way = work(project, source="ids.onnx", data="ids.npz")
    converted, verified = candidate(under_way)
    assert converted.generates == "ids"
    assert [each.measured.metric for each in verified.results if each.measured] == [1.0]
    assert "needs" not in json.loads((model_folder(under_way, converted, verified) / "model.json").read_text())


def test_data_that_is_too_long_is_told_by_its_row(project: Path) -> None:
    with pytest.raises(DataError, match="row 1 has 9 tokens, at most 8 are taken; split it"):
        candidate(work(project, data="long.npz"))


def test_beams_of_a_recipe_are_for_what_is_converted_here(project: Path) -> None:
    evaluate = {"data": "rows.npz", "metric": "exact_match"}
    recipe = {"name": "writer", "source": "writer.onnx", "evaluate": evaluate}
    with pytest.raises(SourceError) as raised:
        Work.on(Recipe.parse({**recipe, "generate": {"num_beams": 4}}), project)
    assert str(raised.value) == (
        "generate.num_beams is 4, but source 'writer.onnx' is of format onnx, expected an encoder-decoder of "
        "transformers (seq2seq); take generate out"
    )


def test_the_loop_is_the_file_that_goes_into_the_image(project: Path) -> None:
    from model_build.bake.inputs import code_files

    files = dict(code_files())
    assert generating.loop().__file__ == str(files["opt/modelport/app/serving/core/generation.py"])
    assert (generating.KEY, generating.TOKENIZER) == (generating.loop().KEY, generating.loop().TOKENIZER)
    session = runtime.session(project / "writer.onnx")
    assert session.run(["generated_text"], {"text": np.array(["a b"], dtype=object)})[0].tolist() == ["b a b"]
