"""What each target wants to be told beside the model, as `modelport new` asks for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stacks.specs.targets import ACCOUNTS


@dataclass(frozen=True)
class Need:
    """One key of a stack file that a target has no default for, or none that is of use."""

    key: str
    """With its section, as "ecs.account_id"."""
    what: str
    """What belongs there, for the question and for the comment in the file."""
    example: Any
    """Stands in the file until somebody fills it in. "{account_id}" in it is what the file says of that."""
    variables: tuple[str, ...] = ()
    """Variables of the environment that the cloud's own tools read it from; on a terminal theirs is suggested."""
    unless: tuple[str, ...] = ()
    """Keys in whose presence it is not wanted."""

    def stands_in(self, given: Mapping[str, Any]) -> Any:
        """The example beside what is `given` by key."""
        if not isinstance(self.example, str):
            return self.example
        section = self.key.partition(".")[0]
        return self.example.replace("{account_id}", str(given.get(f"{section}.account_id", ACCOUNT)))


ACCOUNT = "123456789012"
"""Nobody's: with credentials of any other account an `up` does nothing."""


def _aws(section: str) -> tuple[Need, ...]:
    return (
        Need(f"{section}.account_id", "the AWS account, twelve digits", ACCOUNT, ("AWS_ACCOUNT_ID",)),
        Need(f"{section}.region", "its region", "eu-central-1", ("AWS_REGION", "AWS_DEFAULT_REGION")),
    )


def _google(section: str) -> tuple[Need, ...]:
    return (
        Need(
            f"{section}.project",
            "the id of the project on Google Cloud",
            "example-project",
            ("GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"),
        ),
        Need(f"{section}.project_number", "that project's number, as `gcloud projects describe` has it", ACCOUNT),
        Need(f"{section}.region", "its region", "europe-west4", ("CLOUDSDK_COMPUTE_REGION",)),
    )


def _reached(section: str) -> Need:
    """Without it nobody but what is in the cluster's own network reaches its API server, and so no `up` gets there."""
    return Need(
        f"{section}.cluster.private_access_cidrs",
        "networks that `up` runs in, joined to the cluster's; or public_access_cidrs",
        ["10.8.0.0/16"],
        unless=(f"{section}.cluster.public_access_cidrs", f"{section}.cluster.dns_endpoint"),
    )


NEEDS: dict[str, tuple[Need, ...]] = {
    "local": (),
    "kubernetes": (
        Need(
            "image.push",
            "registry and repository that this machine pushes to and the cluster pulls from",
            "registry.example.com/models/{model}",
        ),
    ),
    "aws-eks": (
        *_aws("aws"),
        Need("aws.cluster.version", "the version of Kubernetes", "1.35"),
        Need(
            "aws.cluster.admins.deployer",
            "the role or user that runs `up`",
            "arn:aws:iam::{account_id}:role/deployer",
            unless=("aws.cluster.admins",),
        ),
        _reached("aws"),
    ),
    "gcp-gke": (*_google("gcp"), _reached("gcp")),
    **{name: _aws(section) for name, section in ACCOUNTS.items() if name.startswith("aws-") and section != "aws"},
    **{name: _google(section) for name, section in ACCOUNTS.items() if name.startswith("gcp-") and section != "gcp"},
}
CHOSEN = ("aws.cluster.version",)
"""Needs whose example is as good as any answer, so that nobody has to fill them in."""

CALLERS: dict[str, str] = {
    "kubernetes": "it answers inside of the cluster; modelport:gateway gives it a name outside",
    "aws-eks": "it answers inside of the cluster; aws.load_balancer gives it a name outside",
    "aws-ecs": "nobody reaches it until ecs.load_balancer gives it a name",
    "aws-ec2": "nobody reaches it until ec2.load_balancer gives it a name",
    "aws-lambda": "it answers signed requests at a URL of its own; function.api gives it API keys",
    "aws-sagemaker": "it answers InvokeEndpoint, to whom IAM lets call",
    "gcp-gke": "it answers inside of the cluster; gcp.load_balancer gives it a name outside",
    "gcp-cloudrun": "it answers in the project's networks; cloudrun.load_balancer gives it a name outside",
    "gcp-vertex": "it answers in a network of its own; vertex.access says who else reaches it",
}
"""Who can call the model with nothing but what is needed."""


def open_needs(target: str, given: Mapping[str, Any]) -> list[Need]:
    """What the target wants and `given`, values by key, does not say."""
    return [
        need
        for need in NEEDS[target]
        if not _said(need.key, given) and not any(_said(key, given) for key in need.unless)
    ]


def _said(key: str, given: Iterable[str]) -> bool:
    return any(each == key or each.startswith(f"{key}.") or key.startswith(f"{each}.") for each in given)
