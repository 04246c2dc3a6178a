"""A shop of things that can be replaced, protected and secret, previewed for real by the embedded engine."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.report.model import Report
from tests.automation.conftest import ROOT, Project, environment
from tests.tools import chromium

PROVIDER = """
import sys

from pulumi.dynamic import CreateResult, DiffResult, ResourceProvider, UpdateResult


class Provider(ResourceProvider):
    def create(self, props):
        return CreateResult("made", dict(props))

    def diff(self, id, olds, news):
        changed = [key for key in news if not key.startswith("__") and olds.get(key) != news.get(key)]
        forcing = [key for key in changed if key == "size"]
        return DiffResult(changes=bool(changed), replaces=forcing, delete_before_replace=news.get("first") is True)

    def update(self, id, olds, news):
        return UpdateResult(dict(news))
"""

PROGRAM = """
import json

import pulumi
from pulumi.dynamic import Resource

from provider import Provider


class Thing(Resource, module="shop", name="Thing"):
    pass


class Shelf(pulumi.ComponentResource):
    def __init__(self, name, things, opts=None):
        super().__init__("shop:index:Shelf", name, {}, opts)
        before = []
        for each in things:
            given = {key: value for key, value in each.items() if key not in ("name", "options", "secret")}
            if "secret" in each:
                given["word"] = pulumi.Output.secret(each["secret"])
            chosen = pulumi.ResourceOptions(parent=self, depends_on=before[:], **each.get("options", {}))
            before.append(Thing(Provider(), each["name"], given, chosen))
        self.register_outputs({})


config = pulumi.Config()
for name, things in json.loads(config.require("shelves")).items():
    Shelf(name, things)
pulumi.export("count", config.get("count") or "1")
"""

SECRET = "hunter2-of-the-shop"


@dataclass
class Shop:
    project: Project

    def stock(self, **shelves: Any) -> None:
        """What the next preview is to find on the shelves."""
        self.project.stack("dev", shelves=json.dumps(shelves))

    def up(self) -> None:
        done = self.project.run("up", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr

    def preview(self, *flags: str) -> subprocess.CompletedProcess[str]:
        return self.project.run("preview", "--html", "r.html", "--markdown", "c.md", "--json", "p.json", *flags)

    def report(self, *flags: str) -> Report:
        """The report of a preview that succeeds."""
        done = self.preview(*flags)
        assert done.returncode == 0, done.stdout + done.stderr
        return self.told()

    def told(self) -> Report:
        return Report.model_validate_json((self.project.root / "p.json").read_bytes())

    def texts(self) -> dict[str, str]:
        """All formats, by file."""
        return {name: (self.project.root / name).read_text("utf-8") for name in ("r.html", "c.md", "p.json")}


def make_shop(folder: Path) -> Shop:
    root = folder / "shop"
    root.mkdir()
    runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
    (root / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "demo", "runtime": runtime}))
    (root / "__main__.py").write_text(PROGRAM)
    (root / "provider.py").write_text(PROVIDER)
    return Shop(Project(root, environment(folder)))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


@pytest.fixture(scope="session")
def browser() -> Iterator[chromium.Browser]:
    with chromium.browser() as found:
        yield found


@pytest.fixture(scope="session")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop where something of everything happens: made, changed, replaced, deleted, left alone."""
    made = make_shop(tmp_path_factory.mktemp("changed"))
    plain = {"name": "plain", "color": "red"}
    made.stock(
        front=[
            plain,
            {"name": "moved", "size": 1, "secret": SECRET},
            {"name": "torn", "size": 1, "first": True},
            {"name": "painted", "color": "red", "tags": {"a.b": "1", "c": ["x", "y"]}},
            {"name": "quiet", "secret": SECRET},
        ],
        back=[{"name": "gone"}, {"name": "kept", "options": {"retain_on_delete": True}}],
    )
    made.up()
    made.stock(
        front=[
            plain,
            {"name": "moved", "size": 2, "secret": SECRET},
            {"name": "torn", "size": 2, "first": True},
            {"name": "painted", "color": "blue", "tags": {"a.b": "2", "c": ["x"]}},
            {"name": "quiet", "secret": f"{SECRET}-new"},
            {"name": "fresh", "password": "plainly-there", "color": "green"},
        ]
    )
    made.report()
    return made


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of a report of the repository's own stack on ECS, with its policies, as a review gets them."""
    folder = tmp_path_factory.mktemp("cloud")
    made = Project(ROOT, {**environment(folder), "MODELPORT_DATA_DIR": str(folder / "data")})
    files = {"html": folder / "r.html", "markdown": folder / "c.md", "json": folder / "p.json"}
    flags = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    done = made.run("preview", "-s", "aws-ecs", "--policy-pack", "policies", *flags)
    assert done.returncode == 0, done.stdout + done.stderr
    return files
