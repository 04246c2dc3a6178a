"""Whether an object is of use yet, and waiting until it is.

An object is looked at whenever it changes, and once a second besides, for what it depends on changes without it.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from engine.providers.kubernetes.api import ApiError, Cluster, NoAnswer, Obj
from engine.providers.kubernetes.objects import annotation, meta, name, namespace
from engine.values import part

Say = Callable[[str, str], None]
"""Tells of progress: a severity (info, warning) and words."""

_PAUSE: Final = 1.0
_TELL_EVERY: Final = 10.0


class NotReady(Exception):
    """The object exists and is of no use yet; `live` is how it was seen last."""

    def __init__(self, live: Obj, message: str, reasons: list[str]) -> None:
        super().__init__(message)
        self.live = live
        self.reasons = reasons


class Unaskable(NotReady):
    """What the program asks to wait for makes no sense."""


class Hopeless(Exception):
    """No waiting will make the object ready."""


@dataclass
class Wait:
    """One object that is waited for, and what its awaiter may ask."""

    cluster: Cluster
    live: Obj
    previous: Obj | None
    """How it was before the update; None for one that was just made."""
    say: Say
    settled: bool = False
    """Look once and for all: nothing further is going to happen."""
    began: float = field(default_factory=time.monotonic)
    _told: set[str] = field(default_factory=set[str])
    _next: dict[str, float] = field(default_factory=dict[str, float])

    def tell(self, severity: str, words: str) -> None:
        """Say something, once."""
        if words and words not in self._told:
            self._told.add(words)
            self.say(severity, words)

    def due(self, what: str) -> bool:
        """True every ten seconds for each of `what` there is to tell."""
        now = time.monotonic()
        if now < self._next.get(what, self.began + _TELL_EVERY):
            return False
        self._next[what] = now + _TELL_EVERY
        return True

    def of_namespace(self, api_version: str, kind: str, *, labels: str = "") -> list[Obj]:
        """The objects of a kind beside this one; none where they may not be seen."""
        try:
            return self.cluster.list(api_version, kind, namespace(self.live), labels=labels)
        except (ApiError, NoAnswer):
            return []

    def beside(self, api_version: str, kind: str, title: str) -> Obj | None:
        """One object of the same namespace, where it is there and may be seen."""
        try:
            return self.cluster.get(api_version, kind, title, namespace(self.live))
        except (ApiError, NoAnswer):
            return None


class Awaiter(Protocol):
    """What being ready means for one kind; made anew for each wait."""

    limit: float
    """The longest that is waited, in seconds, whatever else was said."""
    timed_out: str
    cancelled: str
    """What is said of an object that did not become ready; {name} is its name."""

    def ready(self, wait: Wait, live: Obj) -> bool:
        """Whether `live` is ready; raises Hopeless when it never will be."""
        ...

    def last_chance(self, wait: Wait, live: Obj) -> bool:
        """Whether it will do, now that time is up."""
        ...

    def reasons(self, wait: Wait, live: Obj) -> list[str]:
        """Why it is not ready."""
        ...


class Common:
    """What most awaiters have in common."""

    limit = float("inf")
    timed_out = "'{name}' timed out waiting to be Ready"
    cancelled = 'Resource operation was cancelled for "{name}"'

    def last_chance(self, wait: Wait, live: Obj) -> bool:
        return False

    def reasons(self, wait: Wait, live: Obj) -> list[str]:
        return []


def wait(
    cluster: Cluster,
    live: Obj,
    *,
    inputs: Obj,
    previous: Obj | None,
    timeout: float,
    say: Say,
    cancel: threading.Event,
) -> Obj:
    """The object once it is ready, after at most `timeout` seconds.

    previous: how the object was before the update, None for one that was just made.
    Raises NotReady when time is up, when `cancel` is set, and when the object can no longer become ready.
    """
    if annotation(inputs, "pulumi.com/skipAwait") == "true":
        return live
    awaiter = _awaiter(live)
    if awaiter is None:
        return live
    waiting = Wait(cluster, live, previous, say)
    until = time.monotonic() + min(timeout, awaiter.limit)
    seen = live
    for seen in _states(waiting, until, cancel):
        try:
            if awaiter.ready(waiting, seen):
                return seen
        except Hopeless as error:
            raise NotReady(seen, str(error), awaiter.reasons(waiting, seen)) from None
    if awaiter.last_chance(waiting, seen):
        return seen
    words = awaiter.cancelled if cancel.is_set() else awaiter.timed_out
    raise NotReady(seen, words.format(name=name(live)), awaiter.reasons(waiting, seen))


def check(cluster: Cluster, live: Obj, *, cancel: threading.Event) -> None:
    """Raise NotReady where the object is not ready now; only kinds that consist of others are looked at."""
    from engine.providers.kubernetes.readiness_kinds import READ_AGAIN, of_kind

    key = f"{live.get('apiVersion')}/{live.get('kind')}"
    awaiter = of_kind(live) if key in READ_AGAIN else None
    if awaiter is None or cancel.is_set():
        return
    waiting = Wait(cluster, live, None, lambda _severity, _words: None, settled=True)
    try:
        if awaiter.ready(waiting, live):
            return
    except Hopeless:
        pass
    raise NotReady(live, failed(live), awaiter.reasons(waiting, live))


def failed(live: Obj) -> str:
    """What is said of an object that cannot become ready."""
    return f"Resource '{name(live)}' was created but failed to initialize"


def _awaiter(live: Obj) -> Awaiter | None:
    from engine.providers.kubernetes.readiness_conditions import Conditions, Status, wanted
    from engine.providers.kubernetes.readiness_kinds import of_kind

    try:
        conditions = wanted(live)
    except ValueError as error:
        raise Unaskable(live, str(error), []) from None
    if conditions:
        return Conditions(conditions)
    return of_kind(live) or (Status() if os.environ.get("PULUMI_K8S_AWAIT_ALL") == "true" else None)


def _states(waiting: Wait, until: float, cancel: threading.Event) -> Iterator[Obj]:
    """The object as it is now, at each change, and every second; ends when time is up or it is cancelled."""
    seen = waiting.live
    yield seen
    while time.monotonic() < until and not cancel.is_set():
        started = time.monotonic()
        try:
            for now in _changes(waiting, seen):
                seen = now
                yield seen
                if time.monotonic() >= until or cancel.is_set():
                    return
        except ApiError as error:
            if error.status not in (403, 404, 410, 429, 500, 503, 504):
                raise
        except NoAnswer as error:
            waiting.tell("warning", str(error))
        rest = min(_PAUSE, until - time.monotonic())
        if time.monotonic() - started < _PAUSE and rest > 0:  # whatever refuses us is not asked in a tight loop
            cancel.wait(rest)
        if waiting.due("events"):
            _tell_events(waiting)


def _changes(waiting: Wait, seen: Obj) -> Iterator[Obj]:
    """The object now, then its changes for a second."""
    live = waiting.live
    version, kind, space = str(live["apiVersion"]), str(live["kind"]), namespace(live)
    now = waiting.cluster.get(version, kind, name(live), space)
    yield _newer(live, seen, now)
    since = str(meta(now).get("resourceVersion") or "")
    events = waiting.cluster.watch(version, kind, space, name=name(live), seconds=_PAUSE, since=since)
    for event in events:
        if event.get("type") in ("ADDED", "MODIFIED"):
            seen = _newer(live, seen, part(event, "object"))
            yield seen


def _newer(live: Obj, seen: Obj, now: Obj) -> Obj:
    """`now`, unless a cache of the server's still has what was before our change."""
    return now if int(meta(now).get("generation") or 0) >= int(meta(live).get("generation") or 0) else seen


def _tell_events(waiting: Wait) -> None:
    """What Kubernetes itself warns of."""
    selected = f"involvedObject.uid={meta(waiting.live).get('uid', '')},type=Warning"
    try:
        events = waiting.cluster.list("v1", "Event", namespace(waiting.live), fields=selected)
    except (ApiError, NoAnswer):
        return
    for event in events:
        waiting.tell("warning", f"{event.get('reason', '')}: {event.get('message', '')}")
