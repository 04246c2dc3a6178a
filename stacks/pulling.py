"""What a cluster's nodes need to pull an image from a registry that asks who they are."""

import base64
import json
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1.Secret import Secret

from model_build.push import credentials
from model_build.push.errors import DestinationError
from model_build.push.reference import parse
from stacks.spec import StackSpec

_TYPE = "kubernetes.io/dockerconfigjson"


def secret(spec: StackSpec, name: str, space: pulumi.Input[str], within: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """A Secret with what Docker's configuration says of the registry, for the pods of `name`; its name.

    Raises RunError, before any resource, when Docker's configuration says nothing.
    """
    place = parse(str(spec.image.push))
    try:
        found = credentials.find(place.host)
    except DestinationError as error:
        raise pulumi.RunError(str(error)) from None
    if not found:
        raise pulumi.RunError(
            f"kubernetes.pull_secret is true and {credentials.config_file()} knows no login for {place.host}, expected "
            f"one; run docker login {place.host}, or leave pull_secret out"
        )
    entry: dict[str, Any] = {"username": found.user, "password": found.password}
    if found.password:
        entry["auth"] = base64.b64encode(f"{found.user}:{found.password}".encode()).decode()
    if found.identity_token:
        entry["identitytoken"] = found.identity_token
    if found.registry_token:
        entry["registrytoken"] = found.registry_token
    content = json.dumps({"auths": {place.host: entry}})
    called = f"{name}-registry"
    about: Any = {"name": called, "namespace": space, "labels": {"app.kubernetes.io/managed-by": "modelport"}}
    made = Secret(
        called,
        metadata=about,
        type=_TYPE,
        string_data={".dockerconfigjson": pulumi.Output.secret(content)},
        opts=within,
    )
    told: pulumi.Output[str] = made.metadata.name
    return told
