"""Stacks in a cloud planned without credentials, from a cold start: the previews, the imports, each further service.

A preview is a command of its own, of the repository's own stack files. Its peer is the same program with the same file
under the SDK's own mocks (`pulumi.runtime.set_mocks`) in one bare process: there is no engine, no check before it, no
provider and nothing is shown, so the ratio says what all of that takes. The peer of the imports is `import pulumi`,
which any program must do; beside it stands what the cloud's SDK takes imported whole, asked for the same packages.
A further service is what a program takes longer under the engine for each service more that it makes.

Rounds are interleaved. Beside each time stand the processor's seconds of the whole, which other work disturbs less.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
FEW, MANY = 2, 22
MOCKED = """
import os, sys
import pulumi

class Mocks(pulumi.runtime.Mocks):
    made = 0
    def new_resource(self, args):
        Mocks.made += 1
        return None, args.inputs  # an id is not known in a preview
    def call(self, args):
        return {}

pulumi.runtime.set_all_config(CONFIG)
pulumi.runtime.set_mocks(Mocks(), project="modelport", stack=STACK, preview=True)
sys.path.insert(0, os.getcwd())

@pulumi.runtime.test
def run():
    import stacks.__main__
run()
print(Mocks.made)
"""
ASKED_IMPORTS = 0.4
ASKED_SERVICE = 20
PREVIEW = """
from pathlib import Path
from engine import collector
from engine.api import Engine

collector.spare()  # as the command does
done = Engine(Path(PROJECT), "bench").preview()
assert done.exit_code == 0, done.error
print(sum(done.changes.values()))
"""


@dataclass(frozen=True)
class Cloud:
    """What is measured of a cloud."""

    name: str
    targets: Mapping[str, float]
    """Stack files, and the seconds that were asked for."""
    imports: Mapping[str, str]
    """Programs: the peer of all others, what is asked for, and others beside it."""
    services: Mapping[str, str]
    """Programs that make COUNT services, by where these run."""


@dataclass
class Case:
    """A command, and how long each of its runs took."""

    name: str
    command: Sequence[str]
    cwd: Path
    env: dict[str, str]
    wall: list[float] = field(default_factory=list[float])
    cpu: list[float] = field(default_factory=list[float])
    said: str = ""

    def run(self) -> None:
        before, began = os.times(), time.perf_counter()
        done = subprocess.run(self.command, cwd=self.cwd, env=self.env, capture_output=True, text=True)
        self.wall.append(time.perf_counter() - began)
        after = os.times()
        self.cpu.append(after.children_user + after.children_system - before.children_user - before.children_system)
        self.said = done.stdout
        if done.returncode:
            raise SystemExit(f"{self.name} exited {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")


def measure(cloud: Cloud) -> None:
    """Run all of it, and print a table of Markdown."""
    # Bytecode is kept, as for anybody: compiling the SDK anew takes longer than all else.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory(prefix=f"bench-{cloud.name}-") as name:
        folder = Path(name)
        env |= {"MODELPORT_STATE_DIR": str(folder / "state"), "PULUMI_CONFIG_PASSPHRASE": "bench"}
        env |= {"KUBECONFIG": os.devnull, "PYTHONPATH": str(ROOT)}
        cases = [*_previews(cloud, env), *_imports(cloud, env), *_services(cloud, folder, env)]
        for each in cases:  # once uncounted: what Python compiles and the disk reads for the first time
            each.run()
            each.wall.clear()
            each.cpu.clear()
        for _ in range(ROUNDS):
            for each in cases:
                each.run()
    _told(cloud, {each.name: each for each in cases})


def _previews(cloud: Cloud, env: dict[str, str]) -> list[Case]:
    found: list[Case] = []
    for stack in cloud.targets:
        command = [str(Path(sys.prefix) / "bin" / "modelport"), "--engine", "embedded", "preview", "-s", stack]
        config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
        texts = {key: each if isinstance(each, str) else json.dumps(each) for key, each in config.items()}
        mocked = MOCKED.replace("CONFIG", repr(texts)).replace("STACK", repr(stack))
        found.append(Case(stack, command, ROOT, env))
        found.append(Case(f"{stack} under mocks", [sys.executable, "-c", mocked], ROOT, env))
    return found


def _imports(cloud: Cloud, env: dict[str, str]) -> list[Case]:
    return [Case(name, [sys.executable, "-c", code], ROOT, env) for name, code in cloud.imports.items()]


def _services(cloud: Cloud, folder: Path, env: dict[str, str]) -> list[Case]:
    found: list[Case] = []
    for kind, program in cloud.services.items():
        for count in (FEW, MANY):
            project = folder / f"{len(found)}"
            project.mkdir()
            (project / "Pulumi.yaml").write_text("name: bench\nruntime: python\n")
            (project / "Pulumi.bench.yaml").write_text("config: {}\n")
            (project / "__main__.py").write_text(program.replace("COUNT", str(count)))
            command = [sys.executable, "-c", PREVIEW.replace("PROJECT", repr(str(project)))]
            found.append(Case(f"{count} {kind}", command, project, env))
    return found


def _spread(values: Sequence[float], form: str = ".2f") -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def _told(cloud: Cloud, cases: dict[str, Case]) -> None:
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{ROUNDS} rounds, median (least to most); load {load}\n")
    print("| what | seconds | asked | CPU s | beside its peer |\n|---|---|---|---|---|")
    for stack, asked in cloud.targets.items():
        ours, mocked = cases[stack], cases[f"{stack} under mocks"]
        made = next((line.strip() for line in ours.said.splitlines() if "to create" in line), "")
        ratios = [one / other for one, other in zip(ours.wall, mocked.wall, strict=True)]
        peer = f"{_spread(ratios)} times mocks, of {mocked.said.strip()} resources"
        print(f"| preview {stack}, {made} | {_spread(ours.wall)} | {asked:g} | {_spread(ours.cpu)} | {peer} |")
    bare, *others = cloud.imports
    for name in others:
        beyond = [one - other for one, other in zip(cases[name].cpu, cases[bare].cpu, strict=True)]
        ratios = [one / other for one, other in zip(cases[name].cpu, cases[bare].cpu, strict=True)]
        asked_for = f"{ASKED_IMPORTS:g}" if name == others[0] else ""
        peer = f"{_spread(ratios)} times {bare}"
        print(f"| {name}, beyond {bare} | | {asked_for} | {_spread(beyond)} | {peer} |")
    for kind in cloud.services:
        few, many = cases[f"{FEW} {kind}"], cases[f"{MANY} {kind}"]
        more = MANY - FEW
        wall, cpu = (
            _spread([(big - small) / more * 1000 for small, big in zip(one, other, strict=True)], ".0f")
            for one, other in ((few.wall, many.wall), (few.cpu, many.cpu))
        )
        resources = (int(many.said) - int(few.said)) / more
        print(f"| each further service {kind}, {resources:.0f} resources, in ms | {wall} | {ASKED_SERVICE} | {cpu} | |")
