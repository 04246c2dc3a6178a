"""Cloud Run by its REST API, for a release: what of a service is written, and what Cloud Monitoring counted of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from components.gcp.release_watch import Asking, Counted, Measured
from components.gcp.rest import Clock, Json
from components.releases import ReleaseError

RUN: Final = ("GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT", "https://run.googleapis.com/v2/")
OPERATION: Final = 3600.0
"""Seconds that a change may take: a start of 1800 seconds, an image that is pulled, and as much again."""
RIGHTS: Final = "roles/run.developer and roles/monitoring.viewer"
_TICK: Final = 2.0
_METRIC: Final = "run.googleapis.com"


class Place(NamedTuple):
    """A service."""

    project: str
    region: str
    service: str

    @property
    def path(self) -> str:
        return f"projects/{self.project}/locations/{self.region}/services/{self.service}"


class Api(Asking):
    """What a release asks of Google. Raises ReleaseError, and Unanswered for want of an answer."""

    def __init__(self, place: Place, clock: Clock) -> None:
        super().__init__(place.project, clock, RIGHTS)
        self._place = place

    def service(self) -> Json | None:
        """The service; none where there is none."""
        return self._client.ask("GET", RUN, self._place.path, missing=True)

    def revision(self, name: str) -> Json:
        return self._client.ask("GET", RUN, f"{self._place.path}/revisions/{name}") or {}

    def change(self, fields: Mapping[str, Any], **query: str) -> str:
        """Write these fields of the service and no others; returns why Cloud Run did not get it done, or nothing."""
        about = {"updateMask": ",".join(fields), **query}
        body = {"name": self._place.path, **fields}
        found = self._client.ask("PATCH", RUN, self._place.path, about, body) or {}
        until, name = self._clock.now() + OPERATION, str(found.get("name", ""))
        while not found.get("done"):
            if not name or self._clock.now() > until:
                raise ReleaseError(
                    f"Cloud Run has not changed {self._place.service} within {OPERATION / 60:g} minutes, expected it "
                    "to say whether it could; look at the service"
                )
            self._clock.sleep(_TICK)
            found = self._client.asked_on(RUN, name, until)
        error: Json = found.get("error") or {}
        return str(error.get("message") or f"its code is {error.get('code')}") if error else ""

    def counted(self, version: str, since: float) -> Counted:
        """What a revision has answered since then, as far as it is known by now."""
        return self._metrics.counted(self._measured(version), since)

    def slowest(self, version: str, since: float) -> float:
        """Seconds within which 99 of 100 answers of a revision came since then; 0 without any."""
        return self._metrics.slowest(self._measured(version), since)

    def open_incident(self, policies: Sequence[str]) -> str:
        """The first of some alert policies that has an open incident; nothing where none has."""
        return self._metrics.open_incident(policies)

    def _measured(self, revision: str) -> Measured:
        labels = {
            "service_name": self._place.service,
            "location": self._place.region,
            "revision_name": revision,
        }
        return Measured(
            "cloud_run_revision",
            f"{_METRIC}/request_count",
            "response_code_class",
            f"{_METRIC}/request_latencies",
            {f"resource.labels.{key}": value for key, value in labels.items()},
        )
