"""What a SageMakerEndpoint stands on: its key, its role, the bucket of what it keeps, and what scales it."""

from collections.abc import Sequence
from typing import Any, Final

import pulumi
from pulumi_aws.appautoscaling.policy import Policy
from pulumi_aws.appautoscaling.target import Target
from pulumi_aws.cloudwatch.log_group import LogGroup
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy import RolePolicy
from pulumi_aws.s3.bucket import Bucket
from pulumi_aws.s3.bucket_lifecycle_configuration import BucketLifecycleConfiguration
from pulumi_aws.s3.bucket_ownership_controls import BucketOwnershipControls
from pulumi_aws.s3.bucket_policy import BucketPolicy
from pulumi_aws.s3.bucket_public_access_block import BucketPublicAccessBlock
from pulumi_aws.s3.bucket_server_side_encryption_configuration import BucketServerSideEncryptionConfiguration
from pulumi_aws.s3.bucket_versioning import BucketVersioning

from components.aws import checks as aws
from components.aws import ecs_task, policies, sagemaker_types
from components.aws.sagemaker_asked import Capture, Targets, Variant
from components.aws.tags import Tags

PREFIX: Final = "captured"
OLD_DAYS: Final = 30
"""Days for which what was overwritten or deleted can be had back."""
OUT_COOLDOWN: Final = 60
IN_COOLDOWN: Final = 300


def key_policy(region: str, account: str) -> str:
    """A key for logs of this account, for disks of its endpoints, and for what they keep in S3."""
    root = {"AWS": f"arn:{aws.partition(region)}:iam::{account}:root"}

    def through(service: str) -> dict[str, Any]:
        return {"StringEquals": {"kms:CallerAccount": account, "kms:ViaService": f"{service}.{region}.amazonaws.com"}}

    return policies.key(
        region,
        account,
        policies.logs_key(region, account),
        {
            "Sid": "Disks",
            "Effect": "Allow",
            "Principal": root,
            # SageMaker hands itself a grant when an endpoint is made, by the rights of who makes it.
            "Action": ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext"],
            # In a key's policy this is the key.
            "Resource": "*",
            "Condition": through("sagemaker"),
        },
        {
            "Sid": "Kept",
            "Effect": "Allow",
            "Principal": root,
            # Whom IAM lets, through S3 alone.
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            "Condition": through("s3"),
        },
    )


class Kept:
    """The bucket that requests and answers are kept in."""

    def __init__(self, parent: pulumi.Resource, name: str, asked: Capture, key: pulumi.Input[str], tags: Tags) -> None:
        called = f"{name}-capture"
        child = pulumi.ResourceOptions(parent=parent, retain_on_delete=None if asked.delete else True)
        bucket = Bucket(called, force_destroy=asked.delete, tags=tags.of(called), opts=child)
        about: Any = {"bucket": bucket.id, "opts": child}
        closed = BucketPublicAccessBlock(
            called,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            **about,
        )
        owned = BucketOwnershipControls(called, rule={"object_ownership": "BucketOwnerEnforced"}, **about)
        versions = BucketVersioning(called, versioning_configuration={"status": "Enabled"}, **about)
        default: Any = {"sse_algorithm": "aws:kms", "kms_master_key_id": key}
        encrypted = BucketServerSideEncryptionConfiguration(
            called,
            rules=[{"apply_server_side_encryption_by_default": default, "bucket_key_enabled": True}],
            **about,
        )
        BucketLifecycleConfiguration(
            called,
            bucket=bucket.id,
            rules=[
                {
                    "id": "expire",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"days": asked.days},
                    "noncurrent_version_expiration": {"noncurrent_days": OLD_DAYS},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
                }
            ],
            # S3 takes rules about old versions once there are versions.
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[versions])),
        )
        policy = policies.content(
            {
                "Sid": "TlsAlone",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [bucket.arn, policies.joined("{}/*", bucket.arn)],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        )
        allowed = BucketPolicy(
            called,
            bucket=bucket.id,
            policy=policies.text(policy),
            # S3 takes one change of a bucket's access at a time.
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[closed, owned])),
        )
        self.uri = policies.joined(f"s3://{{}}/{PREFIX}", bucket.id)
        self.objects = policies.joined(f"{{}}/{PREFIX}/*", bucket.arn)
        self.settled: list[pulumi.Resource] = [allowed, encrypted]


def role(
    parent: pulumi.Resource,
    name: str,
    region: str,
    account: str,
    images: Sequence[pulumi.Input[str]],
    subnets: pulumi.Input[Sequence[pulumi.Input[str]]],
    group: pulumi.Input[str],
    logs: LogGroup,
    kept: Kept | None,
    key: pulumi.Input[str],
    tags: Tags,
) -> tuple[Role, RolePolicy]:
    """What SageMaker is when it runs the models, and what it may do: nothing but that."""
    child = pulumi.ResourceOptions(parent=parent)
    here = f"arn:{aws.partition(region)}"
    called = f"{name}-execution"
    made = Role(
        called,
        description=f"Runs the models of {name}",
        assume_role_policy=policies.trust("sagemaker.amazonaws.com", account, f"{here}:sagemaker:{region}:{account}:*"),
        tags=tags.of(called),
        opts=child,
    )
    pulled = pulumi.Output.all(*images).apply(
        lambda known: sorted({ecs_task.repository(str(each), region) for each in known})
    )
    stood_in = pulumi.Output.from_input(subnets).apply(
        lambda known: [f"{here}:ec2:{region}:{account}:subnet/{each}" for each in known]
    )
    interfaces = f"{here}:ec2:{region}:{account}:network-interface/*"
    inside = {"ArnEquals": {"ec2:Subnet": stood_in}}
    groups = policies.joined(f"{here}:ec2:{region}:{account}:security-group/{{}}", group)
    statements = [
        # A token is for no repository: what it opens is what the next statement allows.
        policies.allow(["ecr:GetAuthorizationToken"], "*"),
        policies.allow(["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], pulled),
        policies.allow(
            ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            pulumi.Output.format("{0}:*", logs.arn),
        ),
        # Metrics know no resources.
        policies.allow(
            ["cloudwatch:PutMetricData"],
            "*",
            {"StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]}},
        ),
        # Those that a release looks at may be anybody's.
        policies.allow(["cloudwatch:DescribeAlarms"], f"{here}:cloudwatch:{region}:{account}:alarm:*"),
        policies.allow(["ec2:CreateNetworkInterface"], pulumi.Output.all(interfaces, groups, stood_in).apply(_flat)),
        policies.allow(["ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"], interfaces, inside),
        # What tells of networks knows no resources, and neither does taking a permission back; both know regions.
        policies.allow(
            [
                *("ec2:DeleteNetworkInterfacePermission", "ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces"),
                *("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"),
            ],
            "*",
            {"StringEquals": {"ec2:Region": region}},
        ),
    ]
    if kept is not None:
        statements += [
            policies.allow(["s3:PutObject"], kept.objects),
            policies.allow(["kms:Decrypt", "kms:GenerateDataKey"], key),
        ]
    policy = RolePolicy(called, role=made.name, policy=policies.text(policies.content(*statements)), opts=child)
    return made, policy


def _flat(known: Sequence[Any]) -> list[str]:
    interfaces, groups, subnets = known
    return [interfaces, groups, *subnets]


def scaled(
    parent: pulumi.Resource,
    name: str,
    endpoint: pulumi.Resource,
    endpoint_name: pulumi.Input[str],
    variants: Sequence[Variant],
    asked: Targets,
    tags: Tags,
) -> None:
    """Instances come and go by what they have to do; whatever asks for more wins."""
    child = pulumi.ResourceOptions(parent=parent, depends_on=[endpoint])
    for variant in variants:
        called = f"{name}-{variant.name}"
        target = Target(
            called,
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            resource_id=policies.joined(f"endpoint/{{}}/variant/{variant.name}", endpoint_name),
            min_capacity=asked.least,
            max_capacity=asked.most,
            tags=tags.of(called),
            opts=child,
        )
        for kind, measured in _measured(name, variant, asked).items():
            # More at once, less only when it has been quiet for a while.
            about: Any = {**measured, "scale_out_cooldown": OUT_COOLDOWN, "scale_in_cooldown": IN_COOLDOWN}
            Policy(
                f"{called}-{kind}",
                policy_type="TargetTrackingScaling",
                service_namespace=target.service_namespace,
                scalable_dimension=target.scalable_dimension,
                resource_id=target.resource_id,
                target_tracking_scaling_policy_configuration=about,
                opts=pulumi.ResourceOptions(parent=parent),
            )


def _measured(name: str, variant: Variant, asked: Targets) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if asked.cpu is not None:
        place = {"EndpointName": name, "VariantName": variant.name}
        found["cpu"] = {
            "customized_metric_specification": {
                "namespace": "/aws/sagemaker/Endpoints",
                "metric_name": "CPUUtilization",
                "statistic": "Average",
                "dimensions": [{"name": key, "value": value} for key, value in place.items()],
                "unit": "Percent",
            },
            # The metric is the sum over all processors.
            "target_value": asked.cpu * sagemaker_types.processors(variant.instance_type),
        }
    for kind, metric, aimed in (
        ("requests", "SageMakerVariantInvocationsPerInstance", asked.requests),
        ("in-flight", "SageMakerVariantConcurrentRequestsPerModelHighResolution", asked.in_flight),
    ):
        if aimed is not None:
            about = {"predefined_metric_type": metric}
            found[kind] = {"predefined_metric_specification": about, "target_value": aimed}
    return found
