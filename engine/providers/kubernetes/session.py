"""One configured provider: its settings, its cluster, and how it tells the user things."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from engine.errors import ProviderRefused
from engine.providers.kubernetes.api import ApiError, Cluster, NoAnswer, NoMatch, Obj
from engine.providers.kubernetes.config import ConfigProblem, Settings, resolve
from engine.providers.kubernetes.kinds import defines, namespaced
from engine.providers.kubernetes.objects import api_version
from engine.values import part

Say = Callable[..., None]
"""say(severity, text, urn, ephemeral=False): tells the user."""

NEEDS_CLIENT: Final = (
    "the package 'kubernetes' needs the Kubernetes client of Python, which is not installed, or the official plugin "
    "(pulumi-resource-kubernetes) on PATH; run `pip install modelport[kubernetes]`"
)
OLDEST: Final = (1, 13)


@dataclass
class Session:
    """What the provider's calls share. `cluster` is None where none can be reached; `why` then says why."""

    told: Settings
    say: Say
    cancel: threading.Event = field(default_factory=threading.Event)
    cluster: Cluster | None = None
    why: str = ""
    namespace: str = ""
    version: tuple[int, int] = (1, 0)
    definitions: dict[tuple[str, str], Obj] = field(default_factory=dict[tuple[str, str], Obj])
    """The definitions that the program makes, by group and kind: their objects may be planned before they exist."""
    checked: dict[str, Obj] = field(default_factory=dict[str, Obj])
    """Inputs as a check gave them back, by URN, until they are compared: they are known to be in normal form."""
    absent: set[str] = field(default_factory=set[str])
    """Namespaces that a plan found missing: the server has nothing to say of what will be in them."""

    @classmethod
    def open(cls, told: Settings, say: Say, cancel: threading.Event) -> "Session":
        """Find the cluster and ask whether it answers. A cluster that does not is noted, not raised."""
        out = cls(told, say, cancel, namespace=told.namespace)
        try:
            configuration, out.namespace = resolve(told)
            limit = told.client.get("timeout")
            cluster = Cluster(configuration, timeout=float(limit) if limit else None)
        except ConfigProblem as error:
            out.why = str(error)
            return out
        except ImportError as error:
            if (error.name or "").partition(".")[0] != "kubernetes":
                raise
            raise ProviderRefused(NEEDS_CLIENT) from None
        try:
            try:
                out.version = cluster.version()
                schema = "/openapi/v3"
            except NoAnswer:  # the official provider lets this pass, and tells of the next thing that it asks for
                out.version, schema = OLDEST, "/openapi/v2?timeout=32s"
            cluster.request("GET", schema)
        except ApiError as error:
            if error.status != 404:
                out.why = f"unable to load schema information from the API server: {error}"
        except NoAnswer as error:
            out.why = f"unable to load schema information from the API server: {error}"
        if out.why:
            cluster.close()
            return out
        if out.version < OLDEST:
            major, minor = out.version
            raise ProviderRefused(f"minimum supported cluster version is v1.13. found v{major}.{minor}")
        out.cluster = cluster
        return out

    @property
    def unreachable(self) -> str:
        return f"configured Kubernetes cluster is unreachable: {self.why}"

    def reached(self) -> Cluster:
        """The cluster; raises ProviderRefused where there is none."""
        if self.cluster is None:
            raise ProviderRefused(self.unreachable)
        return self.cluster

    def knows(self, obj: Obj) -> bool:
        """Whether the cluster serves the object's kind by now."""
        if self.cluster is None:
            return False
        try:
            self.cluster.find(str(obj.get("apiVersion") or ""), str(obj.get("kind") or ""), again=False)
        except (NoMatch, ApiError, NoAnswer):
            return False
        return True

    def in_namespace(self, group: str, version: str, kind: str) -> bool:
        """Whether a kind lives in namespaces; one that nobody knows yet is taken to."""
        known = namespaced(group, version, kind)
        if known is not None:
            return known
        definition = self.definitions.get((group, kind))
        if definition is not None:
            return part(definition, "spec").get("scope") == "Namespaced"
        if self.cluster is None:
            return True
        try:
            return self.cluster.find(api_version(group, version), kind, again=False)[1]
        except (NoMatch, ApiError, NoAnswer):
            return True

    def define(self, definition: Obj) -> None:
        self.definitions[defines(definition)] = definition

    def pause(self, seconds: float) -> bool:
        """Wait; False where the operation was cancelled meanwhile."""
        return not self.cancel.wait(seconds)

    @staticmethod
    def clock() -> float:
        return time.monotonic()
