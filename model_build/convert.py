"""Step two: the model as ONNX, opset 21 and IR version 10 where the conversion is ours."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_build import cache, content, converters, isolate
from model_build.fetch import fetch
from model_build.identity import STEPS, writing
from model_build.work import Work

INPUT = "input"
"""What the one input is called, for frameworks that have no names, unless the recipe says otherwise."""


@dataclass(frozen=True)
class Converted:
    model: Path
    digest: str
    """Hex of the SHA-256 of the file."""
    framework: str
    classes: list[Any] | None
    """Label values in the order of the model's scores, where the framework has them."""
    missing: bool = False
    """NaN stands for a missing value."""
    columns: list[str] | None = None
    """What the columns of its one matrix are called, where the framework knows."""
    generates: str | None = None
    """What a model writes that goes on token by token: text, or ids. None: it answers at once."""


def asked_to_write(work: Work, form: str) -> dict[str, Any]:
    """What the recipe says of how a model writes. Raises SourceError for a model that does not."""
    said = work.recipe.generate
    if said is None:
        return {}
    writing(said.num_beams, form, work.source.label)
    return {"num_beams": said.num_beams}


def convert(work: Work) -> Converted:
    """Convert what `fetch` brought. Raises SourceError for a model that is broken, too new, or cannot be converted."""
    fetched = fetch(work)
    classify = work.recipe.classify
    request: dict[str, Any] = {
        "format": fetched.format,
        "input": classify.input if classify else INPUT,
        "label": work.source.label,
    }
    if fetched.format == "keras":
        request["trust"] = work.recipe.trust
    request |= asked_to_write(work, fetched.format)
    example: dict[str, Any] = {}
    if fetched.format in converters.BY_EXAMPLE:
        from model_build.evaluation import evaluation  # which knows of conversions, too

        stored = evaluation(work)
        request |= {"axes": work.recipe.axes, "rows": stored.note()["digest"]}
        example = {"data": str(stored.folder / "data.npz"), "beside": work.recipe.evaluate.beside}

    def fill(folder: Path) -> None:
        work.progress("convert", "checking the ONNX" if fetched.format == "onnx" else f"{fetched.format} to ONNX")
        answer = isolate.run(
            "convert",
            {**request, **example, "file": str(fetched.file), "own": work.source.code is not None},
            folder,
            project=work.project,
            step="convert",
            what=f"converting {work.source.label}",
            progress=work.progress,
        )
        work.unchanged("source", "source")
        cache.write_note(folder, {**answer, "digest": content.of_file(folder / "model.onnx")})

    inputs = {"steps": STEPS, "source": fetched.key, **work.identity.of("tool"), **request, "label": ""}
    entry = cache.made("convert", inputs, fill)
    work.did("convert", entry)
    note = entry.note()
    return Converted(
        entry.folder / "model.onnx",
        note["digest"],
        note["framework"],
        note["classes"],
        note.get("missing", False),
        note.get("columns"),
        note.get("generates"),
    )
