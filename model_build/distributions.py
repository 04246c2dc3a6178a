"""Which installed distribution an import comes from, and its version, without importing anything.

`importlib.metadata.packages_distributions` reads the file list of every distribution on each call; the same index is
kept here under the times of the folders on `sys.path`, which every installation changes.
"""

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from model_build import content, folders


@dataclass(frozen=True)
class Distribution:
    name: str
    """In its normal form: lower case, hyphens."""
    version: str
    imports: list[str]
    """The top-level modules it brings."""
    requires: list[str]
    """Names of what it needs, extras left out."""


def version(name: str) -> str | None:
    """The installed version of distribution `name`, None when it is not installed."""
    found = installed().get(normal(name))
    return found.version if found else None


def providing(imports: Iterable[str]) -> dict[str, str]:
    """Name and version of every distribution that brings one of `imports`, and of all that those need."""
    index = installed()
    owners = {module: name for name, dist in sorted(index.items()) for module in dist.imports}
    found: dict[str, str] = {}
    wanted = [owners[module] for module in imports if module in owners]
    while wanted:
        name = wanted.pop()
        if name in index and name not in found:
            found[name] = index[name].version
            wanted.extend(index[name].requires)
    return dict(sorted(found.items()))


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, Distribution]:
    """All distributions on `sys.path` by their normal name; the first one wins, as an import would."""
    places: list[tuple[str, int]] = []
    for entry in sys.path:
        # A project's own folder changes with every build of it, but nothing is installed there.
        with contextlib.suppress(OSError), os.scandir(entry or ".") as inside:
            if any(each.name.endswith(".dist-info") for each in inside):
                places.append((entry, Path(entry).stat().st_mtime_ns))
    return _installed(tuple(dict.fromkeys(places)))


@lru_cache(maxsize=4)
def _installed(places: tuple[tuple[str, int], ...]) -> dict[str, Distribution]:
    note = folders.cache() / "distributions" / f"{content.of_json(places)[:32]}.json"
    try:
        return {name: Distribution(**value) for name, value in json.loads(note.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError):
        pass  # not there yet, or of another version of this module
    found: dict[str, Distribution] = {}
    for place, _ in places:
        for info in sorted(Path(place).glob("*.dist-info")):
            with contextlib.suppress(OSError):
                dist = _read(info)
                found.setdefault(dist.name, dist)
    content.write_text(note, json.dumps({name: asdict(dist) for name, dist in found.items()}))
    return found


def _read(info: Path) -> Distribution:
    name = version = ""
    requires: list[str] = []
    for line in (info / "METADATA").read_text("utf-8", "replace").split("\n\n", 1)[0].splitlines():
        key, _, value = line.partition(": ")
        if key == "Name":
            name = normal(value.strip())
        elif key == "Version":
            version = value.strip()
        elif key == "Requires-Dist" and "extra ==" not in value and (found := re.match(r"[A-Za-z0-9._-]+", value)):
            requires.append(normal(found.group()))
    return Distribution(name, version, _imports(info), sorted(set(requires)))


def _imports(info: Path) -> list[str]:
    if (listed := info / "top_level.txt").exists():
        return sorted(set(listed.read_text("utf-8").split()))
    modules: set[str] = set()
    for line in (info / "RECORD").read_text("utf-8").splitlines():
        path = line.partition(",")[0]
        top, slash, _ = path.partition("/")
        if slash and top.isidentifier():
            modules.add(top)
        elif not slash and path.endswith((".py", ".so")):
            modules.add(path.partition(".")[0])
    return sorted(modules)
