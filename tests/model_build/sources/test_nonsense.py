"""Servers and artifacts that send what is nested deeper than anybody reads: one clear error."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from model_build.errors import ModelBuildError, SourceError
from model_build.sources.mlflow import Mlflow

DEEP = b"[" * 20_000


class Deep(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(DEEP)))
        self.end_headers()
        self.wfile.write(DEEP)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Deep) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()


def test_an_answer_that_nobody_reads(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    with pytest.raises(ModelBuildError, match=r"source is 'mlflow:models:/churn/1', "):
        Mlflow("mlflow:models:/churn/1", "source").look()


@pytest.mark.parametrize("text", [DEEP, b"{a: " * 5_000, b"created: 2024-99-99", b"!!python/object/apply:os.getcwd []"])
def test_a_description_that_nobody_reads(text: bytes) -> None:
    with pytest.raises(SourceError, match="whose MLmodel is no YAML; log the model by MLflow's own client"):
        Mlflow("mlflow:models:/churn/1", "source")._read(text)  # pyright: ignore[reportPrivateUsage]
