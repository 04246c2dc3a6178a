"""The engine is killed, interrupted or locked out: nothing that was made is lost, and nothing runs on."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from engine.errors import BackendError, StackLocked
from tests.engine.conftest import Place, Told, template

CHAIN = """
from world import Thing

last = None
for n in range(1, 11):
    last = Thing(f"link{n}", after=last.serial if last else "nothing", round=ROUND)
"""


def chain(place: Place, round_: int = 1) -> None:
    place.program(CHAIN.replace("ROUND", str(round_)))


def children(mark: str) -> list[int]:
    """Processes that have this in their environment, as every child of the engine in a test has."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdigit() or template(int(entry.name)):
                continue
            if mark.encode() in (entry / "environ").read_bytes():
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if state not in ("Z", "X") and int(entry.name) != os.getpid():
                    found.append(int(entry.name))
        except OSError:
            continue
    return found


def gone(mark: str) -> bool:
    """Whether every such process has ended; a killed one takes a moment."""
    for _ in range(250):
        if not children(mark):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("at", [1, 4, 10])
def test_a_kill_during_a_create_loses_nothing_and_the_next_up_goes_on(place: Place, at: int) -> None:
    chain(place)
    place.engine().init()
    place.tell("create", f"link{at}", "hang")
    process = place.start("up", "-s", "dev", "--yes", "--skip-preview")
    place.hanging(process)
    process.kill()
    process.communicate()
    assert gone(f"CASE_WORLD={place.world}")

    latest = place.engine().export()["deployment"]
    made = [r["id"] for r in latest["resources"] if r["urn"].rpartition("::")[2].startswith("link")]
    assert made == [f"link{n}-1" for n in range(1, at)]
    pending = [(op["type"], op["resource"]["urn"].rpartition("::")[2]) for op in latest["pending_operations"]]
    assert pending == [("creating", f"link{at}")]
    assert not place.journal.exists()

    place.untell("create", f"link{at}")
    assert place.engine().cancel() == 1
    told = place.up()
    assert told.outcome.exit_code == 0
    assert f"link{at}, interrupted while creating" in told.said("warning")[0]
    assert place.things() == sorted(f"link{n}-1" for n in range(1, 11))
    again = place.up()
    assert again.ops() == []


@pytest.mark.parametrize("at", [2, 9])
def test_a_kill_during_an_update_keeps_what_had_been_updated(place: Place, at: int) -> None:
    chain(place)
    place.up()
    chain(place, 2)
    place.tell("update", f"link{at}", "hang")
    process = place.start("up", "-s", "dev", "--yes", "--skip-preview")
    place.hanging(process)
    process.kill()
    process.communicate()
    assert gone(f"CASE_WORLD={place.world}")
    place.untell("update", f"link{at}")
    place.engine().cancel()
    told = place.up()
    assert told.outcome.exit_code == 0
    assert told.ops() == [f"update link{n}" for n in range(at, 11)]
    assert {json.loads(f.read_text())["revision"] for f in (place.world / "things").glob("*.json")} == {2.0}


def test_a_kill_during_a_delete_leaves_the_rest_to_the_next_destroy(place: Place) -> None:
    chain(place)
    place.up()
    place.tell("delete", "link5", "hang")
    process = place.start("destroy", "-s", "dev", "--yes", "--skip-preview")
    place.hanging(process)
    process.kill()
    process.communicate()
    assert [n for n in place.urns() if n.startswith("link")] == [f"link{n}" for n in range(1, 11)]
    place.untell("delete", "link5")
    place.engine().cancel()
    told = Told()
    outcome = place.engine().destroy(None, told.events.append)
    assert outcome.exit_code == 0
    assert told.ops()[:5] == [f"delete link{n}" for n in (5, 4, 3, 2, 1)]
    assert place.things() == []


def test_no_secret_lies_in_plain_text_anywhere_not_even_after_a_kill(place: Place) -> None:
    place.program(
        "import pulumi\nfrom world import Thing\n"
        "a = Thing('a', code=pulumi.Output.secret('swordfish-1'), after='-')\n"
        "b = Thing('b', code=pulumi.Output.secret('swordfish-2'), after=a.serial)\n"
        "pulumi.export('code', pulumi.Output.secret('swordfish-3'))\n"
    )
    place.engine().init()
    place.tell("create", "b", "hang")
    log = place.root / "events.jsonl"
    process = place.start("up", "-s", "dev", "--yes", "--skip-preview", "--event-log", str(log))
    place.hanging(process)
    process.kill()
    process.communicate()
    assert place.journal.exists()
    files = [log, *(file for file in place.backend.rglob("*") if file.is_file())]
    assert [file for file in files if b"swordfish" in file.read_bytes()] == []


def test_a_second_up_is_told_who_holds_the_stack(place: Place) -> None:
    chain(place)
    place.engine().init()
    place.tell("create", "link1", "hang")
    process = place.start("up", "-s", "dev", "--yes", "--skip-preview")
    place.hanging(process)
    before = place.state.read_bytes()
    with pytest.raises(StackLocked) as caught:
        place.up()
    holder = caught.value.holders[0]
    assert (holder.pid, holder.alive) == (process.pid, True)
    assert f"(pid {process.pid})" in str(caught.value)
    assert caught.value.hint == ""
    assert place.state.read_bytes() == before

    process.kill()
    process.communicate()
    with pytest.raises(StackLocked) as caught:
        place.up()
    assert "modelport cancel --stack dev" in str(caught.value)
    assert caught.value.holders[0].alive is False


def test_an_export_sees_what_a_running_operation_has_done_so_far(place: Place) -> None:
    chain(place)
    place.engine().init()
    place.tell("create", "link3", "hang")
    process = place.start("up", "-s", "dev", "--yes", "--skip-preview")
    place.hanging(process)
    before = place.state.read_bytes()
    latest = place.engine().export()["deployment"]
    assert [r["id"] for r in latest["resources"] if "serial" in r.get("outputs", ())] == ["link1-1", "link2-1"]
    assert [(op["type"], op["resource"]["urn"].rpartition("::")[2]) for op in latest["pending_operations"]] == [
        ("creating", "link3")
    ]
    assert place.state.read_bytes() == before
    process.kill()
    process.communicate()


def test_a_stack_whose_operation_lost_its_lock_and_runs_on_is_not_worked_on_twice(place: Place) -> None:
    chain(place)
    place.engine().init()
    place.tell("create", "link2", "hang")
    process = place.start("up", "-s", "dev", "--yes", "--skip-preview")
    place.hanging(process)
    assert place.engine().cancel() == 1
    with pytest.raises(BackendError, match=f"the operation of process {process.pid} still runs"):
        place.up()
    process.communicate()
    assert process.returncode == 0
    assert place.things() == sorted(f"link{n}-1" for n in range(1, 11))
    assert place.up().ops() == []


def test_one_interrupt_finishes_what_runs_and_two_stop_at_once(place: Place) -> None:
    chain(place)
    place.engine().init()
    place.tell("create", "link3", "hang")
    process = place.start("up", "-s", "dev", "--yes", "--skip-preview", "--json")
    place.hanging(process)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate()
    assert process.returncode == 1
    assert "update canceled" in out
    assert place.things() == ["link1-1", "link2-1", "link3-1"]

    place.tell("create", "link4", "hang")
    process = place.start("up", "-s", "dev", "--yes", "--skip-preview", "--json")
    place.hanging(process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)  # two signals at once are one
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 1
    process.communicate()
    assert place.things() == ["link1-1", "link2-1", "link3-1"]
    latest = place.engine().export()["deployment"]
    assert [op["type"] for op in latest["pending_operations"]] == ["creating"]
    assert gone(f"CASE_WORLD={place.world}")
    assert not list((place.backend / ".pulumi" / "locks").rglob("*.json"))


def test_children_end_with_an_engine_that_is_killed_while_they_start(place: Place) -> None:
    place.program("import time\ntime.sleep(600)\n")
    place.engine().init()
    process: subprocess.Popen[str] = place.start("up", "-s", "dev", "--yes", "--skip-preview")
    while len(children(f"CASE_WORLD={place.world}")) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert gone(f"CASE_WORLD={place.world}")
