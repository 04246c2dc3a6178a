"""Which call of Google's makes a resource, and how what Pulumi calls a thing is called there: a row of the tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

WHOLE: Final = "*"
"""The path of what is the whole request."""
OURS: Final = ""
"""The path of what is the provider's own: it goes into no request, or in a way that is told otherwise."""


@dataclass(frozen=True)
class Made:
    """A call of one of Google's interfaces, in the words of its description."""

    interface: str
    """As `compute.v1`."""
    method: str
    """As `networks.insert`."""
    takes: Mapping[str, str] = field(default_factory=dict[str, str])
    """By Pulumi's word, with dots for what is within a block: the path in the request, a parameter as `?repositoryId`,
    `OURS` or `WHOLE`. A word that is not in it is looked for by itself."""
    below: str = ""
    """Where in the request the resource is."""
    told: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict[str, Callable[[Any], Any]])
    """What becomes of a value on its way, by Pulumi's word."""
    also: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """By Pulumi's word: another method that is called for it, and the path there."""
    default: tuple[str, ...] = ()
    """Paths in the request that the provider fills where nothing is said."""
    old: tuple[str, ...] = ()
    """Paths in the request that Google calls old, where the provider has no other word."""


def members(interface: str, collection: str, *resource: str, whole: str = "") -> Made:
    """The row of one member of a policy.

    resource: words that name what the policy is of. whole: the one that is the whole name of that.
    """
    bindings = "bindings" if interface == "storage.v1" else "policy.bindings"
    takes = dict.fromkeys(resource, OURS)
    if whole:
        takes[whole] = "?resource"
    takes |= {"role": f"{bindings}.role", "member": f"{bindings}.members", "condition": f"{bindings}.condition"}
    return Made(interface, f"{collection}.setIamPolicy", takes)
