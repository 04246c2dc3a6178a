"""The fixture `cluster`, and the marker of the tests that use it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from _pytest.capture import CaptureManager

from tests.cluster import shared


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker."""
    config.addinivalue_line(
        "markers", "cluster: needs a Kubernetes; what uses the fixture of that name has it by itself"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the fixture, by whatever way, before they are chosen by the marker."""
    for item in items:
        if "cluster" in getattr(item, "fixturenames", ()):
            item.add_marker("cluster")


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[shared.Cluster]:
    """A Kubernetes with two nodes, shared with every worker and every other test run of this user's on this machine.

    What its containers run is pushed to `cluster.registry`, or is registry.k8s.io/pause:3.10 (see pause.go for what
    that does). Whoever uses it makes namespaces of his own. MODELPORT_TEST_KUBECONFIG names another cluster to use, and
    MODELPORT_TEST_REGISTRY a registry that both this machine and that cluster reach by the same words.
    """
    if other := os.environ.get("MODELPORT_TEST_KUBECONFIG"):
        registry = os.environ.get("MODELPORT_TEST_REGISTRY", "")
        if not registry:
            raise pytest.UsageError(
                "MODELPORT_TEST_REGISTRY is not set, expected the address of a registry that this machine and the "
                "cluster of MODELPORT_TEST_KUBECONFIG both reach; set it to one, such as localhost:5001"
            )
        yield shared.given(Path(other), registry)
        return
    if told := shared.reason_against():
        pytest.skip(told)
    capture = cast("CaptureManager | None", pytestconfig.pluginmanager.getplugin("capturemanager"))

    def say(text: str) -> None:
        # A first build takes minutes: whoever waits sees it, under xdist too, whose workers own no standard output.
        if capture is None:
            print(text, file=sys.stderr, flush=True)
            return
        with capture.global_and_fixture_disabled():
            print(text, file=sys.stderr, flush=True)

    with shared.use(say) as found:
        yield found
