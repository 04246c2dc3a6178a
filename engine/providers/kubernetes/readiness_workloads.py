"""Objects that keep pods: Deployment, StatefulSet, DaemonSet, ReplicationController, Job."""

import json

from engine.providers.kubernetes.api import Obj
from engine.providers.kubernetes.objects import meta, name
from engine.providers.kubernetes.readiness import Common, Hopeless, Wait, failed
from engine.providers.kubernetes.readiness_conditions import status_of
from engine.providers.kubernetes.readiness_pods import condition_of, owned, qualified, selector, warnings_of
from engine.values import items, part

_REVISION = "deployment.kubernetes.io/revision"


def number(obj: Obj, *path: str) -> int:
    """The whole number at a path, 0 where there is none."""
    for key in path[:-1]:
        obj = part(obj, key)
    value = obj.get(path[-1])
    return value if isinstance(value, int) else 0


def observed(obj: Obj) -> bool:
    """Whether the controller has seen the object as it is now, so that its status is about it."""
    return number(obj, "status", "observedGeneration") >= number(obj, "metadata", "generation")


def _revision(obj: Obj) -> str:
    return str(part(meta(obj), "annotations").get(_REVISION) or "")


class Deployment(Common):
    """A Deployment whose newest pods are ready, as many as it asks for."""

    def __init__(self) -> None:
        self._set: Obj | None = None  # the newest ReplicaSet
        self._available = self._rolled_out = self._set_ready = False
        self._problems: list[str] = []
        self._unbound: list[str] = []

    def ready(self, wait: Wait, live: Obj) -> bool:
        self._look(wait, live)
        if wait.due("pods"):
            for words in self._pods(wait, live):
                wait.tell("warning", words)
        done = self._available and self._set_ready and not self._unbound
        if done and (self._first(live) or self._rolled_out):
            wait.tell("info", "✅ Deployment initialization complete")
            return True
        return False

    def _first(self, live: Obj) -> bool:
        return _revision(live) == "1"

    def _look(self, wait: Wait, live: Obj) -> None:
        self._set, self._problems = None, []
        self._available = self._rolled_out = self._set_ready = False
        self._unbound = self._claims(wait, live)
        if not _revision(live) or not observed(live):
            return
        progressing, available = (condition_of(live, kind) or {} for kind in ("Progressing", "Available"))
        self._available = available.get("status") == "True"
        new = progressing.get("reason") == "NewReplicaSetAvailable"
        self._rolled_out = new and progressing.get("status") == "True"
        for condition in (progressing, available):
            if condition and condition.get("status") != "True":
                words = f"[{condition.get('reason', '')}] {condition.get('message', '')}"
                self._problems.append(words)
                wait.tell("warning", words)
        sets = owned(wait.of_namespace("apps/v1", "ReplicaSet", labels=selector(live)), live)
        self._set = next((one for one in sets if _revision(one) == _revision(live)), None)
        if self._set is None:
            return
        wanted = number(self._set, "spec", "replicas") if "replicas" in part(self._set, "spec") else 1
        there = number(self._set, "status", "readyReplicas")
        self._set_ready = there >= wanted
        if not self._set_ready:
            wait.tell("info", f"Waiting for app ReplicaSet to be available ({there}/{wanted} Pods available)")
        elif wanted == 0:
            wait.tell("warning", f'Replicas scaled to 0 for Deployment "{name(live)}"')

    def _claims(self, wait: Wait, live: Obj) -> list[str]:
        """The volume claims of its pods that have no volume."""
        unbound: list[str] = []
        template = part(part(part(live, "spec"), "template"), "spec")
        for volume in items(template, "volumes"):
            title = str(part(volume, "persistentVolumeClaim").get("claimName") or "")
            claim = wait.beside("v1", "PersistentVolumeClaim", title) if title else None
            phase = part(claim, "status").get("phase") if claim else None
            if phase and phase != "Bound":
                unbound.append(title)
                words = f"PersistentVolumeClaim: [{title}] is not ready. status.phase currently at: {phase}"
                wait.tell("warning", words)
        return unbound

    def _pods(self, wait: Wait, live: Obj) -> list[str]:
        if self._set is None:
            return []
        pods = owned(wait.of_namespace("v1", "Pod", labels=selector(live)), self._set)
        return [words for pod in pods for words in warnings_of(pod)]

    def reasons(self, wait: Wait, live: Obj) -> list[str]:
        out = list(self._problems)
        if self._unbound:
            out.append(f"Failed to bind PersistentVolumeClaim(s): {json.dumps(','.join(self._unbound))}")
        if not self._available:
            out.append("Minimum number of live Pods was not attained")
        elif not (self._set_ready if self._first(live) else self._rolled_out):
            out.append("Minimum number of Pods to consider the application live was not attained")
        elif not self._set_ready:
            out.append("Attempted to roll forward to new ReplicaSet, but minimum number of Pods did not become live")
        return out + self._pods(wait, live)


class StatefulSet(Common):
    """A StatefulSet whose pods are all ready and of the newest revision."""

    def __init__(self) -> None:
        self._replicas_ready = self._revision_ready = False
        self._there = self._wanted = 0

    def ready(self, wait: Wait, live: Obj) -> bool:
        self._look(live)
        if wait.due("pods"):
            for words in self._pods(wait, live):
                wait.tell("warning", words)
        if self._replicas_ready and self._revision_ready:
            wait.tell("info", "✅ StatefulSet initialization complete")
            return True
        count = f"({self._there}/{self._wanted} Pods ready)"
        if number(live, "metadata", "generation") <= 1:
            wait.tell("info", f"[1/2] Waiting for StatefulSet to create Pods {count}")
        elif not self._replicas_ready:
            wait.tell("info", f"[1/3] Waiting for StatefulSet update to roll out {count}")
        else:
            wait.tell("info", "[2/3] Waiting for StatefulSet to update .status.currentRevision")
        return False

    def _look(self, live: Obj) -> None:
        self._replicas_ready = self._revision_ready = False
        if "observedGeneration" not in part(live, "status") or not observed(live):
            return
        status = part(live, "status")
        wanted, ready, updated = (
            number(live, "spec", "replicas"),
            number(status, "readyReplicas"),
            number(status, "updatedReplicas"),
        )
        full = wanted == number(status, "replicas") == ready
        by_hand = part(part(live, "spec"), "updateStrategy").get("type") == "OnDelete"
        if by_hand and number(live, "metadata", "generation") > 1:
            self._revision_ready, self._replicas_ready = True, full
        else:
            current = status.get("currentRevision")
            self._revision_ready = bool(current) and current == status.get("updateRevision")
            self._replicas_ready = full and wanted == number(status, "currentReplicas")
        self._wanted = wanted
        # While pods are exchanged, those of the old revision are ready too.
        self._there = ready if self._revision_ready else min(ready, updated)

    def _pods(self, wait: Wait, live: Obj) -> list[str]:
        pods = owned(wait.of_namespace("v1", "Pod", labels=selector(live)), live)
        return [words for pod in pods for words in warnings_of(pod)]

    def reasons(self, wait: Wait, live: Obj) -> list[str]:
        out: list[str] = []
        if not self._replicas_ready:
            out.append(f"{self._there} out of {self._wanted} replicas succeeded readiness checks")
        if not self._revision_ready:
            status = part(live, "status")
            current, new = (json.dumps(str(status.get(key) or "")) for key in ("currentRevision", "updateRevision"))
            out.append(f"StatefulSet controller failed to advance from revision {current} to revision {new}")
        return out + self._pods(wait, live)


class DaemonSet(Common):
    """A DaemonSet with a pod of its newest template, ready, on every node that it asks for."""

    timed_out = cancelled = "timed out waiting for the condition"

    def ready(self, wait: Wait, live: Obj) -> bool:
        done, words = status_of(live)
        wait.tell("info", f"✅ {words}" if done else words)
        if not done and wait.due("pods"):
            for pod in owned(wait.of_namespace("v1", "Pod", labels=selector(live)), live):
                for warning in warnings_of(pod):
                    wait.tell("warning", warning)
        return done


class ReplicationController(Common):
    """A ReplicationController with as many pods available as it asks for."""

    limit = 600.0
    timed_out = "Timeout occurred polling for '{name}'"
    cancelled = "Resource operation was cancelled for '{name}'"

    def ready(self, wait: Wait, live: Obj) -> bool:
        wanted = number(live, "spec", "replicas")
        return observed(live) and number(live, "status", "availableReplicas") == wanted


class Job(Common):
    """A Job that has completed."""

    def __init__(self) -> None:
        self._problems: list[str] = []

    def ready(self, wait: Wait, live: Obj) -> bool:
        title, status = qualified(live), part(live, "status")
        wait.tell("info", f'Waiting for Job "{title}" to start')
        if not status.get("startTime"):
            return False
        counts = " | ".join(f"{key.capitalize()}: {number(status, key)}" for key in ("active", "succeeded", "failed"))
        wait.tell("info", f'Waiting for Job "{title}" to succeed ({counts})')
        failure = condition_of(live, "Failed") or {}
        if failure.get("status") == "True" and failure.get("reason") in ("BackoffLimitExceeded", "DeadlineExceeded"):
            self._note([f"[{failure['reason']}] {failure.get('message', '')}"])
            raise Hopeless(failed(live))
        if (condition_of(live, "Complete") or {}).get("status") == "True":
            return True
        self._pods(wait, live)
        return False

    def _pods(self, wait: Wait, live: Obj) -> None:
        """Note what is wrong with the pods while they are there: a failed one may be gone when the Job has failed."""
        for pod in owned(wait.of_namespace("v1", "Pod", labels=selector(live)), live):
            found = warnings_of(pod)
            self._note(found)
            for words in found:
                if "containers with unready status" not in words:  # every Job passes through this
                    wait.tell("warning", words)

    def _note(self, found: list[str]) -> None:
        self._problems += [words for words in found if words not in self._problems]

    def reasons(self, wait: Wait, live: Obj) -> list[str]:
        self._pods(wait, live)
        return self._problems
