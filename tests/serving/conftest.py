"""Servers that many tests share: one per model, for the whole session of tests of a module."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.serving import models
from tests.serving.support import Server


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the digits model, two workers."""
    folder = tmp_path_factory.mktemp("digits")
    env = {
        "MODELPORT_MAX_BODY_BYTES": "2000000",
        "MODELPORT_MAX_JSON_BYTES": "1000000",
        "MODELPORT_MAX_PIXELS": "90000",
    }
    with closing(Server(folder, models.digits(folder / "model"), "--workers", "2", env=env)) as server:
        yield server
        # Whatever the tests sent: no error of the server's own.
        assert "Traceback" not in server.said()


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the model with numbers and strings, one worker."""
    folder = tmp_path_factory.mktemp("mixed")
    with closing(Server(folder, models.mixed(folder / "model"), "--workers", "1")) as server:
        yield server
        # Whatever the tests sent: no error of the server's own.
        assert "Traceback" not in server.said()


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """A client that keeps its connections and waits for long."""
    with httpx.Client(timeout=60.0, trust_env=False) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for one server's files."""
    return tmp_path
