"""Where an operation's words go takes nothing, or not all: what is done does not depend on it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.conftest import Place

TWO = "from world import Thing\none = Thing('one', size=1)\nThing('two', after=one.serial)\nprint('fünf')\n"
MADE = ["one-1", "two-1"]

full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which is always full")


def run(place: Place, *more: str, out: int = subprocess.PIPE, **env: str) -> subprocess.CompletedProcess[str]:
    place.program(TWO)
    place.engine().init()
    return subprocess.run(
        [sys.executable, "-m", "engine", "up", "-s", "dev", "--yes", "--skip-preview", *more],
        cwd=place.project,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **env},
        stdout=out,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_event_log_that_cannot_be_written_is_refused_before_anything_is_done(place: Place) -> None:
    for log, why in ((place.root / "no" / "log", "No such file or directory"), (place.root, "Is a directory")):
        done = run(place, "--event-log", str(log))
        assert (done.returncode, done.stderr) == (1, f"error: --event-log {log}: cannot be written: {why}\n")
        place.engine().remove()
    assert place.things() == []


@full
def test_an_event_log_that_fills_its_disk_ends_and_the_operation_goes_on(place: Place) -> None:
    done = run(place, "--event-log", "/dev/full")
    assert done.returncode == 0
    assert "--event-log /dev/full: No space left on device; it ends here" in done.stderr
    assert place.things() == MADE


@full
def test_output_that_fills_its_disk_does_not_break_the_operation_off(place: Place) -> None:
    with Path("/dev/full").open("w") as out:
        done = run(place, out=out.fileno())
    assert done.returncode == 0
    assert "the output cannot be written: No space left on device" in done.stderr
    assert place.things() == MADE


def test_a_reader_that_went_away_does_not_break_the_operation_off(place: Place) -> None:
    read, write = os.pipe()
    os.close(read)
    done = run(place, out=write)
    os.close(write)
    assert done.returncode == 0
    assert "the output cannot be written: Broken pipe" in done.stderr
    assert place.things() == MADE


def test_what_a_terminal_cannot_show_is_shown_as_far_as_it_can(place: Place) -> None:
    place.program(TWO)
    place.engine().init()
    text = (
        "import sys; sys.stdout.reconfigure(encoding='ascii', errors='strict'); from engine.__main__ import main; "
        "sys.exit(main(['up', '-s', 'dev', '--yes', '--skip-preview']))"
    )
    done = subprocess.run([sys.executable, "-c", text], cwd=place.project, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "f?nf" in done.stdout
