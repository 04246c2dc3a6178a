"""Who a pod, a task or a function is to AWS, and the little that it may do."""

import json
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import Any, Final, NotRequired, Optional, TypedDict, cast

import pulumi
from pulumi_aws.eks.pod_identity_association import PodIdentityAssociation
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy import RolePolicy

from components import checks, pods
from components.aws import checks as aws
from components.aws import policies
from components.aws.tags import Tags

LONGEST = 10240
"""Characters that all policies within a role may have, blanks aside (IAM user guide, quotas, 2026-11-22)."""
ACTION = r"[a-z][a-z0-9-]*:[A-Z][A-Za-z0-9]*"
RESOURCE = r"arn:(aws|aws-cn|aws-us-gov):[a-z][a-z0-9-]*:[a-z0-9-]*:([0-9]{12}|aws)?:(?!\*)\S+"
WITHOUT_RESOURCES: Final = (
    *("cloudwatch:GetMetricData", "cloudwatch:ListMetrics", "cloudwatch:PutMetricData"),
    *("ec2:DescribeAvailabilityZones", "ec2:DescribeInstanceTypeOfferings", "ec2:DescribeInstanceTypes"),
    *("ec2:DescribeInstances", "ec2:DescribeSubnets", "ec2:DescribeVpcs", "ecr:GetAuthorizationToken"),
    *("elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeTargetGroups"),
    *("elasticloadbalancing:DescribeTargetHealth", "pricing:GetProducts", "sts:GetCallerIdentity"),
    *("xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
)
"""Actions that one cannot allow for a part of an account: their resource is `*` (service authorization reference,
2026-11-22)."""
OPERATOR = (
    r"((ForAllValues|ForAnyValue):)?(String(Not)?(Equals|Like|EqualsIgnoreCase)|Numeric(Not)?Equals"
    r"|(Numeric|Date)(Less|Greater)Than(Equals)?|Date(Not)?Equals|Bool|BinaryEquals|(Not)?IpAddress"
    r"|Arn(Not)?(Equals|Like))(IfExists)?|Null"
)
"""Operators of conditions (IAM user guide, 2026-11-22)."""


class AwsService(Enum):
    """What may take a role."""

    POD = "pods.eks.amazonaws.com"
    """A pod in EKS, by Pod Identity."""
    TASK = "ecs-tasks.amazonaws.com"
    """A task of ECS."""
    FUNCTION = "lambda.amazonaws.com"
    """A function of Lambda."""


class AwsCondition(TypedDict):
    """When a statement holds."""

    operator: str
    """How, as `StringEquals`."""
    key: str
    """What, as `aws:ResourceTag/team`."""
    values: Sequence[pulumi.Input[str]]
    """One of these."""


class AwsStatement(TypedDict):
    """Something that is allowed."""

    actions: Sequence[str]
    """Each action by its whole name, as `sqs:SendMessage`."""
    resources: Sequence[pulumi.Input[str]]
    """ARNs of what it may be done to; `*` only for actions that know no resources."""
    conditions: NotRequired[Sequence[AwsCondition]]
    """When, all of them together. Default: always."""


class AwsObjects(TypedDict):
    """Objects in S3 under one prefix, to be read."""

    bucket: pulumi.Input[str]
    """Name of the bucket."""
    prefix: str
    """What the objects' keys begin with, up to a slash, as `models/digits/`."""
    account_id: NotRequired[str]
    """Id of the account whose bucket it is: another's of that name is not read. Default: the role's own."""


class AwsIdentityArgs(TypedDict):
    account_id: str
    """Id of the account, twelve digits as text."""
    region: str
    """Region, as `eu-central-1`: that of the AWS provider."""
    service: AwsService
    """What takes the role."""
    cluster_name: NotRequired[pulumi.Input[str]]
    """For a pod: name of its EKS cluster."""
    namespace: NotRequired[pulumi.Input[str]]
    """For a pod: its namespace."""
    service_account: NotRequired[pulumi.Input[str]]
    """For a pod: its service account, the only one that the role is given to."""
    reads_objects: NotRequired[Sequence[AwsObjects]]
    """Objects in S3 that it may list and read. Default: none."""
    reads_secret_arns: NotRequired[Sequence[pulumi.Input[str]]]
    """ARNs of secrets in Secrets Manager that it may read. Default: none."""
    decrypts_with_key_arns: NotRequired[Sequence[pulumi.Input[str]]]
    """ARNs of KMS keys that it may decrypt with. Default: none."""
    puts_metrics_in: NotRequired[Sequence[str]]
    """Namespaces of CloudWatch that it may put metrics into. Default: none."""
    statements: NotRequired[Sequence[AwsStatement]]
    """What else it may do. Default: nothing."""
    permissions_boundary_arn: NotRequired[pulumi.Input[str]]
    """ARN of the policy that bounds whatever it is allowed, where the account wants one. Default: none."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that is made, beside this library's. Default: none."""


class AwsIdentity(pulumi.ComponentResource):
    """A role that one pod, task or function may take, for this account alone, and that may do what is named.

    A pod gets it as it starts: let what runs in it depend on this. Outputs: `role_arn`, `role_name`.
    """

    role_arn: pulumi.Output[str]
    """ARN of the role, once it may do what it should."""
    role_name: pulumi.Output[str]
    """Name of the role."""

    def __init__(self, name: str, args: AwsIdentityArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        checks.given("AwsIdentity", args, AwsIdentityArgs)
        # A role's name has 64 characters, and Pulumi's suffix takes 8 of them.
        aws.named("AwsIdentity", name, 56)
        aws.account("AwsIdentity.account_id", args["account_id"])
        aws.region("AwsIdentity.region", args["region"])
        service = checks.choice("AwsIdentity.service", args["service"], AwsService)
        pod = _pod(args, service)
        statements = [
            *_objects(args),
            *_secrets(args),
            *_keys(args),
            *_metrics(args),
            *(statement(f"AwsIdentity.statements[{at}]", each) for at, each in enumerate(args.get("statements") or [])),
        ]
        policy = checks.asked(policies.text(policies.content(*statements)), partial(short, "AwsIdentity.statements"))
        boundary = _boundary(args)
        tags = Tags("AwsIdentity.tags", name, args.get("tags"))
        super().__init__("modelport:index:AwsIdentity", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = Role(
            name,
            description=f"{name}, for {service.name.lower()}s alone",
            assume_role_policy=_trust(args, service, pod),
            permissions_boundary=boundary,
            tags=tags.of(name),
            opts=child,
        )
        settled: list[pulumi.Input[str]] = []
        if statements:
            settled.append(RolePolicy(name, role=role.name, policy=policy, opts=child).id)
        if pod is not None:
            settled.append(
                PodIdentityAssociation(
                    name,
                    cluster_name=pod["cluster_name"],
                    namespace=pod["namespace"],
                    service_account=pod["service_account"],
                    role_arn=role.arn,
                    tags=tags.of(name),
                    opts=child,
                ).id
            )
        self.role_arn = pulumi.Output.all(role.arn, *settled).apply(lambda known: str(known[0]))
        self.role_name = role.name
        self.register_outputs({"role_arn": self.role_arn, "role_name": self.role_name})


def _pod(args: AwsIdentityArgs, service: AwsService) -> dict[str, pulumi.Input[str]] | None:
    """Which pods, checked; none for what is no pod. Raises ArgsError."""
    rules: dict[str, Callable[[str, object], None]] = {
        "cluster_name": partial(
            checks.fits, pattern=aws.CLUSTER, expected="the name of an EKS cluster", example="shop"
        ),
        "namespace": pods.namespace,
        "service_account": pods.service_account,
    }
    given = cast("Mapping[str, Any]", args)
    found: dict[str, pulumi.Input[str]] = {}
    for key, rule in rules.items():
        what = f"AwsIdentity.{key}"
        if service is not AwsService.POD:
            if key in given:
                raise checks.wrong(what, given[key], f"nothing for a {service.name.lower()}", f"leave {key} out")
            continue
        if given.get(key) is None:
            raise checks.wrong(what, None, "what a pod's role is bound to", f"write {key}: ...")
        found[key] = checks.asked(given[key], partial(rule, what))
    return found or None


def _trust(
    args: AwsIdentityArgs, service: AwsService, pod: Mapping[str, pulumi.Input[str]] | None
) -> pulumi.Input[str]:
    here = f"{aws.partition(args['region'])}:{{}}:{args['region']}:{args['account_id']}"
    if pod is not None:
        cluster = policies.joined(f"arn:{here.format('eks')}:cluster/{{}}", pod["cluster_name"])
        return policies.pod_trust(args["account_id"], cluster, pod["namespace"], pod["service_account"])
    source = f"arn:{here.format('ecs')}:*" if service is AwsService.TASK else None
    return policies.trust(service.value, args["account_id"], source)


def _objects(args: AwsIdentityArgs) -> list[policies.Statement]:
    found: list[policies.Statement] = []
    for at, each in enumerate(args.get("reads_objects") or []):
        what = f"AwsIdentity.reads_objects[{at}]"
        checks.given(what, each, AwsObjects)
        bucket = checks.asked(
            each["bucket"],
            partial(
                checks.fits,
                f"{what}.bucket",
                pattern=r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
                expected="the name of a bucket",
                example="shop-models",
            ),
        )
        expected = "what keys begin with, up to a slash and without wildcards"
        checks.fits(f"{what}.prefix", each["prefix"], r"(?!/)[^*?$\s]*/", expected, "models/digits/")
        owner = each.get("account_id", args["account_id"])
        aws.account(f"{what}.account_id", owner)
        arn = f"arn:{aws.partition(args['region'])}:s3:::"
        owned = {"StringEquals": {"aws:ResourceAccount": owner}}
        listed = {**owned, "StringLike": {"s3:prefix": f"{each['prefix']}*"}}
        objects = policies.joined("{}{}/{}*", arn, bucket, each["prefix"])
        found += [
            policies.allow(["s3:GetObject"], objects, owned),
            policies.allow(["s3:ListBucket"], policies.joined("{}{}", arn, bucket), listed),
        ]
    return found


def _secrets(args: AwsIdentityArgs) -> list[policies.Statement]:
    rule = partial(
        aws.arn, service="secretsmanager", resource=r"secret:[A-Za-z0-9/_+=.@-]+", example="secret:digits/api-AbCdEf"
    )
    actions = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    return _of_arns("reads_secret_arns", args.get("reads_secret_arns"), rule, actions)


def _keys(args: AwsIdentityArgs) -> list[policies.Statement]:
    example = "key/1234abcd-12ab-34cd-56ef-1234567890ab"
    rule = partial(aws.arn, service="kms", resource=r"key/[a-zA-Z0-9-]+", example=example)
    return _of_arns("decrypts_with_key_arns", args.get("decrypts_with_key_arns"), rule, ["kms:Decrypt"])


def _of_arns(
    key: str, given: Sequence[pulumi.Input[str]] | None, rule: Any, actions: Sequence[str]
) -> list[policies.Statement]:
    arns = [checks.asked(each, partial(rule, f"AwsIdentity.{key}[{at}]")) for at, each in enumerate(given or [])]
    return [policies.allow(actions, arns)] if arns else []


def _metrics(args: AwsIdentityArgs) -> list[policies.Statement]:
    spaces = list(args.get("puts_metrics_in") or [])
    for each in spaces:
        expected = "a namespace of 1 to 255 letters, digits and any of .-_/#, which is not AWS's own"
        checks.fits("AwsIdentity.puts_metrics_in", each, r"(?!AWS/)[0-9A-Za-z._/#-]{1,255}", expected, "Modelport")
    # Metrics have no ARN: their namespace is what can be asked.
    within = {"StringEquals": {"cloudwatch:namespace": spaces}}
    return [policies.allow(["cloudwatch:PutMetricData"], "*", within)] if spaces else []


def statement(what: str, given: AwsStatement) -> policies.Statement:
    """One that somebody wrote. Raises ArgsError for one that allows more than it names."""
    checks.given(what, given, AwsStatement)
    for key in ("actions", "resources"):
        if not cast("Mapping[str, Any]", given)[key]:
            raise checks.wrong(f"{what}.{key}", [], "at least one", "name it, or leave the statement out")
    for each in given["actions"]:
        expected = "an action by its whole name, as a wildcard allows what nobody thought of"
        checks.fits(f"{what}.actions", each, ACTION, expected, "s3:GetObject")
    scoped = [each for each in given["actions"] if each not in WITHOUT_RESOURCES]
    resources = [
        checks.asked(each, partial(_resource, f"{what}.resources[{at}]", scoped))
        for at, each in enumerate(given["resources"])
    ]
    condition: dict[str, dict[str, Any]] = {}
    for at, asked in enumerate(given.get("conditions") or []):
        place = f"{what}.conditions[{at}]"
        checks.given(place, asked, AwsCondition)
        expected = "an operator of IAM"
        checks.fits(f"{place}.operator", asked["operator"], OPERATOR, expected, "StringEquals")
        checks.fits(
            f"{place}.key", asked["key"], r"[a-z0-9-]+:[A-Za-z0-9-]+(/\S+)?", "a condition key", "aws:SourceAccount"
        )
        condition.setdefault(asked["operator"], {})[asked["key"]] = list(asked["values"])
    return policies.allow(given["actions"], resources, condition or None)


def _resource(what: str, scoped: Sequence[str], value: object) -> None:
    if value == "*" and not scoped:
        return
    if value == "*":
        raise checks.wrong(what, value, f"the ARNs that {scoped[0]} is for", "name them")
    expected = "an ARN that names its service and is more than a wildcard"
    checks.fits(what, value, RESOURCE, expected, "arn:aws:s3:::shop-models/digits/*")


def short(what: str, policy: str) -> None:
    """Raises ArgsError for rights that no role can have together."""
    length = len(json.dumps(json.loads(policy), separators=(",", ":")))
    if length > LONGEST:
        raise checks.wrong(what, f"{length} characters together", f"at most {LONGEST}", "name less")


def _boundary(args: AwsIdentityArgs) -> pulumi.Input[str] | None:
    if (given := args.get("permissions_boundary_arn")) is None:
        return None
    rule = partial(
        aws.arn,
        "AwsIdentity.permissions_boundary_arn",
        service="iam",
        resource=r"policy/[\w+=,.@/-]+",
        example="policy/bounds",
    )
    return checks.asked(given, rule)
