"""What the components plan fits AWS's own models of what is called, and the models see what does not."""

from typing import Any

import pytest

from tests.components.aws import judging, judging_models
from tests.components.aws.judging_programs import PROGRAMS
from tests.components.planned import Plan, Planned

CLUSTER = "aws:eks/cluster:Cluster"
BARE = {"roleArn": "arn:aws:iam::123456789012:role/a", "vpcConfig": {"subnetIds": ["subnet-1", "subnet-2"]}}


@pytest.mark.parametrize("name", PROGRAMS)
def test_aws_s_own_models_have_nothing_against_it(name: str) -> None:
    assert judging_models.refused(judging.planned(PROGRAMS[name])) == []


@pytest.mark.parametrize(
    ("token", "inputs", "said"),
    [
        (
            CLUSTER,
            {**BARE, "upgradePolicy": {"supportType": "NEVER"}},
            "eks.CreateCluster a: upgradePolicy.supportType is 'NEVER', expected one of STANDARD, EXTENDED",
        ),
        (
            CLUSTER,
            {**BARE, "enabledClusterLogTypes": ["api", "sound"]},
            "eks.CreateCluster a: logging.clusterLogging[0].types[1] is 'sound', "
            "expected one of api, audit, authenticator, controllerManager, scheduler",
        ),
        (
            CLUSTER,
            {**BARE, "name": "-shop"},
            r"eks.CreateCluster a: name is '-shop', expected ^[0-9A-Za-z][A-Za-z0-9\-_]*",
        ),
        (CLUSTER, {"roleArn": "a"}, "eks.CreateCluster a: resourcesVpcConfig is missing"),
        (CLUSTER, {**BARE, "vpcConfig": {"subnets": []}}, f"{CLUSTER} a: CreateCluster takes no vpcConfig.subnets"),
        (
            "aws:kms/key:Key",
            {"enableKeyRotation": True, "rotationPeriodInDays": 30},
            "kms.EnableKeyRotation a: RotationPeriodInDays is 30, expected 90 to 2560",
        ),
        (
            "aws:cloudwatch/logGroup:LogGroup",
            {"name": "of digits"},
            r"logs.CreateLogGroup a: logGroupName is 'of digits', expected [\.\-_/#A-Za-z0-9]+",
        ),
        (
            "aws:iam/role:Role",
            {"assumeRolePolicy": "{}", "tags": {"a": "*"}},
            r"iam.CreateRole a: Tags[0].Value is '*', expected [\p{L}\p{Z}\p{N}_.:/=+\-@]*",
        ),
        ("aws:iam/role:Role", {"name": "a" * 65, "assumeRolePolicy": "{}"},
         "iam.CreateRole a: RoleName is 65 long, expected 1 to 64"),
        ("aws:quicksight/theme:Theme", {}, "aws:quicksight/theme:Theme is in no table"),
    ],
)  # fmt: skip
def test_a_value_that_aws_would_refuse_is_seen(token: str, inputs: dict[str, Any], said: str) -> None:
    planned = Planned(token, "a", f"urn:pulumi:test::shop::{token}::a", "", True, inputs, {})
    assert judging_models.refused(Plan([planned])) == [said]
