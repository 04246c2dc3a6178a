"""A model on Google Cloud: the network, the cluster and its nodes, the registry, and what stands around them.

What is asked for is imported then: `pulumi_gcp` and each of its modules cost time at every start of a program.
"""

from typing import TYPE_CHECKING

from components import lazily, sdks

if TYPE_CHECKING:
    from components.gcp.api_gateway import GcpApiBackend, GcpApiGateway, GcpApiGatewayArgs, GcpApiJwt
    from components.gcp.budget import GcpBudget, GcpBudgetArgs, GcpCostLabel
    from components.gcp.cloud_run import (
        CloudRunEgress,
        CloudRunGpu,
        CloudRunIngress,
        CloudRunNetwork,
        CloudRunRelease,
        CloudRunSecret,
        CloudRunService,
        CloudRunServiceArgs,
        CloudRunStep,
        CloudRunStrategy,
    )
    from components.gcp.cloud_run_monitoring import CloudRunMonitoring, CloudRunMonitoringArgs
    from components.gcp.cluster import (
        GkeChannel,
        GkeCluster,
        GkeClusterArgs,
        GkeExclusion,
        GkeExclusionScope,
        GkeKind,
        GkeMaintenance,
    )
    from components.gcp.compute_service import (
        ComputeMetric,
        ComputeMetricKind,
        ComputeRelease,
        ComputeService,
        ComputeServiceArgs,
        ComputeSpread,
        ComputeStep,
        ComputeStrategy,
    )
    from components.gcp.function import (
        CloudFunction,
        CloudFunctionArgs,
        CloudFunctionConnector,
        CloudFunctionTrigger,
    )
    from components.gcp.github import GcpGithubIdentity, GcpGithubIdentityArgs
    from components.gcp.gitlab import GcpGitlabIdentity, GcpGitlabIdentityArgs
    from components.gcp.gpu_nodes import (
        GkeGpuDriver,
        GkeGpuNodePool,
        GkeGpuNodePoolArgs,
        GkeGpuSharing,
        GkeGpuSharingStrategy,
        GkeTaint,
        GkeTaintEffect,
    )
    from components.gcp.gpus import GkeAttachedGpu
    from components.gcp.identity import (
        GcpCondition,
        GcpIdentity,
        GcpIdentityArgs,
        GcpKubernetes,
        GcpObjects,
        GcpResourceKind,
        GcpStatement,
    )
    from components.gcp.load_balancer import (
        GcpCloudRunTarget,
        GcpExistingCertificate,
        GcpInstancesTarget,
        GcpLoadBalancer,
        GcpLoadBalancerArgs,
        GcpWafRules,
    )
    from components.gcp.monitoring import GcpMonitoring, GcpMonitoringArgs, GcpWatchedBalancer, GcpWatchedService
    from components.gcp.network import GcpExistingNetwork, GcpGoogleApis, GcpNat, GcpNetwork, GcpNetworkArgs
    from components.gcp.registry import ArtifactRegistry, ArtifactRegistryArgs
    from components.gcp.vertex import (
        VertexEndpoint,
        VertexEndpointArgs,
        VertexLogging,
        VertexPrivate,
        VertexRelease,
        VertexStep,
        VertexStrategy,
    )

__all__ = [
    "ArtifactRegistry",
    "ArtifactRegistryArgs",
    "CloudFunction",
    "CloudFunctionArgs",
    "CloudFunctionConnector",
    "CloudFunctionTrigger",
    "CloudRunEgress",
    "CloudRunGpu",
    "CloudRunIngress",
    "CloudRunMonitoring",
    "CloudRunMonitoringArgs",
    "CloudRunNetwork",
    "CloudRunRelease",
    "CloudRunSecret",
    "CloudRunService",
    "CloudRunServiceArgs",
    "CloudRunStep",
    "CloudRunStrategy",
    "ComputeMetric",
    "ComputeMetricKind",
    "ComputeRelease",
    "ComputeService",
    "ComputeServiceArgs",
    "ComputeSpread",
    "ComputeStep",
    "ComputeStrategy",
    "GcpApiBackend",
    "GcpApiGateway",
    "GcpApiGatewayArgs",
    "GcpApiJwt",
    "GcpBudget",
    "GcpBudgetArgs",
    "GcpCloudRunTarget",
    "GcpCondition",
    "GcpCostLabel",
    "GcpExistingCertificate",
    "GcpExistingNetwork",
    "GcpGithubIdentity",
    "GcpGithubIdentityArgs",
    "GcpGitlabIdentity",
    "GcpGitlabIdentityArgs",
    "GcpGoogleApis",
    "GcpIdentity",
    "GcpIdentityArgs",
    "GcpInstancesTarget",
    "GcpKubernetes",
    "GcpLoadBalancer",
    "GcpLoadBalancerArgs",
    "GcpMonitoring",
    "GcpMonitoringArgs",
    "GcpNat",
    "GcpNetwork",
    "GcpNetworkArgs",
    "GcpObjects",
    "GcpResourceKind",
    "GcpStatement",
    "GcpWafRules",
    "GcpWatchedBalancer",
    "GcpWatchedService",
    "GkeAttachedGpu",
    "GkeChannel",
    "GkeCluster",
    "GkeClusterArgs",
    "GkeExclusion",
    "GkeExclusionScope",
    "GkeGpuDriver",
    "GkeGpuNodePool",
    "GkeGpuNodePoolArgs",
    "GkeGpuSharing",
    "GkeGpuSharingStrategy",
    "GkeKind",
    "GkeMaintenance",
    "GkeTaint",
    "GkeTaintEffect",
    "VertexEndpoint",
    "VertexEndpointArgs",
    "VertexLogging",
    "VertexPrivate",
    "VertexRelease",
    "VertexStep",
    "VertexStrategy",
]

_MODULES = {
    "api_gateway": ("GcpApiBackend", "GcpApiGateway", "GcpApiGatewayArgs", "GcpApiJwt"),
    "budget": ("GcpBudget", "GcpBudgetArgs", "GcpCostLabel"),
    "cloud_run": (
        *("CloudRunEgress", "CloudRunGpu", "CloudRunIngress", "CloudRunNetwork", "CloudRunRelease"),
        *("CloudRunSecret", "CloudRunService", "CloudRunServiceArgs", "CloudRunStep", "CloudRunStrategy"),
    ),
    "cloud_run_monitoring": ("CloudRunMonitoring", "CloudRunMonitoringArgs"),
    "cluster": (
        *("GkeChannel", "GkeCluster", "GkeClusterArgs", "GkeExclusion", "GkeExclusionScope", "GkeKind"),
        "GkeMaintenance",
    ),
    "compute_service": (
        *("ComputeMetric", "ComputeMetricKind", "ComputeRelease", "ComputeService", "ComputeServiceArgs"),
        *("ComputeSpread", "ComputeStep", "ComputeStrategy"),
    ),
    "function": ("CloudFunction", "CloudFunctionArgs", "CloudFunctionConnector", "CloudFunctionTrigger"),
    "github": ("GcpGithubIdentity", "GcpGithubIdentityArgs"),
    "gitlab": ("GcpGitlabIdentity", "GcpGitlabIdentityArgs"),
    "gpu_nodes": (
        *("GkeGpuDriver", "GkeGpuNodePool", "GkeGpuNodePoolArgs", "GkeGpuSharing", "GkeGpuSharingStrategy"),
        *("GkeTaint", "GkeTaintEffect"),
    ),
    "gpus": ("GkeAttachedGpu",),
    "identity": (
        *("GcpCondition", "GcpIdentity", "GcpIdentityArgs", "GcpKubernetes", "GcpObjects", "GcpResourceKind"),
        "GcpStatement",
    ),
    "load_balancer": (
        *("GcpCloudRunTarget", "GcpExistingCertificate", "GcpInstancesTarget", "GcpLoadBalancer"),
        *("GcpLoadBalancerArgs", "GcpWafRules"),
    ),
    "monitoring": ("GcpMonitoring", "GcpMonitoringArgs", "GcpWatchedBalancer", "GcpWatchedService"),
    "network": ("GcpExistingNetwork", "GcpGoogleApis", "GcpNat", "GcpNetwork", "GcpNetworkArgs"),
    "registry": ("ArtifactRegistry", "ArtifactRegistryArgs"),
    "vertex": (
        *("VertexEndpoint", "VertexEndpointArgs", "VertexLogging", "VertexPrivate", "VertexRelease", "VertexStep"),
        "VertexStrategy",
    ),
}
sdks.put_in()
__getattr__ = lazily.exported(__name__, _MODULES, sdk="pulumi_gcp", extra="gcp", what="what is made on Google Cloud")
