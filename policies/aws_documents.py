"""Policy documents of AWS: who may do what, and who in the world is meant."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from policies.given import items, open_to_all
from policies.looking import Look

_WHO: Final = (
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceorgid",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "kms:calleraccount",
    "s3:dataaccesspointaccount",
)
"""Keys of conditions that say who or from where, so that `*` is not everybody."""
_ANY: Final = re.compile(r"(?:arn:[a-z*-]*)?[:*?]*")
"""A value that everybody has: `*`, or `arn:aws:*`."""
_EQUAL: Final = ("stringequals", "stringlike", "stringequalsignorecase", "arnequals", "arnlike")


def statements(each: Look, path: str, *, allow: bool = True) -> Iterator[Mapping[str, Any]]:
    """The statements of the document that stands there as text, by their effect. Raises NotKnown."""
    document = each.parsed(path)
    if isinstance(document, Mapping):
        found = cast("Mapping[str, Any]", document).get("Statement")
        for one in listed(found):
            if isinstance(one, Mapping) and (cast("Mapping[str, Any]", one).get("Effect") == "Allow") is allow:
                yield cast("Mapping[str, Any]", one)


def listed(value: Any) -> list[Any]:
    """One text or many, as many."""
    if value is None:
        return []
    return items(value) or [value]


def actions(statement: Mapping[str, Any]) -> list[str]:
    """In lower case, as IAM reads them in any."""
    return [str(each).lower() for each in listed(statement.get("Action"))]


def resources(statement: Mapping[str, Any]) -> list[str]:
    return [str(each) for each in listed(statement.get("Resource"))]


def anybody(statement: Mapping[str, Any]) -> bool:
    """Whether a statement speaks of everybody, were it not for its conditions."""
    if "NotPrincipal" in statement:
        return True
    principal = statement.get("Principal")
    if isinstance(principal, Mapping):
        found = cast("Mapping[str, Any]", principal)
        return any("*" in listed(found.get(kind)) for kind in ("AWS", "CanonicalUser", "Federated", "Service"))
    return "*" in listed(principal)


def conditions(statement: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Operator, key and values of each, the first two in lower case."""
    for operator, tests in _mapping(statement.get("Condition")).items():
        for key, values in _mapping(tests).items():
            yield operator.lower(), key.lower(), [str(each) for each in listed(values)]


def bounded(statement: Mapping[str, Any]) -> bool:
    """Whether its conditions hold everybody to some."""
    return any(_names(operator, key, values) for operator, key, values in conditions(statement))


def _names(operator: str, key: str, values: list[str]) -> bool:
    """Whether a condition holds a request to some: each of its values must."""
    if operator == "ipaddress" and key == "aws:sourceip":
        return not any(map(open_to_all, values))
    return equals(operator) and key in _WHO and not any(_ANY.fullmatch(each) for each in values)


def equals(operator: str) -> bool:
    """Whether an operator asks for what its values say; one that lets a request without the key pass does not."""
    return operator.removeprefix("foranyvalue:") in _EQUAL


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
