"""Backends as the official CLI may have left them: compressed, of the old layout, of other versions; and their URLs."""

import gzip
import json
from pathlib import Path

import pytest

from engine.api import Engine
from engine.errors import BackendError, BadInput, DamagedState
from tests.engine.backends.conftest import Official
from tests.engine.conftest import Place

ONE = "from world import Thing\nThing('one', size=1)\n"
TWO = ONE + "Thing('two', size=2)\n"


def _names(place: Place) -> list[str]:
    return sorted(file.name for file in place.state.parent.iterdir() if not file.name.endswith(".attrs"))


def test_a_compressed_state_of_the_official_engine_goes_on_here_and_back(
    place: Place, official: Official, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_SELF_MANAGED_STATE_GZIP", "true")
    place.program(ONE)
    official.run(place, "stack", "init", "dev")
    official.run(place, "up", "--stack", "dev", "--yes", "--skip-preview")
    assert _names(place) == ["dev.json.gz", "dev.json.gz.bak"]
    assert place.up().ops() == []
    assert _names(place) == ["dev.json.gz", "dev.json.gz.bak"]
    place.program(TWO)
    official.run(place, "up", "--stack", "dev", "--yes", "--skip-preview")
    monkeypatch.delenv("PULUMI_SELF_MANAGED_STATE_GZIP")
    assert place.up().ops() == []
    assert "dev.json" in _names(place) and "dev.json.gz" not in _names(place)
    assert [entry["result"] for entry in place.engine().history()] == ["succeeded"] * 4
    said = official.run(place, "up", "--stack", "dev", "--yes", "--skip-preview")
    assert "3 unchanged" in said


def test_a_compressed_state_is_written_where_it_is_asked_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.program(ONE)
    assert place.up().outcome.exit_code == 0
    monkeypatch.setenv("PULUMI_DIY_BACKEND_GZIP", "1")
    assert place.engine().stacks() == ["dev"]
    assert place.up().ops() == []
    packed = place.state.with_name("dev.json.gz")
    assert json.loads(gzip.decompress(packed.read_bytes()))["version"] == 3
    assert not place.state.exists()
    history = place.backend / ".pulumi" / "history" / "place" / "dev"
    assert [f.name.split(".", 1)[1] for f in sorted(history.glob("*.gz"))] == ["checkpoint.json.gz", "history.json.gz"]
    assert len(place.engine().history()) == 2
    assert place.engine().destroy().exit_code == 0
    packed.write_bytes(packed.read_bytes()[:40])
    with pytest.raises(DamagedState, match=r"dev.json.gz: the state is damaged .*restore .*dev.json.gz.bak"):
        place.up()


def test_zstd_is_not_written_and_that_is_said_first(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.program(ONE)
    monkeypatch.setenv("PULUMI_DIY_BACKEND_ZSTD", "true")
    with pytest.raises(BadInput, match="zstd"):
        place.up()
    assert place.things() == []


@pytest.mark.parametrize("meta", [None, "version: 0\n"])
def test_the_old_layout_without_projects_is_refused(place: Place, meta: str | None) -> None:
    home = place.backend / ".pulumi"
    (home / "stacks").mkdir(parents=True)
    (home / "stacks" / "dev.json").write_text("{}")
    if meta is not None:
        (home / "meta.yaml").write_text(meta)
    place.program(ONE)
    with pytest.raises(BackendError, match=r"old layout without projects.*run `pulumi state upgrade`"):
        place.up()
    assert place.things() == []


@pytest.mark.parametrize(("text", "said"), [("version: 7\n", "version 7, expected 1"), ("nothing\n", "no version")])
def test_a_layout_of_the_future_is_refused(place: Place, text: str, said: str) -> None:
    (place.backend / ".pulumi").mkdir()
    (place.backend / ".pulumi" / "meta.yaml").write_text(text)
    place.program(ONE)
    with pytest.raises(BackendError, match=said):
        place.up()


def test_a_stray_file_of_the_old_layout_beside_projects_is_no_matter(place: Place) -> None:
    place.program(ONE)
    assert place.up().outcome.exit_code == 0
    (place.backend / ".pulumi" / "stacks" / "old.json").write_text("{}")
    assert place.engine().stacks() == ["dev"]


@pytest.mark.parametrize("version", [1, 2])
def test_a_checkpoint_of_an_old_version_is_refused_with_the_fix(place: Place, version: int) -> None:
    place.program(ONE)
    assert place.up().outcome.exit_code == 0
    raw = place.state.read_bytes().replace(b'{"version":3', b'{"version":%d' % version)
    place.state.write_bytes(raw)
    with pytest.raises(DamagedState, match=f"version {version}, expected 3 or 4; run `pulumi stack export`"):
        place.up()
    assert place.state.read_bytes() == raw


def test_backups_are_not_written_where_that_is_asked_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.program(ONE)
    monkeypatch.setenv("PULUMI_DISABLE_CHECKPOINT_BACKUPS", "true")
    assert place.up().outcome.exit_code == 0
    assert not (place.backend / ".pulumi" / "backups").exists()
    monkeypatch.setenv("PULUMI_RETAIN_CHECKPOINTS", "true")
    assert place.up().outcome.exit_code == 0
    kept = [name for name in _names(place) if name.startswith("dev.json.") and name.rpartition(".")[2].isdigit()]
    assert len(kept) == 1
    assert place.engine().stacks() == ["dev"]


def test_the_home_folder_and_the_login_of_the_official_engine(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def url() -> str:
        return Engine(place.project, "dev").stack.backend.url

    home = place.root / "home"
    monkeypatch.setenv("HOME", str(home))
    for given in ("file://~", "file://~/"):
        monkeypatch.setenv("PULUMI_BACKEND_URL", given)
        assert url() == f"file://{home}"
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file://~/a%20b/state?no_tmp_dir=true")
    assert url() == f"file://{home}/a b/state"
    monkeypatch.delenv("PULUMI_BACKEND_URL")
    (home / ".pulumi").mkdir(parents=True)
    (home / ".pulumi" / "credentials.json").write_text('{"current": "https://api.pulumi.com"}')
    with pytest.raises(BackendError, match=r"Pulumi Cloud \(https://api.pulumi.com\).*set PULUMI_BACKEND_URL"):
        url()
    monkeypatch.setenv("PULUMI_HOME", str(place.root / "other"))
    (place.root / "other").mkdir()
    (place.root / "other" / "credentials.json").write_text('{"current": "s3://bucket"}')
    assert url() == "s3://bucket"


def test_names_with_organization_and_project(place: Place) -> None:
    place.program(ONE)
    for name in ("dev", "organization/dev", "organization/place/dev"):
        assert Engine(place.project, name).stack.full_name == "organization/place/dev"
    with pytest.raises(BadInput, match="organization name must be 'organization'"):
        Engine(place.project, "acme/dev")
    with pytest.raises(BadInput, match=r"of the project other, and Pulumi\.yaml here is of place"):
        Engine(place.project, "organization/other/dev")
    with pytest.raises(BadInput):
        Engine(place.project, "a/b/c/d")
    assert Path(place.project).exists()
