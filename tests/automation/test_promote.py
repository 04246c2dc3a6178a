"""One image from stack to stack by its digest: the real command, engine and registries, the digits built for real."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from automation.exits import Exit
from model_build.push import exists
from tests.automation.conftest import ROOT, Project
from tests.ports import free_port
from tests.tools.registries import Registry


class Stages:
    """The project with a stack `dev` that serves the digits on this machine, and `prod` with another registry."""

    def __init__(self, project: Project, first: Registry, second: Registry) -> None:
        self.project, name = project, project.root.parent.name.lower().replace("_", "-")
        self.first, self.second = f"{first.host}/{name}/dev", f"{second.host}/{name}/prod"
        self.write("dev", image={"push": self.first})
        self.write("prod", image={"push": self.second})

    def write(self, stack: str, **sections: Any) -> None:
        """The stack file, each section merged over what it has; `model.evaluate` too."""
        file = self.project.root / f"Pulumi.{stack}.yaml"
        if file.exists():
            data = yaml.safe_load(file.read_text())
        else:
            data = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())
            data["config"]["modelport:endpoint"] = {"port": free_port(), "workers": 1, "runtime": "process"}
        for key, given in sections.items():
            held = data["config"].setdefault(f"modelport:{key}", {})
            if key == "model":
                held["evaluate"] = {**held["evaluate"], **given.pop("evaluate", {})}
            held.update(given)
        file.write_text(yaml.safe_dump(data))

    def up(self, stack: str, *more: str) -> None:
        done = self.project.run("up", "--yes", "-s", stack, *more)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr

    def promote(self, *more: str, source: str = "dev", to: str = "prod", env: dict[str, str] | None = None) -> Any:
        return self.project.run("promote", "--from", source, "--to", to, "--yes", *more, env=env)

    def refused(self, *more: str, **how: Any) -> str:
        """The one line that a promotion ends with; nothing has come of it."""
        done = self.promote(*more, **how)
        assert done.returncode != 0 and done.stderr.count("\n") == 1, done.stdout + done.stderr
        return f"{done.returncode} {done.stderr.removeprefix('error: ').strip()}"

    def output(self, stack: str) -> dict[str, Any]:
        return dict(json.loads(self.project.run("output", "--json", "-s", stack).stdout))

    def image(self, stack: str) -> dict[str, Any]:
        """The ModelImage in the state."""
        told = json.loads(self.project.run("stack", "export", "-s", stack).stdout)["deployment"]["resources"]
        return dict(next(each for each in told if each["type"].endswith(":ModelImage")))

    def answers(self, stack: str) -> dict[str, Any]:
        """Metadata of the model that answers."""
        metadata = httpx.get(f"{self.output(stack)['endpoint']}/v2/models/digits").json()
        return dict(metadata)


@pytest.fixture
def stages(
    make_project: Callable[[], Project], tmp_path: Path, registry: Registry, authenticated_registry: Registry
) -> Iterator[Stages]:
    from tests.tools.registries import PASSWORD, USER, docker_config

    project = make_project()
    for name in ("stacks", "examples"):
        shutil.copytree(ROOT / name, project.root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "__main__.py", project.root)
    settings = yaml.safe_load((project.root / "Pulumi.yaml").read_text())
    (project.root / "Pulumi.yaml").write_text(yaml.safe_dump({**settings, "name": "modelport"}))
    project.environment["MODELPORT_DATA_DIR"] = str(tmp_path / "data")
    docker = docker_config(tmp_path / "docker", authenticated_registry.host, USER, PASSWORD)
    project.environment["DOCKER_CONFIG"] = str(docker)
    made = Stages(project, registry, authenticated_registry)
    yield made
    for stack in ("dev", "prod"):
        project.run("destroy", "--yes", "-s", stack)


def test_what_one_stack_serves_goes_to_the_next_by_its_digest_and_stays_until_it_is_undone(
    stages: Stages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", stages.project.environment["DOCKER_CONFIG"])
    stages.up("dev")
    digest = stages.output("dev")["digest"]

    # From a machine that has neither the image nor its report.
    elsewhere = {"MODELPORT_DATA_DIR": str(tmp_path / "other")}
    planned = stages.promote("--preview-only", env=elsewhere)
    assert planned.returncode == Exit.DONE and "promoted from dev" in planned.stdout
    assert not exists(f"{stages.second}@{digest}")

    done = stages.promote(env=elsewhere)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "digits: convert" not in done.stdout and "digits: bake" not in done.stdout, "nothing is built"
    assert stages.image("prod")["outputs"]["reference"] == f"{stages.second}@{digest}"
    assert exists(f"{stages.second}@{digest}")
    assert stages.output("prod")["digest"] == digest
    assert stages.output("prod")["metrics"] == stages.output("dev")["metrics"]
    assert Path(stages.output("prod")["report"]).is_relative_to(tmp_path / "other")
    assert stages.answers("prod")["versions"] == ["1"]

    # A later up keeps it, though the recipe builds something else now.
    stages.write("prod", model={"optimize": {"candidates": ["fp32"]}}, endpoint={"workers": 2})
    kept = stages.project.run("up", "--yes", "-s", "prod", env=elsewhere)
    assert kept.returncode == 0, kept.stderr
    assert f"image {digest[7:19]}, promoted from dev, stays, the changed recipe builds nothing" in kept.stdout
    assert stages.output("prod")["digest"] == digest

    # What was measured stays held to the gate of the file.
    stages.write("prod", model={"evaluate": {"max_latency_ms": 1e-6}})
    missed = stages.project.run("up", "--yes", "-s", "prod", env=elsewhere)
    assert missed.returncode == Exit.GATE_MISSED and "promoted from dev" in missed.stderr
    stages.write("prod", model={"evaluate": {"max_latency_ms": None}})

    undone = stages.project.run("promote", "--undo", "--to", "prod", "--yes", env=elsewhere)
    assert undone.returncode == 0, undone.stderr
    assert "the promotion from dev is undone" in undone.stdout
    assert stages.output("prod")["digest"] != digest
    assert "promoted" not in stages.image("prod")["inputs"]
