"""What is watched in Cloud Monitoring, as queries of Prometheus: pure, on plain values.

Cloud Monitoring answers PromQL over what managed Prometheus collects and over Google's own metrics alike, so one way of
asking does for both, and Prometheus' own tools can try it. Names and labels of Google's metrics: Cloud Monitoring,
"Google Cloud metrics" (kubernetes, loadbalancing, monitoring) and "Mapping Cloud Monitoring metrics to PromQL",
2026-11-22.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components.kubernetes import names, objectives
from components.kubernetes.objectives import ROUTES, Objectives

WINDOW: Final = "5m"
"""What a share of requests is taken over: ten scrapes, so that a single one decides nothing."""
ENOUGH: Final = 100
"""Requests within WINDOW from which on one in a hundred says something: of a handful the slowest is the 99th
percentile."""
SHARE: Final = 0.99
RESTARTS: Final = 2
"""Starts of a container within a quarter of an hour that are no crash loop yet."""
CHECKERS: Final = 2
"""Places of Google's that an uptime check has to fail from: one alone may have lost its way there."""

NODE: Final = {
    "heard": "kubernetes.io/node/cpu/core_usage_time",
    "condition": "kubernetes.io/node/status_condition",
    "cpu": "kubernetes.io/node/cpu/allocatable_utilization",
    "memory": "kubernetes.io/node/memory/allocatable_utilization",
    "disk": "kubernetes.io/node/ephemeral_storage/used_bytes",
    "disk_size": "kubernetes.io/node/ephemeral_storage/total_bytes",
}
"""Metrics of the resource k8s_node; `condition` from GKE 1.32.1 on."""
CONTAINER: Final = {
    "restarts": "kubernetes.io/container/restart_count",
    "gpu": "kubernetes.io/container/accelerator/duty_cycle",
    "gpu_memory": "kubernetes.io/container/accelerator/memory_used",
    "gpu_memory_size": "kubernetes.io/container/accelerator/memory_total",
}
"""Metrics of the resource k8s_container."""
BALANCER: Final = {
    "requests": "loadbalancing.googleapis.com/https/request_count",
    "latency": "loadbalancing.googleapis.com/https/total_latencies",
}
"""Metrics of the resource https_lb_rule, a global load balancer."""
UPTIME: Final = {
    "passed": "monitoring.googleapis.com/uptime_check/check_passed",
    "latency": "monitoring.googleapis.com/uptime_check/request_latency",
    "certificate": "monitoring.googleapis.com/uptime_check/time_until_ssl_cert_expires",
}
"""Metrics of the resource uptime_url; `certificate` in days."""

_NOT_READY: Final = ',condition="Ready",status!="True"'
_PRESSED: Final = ',condition=~"MemoryPressure|DiskPressure|PIDPressure",status="True"'
_HELD: Final = ',memory_type="non-evictable"'


@dataclass(frozen=True)
class Place:
    """Where a cluster is: what tells it from others in what one project sees."""

    project: str
    location: str
    cluster: str

    @property
    def pods(self) -> str:
        """Matchers of what managed Prometheus collects, with a comma behind."""
        return f'project_id="{self.project}",location="{self.location}",cluster="{self.cluster}",'

    @property
    def inside(self) -> str:
        """Matchers of Google's own metrics of nodes and containers."""
        return f'project_id="{self.project}",location="{self.location}",cluster_name="{self.cluster}"'

    def wanted(self, service: "Service") -> Objectives:
        """What is promised of a service, of this cluster's pods. Raises ValueError."""
        return Objectives(
            service.namespace, service.name, latency=service.latency, latency_share=SHARE, where=self.pods
        )


@dataclass(frozen=True)
class Service:
    """A service that is watched."""

    namespace: str
    name: str
    latency: float
    percent: float
    least: int

    @property
    def called(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def slug(self) -> str:
        return f"{self.namespace}-{self.name}"

    @property
    def pods(self) -> str:
        """Names of its pods, as a regular expression."""
        tracks = "|".join(each(self.name) for each in (names.canary, names.baseline))
        return f"({self.name}|{tracks})-[a-z0-9]+-[a-z0-9]+"


@dataclass(frozen=True)
class Watched:
    """One alert, without who is told."""

    about: str
    """The end of its name."""
    description: str
    query: pulumi.Input[str]
    advice: str
    """What to look at first, in Markdown."""
    felt: bool
    """Whether users feel it."""
    seconds: int
    """How long it is so before it is told."""


def named(metric: str) -> str:
    """A metric of Cloud Monitoring as PromQL calls it."""
    domain, _, path = metric.partition("/")
    return ":".join(re.sub(r"[^A-Za-z0-9]", "_", each) for each in (domain, path))


def node(place: Place, what: str, more: str = "") -> str:
    """A selector of one of NODE. more: matchers, each with a comma before it."""
    return f'{named(NODE[what])}{{monitored_resource="k8s_node",{place.inside}{more}}}'


def container(place: Place, what: str, more: str = "") -> str:
    """A selector of one of CONTAINER."""
    return f'{named(CONTAINER[what])}{{monitored_resource="k8s_container",{place.inside}{more}}}'


def balancer(project: str, backend: str, what: str, more: str = "", suffix: str = "") -> str:
    """A selector of one of BALANCER. backend: name of the backend service."""
    labels = f'monitored_resource="https_lb_rule",project_id="{project}",backend_target_name="{backend}"{more}'
    return f"{named(BALANCER[what])}{suffix}{{{labels}}}"


def uptime(project: str, check: str, what: str) -> str:
    """A selector of one of UPTIME. check: id of the uptime check."""
    return f'{named(UPTIME[what])}{{monitored_resource="uptime_url",project_id="{project}",check_id="{check}"}}'


def slow(place: Place, service: Service) -> str:
    """Of a hundred requests more than one takes too long, where there are a hundred."""
    wanted = place.wanted(service)
    count = f"modelport_request_duration_seconds_count{{{wanted.series},{ROUTES}}}"
    return (
        f"{objectives.missed(wanted, 'latency', WINDOW)} > {1 - SHARE:.6g} "
        f"and sum(increase({count}[{WINDOW}])) >= {ENOUGH}"
    )


def failing(place: Place, service: Service) -> str:
    """More than so many of the requests fail."""
    return f"{share_failing(place, service)} > {service.percent / 100:.6g}"


def share_failing(place: Place, service: Service, window: str = WINDOW) -> str:
    """The share of the requests that fail."""
    return objectives.missed(place.wanted(service), "availability", window)


def missing(place: Place, service: Service) -> str:
    """Fewer pods answer than there have to be, none at all or nobody knows of any included."""
    return f"(sum(up{{{place.wanted(service).series}}}) or vector(0)) < {service.least}"


def rule(place: Place, service: Service, alert: str) -> str:
    """The query of one of `objectives.others`."""
    (found,) = (each["expr"] for each in objectives.others(place.wanted(service)) if each["alert"] == alert)
    return str(found)


def restarting(place: Place, service: Service) -> str:
    """A container of the model starts again and again."""
    counted = container(place, "restarts", _model(service))
    return f"sum by (pod_name) (increase({counted}[15m])) > {RESTARTS}"


def _model(service: Service) -> str:
    whose = f',namespace_name="{service.namespace}",pod_name=~"{service.pods}"'
    return f'{whose},container_name="{names.CONTAINER}"'


def unready(place: Place) -> str:
    """A node is not ready, or has not said for long whether it is."""
    return f"max by (node_name) ({node(place, 'condition', _NOT_READY)}) > 0"


def pressed(place: Place) -> str:
    """A node runs out of memory, disk or processes, and says so."""
    return f"max by (node_name, condition) ({node(place, 'condition', _PRESSED)}) > 0"


def memory(place: Place) -> str:
    """The share of its memory that a node uses and cannot free at once, by node."""
    return f"max by (node_name) ({node(place, 'memory', _HELD)})"


def disk(place: Place) -> str:
    """The share of its disk that a node uses, by node."""
    used, size = node(place, "disk"), node(place, "disk_size")
    return f"max by (node_name) ({used}) / max by (node_name) ({size})"


def gpu(place: Place) -> str:
    """Per cent of its time that a GPU is busy, by pod and GPU."""
    return f"max by (pod_name, accelerator_id) ({container(place, 'gpu')})"


def silent(place: Place) -> str:
    """Nothing is heard of the cluster: then no other alert is worth anything."""
    return f"absent({node(place, 'heard')})"


def share_refused(project: str, backend: str, window: str = WINDOW) -> str:
    """The share of the requests at a load balancer that fail there or behind it."""
    faults = balancer(project, backend, "requests", ',response_code_class="500"')
    every = balancer(project, backend, "requests")
    return f"(sum(rate({faults}[{window}])) or vector(0)) / (sum(rate({every}[{window}])) > 0)"


def refusing(project: str, backend: str, percent: float) -> str:
    """More than so many of the requests at a load balancer fail there or behind it."""
    return f"{share_refused(project, backend)} > {percent / 100:.6g}"


def down(project: str, check: str) -> str:
    """The hostname does not answer as it should, seen from more than one place."""
    return f"count({uptime(project, check, 'passed')} == 0) >= {CHECKERS}"


def expiring(project: str, check: str, days: float) -> str:
    """The certificate of the hostname has not long to go."""
    return f"min({uptime(project, check, 'certificate')}) < {days:g}"


def translated(text: str) -> str:
    """A text of an alerting rule with Cloud Monitoring's variables in place of Prometheus'.

    As `gcloud monitoring policies migrate` has it (Cloud SDK, 2026-11-22).
    """
    text = re.sub(r"{{\s*\$labels\.(\w+)\s*}}", r"${metric_or_resource.label.\1}", text)
    return re.sub(r"{{\s*\$value\b[^}]*}}", "${metric.label.value}", text)


def lasting(text: str | None) -> int:
    """Seconds of a rule's `for`, in minutes: `5m`."""
    return 60 * int(text.removesuffix("m")) if text else 0


def rules(place: Place, service: Service) -> list[dict[str, Any]]:
    """Alerting rules about single pods that any Prometheus has, too."""
    return objectives.others(place.wanted(service))
