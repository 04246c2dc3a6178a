"""What a workflow of GitHub may do in a project: accounts that it is by its token, with no key that could leak."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, NotRequired, Optional, TypedDict

import pulumi

from components import checks, github
from components.gcp.identity import GcpStatement
from components.gcp.workflows import Federation, Issuer, Trusted, text, trusted

_GITHUB: Final = Issuer(
    url=f"https://{github.ISSUER}",
    slug="github",
    title="GitHub",
    jobs="Workflows",
    looks="Pull requests",
    subject='"repository:" + assertion.repository_id + ":run:" + assertion.run_id',
)


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
        previews = args.get("previews", True)
        federation = Federation(what, name, args, _GITHUB, partial(_trusted, args, previews=previews), previews)
        super().__init__("modelport:index:GcpGithubIdentity", name, {}, opts)
        made = federation.made(self)
        self.provider_name = made["provider_name"]
        self.service_account, self.member = made["service_account"], made["member"]
        self.preview_service_account = made["preview_service_account"]
        self.preview_member = made["preview_member"]
        self.register_outputs(made)


def _trusted(args: GcpGithubIdentityArgs, *, previews: bool) -> Trusted:
    """Raises ArgsError."""
    what = "GcpGithubIdentity"
    owner, name = github.repository(what, args)
    owned = github.number(f"{what}.owner_id", args.get("owner_id"), owner, name)
    mine = [f"assertion.repository_owner_id == {text(owned)}"]
    prefixes: list[str] = []
    if name == github.ANY:
        if (given := args.get("repository_id")) is not None:
            expected = "nothing beside any_repository_of_organisation"
            raise checks.wrong(f"{what}.repository_id", given, expected, "leave one of them out")
    else:
        number = github.number(f"{what}.repository_id", args.get("repository_id"), owner, name)
        mine.append(f"assertion.repository_id == {text(number)}")
        # Subjects of repositories made before 2026-07-15 have no numbers in them, which every token has beside it.
        prefixes = [f"repo:{owner}/{name}:", f"repo:{owner}@{owned}/{name}@{number}:"]
    deploys = f'{_named(prefixes, github.subjects(what, args))} && !assertion.event_name.startsWith("pull_request")'
    looks = f'{_named(prefixes, ["pull_request"])} && assertion.event_name == "pull_request"' if previews else None
    return trusted(what, f"{owner}/{name}", mine, deploys, looks)


def _named(prefixes: Sequence[str], ends: Sequence[str]) -> str:
    """That a subject is one of these: whole where it is known how it begins."""
    if prefixes:
        whole = ", ".join(text(f"{prefix}{end}") for end in ends for prefix in prefixes)
        return f"assertion.sub in [{whole}]"
    # A colon in what GitHub puts into a subject is written as %3A, so that nothing else ends so.
    found = " || ".join(f"assertion.sub.endsWith({text(f':{end}')})" for end in ends)
    return f"({found})"
