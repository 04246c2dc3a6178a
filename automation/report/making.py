"""From the flags of `preview` to the files of a report."""

import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from automation import printers
from automation.diagnosis import Reason
from automation.exits import Exit, Failure
from automation.operate import Ended
from automation.projects import Target, has_spec
from automation.report import comment, files, forks, model_change, money, page, picture, risks, texts, verdicts
from automation.report.model import Cost, Report
from automation.report.plan import Plan, differences, resources
from automation.story import Progress
from automation.wanted import Wanted


class Making:
    """A report under way: hears the events, and writes the files when the preview has ended."""

    def __init__(self, wanted: Wanted, target: Target, cwd: Path) -> None:
        """Refuses paths that cannot be written, before anything runs."""
        self.wanted, self.target = wanted, target
        self._files = [(flag, cwd / path) for flag, path in wanted.files()]
        files.check(self._files, kept=[target.file, target.root / "Pulumi.yaml", target.root / "__main__.py"])
        self.plan = Plan()

    def finish(self, ended: Ended, *, project: str, engine: str, quiet: bool) -> Exit:
        """Build what is to be built, write the report, and say the exit code of it all."""
        fork = forks.fork()
        why_not = ""
        failed: dict[str, Reason] = {}
        if self.wanted.build and fork:
            why_not = f"it is measured in up: {texts.line(fork)}, and a fork's model code is not run in a preview"
            if model_change.images(self.plan):
                print(f"note: the model is not built: {texts.line(fork)}", file=sys.stderr)
        elif self.wanted.build and ended.code is not Exit.INTERRUPTED:
            failed = model_change.build(self.plan, self.target.root, _progress(quiet=quiet))
        code, errors = ended.code, list(ended.errors)
        for reason in failed.values():
            errors.append(reason.text)
            print(f"error: {reason.text}", file=sys.stderr)
            code = reason.code if code is Exit.DONE or reason.code is Exit.GATE_MISSED else code
        report = Report(
            modelport=_version(),
            project=texts.visible(project),
            stack=texts.visible(self.target.stack),
            engine=engine,
            result={Exit.DONE: "planned", Exit.INTERRUPTED: "interrupted"}.get(code, "failed"),  # type: ignore[arg-type]
            exit_code=int(code),
            fork=texts.line(fork),
            errors=[texts.line(error, 2000) for error in errors],
            warnings=self.plan.warnings,
            not_known=self.plan.not_known,
            changes=self.plan.counted(),
            resources=resources(self.plan),
            outputs=differences(*self.plan.root_outputs) if self.plan.root_outputs else [],
            models=model_change.models(self.plan, built=self.wanted.build and not fork, why_not=why_not, failed=failed),
            policies=verdicts.policies(self.plan),
            cost=self._cost(),
            risks=risks.risks(self.plan),
            picture=picture.picture(self.plan, ended.references),
        )
        self._write(report)
        return code

    def _write(self, report: Report) -> None:
        made: dict[str, Callable[[Report], str]] = {
            "--html": page.render,
            "--markdown": comment.render,
            "--json": Report.dump,
        }
        for flag, path in self._files:
            files.write(path, made[flag](report))

    def _cost(self) -> Cost:
        try:
            from automation.costs import book as books
        except ImportError:
            return money.none("there are no prices here")
        budget, predictions, book = None, None, books.shipped()
        try:
            return money.cost(self.plan, book, predictions=predictions, budget=budget)
        except Failure as failure:
            return money.none(texts.line("; ".join(failure.messages)))


def _version() -> str:
    try:
        return version("modelport")
    except PackageNotFoundError:
        return "from a work tree"


def _progress(*, quiet: bool) -> Callable[[str], None]:
    """Shows the lines of a build as those of a step; beside the JSON, where that owns standard output."""
    lines = printers.Lines(sys.stderr if quiet else sys.stdout)

    def say(text: str) -> None:
        subject, step, rest = [*text.removeprefix("modelport: ").split(": ", 2), "", ""][:3]
        if text.startswith("modelport: ") and rest:
            lines.progress(Progress(subject, step, rest))

    return say


def spec_of(target: Target) -> Any:
    """What the stack file says, where the project's stacks are Modelport's own."""
    if not has_spec(target.root):
        return None
    from stacks.spec import StackSpec

    return StackSpec.from_file(target.file)
