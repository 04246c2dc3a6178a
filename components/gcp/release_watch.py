"""What Cloud Monitoring tells of a version while it is released, and whether that is within its bounds."""

import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol, Self

from components.gcp.release_steps import Bounds
from components.gcp.rest import Client, Clock, Json
from components.releases import ReleaseError, Unanswered

MONITORING: Final = ("GOOGLE_MONITORING_CUSTOM_ENDPOINT", "https://monitoring.googleapis.com/")
TICK: Final = 30.0
"""Seconds between two looks."""
UNSEEN: Final = 3
"""Looks on end that may fail for want of an answer, before a version goes back that nobody can judge."""
ENOUGH: Final = 20
"""Answers, below which a share of errors says nothing."""
WINDOW: Final = 600.0
"""Seconds that a look goes back, so that many good answers of a first step hide nothing in a later one."""


class Counted(NamedTuple):
    """Answers of a version."""

    answers: int
    errors: int
    """By the server's fault: 5xx."""


class Measured(NamedTuple):
    """What a platform counts of a version, by Cloud Monitoring's names for it."""

    resource: str
    counts: str
    """Metric of answers."""
    code: str
    """Its label that says 2xx, 4xx, 5xx, or the code itself."""
    latencies: str
    """Metric of their milliseconds."""
    labels: Mapping[str, str]
    """Which version: values of labels, by `resource.labels.` or `metric.labels.` and their names."""
    slow: Mapping[str, str] = {}
    """Labels that latencies are told apart by beside that."""


class Metrics:
    """A project's metrics, and its open incidents. Raises ReleaseError, and Unanswered for want of an answer."""

    def __init__(self, client: Client, project: str, clock: Clock) -> None:
        self._client, self._project, self._clock = client, project, clock

    def counted(self, what: Measured, since: float) -> Counted:
        """What a version has answered since then, as far as it is known by now."""
        found = self._series(
            what.counts,
            what.resource,
            what.labels,
            since,
            {
                "aggregation.alignmentPeriod": "60s",
                "aggregation.perSeriesAligner": "ALIGN_DELTA",
                "aggregation.crossSeriesReducer": "REDUCE_SUM",
                "aggregation.groupByFields": f"metric.labels.{what.code}",
            },
        )
        told: dict[str, int] = {}
        with _understood():
            for each in found:
                kind = str(each.get("metric", {}).get("labels", {}).get(what.code, ""))[:1]
                told[kind] = told.get(kind, 0) + sum(int(_value(point)) for point in each.get("points", ()))
        return Counted(sum(told.values()), told.get("5", 0))

    def slowest(self, what: Measured, since: float) -> float:
        """Seconds within which 99 of 100 answers of a version came since then; 0 without any."""
        found = self._series(
            what.latencies,
            what.resource,
            {**what.labels, **what.slow},
            since,
            {
                "aggregation.alignmentPeriod": f"{max(60, int(self._clock.now() - since))}s",
                "aggregation.perSeriesAligner": "ALIGN_DELTA",
                "aggregation.crossSeriesReducer": "REDUCE_PERCENTILE_99",
            },
        )
        with _understood():
            values = [_value(point) for each in found for point in each.get("points", ())]
        # What is no number is of a time without answers, and would hide the others.
        return max((each for each in values if not math.isnan(each)), default=0.0) / 1000

    def open_incident(self, policies: Sequence[str]) -> str:
        """The first of some alert policies that has an open incident; nothing where none has."""
        if not policies:
            return ""
        wanted = {each.rpartition("/")[2]: each for each in policies}
        path, query = f"v3/projects/{self._project}/alerts", {"filter": 'state="OPEN"', "pageSize": "1000"}
        pages = self._client.pages(MONITORING, path, query)
        with _understood():
            for each in (each for page in pages for each in page.get("alerts", ())):
                number = str(each.get("policy", {}).get("name", "")).rpartition("/")[2]
                if each.get("state") == "OPEN" and number in wanted:
                    return str(each["policy"].get("displayName") or wanted[number])
        return ""

    def _series(
        self, metric: str, resource: str, labels: Mapping[str, str], since: float, how: Mapping[str, str]
    ) -> list[Json]:
        asked = [f'metric.type = "{metric}"', f'resource.type = "{resource}"']
        asked += [f'{key} = "{value}"' for key, value in labels.items()]
        query = {
            "filter": " AND ".join(asked),
            "interval.startTime": _stamp(since),
            "interval.endTime": _stamp(max(self._clock.now(), since + 60)),
            **how,
        }
        path = f"v3/projects/{self._project}/timeSeries"
        pages = self._client.pages(MONITORING, path, query)
        with _understood():
            return [each for page in pages for each in page.get("timeSeries", ())]


class Asking:
    """Asks one of Google's APIs, and Cloud Monitoring, for as long as a release takes. To be used in a `with`.

    rights: what whoever is refused needs at least.
    """

    def __init__(self, project: str, clock: Clock, rights: str) -> None:
        self._clock = clock
        self._client = Client(clock, rights)
        self._metrics = Metrics(self._client, project, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()


class Watched(Protocol):
    """A version's numbers, as a platform's API tells them."""

    def counted(self, version: str, since: float) -> Counted:
        """What it has answered since then."""
        ...

    def slowest(self, version: str, since: float) -> float:
        """Seconds within which 99 of 100 of its answers came since then."""
        ...

    def open_incident(self, policies: Sequence[str]) -> str:
        """The first of some alert policies that has an open incident; nothing where none has."""
        ...


def may_begin(api: Watched, bounds: Bounds, name: str, stable: str, clock: Clock) -> None:
    """What a release looks at can be looked at, and does not ring yet. Raises ReleaseError, with nothing touched."""
    api.counted(stable, clock.now() - 60)
    if ringing := api.open_incident(bounds.policies):
        raise ReleaseError(
            f"a release of {name} was not begun: the alert policy {ringing} has an open incident, expected "
            "none; mend what it tells of first, or leave the policy out"
        )


class Watch:
    """Looks at a version from its first requests to its last step."""

    def __init__(self, api: Watched, bounds: Bounds, newest: str, clock: Clock) -> None:
        self._api, self._bounds, self._newest, self._clock = api, bounds, newest, clock
        self._began, self._unseen = clock.now(), 0

    def missed(self, pause: float) -> str:
        """The bound that the version misses within so many seconds; nothing where it keeps them all.

        It takes longer where the last look of them had no answer, until one has.
        """
        until = self._clock.now() + pause
        while (rest := until - self._clock.now()) > 0 or self._unseen:
            self._clock.sleep(min(TICK, rest) if rest > 0 else TICK)
            try:
                why, self._unseen = self._now(max(self._began, self._clock.now() - WINDOW)), 0
            except Unanswered as error:
                # It goes on without being looked at, for a moment.
                self._unseen += 1
                why = f"nobody can judge it ({error.message})" if self._unseen >= UNSEEN else ""
            except ReleaseError as error:
                why = f"nobody can judge it ({error.message})"
            if why:
                return why
        return ""

    def _now(self, since: float) -> str:
        if ringing := self._api.open_incident(self._bounds.policies):
            return f"the alert policy {ringing} has an open incident"
        seen = self._api.counted(self._newest, since)
        if seen.answers < ENOUGH:
            return ""
        percent = 100 * seen.errors / seen.answers
        if percent > self._bounds.error_percent:
            return f"{percent:.3g}% of {seen.answers} answers are errors, more than {self._bounds.error_percent:g}%"
        if self._bounds.latency is not None:
            slowest = self._api.slowest(self._newest, since)
            if slowest > self._bounds.latency:
                most = f"{self._bounds.latency:g} s"
                return (
                    f"more than 1% of {seen.answers} answers take longer than {most} (99 of 100 take {slowest:.3g} s)"
                )
        return ""


@contextmanager
def _understood() -> Generator[None]:
    """Raises Unanswered where an answer is none of Cloud Monitoring's."""
    try:
        yield
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise Unanswered(
            f"what Cloud Monitoring answered is not understood ({type(error).__name__}: {error}), expected numbers as "
            "its API has them; look at the way there"
        ) from None


def _value(point: Json) -> float:
    told: Json = point.get("value") or {}
    number: Any = told.get("doubleValue", told.get("int64Value", 0))
    return float(number)


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
