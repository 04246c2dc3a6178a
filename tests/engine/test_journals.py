"""What lies where the journal of a killed operation should is folded, or kept and told of; and interrupts."""

import json
import signal
import time
from collections.abc import Callable

import pytest

from engine.errors import DamagedState
from engine.journal import normalise
from tests.engine.conftest import Place, Told

TWO = "from world import Thing\none = Thing('one', size=1)\nThing('two', after=one.serial)\n"


def killed(place: Place) -> bytes:
    """The journal of an operation that was killed while it made `two`, after it had made `one`."""
    place.program(TWO)
    place.engine().init()
    place.tell("create", "two", "hang")
    process = place.start("up", "-s", "dev", "--yes", "--skip-preview")
    place.hanging(process)
    process.kill()
    process.communicate()
    place.untell("create", "two")
    place.engine().cancel()
    return place.journal.read_bytes().rstrip(b"\0")


def kept(place: Place) -> list[str]:
    return [file.suffix for file in place.journal.parent.iterdir()]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda raw: b"\x93NUMPY" + raw, "line 1 makes no sense"),
        (lambda raw: raw.replace(b'["end"', b'["e\x00d"', 1), "makes no sense"),
        (lambda raw: raw + b'[["keep","n99","b99"]]\n', "resources that are not there"),
    ],
    ids=["foreign", "a-line-within", "unknown-resources"],
)
def test_a_damaged_journal_is_kept_and_told_of_and_no_part_of_it_is_used(
    place: Place, damage: Callable[[bytes], bytes], why: str
) -> None:
    raw = killed(place)
    before = place.state.read_bytes()
    place.journal.write_bytes(damage(raw))
    with pytest.raises(DamagedState, match=why) as caught:
        place.up()
    assert str(place.journal.parent) in str(caught.value)
    assert kept(place) == [".orphan"]
    assert place.state.read_bytes() == before
    assert place.engine().export()["deployment"].get("resources") is None, "the next command goes on without it"


@pytest.mark.parametrize("cut", [1, 40, 400])
def test_a_journal_that_was_cut_short_counts_as_far_as_it_goes(place: Place, cut: int) -> None:
    raw = killed(place)
    place.journal.write_bytes(raw[:-cut])
    told = place.up()
    assert told.outcome.exit_code == 0
    assert "one-1" in place.things()
    assert {"one", "two"} <= set(place.urns())
    assert told.ops()[-1:] == ["create two"]


def test_a_journal_whose_first_line_was_never_finished_has_nothing_to_say(place: Place) -> None:
    raw = killed(place)
    place.journal.write_bytes(raw.split(b"\n", 1)[0][:20])
    assert "resources" not in place.engine().export()["deployment"]
    assert kept(place) == []


def test_the_journal_of_another_stack_is_kept_and_told_of(place: Place) -> None:
    raw = killed(place)
    other = place.engine("other")
    other.init()
    place.journal.with_name("other.jsonl").write_bytes(raw)
    with pytest.raises(DamagedState, match="changed by another engine"):
        other.export()
    assert "resources" not in other.export()["deployment"]


def test_a_journal_that_began_on_a_newer_state_than_lies_there_is_kept_and_told_of(place: Place) -> None:
    place.program("from world import Thing\nThing('one', size=1)\n")
    assert place.up().outcome.exit_code == 0
    older = place.state.read_bytes()
    place.program("from world import Thing\nThing('one', size=2)\n")
    assert place.up().outcome.exit_code == 0
    place.program("from world import Thing\nThing('one', size=2)\nThing('two', after='-')\n")
    place.tell("create", "two", "hang")
    process = place.start("up", "-s", "dev", "--yes", "--skip-preview")
    place.hanging(process)
    process.kill()
    process.communicate()
    place.engine().cancel()
    place.state.write_bytes(older)
    with pytest.raises(DamagedState, match="changed by another engine"):
        place.engine().export()
    assert kept(place) == [".orphan"]
    assert place.state.read_bytes() == older


ROUND = """
from world import Thing

first = Thing("first", size=ROUND)
Thing("second", after=first.serial, round=ROUND)
"""


@pytest.mark.parametrize("call", ["update", "delete"])
def test_an_interrupt_lets_the_call_that_runs_come_to_its_end_however_late(place: Place, call: str) -> None:
    place.program(ROUND.replace("ROUND", "1") + "last = Thing('gone', after='-')\nThing('before', after=last.serial)\n")
    assert place.up().outcome.exit_code == 0
    place.program(ROUND.replace("ROUND", "2"))
    place.tell(call, "first" if call == "update" else "before", "hang")
    process = place.start("up", "-s", "dev", "--yes", "--skip-preview", "--parallel", "1")
    place.hanging(process)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 1
    assert not place.journal.exists()
    told = Told()
    outcome = place.engine().up(None, told.events.append)
    assert outcome.exit_code == 0
    assert told.said("warning") == [], "nothing was left under way"
    assert told.ops() == (["update second", "delete before", "delete gone"] if call == "update" else ["delete gone"])


@pytest.mark.parametrize("call", ["update", "delete"])
def test_two_interrupts_leave_what_ran_as_pending(place: Place, call: str) -> None:
    place.program(ROUND.replace("ROUND", "1") + "last = Thing('gone', after='-')\nThing('before', after=last.serial)\n")
    assert place.up().outcome.exit_code == 0
    place.program(ROUND.replace("ROUND", "2"))
    name = "first" if call == "update" else "before"
    place.tell(call, name, "hang")
    process = place.start("up", "-s", "dev", "--yes", "--skip-preview", "--parallel", "1")
    place.hanging(process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)  # two signals at once are one
    process.send_signal(signal.SIGINT)
    process.communicate()
    place.untell(call, name)
    told = place.up()
    assert told.outcome.exit_code == 0
    assert f"{name}, interrupted while {call.removesuffix('e')}ing" in told.said("warning")[0]
    assert json.loads(place.state.read_text())["checkpoint"]["latest"].get("pending_operations") is None


def test_a_renaming_takes_the_empty_lists_of_what_refers_to_it_along() -> None:
    resources = [
        {"urn": "new", "aliases": ["old"]},
        {"urn": "touched", "propertyDependencies": {"at": ["old"], "label": []}},
        {"urn": "other", "dependencies": ["old"], "propertyDependencies": {"label": []}},
    ]
    _, touched, other = normalise(resources)
    assert touched["propertyDependencies"] == {"at": ["new"]}
    assert (other["dependencies"], other["propertyDependencies"]) == (["new"], {"label": []})
