"""What the command does with a stack, under the embedded engine, as a script sees it: no terminal."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.automation.conftest import Project

SECRETS = ("hunter2-in-state", "hunter2-in-output")


def summary(text: str) -> dict[str, Any]:
    """Our own event, the last one of an operation."""
    told: dict[str, Any] = events(text)[-1]["modelportEvent"]
    return told


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_up_makes_it_and_says_where_it_answers(project: Project) -> None:
    done = project.run("up", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Updating (dev) by the embedded engine:"
    assert "     thing: convert: half way" in lines
    assert [line for line in lines if line.startswith(" +  pulumi-python:dynamic:Resource thing created (")]
    assert '    endpoint: "http://127.0.0.1:1"' in lines
    assert "    + 2 created" in lines
    # as they stand, so that they can be pasted
    assert lines[-2:] == ["curl -s http://127.0.0.1:1/v2/health/ready", "curl -s 'two words'"]


def test_up_again_changes_nothing(project: Project) -> None:
    assert project.run("up", "--yes").returncode == 0
    again = project.run("up", "--yes", "--json")
    assert again.returncode == 0
    steps = [
        event["resourcePreEvent"]["metadata"]["op"] for event in events(again.stdout) if "resourcePreEvent" in event
    ]
    assert set(steps) == {"same"}
    assert summary(again.stdout)["changes"] == {"same": 2}


def test_no_escape_codes_without_a_terminal(project: Project) -> None:
    assert "\x1b" not in project.run("up", "--yes").stdout


def test_preview_changes_nothing(project: Project) -> None:
    planned = project.run("preview")
    assert planned.returncode == 0
    assert "    + 2 to create" in planned.stdout.splitlines()
    assert project.run("output").stderr == "error: stack dev was never brought up; run modelport up -s dev\n"


def test_a_change_is_an_update_and_names_what_differs(project: Project) -> None:
    project.run("up", "--yes")
    project.stack("dev", color="blue")
    changed = events(project.run("up", "--yes", "--json").stdout)
    steps = [event["resOutputsEvent"]["metadata"] for event in changed if "resOutputsEvent" in event]
    told = [(step["op"], step["urn"].rpartition("::")[2], step["diffs"]) for step in steps if step["op"] != "same"]
    assert told == [("update", "thing", ["color"])]


def test_destroy_takes_everything_away(project: Project) -> None:
    project.run("up", "--yes")
    done = project.run("destroy", "--yes")
    assert done.returncode == 0
    assert "    - 2 deleted" in done.stdout.splitlines()
    exported = json.loads(project.run("stack", "export").stdout)
    assert exported["deployment"].get("resources") in (None, [])


def test_refresh_reads_without_changing(project: Project) -> None:
    project.run("up", "--yes")
    done = project.run("refresh", "--yes", "--json")
    assert done.returncode == 0
    assert summary(done.stdout)["result"] == "done"


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
    official = {
        "preludeEvent", "diagnosticEvent", "resourcePreEvent", "resOutputsEvent", "summaryEvent", "cancelEvent",
        "sequence", "timestamp",
    }  # fmt: skip
    assert [event for event in told[:-1] if set(event) - official] == []
    assert [event["summaryEvent"]["resourceChanges"] for event in told if "summaryEvent" in event] == [{"create": 2}]
    last = told[-1]["modelportEvent"]
    assert set(last) == {
        "schema", "operation", "stack", "engine", "result", "exit_code", "changes", "seconds", "outputs", "errors"
    }  # fmt: skip
    assert {key: last[key] for key in ("schema", "operation", "stack", "engine", "result", "exit_code")} == {
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


def test_a_preview_as_json_is_one_document_with_ours_in_it(project: Project) -> None:
    told = json.loads(project.run("preview", "--json").stdout)
    assert set(told) == {"steps", "duration", "changeSummary", "modelport"}
    assert told["changeSummary"] == {"create": 2}
    assert [step["op"] for step in told["steps"]] == ["create", "create"]
    assert told["modelport"]["result"] == "done"


def test_the_full_difference(project: Project) -> None:
    project.run("up", "--yes")
    project.stack("dev", color="blue")
    shown = project.run("preview", "--diff").stdout.splitlines()
    assert '      ~ color: "red" => "blue"' in shown


def test_the_events_can_be_kept_in_a_file(project: Project) -> None:
    project.run("up", "--yes", "--event-log", "events.jsonl")
    kept = events((project.root / "events.jsonl").read_text())
    assert [event["summaryEvent"]["resourceChanges"] for event in kept if "summaryEvent" in event] == [{"create": 2}]


def test_a_refusal_has_the_same_keys_as_a_summary(project: Project) -> None:
    done = project.run("up", "--yes", "--json", "--stack", "nowhere")
    told = summary(done.stdout)
    assert done.returncode == told["exit_code"] == 2
    assert told["result"] == "refused"
    assert set(told) == set(summary(project.run("up", "--yes", "--json").stdout))


def test_a_resource_is_named_by_its_name_alone(project: Project) -> None:
    project.stack("dev", things="one,two,three")
    project.run("up", "--yes")
    assert summary(project.run("up", "--yes", "--json", "--replace", "t*").stdout)["changes"] == {
        "replace": 2,
        "same": 2,
    }
    gone = project.run("destroy", "--yes", "--target", "onne")
    assert (gone.returncode, gone.stdout) == (2, "")
    assert gone.stderr == "error: --target onne: no resource of the stack has this name, did you mean one?\n"


def test_the_verbs_of_the_official_cli(project: Project) -> None:
    assert project.run("stack", "init", "qa").stdout == "Created stack 'qa'\n"
    assert project.run("config", "set", "color", "blue", "-s", "qa").returncode == 0
    assert project.run("config", "get", "color", "-s", "qa").stdout == "blue\n"
    assert project.run("config", "get", "colour", "-s", "qa").returncode == 2
    assert project.run("stack", "rename", "prod", "-s", "qa").stdout == "Renamed qa to prod\n"
    assert (project.root / "Pulumi.prod.yaml").exists()
    project.run("up", "--yes", "-s", "prod")
    refused = project.run("stack", "rm", "prod", "--yes")
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (
        1,
        "error: 'prod' still has resources; removal rejected. Possible actions:",
    )
    assert project.run("state", "delete", "thing", "--yes", "-s", "prod").stdout == "Resource deleted\n"
    assert project.run("stack", "rm", "prod", "--yes", "--force").stdout == "Stack 'prod' has been removed!\n"
    assert not (project.root / "Pulumi.prod.yaml").exists()


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


def test_a_state_is_exported_into_a_file_of_its_owners(project: Project) -> None:
    project.run("up", "--yes")
    assert project.run("stack", "export", "--file", "state.json").stdout == ""
    file = project.root / "state.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text()) == json.loads(project.run("stack", "export").stdout)
    refused = project.run("stack", "export", "--file", "nowhere/state.json")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: --file nowhere/state.json cannot be written: No such file or directory")


PACK = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def look(args, report):
    if args.props.get("color") == "red":
        report("color is red, expected another; write color: blue")


PolicyPack("house", [
    ResourceValidationPolicy("no-red", "Nothing is red", look, EnforcementLevel.LEVEL),
])
"""


@pytest.mark.parametrize(("level", "code"), [("MANDATORY", 1), ("ADVISORY", 0)])
def test_a_policy_that_stops_an_operation_is_the_reason_of_its_end(project: Project, level: str, code: int) -> None:
    pack = project.root / "pack"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (pack / "__main__.py").write_text(PACK.replace("LEVEL", level))
    done = project.run("preview", "--policy-pack", "pack")
    assert done.returncode == code
    said = "error: policy no-red of thing: color is red, expected another; write color: blue\n"
    assert done.stderr == (said if code else "")
