"""Kubernetes itself: its programs, built once into the user's cache out of the Go module proxy.

A first build takes about fifteen minutes on two cores and says how far it is; Go's own cache makes the next one
quicker.
"""

import functools
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model_build.bake.cache import file_lock, work_folder
from tests.tools import golang
from tests.tools.places import TOOLS

VERSION = golang.KUBERNETES.version
PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
_MODULE = golang.KUBERNETES.path
_STAGING = f"v0.{VERSION.partition('.')[2]}"  # the release's libraries are modules of their own with this version
_PAUSE = Path(__file__).with_name("pause.go")

Say = Callable[[str], None]


def programs(say: Say = print) -> Path:
    """The folder with PROGRAMS."""
    place = TOOLS / f"kubernetes-{VERSION}"
    with file_lock(place.parent / ".kubernetes.lock"):
        missing = [name for name in PROGRAMS if not (place / name).is_file()]
        if missing:
            place.mkdir(exist_ok=True)
            with work_folder(place.parent / "work") as folder:
                _module(folder)
                for number, name in enumerate(missing, 1):
                    say(f"building {name} {VERSION} ({number} of {len(missing)}; the first time takes some minutes)")
                    made = folder / name  # what is built stays built when the next one is interrupted
                    _go(folder, "build", "-trimpath", f"-ldflags={_flags()}", "-o", str(made), f"{_MODULE}/cmd/{name}")
                    made.replace(place / name)
    return place


@functools.cache
def pause() -> Path:
    """A static program for containers that wait, end or answer (see pause.go)."""
    key = hashlib.sha256(_PAUSE.read_bytes()).hexdigest()[:16]
    place = TOOLS / f"pause-{key}"
    with file_lock(place.parent / ".pause.lock"):
        if not place.is_file():
            with work_folder(place.parent / "work") as folder:
                shutil.copy(_PAUSE, folder / "main.go")
                _go(folder, "build", "-trimpath", "-ldflags=-s -w", "-o", str(folder / "pause"), "main.go")
                (folder / "pause").replace(place)
    return place


def _module(folder: Path) -> None:
    """A module that builds the release's programs with the very dependencies that the release was tested with."""
    source = golang.sources(golang.KUBERNETES)
    settings: dict[str, Any] = json.loads(_go(folder, "mod", "edit", "-json", str(source / "go.mod")))
    lines = ["module tests.local/kubernetes", f"go {settings['Go']}", f"require {_MODULE} {VERSION}"]
    debug: list[dict[str, str]] = settings.get("Godebug") or []
    lines += [f"godebug {item['Key']}={item['Value']}" for item in debug]
    lines += [f"require {item['Path']} {item['Version']}" for item in settings["Require"]]
    for item in settings["Replace"]:
        # The release takes its libraries from folders of its repository, which the proxy serves as modules.
        name = item["Old"]["Path"]
        lines.append(f"replace {name} => {name} {_STAGING}")
    (folder / "go.mod").write_text("\n".join(lines) + "\n")
    shutil.copyfile(source / "go.sum", folder / "go.sum")


def _flags() -> str:
    """The version that the programs give as their own; a plain build says 0.0.0, which clients take for an old one."""
    major, minor, _ = VERSION.removeprefix("v").split(".")
    known = {"gitVersion": VERSION, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return "-s -w " + " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in known.items())


def _go(folder: Path, *arguments: str) -> str:
    # -mod=mod: the sums of the libraries, which the release's own list lacks, are written as they are fetched.
    environment = {**golang.environ(), "GOFLAGS": "-mod=mod"}
    ran = subprocess.run(
        [golang.go(), *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise RuntimeError(f"go {arguments[0]} {arguments[-1]} failed: {ran.stderr.strip() or ran.stdout.strip()}")
    return ran.stdout
