"""A cluster on EKS, as it would be registered."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi_aws.sns.topic import Topic

from components.aws import add_ons, catalog
from components.aws.cluster import EksCluster, EksClusterArgs
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
SUBNETS = [f"subnet-0123456789abcdef{each}" for each in range(3)]
ADMIN = "arn:aws:iam::123456789012:role/deployer"
HERE: EksClusterArgs = {
    "region": "eu-central-1",
    "account_id": "123456789012",
    "version": "1.36",
    "subnet_ids": SUBNETS,
    "admins": {"deployer": ADMIN},
}
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
GROUP = "sg-0123456789abcdef0"
CLUSTER, NODES = "aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup"
TEMPLATE, ROLE = "aws:ec2/launchTemplate:LaunchTemplate", "aws:iam/role:Role"
ATTACHED, ADD_ON = "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "aws:eks/addon:Addon"


def _told(made: Planned) -> dict[str, Any]:
    return {
        "endpoint": "https://ABC.gr7.eu-central-1.eks.amazonaws.com",
        "certificateAuthority": {"data": base64.b64encode(b"CA").decode()},
        "vpcConfig": {**made.inputs["vpcConfig"], "clusterSecurityGroupId": GROUP},
    }


OUTPUTS: dict[str, Callable[[Planned], dict[str, Any]]] = {CLUSTER: _told, TEMPLATE: lambda _: {"latestVersion": 3}}


def _plan(preview: bool = True, **more: Any) -> Plan:
    args: Any = {**HERE, **more}
    return plan(
        lambda: EksCluster("shop", args),
        preview=preview,
        outputs=OUTPUTS,
    )


def _made(**more: Any) -> dict[str, Any]:
    """Outputs of a cluster that is there."""
    found: dict[str, Any] = {}

    def program() -> None:
        args: Any = {**HERE, **more}
        cluster = EksCluster("shop", args)
        told: dict[str, pulumi.Output[Any]] = {each: getattr(cluster, each) for each in EksCluster.__annotations__}
        pulumi.Output.all(**told).apply(found.update)

    plan(program, preview=False, outputs=OUTPUTS)
    return found


def _policy(found: Planned, key: str) -> Any:
    return json.loads(found.inputs[key])


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    _plan(preview).holds(SNAPSHOTS / "cluster.txt")


@pytest.mark.parametrize("preview", [True, False])
def test_with_all_that_can_be_asked_for_names_stay_too(preview: bool) -> None:
    _plan(
        preview,
        public_access_cidrs=["203.0.113.0/24"],
        private_access_cidrs=["10.8.0.0/16"],
        key_arn=KEY,
        admins={"deployer": ADMIN, "ops": "arn:aws:iam::123456789012:user/ops"},
    ).holds(SNAPSHOTS / "cluster-asked.txt")


def test_the_cluster() -> None:
    found = _plan(False).one(CLUSTER)
    assert found.inputs == {
        "name": "shop",
        "version": "1.36",
        "roleArn": "arn:aws:test:eu-central-1:123456789012:shop-control-plane",
        "vpcConfig": {"subnetIds": SUBNETS, "endpointPrivateAccess": True, "endpointPublicAccess": False},
        "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
        "encryptionConfig": {
            "provider": {"keyArn": "arn:aws:test:eu-central-1:123456789012:shop-key"},
            "resources": ["secrets"],
        },
        "enabledClusterLogTypes": ["api", "audit", "authenticator", "controllerManager", "scheduler"],
        "bootstrapSelfManagedAddons": False,
        "upgradePolicy": {"supportType": "EXTENDED"},
        "deletionProtection": True,
        "tags": {"modelport:component": "shop", "Name": "shop"},
    }


def test_in_a_preview_nothing_is_known_that_cannot_be() -> None:
    found = _plan()
    assert found.one(CLUSTER).inputs["roleArn"] == UNKNOWN
    assert found.one(CLUSTER).inputs["encryptionConfig"]["provider"] == {"keyArn": UNKNOWN}
    nodes = found.one(NODES)
    assert nodes.inputs["nodeRoleArn"] == UNKNOWN
    assert nodes.inputs["launchTemplate"] == {"id": UNKNOWN, "version": UNKNOWN}
    assert {key: nodes.inputs[key] for key in ("clusterName", "version")} == {"clusterName": "shop", "version": "1.36"}


def test_network_and_all_else_may_be_unknown() -> None:
    def program() -> None:
        later: Any = Topic("elsewhere").arn
        EksCluster("shop", {**HERE, "subnet_ids": later, "admins": {"deployer": later}, "key_arn": later})

    found = plan(program)
    assert found.one(CLUSTER).inputs["vpcConfig"]["subnetIds"] == UNKNOWN
    assert found.one(NODES).inputs["subnetIds"] == UNKNOWN
    assert found.one("aws:eks/accessEntry:AccessEntry").inputs["principalArn"] == UNKNOWN
    assert found.one("aws:cloudwatch/logGroup:LogGroup").inputs["kmsKeyId"] == UNKNOWN


def test_nothing_that_is_changed_replaces_it() -> None:
    request = _plan().one(CLUSTER).request
    assert request["protect"] is True
    assert request["ignoreChanges"] == [
        "bootstrapSelfManagedAddons",
        "accessConfig.bootstrapClusterCreatorAdminPermissions",
    ]
    # Another of its name cannot be made while it is there, and it does not go first.
    assert request["deleteBeforeReplaceDefined"] is True
    assert not request.get("deleteBeforeReplace")


@pytest.mark.parametrize("version", list(catalog.KUBERNETES))
def test_another_version_changes_versions_alone(version: str) -> None:
    """Control plane, nodes and add-ons, by an update of each: names are the same, and no other input is."""
    before, after = _plan(version="1.36"), _plan(version=version)
    assert before.lines() == after.lines()
    new = {(each.type, each.name): each.inputs for each in after.resources}
    changed = {
        (old.type, key)
        for old in before.resources
        for key in {*old.inputs, *new[old.type, old.name]}
        if old.inputs.get(key) != new[old.type, old.name].get(key)
    }
    assert changed <= {(CLUSTER, "version"), (NODES, "version"), (ADD_ON, "addonVersion")}
    assert after.one(CLUSTER).inputs["version"] == after.one(NODES).inputs["version"] == version
    installed = {each.inputs["addonName"]: each.inputs["addonVersion"] for each in after.all(ADD_ON)}
    assert installed == catalog.ADD_ONS[version]


def test_to_be_deleted_it_has_to_be_said_first() -> None:
    found = _plan(allow_deletion=True).one(CLUSTER)
    assert found.inputs["deletionProtection"] is False
    assert not found.request.get("protect")


def test_logs_are_encrypted_kept_and_there_before_the_cluster() -> None:
    found = _plan(False)
    logs = found.one("aws:cloudwatch/logGroup:LogGroup")
    assert logs.inputs["name"] == "/aws/eks/shop/cluster"
    assert logs.inputs["retentionInDays"] == 365
    assert logs.inputs["kmsKeyId"] == "arn:aws:test:eu-central-1:123456789012:shop-key"
    assert {"shop-logs", "shop-control-plane-AmazonEKSClusterPolicy", "shop-control-plane-key"} <= found.one(
        CLUSTER
    ).depends_on
    assert _plan(log_days=30).one("aws:cloudwatch/logGroup:LogGroup").inputs["retentionInDays"] == 30


def test_its_own_key_rotates_and_is_used_by_it_and_the_logs_alone() -> None:
    key = _plan().one("aws:kms/key:Key")
    assert key.inputs["enableKeyRotation"] is True
    administers, logs, secrets = _policy(key, "policy")["Statement"]
    assert administers["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert not {"kms:*", "kms:Decrypt", "kms:Encrypt"} & set(administers["Action"])
    assert logs["Principal"] == {"Service": "logs.eu-central-1.amazonaws.com"}
    assert secrets["Action"] == ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:ListGrants"]
    role = "arn:aws:iam::123456789012:role/shop-control-plane-*"
    assert secrets["Condition"] == {"ArnLike": {"aws:PrincipalArn": role}}


def test_a_given_key_is_used_for_both() -> None:
    found = _plan(key_arn=KEY)
    assert found.all("aws:kms/key:Key") == []
    assert found.one(CLUSTER).inputs["encryptionConfig"]["provider"] == {"keyArn": KEY}
    assert found.one("aws:cloudwatch/logGroup:LogGroup").inputs["kmsKeyId"] == KEY
    policy = _policy(found.one("aws:iam/rolePolicy:RolePolicy"), "policy")
    assert [each["Resource"] for each in policy["Statement"]] == [KEY]


def test_the_api_is_opened_to_named_networks_alone() -> None:
    found = _plan(public_access_cidrs=["203.0.113.0/24", "198.51.100.7/32"]).one(CLUSTER)
    assert found.inputs["vpcConfig"]["endpointPublicAccess"] is True
    assert found.inputs["vpcConfig"]["endpointPrivateAccess"] is True
    assert found.inputs["vpcConfig"]["publicAccessCidrs"] == ["203.0.113.0/24", "198.51.100.7/32"]
    opened = _plan(public_access_cidrs=["0.0.0.0/0"], open_to_the_internet=True).one(CLUSTER)
    assert opened.inputs["vpcConfig"]["publicAccessCidrs"] == ["0.0.0.0/0"]


def test_private_networks_reach_the_api_by_a_rule_each() -> None:
    kind = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    assert _plan().all(kind) == []
    rule = _plan(False, private_access_cidrs=["10.8.0.0/16"]).one(kind)
    assert rule.name == "shop-api-from-10-8-0-0-16"
    assert {key: rule.inputs[key] for key in ("securityGroupId", "cidrIpv4", "fromPort", "toPort", "ipProtocol")} == {
        "securityGroupId": GROUP,
        "cidrIpv4": "10.8.0.0/16",
        "fromPort": 443,
        "toPort": 443,
        "ipProtocol": "tcp",
    }


def test_administrators_are_let_in_by_entry_and_policy() -> None:
    ops = "arn:aws:iam::123456789012:user/ops"
    found = _plan(False, admins={"deployer": ADMIN, "ops": ops})
    entries = found.all("aws:eks/accessEntry:AccessEntry")
    assert [(each.name, each.inputs["principalArn"], each.inputs["type"]) for each in entries] == [
        ("shop-admin-deployer", ADMIN, "STANDARD"),
        ("shop-admin-ops", ops, "STANDARD"),
    ]
    given = found.one("aws:eks/accessPolicyAssociation:AccessPolicyAssociation", "shop-admin-ops")
    assert given.inputs == {
        "clusterName": "shop",
        "principalArn": ops,
        "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
        "accessScope": {"type": "cluster"},
    }
    assert "shop-admin-ops" in given.depends_on


def test_who_is_no_administrator_any_more_takes_nobody_else_along() -> None:
    """Entries are called by who they are for, not by where they stand."""
    both = _plan(admins={"first": ADMIN, "ops": "arn:aws:iam::123456789012:user/ops"}).lines()
    one = _plan(admins={"ops": "arn:aws:iam::123456789012:user/ops"}).lines()
    assert set(one) < set(both)


def test_add_ons_are_pinned_and_in_order() -> None:
    found = _plan()
    nodes = found.one(NODES)
    for each in found.all(ADD_ON):
        called = each.inputs["addonName"]
        assert each.inputs["addonVersion"] == catalog.ADD_ONS["1.36"][called]
        assert each.inputs["resolveConflictsOnCreate"] == "OVERWRITE"
        assert each.inputs["resolveConflictsOnUpdate"] == "PRESERVE"
        before = called in ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
        assert (each.name in nodes.depends_on) is before
        assert ("shop-system" in each.depends_on) is not before
    assert {each.inputs["addonName"] for each in found.all(ADD_ON)} == set(add_ons.ALL)


def test_network_policies_are_enforced() -> None:
    found = _plan().one(ADD_ON, "shop-vpc-cni")
    assert json.loads(found.inputs["configurationValues"]) == {"enableNetworkPolicy": "true"}


@pytest.mark.parametrize(
    ("add_on", "account", "policy"),
    [
        ("shop-vpc-cni", "aws-node", "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"),
        (
            "shop-aws-ebs-csi-driver",
            "ebs-csi-controller-sa",
            "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy",
        ),
    ],
)
def test_an_add_on_that_calls_aws_has_a_role_of_its_own(add_on: str, account: str, policy: str) -> None:
    found = _plan(False)
    assert found.one(ADD_ON, add_on).inputs["podIdentityAssociations"] == [
        {"roleArn": f"arn:aws:test:eu-central-1:123456789012:{add_on}", "serviceAccount": account}
    ]
    assert found.one(ATTACHED, add_on).inputs["policyArn"] == policy
    (taken,) = _policy(found.one(ROLE, add_on), "assumeRolePolicy")["Statement"]
    assert taken["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert taken["Condition"]["StringEquals"] == {
        "aws:SourceAccount": "123456789012",
        "aws:RequestTag/eks-cluster-arn": "arn:aws:eks:eu-central-1:123456789012:cluster/shop",
        "aws:RequestTag/kubernetes-namespace": "kube-system",
        "aws:RequestTag/kubernetes-service-account": account,
    }
    assert add_on in found.one(ADD_ON, add_on).depends_on


def test_a_version_of_an_add_on_may_be_another() -> None:
    found = _plan(add_on_versions={"coredns": "v1.14.9-eksbuild.1"})
    assert found.one(ADD_ON, "shop-coredns").inputs["addonVersion"] == "v1.14.9-eksbuild.1"
    assert found.one(ADD_ON, "shop-vpc-cni").inputs["addonVersion"] == catalog.ADD_ONS["1.36"]["vpc-cni"]


def test_nodes_may_find_their_cluster_and_pull_and_nothing_else() -> None:
    found = _plan(False)
    given = {each.inputs["policyArn"] for each in found.all(ATTACHED) if each.inputs["role"] == "shop-nodes"}
    assert given == {
        "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy",
        "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
    }
    assert {each.inputs["role"] for each in found.all("aws:iam/rolePolicy:RolePolicy")} == {"shop-control-plane"}


def test_the_control_planes_role_is_for_this_cluster_alone() -> None:
    (taken,) = _policy(_plan().one(ROLE, "shop-control-plane"), "assumeRolePolicy")["Statement"]
    assert taken["Principal"] == {"Service": "eks.amazonaws.com"}
    assert taken["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:eks:eu-central-1:123456789012:cluster/shop"},
    }


def test_instances_give_their_credentials_to_nobody_and_encrypt_their_disks() -> None:
    template = _plan().one(TEMPLATE)
    assert template.inputs["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
        "instanceMetadataTags": "disabled",
    }
    (disk,) = template.inputs["blockDeviceMappings"]
    assert disk == {
        "deviceName": "/dev/xvda",
        "ebs": {"volumeType": "gp3", "encrypted": "true", "deleteOnTermination": "true", "volumeSize": 50},
    }
    tagged = {each["resourceType"]: each["tags"]["Name"] for each in template.inputs["tagSpecifications"]}
    assert tagged == {"instance": "shop-system", "volume": "shop-system", "network-interface": "shop-system"}
    # EKS gives nodes the cluster's group, so that it is not named here.
    assert "vpcSecurityGroupIds" not in template.inputs
    (own,) = _plan(disk_key_arn=KEY, system_disk_gib=80).one(TEMPLATE).inputs["blockDeviceMappings"]
    assert (own["ebs"]["kmsKeyId"], own["ebs"]["volumeSize"]) == (KEY, 80)


def test_the_system_nodes() -> None:
    nodes = _plan(False).one(NODES)
    assert nodes.inputs == {
        "clusterName": "shop",
        "version": "1.36",
        "nodeRoleArn": "arn:aws:test:eu-central-1:123456789012:shop-nodes",
        "subnetIds": SUBNETS,
        "amiType": "AL2023_x86_64_STANDARD",
        "capacityType": "ON_DEMAND",
        "instanceTypes": ["m6i.large"],
        "launchTemplate": {"id": "shop-system-id", "version": "3"},
        "scalingConfig": {"minSize": 2, "desiredSize": 2, "maxSize": 4},
        "updateConfig": {"maxUnavailable": 1},
        "nodeRepairConfig": {"enabled": True},
        "labels": {"modelport.io/nodes": "system"},
        "tags": {"modelport:component": "shop", "Name": "shop-system"},
    }
    assert nodes.request["ignoreChanges"] == ["scalingConfig.desiredSize"]
    # Where nobody else moves them, what is said is what there is.
    assert "ignoreChanges" not in _plan(False, system_fixed_size=True).one(NODES).request


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"system_min": 3}, {"minSize": 3, "desiredSize": 3, "maxSize": 4}),
        ({"system_min": 6}, {"minSize": 6, "desiredSize": 6, "maxSize": 6}),
        ({"system_min": 1, "system_max": 1}, {"minSize": 1, "desiredSize": 1, "maxSize": 1}),
        ({"system_desired": 3}, {"minSize": 2, "desiredSize": 3, "maxSize": 4}),
    ],
)
def test_numbers_of_nodes_follow_what_is_said(more: Any, expected: dict[str, int]) -> None:
    assert _plan(**more).one(NODES).inputs["scalingConfig"] == expected


@pytest.mark.parametrize(
    ("region", "type_"),
    [("eu-central-1", "m6i.large"), ("eu-south-2", "m7i.large"), ("mx-central-1", "m7i.large")],
)
def test_the_usual_nodes_are_what_the_region_has(region: str, type_: str) -> None:
    assert _plan(region=region).one(NODES).inputs["instanceTypes"] == [type_]


def test_on_graviton_the_image_is_for_it() -> None:
    nodes = _plan(system_instance_types=["m7g.large", "m6g.large"]).one(NODES)
    assert nodes.inputs["amiType"] == "AL2023_ARM_64_STANDARD"


def test_what_it_tells() -> None:
    told = _made()
    config = json.loads(told.pop("kubeconfig"))
    assert told == {
        "name": "shop",
        "arn": "arn:aws:test:eu-central-1:123456789012:shop",
        "endpoint": "https://ABC.gr7.eu-central-1.eks.amazonaws.com",
        "certificate_authority": "Q0E=",
        "security_group_id": GROUP,
        "node_role_arn": "arn:aws:test:eu-central-1:123456789012:shop-nodes",
        "node_role_name": "shop-nodes",
        "version": "1.36",
        "key_arn": "arn:aws:test:eu-central-1:123456789012:shop-key",
        "log_group_name": "/aws/eks/shop/cluster",
    }
    assert config["clusters"] == [
        {
            "name": "shop",
            "cluster": {
                "server": "https://ABC.gr7.eu-central-1.eks.amazonaws.com",
                "certificate-authority-data": "Q0E=",
            },
        }
    ]
    (user,) = config["users"]
    assert set(user["user"]) == {"exec"}
    assert user["user"]["exec"]["command"] == "aws"
    assert " ".join(user["user"]["exec"]["args"]) == (
        "--region eu-central-1 eks get-token --output json --cluster-name shop"
    )
    assert config["current-context"] == "shop"


@pytest.mark.parametrize(
    ("output", "behind"),
    [
        ("name", {"shop-system"}),
        ("kubeconfig", {"shop-system", "shop-admin-deployer", "shop-coredns", "shop-aws-ebs-csi-driver"}),
    ],
)
def test_who_is_in_the_cluster_is_gone_before_its_nodes_and_volumes_are(output: str, behind: set[str]) -> None:
    def program() -> None:
        Topic("user", display_name=getattr(EksCluster("shop", HERE), output))

    assert behind <= plan(program).one("aws:sns/topic:Topic", "user").depends_on


def test_everything_that_takes_tags_has_them() -> None:
    found = _plan(tags={"team": "ml", "Name": "mine"}, private_access_cidrs=["10.8.0.0/16"])
    untagged = {ATTACHED, "aws:iam/rolePolicy:RolePolicy", "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"}
    for each in found.resources:
        if each.custom and each.type not in untagged:
            assert each.inputs["tags"] == {"modelport:component": "shop", "Name": "mine", "team": "ml"}, each.name


def test_in_govcloud_arns_are_of_its_partition() -> None:
    arn = "arn:aws-us-gov:iam::123456789012:role/deployer"
    found = _plan(region="us-gov-west-1", admins={"deployer": arn})
    assert all(each.inputs["policyArn"].startswith("arn:aws-us-gov:iam::aws:policy/") for each in found.all(ATTACHED))
    given = found.one("aws:eks/accessPolicyAssociation:AccessPolicyAssociation").inputs["policyArn"]
    assert given.startswith("arn:aws-us-gov:eks::aws:cluster-access-policy/")
