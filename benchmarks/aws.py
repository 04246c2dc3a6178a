"""Stacks on AWS planned without credentials, from a cold start: the whole preview, the imports, each further service.

A preview is a command of its own, of the repository's own stack files. Its peer is the same program with the same file
under the SDK's own mocks (`pulumi.runtime.set_mocks`) in one bare process: there is no engine, no check before it, no
provider and nothing is shown, so the ratio says what all of that takes. The peer of the imports is `import pulumi`,
which any program must do; beside it stands what `import pulumi_aws` takes, asked for the same packages as one does.
A further service is what a program takes longer under the engine for each service more that it makes.

Rounds are interleaved. Beside each time stand the processor's seconds of the whole, which other work disturbs less.

    python -m benchmarks.aws
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
FEW, MANY = 2, 22
TARGETS = {"aws-eks": 3.0, "aws-ecs": 3.0}
"""Stack files, and what was asked for about a hundred resources."""

MOCKED = """
import os, sys
import pulumi

class Mocks(pulumi.runtime.Mocks):
    made = 0
    def new_resource(self, args):
        Mocks.made += 1
        return f"{args.name}-id", args.inputs
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
IMPORTS = {
    "import pulumi": "import pulumi",
    "what aws-eks has on AWS": "import components.aws as a\n"
    "for name in ('AwsNetwork', 'EksCluster', 'EksGpuNodeGroup', 'EcrRegistry', 'AwsLoadBalancer', 'EksAutoscaler', "
    "'AwsMonitoring', 'AwsIdentity'): getattr(a, name)",
    "its packages of pulumi_aws, whole": "import pulumi_aws as aws\n"
    "aws.ec2.Vpc, aws.eks.Cluster, aws.iam.Role, aws.ecr.Repository, aws.lb.LoadBalancer, aws.cloudwatch.Dashboard",
}
ASKED_IMPORTS = 0.4
ASKED_SERVICE = 20
SERVICES = {
    "in the cluster": """
from components.kubernetes import ModelService
for number in range(COUNT):
    image = f"registry.example.com/model@sha256:{number:064x}"
    ModelService(f"model-{number}", {"namespace": "many", "image": image, "replicas": 1})
""",
    "of ECS": """
from components.aws import EcsService
from tests.components.aws import test_ecs_release
for number in range(COUNT):
    EcsService(f"digits-{number}", {**test_ecs_release.BOTH, "max": 8})
""",
    "on EC2": """
from components.aws import Ec2Service
from tests.components.aws import test_ec2_service
for number in range(COUNT):
    Ec2Service(f"digits-{number}", test_ec2_service.FULL)
""",
    "in Lambda": """
from components.aws import LambdaService
from tests.components.aws import test_lambda_service
for number in range(COUNT):
    LambdaService(f"digits-{number}", test_lambda_service.FULL)
""",
    "in SageMaker": """
from components.aws import SageMakerEndpoint
from tests.components.aws import test_sagemaker
for number in range(COUNT):
    SageMakerEndpoint(f"digits-{number}", test_sagemaker.FULL)
""",
}
PREVIEW = """
from pathlib import Path
from engine import collector
from engine.api import Engine

collector.spare()  # as the command does
done = Engine(Path(PROJECT), "bench").preview()
assert done.exit_code == 0, done.error
print(sum(done.changes.values()))
"""


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


def main() -> None:
    # Bytecode is kept, as for anybody: compiling the SDK anew takes longer than all else.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory(prefix="bench-aws-") as name:
        folder = Path(name)
        env |= {"MODELPORT_STATE_DIR": str(folder / "state"), "PULUMI_CONFIG_PASSPHRASE": "bench"}
        env |= {"KUBECONFIG": os.devnull, "PYTHONPATH": str(ROOT)}
        cases = [*_previews(env), *_imports(env), *_services(folder, env)]
        for each in cases:  # once uncounted: what Python compiles and the disk reads for the first time
            each.run()
            each.wall.clear()
            each.cpu.clear()
        for _ in range(ROUNDS):
            for each in cases:
                each.run()
    _told({each.name: each for each in cases})


def _previews(env: dict[str, str]) -> list[Case]:
    found: list[Case] = []
    for stack in TARGETS:
        command = [str(Path(sys.prefix) / "bin" / "modelport"), "--engine", "embedded", "preview", "-s", stack]
        config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
        texts = {key: each if isinstance(each, str) else json.dumps(each) for key, each in config.items()}
        mocked = MOCKED.replace("CONFIG", repr(texts)).replace("STACK", repr(stack))
        found.append(Case(stack, command, ROOT, env))
        found.append(Case(f"{stack} under mocks", [sys.executable, "-c", mocked], ROOT, env))
    return found


def _imports(env: dict[str, str]) -> list[Case]:
    return [Case(name, [sys.executable, "-c", code], ROOT, env) for name, code in IMPORTS.items()]


def _services(folder: Path, env: dict[str, str]) -> list[Case]:
    found: list[Case] = []
    for kind, program in SERVICES.items():
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


def _told(cases: dict[str, Case]) -> None:
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{ROUNDS} rounds, median (least to most); load {load}\n")
    print("| what | seconds | asked | CPU s | beside its peer |\n|---|---|---|---|---|")
    for stack, asked in TARGETS.items():
        ours, mocked = cases[stack], cases[f"{stack} under mocks"]
        made = next((line.strip() for line in ours.said.splitlines() if "to create" in line), "")
        ratios = [one / other for one, other in zip(ours.wall, mocked.wall, strict=True)]
        peer = f"{_spread(ratios)} times mocks, of {mocked.said.strip()} resources"
        print(f"| preview {stack}, {made} | {_spread(ours.wall)} | {asked:g} | {_spread(ours.cpu)} | {peer} |")
    bare, *others = IMPORTS
    for name in others:
        beyond = [one - other for one, other in zip(cases[name].cpu, cases[bare].cpu, strict=True)]
        ratios = [one / other for one, other in zip(cases[name].cpu, cases[bare].cpu, strict=True)]
        asked_for = f"{ASKED_IMPORTS:g}" if name == others[0] else ""
        peer = f"{_spread(ratios)} times {bare}"
        print(f"| {name}, beyond {bare} | | {asked_for} | {_spread(beyond)} | {peer} |")
    for kind in SERVICES:
        few, many = cases[f"{FEW} {kind}"], cases[f"{MANY} {kind}"]
        more = MANY - FEW
        wall, cpu = (
            _spread([(big - small) / more * 1000 for small, big in zip(one, other, strict=True)], ".0f")
            for one, other in ((few.wall, many.wall), (few.cpu, many.cpu))
        )
        resources = (int(many.said) - int(few.said)) / more
        print(f"| each further service {kind}, {resources:.0f} resources, in ms | {wall} | {ASKED_SERVICE} | {cpu} | |")


if __name__ == "__main__":
    main()
