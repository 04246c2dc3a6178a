"""A release from its first step to its end: promoted, or rolled back; and what an interrupted one left, put right.

Before anything is done the record in the cluster says what, so each of these can be broken off at any point: the next
run finds the record and goes on at the step it names, or takes everything back first when something else is wanted.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from components.kubernetes import names, pod
from components.kubernetes.errors import ClusterError, NotReady, Unreachable
from components.kubernetes.releasing import judging, measures, owning, traffic
from components.kubernetes.releasing import record as records
from components.kubernetes.releasing.errors import BadRelease, NoMeasures, RolledBack
from components.kubernetes.releasing.judging import Look, Outcome, Verdict
from components.kubernetes.releasing.measures import Reading
from components.kubernetes.releasing.objects import Objects
from components.kubernetes.releasing.plan import Analysis, Inconclusive, Plan, Step, Strategy, Subject
from components.kubernetes.releasing.pods import Seen
from components.kubernetes.releasing.prometheus import Prometheus
from components.kubernetes.releasing.record import Phase, Record

Say = Callable[[str], None]

GATEWAY = 15.0
"""Seconds that a gateway may take to say that it runs a route's new rules, which many never say, and that a Service
may take to have the addresses of its pods."""
SETTLE = 120.0
"""Seconds that the version before may take to have all its pods again after the service was rolled back."""
_QUIET = 10.0
"""Seconds between two lines about a step that goes on as it did."""


class _Bad(Exception):
    """The candidate does not hold. `why` in words."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why.rstrip(".")


def _longer(waited: bool) -> str:
    """What makes a step know more, behind what it does not."""
    told = "a longer wait" if waited else "inconclusive: wait"
    return f" (a longer pause, a smaller min_samples or {told} in modelport:release lets more be known)"


def _why(error: _Bad | ClusterError) -> str:
    return error.why if isinstance(error, _Bad) else f"the cluster refuses it ({error.message.rstrip('.')})"


class Release:
    """One service's release from the version `stable` to the version `candidate`, both image references."""

    def __init__(
        self,
        objects: Objects,
        prometheus: Prometheus | None,
        subject: Subject,
        plan: Plan,
        analysis: Analysis,
        say: Say,
    ) -> None:
        self._objects = objects
        self._prometheus = prometheus
        self._subject = subject
        self._plan = plan
        self._analysis = analysis
        self._say = say
        self._told = 0.0
        self.unanswered = False
        """Whether `stable`, as it was found, never had a pod that answered."""
        self._written: Record | None = None
        self._pods: Seen = {}
        self._held = False
        """Whether the service itself runs the candidate and answers: what is left to do is no reason to go back."""

    def claim(self, *, begins: bool) -> None:
        """Raises BadRelease for a service that another stack releases, or, where ours begins, that is there already."""
        record = self._objects.record()
        theirs, mine = record.owner if record else "", self._subject.owner
        name, where = self._subject.name, f"in namespace {self._subject.namespace}"
        elsewhere = "choose another modelport:service.name or modelport:kubernetes.namespace"
        if not begins and owning.ours(theirs, mine):
            return
        serving = self._objects.service() if begins else None
        if begins and serving is None and (not theirs or owning.stack(theirs) == owning.stack(mine)):
            return
        if serving is not None:
            marks: dict[str, str] = serving["metadata"].get("annotations") or {}
            if marks.get(owning.ANNOTATION) == owning.stack(mine):
                if record is not None:
                    self._objects.write(record)
                return
            whose = f"is released by the stack {owning.stack(theirs)}" if theirs else "was not made by this state"
            raise BadRelease(
                f"{name}: the Deployment {name} {where} is there already and {whose}, expected none before the first "
                f"release; {elsewhere}, or, if it is this stack's own all the same, say so with: kubectl annotate "
                f"deployment {name} --namespace {self._subject.namespace} {owning.ANNOTATION}={owning.stack(mine)}"
            )
        raise BadRelease(
            f"{name}: the ConfigMap {records.name(name)} {where} is of the stack {owning.stack(theirs)}, expected that "
            f"of {owning.stack(mine)}; {elsewhere} for one of them, or delete the ConfigMap where the other is gone"
        )

    def run(self, candidate: str, stable: str) -> str:
        """Make `candidate` the version that serves, or leave `stable` as it; returns the verdict in words.

        Raises RolledBack when the candidate does not hold: then nothing of it is left.
        """
        record = self._objects.record()
        serving = self._objects.service()
        if serving is None:
            return self._first(candidate, stable, "nothing served before")
        if _never_answered(serving):
            self.unanswered = True
            return self._first(candidate, stable, "no version before it ever answered")
        done = record is not None and record.phase is Phase.PROMOTED and record.candidate == candidate
        if names.digest(candidate) != names.digest(stable) and self._plan.stages() and not done:
            self._routes(stable)
        record = self._settled(record, candidate, stable)
        if names.digest(candidate) == names.digest(stable):
            return record.verdict if record else ""
        if record and record.phase is Phase.PROMOTED and names.digest(record.candidate) == names.digest(candidate):
            self._say(f"version {names.revision(candidate)} was promoted already, before an interruption")
            return record.verdict
        key = self._key()
        if record is None or not record.unfinished:
            record = self._write(Record(candidate=candidate, stable=stable, plan=key))
        else:
            self._say(f"version {names.revision(candidate)} is in the cluster already: going on where it was left")
            if record.plan != key and record.phase is Phase.STEPS:
                record = replace(record, plan=key, step=0)
            self._written = record
        try:
            verdict = record.verdict
            if record.phase is Phase.STEPS:
                record, verdict = self._steps(record)
            self._promote(record, verdict)
        except Unreachable:
            raise
        except (_Bad, ClusterError) as error:
            if self._held:
                raise
            raise self._rolled_back(record, _why(error)) from None
        return verdict

    def _rolled_back(self, record: Record, why: str) -> RolledBack:
        """Take the candidate back, as far as the cluster lets us; what there is to say of it."""
        self._say(f"rolling back: {why}")
        after = f"version {names.revision(record.stable)} answers as before"
        try:
            self._back(record)
            if self._objects.service() is None:
                after = f"the Deployment {self._subject.name} is gone as well, so nobody answers: run up --refresh"
        except ClusterError as error:
            after = f"not all of it could be taken back ({error.message}): mend that and run up again, which goes on"
        text = f"{self._subject.name}: version {names.revision(record.candidate)} was rolled back: {why}; {after}"
        return RolledBack(text)

    def clean(self) -> None:
        """Take away all that releases made: at the end of the service. What another stack made stays."""
        record = self._objects.record()
        if record is not None and not owning.ours(record.owner, self._subject.owner):
            self._say(f"the release in the cluster is of the stack {owning.stack(record.owner)}, and stays")
            return
        self._objects.rest()
        for track in (names.CANARY, names.BASELINE):
            self._objects.remove(track)
        self._objects.forget()

    def _routes(self, stable: str) -> None:
        """Raises BadRelease where there is no route to share requests out by; nothing was touched by then."""
        if missing := self._objects.missing():
            raise BadRelease(
                f"{self._subject.name}: the route {' and '.join(missing)} is not there, expected it before a release "
                f"by {self._plan.strategy}; make it again with the version that serves: "
                f"MODELPORT_RELEASE_PIN={names.digest(stable)} modelport up --refresh, and then run up again"
            )

    # What was left by an earlier run

    def _first(self, candidate: str, stable: str, why: str) -> str:
        """Nothing serves, so there is nothing to compare with and no request to lose."""
        self._objects.rest()
        for track in (names.CANARY, names.BASELINE):
            self._objects.remove(track)
        self._objects.let_go()
        verdict = f"promoted at once: {why}"
        self._say(f"version {names.revision(candidate)} is {verdict}")
        self._objects.write(Record(candidate, stable or candidate, self._key(), Phase.PROMOTED, verdict=verdict))
        return verdict

    def _settled(self, record: Record | None, candidate: str, stable: str) -> Record | None:
        """The record that is to go on. What is of any other version is taken back first."""
        if record is None:
            self._sweep()
            self._restore(stable)
            return None
        wanted, served = names.digest(candidate), names.digest(stable)
        theirs = names.digest(record.candidate)
        if record.unfinished and theirs == wanted != served:
            return record
        if record.unfinished or (record.phase is Phase.PROMOTED and theirs not in (wanted, served)):
            self._say(f"taking back version {names.revision(record.candidate)}, which an interrupted run left")
            return self._back(record)
        self._sweep()
        return record

    def _sweep(self) -> None:
        """Remove what runs beside the service and no record tells of."""
        if self._objects.beside():
            self._objects.rest()
            for track in (names.CANARY, names.BASELINE):
                self._objects.remove(track)

    def _restore(self, stable: str) -> None:
        """Have the service run the version of the state where it runs another and no record says why."""
        serving = self._objects.service()
        if serving is None or runs(serving, stable):
            return
        self._say(f"back to version {names.revision(stable)}: what serves is of no release that is known")
        self._objects.roll(pod.at(self._subject.template, stable, names.STABLE))
        try:
            self._objects.wait(names.STABLE, SETTLE, lambda _: None)
        finally:
            self._objects.let_go()

    def _back(self, record: Record) -> Record:
        """Everything as it was before the release. What is refused holds up nothing else, and is raised at the end."""
        # As it was written last: the service may have been rolled since `record` was read.
        record = self._written or self._objects.record() or record
        refused: list[ClusterError] = []

        def attempt(act: Callable[[], object]) -> None:
            try:
                act()
            except Unreachable:
                raise
            except ClusterError as error:
                refused.append(error)

        def rest() -> None:
            if self._objects.rest():
                self._objects.live(GATEWAY)

        def serve() -> None:
            serving = self._objects.service()
            if record.template is None or serving is None or not runs(serving, record.candidate):
                return
            self._objects.roll(record.template)
            try:
                self._objects.wait(names.STABLE, SETTLE, lambda _: None)
            except NotReady as error:
                self._say(f"the version before has not all its pods again: {error.message}")

        attempt(rest)
        attempt(serve)
        for track in (names.CANARY, names.BASELINE):
            attempt(partial(self._objects.remove, track))
        attempt(self._objects.let_go)
        if refused:
            raise refused[0]
        return self._write(record.to(Phase.REVERTED))

    def _write(self, record: Record) -> Record:
        """Say in the cluster how far it is. Somebody may remove that, so it is known here as well."""
        self._objects.write(record)
        self._written = record
        return record

    # The steps

    def _steps(self, record: Record) -> tuple[Record, str]:
        stages = self._plan.stages()
        verdict = Verdict(())
        for number, step in enumerate(stages):
            if number < record.step:
                continue
            record = self._write(record.at(number))
            split = traffic.split(self._plan, step)
            where = f"step {number + 1} of {len(stages)} ({traffic.described(split)})"
            try:
                self._start(record, step, where)
                verdict = self._watch(record, step, where)
            except Unreachable:
                raise
            except (_Bad, ClusterError) as error:
                raise _Bad(f"{_why(error)}, at {where}") from None
        if not stages:
            self._try(record)
            return record, "promoted pod by pod"
        steps = "1 step" if len(stages) == 1 else f"{len(stages)} steps"
        measured = verdict.text() or "its pods answered throughout, nothing was measured"
        return record, f"promoted after {steps}: {measured}"

    def _try(self, record: Record) -> None:
        """Have one pod of the candidate come up where the service has none now: nothing else would tell of it."""
        serving = self._objects.service() or {}
        if serving.get("spec", {}).get("replicas", 1):
            return
        self._say(f"the service has no pod now: one of version {names.revision(record.candidate)} is tried")
        self._objects.run(record.candidate, names.CANARY, 1)
        try:
            self._objects.wait(names.CANARY, self._plan.ready, self._line)
        except NotReady as error:
            raise _Bad(error.message) from None

    def _start(self, record: Record, step: Step, where: str) -> None:
        """Run what the step needs and give it its traffic, in this order."""
        serving = self._objects.service() or {}
        stable = int(serving.get("spec", {}).get("replicas", 1))
        count = traffic.replicas(self._plan, step, stable, routed=self._objects.routed)
        self._say(f"{where}: {count} {'pod' if count == 1 else 'pods'} of version {names.revision(record.candidate)}")
        self._objects.run(record.candidate, names.CANARY, count)
        if self._plan.baseline:
            self._objects.run(record.stable, names.BASELINE, count)
        tracks = (names.CANARY, names.BASELINE) if self._plan.baseline else (names.CANARY,)
        try:
            for track in tracks:
                self._objects.wait(track, self._plan.ready, self._line)
        except NotReady as error:
            raise _Bad(error.message) from None
        if self._objects.routed:
            for track in tracks:
                self._objects.behind(track, GATEWAY)
            self._objects.route(traffic.split(self._plan, step))
            self._objects.live(GATEWAY)

    def _watch(self, record: Record, step: Step, where: str) -> Verdict:
        """Look again and again until the pause is over; the verdict of the last look."""
        before = self._begin()
        # As the step before knew those of its pods that are still there: they were asked all the while.
        pods = self._pods = {uid: self._pods.get(uid, each) for uid, each in self._objects.seen(names.CANARY).items()}
        begun = time.monotonic()
        failed = False
        while True:
            passed = time.monotonic() - begun
            remaining = step.pause - passed
            time.sleep(max(0.0, min(self._analysis.interval, remaining if remaining > 0 else self._analysis.interval)))
            passed = time.monotonic() - begun
            over = passed >= step.pause
            before = before or self._begin()
            verdict = self._look(record, before, pods, passed, step)
            outcome = verdict.outcome
            told = verdict.text() or "its pods answer"
            self._tell(f"{min(passed, step.pause):.0f} of {step.pause:g} s: {told}", over=over)
            if outcome is Outcome.FAILS and (over or failed):
                raise _Bad(verdict.text(Outcome.FAILS))
            # One look may be unlucky; the same twice is not.
            failed = outcome is Outcome.FAILS
            if over and outcome is Outcome.HOLDS:
                return verdict
            if over and outcome is Outcome.UNCLEAR:
                waits = self._analysis.inconclusive is Inconclusive.WAIT
                if not waits or passed > step.pause + self._analysis.wait:
                    raise _Bad(f"inconclusive after {passed:.0f} s: {verdict.text(Outcome.UNCLEAR)}{_longer(waits)}")

    def _look(self, record: Record, before: Reading | None, pods: Seen, passed: float, step: Step) -> Verdict:
        try:
            if (trouble := self._objects.trouble(names.CANARY, pods, self._line)) is not None:
                raise _Bad(trouble)
            if self._objects.routed:
                # Whoever else changes the route in between loses, for as long as the step takes.
                self._objects.route(traffic.split(self._plan, step))
        except Unreachable as error:
            return judging.judge(self._analysis, Look(measures.Measures(), measures.Measures(), trouble=error.message))
        return judging.judge(self._analysis, self._seen(record, before, passed))

    def _begin(self) -> Reading | None:
        """The counters as a step begins; None where they cannot be had now."""
        if self._prometheus is None:
            return None
        try:
            return self._prometheus.read(self._subject.namespace, self._subject.name)
        except NoMeasures:
            return None

    def _seen(self, record: Record, before: Reading | None, passed: float) -> Look:
        nothing = measures.Measures()
        if self._prometheus is None:
            return Look(nothing, nothing)
        try:
            now = self._prometheus.read(self._subject.namespace, self._subject.name)
        except NoMeasures as error:
            return Look(nothing, nothing, trouble=error.message)
        before = before or now
        candidate, stable = names.revision(record.candidate), names.revision(record.stable)
        words = {
            "namespace": self._subject.namespace,
            "service": self._subject.name,
            "revision": candidate,
            "stable": stable,
            "window": f"{max(1, round(passed))}s",
        }
        return Look(
            candidate=measures.measure(before, now, revision=candidate, track=names.CANARY),
            other=measures.measure(
                before, now, revision=stable, track=names.BASELINE if self._plan.baseline else names.STABLE
            ),
            answers=tuple(self._prometheus.ask(each, words) for each in self._analysis.queries),
        )

    # The end

    def _promote(self, record: Record, verdict: str) -> None:
        """Roll the service itself to the candidate, then take the traffic and the candidate back."""
        serving = self._objects.service()
        if serving is None:
            raise _Bad(f"the Deployment {self._subject.name} is gone in the middle of its release")
        if not runs(serving, record.candidate):
            record = replace(record, template=serving["spec"]["template"])
        record = self._write(record.to(Phase.PROMOTING, verdict))
        self._say(f"promoting version {names.revision(record.candidate)}")
        self._objects.roll(pod.at(self._subject.template, record.candidate, names.STABLE))
        try:
            self._objects.wait(names.STABLE, self._plan.ready, self._line)
        except NotReady as error:
            raise _Bad(error.message) from None
        # Its last pod may have been taken away meanwhile; then nothing was waited for.
        self._try(record)
        self._held = True
        self._objects.behind(names.STABLE, GATEWAY)
        if self._objects.rest():
            self._objects.live(GATEWAY)
        for track in (names.CANARY, names.BASELINE):
            self._objects.remove(track)
        self._objects.let_go()
        self._write(record.to(Phase.PROMOTED))
        self._say(f"version {names.revision(record.candidate)} {verdict}")

    # Words

    def _key(self) -> str:
        """What a release was begun with; another one begins anew."""
        whole: list[Any] = [self._plan.canonical(), self._analysis.canonical(), self._subject.template]
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

    def _line(self, text: str) -> None:
        self._say(text)

    def _tell(self, text: str, *, over: bool) -> None:
        now = time.monotonic()
        if over or now - self._told >= _QUIET:
            self._told = now
            self._say(text)


def strategy_of(plan: Plan) -> str:
    """The plan's strategy as it is called in lines of progress."""
    return "release" if plan.strategy is Strategy.ROLLING else plan.strategy.value


def _never_answered(serving: dict[str, Any]) -> bool:
    """Whether no pod of a Deployment has come up since it was made: then it never finished a rollout either.

    One that was up once and is down now is a version that serves, with a trouble of its own.
    """
    status: dict[str, Any] = serving.get("status") or {}
    conditions: list[dict[str, Any]] = status.get("conditions") or []
    finished = any(
        each["type"] == "Progressing" and each.get("reason") == "NewReplicaSetAvailable" for each in conditions
    )
    return not finished and not status.get("availableReplicas")


def runs(serving: dict[str, Any], reference: str) -> bool:
    """Whether a Deployment's template is of an image."""
    annotations: dict[str, str] = serving["spec"]["template"]["metadata"].get("annotations") or {}
    return annotations.get(names.DIGEST) == names.digest(reference)
