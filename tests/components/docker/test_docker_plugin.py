"""One stack with Pulumi's own provider for Docker, where this machine has it: a daemon, a registry, and an answer."""

import base64
import json
import os
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.api import Engine, Outcome
from engine.providers import discovery
from tests.model_build.conftest import IRIS
from tests.tools.docker import Docker
from tests.tools.registries import PASSWORD, USER, Registry

PROGRAM = """\
import json

import pulumi
from components.docker import DockerImage
from model_build import docking
from model_build.resource import ModelImage

# The registry is one whose cloud gives logins.
docking.of_cloud = lambda host: True
docking.login = lambda destination: ({user!r}, {password!r})

recipe = {{"name": "iris", "source": "iris:model", "evaluate": {{"data": "iris:data", "min": 0.8}}}}
image = ModelImage("iris", {{"recipe": json.dumps(recipe), "destination": {there!r}, "builder": "docker"}})
made = DockerImage("iris", {{"image": image.layout_image, "destination": {there!r}}})
pulumi.export("baked", image.digest)
pulumi.export("reference", made.reference)
"""


@dataclass(frozen=True)
class Machine:
    """A folder of the project, and what this machine knows."""

    path: Path
    backend: str
    patch: pytest.MonkeyPatch

    def _engine(self) -> Engine:
        self.patch.setenv("MODELPORT_DATA_DIR", os.fspath(self.path / "data"))
        return Engine(self.path / "project", "test", self.backend)

    def up(self) -> Outcome:
        return _done(self._engine().up())

    def preview(self) -> Outcome:
        return _done(self._engine().preview())

    def outputs(self) -> dict[str, str]:
        return dict(self._engine().outputs())

    def state(self) -> str:
        return json.dumps(self._engine().export())


def _done(outcome: Outcome) -> Outcome:
    assert outcome.exit_code == 0, outcome.error
    return outcome


@pytest.fixture(scope="module")
def machines(
    dockerd: Docker, authenticated_registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Machine, Machine]]:
    """One that builds, and one that has the program and the state alone."""
    if discovery.find("docker", "", {}, Path()) is None:
        pytest.skip("pulumi-resource-docker is neither on PATH nor among Pulumi's plugins (pulumi plugin install)")
    home = tmp_path_factory.mktemp("stack")
    there = f"{authenticated_registry.host}/team/iris"
    for name in ("one", "two"):
        project = home / name / "project"
        project.mkdir(parents=True)
        (project / "Pulumi.yaml").write_text("name: shop\nruntime: {name: python, options: {virtualenv: .venv}}\n")
        (project / "__main__.py").write_text(PROGRAM.format(there=there, user=USER, password=PASSWORD))
        (project / "iris.py").write_text(IRIS)
        (project / ".venv").symlink_to(sys.prefix)
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (home / "config.json").write_text(json.dumps({"auths": {authenticated_registry.host: {"auth": login}}}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", dockerd.env["DOCKER_HOST"])
        patch.setenv("DOCKER_CONFIG", os.fspath(home))
        patch.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}{dockerd.program.parent}")
        patch.setenv("PULUMI_CONFIG_PASSPHRASE", "only for tests")
        backend = (home / "state").as_uri()
        yield Machine(home / "one", backend, patch), Machine(home / "two", backend, patch)


def _wait_for(address: str) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def test_what_passed_its_gate_is_built_pushed_and_answers(
    machines: tuple[Machine, Machine], dockerd: Docker, free_port: int
) -> None:
    one, _ = machines
    assert set(one.preview().changes) == {"create"}
    assert set(one.up().changes) == {"create"}
    reference = one.outputs()["reference"]
    assert reference.rpartition("@")[2] != one.outputs()["baked"]
    words = ["run", "--detach", "--network", "host", reference, "--port", str(free_port)]
    container = dockerd.run(*words).stdout.strip()
    try:
        _wait_for(f"http://127.0.0.1:{free_port}/v2/health/ready")
        with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/v2/models/iris", timeout=30) as answer:
            assert json.load(answer)["name"] == "iris"
    finally:
        dockerd.run("rm", "--force", container)


def test_nothing_changes_on_the_machine_that_built_it_nor_on_any_other(machines: tuple[Machine, Machine]) -> None:
    for machine in machines:
        assert set(machine.preview().changes) == {"same"}
        assert set(machine.up().changes) == {"same"}
    assert not (machines[1].path / "data").exists()


def test_no_password_stands_in_the_state(machines: tuple[Machine, Machine]) -> None:
    state = machines[0].state()
    assert USER in state and PASSWORD not in state


def test_another_model_is_another_image_at_a_name_of_its_own(machines: tuple[Machine, Machine]) -> None:
    one, _ = machines
    before = one.outputs()["reference"]
    file = one.path / "project" / "iris.py"
    file.write_text(IRIS.replace("max_iter=1000", "max_iter=1000, C=0.5"))
    assert one.preview().changes["update"] == one.up().changes["update"] == 4
    assert one.outputs()["reference"] != before


def test_the_same_model_by_another_text_builds_nothing(machines: tuple[Machine, Machine]) -> None:
    """What Docker builds is known by the digest of what was baked, and by nothing before that."""
    one, _ = machines
    before = one.outputs()["reference"]
    file = one.path / "project" / "iris.py"
    file.write_text(file.read_text() + "# the same\n")
    assert one.up().changes["update"] == 1
    assert one.outputs()["reference"] == before
