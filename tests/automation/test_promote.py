"""One image from stack to stack by its digest: the real command, engine and registries, the digits built for real."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from automation.exits import Exit
from model_build.push import delete, exists
from tests.automation.conftest import Project
from tests.automation.staging import Stages, whole
from tests.tools.registries import PASSWORD, USER, Registry, docker_config


@pytest.fixture
def stages(
    make_project: Callable[[], Project], tmp_path: Path, registry: Registry, authenticated_registry: Registry
) -> Iterator[Stages]:
    project = whole(make_project())
    docker = docker_config(tmp_path / "docker", authenticated_registry.host, USER, PASSWORD)
    project.environment["DOCKER_CONFIG"] = str(docker)
    name = tmp_path.name.lower().replace("_", "-")
    made = Stages(project, f"{registry.host}/{name}/dev", f"{authenticated_registry.host}/{name}/prod")
    made.write("dev", image={"push": made.first})
    made.write("prod", image={"push": made.second})
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

    # It is not forgotten with its image: that is brought again.
    delete(f"{stages.second}@{digest}")
    assert stages.project.run("refresh", "--yes", "-s", "prod", env=elsewhere).returncode == Exit.DONE
    again = stages.project.run("up", "--yes", "-s", "prod", env=elsewhere)
    assert again.returncode == 0, again.stderr
    assert exists(f"{stages.second}@{digest}") and stages.output("prod")["digest"] == digest

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
    nothing = stages.project.run("promote", "--undo", "--to", "prod", "--yes", env=elsewhere)
    assert nothing.stderr.startswith("error: stack prod has nothing that was promoted, expected something to undo")


def test_from_stage_to_stage_in_one_repository_it_stays_where_the_first_put_it(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", stages.project.environment["DOCKER_CONFIG"])
    stages.up("dev")
    stages.write("staging", image={"push": stages.first, "keep": False})
    stages.write("prod", image={"push": stages.second})
    digest = stages.output("dev")["digest"]
    staged = stages.promote(to="staging")
    assert (staged.returncode, staged.stderr) == (0, ""), staged.stdout
    assert stages.image("staging")["outputs"]["reference"] == f"{stages.first}@{digest}"
    done = stages.promote(source="staging")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    record = json.loads(stages.image("prod")["inputs"]["promoted"])
    assert (record["stack"], record["digest"], record["metrics"]) == (
        "staging",
        digest,
        stages.output("dev")["metrics"],
    )
    assert stages.project.run("destroy", "--yes", "-s", "staging").returncode == Exit.DONE
    assert exists(f"{stages.first}@{digest}"), "dev runs it, whatever staging says of its own images"
    stages.up("dev")
    assert stages.answers("dev")["versions"] == ["1"]
