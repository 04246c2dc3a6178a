"""Policies as IAM reads them, written here rather than looked up: a plan needs no call for them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components import outputs
from components.aws.checks import partition

Statement = Mapping[str, Any]

KEY_ADMINISTRATION = (
    *("kms:CancelKeyDeletion", "kms:Create*", "kms:Delete*", "kms:Describe*", "kms:Disable*", "kms:Enable*"),
    *("kms:Get*", "kms:List*", "kms:Put*", "kms:Revoke*", "kms:RotateKeyOnDemand", "kms:ScheduleKeyDeletion"),
    *("kms:TagResource", "kms:UntagResource", "kms:Update*"),
)
"""What whoever administers the account may do to a key: all but use it."""


def document(*statements: Statement) -> str:
    """A policy of plain statements; where one holds an output, `text(content(...))`."""
    return json.dumps(content(*statements))


def content(*statements: Statement) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def text(policy: Mapping[str, Any]) -> pulumi.Input[str]:
    """A policy as text: plain where all of it is, else an output."""
    return outputs.text(policy)


def joined(form: str, *values: pulumi.Input[str]) -> pulumi.Input[str]:
    """`form` with values put in, as `str.format` does it: plain where all of them are, else an output."""
    if any(isinstance(each, pulumi.Output) for each in values):
        return pulumi.Output.format(form, *values)
    return form.format(*values)


def trust(service: str, account: str, source_arn: str | None = None) -> str:
    """Lets a service take a role for this account alone: it may not be talked into it on another account's behalf.

    source_arn: pattern of the ARN of what the service acts for, as narrow as it is known before that is made.
    """
    condition: dict[str, Any] = {"StringEquals": {"aws:SourceAccount": account}}
    if source_arn is not None:
        condition["ArnLike"] = {"aws:SourceArn": source_arn}
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
            "Condition": condition,
        }
    )


def pod_trust(
    account: str, cluster_arn: pulumi.Input[str], namespace: pulumi.Input[str], service_account: pulumi.Input[str]
) -> pulumi.Input[str]:
    """Lets EKS's Pod Identity take a role for the pods of one service account, in one cluster of this account."""
    asked: dict[str, pulumi.Input[str]] = {
        "aws:SourceAccount": account,
        # Tags that Pod Identity gives each session, and nobody else can.
        "aws:RequestTag/eks-cluster-arn": cluster_arn,
        "aws:RequestTag/kubernetes-namespace": namespace,
        "aws:RequestTag/kubernetes-service-account": service_account,
    }
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"StringEquals": asked},
    }
    return text(content(statement))


def administered(region: str, account: str) -> Statement:
    """Lets the account administer a key, and not use it."""
    return {
        "Sid": "Administration",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{partition(region)}:iam::{account}:root"},
        "Action": list(KEY_ADMINISTRATION),
        # In a key's policy this is the key.
        "Resource": "*",
    }


def key(region: str, account: str, *users: Statement) -> str:
    """The policy of a KMS key which the account administers and `users` alone may use."""
    return document(administered(region, account), *users)


def logs_key(region: str, account: str) -> Statement:
    """Lets CloudWatch encrypt log groups of this account with a key."""
    groups = f"arn:{partition(region)}:logs:{region}:{account}:log-group:*"
    return {
        "Sid": "Logs",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{region}.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        "Resource": "*",
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    }


def allow(actions: Sequence[str], resources: Any, condition: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One statement of a role's own policy."""
    made: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": resources}
    return made if condition is None else {**made, "Condition": dict(condition)}
