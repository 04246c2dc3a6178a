"""The engine as a command: what it prints and how it ends, where the official CLI's own words are asked for."""

import io
import json
from pathlib import Path

import pytest

from engine.__main__ import CHANGES, MISSING, flags_off, main, parse
from engine.command.tables import shell_word, table
from engine.display.sections import diagnostics
from engine.events import Event, Events
from engine.state import Resource
from engine.values import ASSET_TAG, TAG


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the stack `dev`, in the current folder."""
    (tmp_path / "backend").mkdir()
    root = tmp_path / "project"
    root.mkdir()
    (root / "Pulumi.yaml").write_text("name: words\nruntime: python\n")
    monkeypatch.chdir(root)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path / 'backend'}")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "correct horse")
    monkeypatch.delenv("PULUMI_STACK", raising=False)
    assert main(["stack", "init", "dev", "--non-interactive"]) == 0
    return root


Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    "words",
    [
        ["--non-interactive", "-C", "/there", "stack", "--stack", "dev", "output", "name"],
        ["stack", "-s", "dev", "output", "--cwd", "/there", "name", "--non-interactive"],
        ["stack", "output", "name", "--stack", "dev", "--non-interactive", "--cwd=/there"],
    ],
)
def test_flags_may_stand_before_the_verb(words: list[str]) -> None:
    args = parse(words, "pulumi")
    assert (args.verb, args.what, args.name, args.stack) == ("stack", "output", "name", "dev")
    assert (args.cwd, args.non_interactive) == (Path("/there"), True)


def test_help_is_asked_for_where_it_stands() -> None:
    assert flags_off(["-C", "x", "--help", "up"]) == (["-C", "x", "--help", "up"], [])


def test_a_flag_that_is_none_is_one_line(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["up", "--stack", "dev", "--bogus"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == "error: unknown flag: --bogus\nRun 'pulumi --help' for usage.\n"


@pytest.mark.parametrize("words", ["preview", "up --yes", "refresh --yes", "destroy --yes", "config", "config get a"])
def test_a_stack_that_is_not_there(project: Path, words: str, capsys: Capture) -> None:
    capsys.readouterr()
    code = main([*words.split(), "--stack", "nope", "--non-interactive"])
    said = capsys.readouterr()
    assert (code, said.out, said.err) == (MISSING, "", "error: no stack named 'nope' found\n")


@pytest.mark.parametrize(("verb", "code"), [("up", 2), ("destroy", 2), ("refresh", 1)])
def test_nothing_is_done_unasked(project: Path, verb: str, code: int, capsys: Capture) -> None:
    assert main([verb, "--stack", "dev", "--non-interactive"]) == code
    assert capsys.readouterr().err == (
        "error: --yes or --skip-preview or --preview-only must be passed in to proceed when running in "
        "non-interactive mode\n"
    )


def test_the_stack_in_short(project: Path, capsys: Capture) -> None:
    capsys.readouterr()
    assert main(["stack", "--stack", "dev"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Current stack is dev:"
    assert lines[1].startswith("    Managed by ")
    assert lines[3:6] == [
        "    Pulumi version used: v3.260.0",
        "Current stack resources (0):",
        "    No resources currently in this stack",
    ]
    assert main(["stack", "--show-name", "--stack", "dev"]) == 0
    assert capsys.readouterr().out == "dev\n"


def test_a_new_stack_has_a_time(project: Path, capsys: Capture) -> None:
    capsys.readouterr()
    assert main(["stack", "ls", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["resourceCount"]) == ("dev", 0)
    assert row["lastUpdate"].endswith("Z")


def test_an_object_shows_all_but_its_secrets(project: Path, capsys: Capture) -> None:
    for words in ("obj.word hush --secret", "obj.list[0] 1 --plaintext", "plain text"):
        assert main(["config", "set", *words.split(), "--path", "--stack", "dev"]) == 0
    capsys.readouterr()
    assert main(["config", "--stack", "dev"]) == 0
    assert capsys.readouterr().out == ('KEY    VALUE\nobj    {"list":[1],"word":"[secret]"}\nplain  text\n')
    assert main(["config", "--json", "--stack", "dev"]) == 0
    assert json.loads(capsys.readouterr().out)["words:obj"] == {"secret": True}


def test_a_key_with_too_many_parts_is_refused(project: Path, capsys: Capture) -> None:
    assert main(["config", "set", "a:b:c", "x", "--stack", "dev"]) == 1
    assert capsys.readouterr().err == (
        "error: invalid configuration key: could not parse a:b:c as a configuration key "
        "(configuration keys should be of the form `<namespace>:<name>`)\n"
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("plain", "plain"),
        ("", "''"),
        ('{"a":[1]}', '\\{\\"a\\":\\[1]}'),
        ('it\'s "so"', "'it'\\''s \"so\"'"),
        ("two\nlines", "'two\nlines'"),
        ("~root", "\\~root"),
    ],
)
def test_words_for_a_shell(text: str, word: str) -> None:
    assert shell_word(text) == word


def test_a_cell_of_several_lines_keeps_its_column() -> None:
    assert table(("OUTPUT", "VALUE"), [("m", "a\nb"), ("long name", "c")], indent="  ") == (
        "  OUTPUT     VALUE\n  m          a\n             b\n  long name  c"
    )


def told(how: str) -> list[Event]:
    heard: list[Event] = []
    events = Events(heard.append)
    if how == "log":
        events.say("info", "hello")
    events.say("info", "printed\n", stream=1)
    events.say("info", "lines\n", stream=1)
    return heard


def test_what_a_program_prints_is_a_stream_of_its_own() -> None:
    said = [event["diagnosticEvent"] for event in told("log")]
    assert [each["message"] for each in said] == ["hello\n", "printed\n\n", "lines\n\n"]
    assert diagnostics([("stack (dev):", said)]).splitlines()[2:] == ["    hello", "", "    printed", "    lines", ""]


def test_texts_of_assets_stay_out_of_events() -> None:
    from engine.events import _state  # pyright: ignore[reportPrivateUsage]

    asset = {TAG: ASSET_TAG, "hash": "", "text": "a" * 1000}
    shown = _state(Resource("urn:pulumi:dev::p::a:b:c::d", "a:b:c", True, inputs={"file": [asset]}))
    assert shown is not None
    assert shown["inputs"] == {"file": [{**asset, "text": "<contents elided>"}]}


def test_no_character_of_a_value_ends_a_line_of_json() -> None:
    from engine.display.records import Stream

    out = io.StringIO()
    event = {"diagnosticEvent": {"severity": "info", "message": "a\u2028b\x85c\n"}}
    Stream(out)(event)
    (line,) = out.getvalue().splitlines()
    assert json.loads(line) == event


def test_a_state_is_mended_by_hand(project: Path, capsys: Capture) -> None:
    root = "urn:pulumi:dev::words::pulumi:pulumi:Stack::words-dev"
    parts = [{"urn": root, "custom": False, "type": "pulumi:pulumi:Stack"}]
    for name, needs in (("a", []), ("b", ["urn:pulumi:dev::words::x:y:Z::a"])):
        urn = f"urn:pulumi:dev::words::x:y:Z::{name}"
        parts.append({"urn": urn, "custom": False, "type": "x:y:Z", "parent": root, "dependencies": needs})
    file = project / "state.json"
    file.write_text(json.dumps({"version": 3, "deployment": {"manifest": {}, "resources": parts}}))
    assert main(["stack", "import", "--file", str(file), "--stack", "dev"]) == 0
    capsys.readouterr()

    def state(*words: str) -> tuple[int, str, str]:
        code = main(["state", *words, "--stack", "dev", "--yes"])
        said = capsys.readouterr()
        return code, said.out, said.err

    urn = "urn:pulumi:dev::words::x:y:Z::a"
    assert state("protect", urn, "b") == (0, "2 resources protected\n", "")
    assert state("unprotect", "--all") == (0, "All resources unprotected\n", "")
    assert state("delete", urn) == (
        1,
        "",
        f"error: {urn} can't be safely deleted because the following resources depend on it:\n"
        ' * "b"             (urn:pulumi:dev::words::x:y:Z::b)\n\n'
        "Delete those resources first or pass --target-dependents.\n",
    )
    missing = state("delete", urn + "a")
    assert missing[2].splitlines()[:3] == [
        f'error: No such resource "{urn}a" exists in the current state',
        "Did you mean:",
        f"  {urn}",
    ]
    assert state("delete", urn, "--target-dependents") == (0, "2 resources deleted\n", "")


def test_changes_that_were_not_expected_end_with_a_code_of_their_own(project: Path, capsys: Capture) -> None:
    (project / "__main__.py").write_text("import pulumi\npulumi.ComponentResource('a:b:C', 'one')\n")
    assert main(["preview", "--stack", "dev", "--non-interactive", "--expect-no-changes"]) == CHANGES
    assert capsys.readouterr().err == "error: no changes were expected for preview but changes were proposed\n"
    assert main(["up", "--stack", "dev", "--yes", "--skip-preview", "--expect-no-changes"]) == CHANGES
    assert capsys.readouterr().err == "error: no changes were expected for update but changes were proposed\n"
    assert main(["up", "--stack", "dev", "--yes", "--skip-preview", "--expect-no-changes"]) == 0
