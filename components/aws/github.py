"""What a workflow of GitHub may do in an account: roles that it takes by its token, with no key that could leak."""

from collections.abc import Sequence
from typing import NotRequired, Optional, TypedDict

import pulumi

from components import checks, github
from components.aws.identity import AwsStatement
from components.aws.workflows import Trust


class GithubOidcRoleArgs(TypedDict):
    account_id: str
    """Id of the account, twelve digits as text."""
    region: str
    """Region, as `eu-central-1`: that of the AWS provider."""
    repository: NotRequired[str]
    """The repository, as `example/models`, in the letters that GitHub shows."""
    any_repository_of_organisation: NotRequired[str]
    """An organisation, as `example`, instead: every repository in it is trusted, those that there will be too."""
    owner_id: NotRequired[str]
    """GitHub's number of the owner: `gh api repos/example/models --jq .owner.id`. With it and `repository_id` who gets
    the names of an owner or repository that are gone gets nothing more."""
    repository_id: NotRequired[str]
    """GitHub's number of the repository: `gh api repos/example/models --jq .id`."""
    by_name_alone: NotRequired[bool]
    """Whether the token names no numbers: that of a repository made before 2026-07-15 that has not asked for them.
    Default: no."""
    branches: NotRequired[Sequence[str]]
    """Branches whose workflows take the role."""
    environments: NotRequired[Sequence[str]]
    """Environments whose jobs take the role; GitHub asks their reviewers first."""
    statements: NotRequired[Sequence[AwsStatement]]
    """What the role may do. Default: nothing."""
    policy_arns: NotRequired[Sequence[pulumi.Input[str]]]
    """ARNs of policies of yours that it is given beside that. Default: none."""
    permissions_boundary_arn: NotRequired[pulumi.Input[str]]
    """ARN of the policy that bounds whatever both roles are allowed."""
    without_permissions_boundary: NotRequired[bool]
    """Whether nothing bounds them. Default: no, `permissions_boundary_arn` is needed."""
    previews: NotRequired[bool]
    """Whether pull requests get a role of their own that changes nothing. Default: yes."""
    preview_statements: NotRequired[Sequence[AwsStatement]]
    """What that role may look at beside what there is in the account: where Pulumi's state is, for example. Default:
    nothing."""
    minutes: NotRequired[int]
    """For how long the credentials of one job are good, 60 to 720. Default: 60."""
    provider_arn: NotRequired[pulumi.Input[str]]
    """ARN of GitHub's provider in this account, which has at most one. Default: it is made."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that is made, beside this library's. Default: none."""


class GithubOidcRole(pulumi.ComponentResource):
    """A role for workflows of one repository on named branches or in named environments, and one for previews.

    Whom GitHub's token names is compared letter by letter, and whom it is for. Who may open a pull request decides what
    its workflow does: that one takes the second role, which looks and changes nothing.
    Outputs: `role_arn`, `role_name`, `preview_role_arn`, `preview_role_name`, `provider_arn`.
    """

    role_arn: pulumi.Output[str]
    """ARN of the role, once it may do what it should."""
    role_name: pulumi.Output[str]
    """Name of the role."""
    preview_role_arn: pulumi.Output[str]
    """ARN of the role of pull requests; empty where they have none."""
    preview_role_name: pulumi.Output[str]
    """Name of the role of pull requests; empty where they have none."""
    provider_arn: pulumi.Output[str]
    """ARN of GitHub's provider in this account."""

    def __init__(self, name: str, args: GithubOidcRoleArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        checks.given("GithubOidcRole", args, GithubOidcRoleArgs)
        who, subjects = _who(args), github.subjects("GithubOidcRole", args)
        previews = args.get("previews", True)
        trust = Trust("GithubOidcRole", name, args, github.ISSUER, previews=previews, who="pull requests")
        super().__init__("modelport:index:GithubOidcRole", name, {}, opts)
        self.provider_arn = trust.begin(self)
        exact = "any_repository_of_organisation" not in args
        told = ", ".join(subjects)
        about = f"Workflows of {who}: {told}" if len(told) < 800 else f"Workflows of {who}"
        named = [f"repo:{who}:{each}" for each in subjects]
        self.role_arn, self.role_name = trust.role(name, about, named, trust.statements, trust.attached, exact=exact)
        self.preview_role_arn = self.preview_role_name = pulumi.Output.from_input("")
        if previews:
            about, named = f"Pull requests of {who}, to look alone", [f"repo:{who}:pull_request"]
            self.preview_role_arn, self.preview_role_name = trust.role(
                f"{name}-preview", about, named, trust.looking, trust.seeing, exact=exact
            )
        self.register_outputs(
            {
                "role_arn": self.role_arn,
                "role_name": self.role_name,
                "preview_role_arn": self.preview_role_arn,
                "preview_role_name": self.preview_role_name,
                "provider_arn": self.provider_arn,
            }
        )


def _who(args: GithubOidcRoleArgs) -> str:
    """Owner and repository as a subject names them. Raises ArgsError."""
    what = "GithubOidcRole"
    owner, name = github.repository(what, args)
    numbers: dict[str, str] = {}
    for key, wanted in (("owner_id", True), ("repository_id", name != github.ANY)):
        given = args.get("owner_id") if key == "owner_id" else args.get("repository_id")
        if args.get("by_name_alone") or not wanted:
            if given is not None:
                beside = "by_name_alone" if wanted else "any_repository_of_organisation"
                raise checks.wrong(f"{what}.{key}", given, f"nothing beside {beside}", "leave one of them out")
            numbers[key] = ""
            continue
        otherwise = ", or write by_name_alone where the token of the repository has none"
        numbers[key] = f"@{github.number(f'{what}.{key}', given, owner, name, otherwise)}"
    return f"{owner}{numbers['owner_id']}/{name}{numbers['repository_id']}"
