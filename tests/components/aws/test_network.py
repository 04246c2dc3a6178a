"""A VPC over several zones, or one that is there, as it would be registered."""

import ipaddress
import json
from functools import partial
from pathlib import Path
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as some
from pulumi_aws.ec2.network_interface import NetworkInterface

from components.aws import addresses, catalog
from components.aws.network import CLOSED, AwsEndpoint, AwsNat, AwsNetwork, AwsNetworkArgs
from tests.components.planned import UNKNOWN, Plan, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
ACCOUNT = "123456789012"
HERE: AwsNetworkArgs = {"region": "eu-central-1", "account_id": ACCOUNT}
ZONES = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
THERE: AwsNetworkArgs = {
    **HERE,
    "existing": {
        "vpc_id": "vpc-0123456789abcdef0",
        "cidr": "10.1.0.0/16",
        "zones": ZONES[:2],
        "private_subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "public_subnet_ids": ["subnet-0123456789abcdef2"],
        "route_table_ids": ["rtb-0123456789abcdef0"],
    },
}


def made_of(args: AwsNetworkArgs, *, preview: bool = False) -> Plan:
    return plan(lambda: AwsNetwork("net", args), preview=preview)


def _subnets(found: Plan, kind: str) -> list[tuple[str, str]]:
    return [
        (each.inputs["availabilityZone"], each.inputs["cidrBlock"])
        for each in sorted(found.all("aws:ec2/subnet:Subnet"), key=lambda each: each.name)
        if each.name.startswith(f"net-{kind}-")
    ]


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    found = made_of({**HERE, "cluster_names": ["shop"]}, preview=preview)
    found.holds(SNAPSHOTS / "network.txt")
    assert {each.parent for each in found.resources[1:]} == {"net"}


def test_three_zones_have_a_private_and_a_public_subnet_each() -> None:
    found = made_of(HERE)
    assert _subnets(found, "private") == list(zip(ZONES, ["10.0.0.0/19", "10.0.32.0/19", "10.0.64.0/19"], strict=True))
    assert _subnets(found, "public") == list(
        zip(ZONES, ["10.0.224.0/22", "10.0.228.0/22", "10.0.232.0/22"], strict=True)
    )
    assert found.one("aws:ec2/vpc:Vpc").inputs == {
        "cidrBlock": "10.0.0.0/16",
        "enableDnsHostnames": True,
        "enableDnsSupport": True,
        "tags": {"modelport:component": "net", "Name": "net"},
    }


def test_nothing_has_a_public_address_but_what_brings_one() -> None:
    assert [each.inputs["mapPublicIpOnLaunch"] for each in made_of(HERE).all("aws:ec2/subnet:Subnet")] == [False] * 6


def test_the_default_group_lets_nothing_through() -> None:
    closed = made_of(HERE).one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert (closed.inputs["ingress"], closed.inputs["egress"], closed.inputs["vpcId"]) == ([], [], "net-id")


@given(
    letters=some.sets(some.sampled_from("abcdef"), min_size=2),
    bits=some.integers(16, 21),
    less=some.sampled_from("abcdef"),
)
def test_subnets_share_no_address_and_stay_where_they_are(letters: set[str], bits: int, less: str) -> None:
    """Whatever zones there are: another zone more or less moves none of the rest."""

    def carved(chosen: set[str]) -> dict[str, tuple[str, str]]:
        zones = [f"us-east-1{each}" for each in sorted(chosen)]
        found = addresses.layout("us-east-1", f"10.0.0.0/{bits}", zones, None, None, [])
        return dict(zip(found.zones, zip(found.private, found.public, strict=True), strict=True))

    found = carved(letters)
    networks = [ipaddress.IPv4Network(each) for pair in found.values() for each in pair]
    assert all(each.subnet_of(ipaddress.IPv4Network(f"10.0.0.0/{bits}")) for each in networks)
    assert not any(one.overlaps(other) for at, one in enumerate(networks) for other in networks[:at])
    assert max(each.prefixlen for each in networks) <= 27
    if len(letters - {less}) >= 2:
        assert carved(letters - {less}).items() <= found.items()


def test_every_region_has_zones_to_begin_with() -> None:
    for region, letters in catalog.ZONES.items():
        found = addresses.layout(region, addresses.USUAL, None, None, None, [])
        assert [zone.removeprefix(region) for zone in found.zones] == list(letters[:3])


def test_addresses_may_be_given_subnet_by_subnet() -> None:
    given_: AwsNetworkArgs = {
        **HERE,
        "cidr": "10.9.0.0/24",
        "zones": ZONES[:2],
        "private_cidrs": ["10.9.0.0/26", "10.9.0.64/26"],
        "public_cidrs": ["10.9.0.128/27", "10.9.0.160/27"],
    }
    found = made_of(given_)
    assert _subnets(found, "private") == [(ZONES[0], "10.9.0.0/26"), (ZONES[1], "10.9.0.64/26")]
    assert _subnets(found, "public") == [(ZONES[0], "10.9.0.128/27"), (ZONES[1], "10.9.0.160/27")]


def test_controllers_find_their_subnets_by_tags() -> None:
    found = made_of({**HERE, "cluster_names": ["shop", "lab"], "tags": {"kubernetes.io/role/elb": "no", "team": "ml"}})
    tags = {each.name: each.inputs["tags"] for each in found.all("aws:ec2/subnet:Subnet")}
    ours = {"modelport:component": "net", "team": "ml"}
    shared = {"kubernetes.io/cluster/shop": "shared", "kubernetes.io/cluster/lab": "shared"}
    assert tags["net-private-b"] == {
        **ours,
        **shared,
        "Name": "net-private-b",
        "kubernetes.io/role/elb": "no",
        "kubernetes.io/role/internal-elb": "1",
        "karpenter.sh/discovery": "shop",
    }
    assert tags["net-public-b"] == {**ours, **shared, "Name": "net-public-b", "kubernetes.io/role/elb": "1"}


def test_without_a_cluster_no_tag_names_one() -> None:
    private = made_of(HERE).one("aws:ec2/subnet:Subnet", "net-private-a").inputs["tags"]
    assert sorted(private) == ["Name", "kubernetes.io/role/internal-elb", "modelport:component"]


def test_everything_that_takes_tags_has_them() -> None:
    without = {
        "aws:ec2/route:Route",
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        "aws:iam/rolePolicy:RolePolicy",
    }
    for each in made_of({**HERE, "tags": {"team": "ml"}}).resources[1:]:
        if each.type not in without:
            tags = each.inputs["tags"]
            assert (tags["Name"], tags["modelport:component"], tags["team"]) == (each.name, "net", "ml"), each.name


def _ways(found: Plan) -> dict[str, str]:
    return {
        each.inputs["routeTableId"]: each.inputs.get("natGatewayId") or each.inputs["gatewayId"]
        for each in found.all("aws:ec2/route:Route")
        if each.inputs["destinationCidrBlock"] == "0.0.0.0/0"
    }


def test_each_zone_goes_out_by_a_gateway_of_its_own() -> None:
    found = made_of(HERE)
    assert _ways(found) == {
        "net-public-id": "net-id",
        "net-private-a-id": "net-nat-a-id",
        "net-private-b-id": "net-nat-b-id",
        "net-private-c-id": "net-nat-c-id",
    }
    gateway = found.one("aws:ec2/natGateway:NatGateway", "net-nat-b").inputs
    assert (gateway["subnetId"], gateway["allocationId"]) == ("net-public-b-id", "net-nat-b-id")
    assert found.one("aws:ec2/eip:Eip", "net-nat-b").inputs["domain"] == "vpc"


def test_zones_may_share_a_gateway() -> None:
    found = made_of({**HERE, "nat": AwsNat.SHARED})
    assert [each.name for each in found.all("aws:ec2/natGateway:NatGateway")] == ["net-nat-a"]
    assert {to for table, to in _ways(found).items() if "private" in table} == {"net-nat-a-id"}
    # The same tables and names as with a gateway for each zone: to go over to that replaces nothing.
    assert set(found.lines()) < set(made_of(HERE).lines())


def test_without_a_gateway_a_cluster_reaches_aws_by_endpoints() -> None:
    found = made_of({**HERE, "nat": AwsNat.NONE})
    assert found.all("aws:ec2/natGateway:NatGateway") == found.all("aws:ec2/eip:Eip") == []
    assert _ways(found) == {"net-public-id": "net-id"}
    reached = {each.inputs["serviceName"].removeprefix("com.amazonaws.eu-central-1.") for each in
               found.all("aws:ec2/vpcEndpoint:VpcEndpoint")}  # fmt: skip
    assert reached == {each.value for each in CLOSED}
    assert {
        "ec2",
        "eks",
        "eks-auth",
        "ecr.api",
        "ecr.dkr",
        "sts",
        "s3",
        "elasticloadbalancing",
        "autoscaling",
    } < reached


def test_images_and_logs_do_not_go_by_the_internet() -> None:
    found = made_of(HERE)
    endpoints = {each.name: each.inputs for each in found.all("aws:ec2/vpcEndpoint:VpcEndpoint")}
    assert sorted(endpoints) == ["net-ecr-api", "net-ecr-dkr", "net-logs", "net-s3", "net-sts"]
    private = [f"net-private-{letter}-id" for letter in "abc"]
    assert endpoints["net-s3"] == {
        "vpcId": "net-id",
        "serviceName": "com.amazonaws.eu-central-1.s3",
        "vpcEndpointType": "Gateway",
        "routeTableIds": private,
        "tags": {"modelport:component": "net", "Name": "net-s3"},
    }
    assert endpoints["net-ecr-dkr"] == {
        "vpcId": "net-id",
        "serviceName": "com.amazonaws.eu-central-1.ecr.dkr",
        "vpcEndpointType": "Interface",
        "privateDnsEnabled": True,
        "subnetIds": private,
        "securityGroupIds": ["net-endpoints-id"],
        "tags": {"modelport:component": "net", "Name": "net-ecr-dkr"},
    }


def test_endpoints_answer_the_network_alone_and_ask_nobody() -> None:
    found = made_of(HERE)
    group = found.one("aws:ec2/securityGroup:SecurityGroup").inputs
    assert "egress" not in group
    assert "ingress" not in group
    (rule,) = found.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    asked = {key: rule.inputs[key] for key in ("securityGroupId", "cidrIpv4", "ipProtocol", "fromPort", "toPort")}
    assert asked == {
        "securityGroupId": "net-endpoints-id",
        "cidrIpv4": "10.0.0.0/16",
        "ipProtocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
    }
    assert found.all("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule") == []


def test_only_what_is_asked_for_has_an_endpoint() -> None:
    found = made_of({**HERE, "endpoints": [AwsEndpoint.S3]})
    assert [each.name for each in found.all("aws:ec2/vpcEndpoint:VpcEndpoint")] == ["net-s3"]
    assert found.all("aws:ec2/securityGroup:SecurityGroup") == []


def test_all_traffic_is_logged_encrypted_for_a_year() -> None:
    found = made_of(HERE)
    log = found.one("aws:ec2/flowLog:FlowLog").inputs
    named = f"arn:aws:test:eu-central-1:{ACCOUNT}:net-flow-logs"
    assert log == {
        "vpcId": "net-id",
        "trafficType": "ALL",
        "logDestinationType": "cloud-watch-logs",
        "logDestination": named,
        "iamRoleArn": named,
        "maxAggregationInterval": 60,
        "tags": {"modelport:component": "net", "Name": "net-flow-logs"},
    }
    group = found.one("aws:cloudwatch/logGroup:LogGroup").inputs
    assert (group["kmsKeyId"], group["retentionInDays"]) == (named, 365)
    key = found.one("aws:kms/key:Key").inputs
    assert key["enableKeyRotation"] is True
    administration, logs = json.loads(key["policy"])["Statement"]
    assert administration["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert not {"kms:*", "kms:Decrypt", "kms:Encrypt"} & set(administration["Action"])
    assert logs["Principal"] == {"Service": "logs.eu-central-1.amazonaws.com"}
    assert logs["Condition"] == {
        "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:eu-central-1:{ACCOUNT}:log-group:*"}
    }


def test_the_role_of_the_logs_writes_into_their_group_and_makes_none() -> None:
    found = made_of(HERE)
    (trusted,) = json.loads(found.one("aws:iam/role:Role").inputs["assumeRolePolicy"])["Statement"]
    assert trusted == {
        "Effect": "Allow",
        "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:ec2:eu-central-1:{ACCOUNT}:vpc-flow-log/*"},
        },
    }
    written, found_by = json.loads(found.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])["Statement"]
    assert written == {
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        "Resource": f"arn:aws:test:eu-central-1:{ACCOUNT}:net-flow-logs:*",
    }
    assert found_by["Action"] == ["logs:DescribeLogGroups"]
    assert found_by["Resource"] == f"arn:aws:logs:eu-central-1:{ACCOUNT}:log-group:*"


def test_logs_are_encrypted_with_the_key_that_is_given() -> None:
    key = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1234abcd"
    found = made_of({**HERE, "flow_log_key_arn": key, "flow_log_days": 30})
    group = found.one("aws:cloudwatch/logGroup:LogGroup").inputs
    assert (group["kmsKeyId"], group["retentionInDays"]) == (key, 30)
    assert found.all("aws:kms/key:Key") == []


def test_logs_are_left_out_where_that_is_said() -> None:
    kinds = {each.type.rpartition(":")[2] for each in made_of({**HERE, "flow_logs": False}).resources}
    assert not {"FlowLog", "LogGroup", "Role", "RolePolicy", "Key"} & kinds


def test_another_partition_has_arns_of_its_own() -> None:
    found = made_of({"region": "us-gov-west-1", "account_id": ACCOUNT})
    for each in found.resources:
        for key in ("policy", "assumeRolePolicy"):
            assert f"arn:aws:iam::{ACCOUNT}" not in each.inputs.get(key, "")
            assert "arn:aws:logs" not in each.inputs.get(key, "")
            assert "arn:aws:ec2" not in each.inputs.get(key, "")


def _user(outputs: list[str], args: AwsNetworkArgs) -> Plan:
    """A plan of a network and something in it that takes these outputs."""

    def program() -> None:
        net = AwsNetwork("net", args)
        subnet: Any = pulumi.Output.all(*(getattr(net, each) for each in outputs)).apply(lambda known: known[0][0])
        NetworkInterface("user", subnet_id=subnet)

    return plan(program, preview=False)


def _waited(found: Plan) -> set[str]:
    """What the user of a network is made after, and therefore removed before, by type and name."""
    user = found.one("aws:ec2/networkInterface:NetworkInterface")
    urns = user.request["dependencies"]
    return {
        urn.rpartition("$")[2].replace("aws:ec2/", "").partition(":")[0] + " " + urn.rpartition("::")[2] for urn in urns
    }


def test_who_is_in_a_private_subnet_is_gone_before_its_way_out_and_its_endpoints() -> None:
    waited = _waited(_user(["private_subnet_ids"], HERE))
    for letter in "abc":
        assert {
            f"subnet net-private-{letter}",
            f"routeTableAssociation net-private-{letter}",
            f"route net-private-{letter}",
        } <= waited
    assert {f"vpcEndpoint net-{each}" for each in ("s3", "ecr-api", "ecr-dkr", "sts", "logs")} <= waited


def test_who_is_in_a_public_subnet_is_gone_before_the_internet_gateway() -> None:
    found = _user(["public_subnet_ids"], HERE)
    assert {"route net-public", "routeTableAssociation net-public-a", "subnet net-public-a"} <= _waited(found)
    assert "net" in found.one("aws:ec2/route:Route", "net-public").depends_on


def test_a_nat_gateway_and_its_address_are_gone_before_the_internet_gateway() -> None:
    found = made_of(HERE)
    for kind in ("aws:ec2/natGateway:NatGateway", "aws:ec2/eip:Eip"):
        assert {"net", "net-public", "net-public-a"} <= found.one(kind, "net-nat-a").depends_on


def test_an_endpoint_answers_from_the_moment_that_it_is_there() -> None:
    endpoint = made_of(HERE).one("aws:ec2/vpcEndpoint:VpcEndpoint", "net-sts")
    rules = [urn for urn in endpoint.request["dependencies"] if "securityGroupIngressRule" in urn]
    assert len(rules) == 1


def test_a_log_is_asked_for_once_its_role_may_write_it() -> None:
    log = made_of(HERE).one("aws:ec2/flowLog:FlowLog")
    assert any("aws:iam/rolePolicy:RolePolicy" in urn for urn in log.request["dependencies"])


def _outputs(args: AwsNetworkArgs, *, preview: bool) -> dict[str, Any]:
    """Outputs of the component; those that are not known are left out."""
    found: dict[str, Any] = {}

    def program() -> None:
        net = AwsNetwork("net", args)
        for key in AwsNetwork.__annotations__:
            value: pulumi.Output[Any] = getattr(net, key)
            value.apply(partial(found.__setitem__, key))

    plan(program, preview=preview)
    return found


def test_outputs_are_what_others_take() -> None:
    assert _outputs(HERE, preview=False) == {
        "vpc_id": "net-id",
        "cidr": "10.0.0.0/16",
        "zones": ZONES,
        "public_subnet_ids": ["net-public-a-id", "net-public-b-id", "net-public-c-id"],
        "private_subnet_ids": ["net-private-a-id", "net-private-b-id", "net-private-c-id"],
        "endpoint_security_group_id": "net-endpoints-id",
    }


def test_a_first_preview_knows_addresses_and_zones_and_no_id() -> None:
    assert _outputs(HERE, preview=True) == {"cidr": "10.0.0.0/16", "zones": ZONES}
    found = made_of(HERE, preview=True)
    assert found.one("aws:ec2/subnet:Subnet", "net-private-a").inputs["vpcId"] == UNKNOWN
    assert found.one("aws:ec2/vpcEndpoint:VpcEndpoint", "net-s3").inputs["routeTableIds"] == [UNKNOWN] * 3
    assert found.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"] == UNKNOWN
    assert found.one("aws:kms/key:Key").inputs["policy"] == made_of(HERE).one("aws:kms/key:Key").inputs["policy"]


def test_in_a_network_that_is_there_nothing_is_made() -> None:
    assert [each.type for each in made_of(THERE).resources] == ["modelport:index:AwsNetwork"]
    assert _outputs(THERE, preview=True) == {
        "vpc_id": "vpc-0123456789abcdef0",
        "cidr": "10.1.0.0/16",
        "zones": ZONES[:2],
        "public_subnet_ids": ["subnet-0123456789abcdef2"],
        "private_subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "endpoint_security_group_id": "",
    }


def test_in_a_network_that_is_there_what_is_asked_for_is_made() -> None:
    asked: AwsNetworkArgs = {
        **THERE,
        "cluster_names": ["shop"],
        "endpoints": [AwsEndpoint.S3, AwsEndpoint.STS],
        "flow_logs": True,
    }
    found = made_of(asked)
    found.holds(SNAPSHOTS / "network-adopted.txt")
    assert found.one("aws:ec2/flowLog:FlowLog").inputs["vpcId"] == "vpc-0123456789abcdef0"
    assert found.one("aws:ec2/vpcEndpoint:VpcEndpoint", "net-s3").inputs["routeTableIds"] == ["rtb-0123456789abcdef0"]
    sts = found.one("aws:ec2/vpcEndpoint:VpcEndpoint", "net-sts").inputs
    assert sts["subnetIds"] == ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    rule = found.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").inputs
    assert rule["cidrIpv4"] == "10.1.0.0/16"
    marks = {
        (each.inputs["resourceId"][-1], each.inputs["key"], each.inputs["value"])
        for each in found.all("aws:ec2/tag:Tag")
    }
    private = {
        "kubernetes.io/role/internal-elb": "1",
        "kubernetes.io/cluster/shop": "shared",
        "karpenter.sh/discovery": "shop",
    }
    assert marks == {
        *((at, key, value) for at in "01" for key, value in private.items()),
        ("2", "kubernetes.io/role/elb", "1"),
        ("2", "kubernetes.io/cluster/shop", "shared"),
    }


def test_who_is_in_an_adopted_subnet_waits_for_its_tags_and_endpoints() -> None:
    asked: AwsNetworkArgs = {**THERE, "cluster_names": ["shop"], "endpoints": [AwsEndpoint.STS]}
    waited = _waited(_user(["private_subnet_ids"], asked))
    assert {"vpcEndpoint net-sts", "tag net-private-0-karpenter-sh-discovery"} <= waited


def test_the_ids_of_an_adopted_network_may_be_known_late() -> None:
    def program() -> None:
        first = AwsNetwork("first", HERE)
        there: Any = {
            "vpc_id": first.vpc_id,
            "cidr": "10.0.0.0/16",
            "zones": ZONES[:2],
            "private_subnet_ids": [first.private_subnet_ids.apply(lambda known, at=at: known[at]) for at in (0, 1)],
        }
        AwsNetwork("net", {**HERE, "existing": there, "endpoints": [AwsEndpoint.STS]})

    assert plan(program).one("aws:ec2/vpcEndpoint:VpcEndpoint", "net-sts").inputs["subnetIds"] == [UNKNOWN] * 2
