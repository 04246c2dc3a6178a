"""The report of an image that was promoted: from the machine that built it, or from what is attached to the image."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_build import attached, cache, content, folders, reporting
from model_build.bake.errors import BakeError
from model_build.bake.layout import Layout
from model_build.errors import InputError
from model_build.report import Report
from model_build.report.render import render

if TYPE_CHECKING:
    from model_build.promoting import Promoted

TYPE = "application/vnd.modelport.report.v1"


def of(found: "Promoted", layout: Path) -> reporting.Written:
    """Where the report is, which says what the record says: identity, image, candidate, figures.

    Whoever may push to a repository may attach something to its images, so what is attached counts for nothing unless
    it says what the state of the stack says that served the image. The page is made here, of the data alone.
    Raises InputError where there is no such report.
    """
    folder = folders.data() / "reports" / f"promoted-{found.digest[7:19]}"
    written = reporting.Written(folder / "report.json", folder / "report.html")
    problems: list[str] = []
    for made in _found(found, layout, written.json, problems):
        if problem := differs(made, found):
            problems.append(problem)
            continue
        with cache.disk_errors(folder, "MODELPORT_DATA_DIR"):
            folder.mkdir(parents=True, exist_ok=True)
            content.write_text(written.html, render(made))
            content.write_text(written.json, made.dump())
        return written
    why = problems[-1] if problems else "there is none on this machine, and none is attached to the image"
    raise InputError(
        f"the report of {found.digest[:19]}, which {found.stack} serves, does not say that it passed: {why}; "
        f"run modelport up -s {found.stack} where it was built"
    )


def differs(made: Report, found: "Promoted") -> str:
    """What a report says otherwise than the record; empty where it bears it out."""
    if made.choice is None or not made.choice.passed:
        return "no candidate passed its gate"
    if made.image is None or made.image.digest != found.digest:
        return f"it is of the image {made.image.digest[:19] if made.image else 'none'}"
    if (made.identity, made.name, made.version) != (found.identity, found.model, found.version):
        return f"it is of {made.name} {made.version}, build {made.identity[:12]}"
    if made.chosen != found.chosen or reporting.figures(made) != dict(found.metrics):
        return "its figures are others than those in the state"
    return ""


def _found(found: "Promoted", layout: Path, kept: Path, problems: list[str]) -> Iterator[Report]:
    """Every report that may be the one, what is nearest first."""
    for path in (kept, reporting.place(found.identity).json):
        if path.is_file() and (made := _read(path.read_bytes(), problems)) is not None:
            yield made
    for store, digest in attached.of(layout, found.source, found.digest, TYPE, problems):
        yield from _inside(store, digest, problems)


def _inside(store: Layout, digest: str, problems: list[str]) -> Iterator[Report]:
    try:
        for each in store.manifest(digest)["layers"]:
            annotations: dict[str, Any] = each.get("annotations") or {}
            if annotations.get("org.opencontainers.image.title") == "report.json":
                made = _read(store.read(each["digest"]), problems)
                if made is not None:
                    yield made
    except (BakeError, KeyError, TypeError, json.JSONDecodeError) as error:
        problems.append(f"what is attached cannot be read: {error}")


def _read(data: bytes, problems: list[str]) -> Report | None:
    try:
        return Report.model_validate_json(data)
    except ValueError:
        problems.append("it cannot be read")
        return None
