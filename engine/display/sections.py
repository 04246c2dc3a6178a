"""What follows the tree: policies, diagnostics, outputs, and the summary."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from engine.display import ink, words
from engine.display.facts import Props
from engine.display.options import Options


def lines_of(text: str) -> list[str]:
    """A message as lines, without the blank ones at its end."""
    lines = ink.plain(text).split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    return [line.rstrip() for line in lines]


def message(diagnostic: Mapping[str, Any]) -> str:
    """The text of a diagnostic with its prefix, without colours and trailing space."""
    return ink.plain(f"{diagnostic.get('prefix') or ''}{diagnostic.get('message') or ''}").rstrip()


def diagnostics(groups: Iterable[tuple[str, list[Props]]]) -> str:
    """All that was said, under the resource that it was said about. Empty where nothing was."""
    out: list[str] = []
    for title, said in groups:
        lines: list[str] = []
        for stream in _streams(said):
            block = [line for each in stream for line in lines_of(message(each))]
            if block:
                lines += [*(f"    {line}".rstrip() for line in block), ""]
        if lines:
            out += [f"  {ink.paint(ink.BRIGHT_BLUE, title)}", *lines]
    return "\n".join([ink.paint(ink.HEADLINE, "Diagnostics:"), *out, ""]) if out else ""


def _streams(said: list[Props]) -> Iterable[list[Props]]:
    """The messages of each stream, joined where a line came in pieces."""
    by_stream: dict[int, list[Props]] = {}
    for each in said:
        if not each.get("ephemeral"):
            by_stream.setdefault(int(each.get("streamID") or each.get("streamId") or 0), []).append(each)
    for number, parts in by_stream.items():
        if number:
            # each message ends with a line end of the engine's
            whole = "".join(str(part.get("message") or "").removesuffix("\n") for part in parts)
            yield [{**parts[0], "message": whole}]
        else:
            yield parts


def summary(event: Mapping[str, Any], errored: int, options: Options, *, packs: bool) -> str:
    """How many resources came, changed and went, and how long it took. packs: name the policy packs that ran."""
    changes: Mapping[str, int] = event.get("resourceChanges") or {}
    planned = bool(event.get("isPreview", options.planning))
    out = [ink.paint(ink.HEADLINE, "Resources:")]
    kinds = [op for op in words.ORDER if changes.get(op) and op != "same" and op not in words.READING]
    for op in kinds:
        word = f"to {op}" if planned else words.COUNTED.get(op, op)
        out.append("    " + ink.paint(words.COLOUR.get(op, ""), f"{words.SIGN.get(op, '  ')}{changes[op]} {word}"))
    rest: list[str] = []
    if len(kinds) > 1:
        total = sum(changes[op] for op in kinds)
        rest.append(ink.paint(ink.BOLD, words.several(total, "change")))
    if changes.get("same"):
        rest.append(f"{changes['same']} unchanged")
    if rest:
        out.append("    " + ". ".join(rest))
    if errored:
        out.append("    " + ink.paint(ink.RED, f"{errored} errored"))
    if packs and (ran := event.get("PolicyPacks")):
        out += _packs(ran)
    if not planned:
        out += ["", f"{ink.paint(ink.HEADLINE, 'Duration:')} {duration(event.get('durationSeconds') or 0)}"]
    return "\n".join([*out, ""])


def duration(seconds: float) -> str:
    """`1h2m3s`, `2m3s` or `3s`, rounded up."""
    whole = math.ceil(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}h{minutes}m{left}s" if hours else f"{minutes}m{left}s" if minutes else f"{left}s"


def _packs(ran: Mapping[str, str]) -> list[str]:
    align = max(len("Name"), *(len(name) for name in ran))
    head = f"    {ink.paint(ink.COLUMN, 'Name')}{' ' * (align - 4 + 2)}{ink.paint(ink.COLUMN, 'Version')}"
    rows = [f"    {name:<{align}}  {version}" for name, version in sorted(ran.items())]
    return ["", ink.paint(ink.HEADLINE, "Policy Packs run:"), head, *rows]


def configuration(config: Mapping[str, str]) -> str:
    rows = [f"    {key}: {config[key]}" for key in sorted(config)]
    return "\n".join(["Configuration:", *rows, ""])
