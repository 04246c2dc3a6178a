"""The cluster autoscaler in its own words: what it may do on AWS and in the cluster, and how it runs.

Pure, on plain values. It moves the size of EKS's own node groups, which it finds by the tags that EKS gives their
auto scaling groups.
"""

from collections.abc import Sequence
from typing import Any, Final

import yaml

from components.aws import policies
from components.aws.checks import partition

Json = dict[str, Any]

NAME: Final = "cluster-autoscaler"
NAMESPACE: Final = "kube-system"
PRIORITIES: Final = "cluster-autoscaler-priority-expander"
"""The ConfigMap that it looks for under this name."""
PORT: Final = 8085
ENABLED: Final = "k8s.io/cluster-autoscaler/enabled"


def _owned(cluster: str) -> str:
    return f"k8s.io/cluster-autoscaler/{cluster}"


def rights(region: str, account: str, cluster: str) -> str:
    """Its role's policy: the groups of this cluster's nodes, and no others."""
    arn = f"arn:{partition(region)}"
    return policies.document(
        # These calls know no resources.
        policies.allow(
            [
                *(f"autoscaling:Describe{each}" for each in ("AutoScalingGroups", "AutoScalingInstances",
                  "LaunchConfigurations", "ScalingActivities", "Tags")),
                *("ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions"),
                "ec2:GetInstanceTypesFromInstanceRequirements",
            ],
            "*",
            {"StringEquals": {"aws:RequestedRegion": region}},
        ),
        policies.allow(
            ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
            f"{arn}:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/*",
            {"StringEquals": {f"aws:ResourceTag/{ENABLED}": "true", f"aws:ResourceTag/{_owned(cluster)}": "owned"}},
        ),
        # Labels and taints of a group without nodes.
        policies.allow(["eks:DescribeNodegroup"], f"{arn}:eks:{region}:{account}:nodegroup/{cluster}/*"),
    )  # fmt: skip


READ = ["get", "list", "watch"]
RULES: Final[list[Json]] = [
    {
        "apiGroups": [""],
        "resources": ["namespaces", "pods", "services", "replicationcontrollers", "persistentvolumeclaims",
                      "persistentvolumes"],
        "verbs": READ,
    },
    {"apiGroups": [""], "resources": ["nodes"], "verbs": [*READ, "update"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
    {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
    {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["update"]},
    {"apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": READ},
    {"apiGroups": ["apps"], "resources": ["statefulsets", "replicasets", "daemonsets"], "verbs": READ},
    {
        "apiGroups": ["storage.k8s.io"],
        "resources": ["storageclasses", "csinodes", "csidrivers", "csistoragecapacities", "volumeattachments"],
        "verbs": READ,
    },
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": READ},
    {"apiGroups": ["resource.k8s.io"], "resources": ["deviceclasses", "resourceslices", "resourceclaims"],
     "verbs": READ},
]  # fmt: skip
"""In the whole cluster."""

OWN_RULES: Final[list[Json]] = [
    # What is to be created has no name yet that a rule could hold it to.
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": [NAME],
     "verbs": ["get", "update"]},
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "list", "watch"]},
    {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["cluster-autoscaler-status", PRIORITIES],
     "verbs": ["delete", "get", "update", "watch"]},
]  # fmt: skip
"""In its own namespace."""


def priorities(spot: Sequence[str]) -> str:
    """Which groups are tried first: those on spot, then all others."""
    return yaml.safe_dump({20: list(spot), 10: [".*"]}, sort_keys=False)


def arguments(cluster: str) -> list[str]:
    """The command line."""
    return [
        "./cluster-autoscaler",
        "--cloud-provider=aws",
        f"--namespace={NAMESPACE}",
        f"--node-group-auto-discovery=asg:tag={ENABLED},{_owned(cluster)}",
        "--expander=priority,least-waste",
        "--balance-similar-node-groups",
        "--skip-nodes-with-local-storage=false",
        "--stderrthreshold=info",
        "--v=2",
    ]
