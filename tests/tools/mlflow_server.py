"""An MLflow server on loopback, with models in it that MLflow's own client has logged.

Server and client are in an environment of their own (`mlflow.lock`). The models are logged once and kept in the cache,
as a copy of the server's folder: its database and its artifacts.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from model_build.bake.cache import file_lock, publish_folder, work_folder
from tests.ports import free_port
from tests.tools import pypi
from tests.tools.places import TOOLS
from tests.tools.processes import Server

USER, PASSWORD = "admin", "correct-horse-battery-staple"
_LOG = Path(__file__).with_name("mlflow_log.py")


@dataclass
class Mlflow:
    """Wants a login for all that it is asked, as its app `basic-auth` does."""

    folder: Path
    port: int = field(default_factory=free_port)
    server: Server | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client is given, by MLflow's own names."""
        return {
            "MLFLOW_TRACKING_URI": self.address,
            "MLFLOW_TRACKING_USERNAME": USER,
            "MLFLOW_TRACKING_PASSWORD": PASSWORD,
        }

    def start(self) -> None:
        """Come up, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "auth.ini"
        settings.write_text(
            "[mlflow]\ndefault_permission = READ\n"
            f"database_uri = sqlite:///{self.folder}/auth.db\nadmin_username = {USER}\nadmin_password = {PASSWORD}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
            "auth_cache_ttl_seconds = 600\n"  # each look at a password takes it half a second
        )
        env = {
            **os.environ,
            **_QUIET,
            "MLFLOW_AUTH_CONFIG_PATH": str(settings),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "of-the-tests-alone-and-long-enough",
            # What the command `mlflow server` hands to the program that it starts: by itself it takes twice as long.
            "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{self.folder}/mlflow.db",
            "_MLFLOW_SERVER_REGISTRY_STORE": f"sqlite:///{self.folder}/mlflow.db",
            "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
            "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(self.folder / "artifacts"),
            "_MLFLOW_SGI_NAME": "uvicorn",
        }
        python = str(pypi.environment(pypi.MLFLOW) / "python")
        command = [python, "-m", "uvicorn", "--factory", "mlflow.server.auth:create_app"]
        self.server = Server([*command, "--host", "127.0.0.1", "--port", str(self.port)], self.folder / "log", env)
        self.server.wait_for(self._answers, 300)  # it is six seconds of the processor before it listens

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/health", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()

    def call(self, method: str, path: str, **values: Any) -> Any:
        """Ask the server's REST API."""
        body: Any = {"params": values} if method == "GET" else {"json": values}
        answer = httpx.request(
            method, f"{self.address}/api/2.0/mlflow/{path}", auth=(USER, PASSWORD), trust_env=False, timeout=30, **body
        )
        answer.raise_for_status()
        return answer.json()

    def artifacts(self) -> Path:
        """Where the server keeps files."""
        return self.folder / "artifacts"


_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


def with_models(folder: Path) -> tuple[Mlflow, dict[str, dict[str, str]]]:
    """A server that runs in `folder`, and what its runs and logged models are called, by name."""
    shutil.copytree(_seed(), folder, dirs_exist_ok=True)
    server = Mlflow(folder)
    server.start()
    return server, json.loads((folder / "names.json").read_text("utf-8"))


def _seed() -> Path:
    """The folder of a server in which models were logged."""
    told = pypi.MLFLOW.read_bytes() + _LOG.read_bytes() + sys.version.encode()
    place = TOOLS / f"mlflow-models-{hashlib.sha256(told).hexdigest()[:16]}"
    with file_lock(place.parent / ".mlflow-models.lock"):
        if not place.is_dir():
            with work_folder(place.parent / "work") as folder:
                _log_models(folder / "made")
                publish_folder(folder / "made", place)
    return place


def _log_models(folder: Path) -> None:
    python = str(pypi.environment(pypi.MLFLOW) / "python")
    server = Mlflow(folder)
    server.start()
    try:
        command = [python, str(_LOG), str(folder.parent)]
        env = {**os.environ, **_QUIET, **server.environment}
        ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=600)
        if ran.returncode:
            raise RuntimeError(f"models could not be logged: {ran.stderr[-4000:]}")
    finally:
        server.stop()
    (folder / "names.json").write_text(ran.stdout.splitlines()[-1], "utf-8")
