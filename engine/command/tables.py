"""Tables and times as the official CLI prints them."""

from collections.abc import Sequence
from datetime import UTC, datetime

_STEPS = (("year", 31536000), ("month", 2592000), ("week", 604800), ("day", 86400), ("hour", 3600), ("minute", 60))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, indent: str = "") -> str:
    """Columns two spaces apart, as wide as their longest line; a cell of several lines goes on below itself."""
    whole = [head, *rows]
    widths = [max(len(line) for row in whole for line in row[at].split("\n")) for at in range(len(head))]
    out: list[str] = []
    for row in whole:
        cells = [text.split("\n") for text in row]
        for number in range(max(len(cell) for cell in cells)):
            parts = [cell[number] if number < len(cell) else "" for cell in cells]
            line = "  ".join(f"{text:<{width}}" for text, width in zip(parts, widths, strict=True))
            out.append((indent + line).rstrip())
    return "\n".join(out)


def ago(moment: datetime, now: datetime | None = None) -> str:
    """`3 minutes ago`."""
    seconds = int(((now or datetime.now(UTC)) - moment).total_seconds())
    if seconds < 1:
        return "now"
    for word, length in _STEPS:
        if seconds >= length:
            return f"{_several(seconds // length, word)} ago"
    return f"{_several(seconds, 'second')} ago"


def _several(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def moment(text: str) -> datetime:
    """An RFC 3339 time; digits beyond the microsecond are dropped."""
    head, dot, rest = text.removesuffix("Z").partition(".")
    digits = "".join(char for char in rest if char.isdigit())[:6]
    read = datetime.fromisoformat(head + (f".{digits:0<6}" if dot and digits else ""))
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def stamp(seconds: int) -> str:
    """A Unix time as JSON of the official CLI has it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def shell_word(text: str) -> str:
    """`text` as one word for a shell, as the official CLI spells it: backslashes, or quotes where there is a space."""
    if not text:
        return "''"
    if not any(char in " \t\n" for char in text):
        tilde = "\\" if text[0] == "~" else ""
        return tilde + "".join(f"\\{char}" if char in _SPECIAL else char for char in text)
    return "\\'".join(f"'{piece}'" if piece else "" for piece in text.split("'"))


_SPECIAL = "\\'\"`${[|&;<>()*?!"
