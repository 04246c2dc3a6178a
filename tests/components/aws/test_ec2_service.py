"""A model on instances of EC2 as it would be registered: who may reach it, what it may do, and how it is released."""

import base64
import json
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.validate import ParamValidator
from pulumi_aws.ec2.vpc import Vpc

from components.aws.ec2_service import Ec2Service, Ec2ServiceArgs, Ec2Strategy
from components.aws.load_balancer import AwsLoadBalancer
from tests.components.aws import judging_models
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
ACCOUNT = "123456789012"
IMAGE = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/models/digits@sha256:{'0123456789ab' + '0' * 52}"
HERE: Ec2ServiceArgs = {
    "account_id": ACCOUNT,
    "region": "eu-central-1",
    "image": IMAGE,
    "vpc_id": "vpc-0123456789abcdef0",
    "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
}
BALANCED: Ec2ServiceArgs = {
    **HERE,
    "load_balancer": {
        "target_group_arn": f"arn:aws:elasticloadbalancing:eu-central-1:{ACCOUNT}:targetgroup/a/0123456789abcdef",
        "security_group_id": "sg-0123456789abcdef0",
        "arn_suffix": "app/digits/0123456789abcdef",
        "target_group_arn_suffix": "targetgroup/a/0123456789abcdef",
    },
}
FULL: Ec2ServiceArgs = {
    **BALANCED,
    "allowed_security_group_ids": ["sg-0123456789abcdef9"],
    "max": 8,
    "spot_percent": 50,
    "requests_target": 600,
    "latency_seconds": 0.25,
    "release": {"strategy": Ec2Strategy.CANARY, "steps": [{"weight": 10, "pause": 300}]},
}
GROUP = "aws:autoscaling/group:Group"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
REFRESH = "pulumi-python:dynamic/modelport:InstanceRefresh"


def told(_: Planned) -> dict[str, Any]:
    return {"latestVersion": 1}


def made_of(args: Ec2ServiceArgs, *, preview: bool = False, name: str = "digits") -> Plan:
    return plan(lambda: Ec2Service(name, args), preview=preview, outputs={TEMPLATE: told})


def files(found: Plan) -> dict[str, str]:
    """What an instance is given as it starts, by path."""
    text = base64.b64decode(found.one(TEMPLATE).inputs["userData"]).decode()
    first, _, rest = text.partition("\n")
    assert first == "#cloud-config"
    return {each["path"]: each["content"] for each in json.loads(rest)["write_files"]}


def _allowed(found: Plan) -> list[tuple[Any, Any]]:
    policy = json.loads(found.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])
    return [(each["Action"], each["Resource"]) for each in policy["Statement"]]


def _preferences(found: Plan) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(found.one(REFRESH).inputs["preferences"]))


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    made_of(FULL, preview=preview).holds(SNAPSHOTS / "ec2-service.txt")


def test_what_a_preview_cannot_know_is_left_unknown() -> None:
    def program() -> None:
        later: Any = Vpc("net", cidr_block="10.0.0.0/16").id
        balancer = {**cast("Any", BALANCED)["load_balancer"], "target_group_arn": later, "security_group_id": later}
        args = {**FULL, "image": later, "vpc_id": later, "subnet_ids": later, "load_balancer": balancer}
        Ec2Service("digits", cast("Ec2ServiceArgs", args))

    found = plan(program)
    assert found.one(TEMPLATE).inputs["userData"] == UNKNOWN
    assert found.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"] == UNKNOWN
    group = found.one(GROUP).inputs
    assert (group["vpcZoneIdentifiers"], group["targetGroupArns"]) == (UNKNOWN, [UNKNOWN])
    assert (group["name"], group["minSize"], group["maxSize"]) == ("digits", 2, 8)
    assert found.one(REFRESH).inputs["wanted"] == UNKNOWN


def test_an_instance_keeps_its_credentials_to_itself_and_has_no_address_outside() -> None:
    template = made_of(HERE).one(TEMPLATE).inputs
    assert template["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
        "instanceMetadataTags": "disabled",
    }
    (interface,) = template["networkInterfaces"]
    assert interface["associatePublicIpAddress"] == "false"
    # An interface that outlives its instance holds up the network's end.
    assert interface["deleteOnTermination"] == "true"
    assert interface["securityGroups"] == ["digits-id"]
    (disk,) = template["blockDeviceMappings"]
    assert disk["ebs"] == {"volumeType": "gp3", "encrypted": "true", "deleteOnTermination": "true", "volumeSize": 30}
    assert "keyName" not in template


def test_the_machine_image_is_looked_up_by_ec2_as_an_instance_starts() -> None:
    place = "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023"
    assert made_of(HERE).one(TEMPLATE).inputs["imageId"] == f"{place}/recommended/image_id"
    gpus = made_of({**HERE, "instance_types": ["g6.xlarge", "g5.xlarge"]})
    assert gpus.one(TEMPLATE).inputs["imageId"] == f"{place}/gpu/recommended/image_id"
    assert gpus.one(TEMPLATE).inputs["blockDeviceMappings"][0]["ebs"]["volumeSize"] == 100
    own = made_of({**HERE, "image_id": "ami-0123456789abcdef0"})
    assert own.one(TEMPLATE).inputs["imageId"] == "ami-0123456789abcdef0"


def test_an_instance_is_told_which_image_it_runs_by_digest() -> None:
    found = files(made_of({**HERE, "workers": 3, "env": {"MODELPORT_QUEUE": "16"}}))
    settings = found["/opt/modelport/settings"].splitlines()
    assert f"IMAGE={IMAGE}" in settings
    assert "REGISTRY=123456789012.dkr.ecr.eu-central-1.amazonaws.com" in settings
    assert "GPUS=no" in settings
    assert found["/opt/modelport/env"].splitlines() == [
        "MODELPORT_DRAIN_TIMEOUT=30",
        "MODELPORT_HOST=0.0.0.0",
        "MODELPORT_MAX_HELD_BYTES=67108864",
        "MODELPORT_PORT=8080",
        "MODELPORT_QUEUE=16",
        "MODELPORT_REVISION=0123456789ab",
        "MODELPORT_WORKERS=3",
    ]
    assert "GPUS=yes" in files(made_of({**HERE, "instance_types": ["g6.xlarge"]}))["/opt/modelport/settings"]


def test_an_instance_pulls_from_its_one_repository_and_speaks_for_itself_alone() -> None:
    found = made_of(HERE)
    assert _allowed(found) == [
        (["ecr:GetAuthorizationToken"], "*"),
        (
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/models/digits",
        ),
        (["logs:CreateLogStream", "logs:PutLogEvents"], f"arn:aws:test:eu-central-1:{ACCOUNT}:digits:*"),
        (
            ["autoscaling:CompleteLifecycleAction"],
            f"arn:aws:autoscaling:eu-central-1:{ACCOUNT}:autoScalingGroup:*:autoScalingGroupName/digits",
        ),
    ]
    assert found.one(GROUP).inputs["name"] == "digits"
    # An instance that starts before it may pull is given up.
    assert {"digits", "digits-out"} <= found.one(GROUP).depends_on
    needed = {urn.rpartition("$")[2] for urn in found.one(GROUP).request["dependencies"]}
    assert "aws:iam/rolePolicy:RolePolicy::digits" in needed


def test_a_shell_on_an_instance_is_asked_for_by_name() -> None:
    assert "CLOSED=amazon-ssm-agent" in files(made_of(HERE))["/opt/modelport/settings"]
    opened = made_of({**HERE, "allow_sessions": True})
    assert "CLOSED=''" in files(opened)["/opt/modelport/settings"]
    actions = {action for each, _ in _allowed(opened) for action in each} - {
        action for each, _ in _allowed(made_of(HERE)) for action in each
    }
    assert actions == {
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    }


def test_nobody_speaks_to_instances_but_the_load_balancer_and_who_is_named() -> None:
    found = made_of(FULL)
    rules = found.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert {(each.name, each.inputs["referencedSecurityGroupId"], each.inputs["fromPort"]) for each in rules} == {
        ("digits-balancer", "sg-0123456789abcdef0", 8080),
        ("digits-caller-0", "sg-0123456789abcdef9", 8080),
    }
    assert not made_of(HERE).all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")


def test_logs_are_encrypted_with_a_key_that_rotates_and_kept() -> None:
    found = made_of(HERE)
    assert found.one("aws:kms/key:Key").inputs["enableKeyRotation"] is True
    logs = found.one("aws:cloudwatch/logGroup:LogGroup").inputs
    assert (logs["kmsKeyId"], logs["retentionInDays"]) == (f"arn:aws:test:eu-central-1:{ACCOUNT}:digits", 365)
    own = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    assert not made_of({**HERE, "key_arn": own}).all("aws:kms/key:Key")


def test_the_group_stands_in_private_subnets_behind_its_load_balancer() -> None:
    group = made_of(FULL).one(GROUP).inputs
    assert group["vpcZoneIdentifiers"] == HERE["subnet_ids"]
    assert group["targetGroupArns"] == [cast("Any", BALANCED)["load_balancer"]["target_group_arn"]]
    assert group["healthCheckType"] == "ELB"
    assert group["maxInstanceLifetime"] == 30 * 86_400
    assert group["instanceMaintenancePolicy"] == {"minHealthyPercentage": 100, "maxHealthyPercentage": 150}
    assert group["terminationPolicies"] == ["AllocationStrategy", "OldestLaunchTemplate", "OldestInstance"]
    # With its end all instances have ended too, and their interfaces with them.
    assert "forceDelete" not in group
    assert made_of(HERE).one(GROUP).inputs["healthCheckType"] == "EC2"


def test_the_fewest_are_on_demand_and_a_part_of_the_rest_on_spot() -> None:
    found = made_of(FULL).one(GROUP).inputs
    policy = found["mixedInstancesPolicy"]
    assert policy["instancesDistribution"] == {
        "onDemandAllocationStrategy": "prioritized",
        "onDemandBaseCapacity": 2,
        "onDemandPercentageAboveBaseCapacity": 50,
        "spotAllocationStrategy": "price-capacity-optimized",
    }
    types = ["m7i.large", "m6i.large", "m5.large"]
    assert [each["instanceType"] for each in policy["launchTemplate"]["overrides"]] == types
    assert policy["launchTemplate"]["launchTemplateSpecification"] == {"launchTemplateId": "digits-id", "version": "1"}
    assert found["capacityRebalance"] is True
    usual = made_of(HERE).one(GROUP).inputs
    assert usual["mixedInstancesPolicy"]["instancesDistribution"]["onDemandPercentageAboveBaseCapacity"] == 100
    assert usual["capacityRebalance"] is False
    # m6i is not to be had everywhere.
    spain = made_of({**HERE, "region": "eu-south-2"}).one(GROUP).inputs["mixedInstancesPolicy"]["launchTemplate"]
    assert [each["instanceType"] for each in spain["overrides"]] == ["m7i.large", "m5.large"]


def test_instances_are_scaled_by_cpu_and_by_requests() -> None:
    found = made_of({**BALANCED, "min": 2, "desired": 3, "max": 8, "requests_target": 600, "cpu_target": 50})
    policies = {each.name: each.inputs for each in found.all("aws:autoscaling/policy:Policy")}
    assert policies["digits-cpu"]["targetTrackingConfiguration"] == {
        "targetValue": 50,
        "predefinedMetricSpecification": {"predefinedMetricType": "ASGAverageCPUUtilization"},
    }
    assert policies["digits-requests"]["targetTrackingConfiguration"] == {
        "targetValue": 600,
        "predefinedMetricSpecification": {
            "predefinedMetricType": "ALBRequestCountPerTarget",
            "resourceLabel": "app/digits/0123456789abcdef/targetgroup/a/0123456789abcdef",
        },
    }
    group = found.one(GROUP)
    assert (group.inputs["minSize"], group.inputs["desiredCapacity"], group.inputs["maxSize"]) == (2, 3, 8)
    assert "desiredCapacity" in group.request["ignoreChanges"]


def test_what_nothing_scales_is_as_many_as_was_said() -> None:
    found = made_of({**HERE, "min": 3})
    assert not found.all("aws:autoscaling/policy:Policy")
    group = found.one(GROUP)
    assert (group.inputs["minSize"], group.inputs["desiredCapacity"], group.inputs["maxSize"]) == (3, 3, 3)
    assert "desiredCapacity" not in group.request["ignoreChanges"]


def test_an_instance_counts_once_it_answers_and_goes_once_it_has_finished() -> None:
    found = made_of(HERE)
    hooks = {each.name: each.inputs for each in found.all("aws:autoscaling/lifecycleHook:LifecycleHook")}
    launching = hooks["digits-launching"]
    assert launching["lifecycleTransition"] == "autoscaling:EC2_INSTANCE_LAUNCHING"
    assert (launching["defaultResult"], launching["heartbeatTimeout"]) == ("ABANDON", 900)
    # The first instances, too.
    same = {key: value for key, value in launching.items() if key != "autoscalingGroupName"}
    assert found.one(GROUP).inputs["initialLifecycleHooks"] == [same]
    terminating = hooks["digits-terminating"]
    assert terminating["lifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    assert (terminating["defaultResult"], terminating["heartbeatTimeout"]) == ("CONTINUE", 180)


def test_a_new_version_is_a_refresh_of_the_instances_that_the_group_itself_is_not_told_of() -> None:
    found = made_of(FULL)
    group, refresh = found.one(GROUP), found.one(REFRESH)
    assert "mixedInstancesPolicy" in group.request["ignoreChanges"]
    assert "instanceRefresh" not in group.inputs
    assert (refresh.inputs["group"], refresh.inputs["account"], refresh.inputs["wait"]) == ("digits", ACCOUNT, True)
    assert json.loads(refresh.inputs["wanted"]) == {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateId": "digits-id", "Version": "1"},
            "Overrides": [{"InstanceType": each} for each in ("m7i.large", "m6i.large", "m5.large")],
        },
        "InstancesDistribution": {
            "OnDemandAllocationStrategy": "prioritized",
            "OnDemandBaseCapacity": 2,
            "OnDemandPercentageAboveBaseCapacity": 50,
            "SpotAllocationStrategy": "price-capacity-optimized",
        },
    }
    assert {"digits-launching", "digits-terminating"} <= refresh.depends_on


def test_a_canary_is_the_checkpoints_of_the_refresh_and_alarms_end_it() -> None:
    found = made_of(FULL)
    assert _preferences(found) == {
        "MinHealthyPercentage": 100,
        "MaxHealthyPercentage": 150,
        "SkipMatching": True,
        "ScaleInProtectedInstances": "Refresh",
        "StandbyInstances": "Ignore",
        "BakeTime": 60,
        "CheckpointPercentages": [10, 100],
        "CheckpointDelay": 300,
        "AutoRollback": False,
        "AlarmSpecification": {"Alarms": ["digits-errors", "digits-slow"]},
    }
    alarms = found.all("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert {each.name for each in alarms} == {"digits-errors", "digits-slow"}
    steps = [{"weight": each, "pause": 120} for each in (25, 50, 100)]
    several = made_of(cast("Any", {**HERE, "release": {"strategy": "canary", "steps": steps, "pause": 0}}))
    known = _preferences(several)
    assert (known["CheckpointPercentages"], known["CheckpointDelay"]) == ([25, 50, 100], 120)
    assert not {"BakeTime", "AlarmSpecification"} & set(known)


def test_a_rolling_release_goes_through_and_aws_rolls_back_to_an_image_that_it_knows() -> None:
    rolling = _preferences(made_of({**HERE, "alarm_names": ["mine"]}))
    assert not {"CheckpointPercentages", "CheckpointDelay", "BakeTime"} & set(rolling)
    assert (rolling["AlarmSpecification"], rolling["AutoRollback"]) == ({"Alarms": ["mine"]}, False)
    own = made_of({**HERE, "image_id": "ami-0123456789abcdef0", "wait": False})
    assert _preferences(own)["AutoRollback"] is True
    assert own.one(REFRESH).inputs["wait"] is False


def test_aws_s_own_model_takes_what_a_refresh_is_asked_for() -> None:
    found = made_of(FULL).one(REFRESH).inputs
    call = judging_models.session().get_service_model("autoscaling").operation_model("StartInstanceRefresh")
    asked = {
        "AutoScalingGroupName": "digits",
        "DesiredConfiguration": {"MixedInstancesPolicy": json.loads(found["wanted"])},
        "Preferences": json.loads(found["preferences"]),
    }
    assert not ParamValidator().validate(asked, call.input_shape).generate_report()
    wrong = {**asked, "Preferences": {**asked["Preferences"], "Baking": 1, "CheckpointDelay": -1}}
    said = ParamValidator().validate(wrong, call.input_shape).generate_report()
    assert 'Unknown parameter in Preferences: "Baking"' in said
    assert "Invalid value for parameter Preferences.CheckpointDelay, value: -1" in said


def test_a_load_balancer_leads_to_instances_when_it_is_told_so() -> None:
    about: Any = {
        **{key: HERE[key] for key in ("account_id", "region", "vpc_id", "subnet_ids")},  # type: ignore[literal-required]  # they are its keys
        "hostname": "models.example.com",
        "zone_name": "example.com",
        "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
        "client_cidrs": ["10.0.0.0/16"],
    }
    group = "aws:lb/targetGroup:TargetGroup"
    found = plan(lambda: AwsLoadBalancer("front", {**about, "instance_targets": True})).one(group).inputs
    assert (found["targetType"], found["port"]) == ("instance", 8080)
    assert plan(lambda: AwsLoadBalancer("front", about)).one(group).inputs["targetType"] == "ip"


def test_everything_is_tagged() -> None:
    found = made_of({**FULL, "tags": {"team": "ml"}})
    bare = {"aws:iam/rolePolicy:RolePolicy", "aws:autoscaling/policy:Policy",
            "aws:autoscaling/lifecycleHook:LifecycleHook", REFRESH}  # fmt: skip
    for each in found.resources:
        tags = {"modelport:component": "digits", "Name": each.name, "team": "ml"}
        if each.type == GROUP:
            assert {one["key"]: one["value"] for one in each.inputs["tags"]} == tags
        elif each.custom and each.type not in bare:
            assert each.inputs["tags"] == tags, each.urn
    kinds = {each["resourceType"]: each["tags"]["team"] for each in found.one(TEMPLATE).inputs["tagSpecifications"]}
    assert kinds == dict.fromkeys(("instance", "volume", "network-interface"), "ml")
