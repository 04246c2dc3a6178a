"""Colours: text is written with the terminal's own marks and loses them where no colour is wanted."""

import os
import re
import unicodedata
from typing import Final, Literal, TextIO

Choice = Literal["auto", "always", "never", "raw"]

_MARKS = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;?]*[A-Za-z]")

NOTHING: Final = ""
RED: Final = "31"
GREEN: Final = "32"
YELLOW: Final = "33"
MAGENTA: Final = "35"
BRIGHT_RED: Final = "91"
BRIGHT_GREEN: Final = "92"
BRIGHT_BLUE: Final = "94"
BRIGHT_MAGENTA: Final = "95"
BRIGHT_CYAN: Final = "96"
BOLD: Final = "1"
HEADLINE: Final = "1;95"
COLUMN: Final = "4;94"


def paint(style: str, text: str) -> str:
    """`text` in a colour; an empty style or an empty text stays as it is."""
    return f"\x1b[{style}m{text}\x1b[0m" if style and text else text


def plain(text: str) -> str:
    """`text` without colours, the official engine's own marks included."""
    return _MARKS.sub("", text)


def width(text: str) -> int:
    """The columns that `text` takes on a terminal."""
    bare = plain(text)
    if bare.isascii():
        return len(bare)
    return sum(_cell(char) for char in bare)


def _cell(char: str) -> int:
    if unicodedata.combining(char) or char == "\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """As much of `text` as fits into so many columns; the last one is an ellipsis where something is missing."""
    if width(text) <= columns:
        return text
    if columns <= 0:
        return ""
    out: list[str] = []
    left = columns - 1
    marked = False
    at = 0
    for mark in (*_MARKS.finditer(text), None):
        for char in text[at : mark.start() if mark else len(text)]:
            left -= _cell(char)
            if left < 0:
                return "".join(out) + "…" + ("\x1b[0m" if marked else "")
            out.append(char)
        if mark:
            out.append(mark[0])
            marked = True
            at = mark.end()
    return "".join(out)


def wanted(choice: str, out: TextIO) -> bool:
    """Whether to write colours: as asked, else on a terminal that takes them, unless NO_COLOR is set."""
    if choice in ("always", "raw"):
        return True
    if choice == "never" or os.environ.get("NO_COLOR"):
        return False
    return out.isatty() and os.environ.get("TERM") != "dumb"


def unicode(out: TextIO) -> bool:
    """Whether `out` takes the characters that a tree is drawn with."""
    try:
        "├─└│…".encode(out.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
