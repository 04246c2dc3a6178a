"""Step one: get hold of the model, as the source framework has it."""

from dataclasses import dataclass
from pathlib import Path

from model_build import cache, isolate, sources
from model_build.identity import STEPS, file_format
from model_build.work import Work


@dataclass(frozen=True)
class Fetched:
    file: Path
    """The model: where the recipe says, or in the cache for one that a callable returned."""
    format: str
    key: str
    """Hex over the content."""


def fetch(work: Work) -> Fetched:
    """Find the model's file, or call the function that makes it; while its code is unchanged it is called once.

    Raises SourceError.
    """
    source, recipe = work.source, work.recipe
    inputs = {"steps": STEPS, **work.identity.of("source")}
    if source.code is None:
        kind = file_format(source, recipe.model_dump()) or "onnx"
        fetched = Fetched(sources.model_file(source), kind, cache.place("fetch", inputs).name)
        work.did("fetch")
        return fetched
    code = source.code
    request = {
        "module": code.module,
        "function": code.function,
        "label": source.label,
        "format": None if recipe.format == "auto" else recipe.format,
    }

    def fill(folder: Path) -> None:
        work.progress("fetch", f"calling {source.label}")
        answer = isolate.run(
            "fetch",
            request,
            folder,
            project=work.project,
            step="fetch",
            what=f"source {source.label}",
            progress=work.progress,
        )
        cache.write_note(folder, answer)

    entry = cache.made("fetch", {**inputs, "format": recipe.format}, fill)
    work.did("fetch", entry)
    note = entry.note()
    return Fetched(entry.folder / note["file"], note["format"], entry.key)
