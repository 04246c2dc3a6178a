"""The namespace that models live in."""

from typing import Any, NotRequired, Optional, TypedDict, cast

import pulumi
from pulumi_kubernetes.core.v1.LimitRange import LimitRange
from pulumi_kubernetes.core.v1.Namespace import Namespace
from pulumi_kubernetes.core.v1.ResourceQuota import ResourceQuota
from pulumi_kubernetes.networking.v1.NetworkPolicy import NetworkPolicy

from components.kubernetes import names

POD_SECURITY = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}


class ModelQuota(TypedDict):
    """What all pods of a namespace may ask for together."""

    cpu: NotRequired[pulumi.Input[str]]
    """Cores, as `16`. Default: 16."""
    memory: NotRequired[pulumi.Input[str]]
    """Memory, as `32Gi`. Default: 32Gi."""
    pods: NotRequired[pulumi.Input[int]]
    """Number of pods. Default: 100."""


class ModelNamespaceArgs(TypedDict):
    quota: NotRequired[pulumi.Input[ModelQuota]]
    """What all pods together may ask for. Default: 16 cores, 32Gi of memory, 100 pods."""
    labels: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels of the namespace beside those of Pod Security and of this library."""


class ModelNamespace(pulumi.ComponentResource):
    """A namespace under Pod Security `restricted`, with a quota and defaults for containers, closed to the network.

    It is called as the component is. No pod in it is reached, and none reaches anything, but by a policy that says so,
    as a ModelService has one. Outputs: `name`.
    """

    name: pulumi.Output[str]
    """Name of the namespace."""

    def __init__(self, name: str, args: ModelNamespaceArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        super().__init__("modelport:index:ModelNamespace", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        ours = {names.MANAGED_BY: "modelport"}
        labels = pulumi.Output.from_input(args.get("labels") or {}).apply(
            lambda given: {**given, **POD_SECURITY, **ours}
        )
        about: Any = {"name": name, "labels": labels}
        namespace = Namespace(name, metadata=about, opts=child)
        self.name = namespace.metadata.name
        meta: Any = {"name": "modelport", "namespace": self.name, "labels": ours}
        hard = pulumi.Output.from_input(args.get("quota") or ModelQuota()).apply(_hard)
        # One after the other: a namespace that takes nothing more says so once.
        quota = ResourceQuota(name, metadata=meta, spec={"hard": hard}, opts=child)
        limits = LimitRange(
            name,
            metadata=meta,
            spec={
                "limits": [
                    {
                        "type": "Container",
                        "default": {"cpu": "1", "memory": "512Mi", "ephemeral-storage": "512Mi"},
                        "default_request": {"cpu": "100m", "memory": "128Mi", "ephemeral-storage": "64Mi"},
                    }
                ]
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[quota]),
        )
        NetworkPolicy(
            name,
            metadata=cast("Any", {**meta, "name": "deny-all"}),
            spec={"pod_selector": {}, "policy_types": ["Ingress", "Egress"]},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[limits]),
        )
        self.register_outputs({"name": self.name})


def _hard(quota: ModelQuota) -> dict[str, str]:
    return {
        "requests.cpu": str(quota.get("cpu") or "16"),
        "requests.memory": str(quota.get("memory") or "32Gi"),
        "pods": f"{quota.get('pods') or 100:g}",
    }
