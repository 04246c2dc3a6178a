"""The site of the pages: built strictly, asking nobody, its links whole, and readable on a phone and in the dark."""

import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from scripts.site_build import build
from tests.docs import pages
from tests.docs.pages import ROOT
from tests.tools import chromium

_LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "object": "data"}


class _Found(HTMLParser):
    """What a page loads, what it leads to, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if (anchor := given.get("id") or given.get("name")) is not None:
            self.anchors.add(anchor)
        if tag in _LOADS and (address := given.get(_LOADS[tag])) and given.get("rel") != "canonical":
            self.loads.append(address)
        if tag == "a" and (address := given.get("href")):
            self.leads.append(address)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("site")
    build(into)
    return into


@pytest.fixture(scope="module")
def found(site: Path) -> dict[Path, _Found]:
    return {each: _Found(each.read_text(encoding="utf-8")) for each in sorted(site.rglob("*.html"))}


def test_every_page_is_there(found: dict[Path, _Found]) -> None:
    assert len(found) >= len(pages.pages())


def test_no_page_asks_anybody_else(found: dict[Path, _Found], site: Path) -> None:
    asked = {address for page in found.values() for address in page.loads if re.match(r"(https?:)?//", address)}
    assert asked == set()
    styles = "".join(each.read_text() for each in site.rglob("*.css"))
    assert not re.search(r"url\(['\"]?(https?:)?//|@import", styles)


def test_every_link_of_the_site_leads_somewhere(found: dict[Path, _Found], site: Path) -> None:
    broken: list[str] = []
    for page, about in found.items():
        if page.name == "404.html":  # its links are the root's, wherever it is shown
            continue
        for address in [*about.leads, *about.loads]:
            path, _, anchor = address.partition("#")
            if re.match(r"[a-z]+:", address) or not (path or anchor):
                continue
            there = (page.parent / path).resolve() if path else page
            there = there / "index.html" if there.is_dir() else there
            known = found.get(there)
            if not there.is_file() or (anchor and known is not None and anchor not in known.anchors):
                broken.append(f"{page.relative_to(site)}: {address}")
    assert broken == []


def test_an_anchor_is_the_one_that_a_forge_makes(found: dict[Path, _Found], site: Path) -> None:
    for page in pages.pages():
        if page.is_relative_to(ROOT / "docs"):
            made = site / page.relative_to(ROOT / "docs").with_suffix(".html")
            assert pages.anchors(page) - found[made].anchors == set(), page.name


def test_a_phone_shows_pages_in_the_dark_and_nothing_is_asked_for(site: Path) -> None:
    with chromium.browser() as browser:
        for name in ("index", "runbooks/aws", "reference/aws"):
            page = browser.open(site / f"{name}.html", width=375, dark=True)
            assert page.ask("document.documentElement.scrollWidth") <= 375
            assert page.ask("document.querySelectorAll('h1').length") == 1
            until = time.monotonic() + 30  # the page asks what the reader likes once it has loaded
            while page.ask("document.body.dataset.mdColorScheme") != "slate" and time.monotonic() < until:
                time.sleep(0.1)
            assert page.ask("document.body.dataset.mdColorScheme") == "slate"
            assert [each for each in page.requests if not each.startswith(("file:", "data:", "blob:"))] == []
