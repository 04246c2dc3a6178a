"""Compute Engine by its REST API, for a release: what of a group is written, and what becomes of its instances."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from components.gcp.release_watch import Asking, Counted, Measured
from components.gcp.rest import Clock, Json
from components.releases import ReleaseError

COMPUTE: Final = ("GOOGLE_COMPUTE_CUSTOM_ENDPOINT", "https://compute.googleapis.com/compute/v1/")
OPERATION: Final = 600.0
"""Seconds that Compute Engine may take to write a group; what becomes of its instances is waited for otherwise."""
RIGHTS: Final = "roles/compute.instanceAdmin.v1 and roles/monitoring.viewer"
_TICK: Final = 2.0
_METRIC: Final = "loadbalancing.googleapis.com/https"


class Place(NamedTuple):
    """A group of instances."""

    project: str
    region: str
    group: str

    @property
    def path(self) -> str:
        return f"{self.around}/instanceGroupManagers/{self.group}"

    @property
    def around(self) -> str:
        return f"projects/{self.project}/regions/{self.region}"


class Instance(NamedTuple):
    """An instance of a group."""

    name: str
    template: str
    """Its version: the template that it was made by, by its path."""
    well: bool
    """Whether it answers, and the group is done with it."""
    going: bool
    trouble: str
    """Why it is not there, where the group says so."""


class Api(Asking):
    """What a release asks of Google. Raises ReleaseError, and Unanswered for want of an answer."""

    def __init__(self, place: Place, clock: Clock) -> None:
        super().__init__(place.project, clock, RIGHTS)
        self._place = place

    def group(self) -> Json | None:
        """The group; none where there is none."""
        return self._client.ask("GET", COMPUTE, self._place.path, missing=True)

    def change(self, fields: Mapping[str, Any]) -> str:
        """Write these fields of the group and no others; returns why Compute Engine did not, or nothing."""
        found = self._client.ask("PATCH", COMPUTE, self._place.path, None, dict(fields)) or {}
        until, name = self._clock.now() + OPERATION, str(found.get("name", ""))
        while found.get("status") != "DONE":
            if not name or self._clock.now() > until:
                raise ReleaseError(
                    f"Compute Engine has not changed {self._place.group} within {OPERATION / 60:g} minutes, expected "
                    "it to say whether it could; look at the group"
                )
            self._clock.sleep(_TICK)
            found = self._client.asked_on(COMPUTE, f"{self._place.around}/operations/{name}", until)
        return _errors(found.get("error"))

    def instances(self) -> list[Instance]:
        """The instances of the group."""
        found: list[Instance] = []
        query = {"maxResults": "500"}
        while True:
            page = self._client.ask("POST", COMPUTE, f"{self._place.path}/listManagedInstances", query) or {}
            found += [_instance(each) for each in page.get("managedInstances") or ()]
            if not (token := page.get("nextPageToken")):
                return found
            query = {**query, "pageToken": str(token)}

    def counted(self, version: str, since: float) -> Counted:
        """What the group has answered since then, whichever version each instance has, as far as it is known."""
        return self._metrics.counted(self._measured(), since)

    def slowest(self, version: str, since: float) -> float:
        """Seconds within which 99 of 100 of its answers came since then; 0 without any."""
        return self._metrics.slowest(self._measured(), since)

    def open_incident(self, policies: Sequence[str]) -> str:
        """The first of some alert policies that has an open incident; nothing where none has."""
        return self._metrics.open_incident(policies)

    def _measured(self) -> Measured:
        # A load balancer counts by group: both versions share its numbers.
        labels = {"backend_name": self._place.group, "backend_scope": self._place.region}
        return Measured(
            "https_lb_rule",
            f"{_METRIC}/backend_request_count",
            "response_code_class",
            f"{_METRIC}/backend_latencies",
            {f"resource.labels.{key}": value for key, value in labels.items()},
        )


def path(link: str) -> str:
    """A resource by its path, however somebody else refers to it: `projects/...`."""
    return f"projects/{link.rpartition('/projects/')[2]}" if "/projects/" in link else link


def _instance(told: Mapping[str, Any]) -> Instance:
    version: Json = told.get("version") or {}
    health = [str(each.get("detailedHealthState")) for each in told.get("instanceHealth") or ()]
    action, attempt = str(told.get("currentAction")), cast("Json", told.get("lastAttempt") or {})
    return Instance(
        str(told.get("name") or str(told.get("instance", "")).rpartition("/")[2]),
        path(str(version.get("instanceTemplate") or "")),
        action == "NONE" and bool(health) and all(each == "HEALTHY" for each in health),
        action in ("ABANDONING", "DELETING"),
        _errors(attempt.get("errors")),
    )


def _errors(told: Any) -> str:
    """What went wrong, of Google's list of it."""
    errors: list[Json] = cast("Json", told or {}).get("errors") or []
    return "; ".join(str(each.get("message") or each.get("code")) for each in errors)
