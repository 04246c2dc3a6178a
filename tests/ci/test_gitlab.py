"""The pipeline for GitLab: held to GitLab's schema, its scripts to shellcheck, and who may do what in it."""

import subprocess
from typing import Any, cast

import pytest
import yaml

from tests.ci.gitlab import FILE, wrong
from tests.tools import debian, pypi


class _Loader(yaml.SafeLoader):
    """YAML with GitLab's tag for what stands elsewhere."""


def _reference(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> dict[str, Any]:
    return {"reference": loader.construct_sequence(node)}


_Loader.add_constructor("!reference", _reference)
PIPELINE: dict[str, Any] = yaml.load(FILE.read_text(), _Loader)


def job(name: str) -> dict[str, Any]:
    """A job with what it extends, the later before the earlier."""
    own = PIPELINE[name]
    extended = own.get("extends", [])
    out: dict[str, Any] = {}
    for each in [extended] if isinstance(extended, str) else extended:
        out |= job(each)
    return {**out, **own}


def lines(name: str, key: str) -> list[str]:
    """A job's lines, with what is referred to in their place."""
    out: list[str] = []
    for each in job(name).get(key, []):
        out += lines(*cast("Any", each)["reference"]) if isinstance(each, dict) else [each]
    return out


def jobs() -> list[str]:
    return [
        name for name, each in PIPELINE.items() if isinstance(each, dict) and name[0] != "." and "script" in job(name)
    ]


def test_gitlab_s_own_schema_takes_it() -> None:
    check = pypi.environment(pypi.CI) / "check-jsonschema"
    command = [str(check), "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", str(FILE)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("name", jobs())
def test_shellcheck_finds_nothing(name: str) -> None:
    script = "#!/bin/bash\n" + "\n".join([*lines(name, "before_script"), *lines(name, "script")]) + "\n"
    shellcheck = debian.program("shellcheck", "shellcheck")
    # 2154: what GitLab sets.
    command = [str(shellcheck.path), "--exclude=SC2154", "-"]
    ran = subprocess.run(command, input=script, env=shellcheck.env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_what_changes_a_stack_is_one_at_a_time_and_never_interrupted() -> None:
    assert PIPELINE["default"]["interruptible"] is False
    changing = {
        name for name in jobs() if any(word in "\n".join(lines(name, "script")) for word in (" up ", "promote"))
    }
    assert changing == {"up", "promote", "ephemeral-up"}
    assert {name: job(name)["resource_group"] for name in changing | {"ephemeral-down"}} == {
        "up": "modelport-stack-dev",
        "promote": "modelport-stack-prod",
        "ephemeral-up": "modelport-stack-pr-$CI_MERGE_REQUEST_IID",
        "ephemeral-down": "modelport-stack-pr-$CI_MERGE_REQUEST_IID",
    }
    assert {name for name in jobs() if job(name).get("interruptible")} == {"preview", "preview-of-a-fork"}


def test_a_fork_asks_for_no_token() -> None:
    fork = job("preview-of-a-fork")
    assert "id_tokens" not in fork and fork["variables"]["MODELPORT_FORK"] == "1"
    assert lines("preview-of-a-fork", "before_script")[:2] == lines(".install", "before_script")


def test_what_gitlab_s_client_does_not_know_is_told() -> None:
    notes = "/projects/5/merge_requests/7/notes"
    asked: list[tuple[str, str, str, Any, Any]] = [
        ("POST", notes, "", {"text": "plan"}, {"id": 1, "words": "plan"}),
        ("GET", notes, "per_page=100&newest=1", None, [{"id": 1}]),
        ("PATCH", f"{notes}/1", "", {"body": "plan"}, {}),
    ]
    keys = ("method", "path", "query", "body", "answer")
    assert wrong([dict(zip(keys, each, strict=True)) for each in asked]) == [
        f"POST {notes}: takes no text",
        f"POST {notes}: answers no words",
        f"GET {notes}: takes no newest",
        f"PATCH {notes}/1: no such operation",
    ]
