"""What the monitoring of a model on AWS cannot be, each in one line before anything is registered."""

from typing import Any, cast

import pytest

from components.aws import monitoring
from components.aws.monitoring import AwsMonitoring, AwsMonitoringArgs
from components.checks import ArgsError
from tests.components.aws.test_monitoring import ARGS, BALANCER
from tests.components.planned import plan

WHAT = "AwsMonitoring"
SERVICE = {"namespace": "models", "service": "digits"}


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"topic": "x"}, f"{WHAT} has no argument 'topic', it takes account_id, region, cluster_name, collector_image, "
         "services, load_balancer, emails, memory_percent, disk_percent, gpu_percent, minutes, log_days, key_arn, "
         "metric_namespace, add_on_version, tags"),
        ({"account_id": 123456789012}, f"{WHAT}.account_id is 123456789012, expected an AWS account id, twelve digits "
         'as text; for example "123456789012"'),
        ({"collector_image": "agent:latest"}, f"{WHAT}.collector_image is 'agent:latest', expected an image by digest; "
         "for example registry/repository@sha256:..."),
        ({"services": []}, f"{WHAT}.services is [], expected at least one service; "
         'write [{"namespace": "models", "service": "digits"}]'),
        ({"services": [{**SERVICE, "service": "Digits"}]}, f"{WHAT}.services[].service is 'Digits', expected at most "
         "63 of a-z, 0-9 and -; for example digits"),
        ({"services": [SERVICE, SERVICE]}, f"{WHAT}.services is 'models/digits', expected each service once; "
         "leave one of them out"),
        ({"services": [{**SERVICE, "latency": 0}]}, f"{WHAT}.services['models/digits'].latency is 0, expected 0.0005 "
         "to 300 seconds; write 0.0005"),
        ({"services": [{**SERVICE, "error_percent": 101}]}, f"{WHAT}.services['models/digits'].error_percent is 101, "
         "expected 0.001 to 100; write 100"),
        ({"emails": ["ops@"]}, f"{WHAT}.emails is 'ops@', expected e-mail addresses; for example ops@example.com"),
        ({"emails": "ops@example.com"}, f"{WHAT}.emails is 'ops@example.com', expected a list of addresses; "
         "write ['ops@example.com']"),
        ({"emails": ["ops@example.com", "OPS@example.com"]}, f"{WHAT}.emails is ['ops@example.com', "
         "'OPS@example.com'], expected addresses of other letters and digits; leave one of them out"),
        ({"services": [{**SERVICE, "service": f"s{number}"} for number in range(46)]}, f"{WHAT}.services is "
         "'46 services', expected at most 45, as CloudWatch takes 100 alarms as one; "
         "watch the others with a component of their own"),
        ({"memory_percent": 850}, f"{WHAT}.memory_percent is 850, expected 1 to 100; write 100"),
        ({"minutes": 0}, f"{WHAT}.minutes is 0, expected 1 to 60; write 1"),
        ({"minutes": 2.5}, f"{WHAT}.minutes is 2.5, expected a whole number; write 2"),
        ({"log_days": 100}, f"{WHAT}.log_days is 100, expected days for which CloudWatch keeps logs; write 90"),
        ({"key_arn": "alias/x"}, f"{WHAT}.key_arn is 'alias/x', expected an ARN of kms; "
         "for example arn:aws:kms:eu-central-1:123456789012:key/12345678-1234-1234-1234-123456789012"),
        ({"metric_namespace": "AWS/Models"}, f"{WHAT}.metric_namespace is 'AWS/Models', expected 1 to 255 of A-Z, a-z, "
         "0-9 and .-_/#, not beginning with AWS/; for example Modelport"),
        ({"add_on_version": "latest"}, f"{WHAT}.add_on_version is 'latest', expected the version of an add-on; "
         f"for example {monitoring.ADD_ON_VERSION}"),
        ({"load_balancer": {**BALANCER, "network": True}}, f"{WHAT}.load_balancer.arn_suffix is "
         "'app/shop/0123456789abcdef', expected the end of the ARN of a Network Load Balancer; "
         "for example net/shop/0123456789abcdef"),
        ({"load_balancer": {**BALANCER, "target_group_arn_suffix": "shop"}}, f"{WHAT}.load_balancer."
         "target_group_arn_suffix is 'shop', expected the end of a target group's ARN; "
         "for example targetgroup/shop/0123456789abcdef"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_before_anything_is_registered(given: dict[str, Any], line: str) -> None:
    registered: list[bool] = []

    def program() -> None:
        AwsMonitoring("watch", cast("AwsMonitoringArgs", {**ARGS, **given}))
        registered.append(True)

    with pytest.raises(ArgsError) as told:
        plan(program)
    assert str(told.value) == line
    assert registered == []
