"""A real S3 server, and projects that keep their state in a bucket of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.engine.conftest import Place
from tests.ports import free_port
from tests.tools.stores import PASSWORD, USER, Minio


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
    """One S3 server for all tests that do not stop it."""
    made = Minio(tmp_path_factory.mktemp("minio"), free_port())
    made.start()
    yield made
    made.stop()


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Minio]:
    """An S3 server of the test's own, to be killed."""
    made = Minio(tmp_path / "minio", free_port())
    made.start()
    yield made
    made.stop()


@dataclass
class Cloud:
    """A place whose state is in a bucket; `lying` says what lies there."""

    place: Place
    minio: Minio
    bucket: str

    def lying(self, folder: str = "") -> list[str]:
        """Every key below a folder, as the server has it on disk."""
        root = self.minio.folder / "data" / self.bucket
        found = (path.parent.relative_to(root) for path in root.rglob("xl.meta"))
        return sorted(str(path) for path in found if str(path).startswith(folder))

    def elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From now on this is another machine: nothing of the user's is here."""
        home = self.place.root / f"home-{uuid4().hex[:6]}"
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("MODELPORT_STATE_DIR", str(home / "state"))


def in_bucket(place: Place, minio: Minio, monkeypatch: pytest.MonkeyPatch, prefix: str = "") -> Cloud:
    name = f"state-{uuid4().hex[:8]}"
    url = minio.bucket(name)
    monkeypatch.setenv("PULUMI_BACKEND_URL", url.replace(name, f"{name}/{prefix}", 1) if prefix else url)
    for variable in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", USER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", PASSWORD)
    return Cloud(place, minio, name)


@pytest.fixture
def cloud(place: Place, minio: Minio, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A project whose state is in a new bucket."""
    return in_bucket(place, minio, monkeypatch)


@pytest.fixture
def official() -> "Official":
    """The official CLI; the test is skipped where it is not on PATH."""
    if shutil.which("pulumi") is None:
        pytest.skip("the official CLI (pulumi) is not on PATH")
    return Official()


class Official:
    """Runs the official CLI in a project."""

    def run(self, place: Place, *args: str, code: int = 0) -> str:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the programs run under this Python
        env = {**os.environ, "PATH": path, "PULUMI_SKIP_UPDATE_CHECK": "1", "NO_COLOR": "1"}
        done = subprocess.run(
            ["pulumi", *args, "--non-interactive"], cwd=place.project, env=env, capture_output=True, text=True
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr
