"""Rules of what lives in a cluster, each flipped both ways on what components really register."""

import datetime
from typing import Any, Final

import pytest

from policies import kubernetes
from policies.rules import Rule
from tests.components.planned import UNKNOWN, Planned
from tests.policies.flips import GONE, Flip, broken, changed, concerned, found, kept, late, made
from tests.policies.judging import judged, remedied
from tests.policies.programs import planned

DEPLOYMENT, ROLE = "kubernetes:apps/v1:Deployment", "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"
BINDING = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding"
POD, CONTAINER = "spec.template.spec", "spec.template.spec.containers[0]"
RULES: Final = {each.name: each for each in kubernetes.RULES}
SCALER = "aws cluster-autoscaler"


def pod(rule: str, **change: Any) -> Flip:
    """Of the pods of a service: `of_pod` and `of_container` are paths in them, with __ for a dot."""
    paths = {
        f"{POD if where.startswith('pod') else CONTAINER}.{where.split('__', 1)[1].replace('__', '.')}": value
        for where, value in change.items()
    }
    return Flip(rule, "service", DEPLOYMENT, "digits", paths)


def role(rule: str, **grant: Any) -> Flip:
    """Of the role of the cluster autoscaler: what its first rule grants."""
    return Flip(
        rule,
        SCALER,
        ROLE,
        "shop-cluster-autoscaler-cluster",
        {f"rules[0].{key}": value for key, value in grant.items()},
    )


def bound(rule: str, **change: Any) -> Flip:
    paths = {key.replace("__", "."): value for key, value in change.items()}
    return Flip(rule, SCALER, BINDING, "shop-cluster-autoscaler-cluster", paths)


UNSAFE: Final[list[Any]] = [
    {"name": "scratch", "emptyDir": {}},
    {"name": "socket", "hostPath": {"path": "/var/run/docker.sock"}},
]
FLIPS: Final = [
    pod("pod-no-host-process", pod__securityContext__windowsOptions__hostProcess=True),
    pod("pod-no-host-process", container__securityContext__windowsOptions__hostProcess=True),
    pod("pod-no-host-namespaces", pod__hostNetwork=True),
    pod("pod-no-host-namespaces", pod__hostPID=True),
    pod("pod-no-host-namespaces", pod__hostIPC=True),
    pod("pod-not-privileged", container__securityContext__privileged=True),
    pod("pod-capabilities", container__securityContext__capabilities__drop=["NET_RAW"]),
    pod("pod-capabilities", container__securityContext__capabilities__add=["SYS_ADMIN"]),
    pod("pod-volume-kinds", pod__volumes=UNSAFE),
    pod("pod-volume-kinds", pod__volumes=[{"name": "files", "nfs": {"server": "a", "path": "/"}}]),
    pod("pod-no-host-ports", container__ports=[{"containerPort": 8080, "hostPort": 8080}]),
    pod("pod-probes-itself", container__readinessProbe__httpGet__host="192.0.2.1"),
    pod("pod-probes-itself", container__lifecycle__preStop={"httpGet": {"host": "192.0.2.1", "port": 80}}),
    pod("pod-apparmor", container__securityContext__appArmorProfile__type="Unconfined"),
    Flip(
        "pod-apparmor", "service", DEPLOYMENT, "digits",
        {"spec.template.metadata.annotations": {"container.apparmor.security.beta.kubernetes.io/model": "unconfined"}},
    ),
    pod("pod-selinux", pod__securityContext__seLinuxOptions__type="spc_t"),
    pod("pod-selinux", container__securityContext__seLinuxOptions__role="sysadm_r"),
    pod("pod-proc-masked", container__securityContext__procMount="Unmasked"),
    pod("pod-seccomp", container__securityContext__seccompProfile__type="Unconfined"),
    pod("pod-seccomp", pod__securityContext__seccompProfile__type="Unconfined"),
    pod("pod-safe-sysctls", pod__securityContext__sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
    pod("pod-no-escalation", container__securityContext__allowPrivilegeEscalation=True),
    pod("pod-no-escalation", container__securityContext__allowPrivilegeEscalation=GONE),
    pod("pod-not-root", container__securityContext__runAsNonRoot=False),
    pod("pod-not-root", pod__securityContext__runAsNonRoot=False),
    pod("pod-user-not-zero", container__securityContext__runAsUser=0),
    pod("pod-requests", container__resources={}),
    pod("pod-memory-limit", container__resources={"limits": {"cpu": "1"}}),
    pod("pod-cpu-limit", container__resources={"limits": {"memory": "1Gi"}}),
    pod("pod-readiness", container__readinessProbe=GONE),
    pod("pod-liveness", container__livenessProbe=GONE),
    pod("pod-image-digest", container__image="registry.example.com/models/digits:latest"),
    pod("pod-pull-always", container__imagePullPolicy="IfNotPresent"),
    pod("pod-read-only-root", container__securityContext__readOnlyRootFilesystem=False),
    pod("pod-high-user", container__securityContext__runAsUser=1000),
    pod(
        "pod-no-secret-variables",
        container__env=[{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}],
    ),
    pod("pod-no-secret-variables", container__envFrom=[{"secretRef": {"name": "a"}}]),
    pod("pod-token-asked-for", pod__automountServiceAccountToken=GONE),
    pod("pod-token-asked-for", pod__automountServiceAccountToken=True, pod__serviceAccountName="default"),
    Flip("kubernetes-own-namespace", "service", DEPLOYMENT, "digits", {"metadata.namespace": "default"}),
    Flip("kubernetes-own-namespace", "service", DEPLOYMENT, "digits", {"metadata.namespace": GONE}),
    role("rbac-no-wildcards", verbs=["*"]),
    role("rbac-no-wildcards", resources=["*"]),
    role("rbac-no-escalation", verbs=["escalate"]),
    role("rbac-no-escalation", verbs=["get", "impersonate"]),
    role("rbac-no-escalation", resources=["certificatesigningrequests/approval"], verbs=["update"]),
    role("rbac-no-escalation", resources=["mutatingwebhookconfigurations"], verbs=["patch"]),
    role("rbac-secrets-by-name", resources=["secrets"]),
    role("rbac-no-exec", resources=["pods/exec"], verbs=["create"]),
    role("rbac-no-exec", resources=["nodes/proxy"], verbs=["get"]),
    bound("rbac-no-cluster-admin", roleRef__name="cluster-admin"),
    bound("rbac-not-everybody", subjects=[{"kind": "Group", "name": "system:authenticated"}]),
    bound("rbac-not-default-account", subjects=[{"kind": "ServiceAccount", "name": "default", "namespace": "a"}]),
    Flip(
        "pod-network-policy", "service", "kubernetes:networking.k8s.io/v1:NetworkPolicy", "digits",
        {"spec.podSelector": {"matchLabels": {"app.kubernetes.io/name": "another"}}}, breaks=("digits",),
    ),
    Flip(
        "pod-network-policy", "service", DEPLOYMENT, "digits", {"metadata.namespace": "elsewhere"}, breaks=("digits",),
    ),
    Flip(
        "pod-disruption-budget", "service", "kubernetes:policy/v1:PodDisruptionBudget", "digits",
        {"spec.selector": {"matchLabels": {"app.kubernetes.io/name": "another"}}}, breaks=("digits",),
    ),
]  # fmt: skip


def breaks(flip: Flip) -> set[str]:
    """Whose lines a flip is to bring."""
    return set(flip.breaks) or {flip.name}


def plan_of(flip: Flip) -> list[Planned]:
    """The plan of a flip; for network policies without the one that closes the whole namespace."""
    resources = [*planned(flip.plan)]
    if flip.rule == "pod-network-policy":
        closed = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
        resources = [each for each in resources if (each.type, each.name) != (closed, "models")]
    return resources


def test_every_rule_is_flipped() -> None:
    assert [name for name in RULES if name not in {flip.rule for flip in FLIPS}] == []


@pytest.mark.parametrize("flip", FLIPS, ids=str)
def test_what_components_make_keeps_the_rule_and_is_concerned_by_it(flip: Flip) -> None:
    rule, resources = RULES[flip.rule], plan_of(flip)
    verdicts = kept(rule, resources)
    assert [each for each in verdicts.wrong if each.resource in breaks(flip)] == []
    assert not isinstance(rule, Rule) or found(resources, flip) in concerned(rule, resources)


@pytest.mark.parametrize("flip", FLIPS, ids=str)
def test_a_change_breaks_the_rule_by_that_resource_alone(flip: Flip) -> None:
    rule, resources = RULES[flip.rule], plan_of(flip)
    before = {each.resource for each in kept(rule, resources).wrong}
    after = {each.resource for each in broken(rule, resources, flip).wrong}
    assert after - before == breaks(flip)


@pytest.mark.parametrize("flip", FLIPS, ids=str)
def test_what_decides_and_is_not_known_yet_is_told_and_not_passed(flip: Flip) -> None:
    rule, resources = RULES[flip.rule], plan_of(flip)
    verdicts = late(rule, resources, flip)
    path = next(iter(flip.change))
    if rule.name in ("pod-readiness", "pod-liveness", "pod-no-secret-variables"):
        # That a probe is there can be known before what it asks is.
        assert (verdicts.wrong == []) or rule.name == "pod-no-secret-variables"
        return
    assert not breaks(flip) & {each.resource for each in verdicts.wrong}
    assert any(path.split("[")[0].split(".")[-1] in each.text or path in each.text for each in verdicts.late), verdicts


def test_a_variable_whose_source_is_not_known_is_not_passed() -> None:
    flip = pod("pod-no-secret-variables", container__env=UNKNOWN)
    assert broken(RULES[flip.rule], plan_of(flip), flip).late != []


@pytest.mark.parametrize(
    ("rule", "path", "fits"),
    [
        ("pod-no-escalation", f"{CONTAINER}.securityContext.allowPrivilegeEscalation", False),
        ("pod-pull-always", f"{CONTAINER}.imagePullPolicy", "Always"),
    ],
)
def test_a_remedy_puts_right_what_nobody_said(rule: str, path: str, fits: object) -> None:
    resources = planned("service")
    flip = Flip(rule, "service", DEPLOYMENT, "digits", {path: GONE, f"{CONTAINER}.image": UNKNOWN})
    (before,) = (each for each in changed(resources, flip) if each.type == DEPLOYMENT)
    after = remedied(_rule(rule), before)
    assert after is not None
    container: Any = after["spec"]["template"]["spec"]["containers"][0]
    for key in path.removeprefix(f"{CONTAINER}.").split("."):
        container = container[key]
    assert container == fits


def test_a_remedy_gives_a_pod_the_profile_of_its_runtime() -> None:
    context = {"spec": {"containers": [{"name": "a", "image": UNKNOWN}]}}
    after = remedied(_rule("pod-seccomp"), made("kubernetes:core/v1:Pod", "a", context))
    assert after is not None
    assert after["spec"]["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}


@pytest.mark.parametrize("rule", [each.name for each in kubernetes.RULES if isinstance(each, Rule) and each.remedy])
def test_a_remedy_leaves_what_was_said_and_what_is_right(rule: str) -> None:
    (deployment,) = (each for each in planned("service") if each.type == DEPLOYMENT)
    assert remedied(_rule(rule), deployment) is None
    said = Flip(
        "", "service", DEPLOYMENT, "digits",
        {
            f"{CONTAINER}.securityContext.allowPrivilegeEscalation": True,
            f"{CONTAINER}.imagePullPolicy": "Never",
            f"{POD}.securityContext.seccompProfile": {"type": "Unconfined"},
        },
    )  # fmt: skip
    (deployment,) = (each for each in changed(planned("service"), said) if each.type == DEPLOYMENT)
    assert remedied(_rule(rule), deployment) is None


TODAY = datetime.datetime.now(tz=datetime.UTC).date()


@pytest.mark.parametrize(
    ("exception", "holds"),
    [
        ({"resource": "digits", "reason": "a test"}, True),
        ({"resource": "dig*", "reason": "a test", "until": str(TODAY)}, True),
        ({"resource": "*::digits", "reason": "a test", "until": "2999-12-31"}, True),
        ({"resource": "digits", "reason": "a test", "until": str(TODAY - datetime.timedelta(days=1))}, False),
        ({"resource": "another", "reason": "a test"}, False),
    ],
)
@pytest.mark.parametrize("flip", [pod("pod-not-privileged", container__securityContext__privileged=True), FLIPS[-1]])
def test_an_exception_holds_to_its_last_day(flip: Flip, exception: dict[str, str], holds: bool) -> None:
    rule = RULES[flip.rule]
    verdicts = broken(rule, plan_of(flip), flip, config={rule.name: {"exceptions": [exception]}})
    assert (verdicts.wrong == []) is holds


def test_pods_with_users_of_their_own_may_be_root_in_them() -> None:
    root = pod("pod-not-root", container__securityContext__runAsNonRoot=False, pod__hostUsers=False)
    assert broken(RULES["pod-not-root"], plan_of(root), root).wrong == []
    zero = pod("pod-user-not-zero", container__securityContext__runAsUser=0, pod__hostUsers=False)
    assert broken(RULES["pod-user-not-zero"], plan_of(zero), zero).wrong == []


def test_what_a_role_may_read_by_name_is_let_alone() -> None:
    named = role("rbac-secrets-by-name", resources=["secrets"], resourceNames=["one"])
    assert broken(RULES["rbac-secrets-by-name"], plan_of(named), named).wrong == []


def test_what_does_the_work_of_a_moment_needs_no_probes() -> None:
    job = made("kubernetes:batch/v1:Job", "once", {"spec": {"template": {"spec": {"containers": [{"name": "a"}]}}}})
    rules = [RULES["pod-readiness"], RULES["pod-liveness"]]
    assert judged([job], rules=rules).wrong == []


@pytest.mark.parametrize(
    ("selector", "takes"),
    [
        ({}, True),
        ({"matchLabels": {"app.kubernetes.io/name": "digits"}}, True),
        ({"matchLabels": {"app.kubernetes.io/name": "letters"}}, False),
        ({"matchExpressions": [{"key": "modelport.io/track", "operator": "In", "values": ["stable", "canary"]}]}, True),
        ({"matchExpressions": [{"key": "modelport.io/track", "operator": "NotIn", "values": ["stable"]}]}, False),
        ({"matchExpressions": [{"key": "modelport.io/track", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "modelport.io/track", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_a_network_policy_takes_pods_by_its_selector(selector: Any, takes: bool) -> None:
    kind = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    flip = Flip("pod-network-policy", "service", kind, "digits", {"spec.podSelector": selector})
    assert (broken(RULES[flip.rule], plan_of(flip), flip).wrong == []) is takes


def _rule(name: str) -> Rule:
    rule = RULES[name]
    assert isinstance(rule, Rule)
    return rule
