"""A provider on the cluster of the tests, and a namespace of each test's own."""

import uuid
from collections.abc import Iterator

import pytest

from engine.providers.kubernetes.api import Cluster as Api
from tests.cluster.shared import Cluster
from tests.engine.kubernetes.asking import Asked
from tests.engine.kubernetes.waiting import Waiting


@pytest.fixture
def asked(cluster: Cluster) -> Iterator[Asked]:
    found = Asked(kubeconfig=str(cluster.kubeconfig))
    yield found
    found.close()


@pytest.fixture
def space(cluster: Cluster) -> Iterator[str]:
    name = f"provider-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def waiting(cluster: Cluster, space: str) -> Iterator[Waiting]:
    """A namespace whose pods can be made at once, and the API without a provider."""
    from kubernetes.client import Configuration
    from kubernetes.config import load_kube_config

    cluster.kubectl("wait", "--for=create", "serviceaccount/default", "-n", space, "--timeout=60s")
    configuration = Configuration()
    load_kube_config(str(cluster.kubeconfig), client_configuration=configuration)
    api = Api(configuration)
    yield Waiting(api, space)
    api.close()
