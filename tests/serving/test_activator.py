"""The activator before a real server: what comes while there is none is answered once there is one."""

import contextlib
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.ports import free_port
from tests.serving import models
from tests.serving.support import PATIENCE, ROOT, Server, environment
from tests.tools import certificates


class Activator:
    """`python -m serving activator` before a port on which there may be nobody."""

    def __init__(self, log: Path, upstream: int, *flags: str) -> None:
        self.port, self.page = free_port(), free_port()
        command = [sys.executable, "-m", "serving", "activator", "--upstream", f"127.0.0.1:{upstream}"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--metrics-port", str(self.page)]
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [*command, *flags], stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment(), cwd=ROOT
            )
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        _until(lambda: "activator on port" in log.read_text())

    def count(self, name: str) -> float:
        page = httpx.get(f"http://127.0.0.1:{self.page}/metrics", trust_env=False, timeout=PATIENCE).text
        return float(
            next(line for line in page.splitlines() if line.startswith(f"modelport_activator_{name} ")).split()[1]
        )


def _until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def upstream() -> int:
    return free_port()


@pytest.fixture
def start(tmp_path: Path, upstream: int) -> Iterator[Callable[..., Activator]]:
    made: list[Activator] = []

    def begin(*flags: str) -> Activator:
        made.append(Activator(tmp_path / f"activator-{len(made)}.log", upstream, *flags))
        return made[-1]

    yield begin
    for each in made:
        each.process.kill()
        each.process.wait(PATIENCE)
        assert "Traceback" not in each.log.read_text()


def _digits(folder: Path, port: int) -> "contextlib.closing[Server]":
    return contextlib.closing(Server(folder, models.digits(folder / "model"), "--workers", "1", "--port", str(port)))


def _infer(client: httpx.Client, url: str) -> int:
    body = {"inputs": [{"name": "image", "shape": [1, 64], "datatype": "FP32", "data": [0.0] * 64}]}
    return client.post(f"{url}/v2/models/digits/infer", json=body).status_code


def test_requests_wait_for_the_server_and_none_fails(
    start: Callable[..., Activator], upstream: int, tmp_path: Path
) -> None:
    activator = start()
    with httpx.Client(timeout=PATIENCE, trust_env=False) as client, ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(_infer, client, activator.url) for _ in range(20)]
        _until(lambda: activator.count("held") == 20)
        assert activator.count("requests") == 20
        with _digits(tmp_path, upstream):
            assert [each.result(PATIENCE) for each in answers] == [200] * 20
            # the very same connections go on
            assert _infer(client, activator.url) == 200
    assert activator.count("held") == 0


def test_a_connection_without_a_request_wakes_nobody(start: Callable[..., Activator]) -> None:
    activator = start()
    with socket.create_connection(("127.0.0.1", activator.port)):
        _until(lambda: activator.count("connections_total") == 1)
        assert activator.count("requests") == 0


def test_the_most_of_the_window_is_told_after_the_request_is_over(
    start: Callable[..., Activator], upstream: int, tmp_path: Path
) -> None:
    activator = start("--window", "600")
    with _digits(tmp_path, upstream), httpx.Client(timeout=PATIENCE, trust_env=False) as client:
        assert _infer(client, activator.url) == 200
        _until(lambda: activator.count("in_flight") == 0)
        assert activator.count("requests") == 1


def test_nobody_comes_in_time(start: Callable[..., Activator]) -> None:
    activator = start("--hold", "0.3")
    answer = httpx.get(activator.url, trust_env=False, timeout=PATIENCE)
    assert answer.status_code == 503
    assert answer.json() == {"error": "the model did not start within 0.3 s; try again"}
    assert activator.count("given_up_total") == 1


def test_bytes_go_through_as_they_are(start: Callable[..., Activator], upstream: int, tmp_path: Path) -> None:
    """Two megabytes each way inside TLS, of which the activator knows nothing."""
    certificate = certificates.make(tmp_path, "echo")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate_file, certificate.key_file)
    activator = start()
    sent = bytes(range(256)) * 8192

    def echo() -> None:
        with socket.create_server(("127.0.0.1", upstream)) as listener:
            raw, _ = listener.accept()
            with context.wrap_socket(raw, server_side=True) as connection:
                got = b""
                while len(got) < len(sent):
                    got += connection.recv(65536)
                connection.sendall(got)

    thread = threading.Thread(target=echo)
    thread.start()
    trusting = ssl.create_default_context(cafile=str(certificate.certificate_file))
    with trusting.wrap_socket(
        socket.create_connection(("127.0.0.1", activator.port), PATIENCE), server_hostname="127.0.0.1"
    ) as client:
        client.sendall(sent)
        back = b""
        while len(back) < len(sent):
            back += client.recv(65536)
    thread.join(PATIENCE)
    assert back == sent


def test_it_drains(start: Callable[..., Activator], upstream: int, tmp_path: Path) -> None:
    """A request that waits when the signal comes is answered, and its client is told to connect anew."""
    activator = start("--drain-grace", "0.2")
    with httpx.Client(timeout=PATIENCE, trust_env=False) as client, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.get, f"{activator.url}/v2/health/ready")
        _until(lambda: activator.count("held") == 1)
        activator.process.terminate()
        with _digits(tmp_path, upstream):
            answer = waiting.result(PATIENCE)
            assert (answer.status_code, answer.headers["connection"]) == (200, "close")
            assert activator.process.wait(PATIENCE) == 0
    assert activator.log.read_text().endswith("modelport: drained\n")


@pytest.mark.parametrize("upstream_flag", ["digits", "digits:http", ":80", "digits:0"])
def test_a_bad_upstream_is_told(upstream_flag: str) -> None:
    command = [sys.executable, "-m", "serving", "activator", "--upstream", upstream_flag]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=ROOT, check=False)
    assert ran.returncode == 2
    assert f"--upstream is '{upstream_flag}', expected HOST:PORT" in ran.stderr
