"""Up on merge, and the same image on to prod: the workflow run whole, on a model that is built and served for real."""

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from tests.automation.conftest import ROOT
from tests.ci.conftest import PASSPHRASE, Repository, workflows
from tests.ci.projects import digits
from tests.ports import free_port
from tests.tools.registries import Registry

GIVEN = {"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}


def _stack(registry: Registry, name: str) -> str:
    data = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())
    data["config"]["modelport:endpoint"] = {"port": free_port(), "workers": 1, "runtime": "process"}
    data["config"]["modelport:image"] = {"push": f"{registry.host}/ci/{name}"}
    return yaml.safe_dump(data)


class Place:
    def __init__(self, repository: Repository, registry: Registry) -> None:
        self.repository = repository
        state = repository.folder / "shared-state"
        state.mkdir()
        self.variables = {"PULUMI_BACKEND_URL": f"file://{state}"}
        stacks = {f"Pulumi.{name}.yaml": _stack(registry, name) for name in ("dev", "prod")}
        repository.commit("main", {**digits(), **stacks})

    def modelport(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """The command at a desk beside the pipeline: same state, same passphrase."""
        environment = {**os.environ, **self.repository.environment, **self.variables, **GIVEN}
        command = [str(ROOT / ".venv" / "bin" / "modelport"), *words]
        return subprocess.run(
            command, cwd=self.repository.origin, env=environment, capture_output=True, text=True, check=False
        )

    def outputs(self, stack: str) -> dict[str, Any]:
        return dict(json.loads(self.modelport("output", "--json", "--stack", stack).stdout))


@pytest.fixture
def place(repository: Repository, registry: Registry) -> Iterator[Place]:
    made = Place(repository, registry)
    yield made
    for stack in ("prod", "dev"):
        made.modelport("destroy", "--yes", "--stack", stack)


def test_what_is_merged_goes_to_dev_and_the_very_image_on_to_prod_and_no_other_by_an_old_approval(place: Place) -> None:
    ran = place.repository.run("modelport-up", "push", {}, secrets=GIVEN, variables=place.variables)
    assert ran.code == 0, ran.told
    dev, prod = place.outputs("dev"), place.outputs("prod")
    assert dev["digest"] == prod["digest"] and dev["endpoint"] != prod["endpoint"]
    assert httpx.get(f"{prod['endpoint']}/v2/models/digits").json()["name"] == "digits"
    assert f"`prod` serves `{prod['digest']}`." in ran.told
    assert PASSPHRASE not in ran.told
    assert place.repository.logins == [], "no cloud is set"

    # The review of a run comes when dev has gone on: its own script, with the digest of that run.
    (step,) = [each for each in workflows()["modelport-up"]["jobs"]["prod"]["steps"] if each.get("name") == "Promote"]
    folder = place.repository.origin / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "modelport").symlink_to(ROOT / ".venv" / "bin" / "modelport")
    environment = {**os.environ, **place.repository.environment, **place.variables, **GIVEN}
    environment |= {"DIGEST": "sha256:" + "0" * 64, "GITHUB_STEP_SUMMARY": str(place.repository.folder / "summary")}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    late = subprocess.run(
        command, cwd=place.repository.origin, env=environment, capture_output=True, text=True, check=False
    )
    assert late.returncode == 1 and "approve the run that brought it" in late.stdout, late.stdout + late.stderr
    assert place.outputs("prod") == prod


def test_nothing_comes_up_from_another_branch(place: Place) -> None:
    ran = place.repository.run("modelport-up", "workflow_dispatch", {}, ref="refs/heads/other", secrets=GIVEN)
    assert "Main Up" not in ran.told and "Main Promote" not in ran.told
    assert place.modelport("output", "digest", "--stack", "dev").returncode != 0
