"""Labels and taints of a cluster's nodes as Kubernetes takes them, whichever cloud makes the nodes."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeVar

from components import checks

E = TypeVar("E", bound=Enum)

GPU: Final = "nvidia.com/gpu"
"""What a pod asks for, and the key of the taint that keeps nodes with GPUs free for such pods."""
GPU_PRESENT: Final = f"{GPU}.present"
"""Label of the nodes that want NVIDIA's device plugin, as GpuNodes of components.kubernetes looks for it."""
NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
KEY = rf"([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{NAME}"


def label(what: str, key: str, value: str | None) -> None:
    """A label, or key and value of a taint. Raises ArgsError."""
    checks.fits(f"a key of {what}", key, KEY, "the name of a label", "example.com/team")
    expected = "at most 63 letters, digits and any of ._-"
    checks.fits(f"{what}[{key!r}]", value or "", rf"({NAME})?", expected, "ml")


def labels(
    what: str, given: Mapping[str, str], *, reserved: Sequence[str], ours: Sequence[str], whose: str
) -> dict[str, str]:
    """Labels that somebody may give nodes. Raises ArgsError.

    reserved: how the prefix of a key must not end, as `k8s.io/`. ours: keys that components set, or leave unset on
    purpose. whose: the cloud's service that has labels of its own, as `EKS's own`.
    """
    for key, value in given.items():
        label(what, key, value)
        host = key.partition("/")[0] + "/"
        if any(host.endswith(each) for each in reserved) or key in ours:
            raise checks.wrong(f"a key of {what}", key, f"one that is not Kubernetes' or {whose}", "leave it out")
    return dict(given)


def taints(what: str, given: Sequence[Any], kind: type, effect: type[E], usual: E) -> list[tuple[Any, E]]:
    """Taints, each with its effect. Raises ArgsError.

    kind: the TypedDict of a taint, with `key`, `value` and `effect`. usual: the effect where none is given.
    """
    found: list[tuple[Any, E]] = []
    for each in given:
        checks.given(what, each, kind)
        label(what, each["key"], each.get("value"))
        found.append((each, checks.choice(f"{what}.effect", each.get("effect", usual), effect)))
    return found
