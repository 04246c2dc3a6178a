"""`image.builder: docker`: what it goes with, and that what Docker pushed is what is deployed."""

import json
from pathlib import Path
from typing import Any

import pytest

from model_build.push import ecr
from model_build.push.credentials import Credential
from stacks import aws_ecs
from tests.components.planned import UNKNOWN
from tests.stacks.stack_files import MODEL, StackFile
from tests.stacks.test_spec import CLUSTER, GOOD, StackSpec, write, wrong

DOCKER = CLUSTER.replace("image: {push", "image: {builder: docker, push")
LOAD, PUSH = (f"pulumi-python:dynamic/modelport:Docker{each}" for each in ("Load", "Push"))
PUSHED = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/modelport/digits@sha256:" + "d0" * 32


def test_nothing_is_docker_unless_a_file_says_so(tmp_path: Path) -> None:
    assert StackSpec.from_file(write(tmp_path, CLUSTER)).image.builder == "oci"
    assert StackSpec.from_file(write(tmp_path, DOCKER)).image.builder == "docker"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            GOOD + "  modelport:image: {builder: docker}\n",
            "image.builder is docker with target local, expected oci, as nothing is pulled there; remove it",
        ),
        (
            DOCKER.replace("{builder", "{signed_by: a.pub, builder"),
            "image.builder is docker and image.signed_by is set, expected one of them, as what is signed is not what "
            "Docker pushes; sign that where it is pushed; remove one",
        ),
        (
            DOCKER.replace("{builder", "{modelcar: true, builder"),
            "image.builder is docker and image.modelcar is set, expected one of them, as the files' own image belongs "
            "to one that is not pushed; remove one",
        ),
        (
            DOCKER.replace("push: reg.example.com/team/digits", "push: {secure: v1:x}"),
            "image.builder is docker and image.push is a secret, expected plain text, as the state of Docker's "
            "provider tells the image's name; write it out, or remove image.builder",
        ),
    ],
)
def test_what_docker_cannot_do_is_told_before_anything_is_planned(tmp_path: Path, text: str, line: str) -> None:
    assert wrong(tmp_path, text) == [line]


def _layout(_: Any) -> dict[str, Any]:
    image = f"oci:/images@sha256:{'a1' * 32}"
    return {"layout_image": image, "reference": image, "digest": image.rpartition("@")[2], "metrics": {"bytes": 1.0}}


FILE = StackFile(
    "aws-ecs",
    aws_ecs.deploy,
    {
        MODEL: _layout,
        LOAD: lambda _: {"loaded": "modelport.invalid/image:a1", "named": f"{PUSHED.partition('@')[0]}:a1"},
        "docker:index/image:Image": lambda _: {"repoDigest": PUSHED},
        PUSH: lambda _: {"reference": PUSHED, "digest": PUSHED.partition("@")[2]},
    },
)


def test_what_docker_pushed_is_what_is_deployed_and_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ecr, "find", lambda _: Credential("AWS", "token"))
    found = FILE.planned(tmp_path, image={"builder": "docker"})
    built = found.one(MODEL).inputs
    assert (built["builder"], built["destination"]) == ("docker", PUSHED.partition("@")[0])
    assert found.one(PUSH).inputs["pushed"] == PUSHED
    (container,) = json.loads(found.one("aws:ecs/taskDefinition:TaskDefinition").inputs["containerDefinitions"])
    assert container["image"] == PUSHED
    assert found.one("pulumi-python:dynamic/modelport:ReleaseRecord").inputs["reference"] == PUSHED
    first = FILE.planned(tmp_path, preview=True, image={"builder": "docker"})
    assert first.one("docker:index/image:Image").inputs["imageName"] == UNKNOWN


def test_a_stack_without_docker_registers_nothing_of_it(tmp_path: Path) -> None:
    found = StackFile("aws-ecs", aws_ecs.deploy, {}).planned(tmp_path)
    assert [each.type for each in found.resources if "ocker" in each.type] == []
    assert found.one(MODEL).inputs.get("builder") is None
