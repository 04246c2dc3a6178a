"""Karpenter in its own words: what it may do on AWS, what it may do in the cluster, how it runs, and what it makes.

Pure: what is known late goes through. Held to Karpenter 1.14: its published definitions, the rules of its own chart
and the calls in its source are what the tests compare with.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import pulumi

from components.aws import policies
from components.aws.checks import partition
from components.outputs import known

Json = dict[str, Any]

NAME: Final = "karpenter"
NAMESPACE: Final = "kube-system"
"""Where the API server serves its controllers before anybody else."""
GROUP, AWS_GROUP = "karpenter.sh", "karpenter.k8s.aws"
DEFINITIONS: Final = ("nodepools.karpenter.sh", "nodeclaims.karpenter.sh", "ec2nodeclasses.karpenter.k8s.aws")
"""Without these it does not start."""

AL2023, BOTTLEROCKET = "AL2023", "Bottlerocket"
PINNED: Final = {AL2023: "v20261023", BOTTLEROCKET: "v1.66.0"}
"""Releases of machine images for all minors of Kubernetes that EKS has, GPUs included: the release notes of
awslabs/amazon-eks-ami and bottlerocket-os/bottlerocket, read 2026-11-22. A new one is rolled out by writing it."""

EVENTS: Final = {
    "spot-interruption": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "state-change": ("aws.ec2", "EC2 Instance State-change Notification"),
    "scheduled-change": ("aws.health", "AWS Health Event"),
    "reservation-interruption": ("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
}
"""What Karpenter reads from its queue: name, source and detail-type of each event."""

METRICS, HEALTH = 8080, 8081
# It runs as many replicas as there are, of which one leads.
REPLICAS = 2


def queue_policy(queue: str, rules: Sequence[str]) -> str:
    """Lets the rules send to the queue, and nobody speak to it in the clear."""
    return policies.document(
        {
            "Sid": "Events",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": {"ArnEquals": {"aws:SourceArn": list(rules)}},
        },
        {
            "Sid": "EncryptedOnTheWay",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": queue,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )


def placement(region: str, account: str, subnets: Sequence[str], security_group: str) -> str:
    """Where it may start machines, and from which images. Its own policy, as these ids are known late."""
    ec2 = f"arn:{partition(region)}:ec2:{region}"
    places = [f"{ec2}:{account}:subnet/{each}" for each in subnets]
    places.append(f"{ec2}:{account}:security-group/{security_group}")
    images = [f"{ec2}::image/*", f"{ec2}::snapshot/*"]
    return policies.document(policies.allow(["ec2:RunInstances", "ec2:CreateFleet"], [*images, *places]))


def lifecycle(region: str, account: str, cluster: str) -> str:
    """Machines and launch templates with the tags of this cluster's pools, and no others."""
    ec2 = f"arn:{partition(region)}:ec2:{region}:{account}"
    owned, pool = f"kubernetes.io/cluster/{cluster}", f"{GROUP}/nodepool"
    made = [
        f"{ec2}:{kind}/*"
        for kind in ("fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request")
    ]
    asked = {
        "StringEquals": {f"aws:RequestTag/{owned}": "owned", "aws:RequestTag/eks:eks-cluster-name": cluster},
        "StringLike": {f"aws:RequestTag/{pool}": "*"},
    }
    has = {"StringEquals": {f"aws:ResourceTag/{owned}": "owned"}, "StringLike": {f"aws:ResourceTag/{pool}": "*"}}
    creating = {"ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"]}
    retagging = {
        **has,
        "StringEqualsIfExists": {"aws:RequestTag/eks:eks-cluster-name": cluster},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["eks:eks-cluster-name", f"{GROUP}/nodeclaim", "Name"]},
    }
    return policies.document(
        policies.allow(["ec2:RunInstances", "ec2:CreateFleet"], f"{ec2}:launch-template/*", has),
        policies.allow(["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"], made, asked),
        policies.allow(["ec2:CreateTags"], made, {**asked, "StringEquals": {**asked["StringEquals"], **creating}}),
        policies.allow(["ec2:CreateTags"], f"{ec2}:instance/*", retagging),
        policies.allow(
            ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"],
            [f"{ec2}:instance/*", f"{ec2}:launch-template/*"],
            has,
        ),
    )


def discovery(region: str, account: str, cluster: str, node_role: str) -> str:
    """What it reads, and the one role that its machines may have.

    It makes no instance profile: the nodes' is made beside it, so that none stays behind and it needs no right to
    write to IAM.
    """
    arn = f"arn:{partition(region)}"
    parameters = f"{arn}:ssm:{region}::parameter/aws/service"
    return policies.document(
        # EC2's Describe calls know no resources.
        policies.allow(
            [
                f"ec2:Describe{each}"
                for each in (
                    *("CapacityReservations", "Images", "InstanceStatus", "InstanceTypeOfferings", "InstanceTypes"),
                    *("Instances", "LaunchTemplates", "PlacementGroups", "SecurityGroups", "SpotPriceHistory"),
                    "Subnets",
                )
            ],
            "*",
            {"StringEquals": {"aws:RequestedRegion": region}},
        ),
        policies.allow(["ssm:GetParameter"], [f"{parameters}/eks/optimized-ami/*", f"{parameters}/bottlerocket/*"]),
        # Prices know no resources, and are asked for where AWS has them, in another region.
        policies.allow(["pricing:GetProducts"], "*"),
        policies.allow(["eks:DescribeCluster"], f"{arn}:eks:{region}:{account}:cluster/{cluster}"),
        policies.allow(["iam:PassRole"], node_role, {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}),
        # A node class goes only once it has looked for profiles that an earlier version may have made for it.
        policies.allow(["iam:GetInstanceProfile"], f"{arn}:iam::{account}:instance-profile/*"),
        policies.allow(["iam:ListInstanceProfiles"], "*"),
    )


def reading(queue: str) -> str:
    return policies.document(policies.allow(["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"], queue))


READ, WATCH = ["get", "list", "watch"], ["get", "watch"]
RULES: Final[list[Json]] = [
    {
        "apiGroups": [GROUP],
        "resources": ["nodepools", "nodepools/status", "nodeclaims", "nodeclaims/status", "nodeoverlays",
                      "nodeoverlays/status"],
        "verbs": READ,
    },
    {"apiGroups": [GROUP], "resources": ["nodeclaims", "nodeclaims/status"],
     "verbs": ["create", "delete", "update", "patch"]},
    {"apiGroups": [GROUP], "resources": ["nodepools", "nodepools/status", "nodeoverlays/status"],
     "verbs": ["update", "patch"]},
    {"apiGroups": ["autoscaling.x-k8s.io"], "resources": ["capacitybuffers", "capacitybuffers/status"], "verbs": READ},
    {"apiGroups": ["autoscaling.x-k8s.io"], "resources": ["capacitybuffers/status"], "verbs": ["update", "patch"]},
    {"apiGroups": [AWS_GROUP], "resources": ["ec2nodeclasses"], "verbs": READ},
    {"apiGroups": [AWS_GROUP], "resources": ["ec2nodeclasses", "ec2nodeclasses/status"], "verbs": ["patch", "update"]},
    {
        "apiGroups": [""],
        "resources": ["pods", "nodes", "persistentvolumes", "persistentvolumeclaims", "replicationcontrollers",
                      "namespaces", "podtemplates", "events"],
        "verbs": READ,
    },
    {"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses", "csinodes", "volumeattachments"], "verbs": READ},
    {"apiGroups": ["apps"], "resources": ["daemonsets", "deployments", "replicasets", "statefulsets"], "verbs": READ},
    {"apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": READ},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
    {"apiGroups": [""], "resources": ["nodes"], "verbs": ["patch", "delete", "update"]},
    {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["delete"]},
]  # fmt: skip
"""In the whole cluster."""

OWN_RULES: Final[list[Json]] = [
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": WATCH},
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "resourceNames": ["karpenter-leader-election"],
        "verbs": ["patch", "update"],
    },
    # What is to be created has no name yet that a rule could hold it to.
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
    # The address of the cluster's DNS, which nodes are told.
    {"apiGroups": [""], "resources": ["services"], "resourceNames": ["kube-dns"], "verbs": ["get"]},
]
"""In its own namespace."""


def environment(region: str, cluster: pulumi.Input[str], queue: pulumi.Input[str]) -> list[Json]:
    """What it is told."""
    plain: dict[str, pulumi.Input[str]] = {
        "KARPENTER_SERVICE": NAME,
        "METRICS_PORT": str(METRICS),
        "HEALTH_PROBE_PORT": str(HEALTH),
        "CLUSTER_NAME": cluster,
        "INTERRUPTION_QUEUE": queue,
        # Pods cannot ask the metadata service, whose answers go one hop.
        "AWS_REGION": region,
        # What is still called alpha, and reservations, of which this library makes none.
        "FEATURE_GATES": "ReservedCapacity=false,SpotToSpotConsolidation=false,NodeRepair=false,NodeOverlay=false,"
        "StaticCapacity=false,CapacityBuffer=false",
        "LOG_LEVEL": "info",
    }
    own = {"fieldRef": {"fieldPath": "metadata.namespace"}}
    cpu = {"containerName": NAME, "divisor": "1m", "resource": "requests.cpu"}
    memory = {"containerName": NAME, "divisor": "0", "resource": "limits.memory"}
    return [
        *({"name": name, "value": value} for name, value in plain.items()),
        {"name": "SYSTEM_NAMESPACE", "valueFrom": {"fieldRef": own["fieldRef"]}},
        {"name": "CPU_REQUESTS", "valueFrom": {"resourceFieldRef": cpu}},
        {"name": "MEMORY_LIMIT", "valueFrom": {"resourceFieldRef": memory}},
    ]


def node_class(
    image: str,
    release: str,
    disk_gib: int,
    profile: pulumi.Input[str],
    subnets: pulumi.Input[Sequence[pulumi.Input[str]]],
    security_group: Any,
    tags: Any,
) -> Json:
    """An EC2NodeClassSpec."""

    def disk(device: str, gib: int) -> Json:
        ebs = {"volumeType": "gp3", "volumeSize": f"{gib}Gi", "encrypted": True, "deleteOnTermination": True}
        return {"deviceName": device, "ebs": ebs}

    # Bottlerocket's first volume is the system's, which is read only; images and pods are on the second.
    disks = [disk("/dev/xvda", disk_gib)] if image == AL2023 else [disk("/dev/xvda", 4), disk("/dev/xvdb", disk_gib)]
    return {
        # The family's own image for the machine: with NVIDIA's driver where it has GPUs, for its architecture.
        "amiSelectorTerms": [{"alias": f"{image.lower()}@{release}"}],
        "instanceProfile": profile,
        "subnetSelectorTerms": known(_by_id, subnets=subnets),
        "securityGroupSelectorTerms": [{"id": security_group}],
        "associatePublicIPAddress": False,
        "blockDeviceMappings": disks,
        # Credentials of the node stay with the node: what runs in a pod is a hop away.
        "metadataOptions": {
            "httpEndpoint": "enabled",
            "httpProtocolIPv6": "disabled",
            "httpPutResponseHopLimit": 1,
            "httpTokens": "required",
        },
        "tags": tags,
    }


def _by_id(subnets: Sequence[str]) -> list[Json]:
    return [{"id": each} for each in subnets]


class Requirement(NamedTuple):
    """What a node's labels must be."""

    key: str
    operator: str
    values: Sequence[str]


def node_pool(
    node_class_: str,
    *,
    requirements: Sequence[Requirement],
    limits: Mapping[str, str],
    labels: Mapping[str, str],
    taints: Sequence[Mapping[str, str]],
    weight: int,
    only_when_empty: bool,
) -> Json:
    """A NodePoolSpec."""
    template: Json = {
        "metadata": {"labels": dict(labels)},
        "spec": {
            "nodeClassRef": {"group": AWS_GROUP, "kind": "EC2NodeClass", "name": node_class_},
            "requirements": [
                {"key": each.key, "operator": each.operator, "values": list(each.values)} for each in requirements
            ],
            # No node grows old with what was mended meanwhile.
            "expireAfter": "720h",
            # A pod that will not end cannot hold a node for ever.
            "terminationGracePeriod": "1h",
        },
    }
    if taints:
        template["spec"]["taints"] = [dict(each) for each in taints]
    return {
        "template": template,
        "limits": dict(limits),
        "weight": weight,
        "disruption": {
            # A model that moves must be loaded anew, which costs more on a GPU than an emptier node does.
            "consolidationPolicy": "WhenEmpty" if only_when_empty else "WhenEmptyOrUnderutilized",
            "consolidateAfter": "5m" if only_when_empty else "1m",
            "budgets": [{"nodes": "10%"}],
        },
    }
