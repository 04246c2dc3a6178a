"""What MkDocs asks while it builds the site: pages that lie outside of docs, and links that lead out of it.

The pages are written for whoever reads them in the repository, so their links go to files there. On the site a page of
the repository is a page (PAGES), and any other file that somebody links to is beside them under `files`.
"""

import posixpath
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.structure.files import File, Files, InclusionLevel

ROOT: Final = Path(__file__).resolve().parent.parent
PAGES: Final = {
    "README.md": "readme.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "examples/magika/README.md": "examples/magika.md",
    "examples/minilm/README.md": "examples/minilm.md",
    "examples/translator/README.md": "examples/translator.md",
    "examples/cross-cloud/README.md": "examples/cross-cloud.md",
}
"""Pages of the repository, and what they are called on the site."""
_LINK: Final = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
_FENCE: Final = re.compile(r"^(```.*?^```|(?:^(?: {4}|\t)[^\n]*\n)+)", re.DOTALL | re.MULTILINE)
_ORIGINS: Final = {place: origin for origin, place in PAGES.items()}


def on_files(files: Files, config: Any) -> Files:
    for origin, place in PAGES.items():
        files.append(File.generated(config, place, content=(ROOT / origin).read_text(encoding="utf-8")))
    linked: set[str] = set()
    for each in files.documentation_pages():
        for path in _targets(each.src_uri, each.content_string):
            if _called(path) == f"files/{path}" and path not in linked and (ROOT / path).is_file():
                linked.add(path)
                files.append(File.generated(config, f"files/{path}", abs_src_path=str(ROOT / path)))
            if _listed(path) and path not in linked:
                linked.add(path)
                text = f"# {path}\n\n" + "".join(f"- `{name}`\n" for name in _within(path))
                aside = InclusionLevel.NOT_IN_NAV
                files.append(File.generated(config, _called(path), content=text, inclusion=aside))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    at = page.file.src_uri
    parts = _FENCE.split(markdown)  # code stays as it is
    return "".join(part if number % 2 else _relinked(at, part) for number, part in enumerate(parts))


def _relinked(at: str, text: str) -> str:
    def one(found: re.Match[str]) -> str:
        begin, link, anchor, end = found.groups()
        path = _path(at, link)
        if path is None or (not path.startswith("../") and at not in _ORIGINS and not _leaves(at, link)):
            return found.group()
        there = posixpath.relpath(_called(path), posixpath.dirname(at) or ".")
        return f"{begin}{there}{anchor or ''}{end}"

    return _LINK.sub(one, text)


def _targets(at: str, markdown: str) -> list[str]:
    return [path for found in _LINK.finditer(markdown) if (path := _path(at, found.group(2))) is not None]


def _path(at: str, link: str) -> str | None:
    """Where a link of a page leads, from the root of the repository; None for one that leaves it."""
    if re.match(r"[a-z][a-z0-9+.-]*:", link) or link.startswith("/"):
        return None
    origin = _ORIGINS.get(at, f"docs/{at}")
    return posixpath.normpath(posixpath.join(posixpath.dirname(origin), link))


def _leaves(at: str, link: str) -> bool:
    path = _path(at, link)
    return path is not None and not path.startswith("docs/")


def _listed(path: str) -> bool:
    """Whether it is a folder that no page tells of, so that its files are listed."""
    return (ROOT / path).is_dir() and not (ROOT / path / "README.md").is_file()


def _within(folder: str) -> list[str]:
    return sorted(each.name for each in (ROOT / folder).iterdir() if not each.name.startswith(("__pycache__", ".")))


def _called(path: str) -> str:
    """What a path of the repository is called on the site."""
    if _listed(path):
        return f"files/{path}.md"
    if (ROOT / path).is_dir():
        path = posixpath.join(path, "README.md")
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return PAGES.get(path, f"files/{path}")
