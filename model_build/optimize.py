"""Step three: forms of the model that may be smaller or quicker; all are kept, with a reason where one cannot be made.

Each is made so that it is the same bytes on any machine and runs on any: no layout of one processor's kind, and int8
weights of seven bits, because eight of them overflow on processors without VNNI instructions.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_build import cache, content
from model_build.candidates import PLAN, NotMade, Task
from model_build.convert import Converted
from model_build.evaluation import Rows, calibration
from model_build.identity import STEPS
from model_build.teaching import Teaching
from model_build.work import Work


@dataclass(frozen=True)
class Candidate:
    name: str
    dtype: str
    model: Path | None
    """None: it could not be made."""
    digest: str
    why: str
    """Why it could not be made."""
    detail: str = ""
    """What is worth knowing of how it was made."""
    peer: bool = False
    """Made to be compared with, never taken."""


def optimize(work: Work, converted: Converted) -> list[Candidate]:
    """Make every candidate of the recipe, in its order. Raises DataError as `search` does."""
    return list(search(work, converted))


def search(work: Work, converted: Converted) -> Iterator[Candidate]:
    """Every candidate of the recipe in its order, each made when it is asked for.

    So the time that goes into measuring one counts, too: when `max_seconds` are spent, what is not in the cache is not
    begun; the first one always is. Raises DataError for calibration data that does not fit the model, and InputError
    for functions and data of `prune` and `distill` that cannot be used, before any is made.
    """
    asked = work.recipe.optimize
    began = time.monotonic()
    deadline = None if asked.max_seconds is None else began + asked.max_seconds
    calibrated = any(PLAN[name].calibrated for name in asked.plan)
    rows = calibration(work, converted) if calibrated and not converted.generates else None
    teaching = Teaching.of(work, converted)
    entries: list[cache.Entry] = []
    for name in asked.plan:
        form = PLAN[name]
        maker = _Maker(work, converted, rows, deadline, teaching)
        if entries and deadline is not None and time.monotonic() >= deadline and not maker.has(name):
            spent = f"the {asked.max_seconds:g} s of optimize.max_seconds were spent"
            why = f"not tried: {spent}; raise it to go on from here"
            yield Candidate(name, form.dtype, None, "", why, peer=form.peer)
            continue
        entry = maker.made(name)
        entries.append(entry)
        note = entry.note()
        model = entry.folder / "model.onnx" if note["digest"] else None
        yield Candidate(name, form.dtype, model, note["digest"], note["why"], note.get("detail", ""), form.peer)
    work.did("optimize", *entries)


@dataclass(frozen=True)
class _Maker:
    work: Work
    converted: Converted
    rows: Rows | None
    deadline: float | None
    teaching: Teaching

    def has(self, name: str) -> bool:
        return cache.place("optimize", self._inputs(name)).is_dir()

    def made(self, name: str) -> cache.Entry:
        form = PLAN[name]
        base = None if form.base is None else self.made(form.base)

        def fill(folder: Path) -> None:
            self.work.progress("optimize", name)
            source = self.converted.model if base is None else base.folder / "model.onnx"
            task = Task(
                source=source,
                folder=folder,
                asked=self.work.recipe.optimize.calibration,
                rows=self.rows,
                deadline=self.deadline,
                say=lambda text: self.work.progress("optimize", f"{name}: {text}"),
                share=self.teaching.share(name),
                trained=self.teaching.trained(name, folder),
            )
            try:
                if base is not None and not base.note()["digest"]:
                    raise NotMade(f"{form.base} could not be made: {base.note()['why']}")
                if form.calibrated and self.rows is None:
                    raise NotMade("a model that writes token by token is not calibrated; int8 needs no data")
                detail = form.make(task)
                note = {"digest": content.of_file(task.target), "why": "", "detail": detail}
            except NotMade as reason:
                task.target.unlink(missing_ok=True)
                note = {"digest": "", "why": str(reason)}
            cache.write_note(folder, note)

        return cache.made("optimize", self._inputs(name), fill)

    def _inputs(self, name: str) -> dict[str, Any]:
        tools = self.work.identity.of("tool")
        inputs: dict[str, Any] = {"steps": STEPS, "model": self.converted.digest, "candidate": name, **tools}
        inputs |= self.teaching.inputs(name)
        if PLAN[name].calibrated and self.rows is not None:
            asked = self.work.recipe.optimize
            # The search for operators to leave in float32 ends with the time that it has.
            seconds = asked.max_seconds if name == "int8-mixed" else None
            settings = asked.calibration.model_dump(mode="json", exclude={"data"})
            inputs |= {"calibration": self.rows.digest, "settings": settings, "seconds": seconds}
        return inputs
