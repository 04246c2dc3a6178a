"""The state on disk: refused when it is not what it should be, never lost when it cannot be written."""

import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from engine.api import Engine
from engine.errors import BackendError, DamagedState, StackMissing, WrongPassphrase
from engine.journal import fold
from tests.engine.conftest import Place

ONE = "from world import Thing\nThing('one', size=1)\n"


def made(place: Place) -> bytes:
    place.program(ONE)
    assert place.up().outcome.exit_code == 0
    return place.state.read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[: len(raw) // 2],
        lambda raw: b"",
        lambda raw: os.urandom(64),
        lambda raw: b'{"some": "other file"}',
        lambda raw: raw.replace(b'"urn":"urn:pulumi', b'"nru":"urn:pulumi'),
        lambda raw: raw.replace(b'{"version":3', b'{"version":9'),
        lambda raw: raw.replace(b"organization/place/dev", b"organization/place/prod").replace(b":dev:", b":prod:"),
    ],
    ids=["truncated", "empty", "random", "foreign", "no-urn", "newer", "other-stack"],
)
def test_a_damaged_state_is_refused_and_its_backup_named(place: Place, damage: object) -> None:
    raw = made(place)
    broken = damage(raw)  # type: ignore[operator]
    place.state.write_bytes(broken)
    with pytest.raises(DamagedState) as caught:
        place.up()
    assert str(place.state) in str(caught.value)
    assert f"{place.state}.bak" in str(caught.value)
    assert place.state.read_bytes() == broken
    assert not list((place.backend / ".pulumi" / "locks").rglob("*.json"))


def test_a_backup_that_is_damaged_itself_is_not_named_and_an_import_makes_all_good(place: Place) -> None:
    made(place)
    exported = json.dumps(place.engine().export())
    place.state.write_bytes(b"")
    place.state.with_name("dev.json.bak").write_bytes(b'{"version":3,')
    (kept,) = (place.backend / ".pulumi" / "backups" / "place" / "dev").glob("dev.*.json")
    with pytest.raises(DamagedState, match=f"restore {kept}, the state before it"):
        place.up()
    kept.unlink()
    with pytest.raises(DamagedState, match="no sound backup of it is left in the backend"):
        place.up()
    place.engine().import_(exported)
    assert place.up().outcome.changes == {"same": len(place.urns()) - 1}


def test_a_wrong_passphrase_is_told_before_anything_is_touched(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = made(place)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "wrong horse")
    with pytest.raises(WrongPassphrase, match="incorrect passphrase"):
        place.up()
    assert place.state.read_bytes() == raw
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    with pytest.raises(WrongPassphrase, match="PULUMI_CONFIG_PASSPHRASE"):
        place.up()


def test_a_state_that_cannot_be_written_is_kept_in_the_journal_until_it_can(place: Place) -> None:
    before = made(place)
    place.program(ONE + "Thing('two', size=2)\n")
    bak = place.state.with_name("dev.json.bak")
    bak.unlink()
    (bak / "in the way").mkdir(parents=True)
    told = place.up()
    assert told.outcome.exit_code == 1
    assert str(place.journal) in told.outcome.error
    assert place.things() == ["one-1", "two-1"]
    assert place.state.read_bytes() == before
    (bak / "in the way").rmdir()
    bak.rmdir()
    assert place.up().ops() == []
    assert {"one", "two"} <= set(place.urns())


def test_a_disk_that_is_full_stops_the_step_before_anything_is_made(place: Place) -> None:
    made(place)
    place.program(ONE + "Thing('two', size=2)\n")
    limited = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
    limited += "sys.argv = ['engine', 'up', '-s', 'dev', '--yes', '--skip-preview']; "
    limited += "runpy.run_module('engine', run_name='__main__', alter_sys=True)"
    done = subprocess.run([sys.executable, "-c", limited], cwd=place.project, capture_output=True, text=True)
    assert done.returncode == 1
    assert "the step cannot be noted" in done.stdout + done.stderr
    assert place.things() == ["one-1"]
    assert "pending_operations" not in place.engine().export()["deployment"]
    assert place.up().ops() == ["create two"]


def test_a_journal_over_which_another_engine_went_on_is_put_aside_and_told(place: Place) -> None:
    made(place)
    place.journal.parent.mkdir(parents=True, exist_ok=True)
    place.journal.write_text('{"base":"0000","pid":1}\n[["done","b1"]]\n')
    with pytest.raises(DamagedState, match="changed by another engine"):
        place.up()
    kept = list(place.journal.parent.iterdir())
    assert [file.suffix for file in kept] == [".orphan"]
    assert place.up().outcome.exit_code == 0


def test_a_torn_last_line_of_a_journal_is_left_out(place: Place) -> None:
    raw = made(place)
    engine = place.engine()
    head = json.dumps({"base": hashlib.sha256(raw).hexdigest(), "pid": 1})
    thing = json.loads(raw)["checkpoint"]["latest"]["resources"][-1]
    lines = [
        head,
        json.dumps([["res", "n1", {**thing, "urn": f"{thing['urn']}-new"}], ["begin", "n1", "creating"]]),
        json.dumps([["end", "n1"], ["new", "n1"]]),
        '[["done","b0"],["do',
    ]
    place.journal.parent.mkdir(parents=True, exist_ok=True)
    place.journal.write_bytes("\n".join(lines).encode() + b"\0" * 1000)
    assert fold(engine.stack.backend, "place", "dev")
    latest = json.loads(place.state.read_text())["checkpoint"]["latest"]
    assert [r["urn"].rpartition("::")[2] for r in latest["resources"]] == ["one-new", "place-dev", "default", "one"]
    assert "pending_operations" not in latest
    assert not place.journal.exists()


def test_the_stack_local_gets_a_passphrase_of_its_own_and_no_file_in_the_project(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    monkeypatch.setenv("MODELPORT_STATE_DIR", str(place.root / "home"))
    place.program("import pulumi\npulumi.export('word', pulumi.Output.secret('swordfish'))\n")
    assert place.engine("local").up().exit_code == 0
    kept = place.root / "home" / "passphrase"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert len(kept.read_text().strip()) >= 24
    assert sorted(p.name for p in place.project.iterdir()) == ["Pulumi.yaml", "__main__.py"]
    assert place.engine("local").outputs() == {"word": "[secret]"}
    assert place.engine("local").outputs(show_secrets=True) == {"word": "swordfish"}
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "that of another stack")
    assert place.engine("local").outputs(show_secrets=True) == {"word": "swordfish"}
    assert place.engine("local").up().exit_code == 0
    assert place.engine("local").stack.outputs_of("local").keys() == {"word"}, "a stack reference opens it as well"


def test_backends_in_the_order_of_pulumi(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def url() -> str:
        return Engine(place.project, "dev").stack.backend.url

    assert url() == f"file://{place.backend}"
    monkeypatch.delenv("PULUMI_BACKEND_URL")
    monkeypatch.setenv("PULUMI_HOME", str(place.root / "pulumi"))
    monkeypatch.setenv("MODELPORT_STATE_DIR", str(place.root / "home"))
    assert url() == f"file://{place.root}/home/backend"
    (place.root / "pulumi").mkdir()
    (place.root / "pulumi" / "credentials.json").write_text('{"current": "file:///tmp/login"}')
    assert url() == "file:///tmp/login"
    (place.project / "Pulumi.yaml").write_text("name: place\nruntime: python\nbackend: {url: 'file://.'}\n")
    assert url() == f"file://{place.project}"
    assert Engine(place.project, "dev", "file:///tmp/given").stack.backend.url == "file:///tmp/given"
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://bucket/folder?region=here")
    assert url() == "s3://bucket/folder"
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://api.pulumi.com")
    with pytest.raises(BackendError, match=r"Pulumi Cloud .* install the Pulumi CLI"):
        url()
    monkeypatch.setenv("PULUMI_BACKEND_URL", "postgres://user:hush@host/db")
    with pytest.raises(BackendError, match="file://, s3://, gs:// and azblob://") as caught:
        url()
    assert "hush" not in str(caught.value)


def test_a_stack_that_is_not_there_is_named(place: Place) -> None:
    place.program(ONE)
    with pytest.raises(StackMissing, match="no stack named 'dev' found"):
        place.engine().destroy()
    with pytest.raises(StackMissing, match="no stack named 'dev' found"):
        place.engine().up(create=False)
    assert list(place.backend.iterdir()) == []


def test_a_preview_of_a_stack_that_is_not_there_writes_nothing(place: Place) -> None:
    place.program(ONE)
    outcome = place.engine().preview()
    assert (outcome.exit_code, outcome.changes) == (0, {"create": 2})
    assert list(place.backend.iterdir()) == []
    assert place.things() == []


def test_an_export_can_be_imported_again(place: Place) -> None:
    made(place)
    text = json.dumps(place.engine().export())
    place.state.write_bytes(place.state.read_bytes().replace(b"one-1", b"one-9"))
    place.engine().import_(text)
    assert place.up().ops() == []
    shown = json.dumps(place.engine().export(show_secrets=True))
    place.engine().import_(shown)
    assert b"plaintext" not in place.state.read_bytes()
    assert place.up().ops() == []


def test_importing_the_api_loads_neither_pulumi_nor_grpc() -> None:
    code = "import engine.api, sys; print([m for m in ('pulumi', 'grpc', 'cryptography') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "[]"
