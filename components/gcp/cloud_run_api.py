"""Cloud Run and Cloud Monitoring by their REST APIs, for a release: what of a service is written, and what it counted.

Asked with the Google credentials of the environment, as the push to Artifact Registry finds them. A token in
`GOOGLE_OAUTH_ACCESS_TOKEN` and other addresses of the APIs are taken from where Pulumi's own provider takes them.
"""

import importlib
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx

from components.releases import ReleaseError, Unanswered

Json = dict[str, Any]

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
RUN: Final = ("GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT", "https://run.googleapis.com/v2/")
MONITORING: Final = ("GOOGLE_MONITORING_CUSTOM_ENDPOINT", "https://monitoring.googleapis.com/")
TOKEN: Final = "GOOGLE_OAUTH_ACCESS_TOKEN"
"""A token that somebody else has got, as the provider takes one."""
AGAIN: Final = (429, 500, 502, 503, 504)
TRIES: Final = 5
_SECONDS: Final = 60
_TICK: Final = 2.0
OPERATION: Final = 3600.0
"""Seconds that a change may take: a start of 1800 seconds, an image that is pulled, and as much again."""
_METRIC = "run.googleapis.com"


class Clock:
    """The time, which a test may hold."""

    def now(self) -> float:
        """Seconds of the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Place(NamedTuple):
    """A service."""

    project: str
    region: str
    service: str

    @property
    def path(self) -> str:
        return f"projects/{self.project}/locations/{self.region}/services/{self.service}"


class Counted(NamedTuple):
    """Answers of a version."""

    answers: int
    errors: int
    """By the server's fault: 5xx."""


class Api:
    """What a release asks of Google. Raises ReleaseError, and Unanswered for want of an answer."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self._place, self._clock = place, clock
        self._client = httpx.Client(timeout=_SECONDS)
        self._credentials: Any = None

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def service(self) -> Json | None:
        """The service; none where there is none."""
        return self._ask("GET", RUN, self._place.path, missing=True)

    def revision(self, name: str) -> Json:
        return self._ask("GET", RUN, f"{self._place.path}/revisions/{name}") or {}

    def change(self, fields: Json, **query: str) -> str:
        """Write these fields of the service and no others; returns why Cloud Run did not get it done, or nothing."""
        about = {"updateMask": ",".join(fields), **query}
        found = self._ask("PATCH", RUN, self._place.path, about, {"name": self._place.path, **fields}) or {}
        until = self._clock.now() + OPERATION
        while not found.get("done"):
            if self._clock.now() > until:
                raise ReleaseError(
                    f"Cloud Run has not changed {self._place.service} within {OPERATION / 60:g} minutes, expected it "
                    "to say whether it could; look at the service"
                )
            self._clock.sleep(_TICK)
            found = self._ask("GET", RUN, str(found["name"])) or {}
        error: Json = found.get("error") or {}
        return str(error.get("message") or f"its code is {error['code']}") if error else ""

    def counted(self, revision: str, since: float) -> Counted:
        """What a version has answered since then, as far as it is known by now."""
        found = self._series(
            f"{_METRIC}/request_count",
            revision,
            since,
            {
                "aggregation.alignmentPeriod": "60s",
                "aggregation.perSeriesAligner": "ALIGN_DELTA",
                "aggregation.crossSeriesReducer": "REDUCE_SUM",
                "aggregation.groupByFields": "metric.labels.response_code_class",
            },
        )
        told: dict[str, int] = {}
        for each in found:
            kind = str(each.get("metric", {}).get("labels", {}).get("response_code_class", ""))
            told[kind] = told.get(kind, 0) + sum(int(_value(point)) for point in each.get("points", ()))
        return Counted(sum(told.values()), told.get("5xx", 0))

    def slowest(self, revision: str, since: float) -> float:
        """Seconds within which 99 of 100 answers of a version came since then; 0 without any."""
        found = self._series(
            f"{_METRIC}/request_latencies",
            revision,
            since,
            {
                "aggregation.alignmentPeriod": f"{max(60, int(self._clock.now() - since))}s",
                "aggregation.perSeriesAligner": "ALIGN_DELTA",
                "aggregation.crossSeriesReducer": "REDUCE_PERCENTILE_99",
            },
        )
        return max((_value(point) for each in found for point in each.get("points", ())), default=0.0) / 1000

    def open_incident(self, policies: Sequence[str]) -> str:
        """The first of some alert policies that has an open incident; nothing where none has."""
        if not policies:
            return ""
        wanted = {each.rpartition("/")[2]: each for each in policies}
        path, query = f"v3/projects/{self._place.project}/alerts", {"filter": 'state="OPEN"', "pageSize": "1000"}
        for page in self._pages(path, query):
            for each in page.get("alerts", ()):
                number = str(each.get("policy", {}).get("name", "")).rpartition("/")[2]
                if each.get("state") == "OPEN" and number in wanted:
                    return str(each["policy"].get("displayName") or wanted[number])
        return ""

    def _series(self, metric: str, revision: str, since: float, how: Mapping[str, str]) -> list[Json]:
        labels = {
            "service_name": self._place.service,
            "location": self._place.region,
            "revision_name": revision,
        }
        asked = [f'metric.type = "{metric}"', 'resource.type = "cloud_run_revision"']
        asked += [f'resource.labels.{key} = "{value}"' for key, value in labels.items()]
        query = {
            "filter": " AND ".join(asked),
            "interval.startTime": _stamp(since),
            "interval.endTime": _stamp(max(self._clock.now(), since + 60)),
            **how,
        }
        path = f"v3/projects/{self._place.project}/timeSeries"
        return [each for page in self._pages(path, query) for each in page.get("timeSeries", ())]

    def _pages(self, path: str, query: Mapping[str, str]) -> list[Json]:
        pages: list[Json] = []
        more: dict[str, str] = {}
        while True:
            pages.append(self._ask("GET", MONITORING, path, {**query, **more}) or {})
            if not (token := pages[-1].get("nextPageToken")):
                return pages
            more = {"pageToken": str(token)}

    def _ask(
        self,
        method: str,
        where: tuple[str, str],
        path: str,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        *,
        missing: bool = False,
    ) -> Json | None:
        address = f"{os.environ.get(where[0]) or where[1]}".rstrip("/") + f"/{path}"
        answer, why = None, ""
        for attempt in range(TRIES):
            if attempt:
                self._clock.sleep(2.0**attempt)
            try:
                answer = self._client.request(
                    method, address, params=dict(query or {}), json=body, headers=self._headers(method, address)
                )
            except httpx.TransportError as error:
                answer, why = None, f"{type(error).__name__}: {error}"
                continue
            if answer.status_code not in AGAIN:
                break
            why = f"HTTP {answer.status_code}"
        if answer is None or answer.status_code in AGAIN:
            raise Unanswered(
                f"{httpx.URL(address).host} did not answer {method} {path} ({why}), expected an answer; look at the "
                "way there"
            )
        if missing and answer.status_code == 404:
            return None
        if answer.status_code >= 400:
            raise ReleaseError(
                f"{httpx.URL(address).host} refused {method} {path} ({_reason(answer)}), expected it to be taken; look "
                "at what these Google credentials may do, roles/run.developer and roles/monitoring.viewer at least"
            )
        told: Json = answer.json()
        return told

    def _headers(self, method: str, address: str) -> dict[str, str]:
        if token := os.environ.get(TOKEN):
            return {"Authorization": f"Bearer {token}"}
        # Typed by nobody, and of use to those alone who have something on Google Cloud.
        auth: Any = importlib.import_module("google.auth")
        wrong: Any = importlib.import_module("google.auth.exceptions")
        headers: dict[str, str] = {}
        try:
            if self._credentials is None:
                self._credentials, _ = auth.default(scopes=[SCOPE])
            self._credentials.before_request(_Transport(self._client), method, address, headers)
        except wrong.GoogleAuthError as error:
            raise ReleaseError(
                f"there are no Google credentials to ask {httpx.URL(address).host} with ({error}), expected those that "
                "Pulumi has; run `gcloud auth application-default login` or set GOOGLE_APPLICATION_CREDENTIALS"
            ) from None
        return headers


class _Transport:
    """How google-auth asks for a token."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> "_Answer":
        try:
            found = self._client.request(
                method, url, content=body, headers=dict(headers or {}), timeout=timeout or _SECONDS
            )
        except httpx.TransportError as error:
            wrong: Any = importlib.import_module("google.auth.exceptions")
            raise wrong.TransportError(str(error)) from error
        return _Answer(found.status_code, found.headers, found.content)


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    data: bytes


def at_hand() -> bool:
    """Whether there are credentials on this machine, without asking for any: a preview looks no further."""
    if os.environ.get(TOKEN) or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return True
    home = os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud"
    return (Path(home) / "application_default_credentials.json").is_file()


def _value(point: Json) -> float:
    told: Json = point.get("value") or {}
    number: Any = told.get("doubleValue", told.get("int64Value", 0))
    return float(number)


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _reason(answer: httpx.Response) -> str:
    try:
        return f"HTTP {answer.status_code}: {answer.json()['error']['message']}"
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"
