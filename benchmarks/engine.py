"""The embedded engine: programs of four sizes brought up, run again unchanged and previewed, beside the official CLI.

Each program runs under ours and, where it is on PATH, under the official CLI, in turn in one run, each on a file
backend of its own. A figure is the median of the rounds with the least and the most, in seconds of the whole process;
beside it stand the processor's seconds (of the engine and all that it started), which other work on the machine
disturbs less, and the most memory of the engine's own process. `up` of a new stack cannot be repeated, so each round
begins with one.

Where no official CLI is on PATH, its figures are those of v3.260.0 on two quiet cores. The last program is ten times
the largest and runs under ours alone: its cost for each resource, and its peak of memory.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

BUDGET = 540.0
"""Seconds for everything; rounds that no longer fit are left out, and the number that was run is printed."""

COMPONENTS = """
import pulumi


class Part(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("bench:index:Part", name, {"size": 1})
        self.register_outputs({"size": 1})


for number in range(COUNT):
    Part(f"part{number}")
"""

DYNAMIC = """
from cloud import Thing

for number in range(COUNT):
    Thing(f"thing{number}", size=number)
"""

CLOUD = """
from pulumi import dynamic


class Cloud(dynamic.ResourceProvider):
    def create(self, props):
        return dynamic.CreateResult(props["label"], {**props, "serial": props["label"].upper()})


class Thing(dynamic.Resource):
    def __init__(self, name, **props):
        super().__init__(Cloud(), name, {"label": name, "serial": None, **props})
"""

VERBS = ("up", "no-op", "preview")
ARGUMENTS = {
    "up": ("up", "--yes", "--skip-preview"),
    "no-op": ("up", "--yes", "--skip-preview"),
    "preview": ("preview",),
}


@dataclass(frozen=True)
class Program:
    """A program, what was asked of ours for each verb (seconds at most), and what the official CLI took."""

    name: str
    text: str
    rounds: int
    asked: tuple[float, float, float] | None = None
    official: tuple[float, float, float] | None = None


PROGRAMS = (
    Program("empty", "import pulumi\n", 7, (1.2, 0.9, 0.9), (1.8, 1.4, 1.6)),
    Program("100 components", COMPONENTS.replace("COUNT", "100"), 5, (1.6, 1.3, 1.3), (2.3, 1.8, 1.9)),
    Program("1,000 components", COMPONENTS.replace("COUNT", "1000"), 3, (6.0, 4.0, 4.0), (23.0, 5.3, 5.5)),
    Program("300 dynamic resources", DYNAMIC.replace("COUNT", "300"), 3, (9.0, 5.0, 5.0), (17.0, 5.6, 5.4)),
)
LARGE = Program("10,000 components", COMPONENTS.replace("COUNT", "10000"), 1)
MEMORY = 300
"""What the engine's own process may take at most with the large program, in MB."""


@dataclass
class Figures:
    """What one engine took for one verb of one program, run by run."""

    wall: list[float] = field(default_factory=list[float])
    cpu: list[float] = field(default_factory=list[float])
    peak: list[float] = field(default_factory=list[float])
    """The most memory that the engine's own process had, in MB; its children's is not in it."""


class Engine:
    """A command that understands Pulumi's verbs, on backends of its own."""

    def __init__(self, name: str, command: list[str], env: dict[str, str]) -> None:
        self.name = name
        self._command = command
        self._env = env

    def call(self, project: Path, backend: Path, *arguments: str) -> tuple[float, float, float]:
        """Run it to its end: seconds, processor's seconds, MB at most."""
        env = {**self._env, "PULUMI_BACKEND_URL": f"file://{backend}"}
        before, began = os.times(), time.perf_counter()
        with (project / "output").open("w+") as output:
            process = subprocess.Popen(
                [*self._command, *arguments, "--stack", "bench", "--non-interactive"],
                cwd=project,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            with _watched(process.pid) as peak:
                code = process.wait()
            wall, after = time.perf_counter() - began, os.times()
            if code:
                output.seek(0)
                raise SystemExit(f"{self.name} {' '.join(arguments)} exited {code}: {output.read()[-2000:]}")
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return wall, cpu, max(peak)

    def init(self, project: Path, backend: Path) -> None:
        backend.mkdir()
        (project / "Pulumi.bench.yaml").unlink(missing_ok=True)
        self.call(project, backend, "stack", "init")


@contextmanager
def _watched(pid: int) -> Iterator[list[float]]:
    """The peaks of memory of a process while the block runs, in MB, as the kernel counts them."""
    peaks, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            try:
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            except OSError:
                return
            peaks.extend(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peaks
    finally:
        over.set()
        watcher.join()


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):6.2f} ({min(values):.2f} to {max(values):.2f})"


def _write(home: Path, program: Program) -> Path:
    project = home / program.name.replace(" ", "-").replace(",", "")
    project.mkdir()
    (project / "Pulumi.yaml").write_text(
        f"name: bench\nruntime:\n  name: python\n  options:\n    virtualenv: {sys.prefix}\n"
    )
    (project / "__main__.py").write_text(program.text)
    (project / "cloud.py").write_text(CLOUD)
    return project


def _round(engine: Engine, project: Path, backend: Path, figures: dict[str, Figures]) -> None:
    """A new stack, brought up, run again and previewed."""
    engine.init(project, backend)
    for verb in VERBS:
        wall, cpu, peak = engine.call(project, backend, *ARGUMENTS[verb])
        made = figures.setdefault(verb, Figures())
        made.wall.append(wall)
        made.cpu.append(cpu)
        made.peak.append(peak)
    shutil.rmtree(backend)


def _measure(home: Path, program: Program, engines: list[Engine], end: float) -> dict[str, dict[str, Figures]]:
    """Rounds in turn, as many as were asked for or as there is time for; by engine, then by verb."""
    project = _write(home, program)
    found: dict[str, dict[str, Figures]] = {engine.name: {} for engine in engines}
    for number in range(program.rounds):
        began = time.monotonic()
        for engine in engines:
            _round(engine, project, home / f"backend-{engine.name}", found[engine.name])
        if time.monotonic() + (time.monotonic() - began) > end and number + 1 < program.rounds:
            break
    return found


def _told(program: Program, found: dict[str, dict[str, Figures]], official: str) -> None:
    rounds = len(found["ours"]["up"].wall)
    print(f"\n{program.name} ({rounds} round{'s' if rounds > 1 else ''})")
    print(f"{'':<9}{'ours, s':<24}{'cpu':>7}{'MB':>6}   {'official, s':<24}{'cpu':>7}{'MB':>6}   ratio  cpu    asked")
    for place, verb in enumerate(VERBS):
        ours = found["ours"][verb]
        line = f"{verb:<9}{_spread(ours.wall):<24}{statistics.median(ours.cpu):7.2f}{max(ours.peak):6.0f}   "
        theirs = found.get(official, {}).get(verb)
        if theirs is not None:
            wall = statistics.median(a / b for a, b in zip(ours.wall, theirs.wall, strict=True))
            cpu = statistics.median(a / b for a, b in zip(ours.cpu, theirs.cpu, strict=True))
            line += f"{_spread(theirs.wall):<24}{statistics.median(theirs.cpu):7.2f}{max(theirs.peak):6.0f}   "
            line += f"{wall:5.2f}  {cpu:5.2f}  "
        elif program.official is not None:
            line += f"{program.official[place]:6.2f} (quiet machine){'':<22}"
            line += f"{statistics.median(ours.wall) / program.official[place]:5.2f}  {'':5}  "
        if program.asked is not None:
            met = statistics.median(ours.wall) <= program.asked[place]
            line += f"{program.asked[place]:.1f} {'yes' if met else 'NO'}"
        print(line, flush=True)


def _large(home: Path, ours: Engine, thousand: dict[str, Figures]) -> None:
    """Ten times the components: is the cost of one still the same, and does it fit?"""
    found = _measure(home, LARGE, [ours], time.monotonic())["ours"]
    print(f"\n{LARGE.name} (ours alone, 1 round)")
    for verb in VERBS:
        one, ten = statistics.median(thousand[verb].cpu) / 1_000, found[verb].cpu[0] / 10_000
        peak = max(found[verb].peak)
        print(
            f"{verb:<9}{found[verb].wall[0]:6.1f} s, cpu {found[verb].cpu[0]:6.1f} s: {ten * 1000:.2f} ms for each, "
            f"{ten / one:.2f} times that of 1,000; {peak:.0f} MB, at most {MEMORY} asked: "
            f"{'yes' if peak <= MEMORY else 'NO'}",
            flush=True,
        )


def main() -> None:
    end = time.monotonic() + BUDGET
    env = {k: v for k, v in os.environ.items() if not k.startswith("PULUMI_") and k != "PYTHONDONTWRITEBYTECODE"}
    tools = ("pulumi", "pulumi-language-python", "pulumi-resource-pulumi-python")
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as folder:
        home = Path(folder)
        env |= {
            "PULUMI_CONFIG_PASSPHRASE": "correct horse",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_HOME": str(home / "pulumi"),
            # compiled once, as on any machine where Python may write: the round that warms up does it
            "PYTHONPYCACHEPREFIX": str(home / "compiled"),
            "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        }
        root = str(Path(__file__).resolve().parents[1])
        ours = Engine("ours", [sys.executable, "-m", "engine"], {**env, "PYTHONPATH": root})
        engines = [ours]
        if all(shutil.which(tool, path=env["PATH"]) for tool in tools):
            engines.append(Engine("official", ["pulumi"], env))
        else:
            print("pulumi is not on PATH: beside ours stand its figures on two quiet cores")
        warm = _write(home, Program("warm up", PROGRAMS[0].text, 1))
        for engine in engines:
            # once uncounted: what Python compiles and the disk reads for the first time
            _round(engine, warm, home / f"backend-{engine.name}", {})
        thousand: dict[str, Figures] = {}
        # The large one needs its time too; what goes before it may take the rest.
        for place, program in enumerate(PROGRAMS):
            share = (end - time.monotonic() - 110) / (len(PROGRAMS) - place)
            found = _measure(home, program, engines, time.monotonic() + share)
            if program.name.startswith("1,000"):
                thousand = found["ours"]
            _told(program, found, "official")
        _large(home, ours, thousand)


if __name__ == "__main__":
    main()
