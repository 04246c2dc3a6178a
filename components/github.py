"""Workflows of GitHub, whichever cloud trusts them: whose they are, and what their tokens say of them."""

from collections.abc import Mapping
from typing import Any, Final, cast

from components import checks, tokens

ISSUER: Final = "token.actions.githubusercontent.com"
# Subjects: GitHub's reference "OpenID Connect", with the form that has numbers, which is that of every repository made
# since 2026-07-15 (github.blog/changelog, 2026-04-23), read 2026-11-22.
OWNER, NAME = r"[A-Za-z0-9]([A-Za-z0-9-]{0,38})", r"[A-Za-z0-9._-]{1,100}"
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
    checks.fits(what, given, tokens.NUMBER, "a number as text", '"123456"')
    return str(given)


def subjects(component: str, args: Mapping[str, Any]) -> list[str]:
    """What a subject may end with. Raises ArgsError.

    args: with `branches` and `environments`, or without one of them.
    """
    expected = "the name of an environment, without wildcards"
    environments = tokens.names(component, args, "environments", ENVIRONMENT, expected, "production")
    found = [f"ref:refs/heads/{each}" for each in tokens.branches(component, args)]
    found += [f"environment:{each}" for each in environments]
    if not found:
        expected = "a branch at least, or one of environments, whose workflows take the role"
        raise checks.wrong(f"{component}.branches", [], expected, "write ['main']")
    return found
