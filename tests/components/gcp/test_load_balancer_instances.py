"""A load balancer in front of a group of instances: what it leads to, and what it is not asked for beside that."""

from typing import Any

import pytest

from components.checks import ArgsError
from components.gcp.load_balancer import GcpLoadBalancer
from tests.components.gcp.test_load_balancer import API, BACKEND, CHECK, FIREWALL, HERE, POLICY, PORT, RUN, TOLD
from tests.components.planned import Plan, plan

GROUP = f"{API}/projects/shop-prod/regions/europe-west4/instanceGroups/digits"
INSTANCES: dict[str, Any] = {
    **{key: value for key, value in RUN.items() if key != "cloud_run"},
    "instances": {"instance_group": GROUP},
}


def planned(**changed: Any) -> Plan:
    given: Any = {**INSTANCES, **changed}
    return plan(lambda: GcpLoadBalancer("edge", given), preview=False, outputs=TOLD)


def test_instances_answer_at_a_port_that_their_group_names() -> None:
    found = planned(draining_seconds=30, timeout_seconds=300)
    made = found.one(BACKEND)
    assert made.name == "edge-instances"
    assert made.inputs == {
        "project": "shop-prod",
        "description": "What answers for edge",
        "loadBalancingScheme": "EXTERNAL_MANAGED",
        "protocol": "HTTP",
        "portName": "http",
        "healthChecks": "edge-id",
        "localityLbPolicy": "LEAST_REQUEST",
        "securityPolicy": "edge-id",
        "enableCdn": False,
        "logConfig": {"enable": True, "sampleRate": 1},
        "timeoutSec": 300,
        "connectionDrainingTimeoutSec": 30,
        "backends": [{"group": GROUP, "balancingMode": "RATE", "maxRatePerInstance": 1000, "capacityScaler": 1}],
    }
    assert found.one(CHECK).inputs["httpHealthCheck"] == {
        "requestPath": "/v2/health/ready",
        "portSpecification": "USE_SERVING_PORT",
    }
    # Whoever made the group has named its port and let Google's front ends in.
    assert not found.all(FIREWALL) and not found.all(PORT)
    assert made.inputs["securityPolicy"] == "edge-id" and found.all(POLICY)


def test_a_group_of_a_zone_and_another_port_are_taken_too() -> None:
    group = "projects/shop-prod/zones/europe-west4-a/instanceGroups/digits"
    made = planned(instances={"instance_group": group, "named_port": "model"}).one(BACKEND).inputs
    assert (made["backends"][0]["group"], made["portName"]) == (group, "model")


def test_nodes_are_led_to_as_they_were() -> None:
    given: Any = HERE
    made = plan(lambda: GcpLoadBalancer("edge", given), preview=False, outputs=TOLD).one(BACKEND)
    assert made.name == "edge-nodes"
    assert {each["maxRatePerInstance"] for each in made.inputs["backends"]} == {100}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"node_port": 30_080},
            "GcpLoadBalancer.node_port is 30080, expected nothing beside instances, whose group says all that there is "
            "to say; leave one of them out",
        ),
        (
            {"cloud_run": {"service": "digits", "region": "europe-west4"}},
            "GcpLoadBalancer.cloud_run is {'service': 'digits', 'region': 'europe-west4'}, expected nothing beside "
            "instances, whose group says all that there is to say; leave one of them out",
        ),
        (
            {"instances": {"instance_group": "digits"}},
            "GcpLoadBalancer.instances.instance_group is 'digits', expected the address of an instance group; for "
            "example projects/shop-prod/regions/europe-west4/instanceGroups/digits",
        ),
        (
            {"instances": {"instance_group": GROUP.replace("instanceGroups", "instanceGroupManagers")}},
            f"GcpLoadBalancer.instances.instance_group is '{API}/projects/shop-prod/regions/europe-west4/"
            "instanceGroupManagers/digits', expected the address of an instance group; for example "
            "projects/shop-prod/regions/europe-west4/instanceGroups/digits",
        ),
        (
            {"instances": {"instance_group": GROUP, "named_port": "8080"}},
            "GcpLoadBalancer.instances.named_port is '8080', expected the name of a port of the group; for example "
            "http",
        ),
        (
            {"instances": {"named_port": "http"}},
            "GcpLoadBalancer.instances.instance_group is missing, expected a value; write instance_group: ...",
        ),
        (
            {"instances": {"group": GROUP}},
            "GcpLoadBalancer.instances has no argument 'group', it takes instance_group, named_port",
        ),
    ],
)
def test_what_cannot_be_is_named_before_anything_is_planned(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgsError) as error:
        planned(**changed)
    assert str(error.value) == said
