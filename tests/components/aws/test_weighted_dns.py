"""A name that leads to several sides, as it would be registered, and what it cannot be."""

import asyncio
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.aws.weighted_dns import HEALTH_CHECKERS, WeightedDns
from components.checks import ArgsError, Network
from tests.components.planned import Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
RECORD, CHECK = "aws:route53/record:Record", "aws:route53/healthCheck:HealthCheck"
AWS: dict[str, Any] = {"dns_name": "edge.eu-central-1.elb.amazonaws.com", "zone_id": "Z215JYRZR1TBD5"}
PROOF = {"name": "_acme-challenge_abc.models.example.com.", "type": "CNAME", "data": "def.authorize.example.goog."}
ADDRESS = "203.0.113.7"
SIDES: dict[str, Any] = {
    "google": {"weight": 30, "address": ADDRESS, "validation": PROOF},
    "aws": {"weight": 70, "load_balancer": AWS},
}
HERE: dict[str, Any] = {
    "hostname": "models.example.com",
    "zone_name": "example.com",
    "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
    "sides": SIDES,
}


def planned(preview: bool = False, name: str = "models", **changes: Any) -> Plan:
    given: Any = {**HERE, **changes}
    return plan(lambda: WeightedDns(name, given), preview=preview)


def sides(aws: Any, google: Any, **more: Any) -> dict[str, Any]:
    """The sides with these weights, and `more` of Google's."""
    return {"aws": {**SIDES["aws"], "weight": aws}, "google": {**SIDES["google"], "weight": google, **more}}


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned(preview).holds(SNAPSHOTS / "weighted-dns.txt")


def test_a_load_balancer_of_aws_is_an_alias_that_has_its_health() -> None:
    made = planned().one(RECORD, "models-aws")
    assert made.inputs == {
        "zoneId": "Z0123456789ABCDEFGHIJ",
        "name": "models.example.com",
        "type": "A",
        "setIdentifier": "aws",
        "weightedRoutingPolicies": [{"weight": 70}],
        "aliases": [{"name": AWS["dns_name"], "zoneId": AWS["zone_id"], "evaluateTargetHealth": True}],
    }


def test_an_address_is_told_as_long_as_it_answers() -> None:
    found = planned()
    assert found.one(RECORD, "models-google").inputs == {
        "zoneId": "Z0123456789ABCDEFGHIJ",
        "name": "models.example.com",
        "type": "A",
        "setIdentifier": "google",
        "weightedRoutingPolicies": [{"weight": 30}],
        "ttl": 60,
        "records": [ADDRESS],
        "healthCheckId": "models-google-id",
    }
    assert found.one(CHECK).inputs == {
        "type": "HTTPS",
        "ipAddress": ADDRESS,
        "port": 443,
        "fqdn": "models.example.com",
        "enableSni": True,
        "resourcePath": "/v2/health/ready",
        "requestInterval": 10,
        "failureThreshold": 3,
        "measureLatency": False,
        "tags": {"modelport:component": "models", "Name": "models-google"},
    }


def test_what_another_cloud_looks_for_is_in_the_zone() -> None:
    made = planned().one(RECORD, "models-google-validation").inputs
    assert made == {
        "zoneId": "Z0123456789ABCDEFGHIJ",
        "name": PROOF["name"],
        "type": "CNAME",
        "ttl": 300,
        "records": [PROOF["data"]],
    }
    without = {"aws": SIDES["aws"], "google": {"weight": 30, "address": ADDRESS}}
    assert [each.name for each in planned(sides=without).all(RECORD)] == ["models-aws", "models-google"]


def test_outputs_of_others_are_taken_before_they_are_known() -> None:
    def program() -> None:
        unknown: Any = pulumi.Output(set(), _settled(None), _settled(False))
        given: Any = {
            **HERE,
            "hosted_zone_id": unknown,
            "sides": {
                "aws": {"weight": 70, "load_balancer": {"dns_name": unknown, "zone_id": unknown}},
                "google": {"weight": 30, "address": unknown, "validation": unknown[0]},
            },
        }
        WeightedDns("models", given)

    assert plan(program).lines() == planned(preview=True).lines()


def _settled(value: Any) -> "asyncio.Future[Any]":
    found: asyncio.Future[Any] = asyncio.Future()
    found.set_result(value)
    return found


def test_outputs() -> None:
    told: list[Any] = []

    def program() -> None:
        given: Any = HERE
        made = WeightedDns("models", given)
        pulumi.Output.all(made.url, made.health_check_ids).apply(told.append)

    plan(program, preview=False)
    assert told == [["https://models.example.com", {"google": "models-google-id"}]]


def test_two_load_balancers_of_aws_need_no_health_check() -> None:
    found = planned(sides={"north": {**SIDES["aws"], "weight": 50}, "south": {**SIDES["aws"], "weight": 50}})
    assert found.all(CHECK) == []
    assert len(found.all(RECORD)) == 2


@pytest.mark.parametrize(("aws", "google"), [(100, 0), (0, 100), (50.0, 50.0)])
def test_a_side_is_taken_out_by_0(aws: Any, google: Any) -> None:
    found = planned(sides=sides(aws, google))
    weights = {each.inputs["setIdentifier"]: each.inputs["weightedRoutingPolicies"] for each in _weighted(found)}
    assert weights == {"aws": [{"weight": int(aws)}], "google": [{"weight": int(google)}]}


def _weighted(found: Plan) -> list[Planned]:
    return [each for each in found.all(RECORD) if "setIdentifier" in each.inputs]


def test_health_checkers_are_networks_of_the_internet_that_share_no_address() -> None:
    found = [Network(each) for each in HEALTH_CHECKERS]
    assert len(found) == 32
    assert all(each.is_global and 23 <= each.prefixlen <= 26 for each in found)
    assert sum(each.overlaps(other) for each in found for other in found) == len(found)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"sides": sides(0, 0)},
            "WeightedDns.sides is {'aws': 0, 'google': 0}, expected one weight that is not 0, as Route 53 takes zeros "
            "alone for weights that are equal; write aws: 100",
        ),
        (
            {"sides": sides(70, 40)},
            "WeightedDns.sides is {'aws': 70, 'google': 40}, expected weights of 100 together; write google: 30",
        ),
        ({"sides": sides(9, 1)}, "expected weights of 100 together; write google: 91"),
        (
            {"sides": {**sides(100, 0), "third": {"weight": 30, "address": ADDRESS}}},
            "expected weights of 100 together; write third: 0",
        ),
        (
            {"sides": {**sides(90, 90), "third": {"weight": 0, "address": ADDRESS}}},
            "expected weights of 100 together; write parts of 100",
        ),
        ({"sides": sides(101, 0)}, "WeightedDns.sides['aws'].weight is 101, expected 0 to 100 percent; write 100"),
        ({"sides": sides(-1, 0)}, "WeightedDns.sides['aws'].weight is -1, expected 0 to 100 percent; write 0"),
        ({"sides": sides(49.5, 50.5)}, "WeightedDns.sides['aws'].weight is 49.5, expected a whole number; write 50"),
        ({"sides": sides(True, 99)}, "WeightedDns.sides['aws'].weight is True, expected 0 to 100 percent"),
        ({"sides": sides("70", 30)}, "WeightedDns.sides['aws'].weight is '70', expected a number; write 70"),
        (
            {"sides": {"aws": {**SIDES["aws"], "weight": 100}}},
            "WeightedDns.sides is ['aws'], expected two sides, and at most 100; name each that answers, as aws and",
        ),
        (
            {"sides": {**sides(70, 30), "A B": SIDES["aws"]}},
            "a key of WeightedDns.sides is 'A B', expected a name of at most 32 of a-z, 0-9 and -; for example aws",
        ),
        (
            {"sides": sides(70, 30, load_balancer=AWS)},
            "WeightedDns.sides['google'] is ['load_balancer', 'address'], expected either load_balancer or address; "
            "write one of them",
        ),
        (
            {"sides": {**sides(70, 30), "aws": {"weight": 70}}},
            "WeightedDns.sides['aws'] is [], expected either load_balancer or address",
        ),
        ({"sides": sides(70, 30, wait=1)}, "WeightedDns.sides['google'] has no argument 'wait', did you mean weight"),
        (
            {"sides": {**sides(70, 30), "aws": {"load_balancer": AWS}}},
            "WeightedDns.sides['aws'].weight is missing, expected a value",
        ),
        (
            {"sides": {**sides(70, 30), "aws": {"weight": 70, "load_balancer": {"dns_name": "a"}}}},
            "WeightedDns.sides['aws'].load_balancer.zone_id is missing",
        ),
        (
            {"sides": sides(70, 30, validation={"name": "a", "type": "CNAME"})},
            "WeightedDns.sides['google'].validation.data is missing",
        ),
        (
            {"sides": sides(70, 30, address="10.0.0.1")},
            "WeightedDns.sides['google'].address is '10.0.0.1', expected an IPv4 address on the internet, as Route 53 "
            "checks no other; take that of a load balancer there",
        ),
        ({"sides": sides(70, 30, address="edge.example.com")}, "is 'edge.example.com', expected an IPv4 address on"),
        ({"sides": sides(70, 30, address="2001:db8::1")}, "is '2001:db8::1', expected an IPv4 address on the internet"),
        ({"hostname": "models.example.org"}, "WeightedDns.hostname is 'models.example.org', expected a name of the"),
        ({"hostname": "*.example.com"}, "WeightedDns.hostname is '*.example.com', expected a DNS name in lower case"),
        ({"zone_name": "example.com."}, "WeightedDns.zone_name is 'example.com.', expected the name of a hosted zone"),
        (
            {"hosted_zone_id": "/hostedzone/Z0"},
            "WeightedDns.hosted_zone_id is '/hostedzone/Z0', expected the id of a hosted zone without /hostedzone/",
        ),
        ({"name": "sg-models"}, "the name of WeightedDns is 'sg-models', expected a letter"),
        (
            {
                "sides": {
                    "aws": {"weight": 50, "load_balancer": AWS, "validation": PROOF},
                    "aws-validation": {"weight": 50, "address": ADDRESS},
                }
            },
            "a key of WeightedDns.sides is 'aws-validation', expected another name beside 'aws', whose record of "
            "validation is called so; rename it",
        ),
        ({"sides": None}, "WeightedDns.sides is missing, expected a value; write sides: ..."),
        ({"ttl": 5}, "WeightedDns has no argument 'ttl', it takes hostname, zone_name, hosted_zone_id, sides, tags"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_planned(changes: dict[str, Any], said: str) -> None:
    told: list[str] = []

    def program() -> None:
        given: Any = {**HERE, **changes}
        with pytest.raises(ArgsError) as found:
            WeightedDns(given.pop("name", "models"), given)
        told.append(str(found.value))

    assert plan(program).resources == []
    assert len(told) == 1 and said in told[0], told


def test_an_address_that_is_known_late_is_asked_late() -> None:
    late = {**sides(70, 30), "google": {"weight": 30, "address": None}}

    def program() -> None:
        late["google"]["address"] = pulumi.Output.from_input("192.168.0.1")
        given: Any = {**HERE, "sides": late}
        WeightedDns("models", given)

    with pytest.raises(ValueError, match=r"address is '192.168.0.1', expected an IPv4 address on the internet"):
        plan(program)
