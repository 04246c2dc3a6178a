"""A bucket for what a load balancer writes of every request."""

from typing import Any

import pulumi
from pulumi_aws.s3.bucket import Bucket
from pulumi_aws.s3.bucket_lifecycle_configuration import BucketLifecycleConfiguration
from pulumi_aws.s3.bucket_ownership_controls import BucketOwnershipControls
from pulumi_aws.s3.bucket_policy import BucketPolicy
from pulumi_aws.s3.bucket_public_access_block import BucketPublicAccessBlock
from pulumi_aws.s3.bucket_server_side_encryption_configuration import BucketServerSideEncryptionConfiguration
from pulumi_aws.s3.bucket_versioning import BucketVersioning

from components.aws import checks, policies
from components.aws.tags import Tags

DAYS = 90
OLD_DAYS = 30
"""Days for which what was overwritten or deleted can be had back."""


def of(
    parent: pulumi.Resource,
    name: str,
    tags: Tags,
    *,
    region: str,
    account: str,
    days: int,
    keep: bool,
    network: bool,
) -> tuple[Bucket, list[pulumi.Resource]]:
    """The bucket, and what has to be there before a load balancer may be told of it.

    keep: leave it where it is when the stack goes. network: for a network load balancer, whose logs another service
    writes.
    """
    called = f"{name}-logs"
    child = pulumi.ResourceOptions(parent=parent, retain_on_delete=keep or None)
    bucket = Bucket(called, force_destroy=not keep, tags=tags.of(called), opts=child)
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
    # A load balancer writes to no bucket with a key of one's own (ELB's guide, "Enable access logs", 2026-11-22).
    encrypted = BucketServerSideEncryptionConfiguration(
        called,
        rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
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
                "expiration": {"days": days},
                "noncurrent_version_expiration": {"noncurrent_days": OLD_DAYS},
                "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
            }
        ],
        # S3 takes rules about old versions once there are versions.
        opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[versions])),
    )
    statements = _network(bucket.arn, region, account) if network else _application(bucket.arn, account)
    allowed = BucketPolicy(
        called,
        bucket=bucket.id,
        policy=policies.text(policies.content(*statements, _encrypted_on_the_way(bucket.arn))),
        # S3 takes one change of a bucket's access at a time.
        opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[closed, owned])),
    )
    return bucket, [allowed, encrypted]


def _application(arn: pulumi.Input[str], account: str) -> list[policies.Statement]:
    """ELB writes below the account's own number alone, which holds it to this account; it sets no `aws:SourceArn`."""
    return [
        {
            "Sid": "Delivery",
            "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": policies.joined(f"{{}}/AWSLogs/{account}/*", arn),
        }
    ]


def _network(arn: pulumi.Input[str], region: str, account: str) -> list[policies.Statement]:
    source = {"aws:SourceAccount": account}
    of_logs = {"aws:SourceArn": f"arn:{checks.partition(region)}:logs:{region}:{account}:*"}
    deliverer = {"Service": "delivery.logs.amazonaws.com"}
    return [
        {
            "Sid": "DeliveryCheck",
            "Effect": "Allow",
            "Principal": deliverer,
            "Action": "s3:GetBucketAcl",
            "Resource": arn,
            "Condition": {"StringEquals": source, "ArnLike": of_logs},
        },
        {
            "Sid": "Delivery",
            "Effect": "Allow",
            "Principal": deliverer,
            "Action": "s3:PutObject",
            "Resource": policies.joined(f"{{}}/AWSLogs/{account}/*", arn),
            "Condition": {
                "StringEquals": {**source, "s3:x-amz-acl": "bucket-owner-full-control"},
                "ArnLike": of_logs,
            },
        },
    ]


def _encrypted_on_the_way(arn: pulumi.Input[str]) -> policies.Statement:
    return {
        "Sid": "TlsAlone",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, policies.joined("{}/*", arn)],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
