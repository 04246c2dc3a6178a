import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from automation import checks, doctor
from automation.drivers import Choice
from automation.exits import Exit
from automation.lifecycle import Request
from automation.projects import Target
from model_build import extras
from tests.automation.conftest import ROOT, Project


def checked(project: Project, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    done = project.run("doctor", "--json", *arguments, env=env)
    told = json.loads(done.stdout)
    assert set(told) == {"schema", "ok", "exit_code", "checks"}
    assert told["exit_code"] == done.returncode
    for check in told["checks"]:
        assert set(check) == {"name", "status", "found", "fix"}
        assert check["status"] == "ok" or check["fix"], f"{check['name']} says no fix"
    return done.returncode, {check["name"]: check for check in told["checks"]}


def test_a_machine_that_runs_these_tests_is_fine(project: Project) -> None:
    code, found = checked(project)
    assert code == Exit.DONE
    assert found["python"]["found"] == f"{'.'.join(map(str, sys.version_info[:3]))} at {sys.executable}"
    assert found["engine"]["found"].startswith("embedded")
    assert found["backend"]["found"] == f"file://{project.root.parent / 'state' / 'backend'}"


def test_it_leaves_nothing_behind(project: Project) -> None:
    checked(project)
    assert not (project.root.parent / "state").exists()


def test_plain_lines_say_the_same(project: Project) -> None:
    done = project.run("doctor")
    assert done.returncode == Exit.DONE
    assert f"ok    project: {project.root}" in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1] == "ready: modelport up"


def test_what_is_the_same_for_several_stacks_is_said_once() -> None:
    login = ("AWS credentials", "note", "none are found", "set AWS_PROFILE")
    found = [doctor.Check("python", "ok", "3.11.7"), doctor.Check("engine", "ok", "3.11.7")]
    found += [doctor.Check(f"{stack}: {login[0]}", "note", *login[2:]) for stack in ("dev", "prod")]
    found.append(doctor.Check("prod: clock", "ok", "right"))
    names = [check.name for check in doctor.together(found)]
    assert names == ["python", "engine", "dev, prod: AWS credentials", "prod: clock"]


def test_a_registry_that_is_down_fails_the_stack_that_somebody_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no other: in a clone nobody has one yet for the stack that is for a cluster."""

    def down(reference: str) -> str:
        raise checks.Wrong(f"{reference}: no answer", "start it")

    monkeypatch.setattr(checks, "registry", down)
    assert _examined("dev", "dev: registry") == {"dev: registry": "fail"}
    assert _examined(None, "dev: registry") == {"dev: registry": "note"}


def test_a_framework_that_is_missing_fails_the_stack_that_somebody_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> str | None:
        return None if name == "torch" else name

    monkeypatch.setattr(extras, "find_spec", found)
    assert _examined("cnn", "cnn: frameworks") == {"cnn: frameworks": "fail"}
    assert _examined("local", "local: frameworks") == {"local: frameworks": "ok"}
    spec = checks.stack_file(Target(ROOT, "cnn"))
    assert spec is not None
    with pytest.raises(checks.Wrong, match="torch not installed, which the model is built with") as caught:
        checks.frameworks(spec.model, ROOT)
    assert caught.value.fix == "pip install 'modelport[torch]'"


def test_an_engine_that_is_asked_for_and_missing_fails(project: Project) -> None:
    code, found = checked(project, "--engine", "pulumi")
    assert code == Exit.MISSING
    assert found["engine"]["status"] == "fail"


def test_a_folder_that_is_a_file_fails(project: Project, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, found = checked(project, env={"MODELPORT_DATA_DIR": str(tmp_path / "file" / "data")})
    assert code == Exit.MISSING
    assert found["data folder"]["found"] == f"{tmp_path / 'file'} is a file, expected a folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_fails(project: Project, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    code, found = checked(project, env={"MODELPORT_CACHE_DIR": str(tmp_path / "closed")})
    assert (code, found["cache folder"]["status"]) == (Exit.MISSING, "fail")


def test_outside_of_a_project_it_says_so(project: Project) -> None:
    code, found = checked(project, "--cwd", "/proc")
    assert code == Exit.MISSING
    assert found["project"]["status"] == "fail"


def test_a_port_in_use_is_named_with_its_holder() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        number = taken.getsockname()[1]
        with pytest.raises(checks.Wrong, match=rf"port {number} is in use by .*process {os.getpid()}"):
            checks.port(number, "dev")


def test_a_free_port_is_fine(free_port: int) -> None:
    assert checks.port(free_port, "dev") == f"{free_port} is free"


def test_a_registry_that_is_down_is_found(free_port: int) -> None:
    with pytest.raises(checks.Wrong) as caught:
        checks.registry(f"127.0.0.1:{free_port}/digits")
    assert str(free_port) in caught.value.found
    assert "docker login" in caught.value.fix


def test_too_little_room_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "LEAST_FREE", 1 << 60)
    with pytest.raises(checks.Wrong, match="GB free at"):
        checks.disk()


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without plugins, credentials and clouds' command lines."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_", "PULUMI_"))]:
        monkeypatch.delenv(name)
    for name, value in {"HOME": tmp_path, "PATH": tmp_path, "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, str(value))
    return tmp_path


def _on_aws(stack: str | None) -> dict[str, str]:
    return _examined(stack, "aws-eks: AWS")


def _examined(stack: str | None, *beginnings: str) -> dict[str, str]:
    found = doctor.examine(Request(Path(__file__).resolve().parents[2], stack, Choice.EMBEDDED))
    return {each.name: each.status for each in found if each.name.startswith(beginnings)}


def test_an_up_on_aws_is_not_ready_without_plugin_and_credentials(bare: Path) -> None:
    what = ("aws-eks: AWS provider", "aws-eks: AWS credentials", "aws-eks: AWS command line")
    assert _on_aws("aws-eks") == dict.fromkeys(what, "fail")
    # A file that nobody asked for may be there to be planned.
    assert _on_aws(None) == dict.fromkeys(what, "note")


def test_plugin_credentials_and_command_line_of_aws_are_found(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("aws", "pulumi-resource-aws"):
        (bare / name).touch(mode=0o755)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "only in a test")
    assert set(_on_aws("aws-eks").values()) == {"ok"}
    assert checks.aws_credentials() == "from env"


def test_what_an_up_on_google_cloud_wants_is_looked_for(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    what = ("gcp-gke: Google provider", "gcp-gke: Google credentials", "gcp-gke: GKE plugin")
    assert _examined("gcp-gke", "gcp-gke: G") == dict.fromkeys(what, "fail")
    assert _examined(None, "gcp-gke: G") == dict.fromkeys(what, "note")
    for name in ("gke-gcloud-auth-plugin", "pulumi-resource-gcp"):
        (bare / name).touch(mode=0o755)
    person = {"type": "authorized_user", "client_id": "a", "client_secret": "only in a test", "refresh_token": "b"}
    (bare / "adc.json").write_text(json.dumps(person))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(bare / "adc.json"))
    assert set(_examined("gcp-gke", "gcp-gke: G").values()) == {"ok"}
    # No cluster is asked there.
    assert _examined("gcp-cloudrun", "gcp-cloudrun: G") == dict.fromkeys(
        ("gcp-cloudrun: Google provider", "gcp-cloudrun: Google credentials"), "ok"
    )
    assert _examined("gcp-vertex", "gcp-vertex: G") == dict.fromkeys(
        ("gcp-vertex: Google provider", "gcp-vertex: Google credentials"), "ok"
    )
    (bare / "adc.json").write_text("{}")
    with pytest.raises(checks.Wrong, match=r"adc\.json does not have a valid type"):
        checks.google_credentials()
