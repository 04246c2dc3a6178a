"""What the command does with a stack, under the embedded engine, as a script sees it: no terminal."""

import json
from collections.abc import Callable
from typing import Any

from tests.automation.conftest import Project

SECRETS = ("hunter2-in-state", "hunter2-in-output")


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_up_makes_it_and_says_where_it_answers(project: Project) -> None:
    done = project.run("up", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "up of stack dev (embedded engine)"
    assert "     thing: convert: half way" in lines
    assert "  +  create             Resource thing" in lines
    assert "endpoint: http://127.0.0.1:1" in lines
    # as they stand, so that they can be pasted
    assert lines[-2:] == ["curl -s http://127.0.0.1:1/v2/health/ready", "curl -s 'two words'"]


def test_up_again_changes_nothing(project: Project) -> None:
    assert project.run("up", "--yes").returncode == 0
    again = project.run("up", "--yes", "--json")
    assert again.returncode == 0
    assert [event["event"] for event in events(again.stdout)] == ["summary"]
    assert events(again.stdout)[-1]["changes"] == {"same": 2}


def test_no_escape_codes_without_a_terminal(project: Project) -> None:
    assert "\x1b" not in project.run("up", "--yes").stdout


def test_preview_changes_nothing(project: Project) -> None:
    planned = project.run("preview")
    assert planned.returncode == 0
    assert "preview: 2 to create" in planned.stdout
    assert project.run("output").stderr == "error: stack dev was never brought up; run modelport up -s dev\n"


def test_a_change_is_an_update_and_names_what_differs(project: Project) -> None:
    project.run("up", "--yes")
    project.stack("dev", color="blue")
    changed = events(project.run("up", "--yes", "--json").stdout)
    steps = [event for event in changed if event["event"] == "step" and event["state"] == "ended"]
    things = [step for step in steps if not step["type"].startswith("pulumi:providers:")]
    assert [(step["op"], step["name"], step["keys"]) for step in things] == [("update", "thing", ["color"])]


def test_destroy_takes_everything_away(project: Project) -> None:
    project.run("up", "--yes")
    done = project.run("destroy", "--yes")
    assert done.returncode == 0
    assert "destroy: 2 deleted" in done.stdout
    exported = json.loads(project.run("stack", "export").stdout)
    assert exported["deployment"].get("resources") in (None, [])


def test_refresh_reads_without_changing(project: Project) -> None:
    project.run("up", "--yes")
    done = project.run("refresh", "--yes", "--json")
    assert done.returncode == 0
    assert events(done.stdout)[-1]["result"] == "done"


def test_secrets_are_masked_unless_asked_for(project: Project) -> None:
    up = project.run("up", "--yes", "--json")
    shown = project.run("output", "word", "--show-secrets").stdout.strip()
    assert shown == "hunter2-in-output"
    everything = [up, project.run("output"), project.run("output", "--json"), project.run("stack", "export")]
    everything += [project.run("preview", "--json"), project.run("refresh", "--yes", "-v")]
    said = "".join(done.stdout + done.stderr for done in everything)
    assert [secret for secret in SECRETS if secret in said] == []
    assert project.run("output", "word").stdout.strip() == "[secret]"


def test_a_secret_of_the_stack_file_is_masked_in_what_a_provider_prints(project: Project) -> None:
    project.run("--engine", "embedded", "stack", "init", "dev")
    project.run("--engine", "embedded", "config", "set", "color", "mauve-secret", "--secret", "--stack", "dev")
    done = project.run("up", "--yes", "-v")
    assert done.returncode == 0
    assert "     thing: convert: the color is [secret]" in done.stdout.splitlines()
    assert "mauve-secret" not in done.stdout + done.stderr


def test_an_output_by_name_is_bare(project: Project) -> None:
    project.run("up", "--yes")
    assert project.run("output", "endpoint").stdout == "http://127.0.0.1:1\n"
    assert json.loads(project.run("output", "try").stdout)[0].startswith("curl ")


def test_an_output_that_is_not_there_is_refused_with_those_that_are(project: Project) -> None:
    project.run("up", "--yes")
    done = project.run("output", "endpiont")
    assert done.returncode == 2
    assert done.stderr == (
        "error: stack dev has no output 'endpiont', did you mean 'endpoint'? there are: count, endpoint, try, word\n"
    )


def test_the_json_of_an_operation_keeps_its_shape(project: Project) -> None:
    told = events(project.run("up", "--yes", "--json").stdout)
    keys = {
        "step": {"event", "state", "op", "type", "name", "urn", "keys"},
        "progress": {"event", "subject", "step", "text"},
        "message": {"event", "severity", "text", "urn"},
        "summary": {
            "event", "schema", "operation", "stack", "engine", "result", "exit_code", "changes", "seconds", "outputs",
            "errors",
        },
    }  # fmt: skip
    assert [event for event in told if set(event) != keys[event["event"]]] == []
    last = told[-1]
    assert {key: last[key] for key in ("event", "schema", "operation", "stack", "engine", "result", "exit_code")} == {
        "event": "summary",
        "schema": 1,
        "operation": "up",
        "stack": "dev",
        "engine": "embedded",
        "result": "done",
        "exit_code": 0,
    }
    assert last["changes"] == {"create": 2}
    assert last["outputs"] == {
        "endpoint": "http://127.0.0.1:1",
        "count": 1,
        "word": "[secret]",
        "try": ["curl -s http://127.0.0.1:1/v2/health/ready", "curl -s 'two words'"],
    }


def test_a_refusal_has_the_same_keys_as_a_summary(project: Project) -> None:
    done = project.run("up", "--yes", "--json", "--stack", "nowhere")
    told = events(done.stdout)
    assert done.returncode == told[0]["exit_code"] == 2
    assert told[0]["result"] == "refused"
    summary = events(project.run("up", "--yes", "--json").stdout)[-1]
    assert set(told[0]) == set(summary)


def test_the_work_tree_stays_clean(project: Project) -> None:
    before = {path: path.read_bytes() for path in project.root.iterdir() if path.is_file()}
    assert project.run("up", "--yes").returncode == 0
    assert project.run("destroy", "--yes").returncode == 0
    assert {path: path.read_bytes() for path in project.root.iterdir() if path.is_file()} == before


def test_a_reader_that_goes_away_ends_nothing(project: Project) -> None:
    started = project.start("up", "--yes")
    assert started.stdout is not None
    started.stdout.readline()
    started.stdout.close()
    assert started.stderr is not None
    with started, started.stderr:
        assert started.wait(60) == 0
    assert project.run("output", "count").stdout.strip() == "1"


def test_stacks_are_listed_with_what_there_is_of_them(make_project: Callable[[], Project]) -> None:
    project = make_project()
    project.stack("dev")
    project.stack("prod")
    project.run("up", "--yes", "-s", "dev")
    assert json.loads(project.run("stack", "ls", "--json").stdout) == [
        {"name": "dev", "file": True, "state": True},
        {"name": "prod", "file": True, "state": False},
    ]


def test_the_folder_and_the_engine_may_stand_before_the_command(project: Project, tmp_path: Any) -> None:
    import subprocess

    done = subprocess.run(
        project.command("-C", str(project.root), "--engine", "embedded", "preview"),
        cwd=tmp_path,
        env=project.environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_passphrase_that_was_made_up_is_handed_on_once(make_project: Callable[[], Project]) -> None:
    project = make_project()
    project.stack("local")
    del project.environment["PULUMI_CONFIG_PASSPHRASE"]
    kept = project.root.parent / "state" / "passphrase"
    first = project.run("up", "--yes")
    backend = project.root.parent / "state" / "backend"
    assert f"export PULUMI_BACKEND_URL=file://{backend} PULUMI_CONFIG_PASSPHRASE_FILE={kept}" in first.stdout
    assert kept.read_text().strip() not in first.stdout + first.stderr
    assert kept.stat().st_mode & 0o777 == 0o600
    assert str(kept) not in project.run("up", "--yes").stdout
