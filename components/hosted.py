"""What the plugin has for programs in other languages: every component, and the package that exports it."""

from collections.abc import Mapping
from importlib import import_module
from typing import Final

import pulumi

PACKAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "components.docker": ("DockerImage",),
    "components.local": ("LocalEndpoint",),
    "components.kubernetes": (
        "ApiKeys",
        "GpuNodes",
        "ModelAutoscaler",
        "ModelGateway",
        "ModelMonitoring",
        "ModelNamespace",
        "ModelService",
        "ServingRuntime",
        "Tenant",
    ),
    "components.aws": (
        "AwsApiGateway",
        "AwsBudget",
        "AwsIdentity",
        "AwsLoadBalancer",
        "AwsMonitoring",
        "AwsNetwork",
        "AwsSecrets",
        "Ec2Service",
        "EcrRegistry",
        "EcsMonitoring",
        "EcsService",
        "EksAutoscaler",
        "EksCluster",
        "EksGpuNodeGroup",
        "GithubOidcRole",
        "GitlabOidcRole",
        "LambdaService",
        "SageMakerEndpoint",
        "WeightedDns",
    ),
    "components.gcp": (
        "ArtifactRegistry",
        "CloudFunction",
        "CloudRunMonitoring",
        "CloudRunService",
        "ComputeService",
        "GcpApiGateway",
        "GcpBudget",
        "GcpGithubIdentity",
        "GcpGitlabIdentity",
        "GcpIdentity",
        "GcpLoadBalancer",
        "GcpMonitoring",
        "GcpNetwork",
        "GkeCluster",
        "GkeGpuNodePool",
        "VertexEndpoint",
    ),
}
"""Written out, so that whoever makes one component imports no other."""
WHERE: Final[Mapping[str, str]] = {name: package for package, names in PACKAGES.items() for name in names}


def component(name: str) -> type[pulumi.ComponentResource]:
    """The class of that name, imported now. Raises KeyError where there is none."""
    found: type[pulumi.ComponentResource] = getattr(import_module(WHERE[name]), name)
    return found


def components() -> list[type[pulumi.ComponentResource]]:
    """All of them, by name."""
    return [component(name) for name in sorted(WHERE)]
