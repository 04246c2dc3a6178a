"""Questions to a Prometheus, by its URL or through the API server's proxy, which needs no address of its own."""

import json
import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException
from typing import Any, cast
from urllib.parse import urlencode

from components.kubernetes.access import Cluster
from components.kubernetes.errors import ClusterError
from components.kubernetes.releasing.errors import NoMeasures
from components.kubernetes.releasing.judging import Answer
from components.kubernetes.releasing.measures import Reading, Series
from components.kubernetes.releasing.plan import Query

SECONDS = 15.0
"""How long an answer may take, as a whole."""
LARGEST = 16 * 2**20
"""Bytes that an answer may have."""
_ROUTES = 'route=~"infer|classify"'


class Prometheus:
    """One Prometheus. Every question raises NoMeasures where it does not answer or refuses."""

    def __init__(self, address: str, cluster: Cluster) -> None:
        self._address = address
        self._cluster = cluster

    def read(self, namespace: str, service: str) -> Reading:
        """All counters of a service that a release is judged by, as of now."""
        of = f'namespace="{namespace}",service="{service}"'
        request = f"sum by (pod, track, revision, code) (modelport_requests_total{{{of},{_ROUTES}}})"
        duration = f"modelport_request_duration_seconds_bucket{{{of},{_ROUTES}}}"
        return Reading(
            requests=self._vector(request),
            buckets=self._vector(f"sum by (pod, track, revision, le) ({duration})"),
            refusals=self._vector(f"sum by (pod, track, revision) (modelport_model_refusals_total{{{of}}})"),
            feedback=self._vector(f"sum by (pod, answered_by, outcome) (modelport_feedback_total{{{of}}})"),
        )

    def ask(self, query: Query, words: dict[str, str]) -> Answer:
        """The number that a query of the user's comes to. `words` take the place of {{NAME}} in it."""
        text = filled(query.promql, words)
        try:
            found = self._vector(text)
        except NoMeasures as error:
            return Answer(query.name, None, error.message)
        if len(found) == 1:
            return Answer(query.name, found[0][1])
        many = "no series at all" if not found else f"{len(found)} series"
        return Answer(query.name, None, f"its query gives {many}, expected exactly one; the query was: {text}")

    def _vector(self, promql: str) -> tuple[Series, ...]:
        answer = self._get(f"/api/v1/query?{urlencode({'query': promql})}")
        return series(answer, promql)

    def _get(self, path: str) -> str:
        if "://" not in self._address:
            namespace, _, service = self._address.partition("/")
            try:
                proxied = f"/api/v1/namespaces/{namespace}/services/{service}/proxy{path}"
                return within(SECONDS, lambda: self._cluster.text(proxied, limit=LARGEST))
            except ClusterError as error:
                raise NoMeasures(self._none(error.message)) from None
            except TimeoutError as error:
                raise NoMeasures(self._none(str(error))) from None
        try:
            return within(SECONDS, lambda: _fetched(self._address.rstrip("/") + path))
        except (OSError, ValueError, HTTPException) as error:
            raise NoMeasures(self._none(str(getattr(error, "reason", None) or error))) from None

    def _none(self, why: str) -> str:
        return (
            f"Prometheus at {self._address} does not answer ({why}), expected its HTTP API; "
            "check modelport:release.analysis.prometheus"
        )


def within(seconds: float, act: Callable[[], str]) -> str:
    """What `act` returns or raises; TimeoutError once so many seconds have passed, however much it still comes to.

    The timeout of a socket is for each read of it: an answer may come byte by byte for ever.
    """
    came: queue.SimpleQueue[str | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            came.put(act())
        except Exception as error:
            came.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        found = came.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no whole answer within {seconds:g} s") from None
    if isinstance(found, Exception):
        raise found
    return found


def _fetched(url: str) -> str:
    """What is at a URL, an error's text included. Raises OSError and ValueError."""
    end = time.monotonic() + SECONDS
    try:
        answer = urllib.request.urlopen(url, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        answer = error
    text = b""
    with answer:
        while more := answer.read1(65536):
            text += more
            if len(text) > LARGEST or time.monotonic() > end:
                raise ValueError(f"an answer of more than {LARGEST} bytes, or of more than {SECONDS:g} s")
    return text.decode(errors="replace")


def filled(promql: str, words: dict[str, str]) -> str:
    """A query with {{namespace}}, {{service}}, {{revision}}, {{stable}} and {{window}} put in."""
    for key, value in words.items():
        promql = promql.replace(f"{{{{{key}}}}}", value)
    return promql


def series(answer: str, promql: str) -> tuple[Series, ...]:
    """The lines of an answer to an instant query, a scalar as one line without labels. Raises NoMeasures."""
    try:
        found = cast("dict[str, Any]", json.loads(answer))
        if found["status"] != "success":
            said = str(found.get("error") or found["status"])
            raise NoMeasures(f"Prometheus refuses the query ({said}), expected PromQL; the query was: {promql}")
        data = found["data"]
        if data["resultType"] == "scalar":
            return (({}, float(data["result"][1])),)
        if data["resultType"] != "vector":
            kind = data["resultType"]
            raise NoMeasures(f"a query gives a {kind}, expected one number; the query was: {promql}")
        lines = cast("Sequence[dict[str, Any]]", data["result"])
        return tuple((cast("dict[str, str]", each["metric"]), float(each["value"][1])) for each in lines)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise NoMeasures(
            f"Prometheus answers with {answer[:80]!r}, expected the JSON of its HTTP API; "
            "check modelport:release.analysis.prometheus"
        ) from None
