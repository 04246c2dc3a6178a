"""A release's objects in the cluster: its record, the candidate and the baseline, the routes, the service itself."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from components.kubernetes import names, pod, rollout
from components.kubernetes.access import JSON_PATCH, Cluster, items
from components.kubernetes.errors import NotReady, Refused
from components.kubernetes.releasing import pods, traffic
from components.kubernetes.releasing import record as records
from components.kubernetes.releasing.plan import Subject
from components.kubernetes.releasing.pods import Seen
from components.kubernetes.releasing.record import Record
from components.kubernetes.releasing.traffic import Split

Json = dict[str, Any]

MANAGER = "modelport-release"
"""Our name as an owner of fields. It is taken off the service when it serves the new version: its owner is Pulumi."""
ROUTES = "/apis/gateway.networking.k8s.io/v1"
SLICES = "discovery.k8s.io"
SERVICE_NAME = "kubernetes.io/service-name"
"""The label by which an EndpointSlice says whose addresses it has."""
PATIENCE = 20.0
"""Seconds that a pod may be not ready in the middle of a step: a busy one misses a probe now and then."""
_TRIES = 8
_TICK = 0.1


class Objects:
    """What a release does to the cluster, each of it safe to do again."""

    def __init__(self, cluster: Cluster, subject: Subject) -> None:
        self._cluster = cluster
        self._subject = subject

    @property
    def name(self) -> str:
        return self._subject.name

    # The record

    def record(self) -> Record | None:
        return Record.of(self._cluster.find(self._at("", "configmaps", records.name(self.name))))

    def write(self, record: Record) -> None:
        owned = replace(record, owner=self._subject.owner or record.owner)
        self._put("", "configmaps", owned.manifest(self.name, self._subject.namespace))

    def forget(self) -> None:
        self._cluster.delete(self._at("", "configmaps", records.name(self.name)))

    # The versions beside the one that serves

    def beside(self) -> list[str]:
        """Names of the Deployments that only a release makes and that are there."""
        both = (names.canary(self.name), names.baseline(self.name))
        return [each for each in both if self._cluster.find(self._at("apps", "deployments", each)) is not None]

    def run(self, reference: str, track: str, replicas: int) -> None:
        """Run a version on a track beside the one that serves, with a Service where the track has none of its own."""
        name = self._called(track)
        template = pod.at(self._subject.template, reference, track)
        manifest: Json = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": name,
                "namespace": self._subject.namespace,
                "labels": names.labels(self.name, track),
                "annotations": {names.DIGEST: names.digest(reference)},
            },
            "spec": pod.deployment(self.name, template, track, replicas, progress_deadline=600),
        }
        if track == names.BASELINE:
            self._put("", "services", self._service(name, track))
        self._put("apps", "deployments", manifest)

    def wait(self, track: str, timeout: float, say: Callable[[str], None]) -> None:
        """Until the pods of a track answer. Raises NotReady."""
        name = self._called(track)
        rollout.wait(self._cluster, self._subject.namespace, name, timeout=timeout, say=say)

    def seen(self, track: str) -> Seen:
        """The pods of a track as they are now, to be compared with later."""
        return pods.seen(self._pods(track))

    def trouble(self, track: str, before: Seen, say: Callable[[str], None]) -> str | None:
        """What is wrong with the pods of a track that were ready; None when they are again within `PATIENCE`.

        One that crashed or was replaced since `before` is, however well it does by now: what it had in hand is lost,
        and no counter tells of that.
        """
        name = self._called(track)
        if self._cluster.find(self._at("apps", "deployments", name)) is None:
            return f"somebody took the Deployment {name} away, expected it to stay until the release is over"
        try:
            if (lost := pods.lost(before, self._pods(track))) is not None:
                for line in rollout.last_lines(self._cluster, lost.pod) if lost.pod else ():
                    say(f"| {line}")
                return lost.text
            rollout.wait(self._cluster, self._subject.namespace, name, timeout=PATIENCE, say=say)
        except NotReady as error:
            return error.message
        return None

    def _called(self, track: str) -> str:
        """What Deployment and Service of a track are called."""
        return self.name if track == names.STABLE else f"{self.name}-{track}"

    def _pods(self, track: str) -> list[Json]:
        labels = ",".join(f"{key}={value}" for key, value in names.selector(self.name, track).items())
        return items(self._cluster.get(self._at("", "pods"), labelSelector=labels))

    def behind(self, track: str, timeout: float) -> bool:
        """Wait until a track's Service has the address of every pod that answers; whether it has.

        A busy control plane notes a pod as ready seconds before it tells those who send requests to it.
        """
        labels = f"{SERVICE_NAME}={self._called(track)}"
        deadline = time.monotonic() + timeout
        while wanted := pods.addresses(self._pods(track)):
            try:
                found = items(self._cluster.get(self._at(SLICES, "endpointslices"), labelSelector=labels))
            except Refused:  # it may not be looked at here: then it is as soon as it was
                return False
            if wanted <= pods.served(found):
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(_TICK)
        return True

    def remove(self, track: str) -> None:
        """Take a version beside the one that serves away. Its pods finish what they have in hand."""
        name = self._called(track)
        self._cluster.delete(self._at("apps", "deployments", name), propagationPolicy="Background")
        if track == names.BASELINE:
            self._cluster.delete(self._at("", "services", name))

    # The service itself

    def service(self) -> Json | None:
        """The Deployment that serves."""
        return self._cluster.find(self._at("apps", "deployments", self.name))

    def roll(self, template: Json) -> None:
        """Make the service run a template."""
        change = [{"op": "replace", "path": "/spec/template", "value": template}]
        at = self._at("apps", "deployments", self.name)
        self._cluster.patch(at, change, JSON_PATCH, fieldManager=MANAGER)

    def let_go(self) -> None:
        """Own no field of service and routes any more. Another owner would keep alive what Pulumi takes out later."""
        for at in (self._at("apps", "deployments", self.name), *self._paths()):
            if self._cluster.find(at) is not None:
                self._disown(at)

    def _disown(self, at: str) -> None:
        for _ in range(_TRIES):
            meta = self._cluster.get(at)["metadata"]
            kept = [each for each in meta.get("managedFields", []) if each.get("manager") != MANAGER]
            if len(kept) == len(meta.get("managedFields", [])):
                return
            change: list[Json] = [
                {"op": "test", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]},
                {"op": "replace", "path": "/metadata/managedFields", "value": kept},
            ]
            try:
                self._cluster.patch(at, change, JSON_PATCH, fieldManager=MANAGER)
            except Refused as error:
                if error.status not in (409, 422):
                    raise
            time.sleep(_TICK)

    # Traffic

    @property
    def routed(self) -> bool:
        return bool(self._subject.routes)

    def missing(self) -> list[str]:
        """Routes that are not there."""
        pairs = zip(self._subject.routes, self._paths(), strict=True)
        return [each for each, path in pairs if self._cluster.find(path) is None]

    def route(self, split: Split) -> bool:
        """Give the routes the rules of a split; whether any had others."""
        # All of them, whatever came of the first.
        changed = [self._shape(at, lambda rules: traffic.shaped(rules, self.name, split)) for at in self._paths()]
        return any(changed)

    def rest(self) -> bool:
        """Give the routes the rules at rest. Routes that are gone have none."""
        found = [path for path in self._paths() if self._cluster.find(path) is not None]
        changed = [self._shape(each, lambda rules: traffic.plain(rules, self.name)) for each in found]
        return any(changed)

    def live(self, timeout: float) -> bool:
        """Wait until the gateway has taken the routes in; whether it said so. Not every gateway does."""
        deadline = time.monotonic() + timeout
        while not all(_taken_in(found) for path in self._paths() if (found := self._cluster.find(path)) is not None):
            if time.monotonic() > deadline:
                return False
            time.sleep(_TICK)
        return True

    def _paths(self) -> list[str]:
        out: list[str] = []
        for each in self._subject.routes:
            namespace, slash, name = each.rpartition("/")
            out.append(f"{ROUTES}/namespaces/{namespace if slash else self._subject.namespace}/httproutes/{name}")
        return out

    def _shape(self, path: str, shape: Callable[[list[Json]], list[Json]]) -> bool:
        """Change the rules of a route, against whoever changes it at the same time."""
        for attempt in range(_TRIES):
            route = self._cluster.get(path)
            rules: list[Json] = route["spec"].get("rules") or []
            wanted = shape(rules)
            if wanted == rules:
                return attempt > 0
            change: list[Json] = [
                {"op": "test", "path": "/metadata/resourceVersion", "value": route["metadata"]["resourceVersion"]},
                {"op": "replace", "path": "/spec/rules", "value": wanted},
            ]
            try:
                self._cluster.patch(path, change, JSON_PATCH, fieldManager=MANAGER)
            except Refused as error:
                if error.status not in (409, 422) or attempt == _TRIES - 1:
                    raise
                time.sleep(_TICK)
                continue
            return True
        return True

    # The wire

    def _at(self, group: str, plural: str, name: str = "") -> str:
        root = f"/apis/{group}/v1" if group else "/api/v1"
        path = f"{root}/namespaces/{self._subject.namespace}/{plural}"
        return f"{path}/{name}" if name else path

    def _put(self, group: str, plural: str, manifest: Json) -> None:
        """Make an object of ours, or bring it to the manifest."""
        at = self._at(group, plural, manifest["metadata"]["name"])
        for attempt in range(_TRIES):
            try:
                if (found := self._cluster.find(at)) is None:
                    self._cluster.create(self._at(group, plural), manifest)
                else:
                    version = {"resourceVersion": found["metadata"]["resourceVersion"]}
                    self._cluster.replace(at, {**manifest, "metadata": {**manifest["metadata"], **version}})
                return
            except Refused as error:
                # 404: it went away in between; 409: it was changed or came in between
                if error.status not in (404, 409) or attempt == _TRIES - 1:
                    raise
                time.sleep(_TICK)

    def _service(self, name: str, track: str) -> Json:
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": name,
                "namespace": self._subject.namespace,
                "labels": names.labels(self.name, track),
            },
            "spec": {
                "selector": names.selector(self.name, track),
                "ports": [{"name": names.PORT_NAME, "port": names.SERVICE_PORT, "targetPort": names.PORT_NAME}],
            },
        }


def _taken_in(route: Json) -> bool:
    """Whether every gateway of a route says that it runs the route's newest generation."""
    generation = route["metadata"].get("generation")
    status: Json = route.get("status") or {}
    parents: list[Json] = status.get("parents") or []
    conditions: list[Json] = []
    for parent in parents:
        conditions += parent.get("conditions") or []
    return bool(conditions) and all(each.get("observedGeneration") == generation for each in conditions)
