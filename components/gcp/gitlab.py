"""What a pipeline of GitLab may do in a project: accounts that it is by its token, with no key that could leak."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, NotRequired, Optional, TypedDict

import pulumi

from components import checks, gitlab, tokens
from components.gcp.identity import GcpStatement
from components.gcp.workflows import Federation, Issuer, Trusted, text, trusted

_GITLAB: Final = Issuer(
    url=gitlab.ISSUER,
    slug="gitlab",
    title="GitLab",
    jobs="Jobs",
    looks="Merge requests",
    subject='"project:" + assertion.project_id + ":job:" + assertion.job_id',
)


class GcpGitlabIdentityArgs(TypedDict):
    project: str
    """Id of the project of Google Cloud, as `shop-prod`."""
    gitlab_project: str
    """The project of GitLab, as `example/shop/models`: to tell of it."""
    gitlab_project_id: str
    """GitLab's number of that project, of Settings, General: by it a token is known, as a path that is given up is
    free for others."""
    branches: NotRequired[Sequence[str]]
    """Protected branches whose jobs are the account."""
    any_branch: NotRequired[bool]
    """Whether jobs of every branch are it, in their place: whoever may push decides what they do. Default: no."""
    environments: NotRequired[Sequence[str]]
    """Of these jobs those alone that deploy to one of these protected environments; GitLab asks its approvers first.
    Default: all of them."""
    unprotected_environments: NotRequired[bool]
    """Whether they need not be protected, as GitLab protects none in its free tier. Default: no."""
    issuer: NotRequired[str]
    """Address of a GitLab of your own, which Google must reach. Default: `https://gitlab.com`."""
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
    """Whether merge requests get an account of their own that changes nothing. Default: yes, but not beside
    `any_branch`."""
    preview_statements: NotRequired[Mapping[str, GcpStatement]]
    """What that account may look at beside what there is in the project, by a short name of each: where Pulumi's state
    is, for example. Default: nothing."""
    pool_id: NotRequired[str]
    """Id of the pool that tokens are taken to. Google keeps that of one that is gone for 30 days. Default: the
    component's name, and `-gitlab`."""


class GcpGitlabIdentity(pulumi.ComponentResource):
    """An account for jobs of one project of GitLab on named protected branches, and one for previews.

    Whom GitLab's token names is compared letter by letter. Who may open a merge request decides what its pipeline does:
    that one is the second account, which looks and changes nothing. A fork's is none. The project needs the APIs iam,
    iamcredentials and sts. Outputs: `provider_name`, `service_account`, `member`, `preview_service_account`,
    `preview_member`.
    """

    provider_name: pulumi.Output[str]
    """Whole name of the provider, `projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/gitlab`: with
    `https://iam.googleapis.com/` before it the audience of a job's token."""
    service_account: pulumi.Output[str]
    """Address of the account, once it may do what it should."""
    member: pulumi.Output[str]
    """The account as a member of IAM, `serviceAccount:EMAIL`: for policies of others."""
    preview_service_account: pulumi.Output[str]
    """Address of the account of merge requests; empty where they have none."""
    preview_member: pulumi.Output[str]
    """The same as a member of IAM; empty where they have none."""

    def __init__(
        self,
        name: str,
        args: GcpGitlabIdentityArgs,
        opts: Optional[pulumi.ResourceOptions] = None,  # noqa: UP045
    ) -> None:
        what = "GcpGitlabIdentity"
        checks.given(what, args, GcpGitlabIdentityArgs)
        previews, issuer = gitlab.previews(args), replace(_GITLAB, url=gitlab.issuer(what, args))
        federation = Federation(what, name, args, issuer, partial(_trusted, args, previews=previews), previews)
        super().__init__("modelport:index:GcpGitlabIdentity", name, {}, opts)
        made = federation.made(self)
        self.provider_name = made["provider_name"]
        self.service_account, self.member = made["service_account"], made["member"]
        self.preview_service_account = made["preview_service_account"]
        self.preview_member = made["preview_member"]
        self.register_outputs(made)


def _trusted(args: GcpGitlabIdentityArgs, *, previews: bool) -> Trusted:
    """Raises ArgsError."""
    what = "GcpGitlabIdentity"
    who, number, branches = gitlab.project(what, args), gitlab.number(what, args), gitlab.branches(what, args)
    deploys = ['assertion.ref_type == "branch"']
    if branches:
        deploys += [_one_of("ref", branches), 'assertion.ref_protected == "true"']
        deploys.append('assertion.pipeline_source != "merge_request_event"')
    deploys += _environments(args)
    looks = 'assertion.ref_type == "branch" && assertion.pipeline_source == "merge_request_event"'
    mine = [f"assertion.project_id == {text(number)}"]
    return trusted(what, who, mine, " && ".join(deploys), looks if previews else None)


def _environments(args: GcpGitlabIdentityArgs) -> list[str]:
    """That a job deploys to one of the environments. Raises ArgsError."""
    what, expected = "GcpGitlabIdentity", "the name of an environment, without wildcards"
    names = tokens.names(what, args, "environments", gitlab.ENVIRONMENT, expected, "production")
    free = args.get("unprotected_environments", False)
    if not names:
        if free:
            raise checks.wrong(f"{what}.environments", names, "the unprotected ones", "write ['production']")
        return []
    # A job without an environment has none of these claims.
    found = ["has(assertion.environment)", _one_of("environment", names)]
    return found if free else [*found, 'assertion.environment_protected == "true"']


def _one_of(claim: str, names: Sequence[str]) -> str:
    return f"assertion.{claim} in [{', '.join(text(each) for each in names)}]"
