"""A real registry that asks who pulls: the nodes are told by a Secret, the stack's own and each tenant's."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.shared import Cluster
from tests.stacks.clusters import Project
from tests.tools import registries

SOAK = bool(os.environ.get("MODELPORT_SOAK"))


@pytest.fixture
def registry(cluster: Cluster, tmp_path: Path) -> Iterator[str]:
    """Its address, the same here and on the nodes: two programs over one folder, as the cluster's own registry is."""
    if cluster.folder is None:
        pytest.skip("the nodes of a cluster that somebody else runs cannot be shown the way to this machine's registry")
    here = registries.start(tmp_path / "here", htpasswd=True)
    port = here.host.rpartition(":")[2]
    data = here.folder / "data"
    there = registries.start(tmp_path / "there", htpasswd=True, data=data, address=f"{cluster.host_address}:{port}")
    folders = [cluster.folder / node / "registries" / here.host for node in cluster.node_addresses]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "hosts.toml").write_text(f'server = "http://{there.host}"\n[host."http://{there.host}"]\n')
    try:
        yield here.host
    finally:
        for folder in folders:
            shutil.rmtree(folder)
        there.server.stop()
        here.server.stop()


@pytest.mark.skipif(not SOAK, reason="takes a stack of its own; make soak runs it")
def test_a_tenant_and_the_stack_pull_with_a_password(
    cluster: Cluster, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = registries.docker_config(tmp_path / "docker", registry, registries.USER, registries.PASSWORD)
    monkeypatch.setenv("DOCKER_CONFIG", os.fspath(login))
    with Project.opened(tmp_path / "stack", cluster) as project:
        red = f"red-{secrets.token_hex(4)}"
        shared = {
            "image": {"push": f"{registry}/{project.namespace}/digits"},
            "service": {"replicas": 1},
            "tenants": {red: {"replicas": 1}},
        }
        space = {"namespace": project.namespace}
        try:
            project.write(**shared, kubernetes=space)
            told = project.fails().error
            assert "ErrImagePull" in told and "401 Unauthorized" in told
            assert "run docker login here and set modelport:kubernetes.pull_secret: true" in told
            project.write(**shared, kubernetes={**space, "pull_secret": True})
            project.said.clear()
            project.up()
            for where, secret in ((project.namespace, "digits-registry"), (red, f"{red}-registry")):
                (pod,) = json.loads(cluster.kubectl("get", "pods", "-n", where, "-o", "json"))["items"]
                assert pod["spec"]["imagePullSecrets"] == [{"name": secret}]
                assert pod["status"]["containerStatuses"][0]["ready"]
            assert registries.PASSWORD not in "".join(project.said) + json.dumps(project.engine.export())
            assert set(project.up().changes) == {"same"}
        finally:
            project.destroy()
