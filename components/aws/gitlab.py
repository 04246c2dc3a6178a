"""What a pipeline of GitLab may do in an account: roles that it takes by its token, with no key that could leak."""

from collections.abc import Sequence
from typing import NotRequired, Optional, TypedDict

import pulumi

from components import checks, gitlab, tokens
from components.aws.identity import AwsStatement
from components.aws.workflows import Trust


class GitlabOidcRoleArgs(TypedDict):
    account_id: str
    """Id of the account, twelve digits as text."""
    region: str
    """Region, as `eu-central-1`: that of the AWS provider."""
    gitlab_project: str
    """The project, as `example/shop/models`, in the letters of its address."""
    gitlab_project_id: NotRequired[str]
    """GitLab's number of the project, of Settings, General. With it whoever gets the path of a project that is gone
    gets nothing more. The project's subject must begin with it: docs/ci.md says how."""
    by_path_alone: NotRequired[bool]
    """Whether the subject names no number: that of a project that has not asked for it. Default: no."""
    branches: NotRequired[Sequence[str]]
    """Protected branches whose jobs take the role."""
    any_branch: NotRequired[bool]
    """Whether jobs of every branch take it, in their place: whoever may push decides what they do. Default: no."""
    tiers: NotRequired[Sequence[str]]
    """Of these jobs those alone that deploy to a protected environment of one of these tiers, as `production`; GitLab
    asks its approvers first. The project's subject must end with both: docs/ci.md says how. Default: all of them."""
    issuer: NotRequired[str]
    """Address of a GitLab of your own, which AWS must reach. Default: `https://gitlab.com`."""
    statements: NotRequired[Sequence[AwsStatement]]
    """What the role may do. Default: nothing."""
    policy_arns: NotRequired[Sequence[pulumi.Input[str]]]
    """ARNs of policies of yours that it is given beside that. Default: none."""
    permissions_boundary_arn: NotRequired[pulumi.Input[str]]
    """ARN of the policy that bounds whatever both roles are allowed."""
    without_permissions_boundary: NotRequired[bool]
    """Whether nothing bounds them. Default: no, `permissions_boundary_arn` is needed."""
    previews: NotRequired[bool]
    """Whether jobs of any branch, those of merge requests among them, get a role of their own that changes nothing.
    Default: yes, but not beside `any_branch`."""
    preview_statements: NotRequired[Sequence[AwsStatement]]
    """What that role may look at beside what there is in the account: where Pulumi's state is, for example. Default:
    nothing."""
    minutes: NotRequired[int]
    """For how long the credentials of one job are good, 60 to 720. Default: 60."""
    provider_arn: NotRequired[pulumi.Input[str]]
    """ARN of this GitLab's provider in the account, which has at most one of each. Default: it is made."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that is made, beside this library's. Default: none."""


class GitlabOidcRole(pulumi.ComponentResource):
    """A role for jobs of one project of GitLab on named branches, and one for previews.

    Whom GitLab's token names is compared letter by letter, and whom it is for. A job of a merge request has a token of
    its branch, as AWS sees it: it takes the second role, which looks and changes nothing. A fork's takes none.
    Outputs: `role_arn`, `role_name`, `preview_role_arn`, `preview_role_name`, `provider_arn`.
    """

    role_arn: pulumi.Output[str]
    """ARN of the role, once it may do what it should."""
    role_name: pulumi.Output[str]
    """Name of the role."""
    preview_role_arn: pulumi.Output[str]
    """ARN of the role of previews; empty where they have none."""
    preview_role_name: pulumi.Output[str]
    """Name of the role of previews; empty where they have none."""
    provider_arn: pulumi.Output[str]
    """ARN of this GitLab's provider in the account."""

    def __init__(self, name: str, args: GitlabOidcRoleArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        what = "GitlabOidcRole"
        checks.given(what, args, GitlabOidcRoleArgs)
        issuer, project, who = gitlab.issuer(what, args), gitlab.project(what, args), _who(args)
        branches, tiers = gitlab.branches(what, args), _tiers(args)
        previews = gitlab.previews(args)
        host = issuer.removeprefix("https://")
        trust = Trust(what, name, args, host, previews=previews, who="merge requests")
        super().__init__("modelport:index:GitlabOidcRole", name, {}, opts)
        self.provider_arn = trust.begin(self)
        told = ", ".join(branches) or "any branch"
        # IAM takes no other letters than those of Latin in what it is told of a role.
        about = f"Jobs of {project}: {told}" if told.isascii() and len(told) < 700 else f"Jobs of {project}"
        # No branch's name has a colon, so that what stands behind one is GitLab's own word.
        ends = [f":environment_protected:true:deployment_tier:{each}" for each in tiers] or [""]
        subjects = [f"{who}:ref_type:branch:ref:{branch}{end}" for branch in branches or ["*"] for end in ends]
        self.role_arn, self.role_name = trust.role(
            name, about, subjects, trust.statements, trust.attached, exact=bool(branches)
        )
        self.preview_role_arn = self.preview_role_name = pulumi.Output.from_input("")
        if previews:
            about, any_of_them = f"Any branch of {project}, to look alone", [f"{who}:ref_type:branch:ref:*"]
            self.preview_role_arn, self.preview_role_name = trust.role(
                f"{name}-preview", about, any_of_them, trust.looking, trust.seeing, exact=False
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


def _who(args: GitlabOidcRoleArgs) -> str:
    """How a subject of the project begins. Raises ArgsError."""
    what, project = "GitlabOidcRole", gitlab.project("GitlabOidcRole", args)
    if args.get("by_path_alone"):
        if (given := args.get("gitlab_project_id")) is not None:
            raise checks.wrong(f"{what}.gitlab_project_id", given, "nothing beside by_path_alone", "leave one out")
        return f"project_path:{project}"
    return f"project_id:{gitlab.number(what, args, ', or by_path_alone where the subject has no number')}"


def _tiers(args: GitlabOidcRoleArgs) -> list[str]:
    """Tiers of environments. Raises ArgsError."""
    expected = f"one of {', '.join(gitlab.TIERS)}"
    return tokens.names("GitlabOidcRole", args, "tiers", "|".join(gitlab.TIERS), expected, "production")
