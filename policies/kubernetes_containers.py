"""What a pod of a cluster says of itself beside its security: how much it takes, when it is ready, what it runs."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from policies.kubernetes_pods import LASTING, PODS, containers, every_container, main_containers, named, objects, pods
from policies.looking import Look
from policies.remedying import put, steps
from policies.rules import Rule

_RESOURCES: Final = "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/"
_PROBES: Final = "https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/"
_IMAGES: Final = "https://kubernetes.io/docs/concepts/containers/images/"
_ACCOUNTS: Final = "https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/"

_NAMESPACED: Final = tuple(
    f"kubernetes:*:{kind}"
    for kind in (
        "Pod", "Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "ReplicationController", "Job", "CronJob",
        "Service", "Secret", "ServiceAccount", "Role", "RoleBinding", "ConfigMap", "Ingress", "NetworkPolicy",
        "HTTPRoute", "Gateway",
    )
)  # fmt: skip


def _said(pod: Look, container: Look, part: str, what: str) -> bool:
    """Whether a container, or its pod for all of them, says how much of a resource it takes."""
    return what in container.keys(f"resources.{part}") or what in pod.keys(f"spec.resources.{part}")


def _working(pod: Look) -> Iterator[Look]:
    yield from containers(pod, "containers", "initContainers")


def _requests(pod: Look) -> Iterator[str]:
    for each in _working(pod):
        missing = [
            what
            for what in ("cpu", "memory")
            # A request that is not said is the limit.
            if not _said(pod, each, "requests", what) and not _said(pod, each, "limits", what)
        ]
        if missing:
            yield f"{named(each)} asks for no {' and no '.join(missing)}, expected resources.requests with both"


def _limited(what: str) -> Any:
    def look(pod: Look) -> Iterator[str]:
        for each in _working(pod):
            if not _said(pod, each, "limits", what):
                yield f"{named(each)} has no limit of {what}, expected resources.limits.{what}"

    return look


def _probed(probe: str) -> Any:
    def look(container: Look) -> Iterator[str]:
        if not container.told(probe):
            yield f"{named(container)} has no {probe}, expected one"

    return look


def _digest(container: Look) -> Iterator[str]:
    image = str(container.at("image", ""))
    if "@sha256:" not in image:
        shown = image.rpartition("/")[2]  # without its registry, which a stack may keep secret
        yield f"{named(container)} runs {shown or 'no image'!r}, expected an image by digest, name@sha256:..."


def _pulled(container: Look) -> Iterator[str]:
    given = container.at("imagePullPolicy")
    if given != "Always":
        yield f"imagePullPolicy of {named(container)} is {given or 'not said'}, expected Always"


def _pulled_remedied(each: Look) -> Mapping[str, Any] | None:
    props = each.props
    for container in every_container(each):
        if not container.told("imagePullPolicy"):
            props = put(props, steps(f"{container.path}.imagePullPolicy"), "Always")
    return None if props is each.props else props


def _read_only(container: Look) -> Iterator[str]:
    if container.at("securityContext.readOnlyRootFilesystem") is not True:
        yield f"{named(container)} may write into its image, expected securityContext.readOnlyRootFilesystem true"


def _high_user(pod: Look) -> Iterator[str]:
    if pod.at("spec.os.name") == "windows" or pod.at("spec.hostUsers") is False:
        return
    inherited = pod.at("spec.securityContext.runAsUser")
    for each in containers(pod):
        user = each.at("securityContext.runAsUser", inherited)
        if user is None or user < 10000:
            said = "that of its image" if user is None else f"user {user:g}"
            yield f"{named(each)} runs as {said}, expected a user of 10000 or more"


def _secret_variables(container: Look) -> Iterator[str]:
    for each in container.each("env"):
        if each.told("valueFrom.secretKeyRef"):
            yield f"{named(container)} has a secret in the variable {each.at('name')}, expected a file"
    for each in container.each("envFrom"):
        if each.told("secretRef"):
            yield f"{named(container)} has all entries of a Secret as variables, expected files"


def _token(pod: Look) -> Iterator[str]:
    mounted = pod.at("spec.automountServiceAccountToken")
    if mounted is None:
        yield "automountServiceAccountToken is not said, which mounts a token, expected false, or true to use it"
    elif mounted is True and pod.at("spec.serviceAccountName", "default") == "default":
        yield "the token of the service account 'default' is mounted, expected an account of the pod's own"


def _namespace(each: Look) -> Iterator[str]:
    if each.type.endswith(":ServiceAccount") and each.at("metadata.name") == "default":
        return
    for one in objects(each):
        space = one.at("metadata.namespace")
        if space in (None, "default"):
            said = "not said, which is 'default'" if space is None else "'default'"
            yield f"metadata.namespace is {said}, expected a namespace of its own"


RULES: Final = (
    Rule(
        name="pod-requests",
        title="Containers say how much CPU and memory they need",
        why="The scheduler would put any number of them onto one node, and the first to go is one of them",
        fix="write resources: {requests: {cpu: ..., memory: ...}}",
        severity=Severity.MEDIUM,
        ids=("CKV_K8S_10", "CKV_K8S_12"),
        links=(_RESOURCES,),
        types=PODS,
        over=pods,
        look=_requests,
    ),
    Rule(
        name="pod-memory-limit",
        title="Containers have a limit of memory",
        why="One that grows takes its neighbours' memory until the node ends something",
        fix="write resources: {limits: {memory: ...}}",
        severity=Severity.MEDIUM,
        ids=("CKV_K8S_13",),
        links=(_RESOURCES,),
        types=PODS,
        over=pods,
        look=_limited("memory"),
    ),
    Rule(
        name="pod-cpu-limit",
        title="Containers have a limit of CPU",
        why="One that spins makes its neighbours slow; with a limit it is slow itself",
        fix="write resources: {limits: {cpu: ...}}, or except what may take all that is free",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_K8S_11",),
        links=(_RESOURCES,),
        types=PODS,
        over=pods,
        look=_limited("cpu"),
    ),
    Rule(
        name="pod-readiness",
        title="Containers that serve say when they are ready",
        why="Requests would go to a pod that still loads, and a new version would count as good before it answers",
        fix="write a readinessProbe",
        severity=Severity.MEDIUM,
        ids=("CKV_K8S_9",),
        links=(_PROBES,),
        types=LASTING,
        over=main_containers,
        look=_probed("readinessProbe"),
    ),
    Rule(
        name="pod-liveness",
        title="Containers that serve are started anew when they hang",
        why="What hangs stays until somebody sees it",
        fix="write a livenessProbe, slower to act than readiness",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_K8S_8",),
        links=(_PROBES,),
        types=LASTING,
        over=main_containers,
        look=_probed("livenessProbe"),
    ),
    Rule(
        name="pod-image-digest",
        title="Images of pods are named by digest",
        why="What a tag names can change between two pods of one version",
        fix="name the image by digest; a ModelImage's reference is one",
        severity=Severity.HIGH,
        ids=("CKV_K8S_43", "CKV_K8S_14"),
        links=(_IMAGES,),
        types=PODS,
        over=every_container,
        look=_digest,
    ),
    Rule(
        name="pod-pull-always",
        title="The registry is asked whenever a container starts",
        why="Whoever gets a pod onto a node could run what lies there, without credentials for it",
        fix="write imagePullPolicy: Always",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_K8S_15",),
        links=(_IMAGES,),
        types=PODS,
        over=every_container,
        look=_pulled,
        remedy=_pulled_remedied,
    ),
    Rule(
        name="pod-read-only-root",
        title="Containers do not write into their image's files",
        why="Whoever gets in could put programs there",
        fix="write securityContext: {readOnlyRootFilesystem: true}, and an emptyDir where it writes",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_K8S_22",),
        links=("https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",),
        types=PODS,
        over=every_container,
        look=_read_only,
    ),
    Rule(
        name="pod-high-user",
        title="Containers run as a user that is nobody on the node",
        why="A user below 10000 may be one of the node's own, once a container is left",
        fix="write securityContext: {runAsUser: 10000} or more",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_K8S_40",),
        links=("https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",),
        types=PODS,
        over=pods,
        look=_high_user,
    ),
    Rule(
        name="pod-no-secret-variables",
        title="Secrets reach containers as files",
        why="Variables go to every child process, and stand in crash dumps",
        fix="mount the Secret as a volume",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_K8S_35", "CIS EKS 1.7 4.4.1", "CIS GKE 1.8 4.4.1"),
        links=("https://kubernetes.io/docs/concepts/configuration/secret/",),
        types=PODS,
        over=every_container,
        look=_secret_variables,
    ),
    Rule(
        name="pod-token-asked-for",
        title="Pods have a token of the API server only where they ask for one, by an account of their own",
        why="Whoever gets into the pod has the account's rights in the cluster",
        fix="write automountServiceAccountToken: false, or true and a serviceAccountName",
        severity=Severity.MEDIUM,
        ids=("CKV_K8S_38", "CIS EKS 1.7 4.1.5", "CIS EKS 1.7 4.1.6", "CIS GKE 1.8 4.1.5"),
        links=(_ACCOUNTS,),
        types=PODS,
        over=pods,
        look=_token,
    ),
    Rule(
        name="kubernetes-own-namespace",
        title="Nothing lives in the namespace 'default'",
        why="It is everybody's: no quota, network policy or Pod Security of one's own holds there",
        fix="name a namespace; a ModelNamespace makes a closed one",
        severity=Severity.LOW,
        ids=("CKV_K8S_21", "CIS EKS 1.7 4.5.2", "CIS GKE 1.8 4.6.4"),
        links=("https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/",),
        types=_NAMESPACED,
        look=_namespace,
    ),
)
