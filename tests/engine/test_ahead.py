"""A program's process that was started before there was an operation is the one that runs, or ends unused."""

import os
import signal

import pytest

from engine import ahead
from engine.errors import DamagedState
from tests.engine.conftest import Place

WHO = "import os, sys\nprint('I am', os.getpid())\nprint('warned', file=sys.stderr)\n"


def gone(pid: int) -> bool:
    """Whether there is no such process, not even one that has ended and that nobody has asked how."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def waiting(place: Place) -> ahead.Waiting:
    """The process that now waits for the program."""
    project = place.engine().stack.project
    before = ahead.take(project.python(), project.program[0])
    assert before is None
    ahead.start(project.python(), project.program[0])
    found = ahead.take(project.python(), project.program[0])
    assert found is not None
    ahead._waiting.append(found)
    return found


def test_it_runs_the_program_and_what_it_prints_is_heard(place: Place) -> None:
    place.program(WHO)
    pid = waiting(place).process.pid
    told = place.up()
    assert told.outcome.exit_code == 0
    assert told.said("info") == [f"I am {pid}"]
    assert "warned" in told.said("info#err")
    assert gone(pid)
    assert not ahead._waiting


def test_how_the_program_ends_is_told_as_ever(place: Place) -> None:
    place.program("import os\nos.kill(os.getpid(), 9)\n")
    waiting(place)
    outcome = place.engine().up()
    assert (outcome.exit_code, outcome.error) == (
        1,
        "an unhandled error occurred: program exited with non-zero exit code: -1",
    )


def test_one_that_has_died_meanwhile_is_not_taken(place: Place) -> None:
    place.program(WHO)
    dead = waiting(place).process
    os.kill(dead.pid, signal.SIGKILL)
    dead.wait()
    told = place.up()
    assert told.outcome.exit_code == 0
    assert told.said("info") != [f"I am {dead.pid}"]


def test_one_for_another_folder_or_interpreter_is_left_alone(place: Place) -> None:
    place.program(WHO)
    other = place.project / "other"
    other.mkdir()
    project = place.engine().stack.project
    ahead.start(project.python(), other)
    assert ahead.take(project.python(), project.program[0]) is None
    ahead.drop()
    assert ahead.take(project.python(), other) is None


def test_one_that_nobody_takes_ends(place: Place) -> None:
    pid = waiting(place).process.pid
    ahead.drop()
    assert gone(pid)
    ahead.drop()


def test_one_that_waits_already_is_enough(place: Place) -> None:
    pid = waiting(place).process.pid
    project = place.engine().stack.project
    with ahead.started(project.python(), project.program[0]):
        pass
    assert [each.process.pid for each in ahead._waiting] == [pid]
    ahead.drop()


def test_one_ends_with_what_it_was_to_come_after(place: Place) -> None:
    project = place.engine().stack.project
    pids: list[int] = []
    with pytest.raises(DamagedState), ahead.started(project.python(), project.program[0]):
        pids += [each.process.pid for each in ahead._waiting]
        raise DamagedState("the state is damaged")
    assert len(pids) == 1
    assert gone(pids[0])
    assert not ahead._waiting


def test_a_state_that_cannot_be_read_leaves_no_process_behind(place: Place) -> None:
    place.program(WHO)
    assert place.up().outcome.exit_code == 0
    place.state.write_bytes(b"{")
    with pytest.raises(DamagedState):
        place.engine().preview()
    assert not ahead._waiting


def test_an_interpreter_that_is_not_there_is_told_when_it_is_needed(place: Place) -> None:
    ahead.start(str(place.project / "none"), place.project)
    assert ahead.take(str(place.project / "none"), place.project) is None
