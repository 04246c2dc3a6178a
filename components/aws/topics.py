"""Topics of SNS that one service of AWS tells things to, and who hears of them."""

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_aws.kms.key import Key
from pulumi_aws.sns.topic import Topic
from pulumi_aws.sns.topic_policy import TopicPolicy
from pulumi_aws.sns.topic_subscription import TopicSubscription

from components import mails
from components.aws import policies
from components.aws.tags import Tags


def key(
    name: str, description: str, region: str, account: str, users: Sequence[policies.Statement], tags: Tags, child: Any
) -> pulumi.Output[str]:
    """A key that rotates, which `users` may use and nobody else."""
    policy = policies.key(region, account, *users)
    made = Key(name, description=description, enable_key_rotation=True, policy=policy, tags=tags.of(name), opts=child)
    return made.arn


def uses_key(sid: str, service: str, account: str) -> policies.Statement:
    """Lets a service that tells a topic encrypt what it tells."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }


def topic(
    name: str,
    key: pulumi.Input[str],
    teller: tuple[str, str, str],
    account: str,
    tags: Tags,
    child: pulumi.ResourceOptions,
) -> tuple[Topic, TopicPolicy]:
    """A topic that one service tells things, for this account, and nobody else.

    teller: what it does as one word, the service, and the pattern of the ARNs that it tells things of.
    """
    sid, service, source = teller
    made = Topic(name, kms_master_key_id=key, tags=tags.of(name), opts=child)
    policy = policies.content(
        {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sns:Publish",
            "Resource": made.arn,
            "Condition": {"StringEquals": {"aws:SourceAccount": account}, "ArnLike": {"aws:SourceArn": source}},
        },
        {
            "Sid": "EncryptedOnTheWay",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": made.arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )
    return made, TopicPolicy(name, arn=made.arn, policy=policies.text(policy), opts=child)


def subscribe(name: str, topic: Topic, addresses: Sequence[str], child: pulumi.ResourceOptions) -> None:
    """Tell these addresses, each of which confirms it once."""
    for mail in addresses:
        TopicSubscription(f"{name}-{mails.slug(mail)}", topic=topic.arn, protocol="email", endpoint=mail, opts=child)
