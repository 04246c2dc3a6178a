"""From the flags of `preview` to the files of a report."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

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

    def __init__(self, wanted: Wanted, target: Target) -> None:
        """Refuses paths that cannot be written, before anything runs."""
        self.wanted, self.target = wanted, target
        files.check(wanted.files(), kept=[target.file, target.root / "Pulumi.yaml", target.root / "__main__.py"])
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
            errors.append(model_change.told(reason))
            print(f"error: {reason.text}", file=sys.stderr)
            code = reason.code if code is Exit.DONE or reason.code is Exit.GATE_MISSED else code
        report = assemble(
            self.plan,
            replace(ended, code=code, errors=errors),
            target=self.target,
            project=project,
            engine=engine,
            fork=fork,
            built=self.wanted.build and not fork,
            why_not=why_not,
            failed=failed,
            cost=self._cost(),
        )
        self._write(report)
        if not quiet and (paths := [str(path) for _, path in self.wanted.files()]):
            print(f"wrote {', '.join(paths)}")
        return code

    def _write(self, report: Report) -> None:
        made: dict[str, Callable[[Report], str]] = {
            "--html": page.render,
            "--markdown": comment.render,
            "--json": Report.dump,
        }
        for flag, path in self.wanted.files():
            files.write(path, made[flag](report))

    def _cost(self) -> Cost:
        """By the prices that `modelport prices` knows and those of the stack file, which is read here once more."""
        from automation.costs.estimate import Budget
        from automation.costs.update import known

        spec = _spec(self.target)
        given = getattr(spec, "cost", None)
        own = getattr(given, "prices", None)
        allowed = getattr(given, "budget_per_month", None)
        try:
            book = known(self.target.root / own if own else None)
        except Failure as failure:
            return money.none(texts.line("; ".join(failure.messages), 1000))
        return money.cost(
            self.plan,
            book,
            predictions=getattr(given, "predictions_per_month", None),
            budget=Budget(Decimal(str(allowed))) if allowed else None,
        )


def assemble(
    plan: Plan,
    ended: Ended,
    *,
    target: Target,
    project: str,
    engine: str,
    fork: str = "",
    built: bool = False,
    why_not: str = "",
    failed: Mapping[str, Reason] | None = None,
    cost: Cost | None = None,
) -> Report:
    """The report of a plan that was heard to its end."""
    results: dict[Exit, Literal["planned", "interrupted"]] = {Exit.DONE: "planned", Exit.INTERRUPTED: "interrupted"}
    return Report(
        modelport=_version(),
        project=texts.visible(project),
        stack=texts.visible(target.stack),
        engine=engine,
        result=results.get(ended.code, "failed"),
        exit_code=int(ended.code),
        fork=texts.line(fork),
        errors=[texts.line(error, 2000) for error in ended.errors],
        warnings=plan.warnings,
        not_known=plan.not_known,
        changes=plan.counted(),
        resources=resources(plan),
        outputs=differences(*plan.root_outputs) if plan.root_outputs else [],
        models=model_change.models(plan, built=built, why_not=why_not, failed=failed or {}),
        policies=verdicts.policies(plan),
        cost=cost or money.none("nobody asked"),
        risks=risks.risks(plan),
        picture=picture.picture(plan, ended.references),
    )


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


def _spec(target: Target) -> Any:
    """What the stack file says; None where the project's stacks are not Modelport's own, or it is in order no more."""
    if not has_spec(target.root):
        return None
    from stacks.spec import SpecError, StackSpec

    try:
        return StackSpec.from_file(target.file)
    except SpecError:
        return None
