"""The page says what the report says, is well formed, needs nothing from outside and cannot be broken by names."""

import re
from collections.abc import Callable

import pytest

from model_build.report import Report
from model_build.report.profile import Feature, Profile
from model_build.report.render import render

from . import samples
from .pages import Page, lookup

ALL = [samples.classifier, samples.refused, samples.regression, samples.many_labels, samples.embeddings]
every = pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)


@every
def test_every_number_on_the_page_is_the_number_in_the_json(make: Callable[[], Report]) -> None:
    report = make()
    numbers = Page(render(report)).data
    assert len(numbers) >= 20
    for key, exact, _ in numbers:
        assert float(exact) == lookup(report.dump(), key), key


@every
def test_what_is_shown_is_the_number_rounded(make: Callable[[], Report]) -> None:
    """The last digit shown may differ from the exact value by half its worth, and no more."""
    factors = {"µs": 1e-3, "ms": 1.0, "s": 1e3, "min": 6e4, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "%": 0.01, "": 1}
    for key, exact, shown in Page(render(make())).data:
        digits, _, unit = shown.replace("\N{MINUS SIGN}", "-").partition("\N{NARROW NO-BREAK SPACE}")
        scale = factors[unit] / (1e3 if key.endswith(".seconds") else 1)
        mantissa, _, power = digits.partition("e")
        decimals = len(mantissa.partition(".")[2]) - int(power or 0)
        assert abs(float(digits) * scale - float(exact)) <= 0.5000001 * 10.0**-decimals * scale, (key, exact, shown)


@every
def test_the_page_asks_for_nothing_from_outside(make: Callable[[], Report]) -> None:
    text = render(make())
    page = Page(text)
    assert {name for name, _ in page.tags}.isdisjoint({"script", "link", "img", "iframe", "object", "form", "base"})
    for _, attributes in page.tags:
        assert {"src", "href", "srcset", "action", "onclick", "onload"}.isdisjoint(attributes)
    assert "url(" not in text and "@import" not in text
    assert [u for u in re.findall(r"https?://[^\s\"'<]+", text) if u != "http://www.w3.org/2000/svg"] == []


@every
def test_tables_have_headers_and_pictures_have_titles(make: Callable[[], Report]) -> None:
    page = Page(render(make()))
    assert page.tables
    for table in page.tables:
        assert table["columns"] >= 2 and table["heads"] >= 1
    pictures = [a for name, a in page.tags if name == "svg"]
    assert len(pictures) >= 4
    assert all(a.get("role") == "img" for a in pictures)
    assert render(make()).count("<title>") == len(pictures) + 1


@every
def test_the_same_report_makes_the_same_page(make: Callable[[], Report]) -> None:
    assert render(make()) == render(Report.model_validate_json(make().dump()))


def test_what_else_was_measured_is_shown() -> None:
    said = Page(render(samples.embeddings())).said()
    assert "Cosine, worst" in said and "Same answers" not in said
    assert "Latency p99 of 32 rows, at most" in said
    assert "Measured in ONNX Runtime 1.31.1, but the image has 1.30.0: install that one to be sure." in said
    assert "median 0.523, 5 to 95 %: 0.045 to 0.951" in said
    assert "north 60 %, south 35 %, rare ones 5 %" in said
    assert "too few rows" in said


def test_features_come_in_the_order_of_their_numbers_and_what_never_varies_last() -> None:
    shares = {"[2]": {"0": 0.4, "1": 0.6}, "[10]": {"0": 0.4, "1": 0.6}, "[1]": {"1": 1.0}, "[3]": {"1": 1.0}}
    inputs = {name: Feature(kind="categories", count=50, categories=each) for name, each in sorted(shares.items())}
    given = Profile(
        model="m", version="1", candidate="fp32", data="sha256:0", rows=50, least=10, inputs=inputs, outputs={}
    )
    page = render(samples.classifier(profile=given.model_dump()))
    assert re.findall(r">(\[\d+\])<", page) == ["[2]", "[10]", "[1]", "[3]"]


def test_names_cannot_become_markup() -> None:
    evil = "<script>alert(1)</script>\"'&"
    candidates = [c.model_dump() for c in samples.classifier().candidates]
    candidates[1] |= {"name": evil, "dtype": evil, "why": evil, "missed": [evil + "!"]}
    report = samples.classifier(
        name=evil,
        version=evil,
        identity=evil,
        machine=evil,
        chosen=evil,
        candidates=candidates,
        tools={evil: evil},
        source={"framework": evil, "description": evil, "digest": evil, "bytes": 1},
        evaluation={"rows": 1, "metric": evil, "digest": evil, "baseline": 1.0},
        quality={"kind": "confusion", "labels": [evil, evil], "matrix": [[1, 2], [3, 4]]},
        steps=[{"name": evil, "seconds": 1.0, "cached": False}],
        image={"digest": evil, "unpacked_bytes": 1},
    )
    page = Page(render(report))
    assert "script" not in {name for name, _ in page.tags}
    assert evil in page.said()


def test_the_verdict_comes_first_and_says_why() -> None:
    assert "Passed: int8 was chosen and met every gate int8 is the smallest candidate" in _spaced(samples.classifier())
    assert "Not passed: no candidate met the gate 3 candidates tried." in _spaced(samples.refused())
    none = samples.classifier(gate={})
    assert "Passed: int8 was chosen; no gate was asked for" in _spaced(none)


def test_each_gate_is_told_apart() -> None:
    """fp32 met its size and missed its accuracy: one row says passed, the other missed."""
    refused = samples.refused()
    both = samples.classifier(
        **{k: v for k, v in refused.model_dump().items() if k in ("chosen", "candidates", "image")},
        gate={"min": 0.995, "max_bytes": 500_000},
    )
    said = _spaced(both)
    assert "Accuracy, at least ✗ missed" in said
    assert "Model file, at most ✓ passed" in said


def test_a_candidate_that_could_not_be_made_is_shown_with_its_reason() -> None:
    assert "fp16 it could not be made: Cast is not supported" in _spaced(samples.refused())


def test_cached_steps_are_told_apart() -> None:
    assert "1 of 5 steps came from the cache" in _spaced(samples.classifier())


def test_the_smallest_report_has_a_page() -> None:
    text = render(
        samples.classifier(candidates=[], chosen=None, quality=None, steps=[], tools={}, machine="", image=None)
    )
    assert "Not passed" in Page(text).said()


def _spaced(report: Report) -> str:
    """The page's text with a blank between elements."""
    return " ".join(" ".join(Page(render(report)).text).split())


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [("ink", "page"), ("ink", "card"), ("soft", "page"), ("soft", "card"), ("good", "good-back"), ("bad", "bad-back"),
     ("ink", "good-back"), ("ink", "bad-back"), ("on", "accent"), ("on", "bad"), ("ink", "track")],
)  # fmt: skip
def test_text_can_be_read_on_its_ground(theme: str, text: str, ground: str) -> None:
    """WCAG AA: a contrast of at least 4.5 to 1, in both colour schemes."""
    style = render(samples.classifier()).split("<style>")[1].split("</style>")[0]
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(blocks) == 2
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", blocks[("light", "dark").index(theme)]))
    high, low = sorted((_luminance(colours[text]), _luminance(colours[ground])), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 4.5
