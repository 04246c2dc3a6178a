"""Objects of Kubernetes as a service needs them by the thousand."""

import copy
import hashlib
import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pulumi

from components import outputs

SDK = version("pulumi-kubernetes")
"""Which version of the provider the SDK's own classes ask for."""


class KubernetesObject(pulumi.CustomResource):
    """One object, the very resource that the SDK's own class of its kind makes: the same type, version and inputs.

    The SDK's classes make an output of every field, and read every answer by its types: twice the work of this one, for
    values that nobody asks for. With eight resources a service that decides how long a large plan takes.
    """

    if TYPE_CHECKING:  # the SDK would look for the types of outputs anew with every resource
        metadata: pulumi.Output[dict[str, Any]]

    def __init__(self, api_version: str, kind: str, name: str, opts: pulumi.ResourceOptions, **fields: Any) -> None:
        """`fields`: what stands beside `apiVersion` and `kind` in a manifest, as there. Leaf values may be outputs."""
        group = api_version if "/" in api_version else f"core/{api_version}"
        pinned = copy.copy(opts)  # merging makes of it what it is already, by looking at each of thirty options
        pinned.version = SDK
        manifest = {"apiVersion": api_version, "kind": kind, **fields}
        super().__init__(f"kubernetes:{group}:{kind}", name, manifest, pinned)


def content(whole: Any) -> Any:
    """A digest of all that is in `whole`, whose leaves may be outputs."""
    return outputs.filled(_digest, whole)


def _digest(whole: Any) -> str:
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
