"""A model in a Kubernetes cluster: its namespace, its service, and what stands around them.

What is asked for is imported then: a plug-in that unpickles one provider of ours has no use for all the rest.
"""

from typing import TYPE_CHECKING

from components import lazily, sdks

if TYPE_CHECKING:
    from components.kubernetes.api_keys import ApiKeys, ApiKeysArgs
    from components.kubernetes.autoscaler import (
        ModelAutoscaler,
        ModelAutoscalerArgs,
        ScalingActivator,
        ScalingBroker,
        ScalingQueue,
    )
    from components.kubernetes.gpu_nodes import GpuNodes, GpuNodesArgs
    from components.kubernetes.load_balancer import GatewayKind, IssuerKind, ModelGateway, ModelGatewayArgs
    from components.kubernetes.monitoring import ModelMonitoring, ModelMonitoringArgs, MonitoringMode
    from components.kubernetes.namespace import ModelNamespace, ModelNamespaceArgs, ModelQuota
    from components.kubernetes.others import ImageServer
    from components.kubernetes.release import Release, ReleaseArgs
    from components.kubernetes.runtimes import ServingProgram, ServingRuntime, ServingRuntimeArgs
    from components.kubernetes.service import ModelResources, ModelService, ModelServiceArgs, ModelServiceType
    from components.kubernetes.tenant import Tenant, TenantArgs

__all__ = [
    "ApiKeys",
    "ApiKeysArgs",
    "GatewayKind",
    "GpuNodes",
    "GpuNodesArgs",
    "ImageServer",
    "IssuerKind",
    "ModelAutoscaler",
    "ModelAutoscalerArgs",
    "ModelGateway",
    "ModelGatewayArgs",
    "ModelMonitoring",
    "ModelMonitoringArgs",
    "ModelNamespace",
    "ModelNamespaceArgs",
    "ModelQuota",
    "ModelResources",
    "ModelService",
    "ModelServiceArgs",
    "ModelServiceType",
    "MonitoringMode",
    "Release",
    "ReleaseArgs",
    "ScalingActivator",
    "ScalingBroker",
    "ScalingQueue",
    "ServingProgram",
    "ServingRuntime",
    "ServingRuntimeArgs",
    "Tenant",
    "TenantArgs",
]

_MODULES = {
    "api_keys": ("ApiKeys", "ApiKeysArgs"),
    "autoscaler": ("ModelAutoscaler", "ModelAutoscalerArgs", "ScalingActivator", "ScalingBroker", "ScalingQueue"),
    "gpu_nodes": ("GpuNodes", "GpuNodesArgs"),
    "load_balancer": ("GatewayKind", "IssuerKind", "ModelGateway", "ModelGatewayArgs"),
    "monitoring": ("ModelMonitoring", "ModelMonitoringArgs", "MonitoringMode"),
    "namespace": ("ModelNamespace", "ModelNamespaceArgs", "ModelQuota"),
    "others": ("ImageServer",),
    "release": ("Release", "ReleaseArgs"),
    "runtimes": ("ServingProgram", "ServingRuntime", "ServingRuntimeArgs"),
    "service": ("ModelResources", "ModelService", "ModelServiceArgs", "ModelServiceType"),
    "tenant": ("Tenant", "TenantArgs"),
}
sdks.put_in()
__getattr__ = lazily.exported(
    __name__, _MODULES, sdk="pulumi_kubernetes", extra="kubernetes", what="what goes into a cluster"
)
