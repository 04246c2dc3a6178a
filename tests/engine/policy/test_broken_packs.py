"""Packs that do not start, die, print, or hang: one clear message, nothing left running, nothing half done."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from engine.api import Engine, Options
from engine.errors import BadInput, PolicyError
from tests.engine.conftest import Place, Told, template

PROGRAM = "from world import Thing\nThing('one', size=1)\n"
LOOKS = """
from pulumi_policy import PolicyPack, ResourceValidationPolicy
{before}
def look(args, report):
    {look}
PolicyPack("looks", policies=[ResourceValidationPolicy("look", "Looks.", look)])
"""


def pack(place: Place, name: str, text: str, project: str = "runtime: python\n") -> str:
    folder = place.root / name
    folder.mkdir()
    (folder / "PulumiPolicy.yaml").write_text(project)
    (folder / "__main__.py").write_text(text)
    return str(folder)


def looks(look: str = "pass", before: str = "") -> str:
    return LOOKS.format(look=look, before=before)


def ready(place: Place) -> Engine:
    place.program(PROGRAM)
    engine = place.engine()
    engine.init()
    return engine


def left(place: Place) -> list[str]:
    """The command lines of this test's processes that still run, but for this one."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdigit() or template(int(entry.name)):
                continue
            if f"CASE_WORLD={place.world}".encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("raise ValueError('no good')", "exited with code 1 before it made a PolicyPack"),
        ("import sys; sys.exit(3)", "exited with code 3 before it made a PolicyPack"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by signal 9 before it made a PolicyPack"),
        ("pass", "exited with code 0 before it made a PolicyPack"),
        (looks(before="print('hello')"), "expected integer, got 'hello'"),
    ],
)
def test_a_pack_that_does_not_start_is_told_of_and_nothing_is_done(place: Place, text: str, expected: str) -> None:
    engine, told = ready(place), Told()
    with pytest.raises(PolicyError, match="policy pack not started: could not read policy pack port") as caught:
        engine.up(Options(policy_packs=(pack(place, "bad", text),)), told.events.append)
    assert expected in str(caught.value)
    assert place.things() == []
    assert [kind for event in told.events for kind in event if kind in ("preludeEvent", "summaryEvent")] == []
    assert left(place) == []
    assert engine.history()[0]["result"] == "failed"
    assert engine.up().exit_code == 0  # the stack is free again


def test_what_a_pack_that_breaks_prints_is_heard(place: Place) -> None:
    engine, told = ready(place), Told()
    with pytest.raises(PolicyError):
        engine.preview(Options(policy_packs=(pack(place, "bad", "raise ValueError('no good')"),)), told.events.append)
    assert "ValueError: no good" in told.said("info#err")


@pytest.mark.parametrize(
    ("project", "expected"),
    [
        ("version: 1.0.0\n", "project is missing a 'runtime' attribute"),
        ("- 1\n", "PulumiPolicy.yaml is a list, expected keys and values"),
        ("runtime: nosuch\n", "no analyzer plugin 'pulumi-analyzer-policy-nosuch' found"),
        ("runtime: {name: python, options: {virtualenv: gone}}\n", "its virtualenv 'gone' is not there"),
        ("runtime: {name: python, options: {toolchain: conda}}\n", "toolchain is 'conda'"),
    ],
)
def test_a_pack_that_cannot_be_read_is_told_of(place: Place, project: str, expected: str) -> None:
    with pytest.raises(PolicyError) as caught:
        ready(place).preview(Options(policy_packs=(pack(place, "bad", looks(), project),)))
    assert expected in str(caught.value)


def test_as_many_configurations_as_packs(place: Place) -> None:
    with pytest.raises(BadInput, match="must match the number"):
        ready(place).up(Options(policy_packs=("a",), policy_pack_configs=("b", "c")))
    with pytest.raises(BadInput, match="must be specified with"):
        place.engine().up(Options(policy_pack_configs=("b",)))


def test_a_pack_that_dies_while_it_is_asked_stops_the_operation(place: Place) -> None:
    engine, told = ready(place), Told()
    folder = pack(place, "dies", looks("if args.name == 'one': os._exit(4)", "import os"))
    outcome = engine.up(Options(policy_packs=(folder,)), told.events.append)
    assert outcome.exit_code == 1
    assert told.said("error") == [
        f"failed to run policy: the policy pack {folder} exited with code 4 during Analyze; "
        "what it printed stands above"
    ]
    assert place.things() == []
    assert left(place) == []


def test_secrets_that_a_pack_prints_or_reports_are_blotted_out(place: Place) -> None:
    place.program(
        "import pulumi\nfrom world import Thing\n"
        "Thing('one', word=pulumi.Output.secret('open-sesame'), deep={'a': [1]})\n"
    )
    engine, told = place.engine(), Told()
    engine.init()
    look = "w = args.props.get('word'); w and print('printed', w, flush=True); w and report(f'reported {w}')"
    assert engine.up(Options(policy_packs=(pack(place, "tells", looks(look)),)), told.events.append).exit_code == 0
    assert "printed [secret]" in told.said("info")
    assert [event["policyEvent"]["message"] for event in told.events if "policyEvent" in event] == [
        "Looks.\nreported [secret]\n"
    ]
    assert "open-sesame" not in str(told.events)


@pytest.mark.parametrize("where", ["starts", "looks"])
def test_a_pack_that_hangs_is_broken_off_by_the_user(place: Place, where: str) -> None:
    engine, told = ready(place), Told()
    flag = place.root / "hangs"
    hang = f"(open({str(flag)!r}, 'w').close(), time.sleep(600))"
    text = looks(before="import time\n" + hang) if where == "starts" else looks(hang, "import time")
    folder, ended = pack(place, "hangs-pack", text), list[object]()

    def operate() -> None:
        try:
            ended.append(engine.up(Options(policy_packs=(folder,)), told.events.append).exit_code)
        except PolicyError as error:
            ended.append(str(error))

    thread = threading.Thread(target=operate)
    thread.start()
    while not flag.exists():
        assert thread.is_alive()
        time.sleep(0.05)
    engine.interrupt()
    if where == "looks":
        engine.interrupt()
    thread.join(60)
    expected = "canceled while the policy packs were loaded; nothing was done" if where == "starts" else 1
    assert ended == [expected]
    assert place.things() == []
    assert left(place) == []


def test_an_executable_is_a_pack_too(place: Place) -> None:
    folder = place.root / "binary"
    folder.mkdir()
    script = folder / "pack"
    # -u: the SDK does not flush the port that it prints, and a pipe is read whole only when it does
    script.write_text(f"#!{sys.executable} -u\n" + looks("args.name == 'one' and report('seen')"))
    script.chmod(0o755)
    engine, told = ready(place), Told()
    assert engine.preview(Options(policy_packs=(str(script),)), told.events.append).exit_code == 0
    assert [event["policyEvent"]["message"] for event in told.events if "policyEvent" in event] == ["Looks.\nseen\n"]
    summary = next(event["summaryEvent"] for event in told.events if "summaryEvent" in event)
    assert list(summary["PolicyPacks"].values()) == ["0.0.1"]


def test_packs_are_let_alone_by_what_runs_no_program(place: Place) -> None:
    engine = ready(place)
    assert engine.up().exit_code == 0
    assert engine.destroy(Options(policy_packs=(os.devnull,))).exit_code == 0
