"""Programs of others that run in the cluster and have a role on AWS: how all of them are confined, and who they are."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_aws.eks.pod_identity_association import PodIdentityAssociation
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy import RolePolicy

from components import checks
from components.aws import checks as aws
from components.aws import policies
from components.aws.checks import partition
from components.aws.tags import Tags
from components.kubernetes import names
from components.kubernetes.objects import KubernetesObject

Json = dict[str, Any]

USER = 65532
"""Nobody in particular, as images without a distribution call it."""


class Identity:
    """A role for the pods of one service account, by Pod Identity."""

    def __init__(
        self,
        name: str,
        *,
        region: str,
        account: str,
        cluster: pulumi.Input[str],
        namespace: str,
        service_account: str,
        statements: Mapping[str, pulumi.Input[str]],
        tags: Tags,
        parent: pulumi.Resource,
    ) -> None:
        """statements: policies by what they are about."""
        child = pulumi.ResourceOptions(parent=parent)
        self.name, self._cluster, self._tags, self._child = name, cluster, tags, child
        self._pods = (namespace, service_account)
        arn = policies.joined(f"arn:{partition(region)}:eks:{region}:{account}:cluster/{{}}", cluster)
        trust = policies.pod_trust(account, arn, namespace, service_account)
        self.role = Role(name, assume_role_policy=trust, tags=tags.of(name), opts=child)
        self.rights: list[pulumi.Resource] = [
            RolePolicy(f"{name}-{about}", role=self.role.name, policy=policy, opts=child)
            for about, policy in statements.items()
        ]

    def given(self) -> PodIdentityAssociation:
        """To those pods, which depend on this."""
        namespace, account = self._pods
        return PodIdentityAssociation(
            self.name,
            cluster_name=self._cluster,
            namespace=namespace,
            service_account=account,
            role_arn=self.role.arn,
            tags=self._tags.of(self.name),
            opts=pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=self.rights)),
        )


class Controller:
    """The Kubernetes side: a service account with its rules, and a Deployment."""

    def __init__(
        self,
        called: str,
        namespace: str,
        prefix: str,
        parent: pulumi.Resource,
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """called: its name in the cluster. prefix: what the names of its resources begin with. after: what all of it
        waits for."""
        self.called, self.namespace, self._prefix, self._parent = called, namespace, prefix, parent
        self._after = list(after)
        self.behind: list[pulumi.Resource] = []

    def meta(self, namespaced: bool = True, called: str | None = None) -> Json:
        made: Json = {"name": called or self.called, "labels": labels(self.called)}
        return {**made, "namespace": self.namespace} if namespaced else made

    def make(self, kind: str, suffix: str, called: str | None = None, **fields: Any) -> pulumi.Resource:
        """An object that the Deployment waits for."""
        version = _VERSIONS[kind]
        namespaced = not kind.startswith("Cluster")
        opts = pulumi.ResourceOptions(parent=self._parent, depends_on=self._after)
        made = KubernetesObject(
            version, kind, f"{self._prefix}-{suffix}", opts, metadata=self.meta(namespaced, called), **fields
        )
        self.behind.append(made)
        return made

    def allow(self, everywhere: Sequence[Json], here: Sequence[Json]) -> None:
        """Its account, and what it may do: in the whole cluster, and in its own namespace."""
        self.make("ServiceAccount", "account", automountServiceAccountToken=False)
        subjects = [{"kind": "ServiceAccount", "name": self.called, "namespace": self.namespace}]
        for kind, rules, suffix in (("ClusterRole", everywhere, "cluster"), ("Role", here, "own")):
            if not rules:
                continue
            self.make(kind, suffix, rules=list(rules))
            reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": self.called}
            self.make(f"{kind}Binding", suffix, roleRef=reference, subjects=subjects)

    def close(self) -> None:
        """Nobody calls it; it calls others. The kubelet's own probes are no calls from a pod."""
        spec = {"podSelector": {"matchLabels": {names.APP: self.called}}, "policyTypes": ["Ingress"]}
        self.make("NetworkPolicy", "closed", spec=spec)

    def run(self, spec: Json, depends_on: Sequence[pulumi.Resource]) -> pulumi.Resource:
        """The Deployment, once all that it needs is there."""
        opts = pulumi.ResourceOptions(parent=self._parent, depends_on=[*self.behind, *depends_on])
        return KubernetesObject("apps/v1", "Deployment", self._prefix, opts, metadata=self.meta(), spec=spec)


_VERSIONS = {
    "ServiceAccount": "v1",
    "ConfigMap": "v1",
    "ClusterRole": "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
}


def fingerprint(settings: object) -> str:
    """What a pod is marked with, so that other settings are other pods."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def by_digest(what: str, value: pulumi.Input[str]) -> pulumi.Input[str]:
    """An image that no tag can change. Raises ArgsError, for what is an output once it is known."""
    example = "registry/repository@sha256:..."
    pattern = r"\S+@sha256:[0-9a-f]{64}"
    return checks.asked(value, lambda known: checks.fits(what, known, pattern, "an image by digest", example))


def cluster(what: str, value: pulumi.Input[str]) -> pulumi.Input[str]:
    """The name of a cluster. Raises ArgsError, for what is an output once it is known."""
    return checks.asked(
        value, lambda known: checks.fits(what, known, aws.CLUSTER, "the name of an EKS cluster", "shop")
    )


def labels(called: str) -> Json:
    return {names.APP: called, names.COMPONENT: "controller", names.MANAGED_BY: "modelport"}


def deployment(
    called: str,
    image: pulumi.Input[str],
    *,
    replicas: int,
    ports: Mapping[str, int],
    health: tuple[str, str],
    resources: Mapping[str, Mapping[str, str]],
    env: Sequence[Json] = (),
    command: pulumi.Input[Sequence[str]] = (),
    settings: pulumi.Input[str] | None = None,
    user: int = USER,
    avoid: str | None = None,
    mounts: Sequence[Json] = (),
    volumes: Sequence[Json] = (),
) -> Json:
    """A DeploymentSpec.

    health: paths of the port `health` that tell whether it lives and whether it is ready.
    settings: what it reads once: other settings are other pods.
    avoid: a label; its pods are never on nodes that have it.
    """
    mine = {names.APP: called}
    container: Json = {
        "name": called,
        "image": image,
        "imagePullPolicy": "Always",
        "ports": [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports.items()],
        "livenessProbe": {"httpGet": {"path": health[0], "port": "health"}, "initialDelaySeconds": 30,
                          "timeoutSeconds": 10},
        "readinessProbe": {"httpGet": {"path": health[1], "port": "health"}, "initialDelaySeconds": 5,
                           "timeoutSeconds": 10},
        "resources": {key: dict(value) for key, value in resources.items()},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "capabilities": {"drop": ["ALL"]},
        },
    }  # fmt: skip
    for key, value in (("env", env), ("command", command), ("volumeMounts", mounts)):
        if value:
            container[key] = value
    pod: Json = {
        "serviceAccountName": called,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        "securityContext": {"fsGroup": user, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        # No two of them on one node, and where there are several zones not all in one.
        "topologySpreadConstraints": [
            _spread(mine, "kubernetes.io/hostname", "DoNotSchedule"),
            _spread(mine, "topology.kubernetes.io/zone", "ScheduleAnyway"),
        ],
        "containers": [container],
    }
    if avoid is not None:
        terms = [{"matchExpressions": [{"key": avoid, "operator": "DoesNotExist"}]}]
        required = {"nodeSelectorTerms": terms}
        pod["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    if volumes:
        pod["volumes"] = list(volumes)
    template: Json = {"metadata": {"labels": labels(called)}, "spec": pod}
    if settings is not None:
        template["metadata"]["annotations"] = {"modelport.io/settings": settings}
    return {
        "replicas": replicas,
        "selector": {"matchLabels": mine},
        # Of a single one there are never two at a time.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}
        if replicas > 1
        else {"type": "Recreate"},
        "template": template,
    }


def _spread(mine: Json, key: str, otherwise: str) -> Json:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": otherwise,
        "labelSelector": {"matchLabels": mine},
        # Nodes that it may not go to, such as those with GPUs, do not count.
        "nodeTaintsPolicy": "Honor",
    }
