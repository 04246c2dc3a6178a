import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_build.errors import RecipeError
from model_build.recipe import Recipe

DIGITS: dict[str, Any] = {
    "name": "digits",
    "source": "train:pipeline",
    "evaluate": {"data": "train:evaluation", "min": 0.95},
    "classify": {
        "input": "image",
        "output": "probabilities",
        "labels": ["0", "1"],
        "preprocess": {"width": 8, "height": 8, "mode": "L", "layout": "flat", "scale": 0.0627},
    },
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimise": {}}, "unknown key 'optimise' under model, did you mean 'optimize'?"),
        (
            {"evaluate": {"data": "a:b", "min": 97.5}},
            "model.evaluate.min is 97.5, expected a share between 0 and 1; write 0.975",
        ),
        (
            {"evaluate": {"data": "a:b", "metric": "rmse", "min": 3}},
            "model.evaluate.min is 3, expected none: rmse is better when smaller; write max: 3",
        ),
        (
            {"evaluate": {"data": "a:b", "max": 0.3}},
            "model.evaluate.max is 0.3, expected none: accuracy is better when larger; write min: 0.3",
        ),
        (
            {"version": 1.1},
            'model.version is 1.1, expected a text of letters, digits, dots, hyphens and underscores; write "1.1"',
        ),
        (
            {"optimize": {"candidates": ["fp32", "fp32"]}},
            "model.optimize.candidates is ['fp32', 'fp32'], expected each candidate once; remove the repeated one",
        ),
        (
            {"base": "debian:12"},
            "model.base is 'debian:12', expected 'debian' or a base by its digest; write debian:12@sha256:<digest>",
        ),
        (
            {"name": "My Model"},
            "model.name is 'My Model', expected a name of lower-case letters, digits and hyphens; "
            "for example digits-v2",
        ),
    ],
)
def test_a_recipe_that_breaks_a_rule_says_key_value_expectation_and_fix(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as error:
        Recipe.parse({**DIGITS, **change}, file="Pulumi.prod.yaml")
    assert error.value.problems == [f"Pulumi.prod.yaml: {message}"]
    assert error.value.exit_code == 2


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(RecipeError) as error:
        Recipe.parse({**DIGITS, "trust": "maybe", "version": 1.1})
    assert len(error.value.problems) == 2


def test_mean_and_std_have_one_number_per_channel() -> None:
    bad = json.loads(json.dumps(DIGITS))
    bad["classify"]["preprocess"]["mean"] = [0.1, 0.2]
    with pytest.raises(RecipeError, match=r"preprocess\.mean is 2 numbers, expected 1, one for each channel of mode L"):
        Recipe.parse(bad)


def test_the_canonical_text_leaves_defaults_out_and_reads_back() -> None:
    recipe = Recipe.parse(DIGITS)
    text = recipe.canonical()
    assert Recipe.parse(text) == recipe
    spelled_out = {**DIGITS, "trust": False, "base": "debian", "optimize": {"candidates": ["fp32", "int8"]}}
    assert Recipe.parse(dict(reversed(spelled_out.items()))).canonical() == text
    assert "base" not in text


@given(st.sampled_from(["accuracy", "r2", "mae"]), st.floats(0, 1), st.lists(st.text(min_size=1), min_size=1))
def test_the_canonical_text_of_any_recipe_reads_back(metric: str, drop: float, labels: list[str]) -> None:
    value = json.loads(json.dumps(DIGITS))
    value["evaluate"] = {"data": "a:b", "metric": metric, "max_drop": drop}
    value["classify"]["labels"] = labels
    recipe = Recipe.parse(value)
    assert Recipe.parse(recipe.canonical()) == recipe
    assert Recipe.parse(recipe.canonical()).canonical() == recipe.canonical()


def test_a_recipe_is_read_from_its_own_file_and_from_a_stack_file(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(json.dumps(DIGITS))
    (tmp_path / "Pulumi.x.yaml").write_text(json.dumps({"config": {"modelport:model": DIGITS}}))
    assert Recipe.load(tmp_path / "recipe.json") == Recipe.load(tmp_path / "Pulumi.x.yaml") == Recipe.parse(DIGITS)


@pytest.mark.parametrize("text", ["", "- a", "name: [", "config: {}"])
def test_a_file_that_holds_no_recipe_is_one_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(RecipeError) as error:
        Recipe.load(tmp_path / "r.yaml")
    assert str(error.value).startswith(f"{tmp_path}/r.yaml: ")
    assert "\n" not in str(error.value)


def test_a_recipe_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such file or directory, expected a recipe"):
        Recipe.load(tmp_path / "r.yaml")


BASE = "r/triton@sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"formats": ["ort", "openvino"]}, {"formats": ["openvino", "ort"]}),
        ({"formats": []}, {}),
        ({"server": "triton", "base": BASE, "triton": {}}, {"server": "triton", "base": BASE}),
        ({"server": "triton", "base": BASE, "triton": {"instances": 1}}, {"server": "triton", "base": BASE}),
        ({"server": "modelport", "triton": None, "generate": None}, {}),
        ({"platforms": ["linux/amd64", "linux/amd64"]}, {}),
    ],
)
def test_what_is_the_same_build_is_spelt_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    whole = {"name": "m", "source": "m.onnx", "evaluate": {"data": "d.npz"}}
    assert Recipe.parse(whole | one).canonical() == Recipe.parse(whole | other).canonical()


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ({"generate": {"num_beams": True}}, "model.generate.num_beams is true, expected a whole number from 1 to 64"),
        (
            {"server": "triton", "base": BASE, "triton": {"max_batch": True}},
            "model.triton.max_batch is true, expected a whole number from 0 to 65536",
        ),
        ({"platforms": []}, "model.platforms is an empty list, expected a list of linux/amd64, linux/arm64"),
    ],
)
def test_what_is_no_number_and_no_list_of_any_is_not_taken_for_one(section: dict[str, Any], line: str) -> None:
    with pytest.raises(RecipeError) as error:
        Recipe.parse({"name": "m", "source": "m.onnx", "evaluate": {"data": "d.npz"}, **section})
    assert str(error.value) == line
