"""Secrets in AWS Secrets Manager: whose values stand nowhere in plain text, and which named roles alone can read."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, NotRequired, Optional, TypedDict

import pulumi
from pulumi_aws.kms.key import Key
from pulumi_aws.lambda_.permission import Permission
from pulumi_aws.secretsmanager.secret import Secret
from pulumi_aws.secretsmanager.secret_policy import SecretPolicy
from pulumi_aws.secretsmanager.secret_rotation import SecretRotation
from pulumi_aws.secretsmanager.secret_version import SecretVersion

from components import checks
from components.aws import checks as aws
from components.aws import policies
from components.aws.tags import Tags

LONGEST: Final = 65_536
"""Bytes of a value (botocore's model of PutSecretValue, 2026-11-22)."""
RECOVERY_DAYS, ROTATION_DAYS = 30, 30
ROLE = r"role/[\w+=,.@/-]{1,512}"
SCHEDULE = r"rate\([1-9][0-9]* (hours?|days?)\)|cron\(([0-9A-Z#?*/,L-]+ ){5}[0-9A-Z#?*/,L-]+\)"
"""Schedules of a rotation (Secrets Manager user guide, "Schedule expressions", 2026-11-22)."""


class AwsSecretRotation(TypedDict):
    """How a value is made anew, again and again, by a function of yours."""

    function_arn: pulumi.Input[str]
    """ARN of the function of Lambda that does it; the role of the function is one of `writer_role_arns`."""
    days: NotRequired[int]
    """Days between one and the next, 1 to 1000. Default: 30."""
    schedule: NotRequired[str]
    """When, instead of `days`: `rate(10 days)` or `cron(0 3 ? * SUN *)`, in UTC."""
    window_hours: NotRequired[int]
    """Hours from then within which it is done, 1 to 24. Default: until the day ends."""
    wait_for_the_first: NotRequired[bool]
    """Whether the first one waits for its time. Default: no, it is done at once, and so shows that it can be done."""


class AwsSecret(TypedDict):
    """One secret."""

    description: NotRequired[str]
    """What it is for. Default: the component's name and its own."""
    value: NotRequired[pulumi.Input[str]]
    """Its value, as a secret of Pulumi's: `config.require_secret(...)` or `pulumi.Output.secret(...)`; plain text is
    refused. With a rotation it is the first one, and later ones are let be. Default: none, somebody puts one."""
    rotation: NotRequired[AwsSecretRotation]
    """How the value is made anew. Default: not at all."""


class AwsSecretsArgs(TypedDict):
    account_id: str
    """Id of the account, twelve digits as text."""
    region: str
    """Region, as `eu-central-1`: that of the AWS provider."""
    secrets: Mapping[str, AwsSecret]
    """The secrets, by name."""
    writer_role_arns: Sequence[pulumi.Input[str]]
    """ARNs of the roles of this account that may encrypt values and decrypt them to change them, at least one: who runs
    Pulumi or puts values, and what rotates them."""
    reader_role_arns: NotRequired[Sequence[pulumi.Input[str]]]
    """ARNs of the roles of this account that may read all of these, of a pod, a task or a function: an AwsIdentity's
    `role_arn` for example. They need no rights of their own for it. Default: nobody."""
    recovery_days: NotRequired[int]
    """Days for which a secret that is deleted can be had back, 7 to 30. Default: 30."""
    delete_at_once: NotRequired[bool]
    """Whether a secret that is deleted is gone at once. Default: no."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that is made, beside this library's. Default: none."""


class AwsSecrets(pulumi.ComponentResource):
    """Secrets under a key of their own that only named roles can use: rights in IAM alone open none of them.

    Each refuses every call over plain HTTP and every caller of another account. A value is a secret in Pulumi's state
    and plan, or is never there. Outputs: `arns`, `key_arn`.
    """

    arns: pulumi.Output[dict[str, str]]
    """ARN of each secret by its name, once those who may read it can: what a pod, a task or a function is told."""
    key_arn: pulumi.Output[str]
    """ARN of the KMS key that encrypts them."""

    def __init__(self, name: str, args: AwsSecretsArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        checks.given("AwsSecrets", args, AwsSecretsArgs)
        aws.named("AwsSecrets", name, 64)
        aws.account("AwsSecrets.account_id", args["account_id"])
        aws.region("AwsSecrets.region", args["region"])
        wanted = {key: _asked(key, each) for key, each in _named(args["secrets"]).items()}
        writers = _roles("writer_role_arns", args["writer_role_arns"], args["account_id"])
        if not writers:
            expected = "at least one role, as nobody else can use the key of the secrets"
            raise checks.wrong("AwsSecrets.writer_role_arns", [], expected, "name the role that runs Pulumi")
        readers = _roles("reader_role_arns", args.get("reader_role_arns") or [], args["account_id"])
        days = checks.whole("AwsSecrets.recovery_days", args.get("recovery_days", RECOVERY_DAYS), 7, 30, "days")
        if args.get("delete_at_once"):
            if "recovery_days" in args:
                expected = "nothing beside delete_at_once"
                raise checks.wrong("AwsSecrets.recovery_days", days, expected, "leave one of them out")
            days = 0
        tags = Tags("AwsSecrets.tags", name, args.get("tags"))
        super().__init__("modelport:index:AwsSecrets", name, {}, opts)
        self._name, self._args, self._tags = name, args, tags
        self._child = pulumi.ResourceOptions(parent=self)
        key = Key(
            name,
            description=f"Secrets of {name}",
            enable_key_rotation=True,
            policy=policies.text(_key(args["region"], args["account_id"], readers, writers)),
            tags=tags.of(name),
            opts=self._child,
        )
        found = {each: self._secret(each, asked, key, readers, days) for each, asked in wanted.items()}
        self.arns = pulumi.Output.all(**found).apply(lambda known: {each: str(arn) for each, arn in known.items()})
        self.key_arn = key.arn
        self.register_outputs({"arns": self.arns, "key_arn": self.key_arn})

    def _secret(
        self, key: str, asked: AwsSecret, by: Key, readers: Sequence[pulumi.Input[str]], days: int
    ) -> pulumi.Output[str]:
        """The ARN of one, once it refuses and lets in whom it should."""
        called, account = f"{self._name}-{key}", self._args["account_id"]
        secret = Secret(
            called,
            description=asked.get("description", f"{key} of {self._name}"),
            kms_key_id=by.arn,
            recovery_window_in_days=days,
            tags=self._tags.of(called),
            opts=self._child,
        )
        policy = SecretPolicy(
            called,
            secret_arn=secret.arn,
            policy=policies.text(_policy(secret.arn, account, readers)),
            block_public_policy=True,
            opts=self._child,
        )
        rotation, first = asked.get("rotation"), list[pulumi.Resource]()
        if "value" in asked:
            # Nothing is in it before it refuses whom it should. What a function has put in its place stays.
            ignored = ["secretString"] if rotation is not None else None
            first = [
                SecretVersion(
                    called,
                    secret_id=secret.id,
                    secret_string=asked["value"],
                    opts=pulumi.ResourceOptions(
                        parent=self,
                        depends_on=[policy],
                        ignore_changes=ignored,
                    ),
                )
            ]
        if rotation is not None:
            self._rotation(called, secret, rotation, [policy, *first])
        return pulumi.Output.all(secret.arn, policy.id).apply(lambda known: str(known[0]))

    def _rotation(
        self, called: str, secret: Secret, asked: AwsSecretRotation, after: Sequence[pulumi.Resource]
    ) -> None:
        permission = Permission(
            called,
            action="lambda:InvokeFunction",
            function=asked["function_arn"],
            principal="secretsmanager.amazonaws.com",
            source_account=self._args["account_id"],
            source_arn=secret.arn,
            opts=self._child,
        )
        rules: Any = {"automatically_after_days": asked.get("days", ROTATION_DAYS)}
        if "schedule" in asked:
            rules = {"schedule_expression": asked["schedule"]}
        if "window_hours" in asked:
            rules["duration"] = f"{asked['window_hours']}h"
        SecretRotation(
            called,
            secret_id=secret.id,
            rotation_lambda_arn=asked["function_arn"],
            rotation_rules=rules,
            rotate_immediately=not asked.get("wait_for_the_first", False),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission, *after]),
        )


def _key(
    region: str, account: str, readers: Sequence[pulumi.Input[str]], writers: Sequence[pulumi.Input[str]]
) -> dict[str, Any]:
    through = {"kms:CallerAccount": account, "kms:ViaService": f"secretsmanager.{region}.amazonaws.com"}
    statements = [policies.administered(region, account)]
    rights = {"Writers": (writers, ["kms:GenerateDataKey*"]), "Readers": (readers, list[str]())}
    for sid, (roles, more) in rights.items():
        if roles:
            statements.append(
                {
                    "Sid": sid,
                    "Effect": "Allow",
                    "Principal": {"AWS": list(roles)},
                    "Action": ["kms:Decrypt", "kms:DescribeKey", *more],
                    # In a key's policy this is the key.
                    "Resource": "*",
                    "Condition": {"StringEquals": through},
                }
            )
    return policies.content(*statements)


def _policy(arn: pulumi.Input[str], account: str, readers: Sequence[pulumi.Input[str]]) -> dict[str, Any]:
    def denied(sid: str, condition: Mapping[str, Any]) -> policies.Statement:
        everything = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:*", "Resource": arn}
        return {"Sid": sid, **everything, "Condition": condition}

    statements = [
        denied("EncryptedOnTheWay", {"Bool": {"aws:SecureTransport": "false"}}),
        denied(
            "OtherAccounts",
            {
                "StringNotEquals": {"aws:PrincipalAccount": account},
                # What AWS itself calls on this account's behalf is of no account.
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
        ),
    ]
    if readers:
        statements.append(
            {
                "Sid": "Readers",
                "Effect": "Allow",
                "Principal": {"AWS": list(readers)},
                "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
                "Resource": arn,
            }
        )
    return policies.content(*statements)


def _named(given: Mapping[str, AwsSecret]) -> Mapping[str, AwsSecret]:
    if not given:
        raise checks.wrong("AwsSecrets.secrets", {}, "at least one secret", 'write {"api": {}}')
    for key in given:
        expected = "at most 40 lower-case letters, digits and hyphens, a letter first"
        checks.fits("a name of AwsSecrets.secrets", key, r"[a-z][a-z0-9-]{0,39}", expected, "api")
    return given


def _asked(key: str, given: AwsSecret) -> AwsSecret:
    """The same with its value as a secret. Raises ArgsError, which never shows the value."""
    what = f"AwsSecrets.secrets[{key!r}]"
    checks.given(what, given, AwsSecret)
    about = given.get("description", "")
    if len(about) > 2048:
        raise checks.wrong(f"{what}.description", f"{len(about)} characters", "at most 2048", "say less")
    found = given.copy()
    if "rotation" in given:
        found["rotation"] = _rotated(f"{what}.rotation", given["rotation"])
    if "value" not in given:
        return found
    if not isinstance(given["value"], pulumi.Output):
        raise checks.ArgsError(
            f"{what}.value is plain text, expected a secret, as this stands in the state and the program; take it from "
            "config.require_secret(...), or leave it out and put it with `aws secretsmanager put-secret-value`"
        )

    def short(value: str) -> None:
        size = len(value.encode())
        if not 1 <= size <= LONGEST:
            raise checks.wrong(f"{what}.value", f"{size} bytes", f"1 to {LONGEST}", "put the rest into S3, encrypted")

    found["value"] = pulumi.Output.secret(checks.asked(given["value"], short))
    return found


def _rotated(what: str, given: AwsSecretRotation) -> AwsSecretRotation:
    """Raises ArgsError for one that Secrets Manager would not take."""
    checks.given(what, given, AwsSecretRotation)
    rule = partial(
        aws.arn, f"{what}.function_arn", service="lambda", resource=r"function:[\w-]{1,64}", example="function:rotate"
    )
    checks.whole(f"{what}.days", given.get("days", ROTATION_DAYS), 1, 1000, "days")
    most = 24
    if "schedule" in given:
        if "days" in given:
            raise checks.wrong(f"{what}.days", given["days"], "nothing beside schedule", "leave one of them out")
        expected = "rate(N days), rate(N hours) of at least 4, or cron(...) with six fields"
        checks.fits(f"{what}.schedule", given["schedule"], SCHEDULE, expected, "rate(10 days)")
        hours = re.fullmatch(r"rate\(([0-9]+) hours?\)", given["schedule"])
        if hours and int(hours[1]) < 4:
            raise checks.wrong(f"{what}.schedule", given["schedule"], expected, "write rate(4 hours)")
        most = min(24, int(hours[1])) if hours else 24
    checks.whole(f"{what}.window_hours", given.get("window_hours", 1), 1, most, "hours")
    return {**given, "function_arn": checks.asked(given["function_arn"], rule)}


def _roles(key: str, given: Sequence[pulumi.Input[str]], account: str) -> list[pulumi.Input[str]]:
    def role(what: str, known: str) -> None:
        aws.arn(what, known, "iam", ROLE, "role/digits")
        if known.split(":")[4] != account:
            raise checks.wrong(what, known, f"a role of {account}, as others are denied", "name one of this account")

    if isinstance(given, str):
        raise checks.wrong(f"AwsSecrets.{key}", given, "a list of ARNs", f"write ['{given}']")
    return [checks.asked(each, partial(role, f"AwsSecrets.{key}[{at}]")) for at, each in enumerate(given)]
