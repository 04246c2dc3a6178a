"""Objects for the tests of readiness, made in the cluster and waited for without a provider around them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.providers.kubernetes import readiness
from engine.providers.kubernetes.api import Cluster as Api
from engine.providers.kubernetes.api import Obj

IMAGE = "registry.k8s.io/pause:3.10"
ABSENT = "registry.k8s.io/absent:0"
LABELS = {"app": "web"}


class Waiting:
    """One namespace, and what was said while its objects were waited for."""

    def __init__(self, api: Api, space: str) -> None:
        self.api, self.space = api, space
        self.said: list[tuple[str, str]] = []
        self.cancel = threading.Event()

    def make(self, obj: Obj) -> Obj:
        """Create an object, in the namespace unless it says otherwise."""
        obj["metadata"].setdefault("namespace", self.space)
        return self.api.create(obj, manager="tests")

    def until_ready(self, live: Obj, seconds: float = 60, previous: Obj | None = None) -> Obj:
        """The object as `readiness.wait` gives it back."""
        return readiness.wait(
            self.api,
            live,
            inputs=live,
            previous=previous,
            timeout=seconds,
            say=lambda severity, words: self.said.append((severity, words)),
            cancel=self.cancel,
        )

    def not_ready(self, live: Obj, seconds: float = 4, previous: Obj | None = None) -> readiness.NotReady:
        """The error with which waiting for it ends."""
        try:
            self.until_ready(live, seconds, previous)
        except readiness.NotReady as error:
            return error
        raise AssertionError(f"{live['kind']} {live['metadata']['name']} is ready")

    def check(self, live: Obj) -> None:
        readiness.check(self.api, live, cancel=self.cancel)

    @contextmanager
    def in_a_moment(self, change: Any, seconds: float = 1.5) -> Iterator[None]:
        """Do `change` while the object is waited for."""
        timer = threading.Timer(seconds, change)
        timer.start()
        try:
            yield
        finally:
            timer.join()


def container(*arguments: str, image: str = IMAGE, **more: Any) -> Obj:
    return {"name": "main", "image": image, "imagePullPolicy": "Never", "args": list(arguments), **more}


def pod(name: str, *arguments: str, image: str = IMAGE, **spec: Any) -> Obj:
    body = {"terminationGracePeriodSeconds": 0, "containers": [container(*arguments, image=image)], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": dict(LABELS)}, "spec": body}


def keeper(kind: str, name: str, image: str = IMAGE, **spec: Any) -> Obj:
    """A Deployment, StatefulSet or DaemonSet."""
    template = {"metadata": {"labels": dict(LABELS)}, "spec": pod(name, image=image)["spec"]}
    body: Obj = {"selector": {"matchLabels": dict(LABELS)}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": body}


def service(name: str, **spec: Any) -> Obj:
    body = {"selector": dict(LABELS), "ports": [{"port": 80, "targetPort": 8080}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": body}
