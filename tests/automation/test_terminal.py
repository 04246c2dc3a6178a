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
        assert "preview: 2 to create" in screen.text
        assert resources(project) == 0
        screen.press("y\n")
        assert screen.end() == Exit.DONE
    assert "up: 2 created" in screen.text
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
        screen.until("[y/N]")
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
        assert "Resource thing" in screen.text
        screen.press("y\n")
        assert screen.end() == Exit.DONE
    assert resources(project) == 0


def test_a_long_step_is_shown_while_it_runs_with_a_clock(project: Project) -> None:
    project.stack("dev", wait=4)
    with Terminal(project, "up", "--yes") as screen:
        screen.until("create Resource thing: convert 0:00:0")
        assert "  +  create             Resource thing" not in screen.text
        screen.until("create Resource thing: convert 0:00:02")
        assert screen.end() == Exit.DONE
    assert "  +  create             Resource thing" in screen.text
    assert "\x1b[32m" in screen.raw, "what is created is green"
    assert screen.raw.rstrip().endswith("'two words'")


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_plain_lines_where_drawing_is_not_wanted(project: Project, env: dict[str, str]) -> None:
    with Terminal(project, "up", "--yes", env=env) as screen:
        assert screen.end() == Exit.DONE
    assert "\x1b" not in screen.raw


def test_ctrl_c_finishes_the_step_and_gives_the_terminal_back(project: Project) -> None:
    project.stack("dev", wait=2)
    with Terminal(project, "up", "--yes") as screen:
        screen.until("half way")
        screen.press("\x03")
        assert screen.end() == Exit.INTERRUPTED
    assert "finishing the steps that run" in screen.text
    assert "  +  create             Resource thing" in screen.text
    assert screen.raw.rfind("\x1b[?25h") > screen.raw.rfind("\x1b[?25l"), "the cursor is shown again"
    assert resources(project) >= 1
