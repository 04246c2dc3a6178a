"""A plan report as one page: self-contained, without scripts, without a single request to anywhere."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import model_build.report
from automation.report import figures, texts
from automation.report.model import Cost, Model, Property, Report, Resource, Risk, Verdict
from automation.report.picture import draw
from automation.report.tree import Row, rows
from automation.report.verdicts import alike
from model_build.report.markup import Child, Markup, tag

_STYLE = "\n".join(
    (Path(each).parent / "page.css").read_text(encoding="utf-8") for each in (model_build.report.__file__, __file__)
)
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"
"""Nothing may be loaded, run or sent, and no other style than this one counts."""
_OPEN = 20
"""Changed resources up to which their differences are open from the start."""
_MANY = 100
"""So much of a list is seen at once; the rest is folded together."""
_ERRORS = 10
_LEVELS = {"high": "bad", "medium": "warn", "low": ""}
_VERDICTS = {"mandatory": "bad", "not known yet": "warn", "advisory": "", "remediated": "good"}


def render(report: Report) -> str:
    """The page, UTF-8 text. The same report gives the same page, byte for byte."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{report.project}, {report.stack}: plan report"),
        tag("style", Markup(_STYLE)),
    )
    body = [
        _header(report),
        _verdict(report),
        _tiles(report),
        _risks(report),
        _models(report),
        _policies(report),
        _cost(report.cost),
        _picture(report),
        _resources(report),
        _outputs(report),
        _not_known(report),
        tag(
            "footer", f"Made by Modelport {report.modelport}. Secrets are blotted out; nothing on this page is loaded."
        ),
    ]
    return f"<!doctype html>\n{tag('html', head, tag('body', tag('main', body)), lang='en')}\n"


def _header(report: Report) -> Markup:
    beside = tag("small", f"{report.project}, by the {report.engine} engine")
    return tag("header", tag("p", "Plan report", class_="over"), tag("h1", report.stack, " ", beside))


def _verdict(report: Report) -> Markup:
    said: list[Child] = []
    if report.errors:
        said += _list([tag("li", each) for each in report.errors], "reason", most=_ERRORS)
    elif report.changes.keys() <= {"same"}:
        said.append(tag("p", "Every resource is as the stack file says."))
    else:
        high = sum(each.level == "high" for each in report.risks)
        if high:
            said.append(tag("p", f"{texts.counted(high, 'risk')} to look at before it is made."))
    late = figures.verdict_counts(report.policies)["not known yet"]
    if late:
        said.append(
            tag("p", f"{texts.counted(late, 'verdict')} of policies {'is' if late == 1 else 'are'} not known yet.")
        )
    if report.fork:
        said.append(tag("p", f"The code is a fork's ({report.fork}): its model was not built."))
    kind = "failed" if report.result != "planned" else "" if figures.good(report) else "warned"
    return tag("div", tag("strong", figures.headline(report)), said, class_=f"verdict {kind}".strip())


def _tiles(report: Report) -> Markup:
    cost, policies = report.cost, report.policies
    tiles: list[Child] = []

    def tile(name: str, big: str, below: str) -> None:
        tiles.append(tag("div", tag("dt", name), tag("dd", big), tag("dd", below, class_="sub")))

    touched = sum(count for op, count in report.changes.items() if op != "same")
    tile("Resources", f"{touched:,}", f"change, {report.changes.get('same', 0):,} stay as they are")
    if cost.reckoned:
        beside = figures.difference(cost) or "nothing before"
        if cost.unknown_after:
            beside += f"; {cost.unknown_after:,} not known"
        tile("Cost a month", figures.month(cost), beside)
    counts = figures.verdict_counts(policies)
    if policies.packs:
        tile("Policies broken", f"{counts['mandatory']:,}", f"{counts['not known yet']:,} not known yet")
    else:
        tile("Policies", "not asked", "no policy pack")
    high = sum(each.level == "high" for each in report.risks)
    tile(
        "High risks", f"{high:,}", f"of {texts.counted(len(report.risks), 'risk')}" if report.risks else "and no other"
    )
    return tag("dl", tiles, class_="tiles")


def _section(title: str, *children: Child) -> Markup:
    return tag("section", tag("h2", title), children)


def _list(items: Sequence[Child], what: str, kind: str | None = None, most: int = _MANY) -> list[Child]:
    """A list; of a long one what comes after the first is folded together."""
    found: list[Child] = [tag("ul", items[:most], class_=kind)]
    rest = items[most:]
    if rest:
        about = tag("summary", f"{texts.counted(len(rest), what)} more")
        found.append(tag("details", about, tag("ul", rest, class_=kind), class_="rest"))
    return found


def _lead(text: str) -> Markup:
    return tag("p", text, class_="lead")


def _chip(text: str, kind: str) -> Markup:
    return tag("span", text, class_=f"chip {kind}".strip())


def _risks(report: Report) -> Markup:
    if not report.risks:
        return _section("Risks", _lead("Nothing is replaced or deleted, and no guard is taken away."))
    return _section("Risks", _list([_risk(each) for each in report.risks], "risk", "plain"))


def _risk(each: Risk) -> Markup:
    return tag(
        "li",
        _chip(f"{each.level}: {each.kind}", _LEVELS[each.level]),
        [" ", tag("strong", each.name)] if each.name else None,
        [" ", tag("span", _kind(each.urn), class_="kind")] if each.urn else None,
        tag("p", each.text),
        class_="risk",
    )


def _kind(urn: str) -> str:
    parts = urn.split("::", 3)
    return parts[2].rpartition("$")[2] if len(parts) > 2 else ""


def _models(report: Report) -> Child:
    if not report.models:
        return None
    return _section("Model", [_model(each) for each in report.models])


def _model(model: Model) -> Child:
    def change(before: str, after: str) -> Child:
        return before if before == after else [before, " → ", after]

    facts: list[tuple[str, Child]] = [
        ("What becomes of it", figures.WORDS.get(model.op, "as it is")),
        *([] if model.op == "create" else [("Why", "; ".join(model.reasons) or "nothing about it changes")]),
        ("Image", change(figures.short(model.digest_before), figures.image(model))),
        ("Quality", figures.quality(model)),
    ]
    if model.metric:
        to = figures.number(model.metric_after)
        facts.append((model.metric, change(figures.number(model.metric_before), to)))
    found: list[Child] = [
        tag("h3", model.name),
        tag("dl", [[tag("dt", name), tag("dd", value)] for name, value in facts], class_="facts"),
    ]
    if model.candidates:
        lines = [
            _row(
                each.name,
                tag(
                    "td",
                    _chip("chosen", "good") if each.chosen else "passed" if each.passed else _chip("missed", "bad"),
                ),
                _number(figures.number(each.metric)),
                _number(figures.size(each.file_bytes)),
                _number(figures.milliseconds(each.p99_ms)),
            )
            for each in model.candidates
        ]
        head = ["Candidate", "Result", f"-{model.metric or 'metric'}", "-File", "-p99"]
        found.append(_table(f"Candidates of {model.name}", head, lines))
    return found


def _row(name: str, *cells: Child) -> Markup:
    return tag("tr", tag("th", name, scope="row"), cells)


def _number(text: str, below: str = "") -> Markup:
    return tag("td", text, tag("small", below) if below else None, class_="n")


def _table(caption: str, head: Iterable[str], lines: Iterable[Child], kind: str | None = None) -> Markup:
    """A table in a frame of its own. A heading that begins with a dash is of numbers."""
    heads = [tag("th", each.removeprefix("-"), scope="col", class_="n" if each[:1] == "-" else None) for each in head]
    table = tag("table", tag("caption", caption), tag("thead", tag("tr", heads)), tag("tbody", lines), class_=kind)
    return tag("div", table, class_="wide", role="region", aria_label=caption, tabindex="0")


def _policies(report: Report) -> Markup:
    found = report.policies
    packs = ", ".join(f"{name} {number}".strip() for name, number in found.packs.items())
    parts: list[Child] = [_lead(figures.policies_told(found) + (f" Asked: {packs}." if packs else ""))]
    if found.verdicts:
        parts += _list([_said(*each) for each in alike(found.verdicts)], "verdict", "plain")
    if found.kept:
        about = f"{texts.counted(len(found.kept), 'policy')} with nothing found against them, or nothing to look at"
        parts.append(
            tag("details", tag("summary", about), tag("p", ", ".join(found.kept), class_="soft"), class_="rest")
        )
    return _section("Policies", parts)


def _said(each: Verdict, names: Sequence[str]) -> Markup:
    return tag(
        "li",
        _chip(each.verdict, _VERDICTS[each.verdict]),
        [" ", _chip(each.severity, "")] if each.severity else None,
        " ",
        tag("strong", each.policy),
        tag("span", f" of {', '.join(names)}", class_="kind"),
        tag("p", each.message),
    )


def _cost(cost: Cost) -> Markup:
    if not cost.reckoned:
        return _section("Cost", _lead(f"Not reckoned: {cost.note}."))
    parts: list[Child] = [
        _lead(
            f"Of what has a price in the book of {cost.book or 'no date'}. What is not known is in no sum. {cost.note}"
        )
    ]
    if cost.warnings:
        parts.append(
            tag("ul", [tag("li", _chip("budget", "warn"), tag("p", each)) for each in cost.warnings], class_="plain")
        )
    before = cost.per_month_before
    sums = [
        _row(
            "A month",
            _number(figures.month(cost, before=True) if before is not None else "none"),
            _number(figures.month(cost), figures.difference(cost)),
        ),
        _row(
            "A million predictions",
            _number(figures.per_million(cost, before=True) if before is not None else "none"),
            _number(figures.per_million(cost), figures.no_predictions(cost)),
        ),
        _row("Not known, in no sum", _number(f"{cost.unknown_before:,}"), _number(f"{cost.unknown_after:,}")),
    ]
    parts.append(_table("Cost before and after", ["", "-Before", "-After"], sums))
    if cost.refresh:
        parts.append(tag("p", "Prices that the book lacks are read by ", tag("code", cost.refresh)))
    lines = [
        tag(
            "tr",
            tag("th", each.what, scope="row"),
            _number(_amount(cost, each.per_month_before, there=each.there_before)),
            _number(_amount(cost, each.per_month, there=each.there_after), _bounds(cost, each.least, each.most)),
            tag("td", f"{each.basis}: {each.why}" + (f" ({each.source})" if each.source else ""), class_="how"),
        )
        for each in cost.lines
    ]
    if lines:
        table = _table("What is paid for", ["What", "-Before", "-After", "How it is known"], lines, "money")
        parts.append(tag("details", tag("summary", texts.counted(len(lines), "line")), table, class_="rest"))
    return _section("Cost", parts)


def _amount(cost: Cost, amount: str | None, *, there: bool) -> str:
    return figures.money(amount, cost.currency) if there else "none"


def _bounds(cost: Cost, least: str | None, most: str | None) -> str:
    if least is None or least == most:
        return ""
    return f"{figures.money(least, cost.currency)} to {figures.money(most, cost.currency) if most else 'any'}"


def _picture(report: Report) -> Child:
    if not report.picture.boxes:
        return None
    lead = (
        "What waits for something stands right of it."
        if report.picture.references
        else "This engine's events do not tell what waits for what, so there are no lines."
    )
    drawing = tag(
        "div", draw(report.picture), class_="wide drawing", role="region", aria_label="Architecture", tabindex="0"
    )
    return _section("Architecture", _lead(lead), drawing)


def _resources(report: Report) -> Markup:
    changed, same = rows(report.resources)
    if all(row.resource.op == "same" for row in changed):
        return _section("Resources", _lead(f"{texts.counted(len(same), 'resource')}, and none of them changes."))
    updated = sum(row.resource.op in ("update", "replace") for row in changed)
    parts: list[Child] = [*_list(list(_branches(changed, opened=updated <= _OPEN)), "resource", "tree")]
    if same:
        stay = "stays as it is" if len(same) == 1 else "stay as they are"
        listed = tag("ul", [_resource(row, opened=False) for row in same], class_="tree")
        about = tag("summary", f"{texts.counted(len(same), 'resource')} {stay}")
        parts.append(tag("details", about, listed, class_="rest"))
    return _section("Resources", parts)


def _branches(found: Sequence[Row], *, opened: bool) -> Iterator[Markup]:
    """What hangs on the stack, each with all that is in it folded together; open where more than making is done."""
    at = 0
    while at < len(found):
        end = at + 1
        while end < len(found) and found[at].depth > 0 and found[end].depth > found[at].depth:
            end += 1
        inner = found[at + 1 : end]
        if inner:
            counts: Counter[str] = Counter(row.resource.op for row in inner if not row.resource.component)
            said = ", ".join(f"{counts[op]:,} {word}" for op, word in figures.WORDS.items() if counts[op])
            listed = tag("ul", [_resource(row, opened=opened) for row in inner], class_="tree inner")
            is_open = opened and any(row.resource.op in ("update", "replace", "delete") for row in inner)
            line = [*_line(found[at].resource), tag("span", f" {said}", class_="kind")]
            yield tag("li", tag("details", tag("summary", line), listed, open="" if is_open else None))
        else:
            yield _resource(found[at], opened=opened)
        at = end


def _line(each: Resource) -> list[Child]:
    line: list[Child] = [
        tag("span", figures.SIGNS.get(each.op, ""), class_=f"sign {each.op}", aria_hidden="true"),
        tag("strong", each.name),
        " ",
        tag("span", each.type, class_="kind"),
        " ",
        tag("span", _becomes(each), class_=each.op),
    ]
    if each.protected:
        line += [" ", _chip("protected", "")]
    if each.retained:
        line += [" ", _chip("kept when deleted", "")]
    return line


def _resource(row: Row, *, opened: bool) -> Markup:
    each = row.resource
    line = _line(each)
    inner: Child = line
    if each.properties:
        more = f"and {each.left_out:,} more" if each.left_out else None
        body = [_diff(each.properties), tag("p", more, class_="soft") if more else None]
        is_open = opened and each.op in ("update", "replace")
        inner = tag("details", tag("summary", line), body, open="" if is_open else None)
    return tag("li", inner, class_=f"d{min(max(row.depth - 2, 0), 4)}")


def _becomes(each: Resource) -> str:
    if each.op == "replace":
        return "replaced, the old one first" if each.delete_first else "replaced"
    return figures.WORDS.get(each.op, {"discard": "forgotten", "read": "read", "refresh": "read"}.get(each.op, ""))


def _diff(found: Iterable[Property]) -> Markup:
    return tag("dl", [_property(each) for each in found], class_="diff")


def _property(each: Property) -> Markup:
    return tag(
        "div",
        tag("dt", tag("code", each.path), [" ", _chip("forces the replacement", "bad")] if each.replaces else None),
        tag("dd", tag("del", tag("code", each.before))) if each.before is not None else None,
        tag("dd", tag("ins", tag("code", each.after))) if each.after is not None else None,
    )


def _outputs(report: Report) -> Child:
    return _section("Outputs", _diff(report.outputs)) if report.outputs else None


def _not_known(report: Report) -> Child:
    listed = [*report.not_known, *report.warnings]
    if not listed:
        return None
    return _section("What this preview could not see", _list([tag("li", each) for each in listed], "note"))
