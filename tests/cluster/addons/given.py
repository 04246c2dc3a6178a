"""What the tests of the add-ons are given, and how they wait."""

import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.cluster.shared import Cluster

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """A namespace of a test's own."""

    cluster: Cluster
    name: str

    def apply(self, *objects: dict[str, Any]) -> None:
        """Have the objects in it."""
        for item in objects:
            item["metadata"].setdefault("namespace", self.name)
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.cluster.kubectl("apply", "--server-side", "-f", "-", text=json.dumps(listed))

    def kubectl(self, *arguments: str) -> str:
        """What kubectl prints of it."""
        return self.cluster.kubectl("--namespace", self.name, *arguments)


@dataclass(frozen=True)
class Exporter:
    """A pod `exporter` with a metric `wanted`."""

    address: str

    def tell(self, value: float) -> None:
        """Set it."""
        request = urllib.request.Request(f"{self.address}/wanted", data=str(value).encode(), method="PUT")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30):
            pass


def eventually(ask: Callable[[], T], seconds: float = 120) -> T:
    """What `ask` gives as soon as that is something; the last error, or that nothing came, when it never is."""
    until = time.monotonic() + seconds
    while True:
        try:
            if found := ask():
                return found
            told: Exception = TimeoutError(f"nothing came within {seconds} seconds")
        except Exception as error:
            told = error
        if time.monotonic() > until:
            raise told
        time.sleep(0.3)
