"""The serving program beside a plain Starlette application with the same model: requests per second, CPU, start-up.

Both run two workers, on the same uvicorn, httptools and ONNX Runtime, and answer the same requests in turn. CPU time is
that of the server's processes; the client's is not in it, though it shares the cores.
"""

import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 7
STARTS = 7
CLIENTS = 4
TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Case:
    """One kind of request: how many numbers, how many requests a round, and whether ours goes as binary."""

    name: str
    width: int
    requests: int
    binary: bool = False


CASES = (
    Case("64 numbers in JSON", 64, 1500),
    Case("3 x 224 x 224 numbers in JSON", 150_528, 40),
    Case("the same, ours as binary data", 150_528, 40, binary=True),
)


def model(folder: Path, width: int) -> Path:
    """A model folder: `width` numbers to ten probabilities."""
    weights = np.random.default_rng(7).normal(size=(width, 10)).astype(np.float32) / width
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["s"]), helper.make_node("Softmax", ["s"], ["y"])],
        "bench",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("n", width))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ("n", 10))],
        [numpy_helper.from_array(weights, "w")],
    )
    folder.mkdir()
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(made, str(folder / "model.onnx"))
    content = {"format": 1, "name": "bench", "version": "1", "classify": None}
    (folder / "model.json").write_text(json.dumps(content))
    return folder


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Running:
    """A server in processes of its own, in a group of its own."""

    def __init__(self, command: Callable[[int], list[str]], env: dict[str, str]) -> None:
        self.port = free_port()
        begun = time.perf_counter()
        self._process = subprocess.Popen(
            command(self.port), cwd=ROOT, env={**os.environ, **env}, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while not self._ready():
            if self._process.poll() is not None or time.perf_counter() - begun > 60:
                raise SystemExit(f"benchmarks: the server did not start: {command(self.port)}")
            time.sleep(0.002)
        self.start = time.perf_counter() - begun

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/v2/health/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def cpu(self) -> float:
        """Seconds of CPU that its processes have used."""
        total = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == self._process.pid:
                total += int(fields[11]) + int(fields[12])
        return total / TICK

    def close(self) -> None:
        """End its whole group."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def ours(folder: Path) -> Running:
    """`python -m serving`."""

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "serving", "--model", str(folder), "--port", str(port), "--workers", "2"]

    return Running(command, {})


def peer(folder: Path) -> Running:
    """The Starlette application under uvicorn."""

    def command(port: int) -> list[str]:
        flags = ["--workers", "2", "--http", "httptools", "--loop", "asyncio", "--no-access-log"]
        return [sys.executable, "-m", "uvicorn", "benchmarks._serving_peer:app", "--port", str(port), *flags]

    return Running(command, {"PEER_MODEL": str(folder / "model.onnx")})


def request(width: int, *, binary: bool) -> bytes:
    """One whole HTTP request."""
    values = np.random.default_rng(1).random((1, width), dtype=np.float32)
    entry: dict[str, object] = {"name": "x", "shape": [1, width], "datatype": "FP32"}
    raw, extra = b"", ""
    if binary:
        raw = values.tobytes()
        entry["parameters"] = {"binary_data_size": len(raw)}
    else:
        entry["data"] = [round(float(each), 6) for each in values[0]]
    head = json.dumps({"inputs": [entry]}).encode()
    if binary:
        extra = f"Inference-Header-Content-Length: {len(head)}\r\n"
    line = f"POST /v2/models/bench/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(head) + len(raw)}\r\n{extra}\r\n"
    return line.encode() + head + raw


def answered(connection: socket.socket) -> None:
    """Read one answer; it must be a good one."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"benchmarks: {head[:80]!r} {body[:200]!r}")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)


def load(server: Running, content: bytes, requests: int) -> tuple[float, float]:
    """Send `requests` over kept connections; requests per second, and CPU milliseconds of the server per request."""

    def client() -> None:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(requests // CLIENTS):
                connection.sendall(content)
                # uvicorn with workers leaves Nagle's algorithm on and writes an answer in two pieces: without this each
                # answer of the peer would wait 40 ms for a delayed acknowledgement, and nothing else would be measured.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                answered(connection)

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    cpu, begun = server.cpu(), time.perf_counter()
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    sent = requests // CLIENTS * CLIENTS
    return sent / (time.perf_counter() - begun), (server.cpu() - cpu) / sent * 1000


def spread(values: list[float], digits: int = 2) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def measure(case: Case, folder: Path) -> None:
    """Print one case."""
    here, there = ours(folder), peer(folder)
    try:
        sent = request(case.width, binary=case.binary), request(case.width, binary=False)
        load(here, sent[0], case.requests // 4)
        load(there, sent[1], case.requests // 4)
        rounds = [(*load(here, sent[0], case.requests), *load(there, sent[1], case.requests)) for _ in range(ROUNDS)]
    finally:
        here.close()
        there.close()
    print(f"{case.name}: {ROUNDS} rounds of {case.requests} requests on {CLIENTS} connections, 2 workers")
    rate, cpu, peer_rate, peer_cpu = (list(column) for column in zip(*rounds, strict=True))
    print(f"  ours  {spread(rate, 0)} requests/s, {spread(cpu)} ms CPU each")
    print(f"  peer  {spread(peer_rate, 0)} requests/s, {spread(peer_cpu)} ms CPU each")
    rates = [mine / other for mine, other in zip(rate, peer_rate, strict=True)]
    cpus = [mine / other for mine, other in zip(cpu, peer_cpu, strict=True)]
    print(f"  ratio requests/s {spread(rates)}, CPU {spread(cpus)}")


def starts(folder: Path) -> None:
    """Print how long a start takes, from the process's start to the first answer that says ready."""
    found: list[tuple[float, float]] = []
    for _ in range(STARTS):
        pair: list[float] = []
        for each in (ours, peer):
            server = each(folder)
            server.close()
            pair.append(server.start)
        found.append((pair[0], pair[1]))
    print(f"process start to ready, 2 workers, {STARTS} times")
    print(f"  ours  {spread([each[0] for each in found])} s")
    print(f"  peer  {spread([each[1] for each in found])} s")
    print(f"  ratio {spread([each[0] / each[1] for each in found])}")


def main() -> None:
    """All cases."""
    # Beside other work each sleep costs a wait for a core, and figures of requests per second say more about that.
    print(f"load average before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as scratch:
        folders = {width: model(Path(scratch) / str(width), width) for width in {case.width for case in CASES}}
        starts(folders[64])
        for case in CASES:
            measure(case, folders[case.width])


if __name__ == "__main__":
    main()
