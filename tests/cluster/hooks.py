"""What a cluster has beyond Kubernetes itself: one line each, in a module that says how it is fetched and started.

Such a module has

    NEEDS: tuple[str, ...]   other add-ons that are ready before it is started
    SHOWN_BY: str            what `kubectl get` finds where it runs, such as "crd/scaledobjects.keda.sh"; may be empty
    programs(say)            fetch and build, on the host; nothing when it is there
    start(plane)             start it in the first namespace, come back when it is ready (control.py: ControlPlane)
"""

import importlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from tests.cluster.control import ControlPlane

ADDONS = {
    "cert_manager": "tests.cluster.addons.cert_manager",
    "dns": "tests.cluster.dns",
    "gateway": "tests.cluster.gateway.addon",
    "gateway_api": "tests.cluster.addons.gateway_api",
    "keda": "tests.cluster.addons.keda",
    "kwok": "tests.cluster.addons.kwok",
    "metrics_server": "tests.cluster.addons.metrics_server",
    "prometheus": "tests.cluster.addons.prometheus",
}
"""Every add-on by name, and its module."""

WITH_THE_CLUSTER = ("dns", "metrics_server", "gateway_api", "cert_manager", "prometheus")
"""What is started with every cluster; the others are when a test asks for them."""


class Addon(Protocol):
    """A module of the table."""

    NEEDS: tuple[str, ...]
    SHOWN_BY: str

    def programs(self, say: Callable[[str], None]) -> None: ...

    def start(self, plane: "ControlPlane") -> None: ...


def find(name: str) -> Addon:
    """An add-on by its name."""
    return cast("Addon", importlib.import_module(ADDONS[name]))


def in_order(*names: str) -> list[str]:
    """`names` and what they need, what is needed first."""
    found: list[str] = []
    for name in names:
        found += [each for each in [*in_order(*find(name).NEEDS), name] if each not in found]
    return found


class Addons:
    """The add-ons of a running cluster: each is started once, beside the others."""

    def __init__(self, plane: "ControlPlane") -> None:
        self._plane = plane
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="addon")
        self._begun: dict[str, Future[None]] = {}

    def start(self, name: str) -> "Future[None]":
        """Begin an add-on that has not begun; one that failed may be asked for again."""
        begun = self._begun.get(name)
        if begun is None or (begun.done() and begun.exception()):
            before = [self.start(each) for each in find(name).NEEDS]
            begun = self._begun[name] = self._pool.submit(self._start, name, before)
        return begun

    def stop(self) -> None:
        """Begin nothing any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, name: str, before: "list[Future[None]]") -> None:
        for each in before:
            each.result()
        with self._plane.owned(name):
            find(name).start(self._plane)
