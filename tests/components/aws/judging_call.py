"""What is said of a call of AWS's that makes a resource of pulumi_aws's: which words are called otherwise there.

A word that stands nowhere is called the same there. `{id}`, `{arn}`, `{name}` and the words of the resource itself
stand for what it has.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ABOVE: Final = "^"
"""The path of a structure whose words stand where it stands itself."""


@dataclass(frozen=True)
class Call:
    """A call that makes a resource or a part of one."""

    service: str
    operation: str
    takes: Mapping[str, str] = field(default_factory=dict[str, str])
    """Path in the call by path in Pulumi's words, nothing for what the call does not take. Below the first level it is
    a path in the structure there. A list on the way has as many items as the value, or one; `LIST:KEY` is an item of a
    list of keys and values. The first call takes all that others do not, the others what stands here."""
    fixed: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the call is given beside that, by path."""
    told: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict[str, Callable[[Any], Any]])
    """How a value is told, by its path in Pulumi's words, where that is not as it stands."""
    below: str = ""
    """Where in the call those words go that stand nowhere."""
    when: str = ""
    """The word without which the call is not made."""
    again: bool = False
    """Whether what removes it gets what the first call got, and over that `fixed`."""
    gives: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where in the answer `id`, `arn` and what else the resource tells lies; paths as in jmespath."""


@dataclass(frozen=True)
class Made:
    """How a resource is made and removed."""

    calls: tuple[Call, ...]
    gone: tuple[Call, ...] = ()
    """What removes it, with `fixed` alone; nothing where it goes with another."""
    apart: frozenset[str] = frozenset()
    """Words of Pulumi's that no call is given: how the provider goes about it."""
    tagged: str = ""
    """EC2's word for the resource where tags are specified."""


Row = Made | Callable[[Mapping[str, Any]], Made]
"""What stands in a table: how a resource is made, or who says so of its inputs."""
