"""The pages that people read, their links, headings and code blocks, as CommonMark has them."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).resolve().parents[2]
_READER: Final = MarkdownIt("commonmark").enable("table")
_NO_COMMAND: Final = re.compile(r"[─│▶]|\[y/N\]")
"""Of a picture, or a question."""
_SHELLS: Final = ("", "console", "shell", "sh", "bash")


@dataclass(frozen=True)
class Block:
    """A block of code."""

    page: Path
    line: int
    language: str
    """Empty for an indented block, and for a fence that says none."""
    text: str

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Link:
    """A link or a picture."""

    page: Path
    to: str

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.to}"


@cache
def pages() -> tuple[Path, ...]:
    """All pages of the repository that are tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    top = {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"}
    names = {name for name in listed.split("\0") if name in top or name.startswith(("docs/", "examples/"))}
    return tuple(sorted(ROOT / name for name in names if (ROOT / name).is_file()))


@cache
def tokens(page: Path) -> tuple[Token, ...]:
    return tuple(_READER.parse(page.read_text(encoding="utf-8")))


def blocks(*languages: str) -> Iterator[Block]:
    """Blocks of these languages, of every page."""
    for page in pages():
        for each in tokens(page):
            if each.type in ("fence", "code_block"):
                language = each.info.split()[0] if each.info else ""
                if language in languages:
                    yield Block(page, (each.map or [0])[0] + 1, language, each.content)


def links() -> Iterator[Link]:
    """Links and pictures of every page."""
    for page in pages():
        for token in tokens(page):
            for each in token.children or []:
                target = each.attrGet("href") if each.type == "link_open" else each.attrGet("src")
                if each.type in ("link_open", "image") and target is not None:
                    yield Link(page, str(target))


@cache
def anchors(page: Path) -> frozenset[str]:
    """Anchors of its headings, as forges make them: the second of a name gets a number."""
    seen: Counter[str] = Counter()
    found: set[str] = set()
    whole = tokens(page)
    for at, each in enumerate(whole):
        if each.type == "heading_open":
            slug = slugged(whole[at + 1])
            found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
            seen[slug] += 1
    return frozenset(found)


def slugged(inline: Token) -> str:
    text = "".join(each.content for each in inline.children or [] if each.type in ("text", "code_inline"))
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def lines(block: Block) -> Iterator[str]:
    """The commands of a block of a shell: without prompts, comments and what was printed, continued lines as one."""
    text = block.text.replace("\\\n", " ")
    prompted = any(line.startswith("$ ") for line in text.splitlines())
    for line in text.splitlines():
        if prompted and not line.startswith("$ "):
            continue
        command = line.removeprefix("$ ").strip()
        if command and not command.startswith("#") and not _NO_COMMAND.search(command):
            yield command


def shells() -> Iterator[Block]:
    """Blocks that may hold commands."""
    return blocks(*_SHELLS)
