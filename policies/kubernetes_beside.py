"""What must stand beside pods in a stack: network policies, and disruption budgets."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import EnforcementLevel, Severity

from policies.beside import beside, of
from policies.kubernetes_pods import PODS, pods
from policies.looking import Look
from policies.rules import StackRule, Whole

_KEPT: Final = ("kubernetes:apps/*:Deployment", "kubernetes:apps/*:StatefulSet")


def selects(selector: Look, path: str, labels: Look, at: str) -> bool:
    """Whether a LabelSelector takes a thing with labels; an empty one takes all."""
    for key in selector.keys(f"{path}.matchLabels"):
        if labels.keyed(at, key) != selector.keyed(f"{path}.matchLabels", key):
            return False
    for each in selector.each(f"{path}.matchExpressions"):
        key, operator, values = each.at("key"), each.at("operator"), each.values("values")
        there = labels.keyed(at, key)
        fits = {
            "In": there in values,
            "NotIn": there not in values,
            "Exists": there is not None,
            "DoesNotExist": there is None,
        }
        if not fits.get(operator, False):
            return False
    return True


def space(each: Look) -> str:
    """The namespace of an object."""
    return str(each.at("metadata.namespace", "default"))


def by_space(whole: Whole, *types: str) -> dict[str, list[Look]]:
    """Objects by their namespaces."""
    found: dict[str, list[Look]] = {}
    for each in whole.all(*types):
        found.setdefault(space(each), []).append(each)
    return found


def _policies(whole: Whole) -> dict[str, list[Look]]:
    return by_space(whole, "kubernetes:networking.k8s.io/*:NetworkPolicy")


def _budgets(whole: Whole) -> dict[str, list[Look]]:
    return by_space(whole, "kubernetes:policy/*:PodDisruptionBudget")


def _guarded(whole: Whole, each: Look) -> Iterator[str]:
    policies = whole.once(_policies).get(space(each), [])
    for pod in pods(each):
        taking = [one for one in policies if selects(one, "spec.podSelector", pod, "metadata.labels")]
        # Without policyTypes a policy is of ingress.
        if not any("Ingress" in (one.values("spec.policyTypes") or ["Ingress"]) for one in taking):
            yield f"no NetworkPolicy of this stack in {space(each)} takes its pods, expected one for Ingress"


def _budgeted(whole: Whole, each: Look) -> Iterator[str]:
    if each.at("spec.replicas", 1) < 2:
        return
    budgets = whole.once(_budgets).get(space(each), [])
    for pod in pods(each):
        if not any(selects(one, "spec.selector", pod, "metadata.labels") for one in budgets):
            yield f"no PodDisruptionBudget of this stack in {space(each)} takes its pods, expected one"


RULES: Final = (
    StackRule(
        name="pod-network-policy",
        title="A NetworkPolicy says who may call each pod",
        why="Without one every pod of the cluster may call it, past keys and gateway",
        fix="make a NetworkPolicy in its namespace whose podSelector takes it; a ModelNamespace brings one",
        severity=Severity.HIGH,
        ids=("CKV2_K8S_6", "CIS EKS 1.7 4.3.2", "CIS GKE 1.8 4.3.2"),
        links=("https://kubernetes.io/docs/concepts/services-networking/network-policies/",),
        **beside(of(*PODS), _guarded),
    ),
    StackRule(
        name="pod-disruption-budget",
        title="Where several pods serve, a PodDisruptionBudget keeps some of them",
        why="An upgrade of the nodes may take all of them at once",
        fix="make a PodDisruptionBudget with maxUnavailable: 1 for its labels",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        links=("https://kubernetes.io/docs/tasks/run-application/configure-pdb/",),
        **beside(of(*_KEPT), _budgeted),
    ),
)
