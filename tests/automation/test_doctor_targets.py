"""What the doctor says of a stack's target: its cluster, its tools, the clock, and what is still to be filled in."""

import json
import os
import stat
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation import checks, checks_targets
from automation.exits import Exit
from tests.automation.conftest import Project
from tests.automation.shops import shop
from tests.cluster.shared import Cluster
from tests.tools.keys import key


@pytest.fixture
def project(make_project: Callable[[], Project]) -> Project:
    return shop(make_project())


@contextmanager
def clock(ahead: float) -> Generator[str]:
    """A server whose clock is so many seconds ahead of ours."""

    class Answers(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(400)
            self.end_headers()

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(time.time() + ahead)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is said of requests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def exact() -> Iterator[str]:
    with clock(0) as url:
        yield url


def test_a_clock_that_is_right_is_fine(exact: str) -> None:
    assert checks_targets.clock(exact) == "as that of 127.0.0.1"


@pytest.mark.parametrize(("ahead", "said"), [(600, "behind"), (-600, "ahead of")])
def test_a_clock_that_is_minutes_wrong_fails(ahead: int, said: str) -> None:
    with (
        clock(ahead) as url,
        pytest.raises(checks.Wrong, match=rf"(599|600|601) seconds {said} 127\.0\.0\.1") as caught,
    ):
        checks_targets.clock(url)
    assert not isinstance(caught.value, checks.Note)


def test_a_server_that_is_not_reached_says_nothing_about_the_clock(free_port: int) -> None:
    with pytest.raises(checks.Note, match=r"not compared, as 127\.0\.0\.1 says no time"):
        checks_targets.clock(f"http://127.0.0.1:{free_port}")


def test_china_has_a_clock_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(checks_targets, "clock", lambda url: asked.append(url) or "")  # type: ignore[func-returns-value]
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"):
        monkeypatch.delenv(name, raising=False)
    for region in ("eu-central-1", "cn-north-1"):
        checks_targets.aws_clock(region)
    assert asked == ["https://sts.eu-central-1.amazonaws.com", "https://sts.cn-north-1.amazonaws.com.cn"]


def examined(project: Project, stack: str, **env: str) -> tuple[int, dict[str, dict[str, Any]], str]:
    done = project.run("doctor", "-s", stack, "--json", env=env)
    return done.returncode, {check["name"]: check for check in json.loads(done.stdout)["checks"]}, done.stdout


def test_examples_that_still_stand_in_a_file_are_named_until_they_are_gone(project: Project, exact: str) -> None:
    given = ("--model", "models/churn.onnx", "--data", "models/holdout.npz", "--target", "aws-ecs", "--stack", "prod")
    assert project.run("new", *given).returncode == Exit.DONE
    _, found, _ = examined(project, "prod", AWS_ENDPOINT_URL=exact)
    assert found["prod: to fill in"]["status"] == "fail"
    assert found["prod: to fill in"]["found"] == "account_id (line 13), region (line 14) are examples"
    assert found["prod: clock"]["status"] == "ok"
    file = project.root / "Pulumi.prod.yaml"
    file.write_text("".join(line.partition("  # fill in")[0].rstrip() + "\n" for line in file.read_text().splitlines()))
    _, found, _ = examined(project, "prod", AWS_ENDPOINT_URL=exact)
    assert found["prod: to fill in"]["status"] == "ok"


def test_no_credential_is_ever_said(project: Project, exact: str) -> None:
    given = ("--model", "models/churn.onnx", "--data", "models/holdout.npz", "--target", "aws-eks", "--stack", "prod")
    assert project.run("new", *given).returncode == Exit.DONE
    secrets = {
        "AWS_ACCESS_KEY_ID": "AKIAHUNTER2",
        "AWS_SECRET_ACCESS_KEY": "hunter2-secret",
        "AWS_SESSION_TOKEN": "hunter2-session",
        "PULUMI_CONFIG_PASSPHRASE": "hunter2-passphrase",
        "PULUMI_ACCESS_TOKEN": "hunter2-pulumi",
    }
    _, found, said = examined(project, "prod", AWS_ENDPOINT_URL=exact, **secrets)
    assert found["prod: AWS credentials"] == {
        "name": "prod: AWS credentials",
        "status": "ok",
        "found": "from env",
        "fix": "",
    }
    assert "hunter2" not in said.lower()


def test_a_container_tool_that_is_asked_for_and_does_not_answer_fails(project: Project, tmp_path: Path) -> None:
    given = ("--model", "models/churn.onnx", "--data", "models/holdout.npz", "--target", "local", "--stack", "mine")
    assert project.run("new", *given, "--set", "endpoint.runtime=podman").returncode == Exit.DONE
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin" / "podman"
    tool.write_text("#!/bin/sh\nexit 1\n")
    tool.chmod(stat.S_IRWXU)
    path = f"{tmp_path / 'bin'}{os.pathsep}{project.environment['PATH']}"
    code, found, _ = examined(project, "mine", PATH=path)
    assert (code, found["mine: podman"]["status"]) == (Exit.MISSING, "fail")
    assert found["mine: podman"]["found"] == "podman does not answer, and endpoint.runtime asks for it"


def test_a_daemon_that_is_to_push_images_and_does_not_answer_fails(project: Project) -> None:
    given = ("--model", "models/churn.onnx", "--data", "models/holdout.npz", "--target", "kubernetes", "--stack", "dev")
    more = ("--set", "image.push=127.0.0.1:1/churn", "--set", "image.builder=docker")
    assert project.run("new", *given, *more).returncode == Exit.DONE
    _, found, _ = examined(project, "dev", DOCKER_HOST="unix:///nowhere/s")
    assert found["dev: Docker"]["status"] == found["dev: Docker provider"]["status"] == "fail"
    assert found["dev: Docker"]["fix"]
    assert found["dev: Docker provider"]["found"].startswith("no plugin docker 5.")


def _on_kubernetes(project: Project) -> None:
    given = ("--model", "models/churn.onnx", "--data", "models/holdout.npz", "--target", "kubernetes", "--stack", "dev")
    assert project.run("new", *given, "--set", "image.push=127.0.0.1:1/churn").returncode == Exit.DONE


def test_a_kubeconfig_that_is_not_there_is_missed(project: Project, tmp_path: Path) -> None:
    _on_kubernetes(project)
    code, found, _ = examined(project, "dev", KUBECONFIG=str(tmp_path / "none"))
    assert (code, found["dev: cluster"]["status"]) == (Exit.MISSING, "fail")
    assert found["dev: cluster"]["fix"] == "set KUBECONFIG, or modelport:kubernetes.context"


def test_a_cluster_that_does_not_answer_is_told(project: Project, tmp_path: Path, free_port: int) -> None:
    _on_kubernetes(project)
    config = tmp_path / "config"
    config.write_text(
        yaml.safe_dump(
            {
                "current-context": "here",
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
                "clusters": [{"name": "here", "cluster": {"server": f"https://127.0.0.1:{free_port}"}}],
                "users": [{"name": "me", "user": {"token": "hunter2-of-kubernetes"}}],
            }
        )
    )
    code, found, said = examined(project, "dev", KUBECONFIG=str(config))
    assert (code, found["dev: cluster"]["status"]) == (Exit.MISSING, "fail")
    assert f"https://127.0.0.1:{free_port} does not answer" in found["dev: cluster"]["found"]
    assert "hunter2" not in said


def test_a_cluster_that_answers_is_named_with_its_version(project: Project, cluster: Cluster) -> None:
    _on_kubernetes(project)
    _, found, _ = examined(project, "dev", KUBECONFIG=str(cluster.kubeconfig))
    assert found["dev: cluster"]["status"] == "ok"
    assert found["dev: cluster"]["found"].startswith("v1.")


def test_a_program_is_run_by_the_python_that_the_project_names(project: Project, tmp_path: Path) -> None:
    _, found, _ = examined(project, "none")
    assert found["program's Python"]["status"] == "ok"

    (tmp_path / "empty" / "bin").mkdir(parents=True)
    python = tmp_path / "empty" / "bin" / "python"
    python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'pulumi'\" >&2\nexit 1\n")
    python.chmod(stat.S_IRWXU)
    settings = yaml.safe_load((project.root / "Pulumi.yaml").read_text())
    settings["runtime"]["options"]["virtualenv"] = str(tmp_path / "empty")
    (project.root / "Pulumi.yaml").write_text(yaml.safe_dump(settings))
    code, found, _ = examined(project, "none")
    assert (code, found["program's Python"]["status"]) == (Exit.MISSING, "fail")
    assert found["program's Python"]["found"].endswith(
        "cannot run a program: ModuleNotFoundError: No module named 'pulumi'"
    )


def test_the_private_key_of_a_signed_image_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private, public = key(tmp_path)
    file = tmp_path / "release.pub"
    with pytest.raises(checks.Wrong, match=r"release\.pub: no such file or directory"):
        checks.signing_key(file)
    file.write_text(public)
    with pytest.raises(checks.Note, match="neither MODELPORT_SIGNING_KEY nor") as caught:
        checks.signing_key(file)
    assert caught.value.fix == "set one of them where models are built"
    monkeypatch.setenv("MODELPORT_SIGNING_KEY", key(tmp_path, "others")[0].read_text())
    with pytest.raises(checks.Wrong, match="holds another key than that of signed_by") as wrong:
        checks.signing_key(file)
    assert not isinstance(wrong.value, checks.Note)
    monkeypatch.setenv("MODELPORT_SIGNING_KEY", private.read_text())
    assert checks.signing_key(file) == "the private key of release.pub is here"
