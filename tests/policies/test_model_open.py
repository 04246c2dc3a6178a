"""Ways in from the internet that are written in other words: each is found, whoever wrote the program."""

import dataclasses
from typing import Any, Final

import pytest

from policies import model
from tests.components.planned import UNKNOWN, Planned
from tests.policies.flips import Flip, changed, made
from tests.policies.judging import Verdicts, judged
from tests.policies.programs import planned

RULES: Final = {each.name: each for each in model.RULES}
BALANCER, GROUP = "aws:lb/loadBalancer:LoadBalancer", "aws:ec2/securityGroup:SecurityGroup"
LISTENER, LISTENER_RULE = "aws:lb/listener:Listener", "aws:lb/listenerRule:ListenerRule"
INGRESS, OLD = (
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:ec2/securityGroupRule:SecurityGroupRule",
)
DEPLOYMENT: Final = "kubernetes:apps/v1:Deployment"
OPEN: Final = [{"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["0.0.0.0/0"]}]
LOGIN: Final = [{"type": "authenticate-oidc"}, {"type": "forward"}]
FORWARD: Final = [{"type": "forward"}]


def kept(rule: str, *resources: Planned) -> Verdicts:
    return judged(resources, rules=[RULES[rule]])


def balancer(type_: str = BALANCER, **inputs: Any) -> Planned:
    return made(type_, "front", {"securityGroups": ["a"], "arn": "arn:front", **inputs})


def listener(name: str, of: str, actions: list[Any]) -> Planned:
    return made(LISTENER, name, {"loadBalancerArn": of, "arn": f"arn:{name}", "defaultActions": actions})


WORLD: Final = made(INGRESS, "world", {"cidrIpv4": "0.0.0.0/0", "securityGroupId": "a"})


@pytest.mark.parametrize(
    "group",
    [
        made(GROUP, "world", {"id": "a", "ingress": OPEN}),
        made(OLD, "world", {"type": "ingress", "cidrBlocks": ["0.0.0.0/0"], "securityGroupId": "a"}),
        made(OLD, "world", {"type": "ingress", "ipv6CidrBlocks": ["::/0"], "securityGroupId": "a"}),
        made(INGRESS, "world", {"cidrIpv4": "128.0.0.0/1", "securityGroupId": "a"}),
    ],
)
@pytest.mark.parametrize("type_", [BALANCER, "aws:alb/loadBalancer:LoadBalancer"])
def test_a_load_balancer_is_open_however_its_group_is_written(group: Planned, type_: str) -> None:
    (verdict,) = kept("load-balancer-authenticated", balancer(type_), group).wrong
    assert (verdict.resource, "by world," in verdict.text) == ("front", True)


def test_a_group_that_is_yet_to_be_made_is_known_by_what_is_made_from_it() -> None:
    group = made(GROUP, "world", {"id": UNKNOWN, "ingress": OPEN})
    made_from = {"propertyDependencies": {"securityGroups": {"urns": [group.urn]}}}
    front = dataclasses.replace(balancer(securityGroups=UNKNOWN), request=made_from)
    assert [each.resource for each in kept("load-balancer-authenticated", front, group).wrong] == ["front"]


def test_a_load_balancer_of_connections_without_a_group_is_open() -> None:
    front = made(BALANCER, "front", {"loadBalancerType": "network"})
    assert [each.resource for each in kept("load-balancer-authenticated", front).wrong] == ["front"]


@pytest.mark.parametrize(
    ("others", "wrong"),
    [
        ([listener("in", "arn:front", LOGIN)], False),
        ([listener("other", "arn:other", LOGIN)], True),
        ([listener("in", "arn:front", LOGIN), listener("beside", "arn:front", FORWARD)], True),
        ([listener("in", "arn:front", LOGIN),
          made(LISTENER_RULE, "way", {"listenerArn": "arn:in", "actions": FORWARD})], True),
        ([listener("in", "arn:front", [{"type": "fixed-response"}]),
          made(LISTENER_RULE, "way", {"listenerArn": "arn:in", "actions": LOGIN})], False),
        ([listener("in", "arn:front", [{"type": "redirect"}])], True),
    ],
)  # fmt: skip
def test_callers_log_in_on_every_way_or_nobody_asks(others: list[Planned], wrong: bool) -> None:
    assert bool(kept("load-balancer-authenticated", balancer(), WORLD, *others).wrong) is wrong


def test_an_api_that_makes_its_own_route_is_open() -> None:
    api = made("aws:apigatewayv2/api:Api", "api", {"protocolType": "HTTP"})
    assert kept("api-method-authenticated", api).wrong == []
    quick = dataclasses.replace(api, inputs={**api.inputs, "target": UNKNOWN})
    assert [each.resource for each in kept("api-method-authenticated", quick).wrong] == ["api"]


def test_a_route_of_grpc_leads_to_keys_too() -> None:
    about = {"name": "in", "namespace": "models"}
    way = made(
        "kubernetes:gateway.networking.k8s.io/v1:GRPCRoute", "in",
        {"metadata": about, "spec": {"rules": [{"backendRefs": [{"name": "digits"}]}]}},
    )  # fmt: skip
    assert kept("route-authenticated", *planned("service"), way).wrong == []
    keyless: dict[str, Any] = {"spec.template.spec.containers[0].env": []}
    open_pods = changed([*planned("service"), way], Flip("", "", DEPLOYMENT, "digits", keyless))
    assert [each.resource for each in kept("route-authenticated", *open_pods).wrong] == ["in"]


def test_two_halves_of_the_internet_are_the_internet() -> None:
    ranges = {"spec.type": "LoadBalancer", "spec.loadBalancerSourceRanges": ["0.0.0.0/1", "128.0.0.0/1"]}
    keyless: dict[str, Any] = {"spec.template.spec.containers[0].env": []}
    open_pods = changed(planned("service"), Flip("", "", DEPLOYMENT, "digits", keyless))
    halves = changed(open_pods, Flip("", "", "kubernetes:core/v1:Service", "digits", ranges))
    assert [each.resource for each in kept("route-authenticated", *halves).wrong] == ["digits"]
