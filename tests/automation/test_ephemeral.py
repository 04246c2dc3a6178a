"""Stacks for a time: the real command and engine, on a program whose resource can wait and refuse to go."""

import asyncio
import json
import shutil
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.deployer import Deployer, Done
from automation.drivers import Choice
from automation.ephemeral import taken_away
from automation.exits import Exit
from automation.lifecycle import Request
from engine import locks
from engine.backend import open_backend
from tests.automation.conftest import ROOT, Project, wait_for

PROVIDER = """
import time
from pathlib import Path

from pulumi.dynamic import CreateResult, ResourceProvider, UpdateResult


class Provider(ResourceProvider):
    def create(self, props):
        print("modelport: thing: convert: half way", flush=True)
        time.sleep(float(props["wait"]))
        return CreateResult("made", dict(props))

    def update(self, id, old, new):
        return UpdateResult(dict(new))

    def delete(self, id, props):
        if Path("keep").exists() and Path("keep").read_text() in ("", props["color"]):
            raise Exception("the cloud says no")
"""


class Place:
    """A project with a stack `dev` that is up, and the backend that it is in."""

    def __init__(self, project: Project) -> None:
        self.project, self.root = project, project.root
        shutil.copytree(ROOT / "stacks", self.root / "stacks", ignore=shutil.ignore_patterns("__pycache__"))
        (self.root / "provider.py").write_text(PROVIDER)
        self.backend = Path(project.environment["MODELPORT_STATE_DIR"]) / "backend" / ".pulumi" / "stacks" / "demo"
        self.write("dev")

    def write(self, stack: str, **config: Any) -> Path:
        """A stack file that has what Modelport's own stacks have, and what the program here reads."""
        data = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())
        data["config"] |= {f"demo:{key}": value for key, value in config.items()}
        file = self.root / f"Pulumi.{stack}.yaml"
        file.write_text(yaml.safe_dump(data))
        return file

    def run(self, *words: str, code: Exit = Exit.DONE) -> str:
        """`modelport ephemeral ...`; what it printed, or for a refusal its one line."""
        done = self.project.run("ephemeral", *words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code is Exit.DONE else done.stderr.removeprefix("error: ").strip()

    def up(self, name: str = "pr-1", *more: str, ttl: str = "48h", code: Exit = Exit.DONE) -> str:
        return self.run("up", name, "--like", "dev", "--ttl", ttl, "--yes", *more, code=code)

    def listed(self) -> dict[str, dict[str, Any]]:
        return {each["name"]: each for each in json.loads(self.run("list", "--json"))["stacks"]}

    def swept(self, code: Exit = Exit.DONE, *more: str) -> dict[str, Any]:
        done = self.project.run("ephemeral", "sweep", "--yes", "--json", *more)
        assert done.returncode == code, done.stdout + done.stderr
        return dict(json.loads(done.stdout))

    def over(self, name: str) -> None:
        """Let the stack's time be over."""
        tags = self.backend / f"{name}.pulumi-tags"
        data = json.loads(tags.read_text())
        data["tags"]["modelport:ephemeral:expires"] = "2026-01-01T00:00:00Z"
        tags.write_text(json.dumps(data))

    def there(self) -> set[str]:
        return {path.name.removesuffix(".json") for path in self.backend.glob("*.json")}


@pytest.fixture
def place(make_project: Callable[[], Project]) -> Place:
    return Place(make_project())


def test_a_stack_like_another_lives_beside_it_and_goes_whole(place: Place) -> None:
    assert place.project.run("up", "--yes", "-s", "dev").returncode == Exit.DONE
    before = [(place.backend / "dev.json").read_bytes(), (place.root / "Pulumi.dev.yaml").read_bytes()]
    told = place.up()
    assert "stack pr-1, like dev, until " in told and "image.keep: true (in dev: none)" in told
    (row,) = place.listed().values()
    expires = datetime.fromisoformat(row.pop("expires"))
    assert timedelta(hours=47.9) < expires - datetime.now(UTC) <= timedelta(hours=48)
    told_of = {"name": "pr-1", "like": "dev", "expired": False, "leaving": False, "resources": 1, "held": False}
    assert row == told_of
    file = yaml.safe_load((place.root / "Pulumi.pr-1.yaml").read_text())["config"]
    port = file["modelport:endpoint"]["port"]
    assert port != 8080

    # Again: a change of the other stack's file comes along, the port stays, and the time begins anew.
    place.write("dev", color="green")
    place.up(ttl="7d")
    file = yaml.safe_load((place.root / "Pulumi.pr-1.yaml").read_text())["config"]
    assert (file["demo:color"], file["modelport:endpoint"]["port"]) == ("green", port)
    assert datetime.fromisoformat(place.listed()["pr-1"]["expires"]) - expires > timedelta(days=4)

    place.run("down", "pr-1", "--yes")
    assert place.listed() == {} and place.there() == {"dev"}
    assert not (place.root / "Pulumi.pr-1.yaml").exists()
    assert not list(place.backend.glob("pr-1*"))
    place.write("dev")
    assert [(place.backend / "dev.json").read_bytes(), (place.root / "Pulumi.dev.yaml").read_bytes()] == before


def test_a_sweep_of_another_machine_takes_those_whose_time_is_over_and_no_other(place: Place) -> None:
    place.up("pr-1")
    place.up("pr-2")
    place.over("pr-1")
    for name in ("pr-1", "pr-2"):  # as in a checkout of the night's own
        (place.root / f"Pulumi.{name}.yaml").unlink()
    assert place.swept() == {"schema": 1, "destroyed": ["pr-1"], "left": [], "exit_code": 0}
    assert place.there() == {"pr-2"}
    assert place.swept()["destroyed"] == []
    assert place.run("sweep", "--yes") == "no ephemeral stack's time is over\n"


def test_a_stack_that_somebody_is_at_work_on_is_left_until_the_next_time(place: Place) -> None:
    place.up()
    place.over("pr-1")
    place.write("pr-1", wait=60, things="one,two")
    with place.project.start("up", "--yes", "-s", "pr-1") as working:
        wait_for(working, "half way")
        told = place.swept(Exit.LOCKED)
        assert told["destroyed"] == [] and f"process {working.pid}" in told["left"][0]["why"]
        assert place.up(code=Exit.LOCKED).startswith("stack pr-1 is held by ")
        for _ in range(2):
            working.send_signal(signal.SIGINT)
            time.sleep(0.5)
        working.communicate(timeout=60)
    assert place.listed()["pr-1"]["leaving"] is False, "it was not touched"
    place.write("pr-1")
    assert place.swept()["destroyed"] == ["pr-1"]


def test_one_that_cannot_be_destroyed_is_told_holds_no_other_up_and_is_tried_again(place: Place) -> None:
    place.up("pr-1", "--set", "demo=1", code=Exit.BAD_INPUT)
    place.write("dev", color="green")
    place.up("pr-1")
    place.write("dev", color="blue")
    place.up("pr-2")
    (place.root / "keep").write_text("green")
    for name in ("pr-1", "pr-2"):
        place.over(name)
    told = place.swept(Exit.FAILED)
    assert told["destroyed"] == ["pr-2"]
    assert told["left"] == [{"name": "pr-1", "why": "the cloud says no"}]
    assert place.listed()["pr-1"]["leaving"] is True
    # What is leaving is not brought up: a sweep may be about to destroy it.
    assert "is being taken away since" in place.up("pr-1", code=Exit.LOCKED)
    (place.root / "keep").unlink()
    assert place.swept()["destroyed"] == ["pr-1"]


def test_one_that_was_prolonged_meanwhile_stays(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("MODELPORT_STATE_DIR", "PULUMI_HOME", "PULUMI_CONFIG_PASSPHRASE", "PATH"):
        monkeypatch.setenv(key, place.project.environment[key])
    place.up()
    # The sweep has read that its time is over, and comes to it after the `up` that prolonged it.
    assert taken_away(Request(place.root, None, Choice.EMBEDDED), place.root, "pr-1", None) is False
    assert place.listed()["pr-1"]["resources"] == 1


def test_a_command_that_was_killed_before_it_had_made_anything_is_run_again(place: Place) -> None:
    place.up()
    for path in place.backend.glob("pr-1.json*"):
        path.unlink()
    place.up()
    assert place.listed()["pr-1"]["resources"] == 1


def test_locks_of_a_machine_that_is_gone_are_released_where_that_is_asked(place: Place) -> None:
    place.up()
    place.over("pr-1")
    folder = place.backend.parent.parent / "locks" / "organization" / "demo" / "pr-1"
    folder.mkdir(parents=True, exist_ok=True)
    about = {"pid": 1, "username": "ci", "hostname": "gone", "timestamp": "2026-01-01T00:00:00+00:00"}
    (folder / "12345678-1234-1234-1234-123456789012.json").write_text(json.dumps(about))
    assert "held by ci@gone" in place.swept(Exit.LOCKED)["left"][0]["why"]
    young = about | {"timestamp": datetime.now(UTC).isoformat()}
    (folder / "12345678-1234-1234-1234-123456789012.json").write_text(json.dumps(young))
    place.swept(Exit.LOCKED, "--release-locks-after", "6h")
    (folder / "12345678-1234-1234-1234-123456789012.json").write_text(json.dumps(about))
    assert place.swept(Exit.DONE, "--release-locks-after", "6h")["destroyed"] == ["pr-1"]


def test_a_damaged_record_is_told_and_holds_no_other_up(place: Place) -> None:
    place.up("pr-1")
    place.up("pr-2")
    place.over("pr-2")
    tags = place.backend / "pr-1.pulumi-tags"
    tags.write_text(json.dumps({"version": 1, "tags": {"modelport:ephemeral:expires": "soon"}}))
    told = place.swept(Exit.FAILED)
    assert told["destroyed"] == ["pr-2"]
    assert "stack pr-1 is ephemeral until 'soon', expected a time in UTC" in told["left"][0]["why"]
    # As that says: whatever its time is, it can be taken away.
    place.run("down", "pr-1", "--yes")
    assert place.there() == set()


def test_a_stack_of_somebodys_own_is_not_taken_away_for_a_name_that_was_begun_with(place: Place) -> None:
    backend = place.backend
    backend.mkdir(parents=True, exist_ok=True)
    tags = {f"modelport:ephemeral:{key}": value for key, value in
            {"like": "dev", "expires": "2026-01-01T00:00:00Z", "begun": "true"}.items()}  # fmt: skip
    # What a command leaves that was killed before it had made the stack.
    (backend / "pr-1.pulumi-tags").write_text(json.dumps({"version": 1, "tags": tags}))
    place.write("pr-1")
    assert place.project.run("up", "--yes", "-s", "pr-1").returncode == Exit.DONE
    assert place.swept()["destroyed"] == [] and place.there() == {"pr-1"}
    assert place.run("down", "pr-1", "--yes", code=Exit.BAD_INPUT).startswith("stack pr-1 is not ephemeral")
    assert "stack pr-1 is there and is not ephemeral" in place.up(code=Exit.BAD_INPUT)


def test_locks_that_came_since_they_were_looked_at_stay(tmp_path: Path) -> None:
    backend = open_backend(f"file://{tmp_path}", tmp_path)
    about = {"pid": 1, "username": "ci", "hostname": "gone", "timestamp": "2026-01-01T00:00:00+00:00"}
    backend.put_lock("demo", "pr-1", "12345678-1234-1234-1234-123456789012", about)
    found = locks.holders(backend, "demo", "pr-1")
    kept = backend.put_lock("demo", "pr-1", "12345678-1234-1234-1234-123456789013", about)
    locks.release(backend, "demo", "pr-1", found)
    assert [*backend.locks("demo", "pr-1")] == [kept]


def test_secrets_of_the_other_stack_come_along_as_secrets(place: Place) -> None:
    assert place.project.run("up", "--yes", "-s", "dev").returncode == Exit.DONE
    done = place.project.run("config", "set", "--secret", "demo:color", "ultramarine", "--stack", "dev")
    assert done.returncode == Exit.DONE, done.stderr
    place.up()
    assert "ultramarine" not in (place.root / "Pulumi.pr-1.yaml").read_text()
    got = place.project.run("config", "get", "demo:color", "--stack", "pr-1")
    assert got.stdout.strip() == "ultramarine"


def test_a_deployer_makes_one_and_takes_it_away(place: Place) -> None:
    environment = {key: place.project.environment[key] for key in ("MODELPORT_STATE_DIR", "PULUMI_CONFIG_PASSPHRASE")}
    deployer = Deployer(place.root, "pr-1", engine=Choice.EMBEDDED, environment=environment)

    async def run() -> tuple[Done, Done]:
        return await deployer.ephemeral("dev", "2h", ["endpoint.workers=1"]), await deployer.end()

    made, gone = asyncio.run(run())
    assert (made.changes, gone.changes) == ({"create": 2}, {"delete": 2})
    assert place.there() == set()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["up", "PR-1", "--like", "dev", "--ttl", "1h"], "NAME is 'PR-1', expected at most 24 lower-case letters"),
        (["up", "pr-1", "--like", "dve", "--ttl", "1h"], "there is no stack 'dve', did you mean 'dev'?"),
        (["up", "dev", "--like", "dev", "--ttl", "1h"], "NAME and --like are both dev, expected two stacks"),
        (["up", "mine", "--like", "dev", "--ttl", "1h"], "Pulumi.mine.yaml is there and was not made for an ephemeral"),
        (["up", "other", "--like", "dev", "--ttl", "1h"], "stack other is there and is not ephemeral"),
        (["up", "pr-1", "--like", "dev", "--ttl", "48"], "--ttl is '48', expected minutes, hours, days or weeks"),
        (["up", "pr-1", "--like", "dev", "--ttl", "0h"], "--ttl is '0h', expected minutes, hours, days or weeks"),
        (["up", "pr-1", "--like", "dev", "--ttl", "1h", "--set", "x"], "--set x: no KEY=VALUE, expected one"),
        (
            ["up", "pr-1", "--like", "dev", "--ttl", "1h", "--set", "endpoint.prot=1"],
            "like dev: Pulumi.pr-1.yaml: unknown key 'prot' under endpoint, did you mean 'port'?",
        ),
        (["down", "other"], "stack other is not ephemeral, expected one of modelport ephemeral list"),
        (["down", "nothing"], "stack nothing is not there, expected one of modelport ephemeral list"),
        (["sweep", "--release-locks-after", "soon"], "--release-locks-after is 'soon', expected minutes"),
    ],
)
def test_what_is_refused_touches_nothing(place: Place, words: list[str], said: str) -> None:
    place.write("mine")
    if "other" in words:
        place.write("other")
        assert place.project.run("up", "--yes", "-s", "other").returncode == Exit.DONE
        (place.root / "Pulumi.other.yaml").unlink()
    before = place.there(), sorted(path.name for path in place.root.iterdir())
    assert place.run(*words, "--yes", code=Exit.BAD_INPUT).startswith(said)
    assert (place.there(), sorted(path.name for path in place.root.iterdir())) == before
    assert not list(place.backend.glob("*.pulumi-tags"))
