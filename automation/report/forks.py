"""Whether the code under review is a fork's: somebody's who may not write to the repository.

A preview runs the project's program, so CI gives a fork's no credentials. Its model code, which may be anything and
may take hours, is not run at all: `--build` is left out, and no flag takes that back. What a CI says of a review
is its own environment, which the code under review cannot set.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.values import is_dict

OWN = "MODELPORT_FORK"
"""Set to anything but 0, false or nothing it says that the code is a fork's, for a CI that is not known here."""
_REVIEWS = {"pull_request", "pull_request_target", "pull_request_review", "pull_request_review_comment"}
_INDIRECT = {"issue_comment", "workflow_run"}
"""Events of GitHub's that run the default branch's workflow, which may have checked out any code."""


def fork(environment: Mapping[str, str] | None = None) -> str:
    """By what it is known to be a fork's, in words; empty where it is not one's. What cannot be told counts as one."""
    env = os.environ if environment is None else environment
    if env.get(OWN, "").strip().lower() not in ("", "0", "false", "no"):
        return f"{OWN} says so"
    return _github(env) or _gitlab(env)


def _github(env: Mapping[str, str]) -> str:
    name = env.get("GITHUB_EVENT_NAME", "")
    if name not in _REVIEWS | _INDIRECT:
        return ""
    event = _event(env.get("GITHUB_EVENT_PATH", ""))
    if event is None:
        return f"the event {name} of GitHub cannot be read, so whose code it is cannot be told"
    if name == "issue_comment":
        issue = _part(event, "issue")
        # The event does not say whose branch it is.
        return "a comment on a pull request does not say whose code it is" if "pull_request" in issue else ""
    if name == "workflow_run":
        run = _part(event, "workflow_run")
        if run.get("event") not in _REVIEWS:
            return ""
        return _apart(_part(run, "head_repository"), _part(event, "repository"))
    request = _part(event, "pull_request")
    return _apart(_part(request, "head", "repo"), _part(request, "base", "repo"))


def _apart(head: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    # By number: a name may be given to another repository.
    if head.get("id") is not None and head.get("id") == base.get("id"):
        return ""
    whose = head.get("full_name")
    return f"the pull request comes from {whose}" if whose else "the repository of the pull request is gone"


def _gitlab(env: Mapping[str, str]) -> str:
    if not env.get("CI_MERGE_REQUEST_IID"):
        return ""
    source, target = env.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID"), env.get("CI_MERGE_REQUEST_PROJECT_ID")
    if source and source == target:
        return ""
    path = env.get("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH")
    return f"the merge request comes from {path}" if path else "the project of the merge request cannot be told"


def _event(path: str) -> dict[str, Any] | None:
    try:
        found: Any = json.loads(Path(path).read_bytes()) if path else None
    except (OSError, ValueError, RecursionError):
        return None
    return found if is_dict(found) else None


def _part(value: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    found: Any = value
    for key in keys:
        found = found.get(key) if is_dict(found) else None
    return found if is_dict(found) else {}
