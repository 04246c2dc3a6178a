"""One stack under both engines by turns. Needs the official CLI on PATH; a machine without it skips."""

import json
import os
import shutil
from typing import Any

import pytest

from automation.exits import Exit
from tests.automation.conftest import Project

TOOLS = ("pulumi", "pulumi-language-python", "pulumi-resource-pulumi-python")
MISSING = [tool for tool in TOOLS if not shutil.which(tool)]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not on PATH: {', '.join(MISSING)}, of the official Pulumi CLI")


@pytest.fixture
def both(project: Project) -> Project:
    """The project, with the official CLI on PATH again."""
    project.environment["PATH"] = os.environ["PATH"]
    return project


def summary(project: Project, engine: str, *arguments: str) -> dict[str, Any]:
    done = project.run(*arguments, "--engine", engine, "--yes", "--json")
    assert done.returncode == Exit.DONE, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["modelportEvent"]
    assert told["engine"] == engine
    return told


@pytest.mark.parametrize(("first", "second"), [("embedded", "pulumi"), ("pulumi", "embedded")])
def test_each_goes_on_where_the_other_ended(both: Project, first: str, second: str) -> None:
    before = (both.root / "Pulumi.dev.yaml").read_bytes()
    made = summary(both, first, "up")
    assert made["changes"] == {"create": 2}
    unchanged = summary(both, second, "up")
    assert unchanged["changes"] == {"same": 2}
    assert unchanged["outputs"] == made["outputs"]
    both.stack("dev", color="blue")
    assert summary(both, second, "up")["changes"] == {"same": 1, "update": 1}
    assert summary(both, first, "up")["changes"] == {"same": 2}
    assert summary(both, second, "destroy")["changes"] == {"delete": 2}
    both.stack("dev")
    assert (both.root / "Pulumi.dev.yaml").read_bytes() == before


def test_auto_takes_the_official_cli_where_it_is(both: Project) -> None:
    assert both.run("preview").stdout.startswith("Previewing update (dev) by the pulumi engine:\n")


@pytest.mark.parametrize("engine", ["embedded", "pulumi"])
def test_a_missed_gate_is_the_same_under_both(both: Project, engine: str) -> None:
    both.stack("dev", fail="modelport: gate missed: digits: accuracy is 0.91, expected at least 0.95; train longer")
    done = both.run("up", "--yes", "--engine", engine)
    assert done.returncode == Exit.GATE_MISSED
    assert done.stderr == "error: digits: accuracy is 0.91, expected at least 0.95; train longer\n"


@pytest.mark.parametrize("engine", ["embedded", "pulumi"])
def test_a_release_that_was_rolled_back_is_the_same_under_both(both: Project, engine: str) -> None:
    said = (
        "digits: version 3f9a1c2b4d5e was rolled back: success rate is 0.91 over 240 requests, expected at least 0.99"
    )
    both.stack("dev", fail=f"modelport: rolled back: {said}")
    done = both.run("up", "--yes", "--engine", engine)
    assert done.returncode == Exit.ROLLED_BACK
    assert done.stderr == f"error: {said}\n"


def test_a_lock_of_one_keeps_the_other_out(both: Project) -> None:
    import signal

    from tests.automation.conftest import wait_for

    both.stack("dev", wait=60)
    first = both.start("up", "--yes", "--engine", "embedded")
    assert first.stdout is not None and first.stderr is not None
    with first, first.stdout, first.stderr:
        wait_for(first, "half way")
        second = both.run("up", "--yes", "--engine", "pulumi")
        os.killpg(first.pid, signal.SIGKILL)
    assert second.returncode == Exit.LOCKED
    assert "the stack is currently locked by 1 lock(s)" in second.stderr
    assert "modelport cancel --stack dev" in second.stderr
    assert both.run("cancel", "--yes", "--engine", "pulumi").returncode == Exit.DONE


def test_an_interrupted_up_keeps_what_was_finished(both: Project) -> None:
    import signal

    from tests.automation.conftest import wait_for

    both.stack("dev", wait=3)
    process = both.start("up", "--yes", "--engine", "pulumi")
    assert process.stdout is not None and process.stderr is not None
    with process, process.stdout, process.stderr:
        wait_for(process, "half way")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == Exit.INTERRUPTED
    assert both.run("up", "--yes", "--engine", "embedded").returncode == Exit.DONE


def test_secrets_stay_hidden_under_the_official_cli_too(both: Project) -> None:
    up = both.run("up", "--yes", "--json", "--engine", "pulumi")
    said = up.stdout + up.stderr + both.run("stack", "export", "--engine", "pulumi").stdout
    assert "hunter2" not in said
    assert both.run("output", "word", "--show-secrets", "--engine", "pulumi").stdout == "hunter2-in-output\n"


@pytest.mark.parametrize("engine", ["embedded", "pulumi"])
def test_a_passphrase_file_that_is_not_there_is_bad_input(both: Project, engine: str) -> None:
    del both.environment["PULUMI_CONFIG_PASSPHRASE"]
    done = both.run("up", "--yes", "--engine", engine, env={"PULUMI_CONFIG_PASSPHRASE_FILE": "/nowhere"})
    assert done.returncode == Exit.BAD_INPUT
    assert done.stderr.startswith("error: PULUMI_CONFIG_PASSPHRASE_FILE is /nowhere, which cannot be read")


@pytest.mark.parametrize("engine", ["embedded", "pulumi"])
def test_a_wrong_passphrase_is_bad_input(both: Project, engine: str) -> None:
    summary(both, "embedded", "up")
    done = both.run("up", "--yes", "--engine", engine, env={"PULUMI_CONFIG_PASSPHRASE": "another"})
    assert done.returncode == Exit.BAD_INPUT
    assert "incorrect passphrase" in done.stderr
