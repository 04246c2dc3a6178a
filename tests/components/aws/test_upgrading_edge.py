"""A registry and load balancers that an earlier release has made are left alone, and change where they are asked to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.aws.load_balancer import AwsLoadBalancer, AwsLoadBalancerKind
from components.aws.registry import EcrRegistry
from tests.components.aws import test_load_balancer, test_registry
from tests.components.upgrading import Earlier

TOLD = {**test_load_balancer.TOLD, **test_registry.TOLD}


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of. changed: of the application load balancer."""
    application: Any = {**test_load_balancer.HERE, "other_hostnames": ["old.example.com"], **changed}
    EcrRegistry("images", {**test_registry.HERE, "pull_account_ids": ["210987654321"]})
    AwsLoadBalancer("edge", application)
    network: Any = {"hostname": "fast.example.com", "kind": AwsLoadBalancerKind.NLB}
    AwsLoadBalancer("fast", {**test_load_balancer.HERE, **network})


EARLIER = Earlier("edge", shop, TOLD)


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


def test_a_name_that_is_led_here_beside_others_loses_its_record_and_nothing_else(folder: Path) -> None:
    assert EARLIER.changes(folder, {"shared_hostname": True}, typed=True) == {
        "delete": {"aws:route53/record:Record::edge-models.example.com"}
    }


def test_other_callers_are_other_rules_and_nothing_else(folder: Path) -> None:
    other = {"client_cidrs": ["192.168.0.0/24", "172.16.0.0/12"]}
    assert EARLIER.changes(folder, other) == {
        "create": {"edge-http-172.16.0.0-12", "edge-https-172.16.0.0-12"},
        "delete": {"edge-http-10.0.0.0-16", "edge-https-10.0.0.0-16"},
    }
