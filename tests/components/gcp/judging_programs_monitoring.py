"""Monitoring of models that the judges judge: by default, and with every argument."""

from collections.abc import Callable
from typing import Final

from components.gcp.monitoring import GcpMonitoring, GcpMonitoringArgs

PROJECT, NUMBER, REGION = "shop-prod", "123456789012", "europe-west4"
_HERE: Final[GcpMonitoringArgs] = {
    "project": PROJECT,
    "location": REGION,
    "cluster_name": "shop",
    "services": [{"namespace": "models", "service": "digits"}],
}
_MORE: Final[GcpMonitoringArgs] = {
    **_HERE,
    "location": f"{REGION}-a",
    "services": [
        {"namespace": "models", "service": "digits", "latency": 0.1, "error_percent": 0.5, "least_pods": 2},
        {"namespace": "models", "service": "words", "least_pods": 0},
    ],
    "autopilot": True,
    "load_balancer": {"backend_service_name": "shop-1a2b3c4", "error_percent": 2},
    "hostname": "models.example.com",
    "emails": ["ops@example.com", "Team.ML@example.com"],
    "topic": True,
    "project_number": NUMBER,
    "memory_percent": 90,
    "disk_percent": 70,
    "gpu_percent": 95,
    "certificate_days": 20,
    "minutes": 10,
    "close_minutes": 60,
    "scrape_seconds": 15,
    "runbook": "https://example.com/runbook",
    "labels": {"team": "ml"},
}


def monitoring() -> None:
    GcpMonitoring("watch", _HERE)


def monitoring_with_everything() -> None:
    GcpMonitoring("watch", _MORE)


def monitoring_with_a_key_of_somebodys() -> None:
    key = f"projects/{PROJECT}/locations/{REGION}/keyRings/models/cryptoKeys/models"
    GcpMonitoring("watch", {**_HERE, "topic": True, "project_number": NUMBER, "key_name": key})


PROGRAMS: Final[dict[str, Callable[[], object]]] = {
    "monitoring": monitoring,
    "monitoring-with-everything": monitoring_with_everything,
    "monitoring-with-a-key-of-somebody's": monitoring_with_a_key_of_somebodys,
}
