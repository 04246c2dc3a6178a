"""Counts that all workers of one server share, and how Prometheus reads them.

The counts lie in anonymous memory that the master maps before it forks: one row of float64 cells per worker, written by
that worker's event loop only, so there are no locks; a scrape by any worker adds up the rows. No files are needed (the
image may be read-only), and a worker that died leaves its counts, so no counter goes backwards.
"""

import mmap
from bisect import bisect_left
from collections.abc import Iterator

ROUTES = ("infer", "classify", "feedback", "model", "server", "health", "metrics", "other")
CODES = (200, 400, 401, 404, 405, 413, 415, 500, 503)
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REVISION_DIGITS = 12
"""Hex digits of a revision: as many as a float64 holds without loss."""
REVISIONS = 16
"""Revisions that feedback is counted for, each worker by itself; what is said of more than these counts as other."""
OTHER = "other"
BATCHES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)


class _Layout:
    """Where each count lies in a row."""

    def __init__(self) -> None:
        self.size = 0
        self.requests = {(route, code): self._take(1) for route in ROUTES for code in CODES}
        # A histogram is one cell per bucket, one for what lies beyond the last, and one for the sum.
        self.duration = {route: self._take(len(SECONDS) + 2) for route in ROUTES}
        self.inference = self._take(len(SECONDS) + 2)
        self.batch = self._take(len(BATCHES) + 2)
        self.in_flight = self._take(1)
        self.connections = self._take(1)
        self.restarts = self._take(1)
        self.refused = self._take(1)
        # For each revision its name as a number (0: free), how often it was right, how often wrong; the last is OTHER.
        self.feedback = self._take(3 * (REVISIONS + 1))

    def _take(self, cells: int) -> int:
        begin = self.size
        self.size += cells
        return begin


_LAYOUT = _Layout()


class Counts:
    """The rows of all workers and one of the master. Make it before forking; each process writes its own row only."""

    def __init__(self, workers: int) -> None:
        self._rows = workers + 1
        self._memory = mmap.mmap(-1, self._rows * _LAYOUT.size * 8)
        self._cells = memoryview(self._memory).cast("d")

    def row(self, index: int) -> "Row":
        """The row of worker `index`; the master's is the last one."""
        begin = index * _LAYOUT.size
        return Row(self._cells[begin : begin + _LAYOUT.size])

    @property
    def master(self) -> "Row":
        """The master's own row."""
        return self.row(self._rows - 1)

    def connections(self) -> list[float]:
        """How many connections each worker has."""
        return list(self._cells[_LAYOUT.connections :: _LAYOUT.size])[:-1]

    def feedback(self) -> dict[str, tuple[float, float]]:
        """How often each revision was right and wrong."""
        found: dict[str, tuple[float, float]] = {}
        for row in range(self._rows):
            begin = row * _LAYOUT.size + _LAYOUT.feedback
            for slot in range(REVISIONS + 1):
                key, right, wrong = self._cells[begin + 3 * slot : begin + 3 * slot + 3]
                if right or wrong:
                    name = OTHER if slot == REVISIONS else f"{int(key) - 1:0{REVISION_DIGITS}x}"
                    had = found.get(name, (0.0, 0.0))
                    found[name] = (had[0] + right, had[1] + wrong)
        return found

    def total(self, cell: int) -> float:
        """One count, over all rows."""
        return sum(self._cells[cell :: _LAYOUT.size])


class Row:
    """One process's counts. Not for use from several threads."""

    def __init__(self, cells: "memoryview[float]") -> None:
        self._cells = cells

    def begin(self) -> None:
        """A worker starts: what its predecessor had in hand is gone."""
        self._cells[_LAYOUT.in_flight] = 0.0
        self._cells[_LAYOUT.connections] = 0.0

    def request(self, route: str, code: int, seconds: float) -> None:
        """One request was answered, `seconds` after its headers were there."""
        self._cells[_LAYOUT.requests[route, code if code in CODES else 500]] += 1.0
        self._observe(_LAYOUT.duration[route], SECONDS, seconds)

    def inference(self, batch: int, seconds: float) -> None:
        """One run of the model."""
        self._observe(_LAYOUT.inference, SECONDS, seconds)
        self._observe(_LAYOUT.batch, BATCHES, batch)

    def feedback(self, revision: str, *, correct: bool) -> None:
        """One label arrived for what `revision` (hex) answered."""
        key = int(revision, 16) + 1.0
        cell = _LAYOUT.feedback
        end = cell + 3 * REVISIONS
        while cell < end and self._cells[cell] not in (0.0, key):
            cell += 3
        if cell < end:
            self._cells[cell] = key
        self._cells[cell + (1 if correct else 2)] += 1.0

    def refused(self) -> None:
        """The model failed on a request that fits the protocol."""
        self._cells[_LAYOUT.refused] += 1.0

    def in_flight(self, change: int) -> None:
        """Requests for inference that are being read, wait or run."""
        self._cells[_LAYOUT.in_flight] += change

    def connections(self, number: int) -> None:
        """How many connections are open."""
        self._cells[_LAYOUT.connections] = number

    def restart(self) -> None:
        """A worker was started anew."""
        self._cells[_LAYOUT.restarts] += 1.0

    def _observe(self, begin: int, bounds: tuple[float, ...], value: float) -> None:
        self._cells[begin + bisect_left(bounds, value)] += 1.0
        self._cells[begin + len(bounds) + 1] += value


def render(counts: Counts, model: str, version: str, accept: str) -> tuple[bytes, str]:
    """The text for a scrape and its content type, in the format that `accept` asks for."""
    # Imported by the first scrape: a start need not wait for it.
    from prometheus_client import exposition
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        InfoMetricFamily,
        Metric,
    )
    from prometheus_client.registry import Collector, CollectorRegistry

    def histogram(family: HistogramMetricFamily, labels: list[str], begin: int, bounds: tuple[float, ...]) -> None:
        running = 0.0
        buckets: list[tuple[str, float]] = []
        for offset, bound in enumerate((*bounds, float("inf"))):
            running += counts.total(begin + offset)
            buckets.append(("+Inf" if bound == float("inf") else f"{bound:g}", running))
        family.add_metric(labels, buckets, counts.total(begin + len(bounds) + 1))

    class _Collector(Collector):
        def collect(self) -> Iterator[Metric]:
            info = InfoMetricFamily("modelport_model", "the model that is served")
            info.add_metric([], {"model": model, "version": version})
            yield info
            requests = CounterMetricFamily("modelport_requests", "requests answered", labels=["route", "code"])
            for (route, code), cell in _LAYOUT.requests.items():
                if total := counts.total(cell):
                    requests.add_metric([route, str(code)], total)
            yield requests
            duration = HistogramMetricFamily(
                "modelport_request_duration_seconds", "from a request's headers to its answer", labels=["route"]
            )
            for route, begin in _LAYOUT.duration.items():
                histogram(duration, [route], begin, SECONDS)
            yield duration
            inference = HistogramMetricFamily("modelport_inference_duration_seconds", "one run of the model", labels=[])
            histogram(inference, [], _LAYOUT.inference, SECONDS)
            yield inference
            batch = HistogramMetricFamily("modelport_batch_size", "rows in one run of the model", labels=[])
            histogram(batch, [], _LAYOUT.batch, BATCHES)
            yield batch
            yield GaugeMetricFamily(
                "modelport_requests_in_flight",
                "requests for inference that are being read, wait or run",
                counts.total(_LAYOUT.in_flight),
            )
            feedback = CounterMetricFamily(
                "modelport_feedback",
                "labels that came for answers, by the revision that gave the answer, whichever server hears of it",
                labels=["answered_by", "outcome"],
            )
            for revision, (right, wrong) in sorted(counts.feedback().items()):
                feedback.add_metric([revision, "correct"], right)
                feedback.add_metric([revision, "wrong"], wrong)
            yield feedback
            yield GaugeMetricFamily(
                "modelport_connections", "connections that are open", counts.total(_LAYOUT.connections)
            )
            yield CounterMetricFamily(
                "modelport_model_refusals",
                "requests that fitted the protocol and that the model failed on; answered with 400",
                counts.total(_LAYOUT.refused),
            )
            yield CounterMetricFamily(
                "modelport_worker_restarts", "workers started anew after one died", counts.total(_LAYOUT.restarts)
            )

    registry = CollectorRegistry()
    registry.register(_Collector())
    encoder, content_type = exposition.choose_encoder(accept)
    return encoder(registry), content_type
