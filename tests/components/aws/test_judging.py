"""What the components plan on AWS is right to judges that we did not write, and the judges see what is wrong."""

from typing import Any

import pulumi
import pytest
from pulumi_aws.ec2.security_group import SecurityGroup
from pulumi_aws.ec2.subnet import Subnet
from pulumi_aws.ec2.vpc import Vpc
from pulumi_aws.ecr.repository import Repository
from pulumi_aws.eks.cluster import Cluster
from pulumi_aws.iam.role import Role

from components import aws
from tests.components.aws import judging, judging_checkov, judging_terraform
from tests.components.aws.judging_programs import PROGRAMS
from tests.components.planned import Plan, Planned


@pytest.fixture(scope="module")
def plans() -> dict[str, Plan]:
    return {name: judging.planned(program) for name, program in PROGRAMS.items()}


@pytest.fixture(scope="module")
def checked(plans: dict[str, Plan]) -> list[str]:
    return judging_checkov.checkov({**plans, "bare": judging.planned(_bare)})


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_terraform_provider_has_nothing_against_it(plans: dict[str, Plan], name: str) -> None:
    assert judging_terraform.misfits(plans[name]) == []


def test_every_component_is_judged(plans: dict[str, Plan]) -> None:
    made = {each.type.rpartition(":")[2] for plan in plans.values() for each in plan.resources if not each.custom}
    components = {
        name
        for name in aws.__all__
        if isinstance(found := getattr(aws, name), type) and issubclass(found, pulumi.ComponentResource)
    }
    assert components - made == set()


def test_checkov_has_nothing_against_any_but_what_is_listed(checked: list[str]) -> None:
    found = {line.split(": ")[1] for line in checked if not line.startswith("bare: ")}
    assert found == set(judging_checkov.TOO_MUCH)


def test_checkov_says_what_a_bare_plan_lacks(checked: list[str]) -> None:
    found = [line.removeprefix("bare: ") for line in checked if line.startswith("bare: ")]
    assert "CKV_AWS_58 aws_eks_cluster.shop: Ensure EKS Cluster has Secrets Encryption Enabled" in found
    assert "CKV_AWS_51 aws_ecr_repository.models: Ensure ECR Image Tags are immutable" in found
    # What is seen in how resources refer to each other alone:
    assert any(line.startswith("CKV2_AWS_5 aws_security_group.apart: ") for line in found)
    assert not any("aws_security_group.shop:" in line and "CKV2_AWS_5 " in line for line in found)


@pytest.mark.parametrize(
    ("token", "inputs", "said"),
    [
        (
            "aws:ecr/repository:Repository",
            {"encryptionConfigurations": [{"kind": "KMS"}]},
            "aws_ecr_repository.a: aws_ecr_repository.encryption_configuration has no kind",
        ),
        (
            "aws:eks/cluster:Cluster",
            {"roleArn": "arn:aws:iam::123456789012:role/a", "vpcConfig": {}},
            "aws_eks_cluster.a: aws_eks_cluster.vpc_config lacks subnet_ids",
        ),
        (
            "aws:ec2/subnet:Subnet",
            {"vpcId": "vpc-1", "ipv6Native": "perhaps"},
            "aws_subnet.a: aws_subnet.ipv6_native is 'perhaps', expected a boolean",
        ),
        (
            "aws:iam/role:Role",
            {"assumeRolePolicy": "{}", "maxSessionDuration": "an hour"},
            "aws_iam_role.a: aws_iam_role.max_session_duration is 'an hour', expected a number",
        ),
        ("aws:ec2/vpc:Vpc", {"tags": ["a"]}, "aws_vpc.a: aws_vpc.tags is ['a'], expected a map"),
        (
            "aws:eks/cluster:Cluster",
            {"roleArn": "a", "vpcConfig": {"subnetIds": []}, "upgradePolicy": [{}, {}]},
            "aws_eks_cluster.a: aws_eks_cluster.upgrade_policy is there 2 times, expected once",
        ),
    ],
)
def test_what_the_terraform_provider_does_not_take_is_seen(token: str, inputs: dict[str, Any], said: str) -> None:
    planned = Planned(token, "a", f"urn:pulumi:test::shop::{token}::a", "", True, inputs, {})
    assert judging_terraform.misfits(Plan([planned])) == [said]


def test_what_another_resource_tells_is_referred_to_and_other_text_stands_as_it_is() -> None:
    def program() -> None:
        role = Role("shop", assume_role_policy='{"a": "${aws:PrincipalTag/team}"}')
        Repository("shop", tags={"role": role.arn, "both": role.name.apply(lambda name: f"by {name}, of shop")})

    (resources,) = judging_terraform.configuration(judging.planned(program)).values()
    role, repository = resources["aws_iam_role"]["shop"], resources["aws_ecr_repository"]["shop"]
    assert role["assume_role_policy"] == '{"a": "$${aws:PrincipalTag/team}"}'
    assert repository["tags"] == {"role": "${aws_iam_role.shop.arn}", "both": "by ${aws_iam_role.shop.name}, of shop"}
    assert repository["depends_on"] == ["aws_iam_role.shop"]


def _bare() -> None:
    vpc = Vpc("shop", cidr_block="10.0.0.0/16")
    subnet = Subnet("shop", vpc_id=vpc.id, cidr_block="10.0.0.0/20")
    group = SecurityGroup("shop", vpc_id=vpc.id, description="Of the cluster")
    SecurityGroup("apart", vpc_id=vpc.id, description="Of nothing")
    role = Role("shop", assume_role_policy='{"Version": "2012-10-17", "Statement": []}')
    vpc_config = {"subnet_ids": [subnet.id], "security_group_ids": [group.id]}
    Cluster("shop", role_arn=role.arn, vpc_config=vpc_config)
    Repository("models")
