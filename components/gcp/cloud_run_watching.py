"""What is watched of a service of Cloud Run, as queries of Prometheus, and how it is shown: pure, on plain values.

Names and labels of the metrics: Cloud Monitoring, "Google Cloud metrics" (run) and "Mapping Cloud Monitoring metrics to
PromQL", 2026-11-22. Those of containers are of jobs and worker pools too, so each query says of what it is.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import pulumi

from components.gcp import dashboard, outside, watching
from components.gcp.dashboard import INTERVAL, chart
from components.gcp.watching import ENOUGH, SHARE, WINDOW, Watched
from components.outputs import known

Json = dict[str, Any]

MEMORY_PERCENT: Final = 85
METRICS: Final = {
    "requests": "run.googleapis.com/request_count",
    "latency": "run.googleapis.com/request_latencies",
    "instances": "run.googleapis.com/container/instance_count",
    "cpu": "run.googleapis.com/container/cpu/utilizations",
    "memory": "run.googleapis.com/container/memory/utilizations",
    "at_once": "run.googleapis.com/container/max_request_concurrencies",
    "starts": "run.googleapis.com/container/startup_latencies",
}
"""Metrics of the resource cloud_run_revision: latency and starts in milliseconds, cpu and memory as shares."""
FAILED: Final = ',response_code=~"5..|429"'
"""Answers by the server's fault, and Cloud Run's own to who found no instance free within a minute ("About instance
autoscaling", 2026-11-22): the server itself never answers with 429."""
_ADVICE: Final = {
    "latency": "Look at instances, requests at once and CPU on the dashboard: fewer requests at once in an instance or "
    "more CPU make each of them quicker. Where instances come and go, the first request of each waits for its start; "
    "`min` keeps some.",
    "instances": "More requests wait for up to a minute and are refused with 429 then. A higher `max` makes room, or "
    "more requests at once in each instance where its CPU allows that.",
    "memory": "An instance that has no memory left is ended with all requests that it has in hand. Give it more, or "
    "fewer requests at once.",
}


class Watching(NamedTuple):
    """What is promised of a service whose name may be an output."""

    project: str
    region: str
    latency: float
    """Seconds."""
    percent: float
    most: int | None
    """Instances of a version."""
    memory: float
    """Percent."""


class Place(NamedTuple):
    """A service."""

    project: str
    region: str
    service: str

    def series(self, what: str, more: str = "", suffix: str = "") -> str:
        """A selector of one of METRICS. more: matchers, each with a comma before it."""
        where = f'project_id="{self.project}",location="{self.region}",service_name="{self.service}"'
        return f'{watching.named(METRICS[what])}{suffix}{{monitored_resource="cloud_run_revision",{where}{more}}}'

    def highest(self, what: str, share: float = SHARE, window: str = WINDOW) -> str:
        """A quantile of a distribution."""
        return f"histogram_quantile({share:g}, sum by (le) (rate({self.series(what, suffix='_bucket')}[{window}])))"


def slow(place: Place, latency: float) -> str:
    """Of a hundred requests more than one takes too long, where there are a hundred."""
    count = place.series("latency", suffix="_count")
    return f"{place.highest('latency')} > {1000 * latency:g} and sum(increase({count}[{WINDOW}])) >= {ENOUGH}"


def share_failing(place: Place, window: str = WINDOW) -> str:
    """The share of the requests that fail."""
    faults, every = place.series("requests", FAILED), place.series("requests")
    return f"(sum(rate({faults}[{window}])) or vector(0)) / (sum(rate({every}[{window}])) > 0)"


def failing(place: Place, percent: float) -> str:
    """More than so many of the requests fail."""
    return f"{share_failing(place)} > {percent / 100:.6g}"


def working(place: Place) -> str:
    """Instances that have requests in hand, by version."""
    active = place.series("instances", ',state="active"')
    return f"sum by (revision_name) ({active})"


def crowded(place: Place, most: int) -> str:
    """All instances that a version may have are at work."""
    return f"{working(place)} >= {most}"


def full(place: Place, percent: float) -> str:
    """An instance uses more than so much of its memory."""
    return f"{place.highest('memory')} > {percent / 100:.6g}"


def watched(wanted: Watching, service: pulumi.Input[str], seconds: int) -> list[Watched]:
    """All alerts about the service itself. seconds: how long something is so before it is told."""

    def asked(query: Callable[[Place], str]) -> pulumi.Input[str]:
        def made(name: str) -> str:
            return query(Place(wanted.project, wanted.region, name))

        return known(made, name=service)

    late = f"of a hundred requests more than one takes longer than {wanted.latency:g} seconds"
    failed = f"more than {wanted.percent:g} per cent of the requests fail"
    crammed = f"an instance uses more than {wanted.memory:g} per cent of its memory"
    made = [
        Watched("latency", late, asked(partial(slow, latency=wanted.latency)), _ADVICE["latency"], True, seconds),
        Watched(
            "errors", failed, asked(partial(failing, percent=wanted.percent)), outside.ADVICE["errors"], True, seconds
        ),
        Watched("memory", crammed, asked(partial(full, percent=wanted.memory)), _ADVICE["memory"], False, seconds),
    ]
    if (most := wanted.most) is not None:
        text = "the instance that there may be is" if most == 1 else f"all {most} instances that there may be are"
        query = asked(partial(crowded, most=most))
        made.append(Watched("instances", f"{text} at work", query, _ADVICE["instances"], False, seconds))
    return made


def body(
    name: str, wanted: Watching, service: str, backend: str | None, check: str | None, policies: Sequence[str]
) -> Json:
    """A dashboard.

    backend: name of the load balancer's backend service. check: id of the uptime check. policies: ids of alerts.
    """
    place = Place(wanted.project, wanted.region, service)
    return dashboard.laid(name, policies, {f"Service {service}": _charts(place, wanted)}, place.project, backend, check)


def _charts(place: Place, wanted: Watching) -> list[Json]:
    requests = f"sum by (response_code_class) (rate({place.series('requests')}[{INTERVAL}]))"
    by_revision = f"sum by (revision_name) (rate({place.series('requests')}[{INTERVAL}]))"
    instances = f"sum by (state) ({place.series('instances')})"

    def quantiles(what: str) -> list[tuple[str, str]]:
        return [(f"p{share * 100:g}", place.highest(what, share, INTERVAL)) for share in (0.5, 0.9, 0.99)]

    return [
        chart("Requests a second, by class of code", "reqps", ("{{response_code_class}}", requests)),
        chart(
            "Requests that fail", "percentunit", ("share", share_failing(place, INTERVAL)), limit=wanted.percent / 100
        ),
        chart("Latency", "ms", *quantiles("latency"), limit=1000 * wanted.latency),
        chart("Requests a second, by version", "reqps", ("{{revision_name}}", by_revision)),
        chart("Instances", "none", ("{{state}}", instances), limit=wanted.most),
        chart("Requests at once in an instance", "none", *quantiles("at_once")),
        chart("CPU of instances", "percentunit", *quantiles("cpu")),
        chart("Memory of instances", "percentunit", *quantiles("memory"), limit=wanted.memory / 100),
        chart("Starts of instances", "ms", *quantiles("starts")),
    ]
