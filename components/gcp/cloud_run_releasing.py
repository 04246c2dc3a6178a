"""A release of Cloud Run from its beginning to its end, in the words of whoever waits for it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.gcp import release_steps
from components.gcp.cloud_run_api import Api, Place
from components.gcp.cloud_run_revision import FIXED, LATEST
from components.gcp.release_steps import Bounds, Stage
from components.gcp.release_watch import Watch, may_begin
from components.gcp.rest import Clock, Json, at_hand
from components.releases import ReleaseError, RolledBack, Say
from components.releases import say_of as say_of

STABLE, CANDIDATE = "stable", "candidate"
"""Tags of the version before and of the one that is tried, while it is: each has a URL of its own then, as
`https://candidate---...`, for whoever may call the service. They also tell the next run of one that was interrupted."""


@dataclass(frozen=True)
class Wanted:
    """What is to serve, and how it comes to that."""

    place: Place
    template: Json
    stages: tuple[Stage, ...]
    bounds: Bounds
    stable: str
    """The version that was released last; "" where that was the first."""

    @classmethod
    def of(cls, props: Mapping[str, Any], stable: str) -> "Wanted":
        """From the inputs of a CloudRunTraffic."""
        return cls(
            Place(str(props["project"]), str(props["region"]), str(props["service"])),
            json.loads(props["template"]),
            release_steps.stages(str(props["stages"])),
            Bounds.of(json.loads(props["bounds"])),
            stable,
        )

    @property
    def service(self) -> str:
        return self.place.service


def release(wanted: Wanted, *, say: Say, clock: Clock | None = None) -> str:
    """Bring the service to the version that is wanted; returns its name, or "" where its own resource makes it.

    Raises RolledBack for one that does not answer or does not hold: then all requests are at the version before.
    """
    clock = clock or Clock()
    with Api(wanted.place, clock) as api:
        before = api.service()
        stable = "" if before is None else serving(before, wanted.stable)
        if not stable:
            # There is nobody to take requests from.
            return ""
        looked = any(each.pause for each in wanted.stages)
        if looked:
            may_begin(api, wanted.bounds, wanted.service, stable, clock)
        newest = _made(api, wanted, stable, say)
        _moved(api, wanted, stable, newest, say, clock)
        return newest


def taken_back(wanted: Wanted, *, say: Say, clock: Clock | None = None) -> str:
    """Give all requests back to the version that serves, after a release that was interrupted; returns its name.

    Where that had come to its end, the version that is wanted is released.
    """
    clock = clock or Clock()
    with Api(wanted.place, clock) as api:
        found = api.service()
        if found is not None and _instead(found, wanted.stable):
            return release(wanted, say=say, clock=clock)
        stable = "" if found is None else serving(found, wanted.stable)
        if stable and found is not None and _left(found):
            _sent_back(api, wanted, stable)
            say(f"{stable} gets all requests again")
        return stable or wanted.stable


def left(props: Mapping[str, Any]) -> str:
    """What an interrupted release left, in words; nothing where there is nothing, or where nobody can be asked."""
    if not at_hand():
        return ""
    try:
        with Api(Place(str(props["project"]), str(props["region"]), str(props["service"])), Clock()) as api:
            found = api.service()
    except ReleaseError:
        return ""
    if found is None:
        return ""
    if newest := _left(found):
        return f"a release of {newest} was interrupted, and is to be taken back"
    newest = _instead(found, str(props.get("revision") or ""))
    told = f"{newest} gets the requests though no release has ended with it, and what is asked for comes in its place"
    return told if newest else ""


def there(project: str, region: str, service: str) -> bool:
    """Whether the service is."""
    with Api(Place(project, region, service), Clock()) as api:
        return api.service() is not None


def serving(service: Mapping[str, Any], known: str) -> str:
    """The version that gets the requests, beside one that is tried; "" where there is none."""
    targets: list[Json] = [each for each in service.get("traffic") or () if each.get("tag") != CANDIDATE]
    for each in targets:
        if each.get("tag") == STABLE and each.get("revision"):
            return str(each["revision"]).rpartition("/")[2]
    fixed = {
        str(each["revision"]).rpartition("/")[2]: int(each.get("percent", 0))
        for each in targets
        if each.get("revision")
    }
    if known in fixed:
        return known
    if not fixed or any(each.get("type") == LATEST for each in targets):
        return str(service.get("latestReadyRevision") or "").rpartition("/")[2]
    return max(fixed, key=lambda each: fixed[each])


def _left(service: Mapping[str, Any]) -> str:
    """The version that is tried."""
    tagged = [each for each in service.get("traffic") or () if each.get("tag") == CANDIDATE]
    return str(tagged[0].get("revision", "")).rpartition("/")[2] if tagged else ""


def _instead(service: Mapping[str, Any], known: str) -> str:
    """What gets the requests in place of the version that was released last, beside none that is tried.

    A release that was interrupted at its very end leaves that: the newest version has them by its name then.
    """
    targets: list[Json] = [each for each in service.get("traffic") or () if int(each.get("percent", 0))]
    found = [str(each.get("revision") or "").rpartition("/")[2] for each in targets]
    if not targets or _left(service):
        return ""
    if known:
        newest = str(service.get("latestReadyRevision") or "").rpartition("/")[2]
        return "" if known in [each or newest for each in found] else (found[0] or newest)
    # The first version has no name to those that released none after it; one that failed left an older one there.
    newest = str(service.get("latestCreatedRevision") or "").rpartition("/")[2]
    return newest if found == [newest] else ""


def alone(revision: str) -> list[Json]:
    """One version gets all requests."""
    return [{"type": FIXED, "revision": revision, "percent": 100}]


def shares(stable: str, newest: str, percent: int) -> list[Json]:
    """The newest version gets this many percent of the requests, the one before the rest."""
    return [
        {"type": FIXED, "revision": stable, "percent": 100 - percent, "tag": STABLE},
        {"type": FIXED, "revision": newest, "percent": percent, "tag": CANDIDATE},
    ]


def _made(api: Api, wanted: Wanted, stable: str, say: Say) -> str:
    """The new version, which answers and has no requests. Raises RolledBack for one that does not answer."""
    say(f"a new version is made, {stable} gets all requests")
    fields: Json = {"template": wanted.template, "traffic": alone(stable)}
    # The same template once more is a version of its own too: one that failed may have failed for another reason.
    why = api.change(fields, forceNewRevision="true")
    newest = str((api.service() or {}).get("latestCreatedRevision") or "").rpartition("/")[2]
    if not why and newest:
        why = _unready(api.revision(newest))
    if not why and newest not in ("", stable):
        return newest
    _sent_back(api, wanted, stable)
    raise RolledBack(
        f"the new version {newest} of {wanted.service} did not come up: {(why or 'Cloud Run made none').rstrip('.')}, "
        f"expected it to answer; {stable} gets all requests as before, see the log of {newest} for what it said"
    )


def _unready(revision: Mapping[str, Any]) -> str:
    """Why a version cannot have requests; nothing where it can."""
    for each in revision.get("conditions") or ():
        if each.get("type") == "Ready" and each.get("state") == "CONDITION_FAILED":
            return str(each.get("message") or each.get("reason") or "it is not ready")
    return ""


def _moved(api: Api, wanted: Wanted, stable: str, newest: str, say: Say, clock: Clock) -> None:
    """Step by step to all requests. Raises RolledBack where the version does not hold."""
    watch = Watch(api, wanted.bounds, newest, clock)
    for stage in (each for each in wanted.stages if each.pause):
        _given(api, wanted, stable, newest, shares(stable, newest, stage.percent))
        say(f"{newest} gets {stage.percent} percent of the requests, for {stage.pause} s")
        if why := watch.missed(stage.pause):
            _gone_back(api, wanted, stable, newest, why)
    _given(api, wanted, stable, newest, alone(newest))
    say(f"{newest} gets all requests")


def _given(api: Api, wanted: Wanted, stable: str, newest: str, traffic: list[Json]) -> None:
    """Raises RolledBack where Cloud Run does not move the requests so."""
    try:
        why = api.change({"traffic": traffic})
    except ReleaseError as error:
        why = error.message
    if why:
        _gone_back(api, wanted, stable, newest, f"its share of the requests could not be moved ({why})")


def _gone_back(api: Api, wanted: Wanted, stable: str, newest: str, why: str) -> None:
    """Raises RolledBack, once all requests are at the version before."""
    _sent_back(api, wanted, stable, why)
    raise RolledBack(
        f"version {newest} of {wanted.service} was rolled back: {why}, expected it to keep its bounds; {stable} gets "
        f"all requests again, see the log of {newest} for what it said"
    )


def _sent_back(api: Api, wanted: Wanted, stable: str, why: str = "") -> None:
    """All requests to the version before. Raises ReleaseError where that fails too."""
    try:
        told = api.change({"traffic": alone(stable)})
        found = api.service() if told else None
    except ReleaseError as error:
        told, found = error.message, None
    # A service whose newest version does not come up is not ready as a whole, wherever its requests go.
    if told and (found is None or [_plain(each) for each in found.get("trafficStatuses") or ()] != [(stable, 100)]):
        also = f"{why}, and " if why else ""
        raise ReleaseError(
            f"{also}going back to {stable} failed too ({told}), expected it to get all requests of {wanted.service}; "
            f"run `gcloud run services update-traffic {wanted.service} --to-revisions {stable}=100 --region "
            f"{wanted.place.region} --project {wanted.place.project}`"
        )


def _plain(status: Mapping[str, Any]) -> tuple[str, int]:
    return str(status.get("revision", "")).rpartition("/")[2], int(status.get("percent", 0))
