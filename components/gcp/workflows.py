"""Accounts that tokens of pipelines are, whoever issues the tokens: whom they are let in by, and what they may do."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import pulumi
from pulumi_gcp.iam.workload_identity_pool import WorkloadIdentityPool
from pulumi_gcp.iam.workload_identity_pool_provider import WorkloadIdentityPoolProvider
from pulumi_gcp.serviceaccount.account import Account
from pulumi_gcp.serviceaccount.iam_member import IAMMember as AccountMember

from components import checks, outputs
from components.gcp import checks as gcp
from components.gcp import identity

LONGEST: Final = 14
"""Characters of a name: an account's id has 30, of which `-preview` and Pulumi's suffix take 16."""
POOL: Final = r"(?!gcp-)[a-z0-9-]{4,32}"
"""Ids of pools (IAM API, projects.locations.workloadIdentityPools.create, 2026-11-22)."""
MAPPING: Final = 2048
"""Characters of an expression that maps claims (IAM API, WorkloadIdentityPoolProvider, 2026-11-22)."""
LOOKS: Final = r"roles/[a-z][A-Za-z0-9]*(\.[A-Za-z0-9]+)*\.[A-Za-z0-9]*([vV]iewer|[rR]eader)"
"""Roles that change nothing and tell no secret, by their names."""
ALSO_LOOKS: Final = (identity.DECRYPTS,)
SEES: Final = "roles/iam.securityReviewer"
"""Google's own role to see what there is and who may do something with it, and none of the data in it (IAM, "Roles and
permissions", 2026-11-22)."""
GRANTS: Final = "roles/resourcemanager.projectIamAdmin"
MOST_GRANTS: Final = 10
"""Roles that a condition on grants names (IAM, "Set limits on granting roles", 2026-11-22)."""
DEPLOY, PREVIEW, NONE = "deploy", "preview", "none"


@dataclass(frozen=True)
class Issuer:
    """Whose tokens they are, and the words that go with them."""

    url: str
    slug: str
    title: str
    jobs: str
    looks: str
    """Whose jobs look alone, as "Pull requests"."""
    subject: str
    """By which run something was done, in the Common Expression Language: a subject of the token's own may be longer
    than Google takes."""


@dataclass(frozen=True)
class Trusted:
    """Which tokens are trusted, and what with, in the Common Expression Language."""

    who: str
    condition: str
    access: str


def trusted(what: str, who: str, mine: Sequence[str], deploys: str, looks: str | None) -> Trusted:
    """Tokens for which `mine` holds, and `deploys` or `looks`. Raises ArgsError for more than IAM takes."""
    access = f"{deploys} ? {text(DEPLOY)} : {text(NONE)}"
    if looks is not None:
        access = f"{deploys} ? {text(DEPLOY)} : ({looks} ? {text(PREVIEW)} : {text(NONE)})"
    if len(access) > MAPPING:
        expected = f"with environments an expression of at most {MAPPING}, as IAM takes no more"
        raise checks.wrong(f"{what}.branches", f"{len(access)} characters", expected, "leave some out")
    return Trusted(who, " && ".join([*mine, f"attribute.access != {text(NONE)}"]), access)


def text(value: str) -> str:
    """A text of the Common Expression Language."""
    return json.dumps(value, ensure_ascii=False)


class Federation:
    """What a component was asked for, held to its rules, and then the pool, the provider and the accounts."""

    def __init__(
        self,
        what: str,
        name: str,
        args: Mapping[str, Any],
        issuer: Issuer,
        asked: Callable[[], Trusted],
        previews: bool,
    ) -> None:
        """asked: which tokens are trusted. Raises ArgsError."""
        gcp.named(what, name, LONGEST)
        gcp.project(f"{what}.project", args["project"])
        self._what, self._name, self._args, self._project = what, name, args, cast("str", args["project"])
        self._issuer, self._trusted, self._previews = issuer, asked(), previews
        self._statements = identity.statements(what, "statements", args.get("statements"), self._project)
        self._looking = self._looks()
        identity.once(what, self._statements)
        identity.once(what, self._looking)
        self._roles, self._gives = self._wide(), self._given()
        self._pool_id = args.get("pool_id", f"{name}-{issuer.slug}")
        expected = "4 to 32 of a-z, 0-9 and -, which do not begin with gcp-"
        checks.fits(f"{what}.pool_id", self._pool_id, POOL, expected, f"ci-{issuer.slug}")

    def made(self, parent: pulumi.ComponentResource) -> dict[str, pulumi.Output[str]]:
        """Make all of it; the component's outputs."""
        self._child = pulumi.ResourceOptions(parent=parent)
        name, issuer, trusted = self._name, self._issuer, self._trusted
        pool = WorkloadIdentityPool(
            name,
            project=self._project,
            workload_identity_pool_id=self._pool_id,
            display_name=name,
            description=f"{issuer.jobs} of {trusted.who}"[:256],
            opts=self._child,
        )
        provider = WorkloadIdentityPoolProvider(
            name,
            project=self._project,
            workload_identity_pool_id=pool.workload_identity_pool_id,
            workload_identity_pool_provider_id=issuer.slug,
            display_name=issuer.title,
            # Whom a token is for is this provider by its whole name, where nothing else is said.
            oidc={"issuer_uri": issuer.url},
            attribute_mapping={"google.subject": issuer.subject, "attribute.access": trusted.access},
            attribute_condition=trusted.condition,
            opts=self._child,
        )
        rights = {
            **{f"{name}-{identity.slug(each)}": grant for each, grant in self._statements.items()},
            **{f"{name}-{_slug(role)}": self._of_project(role) for role in self._roles},
        }
        if self._gives:
            rights[f"{name}-gives"] = self._of_project(GRANTS, self._gives)
        found = {"provider_name": provider.name}
        found["service_account"], found["member"] = self._account(name, DEPLOY, pool, rights)
        found["preview_service_account"] = found["preview_member"] = pulumi.Output.from_input("")
        if self._previews:
            called = f"{name}-preview"
            rights = {f"{name}-{identity.slug(each)}": grant for each, grant in self._looking.items()}
            rights[f"{called}-sees"] = self._of_project(SEES)
            made = self._account(called, PREVIEW, pool, rights)
            found["preview_service_account"], found["preview_member"] = made
        return found

    def _of_project(self, role: str, gives: Sequence[str] = ()) -> identity.Grant:
        condition = None
        if gives:
            only = ", ".join(text(each) for each in gives)
            expression = f'api.getAttribute("iam.googleapis.com/modifiedGrantsByRole", []).hasOnly([{only}])'
            condition = {"title": f"{self._name}: these roles alone", "expression": expression}
        return identity.Grant(role, identity.GcpResourceKind.PROJECT, self._project, condition)

    def _account(
        self, called: str, access: str, pool: WorkloadIdentityPool, rights: Mapping[str, identity.Grant]
    ) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """An account that tokens with this access are, and that has these rights: its address, and it as a member."""
        whose = self._issuer.jobs if access == DEPLOY else f"{self._issuer.looks}, to look alone"
        account = Account(called, project=self._project, display_name=f"{self._name}: {whose}", opts=self._child)
        settled = [grant.made(each, account.member, self._child) for each, grant in rights.items()]
        taker = AccountMember(
            f"{called}-{self._issuer.slug}",
            service_account_id=account.name,
            role=identity.TAKES,
            member=pulumi.Output.concat("principalSet://iam.googleapis.com/", pool.name, f"/attribute.access/{access}"),
            opts=self._child,
        )
        return outputs.once(account.email, [*settled, taker]), account.member

    def _looks(self) -> dict[str, identity.Grant]:
        """What previews may look at. Raises ArgsError for a right to change something."""
        key, who = "preview_statements", self._issuer.looks.lower()
        found = identity.statements(self._what, key, self._args.get(key), self._project)
        for place, grant in found.items():
            if grant.role not in ALSO_LOOKS:
                expected = f"a role that changes nothing and tells no secret, by its name, as {who} have it"
                short = place.partition(".")[2]
                checks.fits(f"{self._what}.{key}[{short!r}].role", grant.role, LOOKS, expected, identity.READS)
        if found and not self._previews:
            expected = "none, as previews is False"
            raise checks.wrong(f"{self._what}.{key}", f"{len(found)} of them", expected, "leave one out")
        return found

    def _wide(self) -> list[str]:
        """Roles in the whole project. Raises ArgsError for one that allows all there is."""
        found = self._listed("roles")
        for at, each in enumerate(found):
            if each.startswith(identity.HANDING_OUT) and not self._args.get("unbounded"):
                raise checks.wrong(
                    f"{self._what}.roles[{at}]",
                    each,
                    "none that hands out rights, or takes another's place, in the whole project",
                    "write which roles it may give into gives, or unbounded: True",
                )
        return found

    def _given(self) -> list[str]:
        """Roles that it may give to others. Raises ArgsError for one by which whoever has it gives more."""
        found, what = self._listed("gives"), f"{self._what}.gives"
        for at, each in enumerate(found):
            if each.startswith(identity.HANDING_OUT):
                expected = (
                    "none that hands out rights, or takes another's place: it could give itself that, and then any"
                )
                raise checks.wrong(f"{what}[{at}]", each, expected, "leave it out")
        if len(found) > MOST_GRANTS:
            expected = f"at most {MOST_GRANTS}, as a condition names no more"
            raise checks.wrong(what, f"{len(found)} roles", expected, "put some together in a role of yours")
        return found

    def _listed(self, key: str) -> list[str]:
        what, given = f"{self._what}.{key}", cast("object", self._args.get(key))
        if isinstance(given, str):
            raise checks.wrong(what, given, "a list of roles", f"write ['{given}']")
        found = list(cast("Sequence[str]", given or []))
        for at, each in enumerate(found):
            expected = "a role of one service or one of your own, as a basic role allows all there is"
            checks.fits(f"{what}[{at}]", each, identity.ROLE, expected, "roles/run.admin")
        if len({_slug(each) for each in found}) != len(found):
            raise checks.wrong(what, found, "each role once", f"write {sorted(set(found))}")
        return found


def _slug(role: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", role.lower())
