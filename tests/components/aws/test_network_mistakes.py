"""What a network on AWS cannot be, each in one line before anything is registered."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pytest

from components.aws.network import AwsEndpoint, AwsNat, AwsNetwork, AwsNetworkArgs
from components.checks import ArgsError
from tests.components.aws.test_network import HERE, THERE, ZONES, made_of
from tests.components.planned import plan


def _adopting(**changed: object) -> AwsNetworkArgs:
    existing: Any = {**THERE.get("existing", {}), **changed}
    return {**HERE, "existing": existing}


def _each(private: Sequence[str], public: Sequence[str]) -> Any:
    return {**HERE, "private_cidrs": private, "public_cidrs": public}


ELSEWHERE = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
THIRDS = ["10.0.0.0/20", "10.0.16.0/20", "10.0.32.0/20"]
SMALL = ["10.0.48.0/24", "10.0.49.0/24", "10.0.50.0/24"]
MISTAKES: list[tuple[Any, str]] = [
    (
        {**HERE, "region": "eu-centrl-1"},
        "AwsNetwork.region is 'eu-centrl-1', expected one that there is; did you mean eu-central-1",
    ),
    (
        {**HERE, "account_id": "1234"},
        "AwsNetwork.account_id is '1234', expected an AWS account id, twelve digits as text; for example "
        '"123456789012"',
    ),
    (
        {"region": "eu-central-1"},
        "AwsNetwork.account_id is missing, expected a value; write account_id: ...",
    ),
    (
        {**HERE, "zones": ["eu-central-1a"]},
        "AwsNetwork.zones is ['eu-central-1a'], expected at least 2 availability zones, as one may fail; "
        "write ['eu-central-1a', 'eu-central-1b', 'eu-central-1c']",
    ),
    (
        {**HERE, "zones": ["eu-central-1a", "eu-west-1b"]},
        "AwsNetwork.zones is 'eu-west-1b', expected availability zones of eu-central-1; for example eu-central-1a",
    ),
    (
        {**HERE, "zones": ["eu-central-1a", "eu-central-1a"]},
        "AwsNetwork.zones is ['eu-central-1a', 'eu-central-1a'], expected each zone once; write ['eu-central-1a']",
    ),
    (
        {**HERE, "zones": ["eu-central-1a", "eu-central-1z"]},
        "AwsNetwork.zones is ['eu-central-1a', 'eu-central-1z'], expected zones of the letters a to f, as "
        "AWS has them; "
        "name others, or each subnet's addresses by private_cidrs and public_cidrs",
    ),
    (
        {**HERE, "cidr": "10.0.0.0/24"},
        "AwsNetwork.cidr is '10.0.0.0/24', expected at least a /21 for public and private subnets in 3 zones; "
        "for example 10.0.0.0/16, or name the subnets' own by private_cidrs and public_cidrs",
    ),
    (
        {**HERE, "cidr": "10.0.0.0/8"},
        "AwsNetwork.cidr is '10.0.0.0/8', expected a prefix of 16 to 32 bits; for example 10.0.0.0/16",
    ),
    (
        {**HERE, "cidr": "10.0.0.7/16"},
        "AwsNetwork.cidr is '10.0.0.7/16', expected an IPv4 network in CIDR notation; for example 10.0.0.0/16",
    ),
    (
        {**HERE, "cidr": "169.254.0.0/16"},
        "AwsNetwork.cidr is '169.254.0.0/16', expected addresses that a network may have; for example 10.0.0.0/16",
    ),
    (
        {**HERE, "cidr": "172.17.0.0/16"},
        "AwsNetwork.cidr is '172.17.0.0/16', expected another network than 172.17.0.0/16, which Docker has on every "
        "machine for its own containers; for example 10.0.0.0/16",
    ),
    (
        {**HERE, "apart_from": ["192.168.0.0/16", "10.0.128.0/20"]},
        "AwsNetwork.cidr is '10.0.0.0/16', which overlaps AwsNetwork.apart_from[1] (10.0.128.0/20), expected networks "
        "that share no address; change one of them",
    ),
    (
        _each(THIRDS, ["10.0.32.0/24", *SMALL[1:]]),
        "AwsNetwork.public_cidrs[0] is '10.0.32.0/24', which overlaps AwsNetwork.private_cidrs[2] (10.0.32.0/20), "
        "expected networks that share no address; change one of them",
    ),
    (
        _each(["10.1.0.0/20", *THIRDS[1:]], SMALL),
        "AwsNetwork.private_cidrs[0] is '10.1.0.0/20', expected a part of AwsNetwork.cidr, 10.0.0.0/16; "
        "take addresses in it, or widen cidr",
    ),
    (
        _each(THIRDS[:2], SMALL),
        f"AwsNetwork.private_cidrs is {THIRDS[:2]}, expected one network for each of the zones eu-central-1a, "
        "eu-central-1b, eu-central-1c; write 3",
    ),
    (
        _each(THIRDS, ["10.0.48.0/28", *SMALL[1:]]),
        "AwsNetwork.public_cidrs[0] is '10.0.48.0/28', expected a prefix of 16 to 27 bits; for example 10.0.48.0/27",
    ),
    (
        {**HERE, "private_cidrs": THIRDS},
        "AwsNetwork.public_cidrs is None, expected a network for each zone, as private_cidrs has; write "
        "public_cidrs: ...",
    ),
    (
        {**HERE, "nat": "each"},
        "AwsNetwork.nat is 'each', expected one of per-zone, shared, none; write per-zone",
    ),
    (
        {**HERE, "endpoints": ["s4"]},
        "AwsNetwork.endpoints is 's4', expected one of s3, ecr.api, ecr.dkr, sts, logs, monitoring, ec2, "
        "eks, eks-auth, "
        "elasticloadbalancing, autoscaling, ssm, sqs, kms, secretsmanager, sagemaker.runtime; write s3",
    ),
    (
        {**HERE, "endpoints": ["s3", AwsEndpoint.S3]},
        "AwsNetwork.endpoints is ['s3', 's3'], expected each service once; write ['s3']",
    ),
    (
        {**HERE, "flow_log_days": 100},
        "AwsNetwork.flow_log_days is 100, expected days for which CloudWatch keeps logs; write 90",
    ),
    (
        {**HERE, "flow_log_key_arn": ELSEWHERE},
        f"AwsNetwork.flow_log_key_arn is '{ELSEWHERE}', expected one of eu-central-1, where what uses it is; make or "
        "take one in eu-central-1",
    ),
    (
        {**HERE, "flow_log_key_arn": "alias/logs"},
        "AwsNetwork.flow_log_key_arn is 'alias/logs', expected an ARN of kms; for example "
        "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ),
    (
        {**HERE, "cluster_names": ["my shop"]},
        "AwsNetwork.cluster_names is 'my shop', expected names of EKS clusters; for example shop",
    ),
    (
        {**HERE, "cluster_names": ["shop", "shop"]},
        "AwsNetwork.cluster_names is ['shop', 'shop'], expected each cluster once; write ['shop']",
    ),
    (
        {**HERE, "tags": {"aws:team": "ml"}},
        "a key of AwsNetwork.tags is 'aws:team', expected 1 to 128 letters, digits and any of _.:/=+-@, "
        "not beginning with aws:; for example team",
    ),
    (
        {**THERE, "cidr": "10.2.0.0/16"},
        "AwsNetwork.cidr is '10.2.0.0/16', expected nothing beside existing, whose VPC has its own; "
        "leave cidr out, or existing",
    ),
    (
        {**THERE, "nat": AwsNat.SHARED},
        "AwsNetwork.nat is 'shared', expected nothing beside existing, whose VPC has its own; leave nat "
        "out, or existing",
    ),
    (
        {**THERE, "apart_from": ["10.1.0.0/20"]},
        "AwsNetwork.existing.cidr is '10.1.0.0/16', which overlaps AwsNetwork.apart_from[0] (10.1.0.0/20), "
        "expected networks that share no address; change one of them",
    ),
    (
        _adopting(zones=ZONES[:1]),
        "AwsNetwork.existing.zones is ['eu-central-1a'], expected at least 2 availability zones, as one may fail; "
        "write ['eu-central-1a', 'eu-central-1b', 'eu-central-1c']",
    ),
    (
        _adopting(zones=ZONES),
        "AwsNetwork.existing.private_subnet_ids is '2 of them', expected one for each of the 3 zones; name each zone's",
    ),
    (
        _adopting(vpc_id="net"),
        "AwsNetwork.existing.vpc_id is 'net', expected an id that begins with vpc-; for example vpc-0123456789abcdef0",
    ),
    (
        _adopting(public_subnet_ids=["vpc-0123456789abcdef0"]),
        "AwsNetwork.existing.public_subnet_ids[0] is 'vpc-0123456789abcdef0', expected an id that begins with subnet-; "
        "for example subnet-0123456789abcdef0",
    ),
    (
        _adopting(subnets=[]),
        "AwsNetwork.existing has no argument 'subnets', it takes vpc_id, cidr, zones, private_subnet_ids, "
        "public_subnet_ids, route_table_ids",
    ),
    (
        {**_adopting(route_table_ids=[]), "endpoints": ["s3"]},
        "AwsNetwork.existing.route_table_ids is [], expected the tables that the endpoint of S3 goes into; "
        "name those of the private subnets",
    ),
]


@pytest.mark.parametrize(("args", "line"), MISTAKES, ids=[line.partition(",")[0] for _, line in MISTAKES])
def test_a_mistake_is_one_line_and_nothing_is_registered(args: Any, line: str) -> None:
    def program() -> None:
        with pytest.raises(ArgsError) as told:
            AwsNetwork("net", args)
        assert str(told.value) == line

    assert plan(program).resources == []


@pytest.mark.parametrize("name", ["sg-net", "n" * 47, "9net", "net_one", ""])
def test_a_name_that_aws_would_not_take_is_refused(name: str) -> None:
    with pytest.raises(ArgsError, match=r"^the name of AwsNetwork is '.*', expected a letter and at most 45 more of"):
        plan(lambda: AwsNetwork(name, HERE))


def test_the_longest_name_leaves_room_for_what_pulumi_adds() -> None:
    found = plan(lambda: AwsNetwork("n" * 46, HERE))
    assert max(len(each.name) for each in found.all("aws:iam/role:Role")) + len("-1234567") == 64


def test_what_is_known_late_must_be_an_id_too() -> None:
    with pytest.raises(ValueError, match=r"AwsNetwork.existing.vpc_id is 'net', expected an id that begins with vpc-"):
        made_of({**_adopting(vpc_id=pulumi.Output.from_input("net")), "flow_logs": True})
