"""What takes the numbers and faults of models to Cloud Monitoring: managed Prometheus, and a metric made of logs.

Pure, on plain values. Managed Prometheus runs in every cluster of GKE that has it switched on: what it is told here is
which pods to ask. Fields: PodMonitoring of monitoring.googleapis.com/v1 (GoogleCloudPlatform/prometheus-engine,
2026-11-22).
"""

from collections.abc import Sequence
from typing import Any, Final

from components.gcp.watching import Place, Service
from components.kubernetes import names

Json = dict[str, Any]

API: Final = "monitoring.googleapis.com/v1"
UNASKED: Final = "health|metrics|server|model|other"
"""Routes that probes and scrapes call: nobody asks how long those took, and each has a histogram of its own."""
FAULTS: Final = "Traceback [(]most recent call last[)]|modelport: (error|worker [0-9]+ ended|not drained)"
"""Lines of the server's log that tell of a fault; the other lines of its standard error, all of which GKE calls errors,
tell what it does."""
_KIND: Final = "(Traceback|error|ended|not drained)"


def namespace(*, autopilot: bool) -> str:
    """Where the collectors run, which a model's network policy has to let in."""
    return "gke-gmp-system" if autopilot else "gmp-system"


def monitor(service: Service, seconds: int) -> Json:
    """A PodMonitoring's spec: the labels that every rule and query goes by, from those of the pod."""
    taken = ((names.APP, "service"), (names.TRACK, "track"), (names.REVISION, "revision"))
    return {
        "selector": {"matchLabels": {**names.selector(service.name), names.COMPONENT: "model"}},
        "endpoints": [
            {
                "port": names.PORT_NAME,
                "path": names.METRICS,
                "interval": f"{seconds}s",
                "timeout": f"{min(seconds, 10)}s",
                "metricRelabeling": [{"action": "drop", "sourceLabels": ["route"], "regex": UNASKED}],
            }
        ],
        "targetLabels": {
            "metadata": ["pod", "container"],
            "fromPod": [{"from": label, "to": target} for label, target in taken],
        },
    }


def faults(place: Place, services: Sequence[Service]) -> str:
    """The filter of the log that finds faults of these services."""
    spaces = " OR ".join(f'"{each}"' for each in sorted({each.namespace for each in services}))
    called = " OR ".join(f'"{each}"' for each in sorted({each.name for each in services}))
    return "\n".join(
        (
            'resource.type="k8s_container"',
            f'resource.labels.project_id="{place.project}"',
            f'resource.labels.location="{place.location}"',
            f'resource.labels.cluster_name="{place.cluster}"',
            f'resource.labels.container_name="{names.CONTAINER}"',
            f"resource.labels.namespace_name=({spaces})",
            f"{_APP}=({called})",
            "severity>=ERROR",
            f'textPayload=~"{FAULTS}"',
        )
    )


# GKE puts a pod's labels beside an entry, with `_` for the dots in their names.
_APP: Final = f'labels."k8s-pod/{names.APP.replace(".", "_")}"'
LABELS: Final = {
    "service": (f"EXTRACT({_APP})", "The service whose server it was"),
    "kind": (f'REGEXP_EXTRACT(textPayload, "{_KIND}")', "What its line tells of"),
}
"""Labels of the metric that is made of these lines: where each is taken from, and what it says."""
