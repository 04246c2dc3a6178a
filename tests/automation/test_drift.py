"""`modelport drift`: what is no longer as the state says."""

import json
from pathlib import Path
from typing import Any

import pytest

from automation.exits import Exit
from tests.automation.conftest import Project

PROVIDER = """
import json
from pathlib import Path

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, ResourceProvider, UpdateResult


def written(props):
    known = {key: value for key, value in props.items() if key != "__provider"}
    Path(props["file"]).write_text(json.dumps(known))
    return known


class Provider(ResourceProvider):
    def create(self, props):
        return CreateResult(props["file"], written(props))

    def diff(self, id, old, new):
        return DiffResult(changes=any(old.get(key) != new[key] for key in ("file", "about", "word")))

    def update(self, id, old, new):
        return UpdateResult(written(new))

    def read(self, id, props):
        file = Path(id)
        return ReadResult(id, json.loads(file.read_text())) if file.exists() else ReadResult("", {})
"""
PROGRAM = """
import pulumi
from pulumi.dynamic import Resource

from provider import Provider


class File(Resource):
    pass


for name in ("one", "two"):
    options = pulumi.ResourceOptions(additional_secret_outputs=["word"])
    about = {"size": "small", "tags": {"team": "ml"}}
    File(Provider(), name, {"file": f"FOLDER/{name}.json", "about": about, "word": "hunter2"}, options)
"""


@pytest.fixture
def files(project: Project, tmp_path: Path) -> Path:
    """What a stack of two files has made, each as JSON."""
    world = tmp_path / "world"
    world.mkdir()
    (project.root / "provider.py").write_text(PROVIDER)
    (project.root / "__main__.py").write_text(PROGRAM.replace("FOLDER", str(world)))
    made = project.run("up", "--yes")
    assert made.returncode == Exit.DONE, made.stdout + made.stderr
    return world


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def told(project: Project, *arguments: str) -> dict[str, Any]:
    done = project.run("drift", "--json", *arguments)
    document: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == document["exit_code"]
    return document


def test_a_world_as_the_state_says_has_not_drifted(project: Project, files: Path) -> None:
    done = project.run("drift")
    assert (done.returncode, done.stdout) == (Exit.DONE, "stack dev: everything is as the state says\n")
    assert told(project)["result"] == "none"


def test_what_was_changed_is_named_by_its_innermost_place(project: Project, files: Path) -> None:
    change(files / "one.json", about={"size": "small", "tags": {"team": "web"}, "more": 1})
    (found,) = told(project)["resources"]
    assert (found["name"], found["gone"]) == ("one", False)
    assert found["properties"] == {
        "about.more": {"state": None, "world": 1},
        "about.tags.team": {"state": "ml", "world": "web"},
    }


def test_what_is_gone_is_said_to_be(project: Project, files: Path) -> None:
    (files / "two.json").unlink()
    done = project.run("drift")
    assert done.returncode == Exit.DRIFTED
    assert done.stdout.splitlines()[0] == "pulumi-python:dynamic:Resource two is gone"


def test_a_search_changes_neither_the_state_nor_the_world(project: Project, files: Path) -> None:
    change(files / "one.json", about={})
    before = project.run("stack", "export").stdout, (files / "one.json").read_bytes()
    project.run("drift")
    assert (project.run("stack", "export").stdout, (files / "one.json").read_bytes()) == before


def test_only_the_named_resource_is_looked_at(project: Project, files: Path) -> None:
    (files / "one.json").unlink()
    assert told(project, "--target", "two")["resources"] == []
    assert [each["name"] for each in told(project, "--target", "one")["resources"]] == ["one"]


def test_a_target_that_is_not_there_is_refused(project: Project, files: Path) -> None:
    done = project.run("drift", "--target", "tow")
    assert done.returncode == Exit.BAD_INPUT
    assert done.stderr == "error: --target tow: no resource of the stack has this name, did you mean two?\n"


def test_a_secret_that_drifted_is_not_told(project: Project, files: Path) -> None:
    change(files / "one.json", word="hunter3")
    done = project.run("drift")
    assert done.returncode == Exit.DRIFTED
    assert "hunter" not in done.stdout + done.stderr
    assert "hunter" not in project.run("drift", "--json").stdout


def test_what_is_new_and_a_secret_by_its_name_or_look_is_not_told(project: Project, files: Path) -> None:
    token = f"ghp_{'a' * 36}"
    about = {"size": "small", "tags": {"team": "ml"}, "dbPassword": "hunter4", "notes": [token, {"apiKey": "hunter5"}]}
    change(files / "one.json", about=about, access_key="hunter6", document=json.dumps({"password": "hunter7"}))
    document = project.run("drift", "--json").stdout
    assert "hunter" not in document and token not in document
    (found,) = json.loads(document)["resources"]
    assert found["properties"]["about.dbPassword"] == {"state": None, "world": "[secret]"}
    assert found["properties"]["about.notes"]["world"] == ["[secret]", {"apiKey": "[secret]"}]
    assert {"access_key", "document"} < found["properties"].keys()


def test_a_stack_that_was_never_brought_up_is_refused(project: Project) -> None:
    done = project.run("drift", "--json")
    assert done.returncode == Exit.BAD_INPUT
    assert done.stderr == "error: stack dev was never brought up; run modelport up -s dev\n"


def test_up_with_refresh_puts_it_right(project: Project, files: Path) -> None:
    (files / "two.json").unlink()
    change(files / "one.json", about={"size": "large"})
    assert project.run("up", "--refresh", "--yes").returncode == Exit.DONE
    assert told(project)["result"] == "none"
