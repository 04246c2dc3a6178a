"""A release on Compute Engine from its beginning to its end, in the words of whoever waits for it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.gcp import release_steps
from components.gcp.compute_service_api import Api, Instance, Place, path
from components.gcp.release_steps import Bounds, Stage
from components.gcp.release_watch import ENOUGH, UNSEEN, WINDOW, Watch, may_begin
from components.gcp.rest import Clock, Json, at_hand
from components.releases import ReleaseError, RolledBack, Say, Unanswered
from components.releases import say_of as say_of

TICK: Final = 15.0
"""Seconds between two looks."""
PATIENCE: Final = 600.0
"""Seconds for which nothing may come of a release beyond those that a model takes to start: a machine is made, another
one is let go of by its load balancer, a health check has looked twice."""
HEALING: Final = "autoHealingPolicies"
"""After how long a machine on which nothing answers is made anew: a field of a group."""


@dataclass(frozen=True)
class Wanted:
    """What the instances of a group are to be, and how they come to that."""

    place: Place
    template: str
    """The version: an instance template, by its address."""
    policy: Json
    """Fields that a release needs of the group beside its versions, as Compute Engine takes them."""
    stages: tuple[Stage, ...]
    bounds: Bounds
    balanced: bool
    """Whether a load balancer counts answers."""
    starts: float
    """Seconds that a model may take to start."""
    known: str
    """The version that was released last."""

    @classmethod
    def of(cls, props: Mapping[str, Any], known: str) -> "Wanted":
        """From the inputs of a ComputeRollout."""
        return cls(
            Place(str(props["project"]), str(props["region"]), str(props["group"])),
            str(props["template"]),
            json.loads(props["policy"]),
            release_steps.stages(str(props["stages"])),
            Bounds.of(json.loads(props["bounds"])),
            bool(props["balanced"]),
            float(props["starts"]),
            known,
        )

    @property
    def group(self) -> str:
        return self.place.group


def release(wanted: Wanted, *, say: Say, clock: Clock | None = None) -> None:
    """Bring the group to the version that is wanted, where there is one: its own resource makes it otherwise.

    Raises RolledBack for one whose instances do not answer or that does not hold: then all are at the one before.
    """
    clock = clock or Clock()
    with Api(wanted.place, clock) as api:
        before = api.group()
        if before is None:
            return
        stable = serving(before, wanted.known)
        rollout = _Rollout(api, wanted, stable, before, say, clock)
        if same(stable, wanted.template):
            # A release was interrupted when nothing but its end was left; what it came from may be gone.
            say(f"{_short(stable)} is at all instances already, and is waited for")
            rollout.ends()
            return
        if (left := _left(before)) and not same(left, wanted.template):
            say(f"a release of {_short(left)} was interrupted, and is taken back first")
            rollout.back("")
        rollout.goes()


def taken_back(wanted: Wanted, *, say: Say, clock: Clock | None = None) -> None:
    """Give all instances the version that serves, after a release that was interrupted.

    Where that had come to its last step, the version that is wanted is released.
    """
    clock = clock or Clock()
    with Api(wanted.place, clock) as api:
        found = api.group()
        if found is not None and _instead(found, wanted.known):
            release(wanted, say=say, clock=clock)
            return
        if found is not None and _left(found):
            stable = serving(found, wanted.known)
            _Rollout(api, wanted, stable, found, say, clock).back("")
            say(f"{_short(stable)} is at all instances again")


def left(props: Mapping[str, Any]) -> str:
    """What an interrupted release left, in words; nothing where there is nothing, or where nobody can be asked."""
    if not at_hand():
        return ""
    try:
        with Api(Place(str(props["project"]), str(props["region"]), str(props["group"])), Clock()) as api:
            found = api.group()
    except ReleaseError:
        return ""
    if found is None:
        return ""
    if newest := _left(found):
        return f"a release of {_short(newest)} was interrupted, and is to be taken back"
    newest = _instead(found, str(props.get("template") or ""))
    return newest and f"{_short(newest)} is at the instances though no release has ended with it, and goes back"


def there(project: str, region: str, group: str) -> bool:
    """Whether the group is."""
    with Api(Place(project, region, group), Clock()) as api:
        return api.group() is not None


def serving(group: Mapping[str, Any], known: str) -> str:
    """The version that instances have, beside one that is tried, by its path."""
    versions: list[Json] = list(group.get("versions") or ())
    for each in versions:
        if known and same(str(each.get("instanceTemplate")), known):
            return path(known)
    rest = [each for each in versions if not each.get("targetSize")] or versions
    return path(str(rest[0].get("instanceTemplate"))) if rest else path(str(group.get("instanceTemplate") or ""))


def same(one: str, other: str) -> bool:
    """Whether two addresses are of one template."""
    return path(one) == path(other)


def alone(template: str) -> list[Json]:
    """All instances have one version."""
    return [{"instanceTemplate": template}]


def shares(stable: str, newest: str, percent: int, size: int) -> list[Json]:
    """This many percent of the instances have the newest version, the rest the one before.

    Compute Engine rounds a share, to none at all of a few instances: then it is one of them.
    """
    share = {"percent": percent} if size * percent >= 100 else {"fixed": 1}
    return [{"instanceTemplate": stable}, {"instanceTemplate": newest, "targetSize": share}]


def _left(group: Mapping[str, Any]) -> str:
    """The version that is tried."""
    versions: list[Json] = list(group.get("versions") or ())
    tried = [str(each.get("instanceTemplate")) for each in versions if each.get("targetSize")]
    return path(tried[0]) if tried and len(versions) > 1 else ""


def _instead(group: Mapping[str, Any], known: str) -> str:
    """What instances have in place of the version that was released last, beside none that is tried.

    A release that was interrupted in its last step leaves that.
    """
    found = serving(group, known)
    return found if known and found and not _left(group) and not same(found, known) else ""


def _short(template: str) -> str:
    return template.rpartition("/")[2]


class _Rollout:
    """A release under way: from a version to another one, of a group as it was before."""

    def __init__(self, api: Api, wanted: Wanted, stable: str, before: Json, say: Say, clock: Clock) -> None:
        self._api, self._wanted, self._stable = api, wanted, stable
        self._before, self._say, self._clock = before, say, clock
        self._newest = wanted.template
        self._watch: Watch | None = None

    def goes(self) -> None:
        """Step by step to all instances. Raises RolledBack where the version does not hold."""
        if any(each.pause for each in self._wanted.stages):
            self._may_begin()
            self._watch = Watch(self._watched(), self._wanted.bounds, self._newest, self._clock)
        for stage in self._wanted.stages:
            why = self._reached(stage)
            if not why and stage.pause and self._watch is not None:
                self._say(f"{self._about(stage)}, and is looked at for {stage.pause} s")
                why = self._watch.missed(stage.pause)
            if why:
                self.back(why)
        self._say(f"{_short(self._newest)} is at all instances")

    def ends(self) -> None:
        """All instances have the newest version already, or are on their way to it."""
        why = self._reached(self._wanted.stages[-1])
        if not why:
            return
        if self._wanted.known and not same(self._wanted.known, self._newest):
            self._stable = path(self._wanted.known)
            self.back(why)
        raise ReleaseError(
            f"the instances of {self._wanted.group} do not answer: {why}, expected {_short(self._newest)} at all of "
            "them; see their log for what they said"
        )

    def back(self, why: str) -> None:
        """All instances to the version before. Raises RolledBack with why, or ReleaseError where that fails too."""
        if why:
            self._say(f"it is stopped ({why}), and goes back")
        self._watch = None
        fields = {**self._wanted.policy, "versions": alone(self._stable)}
        if HEALING in self._before:
            # As it was when that version came to them: it may start sooner, or later.
            fields[HEALING] = self._before[HEALING]
        try:
            told = self._api.change(fields)
        except ReleaseError as error:
            told = error.message
        if told := told or self._come(self._stable, 100):
            also = f"{why}, and " if why else ""
            raise ReleaseError(
                f"{also}going back to {_short(self._stable)} failed too ({told.rstrip('.')}), expected it at all "
                f"instances of {self._wanted.group}; run `gcloud compute instance-groups managed rolling-action "
                f"start-update {self._wanted.group} --version template={self._stable} --region "
                f"{self._wanted.place.region} --project {self._wanted.place.project}`"
            )
        if why:
            raise RolledBack(
                f"version {_short(self._newest)} of {self._wanted.group} was rolled back: {why.rstrip('.')}, expected "
                f"its instances to answer and to keep its bounds; {_short(self._stable)} is at all of them again, see "
                "the log of the instances for what they said"
            )

    def _may_begin(self) -> None:
        """What a release looks at can be looked at, and is within its bounds. Raises ReleaseError, with nothing
        touched."""
        bounds, watched = self._wanted.bounds, self._watched()
        may_begin(watched, bounds, self._wanted.group, self._stable, self._clock)
        seen = watched.counted(self._stable, self._clock.now() - WINDOW)
        if seen.answers >= ENOUGH and (percent := 100 * seen.errors / seen.answers) > bounds.error_percent:
            raise ReleaseError(
                f"a release of {self._wanted.group} was not begun: {percent:.3g}% of {seen.answers} answers are errors "
                f"already, expected at most {bounds.error_percent:g}%, as the load balancer counts both versions "
                "together; raise error_percent, or release with strategy rolling"
            )

    def _watched(self) -> Any:
        return self._api if self._wanted.balanced else _Uncounted(self._api)

    def _reached(self, stage: Stage) -> str:
        """Give so many instances the newest version; why they do not come to it, or nothing once they answer."""
        try:
            size = int((self._api.group() or {}).get("targetSize") or 0)
            versions = alone(self._newest)
            if stage.percent < 100:
                versions = shares(self._stable, self._newest, stage.percent, size)
            told = self._api.change({**self._wanted.policy, "versions": versions})
        except ReleaseError as error:
            told = error.message
        if told:
            return f"its instances could not be asked for ({told})"
        self._say(f"{self._about(stage)} once they answer")
        return self._come(self._newest, stage.percent)

    def _about(self, stage: Stage) -> str:
        return f"{_short(self._newest)} is at {stage.percent} percent of the instances"

    def _come(self, template: str, percent: int) -> str:
        """Wait until the instances of a version answer, as long as more of them do; why they do not, or nothing."""
        patience = self._wanted.starts + PATIENCE
        best, least, until, unseen = -1, float("inf"), self._clock.now() + patience, 0
        while True:
            try:
                whole = self._api.group() or {}
                (mine, others), unseen = _told_apart(self._api.instances(), template), 0
            except Unanswered as error:
                # It goes on without being looked at, for a moment.
                unseen += 1
                if unseen == UNSEEN:
                    return f"nobody can judge it ({error.message})"
                self._clock.sleep(TICK)
                continue
            except ReleaseError as error:
                return f"nobody can judge it ({error.message})"
            well = sum(each.well for each in mine)
            if _target(whole) and well == len(mine) >= _least(whole, percent) and (percent < 100 or not others):
                return ""
            if well > best or len(others) < least:
                best, least = max(well, best), min(len(others), least)
                until = self._clock.now() + patience
                self._say(f"{well} of {len(mine)} instances with {_short(template)} answer")
            if self._clock.now() >= until:
                return _unwell(mine, others, patience)
            if self._watch is None:
                self._clock.sleep(TICK)
            elif why := self._watch.missed(TICK):
                return why


class _Uncounted:
    """Alert policies alone: nobody counts answers."""

    def __init__(self, api: Api) -> None:
        self.open_incident = api.open_incident

    def counted(self, version: str, since: float) -> Any:
        from components.gcp.release_watch import Counted

        return Counted(0, 0)

    def slowest(self, version: str, since: float) -> float:
        return 0.0


def _told_apart(instances: Sequence[Instance], template: str) -> tuple[list[Instance], list[Instance]]:
    """Those that are of a version and stay, and the others that do."""
    staying = [each for each in instances if not each.going]
    mine = [each for each in staying if same(each.template, template)]
    return mine, [each for each in staying if each not in mine]


def _target(group: Mapping[str, Any]) -> bool:
    """Whether each instance has the version that it is to have."""
    status: Json = group.get("status") or {}
    target: Json = status.get("versionTarget") or {}
    return bool(target.get("isReached"))


def _least(group: Mapping[str, Any], percent: int) -> int:
    """How many instances have to have a version, at least: what a group tells of itself may be of a moment ago."""
    size = int(group.get("targetSize") or 0)
    return min(size, max(1, size * percent // 100))


def _unwell(mine: Sequence[Instance], others: Sequence[Instance], patience: float) -> str:
    well = sum(each.well for each in mine)
    trouble = next((each.trouble for each in mine if each.trouble), "")
    told = f": {trouble}" if trouble else ""
    return (
        f"{well} of {len(mine)} instances with it answer, {len(others)} have another version, and nothing has come of "
        f"it for {patience / 60:g} minutes{told}"
    )
