"""Objects that a controller fills in: volumes and their claims, quotas, tokens."""

from engine.providers.kubernetes.api import ApiError, NoAnswer, NoMatch, Obj
from engine.providers.kubernetes.objects import name
from engine.providers.kubernetes.readiness import Common, Wait
from engine.values import part


class _Polled(Common):
    timed_out = "Timeout occurred polling for '{name}'"
    cancelled = "Resource operation was cancelled for '{name}'"


class PersistentVolume(_Polled):
    """A volume that can be claimed, or has been."""

    limit = 300.0

    def ready(self, wait: Wait, live: Obj) -> bool:
        phase = part(live, "status").get("phase")
        if phase == "Available":
            wait.tell("info", "✅ PV marked available")
        elif phase == "Bound":
            wait.tell("info", "✅ PV has been bound")
        return phase in ("Available", "Bound")


class PersistentVolumeClaim(_Polled):
    """A claim that has a volume, or gets one with the first pod that uses it."""

    limit = 300.0

    def __init__(self) -> None:
        self._mode = ""

    def ready(self, wait: Wait, live: Obj) -> bool:
        phase = part(live, "status").get("phase")
        if phase == "Bound":
            return True
        if not self._mode:
            self._mode = self._binding(wait, live)
        # After an update it is bound already, or waits as it did before.
        return self._mode == "WaitForFirstConsumer" and phase == "Pending"

    def _binding(self, wait: Wait, live: Obj) -> str:
        title = str(part(live, "spec").get("storageClassName") or "")
        if not title:
            wait.tell("warning", f'no storage class found for "{name(live)}"')
            return ""
        try:
            found = wait.cluster.get("storage.k8s.io/v1", "StorageClass", title)
        except (ApiError, NoAnswer, NoMatch) as error:
            wait.tell("warning", f'getting storagclass "{title}": {error}')
            return ""
        return str(found.get("volumeBindingMode") or "")


class ResourceQuota(_Polled):
    """A quota that is in force as it was written."""

    limit = 60.0

    def ready(self, wait: Wait, live: Obj) -> bool:
        hard = part(live, "spec").get("hard")
        return hard is not None and hard == part(live, "status").get("hard")


class TokenSecret(_Polled):
    """The token of a service account, which a controller writes."""

    limit = 5.0

    def ready(self, wait: Wait, live: Obj) -> bool:
        return bool(part(live, "data"))
