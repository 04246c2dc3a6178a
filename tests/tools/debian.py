"""Programs from Debian packages, unpacked into the cache without root."""

import functools
import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from model_build.bake import apt, deb
from model_build.bake.cache import file_lock, publish_folder, work_folder
from tests.tools.places import TOOLS

_URI = re.compile(r"^'([^']+)' (\S+) (\d+) SHA256:([0-9a-f]{64})", re.MULTILINE)


@dataclass(frozen=True)
class Program:
    """A command and the environment in which it finds its own libraries and helpers."""

    path: Path
    env: dict[str, str]


@functools.cache
def program(package: str, command: str) -> Program:
    """`command` of the Debian `package` and what it depends on, as far as this machine lacks them."""
    installed = shutil.which(command, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    root = folder(package)
    found = next((place for part in ("usr/bin", "usr/sbin") if (place := root / part / command).is_file()), None)
    path = found or (Path(installed) if installed else None)
    if path is None:
        raise RuntimeError(f"the Debian package {package} has no {command}")
    folders = f"{root}/usr/bin:{root}/usr/sbin:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    libraries = f"{root}/usr/lib/x86_64-linux-gnu:{root}/usr/lib"
    return Program(path, {**os.environ, "PATH": folders, "LD_LIBRARY_PATH": libraries})


def folder(package: str) -> Path:
    """A folder with `package` and those of its dependencies that this machine has not installed."""
    tools = TOOLS
    with file_lock(tools / ".lock"):
        place = _known(package, tools)
        if place is None:
            place = _fetch(package, tools)
    return place


def _known(package: str, tools: Path) -> Path | None:
    note = tools / f"{package}.place"
    place = Path(note.read_text()) if note.is_file() else None
    return place if place and place.is_dir() else None


def _fetch(package: str, tools: Path) -> Path:
    state = tools / "apt"
    settings = apt.options(state)
    settings += ["-o", "Dir::State::status=/var/lib/dpkg/status", "-o", "Acquire::ForceHash=SHA256"]
    updated = apt.run(["apt-get", *settings, "update"])
    command = [
        "apt-get",
        *settings,
        "-qq",
        "-y",
        "--no-install-recommends",
        "--reinstall",
        "--print-uris",
        "install",
        package,
    ]
    listed = apt.run(command)
    found = _URI.findall(listed.stdout)
    if not found:
        said = (updated.stderr + listed.stderr).strip()
        raise RuntimeError(f"apt cannot resolve {package} on this machine: {apt.hide(said)}")
    place = tools / f"{package}-{hashlib.sha256(listed.stdout.encode()).hexdigest()[:16]}"
    with work_folder(tools / "work") as folder:
        arguments: list[str] = []
        for address, name, _, digest in found:
            arguments += [address, str(folder / name), f"SHA256:{digest}"]
        ran = apt.run(["/usr/lib/apt/apt-helper", *settings, "download-file", *arguments])
        root = folder / "root"
        root.mkdir()
        for _, name, _, _ in found:
            if not (folder / name).is_file():
                raise RuntimeError(f"apt could not fetch {name}: {apt.hide(ran.stderr.strip())}")
            deb.unpack(folder / name, root, _merged)
        publish_folder(root, place)
        (folder / "note").write_text(str(place))
        (folder / "note").replace(tools / f"{package}.place")
    return place


def _merged(name: str) -> str:
    """/bin, /sbin and /lib below /usr, as they are on a machine where these are links."""
    return f"usr/{name}" if name.partition("/")[0] in ("bin", "sbin", "lib", "lib64") else name
