"""Where a package's provider is: attached to by port, named by the project, on PATH, or in the Pulumi plugin folder."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import BadInput
from engine.values import Props, Value, is_dict, items, part

SOURCE = "PulumiPlugin.yaml"
"""The file that makes a folder of source code a plugin."""


@dataclass(frozen=True)
class Plugin:
    """A provider that can be started: `file` is its binary or its source folder; with `port` it runs already."""

    package: str
    version: str = ""
    file: Path = Path()
    port: int = 0
    ambient: bool = False
    """Found on PATH, where it takes the place of any version that was asked for."""

    @property
    def source(self) -> bool:
        return not self.port and self.file.is_dir()


def find(package: str, version: str, project: Props, root: Path) -> Plugin | None:
    """The provider of a package; `project` is what Pulumi.yaml says, `root` its folder. None where there is none here.

    Raises BadInput for a plugin that the project or the environment names and that is not there.
    """
    port = attached(package)
    if port:
        return Plugin(package, port=port)
    named = _of_project(package, version, project, root)
    if named is not None:
        return named
    binary = f"pulumi-resource-{package}"
    if os.environ.get("PULUMI_IGNORE_AMBIENT_PLUGINS", "").lower() not in ("1", "true"):
        found = shutil.which(binary)
        if found:
            return Plugin(package, file=Path(found), ambient=True)
    return _installed(package, version)


def attached(package: str) -> int:
    """The port of a provider that somebody runs under a debugger, by PULUMI_DEBUG_PROVIDERS=NAME:PORT,…; else 0."""
    for entry in os.environ.get("PULUMI_DEBUG_PROVIDERS", "").split(","):
        name, _, port = entry.partition(":")
        if name == package:
            if not port.isdigit():
                raise BadInput(f"expected a numeric port for {package} in PULUMI_DEBUG_PROVIDERS, got {port!r}")
            return int(port)
    return 0


def _of_project(package: str, version: str, project: Props, root: Path) -> Plugin | None:
    for each in items(part(project, "plugins"), "providers"):
        if not is_dict(each) or each.get("name") != package:
            continue
        own = str(each.get("version") or "")
        if own and version and own != version:
            continue
        return _at(package, own, root / str(each.get("path")), f"plugins.providers of Pulumi.yaml, {package}")
    folder = _folder(part(project, "packages").get(package), root)
    return _at(package, "", folder, f"packages.{package} of Pulumi.yaml") if folder else None


def _folder(named: Value, root: Path) -> Path | None:
    """A package that the project keeps in a folder of its own; anything else is for `pulumi install`."""
    source = named.get("source") if is_dict(named) else named
    if isinstance(source, str) and source.startswith((".", "/")):
        return root / source
    return None


def _at(package: str, version: str, path: Path, who: str) -> Plugin:
    path = path.resolve()
    if path.is_file():
        return Plugin(package, version, path)
    found = _within(package, version, path)
    if found is None:
        raise BadInput(f"{who}: {path} has neither pulumi-resource-{package} nor {SOURCE}; correct the path")
    return found


def _within(package: str, version: str, folder: Path) -> Plugin | None:
    binary = folder / f"pulumi-resource-{package}"
    if binary.is_file():
        return Plugin(package, version, binary)
    return Plugin(package, version, folder) if (folder / SOURCE).is_file() else None


def _installed(package: str, version: str) -> Plugin | None:
    """Of the plugin folder: the version that was asked for and no other; without one the newest, final before trial."""
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"
    if not home.is_dir():
        return None
    best: tuple[tuple[object, ...], Plugin] | None = None
    for folder in home.glob(f"resource-{package}-v*"):
        own = folder.name.removeprefix(f"resource-{package}-v")
        parsed = parse(own)
        if parsed is None or (version and own != version.removeprefix("v")):
            continue
        if (home / f"{folder.name}.partial").exists():
            continue  # somebody is still installing it, or was broken off
        found = _within(package, own, folder)
        if found is not None and (best is None or parsed > best[0]):
            best = parsed, found
    return best[1] if best else None


def parse(version: str) -> tuple[object, ...] | None:
    """A version as something that sorts: final ones after all trial ones; None for what is no version."""
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+.*)?", version)
    if not found:
        return None
    trial = found[4]
    marks = tuple((not part_.isdigit(), int(part_) if part_.isdigit() else part_) for part_ in (trial or "").split("."))
    return (trial is None, int(found[1]), int(found[2]), int(found[3]), marks if trial else ())


def runtime_python(plugin: Plugin, data: Mapping[str, Value], default: str) -> str:
    """The interpreter for a plugin of Python source; raises BadInput for any other language."""
    runtime = data.get("runtime")
    name = runtime.get("name") if is_dict(runtime) else runtime
    if name != "python":
        raise BadInput(
            f"{plugin.file / SOURCE}: runtime is {name!r}, expected python; the embedded engine runs plugins of Python "
            "source and binaries, so build a binary of it, or install the Pulumi CLI and use `--engine pulumi`"
        )
    chosen = (part(runtime, "options") if is_dict(runtime) else {}).get("virtualenv")
    own = plugin.file / str(chosen or "") / "bin" / "python"
    return str(own) if chosen and own.exists() else default
