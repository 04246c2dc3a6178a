"""Pod Security Standard `restricted`, and `baseline` within it, as Kubernetes 1.37 has it.

Each rule carries the id of the check of Kubernetes' own admission that it is the twin of, as `PSS runAsNonRoot`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pulumi_policy import Severity

from policies.kubernetes_pods import PODS, containers, every_container, named, own_users, pods, windows
from policies.looking import Look
from policies.remedying import put, steps
from policies.rules import Rule

VERSION: Final = "1.37"
"""Of Kubernetes, whose standard this is."""
_STANDARD: Final = "https://kubernetes.io/docs/concepts/security/pod-security-standards/"
_CONTEXT: Final = "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/"

_VOLUMES: Final = (
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret"
)  # fmt: skip
_SYSCTLS: Final = (
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_notsent_lowat",
)  # fmt: skip
_SELINUX: Final = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_PROFILES: Final = ("RuntimeDefault", "Localhost")
_APPARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop")


def _contexts(pod: Look) -> Iterator[tuple[str, Look, str]]:
    """Who has a security context: how it is named, what holds it, and where in that."""
    yield "the pod", pod, "spec.securityContext"
    for each in containers(pod):
        yield named(each), each, "securityContext"


def _host_process(pod: Look) -> Iterator[str]:
    for who, of, where in _contexts(pod):
        if of.at(f"{where}.windowsOptions.hostProcess") is True:
            yield f"{who} has windowsOptions.hostProcess true, expected false"


def _host_namespaces(pod: Look) -> Iterator[str]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.at(f"spec.{key}") is True:
            yield f"the pod has {key} true, expected namespaces of its own"


def _privileged(container: Look) -> Iterator[str]:
    if container.at("securityContext.privileged") is True:
        yield f"{named(container)} is privileged, expected privileged false"


def _capabilities(pod: Look) -> Iterator[str]:
    if windows(pod):
        return
    for each in containers(pod):
        if "ALL" not in each.values("securityContext.capabilities.drop"):
            yield f"{named(each)} keeps Linux capabilities, expected capabilities.drop with ALL in it"
        added = [one for one in each.values("securityContext.capabilities.add") if one != "NET_BIND_SERVICE"]
        if added:
            yield f"{named(each)} adds the capabilities {', '.join(map(str, added))}, expected NET_BIND_SERVICE at most"


def _volumes(pod: Look) -> Iterator[str]:
    for each in pod.each("spec.volumes"):
        name = each.at("name")
        kinds = [key for key in each.keys("") if key != "name" and each.told(key)]
        # One of which nothing is said is an emptyDir.
        if kinds and not any(kind in _VOLUMES for kind in kinds):
            yield f"the volume {name!r} is of {', '.join(kinds)}, expected one of {', '.join(_VOLUMES)}"


def _host_ports(container: Look) -> Iterator[str]:
    for each in container.each("ports"):
        port = each.at("hostPort", 0)
        if port != 0:
            number = str(port).removesuffix(".0")
            yield f"{named(container)} takes port {number} of its node, expected a Service in front of it"


def _probes(container: Look) -> Iterator[str]:
    for handler in _PROBES:
        for way in ("httpGet", "tcpSocket"):
            if container.at(f"{handler}.{way}.host", ""):
                yield f"{named(container)} has {handler}.{way}.host, expected the pod itself to be asked"


def _apparmor(pod: Look) -> Iterator[str]:
    for who, of, where in _contexts(pod):
        if of.at(f"{where}.appArmorProfile") is not None:
            kind = of.at(f"{where}.appArmorProfile.type", "")
            if kind not in _PROFILES:
                yield f"{who} has the AppArmor profile {kind!r}, expected RuntimeDefault or Localhost"
    for key in pod.keys("metadata.annotations"):
        if key.startswith(_APPARMOR):
            profile = str(pod.keyed("metadata.annotations", key))
            if profile not in ("", "runtime/default") and not profile.startswith("localhost/"):
                yield f"the annotation {key} is {profile!r}, expected runtime/default or localhost/..."


def _selinux(pod: Look) -> Iterator[str]:
    for who, of, where in _contexts(pod):
        kind = of.at(f"{where}.seLinuxOptions.type", "")
        if kind not in _SELINUX:
            yield f"{who} has the SELinux type {kind!r}, expected one of {', '.join(_SELINUX[1:])}"
        for key in ("user", "role"):
            if of.at(f"{where}.seLinuxOptions.{key}", ""):
                yield f"{who} has a SELinux {key}, expected none"


def _proc(container: Look) -> Iterator[str]:
    mounted = container.at("securityContext.procMount", "Default")
    if mounted != "Default":
        yield f"{named(container)} has procMount {mounted!r}, expected Default"


def _seccomp(pod: Look) -> Iterator[str]:
    if windows(pod):
        return
    inherited = False
    for who, of, where in _contexts(pod):
        if of.at(f"{where}.seccompProfile") is None:
            if of is not pod and not inherited:
                yield f"{who} has no seccomp profile, and neither has its pod, expected RuntimeDefault or Localhost"
            continue
        kind = of.at(f"{where}.seccompProfile.type", "")
        if kind not in _PROFILES:
            yield f"{who} has the seccomp profile {kind!r}, expected RuntimeDefault or Localhost"
        elif of is pod:
            inherited = True


def _seccomp_remedied(each: Look) -> Mapping[str, Any] | None:
    """With the runtime's profile, where neither pod nor container names one."""
    props = each.props
    for pod in pods(each):
        if windows(pod) or pod.told("spec.securityContext.seccompProfile"):
            continue
        place = f"{pod.path}." if pod.path else ""
        props = put(props, steps(f"{place}spec.securityContext.seccompProfile"), {"type": "RuntimeDefault"})
    return None if props is each.props else props


def _sysctls(pod: Look) -> Iterator[str]:
    for each in pod.each("spec.securityContext.sysctls"):
        name = each.at("name")
        if name not in _SYSCTLS:
            yield f"the pod sets the sysctl {name}, expected none beside those that touch the pod alone"


def _escalation(pod: Look) -> Iterator[str]:
    if windows(pod):
        return
    for each in containers(pod):
        if each.at("securityContext.allowPrivilegeEscalation") is not False:
            yield f"{named(each)} may gain privileges, expected securityContext.allowPrivilegeEscalation false"


def _escalation_remedied(each: Look) -> Mapping[str, Any] | None:
    """Forbidden where nothing is said of it; who says true has a reason, which is not overruled."""
    props = each.props
    for pod in pods(each):
        if windows(pod):
            continue
        for container in containers(pod):
            if not container.told("securityContext.allowPrivilegeEscalation"):
                props = put(props, steps(f"{container.path}.securityContext.allowPrivilegeEscalation"), False)
    return None if props is each.props else props


def _non_root(pod: Look) -> Iterator[str]:
    if own_users(pod):
        return
    inherited = pod.at("spec.securityContext.runAsNonRoot")
    if inherited is False:
        yield "the pod has runAsNonRoot false, expected true"
    for each in containers(pod):
        own = each.at("securityContext.runAsNonRoot")
        if own is False or (own is None and inherited is not True):
            said = "not said, and neither is its pod's" if own is None else "false"
            yield f"runAsNonRoot of {named(each)} is {said}, expected true"


def _user(pod: Look) -> Iterator[str]:
    if own_users(pod):
        return
    for who, of, where in _contexts(pod):
        if of.at(f"{where}.runAsUser") == 0:
            yield f"{who} runs as user 0, expected another one"


def _all_proc(pod: Look) -> Iterator[str]:
    for each in containers(pod):
        yield from _proc(each)


def _rule(name: str, **what: Any) -> Rule:
    ids, links = what.pop("ids"), what.pop("links", ())
    checks = tuple(f"PSS {each}" for each in what.pop("checks"))
    over = what.pop("over", pods)
    return Rule(name=name, types=PODS, over=over, ids=(*ids, *checks), links=(_STANDARD, *links), **what)


RULES: Final = (
    _rule(
        "pod-no-host-process",
        title="No container of a pod on Windows is a process of its host",
        why="It would have the rights of the node's own services",
        fix="take windowsOptions.hostProcess away",
        severity=Severity.HIGH,
        ids=("CIS Kubernetes 1.12 5.2.10",),
        checks=("windowsHostProcess",),
        look=_host_process,
    ),
    _rule(
        "pod-no-host-namespaces",
        title="Pods do not share the network, processes or memory of their node",
        why="What is in the pod could hear the node's traffic, or reach into its processes",
        fix="take hostNetwork, hostPID and hostIPC away",
        severity=Severity.HIGH,
        ids=(
            "CKV_K8S_17",
            "CKV_K8S_18",
            "CKV_K8S_19",
            "CIS EKS 1.7 4.2.2",
            "CIS EKS 1.7 4.2.3",
            "CIS EKS 1.7 4.2.4",
        ),
        checks=("hostNamespaces",),
        look=_host_namespaces,
    ),
    _rule(
        "pod-not-privileged",
        title="No container is privileged",
        why="A privileged container is root on its node",
        fix="take privileged away, and ask for the one capability or device that is needed",
        severity=Severity.CRITICAL,
        ids=("CKV_K8S_16", "CIS EKS 1.7 4.2.1"),
        checks=("privileged",),
        look=_privileged,
        over=every_container,
    ),
    _rule(
        "pod-capabilities",
        title="Containers drop all Linux capabilities, and add NET_BIND_SERVICE at most",
        why="A capability is a part of root's rights, which a hole in the server hands on",
        fix="write securityContext: {capabilities: {drop: [ALL]}}",
        severity=Severity.HIGH,
        ids=(
            "CKV_K8S_25",
            "CKV_K8S_28",
            "CKV_K8S_37",
            "CKV_K8S_39",
            "CIS Kubernetes 1.12 5.2.8",
            "CIS Kubernetes 1.12 5.2.9",
        ),
        checks=("capabilities_baseline", "capabilities_restricted"),
        look=_capabilities,
        links=(_CONTEXT,),
    ),
    _rule(
        "pod-volume-kinds",
        title="Volumes of pods are none of the node's, nor of a network's by their own credentials",
        why="A hostPath is a way out onto the node, by Docker's socket at once",
        fix="take a configMap, secret, emptyDir, persistentVolumeClaim, csi or projected volume",
        severity=Severity.HIGH,
        ids=("CKV_K8S_27", "CIS Kubernetes 1.12 5.2.11"),
        checks=("hostPathVolumes", "restrictedVolumes"),
        look=_volumes,
    ),
    _rule(
        "pod-no-host-ports",
        title="Containers take no port of their node",
        why="It passes by Services and network policies, and a node has room for one such pod alone",
        fix="take hostPort away, and put a Service in front",
        severity=Severity.MEDIUM,
        ids=("CKV_K8S_26", "CIS Kubernetes 1.12 5.2.12"),
        checks=("hostPorts",),
        look=_host_ports,
        over=every_container,
    ),
    _rule(
        "pod-probes-itself",
        title="Probes and lifecycle hooks ask the pod itself",
        why="The kubelet would be made to send requests to any address that the node reaches",
        fix="take host away from the probe or hook",
        severity=Severity.MEDIUM,
        ids=(),
        checks=("hostProbesAndHostLifecycle",),
        look=_probes,
        over=every_container,
    ),
    _rule(
        "pod-apparmor",
        title="No pod runs without the AppArmor profile of its runtime",
        why="The profile is what keeps a container from files and calls that it never needs",
        fix="take appArmorProfile away, or write RuntimeDefault",
        severity=Severity.MEDIUM,
        ids=(),
        checks=("appArmorProfile",),
        look=_apparmor,
    ),
    _rule(
        "pod-selinux",
        title="Pods have a SELinux type of containers, and no SELinux user or role of their own",
        why="Another type takes the container out of its confinement",
        fix="take seLinuxOptions away",
        severity=Severity.MEDIUM,
        ids=(),
        checks=("seLinuxOptions",),
        look=_selinux,
    ),
    _rule(
        "pod-proc-masked",
        title="Containers see /proc as their runtime masks it",
        why="Unmasked it shows and changes settings of the node's kernel",
        fix="take procMount away",
        severity=Severity.MEDIUM,
        ids=(),
        checks=("procMount", "procMount_restricted"),
        look=_all_proc,
    ),
    _rule(
        "pod-seccomp",
        title="Every container has a seccomp profile",
        why="Without one all of the kernel's calls are open, those with known holes too",
        fix="write securityContext: {seccompProfile: {type: RuntimeDefault}} for the pod",
        severity=Severity.MEDIUM,
        ids=("CKV_K8S_31", "CIS GKE 1.8 4.6.2"),
        checks=("seccompProfile_baseline", "seccompProfile_restricted"),
        look=_seccomp,
        remedy=_seccomp_remedied,
        links=("https://kubernetes.io/docs/tutorials/security/seccomp/",),
    ),
    _rule(
        "pod-safe-sysctls",
        title="Pods set no sysctl but those that touch the pod alone",
        why="Any other changes the kernel of all pods on the node, or switches a protection off",
        fix="take the sysctl away, or have it set on the nodes",
        severity=Severity.MEDIUM,
        ids=(),
        checks=("sysctls",),
        look=_sysctls,
        links=("https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/",),
    ),
    _rule(
        "pod-no-escalation",
        title="No container may gain more privileges than it began with",
        why="A set-user-ID program in the image would make root of whoever gets in",
        fix="write securityContext: {allowPrivilegeEscalation: false}",
        severity=Severity.MEDIUM,
        ids=("CKV_K8S_20", "CIS EKS 1.7 4.2.5"),
        checks=("allowPrivilegeEscalation",),
        look=_escalation,
        remedy=_escalation_remedied,
        links=(_CONTEXT,),
    ),
    _rule(
        "pod-not-root",
        title="Containers must run as another user than root",
        why="Root in a container is root on the node, once it gets out",
        fix="write securityContext: {runAsNonRoot: true} for the pod",
        severity=Severity.HIGH,
        ids=("CKV_K8S_23", "CIS Kubernetes 1.12 5.2.7"),
        checks=("runAsNonRoot",),
        look=_non_root,
        links=(_CONTEXT,),
    ),
    _rule(
        "pod-user-not-zero",
        title="Nothing runs as user 0",
        why="The pod would not start beside runAsNonRoot, and be root without it",
        fix="write a runAsUser above 0, or leave the image its own",
        severity=Severity.HIGH,
        ids=("CIS Kubernetes 1.12 5.2.7",),
        checks=("runAsUser",),
        look=_user,
        links=(_CONTEXT,),
    ),
)
