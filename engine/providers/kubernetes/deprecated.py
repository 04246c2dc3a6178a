"""Versions of kinds that Kubernetes gave up, and what took their place."""

from typing import Final

from engine.providers.kubernetes.shapes import lives

Release = tuple[int, int]

_EARLIEST: Final = (1, 9)

_ELSEWHERE: Final[dict[tuple[str, str, str], tuple[Release, Release | None]]] = {
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", "apiextensions.k8s.io/v1"): ((1, 7), (1, 22)),
    ("apiregistration.k8s.io/v1beta1", "APIService", "apiregistration.k8s.io/v1"): ((1, 10), None),
    ("batch/v2alpha1", "CronJob", "batch/v1"): ((1, 8), (1, 21)),
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler", "autoscaling/v2"): ((1, 8), (1, 25)),
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler", "autoscaling/v2"): ((1, 12), (1, 26)),
    ("extensions/v1beta1", "PodSecurityPolicy", "policy/v1beta1"): ((1, 3), (1, 16)),
    ("policy/v1beta1", "PodSecurityPolicy", ""): ((1, 3), (1, 25)),
    **{
        ("rbac.authorization.k8s.io/v1alpha1", kind, "rbac.authorization.k8s.io/v1"): ((1, 6), (1, 20))
        for kind in ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
    },
    ("scheduling.k8s.io/v1alpha1", "PriorityClass", "scheduling.k8s.io/v1"): ((1, 10), (1, 17)),
    ("policy/v1", "PodSecurityPolicy", ""): (_EARLIEST, (1, 25)),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", ""): ((1, 16), None),
}
"""Kinds whose types are gone from Kubernetes' sources, or stand apart: version, kind and what took its place."""
_SUCCESSORS: Final = {
    ("v1", "Endpoints"): "discovery.k8s.io/v1/EndpointSlice",
    **{
        ("resource.k8s.io/v1beta1", kind): f"resource.k8s.io/v1beta2/{kind}"
        for kind in ("DeviceClass", "ResourceClaim", "ResourceClaimTemplate", "ResourceSlice")
    },
}
"""What took a kind's place where Kubernetes' generated sources do not tell."""


def _life(version: str, kind: str) -> tuple[Release, Release | None, str]:
    """Since when there is a version of a kind, until when, and what took its place (VERSION/KIND)."""
    for (told, name, successor), (since, until) in _ELSEWHERE.items():
        if (told, name) == (version, kind):
            return since, until, f"{successor}/{kind}" if successor else ""
    found, end, taken_by = lives(version, kind)
    return found or _EARLIEST, end, _SUCCESSORS.get((version, kind), taken_by)


def deprecation(group: str, version: str, kind: str, server: Release, *, quiet: bool) -> str:
    """What to tell the user of a kind's version on this server; empty where there is nothing to tell."""
    told = f"{group}/{version}" if group else version
    kind = kind.removesuffix("Patch")
    _, until, successor = _life(told, kind)
    whole = f"{told}/{kind}"
    if until is not None and server >= until:
        major, minor = until
        return (
            f'apiVersion "{whole}" was removed in Kubernetes {major}.{minor}. Use "{successor or whole}" instead.\n'
            f"See https://git.k8s.io/kubernetes/CHANGELOG/CHANGELOG-{major}.{minor}.md#deprecation "
            "for more information."
        )
    if quiet or not successor:
        return ""
    of, _, name = successor.rpartition("/")
    if server < _life(of, name)[0]:
        return ""
    ends = f" and not supported by Kubernetes v{until[0]}.{until[1]}+ clusters." if until else "."
    return f"{whole} is deprecated by {successor}{ends}"
