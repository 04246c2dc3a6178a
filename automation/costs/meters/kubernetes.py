"""What lies in a cluster: it runs on nodes that are paid, and a few things make others outside of it."""

from collections.abc import Iterator
from typing import Final, cast

from automation.costs.metering import Entry, Found, Free, Stack, Unpriced, Usage
from automation.costs.meters.gcp import vertex
from automation.costs.reading import Resource

_ELSEWHERE: Final = "the cluster's own cloud makes it and says what it costs"


def _service(each: Resource, stack: Stack) -> Iterator[Found]:
    if each.text("spec.type", "ClusterIP") == "LoadBalancer":
        yield Unpriced(f"load balancer of service {each.name}", _ELSEWHERE)


def _pool(each: Resource, stack: Stack) -> Iterator[Found]:
    limits = each.at("spec.limits", {})
    named = cast("dict[str, object]", limits) if isinstance(limits, dict) else {}
    told = ", ".join(f"{key} {value}" for key, value in named.items())
    why = f"Karpenter makes as many as pods ask for, {f'to the most {told}' if told else 'without a limit'}"
    yield Unpriced(f"nodes of pool {each.name}", why)


def _claim(each: Resource, stack: Stack) -> Iterator[Found]:
    yield Unpriced(f"volume {each.name}", _ELSEWHERE)


_FREE: Final = (
    "apps/v1:DaemonSet",
    "apps/v1:Deployment",
    "apps/v1:StatefulSet",
    "autoscaling/v2:HorizontalPodAutoscaler",
    "batch/v1:CronJob",
    "batch/v1:Job",
    "cert-manager.io/v1:Certificate",
    "cert-manager.io/v1:ClusterIssuer",
    "cert-manager.io/v1:Issuer",
    "core/v1:ConfigMap",
    "core/v1:LimitRange",
    "core/v1:Namespace",
    "core/v1:ResourceQuota",
    "core/v1:Secret",
    "core/v1:ServiceAccount",
    "gateway.networking.k8s.io/*:HTTPRoute",
    "gateway.networking.k8s.io/*:ReferenceGrant",
    "http.keda.sh/*:HTTPScaledObject",
    "http.keda.sh/*:InterceptorRoute",
    "karpenter.k8s.aws/*:EC2NodeClass",
    "keda.sh/*:ScaledObject",
    "keda.sh/*:TriggerAuthentication",
    "machinelearning.seldon.io/*:SeldonDeployment",
    "monitoring.coreos.com/*:PodMonitor",
    "monitoring.coreos.com/*:PrometheusRule",
    "monitoring.coreos.com/*:ServiceMonitor",
    "networking.k8s.io/v1:NetworkPolicy",
    "policy/v1:PodDisruptionBudget",
    "rbac.authorization.k8s.io/v1:ClusterRole",
    "rbac.authorization.k8s.io/v1:ClusterRoleBinding",
    "rbac.authorization.k8s.io/v1:Role",
    "rbac.authorization.k8s.io/v1:RoleBinding",
    "serving.kserve.io/*:InferenceService",
)
_OURS: Final = (
    *("ApiKey", "CloudRunTraffic", "ComputeRollout", "DockerLoad", "DockerPush", "FunctionSource", "ImageCopy"),
    *("InstanceRefresh", "IssuedSecret", "LocalServer", "ModelImage", "ModelServer", "Release", "ReleaseRecord"),
    "Watched",
)
"""Resources of ours: steps, checks and records. A release's candidate runs on nodes that are paid."""

TABLE: Final[dict[str, Entry]] = {
    **{f"kubernetes:{kind}": Free("it runs on nodes that are paid") for kind in _FREE},
    **{f"pulumi-python:dynamic/modelport:{kind}": Free() for kind in _OURS},
    "docker:index/image:Image": Free("its registry is paid"),
    "kubernetes:core/v1:PersistentVolumeClaim": _claim,
    "kubernetes:core/v1:Service": _service,
    "kubernetes:gateway.networking.k8s.io/*:Gateway": Unpriced("gateway", "what its class makes is that class's own"),
    "kubernetes:karpenter.sh/*:NodePool": _pool,
    "kubernetes:monitoring.googleapis.com/*:PodMonitoring": Usage("metrics of pods", "paid by sample"),
    "kubernetes:networking.k8s.io/v1:Ingress": Unpriced("ingress", "what its class makes is that class's own"),
    "pulumi-python:dynamic/modelport:VertexDeployment": vertex,
}
