"""Versions in the cluster's registry, and a service that is released."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from model_build.bake import bake
from tests.cluster.shared import Cluster
from tests.components.kubernetes.programs import environ, pushed
from tests.components.kubernetes.releasing import versions
from tests.components.kubernetes.releasing.stage import Stage


@dataclass(frozen=True)
class Versions:
    """References to images of the model `digits`."""

    one: str
    two: str
    wrong: str
    slow: str
    failing: str
    broken: str

    @property
    def nowhere(self) -> str:
        return self.one.partition("@")[0] + "@sha256:" + "0" * 64

    def other(self, reference: str) -> str:
        """The good version that `reference` is not."""
        return self.two if reference == self.one else self.one


@pytest.fixture(scope="session")
def versions_(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Versions:
    home = tmp_path_factory.mktemp("versions")
    found: list[Path] = [versions.good(home / "one", "1"), versions.good(home / "two", "2")]
    found += [versions.wrong(home / "wrong"), versions.slow(home / "slow"), versions.failing(home / "failing")]
    found.append(versions.good(home / "broken", "3"))
    (found[-1] / "model.onnx").write_bytes(b"no model at all")
    layout = home / "layout"
    made = [bake(each, name="digits", base="debian", layout=layout) for each in found]
    return Versions(*(pushed(cluster, f"oci:{layout}@{each.digest}") for each in made))


@pytest.fixture(scope="module")
def stand(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for stages, and all that one needs beside it."""
    home = tmp_path_factory.mktemp("stage")
    with pytest.MonkeyPatch.context() as patch, cluster.addon("gateway"), cluster.addon("prometheus"):
        for key, value in environ(cluster).items():
            patch.setenv(key, value)
        patch.setenv("MODELPORT_STATE_DIR", os.fspath(home / "state"))
        # the official CLI's own folder: its current login would otherwise choose the backend
        patch.setenv("PULUMI_HOME", os.fspath(home / "pulumi-home"))
        yield home


@pytest.fixture(scope="module")
def gateway(cluster: Cluster, stand: Path) -> str:
    """Where the gateway answers."""
    words = ("get", "service", "gateway", "--namespace=gateway-system", "--output=jsonpath={.spec.clusterIP}")
    return cluster.kubectl(*words)


@pytest.fixture(scope="module")
def stage(cluster: Cluster, versions_: Versions, stand: Path, gateway: str) -> Iterator[Stage]:
    """One released service behind a gateway, for all tests of a module: each leaves a good version and nothing else."""
    made = Stage.make(stand / "project", cluster, versions_.one, gateway)
    made.up()
    made.answered()
    yield made
    made.destroy()
