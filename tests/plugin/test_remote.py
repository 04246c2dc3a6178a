"""Components that a program asks the plugin for: the plan is that of a program in Python that makes them itself."""

import json
import textwrap
from typing import Any

import pytest

from engine.api import Options
from tests.engine.conftest import Place, Told
from tests.plugin.conftest import REMOTE

ABOUT = """
account = "123456789012"
image = f"{account}.dkr.ecr.eu-central-1.amazonaws.com/models/digits@sha256:{'0' * 64}"
"""
AWS = (
    """
from components.aws import AwsEndpoint, AwsLoadBalancer, AwsNetwork, EcsCapacity, EcsService, EcsStrategy

net = AwsNetwork("net", {"account_id": account, "region": "eu-central-1", "cidr": "10.20.0.0/16",
    "zones": ["eu-central-1a", "eu-central-1b"], "endpoints": [AwsEndpoint.S3, AwsEndpoint.SECRETS_MANAGER],
    "flow_log_days": 30, "tags": {"team": pulumi.Output.secret("ml")}})
way = AwsLoadBalancer("way", {"account_id": account, "region": "eu-central-1", "vpc_id": net.vpc_id,
    "subnet_ids": net.public_subnet_ids, "hostname": "models.example.com", "zone_name": "example.com",
    "hosted_zone_id": "Z0123456789ABCDEFGHIJ", "client_cidrs": ["192.0.2.0/24"]})
served = EcsService("digits", {"account_id": account, "region": "eu-central-1", "image": image, "vpc_id": net.vpc_id,
    "subnet_ids": net.private_subnet_ids, "capacity": EcsCapacity.FARGATE, "max": 4, "requests_target": 600,
    "load_balancer": {"target_group_arn": way.target_group_arn, "security_group_id": way.security_group_id,
        "rule_arn": way.rule_arn, "alternate_target_group_arn": way.alternate_target_group_arn,
        "arn_suffix": way.arn_suffix, "target_group_arn_suffix": way.target_group_arn_suffix,
        "alternate_target_group_arn_suffix": way.alternate_target_group_arn_suffix},
    "release": {"strategy": EcsStrategy.CANARY, "steps": [{"weight": 10, "pause": 300}]},
    "env": {"MODE": pulumi.Output.secret("hush")}}, pulumi.ResourceOptions(protect=True))
pulumi.export("cluster", served.cluster_name)
""",
    """
net = Component("AwsNetwork", "net", {"accountId": account, "region": "eu-central-1", "cidr": "10.20.0.0/16",
    "zones": ["eu-central-1a", "eu-central-1b"], "endpoints": ["s3", "secretsmanager"],
    "flowLogDays": 30, "tags": {"team": pulumi.Output.secret("ml")}},
    outputs=("vpcId", "publicSubnetIds", "privateSubnetIds"))
way = Component("AwsLoadBalancer", "way", {"accountId": account, "region": "eu-central-1", "vpcId": net.vpcId,
    "subnetIds": net.publicSubnetIds, "hostname": "models.example.com", "zoneName": "example.com",
    "hostedZoneId": "Z0123456789ABCDEFGHIJ", "clientCidrs": ["192.0.2.0/24"]},
    outputs=("targetGroupArn", "securityGroupId", "ruleArn", "alternateTargetGroupArn", "arnSuffix",
        "targetGroupArnSuffix", "alternateTargetGroupArnSuffix"))
served = Component("EcsService", "digits", {"accountId": account, "region": "eu-central-1", "image": image,
    "vpcId": net.vpcId, "subnetIds": net.privateSubnetIds, "capacity": "fargate", "max": 4, "requestsTarget": 600,
    "loadBalancer": {"targetGroupArn": way.targetGroupArn, "securityGroupId": way.securityGroupId,
        "ruleArn": way.ruleArn, "alternateTargetGroupArn": way.alternateTargetGroupArn,
        "arnSuffix": way.arnSuffix, "targetGroupArnSuffix": way.targetGroupArnSuffix,
        "alternateTargetGroupArnSuffix": way.alternateTargetGroupArnSuffix},
    "release": {"strategy": "canary", "steps": [{"weight": 10, "pause": 300}]},
    "env": {"MODE": pulumi.Output.secret("hush")}}, pulumi.ResourceOptions(protect=True), outputs=("clusterName",))
pulumi.export("cluster", served.clusterName)
""",
)
KUBERNETES = (
    """
from components.kubernetes import ModelNamespace, ModelService, ModelServiceType

space = ModelNamespace("models", {})
served = ModelService("digits", {"namespace": space.name, "image": image, "replicas": 2, "max_replicas": 5,
    "resources": {"cpu": "500m", "memory_limit": pulumi.Output.secret("1Gi")}, "type": ModelServiceType.NODE_PORT,
    "metrics": {"bytes": 1000, "p50_ms": 1.5}, "tolerations": [{"key": "gpu", "tolerationSeconds": 30}]})
pulumi.export("url", served.url)
""",
    """
space = Component("ModelNamespace", "models", {}, outputs=("name",))
served = Component("ModelService", "digits", {"namespace": space.name, "image": image, "replicas": 2,
    "maxReplicas": 5, "resources": {"cpu": "500m", "memoryLimit": pulumi.Output.secret("1Gi")}, "type": "NodePort",
    "metrics": {"bytes": 1000, "p50_ms": 1.5}, "tolerations": [{"key": "gpu", "tolerationSeconds": 30}]},
    outputs=("url",))
pulumi.export("url", served.url)
""",
)


def planned(project: Place, program: str) -> dict[str, Any]:
    """What a preview without credentials would make: inputs and parent by URN."""
    project.program(REMOTE + ABOUT + textwrap.dedent(program))
    told = Told()
    outcome = project.engine().preview(Options(), told.events.append)
    assert outcome.exit_code == 0, outcome.error
    steps = [event["resourcePreEvent"]["metadata"] for event in told.events if "resourcePreEvent" in event]
    return {
        each["urn"]: json.dumps(
            [each["new"]["inputs"], each["new"]["parent"], each["new"].get("protect")], indent=1, sort_keys=True
        )
        for each in steps
        if not each["type"].startswith(("modelport:", "pulumi:"))
    }


@pytest.mark.parametrize("programs", [AWS, KUBERNETES], ids=["aws", "kubernetes"])
def test_a_program_that_asks_the_plugin_has_the_plan_of_one_that_makes_them_itself(
    project: Place, programs: tuple[str, str]
) -> None:
    direct, remote = (planned(project, program) for program in programs)
    assert len(direct) > 4
    assert remote == direct


MISTAKES = {
    "missing": ("EcrRegistry", "{}", "EcrRegistry.accountId is missing, expected a value; write accountId: ..."),
    "unknown": (
        "AwsNetwork",
        "{'acountId': account, 'region': 'eu-central-1'}",
        "AwsNetwork has no argument 'acountId', did you mean accountId",
    ),
    "choice": (
        "AwsNetwork",
        "{'accountId': account, 'region': 'eu-central-1', 'endpoints': ['s4']}",
        "AwsNetwork.endpoints[0] is 's4', expected one of s3, ",
    ),
    "type": (
        "AwsNetwork",
        "{'accountId': account, 'region': 'eu-central-1', 'flowLogDays': 'many'}",
        "AwsNetwork.flowLogDays is 'many', expected a whole number; write one",
    ),
    "a whole of a part": (
        "AwsNetwork",
        "{'accountId': account, 'region': 'eu-central-1', 'flowLogDays': 1.5}",
        "AwsNetwork.flowLogDays is 1.5, expected a whole number; write one",
    ),
    "the component's own": (
        "AwsNetwork",
        "{'accountId': account, 'region': 'eu-central-1', 'privateCidrs': ['10.0.0.0/18']}",
        "AwsNetwork.publicCidrs is None, expected a network for each zone, as privateCidrs has; write publicCidrs: ...",
    ),
    "too early": (
        "AwsNetwork",
        "{'accountId': account, 'region': Component('AwsNetwork', 'first', {'accountId': account,"
        " 'region': 'eu-central-1', 'zones': ['eu-central-1a', 'eu-central-1b']}, outputs=('vpcId',)).vpcId}",
        "AwsNetwork.region is not known before the `up`, expected a value: it decides what is made; write one",
    ),
    "no component": (
        "AwsNetwrok",
        "{}",
        "modelport:index:AwsNetwrok is no component of modelport, did you mean Aws",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_line_in_the_words_of_the_caller(project: Place, mistake: str) -> None:
    kind, args, expected = MISTAKES[mistake]
    project.program(f"{REMOTE}{ABOUT}Component({kind!r}, 'one', {args})\n")
    outcome = project.engine().preview()
    assert outcome.exit_code == 1
    # Pulumi's SDK of the program tells where the program asked; nothing is told of the plugin's own code.
    assert outcome.error.splitlines()[-1].startswith(f"Exception: {expected}")
    assert "components/" not in outcome.error
