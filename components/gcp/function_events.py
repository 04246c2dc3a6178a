"""The events that a CloudFunction answers: who brings them, and who may read what is asked and write the answers."""

from typing import Any, Final, NamedTuple, cast

import pulumi
from pulumi_gcp.projects.iam_member import IAMMember
from pulumi_gcp.pubsub.topic_iam_member import TopicIAMMember
from pulumi_gcp.serviceaccount.account import Account
from pulumi_gcp.storage.bucket_iam_member import BucketIAMMember

from components import outputs
from components.gcp import checks as gcp
from components.gcp.function_asked import Asked, Trigger

RESULTS: Final = "MODELPORT_RESULTS"
"""The server's word for where answers go (serving/process/cloud_function.py)."""
MESSAGE: Final = "google.cloud.pubsub.topic.v1.messagePublished"
OBJECT: Final = "google.cloud.storage.object.v1.finalized"
_PUBLISH: Final = "roles/pubsub.publisher"
_READ: Final = "roles/storage.objectViewer"
_WRITE: Final = "roles/storage.objectUser"
"""To write over what a first delivery of the same event has written takes more than to create."""
_RECEIVE: Final = "roles/eventarc.eventReceiver"


class Heard(NamedTuple):
    """The trigger in the words of the SDK, what has to be there before it, and who calls."""

    trigger: Any
    before: list[pulumi.Resource]
    callers: dict[str, pulumi.Input[str]]


def place(trigger: Trigger) -> pulumi.Input[str]:
    """Where answers go, as the server takes it."""
    if trigger.topic is not None:
        return trigger.results
    return outputs.known(_bucket, results=cast("Any", trigger.results))


def heard(parent: pulumi.Resource, name: str, asked: Asked, account: pulumi.Input[str]) -> Heard | None:
    """What a function with a trigger has beside one without. account: what the instances are."""
    trigger = asked.trigger
    if trigger is None:
        return None
    child = pulumi.ResourceOptions(parent=parent)
    bringer = Account(f"{name}-event", project=asked.project, display_name=f"Brings events to {name}", opts=child).email
    brings = pulumi.Output.concat("serviceAccount:", bringer)
    answers = pulumi.Output.concat("serviceAccount:", account)
    about: dict[str, Any] = {
        "retry_policy": "RETRY_POLICY_RETRY" if trigger.retry else "RETRY_POLICY_DO_NOT_RETRY",
        "service_account_email": bringer,
    }
    callers: dict[str, pulumi.Input[str]] = {f"{name}-event": brings}
    if trigger.topic is not None:
        whole = cast("Any", trigger.results)
        may: list[pulumi.Resource] = [
            TopicIAMMember(
                f"{name}-results",
                project=outputs.known(_part, whole=whole, at=1),
                topic=outputs.known(_part, whole=whole, at=3),
                role=_PUBLISH,
                member=answers,
                opts=child,
            )
        ]
        about |= {"event_type": MESSAGE, "pubsub_topic": trigger.topic, "trigger_region": asked.region}
        return Heard(about, may, callers)
    watched = cast("pulumi.Input[str]", trigger.bucket)
    may = [
        BucketIAMMember(f"{name}-asked", bucket=watched, role=_READ, member=answers, opts=child),
        BucketIAMMember(f"{name}-results", bucket=trigger.results, role=_WRITE, member=answers, opts=child),
        # Of the project, as Eventarc has it: events of Cloud Storage go by topics that it makes.
        IAMMember(f"{name}-receive", project=asked.project, role=_RECEIVE, member=brings, opts=child),
        IAMMember(
            f"{name}-tell",
            project=asked.project,
            role=_PUBLISH,
            member=gcp.agent(asked.number, "gs-project-accounts"),
            opts=child,
        ),
    ]
    about |= {
        "event_type": OBJECT,
        "event_filters": [{"attribute": "bucket", "value": watched}],
        "trigger_region": trigger.location,
    }
    return Heard(about, may, callers)


def _bucket(results: str) -> str:
    return f"gs://{results}"


def _part(whole: str, at: int) -> str:
    return whole.split("/")[at]
