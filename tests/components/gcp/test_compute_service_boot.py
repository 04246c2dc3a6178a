"""What an instance is told as it starts is run: the program with commands that stand in for Google's and Docker, all
else by the programs that will read it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from components.gcp import compute_service_boot as boot
from tests.components.gcp.test_compute_service import IMAGE, TEMPLATE, changed, files, made_of
from tests.tools import debian

REGISTRY = IMAGE.partition("/")[0]
STANDS_IN = ("cos-extensions", "curl", "docker", "iptables", "mount", "sleep", "systemctl")
ACT = """#!/bin/bash
printf '%s\\n' "${0##*/} $*" >> "$SEEN"
here=${0%/*}
[ -f "$here/${0##*/}.acts" ] && . "$here/${0##*/}.acts"
exit 0
"""
TOKEN = '{"access_token":"ya29.only-for-tests_-1","expires_in":3599,"token_type":"Bearer"}'
MISSING = '[ "$1 $2" = "image inspect" ] && exit 1\n[ "$1" = login ] && cat > "$here/password"\n'


class Machine:
    """A folder with the program, its settings, and commands that write down how they are called."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.home, self.commands = folder / "home", folder / "commands"
        self.seen, self.nvidia, self.devices = folder / "seen", folder / "nvidia", folder / "dev"
        for each in (self.home, self.commands, self.nvidia / "bin", self.devices):
            each.mkdir(parents=True)
        for path, content in files(made_of(changed())).items():
            if path.startswith(boot.HOME):
                (self.home / Path(path).name).write_text(content)
        with (self.home / "settings").open("a") as settings:
            settings.writelines(f"{key}={value}\n" for key, value in more.items())
        for name in STANDS_IN:
            (self.commands / name).write_text(ACT)
            (self.commands / name).chmod(0o755)
        self.acts("curl", f"echo '{TOKEN}'")
        # No rule is there yet.
        self.acts("iptables", '[ "$2" = -C ] && exit 1')

    def acts(self, command: str, text: str) -> None:
        """What a command does beside being seen."""
        (self.commands / f"{command}.acts").write_text(text)

    def driver(self) -> None:
        """NVIDIA's driver is there."""
        program = self.nvidia / "bin" / "nvidia-smi"
        program.write_text("#!/bin/bash\necho driven\n")
        program.chmod(0o755)

    def run(self, what: str) -> subprocess.CompletedProcess[str]:
        self.seen.write_text("")
        env = {"PATH": f"{self.commands}:{os.environ['PATH']}", "SEEN": str(self.seen), "RUNTIME_DIRECTORY": "/nowhere"}
        env |= {"NVIDIA": str(self.nvidia), "DEVICES": str(self.devices)}
        command = ["bash", str(self.home / "host"), what]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    def called(self, command: str) -> list[str]:
        """Arguments of each call of a command, in their order."""
        lines = self.seen.read_text().splitlines()
        return [line.removeprefix(f"{command} ") for line in lines if line.startswith(f"{command} ")]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_image_is_pulled_by_digest_with_a_login_that_does_not_stay(machine: Machine) -> None:
    machine.acts("docker", MISSING)
    ran = machine.run("pull")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert machine.called("docker") == [
        f"image inspect {IMAGE}",
        f"login --username oauth2accesstoken --password-stdin https://{REGISTRY}",
        f"pull --quiet {IMAGE}",
        f"logout https://{REGISTRY}",
    ]
    assert (machine.commands / "password").read_text() == "ya29.only-for-tests_-1"
    # It is on no command line, where others would see it.
    assert "ya29" not in machine.seen.read_text() + ran.stdout


def test_who_the_machine_is_is_asked_of_the_metadata_server(machine: Machine) -> None:
    machine.acts("docker", MISSING)
    machine.run("pull")
    assert machine.called("curl") == [
        "-fsS -m 5 --retry 3 -H Metadata-Flavor: Google "
        "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token"
    ]


@pytest.mark.parametrize("told", ["exit 22", 'echo \'{"error": "no account"}\''])
def test_a_login_that_fails_is_a_pull_that_fails(machine: Machine, told: str) -> None:
    machine.acts("docker", MISSING)
    machine.acts("curl", told)
    ran = machine.run("pull")
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (1, f"could not pull {IMAGE}")
    assert [each.split()[0] for each in machine.called("docker")] == ["image"]


def test_a_registry_that_refuses_is_not_asked_for_the_image(machine: Machine) -> None:
    machine.acts("docker", f'{MISSING}[ "$1" = login ] && exit 1')
    assert machine.run("pull").returncode == 1
    assert not [each for each in machine.called("docker") if each.startswith("pull")]


def test_a_pull_that_fails_is_tried_again_for_a_while_and_then_said(machine: Machine) -> None:
    machine.acts("docker", f'{MISSING}[ "$1" = pull ] && exit 1')
    ran = machine.run("pull")
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (1, f"could not pull {IMAGE}")
    assert machine.called("docker").count(f"pull --quiet {IMAGE}") == 6
    assert machine.called("sleep") == ["1", "2", "5", "10", "20", "0"]


def test_an_image_that_is_there_is_not_pulled_again(machine: Machine) -> None:
    assert machine.run("pull").returncode == 0
    assert machine.called("docker") == [f"image inspect {IMAGE}"]
    assert not machine.called("curl")


def test_the_model_runs_confined_and_its_logs_do_not_fill_the_disk(machine: Machine) -> None:
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
        "--pids-limit 1024",
        "--publish 8080:8080",
        f"--env-file {machine.home}/env",
        "--log-driver json-file",
        "--log-opt max-size=64m",
        "--log-opt max-file=2",
    ):
        assert f" {asked} " in started
    limit = int(words[words.index("--memory") + 1].removesuffix("k"))
    total = int(Path("/proc/meminfo").read_text().split()[1])
    assert 0.89 * total < limit <= 0.9 * total
    assert words[words.index("--memory-swap") + 1] == f"{limit}k"
    assert not {"--device", "--volume", "--network", "--net", "--privileged"} & set(words)


def test_the_model_does_not_reach_the_metadata_server_but_for_names(machine: Machine) -> None:
    machine.run("serve")
    metadata = "DOCKER-USER --destination 169.254.169.254 --protocol tcp ! --dport 53 --jump REJECT"
    port = "INPUT --protocol tcp --dport 8080 --jump ACCEPT"
    assert machine.called("iptables") == [f"-w -C {metadata}", f"-w -I {metadata}", f"-w -C {port}", f"-w -A {port}"]
    lines = machine.seen.read_text().splitlines()
    # Before there is a model.
    assert lines.index(f"iptables -w -I {metadata}") < next(
        at for at, line in enumerate(lines) if line.startswith("docker run")
    )
    machine.acts("iptables", "")
    machine.run("serve")
    assert machine.called("iptables") == [f"-w -C {metadata}", f"-w -C {port}"]


def test_a_model_that_would_reach_the_metadata_server_is_not_started(machine: Machine) -> None:
    machine.acts("iptables", "exit 4")
    assert machine.run("serve").returncode == 4
    assert machine.called("docker") == ["rm --force model"]


def test_nvidias_driver_is_installed_where_there_are_gpus(tmp_path: Path) -> None:
    machine = Machine(tmp_path, GPUS="yes")
    installed = machine.nvidia / "bin" / "nvidia-smi"
    machine.acts("cos-extensions", f"printf '#!/bin/bash\\necho driven\\n' > {installed}; chmod 755 {installed}")
    ran = machine.run("drive")
    assert (ran.returncode, ran.stdout) == (0, "driven\n")
    assert machine.called("cos-extensions") == ["install gpu"]
    assert machine.called("mount") == [
        f"--bind {machine.nvidia} {machine.nvidia}",
        f"-o remount,exec {machine.nvidia}",
    ]
    # Once more it is there already.
    assert machine.run("drive").returncode == 0
    assert machine.seen.read_text() == ""


def test_a_driver_that_cannot_be_installed_starts_no_model(tmp_path: Path) -> None:
    machine = Machine(tmp_path, GPUS="yes")
    machine.acts("cos-extensions", "exit 3")
    assert machine.run("drive").returncode == 3


def test_without_gpus_there_is_no_driver(machine: Machine) -> None:
    assert machine.run("drive").returncode == 0
    assert machine.seen.read_text() == ""


def test_the_model_gets_the_gpus_where_there_are_some(tmp_path: Path) -> None:
    machine = Machine(tmp_path, GPUS="yes")
    for each in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "sda"):
        (machine.devices / each).touch()
    (machine.devices / "nvidia-caps").mkdir()
    assert machine.run("serve").returncode == 0
    words = machine.called("docker")[1].split()
    devices = {words[at + 1] for at, word in enumerate(words) if word == "--device"}
    assert devices == {str(machine.devices / each) for each in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm")}
    volumes = {words[at + 1] for at, word in enumerate(words) if word == "--volume"}
    assert volumes == {f"{machine.nvidia}/{each}:/usr/local/nvidia/{each}:ro" for each in ("lib64", "bin")}


def test_nobody_logs_in_and_the_model_starts(machine: Machine) -> None:
    assert machine.run("setup").returncode == 0
    assert machine.called("systemctl") == [
        "mask --now sshd.service",
        "mask --now sshd.socket",
        "daemon-reload",
        "start --no-block modelport.service",
    ]


def test_a_unit_that_cannot_be_masked_is_disabled(machine: Machine) -> None:
    machine.acts("systemctl", '[ "$1 $3" = "mask sshd.service" ] && exit 1')
    assert machine.run("setup").returncode == 0
    assert "disable --now sshd.service" in machine.called("systemctl")


def test_whoever_may_log_in_still_can_where_that_is_asked_for(tmp_path: Path) -> None:
    machine = Machine(tmp_path, CLOSED="''")
    machine.run("setup")
    assert machine.called("systemctl") == ["daemon-reload", "start --no-block modelport.service"]


def test_another_word_is_refused(machine: Machine) -> None:
    ran = machine.run("dance")
    assert (ran.returncode, ran.stderr) == (2, f"usage: {machine.home}/host setup | drive | pull | serve\n")


def test_shellcheck_has_nothing_against_the_program(machine: Machine) -> None:
    tool = debian.program("shellcheck", "shellcheck")
    ran = subprocess.run(
        [str(tool.path), "-x", "host"], cwd=machine.home, env=tool.env, capture_output=True, text=True, check=False
    )
    assert (ran.stdout, ran.returncode) == ("", 0)


def _user_data(**more: Any) -> str:
    return cast("str", made_of(changed(**more)).one(TEMPLATE).inputs["metadata"]["user-data"])


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


def test_nothing_that_is_written_is_executed_by_itself() -> None:
    """Where cloud-init may write, Container-Optimized OS executes nothing."""
    whole = json.loads(_user_data().partition("\n")[2])
    assert whole["runcmd"] == [["/bin/bash", "/etc/modelport/host", "setup"]]
    unit = files(made_of(changed()))["/etc/systemd/system/modelport.service"]
    started = [line.partition("=")[2] for line in unit.splitlines() if line.startswith("Exec")]
    assert {each.split()[0] for each in started} == {"/bin/bash", "/usr/bin/docker"}
    # What the server is told, and whoever it is asked for, is for root alone.
    modes = {each["path"]: each["permissions"] for each in whole["write_files"]}
    assert {modes[f"/etc/modelport/{each}"] for each in ("settings", "env")} == {"0600"}


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    (tmp_path / "docker.service").write_text("[Service]\nExecStart=/bin/true\n")
    unit = files(made_of(changed()))["/etc/systemd/system/modelport.service"]
    tool = debian.program("systemd", "systemd-analyze")
    env = {**tool.env, "SYSTEMD_UNIT_PATH": f"{tmp_path}:/lib/systemd/system"}
    for broken in (False, True):
        here = unit.replace("/usr/bin/docker", "/bin/bash")
        (tmp_path / "modelport.service").write_text(here.replace("RestartSec=5", "RestartSec=soon") if broken else here)
        command = [str(tool.path), "verify", str(tmp_path / "modelport.service")]
        ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert ("ignoring: soon" in ran.stderr) is broken
        assert broken or (ran.stderr, ran.returncode) == ("", 0)


def test_it_fits_with_all_that_somebody_may_add() -> None:
    most = {"A": "x" * (boot.OF_ENV - 7)}
    assert len(_user_data(env=most).encode()) < boot.MOST - 1_000


def test_a_spot_vm_has_time_to_finish() -> None:
    unit = files(made_of(changed()))["/etc/systemd/system/modelport.service"]
    assert "ExecStop=/usr/bin/docker stop --time 25 model" in unit.splitlines()
    assert boot.DRAIN < boot.STOPS < 30
