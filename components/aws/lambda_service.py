"""A model that answers in AWS Lambda: as many environments as there are requests at once, and none without any."""

from typing import Any, Optional, cast

import pulumi
from pulumi_aws.cloudformation.stack import Stack
from pulumi_aws.cloudwatch.log_group import LogGroup
from pulumi_aws.ec2.security_group import SecurityGroup
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy import RolePolicy
from pulumi_aws.kms.key import Key
from pulumi_aws.lambda_.function import Function
from pulumi_aws.lambda_.function_url import FunctionUrl
from pulumi_aws.lambda_.permission import Permission
from pulumi_aws.lambda_.provisioned_concurrency_config import ProvisionedConcurrencyConfig
from pulumi_aws.vpc.security_group_egress_rule import SecurityGroupEgressRule

from components.aws import lambda_service_release, policies
from components.aws.checks import partition
from components.aws.lambda_service_asked import (
    Asked,
    LambdaArchitecture,
    LambdaRelease,
    LambdaServiceArgs,
    LambdaStep,
    LambdaStrategy,
)
from components.aws.lambda_service_release import ALIAS, Where
from components.aws.tags import Tags

__all__ = [
    "LambdaArchitecture",
    "LambdaRelease",
    "LambdaService",
    "LambdaServiceArgs",
    "LambdaStep",
    "LambdaStrategy",
]


class LambdaService(pulumi.ComponentResource):
    """A function that answers for one model, called as the component is, and the alias that callers reach.

    Each `up` with another image publishes a version. What it may do is write its own log. Outputs: `function_name`,
    `function_arn`, `alias`, `alias_arn`, `invoke_arn`, `version`, `url`, `role_arn`, `log_group_name`.
    """

    function_name: pulumi.Output[str]
    """Name of the function."""
    function_arn: pulumi.Output[str]
    """Its ARN, of no version."""
    alias: pulumi.Output[str]
    """Name of the alias that callers reach, there once it is."""
    alias_arn: pulumi.Output[str]
    """ARN of the alias: what IAM lets callers invoke."""
    invoke_arn: pulumi.Output[str]
    """What API Gateway calls the alias by."""
    version: pulumi.Output[str]
    """Number of the newest version."""
    url: pulumi.Output[str]
    """URL of the alias; "" without one."""
    role_arn: pulumi.Output[str]
    """ARN of what the function is to AWS."""
    log_group_name: pulumi.Output[str]
    """Where it logs to."""

    def __init__(self, name: str, args: LambdaServiceArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        asked = Asked(name, args)
        tags = Tags("LambdaService.tags", name, args.get("tags"))
        super().__init__("modelport:index:LambdaService", name, {}, opts)
        where, child = Where(args["region"], args["account_id"]), pulumi.ResourceOptions(parent=self)
        key = asked.key
        if key is None:
            key = Key(
                name,
                description=f"Environment, image and logs of {name}",
                enable_key_rotation=True,
                policy=_key_policy(where, name),
                tags=tags.of(name),
                opts=child,
            ).arn
        logs = LogGroup(name, kms_key_id=key, retention_in_days=asked.log_days, tags=tags.of(name), opts=child)
        role, allowed = self._role(name, where, asked, key, logs, tags)
        function = self._function(name, asked, key, role, logs, allowed, tags)
        warm = self._warm(name, function, asked)
        reached = lambda_service_release.alias(self, name, where, function, asked, warm, tags)
        self.function_name, self.function_arn, self.version = function.name, function.arn, function.version
        # Nothing calls the alias before it is there.
        self.alias = reached.id.apply(lambda _: ALIAS)
        self.alias_arn = pulumi.Output.all(function.arn, reached.id).apply(lambda known: f"{known[0]}:{ALIAS}")
        invoked = f"arn:{partition(where.region)}:apigateway:{where.region}:lambda:path/2015-03-31/functions"
        self.invoke_arn = self.alias_arn.apply(lambda arn: f"{invoked}/{arn}/invocations")
        self.url = self._url(name, asked, function, reached) if asked.url else pulumi.Output.from_input("")
        self.role_arn = pulumi.Output.from_input(role)
        self.log_group_name = logs.name
        self.register_outputs(
            {
                "function_name": self.function_name,
                "function_arn": self.function_arn,
                "alias": self.alias,
                "alias_arn": self.alias_arn,
                "invoke_arn": self.invoke_arn,
                "version": self.version,
                "url": self.url,
                "role_arn": self.role_arn,
                "log_group_name": self.log_group_name,
            }
        )

    def _role(
        self, name: str, where: Where, asked: Asked, key: pulumi.Input[str], logs: LogGroup, tags: Tags
    ) -> tuple[pulumi.Input[str], RolePolicy]:
        """What the function is to AWS, and what it may do."""
        child, arn = pulumi.ResourceOptions(parent=self), asked.role
        if arn is None:
            # No condition: Lambda's guide has none for this role, and only who may pass it gives it to a function.
            trusted = policies.document(
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            )
            made = Role(
                name,
                description=f"What the function {name} is to AWS",
                assume_role_policy=trusted,
                tags=tags.of(name),
                opts=child,
            )
            arn, called = made.arn, made.name
        else:
            called = pulumi.Output.from_input(arn).apply(lambda known: known.rpartition("/")[2])
        statements: list[policies.Statement] = [
            policies.allow(["logs:CreateLogStream", "logs:PutLogEvents"], logs.arn.apply(lambda known: f"{known}:*")),
            # Of its environment, which Lambda opens in its name.
            policies.allow(["kms:Decrypt"], key),
            # What takes traces knows no resources.
            policies.allow(["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*"),
        ]
        if asked.vpc is not None:
            statements += _interfaces(where, asked.subnets)
        policy = policies.text(policies.content(*statements))
        return arn, RolePolicy(name, role=called, policy=policy, opts=child)

    def _function(
        self,
        name: str,
        asked: Asked,
        key: pulumi.Input[str],
        role: pulumi.Input[str],
        logs: LogGroup,
        allowed: RolePolicy,
        tags: Tags,
    ) -> Function:
        rest: dict[str, Any] = {}
        if asked.vpc is not None:
            rest["vpc_config"] = {
                "subnet_ids": asked.subnets,
                "security_group_ids": [self._group(name, asked.vpc, tags)],
            }
        if asked.reserved is not None:
            rest["reserved_concurrent_executions"] = asked.reserved
        if asked.env:
            rest["environment"] = {"variables": asked.env}
        return Function(
            name,
            # The key's policy names the function, and comes before it.
            name=name,
            description=f"Answers for the model of {name}",
            package_type="Image",
            image_uri=asked.image,
            architectures=[asked.architecture.value],
            memory_size=asked.memory,
            timeout=asked.timeout,
            ephemeral_storage={"size": asked.disk},
            publish=True,
            role=role,
            kms_key_arn=key,
            logging_config={"log_format": "Text", "log_group": logs.name},
            tracing_config={"mode": "Active"},
            tags=tags.of(name),
            **rest,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[allowed]),
        )

    def _group(self, name: str, vpc: pulumi.Input[str], tags: Tags) -> pulumi.Output[str]:
        """A security group that nobody comes in by."""
        child, called = pulumi.ResourceOptions(parent=self), f"{name}-out"
        group = SecurityGroup(name, vpc_id=vpc, description=f"Function {name}", tags=tags.of(name), opts=child)
        rule = SecurityGroupEgressRule(
            called,
            security_group_id=group.id,
            cidr_ipv4="0.0.0.0/0",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            description="HTTPS",
            tags=tags.of(called),
            opts=child,
        )
        return pulumi.Output.all(group.id, rule.id).apply(lambda known: str(known[0]))

    def _warm(self, name: str, function: Function, asked: Asked) -> list[pulumi.Resource]:
        """Environments of the newest version, started before the alias comes to it; the old version's go afterwards.

        Of the version and not of the alias, which Lambda lets have no weights while it has environments of its own.
        """
        if asked.provisioned is None:
            return []
        return [
            ProvisionedConcurrencyConfig(
                name,
                function_name=function.name,
                qualifier=function.version,
                provisioned_concurrent_executions=asked.provisioned,
                opts=pulumi.ResourceOptions(parent=self),
            )
        ]

    def _url(self, name: str, asked: Asked, function: Function, reached: Stack) -> pulumi.Output[str]:
        """The URL of the alias, and who may call it."""
        after = pulumi.ResourceOptions(parent=self, depends_on=[reached])
        kind = "NONE" if asked.anonymous else "AWS_IAM"
        callers = {f"{name}-caller-{at}": each for at, each in enumerate(asked.callers)}
        if asked.anonymous:
            callers = {f"{name}-anonymous": "*"}
        about: dict[str, Any] = {"function": function.name, "qualifier": ALIAS, "opts": after}
        for called, principal in callers.items():
            # Since October 2025 a call of a URL wants both ("Control access to function URLs" in Lambda's guide).
            Permission(
                called,
                action="lambda:InvokeFunctionUrl",
                principal=principal,
                function_url_auth_type=kind,
                **about,
            )
            Permission(
                f"{called}-through",
                action="lambda:InvokeFunction",
                principal=principal,
                invoked_via_function_url=True,
                **about,
            )
        made = FunctionUrl(name, function_name=function.name, qualifier=ALIAS, authorization_type=kind, opts=after)
        return made.function_url


def _interfaces(where: Where, subnets: pulumi.Input[Any] | None) -> list[policies.Statement]:
    """What a function in a VPC needs of EC2: Lambda makes its network interfaces in the function's own name."""
    ec2 = f"arn:{partition(where.region)}:ec2:{where.region}:{where.account}"
    named = pulumi.Output.from_input(cast("Any", subnets or []))
    own = named.apply(lambda known: [f"{ec2}:subnet/{each}" for each in known])
    return [
        # These know no resources, or none that is known before it is made.
        policies.allow(
            [
                *("ec2:AssignPrivateIpAddresses", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"),
                *("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"),
                *("ec2:GetSecurityGroupsForVpc", "ec2:UnassignPrivateIpAddresses"),
            ],
            "*",
            {"StringEquals": {"aws:RequestedRegion": where.region}},
        ),
        policies.allow(
            ["ec2:CreateNetworkInterface"],
            own.apply(lambda known: [*known, f"{ec2}:network-interface/*", f"{ec2}:security-group/*"]),
        ),
    ]


def _key_policy(where: Where, name: str) -> str:
    """A key for logs of this account, and for what Lambda keeps of this function."""
    arn = f"arn:{partition(where.region)}:lambda:{where.region}:{where.account}:function:{name}"
    via = {"kms:ViaService": f"lambda.{where.region}.amazonaws.com", "kms:CallerAccount": where.account}
    administration = f"arn:{partition(where.region)}:iam::{where.account}:root"
    return policies.key(
        where.region,
        where.account,
        policies.logs_key(where.region, where.account),
        {
            "Sid": "Function",
            "Effect": "Allow",
            "Principal": {"AWS": administration},
            "Action": ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            # Who makes or reads the function, through Lambda alone; and Lambda with the grants that it is given then.
            "Condition": {
                "StringEquals": via,
                "ArnLikeIfExists": {"kms:EncryptionContext:aws:lambda:FunctionArn": arn},
            },
        },
    )
