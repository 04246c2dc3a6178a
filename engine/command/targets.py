"""Resources named on a command line: by URN, by the name alone, with `*` for what may differ."""

import difflib
import re
from collections.abc import Iterable

from engine.display.facts import urn_name
from engine.errors import BadInput

_ANY = re.compile(r"(\*\*|\*)")


def expand(given: Iterable[str], *, stack: str, project: str) -> tuple[str, ...]:
    """Each word as a URN or a pattern of one: a bare name stands for every resource that is called so."""
    return tuple(word if is_urn(word) else f"urn:pulumi:{stack}::{project}::**::{word}" for word in given)


def is_urn(word: str) -> bool:
    """Whether a word is a URN or a pattern of one, and none of ours: a bare name, perhaps with `*` inside."""
    return word.startswith(("urn:", "**")) or "::" in word


def check(given: Iterable[str], known: Iterable[str], *, flag: str = "--target") -> None:
    """Refuse the first bare name that no resource has; `known` are the URNs that there are."""
    urns = list(known)
    for word in given:
        if is_urn(word) or matches(word, urns):
            continue
        names = {urn_name(urn): urn for urn in urns}
        close = difflib.get_close_matches(word.rpartition("::")[2], list(names), n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else f"there are: {', '.join(sorted(names)) or 'none'}"
        raise BadInput(f"{flag} {word}: no resource of the stack has this name, {hint}")


def matches(word: str, urns: Iterable[str]) -> bool:
    """Whether any of the URNs is meant by the word."""
    whole = is_urn(word)
    parts = (".*" if p == "**" else "[^:]*" if p == "*" else re.escape(p) for p in _ANY.split(word))
    pattern = re.compile("".join(parts), re.DOTALL)
    return any(pattern.fullmatch(urn if whole else urn_name(urn)) for urn in urns)
