"""The flags of `preview`, as a process of its own: what they write, what they refuse, and what a fork never runs."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.report.model import Report
from tests.automation.conftest import ROOT, Project, environment
from tests.automation.report.conftest import Shop

EVIL = """
import os

with open(os.environ["MODEL_MARK"], "a") as file:
    file.write("the model's code ran\\n")


def train():
    raise SystemExit("it was run")


def data():
    return None
"""


@pytest.fixture
def evil(tmp_path: Path) -> Project:
    """The repository's own stacks, with a model whose code leaves a mark where it is so much as imported."""
    root = tmp_path / "project"
    root.mkdir()
    shutil.copytree(ROOT / "stacks", root / "stacks", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "__main__.py", root)
    settings = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    settings["runtime"]["options"]["virtualenv"] = os.environ.get("VIRTUAL_ENV", str(ROOT / ".venv"))
    (root / "Pulumi.yaml").write_text(yaml.safe_dump(settings))
    (root / "evil.py").write_text(EVIL)
    model = {"name": "evil", "source": "evil:train", "evaluate": {"data": "evil:data", "min": 0.5}}
    config: dict[str, Any] = {"modelport:target": "local", "modelport:model": model}
    made = Project(root, environment(tmp_path))
    made.environment |= {"MODELPORT_DATA_DIR": str(tmp_path / "data"), "MODEL_MARK": str(tmp_path / "mark")}
    config["modelport:endpoint"] = {"port": 18473, "runtime": "process"}
    (root / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
    return made


def review(project: Project, head: int | None, base: int = 1) -> dict[str, str]:
    """The environment of a pull request's workflow on GitHub."""
    repo = {"id": head, "full_name": "stranger/modelport"} if head is not None else None
    event = {"pull_request": {"head": {"repo": repo}, "base": {"repo": {"id": base, "full_name": "owner/modelport"}}}}
    file = project.root.parent / "event.json"
    file.write_text(json.dumps(event))
    return {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(file), "GITHUB_ACTIONS": "true"}


def told(project: Project) -> Report:
    return Report.model_validate_json((project.root / "p.json").read_bytes())


def marked(project: Project) -> bool:
    return Path(project.environment["MODEL_MARK"]).exists()


def test_a_preview_runs_no_model_code(evil: Project) -> None:
    done = evil.run("preview", "--json", "p.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not marked(evil)
    (model,) = told(evil).models
    assert (model.measured, model.passed, model.note) == ("in up", None, "it is measured in up")


def test_a_preview_without_credentials_says_that_it_could_not_look(evil: Project) -> None:
    config = yaml.safe_load((evil.root / "Pulumi.dev.yaml").read_text())
    config["config"]["modelport:model"]["source"] = "s3://models/m.onnx"
    (evil.root / "Pulumi.dev.yaml").write_text(yaml.safe_dump(config))
    nobody = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9", "AWS_PROFILE": ""}
    nobody |= {"AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_CONFIG_FILE": "/dev/null"}
    done = evil.run("preview", "--json", "p.json", env=nobody)
    assert done.returncode == 0, done.stdout + done.stderr
    (model,) = told(evil).models
    assert model.note.startswith("could not look: source is 's3://models/m.onnx', but credentials are missing")


def test_build_runs_it_where_the_code_is_ones_own(evil: Project) -> None:
    """So that the next test says something."""
    done = evil.run("preview", "--build", "--json", "p.json", env=review(evil, head=1))
    assert marked(evil)
    assert done.returncode != 0
    assert told(evil).fork == ""


@pytest.mark.parametrize("head", [2, None], ids=["fork", "fork that is gone"])
def test_a_forks_model_code_is_never_run(evil: Project, head: int | None) -> None:
    done = evil.run("preview", "--build", "--json", "p.json", env=review(evil, head))
    assert done.returncode == 0, done.stdout + done.stderr
    assert not marked(evil)
    report = told(evil)
    assert report.fork
    (model,) = report.models
    assert (model.measured, model.passed) == ("in up", None)
    assert "a fork's model code is not run" in model.note
    assert "note: the model is not built" in done.stderr


@pytest.mark.parametrize(
    ("flag", "path"),
    [("--html", "no/such/folder/file"), ("--markdown", "Pulumi.dev.yaml"), ("--json", "."), ("--json-file", "/proc/x")],
)
def test_a_path_that_cannot_be_written_is_refused_before_anything_runs(shop: Shop, flag: str, path: str) -> None:
    shop.stock(front=[])
    (shop.project.root / "__main__.py").write_text("open('ran', 'w').close()")
    before = (shop.project.root / "Pulumi.dev.yaml").read_bytes()
    done = shop.project.run("preview", flag, path)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {'--json' if flag == '--json-file' else flag} is '{path}'"), line
    assert "expected" in line
    assert not (shop.project.root / "ran").exists()
    assert (shop.project.root / "Pulumi.dev.yaml").read_bytes() == before


def test_two_flags_may_not_name_one_file(shop: Shop) -> None:
    shop.stock(front=[])
    done = shop.project.run("preview", "--html", "a", "--markdown", "./a")
    assert done.returncode == 2 and "which --html writes too" in done.stderr


@pytest.mark.parametrize("words", [["--json", "x.json"], ["--json=x.json"], ["--json-file", "x.json"]])
def test_json_takes_a_file_in_every_spelling(shop: Shop, words: list[str]) -> None:
    shop.stock(front=[])
    done = shop.project.run("preview", *words)
    assert done.returncode == 0
    assert "Previewing update (dev)" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("wrote ") and done.stdout.rstrip().endswith("x.json")
    assert json.loads((shop.project.root / "x.json").read_text())["schema_version"] == 1


def test_json_alone_prints_what_it_always_did(shop: Shop) -> None:
    shop.stock(front=[])
    document: dict[str, Any] = json.loads(shop.project.run("preview", "--json", "--html", "r.html").stdout)
    assert document["modelport"]["result"] == "done"
    assert (shop.project.root / "r.html").exists()


def test_a_file_keeps_its_mode_and_a_link_stays_one(shop: Shop) -> None:
    shop.stock(front=[])
    real = shop.project.root / "real.md"
    real.write_text("old")
    real.chmod(0o640)
    (shop.project.root / "link.md").symlink_to(real)
    assert shop.project.run("preview", "--markdown", "link.md").returncode == 0
    assert (shop.project.root / "link.md").is_symlink()
    assert real.read_text().startswith("<!-- modelport plan demo/dev -->")
    assert real.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in shop.project.root.iterdir() if each.name.startswith(".modelport-")] == []


def test_other_operations_take_no_report(shop: Shop) -> None:
    shop.stock(front=[])
    done = shop.project.run("up", "--yes", "--html", "r.html")
    assert done.returncode == 2 and not (shop.project.root / "r.html").exists()
