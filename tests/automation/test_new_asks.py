"""`modelport new` on a terminal: what it asks, what it makes of answers, and what is pasted afterwards."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from automation.exits import Exit
from tests.automation.conftest import Project
from tests.automation.shops import shop
from tests.automation.terminal import Terminal


@pytest.fixture
def project(make_project: Callable[[], Project]) -> Project:
    return shop(make_project())


def test_everything_is_asked_and_looked_at_before_it_is_written(project: Project) -> None:
    with Terminal(project, "new", env={"AWS_REGION": "eu-west-1"}) as screen:
        screen.until("where the model goes [local]: ")
        screen.press("aws-ec\n")
        screen.until("did you mean aws-ecs?")
        screen.press("aws-ecs\n")
        screen.until("models here: models/churn.onnx\n")
        screen.until("[models/churn.onnx]: ")
        screen.press("\n")
        screen.until("takes features float [batch, 4]\n")
        screen.until("[models/holdout.npz]: ")
        screen.press("models/nothing.npz\n")
        screen.until("but there is no such file")
        screen.press("\n")
        screen.until("the stack's name [aws-ecs]: ")
        screen.press("prod\n")
        screen.until("twelve digits (ecs.account_id) [later")
        screen.press("12345\n")
        screen.until("ecs.account_id is '12345', expected an AWS account id")
        screen.press("210987654321\n")
        screen.until("its region (ecs.region) [eu-west-1]: ")
        screen.press("\n")
        screen.until("write it to Pulumi.prod.yaml? yes or no [yes]: ")
        assert not (project.root / "Pulumi.prod.yaml").exists()
        screen.press("\n")
        assert screen.end() == Exit.DONE
    config = yaml.safe_load((project.root / "Pulumi.prod.yaml").read_text())["config"]
    assert config["modelport:ecs"] == {"account_id": "210987654321", "region": "eu-west-1"}
    assert "to be filled in" not in screen.text


def test_what_is_left_for_later_stands_in_the_file_as_an_example(project: Project) -> None:
    flags = ("--model", "models/churn.onnx", "--data", "models/holdout.npz", "--target", "gcp-cloudrun", "-s", "web")
    with Terminal(project, "new", *flags) as screen:
        screen.until("(cloudrun.project) [")
        screen.press("\n")
        screen.until("(cloudrun.project_number) [")
        screen.press("\n")
        screen.until("(cloudrun.region) [")
        screen.press("europe-west1\n")
        screen.until("[yes]: ")
        screen.press("y\n")
        assert screen.end() == Exit.DONE
    text = (project.root / "Pulumi.web.yaml").read_text()
    assert "    project: example-project  # fill in: the id of the project on Google Cloud\n" in text
    assert "    region: europe-west1\n" in text


@pytest.mark.parametrize(
    ("keys", "code"), [("no\n", Exit.DONE), ("\x03", Exit.INTERRUPTED), ("\x04", Exit.INTERRUPTED)]
)
def test_nothing_is_written_without_a_yes(project: Project, keys: str, code: Exit) -> None:
    flags = ("--model", "models/churn.onnx", "--data", "models/holdout.npz", "--target", "local", "-s", "mine")
    with Terminal(project, "new", *flags) as screen:
        screen.asks("write it to Pulumi.mine.yaml?")
        screen.press(keys)
        assert screen.end() == code
    assert not (project.root / "Pulumi.mine.yaml").exists()


def test_a_pickle_is_taken_from_somebody_who_says_that_it_is_his(project: Project) -> None:
    (project.root / "models" / "churn.pkl").write_bytes(b"\x80\x04.")
    flags = ("--model", "models/churn.pkl", "--data", "models/holdout.npz", "--target", "local", "-s", "mine")
    with Terminal(project, "new", *flags) as screen:
        screen.until("is it yours? yes or no [no]: ")
        screen.press("\n")
        assert screen.end() == Exit.BAD_INPUT
    with Terminal(project, "new", *flags) as screen:
        screen.until("[no]: ")
        screen.press("yes\n")
        screen.until("trust: true")
        screen.until("[yes]: ")
        screen.press("\n")
        assert screen.end() == Exit.DONE


def test_with_yes_a_terminal_is_asked_nothing(project: Project) -> None:
    with Terminal(project, "new", "--model", "models/churn.onnx", "--target", "kubernetes", "--yes") as screen:
        assert screen.end() == Exit.DONE
    assert (project.root / "Pulumi.kubernetes.yaml").is_file()


class Shell(Terminal):
    """A shell on a terminal, as somebody pastes into."""

    def __init__(self, project: Project, **env: str) -> None:
        class Bash(Project):
            def command(self, *arguments: str) -> list[str]:
                return ["bash", "--norc", "--noprofile", *arguments]

        plain = {k: v for k, v in project.environment.items() if not k.startswith("PULUMI_CONFIG_")}
        super().__init__(Bash(project.root, {**plain, "PS1": "$ ", **env}))


def test_the_next_commands_are_pasted_and_the_model_answers(project: Project, free_port: int, tmp_path: Path) -> None:
    project.environment["MODELPORT_DATA_DIR"] = str(tmp_path / "data")
    given = ("--model", "models/churn.onnx", "--data", "models/holdout.npz", "--target", "local", "--stack", "mine")
    settings = (f"endpoint.port={free_port}", "endpoint.workers=1", "endpoint.runtime=process")
    plain = {k: v for k, v in project.environment.items() if not k.startswith("PULUMI_CONFIG_")}
    done = subprocess.run(
        project.command("new", *given, *[word for each in settings for word in ("--set", each)]),
        cwd=project.root, env=plain, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
    )  # fmt: skip
    commands = done.stdout.partition("\nnext:\n")[2].splitlines()
    assert [line.split()[-3:] for line in (commands[0], commands[-1])] == [
        ["preview", "-s", "mine"],
        ["up", "-s", "mine"],
    ]
    assert commands[0].startswith(f"{sys.executable} -m automation ")
    kept = tmp_path / "state" / "passphrases" / "mine"
    try:
        with Shell(project) as screen:
            screen.until("$ ")
            screen.press("\n".join(commands) + "\n")
            screen.until("make these changes? [y/N]")
            screen.press("y\n")
            screen.until("try it:")
            screen.press("exit\n")
            assert screen.end() == 0
        assert "error:" not in screen.text
        assert (kept.stat().st_mode & 0o777, len(kept.read_text().strip())) == (0o600, 32)
    finally:
        project.environment.pop("PULUMI_CONFIG_PASSPHRASE")
        project.run("destroy", "--yes", "-s", "mine", env={"PULUMI_CONFIG_PASSPHRASE_FILE": str(kept)})
