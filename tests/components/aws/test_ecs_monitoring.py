"""What CloudWatch watches of a service of ECS, as it would be registered."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.aws.ecs_monitoring import EcsMonitoring
from components.checks import ArgsError
from tests.components.planned import UNKNOWN, Plan, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
GROUPS = ["targetgroup/shop/0123456789abcdef", "targetgroup/shop-b/0123456789abcdef"]
BALANCER: dict[str, Any] = {"arn_suffix": "app/shop/0123456789abcdef", "target_group_arn_suffixes": GROUPS}
NETWORK = {**BALANCER, "arn_suffix": "net/shop/0123456789abcdef", "network": True}
ARGS: dict[str, Any] = {
    "account_id": "123456789012",
    "region": "eu-central-1",
    "cluster_name": "shop",
    "service_name": "digits",
    "load_balancer": BALANCER,
}
PROMISED = {**BALANCER, "latency": 0.1, "error_percent": 2}
FULL: dict[str, Any] = {"emails": ["ops@example.com"], "load_balancer": PROMISED}
ALARM, WHOLE, TOPIC, POLICY, KEY, SHOWN = (
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm",
    "aws:sns/topic:Topic",
    "aws:sns/topicPolicy:TopicPolicy",
    "aws:kms/key:Key",
    "aws:cloudwatch/dashboard:Dashboard",
)
PLACE = {"ClusterName": "shop", "ServiceName": "digits"}
ARN = "arn:aws:test:eu-central-1:123456789012:watch"


def planned(preview: bool = False, without: str = "", **changes: Any) -> Plan:
    given: Any = {key: value for key, value in {**ARGS, **changes}.items() if key != without}
    return plan(lambda: EcsMonitoring("watch", given), preview=preview)


def alarm(found: Plan, about: str) -> dict[str, Any]:
    told = ("alarmDescription", "tags", "alarmActions", "okActions")
    inputs = found.one(ALARM, f"watch-{about}").inputs
    return {key: value for key, value in inputs.items() if key not in told}


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned(preview, **FULL).holds(SNAPSHOTS / "ecs-monitoring.txt")


def test_latency_is_told_by_the_slowest_of_a_hundred() -> None:
    assert alarm(planned(**FULL), "latency") == {
        "namespace": "AWS/ApplicationELB",
        "metricName": "TargetResponseTime",
        "dimensions": {"LoadBalancer": "app/shop/0123456789abcdef"},
        "extendedStatistic": "p99",
        "comparisonOperator": "GreaterThanThreshold",
        "threshold": 0.1,
        "evaluateLowSampleCountPercentiles": "ignore",
        "treatMissingData": "notBreaching",
        "period": 60,
        "evaluationPeriods": 5,
        "datapointsToAlarm": 3,
    }
    assert alarm(planned(), "latency")["threshold"] == 0.25


def test_errors_are_a_share_of_requests_at_the_load_balancer_and_behind_it() -> None:
    found = alarm(planned(**FULL), "balancer-errors")
    assert found["threshold"] == 2
    counted = {each["metric"]["metricName"] for each in found["metricQueries"] if "metric" in each}
    assert counted == {"HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count", "RequestCount"}


def test_both_groups_of_targets_are_looked_at() -> None:
    found = planned()
    for about, group in zip(("unhealthy-targets", "unhealthy-targets-alternate"), GROUPS, strict=True):
        asked = alarm(found, about)
        assert (asked["metricName"], asked["threshold"], asked["statistic"]) == ("UnHealthyHostCount", 0, "Maximum")
        assert asked["dimensions"] == {"LoadBalancer": "app/shop/0123456789abcdef", "TargetGroup": group}


def test_tasks_are_told_of_before_users_feel_it() -> None:
    found = planned(cpu_percent=80)
    cpu, memory = alarm(found, "cpu"), alarm(found, "memory")
    assert (cpu["namespace"], cpu["metricName"], cpu["statistic"], cpu["threshold"]) == (
        "AWS/ECS", "CPUUtilization", "Average", 80)  # fmt: skip
    assert (memory["metricName"], memory["statistic"], memory["threshold"]) == ("MemoryUtilization", "Maximum", 85)
    assert cpu["dimensions"] == memory["dimensions"] == PLACE
    missing = alarm(found, "missing-tasks")
    assert missing["metricQueries"][0]["expression"] == "wanted - running"
    assert [each["metric"]["metricName"] for each in missing["metricQueries"][1:]] == [
        "DesiredTaskCount",
        "RunningTaskCount",
    ]
    assert (missing["evaluationPeriods"], missing["datapointsToAlarm"]) == (10, 10)
    silent = alarm(found, "silent")
    assert (silent["metricName"], silent["statistic"]) == ("RunningTaskCount", "SampleCount")
    assert silent["treatMissingData"] == "breaching"


def test_what_users_feel_is_one_message_and_everything_else_tells_for_itself() -> None:
    found = planned()
    felt = {"latency", "balancer-errors", "unhealthy-targets", "unhealthy-targets-alternate"}
    for each in found.all(ALARM):
        assert ("alarmActions" in each.inputs) is (each.name.removeprefix("watch-") not in felt)
    whole = found.one(WHOLE).inputs
    assert whole["alarmName"] == "watch-tasks-users"
    assert set(whole["alarmRule"].split(" OR ")) == {f'ALARM("watch-{each}")' for each in felt}
    assert whole["alarmActions"] == whole["okActions"] == [ARN]
    alone = planned(without="load_balancer")
    assert alone.one(WHOLE).inputs["alarmRule"] == 'ALARM("watch-missing-tasks")'
    network = planned(load_balancer=NETWORK)
    assert not {"watch-latency", "watch-balancer-errors"} & {each.name for each in network.all(ALARM)}
    assert alarm(network, "unhealthy-targets")["namespace"] == "AWS/NetworkELB"


def test_only_alarms_of_this_account_tell_its_topic() -> None:
    found = planned(**FULL)
    assert found.one(TOPIC).inputs["kmsMasterKeyId"] == ARN
    lets, denies = json.loads(found.one(POLICY).inputs["policy"])["Statement"]
    assert lets["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert lets["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:*"},
    }
    assert denies["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert found.one(KEY).inputs["enableKeyRotation"] is True
    subscribed = found.one("aws:sns/topicSubscription:TopicSubscription").inputs
    assert (subscribed["protocol"], subscribed["endpoint"]) == ("email", "ops@example.com")


@pytest.mark.parametrize("changes", [{}, {"load_balancer": NETWORK}])
def test_the_dashboard_shows_all_of_it_side_by_side(changes: dict[str, Any]) -> None:
    found = planned(**changes)
    shown = found.one(SHOWN).inputs
    assert shown["dashboardName"] == "watch-tasks"
    widgets = json.loads(shown["dashboardBody"])["widgets"]
    assert len(widgets[0]["properties"]["alarms"]) == len(found.all(ALARM)) + 1
    drawn = {line[1] for each in widgets[1:] for line in each["properties"]["metrics"]}
    expected = {"RunningTaskCount", "CPUUtilization", "MemoryUtilization", "HealthyHostCount", "UnHealthyHostCount"}
    if not changes:
        expected |= {"TargetResponseTime", "RequestCount", "HTTPCode_Target_5XX_Count"}
    assert expected <= drawn
    for one, other in combinations(widgets, 2):
        apart = one["x"] + one["width"] <= other["x"] or one["y"] + one["height"] <= other["y"]
        assert apart or other["x"] + other["width"] <= one["x"]


def test_what_is_known_late_is_unknown_in_a_preview() -> None:
    def program() -> None:
        late = pulumi.Output.from_input("digits").apply(str)
        given: Any = {**ARGS, "load_balancer": {"arn_suffix": late, "target_group_arn_suffixes": [late]}}
        EcsMonitoring("watch", given)

    found = plan(program)
    assert found.one(TOPIC).inputs["kmsMasterKeyId"] == UNKNOWN
    assert found.one(WHOLE).inputs["alarmRule"] == UNKNOWN
    assert found.one(SHOWN).inputs["dashboardBody"] == UNKNOWN


def test_outputs() -> None:
    known: list[str] = []

    def program() -> None:
        given: Any = {**ARGS, "tags": {"team": "ml"}}
        made = EcsMonitoring("watch", given)
        pulumi.Output.all(made.topic_arn, made.dashboard_url, made.service_alarm_name).apply(known.extend)

    found = plan(program, preview=False)
    host = "https://eu-central-1.console.aws.amazon.com/cloudwatch/home"
    assert known == [ARN, f"{host}?region=eu-central-1#dashboards/dashboard/watch-tasks", "watch-tasks-users"]
    assert {each.inputs["tags"]["team"] for each in found.resources if "tags" in each.inputs} == {"ml"}


def balanced(**changes: Any) -> dict[str, Any]:
    return {"load_balancer": {**BALANCER, **changes}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"account_id": "1"}, "EcsMonitoring.account_id is '1', expected an AWS account id"),
        ({"cluster_name": "my shop"}, "EcsMonitoring.cluster_name is 'my shop', expected 1 to 255 letters, digits"),
        ({"emails": ["ops"]}, "EcsMonitoring.emails is 'ops', expected e-mail addresses; for example ops@example.com"),
        ({"cpu_percent": 0}, "EcsMonitoring.cpu_percent is 0, expected 1 to 100; write 1"),
        ({"minutes": 2.5}, "EcsMonitoring.minutes is 2.5, expected a whole number; write 2"),
        ({"key_arn": "alias/mine"}, "EcsMonitoring.key_arn is 'alias/mine', expected an ARN of kms"),
        (balanced(arn_suffix="net/a/0123456789abcdef"), "expected the end of the ARN of an Application Load Balancer"),
        (balanced(target_group_arn_suffixes=[]), "target_group_arn_suffixes is '0 groups', expected one, or two"),
        (balanced(target_group_arn_suffixes=["shop"]), "is 'shop', expected the end of a target group's ARN"),
        (balanced(latency=0), "EcsMonitoring.load_balancer.latency is 0, expected 0.001 to 3600; write 0.001"),
        ({"load_balancer": {**NETWORK, "latency": 1}}, "expected nothing beside network, which knows no requests"),
        ({"log_days": 7}, "EcsMonitoring has no argument 'log_days'"),
    ],
)
def test_what_cannot_be_is_named_before_anything_is_planned(changes: dict[str, Any], said: str) -> None:
    given: Any = {**ARGS, **changes}

    def program() -> None:
        with pytest.raises(ArgsError) as raised:
            EcsMonitoring("watch", given)
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)

    assert plan(program).resources == []
