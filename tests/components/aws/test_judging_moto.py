"""What the components plan can be made on a simulated AWS and taken away again, and leaves nothing behind."""

from collections import Counter
from collections.abc import Iterator

import pytest
from pulumi_aws.ec2.subnet import Subnet
from pulumi_aws.ec2.vpc import Vpc
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy import RolePolicy
from pulumi_aws.iam.role_policy_attachment import RolePolicyAttachment

from tests.components.aws import judging, judging_moto
from tests.components.aws.judging_programs import everything
from tests.tools import aws


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    simulated = aws.start(tmp_path_factory.mktemp("moto"))
    yield simulated.url
    simulated.server.stop()


def test_all_of_it_is_made_and_nothing_stays(url: str) -> None:
    plan = judging.planned(everything)
    seen = judging_moto.lived(plan, url)
    assert seen.refused == []
    assert seen.missing == set(judging_moto.NOT_SIMULATED)
    known = Counter(each.type for each in plan.resources if each.type in judging_moto.THERE)
    # What tracks a target makes two alarms of its own; for SageMaker, moto makes none.
    policies = plan.all("aws:appautoscaling/policy:Policy")
    tracking = len([each for each in policies if each.inputs["serviceNamespace"] != "sagemaker"])
    assert seen.made == known + Counter({"aws:cloudwatch/metricAlarm:MetricAlarm": 2 * tracking})
    assert seen.left == []


def test_what_aws_refuses_and_what_stays_is_seen(url: str) -> None:
    def program() -> None:
        vpc = Vpc("net", cidr_block="10.0.0.0/16")
        Subnet("inside", vpc_id=vpc.id, cidr_block="10.0.0.0/24")
        Subnet("outside", vpc_id=vpc.id, cidr_block="10.9.0.0/24")
        role = Role("trusting", assume_role_policy='{"Version": "2012-10-17", "Statement": []}')
        RolePolicy("all", role=role.name, policy='{"Version": "2012-10-17", "Statement": [{"Effect": "Maybe"}]}')
        RolePolicyAttachment("guess", role=role.name, policy_arn="arn:aws:iam::aws:policy/AmazonGuess")

    seen = judging_moto.lived(judging.planned(program), url, keeping="inside")
    assert sorted(line.split(": ")[0] for line in seen.refused) == [
        "ec2.CreateSubnet outside",
        "ec2.DeleteVpc net",
        "iam.AttachRolePolicy guess",
        "iam.PutRolePolicy all",
    ]
    assert {"aws:ec2/subnet:Subnet", "aws:ec2/vpc:Vpc"} <= {line.split(" ")[0] for line in seen.left}
