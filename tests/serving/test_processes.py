"""Masters and workers: no request is lost when a version replaces another, a server stops, or a worker dies."""

import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.serving import models
from tests.serving.support import PATIENCE, Server, alive, ask, command, environment, until

BODY = json.dumps({"inputs": [{"name": "image", "shape": [1, 64], "datatype": "FP32", "data": [0.5] * 64}]}).encode()
INFER = "/v2/models/digits/infer"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Closes the servers that a test started."""
    with ExitStack() as servers:
        yield servers


def start(stack: ExitStack, folder: Path, model: Path, *flags: str, name: str = "server", **env: str) -> Server:
    server = Server(folder, model, *flags, name=name, env=env)
    stack.callback(server.close)
    return server


@contextlib.contextmanager
def endless_request(server: Server) -> Iterator[threading.Event]:
    """An inference that never ends, on a connection of its own; the event is set when it got an answer or none."""
    ended = threading.Event()

    def request() -> None:
        with contextlib.suppress(httpx.HTTPError):
            entry = {"name": "rounds", "shape": [1], "datatype": "INT64", "data": [10**12]}
            address = f"{server.url}/v2/models/slow/infer"
            httpx.post(address, json={"inputs": [entry]}, timeout=PATIENCE, trust_env=False)
        ended.set()

    client = threading.Thread(target=request)
    client.start()
    try:
        until(lambda: _in_flight(server) == 1, "the request is in hand")
        yield ended
    finally:
        server.close()
        client.join(PATIENCE)


class HalfSent:
    """A request in hand, of which the second half of the body is still to come."""

    def __init__(self, server: Server) -> None:
        self._connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
        head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
        self._connection.sendall(head + BODY[:50])
        until(lambda: _in_flight(server) == 1, "the request is in hand")

    def finish(self) -> tuple[bytes, str | None]:
        """Send the rest; status line, and what the answer says of the connection."""
        self._connection.sendall(BODY[50:])
        with self._connection, self._connection.makefile("rb") as answer:
            return answer.readline(), http.client.parse_headers(answer)["connection"]


@dataclass
class Load:
    """Clients in threads that keep their connections, and all that went wrong for them."""

    port: int
    clients: int
    requests: int
    fresh: bool = False
    answered: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    begun: threading.Barrier | None = None

    def __enter__(self) -> "Load":
        self.threads = [threading.Thread(target=self._client) for _ in range(self.clients)]
        for each in self.threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.threads:
            each.join(PATIENCE)

    def _client(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        for _ in range(self.requests):
            try:
                connection.request("POST", INFER, BODY)
                answer = connection.getresponse()
                content = json.loads(answer.read())
                if answer.status == 200:
                    self.answered.append(content["model_version"])
                else:
                    self.failures.append(f"{answer.status} {content}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            if self.fresh:
                connection.close()
        connection.close()


@pytest.mark.parametrize("fresh", [False, True], ids=["kept connections", "fresh connections"])
def test_a_new_version_takes_over_under_load_and_no_request_fails(stack: ExitStack, folder: Path, fresh: bool) -> None:
    old = start(stack, folder, models.digits(folder / "m1", version="1"), "--workers", "2", name="old")
    model = models.digits(folder / "m2", version="2")
    with Load(old.port, clients=4, requests=500, fresh=fresh) as load:
        until(lambda: len(load.answered) > 100, "the load begins")
        new = start(stack, folder, model, "--workers", "2", "--takeover", str(old.control), name="new")
        assert ask(old.control, "drain") == {"draining": True}
        assert old.process.wait(PATIENCE) == 0, old.said()
        before = len(load.answered)
    assert load.failures == []
    assert len(load.answered) == 4 * 500
    assert new.address == old.address
    assert set(load.answered[before:]) <= {"2"}
    assert httpx.get(f"{new.url}/v2/models/digits", trust_env=False).json()["versions"] == ["2"]


def test_versions_follow_each_other_on_one_control_path(stack: ExitStack, folder: Path) -> None:
    first = start(stack, folder, models.digits(folder / "m1", version="1"), "--workers", "1")
    path = str(first.control)
    second = start(stack, folder, models.digits(folder / "m2", version="2"), "--workers", "1", "--takeover", path)
    second.wait("version", "2")
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(PATIENCE) == 0
    assert ask(first.control, "status")["pid"] == second.process.pid


def test_sigterm_answers_what_is_in_hand_and_exits_0(stack: ExitStack, folder: Path) -> None:
    server = start(stack, folder, models.digits(folder / "m"), "--workers", "1")
    request = HalfSent(server)
    server.process.send_signal(signal.SIGTERM)
    until(lambda: _refuses(server), "the address is given up")
    assert request.finish() == (b"HTTP/1.1 200 OK\r\n", "close")
    assert server.process.wait(PATIENCE) == 0, server.said()
    assert not server.control.exists()


def _refuses(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_kept_connection_is_answered_while_draining_and_told_to_close(stack: ExitStack, folder: Path) -> None:
    server = start(stack, folder, models.digits(folder / "m"), "--workers", "1")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request("GET", "/v2/health/ready")
    assert connection.getresponse().read() == b'{"ready":true}'
    assert ask(server.control, "drain") == {"draining": True}
    server.wait("draining")
    until(lambda: "draining" in server.said(), "the drain begins")
    connection.request("POST", INFER, BODY)
    answer = connection.getresponse()
    answer.read()
    assert (answer.status, answer.getheader("connection")) == (200, "close")
    assert server.process.wait(PATIENCE) == 0


@pytest.mark.parametrize(("successor", "status"), [(False, 503), (True, 200)], ids=["stop", "successor"])
def test_readiness_ends_with_a_stop_but_not_with_a_successor(
    stack: ExitStack, folder: Path, successor: bool, status: int
) -> None:
    model = models.digits(folder / "m")
    server = start(stack, folder, model, "--workers", "1", name="old")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request("GET", "/v2/health/ready")
    connection.getresponse().read()
    if successor:
        start(stack, folder, model, "--workers", "1", "--takeover", str(server.control), name="new")
    ask(server.control, "drain")
    found: list[int] = []
    while not found:
        connection.request("GET", "/v2/health/ready")
        answer = connection.getresponse()
        answer.read()
        if answer.getheader("connection") == "close":
            found.append(answer.status)
    assert found == [status]


def test_an_idle_connection_is_closed_after_the_grace_time_only(stack: ExitStack, folder: Path) -> None:
    env = {"MODELPORT_DRAIN_GRACE": "0.2"}
    server = start(stack, folder, models.digits(folder / "m"), "--workers", "1", **env)
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as idle:
        until(lambda: _metric(server, "modelport_connections") >= 1, "the connection is accepted")
        assert server.terminate() == 0
        assert idle.recv(1) == b""


def test_a_second_sigterm_stops_at_once(stack: ExitStack, folder: Path) -> None:
    server = start(stack, folder, models.slow(folder / "m"), "--workers", "1")
    with endless_request(server) as ended:
        workers = server.workers()
        server.process.send_signal(signal.SIGTERM)
        until(lambda: "draining" in server.said(), "the drain begins")
        assert not ended.is_set()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 1
        assert ended.wait(PATIENCE)
        assert not any(map(alive, workers))
    assert "told twice to stop" in server.said()


def test_a_drain_that_takes_too_long_is_cut(stack: ExitStack, folder: Path) -> None:
    env = {"MODELPORT_DRAIN_TIMEOUT": "0.3"}
    server = start(stack, folder, models.slow(folder / "m"), "--workers", "1", **env)
    with endless_request(server):
        assert server.terminate() == 1
    assert "not drained after 0.3 s" in server.said()


def test_a_worker_that_is_killed_is_replaced(stack: ExitStack, folder: Path, http: httpx.Client) -> None:
    server = start(stack, folder, models.digits(folder / "m"), "--workers", "2")
    before = server.workers()
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(server.workers()) == 2 and before[0] not in server.workers(), "another worker is there")
    assert "ended (signal SIGKILL)" in server.said()
    for _ in range(20):
        assert httpx.post(f"{server.url}{INFER}", content=BODY, trust_env=False).status_code == 200
    assert _metric(server, "modelport_worker_restarts_total") == 1
    assert server.terminate() == 0


def test_a_worker_told_to_stop_drains_and_is_replaced(stack: ExitStack, folder: Path) -> None:
    server = start(stack, folder, models.digits(folder / "m"), "--workers", "2")
    first = server.workers()[0]
    with Load(server.port, clients=4, requests=100) as load:
        until(lambda: len(load.answered) > 20, "the load begins")
        os.kill(first, signal.SIGTERM)
        until(lambda: first not in server.workers() and len(server.workers()) == 2, "another worker is there")
    assert load.failures == []
    assert len(load.answered) == 400


def test_kept_connections_are_shared_among_the_workers(stack: ExitStack, folder: Path) -> None:
    server = start(stack, folder, models.digits(folder / "m"), "--workers", "2")
    kept = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE) for _ in range(10)]
    for each in kept:
        each.request("GET", "/v2/health/live")
        each.getresponse().read()
    held = [_established(pid) for pid in server.workers()]
    assert sum(held) == 10
    # Without the courtesy among workers, whoever wakes first takes them all.
    assert min(held) >= 2
    for each in kept:
        each.close()


def _established(pid: int) -> int:
    """How many connections a process holds: its sockets that are in state 01 of /proc/net/tcp."""
    links = {str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()}
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return len({f"socket:[{fields[9]}]" for fields in lines if fields[3] == "01"} & links)


def test_silent_connections_are_closed(stack: ExitStack, folder: Path) -> None:
    env = {"MODELPORT_KEEP_ALIVE": "0.1", "MODELPORT_BODY_TIMEOUT": "0.1"}
    server = start(stack, folder, models.digits(folder / "m"), "--workers", "1", **env)
    for sent in (
        b"",
        b"GET /v2/health/live HT",
        b"POST /v2/models/digits/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{",
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
            connection.sendall(sent)
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    until(lambda: _in_flight(server) == 0, "nothing is in hand")


def test_a_worker_out_of_descriptors_goes_on_when_there_are_some_again(stack: ExitStack, folder: Path) -> None:
    server = start(stack, folder, models.digits(folder / "m"), "--workers", "1")
    (worker,) = server.workers()
    used = len(list(Path(f"/proc/{worker}/fd").iterdir()))
    _, most = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (used + 5, most))
    opened = [socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) for _ in range(20)]
    for each in opened:
        each.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    # Those that are in make room one by one; each of the others is answered in its turn.
    for each in opened:
        assert each.recv(15) == b"HTTP/1.1 200 OK"
        each.close()
    assert server.workers() == [worker]


def test_workers_go_when_the_master_is_killed(stack: ExitStack, folder: Path) -> None:
    server = start(stack, folder, models.digits(folder / "m"), "--workers", "2")
    workers = server.workers()
    assert len(workers) == 2
    # A fork of a process with threads would be unsafe; numpy or a runtime may start some when imported.
    assert len(list(Path(f"/proc/{server.process.pid}/task").iterdir())) == 1
    server.process.kill()
    until(lambda: not any(map(alive, workers)), "the workers are gone")


def test_a_successor_may_use_the_control_path_that_a_killed_server_left(stack: ExitStack, folder: Path) -> None:
    model = models.digits(folder / "m")
    killed = start(stack, folder, model, "--workers", "1")
    killed.close()
    assert killed.control.exists()
    again = start(stack, folder, model, "--workers", "1")
    assert again.terminate() == 0


def refused(folder: Path, *flags: str | Path, **env: str) -> str:
    """The one line of a server that does not start."""
    ran = subprocess.run(
        command(*flags), capture_output=True, text=True, timeout=PATIENCE, env=environment(env), cwd=folder, check=False
    )
    assert ran.returncode == 2, ran.stderr
    lines = ran.stderr.strip().splitlines()
    assert len(lines) == 1, ran.stderr
    return lines[0].removeprefix("modelport: error: ")


def test_a_port_in_use_is_refused(stack: ExitStack, folder: Path) -> None:
    model = models.digits(folder / "m")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(folder, "--model", model, "--port", str(port))
    assert said == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use; stop what listens there, or choose another --port"
    )


def test_a_control_path_in_use_is_refused(stack: ExitStack, folder: Path) -> None:
    model = models.digits(folder / "m")
    server = start(stack, folder, model, "--workers", "1")
    said = refused(folder, "--model", model, "--port", "0", "--control", server.control)
    assert said == f"--control {server.control}: another server answers there; stop it, or choose another path"
    assert ask(server.control, "status")["ready"] is True


def test_a_takeover_from_nobody_is_refused(folder: Path) -> None:
    said = refused(folder, "--model", models.digits(folder / "m"), "--takeover", folder / "none.sock")
    assert said == (
        f"--takeover {folder}/none.sock: No such file or directory; expected the control socket of a running server"
    )


def test_a_broken_model_is_one_clear_line(folder: Path) -> None:
    model = models.digits(folder / "m")
    (model / "model.onnx").write_bytes(b"\x08\x0a random bytes")
    said = refused(folder, "--model", model, "--port", "0", "--workers", "2")
    assert said.startswith(f"{model}/model.onnx: onnxruntime ")
    assert "cannot load the model" in said


def test_a_folder_without_a_model_is_refused(folder: Path) -> None:
    assert refused(folder, "--model", folder / "none") == (
        f"{folder}/none/model.json: No such file or directory; "
        "expected a model folder with model.onnx and model.json (--model)"
    )
    assert refused(folder) == "no model to serve; give --model FOLDER or set MODELPORT_MODEL"


def test_a_failed_takeover_leaves_the_old_version_serving(stack: ExitStack, folder: Path) -> None:
    old = start(stack, folder, models.digits(folder / "m1"), "--workers", "1")
    broken = models.digits(folder / "m2")
    (broken / "model.onnx").write_bytes(b"no model")
    refused(folder, "--model", broken, "--takeover", old.control)
    assert httpx.post(f"{old.url}{INFER}", content=BODY, trust_env=False).status_code == 200


def test_a_slow_inference_blocks_no_other_request(stack: ExitStack, folder: Path) -> None:
    server = start(stack, folder, models.slow(folder / "m"), "--workers", "1")
    with endless_request(server) as ended:
        for path in ("v2/health/live", "v2/health/ready", "v2/models/slow", "metrics"):
            assert httpx.get(f"{server.url}/{path}", trust_env=False, timeout=PATIENCE).status_code == 200
        assert not ended.is_set()


def test_a_full_queue_says_so(stack: ExitStack, folder: Path) -> None:
    server = start(stack, folder, models.digits(folder / "m"), "--workers", "1", MODELPORT_QUEUE="1")
    request = HalfSent(server)
    full = httpx.post(f"{server.url}{INFER}", content=BODY, trust_env=False)
    assert (full.status_code, full.headers["retry-after"]) == (503, "1")
    assert full.json() == {"error": "1 requests are waiting, at most 1; try again"}
    assert request.finish() == (b"HTTP/1.1 200 OK\r\n", None)
    assert httpx.post(f"{server.url}{INFER}", content=BODY, trust_env=False).status_code == 200


def _metric(server: Server, name: str) -> float:
    text = httpx.get(f"{server.url}/metrics", trust_env=False, timeout=PATIENCE).text
    found = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(found[0].split()[1])


def _in_flight(server: Server) -> float:
    return _metric(server, "modelport_requests_in_flight")
