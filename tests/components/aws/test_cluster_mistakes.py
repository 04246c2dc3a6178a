"""What a cluster on AWS cannot be, each in one line before anything is planned."""

from typing import Any

import pulumi
import pytest

from components.aws.cluster import EksCluster, EksClusterArgs, EksSupport
from components.checks import ArgsError
from tests.components.aws.test_cluster import ADMIN, HERE, SUBNETS
from tests.components.planned import plan

ONE = "expected at least 2 private subnets, of two availability zones, each once; add those of the other zones"

ELSEWHERE = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {"version": "1.19"},
            "EksCluster.version is '1.19', expected a version of Kubernetes that EKS supports, as text: 1.36, 1.35, "
            '1.34, 1.33, 1.32; write "1.36"',
        ),
        (
            {"version": 1.35},
            "EksCluster.version is 1.35, expected a version of Kubernetes that EKS supports, as text: 1.36, 1.35, "
            '1.34, 1.33, 1.32; write "1.35"',
        ),
        (
            {"version": "1.33", "support": EksSupport.STANDARD},
            "EksCluster.version is '1.33', expected one in standard support, which this was until 2026-07-29, as "
            'support is STANDARD; write "1.34", or support: EXTENDED',
        ),
        (
            {"support": "FOREVER"},
            "EksCluster.support is 'FOREVER', expected one of EXTENDED, STANDARD; write EXTENDED",
        ),
        ({"subnet_ids": SUBNETS[:1]}, f"EksCluster.subnet_ids is {SUBNETS[:1]}, {ONE}"),
        ({"subnet_ids": []}, f"EksCluster.subnet_ids is [], {ONE}"),
        ({"subnet_ids": SUBNETS[:1] * 2}, f"EksCluster.subnet_ids is {SUBNETS[:1] * 2}, {ONE}"),
        (
            {"subnet_ids": ["subnet-1", "subnet-2"]},
            "EksCluster.subnet_ids is 'subnet-1', expected an id that begins with subnet-; for example "
            "subnet-0123456789abcdef0",
        ),
        (
            {"region": "eu-centrl-1"},
            "EksCluster.region is 'eu-centrl-1', expected one that there is; did you mean eu-central-1",
        ),
        (
            {"account_id": 123456789012},
            "EksCluster.account_id is 123456789012, expected an AWS account id, twelve digits as text; for example "
            '"123456789012"',
        ),
        (
            {"admins": {}},
            "EksCluster.admins is {}, expected at least one name with the ARN of a role or user, as to have made a "
            "cluster gives no rights in it; write {'deployer': 'arn:aws:iam::123456789012:role/deployer'}",
        ),
        (
            {"admins": {"ops": "arn:aws:sts::123456789012:assumed-role/ops/me"}},
            "EksCluster.admins['ops'] is 'arn:aws:sts::123456789012:assumed-role/ops/me', expected an ARN of iam; for "
            "example arn:aws:iam::123456789012:role/deployer",
        ),
        (
            {"admins": {"ops": "arn:aws-cn:iam::123456789012:role/ops"}},
            "EksCluster.admins['ops'] is 'arn:aws-cn:iam::123456789012:role/ops', expected one of the partition aws, "
            "as eu-central-1 is; take one that begins so",
        ),
        (
            {"admins": {"ops": "arn:aws:iam:eu-central-1:123456789012:role/ops"}},
            "EksCluster.admins['ops'] is 'arn:aws:iam:eu-central-1:123456789012:role/ops', expected an ARN of iam; for "
            "example arn:aws:iam::123456789012:role/deployer",
        ),
        (
            {"admins": {"ops": ADMIN, "again": ADMIN}},
            f"EksCluster.admins['again'] is '{ADMIN}', expected another than that of 'ops'; leave one of them out",
        ),
        (
            {"admins": {"Ops Team": ADMIN}},
            "a key of EksCluster.admins is 'Ops Team', expected a name of a-z, 0-9 and -; for example deployer",
        ),
        (
            {"public_access_cidrs": ["0.0.0.0/0"]},
            "EksCluster.public_access_cidrs is '0.0.0.0/0', expected networks of those who administer the cluster, as "
            "this opens its API server to the internet; name theirs, or write open_to_the_internet: true",
        ),
        (
            {"public_access_cidrs": ["128.0.0.0/1"]},
            "EksCluster.public_access_cidrs is '128.0.0.0/1', expected networks of those who administer the cluster, "
            "as this opens its API server to the internet; name theirs, or write open_to_the_internet: true",
        ),
        (
            {"public_access_cidrs": ["203.0.113.5/24"]},
            "EksCluster.public_access_cidrs is '203.0.113.5/24', expected an IPv4 network in CIDR notation; for "
            "example 203.0.113.0/24",
        ),
        (
            {"public_access_cidrs": "203.0.113.0/24"},
            "EksCluster.public_access_cidrs is '203.0.113.0/24', expected a list of networks; write ['203.0.113.0/24']",
        ),
        (
            {"public_access_cidrs": ["192.168.7.0/24"]},
            "EksCluster.public_access_cidrs is '192.168.7.0/24', expected networks that somebody has on the internet; "
            "write it under private_access_cidrs, or leave it out",
        ),
        (
            {"public_access_cidrs": [f"203.0.113.{number}/32" for number in range(41)]},
            "EksCluster.public_access_cidrs is '41 networks', expected at most 40, as EKS takes no more; join some",
        ),
        (
            {"private_access_cidrs": ["0.0.0.0/0"]},
            "EksCluster.private_access_cidrs is '0.0.0.0/0', expected a prefix of 8 to 32 bits; for example 0.0.0.0/8",
        ),
        (
            {"system_min": 0, "system_desired": 0},
            "EksCluster.system_desired is 0, expected one node at least, as EKS waits for add-ons until their pods run "
            "somewhere; write 2",
        ),
        (
            {"key_arn": ELSEWHERE},
            f"EksCluster.key_arn is '{ELSEWHERE}', expected one of eu-central-1, where what uses it is; make or take "
            "one in eu-central-1",
        ),
        (
            {"key_arn": "alias/mine"},
            "EksCluster.key_arn is 'alias/mine', expected an ARN of kms; for example "
            "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        ),
        (
            {"disk_key_arn": ADMIN},
            f"EksCluster.disk_key_arn is '{ADMIN}', expected an ARN of kms; for example "
            "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        ),
        (
            {"log_days": 10},
            "EksCluster.log_days is 10, expected days for which CloudWatch keeps logs; write 7",
        ),
        (
            {"system_instance_types": ["m6i.large"], "region": "eu-south-2"},
            "EksCluster.system_instance_types is 'm6i.large', expected an instance type that eu-south-2 has; "
            "eu-central-1, eu-central-2, eu-north-1 has it",
        ),
        (
            {"system_instance_types": ["m6i.large", "m6g.large"]},
            "EksCluster.system_instance_types is ['m6i.large', 'm6g.large'], expected types of one architecture "
            "(m6g.large is arm64, m6i.large is x86_64); put the others into a group of their own",
        ),
        (
            {"system_instance_types": "m6i.large"},
            "EksCluster.system_instance_types is 'm6i.large', expected a list of at least one instance type; write "
            "['m6i.large']",
        ),
        (
            {"system_instance_types": ["large"]},
            "EksCluster.system_instance_types is 'large', expected an EC2 instance type; for example m7i.large",
        ),
        (
            {"system_desired": 5},
            "EksCluster.system_desired is 5, expected at most EksCluster.system_max, which is 4; raise "
            "EksCluster.system_max to 5",
        ),
        (
            {"system_min": 3, "system_desired": 2},
            "EksCluster.system_min is 3, expected at most EksCluster.system_desired, which is 2; raise "
            "EksCluster.system_desired to 3",
        ),
        (
            {"system_min": "2"},
            "EksCluster.system_min is '2', expected a number; write 2",
        ),
        (
            {"system_disk_gib": 8},
            "EksCluster.system_disk_gib is 8, expected 20 to 16384 GiB; write 20",
        ),
        (
            {"add_on_versions": {"core-dns": "v1.14.3-eksbuild.1"}},
            "a key of EksCluster.add_on_versions is 'core-dns', expected one of eks-pod-identity-agent, kube-proxy, "
            "vpc-cni, coredns, aws-ebs-csi-driver, metrics-server; write coredns",
        ),
        (
            {"add_on_versions": {"coredns": "latest"}},
            "EksCluster.add_on_versions['coredns'] is 'latest', expected a version of the add-on; for example "
            "v1.14.3-eksbuild.23",
        ),
        ({"vpc": "vpc-1"}, "EksCluster has no argument 'vpc', it takes " + ", ".join(EksClusterArgs.__annotations__)),
    ],
)
def test_a_mistake_is_told_before_anything_is_planned(more: Any, line: str) -> None:
    told: list[str] = []
    args: Any = {**HERE, **more}

    def program() -> None:
        try:
            EksCluster("shop", args)
        except ArgsError as problem:
            told.append(str(problem))

    found = plan(program)
    assert told == [line]
    assert found.resources == []


def test_a_name_is_held_to_what_aws_takes() -> None:
    for name in ("sg-shop", "shop_1", "1shop", "s" * 37):
        with pytest.raises(ArgsError, match="the name of EksCluster is "):
            EksCluster(name, HERE)


def test_one_subnet_that_is_known_later_is_told_then() -> None:
    def program() -> None:
        EksCluster("shop", {**HERE, "subnet_ids": pulumi.Output.from_input([SUBNETS[0]])})

    with pytest.raises(ValueError, match=r"expected at least 2 private subnets, of two availability zones"):
        plan(program)
