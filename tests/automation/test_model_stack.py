"""The commands about a model, on a project with Modelport's own stacks: the digits, trained and built for real."""

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.exits import Exit
from tests.automation.conftest import ROOT, Project


@pytest.fixture
def digits(make_project: Callable[[], Project], tmp_path: Path, free_port: int) -> Iterator[Project]:
    """The repository's own stack `local` on a free port, with data of its own; what was built before is cached."""
    project = make_project()
    for name in ("stacks", "examples"):
        shutil.copytree(ROOT / name, project.root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "__main__.py", project.root)
    settings = yaml.safe_load((project.root / "Pulumi.yaml").read_text())
    (project.root / "Pulumi.yaml").write_text(yaml.safe_dump({**settings, "name": "modelport"}))
    project.environment["MODELPORT_DATA_DIR"] = str(tmp_path / "data")
    change(project, lambda config: config["modelport:endpoint"].update(port=free_port, workers=1, runtime="process"))
    yield project
    project.run("destroy", "--yes", "-s", "local")


def change(project: Project, how: Callable[[dict[str, Any]], object]) -> None:
    file = project.root / "Pulumi.local.yaml"
    data = yaml.safe_load((file if file.exists() else ROOT / file.name).read_text())
    how(data["config"])
    file.write_text(yaml.safe_dump(data))


def health(project: Project) -> str:
    import httpx

    endpoint = project.run("output", "endpoint").stdout.strip()
    return "ready" if httpx.get(f"{endpoint}/v2/health/ready").status_code == 200 else "not ready"


def test_from_a_stack_file_to_an_answer_and_back(digits: Project) -> None:
    up = digits.run("up", "--yes")
    assert (up.returncode, up.stderr) == (0, "")
    assert "     digits: verify: done" in up.stdout
    assert health(digits) == "ready"

    again = digits.run("up", "--yes", "--json")
    assert set(json.loads(again.stdout.splitlines()[-1])["modelportEvent"]["changes"]) == {"same"}

    told = json.loads(digits.run("report", "--json").stdout)
    assert told["name"] == "digits" and told["chosen"]
    page = Path(digits.run("report").stdout.splitlines()[0])
    assert page.read_text().startswith("<!doctype html>")

    digest = digits.run("output", "digest").stdout.strip()
    # a cache of its own: the user's may be in use by a build, which gc does not disturb
    apart = {"MODELPORT_CACHE_DIR": str(digits.root.parent / "cache")}
    cleared = json.loads(digits.run("gc", "--dry-run", "--json", env=apart).stdout)
    assert digest in cleared["kept"]
    assert digest[7:19] not in [thing["name"] for thing in cleared["cleared"] if thing["kind"] == "image"]
    elsewhere = {**apart, "PULUMI_BACKEND_URL": (digits.root.parent / "empty").as_uri()}
    (digits.root.parent / "empty").mkdir()
    running = json.loads(digits.run("gc", "--dry-run", "--json", env=elsewhere).stdout)
    assert digest in running["kept"], "an endpoint runs it, whichever backend holds the stack"

    change(digits, lambda config: config["modelport:model"]["evaluate"].update(min=1.0))
    missed = digits.run("up", "--yes")
    assert missed.returncode == Exit.GATE_MISSED
    assert missed.stderr.count("\n") == 1
    assert missed.stderr.startswith("error: digits: ")
    assert health(digits) == "ready"
    assert digits.run("output", "digest").stdout.strip() == digest

    assert digits.run("destroy", "--yes").returncode == Exit.DONE
    orphans = json.loads(digits.run("gc", "--yes", "--json", env=apart).stdout)
    assert digest[7:19] in [thing["name"] for thing in orphans["cleared"] if thing["kind"] == "image"]


def test_a_build_alone_touches_no_infrastructure(digits: Project) -> None:
    built = digits.run("build", "--json")
    assert built.returncode == Exit.DONE
    told = json.loads(built.stdout)
    assert (told["schema"], told["model"]) == (1, "digits")
    assert told["metrics"]["accuracy"] > 0.95
    assert "digits: verify: " in built.stderr
    assert json.loads(digits.run("stack", "ls", "--json").stdout) == [{"name": "local", "file": True, "state": False}]


def test_a_build_that_misses_its_gate(digits: Project) -> None:
    change(digits, lambda config: config["modelport:model"]["evaluate"].update(min=1.0))
    missed = digits.run("build")
    assert missed.returncode == Exit.GATE_MISSED
    assert missed.stderr.startswith("error: digits: ")


def test_every_mistake_of_a_stack_file_is_a_line_and_nothing_is_touched(digits: Project) -> None:
    def spoil(config: dict[str, Any]) -> None:
        config["modelport:model"]["evaluate"]["min"] = 97.5
        config["modelport:model"]["optimise"] = {}

    change(digits, spoil)
    refused = digits.run("up", "--yes")
    assert refused.returncode == Exit.BAD_INPUT
    assert sorted(refused.stderr.splitlines()) == [
        "error: Pulumi.local.yaml: model.evaluate.min is 97.5, expected a share between 0 and 1; write 0.975",
        "error: Pulumi.local.yaml: unknown key 'optimise' under model, did you mean 'optimize'?",
    ]
    assert not (digits.root.parent / "state").exists()


def test_a_port_in_use_is_told_before_anything_is_built(digits: Project, free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)):
        refused = digits.run("up", "--yes")
    assert (refused.returncode, refused.stdout) == (Exit.FAILED, "")
    assert refused.stderr.startswith(f"error: port {free_port} is in use by ")
    assert refused.stderr.endswith("expected a free port; set modelport:endpoint.port or stop it\n")
    assert not (digits.root.parent / "state").exists()


def test_a_report_before_anything_was_built(digits: Project) -> None:
    refused = digits.run("report")
    assert refused.returncode == Exit.BAD_INPUT
    assert "run modelport up -s local" in refused.stderr


def test_the_doctor_looks_into_the_stack_file(digits: Project) -> None:
    told = json.loads(digits.run("doctor", "--json").stdout)
    found = {check["name"]: check["status"] for check in told["checks"]}
    assert found["stack local"] == found["local: port"] == "ok"
    change(digits, lambda config: config["modelport:endpoint"].update(port=0))
    spoiled = digits.run("doctor", "--json")
    assert spoiled.returncode == Exit.MISSING
    failed = [check["name"] for check in json.loads(spoiled.stdout)["checks"] if check["status"] == "fail"]
    assert failed == ["stack local"]
