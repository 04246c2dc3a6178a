"""What a workflow of GitHub may do in an account: roles that it takes by its token, with no key that could leak."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NotRequired, Optional, TypedDict

import pulumi
from pulumi_aws.iam.open_id_connect_provider import OpenIdConnectProvider
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy import RolePolicy
from pulumi_aws.iam.role_policy_attachment import RolePolicyAttachment

from components import checks, github
from components.aws import checks as aws
from components.aws import policies
from components.aws.identity import AwsStatement, short, statement
from components.aws.tags import Tags

AUDIENCE: Final = "sts.amazonaws.com"
LOOKS: Final = (
    r"(?!(sts|secretsmanager):(Batch)?Get)(?!ssm:GetParameter)"
    r"[a-z][a-z0-9-]*:(BatchGet|Describe|Get|Head|List|Lookup|Query|Scan|Search|View)[A-Za-z0-9]*"
)
"""Actions that change nothing and tell no secret, by their names."""
ALSO_LOOKS: Final = ("kms:Decrypt",)
VIEW_ONLY: Final = "policy/job-function/ViewOnlyAccess"
"""AWS's own policy to see what there is, and none of the data in it."""
MOST_POLICIES: Final = 10
"""Policies that one attaches to a role (IAM user guide, quotas, 2026-11-22)."""


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
        # A role's name has 64 characters, of which `-preview` and Pulumi's suffix take 16.
        aws.named("GithubOidcRole", name, 48)
        aws.account("GithubOidcRole.account_id", args["account_id"])
        aws.region("GithubOidcRole.region", args["region"])
        who, subjects = _who(args), github.subjects("GithubOidcRole", args)
        statements = [
            statement(f"GithubOidcRole.statements[{at}]", each) for at, each in enumerate(args.get("statements") or [])
        ]
        looking = _looking(args)
        for key, each in (("statements", statements), ("preview_statements", looking)):
            checks.asked(policies.text(policies.content(*each)), partial(short, f"GithubOidcRole.{key}"))
        attached = _policies(args)
        boundary = _boundary(args)
        minutes = checks.whole("GithubOidcRole.minutes", args.get("minutes", 60), 60, 720, "minutes")
        provider = _provider(args)
        tags = Tags("GithubOidcRole.tags", name, args.get("tags"))
        super().__init__("modelport:index:GithubOidcRole", name, {}, opts)
        self._name, self._tags, self._child = name, tags, pulumi.ResourceOptions(parent=self)
        self._boundary, self._seconds = boundary, minutes * 60
        self._exact = "any_repository_of_organisation" not in args
        if provider is None:
            made = OpenIdConnectProvider(
                name,
                url=f"https://{github.ISSUER}",
                client_id_lists=[AUDIENCE],
                tags=tags.of(name),
                opts=self._child,
            )
            provider = made.arn
        self.provider_arn = pulumi.Output.from_input(provider)
        told = ", ".join(subjects)
        about = f"Workflows of {who}: {told}" if len(told) < 800 else f"Workflows of {who}"
        role = self._role(name, about, [f"repo:{who}:{each}" for each in subjects])
        settled = self._rights(name, role, statements, attached)
        self.role_arn = pulumi.Output.all(role.arn, *settled).apply(lambda known: str(known[0]))
        self.role_name = role.name
        self.preview_role_arn = self.preview_role_name = pulumi.Output.from_input("")
        if args.get("previews", True):
            called = f"{name}-preview"
            role = self._role(called, f"Pull requests of {who}, to look alone", [f"repo:{who}:pull_request"])
            seeing = f"arn:{aws.partition(args['region'])}:iam::aws:{VIEW_ONLY}"
            settled = self._rights(called, role, looking, [seeing])
            self.preview_role_arn = pulumi.Output.all(role.arn, *settled).apply(lambda known: str(known[0]))
            self.preview_role_name = role.name
        self.register_outputs(
            {
                "role_arn": self.role_arn,
                "role_name": self.role_name,
                "preview_role_arn": self.preview_role_arn,
                "preview_role_name": self.preview_role_name,
                "provider_arn": self.provider_arn,
            }
        )

    def _role(self, called: str, about: str, subjects: Sequence[str]) -> Role:
        condition: dict[str, dict[str, Any]] = {"StringEquals": {f"{github.ISSUER}:aud": AUDIENCE}}
        # A wildcard is one in a whole organisation's subjects alone, and a star in a branch's name is refused.
        condition.setdefault("StringEquals" if self._exact else "StringLike", {})[f"{github.ISSUER}:sub"] = list(
            subjects
        )
        trust = {
            "Effect": "Allow",
            "Principal": {"Federated": self.provider_arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": condition,
        }
        return Role(
            called,
            description=about,
            assume_role_policy=policies.text(policies.content(trust)),
            max_session_duration=self._seconds,
            permissions_boundary=self._boundary,
            tags=self._tags.of(called),
            opts=self._child,
        )

    def _rights(
        self,
        called: str,
        role: Role,
        statements: Sequence[policies.Statement],
        attached: Sequence[pulumi.Input[str]],
    ) -> list[pulumi.Output[str]]:
        made: list[pulumi.Output[str]] = []
        if statements:
            policy = policies.text(policies.content(*statements))
            made.append(RolePolicy(called, role=role.name, policy=policy, opts=self._child).id)
        for at, each in enumerate(attached):
            place = f"{called}-{at}"
            made.append(RolePolicyAttachment(place, role=role.name, policy_arn=each, opts=self._child).id)
        return made


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


def _looking(args: GithubOidcRoleArgs) -> list[policies.Statement]:
    """What previews may look at. Raises ArgsError for a right to change something."""
    found: list[policies.Statement] = []
    for at, each in enumerate(args.get("preview_statements") or []):
        what = f"GithubOidcRole.preview_statements[{at}]"
        found.append(statement(what, each))
        for action in each["actions"]:
            if action not in ALSO_LOOKS:
                expected = "an action that changes nothing and tells no secret, as pull requests do it"
                checks.fits(f"{what}.actions", action, LOOKS, expected, "s3:GetObject")
    if found and not args.get("previews", True):
        expected = "none, as previews is False"
        raise checks.wrong("GithubOidcRole.preview_statements", f"{len(found)} of them", expected, "leave one out")
    return found


def _policies(args: GithubOidcRoleArgs) -> list[pulumi.Input[str]]:
    what = "GithubOidcRole.policy_arns"
    given = list(args.get("policy_arns") or [])

    def narrow(place: str, known: str) -> None:
        aws.arn(place, known, "iam", r"policy/[\w+=,.@/-]+", "policy/deploy")
        if known.endswith((":policy/AdministratorAccess", ":policy/PowerUserAccess")):
            expected = "a policy that names what is deployed, as this one allows all there is"
            raise checks.wrong(place, known, expected, "write statements, or a policy of your own")

    if len(given) > MOST_POLICIES:
        expected = f"at most {MOST_POLICIES}, as IAM attaches no more"
        raise checks.wrong(what, f"{len(given)} policies", expected, "put some together")
    return [checks.asked(each, partial(narrow, f"{what}[{at}]")) for at, each in enumerate(given)]


def _boundary(args: GithubOidcRoleArgs) -> pulumi.Input[str] | None:
    what = "GithubOidcRole.permissions_boundary_arn"
    given, without = args.get("permissions_boundary_arn"), args.get("without_permissions_boundary", False)
    if given is None:
        if without:
            return None
        expected = "the ARN of a policy that bounds what a workflow makes itself allowed"
        raise checks.wrong(what, None, expected, "name one, or write without_permissions_boundary")
    if without:
        raise checks.wrong(what, str(given), "nothing beside without_permissions_boundary", "leave one of them out")
    rule = partial(aws.arn, what, service="iam", resource=r"policy/[\w+=,.@/-]+", example="policy/bounds")
    return checks.asked(given, rule)


def _provider(args: GithubOidcRoleArgs) -> pulumi.Input[str] | None:
    given = args.get("provider_arn")
    if given is None:
        return None
    place = f"oidc-provider/{github.ISSUER}"

    def here(known: str) -> None:
        aws.arn("GithubOidcRole.provider_arn", known, "iam", place.replace(".", r"\."), place)
        if known.split(":")[4] != args["account_id"]:
            expected = f"that of {args['account_id']}, as an account trusts its own alone"
            raise checks.wrong("GithubOidcRole.provider_arn", known, expected, "leave it out, and it is made")

    return checks.asked(given, here)
