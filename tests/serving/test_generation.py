"""Models that write token by token: the loop, and what a server with one in it answers."""

import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from serving.core.generation import ROWS, Generator, Settings
from serving.core.manifest import read
from serving.core.model import Model
from serving.errors import BadInput, StartError
from tests.serving import writers
from tests.serving.support import Server

Make = Callable[..., Generator]


@pytest.fixture(scope="module")
def make() -> Make:
    def made(text: bool = True, **settings: Any) -> Generator:
        runtime: Any = importlib.import_module("onnxruntime")
        return Generator(runtime.InferenceSession(writers.model(settings, text=text).SerializeToString()))

    return made


@pytest.fixture(scope="module")
def written(make: Make) -> Generator:
    return make()


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("writer")
    with closing(Server(folder, writers.save(folder / "model"), "--workers", "1")) as server:
        yield server
        assert "Traceback" not in server.said()


def post(server: Server, http: httpx.Client, texts: list[str]) -> httpx.Response:
    tensor = {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": texts}
    return http.post(f"{server.url}/v2/models/writer/infer", json={"inputs": [tensor]})


def test_texts_over_http(writer: Server, http: httpx.Client) -> None:
    texts = ["a b c", "d", "i h g f e d c b"]
    assert post(writer, http, texts).json()["outputs"] == [
        {"name": "generated_text", "datatype": "BYTES", "shape": [3], "data": [writers.answer(each) for each in texts]}
    ]


def test_a_server_tells_of_texts_and_not_of_graphs(writer: Server, http: httpx.Client) -> None:
    told = http.get(f"{writer.url}/v2/models/writer").json()
    assert told["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert told["outputs"] == [{"name": "generated_text", "datatype": "BYTES", "shape": [-1]}]


def test_a_text_that_is_too_long_is_refused_by_its_row(writer: Server, http: httpx.Client) -> None:
    answer = post(writer, http, ["a", "a b c d e f g h i"])
    assert answer.status_code == 400
    assert answer.json()["error"] == "row 1 has 9 tokens, at most 8 are taken; split it"
    assert post(writer, http, ["a"]).status_code == 200


def test_rows_do_not_see_each_other(written: Generator) -> None:
    texts = [" ".join(writers.LETTERS[: 1 + row % 8]) for row in range(2 * ROWS + 3)]
    assert written.translate(texts) == [writers.answer(each) for each in texts]


def test_beams_do_not_see_each_other_and_a_text_that_is_done_leaves(make: Make) -> None:
    texts = [" ".join(writers.LETTERS[: 1 + row % 8]) for row in range(ROWS + 3)]
    for beams, early in ((2, False), (3, True), (5, "never")):
        assert make(beams=beams, early_stopping=early).translate(texts) == [writers.answer(each) for each in texts]


def test_of_several_beams_the_likeliest_text_is_taken(make: Make) -> None:
    """To end at once is the least likely first token, and yet likelier than ten others one after another."""
    text = "a a a a a a a a"
    assert make().translate([text]) == [f"{text} a"]
    assert make(beams=6, length_penalty=0.0, early_stopping="never").translate([text]) == [""]
    assert make(beams=6, early_stopping="never").translate([text]) == [f"{text} a"]


def test_an_empty_text_and_an_unknown_word(written: Generator) -> None:
    assert written.translate(["", "a zebra b"]) == ["", "b a b"]


def test_callers_do_not_see_each_other(written: Generator) -> None:
    found: dict[int, list[str]] = {}
    texts = [[letter, f"{letter} a"] for letter in writers.LETTERS]

    def ask(at: int) -> None:
        for _ in range(20):
            found[at] = written.translate(texts[at])

    callers = [threading.Thread(target=ask, args=(at,)) for at in range(len(texts))]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    assert [found[at] for at in range(len(texts))] == [[writers.answer(each) for each in pair] for pair in texts]


def test_without_a_tokenizer_ids_become_ids(make: Make) -> None:
    ids = np.array([[3, 4, 5], [6, 0, 0]])
    mask = np.array([[1, 1, 1], [1, 0, 0]])
    model = make(text=False)
    assert [(each.name, each.type, each.shape) for each in model.get_inputs()] == [
        (name, "tensor(int64)", ["batch", "source"]) for name in ("input_ids", "attention_mask")
    ]
    (sequences,) = model.run(["sequences"], {"input_ids": ids, "attention_mask": mask})
    assert sequences.tolist() == [[0, 5, 4, 3, 5, 1], [0, 6, 6, 1, 0, 0]]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"max_length": 3}, "c b"),
        ({"max_length": 4, "last": 1}, "c b"),
        ({"max_length": 4, "last": 11}, "c b i"),
        ({"first": 8}, "f b a f"),
        ({"banned": [[5]]}, "b b a b"),
        ({"banned": [[5, 4]]}, "c a a c"),
        ({"banned": [[4, 5]]}, "c b a c"),
        ({"suppressed": [5]}, "b b a b"),
        ({"end": [1, 4]}, "c"),
        ({"no_repeat": 1}, "c b a d"),
        ({"no_repeat": 2}, "c b a c"),
    ],
    ids=str,
)
def test_what_may_be_written(make: Make, settings: dict[str, Any], expected: str) -> None:
    assert make(**settings).translate(["a b c"]) == [expected]


def test_nothing_ends_before_its_least_length(make: Make) -> None:
    ids = np.array([[3]])
    ends = [make(text=False, min_length=least).write(ids, np.ones_like(ids))[0].tolist().index(1) for least in (0, 6)]
    assert ends == [3, 6]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loop": 2}, "modelport.generation is for loop 2, expected 1; build the model again"),
        ({"groups": 4}, "modelport.generation has groups, which this loop does not know"),
        ({"layers": 2}, "the model lacks past_key_values.1.decoder.key, past_key_values.1.decoder.value, "),
    ],
    ids=["loop", "settings", "layers"],
)
def test_a_model_that_is_meant_for_another_loop_does_not_start(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    folder = writers.save(tmp_path / "model", settings)
    with pytest.raises(StartError) as raised:
        Model(read(folder), threads=1)
    assert str(raised.value).startswith(f"{folder / 'model.onnx'}: the model cannot be asked token by token: {message}")


def test_an_image_without_tokenizers_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(StartError, match="has a tokenizer, but the package tokenizers is not installed; install it"):
        Model(read(writers.save(tmp_path / "model")), threads=1)


def test_ids_and_mask_of_other_shapes_are_refused(tmp_path: Path) -> None:
    model = Model(read(writers.save(tmp_path / "model", text=False)), threads=1)
    with pytest.raises(BadInput, match="axis 'source' has length 2, expected 3 as in input 'input_ids'"):
        model.infer(
            {"input_ids": np.ones((1, 3), np.int64), "attention_mask": np.ones((1, 2), np.int64)}, ["sequences"]
        )
    assert not model.steady


def test_settings_are_read_as_they_were_written() -> None:
    assert Settings.parse('{"loop": 1, "layers": 2, "start": 0, "end": [1, 2], "pad": 0, "max_length": 9}') == Settings(
        loop=1, layers=2, start=0, end=(1, 2), pad=0, max_length=9
    )
