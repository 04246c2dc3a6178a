"""Whatever a stack file holds, the answer is a spec or lines that name the file: never a traceback."""

import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stacks.spec import SpecError, StackSpec

GOOD: dict[str, Any] = {
    "config": {
        "modelport:target": "local",
        "modelport:model": {
            "name": "digits",
            "source": "a.b:c",
            "evaluate": {"data": "a.b:d", "metric": "accuracy", "min": 0.5, "labels": ["a"]},
            "optimize": {"candidates": ["fp32"], "latency_margin": 0.1},
            "classify": {"input": "x", "output": "y", "preprocess": {"width": 8, "height": 8, "mean": [0.1, 0.2, 0.3]}},
        },
        "modelport:image": {"push": "host/repository", "keep": True},
        "modelport:endpoint": {"port": 8080, "workers": 2, "runtime": "auto"},
    }
}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just({"secure": "v1:x"})
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def check(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        StackSpec.from_file(path)
    except SpecError as error:
        assert error.lines
        for line in error.lines:
            assert line.startswith("Pulumi.any.yaml: "), line
            assert line.isprintable(), repr(line)
            assert len(line) < 600, line


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(place for key, each in inner for place in places(each, (*here, key)))]


def replaced(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = replaced(value[place[0]], place[1:], new)
    return copy


tame = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@tame
@given(place=st.sampled_from(places(GOOD)), value=values)
def test_any_value_anywhere(tmp_path: Path, place: tuple[Any, ...], value: Any) -> None:
    check(tmp_path / "Pulumi.any.yaml", yaml.safe_dump(replaced(GOOD, place, value), allow_unicode=True))


@tame
@given(place=st.sampled_from([p for p in places(GOOD) if p]), key=st.text(max_size=12), value=scalars)
def test_any_key_anywhere(tmp_path: Path, place: tuple[Any, ...], key: str, value: Any) -> None:
    inner = GOOD
    for part in place[:-1]:
        inner = inner[part]
    if isinstance(inner, dict):
        check(tmp_path / "Pulumi.any.yaml", yaml.safe_dump(replaced(GOOD, place[:-1], inner | {key: value})))


@tame
@given(text=st.text(max_size=200))
def test_any_text(tmp_path: Path, text: str) -> None:
    check(tmp_path / "Pulumi.any.yaml", text.encode("utf-8", "replace").decode())


@pytest.mark.parametrize("seed", range(40))
def test_a_good_file_with_a_piece_torn_out(tmp_path: Path, seed: int) -> None:
    chance, text = random.Random(seed), yaml.safe_dump(GOOD)
    start = chance.randrange(len(text))
    check(tmp_path / "Pulumi.any.yaml", text[:start] + text[start + chance.randrange(1, 30) :])


def test_the_good_file_is_good(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.any.yaml"
    path.write_text(yaml.safe_dump(GOOD), encoding="utf-8")
    assert StackSpec.from_file(path).model.name == "digits"
