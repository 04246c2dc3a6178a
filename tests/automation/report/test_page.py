"""The page is well formed, loads and runs nothing, and no name becomes markup."""

import base64
import hashlib
import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest

from automation.report import page
from automation.report.model import Report
from tests.automation.report import samples
from tests.automation.report.conftest import Shop
from tests.model_build.report.pages import Page

MAKES: list[Callable[[], Report]] = [samples.hostile, lambda: samples.report([]), lambda: samples.huge(60)]
every = pytest.mark.parametrize("make", MAKES, ids=["hostile", "empty", "large"])


@every
def test_it_loads_runs_and_sends_nothing(make: Callable[[], Report]) -> None:
    found = Page(page.render(make()))
    tags = {name for name, _ in found.tags}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "form", "base", "a", "use", "image"})
    for _, attributes in found.tags:
        assert not [each for each in attributes if each in ("src", "href", "srcset", "style") or each.startswith("on")]


def test_its_policy_lets_one_style_through_and_nothing_else() -> None:
    text = page.render(samples.report([]))
    style = text.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    expected = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert policy[1].replace("&#x27;", "'") == expected


def test_names_are_no_markup_and_are_there_as_they_are() -> None:
    text = page.render(samples.hostile())
    said = Page(text).said()
    assert "<script>alert(1)</script>" in said
    assert "@everyone #1 !2" in said
    for hidden in ("\u202e", "\u200b", "\x1b", "\x00"):
        assert hidden not in text


@every
def test_tables_have_captions_and_heads_and_headings_follow_one_another(make: Callable[[], Report]) -> None:
    text = page.render(make())
    assert text.count("<table") == text.count("<caption")
    for table in Page(text).tables:
        assert table["columns"] >= 2
    levels = [int(each) for each in re.findall(r"<h(\d)", text)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_two_thousand_resources_make_a_page() -> None:
    text = page.render(samples.huge())
    Page(text)
    assert text.count('class="chip bad">forces the replacement') == 2_000


def test_of_a_long_list_the_beginning_is_seen_and_the_rest_is_folded() -> None:
    text = page.render(samples.huge(110))
    found = re.findall(r"<summary>(\d+ \w+) more</summary>", text)
    assert sorted(found) == ["10 notes", "10 risks", "10 verdicts", "100 reasons", "120 resources"]
    assert "109 w" in text


def test_a_chain_of_a_thousand_parents_makes_one(tmp_path: object) -> None:
    events: list[dict[str, Any]] = []
    parent = samples.ROOT_URN
    for at in range(1_500):
        made = samples.state("a:b:C", f"n{at}", {"k": 1}, parent=parent)
        parent = made["urn"]
        events.append(samples.event("create", None, made))
    assert "n1499" in page.render(samples.report(events))


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("warn", "warn-back"),
        ("warn", "card"),
        ("warn", "page"),
        ("good", "card"),
        ("bad", "card"),
        ("ink", "warn-back"),
    ],
)
def test_text_can_be_read_on_its_ground(theme: int, text: str, ground: str) -> None:
    """WCAG AA: a contrast of at least 4.5 to 1, in both colour schemes."""
    blocks = re.findall(r":root \{(.*?)\}", page.render(samples.report([])), re.DOTALL)
    assert len(blocks) == 4
    chosen = blocks[theme] + blocks[theme + 2]
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", chosen))
    high, low = sorted((_luminance(colours[text]), _luminance(colours[ground])), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_a_plan_that_fails_says_so_first(shop: Shop) -> None:
    said = Page(page.render(samples.hostile())).said()
    assert said.index("This change is refused: exit code 1") < said.index("Risks")
