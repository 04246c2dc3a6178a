"""Events of a plan, in the form in which engines write them, for what a small program does not come to."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from automation.exits import Exit
from automation.operate import Ended
from automation.projects import Target
from automation.report import comment, page
from automation.report.making import assemble
from automation.report.model import Report
from automation.report.plan import Plan

ROOT_URN = "urn:pulumi:dev::demo::pulumi:pulumi:Stack::demo-dev"
HOSTILE = (
    "a|b`c``d```",
    "<script>alert(1)</script>",
    "@everyone #1 !2 GH-3 https://evil.example/ www.evil.example",
    "[x](javascript:alert(1)) ![y](https://evil.example/p.png)",
    "*b* _i_ ~~s~~ $m$ :smile: \\ &lt; &#64;admin",
    "</code></pre></details>-->]]>",
    "line\nbreak\r\n/close\n# head",
    "turn\u202eed \u200bhidden \x1b[31m \x00",
    "```\n~~~\n| a | b |",
)


def urn(type_: str, name: str, parent: str = "") -> str:
    return f"urn:pulumi:dev::demo::{f'{parent}$' if parent else ''}{type_}::{name}"


def state(type_: str, name: str, inputs: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    given = dict(inputs or {})
    found = {"type": type_, "urn": urn(type_, name), "custom": True, "id": "i", "parent": ROOT_URN}
    return {**found, "inputs": given, "outputs": dict(given), "provider": "", **more}


def event(op: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, **more: Any) -> dict[str, Any]:
    of = new or old
    assert of is not None
    metadata = {"op": op, "urn": of["urn"], "type": of["type"], "old": old, "new": new, "detailedDiff": None, **more}
    return {"resourcePreEvent": {"metadata": metadata, "planning": True}}


def replaced(type_: str, name: str, *, first: bool = False, keys: Iterable[str] = ("size",), **more: Any) -> list[Any]:
    old, new = state(type_, name, {"size": 1}, **more), state(type_, name, {"size": 2}, **more)
    made = event("create-replacement", old, new, keys=list(keys))
    gone = event("delete-replaced", old, None)
    whole = event("replace", old, new, keys=list(keys))
    return [gone, whole, made] if first else [made, whole, gone]


def violation(level: str, message: str, policy: str = "rule", **more: Any) -> dict[str, Any]:
    payload = {"policyName": policy, "policyPackName": "pack", "policyPackVersion": "1", "message": message}
    return {"policyEvent": {**payload, "enforcementLevel": level, "resourceUrn": urn("a:b:C", "x"), **more}}


def planned(events: Iterable[Mapping[str, Any]]) -> Plan:
    plan = Plan()
    for each in events:
        plan(each)
    return plan


def report(events: Iterable[Mapping[str, Any]], **ended: Any) -> Report:
    code = ended.pop("code", Exit.DONE)
    target = Target(Path("/nowhere"), "dev")
    return assemble(
        planned(events), Ended("preview", code, 1.0, {}, **ended), target=target, project="demo", engine="embedded"
    )


def hostile() -> Report:
    """A plan in which everything that somebody else may write tries to be more than text."""
    events: list[Mapping[str, Any]] = []
    for at, name in enumerate(HOSTILE):
        events.append(
            event(
                "update",
                state("a:b:C", f"{name}{at}", {"k": name}),
                state("a:b:C", f"{name}{at}", {"k": at, name: name}),
            )
        )
        events.append(violation("mandatory", name, f"{name}{at}", severity=name))
        events.append(
            violation("advisory", f"can't run policy 'x' from policy pack 'y@v1' during preview: {name}", name)
        )
        events.append({"diagnosticEvent": {"severity": "warning", "message": name}})
        events.extend(replaced("aws:rds/instance:Instance", name, keys=[name]))
    return report(events, code=Exit.FAILED, errors=list(HOSTILE))


def huge(count: int = 2000) -> Report:
    """So many resources, each with long words in it."""
    long = "wörd|`@<" * 40
    events: list[Mapping[str, Any]] = []
    for at in range(count):
        name = f"{at}-{long}"
        events.append(
            event(
                "update",
                state("aws:s3/bucket:Bucket", name, {"k": long, "tags": {str(n): n for n in range(9)}}),
                state("aws:s3/bucket:Bucket", name, {"k": f"{long}2"}),
            )
        )
        events.append(violation("mandatory", f"{long} {at}", f"rule-{at}"))
        events += replaced("aws:rds/instance:Instance", f"db-{name}")
        events.append({"diagnosticEvent": {"severity": "warning", "message": f"{at} {long}"}})
    return report(events, code=Exit.FAILED, errors=[f"{at} {long}" for at in range(count)])


RENDER = {"page": page.render, "comment": comment.render}
