"""Who makes nodes: Karpenter and the cluster autoscaler as they would be registered, held to what is published of them.

Karpenter's own module, by its checksum, says what its definitions take, what its chart lets it do in a cluster, and
which calls it makes on AWS.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from pulumi_aws.ec2.subnet import Subnet
from pulumi_aws.iam.role import Role

from components.aws import karpenter
from components.aws.autoscaler import EksAutoscaler, EksAutoscalerArgs
from components.kubernetes import gpu_nodes
from tests.components.kubernetes import checking
from tests.components.planned import UNKNOWN, Plan, plan
from tests.tools import golang

SNAPSHOTS = Path(__file__).parent / "snapshots"
KARPENTER = golang.Module(
    "github.com/aws/karpenter-provider-aws", "v1.14.0", "h1:QVQ947vQKzxM87aDbpZBtUnlVRVcU75c/RMlgVyX7nc="
)
DEFINITIONS = (KARPENTER.path, KARPENTER.version, "pkg/apis/crds/karpenter*.yaml")
DIGEST = "sha256:" + "a" * 64
SUBNETS = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
GROUP = "sg-0123456789abcdef0"
ARGS: dict[str, Any] = {
    "account_id": "123456789012",
    "region": "eu-central-1",
    "cluster_name": "shop",
    "image": f"public.ecr.aws/karpenter/controller@{DIGEST}",
    "node_role_arn": "arn:aws:iam::123456789012:role/nodes",
    "node_role_name": "nodes",
    "subnet_ids": SUBNETS,
    "security_group_id": GROUP,
}
GPUS: dict[str, Any] = {"name": "gpu", "gpus": True, "instance_types": ["g6.xlarge", "g6.12xlarge"], "limit_gpus": 8}
POOLS: list[dict[str, Any]] = [
    {"name": "cpu"},
    {"name": "arm", "arm": True, "spot": False, "min_cpus": 2, "max_cpus": 8, "limit_cpus": 16, "limit_memory_gib": 64},
    {"name": "named", "instance_types": ["m7i.xlarge"], "labels": {"example.com/team": "ml"}, "weight": 50},
    GPUS,
    {**GPUS, "name": "rocket", "image": "BOTTLEROCKET", "image_release": "v1.65.0", "disk_gib": 200},
]
SCALER = {
    **{key: ARGS[key] for key in ("account_id", "region", "cluster_name")},
    "kind": "cluster-autoscaler",
    "image": f"registry.k8s.io/autoscaling/cluster-autoscaler@{DIGEST}",
}


def planned(preview: bool = True, base: Mapping[str, Any] = ARGS, **more: Any) -> Plan:
    given = cast("EksAutoscalerArgs", {**base, **more})
    return plan(lambda: EksAutoscaler("shop", given), preview=preview)


def manifests(found: Plan, *kinds: str) -> list[dict[str, Any]]:
    return [each.inputs for each in found.resources if each.inputs.get("kind") in kinds]


def kubernetes(found: Plan) -> list[dict[str, Any]]:
    return [each.inputs for each in found.resources if each.type.startswith("kubernetes:")]


def statements(found: Plan, name: str) -> list[dict[str, Any]]:
    policy = found.one("aws:iam/rolePolicy:RolePolicy", name).inputs["policy"]
    return cast("list[dict[str, Any]]", json.loads(policy)["Statement"])


def pool(name: str, preview: bool = True) -> dict[str, Any]:
    found = planned(preview, pools=POOLS)
    return cast("dict[str, Any]", found.one("kubernetes:karpenter.sh/v1:NodePool", f"shop-{name}").inputs["spec"])


def classed(name: str) -> dict[str, Any]:
    found = planned(False, pools=POOLS).one("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass", f"shop-{name}-class")
    return cast("dict[str, Any]", found.inputs["spec"])


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned(preview, pools=POOLS, separate_node_role=True).holds(SNAPSHOTS / "autoscaler_karpenter.txt")
    planned(preview, SCALER).holds(SNAPSHOTS / "autoscaler_groups.txt")


def test_what_is_known_late_is_unknown_in_a_preview_and_nothing_else_is() -> None:
    def program() -> None:
        role = Role("nodes", assume_role_policy="{}")
        subnet = Subnet("net", vpc_id="vpc-0123456789abcdef0")
        late = {"node_role_arn": role.arn, "node_role_name": role.name, "subnet_ids": [subnet.id]}
        EksAutoscaler("shop", cast("EksAutoscalerArgs", {**ARGS, **late}))

    found = plan(program)
    (made,) = found.all("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass")
    assert made.inputs["spec"]["instanceProfile"] == made.inputs["spec"]["subnetSelectorTerms"] == UNKNOWN
    assert made.inputs["spec"]["metadataOptions"]["httpTokens"] == "required"
    assert found.one("aws:iam/rolePolicy:RolePolicy", "shop-placement").inputs["policy"] == UNKNOWN
    assert found.one("aws:iam/rolePolicy:RolePolicy", "shop-discovery").inputs["policy"] == UNKNOWN
    assert statements(found, "shop-lifecycle")
    environment = manifests(found, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert [each["name"] for each in environment if each.get("value") == UNKNOWN] == ["INTERRUPTION_QUEUE"]


def test_pools_and_classes_are_what_karpenter_publishes() -> None:
    found = manifests(planned(False, pools=POOLS), "NodePool", "EC2NodeClass")
    assert len(found) == 2 * len(POOLS)
    assert checking.violations(found, DEFINITIONS) == []


def test_what_karpenter_would_refuse_is_seen() -> None:
    """Else the test before this one could not fail."""
    (class_,) = manifests(planned(False), "EC2NodeClass")
    (pool_,) = manifests(planned(False), "NodePool")
    wrong = json.loads(json.dumps([class_, class_, class_, pool_, pool_]))
    wrong[0]["spec"]["metadataOptions"]["httpPutResponseHopLimit"] = 65
    wrong[1]["spec"]["blockDeviceMappings"][0]["ebs"]["volumeType"] = "gp4"
    wrong[2]["spec"]["amiAlias"] = "al2023@latest"
    wrong[3]["spec"]["disruption"]["consolidationPolicy"] = "WhenBored"
    del wrong[4]["spec"]["template"]["spec"]["nodeClassRef"]
    told = checking.violations(wrong, DEFINITIONS)
    assert [line.split(": ", 1)[0] for line in told] == [
        *["EC2NodeClass/cpu"] * 3,
        *["NodePool/cpu"] * 2,
    ]


def test_manifests_fit_their_schemas_and_checkov() -> None:
    found = [each for each in kubernetes(planned(False)) if each["kind"] not in ("NodePool", "EC2NodeClass")]
    found += kubernetes(planned(False, SCALER))
    assert checking.violations(found) == []
    # They speak to the API server, for which they need the token of their account.
    assert [line.split(": ")[0] for line in checking.checkov(found)] == [
        "CKV_K8S_38 Deployment.kube-system.cluster-autoscaler",
        "CKV_K8S_38 Deployment.kube-system.karpenter",
    ]


@pytest.mark.parametrize("base", [ARGS, SCALER])
def test_a_controller_is_confined(base: dict[str, Any]) -> None:
    found = planned(base=base)
    (running,) = manifests(found, "Deployment")
    pod = running["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"] == {
        "fsGroup": 65532,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    # Its own pods have the token, and nobody else who runs as it.
    (account,) = manifests(found, "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    assert pod["automountServiceAccountToken"] is True
    spread = {each["topologyKey"]: each["whenUnsatisfiable"] for each in pod["topologySpreadConstraints"]}
    assert spread == {"kubernetes.io/hostname": "DoNotSchedule", "topology.kubernetes.io/zone": "ScheduleAnyway"}
    (closed,) = manifests(found, "NetworkPolicy")
    assert closed["spec"] == {"podSelector": running["spec"]["selector"], "policyTypes": ["Ingress"]}


def expanded(rules: list[dict[str, Any]]) -> set[str]:
    return {
        f"{verb} {group}/{resource} {','.join(rule.get('resourceNames', []))}".strip()
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_karpenter_may_do_in_the_cluster_what_its_chart_lets_it_and_no_more() -> None:
    templates = golang.sources(KARPENTER) / "charts/karpenter/templates"
    theirs: dict[str, list[dict[str, Any]]] = {"ClusterRole": [], "Role": []}
    for name in ("clusterrole", "clusterrole-core", "role"):
        text = (templates / f"{name}.yaml").read_text()
        plain = "\n".join(line for line in text.splitlines() if not re.match(r"\s*\{\{", line))
        for document in yaml.safe_load_all(re.sub(r"\{\{.*?\}\}", "x", plain)):
            if document["kind"] in theirs:
                theirs[document["kind"]] += document["rules"]
    ours = {each["kind"]: each["rules"] for each in manifests(planned(), "ClusterRole", "Role")}
    assert {kind: expanded(rules) for kind, rules in ours.items()} == {
        kind: expanded(rules) for kind, rules in theirs.items()
    }


NOT_ALLOWED = {
    # The profile of its nodes is made beside it.
    *("iam:AddRoleToInstanceProfile", "iam:CreateInstanceProfile", "iam:DeleteInstanceProfile", "iam:GetRole"),
    *("iam:RemoveRoleFromInstanceProfile", "iam:TagInstanceProfile"),
    # Its own tests send messages and measure; zonal shifts are a switch that stays off.
    *("sqs:SendMessage", "timestream:WriteRecords", "arc-zonal-shift:GetManagedResource"),
}


def test_every_call_that_karpenter_makes_is_allowed_or_known_not_to_be_made() -> None:
    source = (golang.sources(KARPENTER) / "pkg/aws/sdk.go").read_text()
    services = {"TimestreamWrite": "timestream", "ARCZonalShift": "arc-zonal-shift"}
    made: set[str] = set()
    for name, body in re.findall(r"type (\w+)API interface \{(.*?)\n\}", source, re.DOTALL):
        service = services.get(name, name.lower())
        made |= {f"{service}:{call}" for call in re.findall(r"^\t(\w+)\(", body, re.MULTILINE)}
    found = planned(False)
    allowed = {
        action
        for each in found.all("aws:iam/rolePolicy:RolePolicy")
        for statement in statements(found, each.name)
        for action in statement["Action"]
    }
    assert made - allowed == NOT_ALLOWED
    assert allowed - made == {"iam:PassRole"}


def test_karpenters_role_is_held_to_this_cluster() -> None:
    found = planned(False)
    ec2 = "arn:aws:ec2:eu-central-1:123456789012"
    assert statements(found, "shop-placement") == [
        {
            "Effect": "Allow",
            "Action": ["ec2:RunInstances", "ec2:CreateFleet"],
            "Resource": [
                "arn:aws:ec2:eu-central-1::image/*",
                "arn:aws:ec2:eu-central-1::snapshot/*",
                *(f"{ec2}:subnet/{each}" for each in SUBNETS),
                f"{ec2}:security-group/{GROUP}",
            ],
        }
    ]
    owned, own_pool = "kubernetes.io/cluster/shop", "karpenter.sh/nodepool"
    for statement in statements(found, "shop-lifecycle"):
        equals, like = statement["Condition"]["StringEquals"], statement["Condition"]["StringLike"]
        (tag,) = like
        assert tag in (f"aws:RequestTag/{own_pool}", f"aws:ResourceTag/{own_pool}")
        assert equals[tag.replace(own_pool, owned)] == "owned"
        given: str | list[str] = statement["Resource"]
        asked = [given] if isinstance(given, str) else given
        assert all(each.startswith(f"{ec2}:") for each in asked)
    ended = statements(found, "shop-lifecycle")[-1]
    assert ended["Action"] == ["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"]
    assert ended["Condition"]["StringEquals"] == {"aws:ResourceTag/kubernetes.io/cluster/shop": "owned"}
    passed = [each for each in statements(found, "shop-discovery") if each["Action"] == ["iam:PassRole"]]
    assert passed == [
        {
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": "arn:aws:iam::123456789012:role/nodes",
            "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        }
    ]


@pytest.mark.parametrize(("base", "everywhere"), [
    (ARGS, {"ec2:Describe", "pricing:GetProducts", "iam:ListInstanceProfiles"}),
    (SCALER, {"ec2:Describe", "ec2:GetInstanceTypesFromInstanceRequirements", "autoscaling:Describe"}),
])  # fmt: skip
def test_no_action_is_a_pattern_and_only_what_knows_no_resources_is_for_all_of_them(
    base: dict[str, Any], everywhere: set[str]
) -> None:
    found = planned(False, base)
    size = 0
    for each in found.all("aws:iam/rolePolicy:RolePolicy"):
        size += len(re.sub(r"\s", "", each.inputs["policy"]))
        for statement in statements(found, each.name):
            assert not any("*" in action for action in statement["Action"])
            if statement["Resource"] == "*":
                assert {re.sub(r"(:Describe).*", r"\1", action) for action in statement["Action"]} <= everywhere
    # What IAM takes for the inline policies of a role together.
    assert size < 10_240


@pytest.mark.parametrize(("base", "account"), [(ARGS, "karpenter"), (SCALER, "cluster-autoscaler")])
def test_the_role_is_for_the_controllers_pods_alone(base: dict[str, Any], account: str) -> None:
    role = planned(base=base).one("aws:iam/role:Role")
    assert json.loads(role.inputs["assumeRolePolicy"])["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {
                "StringEquals": {
                    "aws:SourceAccount": "123456789012",
                    "aws:RequestTag/eks-cluster-arn": "arn:aws:eks:eu-central-1:123456789012:cluster/shop",
                    "aws:RequestTag/kubernetes-namespace": "kube-system",
                    "aws:RequestTag/kubernetes-service-account": account,
                }
            },
        }
    ]


def test_the_queue_is_encrypted_and_hears_only_these_rules() -> None:
    found = planned(False)
    queue = found.one("aws:sqs/queue:Queue")
    assert queue.inputs["sqsManagedSseEnabled"] is True
    assert queue.inputs["messageRetentionSeconds"] == 300
    policy = json.loads(found.one("aws:sqs/queuePolicy:QueuePolicy").inputs["policy"])
    told, clear = policy["Statement"]
    rules = found.all("aws:cloudwatch/eventRule:EventRule")
    assert told["Principal"] == {"Service": "events.amazonaws.com"}
    assert sorted(told["Condition"]["ArnEquals"]["aws:SourceArn"]) == sorted(
        f"arn:aws:test:eu-central-1:123456789012:{each.name}" for each in rules
    )
    assert (clear["Effect"], clear["Principal"], clear["Condition"]) == (
        "Deny",
        "*",
        {"Bool": {"aws:SecureTransport": "false"}},
    )


def test_karpenter_reads_every_event_that_is_sent_to_it_and_misses_none() -> None:
    messages = golang.sources(KARPENTER) / "pkg/controllers/interruption/messages"
    known: set[tuple[str, str]] = set()
    for file in messages.glob("*/parser.go"):
        source, detail = (
            re.search(rf'{word}\(\) string \{{\n\treturn "(.*)"', file.read_text()) for word in ("Source", "DetailType")
        )
        if source and detail and source[1]:
            known.add((source[1], detail[1]))
    patterns = [json.loads(each.inputs["eventPattern"]) for each in planned().all("aws:cloudwatch/eventRule:EventRule")]
    assert {(each["source"][0], each["detail-type"][0]) for each in patterns} == known


def test_nodes_start_closed() -> None:
    assert classed("cpu") == {
        "amiSelectorTerms": [{"alias": "al2023@v20261023"}],
        "associatePublicIPAddress": False,
        "blockDeviceMappings": [
            {
                "deviceName": "/dev/xvda",
                "ebs": {"volumeType": "gp3", "volumeSize": "50Gi", "encrypted": True, "deleteOnTermination": True},
            }
        ],
        "instanceProfile": "shop-nodes",
        "metadataOptions": {
            "httpEndpoint": "enabled",
            "httpProtocolIPv6": "disabled",
            "httpPutResponseHopLimit": 1,
            "httpTokens": "required",
        },
        "securityGroupSelectorTerms": [{"id": GROUP}],
        "subnetSelectorTerms": [{"id": each} for each in SUBNETS],
        "tags": {"modelport:component": "shop"},
    }
    rocket = classed("rocket")
    assert rocket["amiSelectorTerms"] == [{"alias": "bottlerocket@v1.65.0"}]
    assert [(each["deviceName"], each["ebs"]["volumeSize"], each["ebs"]["encrypted"]) for each in rocket[
        "blockDeviceMappings"]] == [("/dev/xvda", "4Gi", True), ("/dev/xvdb", "200Gi", True)]  # fmt: skip


def test_spot_is_taken_first_and_on_demand_otherwise() -> None:
    def capacity(name: str) -> list[str]:
        (found,) = (
            each
            for each in pool(name)["template"]["spec"]["requirements"]
            if each["key"] == "karpenter.sh/capacity-type"
        )
        return cast("list[str]", found["values"])

    assert capacity("cpu") == capacity("gpu") == ["spot", "on-demand"]
    assert capacity("arm") == ["on-demand"]


def test_a_pool_with_gpus_is_what_pods_that_want_one_look_for() -> None:
    found = pool("gpu")
    (taint,) = found["template"]["spec"]["taints"]
    assert taint == {"key": gpu_nodes.TAINT["key"], "value": "true", "effect": gpu_nodes.TAINT["effect"]}
    assert found["template"]["metadata"]["labels"] == {
        f"{gpu_nodes.RESOURCE}.present": "true",
        "k8s.amazonaws.com/accelerator": "nvidia-l4",
    }
    assert found["limits"] == {"cpu": "256", "memory": "2048Gi", gpu_nodes.RESOURCE: "8"}
    assert found["disruption"] == {
        "consolidationPolicy": "WhenEmpty",
        "consolidateAfter": "5m",
        "budgets": [{"nodes": "10%"}],
    }
    # Bottlerocket's device plugin is its own.
    assert pool("rocket")["template"]["metadata"]["labels"] == {"k8s.amazonaws.com/accelerator": "nvidia-l4"}


def test_a_pool_without_gpus() -> None:
    found = pool("arm")
    assert found["limits"] == {"cpu": "16", "memory": "64Gi"}
    assert "taints" not in found["template"]["spec"]
    assert found["template"]["spec"]["requirements"] == [
        {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]},
        {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]},
        {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
        {"key": "karpenter.k8s.aws/instance-category", "operator": "In", "values": ["c", "m", "r"]},
        {"key": "karpenter.k8s.aws/instance-generation", "operator": "Gt", "values": ["4"]},
        {"key": "karpenter.k8s.aws/instance-cpu", "operator": "Gt", "values": ["1"]},
        {"key": "karpenter.k8s.aws/instance-cpu", "operator": "Lt", "values": ["9"]},
    ]
    assert pool("named")["template"]["metadata"]["labels"] == {"example.com/team": "ml"}


def test_nodes_are_gone_before_who_takes_them_away_is() -> None:
    found = planned(False, separate_node_role=True)
    assert found.one("kubernetes:karpenter.sh/v1:NodePool").depends_on == {"shop-cpu-class"}
    class_ = found.one("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass").depends_on
    assert class_ == {"shop-karpenter", "shop-nodes"}
    running = found.one("kubernetes:apps/v1:Deployment").depends_on
    assert {"shop", "shop-placement", "shop-lifecycle", "shop-discovery", "shop-queue"} <= running
    assert {"shop-karpenter-account", "shop-karpenter-cluster", "shop-karpenter-own"} <= running


def test_a_role_of_its_own_may_join() -> None:
    assert planned().all("aws:eks/accessEntry:AccessEntry") == []
    entry = planned(separate_node_role=True).one("aws:eks/accessEntry:AccessEntry").inputs
    assert (entry["type"], entry["principalArn"]) == ("EC2_LINUX", ARGS["node_role_arn"])


def test_definitions_of_karpenters_release_come_first_and_stay() -> None:
    files = sorted(map(str, (golang.sources(KARPENTER) / "pkg/apis/crds").glob("karpenter*.yaml")))
    found = planned(definitions=files)
    made = found.all("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition")
    names = {each.inputs["metadata"]["name"] for each in made}
    assert names >= set(karpenter.DEFINITIONS)
    assert all(each.request["retainOnDelete"] for each in made)
    assert {each.name for each in made} <= found.one("kubernetes:apps/v1:Deployment").depends_on


def test_the_cluster_autoscaler_moves_groups_of_this_cluster_alone() -> None:
    found = planned(False, SCALER)
    read, moved, described = statements(found, "shop-nodes")
    assert all(":Describe" in each or each.startswith("ec2:Get") for each in read["Action"])
    assert moved == {
        "Effect": "Allow",
        "Action": ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
        "Resource": "arn:aws:autoscaling:eu-central-1:123456789012:autoScalingGroup:*:autoScalingGroupName/*",
        "Condition": {
            "StringEquals": {
                "aws:ResourceTag/k8s.io/cluster-autoscaler/enabled": "true",
                "aws:ResourceTag/k8s.io/cluster-autoscaler/shop": "owned",
            }
        },
    }
    assert described["Resource"] == "arn:aws:eks:eu-central-1:123456789012:nodegroup/shop/*"


def test_the_cluster_autoscaler_tries_spot_first() -> None:
    found = planned(base=SCALER)
    (running,) = manifests(found, "Deployment")
    command = running["spec"]["template"]["spec"]["containers"][0]["command"]
    assert "--expander=priority,least-waste" in command
    tags = "k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/shop"
    assert f"--node-group-auto-discovery=asg:tag={tags}" in command
    (order,) = manifests(found, "ConfigMap")
    assert order["metadata"] == {**order["metadata"], "name": "cluster-autoscaler-priority-expander"}
    assert yaml.safe_load(order["data"]["priorities"]) == {20: [".*-spot-.*"], 10: [".*"]}
    assert found.all("aws:sqs/queue:Queue") == found.all("kubernetes:karpenter.sh/v1:NodePool") == []
