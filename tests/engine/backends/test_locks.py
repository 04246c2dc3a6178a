"""Two operations at the same time on one stack: one works, the other is told by whom it is held."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.errors import StackLocked
from tests.engine.backends.conftest import Cloud
from tests.engine.conftest import Place

HANG = "from world import Thing\nThing('one', size=1)\n"


def _race(place: Place) -> None:
    """Eight that want the stack at once: while one has it nobody else does."""
    from engine.locks import hold

    place.program(HANG)
    place.engine().init()
    stack = place.engine().stack
    inside: list[int] = []
    most: list[int] = []

    def try_it(number: int) -> str:
        try:
            with hold(stack.backend, "place", "dev"):
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)
                return "held"
        except StackLocked:
            return "refused"

    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            results = list(pool.map(try_it, range(8)))
            assert set(results) <= {"held", "refused"}
    assert max(most, default=1) == 1
    assert stack.backend.locks("place", "dev") == {}, "whoever was refused left no lock"


def test_a_race_for_a_stack_in_a_folder(place: Place) -> None:
    _race(place)


def test_a_race_for_a_stack_in_a_bucket(cloud: Cloud) -> None:
    _race(cloud.place)


def _second(place: Place) -> None:
    """Another process wants the stack while this one holds it, and then again when it is free."""
    place.program(HANG)
    place.engine().init()
    with place.engine().stack.held():
        second = place.start("up", "--stack", "dev", "--yes", "--skip-preview")
        out, err = second.communicate()
    assert second.returncode == 1
    assert "error: the stack is currently locked by 1 lock(s)" in err
    assert f"(pid {os.getpid()})" in err
    assert "create" not in out
    assert place.things() == []
    assert place.up().outcome.exit_code == 0


def test_the_second_up_is_refused(place: Place) -> None:
    _second(place)


def test_the_second_up_in_a_bucket_is_refused(cloud: Cloud) -> None:
    _second(cloud.place)
    assert cloud.lying(".pulumi/locks") == []


def test_a_lock_left_by_a_kill_says_that_nobody_is_there(place: Place) -> None:
    place.program(HANG)
    place.engine().init()
    place.tell("create", "one", "hang")
    first = place.start("up", "--stack", "dev", "--yes", "--skip-preview")
    place.hanging(first)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    place.untell("create", "one")
    with pytest.raises(StackLocked, match="no such process runs on this host any more") as caught:
        place.up()
    assert caught.value.holders[0].alive is False
    assert place.engine().cancel() == 1
    assert place.engine().cancel() == 0
    assert place.up().outcome.exit_code == 0


def test_a_lock_that_cannot_be_read_still_holds(place: Place) -> None:
    place.program(HANG)
    place.engine().init()
    folder = place.backend / ".pulumi" / "locks" / "organization" / "place" / "dev"
    folder.mkdir(parents=True)
    (folder / "torn.json").write_text('{"pid": ')
    with pytest.raises(StackLocked, match=r"torn\.json"):
        place.up()
    (folder / "torn.json").write_text(json.dumps({"pid": "many", "hostname": 3}))
    with pytest.raises(StackLocked):
        place.up()
    assert place.engine().cancel() == 1
