"""The workflows as those judge them who know GitHub's language: actionlint with shellcheck, and zizmor."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.ci.conftest import GITHUB, used, workflows
from tests.tools import debian, golang, pypi

JOBS = [(name, key, job) for name, workflow in workflows().items() for key, job in workflow["jobs"].items()]
IDS = [f"{name}-{key}" for name, key, _ in JOBS]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    folder = tmp_path / ".github" / "workflows"
    shutil.copytree(GITHUB, folder)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return folder


def test_actionlint_and_shellcheck_find_nothing(copied: Path) -> None:
    shellcheck = debian.program("shellcheck", "shellcheck")
    actionlint = golang.program(*golang.ACTIONLINT)
    command = [str(actionlint), "-color=false", "-pyflakes=", f"-shellcheck={shellcheck.path}"]
    ran = subprocess.run(command, cwd=copied.parent, env=shellcheck.env, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stdout + ran.stderr
    # That it looks into scripts, too.
    preview = copied / "modelport-preview.yml"
    preview.write_text(preview.read_text().replace('[ "$BUILD" = "true" ]', "[ $BUILD = true ]"))
    ran = subprocess.run(command, cwd=copied.parent, env=shellcheck.env, capture_output=True, text=True, check=False)
    assert ran.returncode == 1 and "SC2086" in ran.stdout


def test_zizmor_finds_nothing_as_an_auditor(copied: Path) -> None:
    command = [
        str(pypi.environment(pypi.CI) / "zizmor"),
        "--offline",
        "--persona=auditor",
        "--no-progress",
        str(copied),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_actions_are_named_by_their_commits_with_the_version_beside_it_and_each_by_one() -> None:
    text = "\n".join(file.read_text() for file in GITHUB.glob("*.yml"))
    lines = re.findall(r"^\s*(?:- )?uses: (.*)$", text, re.MULTILINE)
    wrong = [line for line in lines if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)]
    assert lines and wrong == []
    assert {name: len(commits) for name, commits in used().items()} == dict.fromkeys(used(), 1)
    assert len(set(lines)) == len(used()), "one version for one commit"


@pytest.mark.parametrize(("name", "key", "job"), JOBS, ids=IDS)
def test_a_job_says_what_it_may_and_how_long_and_puts_nobody_s_words_into_a_script(
    name: str, key: str, job: Any
) -> None:
    assert workflows()[name]["permissions"] == {}
    assert "permissions" in job and 0 < job["timeout-minutes"] <= 120
    for step in job["steps"]:
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize(("name", "key", "job"), JOBS, ids=IDS)
def test_who_may_write_to_the_repository_runs_nothing_of_it_and_no_cloud_trusts_it(
    name: str, key: str, job: Any
) -> None:
    writes = {area for area, what in job["permissions"].items() if what == "write"} - {"id-token"}
    uses = [step.get("uses", "").partition("@")[0] for step in job["steps"]]
    if writes:
        assert "actions/checkout" not in uses and "id-token" not in job["permissions"] and "secrets" not in str(job)
    assert writes <= {"pull-requests", "issues"}


def test_only_a_preview_is_ended_by_a_newer_one_and_a_stack_has_one_change_at_a_time() -> None:
    cancelling = {name for name, each in workflows().items() if each.get("concurrency", {}).get("cancel-in-progress")}
    assert cancelling == {"modelport-preview"}
    groups: dict[str, list[str]] = {}
    for name, key, job in JOBS:
        if "concurrency" in job:
            assert job["concurrency"]["cancel-in-progress"] is False
            groups.setdefault(job["concurrency"]["group"], []).append(f"{name}.{key}")
    assert groups == {
        "modelport-stack-dev": ["modelport-up.dev"],
        "modelport-stack-prod": ["modelport-up.prod"],
        "modelport-stack-pr-${{ needs.look.outputs.number }}": ["modelport-ephemeral.up", "modelport-ephemeral.down"],
    }


def test_no_workflow_runs_for_pull_requests_with_the_rights_of_the_repository() -> None:
    assert not [name for name, each in workflows().items() if "pull_request_target" in each["on"]]
    ours = workflows()["modelport-preview"]["name"]
    for name in ("modelport-comment", "modelport-ephemeral"):
        assert workflows()[name]["on"] == {"workflow_run": {"workflows": [ours], "types": ["completed"]}}
    fork = workflows()["modelport-preview"]["jobs"]["preview-of-a-fork"]
    assert fork["permissions"] == {"contents": "read"}
    assert not re.search(r"secrets|vars\.|github\.token|--build", str(fork))
