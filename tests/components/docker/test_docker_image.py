"""What `DockerImage` registers; the engine and the provider are stand-ins, nothing is built."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.checks import ArgsError
from components.docker import DockerImage
from model_build.push import ecr
from model_build.push.credentials import Credential
from tests.components.planned import SECRET, UNKNOWN, Plan, plan

DIGEST = "sha256:" + "a" * 64
IMAGE = f"oci:/images@{DIGEST}"
THERE = "registry.example.com/team/digits"
ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/digits"
LOAD, PUSH = (f"pulumi-python:dynamic/modelport:Docker{each}" for each in ("Load", "Push"))
BUILT = "docker:index/image:Image"
TOLD = {
    LOAD: lambda _: {"loaded": f"modelport.invalid/image:{'a' * 64}", "named": f"{THERE}:{'a' * 32}"},
    BUILT: lambda _: {"repoDigest": f"{THERE}@sha256:{'b' * 64}"},
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _plan(destination: str = THERE, *, preview: bool = True, **more: Any) -> Plan:
    args: Any = {"image": IMAGE, "destination": destination, **more}
    return plan(lambda: DockerImage("model", args), preview=preview, outputs=TOLD)


def test_names_and_parents() -> None:
    component = "modelport:index:DockerImage"
    assert _plan().lines() == [
        f"{component}${BUILT}::model",
        f"{component}${LOAD}::model",
        f"{component}${PUSH}::model",
        f"{component}::model",
    ]


def test_a_preview_knows_the_context_and_not_the_image() -> None:
    """So Docker's provider looks at a Dockerfile that is there, and builds nothing."""
    inputs = _plan().one(BUILT).inputs
    assert inputs["imageName"] == UNKNOWN
    assert inputs["build"]["args"] == {"IMAGE": UNKNOWN}
    assert inputs["buildOnPreview"] is False
    assert Path(inputs["build"]["dockerfile"]).read_text().splitlines()[-2:] == ["ARG IMAGE", "FROM ${IMAGE}"]


def test_the_image_is_named_by_what_passed_its_gate() -> None:
    found = _plan(preview=False)
    assert found.one(LOAD).inputs["image"] == IMAGE
    assert found.one(BUILT).inputs == {
        "imageName": f"{THERE}:{'a' * 32}",
        "build": {
            "args": {"IMAGE": f"modelport.invalid/image:{'a' * 64}"},
            "builderVersion": "BuilderV1",
            "context": ".modelport/docker",
            "dockerfile": ".modelport/docker/Dockerfile",
            "platform": "linux/amd64",
        },
        "buildOnPreview": False,
        "skipPush": False,
    }
    pushed = {key: value for key, value in found.one(PUSH).inputs.items() if key != "__provider"}
    assert pushed == {"image": IMAGE, "pushed": f"{THERE}@sha256:{'b' * 64}", "keep": True}


def test_git_passes_the_context_over(project: Path) -> None:
    _plan()
    assert (project / ".modelport" / ".gitignore").read_text() == "*\n"
    assert sorted(each.name for each in (project / ".modelport" / "docker").iterdir()) == ["Dockerfile"]


def test_the_password_of_a_cloud_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", "/nowhere")
    monkeypatch.setattr(ecr, "find", lambda host: Credential("AWS", f"of {host}"))
    assert _plan(ECR, preview=False).one(BUILT).inputs["registry"] == {
        "server": ECR.partition("/")[0],
        "username": "AWS",
        "password": {SECRET: f"of {ECR.partition('/')[0]}"},
    }


def test_a_preview_asks_no_cloud_for_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ecr, "find", lambda host: pytest.fail(f"{host} was asked"))
    inputs: Mapping[str, Any] = _plan(ECR).one(BUILT).inputs["registry"]
    assert (inputs["server"], inputs["username"]) == (ECR.partition("/")[0], UNKNOWN)
    assert inputs["password"] in (UNKNOWN, {SECRET: UNKNOWN})


def test_a_wrong_argument_is_told_before_anything_is_registered(project: Path) -> None:
    with pytest.raises(ArgsError, match="DockerImage has no argument 'push', it takes image, destination, keep"):
        _plan(push=True)
    assert list(project.iterdir()) == []
