"""The key of a stack's images, as the command sees it: before anything is touched, and from where it is called."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from automation import ephemeral_file
from automation.exits import Exit
from tests.automation.conftest import Project
from tests.automation.shops import shop
from tests.tools.keys import key

STACK = """config:
  modelport:target: local
  modelport:model:
    name: churn
    source: models/churn.onnx
    evaluate: {data: models/holdout.npz, min: 0.9}
  modelport:image: {signed_by: keys/release.pub}
"""


@pytest.fixture
def project(make_project: Callable[[], Project]) -> Project:
    made = shop(make_project())
    (made.root / "Pulumi.dev.yaml").write_text(STACK)
    (made.root / "keys").mkdir()
    return made


@pytest.mark.parametrize(
    ("holds", "said"),
    [
        (None, "which cannot be read (no such file or directory), expected the file of a public key; name it"),
        ("", "which is empty, expected a public key on the curve P-256 as PEM"),
        ("hello", "which holds no public key, expected a public key on the curve P-256 as PEM"),
        ("private", "which holds a private key, expected a public key on the curve P-256 as PEM"),
    ],
)
@pytest.mark.parametrize("command", ["preview", "up"])
def test_a_key_that_is_none_is_told_before_anything_is_touched(
    project: Project, command: str, holds: str | None, said: str
) -> None:
    private, _ = key(project.root)
    if holds is not None:
        (project.root / "keys" / "release.pub").write_text(private.read_text() if holds == "private" else holds)
    done = project.run(command, "-s", "dev", *(["--yes"] if command == "up" else []))
    assert done.returncode == Exit.BAD_INPUT
    assert f"Pulumi.dev.yaml: image.signed_by is 'keys/release.pub', {said}" in done.stderr
    assert private.read_text().splitlines()[1] not in done.stdout + done.stderr
    assert project.run("stack", "ls").stdout.split() == ["dev", "file"], "there is a file and no state"


def test_the_file_of_a_private_key_is_meant_from_where_the_command_is_called(project: Project, tmp_path: Path) -> None:
    (project.root / "keys" / "release.pub").write_text(key(project.root)[1])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    key(elsewhere, "other")  # that it is another key is said of one that is found
    done = subprocess.run(
        project.command("up", "-s", "dev", "--yes", "-C", str(project.root)),
        cwd=elsewhere, env={**project.environment, "MODELPORT_SIGNING_KEY_FILE": "other.key"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == Exit.BAD_INPUT, done.stdout + done.stderr
    assert "MODELPORT_SIGNING_KEY_FILE holds another key than that of signed_by" in done.stdout + done.stderr


def test_a_stack_for_a_time_says_that_it_is_signed_by_nobody() -> None:
    like = {"config": {"modelport:target": "kubernetes", "modelport:image": {"signed_by": "keys/release.pub"}}}
    made = ephemeral_file.drafted(like, "pr-1", like_stack="dev", project="shop", port=lambda: 1, given=[])
    assert "image.signed_by: none (in dev: keys/release.pub)" in made[1]
