"""Each exit code, brought about for real."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from automation.exits import Exit
from tests.automation.conftest import Project, wait_for

GATE = "modelport: gate missed: digits: accuracy is 0.91, expected at least 0.95; train longer"
INPUT = "modelport: bad input: model.onnx is no ONNX file, expected one; export it again"


def test_done(project: Project) -> None:
    assert project.run("up", "--yes").returncode == Exit.DONE


def test_a_provider_that_fails_is_told_in_one_line(project: Project) -> None:
    project.stack("dev", fail="port 80 is in use by nginx, expected a free port; stop it")
    done = project.run("up", "--yes")
    assert done.returncode == Exit.FAILED
    assert done.stderr == "error: port 80 is in use by nginx, expected a free port; stop it\n"
    assert "Traceback" not in done.stdout


def test_verbose_shows_the_traceback(project: Project) -> None:
    project.stack("dev", fail="no luck")
    assert "Traceback (most recent call last)" in project.run("up", "--yes", "-v").stdout


def test_a_missed_gate(project: Project) -> None:
    project.stack("dev", fail=GATE)
    done = project.run("up", "--yes")
    assert done.returncode == Exit.GATE_MISSED
    assert done.stderr == "error: digits: accuracy is 0.91, expected at least 0.95; train longer\n"


def test_a_release_that_was_rolled_back(project: Project) -> None:
    said = "digits: success rate is 0.91 over 240 requests, expected at least 0.99, at step 1 of 2 (weight 20)"
    project.stack("dev", fail=f"modelport: rolled back: {said}")
    done = project.run("up", "--yes")
    assert done.returncode == Exit.ROLLED_BACK
    assert done.stderr == f"error: {said}\n"


def test_bad_input_that_a_provider_finds(project: Project) -> None:
    project.stack("dev", fail=INPUT)
    assert project.run("up", "--yes").returncode == Exit.BAD_INPUT


def test_a_flag_that_does_not_exist(project: Project) -> None:
    assert project.run("up", "--yess").returncode == Exit.BAD_INPUT


def test_a_program_that_does_not_run(project: Project) -> None:
    (project.root / "__main__.py").write_text("raise ValueError('color is mauve, expected red; write red')\n")
    done = project.run("up", "--yes")
    assert done.returncode == Exit.FAILED
    assert "color is mauve, expected red; write red" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_question_that_nobody_can_answer(project: Project) -> None:
    done = project.run("up")
    assert done.returncode == Exit.BAD_INPUT
    assert done.stderr == (
        "error: up asks before it changes anything and this is not a terminal; add --yes to agree beforehand\n"
    )
    assert not (project.root.parent / "state").exists()


def test_a_wrong_passphrase(project: Project) -> None:
    project.run("up", "--yes")
    done = project.run("up", "--yes", env={"PULUMI_CONFIG_PASSPHRASE": "another"})
    assert done.returncode == Exit.BAD_INPUT
    assert "incorrect passphrase" in done.stderr


def test_a_project_file_that_makes_no_sense(project: Project) -> None:
    (project.root / "Pulumi.yaml").write_text("name: [\n")
    done = project.run("up", "--yes")
    assert done.returncode == Exit.BAD_INPUT
    assert done.stderr.startswith("error: Pulumi.yaml: ")


def test_an_engine_that_is_not_there(project: Project) -> None:
    done = project.run("up", "--yes", "--engine", "pulumi")
    assert done.returncode == Exit.MISSING
    assert done.stderr == (
        "error: pulumi is not on PATH, which --engine pulumi needs; install the Pulumi CLI or leave the flag out\n"
    )


@contextmanager
def running(project: Project, wait: int) -> "Iterator[subprocess.Popen[str]]":
    """An `up` that is in the middle of a step."""
    project.stack("dev", wait=wait)
    process = project.start("up", "--yes")
    assert process.stderr is not None and process.stdout is not None
    with process, process.stdout, process.stderr:
        wait_for(process, "half way")
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def test_a_second_operation_on_the_same_stack(project: Project) -> None:
    with running(project, 60) as first:
        second = project.run("up", "--yes")
        assert second.returncode == Exit.LOCKED
        assert "stack dev is locked, expected no other operation on it" in second.stderr
        assert f"process {first.pid}, since" in second.stderr
        assert "modelport cancel --stack dev" in second.stderr


def test_a_preview_does_not_mind_the_lock(project: Project) -> None:
    with running(project, 60):
        assert project.run("preview").returncode == Exit.DONE


def test_a_killed_operation_leaves_a_lock_that_cancel_takes_away(project: Project) -> None:
    with running(project, 60) as first:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    project.stack("dev")
    locked = project.run("up", "--yes")
    assert locked.returncode == Exit.LOCKED
    assert "which does not run any more" in locked.stderr
    assert project.run("cancel", "--yes").stdout == "stack dev: 1 lock released\n"
    assert project.run("up", "--yes").returncode == Exit.DONE


def test_cancel_asks_first(project: Project) -> None:
    assert project.run("cancel").returncode == Exit.BAD_INPUT


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_once_it_finishes_the_step_and_keeps_it(project: Project, number: signal.Signals) -> None:
    with running(project, 3) as process:
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == Exit.INTERRUPTED
    assert "interrupted: finishing the steps that run, once more stops at once" in said
    assert "::thing" in project.run("stack", "export").stdout
    assert project.run("up", "--yes").returncode == Exit.DONE


def test_interrupted_twice_it_stops_at_once(project: Project) -> None:
    with running(project, 600) as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "finishing the steps" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == Exit.INTERRUPTED
    assert project.run("stack", "ls").returncode == Exit.DONE
