"""The same image under a real Docker daemon, which the test starts.

To load an image takes a daemon seconds, so the first tests share one endpoint: each leaves it as it found it.
"""

import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.local import folder, ports, release, runtimes
from components.local.errors import LocalError, NotReady
from components.local.server import LocalServerProvider, image_of
from tests.components.aws.test_ec2_service_boot import Machine
from tests.components.conftest import Endpoint, Images
from tests.components.load import Load
from tests.ports import free_port
from tests.tools.docker import Docker
from tests.tools.processes import Server


@pytest.fixture(scope="module")
def docker(dockerd: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """The daemon as a user has one: its client on PATH, its address in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DOCKER_HOST", "DOCKER_CONFIG"):
            patch.setenv(name, dockerd.env[name])
        patch.setenv("PATH", f"{dockerd.program.parent}:{dockerd.env['PATH']}")
        patch.setenv("MODELPORT_STATE_DIR", os.fspath(tmp_path_factory.mktemp("state")))
        yield dockerd


@pytest.fixture(scope="module")
def running(docker: Docker, images: Images) -> Iterator[Endpoint]:
    made = Endpoint(free_port(), LocalServerProvider())
    made.create(images.one, runtime="auto")
    yield made
    for place, _ in list(folder.endpoints()):
        release.remove(place)


def _containers(docker: Docker) -> list[str]:
    return docker.run("ps", "--all", "--format", "{{.Names}}").stdout.split()


def _images(docker: Docker) -> list[str]:
    return docker.run("images", "--format", "{{.Tag}}", "modelport/digits").stdout.split()


def _tag(reference: str) -> str:
    return image_of(reference)[1].removeprefix("sha256:")[:16]


def test_docker_is_taken_where_it_answers(docker: Docker, running: Endpoint, images: Images) -> None:
    assert running.outs is not None and running.outs["used"] == "docker"
    assert running.version() == "1"
    assert _containers(docker) == [f"modelport-{running.id}.1"]
    assert _images(docker) == [_tag(images.one)]
    assert running.changed(images.one, runtime="auto") is False
    assert not any((running.folder.path / "rootfs").iterdir())


def test_the_container_may_do_next_to_nothing(docker: Docker, running: Endpoint) -> None:
    facts: dict[str, Any] = json.loads(docker.run("inspect", *_containers(docker)).stdout)[0]
    host = facts["HostConfig"]
    assert host["NetworkMode"] == "host"
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["RestartPolicy"]["Name"] == "no"
    assert host["Privileged"] is False
    assert facts["Config"]["User"] == f"{os.geteuid()}:{os.getegid()}"
    # All that it sees of this machine is its folder of control sockets.
    assert [each["Source"] for each in facts["Mounts"]] == [str(running.folder.control)]


WRAPPED = """#!/bin/bash
# This daemon has no bridge, and nobody here takes logs for CloudWatch.
words=()
while [ $# -gt 0 ]; do
  case $1 in
    --log-driver | --log-opt) shift 2 ;;
    --publish) words+=(--network host); shift 2 ;;
    *) words+=("$1"); shift ;;
  esac
done
exec {docker} "${{words[@]}}"
"""


def test_what_an_instance_of_ec2_starts_is_confined_answers_and_drains(
    docker: Docker, running: Endpoint, images: Images, tmp_path: Path
) -> None:
    port, image = free_port(), f"modelport/digits:{_tag(images.one)}"
    machine = Machine(tmp_path, IMAGE=image, PORT=str(port))
    told = (machine.home / "env").read_text().replace("MODELPORT_PORT=8080", f"MODELPORT_PORT={port}")
    (machine.home / "env").write_text(told)
    (machine.commands / "docker").write_text(WRAPPED.format(docker=docker.program))
    env = {**docker.env, "PATH": f"{machine.commands}:{docker.env['PATH']}", "SEEN": str(machine.seen)}
    server = Server(["bash", str(machine.home / "host"), "serve"], tmp_path / "log", env)

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    server.wait_for(ready)
    facts: dict[str, Any] = json.loads(docker.run("inspect", "model").stdout)[0]
    host = facts["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["Privileged"]) == (True, ["ALL"], False)
    assert (host["SecurityOpt"], host["PidsLimit"]) == (["no-new-privileges"], 1024)
    assert host["Tmpfs"] == {"/tmp": "rw,noexec,nosuid,nodev,size=64m"}
    assert 0 < host["Memory"] == host["MemorySwap"]
    assert facts["Config"]["User"] == "65532:65532"
    # As the unit ends it: the server finishes, and says so by its code.
    docker.run("stop", "--time", "60", "model")
    assert server.process.wait(timeout=60) == 0


def test_a_container_that_does_not_start_changes_nothing(docker: Docker, running: Endpoint, images: Images) -> None:
    with pytest.raises(NotReady) as raised:
        running.update(images.broken, runtime="docker")
    assert "model.onnx" in raised.value.message
    assert _containers(docker) == [f"modelport-{running.id}.1"]
    assert _images(docker) == [_tag(images.one)]
    assert running.version() == "1"


def test_nothing_is_forgotten_while_the_daemon_is_away(
    docker: Docker, running: Endpoint, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`delete` fails before it touches anything; an update goes on with processes, and cleans up when it can."""
    with monkeypatch.context() as away:
        away.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
        assert runtimes.choose("auto") == "process"
        with pytest.raises(LocalError, match="docker does not answer, expected it to"):
            running.provider.delete(running.id, running.outs or {})
        assert [each.id for each, _ in folder.endpoints()] == [running.id]
        assert running.version() == "1"
        running.update(images.two, runtime="auto")
        assert running.version() == "2"
    assert len(_containers(docker)) == 1  # it has ended; the daemon was not there to be told
    running.update(images.one, runtime="docker")
    assert running.version() == "1"
    assert _containers(docker) == [f"modelport-{running.id}.4"]
    assert running.changed(images.one, runtime="docker") is False


def test_a_container_that_was_killed_is_seen_and_healed(docker: Docker, running: Endpoint, images: Images) -> None:
    docker.run("kill", *_containers(docker))
    assert running.changed(images.one, runtime="docker") is True
    running.update(images.one, runtime="docker")
    assert running.version() == "1"
    assert len(_containers(docker)) == 1


def test_versions_and_runtimes_hand_over_under_load(docker: Docker, running: Endpoint, images: Images) -> None:
    """Container to container, to processes, and back: the listening socket goes along."""
    with Load(running.port, clients=2) as load:
        for image, runtime in ((images.two, "docker"), (images.one, "process"), (images.two, "docker")):
            load.wait_for(50)
            running.update(image, runtime=runtime)
        load.wait_for(50)
    assert load.failures == []
    assert load.versions == {"1", "2"}
    assert len(_containers(docker)) == 1
    assert _images(docker) == [_tag(images.two)]


def test_delete_leaves_nothing(docker: Docker, running: Endpoint) -> None:
    running.provider.delete(running.id, running.outs or {})
    assert _containers(docker) == []
    assert _images(docker) == []
    assert list(folder.run_folder().iterdir()) == []
    ports.require_free(running.port)
