"""Monitoring of Cloud Run that the judges judge: by default, and with every argument."""

from collections.abc import Callable
from typing import Final

from components.gcp.cloud_run_monitoring import CloudRunMonitoring, CloudRunMonitoringArgs

PROJECT, REGION = "shop-prod", "europe-west4"
_HERE: Final[CloudRunMonitoringArgs] = {"project": PROJECT, "region": REGION, "service_name": "digits"}
_MORE: Final[CloudRunMonitoringArgs] = {
    **_HERE,
    "latency": 0.5,
    "error_percent": 0.5,
    "max": 10,
    "memory_percent": 90,
    "load_balancer": {"backend_service_name": "shop-1a2b3c4", "error_percent": 2},
    "hostname": "models.example.com",
    "certificate_days": 20,
    "emails": ["ops@example.com", "Team.ML@example.com"],
    "channel_ids": [f"projects/{PROJECT}/notificationChannels/1234567890"],
    "minutes": 10,
    "close_minutes": 60,
    "runbook": "https://example.com/runbook",
    "labels": {"team": "ml"},
}


def cloud_run_monitoring() -> None:
    CloudRunMonitoring("watch", _HERE)


def cloud_run_monitoring_with_everything() -> None:
    CloudRunMonitoring("watch", _MORE)


PROGRAMS: Final[dict[str, Callable[[], object]]] = {
    "cloud_run_monitoring": cloud_run_monitoring,
    "cloud_run_monitoring_with_everything": cloud_run_monitoring_with_everything,
}
