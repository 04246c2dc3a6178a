"""Topics of SNS that one service of AWS tells things to, and who hears of them."""

import re
from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_aws.kms.key import Key
from pulumi_aws.sns.topic import Topic
from pulumi_aws.sns.topic_policy import TopicPolicy
from pulumi_aws.sns.topic_subscription import TopicSubscription

from components import checks
from components.aws import policies
from components.aws.tags import Tags

MAIL = r"[^@\s,;<>\"]{1,64}@([A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"


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


def subscribe(name: str, topic: Topic, mails: Sequence[str], child: pulumi.ResourceOptions) -> None:
    """Tell these addresses, each of which confirms it once."""
    for mail in mails:
        # By the address and not by its place: who leaves takes nobody else's along.
        TopicSubscription(f"{name}-{_slug(mail)}", topic=topic.arn, protocol="email", endpoint=mail, opts=child)


def mails(what: str, given: Sequence[str]) -> list[str]:
    """Addresses that differ in more than signs. Raises ArgsError."""
    if isinstance(given, str):
        raise checks.wrong(what, given, "a list of addresses", f"write ['{given}']")
    for each in given:
        checks.fits(what, each, MAIL, "e-mail addresses", "ops@example.com")
    if len({_slug(each) for each in given}) != len(given):
        raise checks.wrong(what, list(given), "addresses of other letters and digits", "leave one of them out")
    return list(given)


def _slug(mail: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", mail.lower())
