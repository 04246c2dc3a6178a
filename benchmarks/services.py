"""A thousand models planned: the preview of 1,000 ModelServices in one namespace, by the embedded engine.

First as a plan of what is not there yet, of growing size; then, with `deployed`, of a thousand services that run: their
pods are on kwok's nodes, and a plan compares each object with what is there. A figure is in seconds of the whole
process, beside the processor's seconds of engine and program, which other work on the machine disturbs less, and beside
a plan of as many ConfigMaps by the SDK's own class, which is what engine and SDK take for nothing but resources.

    python -m benchmarks.services             plans without a cluster
    python -m benchmarks.services deployed    on kwok's nodes, too: some minutes until they are there
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from components.kubernetes import names
from tests.cluster import shared
from tests.cluster.addons import kwok

ASKED = 10.0
COUNTS = (1, 100, 1000)
NODES, POOL = 20, "bench-services"
STACK = {"PULUMI_CONFIG_PASSPHRASE": "bench"}
SERVICES = """
import pulumi
from components.kubernetes import ModelNamespace, ModelService

space = ModelNamespace("many", {"quota": {"cpu": "10000", "memory": "10000Gi", "pods": 10000}})
below = pulumi.ResourceOptions(depends_on=[space])
place = {
    "node_selector": {POOL_LABEL: POOL},
    "tolerations": [{"key": TAINT, "operator": "Exists"}],
}
for number in range(COUNT):
    image = f"registry.example.com/model@sha256:{number:064x}"
    ModelService(f"model-{number}", {"namespace": space.name, "image": image, "replicas": 1, **place}, below)
"""
PLAIN = """
from pulumi_kubernetes.core.v1.ConfigMap import ConfigMap

for number in range(COUNT):
    ConfigMap(f"map-{number}", metadata={"name": f"map-{number}", "namespace": "many"}, data={"a": "b"})
"""


def main() -> None:
    print("| services | resources | seconds | asked | CPU s | the same number of ConfigMaps, CPU s |")
    print("|---|---|---|---|---|---|", flush=True)
    outside = {"KUBECONFIG": os.devnull}
    for count in COUNTS:
        with tempfile.TemporaryDirectory(prefix="bench-services-") as name:
            _show(f"{count:,}", Place(Path(name), SERVICES, count, outside), count)
    if "deployed" in sys.argv:
        with shared.use(print, bare=True) as cluster, cluster.addon("kwok"):
            _deployed(cluster, COUNTS[-1])


class Place:
    """A project of one stack, and the engine's verbs on it, each in a process of its own."""

    def __init__(self, folder: Path, program: str, count: int, env: dict[str, str]) -> None:
        self.folder, self._env = folder, env
        (folder / "Pulumi.yaml").write_text("name: bench\nruntime: {name: python, options: {virtualenv: .venv}}\n")
        (folder / "Pulumi.bench.yaml").write_text("config: {}\n")
        (folder / ".venv").symlink_to(sys.prefix)
        label, taint = repr(kwok.POOL), repr(kwok.TAINT)
        program = program.replace("POOL_LABEL", label).replace("POOL", repr(POOL)).replace("TAINT", taint)
        (folder / "__main__.py").write_text(program.replace("COUNT", str(count)))

    def run(self, verb: str) -> tuple[float, float, dict[str, int]]:
        """Seconds, the processor's seconds, and how many resources went through each kind of step."""
        env = {**os.environ, **STACK, **self._env, "MODELPORT_STATE_DIR": str(self.folder / "state")}
        code = (
            "import json; from pathlib import Path; from engine import collector; from engine.api import Engine\n"
            "collector.spare()\n"  # as the command does
            f"done = Engine(Path({str(self.folder)!r}), 'bench').{verb}()\n"
            "assert done.exit_code == 0, done.error\nprint(json.dumps(done.changes))"
        )
        root = Path(__file__).resolve().parents[1]
        before, began = os.times(), time.perf_counter()
        ran = subprocess.run([sys.executable, "-c", code], cwd=root, env=env, capture_output=True, text=True)
        seconds, after = time.perf_counter() - began, os.times()
        if ran.returncode:
            raise SystemExit(ran.stderr[-2000:])
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        return seconds, cpu, json.loads(ran.stdout.splitlines()[-1])


def _show(what: str, place: Place, count: int) -> None:
    seconds, cpu, changes = place.run("preview")
    resources = sum(changes.values())
    with tempfile.TemporaryDirectory(prefix="bench-plain-") as name:
        _, plain, _ = Place(Path(name), PLAIN, resources - 1, {"KUBECONFIG": os.devnull}).run("preview")
    asked = f"{ASKED:g}" if count == COUNTS[-1] else ""
    print(f"| {what} | {resources:,} | {seconds:.1f} | {asked} | {cpu:.1f} | {plain:.1f} |", flush=True)


def _deployed(cluster: shared.Cluster, count: int) -> None:
    nodes = json.dumps({"apiVersion": "v1", "kind": "List", "items": kwok.nodes(NODES, POOL)})
    cluster.kubectl("create", "-f", "-", text=nodes)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-services-") as name:
            place = Place(Path(name), SERVICES, count, {"KUBECONFIG": os.fspath(cluster.kubeconfig)})
            seconds, cpu, _ = place.run("up")
            print(f"\nup of {count:,} services: {seconds:.0f} s, {cpu:.0f} s of the processor\n", flush=True)
            chosen = f"-l{names.MANAGED_BY}=modelport"
            running = cluster.kubectl("get", "pods", "-n", "many", chosen, "--field-selector=status.phase=Running")
            assert len(running.splitlines()) == count + 1, running
            _show(f"{count:,}, running", place, count)
    finally:
        cluster.kubectl("delete", "namespace", "many", "--ignore-not-found", "--wait=false")
        cluster.kubectl("delete", "nodes", f"-l{kwok.POOL}={POOL}")


if __name__ == "__main__":
    main()
