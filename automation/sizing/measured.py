"""What a build measured of a stack's model: its report, of the recipe as it stands, or of the version that runs."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from automation.drivers import Choice, drive
from automation.exits import Exit, Failure
from automation.projects import Target
from automation.sizing.capacity import Cost

if TYPE_CHECKING:
    from model_build.recipe import Recipe
    from model_build.report import Report, Served


@dataclass(frozen=True)
class Measured:
    """A report with what a request costs."""

    report: "Report"
    served: "Served"
    current: bool
    """Whether it is of the recipe as it stands in the stack file."""

    @property
    def cost(self) -> Cost:
        one = self.served
        return Cost(one.cpu_ms, one.cpu_sd_ms, one.cpu_p99_ms, one.master_bytes, one.worker_bytes)


def measured(target: Target, recipe: "Recipe", engine: Choice) -> Measured:
    """The latest figures of the model. Raises Failure where no build has measured any."""
    from model_build import folders, reporting
    from model_build.errors import InputError
    from model_build.identity import identify

    # the recipe's own modules are the project's, as they are when the program runs
    sys.path.insert(0, str(target.root))
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        identity = identify(json.loads(recipe.canonical()), target.root).digest
    except InputError as error:
        raise Failure(Exit.BAD_INPUT, str(error)) from None
    build = f"modelport build -s {target.stack}"
    found, current = reporting.read(identity), True
    if found is None or found.choice is None:
        found, current = _running(target, engine), False
    if found is None:
        told = (
            f"stack {target.stack} has no report of {recipe.name} as its file says it, expected what a build measured"
        )
        raise Failure(Exit.BAD_INPUT, f"{told}; run {build}")
    if found.served is None:
        what = f"the report of {found.name} {found.version}"
        if found.unserved:
            why = f"{what} has no figures of its server ({found.unserved}), expected time and memory of a request"
            raise Failure(Exit.BAD_INPUT, f"{why}; build it where its image runs")
        # It stays what it is for as long as its image is there: only without it is anything measured again.
        why = f"{what} was made before Modelport measured its server, expected time and memory of a request"
        raise Failure(Exit.BAD_INPUT, f"{why}; remove {folders.report(found.identity)} and run {build}")
    return Measured(found, found.served, current)


def _running(target: Target, engine: Choice) -> "Report | None":
    """The report of the version that the stack runs; None where nobody can say."""
    from model_build.report import Report

    try:
        place = drive(target, engine).outputs(show_secrets=False).get("report_json")
    except Failure:
        return None
    if not isinstance(place, str) or not Path(place).is_file():
        return None
    try:
        found = Report.load(Path(place))
    except (OSError, ValueError):
        return None
    return found if found.choice is not None else None
