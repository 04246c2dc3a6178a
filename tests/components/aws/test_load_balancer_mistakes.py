"""What a load balancer on AWS cannot be, each in one line before anything is planned."""

from typing import Any

import pulumi
import pytest

from components.aws import load_balancer
from components.aws.load_balancer import AwsLoadBalancer
from components.checks import ArgsError
from tests.components.aws.test_load_balancer import CERTIFICATE, FIREWALL, HERE, NLB
from tests.components.planned import plan


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"name": "e" * 25},
            "the name of AwsLoadBalancer is 'eeeeeeeeeeeeeeeeeeeeeeeee', expected a letter and at most 23",
        ),
        ({"name": "sg-edge"}, "not beginning with sg-"),
        ({"name": "internal-edge"}, "the name of AwsLoadBalancer is 'internal-edge', expected one that does not begin"),
        ({"account_id": "1234"}, "AwsLoadBalancer.account_id is '1234', expected an AWS account id"),
        ({"region": "eu-central-7"}, "AwsLoadBalancer.region is 'eu-central-7', expected one that there is"),
        ({"kind": "aplication"}, "AwsLoadBalancer.kind is 'aplication', expected one of application, network"),
        (
            {"hostname": "models.example.org"},
            "AwsLoadBalancer.hostname is 'models.example.org', expected a name of the zone example.com; write models.",
        ),
        ({"hostname": "badexample.com"}, "expected a name of the zone example.com"),
        ({"hostname": "*.example.com"}, "AwsLoadBalancer.hostname is '*.example.com', expected a DNS name in lower"),
        ({"hostname": "Models.example.com"}, "expected a DNS name in lower case"),
        ({"hostname": f"{'m' * 53}.example.com"}, "expected a DNS name in lower case of at most 64 characters"),
        ({"zone_name": "example.com."}, "AwsLoadBalancer.zone_name is 'example.com.', expected the name of a hosted"),
        (
            {"other_hostnames": ["a.example.org"]},
            "AwsLoadBalancer.other_hostnames is 'a.example.org', expected a name of",
        ),
        ({"other_hostnames": ["models.example.com"]}, "expected each name once, and not `hostname` again; write []"),
        (
            {"other_hostnames": [f"{n}.example.com" for n in range(10)]},
            "is '10 names', expected at most 9 names beside",
        ),
        (
            {"hosted_zone_id": "/hostedzone/Z0123"},
            "AwsLoadBalancer.hosted_zone_id is '/hostedzone/Z0123', expected the id of a hosted zone without",
        ),
        ({"subnet_ids": ["subnet-1"]}, "AwsLoadBalancer.subnet_ids is '1 subnet', expected subnets in at least two"),
        ({"subnet_ids": ["subnet-1"] * 2}, "expected each subnet once; write ['subnet-1']"),
        ({"client_cidrs": []}, "AwsLoadBalancer.client_cidrs is [], expected networks that may connect; write that of"),
        (
            {"client_cidrs": ["10.0.0.1/16"]},
            "AwsLoadBalancer.client_cidrs[0] is '10.0.0.1/16', expected an IPv4 network in CIDR notation; for example "
            "10.0.0.0/16",
        ),
        ({"client_cidrs": ["anywhere"]}, "AwsLoadBalancer.client_cidrs[0] is 'anywhere', expected an IPv4 network"),
        (
            {"client_cidrs": ["10.0.0.0/8", "10.1.0.0/16"]},
            "AwsLoadBalancer.client_cidrs[1] is '10.1.0.0/16', which overlaps AwsLoadBalancer.client_cidrs[0]",
        ),
        (
            {"client_cidrs": ["0.0.0.0/0"]},
            "AwsLoadBalancer.client_cidrs is ['0.0.0.0/0'], expected named networks, as it is internal; name them, or "
            "set internet_facing: true",
        ),
        (
            {"client_cidrs": ["0.0.0.0/1", "128.0.0.0/1"]},
            "AwsLoadBalancer.client_cidrs is ['0.0.0.0/1', '128.0.0.0/1'], expected named networks, as it is internal",
        ),
        (
            {
                "certificate": {
                    "arn": CERTIFICATE.replace("123456789012", "999999999999"),
                    "names": ["models.example.com"],
                }
            },
            "expected one of account 123456789012, as AWS takes no other's; make or take one there",
        ),
        (
            {"web_acl_arn": FIREWALL.replace("123456789012", "999999999999")},
            "expected one of account 123456789012, as AWS takes no other's; make or take one there",
        ),
        (
            {"certificate": {"arn": CERTIFICATE, "names": ["other.example.com"]}},
            "AwsLoadBalancer.certificate.names is ['other.example.com'], expected names of a certificate for "
            "models.example.com; take another certificate, or none",
        ),
        (
            {"certificate": {"arn": CERTIFICATE, "names": ["*.com"]}},
            "expected names of a certificate for models.example",
        ),
        (
            {
                "certificate": {
                    "arn": CERTIFICATE.replace("eu-central-1", "us-east-1"),
                    "names": ["models.example.com"],
                }
            },
            "expected one of eu-central-1, where what uses it is; make or take one in eu-central-1",
        ),
        (
            {"certificate": {"arn": FIREWALL, "names": ["models.example.com"]}},
            "AwsLoadBalancer.certificate.arn is 'arn:aws:wafv2",
        ),
        ({"certificate": {"arn": CERTIFICATE}}, "AwsLoadBalancer.certificate.names is missing"),
        ({"web_acl_arn": CERTIFICATE}, "AwsLoadBalancer.web_acl_arn is 'arn:aws:acm"),
        ({"web_acl_arn": FIREWALL.replace("eu-", "us-")}, "expected one of eu-central-1"),
        ({"web_acl_arn": FIREWALL, **NLB}, "AwsLoadBalancer.kind is 'network', expected application, as AWS WAF reads"),
        ({"target_port": 0}, "AwsLoadBalancer.target_port is 0, expected 1 to 65535; write 1"),
        ({"node_port": 8080}, "AwsLoadBalancer.node_port is 8080, expected 30000 to 32767; write 30000"),
        (
            {"node_port": 30080, "target_port": 30080},
            "AwsLoadBalancer.target_port is 30080, expected nothing beside node_port; leave one of them out",
        ),
        ({"log_days": 0}, "AwsLoadBalancer.log_days is 0, expected 1 to 3650; write 1"),
        ({"internet": True}, "AwsLoadBalancer has no argument 'internet', did you mean internet_facing"),
        (
            {"two_versions": True, "other_hostnames": ["m.example.com"]},
            "AwsLoadBalancer.other_hostnames is ['m.example.com'], expected none beside two_versions, as ECS moves the "
            "requests of one rule, which is one name's; leave other_hostnames out, or write kind: NLB",
        ),
        (
            {"two_versions": True, "node_port": 30_080},
            "AwsLoadBalancer.node_port is 30080, expected nothing beside two_versions, whose targets ECS registers by "
            "their addresses; leave one of them out",
        ),
        ({"vpc_id": None}, "AwsLoadBalancer.vpc_id is missing, expected a value; write vpc_id: ..."),
    ],
)
def test_what_cannot_be_is_named_before_anything_is_planned(changes: dict[str, Any], said: str) -> None:
    name = str(changes.get("name", "edge"))
    given: Any = {**HERE, **{key: value for key, value in changes.items() if key != "name"}}

    def program() -> None:
        with pytest.raises(ArgsError) as raised:
            AwsLoadBalancer(name, given)
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)

    assert plan(program).resources == []


def test_a_certificate_whose_names_are_known_late_is_asked_then() -> None:
    def program() -> None:
        names = pulumi.Output.from_input(["other.example.com"])
        given: Any = {**HERE, "certificate": {"arn": CERTIFICATE, "names": names}}
        load_balancer._certificate(given, ["models.example.com"])

    with pytest.raises(ArgsError, match=r"expected names of a certificate for models\.example\.com"):
        plan(program, preview=False)
