"""Names in tokens of pipelines, whoever issues them: compared letter by letter, so no wildcard is one."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from components import checks

NUMBER: Final = r"[1-9][0-9]{0,18}"
BRANCH: Final = r"(?![/.])(?!.*(\.\.|//|@\{))[^\s~^:?*\[\\\x00-\x1f]{1,244}(?<![/.])"


def names(component: str, args: Mapping[str, Any], key: str, pattern: str, expected: str, example: str) -> list[str]:
    """The names that an argument has, each once; none where it is left out. Raises ArgsError."""
    given: object = args.get(key)
    what = f"{component}.{key}"
    if isinstance(given, str):
        raise checks.wrong(what, given, "a list of names", f"write ['{given}']")
    found = list(cast("Sequence[str]", given or []))
    for each in found:
        checks.fits(what, each, pattern, expected, example)
    if len(set(found)) != len(found):
        raise checks.wrong(what, found, "each of them once", f"write {sorted(set(found))}")
    return found


def branches(component: str, args: Mapping[str, Any]) -> list[str]:
    """The branches that `branches` names. Raises ArgsError."""
    return names(component, args, "branches", BRANCH, "the name of a branch, without wildcards", "main")
