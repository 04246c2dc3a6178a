"""`up` with nothing changed, and the start of the command: seconds of the whole process, interleaved, beside a peer.

The stack is the repository's own `local` (digits) in a temporary folder, brought up once before anything is timed. Its
peer is the official CLI on the same state where that is on PATH; `import pulumi`, which program and plug-in each must
do, is the floor for any engine. The peer of `modelport --help` is `pip --help`.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 7


@dataclass
class Case:
    """One command, and how long each of its runs took."""

    name: str
    command: list[str]
    peer: str = ""
    """Name of the case that this one is compared with."""
    target: float | None = None
    wall: list[float] = field(default_factory=list[float])
    cpu: list[float] = field(default_factory=list[float])

    def run(self, folder: Path, env: dict[str, str]) -> None:
        before = os.times()
        began = time.perf_counter()
        done = subprocess.run(
            self.command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        self.wall.append(time.perf_counter() - began)
        after = os.times()
        self.cpu.append(after.children_user + after.children_system - before.children_user - before.children_system)
        if done.returncode:
            raise SystemExit(f"{self.name} exited {done.returncode}: {done.stdout}{done.stderr}")

    def line(self) -> str:
        said = f"{self.name:<34} {_spread(self.wall)} s, cpu {statistics.median(self.cpu):.2f} s"
        if self.target is not None:
            said += (
                f", at most {self.target} s was asked: {'yes' if statistics.median(self.wall) <= self.target else 'NO'}"
            )
        return said


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):6.3f} ({min(values):.3f} to {max(values):.3f})"


def _copy(folder: Path, port: int) -> Path:
    """The stack `local` of this repository in a folder of its own, with this environment's packages."""
    root = folder / "project"
    root.mkdir()
    for name in ("stacks", "examples"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "__main__.py", root)
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    project["runtime"]["options"]["virtualenv"] = sys.prefix
    (root / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    stack = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())
    stack["config"]["modelport:endpoint"] = {"port": port, "workers": 1, "runtime": "process"}
    (root / "Pulumi.local.yaml").write_text(yaml.safe_dump(stack))
    return root


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _cases(env: dict[str, str]) -> list[Case]:
    modelport = str(Path(sys.prefix) / "bin" / "modelport")
    up = [modelport, "--engine", "embedded", "up", "-s", "local", "--yes"]
    cases = [
        Case("up, nothing changed", up, peer="import pulumi", target=1.5),
        Case("import pulumi", [sys.executable, "-c", "import pulumi"]),
        Case("modelport --help", [modelport, "--help"], peer="pip --help", target=0.3),
        Case("pip --help", [sys.executable, "-m", "pip", "--help"]),
    ]
    if all(shutil.which(tool) for tool in ("pulumi", "pulumi-language-python", "pulumi-resource-pulumi-python")):
        state = Path(env["MODELPORT_STATE_DIR"])
        env |= {
            "PULUMI_BACKEND_URL": f"file://{state / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(state / "passphrase"),
            "PULUMI_HOME": str(state / "pulumi"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        official = ["pulumi", "up", "-s", "local", "--yes", "--skip-preview", "--non-interactive"]
        cases.insert(1, Case("pulumi up, nothing changed", official))
        cases[0].peer = "pulumi up, nothing changed"
    else:
        print("pulumi is not on PATH: no official engine to compare with")
    return cases


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as folder:
        home = Path(folder)
        project = _copy(home, _free_port())
        env = {k: v for k, v in os.environ.items() if not k.startswith("PULUMI_")}
        env |= {"MODELPORT_STATE_DIR": str(home / "state"), "MODELPORT_DATA_DIR": str(home / "data")}
        first = [str(Path(sys.prefix) / "bin" / "modelport"), "--engine", "embedded"]
        Case("first up", [*first, "up", "-s", "local", "--yes"]).run(project, env)
        try:
            cases = _cases(env)
            for case in cases:
                case.run(project, env)  # once uncounted: what Python compiles and the disk reads for the first time
                case.wall.clear()
                case.cpu.clear()
            for _ in range(ROUNDS):
                for case in cases:
                    case.run(project, env)
        finally:
            Case("destroy", [*first, "destroy", "-s", "local", "--yes"]).run(project, env)
    print(f"{ROUNDS} rounds, median (least to most)")
    named = {case.name: case for case in cases}
    for case in cases:
        print(case.line())
        if case.peer:
            ratios = [ours / theirs for ours, theirs in zip(case.wall, named[case.peer].wall, strict=True)]
            print(f"{'':<34} {_spread(ratios)} times {case.peer}")


if __name__ == "__main__":
    main()
