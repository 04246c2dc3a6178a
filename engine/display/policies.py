"""What policy packs found, as the tree and the full view show it."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.display import ink, words
from engine.display.deltas import compare_objects
from engine.display.facts import urn_name, urn_type
from engine.display.properties import Printer

if TYPE_CHECKING:
    from engine.display.rows import Board

_LEVELS = ("remediate", "mandatory", "advisory", "disabled")
_SEVERITIES = ("critical", "high", "medium", "low", "")


def _rank(known: tuple[str, ...], word: str) -> int:
    return known.index(word) if word in known else len(known)


def _resource(event: Mapping[str, Any]) -> str:
    urn = str(event.get("resourceUrn") or "")
    return f"  ({words.display_type(urn_type(urn))}: {urn_name(urn)})" if urn.count("::") >= 3 else ""


def _pack(event: Mapping[str, Any]) -> str:
    return f"{event.get('policyPackName', '')}@v{event.get('policyPackVersion', '')}"


def violation(event: Mapping[str, Any], prefix: str = "", below: str = "") -> str:
    """One violation. prefix and below: what stands before its first line, and before those of its message."""
    level = str(event.get("enforcementLevel", ""))
    severity = f" [severity: {event['severity']}]" if event.get("severity") else ""
    style = ink.RED if level == "mandatory" else ink.YELLOW
    head = ink.paint(style, f"[{level}]{severity}  {event.get('policyName', '')}") + _resource(event)
    text = ink.plain(str(event.get("message", ""))).removesuffix("\n").replace("\n", f"\n{below}")
    first = prefix or f"    {ink.paint(ink.MAGENTA, _pack(event))} "
    return f"{first}{head}{chr(10) if below else ''}{below}{text}\n"


def remediation(event: Mapping[str, Any]) -> str:
    """One remediation with what it changed; empty where it changed nothing."""
    deltas = compare_objects(event.get("before") or {}, event.get("after") or {})
    if deltas is None:
        return ""
    printer = Printer(2, signed=True, brief=True)
    printer.deltas(deltas)
    pack = ink.paint(ink.MAGENTA, f"{_pack(event)} ")
    name = ink.paint(ink.MAGENTA, f"[remediate]  {event.get('policyName', '')}")
    return f"    {pack}{name}{_resource(event)}\n{printer.text}\n"


def section(board: "Board") -> tuple[str, bool]:
    """The packs that ran with what each of them found, and whether any of it stops the operation."""
    ran: Mapping[str, str] = (board.summary or {}).get("PolicyPacks") or {}
    if not ran:
        return "", False
    out = [ink.paint(ink.HEADLINE, "Policies:")]
    broken = False
    packs: dict[str, list[str]] = {}
    for name, version in ran.items():
        base, path = _local(name)
        packs.setdefault(f"{base}@v{version}", []).extend([path] if path else [])
    violations = [each for row in board.rows.values() for each in row.violations]
    remediations = [each for row in board.rows.values() for each in row.remediations]
    for event in (*violations, *remediations):
        packs.setdefault(_pack(event), [])
    for pack in sorted(packs):
        mine = [each for each in violations if _pack(each) == pack]
        levels = {str(each.get("enforcementLevel")) for each in mine}
        broken = broken or "mandatory" in levels
        mark = "❌" if "mandatory" in levels else "⚠️" if mine else "✅"
        local = f" (local: {'; '.join(sorted(packs[pack]))})" if packs[pack] else ""
        out.append(f"    {mark} {ink.paint(ink.MAGENTA, pack)}{local}")
        fixed = Counter(str(each.get("policyName")) for each in remediations if _pack(each) == pack)
        for name in sorted(fixed):
            told = ink.paint(ink.MAGENTA, f"[remediate]  {name}")
            out.append(f"        - {told}  ({words.several(fixed[name], 'resource')})")
        mine.sort(key=_order)
        out += [violation(each, "        - ", "          ").removesuffix("\n") for each in mine]
    return "\n".join([*out, "", ""]), broken


def _order(event: Mapping[str, Any]) -> tuple[int, int, str, str]:
    return (
        _rank(_LEVELS, str(event.get("enforcementLevel", ""))),
        _rank(_SEVERITIES, str(event.get("severity") or "")),
        str(event.get("policyName", "")),
        str(event.get("resourceUrn") or ""),
    )


def _local(name: str) -> tuple[str, str]:
    """The name and the folder of a pack on this machine, out of the name that events give it: `NAME|local|FOLDER`."""
    base, mark, path = name.partition("|local|")
    return (base, path) if mark else (name, "")
