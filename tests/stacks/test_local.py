"""The whole thing on this machine: a stack file goes in, an endpoint answers, and what goes wrong goes wrong alone."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.local import folder, ports, release
from engine.api import Engine, Outcome
from tests.components.conftest import marked
from tests.components.load import Load
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SEVEN = json.loads((ROOT / "examples" / "digits" / "seven.json").read_text())


@dataclass
class Project:
    """A copy of the project with a stack `local` of its own, driven by the embedded engine."""

    path: Path
    port: int
    said: list[str] = field(default_factory=list[str])

    def write(self, **changed: Any) -> None:
        """The stack file of the repository, with another port, and with keys of `changed` put over parts of it."""
        text = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())
        config = text["config"]
        config["modelport:endpoint"] = {"port": self.port, "workers": 2, "runtime": "process"}
        for part, values in changed.items():
            config[f"modelport:{part}"] = {**config.get(f"modelport:{part}", {}), **values}
        (self.path / "Pulumi.local.yaml").write_text(yaml.safe_dump(text))

    @property
    def engine(self) -> Engine:
        return Engine(self.path, "local")

    def _hear(self, event: dict[str, Any]) -> None:
        diagnostic = event.get("diagnosticEvent")
        if diagnostic and diagnostic["severity"] != "debug":
            self.said.append(diagnostic["message"].rstrip())

    def preview(self) -> Outcome:
        return self.engine.preview(on_event=self._hear)

    def up(self) -> Outcome:
        outcome = self.engine.up(on_event=self._hear)
        assert outcome.exit_code == 0, "\n".join([outcome.error, *self.said])
        return outcome

    def fails(self) -> str:
        """`up`, which has to fail; the last line of its error."""
        outcome = self.engine.up(on_event=self._hear)
        assert outcome.exit_code != 0
        return outcome.error.strip().splitlines()[-1]

    def destroy(self) -> Outcome:
        outcome = self.engine.destroy(on_event=self._hear)
        assert outcome.exit_code == 0, "\n".join([outcome.error, *self.said])
        return outcome

    def outputs(self) -> dict[str, Any]:
        return dict(self.engine.outputs())

    def version(self) -> str:
        """The version of the model that answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v2/models/digits", timeout=60) as answer:
            return str(json.load(answer)["versions"][0])

    def processes(self) -> list[int]:
        return [pid for place, _ in folder.endpoints() for pid in marked(place.id)]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: int) -> Iterator[Project]:
    monkeypatch.setenv("MODELPORT_STATE_DIR", os.fspath(tmp_path / "state"))
    monkeypatch.setenv("MODELPORT_DATA_DIR", os.fspath(tmp_path / "data"))
    path = tmp_path / "project"
    shutil.copytree(ROOT / "examples", path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copyfile(ROOT / name, path / name)
    (path / ".venv").symlink_to(sys.prefix)
    made = Project(path, free_port)
    made.write()
    yield made
    for place, _ in list(folder.endpoints()):
        release.remove(place)


def test_up_answers_and_says_how_to_ask(project: Project) -> None:
    assert project.up().changes == {"create": 4}
    outputs = project.outputs()
    assert set(outputs) == {"endpoint", "model", "digest", "report", "report_json", "metrics", "try"}
    assert outputs["endpoint"] == f"http://127.0.0.1:{project.port}"
    assert outputs["model"] == "digits"
    assert outputs["digest"].startswith("sha256:")
    assert outputs["metrics"]["accuracy"] >= 0.95
    assert Path(outputs["report"]).read_text().startswith("<!")
    assert json.loads(Path(outputs["report_json"]).read_text())

    request = urllib.request.Request(f"{outputs['endpoint']}/v2/models/digits/infer", json.dumps(SEVEN).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = {each["name"]: each["data"] for each in json.load(answer)["outputs"]}
    assert found["label"] == [7]


def test_the_lines_to_try_work_as_printed(project: Project) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed, and these are its command lines")
    project.up()
    answers = [
        subprocess.run(["sh", "-c", line], cwd=project.path, capture_output=True, text=True, check=True).stdout
        for line in project.outputs()["try"]
    ]
    ready, metadata, infer, classify = (json.loads(each) for each in answers)
    assert ready["ready"] is True
    assert metadata["name"] == "digits"
    assert infer["outputs"][0]["data"] == [7]
    assert classify["label"] == "7"


def test_up_again_changes_nothing(project: Project) -> None:
    project.up()
    outputs, processes = project.outputs(), project.processes()
    assert project.up().changes == {"same": 4}
    assert project.outputs() == outputs
    assert project.processes() == processes
    assert len(processes) == 3


def test_preview_makes_nothing(project: Project) -> None:
    assert project.preview().exit_code == 0
    assert not folder.run_folder().exists()
    ports.require_free(project.port)


def test_a_changed_recipe_under_load(project: Project) -> None:
    project.up()
    project.write(model={"version": "2"})
    body = json.dumps(SEVEN)
    with Load(project.port, body=body) as load:
        load.wait_for(100)
        assert project.preview().changes == {"same": 2, "update": 2}
        assert load.versions == {"1"}
        assert project.up().changes == {"same": 2, "update": 2}
        load.wait_for(100)
    assert load.failures == []
    assert load.versions == {"1", "2"}
    assert project.version() == "2"
    assert len(project.processes()) == 3


def test_a_gate_that_is_missed_leaves_the_old_version_alone(project: Project) -> None:
    project.up()
    outputs, processes = project.outputs(), project.processes()
    records = [record for _, record in folder.endpoints()]
    project.write(model={"version": "2", "evaluate": {"data": "examples.digits.train:evaluation", "min": 0.9999}})
    with Load(project.port, body=json.dumps(SEVEN)) as load:
        line = project.fails()
    assert line.startswith("modelport: gate missed: digits: ")
    assert load.failures == [] and load.versions <= {"1"}
    assert project.processes() == processes
    assert [record for _, record in folder.endpoints()] == records
    assert project.version() == "1"
    assert project.outputs()["digest"] == outputs["digest"]
    # With the gate as it was, the stack is as it was.
    project.write()
    assert project.up().changes == {"same": 4}
    assert project.processes() == processes


def test_down_leaves_nothing_behind(project: Project) -> None:
    project.up()
    (made,) = [place.id for place, _ in folder.endpoints()]
    assert project.destroy().changes == {"delete": 4}
    ports.require_free(project.port)
    assert marked(made) == []
    assert list(folder.run_folder().iterdir()) == []
    project.up()
    assert project.version() == "1"


def test_up_heals_a_server_that_was_killed(project: Project) -> None:
    project.up()
    for pid in project.processes():
        with contextlib.suppress(ProcessLookupError):  # a worker ends with its master
            os.kill(pid, signal.SIGKILL)
    assert project.preview().changes == {"same": 3, "update": 1}
    assert project.up().changes == {"same": 3, "update": 1}
    assert project.version() == "1"
    assert project.up().changes == {"same": 4}


def test_refresh_sees_that_a_server_is_gone(project: Project) -> None:
    project.up()
    assert project.engine.refresh().exit_code == 0
    assert project.up().changes == {"same": 4}
    for pid in project.processes():
        with contextlib.suppress(ProcessLookupError):  # a worker ends with its master
            os.kill(pid, signal.SIGKILL)
    assert project.engine.refresh().exit_code == 0
    assert project.up().changes == {"create": 1, "same": 3}
    assert project.version() == "1"
    assert len(list(folder.run_folder().iterdir())) == 1


def test_a_port_in_use_is_told_by_the_preview(project: Project) -> None:
    with socket.create_server(("127.0.0.1", project.port)):
        outcome = project.preview()
        assert outcome.exit_code != 0
        said = f"port {project.port} is in use by "
        assert said in outcome.error and "expected a free port; set modelport:endpoint.port or stop it" in outcome.error
        assert said in project.fails()
    assert not folder.run_folder().exists() or list(folder.run_folder().iterdir()) == []
    project.up()
    assert project.version() == "1"


def test_another_port_and_number_of_workers(project: Project) -> None:
    project.up()
    old, project.port = project.port, free_port()
    project.write(endpoint={"workers": 1})
    assert project.up().changes == {"same": 3, "update": 1}
    assert project.version() == "1"
    assert len(project.processes()) == 2
    ports.require_free(old)


def test_another_model_in_the_same_stack_takes_the_endpoint(project: Project) -> None:
    project.up()
    project.write(model={"name": "numerals"})
    assert project.up().changes == {"same": 2, "update": 2}
    assert project.outputs()["model"] == "numerals"
    address = f"http://127.0.0.1:{project.port}/v2/models/numerals"
    with urllib.request.urlopen(address, timeout=60) as answer:
        assert json.load(answer)["name"] == "numerals"


@pytest.mark.parametrize("moment", ["starting", "answering"])
def test_an_up_that_is_killed_loses_nothing_that_it_made(project: Project, moment: str) -> None:
    """kill -9 of engine, program and plugin at once, while the server starts or just after it answers."""
    code = "import sys; from pathlib import Path; from engine.api import Engine; Engine(Path.cwd(), 'local').up()"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=project.path, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as up:  # fmt: skip
        while up.poll() is None:
            if moment == "starting" and project.processes():
                break
            with contextlib.suppress(OSError):
                if moment == "answering" and project.version():
                    break
        _kill_all(up.pid)
    project.engine.cancel()
    project.up()
    assert project.version() == "1"
    assert len(list(folder.run_folder().iterdir())) == 1
    assert len(project.processes()) == 3
    project.destroy()
    ports.require_free(project.port)
    assert list(folder.run_folder().iterdir()) == []


def _kill_all(leader: int) -> None:
    """Kill a process and all that descend from it, but for what leads a session of its own to outlive it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit():
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    servers = {pid for place, _ in folder.endpoints() for pid in marked(place.id)}
    doomed = [leader]
    for pid in doomed:
        doomed += [each for each in children.get(pid, []) if each not in servers]
    for pid in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("part", "values", "line"),
    [
        (
            "endpoint",
            {"port": 0},
            "Pulumi.local.yaml: endpoint.port is 0, expected a whole number from 1 to 65535",
        ),
        (
            "model",
            {"optimise": {}},
            "Pulumi.local.yaml: unknown key 'optimise' under model, did you mean 'optimize'?",
        ),
    ],
)
def test_a_stack_file_with_a_mistake(project: Project, part: str, values: dict[str, Any], line: str) -> None:
    project.write(**{part: values})
    outcome = project.preview()
    assert outcome.exit_code != 0
    assert line in outcome.error.splitlines() or line in outcome.error
    assert not folder.run_folder().exists()
