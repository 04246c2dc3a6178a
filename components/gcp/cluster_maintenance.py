"""When GKE may upgrade a cluster and its nodes, and when it may not."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Final, NotRequired, TypedDict, cast

from components import checks

DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
"""Days of the week, as RFC 5545 writes them."""
SHORTEST: Final = 4
"""Hours of a window, below which GKE does not count it; one of these a week is the 48 hours in any 92 days that it has
to have (GKE, "Configure maintenance windows and exclusions", 2026-11-22)."""
MOST: Final = 20
"""Exclusions of a cluster (google_container_cluster, "maintenance_exclusion", 7.45)."""
MOST_CLOSED, LONGEST_CLOSED = 3, 90
"""Of them without any upgrade, and the days that one of these may last (GKE, "Maintenance windows and exclusions",
2026-11-22)."""
MONDAY: Final = datetime(2026, 1, 5, tzinfo=UTC)
"""From the week of this day on: GKE asks for a date that has been."""


class GkeExclusionScope(Enum):
    """What does not happen in the time of an exclusion."""

    NO_UPGRADES = "NO_UPGRADES"
    """Nothing is upgraded, for 90 days at most."""
    NO_MINOR_UPGRADES = "NO_MINOR_UPGRADES"
    """The minor version stays; patches come, to control plane and nodes."""
    NO_MINOR_OR_NODE_UPGRADES = "NO_MINOR_OR_NODE_UPGRADES"
    """The minor version stays, and so do the nodes; patches come to the control plane."""


class GkeExclusion(TypedDict):
    """A time without upgrades."""

    start: str
    """When it begins, as `2026-12-18T00:00:00Z`."""
    end: NotRequired[str]
    """When it ends, likewise. Default: with the support of the version that there is; with NO_UPGRADES it must be
    said."""
    scope: NotRequired[GkeExclusionScope]
    """What does not happen until then. Default: NO_UPGRADES."""


class GkeMaintenance(TypedDict):
    """When GKE may upgrade the cluster by itself. What somebody asks for, by another `version` say, happens at once."""

    days: NotRequired[Sequence[str]]
    """Days of the week on which the window opens, in UTC, as `SA`. Default: SA and SU."""
    start: NotRequired[str]
    """Time of day at which it opens, in UTC, as `02:00`. Default: 00:00."""
    hours: NotRequired[int]
    """Hours for which it is open, 4 to 24. Default: 8."""
    exclusions: NotRequired[dict[str, GkeExclusion]]
    """Times without upgrades, each under a name that it keeps. Default: none."""


def asked(what: str, given: GkeMaintenance) -> dict[str, Any]:
    """The policy that an argument asks for, as a cluster takes it. Raises ArgsError."""
    checks.given(what, given, GkeMaintenance)
    days = _days(f"{what}.days", given.get("days", ("SA", "SU")))
    start = given.get("start", "00:00")
    checks.fits(f"{what}.start", start, r"([01]\d|2[0-3]):[0-5]\d", "a time of day in UTC, as text", '"02:00"')
    hours = checks.whole(f"{what}.hours", given.get("hours", 8), SHORTEST, 24, "hours")
    opens = MONDAY + timedelta(
        days=DAYS.index(days[0]), hours=int(start.partition(":")[0]), minutes=int(start.partition(":")[2])
    )
    exclusions = _exclusions(f"{what}.exclusions", given.get("exclusions") or {})
    return {
        "recurring_window": {
            "start_time": _text(opens),
            "end_time": _text(opens + timedelta(hours=hours)),
            "recurrence": f"FREQ=WEEKLY;BYDAY={','.join(days)}",
        },
        **({"maintenance_exclusions": exclusions} if exclusions else {}),
    }


def _days(what: str, given: Sequence[str]) -> list[str]:
    if isinstance(given, str) or not given:
        raise checks.wrong(what, given, "a list of at least one day", "write ['SA', 'SU']")
    for each in given:
        checks.one_of(what, each, DAYS)
    if len(set(given)) != len(given):
        raise checks.wrong(what, list(given), "each day once", f"write {sorted(set(given), key=DAYS.index)}")
    return sorted(given, key=DAYS.index)


def _exclusions(what: str, given: Mapping[str, GkeExclusion]) -> list[dict[str, Any]]:
    found = [_exclusion(what, name, each) for name, each in given.items()]
    closed = [each for each in found if each["exclusion_options"]["scope"] == GkeExclusionScope.NO_UPGRADES.value]
    if len(closed) > MOST_CLOSED:
        expected = f"at most {MOST_CLOSED} without any upgrade, as GKE takes no more"
        raise checks.wrong(what, f"{len(closed)} times", expected, "give the others scope: NO_MINOR_OR_NODE_UPGRADES")
    if len(found) > MOST:
        raise checks.wrong(what, f"{len(found)} times", f"at most {MOST}, as GKE takes no more", "leave out past ones")
    return found


def _exclusion(what: str, name: str, given: GkeExclusion) -> dict[str, Any]:
    checks.fits(f"a key of {what}", name, r"[a-z][a-z0-9-]{0,62}", "a name of a-z, 0-9 and -", "christmas")
    here = f"{what}[{name!r}]"
    checks.given(here, given, GkeExclusion)
    scope = checks.choice(f"{here}.scope", given.get("scope", GkeExclusionScope.NO_UPGRADES), GkeExclusionScope)
    start = _moment(f"{here}.start", given["start"])
    options: dict[str, Any] = {"scope": scope.value}
    found: dict[str, Any] = {"exclusion_name": name, "start_time": _text(start), "exclusion_options": options}
    if (until := given.get("end")) is None:
        if scope is GkeExclusionScope.NO_UPGRADES:
            least = _text(start + timedelta(days=LONGEST_CLOSED))
            expected = f"an end within {LONGEST_CLOSED} days, as nothing is upgraded until then"
            raise checks.wrong(f"{here}.end", None, expected, f"write {least}, or another scope")
        options["end_time_behavior"] = "UNTIL_END_OF_SUPPORT"
        return found
    end = _moment(f"{here}.end", until)
    if end <= start:
        raise checks.wrong(f"{here}.end", _text(end), f"a time after its start, {_text(start)}", "write a later one")
    if scope is GkeExclusionScope.NO_UPGRADES and end - start > timedelta(days=LONGEST_CLOSED):
        most = _text(start + timedelta(days=LONGEST_CLOSED))
        expected = f"at most {LONGEST_CLOSED} days after its start, as nothing is upgraded until then"
        raise checks.wrong(f"{here}.end", _text(end), expected, f"write {most}, or another scope")
    return {**found, "end_time": _text(end)}


def _moment(what: str, value: object) -> datetime:
    pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    checks.fits(what, value, pattern, "a moment in UTC, as RFC 3339 writes it", "2026-12-18T00:00:00Z")
    try:
        return datetime.fromisoformat(cast("str", value).replace("Z", "+00:00"))
    except ValueError:
        raise checks.wrong(what, value, "a day and hour that there is", "for example 2026-12-18T00:00:00Z") from None


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
