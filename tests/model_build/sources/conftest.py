"""Servers that sources are fetched from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from model_build.sources import downloads
from tests.tools.certificates import Certificate
from tests.tools.web import Web


@pytest.fixture(scope="session")
def web_server(signer: Certificate) -> Iterator[Web]:
    made = Web(signer)
    yield made
    made.stop()


@pytest.fixture
def web(web_server: Web, signer: Certificate, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Web:
    """A server without pages whose certificate is trusted; the cache is empty, and nobody waits between tries."""
    web_server.pages.clear()
    web_server.asked.clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(signer.certificate_file))
    monkeypatch.setattr(downloads, "FIRST_WAIT", 0)
    return web_server
