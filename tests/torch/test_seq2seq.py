"""A translator that is trained here, from transformers to a measured candidate: it writes what `generate` writes."""

import copy
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import numpy_helper
from tokenizers import Tokenizer, models
from transformers import AutoModelForSeq2SeqLM, GenerationConfig

from examples.translator import train
from model_build import generating, graphs, runtime
from model_build.converters import FORMATS, seq2seq
from model_build.converters.seq2seq_settings import fitting, settings_of
from model_build.errors import SourceError
from model_build.identity import identify
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.work import Work

ROOT = Path(__file__).resolve().parents[2]
SPECIAL = {"pad_token_id": 0, "eos_token_id": 1, "forced_eos_token_id": 1, "decoder_start_token_id": 0}


@dataclass(frozen=True)
class Made:
    """What the whole way from a recipe to a choice has made, once for all tests here."""

    source: Path
    onnx: Path
    verified: Any
    work: Work
    framework: str

    def generator(self, embedding: Any = None, **settings: Any) -> Any:
        """The model in the loop, with other settings than it was converted with."""
        model = graphs.load(self.onnx)
        for tensor in model.graph.initializer if embedding is not None else ():
            for array in (embedding, np.ascontiguousarray(embedding.T)):  # where it is read, and where it writes
                if [*tensor.dims] == [*array.shape]:
                    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
        for each in model.metadata_props:
            if each.key == generating.KEY:
                each.value = json.dumps(json.loads(each.value) | {"beams": 1} | settings)
        return runtime.session(graphs.serialise(model)).generator


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELPORT_CACHE_DIR", str(folder / "cache"))
        patch.setenv("MODELPORT_DATA_DIR", str(folder / "data"))
        recipe = Recipe.load(ROOT / "Pulumi.translator.yaml").model_dump(exclude_defaults=True)
        work = Work.on(Recipe.parse({**recipe, "generate": {"num_beams": 2}}), ROOT)
        converted, verified = candidate(work)
        source = next((folder / "cache").rglob("model.safetensors"))
        yield Made(source, converted.model, verified, work, converted.framework)


@pytest.fixture(scope="module")
def theirs(made: Made) -> Any:
    torch.set_num_threads(1)
    return AutoModelForSeq2SeqLM.from_pretrained(made.source.parent).eval()


@pytest.fixture(scope="module")
def unsure(theirs: Any) -> Any:
    """The translator with chance in its embedding: what it learnt leaves little to search for."""
    made = copy.deepcopy(theirs)
    torch.manual_seed(0)
    with torch.no_grad():
        weight = made.model.shared.weight
        weight.mul_(0.85).add_(0.1 * torch.randn_like(weight))
    return made


def config(asked: dict[str, Any]) -> GenerationConfig:
    given = {"bad_words_ids": [[0]], **({} if "max_new_tokens" in asked else {"max_length": 16})}
    return GenerationConfig(**{**SPECIAL, **given, **asked})


def told(model: Any) -> dict[str, Any]:
    """All that a loop is told of a model, in the place of what one was told before."""
    plain: dict[str, Any] = {"min_length": 0, "first": None, "last": None, "banned": [], "suppressed": []}
    return {**plain, **settings_of(model, "source 'm'").values}


def encoded(*numbers: range) -> tuple[Any, Any]:
    rows = [each.ids for each in train.tokenizer().encode_batch([str(number) for some in numbers for number in some])]
    length = max(map(len, rows))
    ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
    return ids, mask


def test_a_recipe_comes_to_a_translator_that_keeps_its_gate(made: Made) -> None:
    results = {each.name: each for each in made.verified.results}
    assert made.framework.startswith("transformers ")
    assert made.verified.baseline >= 0.97
    assert made.verified.chosen == "int8"
    assert results["fp32"].measured.metric == made.verified.baseline
    assert results["int8"].measured.file_bytes < 0.7 * results["fp32"].measured.file_bytes
    assert {"tool.transformers", "tool.tokenizers", "tool.torch", "image.wheels for text"} <= set(
        made.work.identity.parts
    )


def test_a_recipe_may_ask_for_other_beams(made: Made, theirs: Any) -> None:
    told = {each.key: each.value for each in graphs.load(made.onnx).metadata_props}
    assert json.loads(told[generating.KEY])["beams"] == 2
    assert theirs.generation_config.num_beams in (None, 1)


def test_untrained_it_writes_next_to_nothing_right(made: Made) -> None:
    """So that the metric tells whether outputs mean anything."""
    numbers = range(0, 10_000, 100)
    ids, mask = encoded(numbers)
    rows = train.untrained().eval().generate(ids, attention_mask=mask, num_beams=1).tolist()
    texts = train.tokenizer().decode_batch(rows, skip_special_tokens=True)
    assert sum(text == train.spoken(number) for text, number in zip(texts, numbers, strict=True)) <= 2


def test_tokens_are_those_of_generate(made: Made, theirs: Any) -> None:
    ids, mask = encoded(range(7, 10_000, 50))
    expected = theirs.generate(ids, attention_mask=mask, num_beams=1, do_sample=False).numpy()
    got = made.generator().write(ids.numpy(), mask.numpy())
    assert got.tolist() == expected.tolist()
    assert len({tuple(row) for row in got.tolist()}) > 100


def test_the_file_has_two_parts_with_open_axes_and_one_embedding(made: Made) -> None:
    model = graphs.load(made.onnx)
    assert (model.ir_version, [(each.domain, each.version) for each in model.opset_import]) == (10, [("", 21)])
    axes = {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.input}
    assert axes["input_ids"] == axes["attention_mask"] == ["batch", "source"]
    assert axes["decoder_input_ids"] == ["decoder_batch", 1]
    assert axes["past_key_values.1.encoder.key"] == ["decoder_batch", 4, "decoder_source", 16]
    assert axes["past_key_values.1.decoder.value"] == ["decoder_batch", 4, "past", 16]
    assert len(axes) == 4 + 2 * 4
    embeddings = [tensor.name for tensor in model.graph.initializer if list(tensor.dims) == [len(train.WORDS), 64]]
    assert len(embeddings) == 1


def test_scores_are_those_of_the_framework_at_every_step(made: Made, theirs: Any) -> None:
    ids, mask = encoded(range(9, 10_000, 500))
    seen: list[Any] = []
    generator = made.generator()
    rule = generator._rule
    generator._rule = lambda scores, before: (seen.append(scores.copy()), rule(scores, before))
    sequences = generator.write(ids.numpy(), mask.numpy())
    with torch.no_grad():
        forced = torch.from_numpy(sequences[:, :-1].copy())
        logits = theirs(input_ids=ids, attention_mask=mask, decoder_input_ids=forced).logits.numpy()
    ended = np.cumsum(sequences[:, 1:] == 1, axis=1) - (sequences[:, 1:] == 1) > 0
    assert len(seen) == logits.shape[1] > 5
    assert np.abs(np.stack(seen, axis=1) - logits)[~ended].max() < 1e-4


@pytest.mark.parametrize(
    "asked",
    [
        {"max_length": 4},
        {"max_new_tokens": 2},
        {"forced_bos_token_id": 17},
        {"forced_eos_token_id": 15, "max_length": 5},
        {"bad_words_ids": [[0], [14], [15, 42], [42, 18]]},
        {"bad_words_ids": [[0], [1]]},
        {"min_length": 7},
        {"min_new_tokens": 3},
        {"suppress_tokens": [13, 18]},
        {"eos_token_id": [1, 42]},
        {"no_repeat_ngram_size": 1},
        {"no_repeat_ngram_size": 2, "min_length": 12},
    ],
    ids=str,
)
def test_settings_of_generate(made: Made, theirs: Any, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theirs, "generation_config", config(asked))
    ids, mask = encoded(range(3, 10_000, 200))
    expected = theirs.generate(ids, attention_mask=mask, num_beams=1, do_sample=False).numpy()
    assert made.generator(**told(theirs)).write(ids.numpy(), mask.numpy()).tolist() == expected.tolist()


BEAMS: list[dict[str, Any]] = [
    # As the opus-mt models have it.
    {"num_beams": 4, "renormalize_logits": True},
    {"num_beams": 6, "early_stopping": True},
    {"num_beams": 5, "early_stopping": "never", "length_penalty": 2.0},
    {"num_beams": 2, "length_penalty": -1.5},
    {"num_beams": 3, "length_penalty": 0.0, "early_stopping": "never"},
    {"num_beams": 4, "no_repeat_ngram_size": 2, "min_length": 6, "bad_words_ids": [[0], [15, 42]]},
    {"num_beams": 4, "no_repeat_ngram_size": 1, "suppress_tokens": [18], "renormalize_logits": True},
    {"num_beams": 4, "forced_bos_token_id": 17, "forced_eos_token_id": 15, "max_length": 7},
    {"num_beams": 3, "eos_token_id": [1, 42], "early_stopping": True, "min_new_tokens": 3},
    {"num_beams": 4, "max_new_tokens": 5},
]


@pytest.mark.parametrize("asked", BEAMS, ids=str)
def test_beams_find_what_those_of_generate_find(
    made: Made, unsure: Any, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unsure, "generation_config", config(asked))
    ids, mask = encoded(range(5, 10_000, 100))
    settings = {**told(unsure), "embedding": unsure.model.shared.weight.detach().numpy()}
    expected = padded(unsure.generate(ids, attention_mask=mask).numpy(), settings)
    got = made.generator(**settings).write(ids.numpy(), mask.numpy())
    assert got.tolist() == expected.tolist()
    alone = made.generator(**settings | {"beams": 1}).write(ids.numpy(), mask.numpy())
    assert sum(one != several for one, several in zip(alone.tolist(), got.tolist(), strict=True)) > 2


def padded(rows: Any, settings: dict[str, Any]) -> Any:
    """Several beams of transformers write the end token behind the end where the token for padding is 0."""
    ends = np.isin(rows[:, 1:], settings["end"])
    behind = np.cumsum(ends, axis=1) - ends > 0
    rows[:, 1:][behind] = settings["pad"]
    return rows


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"do_sample": True}, "generation_config.do_sample True, which the loop that serves it has not"),
        ({"num_beams": 4, "num_beam_groups": 2}, "generation_config.num_beam_groups 2, which the loop"),
        ({"num_beams": 4, "early_stopping": "soon"}, "early_stopping of 'soon', expected True, False or 'never'"),
        ({"num_beams": 0.5}, "num_beams of 0.5, expected a whole number from 1 on; correct it"),
        ({"max_length": None}, "says neither generation_config.max_length nor max_new_tokens"),
        ({"max_length": 33}, "max_length of 33, expected 2 to 32, the positions that the model has"),
        ({"eos_token_id": None}, "has no generation_config.eos_token_id"),
        (
            {"forced_bos_token_id": 43},
            "the token 43 as forced_bos_token_id, but its vocabulary has 43 tokens (0 to 42)",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_the_loop_cannot_do_is_refused(asked: dict[str, Any], message: str) -> None:
    model = train.untrained()
    for name, value in asked.items():
        setattr(model.generation_config, name, value)
    with pytest.raises(SourceError) as raised:
        settings_of(model, "source 'm'")
    assert message in str(raised.value)


def test_a_tokenizer_of_another_model_is_refused() -> None:
    model = train.untrained()
    told = settings_of(model, "source 'm'")
    known = train.tokenizer().get_vocab()
    short = Tokenizer(models.WordLevel({word: at for word, at in known.items() if at < 42}, unk_token="<unk>"))
    with pytest.raises(SourceError, match=r"a tokenizer of 42 tokens, but its model has 43, expected as many"):
        fitting(short, model, told, "source 'm'")
    holed = Tokenizer(models.WordLevel({word: at + (at > 0) for word, at in known.items()}, unk_token="<unk>"))
    with pytest.raises(SourceError, match="has the token 1 as eos_token_id, which its tokenizer does not know; take"):
        fitting(holed, model, told, "source 'm'")


def test_a_folder_is_a_source_without_trust(made: Made, tmp_path: Path) -> None:
    recipe = Recipe.parse(
        {"name": "words", "source": "saved", "evaluate": {"data": "rows.npz", "metric": "exact_match"}}
    )
    shutil.copytree(made.source.parent, tmp_path / "saved")
    np.savez(tmp_path / "rows.npz", text=np.array(["1 2"]), y=np.array(["two one"]))
    before = identify(recipe, tmp_path)
    assert "tool.transformers" in before.parts
    config = tmp_path / "saved" / "generation_config.json"
    config.write_text(config.read_text().replace("16", "15"))
    assert identify(recipe, tmp_path).digest != before.digest


def test_weights_that_are_missing_are_told(made: Made, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(made.source.parent, tmp_path / "saved")
    file = tmp_path / "saved" / "model.safetensors"
    weights = load_file(file)
    del weights["model.decoder.layers.1.fc1.weight"]
    save_file(weights, file, {"format": "pt"})
    with pytest.raises(SourceError, match=r"lacks 1 weights \(model.decoder.layers.1.fc1.weight\), expected all"):
        seq2seq.convert(file, tmp_path / "model.onnx", {"label": "saved"})
    (tmp_path / "saved" / "config.json").unlink()
    with pytest.raises(SourceError, match=r"has no config.json beside model.safetensors, expected a folder that save"):
        seq2seq.convert(file, tmp_path / "model.onnx", {"label": "saved"})
    assert not (tmp_path / "model.onnx").exists()


def test_what_a_function_returns_is_known_by_its_class(tmp_path: Path) -> None:
    model = train.untrained()
    assert seq2seq.takes(model) and seq2seq.takes((model, train.tokenizer()))
    assert not seq2seq.takes(torch.nn.Linear(2, 2))
    # A module of PyTorch it is, too.
    assert list(FORMATS).index("seq2seq") < list(FORMATS).index("torch")
    with pytest.raises(SourceError, match=r"a tokenizer of dict, which runs in Python, expected one of the tokenizers"):
        seq2seq.save((model, {}), tmp_path)
