"""Autoscaler and monitoring that an earlier release has made are left alone, and change where they are asked to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.aws.autoscaler import EksAutoscaler
from components.aws.monitoring import AwsMonitoring
from tests.components.aws import test_autoscaler, test_monitoring
from tests.components.upgrading import Earlier, Told

TOLD: Told = {"aws:sqs/queue:Queue": lambda made: {"url": f"https://sqs.example.com/{made.name}"}}


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of. changed: of the autoscaler."""
    autoscaler: Any = {**test_autoscaler.ARGS, "pools": [{"name": "cpu"}, test_autoscaler.GPUS], **changed}
    EksAutoscaler("nodes", autoscaler)
    monitoring: Any = {**test_monitoring.ARGS, **test_monitoring.FULL}
    AwsMonitoring("watch", monitoring)


EARLIER = Earlier("watch", shop, TOLD)


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


def test_another_image_of_nodes_is_another_class_and_nothing_else(folder: Path) -> None:
    """Karpenter then turns its nodes over by itself; no pool, role or queue is touched."""
    other = {"pools": [{"name": "cpu", "image_release": "v20261101"}, test_autoscaler.GPUS]}
    assert EARLIER.changes(folder, other) == {"update": {"nodes-cpu-class"}}
