"""Answers that have no end: a release looks at its candidate's pods between two questions, and waits for no answer."""

import http.server
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from components.kubernetes import access
from components.kubernetes.access import Cluster
from components.kubernetes.errors import Unreachable
from components.kubernetes.releasing import prometheus
from components.kubernetes.releasing.errors import NoMeasures
from components.kubernetes.releasing.plan import Bound, Query
from components.kubernetes.releasing.prometheus import Prometheus

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: here
clusters: [{name: here, cluster: {server: %s}}]
users: [{name: here, user: {}}]
contexts: [{name: here, context: {cluster: here, user: here}}]
"""


class _Endless(http.server.BaseHTTPRequestHandler):
    """Blanks: slowly where the path says so, else as fast as may be."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in itertools.count():
            try:
                self.wfile.write(b" " * (1 if "slow" in self.path else 65536))
                self.wfile.flush()
            except OSError:
                return
            if "slow" in self.path and ended.wait(0.05):
                return

    def log_message(self, format: str, *args: Any) -> None:
        pass


ended = threading.Event()


@pytest.fixture
def endless(free_port: int) -> Iterator[str]:
    ended.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port), _Endless)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{free_port}"
    ended.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("path", "words"), [("/slow", "0.3 s"), ("/fast", "1000000 bytes")])
def test_an_answer_by_url(endless: str, monkeypatch: pytest.MonkeyPatch, path: str, words: str) -> None:
    monkeypatch.setattr(prometheus, "SECONDS", 0.3 if path == "/slow" else 60.0)
    monkeypatch.setattr(prometheus, "LARGEST", 1_000_000)
    with pytest.raises(NoMeasures, match=words):
        Prometheus(endless + path, cast("Cluster", None)).read("shop", "digits")


@pytest.mark.parametrize(("path", "words"), [("/slow", "0.3 s"), ("/fast", "1000000 bytes")])
def test_an_answer_by_the_api_server(
    endless: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str, words: str
) -> None:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG % (endless + path))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setattr(prometheus, "SECONDS", 0.3 if path == "/slow" else 60.0)
    monkeypatch.setattr(prometheus, "LARGEST", 1_000_000)
    with Cluster() as cluster:
        answer = Prometheus("monitoring/prometheus:9090", cluster).ask(Query("queue", "x", Bound(max=1.0)), {})
    assert answer.value is None
    assert words in answer.why


def test_any_answer_of_the_api_server(endless: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG % (endless + "/slow"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setattr(access, "ANSWER_SECONDS", 0.3)

    with Cluster() as cluster, pytest.raises(Unreachable, match=r"takes more than 0\.3 s"):
        cluster.get("/api/v1/pods")
