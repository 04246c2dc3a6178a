"""What a workflow of GitHub may do in a project: accounts that it is by its token, with no key that could leak."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final, NotRequired, Optional, TypedDict, cast

import pulumi
from pulumi_gcp.iam.workload_identity_pool import WorkloadIdentityPool
from pulumi_gcp.iam.workload_identity_pool_provider import WorkloadIdentityPoolProvider
from pulumi_gcp.serviceaccount.account import Account
from pulumi_gcp.serviceaccount.iam_member import IAMMember as AccountMember

from components import checks, github, outputs
from components.gcp import checks as gcp
from components.gcp import identity
from components.gcp.identity import GcpStatement

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


class GcpGithubIdentityArgs(TypedDict):
    project: str
    """Id of the project, as `shop-prod`."""
    repository: NotRequired[str]
    """The repository, as `example/models`, in the letters that GitHub shows."""
    any_repository_of_organisation: NotRequired[str]
    """An organisation, as `example`, instead: every repository in it is trusted, those that there will be too."""
    owner_id: NotRequired[str]
    """GitHub's number of the owner: `gh api repos/example/models --jq .owner.id`. With it and `repository_id` who gets
    the names of an owner or repository that are gone gets nothing more. Every token has them."""
    repository_id: NotRequired[str]
    """GitHub's number of the repository: `gh api repos/example/models --jq .id`."""
    branches: NotRequired[Sequence[str]]
    """Branches whose workflows are the account."""
    environments: NotRequired[Sequence[str]]
    """Environments whose jobs are the account; GitHub asks their reviewers first."""
    statements: NotRequired[Mapping[str, GcpStatement]]
    """What the account may do, by a short name of each. Default: nothing."""
    roles: NotRequired[Sequence[str]]
    """Roles of one service, or of yours, that it has in the whole project beside that, as `roles/run.admin`. Default:
    none."""
    gives: NotRequired[Sequence[str]]
    """Roles that it may give to others in the project and take from them, and no other ones: at most ten. Default:
    none."""
    unbounded: NotRequired[bool]
    """Whether `roles` may have such as hand out rights, or take another account's place: with one of these it can give
    itself whatever it likes. Default: no."""
    previews: NotRequired[bool]
    """Whether pull requests get an account of their own that changes nothing. Default: yes."""
    preview_statements: NotRequired[Mapping[str, GcpStatement]]
    """What that account may look at beside what there is in the project, by a short name of each: where Pulumi's state
    is, for example. Default: nothing."""
    pool_id: NotRequired[str]
    """Id of the pool that tokens are taken to. Google keeps that of one that is gone for 30 days. Default: the
    component's name, and `-github`."""


class GcpGithubIdentity(pulumi.ComponentResource):
    """An account for workflows of one repository on named branches or in named environments, and one for previews.

    Whom GitHub's token names is compared letter by letter, by name and number. Who may open a pull request decides what
    its workflow does: that one is the second account, which looks and changes nothing, whatever branch or environment
    it names. The project needs the APIs iam, iamcredentials and sts. Outputs: `provider_name`, `service_account`,
    `member`, `preview_service_account`, `preview_member`.
    """

    provider_name: pulumi.Output[str]
    """Whole name of the provider, `projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/github`: what
    `google-github-actions/auth` calls `workload_identity_provider`."""
    service_account: pulumi.Output[str]
    """Address of the account, once it may do what it should."""
    member: pulumi.Output[str]
    """The account as a member of IAM, `serviceAccount:EMAIL`: for policies of others."""
    preview_service_account: pulumi.Output[str]
    """Address of the account of pull requests; empty where they have none."""
    preview_member: pulumi.Output[str]
    """The same as a member of IAM; empty where they have none."""

    def __init__(
        self,
        name: str,
        args: GcpGithubIdentityArgs,
        opts: Optional[pulumi.ResourceOptions] = None,  # noqa: UP045
    ) -> None:
        what = "GcpGithubIdentity"
        checks.given(what, args, GcpGithubIdentityArgs)
        gcp.named(what, name, LONGEST)
        gcp.project(f"{what}.project", args["project"])
        previews = args.get("previews", True)
        trusted = _trusted(args, previews=previews)
        statements = identity.statements(what, "statements", args.get("statements"), args["project"])
        looking = _looking(args, previews=previews)
        identity.once(what, statements)
        identity.once(what, looking)
        roles, gives = _roles(args), _gives(args)
        pool_id = args.get("pool_id", f"{name}-github")
        expected = "4 to 32 of a-z, 0-9 and -, which do not begin with gcp-"
        checks.fits(f"{what}.pool_id", pool_id, POOL, expected, "ci-github")
        super().__init__("modelport:index:GcpGithubIdentity", name, {}, opts)
        self._name, self._project, self._child = name, args["project"], pulumi.ResourceOptions(parent=self)
        pool = WorkloadIdentityPool(
            name,
            project=self._project,
            workload_identity_pool_id=pool_id,
            display_name=name,
            description=f"Workflows of {trusted.who}"[:256],
            opts=self._child,
        )
        provider = WorkloadIdentityPoolProvider(
            name,
            project=self._project,
            workload_identity_pool_id=pool.workload_identity_pool_id,
            workload_identity_pool_provider_id="github",
            display_name="GitHub",
            # Whom a token is for is this provider by its whole name, where nothing else is said.
            oidc={"issuer_uri": f"https://{github.ISSUER}"},
            attribute_mapping={
                # By which run something was done: a subject of GitHub's own may be longer than Google takes.
                "google.subject": '"repository:" + assertion.repository_id + ":run:" + assertion.run_id',
                "attribute.access": trusted.access,
            },
            attribute_condition=trusted.condition,
            opts=self._child,
        )
        rights = {
            **{f"{name}-{identity.slug(each)}": grant for each, grant in statements.items()},
            **{f"{name}-{_slug(role)}": self._of_project(role) for role in roles},
        }
        if gives:
            rights[f"{name}-gives"] = self._of_project(GRANTS, gives)
        self.service_account, self.member = self._account(name, DEPLOY, pool, rights)
        self.preview_service_account = self.preview_member = pulumi.Output.from_input("")
        if previews:
            called = f"{name}-preview"
            rights = {f"{name}-{identity.slug(each)}": grant for each, grant in looking.items()}
            rights[f"{called}-sees"] = self._of_project(SEES)
            self.preview_service_account, self.preview_member = self._account(called, PREVIEW, pool, rights)
        self.provider_name = provider.name
        self.register_outputs(
            {
                "provider_name": self.provider_name,
                "service_account": self.service_account,
                "member": self.member,
                "preview_service_account": self.preview_service_account,
                "preview_member": self.preview_member,
            }
        )

    def _of_project(self, role: str, gives: Sequence[str] = ()) -> identity.Grant:
        condition = None
        if gives:
            only = ", ".join(_text(each) for each in gives)
            expression = f'api.getAttribute("iam.googleapis.com/modifiedGrantsByRole", []).hasOnly([{only}])'
            condition = {"title": f"{self._name}: these roles alone", "expression": expression}
        return identity.Grant(role, identity.GcpResourceKind.PROJECT, self._project, condition)

    def _account(
        self, called: str, access: str, pool: WorkloadIdentityPool, rights: Mapping[str, identity.Grant]
    ) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """An account that tokens with this access are, and that has these rights: its address, and it as a member."""
        whose = "Workflows" if access == DEPLOY else "Pull requests, to look alone"
        account = Account(called, project=self._project, display_name=f"{self._name}: {whose}", opts=self._child)
        settled = [grant.made(each, account.member, self._child) for each, grant in rights.items()]
        taker = AccountMember(
            f"{called}-github",
            service_account_id=account.name,
            role=identity.TAKES,
            member=pulumi.Output.concat("principalSet://iam.googleapis.com/", pool.name, f"/attribute.access/{access}"),
            opts=self._child,
        )
        return outputs.once(account.email, [*settled, taker]), account.member


class _Trusted:
    """Which tokens are trusted, and what with, in the Common Expression Language."""

    def __init__(self, who: str, condition: str, access: str) -> None:
        self.who, self.condition, self.access = who, condition, access


def _trusted(args: GcpGithubIdentityArgs, *, previews: bool) -> _Trusted:
    """Raises ArgsError."""
    what = "GcpGithubIdentity"
    owner, name = github.repository(what, args)
    owned = github.number(f"{what}.owner_id", args.get("owner_id"), owner, name)
    mine = [f"assertion.repository_owner_id == {_text(owned)}"]
    prefixes: list[str] = []
    if name == github.ANY:
        if (given := args.get("repository_id")) is not None:
            expected = "nothing beside any_repository_of_organisation"
            raise checks.wrong(f"{what}.repository_id", given, expected, "leave one of them out")
    else:
        number = github.number(f"{what}.repository_id", args.get("repository_id"), owner, name)
        mine.append(f"assertion.repository_id == {_text(number)}")
        # Subjects of repositories made before 2026-07-15 have no numbers in them, which every token has beside it.
        prefixes = [f"repo:{owner}/{name}:", f"repo:{owner}@{owned}/{name}@{number}:"]
    deploys = f'{_named(prefixes, github.subjects(what, args))} && !assertion.event_name.startsWith("pull_request")'
    access = f"{deploys} ? {_text(DEPLOY)} : {_text(NONE)}"
    if previews:
        looks = f'{_named(prefixes, ["pull_request"])} && assertion.event_name == "pull_request"'
        access = f"{deploys} ? {_text(DEPLOY)} : ({looks} ? {_text(PREVIEW)} : {_text(NONE)})"
    if len(access) > MAPPING:
        expected = f"with environments an expression of at most {MAPPING}, as IAM takes no more"
        raise checks.wrong(f"{what}.branches", f"{len(access)} characters", expected, "leave some out")
    return _Trusted(f"{owner}/{name}", " && ".join([*mine, f"attribute.access != {_text(NONE)}"]), access)


def _named(prefixes: Sequence[str], ends: Sequence[str]) -> str:
    """That a subject is one of these: whole where it is known how it begins."""
    if prefixes:
        whole = ", ".join(_text(f"{prefix}{end}") for end in ends for prefix in prefixes)
        return f"assertion.sub in [{whole}]"
    # A colon in what GitHub puts into a subject is written as %3A, so that nothing else ends so.
    found = " || ".join(f"assertion.sub.endsWith({_text(f':{end}')})" for end in ends)
    return f"({found})"


def _text(value: str) -> str:
    """A text of the Common Expression Language."""
    return json.dumps(value, ensure_ascii=False)


def _slug(role: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", role.lower())


def _looking(args: GcpGithubIdentityArgs, *, previews: bool) -> dict[str, identity.Grant]:
    """What previews may look at. Raises ArgsError for a right to change something."""
    what, key = "GcpGithubIdentity", "preview_statements"
    found = identity.statements(what, key, args.get("preview_statements"), args["project"])
    for place, grant in found.items():
        if grant.role not in ALSO_LOOKS:
            expected = "a role that changes nothing and tells no secret, by its name, as pull requests have it"
            short = place.partition(".")[2]
            checks.fits(f"{what}.{key}[{short!r}].role", grant.role, LOOKS, expected, identity.READS)
    if found and not previews:
        raise checks.wrong(f"{what}.{key}", f"{len(found)} of them", "none, as previews is False", "leave one out")
    return found


def _roles(args: GcpGithubIdentityArgs) -> list[str]:
    """Roles in the whole project. Raises ArgsError for one that allows all there is."""
    found = _listed("roles", args.get("roles"))
    for at, each in enumerate(found):
        if each.startswith(identity.HANDING_OUT) and not args.get("unbounded"):
            raise checks.wrong(
                f"GcpGithubIdentity.roles[{at}]",
                each,
                "none that hands out rights, or takes another's place, in the whole project",
                "write which roles it may give into gives, or unbounded: True",
            )
    return found


def _gives(args: GcpGithubIdentityArgs) -> list[str]:
    """Roles that it may give to others. Raises ArgsError for one by which whoever has it gives more."""
    found, what = _listed("gives", args.get("gives")), "GcpGithubIdentity.gives"
    for at, each in enumerate(found):
        if each.startswith(identity.HANDING_OUT):
            expected = "none that hands out rights, or takes another's place: it could give itself that, and then any"
            raise checks.wrong(f"{what}[{at}]", each, expected, "leave it out")
    if len(found) > MOST_GRANTS:
        expected = f"at most {MOST_GRANTS}, as a condition names no more"
        raise checks.wrong(what, f"{len(found)} roles", expected, "put some together in a role of yours")
    return found


def _listed(key: str, given: object) -> list[str]:
    what = f"GcpGithubIdentity.{key}"
    if isinstance(given, str):
        raise checks.wrong(what, given, "a list of roles", f"write ['{given}']")
    found = list(cast("Sequence[str]", given or []))
    for at, each in enumerate(found):
        expected = "a role of one service or one of your own, as a basic role allows all there is"
        checks.fits(f"{what}[{at}]", each, identity.ROLE, expected, "roles/run.admin")
    if len({_slug(each) for each in found}) != len(found):
        raise checks.wrong(what, found, "each role once", f"write {sorted(set(found))}")
    return found
