"""What a person sees and types: the command behind a pseudo-terminal."""

import json

import pytest

from automation.exits import Exit
from tests.automation.conftest import Project
from tests.automation.terminal import Terminal


def resources(project: Project) -> int:
    exported = project.run("stack", "export")
    return len(json.loads(exported.stdout)["deployment"].get("resources") or []) if exported.returncode == 0 else 0


def test_up_shows_asks_and_does(project: Project) -> None:
    with Terminal(project, "up") as screen:
        screen.until("make these changes? [y/N]")
        assert "+ 2 to create" in screen.text
        assert resources(project) == 0
        screen.press("y\n")
        assert screen.end() == Exit.DONE
    assert "+ 2 created" in screen.text
    assert resources(project) == 3


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_anything_but_yes_does_nothing(project: Project, answer: str) -> None:
    with Terminal(project, "up") as screen:
        screen.until("[y/N]")
        screen.press(answer)
        assert screen.end() == Exit.DONE
    assert "nothing was done" in screen.text
    assert resources(project) == 0


def test_ctrl_c_at_the_question_does_nothing(project: Project) -> None:
    with Terminal(project, "up") as screen:
        screen.asks("[y/N]")
        screen.press("\x03")
        assert screen.end() == Exit.INTERRUPTED
    assert resources(project) == 0


def test_nothing_is_asked_where_nothing_changes(project: Project) -> None:
    project.run("up", "--yes")
    with Terminal(project, "up") as screen:
        assert screen.end() == Exit.DONE
    assert "[y/N]" not in screen.text


def test_destroy_names_what_would_go_before_it_asks(project: Project) -> None:
    project.run("up", "--yes")
    with Terminal(project, "destroy") as screen:
        screen.until("delete these resources? [y/N]")
        assert " -   └─ pulumi-python:dynamic:Resource  thing     delete" in screen.text
        screen.press("y\n")
        assert screen.end() == Exit.DONE
    assert resources(project) == 0


def test_a_long_step_is_shown_while_it_runs_with_a_clock(project: Project) -> None:
    project.stack("dev", wait=4)
    with Terminal(project, "up", "--yes") as screen:
        screen.until("thing     creating (1s)")
        assert "created (" not in screen.text
        screen.until("creating (2s)")
        assert screen.end() == Exit.DONE
    assert " +   └─ pulumi-python:dynamic:Resource  thing     created (4s)" in screen.text
    assert "thing: convert: half way" in screen.text
    assert "\x1b[32m" in screen.raw, "what is created is green"
    assert screen.raw.rstrip().endswith("'two words'")


def test_a_narrow_terminal_cuts_the_rows_and_wraps_nothing(project: Project) -> None:
    with Terminal(project, "up", "--yes", columns=40) as screen:
        assert screen.end() == Exit.DONE
    tree = [line for line in screen.text.splitlines() if "dynamic:Resource" in line and "└─" in line]
    assert tree
    assert max(len(line) for line in tree) <= 40


def test_plain_lines_where_drawing_is_not_wanted(project: Project) -> None:
    with Terminal(project, "up", "--yes", env={"TERM": "dumb"}) as screen:
        assert screen.end() == Exit.DONE
    assert "\x1b" not in screen.raw


@pytest.mark.parametrize(("env", "flags"), [({"NO_COLOR": "1"}, []), ({}, ["--color", "never"])])
def test_no_colour_where_none_is_wanted(project: Project, env: dict[str, str], flags: list[str]) -> None:
    with Terminal(project, "up", "--yes", *flags, env=env) as screen:
        assert screen.end() == Exit.DONE
    assert "\x1b[3" not in screen.raw
    assert "created" in screen.text


def test_ctrl_c_finishes_the_step_and_gives_the_terminal_back(project: Project) -> None:
    project.stack("dev", wait=2)
    with Terminal(project, "up", "--yes") as screen:
        screen.until("half way")
        screen.press("\x03")
        assert screen.end() == Exit.INTERRUPTED
    assert "finishing the steps that run" in screen.text
    assert " +   └─ pulumi-python:dynamic:Resource  thing     created (" in screen.text
    assert screen.raw.rfind("\x1b[?25h") > screen.raw.rfind("\x1b[?25l"), "the cursor is shown again"
    assert resources(project) >= 1
