"""A name that an earlier release has led to two sides is left alone, and another weight replaces nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.aws.weighted_dns import WeightedDns
from tests.components.aws.test_weighted_dns import AWS, HERE, PROOF, SIDES, sides
from tests.components.upgrading import Earlier

RECORD, CHECK = "aws:route53/record:Record", "aws:route53/healthCheck:HealthCheck"


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of. changed: of the name."""
    given: Any = {**HERE, **changed}
    WeightedDns("models", given)


EARLIER = Earlier("dns", shop)


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}
    assert EARLIER.changes(folder, {"sides": dict(reversed(SIDES.items()))}) == {}


@pytest.mark.parametrize(("aws", "google"), [(60, 40), (100, 0), (0, 100)])
def test_another_weight_is_another_weight_of_both_records(folder: Path, aws: int, google: int) -> None:
    found = EARLIER.changes(folder, {"sides": sides(aws, google)}, typed=True)
    assert found == {"update": {f"{RECORD}::models-aws", f"{RECORD}::models-google"}}


def test_another_address_moves_the_record_and_what_checks_it(folder: Path) -> None:
    found = EARLIER.changes(folder, {"sides": sides(70, 30, address="203.0.113.8")}, typed=True)
    assert found == {"update": {f"{RECORD}::models-google", f"{CHECK}::models-google"}}


def test_a_third_side_comes_and_goes_beside_the_others(folder: Path) -> None:
    third = {"weight": 0, "load_balancer": {**AWS, "dns_name": "edge.eu-west-1.elb.amazonaws.com"}}
    found = EARLIER.changes(folder, {"sides": {**SIDES, "ireland": third}}, typed=True)
    assert found == {"create": {f"{RECORD}::models-ireland"}}
    alone = {**SIDES, "google": {"weight": 30, "load_balancer": AWS, "validation": PROOF}}
    found = EARLIER.changes(folder, {"sides": alone}, typed=True)
    assert found == {"update": {f"{RECORD}::models-google"}, "delete": {f"{CHECK}::models-google"}}
