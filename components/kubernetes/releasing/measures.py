"""From counters to measures: how many requests there were, how many failed, how long they took, how many were right.

Counters are read as they stand at the beginning of a step and now, pod by pod, and subtracted here. `rate` and
`increase` lose what a new series begins with, and extrapolate: with a few hundred requests in a short step that shows.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Labels = Mapping[str, str]
Series = tuple[Labels, float]
"""One line of an answer: labels and value."""

INF = float("inf")


@dataclass(frozen=True)
class Measures:
    """What one version did in a window. p99 is None without requests, and infinite beyond the last bucket."""

    requests: float = 0.0
    failures: float = 0.0
    p99_ms: float | None = None
    correct: float = 0.0
    wrong: float = 0.0
    scraped: bool = False
    """Whether there is any series of it at all."""

    @property
    def success_rate(self) -> float | None:
        return None if not self.requests else 1.0 - self.failures / self.requests

    @property
    def labelled(self) -> float:
        return self.correct + self.wrong

    @property
    def accuracy(self) -> float | None:
        return None if not self.labelled else self.correct / self.labelled


@dataclass(frozen=True)
class Reading:
    """The counters of a service at one moment, all versions of it."""

    requests: tuple[Series, ...] = ()
    """modelport_requests_total by pod, track, revision and code."""
    buckets: tuple[Series, ...] = ()
    """modelport_request_duration_seconds_bucket by pod, track, revision and le."""
    refusals: tuple[Series, ...] = ()
    """modelport_model_refusals_total by pod, track and revision."""
    feedback: tuple[Series, ...] = ()
    """modelport_feedback_total by pod, answered_by and outcome."""


def measure(before: Reading, now: Reading, *, revision: str, track: str) -> Measures:
    """What the pods of a revision on a track did between two readings."""

    def ours(labels: Labels) -> bool:
        return labels.get("revision") == revision and labels.get("track") == track

    requests = _grown(before.requests, now.requests)
    refused = sum(value for labels, value in _grown(before.refusals, now.refusals) if ours(labels))
    mine = [(labels, value) for labels, value in requests if ours(labels)]
    feedback = [(labels, value) for labels, value in _grown(before.feedback, now.feedback)]
    told = [(labels, value) for labels, value in feedback if labels.get("answered_by") == revision]
    buckets: dict[float, float] = {}
    for labels, value in _grown(before.buckets, now.buckets):
        if ours(labels):
            bound = _bound(labels.get("le", ""))
            buckets[bound] = buckets.get(bound, 0.0) + value
    return Measures(
        requests=sum(value for _, value in mine),
        # A model that fails is answered for with 400, as the input may be to blame; a version that fails where the
        # other does not is to blame itself.
        failures=refused + sum(value for labels, value in mine if labels.get("code", "").startswith("5")),
        p99_ms=quantile(0.99, buckets),
        correct=sum(value for labels, value in told if labels.get("outcome") == "correct"),
        wrong=sum(value for labels, value in told if labels.get("outcome") == "wrong"),
        scraped=any(ours(labels) for labels, _ in (*now.requests, *now.buckets)),
    )


def quantile(share: float, buckets: Mapping[float, float]) -> float | None:
    """The quantile in milliseconds of a cumulative histogram in seconds, interpolated as Prometheus does."""
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if total <= 0:
        return None
    rank = share * total
    below, lower = 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= rank:
            if math.isinf(bound):
                return INF
            inside = count - below
            return 1000 * (lower + (bound - lower) * ((rank - below) / inside if inside > 0 else 1.0))
        below, lower = count, bound
    return INF


def _grown(before: Iterable[Series], now: Iterable[Series]) -> list[Series]:
    """What each counter grew by; one that is smaller than it was began anew."""
    old = {_key(labels): value for labels, value in before}
    out: list[Series] = []
    for labels, value in now:
        start = old.get(_key(labels), 0.0)
        out.append((labels, value - start if value >= start else value))
    return out


def _key(labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return INF
