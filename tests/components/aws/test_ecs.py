"""A model in ECS as it would be registered: who may reach it, what it may do, and what it runs on."""

import base64
import http.server
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, cast

import pytest
from pulumi_aws.ec2.vpc import Vpc

from components.aws import ecs_sizes
from components.aws.ecs import EcsCapacity, EcsService, EcsServiceArgs
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
ACCOUNT = "123456789012"
IMAGE = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/models/digits@sha256:{'0123456789ab' + '0' * 52}"
HERE: EcsServiceArgs = {
    "account_id": ACCOUNT,
    "region": "eu-central-1",
    "image": IMAGE,
    "vpc_id": "vpc-0123456789abcdef0",
    "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
}
BALANCED: EcsServiceArgs = {
    **HERE,
    "load_balancer": {
        "target_group_arn": f"arn:aws:elasticloadbalancing:eu-central-1:{ACCOUNT}:targetgroup/a/0123456789abcdef",
        "security_group_id": "sg-0123456789abcdef0",
        "arn_suffix": "app/digits/0123456789abcdef",
        "target_group_arn_suffix": "targetgroup/a/0123456789abcdef",
    },
}
GPUS: EcsServiceArgs = {**HERE, "capacity": EcsCapacity.GPU_INSTANCES, "instance_types": ["g6.xlarge", "g6.2xlarge"]}
FULL: EcsServiceArgs = {
    **BALANCED,
    "namespace_id": "ns-0123456789abcdef",
    "allowed_security_group_ids": ["sg-0123456789abcdef9"],
    "max": 8,
    "requests_target": 600,
    "latency_seconds": 0.25,
}


def _told(_: Planned) -> dict[str, Any]:
    return {"latestVersion": 1}


def made_of(args: EcsServiceArgs, *, preview: bool = False, name: str = "digits") -> Plan:
    return plan(
        lambda: EcsService(name, args), preview=preview, outputs={"aws:ec2/launchTemplate:LaunchTemplate": _told}
    )


def _container(found: Plan) -> dict[str, Any]:
    (only,) = json.loads(found.one("aws:ecs/taskDefinition:TaskDefinition").inputs["containerDefinitions"])
    return cast("dict[str, Any]", only)


def _allowed(found: Plan, name: str) -> list[dict[str, Any]]:
    policy = found.one("aws:iam/rolePolicy:RolePolicy", name).inputs["policy"]
    return cast("list[Any]", json.loads(policy)["Statement"])


def _service(found: Plan) -> dict[str, Any]:
    return found.one("aws:ecs/service:Service").inputs


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(
    ("name", "args"),
    [("ecs-fargate", FULL), ("ecs-gpus", {**GPUS, "spot_percent": 50, "max": 4})],
    ids=["fargate", "gpus"],
)
def test_names_and_parents_stay(name: str, args: EcsServiceArgs, preview: bool) -> None:
    made_of(args, preview=preview).holds(SNAPSHOTS / f"{name}.txt")


def test_what_a_preview_cannot_know_is_left_unknown() -> None:
    def program() -> None:
        later: Any = Vpc("net", cidr_block="10.0.0.0/16").id
        told = {**cast("Any", BALANCED)["load_balancer"], "target_group_arn": later, "security_group_id": later}
        args = {**FULL, "image": later, "vpc_id": later, "subnet_ids": later, "metrics": later, "load_balancer": told}
        EcsService("digits", cast("EcsServiceArgs", args))

    found = plan(program)
    task = found.one("aws:ecs/taskDefinition:TaskDefinition").inputs
    assert (task["cpu"], task["memory"], task["containerDefinitions"]) == (UNKNOWN, UNKNOWN, UNKNOWN)
    assert found.one("aws:iam/rolePolicy:RolePolicy", "digits-execution").inputs["policy"] == UNKNOWN
    service = _service(found)
    assert service["networkConfiguration"]["subnets"] == UNKNOWN
    assert service["loadBalancers"][0]["targetGroupArn"] == UNKNOWN
    assert service["desiredCount"] == 2


def test_a_container_is_confined() -> None:
    found = _container(made_of(HERE))
    assert found["image"] == IMAGE
    assert found["readonlyRootFilesystem"] is True
    assert found["privileged"] is False
    assert found["user"] == "65532:65532"
    assert found["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    scratch = {"containerPath": "/tmp", "size": 64, "mountOptions": ["rw", "noexec", "nosuid", "nodev"]}
    assert found["linuxParameters"]["tmpfs"] == [scratch]
    assert found["portMappings"] == [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}]
    assert {"name": "MODELPORT_REVISION", "value": "0123456789ab"} in found["environment"]
    # It drains within that.
    assert found["stopTimeout"] == 60


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_asks_whether_the_server_lives(status: int, code: int) -> None:
    asked: list[str] = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    check = _container(made_of(HERE))["healthCheck"]
    kind, python, *rest = check["command"]
    assert (kind, python, check["startPeriod"]) == ("CMD", "/usr/bin/python3.11", 300)
    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        here = [each.replace("8080", str(server.server_port)) for each in rest]
        ran = subprocess.run([sys.executable, *here], check=False)
        server.shutdown()
        thread.join()
    assert (ran.returncode, asked) == (code, ["/v2/health/live"])


def test_a_task_pulls_from_its_one_repository_and_writes_to_its_one_log() -> None:
    found = made_of(HERE)
    repository = f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/models/digits"
    logs = f"arn:aws:test:eu-central-1:{ACCOUNT}:digits:*"
    assert [(each["Action"], each["Resource"]) for each in _allowed(found, "digits-execution")] == [
        (["ecr:GetAuthorizationToken"], "*"),
        (["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], repository),
        (["logs:CreateLogStream", "logs:PutLogEvents"], logs),
    ]
    # Its own role may do nothing.
    (policy,) = found.all("aws:iam/rolePolicy:RolePolicy")
    assert policy.inputs["role"] == "digits-execution"
    for role in found.all("aws:iam/role:Role"):
        (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        assert trust["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert trust["Condition"] == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:eu-central-1:{ACCOUNT}:*"},
        }
    # A service that is made before its role may pull fails at once.
    assert "digits-execution" in found.one("aws:ecs/service:Service").depends_on


def test_an_identity_of_ones_own_takes_the_place_of_the_one_that_may_do_nothing() -> None:
    found = made_of({**HERE, "task_role_arn": f"arn:aws:iam::{ACCOUNT}:role/digits"})
    assert found.one("aws:ecs/taskDefinition:TaskDefinition").inputs["taskRoleArn"].endswith(":role/digits")
    assert [each.name for each in found.all("aws:iam/role:Role")] == ["digits-execution"]


def test_everything_that_is_kept_is_encrypted_with_a_key_that_rotates() -> None:
    found = made_of(HERE)
    key = found.one("aws:kms/key:Key")
    assert key.inputs["enableKeyRotation"] is True
    arn = f"arn:aws:test:eu-central-1:{ACCOUNT}:digits"
    logs = {each.name: each.inputs for each in found.all("aws:cloudwatch/logGroup:LogGroup")}
    assert {(name, each["kmsKeyId"], each["retentionInDays"]) for name, each in logs.items()} == {
        ("digits", arn, 365),
        ("digits-sessions", arn, 365),
    }
    cluster = found.one("aws:ecs/cluster:Cluster").inputs
    assert cluster["name"] == "digits"
    assert cluster["settings"] == [{"name": "containerInsights", "value": "enhanced"}]
    assert cluster["configuration"] == {
        "executeCommandConfiguration": {
            "kmsKeyId": arn,
            "logging": "OVERRIDE",
            "logConfiguration": {"cloudWatchEncryptionEnabled": True, "cloudWatchLogGroupName": "digits-sessions"},
        },
        "managedStorageConfiguration": {"fargateEphemeralStorageKmsKeyId": arn},
    }
    users = {each["Sid"]: each for each in json.loads(key.inputs["policy"])["Statement"]}
    context = {
        "kms:EncryptionContext:aws:ecs:clusterAccount": ACCOUNT,
        "kms:EncryptionContext:aws:ecs:clusterName": "digits",
    }
    assert set(users) == {"Administration", "Logs", "Disks", "Grants"}
    assert users["Disks"]["Condition"]["StringEquals"] == users["Grants"]["Condition"]["StringEquals"] == context
    assert not any("kms:Decrypt" in each["Action"] for word, each in users.items() if word != "Logs")


def test_a_key_of_ones_own_is_taken() -> None:
    arn = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    found = made_of({**HERE, "key_arn": arn})
    assert not found.all("aws:kms/key:Key")
    assert {each.inputs["kmsKeyId"] for each in found.all("aws:cloudwatch/logGroup:LogGroup")} == {arn}


def test_nobody_speaks_to_a_task_but_the_load_balancer() -> None:
    found = made_of(BALANCED)
    (ingress,) = found.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert ingress.inputs["securityGroupId"] == "digits-id"
    assert ingress.inputs["referencedSecurityGroupId"] == "sg-0123456789abcdef0"
    assert (ingress.inputs["fromPort"], ingress.inputs["toPort"]) == (8080, 8080)
    ways = {each.name: each.inputs for each in found.all("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")}
    assert ways["digits-balancer"]["securityGroupId"] == "sg-0123456789abcdef0"
    assert ways["digits-balancer"]["referencedSecurityGroupId"] == "digits-id"
    assert (ways["digits-out"]["fromPort"], ways["digits-out"]["toPort"]) == (443, 443)
    assert len(ways) == 2
    service = _service(found)
    assert service["networkConfiguration"]["assignPublicIp"] is False
    assert service["enableExecuteCommand"] is False


def test_without_a_load_balancer_nobody_does() -> None:
    assert not made_of(HERE).all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")


def test_callers_that_are_named_may() -> None:
    found = made_of({**HERE, "allowed_security_group_ids": ["sg-0123456789abcdef9"], "namespace_id": "ns-0123456789ab"})
    rule = found.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "digits-caller-0")
    assert rule.inputs["referencedSecurityGroupId"] == "sg-0123456789abcdef9"
    names = found.one("aws:servicediscovery/service:Service").inputs
    assert names["name"] == "digits"
    assert names["dnsConfig"]["namespaceId"] == "ns-0123456789ab"
    assert _service(found)["serviceRegistries"]["registryArn"].endswith(":digits")


def test_tasks_of_the_model_are_as_large_as_it_needs() -> None:
    small = made_of(HERE).one("aws:ecs/taskDefinition:TaskDefinition").inputs
    assert (small["cpu"], small["memory"]) == ("256", "512")
    large = made_of({**HERE, "metrics": {"bytes": 1.5 * 2**30, "p50_ms": 40}, "requests_per_second": 40, "workers": 2})
    task = large.one("aws:ecs/taskDefinition:TaskDefinition").inputs
    assert (task["cpu"], task["memory"]) == ("2048", "7168")
    given = made_of({**HERE, "cpu": 1024, "memory": 3072, "metrics": {"bytes": 2**33}})
    task = given.one("aws:ecs/taskDefinition:TaskDefinition").inputs
    assert (task["cpu"], task["memory"]) == ("1024", "3072")


def test_the_pairs_of_fargate() -> None:
    assert {cpu: (len(each), each[0], each[-1]) for cpu, each in ecs_sizes.FARGATE.items()} == {
        256: (3, 512, 2048),
        512: (4, 1024, 4096),
        1024: (7, 2048, 8192),
        2048: (13, 4096, 16384),
        4096: (23, 8192, 30720),
        8192: (12, 16384, 61440),
        16384: (12, 32768, 122880),
    }


def test_fargate_takes_what_must_be_there_on_demand_and_a_part_of_the_rest_on_spot() -> None:
    usual = _service(made_of({**HERE, "max": 9}))
    assert usual["capacityProviderStrategies"] == [{"capacityProvider": "FARGATE", "base": 2, "weight": 100}]
    assert "launchType" not in usual
    assert _service(made_of({**HERE, "max": 9, "spot_percent": 75}))["capacityProviderStrategies"] == [
        {"capacityProvider": "FARGATE", "base": 2, "weight": 25},
        {"capacityProvider": "FARGATE_SPOT", "weight": 75},
    ]


def test_instances_with_gpus_come_and_go_with_tasks() -> None:
    found = made_of({**GPUS, "spot_percent": 50, "max": 4})
    providers = {each.name: each for each in found.all("aws:ecs/capacityProvider:CapacityProvider")}
    assert set(providers) == {"digits-gpu", "digits-gpu-spot"}
    for each in providers.values():
        about = each.inputs["autoScalingGroupProvider"]
        assert about["managedScaling"] == {"status": "ENABLED", "targetCapacity": 100}
        assert (about["managedTerminationProtection"], about["managedDraining"]) == ("ENABLED", "ENABLED")
    groups = {each.name: each for each in found.all("aws:autoscaling/group:Group")}
    for name, each in groups.items():
        asked = each.inputs
        assert (asked["minSize"], asked["maxSize"], asked["protectFromScaleIn"]) == (0, 8, True)
        assert each.request["ignoreChanges"] == ["desiredCapacity"]
        assert {"key": "AmazonECSManaged", "value": "", "propagateAtLaunch": True} in asked["tags"]
        spread = asked["mixedInstancesPolicy"]["instancesDistribution"]
        assert spread["onDemandPercentageAboveBaseCapacity"] == (0 if name.endswith("spot") else 100)
        kinds = asked["mixedInstancesPolicy"]["launchTemplate"]["overrides"]
        assert [kind["instanceType"] for kind in kinds] == ["g6.xlarge", "g6.2xlarge"]
    assert _service(found)["capacityProviderStrategies"] == [
        {"capacityProvider": "digits-gpu", "base": 2, "weight": 50},
        {"capacityProvider": "digits-gpu-spot", "weight": 50},
    ]
    settled = found.one("aws:ecs/clusterCapacityProviders:ClusterCapacityProviders")
    assert settled.inputs["capacityProviders"] == ["digits-gpu", "digits-gpu-spot"]
    # Gone in the other order: the service, what it may use, the groups, and the cluster that instances are in.
    assert "digits" in found.one("aws:ecs/service:Service").depends_on
    assert settled.urn in found.one("aws:ecs/service:Service").request["dependencies"]


def test_an_instance_keeps_its_credentials_to_itself() -> None:
    template = made_of(GPUS).one("aws:ec2/launchTemplate:LaunchTemplate").inputs
    assert template["imageId"] == (
        "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id"
    )
    assert template["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
        "instanceMetadataTags": "disabled",
    }
    (disk,) = template["blockDeviceMappings"]
    assert (disk["ebs"]["volumeType"], disk["ebs"]["encrypted"], disk["ebs"]["volumeSize"]) == ("gp3", "true", 100)
    told = base64.b64decode(template["userData"]).decode().splitlines()
    assert "ECS_CLUSTER=digits" in told
    assert "ECS_AWSVPC_BLOCK_IMDS=true" in told
    assert "ECS_DISABLE_PRIVILEGED=true" in told


def test_an_instance_may_join_its_cluster_alone() -> None:
    found = made_of(GPUS)
    cluster = f"arn:aws:test:eu-central-1:{ACCOUNT}:digits"
    for each in _allowed(found, "digits-gpu"):
        if each["Action"] == ["ecs:DiscoverPollEndpoint"]:
            assert each["Resource"] == "*"
        else:
            assert each["Resource"].startswith(cluster)
        assert not any("*" in action for action in each["Action"])
    assert not found.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")


def test_a_task_with_a_gpu_is_none_of_fargates() -> None:
    found = made_of({**GPUS, "gpus": 1})
    task = found.one("aws:ecs/taskDefinition:TaskDefinition").inputs
    assert task["requiresCompatibilities"] == ["EC2"]
    container = _container(found)
    assert container["resourceRequirements"] == [{"type": "GPU", "value": "1"}]
    assert container["dockerSecurityOptions"] == ["no-new-privileges"]
    assert "platformVersion" not in _service(found)
    usual = made_of(HERE)
    assert usual.one("aws:ecs/taskDefinition:TaskDefinition").inputs["requiresCompatibilities"] == ["FARGATE"]
    assert not {"resourceRequirements", "dockerSecurityOptions"} & set(_container(usual))


def test_tasks_are_scaled_by_cpu_and_by_requests() -> None:
    found = made_of({**BALANCED, "min": 2, "desired": 3, "max": 8, "requests_target": 600, "cpu_target": 50})
    target = found.one("aws:appautoscaling/target:Target").inputs
    assert (target["minCapacity"], target["maxCapacity"]) == (2, 8)
    assert target["resourceId"] == "service/digits/digits"
    policies = {
        each.name: each.inputs["targetTrackingScalingPolicyConfiguration"]
        for each in found.all("aws:appautoscaling/policy:Policy")
    }
    assert policies["digits-cpu"]["targetValue"] == 50
    assert policies["digits-cpu"]["predefinedMetricSpecification"] == {
        "predefinedMetricType": "ECSServiceAverageCPUUtilization"
    }
    assert policies["digits-requests"]["targetValue"] == 600
    assert policies["digits-requests"]["predefinedMetricSpecification"] == {
        "predefinedMetricType": "ALBRequestCountPerTarget",
        "resourceLabel": "app/digits/0123456789abcdef/targetgroup/a/0123456789abcdef",
    }
    service = found.one("aws:ecs/service:Service")
    assert service.inputs["desiredCount"] == 3
    assert service.request["ignoreChanges"] == ["desiredCount"]


def test_what_nothing_scales_is_as_many_as_was_said() -> None:
    found = made_of({**HERE, "min": 3})
    assert not found.all("aws:appautoscaling/target:Target")
    service = found.one("aws:ecs/service:Service")
    assert service.inputs["desiredCount"] == 3
    assert "ignoreChanges" not in service.request


def test_everything_is_tagged() -> None:
    found = made_of({**FULL, "tags": {"team": "ml"}})
    bare = {"aws:ecs/clusterCapacityProviders:ClusterCapacityProviders", "aws:iam/rolePolicy:RolePolicy",
            "aws:appautoscaling/policy:Policy"}  # fmt: skip
    for each in found.resources:
        if each.custom and each.type not in bare:
            tags = {"modelport:component": "digits", "Name": each.name, "team": "ml"}
            assert each.inputs["tags"] == tags, each.urn
