"""What becomes of the models of a plan: which digest, why, and how good, as far as that was ever measured."""

import contextlib
import io
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from automation.diagnosis import Reason
from automation.exits import Exit
from automation.report import texts
from automation.report.model import Candidate, Model
from automation.report.plan import Plan, Planned
from engine.display.facts import is_unknown
from engine.values import is_dict
from model_build import folders
from model_build.errors import parse
from model_build.identity import changes
from model_build.plan import UNREACHED, versions
from model_build.report import Report

TYPE = "pulumi-python:dynamic/modelport:ModelImage"
Measured = Literal["state", "cache", "build", "in up"]
_NUMBERS = ("baseline", "drop", "p50_ms", "p99_ms", "bytes")
"""What stands beside the metric among a built model's numbers."""
_PLACE = re.compile(r"; report: [^;]*report\.html$")
_CHANGING = ("create", "update", "replace", "import")


def images(plan: Plan) -> list[Planned]:
    """The models of the plan."""
    return [each for each in plan.each() if each.type == TYPE]


def build(plan: Plan, project: Path, say: Callable[[str], None]) -> dict[str, Reason]:
    """Build what the plan would build and nobody measured yet, without pushing it anywhere.

    Runs the models' own code. Returns why a model did not pass or could not be made, by URN.
    """
    from model_build import child

    failed: dict[str, Reason] = {}
    for each in images(plan):
        identity, recipe = _text(each.inputs(), "identity"), _text(each.inputs(), "recipe")
        if each.op not in _CHANGING or not identity or not recipe or _unchanged(each):
            continue
        found = _report(identity)
        if found is not None and found.chosen is not None:
            continue
        try:
            with contextlib.redirect_stderr(_Lines(say)):
                child.build(recipe, None, project)
        except child.BuildFailed as error:
            code, told = parse(str(error)) or (int(Exit.FAILED), str(error).strip().splitlines()[-1])
            failed[each.urn] = Reason(Exit(code), texts.line(told, 1000))
    return failed


def told(reason: Reason) -> str:
    """Why a model did not pass, without where on this machine its own report lies."""
    return _PLACE.sub("", reason.text)


class _Lines(io.TextIOBase):
    """A stream that hands on whole lines."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._rest = say, ""

    def write(self, text: str, /) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for each in lines:
            if each.strip():
                self._say(each)
        return len(text)


def models(plan: Plan, *, built: bool, why_not: str, failed: Mapping[str, Reason]) -> list[Model]:
    """What is to be said of each. built: what is measured was measured just now. why_not: why nothing was built."""
    return [
        _model(each, built=built, why_not=why_not, failed=told(failed[each.urn]) if each.urn in failed else "")
        for each in images(plan)
    ]


def _model(each: Planned, *, built: bool, why_not: str, failed: str) -> Model:
    olds, news = {**each.inputs("old"), **each.outputs("old")}, each.inputs()
    before, after = _text(olds, "identity"), _text(news, "identity")
    going = each.op in ("delete", "discard")
    same = bool(before) and before == after
    report = None if going or not after else _report(after)
    measured: Measured = "in up"
    if report is not None:
        measured = "build" if built and not same else "cache"
    elif same or going:
        measured = "state"
    metric_before, value_before = _metric(olds)
    choice = report.choice if report else None
    passed: bool | None = None
    if report is not None:
        passed = report.chosen is not None
    elif failed:
        passed = False
    elif same:
        passed = True  # what is in the state has passed: else there were no image
    digest_before = _text(olds, "digest")
    digest_after = digest_before if same else report.image.digest if report and report.image else None
    unreached = _text(news, UNREACHED)
    later = texts.line(f"could not look: {unreached}", 1000) if unreached else why_not or "it is measured in up"
    note = failed or ("" if passed is not None or going else later)
    if report is not None and not passed and not failed:
        note = "no candidate met the gate"
    return Model(
        name=texts.visible(_name(news) or _name(olds) or each.name),
        urn=texts.visible(each.urn),
        op=each.op,
        reasons=[texts.line(reason) for reason in _reasons(each, olds, news)],
        identity_before=before,
        identity_after=None if going else after,
        digest_before=digest_before,
        digest_after=None if going else digest_after,
        measured=measured,
        note=note,
        passed=None if going else passed,
        metric=report.evaluation.metric if report else metric_before,
        metric_before=value_before,
        metric_after=(choice.metric if choice else None) if report else value_before if same else None,
        chosen_before=_text(olds, "chosen"),
        chosen_after=None if going else choice.name if choice else _text(olds, "chosen") if same else None,
        candidates=[_candidate(one) for one in report.candidates] if report else [],
    )


def _candidate(one: Any) -> Candidate:
    return Candidate(
        name=texts.line(one.name),
        metric=one.metric,
        file_bytes=one.file_bytes,
        p50_ms=one.latency.p50_ms if one.latency else None,
        p99_ms=one.latency.p99_ms if one.latency else None,
        passed=one.passed,
        chosen=one.chosen,
        why=texts.line(one.why),
    )


def _reasons(each: Planned, olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    if each.op == "create":
        return ["it is new"]
    if each.op in ("delete", "discard"):
        return ["it goes; its image stays where it was pushed, unless the stack file says otherwise"]
    if each.op in _CHANGING and (unreached := _text(news, UNREACHED)):
        return [f"could not look: {unreached}"]
    found: list[str] = []
    if not _unchanged(each) and each.op in _CHANGING:
        parts = [side.get("parts") for side in (olds, news)]
        before, after = (part if is_dict(part) else {} for part in parts)
        found = changes(before, after, _text(olds, "recipe") or "", _text(news, "recipe") or "") or ["it is another"]
        found += versions(olds, news)
    if each.op in _CHANGING and olds.get("destination") != news.get("destination"):
        found.append("it is pushed elsewhere")
    return found


def _unchanged(each: Planned) -> bool:
    olds = {**each.inputs("old"), **each.outputs("old")}
    return bool(_text(olds, "identity")) and _text(olds, "identity") == _text(each.inputs(), "identity")


def _metric(olds: Mapping[str, Any]) -> tuple[str | None, float | None]:
    """The metric of what the stack has: by its name among the numbers of the build."""
    numbers: Any = olds.get("metrics")
    if not is_dict(numbers):
        return None, None
    for name, value in numbers.items():
        if name not in _NUMBERS and isinstance(value, (int, float)) and not isinstance(value, bool):
            return texts.line(str(name)), float(value)
    return None, None


def _report(identity: str) -> Report | None:
    """The report of a build of just this; None where there is none on this machine, or it cannot be read."""
    try:
        found = Report.load(folders.report(identity) / "report.json")
    except (OSError, ValueError):
        return None
    return found if found.identity == identity else None


def _name(values: Mapping[str, Any]) -> str | None:
    recipe = _text(values, "recipe")
    try:
        found: Any = json.loads(recipe) if recipe else None
    except ValueError:
        return None
    return str(found["name"]) if is_dict(found) and found.get("name") else None


def _text(values: Mapping[str, Any], key: str) -> str | None:
    value = values.get(key)
    return texts.visible(value) if isinstance(value, str) and value and not is_unknown(value) else None
