"""Whose code is under review, by what a CI says in its environment."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from automation.report.forks import fork


def github(folder: Path, name: str, event: object) -> dict[str, str]:
    file = folder / "event.json"
    file.write_text(event if isinstance(event, str) else json.dumps(event))
    return {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(file)}


def pull(head: object, base: object = 1) -> dict[str, Any]:
    repo = None if head is None else {"id": head, "full_name": "a/b"}
    return {"pull_request": {"head": {"repo": repo}, "base": {"repo": {"id": base, "full_name": "a/b"}}}}


@pytest.mark.parametrize("name", ["pull_request", "pull_request_target", "pull_request_review"])
@pytest.mark.parametrize(
    ("event", "is_fork"),
    [
        (pull(1), False),
        (pull(2), True),
        (pull(None), True),
        ({}, True),
        ({"pull_request": []}, True),
        (pull(None, None), True),
        ("no json", True),
        ("[" * 100_000, True),
    ],
    ids=["own", "fork", "gone", "empty", "odd", "nothing", "broken", "deep"],
)
def test_a_pull_request_of_github(tmp_path: Path, name: str, event: object, is_fork: bool) -> None:
    """The names of both repositories are the same on purpose: numbers tell them apart."""
    assert bool(fork(github(tmp_path, name, event))) is is_fork


def test_an_event_that_cannot_be_found_counts_as_a_forks() -> None:
    assert fork({"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": "/nowhere"})
    assert fork({"GITHUB_EVENT_NAME": "pull_request"})


@pytest.mark.parametrize(
    ("name", "event", "is_fork"),
    [
        ("push", {}, False),
        ("schedule", {}, False),
        ("merge_group", {}, False),
        ("issue_comment", {"issue": {"pull_request": {}}}, True),
        ("issue_comment", {"issue": {}}, False),
        ("workflow_run", {"workflow_run": {"event": "push"}}, False),
        (
            "workflow_run",
            {"workflow_run": {"event": "pull_request", "head_repository": {"id": 2}}, "repository": {"id": 1}},
            True,
        ),
        (
            "workflow_run",
            {"workflow_run": {"event": "pull_request", "head_repository": {"id": 1}}, "repository": {"id": 1}},
            False,
        ),
    ],
)
def test_other_events_of_github(tmp_path: Path, name: str, event: object, is_fork: bool) -> None:
    assert bool(fork(github(tmp_path, name, event))) is is_fork


@pytest.mark.parametrize(
    ("environment", "is_fork"),
    [
        ({}, False),
        ({"CI_PIPELINE_SOURCE": "push"}, False),
        ({"CI_MERGE_REQUEST_IID": "3", "CI_MERGE_REQUEST_PROJECT_ID": "1"}, True),
        (
            {
                "CI_MERGE_REQUEST_IID": "3",
                "CI_MERGE_REQUEST_PROJECT_ID": "1",
                "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1",
            },
            False,
        ),
        (
            {
                "CI_MERGE_REQUEST_IID": "3",
                "CI_MERGE_REQUEST_PROJECT_ID": "1",
                "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2",
            },
            True,
        ),
        ({"MODELPORT_FORK": "1"}, True),
        ({"MODELPORT_FORK": "0"}, False),
        ({"MODELPORT_FORK": ""}, False),
    ],
)
def test_gitlab_and_others(environment: Mapping[str, str], is_fork: bool) -> None:
    assert bool(fork(environment)) is is_fork


def test_nothing_takes_back_what_github_says(tmp_path: Path) -> None:
    assert fork({**github(tmp_path, "pull_request", pull(2)), "MODELPORT_FORK": "0"})
