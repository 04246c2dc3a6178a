"""Fixtures with real servers and tools, one of each for a whole test session."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools import certificates, debian, docker, golang, registries, tokens


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[registries.Registry]:
    """A registry that asks nobody who he is."""
    made = registries.start(tmp_path_factory.mktemp("registry"))
    yield made
    made.server.stop()


@pytest.fixture(scope="session")
def authenticated_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[registries.Registry]:
    """A registry that wants a user and password (registries.USER, registries.PASSWORD), basic authentication."""
    made = registries.start(tmp_path_factory.mktemp("basic"), htpasswd=True)
    yield made
    made.server.stop()


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificate:
    """A certificate for 127.0.0.1, which signs tokens too."""
    return certificates.make(tmp_path_factory.mktemp("signer"), "signer")


@pytest.fixture(scope="session")
def token_server(signer: certificates.Certificate) -> Iterator[tokens.TokenServer]:
    """A token server that knows alice, who may do everything, and reader, who may pull."""
    users = {registries.USER: registries.PASSWORD, "reader": registries.PASSWORD}
    made = tokens.TokenServer(signer, users, refresh_token="refresh me")
    yield made
    made.stop()


@pytest.fixture(scope="session")
def token_registry(
    tmp_path_factory: pytest.TempPathFactory, token_server: tokens.TokenServer, signer: certificates.Certificate
) -> Iterator[registries.Registry]:
    """A registry that wants tokens of `token_server`."""
    made = registries.start(tmp_path_factory.mktemp("token"), token=(token_server.address, signer))
    yield made
    made.server.stop()


@pytest.fixture(scope="session")
def tls_registry(
    tmp_path_factory: pytest.TempPathFactory, signer: certificates.Certificate
) -> Iterator[registries.Registry]:
    """A registry that speaks TLS, with the certificate of `signer`."""
    made = registries.start(tmp_path_factory.mktemp("tls"), tls=signer)
    yield made
    made.server.stop()


@pytest.fixture(scope="session")
def dockerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[docker.Docker]:
    """A Docker daemon; the test is skipped where one cannot be started."""
    if os.geteuid() != 0:
        pytest.skip("a Docker daemon of the tests' own needs root")
    made = docker.start(tmp_path_factory.mktemp("docker"))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def crane() -> Path:
    """go-containerregistry's command."""
    return golang.program(*golang.CRANE)


@pytest.fixture(scope="session")
def skopeo() -> debian.Program:
    """Debian's skopeo."""
    return debian.program("skopeo", "skopeo")
