"""What decides an image's bytes besides the model. Light on imports: every preview asks for it."""

import functools
import hashlib
import importlib.util
import re
from collections.abc import Iterable
from pathlib import Path

from model_build.bake.errors import BakeError, BaseError

# Raised when the same input is made into other bytes than before, on purpose: every cached layer and identity changes.
FORMAT = "1"

APP = "opt/modelport/app"
SITE = "opt/modelport/site"
EPOCH = "1970-01-01T00:00:00Z"
USER = "65532:65532"
NATIVE = "linux/amd64"
"""What images are for, and what bakes them: the bytes of every platform are made by tools of this one."""
DEBIAN_LOCKS = {
    NATIVE: Path(__file__).with_name("debian.lock.json"),
    "linux/arm64": Path(__file__).with_name("debian.arm64.lock.json"),
}
"""The pinned packages of the base `debian`, by platform."""
MODELCAR_LOCK = Path(__file__).with_name("modelcar.lock.json")

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def key(*parts: str) -> str:
    """A cache key: the digest of everything that a layer is made from."""
    return hashlib.sha256("\0".join((FORMAT, *parts)).encode()).hexdigest()


def read_base(base: str) -> tuple[str, str, str]:
    """(kind, place, digest) of `base`: debian, oci or registry. Raises BaseError for anything else."""
    if base == "debian":
        return "debian", "", ""
    place, at, digest = base.rpartition("@")
    if not at or not _DIGEST.fullmatch(digest) or not place:
        raise BaseError(
            f"base is {base!r}, expected debian, oci:/path@sha256:... or registry/repo@sha256:... "
            "(by digest, so that the image can be made again); write one of them"
        )
    if place.startswith("oci:"):
        return "oci", place.removeprefix("oci:"), digest
    return "registry", place, digest


def base_identity(base: str, platform: str = NATIVE) -> str:
    """What of `base` decides the image's bytes, without bringing it here."""
    kind, _, digest = read_base(base)
    return digest if kind != "debian" else key(DEBIAN_LOCKS[platform].read_text())


@functools.cache
def serving_folder() -> Path:
    """Where the package serving is, found without importing it."""
    spec = importlib.util.find_spec("serving")
    if spec is None or not spec.submodule_search_locations:
        raise BakeError("the package serving is not installed, expected it beside model_build; install modelport whole")
    return Path(next(iter(spec.submodule_search_locations)))


def wheels_lock() -> Path:
    """serving/requirements.lock: the image's wheels, pinned by hash."""
    place = serving_folder() / "requirements.lock"
    if not place.is_file():
        raise BakeError(f"{place}: missing, expected the hashed requirements of the image; install modelport whole")
    return place


def locks(needs: Iterable[str] = ()) -> list[Path]:
    """The pins of an image's wheels: those of every image, and those of what its model `needs` besides, such as text.

    Raises BakeError.
    """
    found = [wheels_lock()]
    for name in needs:
        place = serving_folder() / f"requirements.{name}.lock"
        if not place.is_file():
            raise BakeError(f"the model needs {name!r}, expected {place.name} in serving; install modelport whole")
        found.append(place)
    return found


def code_files() -> list[tuple[str, Path]]:
    """Name in the image and place here of every file of serving, sorted."""
    folder = serving_folder()
    found = [(path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file()]
    return sorted((f"{APP}/serving/{name}", path) for name, path in found if _wanted(name))


def _wanted(name: str) -> bool:
    parts = name.split("/")
    if "__pycache__" in parts or any(part.startswith(".") for part in parts):
        return False
    # The requirements have a layer of their own: a new pin does not change the code's.
    return not parts[-1].startswith("requirements.")


def code_digest(root: Path | None = None) -> str:
    """A digest of the serving code's names and contents: here, or in the image being made at `root`."""
    total = hashlib.sha256()
    for name, here in code_files():
        path = root / name if root else here
        total.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def architecture(platform: str) -> str:
    """`arm64` of `linux/arm64`."""
    return platform.partition("/")[2]


def identity(base: str, platforms: Iterable[str] = (NATIVE,)) -> dict[str, str]:
    """Digests of the base, the wheels' pins and the serving code, and the layers' format; nothing is fetched.

    platforms: what the images are for; each but the first has a base of its own.
    """
    others = [each for each in platforms if each != NATIVE]
    return {
        "base": base_identity(base),
        **{f"base.{architecture(each)}": base_identity(base, each) for each in others},
        "wheels": hashlib.sha256(wheels_lock().read_bytes()).hexdigest(),
        "serving": code_digest(),
        "format": FORMAT,
    }
