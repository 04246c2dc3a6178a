"""Who hears of alerts: people by mail, and a topic of Pub/Sub that others may subscribe to."""

from collections.abc import Sequence
from typing import Final

import pulumi
from pulumi_gcp.monitoring.notification_channel import NotificationChannel
from pulumi_gcp.projects.service_identity import ServiceIdentity
from pulumi_gcp.pubsub.topic import Topic
from pulumi_gcp.pubsub.topic_iam_member import TopicIAMMember

from components import mails
from components.gcp import checks as gcp
from components.gcp import keys
from components.gcp.labels import Labels

PUBLISH: Final = "roles/pubsub.publisher"
PUBSUB: Final = "gcp-sa-pubsub"
"""Account of Pub/Sub, which encrypts (Pub/Sub, "Configure message encryption", 2026-11-22)."""
TELLER: Final = "gcp-sa-monitoring-notification"
"""Account of Cloud Monitoring, which tells topics (Cloud Monitoring, "Create and manage notification channels",
2026-11-22)."""


def by_mail(
    name: str, project: str, addresses: Sequence[str], labels: Labels, child: pulumi.ResourceOptions
) -> list[NotificationChannel]:
    """Tell these addresses."""
    return [
        NotificationChannel(
            f"{name}-{mails.slug(each)}",
            project=project,
            display_name=each,
            type="email",
            labels={"email_address": each},
            user_labels=labels.all(),
            opts=child,
        )
        for each in addresses
    ]


def kept(
    name: str,
    project: str,
    number: str,
    region: str,
    key: pulumi.Input[str] | None,
    labels: Labels,
    child: pulumi.ResourceOptions,
) -> Topic:
    """A topic that nobody may tell anything yet, kept in one region.

    number: the project's. key: what encrypts it; one of its own where that is None.
    """
    if key is None:
        # The account that encrypts is there from the first topic on, unless it is asked for before.
        agent = ServiceIdentity(name, project=project, service="pubsub.googleapis.com", opts=child)
        key = keys.made(
            name,
            project=project,
            location=region,
            agents={"topic": gcp.agent(number, PUBSUB)},
            labels=labels,
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[agent])),
        )
    return Topic(
        name,
        project=project,
        kms_key_name=key,
        message_storage_policy={"allowed_persistence_regions": [region]},
        labels=labels.all(),
        opts=child,
    )


def may_tell(name: str, project: str, topic: Topic, teller: str, opts: pulumi.ResourceOptions) -> TopicIAMMember:
    """Let a member of IAM tell a topic."""
    return TopicIAMMember(name, project=project, topic=topic.name, role=PUBLISH, member=teller, opts=opts)


def topic(
    name: str,
    project: str,
    number: str,
    region: str,
    key: pulumi.Input[str] | None,
    labels: Labels,
    child: pulumi.ResourceOptions,
) -> tuple[Topic, NotificationChannel]:
    """A topic as `kept`, which Cloud Monitoring tells and nobody else."""
    made = kept(name, project, number, region, key, labels, child)
    channel = NotificationChannel(
        f"{name}-topic",
        project=project,
        display_name=f"Topic of {name}",
        type="pubsub",
        labels={"topic": made.id},
        user_labels=labels.all(),
        opts=child,
    )
    # The account that tells is there from a project's first channel of this kind on.
    after = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[channel]))
    may_tell(name, project, made, gcp.agent(number, TELLER), after)
    return made, channel
