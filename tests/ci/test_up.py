"""Up on merge, and the same image on to prod: the pipelines of both, on a model that is built and served for real."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import yaml
from google.auth import identity_pool

from tests.automation.conftest import ROOT
from tests.ci.api import Api, Described
from tests.ci.conftest import Repository, repository_in, workflows
from tests.ci.gitlab import CLOUDS, FILE, PUSH, Pipeline, tokens
from tests.ci.origins import PASSPHRASE
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
        self.variables = repository.state()
        stacks = {f"Pulumi.{name}.yaml": _stack(registry, name) for name in ("dev", "prod")}
        repository.commit("main", {**digits(), **stacks})

    def modelport(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """The command at a desk beside the pipeline: same state, same passphrase."""
        return self.repository.modelport(*words, env={**self.variables, **GIVEN})

    def outputs(self, stack: str) -> dict[str, Any]:
        return dict(json.loads(self.modelport("output", "--json", "--stack", stack).stdout))


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, described: Described, venv: Path, registry: Registry
) -> Iterator[Place]:
    """One for GitHub's workflow and GitLab's pipeline: whichever comes second finds the stacks as they should be."""
    api = Api(described)
    made = Place(repository_in(tmp_path_factory.mktemp("up"), venv, api), registry)
    yield made
    for stack in ("prod", "dev"):
        made.modelport("destroy", "--yes", "--stack", stack)
    api.stop()


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


def test_gitlab_s_pipeline_brings_dev_up_and_promotes_the_digest_of_its_own_up_alone(place: Place) -> None:
    repository = place.repository
    repository.commit("main", {".gitlab-ci.yml": FILE.read_text()})
    repository.git("remote", "add", "origin", "https://gitlab.test/example/models.git")
    pipeline = Pipeline(repository.folder, repository.origin, repository.environment, repository.api.url)
    settings = {**PUSH, **place.variables, **GIVEN, **CLOUDS}
    ran = pipeline.run(settings, "up", "promote")
    assert ran.code == 0, ran.told
    dev, prod = place.outputs("dev"), place.outputs("prod")
    assert dev["digest"] == prod["digest"] and dev["endpoint"] != prod["endpoint"]
    assert PASSPHRASE not in ran.told
    left = tokens(repository.folder)
    assert (left["aws"], left["gcp"]) == (CLOUDS["AWS_TOKEN"], CLOUDS["GCP_TOKEN"])
    # What Google's own library makes of the file that a job is given: whom it asks, and with what.
    files = list((repository.folder / "builds" / "tokens").rglob("gcp.json"))
    assert len(files) == 2, "each job has its own"
    known = cast("Any", identity_pool.Credentials).from_file(str(files[0]))
    assert known.service_account_email == CLOUDS["GCP_SERVICE_ACCOUNT"]
    assert known.info["audience"] == f"//iam.googleapis.com/{CLOUDS['GCP_PROVIDER']}"

    # The button of an older pipeline: what dev serves now is not what it brought.
    brought = (
        repository.origin / ".gitlab-ci-local" / "artifacts" / "up" / ".gitlab-ci-reports" / "dotenv" / "digest.env"
    )
    brought.write_text("DIGEST=sha256:" + "0" * 64 + "\n")
    late = pipeline.run(settings, "promote")
    # It may fail without the pipeline's failing, as nobody has to press it.
    assert "WARN 1" in late.told and "press the button of the pipeline that brought it" in late.told, late.told
    assert place.outputs("prod") == prod


def test_nothing_comes_up_from_another_branch(repository: Repository) -> None:
    repository.commit("main", digits())
    ran = repository.run("modelport-up", "workflow_dispatch", {}, ref="refs/heads/other", secrets=GIVEN)
    assert "Main Up" not in ran.told and "Main Promote" not in ran.told
    assert not repository.artifacts.exists() and not (repository.folder / "state").exists()
