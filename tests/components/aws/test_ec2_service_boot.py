"""What an instance is told as it starts is run: the program with commands that stand in for AWS and Docker, all else
by the programs that will read it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components.aws import ec2_service_boot as boot
from tests.components.aws.test_ec2_service import HERE, IMAGE, files, made_of
from tests.tools import debian

REGISTRY = IMAGE.partition("/")[0]
STANDS_IN = ("aws", "curl", "dnf", "docker", "journalctl", "sleep", "systemctl")
ACT = """#!/bin/bash
printf '%s\\n' "${0##*/} $*" >> "$SEEN"
here=${0%/*}
[ -f "$here/${0##*/}.acts" ] && . "$here/${0##*/}.acts"
exit 0
"""
METADATA = """
case "$*" in
  *api/token) echo a-token ;;
  *meta-data/instance-id) echo i-0123456789abcdef0 ;;
  *target-lifecycle-state) cat "$here/state" ;;
  *health/*) [ -f "$here/answers" ] || exit 22 ;;
esac
"""


class Machine:
    """A folder with the program, its settings, and commands that write down how they are called."""

    def __init__(self, folder: Path, **changed: str) -> None:
        self.home, self.commands = folder / "home", folder / "commands"
        self.seen = folder / "seen"
        self.home.mkdir()
        self.commands.mkdir()
        for path, content in files(made_of(HERE)).items():
            if path.startswith(boot.HOME):
                (self.home / Path(path).name).write_text(content)
        with (self.home / "settings").open("a") as settings:
            settings.writelines(f"{key}={value}\n" for key, value in changed.items())
        for name in STANDS_IN:
            (self.commands / name).write_text(ACT)
            (self.commands / name).chmod(0o755)
        self.acts("curl", METADATA)
        (self.commands / "state").write_text("InService")

    def acts(self, command: str, text: str) -> None:
        """What a command does beside being seen."""
        (self.commands / f"{command}.acts").write_text(text)

    def answers(self) -> None:
        """From here on the model does."""
        (self.commands / "answers").touch()

    def run(self, what: str) -> subprocess.CompletedProcess[str]:
        self.seen.write_text("")
        env = {"PATH": f"{self.commands}:{os.environ['PATH']}", "SEEN": str(self.seen), "RUNTIME_DIRECTORY": "/nowhere"}
        command = ["bash", str(self.home / "host"), what]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    def called(self, command: str) -> list[str]:
        """Arguments of each call of a command, in their order."""
        lines = self.seen.read_text().splitlines()
        return [line.removeprefix(f"{command} ") for line in lines if line.startswith(f"{command} ")]


def _completed(hook: str, result: str) -> str:
    return (
        f"autoscaling complete-lifecycle-action --auto-scaling-group-name digits --lifecycle-hook-name digits-{hook} "
        f"--lifecycle-action-result {result} --instance-id i-0123456789abcdef0"
    )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_image_is_pulled_by_digest_with_a_login_that_does_not_stay(machine: Machine) -> None:
    machine.acts("docker", '[ "$1 $2" = "image inspect" ] && exit 1; [ "$1" = login ] && cat >> "$here/password"')
    machine.acts("aws", '[ "$1" = ecr ] && echo a-password')
    assert machine.run("pull").returncode == 0
    assert machine.called("aws") == ["ecr get-login-password --region eu-central-1"]
    assert machine.called("docker") == [
        f"image inspect {IMAGE}",
        f"login --username AWS --password-stdin {REGISTRY}",
        f"pull --quiet {IMAGE}",
        f"logout {REGISTRY}",
    ]
    assert (machine.commands / "password").read_text() == "a-password\n"
    assert "a-password" not in machine.seen.read_text()


def test_an_image_that_is_there_is_not_pulled_again(machine: Machine) -> None:
    assert machine.run("pull").returncode == 0
    assert machine.called("docker") == [f"image inspect {IMAGE}"]
    assert not machine.called("aws")


def test_a_pull_that_fails_is_tried_again_for_a_while_and_then_said(machine: Machine) -> None:
    machine.acts("docker", '[ "$1 $2" = "image inspect" ] && exit 1; [ "$1" = pull ] && exit 1')
    ran = machine.run("pull")
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (1, f"could not pull {IMAGE}")
    assert machine.called("docker").count(f"pull --quiet {IMAGE}") == 6
    assert machine.called("sleep") == ["1", "2", "5", "10", "20", "0"]


def test_a_login_that_fails_is_a_pull_that_fails(machine: Machine) -> None:
    machine.acts("docker", '[ "$1 $2" = "image inspect" ] && exit 1')
    machine.acts("aws", "exit 254")
    assert machine.run("pull").returncode == 1
    assert not [each for each in machine.called("docker") if each.startswith("pull")]


def test_the_model_runs_confined_and_logs_to_cloudwatch(machine: Machine) -> None:
    assert machine.run("serve").returncode == 0
    removed, started = machine.called("docker")
    assert removed == "rm --force model"
    words = started.split()
    assert (words[0], words[-1]) == ("run", IMAGE)
    for asked in (
        "--read-only",
        "--rm",
        "--user 65532:65532",
        "--tmpfs /tmp:rw,noexec,nosuid,nodev,size=64m",
        "--cap-drop ALL",
        "--security-opt no-new-privileges",
        "--publish 8080:8080",
        f"--env-file {machine.home}/env",
        "--log-driver awslogs",
        "--log-opt awslogs-group=digits",
        "--log-opt awslogs-stream=model/i-0123456789abcdef0",
    ):
        assert f" {asked} " in started
    limit = int(words[words.index("--memory") + 1].removesuffix("k"))
    total = int(Path("/proc/meminfo").read_text().split()[1])
    assert 0.89 * total < limit <= 0.9 * total
    assert words[words.index("--memory-swap") + 1] == f"{limit}k"
    assert "nvidia" not in started
    # A container in the host's network would reach the instance's credentials.
    assert not {"--network", "--net", "--privileged"} & set(words)


def test_the_model_gets_the_gpus_where_there_are_some(tmp_path: Path) -> None:
    machine = Machine(tmp_path, GPUS="yes")
    machine.run("serve")
    asked = "--runtime nvidia --env NVIDIA_VISIBLE_DEVICES=all --env NVIDIA_DRIVER_CAPABILITIES=compute,utility"
    assert machine.called("docker")[1].endswith(f" {asked} {IMAGE}")


def test_nobody_else_runs_and_what_is_missing_is_installed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine.commands / "aws").unlink()
    machine.acts("dnf", f"cp {machine.commands}/docker {machine.commands}/aws")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert machine.run("setup").returncode == 0
    assert machine.called("dnf") == ["--assumeyes --quiet install awscli-2"]
    assert machine.called("systemctl") == [
        "mask --now ecs.service",
        "mask --now amazon-ecs-volume-plugin.service",
        "mask --now sshd.service",
        "mask --now amazon-ssm-agent.service",
        "daemon-reload",
        "enable --now --no-block modelport.service modelport-watch.service",
    ]
    assert machine.run("setup").returncode == 0
    assert not machine.called("dnf")


def test_a_unit_that_cannot_be_masked_is_disabled(machine: Machine) -> None:
    machine.acts("systemctl", '[ "$1 $3" = "mask amazon-ssm-agent.service" ] && exit 1')
    assert machine.run("setup").returncode == 0
    assert "disable --now amazon-ssm-agent.service" in machine.called("systemctl")


def test_the_group_is_told_once_the_model_answers(machine: Machine) -> None:
    # At the third look; then the machine has to go.
    machine.acts(
        "sleep",
        'echo >> "$here/slept"; [ "$(wc -l < "$here/slept")" = 3 ] && touch "$here/answers"\n'
        '[ "$1" = 5 ] && echo -n Terminated > "$here/state"',
    )
    assert machine.run("watch").returncode == 0
    assert machine.called("aws") == [_completed("launching", "CONTINUE"), _completed("terminating", "CONTINUE")]
    assert machine.called("systemctl") == ["stop modelport.service"]
    lines = machine.seen.read_text().splitlines()
    # It has finished before the group hears of it.
    assert lines.index("systemctl stop modelport.service") < lines.index(f"aws {_completed('terminating', 'CONTINUE')}")


def test_metadata_is_asked_with_a_token(machine: Machine) -> None:
    machine.run("serve")
    base = "http://169.254.169.254/latest"
    asked = [each for each in machine.called("curl") if base in each]
    assert asked == [
        f"-fsS -m 5 --retry 3 -X PUT -H X-aws-ec2-metadata-token-ttl-seconds: 60 {base}/api/token",
        f"-fsS -m 5 -H X-aws-ec2-metadata-token: a-token {base}/meta-data/instance-id",
    ]


def test_an_instance_whose_model_does_not_answer_is_given_up_and_says_why(tmp_path: Path) -> None:
    machine = Machine(tmp_path, STARTS="0")
    machine.acts("journalctl", "echo 'error: no model, \"really\"'")
    machine.acts("aws", '[ "$2" = put-log-events ] && cat > "$here/told"')
    machine.acts("sleep", 'echo -n Terminated > "$here/state"')
    assert machine.run("watch").returncode == 0
    stream = "--log-group-name digits --log-stream-name machine/i-0123456789abcdef0"
    assert machine.called("aws") == [
        f"logs create-log-stream {stream}",
        f"logs put-log-events {stream} --log-events file:///dev/stdin",
        _completed("launching", "ABANDON"),
        _completed("terminating", "CONTINUE"),
    ]
    (told,) = json.loads((machine.commands / "told").read_text())
    assert told["message"] == 'the model did not answer within 0 seconds\nerror: no model, "really"\n'
    assert set(told) == {"timestamp", "message"}


def test_a_model_that_stops_answering_is_started_again(tmp_path: Path) -> None:
    machine = Machine(tmp_path, LOADS="0")
    machine.answers()
    machine.acts("sleep", '[ -f "$here/answers" ] && rm "$here/answers" || echo -n Terminated > "$here/state"')
    assert machine.run("watch").returncode == 0
    assert machine.called("systemctl") == ["restart modelport.service", "stop modelport.service"]


def test_what_aws_has_no_use_for_ends_nothing(machine: Machine) -> None:
    machine.answers()
    machine.acts("aws", "exit 255")
    machine.acts("sleep", 'echo -n Terminated > "$here/state"')
    assert machine.run("watch").returncode == 0
    assert len(machine.called("aws")) == 2


def test_another_word_is_refused(machine: Machine) -> None:
    ran = machine.run("dance")
    assert (ran.returncode, ran.stderr) == (2, f"usage: {machine.home}/host setup | pull | serve | watch\n")


def test_shellcheck_has_nothing_against_the_program(machine: Machine) -> None:
    tool = debian.program("shellcheck", "shellcheck")
    ran = subprocess.run(
        [str(tool.path), "-x", "host"], cwd=machine.home, env=tool.env, capture_output=True, text=True, check=False
    )
    assert (ran.stdout, ran.returncode) == ("", 0)


def _user_data(args: Any = None) -> str:
    import base64

    found = made_of({**HERE, **(args or {})}).one("aws:ec2/launchTemplate:LaunchTemplate").inputs["userData"]
    return base64.b64decode(found).decode()


def test_cloud_init_takes_it(tmp_path: Path) -> None:
    packages = debian.folder("cloud-init") / "usr" / "lib" / "python3" / "dist-packages"
    for name, text, code in (
        ("right", _user_data(), 0),
        ("wrong", _user_data().replace('"runcmd": [', '"runcmd": 7, "rest": ['), 1),
    ):
        file = tmp_path / f"{name}.yaml"
        file.write_text(text)
        command = [sys.executable, "-m", "cloudinit.cmd.main", "schema", "--config-file", str(file)]
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(packages)}
        ran = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert ran.returncode == code, ran.stderr
        assert ("Valid cloud-config" in ran.stdout) is (code == 0)


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    program = tmp_path / "host"
    program.write_text("#!/bin/bash\n")
    program.chmod(0o755)
    (tmp_path / "docker.service").write_text("[Service]\nExecStart=/bin/true\n")
    units = {path.name: text for path, text in ((Path(path), text) for path, text in files(made_of(HERE)).items())
             if path.suffix == ".service"}  # fmt: skip
    assert set(units) == {"modelport.service", "modelport-watch.service"}
    tool = debian.program("systemd", "systemd-analyze")
    env = {**tool.env, "SYSTEMD_UNIT_PATH": f"{tmp_path}:/lib/systemd/system"}
    for broken in (False, True):
        for name, text in units.items():
            here = text.replace(f"{boot.HOME}/host", str(program)).replace("/usr/bin/docker", str(program))
            (tmp_path / name).write_text(here.replace("RestartSec=5", "RestartSec=soon") if broken else here)
        command = [str(tool.path), "verify", *(str(tmp_path / name) for name in units)]
        ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert ("ignoring: soon" in ran.stderr) is broken
        assert broken or (ran.stderr, ran.returncode) == ("", 0)


def test_it_fits_with_all_that_somebody_may_add() -> None:
    most = {"A": "x" * (boot.OF_ENV - 7)}
    size = len(_user_data({"env": most}).encode())
    # Names, regions and references may be longer than these.
    assert size < boot.MOST - 1_000
