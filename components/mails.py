"""Addresses of people who are told something by mail."""

import re
from collections.abc import Sequence

from components import checks

MAIL = r"[^@\s,;<>\"]{1,64}@([A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"


def addresses(what: str, given: Sequence[str]) -> list[str]:
    """Addresses that differ in more than signs. Raises ArgsError."""
    if isinstance(given, str):
        raise checks.wrong(what, given, "a list of addresses", f"write ['{given}']")
    for each in given:
        checks.fits(what, each, MAIL, "e-mail addresses", "ops@example.com")
    if len({slug(each) for each in given}) != len(given):
        raise checks.wrong(what, list(given), "addresses of other letters and digits", "leave one of them out")
    return list(given)


def slug(mail: str) -> str:
    """What a resource about an address is called: by the address and not by its place, so that who leaves takes nobody
    else's along."""
    return re.sub(r"[^a-z0-9]+", "-", mail.lower())
