"""The program and the providers: what they print is heard, and what becomes of them is told."""

import json
import os
import time

import pytest

from engine.api import Event, Options
from engine.errors import ProviderMissing
from tests.engine.conftest import Place
from tests.engine.test_killed import gone

NOISY = """
import sys
from pulumi import dynamic

class Provider(dynamic.ResourceProvider):
    def create(self, props):
        print("baking: step 1")
        print("careful", file=sys.stderr)
        return dynamic.CreateResult("it", dict(props))

class It(dynamic.Resource):
    def __init__(self, name):
        super().__init__(Provider(), name, {"size": 1})
"""


def test_what_program_and_provider_print_is_heard_while_it_happens(place: Place) -> None:
    (place.project / "noisy.py").write_text(NOISY)
    place.program("from noisy import It\nIt('it')\nprint('hello from the program')\n")
    told = place.up()
    assert told.outcome.exit_code == 0
    assert {"baking: step 1", "hello from the program"} <= set(told.said("info"))
    assert "careful" in told.said("info#err")
    kinds = [next(k for k in event if k not in ("sequence", "timestamp")) for event in told.events]
    printed = next(n for n, e in enumerate(told.events) if "baking" in e.get("diagnosticEvent", {}).get("message", ""))
    assert "resOutputsEvent" in kinds[printed:]
    assert kinds[0] == "preludeEvent"
    assert kinds[-2:] == ["summaryEvent", "cancelEvent"]


def test_an_exception_is_told_with_its_place_and_a_run_error_with_its_message_alone(place: Place) -> None:
    place.program("import pulumi\nraise pulumi.RunError('the cellar is locked')\n")
    outcome = place.engine().up()
    assert (outcome.exit_code, outcome.error) == (1, "the cellar is locked")
    place.program("1 / 0\n")
    outcome = place.engine().up()
    assert outcome.exit_code == 1
    assert f'File "{place.project}/__main__.py", line 1' in outcome.error
    assert "ZeroDivisionError" in outcome.error


def test_a_program_that_is_written_anew_within_the_second_is_the_new_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte code is written, as it is where no test forbids it."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE")
    now = time.time()
    for said in ("one", "two"):
        place.program(f"import pulumi\npulumi.export('said', {said!r})\n")
        os.utime(place.project / "__main__.py", (now, now))
        engine = place.engine()
        assert engine.up().exit_code == 0
        assert engine.outputs()["said"] == said


def test_a_program_that_dies_by_a_signal_is_told_and_what_it_had_made_is_kept(place: Place) -> None:
    place.program(
        "import os\nfrom world import Thing\n"
        "Thing('one', size=1).serial.apply(lambda _: os.kill(os.getpid(), 9))\nThing('two', size=1)\n"
    )
    told = place.up(Options(parallel=1))
    assert told.outcome.exit_code == 1
    assert "program exited with non-zero exit code: -1" in told.outcome.error
    assert set(place.things()) == {f"{name}-1" for name in place.urns() if name in ("one", "two")}


def test_a_program_that_does_not_exit_is_ended_and_nothing_is_lost(place: Place) -> None:
    place.program(
        "import atexit, time\nfrom world import Thing\nThing('one', size=1)\natexit.register(time.sleep, 600)\n"
    )
    told = place.up()
    assert told.outcome.exit_code == 0
    assert "did not exit" in told.said("warning")[-1]
    assert "one" in place.urns()


def test_a_program_that_is_not_there_is_told(place: Place) -> None:
    outcome = place.engine().up()
    assert outcome.exit_code == 1
    assert "unable to find main python program `__main__.py`" in outcome.error


DYING = """
import os
from pulumi import dynamic

class Provider(dynamic.ResourceProvider):
    def create(self, props):
        os._exit(3)

class It(dynamic.Resource):
    def __init__(self, name):
        super().__init__(Provider(), name, {"size": 1})
"""


def test_a_provider_that_dies_in_the_middle_of_a_call_is_named(place: Place) -> None:
    (place.project / "dying.py").write_text(DYING)
    place.program("from dying import It\nIt('it')\n")
    outcome = place.engine().up()
    assert outcome.exit_code == 1
    assert "the provider pulumi-python exited with code 3 during Create" in outcome.error
    assert "it" not in place.urns()


def test_a_package_without_a_provider_can_be_planned_and_is_refused_by_name(place: Place) -> None:
    place.program(
        "import pulumi\n"
        "class Bucket(pulumi.CustomResource):\n"
        "    def __init__(self, name):\n"
        "        super().__init__('aws:s3/bucket:Bucket', name, {'versioning': True, 'arn': None})\n"
        "b = Bucket('models')\n"
        "pulumi.export('versioning', b.versioning if hasattr(b, 'versioning') else True)\n"
    )
    events: list[Event] = []
    planned = place.engine().preview(None, events.append)
    assert planned.exit_code == 0
    assert planned.changes == {"create": 2}
    step = next(
        e for e in events if "aws:s3" in json.dumps(e.get("resourcePreEvent", {})) and "Bucket" in json.dumps(e)
    )
    assert step["resourcePreEvent"]["metadata"]["new"]["inputs"] == {"versioning": True}
    with pytest.raises(ProviderMissing, match="no provider for the package 'aws'") as caught:
        place.engine().up()
    assert "install the Pulumi CLI" in str(caught.value)
    assert not place.state.exists()


def test_a_failing_create_fails_the_update_with_the_providers_words(place: Place) -> None:
    place.program("from world import Thing\nThing('one', size=1)\n")
    place.tell("create", "one", "no steel today")
    told = place.up()
    assert told.outcome.exit_code == 1
    assert "no steel today" in told.outcome.error
    assert told.said("error")[-1] == "update failed"


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        ("sys.exit()", 0, ""),
        ("sys.exit(3)", 1, "program exited with non-zero exit code: 3"),
        ("os.abort()", 1, "program exited with non-zero exit code: -1"),
        ("raise KeyboardInterrupt", 1, "program exited with non-zero exit code: -1"),
    ],
)
def test_how_a_program_ends_is_told(place: Place, end: str, code: int, said: str) -> None:
    place.program(f"import os, sys\n{end}\n")
    outcome = place.engine().up()
    assert outcome.exit_code == code
    assert said in outcome.error


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("sys.stdout.write('no end of line')", "no end of line"),
        ("sys.stdout.buffer.write(b'\\xffbytes\\x00'); sys.stdout.flush()", "\ufffdbytes\x00"),
        ("print('before'); sys.stdout.flush(); os.close(1); os.close(2)", "before"),
        ("print('once'); os.fork() or os._exit(0)", "once"),
    ],
    ids=["no newline", "binary", "closed", "fork"],
)
def test_whatever_a_program_does_with_its_output_it_is_carried_out(place: Place, text: str, heard: str) -> None:
    place.program(f"import os, sys\nfrom world import Thing\nThing('one', size=1)\n{text}\n")
    told = place.up()
    assert told.outcome.exit_code == 0
    assert heard in "".join(told.said("info"))
    assert place.things() == ["one-1"]


@pytest.mark.parametrize(
    "text",
    [
        "subprocess.Popen(['sleep', '600'])",
        "os.fork() or (time.sleep(600), os._exit(0))",
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
        "threading.Thread(target=time.sleep, args=(600,)).start()",
    ],
    ids=["child", "fork", "daemon thread", "thread"],
)
def test_what_a_program_leaves_running_holds_nothing_up_and_goes_with_it(place: Place, text: str) -> None:
    place.program(f"import os, subprocess, threading, time\nfrom world import Thing\nThing('one', size=1)\n{text}\n")
    assert place.up().outcome.exit_code == 0
    assert place.things() == ["one-1"]
    process = place.start("up", "-s", "dev", "--yes", "--skip-preview")
    process.communicate()
    assert process.returncode == 0
    assert gone(f"CASE_WORLD={place.world}")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("sys.exit(4)", "exited with code 4 during Create"),
        ("sys.exit('enough')", "exited with code 1 during Create"),
        ("raise BaseException('odd')", "exited with code 1 during Create"),
        ("os.kill(os.getpid(), 9)", "was killed by signal 9 during Create"),
    ],
)
def test_a_provider_that_ends_instead_of_answering_is_told_at_once(place: Place, how: str, said: str) -> None:
    (place.project / "dying.py").write_text("import sys\n" + DYING.replace("os._exit(3)", how))
    place.program("from dying import It\nIt('it')\n")
    outcome = place.engine().up()
    assert outcome.exit_code == 1
    assert said in outcome.error
