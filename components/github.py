"""Workflows of GitHub, whichever cloud trusts them: whose they are, and what their tokens say of them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from components import checks

ISSUER: Final = "token.actions.githubusercontent.com"
# Subjects: GitHub's reference "OpenID Connect", with the form that has numbers, which is that of every repository made
# since 2026-07-15 (github.blog/changelog, 2026-04-23), read 2026-11-22.
OWNER, NAME = r"[A-Za-z0-9]([A-Za-z0-9-]{0,38})", r"[A-Za-z0-9._-]{1,100}"
NUMBER = r"[1-9][0-9]{0,18}"
BRANCH = r"(?![/.])(?!.*(\.\.|//|@\{))[^\s~^:?*\[\\\x00-\x1f]{1,244}(?<![/.])"
ENVIRONMENT = r"[^\s:?*\[\]\\'\"`][^:?*\[\]\\'\"`\x00-\x1f]{0,254}"
ANY: Final = "*"
"""Stands for the name of any repository of an organisation."""


def repository(component: str, args: Mapping[str, Any]) -> tuple[str, str]:
    """Owner and name of the repository, or `ANY`. Raises ArgsError.

    args: with either `repository` or `any_repository_of_organisation`.
    """
    one, whole = args.get("repository"), args.get("any_repository_of_organisation")
    if (one is None) == (whole is None):
        expected = "a value, or any_repository_of_organisation, and not both"
        raise checks.wrong(f"{component}.repository", one, expected, "write example/models")
    if one is None:
        expected = "the name of an organisation"
        checks.fits(f"{component}.any_repository_of_organisation", whole, OWNER, expected, "example")
        return cast("str", whole), ANY
    expected = "owner and name of one repository, without wildcards"
    checks.fits(f"{component}.repository", one, f"{OWNER}/{NAME}", expected, "example/models")
    owner, _, name = str(one).partition("/")
    return owner, name


def number(what: str, given: object, owner: str, name: str, otherwise: str = "") -> str:
    """GitHub's number of an owner or a repository. Raises ArgsError, which says how to come by it.

    what: the argument, which ends with `owner_id` or `repository_id`. otherwise: what else can be done.
    """
    if given is None:
        expected = "GitHub's number, as a name that is given up is free for others"
        asked = f"gh api repos/{owner}/{name} --jq .{'owner.id' if what.endswith('owner_id') else 'id'}"
        if name == ANY:
            asked = f"gh api orgs/{owner} --jq .id"
        raise checks.wrong(what, None, expected, f"ask `{asked}` for it{otherwise}")
    checks.fits(what, given, NUMBER, "a number as text", '"123456"')
    return str(given)


def subjects(component: str, args: Mapping[str, Any]) -> list[str]:
    """What a subject may end with. Raises ArgsError.

    args: with `branches` and `environments`, or without one of them.
    """
    found: list[str] = []
    kinds = (
        ("branches", BRANCH, "the name of a branch, without wildcards", "main", "ref:refs/heads/{}"),
        ("environments", ENVIRONMENT, "the name of an environment, without wildcards", "production", "environment:{}"),
    )
    for key, pattern, expected, example, form in kinds:
        given: object = args.get(key)
        what = f"{component}.{key}"
        if isinstance(given, str):
            raise checks.wrong(what, given, "a list of names", f"write ['{given}']")
        names = list(cast("Sequence[str]", given or []))
        for each in names:
            checks.fits(what, each, pattern, expected, example)
            found.append(form.format(each))
        if len(set(names)) != len(names):
            raise checks.wrong(what, names, "each of them once", f"write {sorted(set(names))}")
    if not found:
        expected = "a branch at least, or one of environments, whose workflows take the role"
        raise checks.wrong(f"{component}.branches", [], expected, "write ['main']")
    return found
