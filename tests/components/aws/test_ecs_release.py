"""The words of a release, as ECS itself carries them out."""

import json
from typing import Any, cast

import pytest

from components.aws.ecs import EcsRelease, EcsService, EcsServiceArgs, EcsStrategy
from components.checks import ArgsError
from tests.components.aws.test_ecs import ACCOUNT, BALANCED, HERE
from tests.components.planned import Plan, plan

BALANCER = f"arn:aws:elasticloadbalancing:eu-central-1:{ACCOUNT}"
RULE = f"{BALANCER}:listener-rule/app/digits/0123456789abcdef/0123456789abcdef/0123456789abcdef"
OTHER = f"{BALANCER}:targetgroup/b/0123456789abcdef"
FIRST = f"{BALANCER}:targetgroup/a/0123456789abcdef"
BOTH: EcsServiceArgs = {
    **BALANCED,
    "load_balancer": {
        "target_group_arn": FIRST,
        "security_group_id": "sg-0123456789abcdef0",
        "arn_suffix": "app/digits/0123456789abcdef",
        "target_group_arn_suffix": "targetgroup/a/0123456789abcdef",
        "rule_arn": RULE,
        "alternate_target_group_arn": OTHER,
        "alternate_target_group_arn_suffix": "targetgroup/b/0123456789abcdef",
    },
}
BLUE_GREEN: EcsRelease = {"strategy": EcsStrategy.BLUE_GREEN, "pause": 600}


def _made(args: EcsServiceArgs, release: EcsRelease | None = None, *, preview: bool = False) -> Plan:
    told: EcsServiceArgs = args if release is None else {**args, "release": release}
    return plan(lambda: EcsService("digits", told), preview=preview)


def _service(found: Plan) -> dict[str, Any]:
    return found.one("aws:ecs/service:Service").inputs


def _steps(*weights: int, pause: float = 300) -> EcsRelease:
    return {"strategy": EcsStrategy.CANARY, "steps": [{"weight": each, "pause": pause} for each in weights]}


def test_a_rolling_update_that_fails_is_rolled_back() -> None:
    found = _service(_made(BALANCED))
    assert found["deploymentController"] == {"type": "ECS"}
    assert found["deploymentConfiguration"] == {"strategy": "ROLLING"}
    assert found["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert found["alarms"] == {"alarmNames": ["digits-errors"], "enable": True, "rollback": True}
    assert (found["deploymentMinimumHealthyPercent"], found["deploymentMaximumPercent"]) == (100, 200)
    (balancer,) = found["loadBalancers"]
    assert balancer == {"targetGroupArn": FIRST, "containerName": "model", "containerPort": 8080}
    assert found["healthCheckGracePeriodSeconds"] == 300


@pytest.mark.parametrize(
    ("release", "configuration"),
    [
        (BLUE_GREEN, {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": "10"}),
        (
            _steps(10),
            {
                "strategy": "CANARY",
                "bakeTimeInMinutes": "1",
                "canaryConfiguration": {"canaryPercent": 10, "canaryBakeTimeInMinutes": "5"},
            },
        ),
        (
            {**_steps(25, 50, 75, 100, pause=60), "pause": 1800},
            {
                "strategy": "LINEAR",
                "bakeTimeInMinutes": "30",
                "linearConfiguration": {"stepPercent": 25, "stepBakeTimeInMinutes": "1"},
            },
        ),
        (
            _steps(30, 60, 90),
            {
                "strategy": "LINEAR",
                "bakeTimeInMinutes": "1",
                "linearConfiguration": {"stepPercent": 30, "stepBakeTimeInMinutes": "5"},
            },
        ),
    ],
    ids=["blue-green", "one step", "equal steps to the end", "equal steps"],
)
def test_two_versions_side_by_side_are_the_platforms_own(release: EcsRelease, configuration: dict[str, Any]) -> None:
    found = _service(_made(BOTH, release))
    assert found["deploymentConfiguration"] == configuration
    (balancer,) = found["loadBalancers"]
    assert balancer["targetGroupArn"] == FIRST
    assert balancer["advancedConfiguration"] == {
        "alternateTargetGroupArn": OTHER,
        "productionListenerRule": RULE,
        "roleArn": f"arn:aws:test:eu-central-1:{ACCOUNT}:digits-shift",
    }
    # ECS takes it with rolling updates alone; alarms are what rolls these back, each version's own.
    assert "deploymentCircuitBreaker" not in found
    assert found["alarms"] == {
        "alarmNames": ["digits-errors", "digits-errors-alternate"],
        "enable": True,
        "rollback": True,
    }


def test_ecs_may_move_these_requests_and_no_others() -> None:
    found = _made(BOTH, BLUE_GREEN)
    policy = found.one("aws:iam/rolePolicy:RolePolicy", "digits-shift").inputs["policy"]
    told, targets, rule = json.loads(policy)["Statement"]
    assert all(":Describe" in action for action in told["Action"])
    assert targets["Action"] == ["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"]
    assert targets["Resource"] == [FIRST, OTHER]
    assert rule["Action"] == ["elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyRule"]
    assert rule["Resource"] == RULE
    (trust,) = json.loads(found.one("aws:iam/role:Role", "digits-shift").inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "ecs.amazonaws.com"}
    assert "digits-shift" in found.one("aws:ecs/service:Service").depends_on


def test_errors_and_slow_answers_of_either_version_are_told_apart() -> None:
    found = _made({**BOTH, "error_percent": 2, "latency_seconds": 0.25, "alarm_names": ["money"]}, BLUE_GREEN)
    alarms = {each.name: each.inputs for each in found.all("aws:cloudwatch/metricAlarm:MetricAlarm")}
    assert set(alarms) == {"digits-errors", "digits-errors-alternate", "digits-slow", "digits-slow-alternate"}
    errors = alarms["digits-errors-alternate"]
    assert (errors["threshold"], errors["treatMissingData"]) == (2, "notBreaching")
    places = [each["metric"]["dimensions"] for each in errors["metricQueries"] if "metric" in each]
    place = {"LoadBalancer": "app/digits/0123456789abcdef", "TargetGroup": "targetgroup/b/0123456789abcdef"}
    assert places == [place, place]
    slow = alarms["digits-slow"]
    assert (slow["extendedStatistic"], slow["threshold"]) == ("p99", 0.25)
    assert _service(found)["alarms"]["alarmNames"] == [
        *("digits-errors", "digits-slow", "digits-errors-alternate", "digits-slow-alternate", "money"),
    ]


def test_requests_are_counted_over_both_target_groups() -> None:
    found = _made({**BOTH, "max": 8, "requests_target": 600}, BLUE_GREEN)
    policy = found.one("aws:appautoscaling/policy:Policy", "digits-requests").inputs
    measured = policy["targetTrackingScalingPolicyConfiguration"]["customizedMetricSpecification"]["metrics"]
    assert [each["id"] for each in measured] == ["blue", "green", "tasks", "requests"]
    groups = [each["metricStat"]["metric"]["dimensions"][1]["value"] for each in measured[:2]]
    assert groups == ["targetgroup/a/0123456789abcdef", "targetgroup/b/0123456789abcdef"]
    assert measured[3]["expression"] == "(FILL(blue, 0) + FILL(green, 0)) / tasks"
    assert [each["returnData"] for each in measured] == [False, False, False, True]


def test_who_wants_to_see_the_end_waits() -> None:
    assert _service(_made(HERE))["waitForSteadyState"] is False
    assert _service(_made({**HERE, "wait": True}))["waitForSteadyState"] is True


_BAD: list[tuple[EcsServiceArgs, dict[str, Any], str]] = [
    (
        BOTH,
        {"strategy": "shadow"},
        "EcsService.release.strategy is 'shadow', expected one of rolling, canary, blue-green; write rolling",
    ),
    (
        BOTH,
        dict(_steps(5, 20, 50)),
        "EcsService.release.steps is [5, 20, 50], expected steps of equal size and pause, each at least 3 percent, or "
        "one, as ECS has no others; write 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95 "
        "with one pause, or a single step",
    ),
    (
        BOTH,
        {"strategy": "canary", "steps": [{"weight": 50, "pause": 60}, {"weight": 100, "pause": 120}]},
        "EcsService.release.steps is [50, 100], expected steps of equal size and pause, each at least 3 percent, or "
        "one, as ECS has no others; write 25, 50, 75 with one pause, or a single step",
    ),
    (
        BOTH,
        dict(_steps(50, 25)),
        "EcsService.release.steps is [50, 25], expected weights each larger than the one before; write [25, 50]",
    ),
    (
        BOTH,
        {"strategy": "canary"},
        "EcsService.release.steps is [], expected at least one step of a canary; for example weight 10, pause 300",
    ),
    (
        BOTH,
        dict(_steps(10, pause=90)),
        "EcsService.release.steps[0].pause is 90, expected whole minutes, as ECS counts in these; write 120",
    ),
    (
        BOTH,
        dict(_steps(101)),
        "EcsService.release.steps[0].weight is 101, expected 1 to 100 percent; write 100",
    ),
    (
        BOTH,
        {"strategy": "blue-green", "pause": 90_000},
        "EcsService.release.pause is 90000, expected 0 to 86400 seconds; write 86400",
    ),
    (
        BOTH,
        {"strategy": "blue-green", "steps": [{"weight": 10}]},
        "EcsService.release.steps is [{'weight': 10}], expected none beside strategy blue-green; leave steps out",
    ),
    (
        BOTH,
        {"pause": 60},
        "EcsService.release.pause is 60, expected none beside strategy rolling; leave pause out",
    ),
    (
        BALANCED,
        dict(BLUE_GREEN),
        "EcsService.release.strategy is 'blue-green', expected a load balancer with two target groups beside it; write "
        "load_balancer with rule_arn and alternate_target_group_arn, or strategy rolling",
    ),
    (
        {**BOTH, "namespace_id": "ns-0123456789abcdef"},
        dict(_steps(10)),
        "EcsService.release.strategy is 'canary', expected no namespace_id beside it, as names lead to both versions "
        "at once; leave namespace_id out",
    ),
    (
        {
            **HERE,
            "load_balancer": {
                "target_group_arn": FIRST,
                "security_group_id": "sg-0123456789abcdef0",
                "rule_arn": RULE,
                "alternate_target_group_arn": OTHER,
            },
        },
        dict(BLUE_GREEN),
        "EcsService.release.strategy is 'blue-green', expected an alarm that rolls it back; write alarm_names, or "
        "load_balancer with arn_suffix and target_group_arn_suffix",
    ),
]


@pytest.mark.parametrize(("args", "release", "said"), _BAD, ids=[said.partition(",")[0] for _, _, said in _BAD])
def test_what_ecs_has_no_counterpart_of_is_refused(args: EcsServiceArgs, release: dict[str, Any], said: str) -> None:
    registered: list[str] = []

    def program() -> None:
        try:
            EcsService("digits", {**args, "release": cast("EcsRelease", release)})
        except ArgsError as error:
            registered.append(str(error))

    found = plan(program)
    assert registered == [said]
    assert found.resources == []
