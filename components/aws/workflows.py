"""Roles that tokens of pipelines take, whoever issues the tokens: what they may do, and for how long."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, cast

import pulumi
from pulumi_aws.iam.open_id_connect_provider import OpenIdConnectProvider
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy import RolePolicy
from pulumi_aws.iam.role_policy_attachment import RolePolicyAttachment

from components import checks
from components.aws import checks as aws
from components.aws import policies
from components.aws.identity import short, statement
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


class Trust:
    """What a component was asked for, held to its rules, and then the roles that are made of it."""

    def __init__(self, what: str, name: str, args: Mapping[str, Any], issuer: str, *, previews: bool, who: str) -> None:
        """issuer: whose tokens they are, without https://. who: what previews are of. Raises ArgsError."""
        # A role's name has 64 characters, of which `-preview` and Pulumi's suffix take 16.
        aws.named(what, name, 48)
        aws.account(f"{what}.account_id", args["account_id"])
        aws.region(f"{what}.region", args["region"])
        self._what, self._name, self._args, self._issuer = what, name, args, issuer
        self.statements = [
            statement(f"{what}.statements[{at}]", each) for at, each in enumerate(args.get("statements") or [])
        ]
        self.looking = self._looking(previews, who)
        for key, each in (("statements", self.statements), ("preview_statements", self.looking)):
            checks.asked(policies.text(policies.content(*each)), partial(short, f"{what}.{key}"))
        self.attached = self._policies()
        self._boundary = self._bounds()
        self._seconds = checks.whole(f"{what}.minutes", args.get("minutes", 60), 60, 720, "minutes") * 60
        self._given = self._provider()
        self._tags = Tags(f"{what}.tags", name, args.get("tags"))
        self.seeing = [f"arn:{aws.partition(args['region'])}:iam::aws:{VIEW_ONLY}"]

    def begin(self, parent: pulumi.ComponentResource) -> pulumi.Output[str]:
        """Make the provider where none is named; its ARN."""
        self._child = pulumi.ResourceOptions(parent=parent)
        provider = self._given
        if provider is None:
            made = OpenIdConnectProvider(
                self._name,
                url=f"https://{self._issuer}",
                client_id_lists=[AUDIENCE],
                tags=self._tags.of(self._name),
                opts=self._child,
            )
            provider = made.arn
        self._federated = pulumi.Output.from_input(provider)
        return self._federated

    def role(
        self,
        called: str,
        about: str,
        subjects: Sequence[str],
        statements: Sequence[policies.Statement],
        attached: Sequence[pulumi.Input[str]],
        *,
        exact: bool = True,
    ) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """A role for tokens with these subjects: its ARN, once it may do what it should, and its name."""
        condition: dict[str, dict[str, Any]] = {"StringEquals": {f"{self._issuer}:aud": AUDIENCE}}
        # A wildcard is one where the component writes it, as no name that is asked for has a star.
        condition.setdefault("StringEquals" if exact else "StringLike", {})[f"{self._issuer}:sub"] = list(subjects)
        trust = {
            "Effect": "Allow",
            "Principal": {"Federated": self._federated},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": condition,
        }
        role = Role(
            called,
            description=about,
            assume_role_policy=policies.text(policies.content(trust)),
            max_session_duration=self._seconds,
            permissions_boundary=self._boundary,
            tags=self._tags.of(called),
            opts=self._child,
        )
        settled: list[pulumi.Output[str]] = []
        if statements:
            policy = policies.text(policies.content(*statements))
            settled.append(RolePolicy(called, role=role.name, policy=policy, opts=self._child).id)
        for at, each in enumerate(attached):
            place = f"{called}-{at}"
            settled.append(RolePolicyAttachment(place, role=role.name, policy_arn=each, opts=self._child).id)
        return pulumi.Output.all(role.arn, *settled).apply(lambda known: str(known[0])), role.name

    def _looking(self, previews: bool, who: str) -> list[policies.Statement]:
        """What previews may look at. Raises ArgsError for a right to change something."""
        found: list[policies.Statement] = []
        for at, each in enumerate(self._args.get("preview_statements") or []):
            what = f"{self._what}.preview_statements[{at}]"
            found.append(statement(what, each))
            for action in each["actions"]:
                if action not in ALSO_LOOKS:
                    expected = f"an action that changes nothing and tells no secret, as {who} do it"
                    checks.fits(f"{what}.actions", action, LOOKS, expected, "s3:GetObject")
        if found and not previews:
            expected = "none, as previews is False"
            raise checks.wrong(f"{self._what}.preview_statements", f"{len(found)} of them", expected, "leave one out")
        return found

    def _policies(self) -> list[pulumi.Input[str]]:
        what = f"{self._what}.policy_arns"
        given: list[pulumi.Input[str]] = list(self._args.get("policy_arns") or [])

        def narrow(place: str, known: str) -> None:
            aws.arn(place, known, "iam", r"policy/[\w+=,.@/-]+", "policy/deploy")
            if known.endswith((":policy/AdministratorAccess", ":policy/PowerUserAccess")):
                expected = "a policy that names what is deployed, as this one allows all there is"
                raise checks.wrong(place, known, expected, "write statements, or a policy of your own")

        if len(given) > MOST_POLICIES:
            expected = f"at most {MOST_POLICIES}, as IAM attaches no more"
            raise checks.wrong(what, f"{len(given)} policies", expected, "put some together")
        return [checks.asked(each, partial(narrow, f"{what}[{at}]")) for at, each in enumerate(given)]

    def _bounds(self) -> pulumi.Input[str] | None:
        what = f"{self._what}.permissions_boundary_arn"
        given = cast("pulumi.Input[str] | None", self._args.get("permissions_boundary_arn"))
        without = self._args.get("without_permissions_boundary", False)
        if given is None:
            if without:
                return None
            expected = "the ARN of a policy that bounds what a workflow makes itself allowed"
            raise checks.wrong(what, None, expected, "name one, or write without_permissions_boundary")
        if without:
            raise checks.wrong(what, str(given), "nothing beside without_permissions_boundary", "leave one of them out")
        rule = partial(aws.arn, what, service="iam", resource=r"policy/[\w+=,.@/-]+", example="policy/bounds")
        return checks.asked(given, rule)

    def _provider(self) -> pulumi.Input[str] | None:
        given, what = cast("pulumi.Input[str] | None", self._args.get("provider_arn")), f"{self._what}.provider_arn"
        if given is None:
            return None
        place, account = f"oidc-provider/{self._issuer}", self._args["account_id"]

        def here(known: str) -> None:
            aws.arn(what, known, "iam", place.replace(".", r"\."), place)
            if known.split(":")[4] != account:
                expected = f"that of {account}, as an account trusts its own alone"
                raise checks.wrong(what, known, expected, "leave it out, and it is made")

        return checks.asked(given, here)
