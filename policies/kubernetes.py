"""Rules of what lives in a cluster, whoever makes the cluster."""

from typing import Final

from policies import kubernetes_access, kubernetes_beside, kubernetes_containers, kubernetes_pod_security
from policies.rules import Rule, StackRule

RULES: Final[tuple[Rule | StackRule, ...]] = (
    *kubernetes_pod_security.RULES,
    *kubernetes_containers.RULES,
    *kubernetes_access.RULES,
    *kubernetes_beside.RULES,
)
