"""The record of a release, in the cluster: a ConfigMap `NAME-release` that says what goes on or went on last.

It is written before anything else is done and changed before each step, so that whatever is found in the cluster after
a kill is explained by it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self, cast

from components.kubernetes import names

KEY = "release"


class Phase(StrEnum):
    """How far a release is."""

    STEPS = "steps"
    """The candidate runs beside the version that serves."""
    PROMOTING = "promoting"
    """The analysis has passed; the service itself is being rolled to the candidate."""
    PROMOTED = "promoted"
    """Done: the candidate serves. The state may not know yet."""
    REVERTED = "reverted"
    """Done: nothing is left of the candidate."""


UNFINISHED = (Phase.STEPS, Phase.PROMOTING)


@dataclass(frozen=True)
class Record:
    """A release: image references from and to, its plan (a digest of it), how far it is."""

    candidate: str
    stable: str
    plan: str
    phase: Phase = Phase.STEPS
    step: int = 0
    template: dict[str, Any] | None = None
    """The pod template of the version that serves, kept from the moment on that the service is rolled."""
    verdict: str = ""
    owner: str = ""
    """Whose it is (`owning`); nothing in a record from before there were owners."""

    @property
    def unfinished(self) -> bool:
        return self.phase in UNFINISHED

    def at(self, step: int) -> Self:
        return replace(self, step=step)

    def to(self, phase: Phase, verdict: str = "") -> Self:
        return replace(self, phase=phase, verdict=verdict or self.verdict)

    def manifest(self, service: str, namespace: str) -> dict[str, Any]:
        """The ConfigMap."""
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name(service), "namespace": namespace, "labels": names.labels(service)},
            "data": {KEY: json.dumps(asdict(self), sort_keys=True)},
        }

    @classmethod
    def of(cls, manifest: Mapping[str, Any] | None) -> Self | None:
        """The record in a ConfigMap; None where there is none, or none that can be read."""
        data: Mapping[str, Any] = (manifest or {}).get("data") or {}
        try:
            known = cast("dict[str, Any]", json.loads(data[KEY]))
            phase = Phase(known.pop("phase"))
            return cls(phase=phase, **known)
        except (KeyError, TypeError, ValueError):
            return None


def name(service: str) -> str:
    """The ConfigMap's name."""
    return f"{service}-release"
