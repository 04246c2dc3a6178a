"""Who speaks to whom in a network, written down in Cloud Logging."""

from typing import Any, Final

import pulumi
from pulumi_gcp.networkmanagement.vpc_flow_logs_config import VpcFlowLogsConfig

from components.gcp.labels import Labels

INTERVALS: Final = {
    5: "INTERVAL_5_SEC",
    30: "INTERVAL_30_SEC",
    60: "INTERVAL_1_MIN",
    300: "INTERVAL_5_MIN",
    600: "INTERVAL_10_MIN",
    900: "INTERVAL_15_MIN",
}
"""Seconds, as Compute Engine words them."""
SECONDS: Final = 5
SAMPLING: Final = 1.0
"""What CIS asks: the shortest interval, and all of the traffic (Google Cloud Foundations Benchmark, 3.8)."""


def config(seconds: int, sampling: float) -> Any:
    """How a subnetwork logs, as its own argument."""
    return {
        "aggregation_interval": INTERVALS[seconds],
        "flow_sampling": sampling,
        "metadata": "INCLUDE_ALL_METADATA",
    }


def of(
    parent: pulumi.Resource,
    name: str,
    subnetwork_id: pulumi.Input[str],
    labels: Labels,
    *,
    project: str,
    seconds: int,
    sampling: float,
) -> VpcFlowLogsConfig:
    """Those of a subnetwork that somebody else keeps, whose own arguments are not ours: a configuration beside it."""
    called = f"{name}-flow-logs"
    return VpcFlowLogsConfig(
        called,
        project=project,
        location="global",
        # Pulumi gives none of its own here, and two of one name would be one.
        vpc_flow_logs_config_id=called,
        subnet=subnetwork_id,
        labels=labels.all(),
        opts=pulumi.ResourceOptions(parent=parent),
        **config(seconds, sampling),
    )
