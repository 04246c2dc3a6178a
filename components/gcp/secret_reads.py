"""Who may read the secrets of Secret Manager that a server has as variables."""

from collections.abc import Mapping
from typing import Any, Final

import pulumi
from pulumi_gcp.secretmanager.secret_iam_member import SecretIamMember

from components import outputs

READ: Final = "roles/secretmanager.secretAccessor"


def reads(
    parent: pulumi.Resource, name: str, project: str, secrets: Mapping[str, dict[str, Any]], account: pulumi.Input[str]
) -> list[pulumi.Resource]:
    """Each secret that a variable has the value of may be read by the account, and no other.

    project: whose a secret is that is named alone.
    """
    member = pulumi.Output.concat("serviceAccount:", account)
    return [
        SecretIamMember(
            f"{name}-{variable.lower().replace('_', '-')}",
            project=outputs.known(whose, secret=each["secret"], usual=project),
            secret_id=outputs.known(alone, secret=each["secret"]),
            role=READ,
            member=member,
            opts=pulumi.ResourceOptions(parent=parent),
        )
        for variable, each in secrets.items()
    ]


def whose(secret: str, usual: str) -> str:
    """The project of a secret, by its whole name or its name alone."""
    return secret.split("/")[1] if "/" in secret else usual


def alone(secret: str) -> str:
    """The name of a secret by itself."""
    return secret.rpartition("/")[2]
