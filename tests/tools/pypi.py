"""Programs from PyPI that cannot live beside the library's own dependencies: environments of their own in the cache."""

import functools
import hashlib
import subprocess
import sys
from pathlib import Path

from model_build.bake.cache import file_lock, publish_folder, work_folder
from model_build.index import uv_environment
from tests.tools.places import TOOLS

MANIFESTS = Path(__file__).with_name("manifests.lock")
"""checkov and kubernetes-validate."""
TERRAFORM = Path(__file__).with_name("terraform.lock")
"""The schema of the Terraform AWS provider."""
GOOGLE = Path(__file__).with_name("google.lock")
"""The schema of the Terraform provider for Google Cloud, and what Google says of its own interfaces."""
DOCUMENTS = Path(__file__).with_name("documents.lock")
"""What reads OpenAPI documents and expressions of CEL."""
CI = Path(__file__).with_name("ci.lock")
"""What judges pipelines: zizmor, GitLab's schema, and GitHub's description of its API."""
MLFLOW = Path(__file__).with_name("mlflow.lock")
"""An MLflow server, and its own client."""
MOTO = Path(__file__).with_name("moto.lock")
"""A simulated AWS."""


@functools.cache
def environment(lock: Path) -> Path:
    """The bin folder of an environment that holds what `lock` says, hashes checked."""
    key = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:16]
    place = TOOLS / f"{lock.stem}-{key}"
    done = place / "complete"
    with file_lock(place.parent / f".{lock.stem}.lock"):
        if not done.is_file():
            # Not made elsewhere and renamed: an environment knows its own path.
            _uv("venv", "--clear", "--python", sys.executable, str(place))
            python = str(place / "bin" / "python")
            # A lock is complete, or leaves out on purpose what is not needed.
            _uv("pip", "install", "--python", python, "--require-hashes", "--no-deps", "-r", str(lock))
            done.touch()
    return place / "bin"


@functools.cache
def files(lock: Path, *patterns: str) -> Path:
    """A folder with what `lock` says, hashes checked, of which only files that match are kept: nothing of it is run."""
    key = hashlib.sha256(lock.read_bytes() + "\n".join(patterns).encode()).hexdigest()[:16]
    place = TOOLS / f"{lock.stem}-{key}"
    with file_lock(place.parent / f".{lock.stem}.lock"):
        if not place.is_dir():
            with work_folder(place.parent / "work") as folder:
                target = ("--target", str(folder / "all"), "--python", sys.executable)
                _uv("pip", "install", *target, "--require-hashes", "--no-deps", "-r", str(lock))
                for pattern in patterns:
                    for found in (folder / "all").glob(pattern):
                        kept = folder / "kept" / found.relative_to(folder / "all")
                        kept.parent.mkdir(parents=True, exist_ok=True)
                        found.rename(kept)
                publish_folder(folder / "kept", place)
    return place


def _uv(*arguments: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), *arguments, "-q"]
    ran = subprocess.run(command, env=uv_environment(), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"uv {' '.join(arguments[:2])} failed: {ran.stderr.strip()}")
