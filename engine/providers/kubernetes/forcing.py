"""Which fields of which kinds cannot be changed in place: the official provider's list."""

from typing import Any, Final

from engine.providers.kubernetes.api import Obj
from engine.providers.kubernetes.objects import group_version, words
from engine.values import is_dict, is_list

_SELECTOR: Final = (".spec.selector",)
_STATEFUL_SET: Final = tuple(
    f".spec.{field}"
    for field in ("podManagementPolicy", "revisionHistoryLimit", "selector", "serviceName", "volumeClaimTemplates")
)
_JOB: Final = tuple(f".spec.{field}" for field in ("completions", "parallelism", "selector", "template"))
_ROLE: Final = (".roleRef",)

_VOLUME_SOURCES: Final = words(
    "awsElasticBlockStore azureDisk azureFile cephfs cinder csi fc flexVolume flocker gcePersistentDisk glusterfs "
    "hostPath iscsi local nfs photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos vsphereVolume"
)
_POD: Final = words(
    "affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC hostNetwork "
    "hostPID hostname imagePullSecrets nodeName nodeSelector overhead preemptionPolicy priority priorityClassName "
    "readinessGates restartPolicy runtimeClassName schedulerName securityContext serviceAccount serviceAccountName "
    "shareProcessNamespace subdomain terminationGracePeriodSeconds volumes"
)
_CONTAINER: Final = words(
    "args command env image imagePullPolicy lifecycle livenessProbe ports readinessProbe resources securityContext "
    "stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices volumeMounts workingDir"
)

_CORE: Final[dict[str, tuple[str, ...]]] = {
    "PersistentVolume": tuple(f".spec.{field}" for field in _VOLUME_SOURCES),
    "PersistentVolumeClaim": tuple(
        f".spec.{field}" for field in ("accessModes", "selector", "storageClassName", "volumeName")
    ),
    "Pod": (
        *(f".spec.{field}" for field in _POD),
        *(f".spec.{group}[*].{field}" for group in ("containers", "initContainers") for field in _CONTAINER),
    ),
    "ResourceQuota": (".spec.scopes",),
    "Secret": (".type",),
    "Service": (".spec.clusterIP",),
}
_APPS: Final[dict[str, tuple[str, ...]]] = {
    "DaemonSet": _SELECTOR,
    "Deployment": _SELECTOR,
    "StatefulSet": _STATEFUL_SET,
}
_BINDINGS: Final[dict[str, tuple[str, ...]]] = {"ClusterRoleBinding": _ROLE, "RoleBinding": _ROLE}

_FIELDS: Final[dict[tuple[str, str], dict[str, tuple[str, ...]]]] = {
    ("", "v1"): _CORE,
    ("apps", "v1beta1"): {"StatefulSet": _STATEFUL_SET},
    ("apps", "v1beta2"): _APPS,
    ("apps", "v1"): _APPS,
    ("policy", "v1beta1"): {"PodDisruptionBudget": (".spec",)},
    **{("rbac.authorization.k8s.io", version): _BINDINGS for version in ("v1alpha1", "v1beta1", "v1")},
    ("storage.k8s.io", "v1"): {"StorageClass": (".parameters", ".provisioner")},
    **{("batch", version): {"Job": _JOB} for version in ("v1beta1", "v1", "v2alpha1")},
}

IDENTITY: Final = (".metadata.name", ".metadata.namespace")


def forcing(obj: Obj, *, config_map_mutable: bool, secret_mutable: bool) -> tuple[str, ...]:
    """The paths of an object at which a change replaces it."""
    group, version = group_version(str(obj.get("apiVersion") or ""))
    kind = obj.get("kind")
    fields = _FIELDS.get((group, version))
    if fields is None:
        return IDENTITY
    immutable = obj.get("immutable") is True
    if group == "" and kind == "Secret" and (not secret_mutable or immutable):
        return (*IDENTITY, ".type", ".stringData", ".data")
    if group == "" and kind == "ConfigMap" and (not config_map_mutable or immutable):
        return (*IDENTITY, ".binaryData", ".data")
    return (*IDENTITY, *fields.get(str(kind), ()))


def touches(path: list[str | int], value: Any, fields: tuple[str, ...]) -> bool:
    """Whether a change at `path` to `value` is one at any of the fields, or has one of them inside."""
    whole: Any = value
    for step in reversed(path):
        whole = {step: whole} if isinstance(step, str) else [whole]
    return any(_has(whole, field.replace("[*]", ".*").split(".")[1:]) for field in fields)


def _has(value: Any, steps: list[str]) -> bool:
    if not steps:
        return True
    first, *rest = steps
    if first == "*":
        return is_list(value) and any(_has(item, rest) for item in value)
    return is_dict(value) and first in value and _has(value[first], rest)
