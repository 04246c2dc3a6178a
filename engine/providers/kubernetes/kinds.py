"""What is known of kinds without asking a cluster."""

from typing import Final

from engine.providers.kubernetes.api import Obj
from engine.providers.kubernetes.objects import group_version, words
from engine.values import part

_BUILT_IN: Final = {
    "admissionregistration.k8s.io": "v1 v1alpha1 v1beta1",
    "apiextensions.k8s.io": "v1 v1beta1",
    "apiregistration.k8s.io": "v1 v1beta1",
    "apps": "v1 v1beta1 v1beta2",
    "auditregistration.k8s.io": "v1alpha1",
    "autoscaling": "v1 v2 v2beta1 v2beta2",
    "batch": "v1 v1beta1 v2alpha1",
    "certificates.k8s.io": "v1 v1alpha1 v1beta1",
    "coordination.k8s.io": "v1 v1alpha1 v1alpha2 v1beta1",
    "": "v1",
    "discovery.k8s.io": "v1 v1beta1",
    "events.k8s.io": "v1 v1beta1",
    "extensions": "v1beta1",
    "flowcontrol.apiserver.k8s.io": "v1 v1alpha1 v1beta1 v1beta2 v1beta3",
    "meta": "v1",
    "networking.k8s.io": "v1 v1alpha1 v1beta1",
    "node.k8s.io": "v1 v1alpha1 v1beta1",
    "policy": "v1 v1beta1",
    "rbac.authorization.k8s.io": "v1 v1alpha1 v1beta1",
    "resource.k8s.io": "v1 v1alpha1 v1alpha2 v1alpha3 v1beta1 v1beta2",
    "scheduling.k8s.io": "v1 v1alpha1 v1alpha2 v1beta1",
    "settings.k8s.io": "v1alpha1",
    "storage.k8s.io": "v1 v1alpha1 v1beta1",
    "storagemigration.k8s.io": "v1alpha1 v1beta1",
}

_NAMESPACED: Final = frozenset(
    words(
        "Binding ConfigMap ControllerRevision CronJob CSIStorageCapacity DaemonSet Deployment Endpoints EndpointSlice "
        "Event HorizontalPodAutoscaler Ingress Job Lease LimitRange NetworkPolicy PersistentVolumeClaim Pod "
        "PodDisruptionBudget PodTemplate ReplicaSet ReplicationController ResourceQuota Role RoleBinding Secret "
        "Service ServiceAccount StatefulSet"
    )
)
_GLOBAL: Final = frozenset(
    words(
        "APIService CertificateSigningRequest ClusterRole ClusterRoleBinding CSIDriver CSINode "
        "CustomResourceDefinition FlowSchema IngressClass MutatingWebhookConfiguration Namespace Node PersistentVolume "
        "PodSecurityPolicy PriorityClass PriorityLevelConfiguration RuntimeClass StorageClass "
        "ValidatingWebhookConfiguration VolumeAttachment"
    )
)

LETS_DELETES_GO: Final = frozenset(
    {
        ("v1", "Namespace"),
        ("v1", "Pod"),
        ("v1", "ReplicationController"),
        ("batch/v1", "Job"),
        *(
            (f"apps/{version}", kind)
            for version in ("v1", "v1beta1", "v1beta2")
            for kind in ("DaemonSet", "Deployment", "StatefulSet")
        ),
    }
)
"""Kinds whose delete is not awaited either where `pulumi.com/skipAwait` is set; that of all others is."""


def is_built_in(api_version: str) -> bool:
    """Whether Kubernetes itself defines a group's version, in some release."""
    group, version = group_version(api_version)
    return version in _BUILT_IN.get(group, "").split()


def namespaced(group: str, version: str, kind: str) -> bool | None:
    """Whether a kind of Kubernetes' own lives in namespaces; None for any other kind."""
    if version not in _BUILT_IN.get(group, "").split():
        return None
    bare = kind.removesuffix("Patch").removesuffix("List")
    if bare in _NAMESPACED:
        return True
    return False if bare in _GLOBAL else None


def is_definition(obj: Obj) -> bool:
    """Whether the object defines a kind."""
    group, _ = group_version(str(obj.get("apiVersion") or ""))
    return obj.get("kind") == "CustomResourceDefinition" and group == "apiextensions.k8s.io"


def is_core(obj: Obj, kind: str) -> bool:
    group, _ = group_version(str(obj.get("apiVersion") or ""))
    return group == "" and obj.get("kind") == kind


def defines(definition: Obj) -> tuple[str, str]:
    """Group and kind that a definition defines."""
    spec = part(definition, "spec")
    return str(spec.get("group") or ""), str(part(spec, "names").get("kind") or "")
