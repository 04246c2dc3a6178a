"""Who may do something: members of IAM, by name."""

from collections.abc import Mapping
from functools import partial
from typing import Final

import pulumi

from components import checks

EVERYBODY: Final = ("allUsers", "allAuthenticatedUsers")
"""Everybody, with or without an account of Google's."""
_ADDRESS = r"[\w.+'-]+@[a-z0-9][a-z0-9.-]*\.[a-z]+"
MEMBER: Final = (
    rf"(serviceAccount|user|group):{_ADDRESS}"
    r"|serviceAccount:[a-z][a-z0-9.:-]+\.svc\.id\.goog\[[a-z0-9-]+/[a-z0-9.-]+\]"
    r"|domain:[a-z0-9][a-z0-9.-]*\.[a-z]+"
    r"|principal(Set)?://iam\.googleapis\.com/\S+"
)
"""Who may be named (IAM, "Principal identifiers", 2026-11-22); everybody is not among it."""


def asked(
    what: str, given: Mapping[str, pulumi.Input[str]], everybody: str, example: str = "nodes"
) -> dict[str, pulumi.Input[str]]:
    """Members by a short name of each, which their resources are called by. Raises ArgsError.

    everybody: what whoever names everybody is told to do. example: a short name, and of an account.
    """
    found: dict[str, pulumi.Input[str]] = {}
    for who, member in given.items():
        expected = "a letter and at most 31 more of a-z, 0-9 and -, the last of them no -"
        checks.fits(f"a key of {what}", who, r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?", expected, example)
        found[who] = checks.asked(member, partial(_member, f"{what}[{who!r}]", everybody, example))
    return found


def _member(what: str, everybody: str, example: str, value: object) -> None:
    if value in EVERYBODY:
        raise checks.wrong(what, value, "somebody by name", everybody)
    account = f"serviceAccount:{example}@shop-prod.iam.gserviceaccount.com"
    checks.fits(what, value, MEMBER, "an IAM member, its kind before it", account)
