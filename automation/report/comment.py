"""A plan report as Markdown for a comment on a pull request, of GitHub or GitLab.

Whatever the plan, it fits, and what was left out is counted. Names and messages come from the code under review, so
none of them may become markup, a link, or a mention of somebody.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from automation.report import figures, texts
from automation.report.model import Model, Report, Resource, Risk, Verdict
from automation.report.picture import told
from automation.report.tree import rows
from automation.report.verdicts import alike

MOST = 65_536
"""Characters of a comment on GitHub. Held to in bytes, of which there are never fewer."""
_SAFE = re.compile(r"[^\w ,;=+/.-]|_|\.(?=\S)")
_CALLS = re.compile(r"([@#!%~&$])(?=\S)|\b(GH-)(?=\d)")
"""What makes a word a mention of somebody, or a reference to something, on GitHub or GitLab."""
_APART = "\u200b"
_SHARES = {"errors": 5_000, "risks": 10_000, "models": 7_000, "policies": 11_000, "cost": 8_000, "resources": 11_000}
"""Bytes that a section may take; what it does not take is there for the differences."""
_END = 400


def render(report: Report) -> str:
    """The comment. Its first line tells a workflow which comment it takes the place of."""
    head = [
        marker(report.project, report.stack),
        f"### Plan of {code(report.stack)}: {_headline(report)}",
        "",
        *_facts(report),
    ]
    parts = ["\n".join(head)]
    sections = {
        "errors": _listed("Why", [f"- {plain(each, 1500)}" for each in report.errors], _SHARES["errors"], "error"),
        "risks": _listed("Risks", [_risk(each) for each in report.risks], _SHARES["risks"], "risk"),
        "models": _listed("Model", [_model(each) for each in report.models], _SHARES["models"], "model"),
        "policies": _policies(report),
        "cost": _cost(report),
        "resources": _resources(report),
    }
    parts += [text for text in sections.values() if text]
    unseen = [f"- {plain(each, 400)}" for each in (*report.not_known, *report.warnings)]
    parts.append(_listed("What this preview could not see", unseen, 3_000, "note"))
    parts.append(_architecture(report))
    left = MOST - _END - _size("\n\n".join(parts))
    parts.append(_differences(report, left))
    parts.append(f"<sub>Made by Modelport {code(report.modelport)}. Secrets are blotted out.</sub>")
    return "\n\n".join(part for part in parts if part) + "\n"


def marker(project: str, stack: str) -> str:
    """A line that nobody sees, by which a workflow finds its earlier comment."""
    name = "/".join(re.sub(r"[^A-Za-z0-9._-]", "_", each) for each in (project, stack))
    return f"<!-- modelport plan {name} -->"


def code(text: str, most: int = 120) -> str:
    """Somebody's word as code: mentions and references are none in it."""
    return f"<code>{_escaped(texts.line(text, most))}</code>"


def plain(text: str, most: int = 300) -> str:
    """Somebody's sentence as text, without markup, links, mentions and references."""
    return _escaped(_CALLS.sub(lambda found: f"{found[0]}{_APART}", texts.line(text, most)))


def _escaped(text: str) -> str:
    """Each character that Markdown or HTML may give a meaning as an entity, which stands for itself alone."""
    return _SAFE.sub(lambda found: _entity(found[0]), text)


def _entity(character: str) -> str:
    return character if character in "…→" + _APART else f"&#{ord(character)};"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _headline(report: Report) -> str:
    return figures.headline(report)


def _facts(report: Report) -> list[str]:
    cost = report.cost
    out: list[str] = []
    if report.result != "planned":
        out.append(f"- **Plan**: {figures.changes(report)}, as far as it came")
    if report.fork:
        out.append(f"- **Fork**: {plain(report.fork)}; its model was not built")
    high = sum(each.level == "high" for each in report.risks)
    out.append(f"- **Risks**: {f'{high:,} high of {len(report.risks):,}' if report.risks else 'none seen'}")
    for model in report.models[:3]:
        out.append(f"- **Model** {code(model.name)}: {plain(figures.in_short(model), 200)}")
    out.append(f"- **Policies**: {plain(figures.policies_told(report.policies))}")
    if cost.reckoned:
        rest = f"; {cost.unknown_after:,} not known, in no sum" if cost.unknown_after else ""
        change = figures.difference(cost)
        month = figures.month(cost)
        month += "" if month == figures.NOT_KNOWN else " a month"
        out.append(f"- **Cost**: {month}{f' ({change})' if change else ''}{rest}")
        if cost.refresh:
            out.append(f"  - prices that the book lacks are read by {code(cost.refresh, 300)}")
    return out


def _listed(title: str, lines: Sequence[str], share: int, what: str) -> str:
    """A section of lines, as many as its share holds, and how many there are besides."""
    if not lines:
        return ""
    kept, left = _fitting(lines, share)
    if left:
        kept.append(f"- … and {texts.counted(left, what)} more, not shown here for want of room")
    return "\n".join([f"#### {title}", "", *kept])


def _fitting(lines: Iterable[str], share: int) -> tuple[list[str], int]:
    """As many lines as `share` bytes hold, and the number of those that are left."""
    kept: list[str] = []
    rest = list(lines)
    for at, line in enumerate(rest):
        share -= _size(line) + 1
        if share < 0:
            return kept, len(rest) - at
        kept.append(line)
    return kept, 0


def _folded(summary: str, body: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def _risk(each: Risk) -> str:
    name = f" {code(each.name)}" if each.name else ""
    return f"- **{each.level}, {each.kind}**{name}: {plain(each.text, 400)}"


def _model(model: Model) -> str:
    after = figures.image(model)
    # Of a new one the word for it says all.
    why = "" if model.op == "create" else f": {plain('; '.join(model.reasons), 500) or 'nothing about it changes'}"
    out = [
        f"- {code(model.name)}, {figures.WORDS.get(model.op, 'as it is')}{why}",
        f"  - image {code(figures.short(model.digest_before))} → {code(after) if model.digest_after else after}",
        f"  - {plain(figures.quality(model), 500)}",
    ]
    if model.metric and model.metric_before is not None and model.metric_after is not None:
        out.append(
            f"  - {code(model.metric)} {figures.number(model.metric_before)} → {figures.number(model.metric_after)}"
        )
    if model.candidates:
        out += ["", "  | candidate | result | metric | file | p99 |", "  |---|---|--:|--:|--:|"]
        for each in model.candidates[:20]:
            result = "**chosen**" if each.chosen else "passed" if each.passed else "missed"
            cells = (figures.number(each.metric), figures.size(each.file_bytes), figures.milliseconds(each.p99_ms))
            out.append(f"  | {code(each.name, 60)} | {result} | {' | '.join(cells)} |")
    return "\n".join(out)


def _policies(report: Report) -> str:
    found = report.policies
    broken = [_said(*each) for each in alike(found.verdicts) if each[0].verdict == "mandatory"]
    others = [_said(*each) for each in alike(found.verdicts) if each[0].verdict != "mandatory"]
    parts = [_listed("Policies broken", broken, _SHARES["policies"] // 2, "policy")]
    kept, left = _fitting(others, _SHARES["policies"] // 2)
    if left:
        kept.append(f"- … and {left:,} more, not shown here for want of room")
    if kept:
        counts = figures.verdict_counts(found)
        about = f"Policies: {counts['not known yet']:,} not known yet, {counts['advisory']:,} advisory"
        parts.append(_folded(about, "\n".join(kept)))
    return "\n\n".join(part for part in parts if part)


def _said(each: Verdict, names: Sequence[str]) -> str:
    of = ", ".join(code(name, 80) for name in names[:10]) + (
        f" and {len(names) - 10:,} more" if len(names) > 10 else ""
    )
    return f"- **{each.verdict}** {code(each.policy)} of {of}: {plain(each.message, 400)}"


def _cost(report: Report) -> str:
    cost = report.cost
    if not cost.reckoned:
        return f"#### Cost\n\nNot reckoned: {plain(cost.note)}."
    was = cost.per_month_before is not None
    table = [
        "| | before | after |",
        "|---|--:|--:|",
        f"| a month | {figures.month(cost, before=True) if was else 'none'} | {figures.month(cost)} |",
        f"| a million predictions | {figures.per_million(cost, before=True) if was else 'none'} "
        f"| {', as '.join(part for part in (figures.per_million(cost), figures.no_predictions(cost)) if part)} |",
        f"| not known, in no sum | {cost.unknown_before:,} | {cost.unknown_after:,} |",
    ]
    warned, more = _fitting([f"- **budget**: {plain(each, 500)}" for each in cost.warnings], _SHARES["cost"] // 4)
    if more:
        warned.append(f"- … and {more:,} more")
    parts = ["#### Cost", "\n".join(table), "\n".join(warned)]
    changed = [each for each in cost.lines if each.per_month != each.per_month_before or not each.known]
    # What is the same of several resources is one line, with how many they are.
    found = Counter(
        (
            code(each.what),
            f"{_amount(cost.currency, each.per_month_before, each.there_before)} → "
            f"{_amount(cost.currency, each.per_month, each.there_after)}"
            + (f"; {plain(each.why, 200)}" if not each.known else ""),
        )
        for each in changed
    )
    lines = [f"- {what}{f' ({n:,} times)' if n > 1 else ''}: {said}" for (what, said), n in found.items()]
    kept, _ = _fitting(lines, _SHARES["cost"] // 2)
    if left := len(changed) - sum([*found.values()][: len(kept)]):
        kept.append(f"- … and {left:,} more, not shown here for want of room")
    if kept:
        dated = plain(cost.book) or "no date"
        about = f"{texts.counted(len(changed), 'line')} that change or are not known; prices of {dated}"
        parts.append(_folded(about, "\n".join(kept)))
    return "\n\n".join(part for part in parts if part)


def _amount(currency: str, amount: str | None, there: bool) -> str:
    return figures.money(amount, currency) if there else "none"


def _resources(report: Report) -> str:
    changed, same = rows(report.resources)
    touched = [row for row in changed if row.resource.op != "same"]
    if not touched:
        return ""
    order = {"replace": 0, "delete": 1, "update": 2}
    # What is worst stands where it is not cut off.
    touched.sort(key=lambda row: order.get(row.resource.op, 3))
    lines = [
        f"| {figures.SIGNS.get(each.op, '')} {figures.WORDS.get(each.op, each.op)} "
        f"| {code(each.name)} | {code(each.type)} |"
        for each in (row.resource for row in touched)
    ]
    kept, left = _fitting(lines, _SHARES["resources"])
    table = "\n".join(["| | resource | type |", "|---|---|---|", *kept])
    if left:
        table += f"\n\n… and {texts.counted(left, 'resource')} more, not shown here for want of room"
    stays = f", {len(same):,} stay as they are" if same else ""
    return _folded(f"{texts.counted(len(touched), 'resource')}: {figures.changes(report)}{stays}", table)


def _architecture(report: Report) -> str:
    """The picture in words, as a comment holds no SVG."""
    lines: list[str] = []
    for box in report.picture.boxes:
        waits = f", behind {', '.join(code(each, 60) for each in box.waits_for)}" if box.waits_for else ""
        lines.append(f"- {code(box.title, 60)}: {told(box)}{waits}")
    kept, left = _fitting(lines, 5_000)
    if left:
        kept.append(f"- … and {left:,} more")
    return _folded("Architecture", "\n".join(kept)) if kept else ""


def _differences(report: Report, room: int) -> str:
    """What differs, the worst first, as much as there is room for."""
    order = {"replace": 0, "update": 1, "create": 2, "import": 2}
    told = sorted((each for each in report.resources if each.properties), key=lambda each: order.get(each.op, 3))
    if not told:
        return ""
    room -= 300
    kept: list[str] = []
    for at, each in enumerate(told):
        block = _diff(each)
        room -= _size(block) + 1
        if room < 0:
            left = texts.counted(len(told) - at, "resource")
            if not kept:
                return f"The differences of {left} do not fit into a comment; the page and the JSON have them."
            return _folded("What differs", _fenced(kept) + f"\n\n… and {left} more, not shown here for want of room")
        kept.append(block)
    return _folded("What differs", _fenced(kept))


def _fenced(blocks: Sequence[str]) -> str:
    text = "\n".join(blocks)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}diff\n{text}\n{fence}"


def _diff(each: Resource) -> str:
    """One resource as lines of a diff; none begins with what somebody else wrote."""
    lines = [f"@@ {figures.WORDS.get(each.op, each.op)} {texts.line(each.name, 120)} {texts.line(each.type, 120)} @@"]
    for prop in each.properties[:60]:
        forces = "  (forces the replacement)" if prop.replaces else ""
        if prop.before is not None:
            lines.append(
                f"- {texts.line(prop.path, 160)}: {texts.line(prop.before, 240)}{forces if prop.after is None else ''}"
            )
        if prop.after is not None:
            lines.append(f"+ {texts.line(prop.path, 160)}: {texts.line(prop.after, 240)}{forces}")
    left = each.left_out + max(0, len(each.properties) - 60)
    return "\n".join([*lines, *([f"  … and {left:,} more"] if left else [])])
