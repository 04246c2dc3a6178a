"""Signals that ask an operation to stop, at each of its phases."""

import signal
import subprocess
import sys
import time

import pytest

from engine.api import Engine
from tests.engine.conftest import Place
from tests.engine.test_killed import chain, gone

RUN = ("up", "-s", "dev", "--yes", "--skip-preview")
STOPPING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def clean(place: Place) -> bool:
    """Whether no process, no lock and no journal is left."""
    left = [*(place.backend / ".pulumi" / "locks").rglob("*.json"), *place.journal.parent.glob("*")]
    return gone(f"CASE_WORLD={place.world}") and left == []


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_during_a_step_finishes_it_and_stops(place: Place, number: signal.Signals) -> None:
    chain(place)
    place.engine().init()
    place.tell("create", "link2", "hang")
    process = place.start(*RUN)
    place.hanging(process)
    process.send_signal(number)
    out, _ = process.communicate()
    assert process.returncode == 1
    assert "update canceled" in out
    assert place.things() == ["link1-1", "link2-1"]
    assert clean(place)


@pytest.mark.parametrize("verb", ["up", "preview"])
@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_while_the_program_thinks_stops_it_at_once(place: Place, number: signal.Signals, verb: str) -> None:
    started = place.world / "started"
    place.program(f"import pathlib, time\npathlib.Path({str(started)!r}).touch()\ntime.sleep(600)\n")
    place.engine().init()
    process = place.start(*RUN) if verb == "up" else place.start("preview", "-s", "dev")
    while not started.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    out, _ = process.communicate()
    assert process.returncode == 1
    assert ("update" if verb == "up" else "preview") + " canceled" in out
    assert clean(place)


def test_what_nohup_ignores_stays_ignored(place: Place) -> None:
    chain(place)
    place.engine().init()
    place.tell("create", "link2", "hang")
    process = place.start(*RUN, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    place.hanging(process)
    process.send_signal(signal.SIGHUP)
    process.communicate()
    assert process.returncode == 0
    assert len(place.things()) == 10


def test_an_interrupt_is_heeded_even_where_a_script_started_it_in_the_background(place: Place) -> None:
    chain(place)
    place.engine().init()
    place.tell("create", "link2", "hang")
    process = place.start(*RUN, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    place.hanging(process)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 1
    assert place.things() == ["link1-1", "link2-1"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_between_the_lock_and_the_operation_gives_the_lock_back(place: Place, number: signal.Signals) -> None:
    place.engine().init()
    text = (
        "import os, sys\nfrom pathlib import Path\nfrom engine import signals\nfrom engine.api import Engine\n"
        f"signals.unwind()\nwith Engine(Path('.'), 'dev').stack.held():\n    os.kill(os.getpid(), {int(number)})\n"
    )
    done = subprocess.run([sys.executable, "-c", text], cwd=place.project, capture_output=True, text=True)
    assert "Stopped" in done.stderr
    assert clean(place)


def test_after_an_operation_the_handlers_are_those_of_before(place: Place) -> None:
    place.program("")

    def mine(number: int, frame: object) -> None:
        raise AssertionError((number, frame))

    before = {number: signal.signal(number, mine) for number in STOPPING}
    try:
        assert Engine(place.project, "dev").up().exit_code == 0
        assert [signal.getsignal(number) for number in STOPPING] == [mine] * 3
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_before_the_operation_begins_is_not_lost(place: Place, times: int) -> None:
    chain(place)
    engine = place.engine()
    engine.init()
    for _ in range(times):
        engine.interrupt()
    outcome = engine.up()
    assert (outcome.exit_code, outcome.error) == (1, "update canceled")
    assert place.things() == []
    assert clean(place)
    assert engine.up().exit_code == 0
    assert len(place.things()) == 10
