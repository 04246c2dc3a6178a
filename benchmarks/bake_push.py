"""A new model of 35 MB, all else as it was: baked and pushed by us, by `crane append`, by `docker build` and `push`.

All four start from the model folder and end with the image in the same local registry (Debian's), whose base layers are
there. Ours is timed inside a running build, where it happens, and as a command of its own, as the others are.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from model_build import bake, push
from model_build.bake.inputs import serving_folder
from tests.tools import docker, golang, models, registries

ROUNDS = 7
KILOBYTES = 35 * 1024
TARGET = 0.3

_COMMAND = """
import sys
from pathlib import Path
from model_build.bake import bake
from model_build.push import push
image = bake(Path(sys.argv[1]), name="bench", base="debian", layout=Path(sys.argv[2]))
push(Path(sys.argv[2]), image.digest, sys.argv[3])
"""


class Bench:
    """The registry, the daemon and a base image that all start from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # A copy of the serving code: an edit during the minutes that this takes would be a second new layer.
        shutil.copytree(serving_folder(), folder / "app" / "serving")
        sys.path.insert(0, str(folder / "app"))
        serving_folder.cache_clear()
        self.registry = registries.start(folder / "registry")
        self.docker = docker.start(folder) if os.geteuid() == 0 else None
        self.crane = golang.program(*golang.CRANE)
        self.layout = folder / "images"
        self.image = bake.bake(self.model(0), name="bench", base="debian", layout=self.layout)
        self.base = f"{self.registry.host}/bench/base:latest"
        push.push(self.layout, self.image.digest, self.base)
        push.push(self.layout, self.image.digest, f"{self.registry.host}/bench/ours")
        if self.docker:
            self.docker.run("pull", "-q", self.base)

    def model(self, seed: int) -> Path:
        """A model folder with new random weights; the one before it goes."""
        shutil.rmtree(self.folder / "model", ignore_errors=True)
        return models.folder(self.folder / "model" / "bench", "bench", seed, KILOBYTES)

    def ours(self, model: Path, number: int) -> None:
        """In a process that is already building."""
        image = bake.bake(model, name="bench", base="debian", layout=self.layout)
        pushed = push.push(self.layout, image.digest, f"{self.registry.host}/bench/ours")
        new = [layer.kind for layer in image.layers if layer.digest in pushed.uploaded]
        if new != ["model"] or sorted(pushed.uploaded) != sorted([image.layers[-1].digest, image.config_digest]):
            raise SystemExit(f"bake_push: {new} were sent, expected the model's layer and the config alone")

    def ours_as_command(self, model: Path, number: int) -> None:
        """Python's start and imports included."""
        destination = f"{self.registry.host}/bench/command"
        self._run(sys.executable, "-c", _COMMAND, str(model), str(self.layout), destination)

    def crane_append(self, model: Path, number: int) -> None:
        """tar, then crane, which compresses."""
        archive = self.folder / "layer.tar"
        self._run("tar", "cf", str(archive), "-C", str(model.parent), "--transform", "s,^,models/,", model.name)
        tag = f"{self.registry.host}/bench/crane:{number}"
        self._run(str(self.crane), "append", "--insecure", "-b", self.base, "-f", str(archive), "-t", tag)

    def docker_build(self, model: Path, number: int) -> None:
        """The classic builder; BuildKit is not in Debian's package."""
        assert self.docker
        (model.parent / "Dockerfile").write_text(f"FROM {self.base}\nCOPY bench /models/bench\n")
        tag = f"{self.registry.host}/bench/docker:{number}"
        self.docker.run("build", "-q", "-t", tag, str(model.parent))
        self.docker.run("push", "-q", tag)

    def cpu(self) -> float:
        """CPU seconds so far of ourselves, the commands we ran, the registry and the daemon."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        own = resource.getrusage(resource.RUSAGE_SELF)
        total = ended.ru_utime + ended.ru_stime + own.ru_utime + own.ru_stime
        servers = [self.registry.server, *([self.docker.server] if self.docker else [])]
        for server in servers:
            fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
        return total

    def _run(self, *command: str) -> None:
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise SystemExit(f"bake_push: {command[0]} failed: {ran.stderr}")

    def stop(self) -> None:
        """End registry and daemon."""
        self.registry.server.stop()
        if self.docker:
            self.docker.stop()


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="modelport-bench-"))
    bench = Bench(folder)
    try:
        _measure(bench)
    finally:
        bench.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _measure(bench: Bench) -> None:
    cases: dict[str, Callable[[Path, int], None]] = {
        "ours": bench.ours,
        "ours, a command of its own": bench.ours_as_command,
        "tar, crane append": bench.crane_append,
    }
    if bench.docker:
        cases["docker build, docker push"] = bench.docker_build
    else:
        print("docker build, docker push: left out, a daemon of our own needs root")
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    cpu: dict[str, list[float]] = {name: [] for name in cases}
    for round_number in range(ROUNDS):
        for index, (name, case) in enumerate(cases.items()):
            number = 1 + round_number * len(cases) + index
            model = bench.model(number)
            os.sync()  # what the last one left to be written is not this one's
            worked, begun = bench.cpu(), time.perf_counter()
            case(model, number)
            seconds[name].append(time.perf_counter() - begun)
            cpu[name].append(bench.cpu() - worked)
    unpacked = bench.image.unpacked_bytes - bench.image.layers[-1].unpacked
    print(f"image without the model: {unpacked / 1e6:.0f} MB unpacked (target with the digits model: 260)")
    ours = seconds["ours"]
    for name, taken in seconds.items():
        ratios = np.array(taken) / np.array(ours)
        line = f"{name:28} median {statistics.median(taken):6.3f} s ({min(taken):.3f} to {max(taken):.3f}),"
        line += f" CPU of all taking part {statistics.median(cpu[name]):5.2f} s"
        if name != "ours":
            line += f", {np.median(ratios):5.1f} times ours ({ratios.min():.1f} to {ratios.max():.1f})"
        print(line)
    verdict = "met" if statistics.median(ours) <= TARGET else "missed"
    print(
        f"target: ours at most {TARGET} s, exactly one new layer: {verdict} in {ROUNDS} rounds, load "
        f"{os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
