"""An image of this machine's layout in a Docker daemon, and what the daemon has pushed held to it.

The daemon is asked by Docker's own command, which knows every way to one, and it is the daemon that Pulumi's provider
for Docker finds: by DOCKER_HOST, else at its usual socket, else at that of Docker Desktop. What `docker context` says
counts for nothing, because that provider does not know it.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

from model_build import cache, content, folders
from model_build.errors import InputError, ModelBuildError, line
from model_build.push.reference import parse

Json = dict[str, Any]

PLATFORM: Final = "linux/amd64"
_SECONDS, _LOADING = 60, 1800
_TAG: Final = 32
"""Digits of the digest in a tag that nobody chose: enough for nobody to find another image with the same."""
_STARTED: Final = ("User", "Entrypoint", "Cmd", "Env", "WorkingDir", "ExposedPorts", "StopSignal", "Volumes")
"""What of an image's configuration decides how it runs."""


class DockerError(ModelBuildError):
    """The daemon, or the command that speaks to it, did not do what was asked."""


def local_name(digest: str) -> str:
    """What the daemon calls the image `digest`.

    Nobody can have a registry of the domain `invalid` (RFC 6761): a daemon that has lost the image finds no other one
    by this name.
    """
    return f"modelport.invalid/image:{digest.removeprefix('sha256:')}"


def pushed_name(destination: str, digest: str) -> str:
    """What Docker pushes the image as: `destination` with its tag, or with one that is made of the image's digest.

    The registry may refuse to move a tag, so each image has one of its own.
    """
    place = parse(destination)
    return f"{place.name}:{place.tag or digest.removeprefix('sha256:')[:_TAG]}"


def problems(destination: str | None, image: str | None) -> list[tuple[str, str]]:
    """What is wrong with either, as far as it is known: (property, one line)."""
    try:
        if destination is not None and parse(destination).digest:
            raise InputError(f"destination is {destination!r}, expected no digest, as Docker makes that; leave it out")
    except InputError as error:
        return [("destination", line(error))]
    try:
        if image is not None:
            _here(image)
    except InputError as error:
        return [("image", line(error))]
    return []


def load(image: str, host: str, progress: Callable[[str], None]) -> str:
    """Have the daemon know the image `oci:PATH@sha256:...` by its local name; that name.

    host: address of the daemon. Default, empty: the one that the environment names, or the usual one.
    Raises DockerError, and InputError for an image that this machine has not.
    """
    layout, digest = _here(image)
    name = local_name(digest)
    address = daemon(host)
    if _try(address, ["image", "inspect", name]).returncode == 0:
        return name
    if not content.is_whole(layout, digest):
        raise InputError(
            f"{image} is not on this machine or not whole, expected the image that was baked of the model; run up "
            "where it was built, or have it built here, by an up that replaces the ModelImage (--replace with its URN)"
        )
    from model_build.bake import docker_archive

    progress(f"{digest[:19]} into Docker")
    with cache.disk_errors(folders.cache()), tempfile.TemporaryDirectory(prefix="docker-", dir=_room()) as folder:
        file = docker_archive(layout, digest, Path(folder) / "image.tar", name)
        _run(address, ["load", "--quiet", "--input", str(file)], "load the image", _LOADING)
    return name


def unload(digest: str, host: str) -> None:
    """Have the daemon forget the local name of an image, if it answers and knows it."""
    for address in _addresses(host):
        if _try(address, ["image", "rm", "--no-prune", local_name(digest)]).returncode == 0:
            return


def pushed(image: str, reference: str) -> str:
    """Hold what is at `reference` (host/repository@sha256:...) to the image that passed its gate; the digest there.

    The same are the layers, by the digests of their content, and how the program is started. What differs is how Docker
    compresses layers, so the digest of the whole differs too.
    Raises DockerError where it is something else, InputError for a reference without a digest.
    """
    from model_build.bake.image import load as config_of
    from model_build.bake.layout import Layout
    from model_build.push import manifests
    from model_build.push.client import Registry
    from model_build.push.referrers import with_digest

    layout, digest = _here(image)
    place = with_digest(reference)
    with Registry(place) as registry:
        _, data = manifests.get(registry, place.digest)
        manifest = manifests.read(data, reference)
        if "manifests" in manifest:
            chosen = manifests.choose(manifest["manifests"], reference, PLATFORM)
            if others := _others(manifest["manifests"], chosen):
                raise DockerError(
                    f"{reference} has images for {', '.join(others)} too, expected one for {PLATFORM} alone, which "
                    "passed its gate; nothing is deployed of it: have nobody else push there, and run up again"
                )
            manifest = manifests.read(manifests.get(registry, chosen)[1], reference)
        size = int(manifest["config"]["size"])
        if size > manifests.LARGEST:
            raise DockerError(
                f"{reference} has settings of {size:,} bytes, expected at most {manifests.LARGEST:,}, as no image of "
                "ours has more; nothing is deployed of it"
            )
        with tempfile.TemporaryDirectory(prefix="docker-") as folder:
            store = Layout(Path(folder))
            manifests.fetch_blobs(registry, store, {**manifest, "layers": []})
            there = _settings(store.read(manifest["config"]["digest"]))
    if different := list(_differences(config_of(layout, digest), there)):
        raise DockerError(
            f"{reference} has other {' and '.join(different)} than {digest[:19]}, which passed its gate, expected the "
            "same; nothing is deployed of it: have nobody else push or build under that name, and run up again"
        )
    return place.digest


def remove(reference: str) -> None:
    """Take what was pushed out of its registry; what is gone already is no error."""
    from model_build import push
    from model_build.push.errors import MissingError

    with suppress(MissingError):
        push.delete(reference)


def login(destination: str) -> tuple[str, str] | None:
    """User and password for Docker at a registry whose cloud is asked for them; none where Docker's own are used.

    Raises LoginError where the cloud gives none.
    """
    from model_build.push import credentials
    from model_build.push.errors import LoginError

    host = parse(destination).host
    if not of_cloud(host):
        return None
    found = credentials.find(host)
    if not found.password:
        if found.missing:
            raise LoginError(found.missing)
        return None
    return found.user, found.password


def of_cloud(host: str) -> bool:
    """Whether the registry is one whose logins a cloud's own credentials give."""
    from model_build.push import artifact_registry, ecr

    return bool(ecr.place(host)) or artifact_registry.is_here(host)


@contextmanager
def told() -> Generator[None]:
    """Errors as a provider raises them: the last line of what an engine prints is the message."""
    from model_build.child import BuildFailed

    try:
        yield
    except ModelBuildError as error:
        raise BuildFailed(line(error)) from None


def _others(entries: Sequence[Json], chosen: str) -> list[str]:
    """What else machines might take of an index. BuildKit's attestations are for a platform that no machine has."""
    found: list[str] = []
    for entry in entries:
        told: Any = entry.get("platform")
        where = cast("Json", told) if isinstance(told, dict) else {}
        platform = f"{where.get('os')}/{where.get('architecture')}"
        if entry["digest"] != chosen and platform != "unknown/unknown":
            found.append("any platform" if None in (where.get("os"), where.get("architecture")) else platform[:40])
    return sorted({*found})


def _settings(data: bytes) -> Json:
    """An image's configuration; what is none, by its form, has nothing in it."""
    try:
        found: Any = json.loads(data)
        parts = [cast("Json", found)[key] for key in ("rootfs", "config")]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return cast("Json", found) if all(isinstance(each, dict) for each in parts) else {}


def _differences(ours: Json, there: Json) -> Iterator[str]:
    if ours["rootfs"]["diff_ids"] != there.get("rootfs", {}).get("diff_ids"):
        yield "layers"
    if any(ours.get(key) != there.get(key) for key in ("architecture", "os")):
        yield "platform"
    mine: Json = ours.get("config") or {}
    other: Json = there.get("config") or {}
    if any((mine.get(key) or None) != (other.get(key) or None) for key in _STARTED):
        yield "settings"


def _here(image: str) -> tuple[Path, str]:
    place, _, digest = image.removeprefix("oci:").rpartition("@")
    if not image.startswith("oci:") or not place or not digest.startswith("sha256:"):
        raise InputError(f"image is {image!r}, expected oci:PATH@sha256:...; pass a ModelImage's layout_image")
    return Path(place), digest


def _room() -> Path:
    """Beside the caches, where there is room for images, and where `gc` clears what a kill has left."""
    folders.cache().mkdir(parents=True, exist_ok=True)
    return folders.cache()


def _addresses(host: str) -> Sequence[str]:
    """Where a daemon may be, in the order in which Pulumi's provider looks for one."""
    if said := host or os.environ.get("DOCKER_HOST", ""):
        return (said,)
    home = Path.home() / ".docker"
    return ("unix:///var/run/docker.sock", *(f"unix://{home / each / 'docker.sock'}" for each in ("run", "desktop")))


def daemon(host: str = "") -> str:
    """The address of the first daemon that answers. Raises DockerError."""
    if shutil.which("docker") is None:
        raise DockerError(
            "docker is not on PATH, expected Docker's command, which hands the image to the daemon; install it, or "
            "leave image.builder out"
        )
    said = ""
    for address in (places := _addresses(host)):
        ran = _try(address, ["version", "--format", "{{.Server.Os}}/{{.Server.Arch}}"])
        if ran.returncode == 0:
            return address
        said = said or _last(ran)
    raise DockerError(
        f"no Docker daemon answers at {' or '.join(places)} ({said}), expected one; start it, set DOCKER_HOST, or "
        "leave image.builder out"
    )


def _run(address: str, arguments: list[str], purpose: str, seconds: float) -> str:
    ran = _try(address, arguments, seconds)
    if ran.returncode:
        raise DockerError(f"docker could not {purpose}: {_last(ran)}; look at the daemon's log")
    return ran.stdout


def _try(address: str, arguments: list[str], seconds: float = _SECONDS) -> "subprocess.CompletedProcess[str]":
    command = ["docker", "--host", address, *arguments]
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, "", "docker is not on PATH")
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"no answer in {seconds:g} s")


def _last(ran: "subprocess.CompletedProcess[str]") -> str:
    said = (ran.stderr.strip() or ran.stdout.strip()).splitlines()
    return said[-1] if said else f"exit code {ran.returncode}"
