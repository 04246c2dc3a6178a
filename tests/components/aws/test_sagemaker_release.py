"""How a new version comes to SageMaker: the words of a release, the alarms, and what it has no counterpart of."""

from typing import Any

import pytest

from components.aws.sagemaker import SageMakerStrategy
from components.checks import ArgsError
from tests.components.aws.test_sagemaker import HERE, OTHER, made_of
from tests.components.planned import UNKNOWN, Plan


def deployed(found: Plan) -> dict[str, Any]:
    made: dict[str, Any] = found.one("aws:sagemaker/endpoint:Endpoint").inputs["deploymentConfig"]
    return made


def percent(value: int) -> dict[str, Any]:
    return {"type": "CAPACITY_PERCENT", "value": value}


CASES: list[tuple[Any, dict[str, Any]]] = [
    (
        {},
        {
            "rollingUpdatePolicy": {
                "maximumBatchSize": percent(50),
                "waitIntervalInSeconds": 300,
                "maximumExecutionTimeoutInSeconds": 3300,
            }
        },
    ),
    (
        {"batch": 10, "pause": 120},
        {
            "rollingUpdatePolicy": {
                "maximumBatchSize": percent(10),
                "waitIntervalInSeconds": 120,
                "maximumExecutionTimeoutInSeconds": 3300,
            }
        },
    ),
    (
        {"strategy": SageMakerStrategy.BLUE_GREEN, "pause": 600},
        {
            "blueGreenUpdatePolicy": {
                "trafficRoutingConfiguration": {"type": "ALL_AT_ONCE", "waitIntervalInSeconds": 0},
                "terminationWaitInSeconds": 600,
                "maximumExecutionTimeoutInSeconds": 3300,
            }
        },
    ),
    (
        {"strategy": SageMakerStrategy.CANARY, "steps": [{"weight": 10, "pause": 600}]},
        {
            "blueGreenUpdatePolicy": {
                "trafficRoutingConfiguration": {
                    "type": "CANARY",
                    "canarySize": percent(10),
                    "waitIntervalInSeconds": 600,
                },
                "terminationWaitInSeconds": 300,
                "maximumExecutionTimeoutInSeconds": 3300,
            }
        },
    ),
    (
        {"strategy": "canary", "steps": [{"weight": each} for each in (25, 50, 75)]},
        {
            "blueGreenUpdatePolicy": {
                "trafficRoutingConfiguration": {
                    "type": "LINEAR",
                    "linearStepSize": percent(25),
                    "waitIntervalInSeconds": 300,
                },
                "terminationWaitInSeconds": 300,
                "maximumExecutionTimeoutInSeconds": 3300,
            }
        },
    ),
]


@pytest.mark.parametrize(("release", "policy"), CASES, ids=["rolling", "batches", "blue-green", "canary", "linear"])
def test_the_words_of_a_release_are_sagemakers_own(release: Any, policy: dict[str, Any]) -> None:
    found = deployed(made_of({**HERE, "release": release}))
    assert found == {**policy, "autoRollbackConfiguration": {"alarms": [{"alarmName": "digits-main-errors"}]}}


def test_the_last_step_may_be_written() -> None:
    steps: Any = [{"weight": each, "pause": 60} for each in (50, 100)]
    found = deployed(made_of({**HERE, "release": {"strategy": SageMakerStrategy.CANARY, "steps": steps}}))
    assert found["blueGreenUpdatePolicy"]["trafficRoutingConfiguration"]["linearStepSize"] == percent(50)


def test_alarms_look_at_the_new_instances_alone() -> None:
    """A small share's errors are hardly seen among the answers of the old ones."""
    found = made_of({**HERE, "latency_seconds": 0.25, "error_percent": 2, "alarm_names": ["digits-business"]})
    place = {"EndpointName": "digits", "VariantName": "main", "EndpointConfigName": "digits"}
    errors = found.one("aws:cloudwatch/metricAlarm:MetricAlarm", "digits-main-errors").inputs
    assert (errors["threshold"], errors["treatMissingData"]) == (2, "notBreaching")
    assert [each["metric"]["dimensions"] for each in errors["metricQueries"][:2]] == [place, place]
    assert errors["metricQueries"][2]["expression"] == "IF(requests >= 20, 100 * FILL(errors, 0) / requests, 0)"
    slow = found.one("aws:cloudwatch/metricAlarm:MetricAlarm", "digits-main-slow").inputs
    assert (slow["metricName"], slow["threshold"], slow["extendedStatistic"]) == ("ModelLatency", 250_000, "p99")
    assert slow["dimensions"] == place
    names = deployed(found)["autoRollbackConfiguration"]["alarms"]
    assert [each["alarmName"] for each in names] == ["digits-main-errors", "digits-main-slow", "digits-business"]


def test_in_a_preview_the_configuration_that_they_look_at_is_not_known() -> None:
    found = made_of(HERE, preview=True).one("aws:cloudwatch/metricAlarm:MetricAlarm").inputs
    assert found["metricQueries"][0]["metric"]["dimensions"]["EndpointConfigName"] == UNKNOWN


_BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"release": {"strategy": "ab"}},
        "SageMakerEndpoint.release.strategy is 'ab', expected one of rolling, canary, blue-green; write rolling",
    ),
    (
        {"release": {"strategy": "canary"}},
        "SageMakerEndpoint.release.steps is [], expected at least one step of a canary; for example weight 10, "
        "pause 300",
    ),
    (
        {"release": {"strategy": "canary", "steps": [{"weight": 60}]}},
        "SageMakerEndpoint.release.steps[0].weight is 60, expected 1 to 50 percent; write 50",
    ),
    (
        {"release": {"strategy": "canary", "steps": [{"weight": 10}, {"weight": 50}]}},
        "SageMakerEndpoint.release.steps is [10, 50], expected steps of equal size and pause, each 10 to 50 percent, "
        "or one, as SageMaker has no others; write 10, 20, 30, 40, 50, 60, 70, 80, 90 with one pause, or a single step",
    ),
    (
        {"release": {"strategy": "canary", "steps": [{"weight": 50}, {"weight": 20}]}},
        "SageMakerEndpoint.release.steps is [50, 20], expected weights each larger than the one before; write [20, 50]",
    ),
    (
        {"release": {"steps": [{"weight": 10}]}},
        "SageMakerEndpoint.release.steps is [{'weight': 10}], expected none beside strategy rolling; leave steps out",
    ),
    (
        {"release": {"strategy": "blue-green", "batch": 10}},
        "SageMakerEndpoint.release.batch is 10, expected none beside strategy blue-green; leave batch out",
    ),
    (
        {"release": {"batch": 60}},
        "SageMakerEndpoint.release.batch is 60, expected 5 to 50 percent; write 50",
    ),
    (
        {"release": {"pause": 90.5}},
        "SageMakerEndpoint.release.pause is 90.5, expected a whole number; write 90",
    ),
    (
        {"release": {"batch": 10, "pause": 300}},
        "SageMakerEndpoint.release is '3000 seconds of pauses in all', expected at most 2400, as the provider waits an "
        "hour for all of it; write shorter pauses, or fewer steps",
    ),
    (
        {"release": {"strategy": "canary", "steps": [{"weight": 10, "pause": 2000}], "pause": 500}},
        "SageMakerEndpoint.release is '2500 seconds of pauses in all', expected at most 2400, as the provider waits an "
        "hour for all of it; write shorter pauses, or fewer steps",
    ),
    (
        {"min": 1},
        "SageMakerEndpoint.min is 1, expected 2 instances at least, as the first that are new may be half of them with "
        "strategy rolling; write 2, or strategy blue-green",
    ),
    (
        {"variants": {"next": {"image": OTHER, "weight": 1}}},
        "SageMakerEndpoint.release.strategy is 'rolling', expected another one beside variants, as SageMaker rolls "
        "endpoints of one variant; write canary or blue-green",
    ),
    (
        {"alarm_names": [f"a{at}" for at in range(10)]},
        "SageMakerEndpoint.alarm_names is '10 names', expected at most 9, as SageMaker takes 10 and 1 are of the "
        "variants; join some into one alarm",
    ),
]


@pytest.mark.parametrize(("bad", "said"), _BAD, ids=[" ".join(map(str, bad))[:24] for bad, _ in _BAD])
def test_what_sagemaker_has_no_counterpart_of_is_said_before_anything_is_registered(
    bad: dict[str, Any], said: str
) -> None:
    args: Any = {**HERE, **bad}
    with pytest.raises(ArgsError) as told:
        made_of(args)
    assert str(told.value) == said


def test_one_instance_is_replaced_by_another_beside_it() -> None:
    found = made_of({**HERE, "min": 1, "release": {"strategy": SageMakerStrategy.BLUE_GREEN}})
    assert "blueGreenUpdatePolicy" in deployed(found)
