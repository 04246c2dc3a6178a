"""Every link leads somewhere: to a file that is there, to an anchor that its page has."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs import pages
from tests.docs.pages import ROOT, Link

LINKS = list(pages.links())


def _broken(link: Link) -> str | None:
    """What is wrong with a link."""
    split = urlsplit(link.to)
    if split.scheme:
        formed = split.scheme == "https" and re.fullmatch(r"[a-z0-9.-]+\.[a-z]{2,}(:\d+)?", split.netloc)
        return None if formed and " " not in link.to else "not an address of the web"
    place = (link.page.parent / unquote(split.path)).resolve() if split.path else link.page
    if not place.is_relative_to(ROOT) or not place.exists():
        return "there is no such file"
    if split.fragment and (place.suffix != ".md" or split.fragment not in pages.anchors(place)):
        return "the page has no such heading"
    return None


def test_no_link_is_broken() -> None:
    assert [f"{each.name}: {why}" for each in LINKS if (why := _broken(each)) is not None] == []


def test_there_are_links_of_every_kind() -> None:
    assert len(LINKS) > 200
    assert any("#" in each.to and not each.to.startswith("http") for each in LINKS)
    assert any(each.to.endswith((".svg", ".png")) for each in LINKS)
    assert {each.page.name for each in LINKS} >= {"README.md", "index.md", "cross-cloud.md"}


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("no-such-page.md", "no such file"),
        ("docs/cli.md#no-such-heading", "no such heading"),
        ("#no-such-heading", "no such heading"),
        ("../outside.md", "no such file"),
        ("http://example.com", "not an address"),
        ("https://no-dots/", "not an address"),
        ("docs/cli.md#which-stack", None),
        ("docs/report.png", None),
    ],
)
def test_what_is_broken_is_seen(link: str, said: str | None) -> None:
    found = _broken(Link(ROOT / "README.md", link))
    assert found is None if said is None else said in str(found)


def test_every_page_is_on_the_site_once() -> None:
    nav = re.findall(r"([\w/-]+\.md)\s*$", (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2], re.MULTILINE)
    ours = {str(page.relative_to(ROOT / "docs")) for page in pages.pages() if page.is_relative_to(ROOT / "docs")}
    elsewhere = {each for each in nav if each not in ours}
    assert ours - set(nav) == set()
    assert sorted(nav) == sorted(set(nav))
    outside = {page for page in pages.pages() if not page.is_relative_to(ROOT / "docs")}
    assert elsewhere == {_shown(page) for page in outside}


def _shown(page: Path) -> str:
    """What a page outside of docs is called on the site (scripts/site_links.py)."""
    if page.name != "README.md" or page.parent == ROOT:
        return f"{page.stem.lower()}.md"
    return f"{page.parent.relative_to(ROOT)}.md"
