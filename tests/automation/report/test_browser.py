"""The page in a real browser: Debian's Chromium, on a desk and on a phone, in the light and in the dark."""

from pathlib import Path

import pytest

from automation.report import page
from tests.automation.report import samples
from tests.automation.report.conftest import Shop
from tests.tools.chromium import Browser

SCREENS = [(1280, False), (1280, True), (375, False), (375, True), (320, True)]
screens = pytest.mark.parametrize(("width", "dark"), SCREENS, ids=[f"{w}{'-dark' if d else ''}" for w, d in SCREENS])
NO_SIDEWAYS = """[...document.querySelectorAll("body *")].filter(each =>
    each.getBoundingClientRect().right > document.documentElement.clientWidth + 1
    && !each.closest(".wide") && !each.closest(".hidden")).map(each => each.outerHTML.slice(0, 120))"""
SMALLEST = """Math.min(...[...document.querySelectorAll("body *")].filter(each => each.textContent.trim()
    && each.getClientRects().length).map(each => parseFloat(getComputedStyle(each).fontSize)))"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, changed: Shop, cloud: dict[str, Path]) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "hostile.html").write_text(page.render(samples.hostile()))
    (folder / "large.html").write_text(page.render(samples.huge(60)))
    return {
        "changed": changed.project.root / "r.html",
        "cloud": cloud["html"],
        "hostile": folder / "hostile.html",
        "large": folder / "large.html",
    }


@screens
@pytest.mark.parametrize("name", ["changed", "cloud", "hostile", "large"])
def test_nothing_sticks_out_nothing_is_asked_for_and_nothing_is_complained_of(
    browser: Browser, pages: dict[str, Path], name: str, width: int, dark: bool
) -> None:
    found = browser.open(pages[name], width=width, dark=dark)
    assert found.ask("document.documentElement.scrollWidth") <= width
    assert found.ask(NO_SIDEWAYS) == []
    assert found.ask(SMALLEST) >= 12
    assert found.requests == [pages[name].resolve().as_uri()]
    assert found.complaints == []


@pytest.mark.parametrize("width", [1280, 375])
def test_what_it_costs_afterwards_is_seen_without_moving_the_table(
    browser: Browser, pages: dict[str, Path], width: int
) -> None:
    table = "document.querySelector('.wide[aria-label=\"Cost before and after\"]')"
    found = browser.open(pages["changed"], width=width)
    assert found.ask(f"{table}.scrollWidth - {table}.clientWidth") == 0


def test_the_style_counts_and_follows_the_scheme(browser: Browser, pages: dict[str, Path]) -> None:
    """That the policy lets it through: a page without its style would be white in the dark."""
    grounds = [
        browser.open(pages["changed"], dark=dark).ask("getComputedStyle(document.body).backgroundColor")
        for dark in (False, True)
    ]
    assert grounds == ["rgb(250, 250, 248)", "rgb(19, 21, 24)"]


def test_nothing_in_a_name_has_run(browser: Browser, pages: dict[str, Path]) -> None:
    found = browser.open(pages["hostile"])
    assert found.ask("document.scripts.length + document.links.length + document.images.length") == 0


def test_what_differs_opens_without_a_script(browser: Browser, pages: dict[str, Path]) -> None:
    found = browser.open(pages["changed"])
    assert found.ask("[...document.querySelectorAll('details[open] dl.diff dt')].map(e => e.textContent)[0]")
    height = "document.querySelector('section:has(ul.tree)').offsetHeight"
    before = found.ask(height)
    found.ask("[...document.querySelectorAll('details:not([open])')].forEach(each => each.open = true)")
    assert found.ask(height) > before


def test_a_screen_reader_is_told_tables_headings_and_the_picture(browser: Browser, pages: dict[str, Path]) -> None:
    nodes = browser.open(pages["cloud"]).accessible()
    named = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if "role" in node]
    headings = [name for role, name in named if role == "heading"]
    assert headings[1:3] == ["Risks", "Model"]
    assert {"Policies", "Cost", "Architecture", "Resources"} <= set(headings)
    assert ("table", "Cost before and after") in named
    assert [name for role, name in named if role in ("image", "img") and name.startswith("Architecture: ")]
    assert [name for role, name in named if role == "region"]


@pytest.mark.parametrize("name", ["changed", "cloud"])
def test_boxes_of_the_picture_hold_their_words_and_do_not_overlap(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    found = browser.open(pages[name])
    out = found.ask(
        """[...document.querySelectorAll("svg.architecture g")].flatMap(g => {
            const box = g.querySelector(".component").getBBox();
            return [...g.querySelectorAll("text")].filter(t => t.getBBox().x + t.getBBox().width > box.x + box.width)
                .map(t => t.textContent) })"""
    )
    assert out == []
    boxes = found.ask(
        """[...document.querySelectorAll(".component")].map(each => {
            const box = each.getBBox(); return [box.x, box.y, box.x + box.width, box.y + box.height] })"""
    )
    assert 2 <= len(boxes) <= 18
    apart = [a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1] for a in boxes for b in boxes if a != b]
    assert all(apart)


def test_a_picture_of_four_columns_is_seen_whole_on_a_desk(browser: Browser, pages: dict[str, Path]) -> None:
    frame = "document.querySelector('.drawing')"
    found = browser.open(pages["cloud"])
    assert found.ask("document.querySelector('svg.architecture').getBBox().width") > 3 * 216
    assert found.ask(f"{frame}.scrollWidth <= {frame}.clientWidth")
