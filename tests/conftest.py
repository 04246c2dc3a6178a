"""What every test starts from: state and data of its own, the user's content-addressed cache."""

import os
import socket
from pathlib import Path

import pytest

pytest_plugins = ["tests.tools.fixtures"]


def pytest_configure(config: pytest.Config) -> None:
    """Point data and state away from the user's before any module of ours is imported, here and in subprocesses."""
    if "MODELPORT_TEST_HOME" not in os.environ:
        import tempfile

        home = Path(tempfile.mkdtemp(prefix="modelport-tests-"))
        os.environ["MODELPORT_TEST_HOME"] = str(home)
        config.add_cleanup(lambda: _remove(home))
    # One for each worker of pytest-xdist: what one clears, another may be using.
    home = Path(os.environ["MODELPORT_TEST_HOME"]) / os.environ.get("PYTEST_XDIST_WORKER", "one")
    os.environ["MODELPORT_DATA_DIR"] = str(home / "data")
    os.environ["MODELPORT_STATE_DIR"] = str(home / "state")
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_STACK"):
        os.environ.pop(name, None)


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    os.environ.pop("MODELPORT_TEST_HOME", None)


@pytest.fixture
def free_port() -> int:
    """A TCP port on loopback that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
