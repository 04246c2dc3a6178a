"""The machine's own apt, used without root and without touching anything but a folder of ours.

apt knows this machine's mirrors, proxies and credentials; what it fetches goes where we say. Packages come straight
from the mirror's pool by the lock's file name, so neither package lists nor the machine's own Debian release matter.
"""

import errno
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from model_build.bake.cache import work_folder
from model_build.bake.errors import BakeError
from model_build.index import SIGNING

_HELPER = Path("/usr/lib/apt/apt-helper")
_TIMEOUT = 600


@dataclass(frozen=True)
class Package:
    """One pinned package. `filename` is its place below a mirror, `size` in bytes."""

    name: str
    version: str
    sha256: str
    size: int
    filename: str


def require_apt() -> None:
    """Raise BakeError where there is no apt."""
    if shutil.which("apt-get") is None or not _HELPER.exists():
        raise BakeError(
            "base debian: this machine has no apt, which fetches the base's packages; "
            "bake on Debian or Ubuntu, or name a base image (base: oci:/path@sha256:... or registry/repo@sha256:...)"
        )


def options(folder: Path, architecture: str = "amd64") -> list[str]:
    """Options that keep apt's state, cache and lists in `folder`."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    return [
        *("-o", f"Dir::State={folder / 'state'}"),
        *("-o", f"Dir::State::status={folder / 'status'}"),
        *("-o", f"Dir::Cache={folder / 'cache'}"),
        *("-o", f"Dir::Log={folder / 'log'}"),
        *("-o", "APT::Sandbox::User="),  # the sandbox user may not write into a user's cache
        *("-o", f"APT::Architecture={architecture}", "-o", f"APT::Architectures::={architecture}"),
        *(
            "-o",
            "Acquire::Retries=3",
            "-o",
            "Acquire::Languages=none",
            "-o",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
        ),
    ]


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run one of apt's programs in English, its output captured."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(SIGNING)}
    environment["LC_ALL"] = "C.UTF-8"
    try:
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise BakeError(
            f"{command[0]}: no answer in {_TIMEOUT} s; look at the mirror or proxy that apt is set up with"
        ) from error


def mirrors(folder: Path) -> list[str]:
    """The archive addresses that this machine's apt uses, or MODELPORT_DEBIAN_MIRRORS (separated by blanks)."""
    named = os.environ.get("MODELPORT_DEBIAN_MIRRORS")
    if named:
        return [address.rstrip("/") + "/" for address in named.split()]
    ran = run(
        [
            "apt-get",
            *options(folder),
            "indextargets",
            "--no-release-info",
            "--format",
            "$(REPO_URI)",
            "Created-By: Packages",
        ]
    )
    found = [line.rstrip("/") + "/" for line in ran.stdout.split() if "://" in line]
    # Debian's own archives first: an address that serves other software answers slowly that it has no such file.
    return sorted(dict.fromkeys(found), key=lambda address: "debian" not in address)


def fetch(packages: Iterable[Package], into: Path) -> dict[str, Path]:
    """Bring packages into `into`/<sha256>.deb, every one's SHA-256 checked; what is there is not fetched again."""
    wanted = list(packages)
    into.mkdir(parents=True, exist_ok=True)
    missing = [package for package in wanted if not (into / f"{package.sha256}.deb").is_file()]
    if missing:
        require_apt()
        with work_folder(into.parent / "work") as folder:
            sources = mirrors(folder)
            if not sources:
                raise BakeError(
                    "base debian: this machine's apt has no package source, expected a Debian mirror; "
                    "set MODELPORT_DEBIAN_MIRRORS to the addresses of one (archive and security archive)"
                )
            said = ""
            for source in sources:
                missing, reason = _try(source, missing, folder, into)
                said = reason if not said or "Hash Sum" in reason else said
                if not missing:
                    break
            if missing and "No space left" in said:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(into))
            if missing:
                raise _gone(missing, sources, said)
    return {package.name: into / f"{package.sha256}.deb" for package in wanted}


def _try(source: str, missing: list[Package], folder: Path, into: Path) -> tuple[list[Package], str]:
    """Fetch what `source` has in one run of apt's downloader; what it has not is returned, with apt's last words."""
    # The security archive holds pool/updates, the main one the rest; asking both for all costs a refusal each.
    fitting = [p for p in missing if p.filename.startswith("pool/updates/") == ("security" in source)] or missing
    arguments: list[str] = []
    for package in fitting:
        arguments += [source + package.filename, str(folder / f"{package.sha256}.deb"), f"SHA256:{package.sha256}"]
    ran = run([str(_HELPER), *options(folder), "download-file", *arguments])
    for package in fitting:
        made = folder / f"{package.sha256}.deb"
        if made.is_file() and hashlib.sha256(made.read_bytes()).hexdigest() == package.sha256:
            made.replace(into / made.name)
    errors = [line for line in ran.stderr.splitlines() if line.startswith("E:") or "Hash Sum" in line]
    return [p for p in missing if not (into / f"{p.sha256}.deb").is_file()], hide(
        errors[0].removeprefix("E: ") if errors else ""
    )


def _gone(missing: list[Package], sources: list[str], said: str) -> BakeError:
    names = ", ".join(f"{package.name} {package.version}" for package in missing[:3])
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    return BakeError(
        f"base debian: could not fetch {names}{more} from {' '.join(hide(source) for source in sources)} "
        f"(apt said: {said or 'nothing'}), expected the locked versions; when the mirror is down try again later, "
        f"when they have left "
        "it run `python -m model_build.bake.debian lock`, when this machine has no Debian mirror set "
        "MODELPORT_DEBIAN_MIRRORS"
    )


def hide(address: str) -> str:
    """`address` without a user and password in it."""
    return re.sub(r"//[^/@\s]+@", "//", address)
