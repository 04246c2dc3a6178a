"""Pipelines of GitLab, whichever cloud trusts them: whose they are, and what their tokens say of them.

Claims and subjects: GitLab's pages "OpenID Connect (OIDC) Authentication Using ID Tokens", "Connect to cloud services"
and "Projects API" (`ci_id_token_sub_claim_components`), read 2026-11-23.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from components import checks, tokens

ISSUER: Final = "https://gitlab.com"
HOST: Final = r"https://([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9](/[A-Za-z0-9_.-]+)*"
_PART: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}"
PROJECT: Final = rf"{_PART}(/{_PART}){{1,20}}"
ENVIRONMENT: Final = r"[A-Za-z0-9_.-]([A-Za-z0-9 _./-]{0,253}[A-Za-z0-9_.-])?"
TIERS: Final = ("production", "staging", "testing", "development", "other")


def issuer(component: str, args: Mapping[str, Any]) -> str:
    """Who issues the tokens, as they name it. Raises ArgsError."""
    given: object = args.get("issuer", ISSUER)
    expected = "the address of a GitLab, with https, in small letters, without a port and a slash at its end"
    checks.fits(f"{component}.issuer", given, HOST, expected, "https://gitlab.example.com")
    return cast("str", given)


def project(component: str, args: Mapping[str, Any]) -> str:
    """The path of the project. Raises ArgsError."""
    given, expected = args["gitlab_project"], "groups and name of one project, without wildcards"
    checks.fits(f"{component}.gitlab_project", given, PROJECT, expected, "example/shop/models")
    return cast("str", given)


def number(component: str, args: Mapping[str, Any], otherwise: str = "") -> str:
    """GitLab's number of the project. Raises ArgsError. otherwise: what else can be done."""
    given, what = args.get("gitlab_project_id"), f"{component}.gitlab_project_id"
    if given is None:
        expected = "GitLab's number, as a path that is given up is free for others"
        fix = f"write the Project ID of Settings, General{otherwise}"
        raise checks.wrong(what, None, expected, fix)
    checks.fits(what, given, tokens.NUMBER, "a number as text", '"123456"')
    return str(given)


def branches(component: str, args: Mapping[str, Any]) -> list[str]:
    """The branches whose jobs deploy; none where those of any branch do. Raises ArgsError."""
    found, every = tokens.branches(component, args), args.get("any_branch", False)
    if every:
        if found:
            expected = "nothing beside any_branch"
            raise checks.wrong(f"{component}.branches", found, expected, "leave one of them out")
        if args.get("previews", False):
            expected = "none beside any_branch, whose jobs are all the same"
            raise checks.wrong(f"{component}.previews", True, expected, "make another one for previews")
    elif not found:
        expected = "a protected branch at least, whose jobs deploy"
        raise checks.wrong(f"{component}.branches", [], expected, "write ['main'], or any_branch where anybody may")
    return found


def previews(args: Mapping[str, Any]) -> bool:
    """Whether merge requests have something of their own."""
    return bool(args.get("previews", not args.get("any_branch", False)))
