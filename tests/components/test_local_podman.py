"""The same image under a real Podman, which the test unpacks."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from components.local import folder, ports, runtimes
from tests.components.conftest import Endpoint, Images
from tests.components.load import Load
from tests.tools import podman as tool


@pytest.fixture
def podman(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Podman on PATH, and no Docker daemon."""
    if os.geteuid() != 0:
        pytest.skip("Podman out of unpacked packages needs root: without it, it wants programs with setuid")
    commands = tool.install(tmp_path_factory.mktemp("podman"))
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    yield


def _podman(*arguments: str) -> list[str]:
    ran = subprocess.run(["podman", *arguments], capture_output=True, text=True, check=True)
    return ran.stdout.split()


@pytest.mark.usefixtures("podman")
def test_from_create_to_delete(endpoint: Endpoint, images: Images) -> None:
    assert runtimes.choose("auto") == "podman"
    endpoint.create(images.one, runtime="auto")
    assert endpoint.outs is not None and endpoint.outs["used"] == "podman"
    assert endpoint.version() == "1"
    with Load(endpoint.port, clients=2) as load:
        load.wait_for(50)
        endpoint.update(images.two, runtime="auto")
        load.wait_for(50)
    assert load.failures == []
    assert load.versions == {"1", "2"}
    assert _podman("ps", "--all", "--format", "{{.Names}}") == [f"modelport-{endpoint.id}.2"]

    _podman("kill", f"modelport-{endpoint.id}.2")
    assert endpoint.changed(images.two, runtime="auto") is True
    endpoint.update(images.two, runtime="auto")
    assert endpoint.version() == "2"

    endpoint.provider.delete(endpoint.id, endpoint.outs)
    assert _podman("ps", "--all", "--quiet") == []
    assert _podman("images", "--quiet") == []
    assert list(folder.run_folder().iterdir()) == []
    ports.require_free(endpoint.port)
