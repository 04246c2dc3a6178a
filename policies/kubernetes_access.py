"""Who may do what in a cluster: roles and whom they are given to."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.looking import Look
from policies.rules import Rule

_GOOD: Final = "https://kubernetes.io/docs/concepts/security/rbac-good-practices/"
_ROLES: Final = ("kubernetes:*:Role", "kubernetes:*:ClusterRole")
_BINDINGS: Final = ("kubernetes:*:RoleBinding", "kubernetes:*:ClusterRoleBinding")
_READING: Final = {"get", "list", "watch", "*"}
_WEBHOOKS: Final = {"validatingwebhookconfigurations", "mutatingwebhookconfigurations"}
_EVERYBODY: Final = ("system:anonymous", "system:unauthenticated", "system:authenticated")


def _grants(role: Look) -> Iterator[Look]:
    yield from role.each("rules")


def _wildcards(grant: Look) -> Iterator[str]:
    for key in ("apiGroups", "resources", "verbs"):
        if "*" in grant.values(key):
            yield f"{grant.path}.{key} is *, expected each by its name"


def _escalation(grant: Look) -> Iterator[str]:
    verbs, resources = set(grant.values("verbs")), set(grant.values("resources"))
    for verb in sorted({"bind", "escalate", "impersonate"} & verbs):
        yield f"{grant.path} allows {verb} of {', '.join(sorted(resources))}, expected a role that grants its own alone"
    if "approve" in verbs or ({"update", "patch"} & verbs and "certificatesigningrequests/approval" in resources):
        yield f"{grant.path} allows to approve certificates of anybody, expected nobody to"
    if resources & _WEBHOOKS and verbs & {"create", "update", "patch"} and not grant.values("resourceNames"):
        yield f"{grant.path} allows any webhook to be set, expected resourceNames"


def _secrets(grant: Look) -> Iterator[str]:
    reads = "secrets" in grant.values("resources") and _READING & set(grant.values("verbs"))
    if reads and not grant.values("resourceNames"):
        yield f"{grant.path} allows all Secrets to be read, expected resourceNames"


def _exec(grant: Look) -> Iterator[str]:
    into = {"pods/exec", "pods/attach", "nodes/proxy"} & set(grant.values("resources"))
    if into and {"create", "get", "*"} & set(grant.values("verbs")):
        yield f"{grant.path} allows {', '.join(sorted(into))}, expected no way into containers"


def _admin(binding: Look) -> Iterator[str]:
    if binding.at("roleRef.name") == "cluster-admin":
        yield "roleRef is cluster-admin, expected a role with what is needed"


def _anonymous(subject: Look) -> Iterator[str]:
    if subject.at("name") in _EVERYBODY:
        yield f"{subject.path} is {subject.at('name')}, expected somebody by name"


def _default_account(subject: Look) -> Iterator[str]:
    if subject.at("kind") == "ServiceAccount" and subject.at("name") == "default":
        yield f"{subject.path} is the service account 'default', expected one of the program's own"


def _subjects(binding: Look) -> Iterator[Look]:
    yield from binding.each("subjects")


RULES: Final = (
    Rule(
        name="rbac-no-wildcards",
        title="Roles name what they grant",
        why="* is everything that is there, and everything that will be",
        fix="list the API groups, resources and verbs",
        severity=Severity.HIGH,
        ids=("CKV_K8S_49", "CIS EKS 1.7 4.1.3", "CIS GKE 1.8 4.1.3"),
        links=(_GOOD,),
        types=_ROLES,
        over=_grants,
        look=_wildcards,
    ),
    Rule(
        name="rbac-no-escalation",
        title="No role lets its holder become more than it is",
        why="By these verbs, by approving certificates and by setting webhooks one comes to every right there is",
        fix="take the verb away, or name the objects in resourceNames",
        severity=Severity.HIGH,
        ids=(
            "CKV_K8S_155",
            "CKV_K8S_156",
            "CKV_K8S_157",
            "CKV_K8S_158",
            "CKV2_K8S_3",
            "CIS EKS 1.7 4.1.8",
            "CIS GKE 1.8 4.1.7",
        ),
        links=(_GOOD,),
        types=_ROLES,
        over=_grants,
        look=_escalation,
    ),
    Rule(
        name="rbac-secrets-by-name",
        title="Roles that read Secrets name them",
        why="Among all Secrets there is the token or the key of whoever may do more",
        fix="write resourceNames beside secrets",
        severity=Severity.HIGH,
        ids=("CKV2_K8S_5", "CIS EKS 1.7 4.1.2", "CIS GKE 1.8 4.1.2"),
        links=(_GOOD,),
        types=_ROLES,
        over=_grants,
        look=_secrets,
    ),
    Rule(
        name="rbac-no-exec",
        title="No role leads into other containers",
        why="Whoever may run commands in a pod has its secrets and its account",
        fix="take pods/exec, pods/attach and nodes/proxy away",
        severity=Severity.HIGH,
        ids=("CKV2_K8S_2",),
        links=(_GOOD,),
        types=_ROLES,
        over=_grants,
        look=_exec,
    ),
    Rule(
        name="rbac-no-cluster-admin",
        title="Nobody is given cluster-admin",
        why="It is every right over everything",
        fix="write a role with what is needed",
        severity=Severity.HIGH,
        ids=("CIS EKS 1.7 4.1.1", "CIS GKE 1.8 4.1.1"),
        links=(_GOOD,),
        types=_BINDINGS,
        look=_admin,
    ),
    Rule(
        name="rbac-not-everybody",
        title="No role is given to everybody who reaches the API server",
        why="On GKE everybody with a Google account is system:authenticated",
        fix="name the users, groups or service accounts",
        severity=Severity.CRITICAL,
        ids=("CIS GKE 1.8 4.1.8", "CIS GKE 1.8 4.1.9", "CIS GKE 1.8 4.1.10"),
        links=("https://cloud.google.com/kubernetes-engine/docs/best-practices/rbac",),
        types=_BINDINGS,
        over=_subjects,
        look=_anonymous,
    ),
    Rule(
        name="rbac-not-default-account",
        title="No role is given to the service account 'default'",
        why="Every pod of the namespace that names no other has it",
        fix="make a ServiceAccount, and name it in the pod and in the binding",
        severity=Severity.MEDIUM,
        ids=("CKV_K8S_42", "CIS EKS 1.7 4.1.5", "CIS GKE 1.8 4.1.4"),
        links=(_GOOD,),
        types=_BINDINGS,
        over=_subjects,
        look=_default_account,
    ),
)
