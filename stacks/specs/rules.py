"""What any platform that releases, scales and keeps images itself would refuse of a stack file, each in one line."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from stacks.spec import StackSpec

DIGEST: Final = r"sha256:[0-9a-f]{64}"


def pushed(spec: "StackSpec", section: str, secrets: frozenset[str]) -> list[str]:
    """A line for a registry of the user's own beside the one that the stack makes."""
    if spec.image.push is None and not secrets & {"image", "image.push"}:
        return []
    return [
        f"image.push is set with target {spec.target}, expected none, as the stack makes its registry; remove it, and "
        f"write {section}.registry.repository for another name"
    ]


def unlike(
    spec: "StackSpec", section: str, platform: str, strategies: Sequence[str], why: str, keys: Sequence[str]
) -> list[str]:
    """Lines about what a release asks for and `platform` has no counterpart of.

    strategies: those that it has, and `why` no others. keys: those of a release that it has none of.
    """
    release = spec.release
    if release is None:
        return []
    if release.strategy not in strategies:
        return [
            f"release.strategy is {release.strategy} with target {spec.target}, expected one of "
            f"{', '.join(strategies)}, as {why}"
        ]
    instead = {"analysis": f", and write {section}.alarms"}
    return [
        f"release.{key} is set with target {spec.target}, expected none, as {platform} has no counterpart; remove it"
        f"{instead.get(key, '')}"
        for key in keys
        if key in release.model_fields_set
    ]


def scaled(
    spec: "StackSpec",
    platform: str,
    count: tuple[str, int] | None,
    none: str | None,
    known: Sequence[str],
    fix: str = "",
) -> list[str]:
    """Lines about what autoscaling asks for and `platform` has no counterpart of.

    count: what says how many there are without autoscaling, where the file says it. none: why 0 is too few, where it
    is. known: the keys that it has. fix: what to write in place of others.
    """
    scaling = spec.autoscaling
    if scaling is None:
        return []
    if count is not None:
        what, number = count
        return [
            f"{what} is {number} beside autoscaling, expected one of them; remove it, and write autoscaling.min: "
            f"{number}"
        ]
    if scaling.min == 0 and none is not None:
        return [f"autoscaling.min is 0 with target {spec.target}, expected 1 or more, as {none}; write 1"]
    told = f"{', '.join(known[:-1])} and {known[-1]} alone"
    return [
        f"autoscaling.{key} is set with target {spec.target}, expected {told}, as {platform} has no counterpart; "
        f"remove it{fix}"
        for key in sorted(scaling.model_fields_set - {*known})
    ]


def worded(lines: Sequence[str], component: str, section: str, keys: Mapping[str, str]) -> list[str]:
    """Lines of a component's own with the stack file's words.

    keys: those of the stack file by the component's arguments; others are called as they are, under `section`.
    """
    name = f"{section.partition('.')[0]}.name"
    lines = [re.sub(rf"^the name of {component}\b", name, line) for line in lines]
    return [
        re.sub(rf"\b{component}\.(\w+)", lambda word: keys.get(word[1], f"{section}.{word[1]}"), line) for line in lines
    ]


def pinned(spec: "StackSpec") -> list[str]:
    """A line for a version that only a history could tell: what is planned here asks none."""
    pin = spec.release.pin if spec.release is not None else None
    if pin is None or re.fullmatch(DIGEST, pin):
        return []
    return [
        f"release.pin is {pin!r} with target {spec.target}, expected the whole digest of a version, as sha256:...; "
        "modelport rollback --list --json has those that were released"
    ]


def told(*rules: Callable[[], object]) -> list[str]:
    """The line of each rule that refuses."""
    found: list[str] = []
    for rule in rules:
        try:
            rule()
        except ValueError as error:
            found.append(" ".join(str(error).split()))
    return found


def below(name: str, zone: str) -> bool:
    """Whether a DNS name is in a zone."""
    return name == zone or name.endswith(f".{zone}")


def covers(pattern: str, name: str) -> bool:
    """Whether a certificate's name is for a host: a star stands for one part."""
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return pattern == name
