"""Pools shown to a real API server that has Karpenter's definitions: it keeps their rules, which no schema has."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.addons.given import eventually
from tests.cluster.shared import Cluster
from tests.components.aws.test_autoscaler import DEFINITIONS, POOLS, SCALER, kubernetes, manifests, planned
from tests.components.kubernetes import checking


@pytest.fixture(scope="module")
def definitions(cluster: Cluster) -> Iterator[None]:
    """The kinds of Karpenter, without Karpenter."""
    found = checking.custom(*DEFINITIONS)
    names = [f"crd/{each['metadata']['name']}" for each in found]
    with cluster.alone("definitions"):
        listed = {"apiVersion": "v1", "kind": "List", "items": found}
        cluster.kubectl("apply", "--server-side", "-f", "-", text=json.dumps(listed))
        try:
            # Asked again: kubectl stumbles over an object that has no conditions yet.
            eventually(lambda: cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names))
            yield
        finally:
            cluster.kubectl("delete", *names)


@pytest.mark.usefixtures("definitions")
def test_the_api_server_takes_pools_and_both_controllers(cluster: Cluster) -> None:
    found = [*kubernetes(planned(False, pools=POOLS)), *kubernetes(planned(False, SCALER))]
    assert {each["kind"] for each in found} >= {"NodePool", "EC2NodeClass", "Deployment", "ClusterRole"}
    assert checking.refused(cluster, found) == []


@pytest.mark.usefixtures("definitions")
def test_the_api_server_does_not_take_everything(cluster: Cluster) -> None:
    (class_,) = manifests(planned(False), "EC2NodeClass")
    (pool,) = manifests(planned(False), "NodePool")
    wrong: list[Any] = json.loads(json.dumps([class_, class_, pool]))
    wrong[0]["spec"]["role"] = "nodes"
    wrong[1]["spec"]["amiSelectorTerms"] = [{"alias": "al2024@v20261023"}]
    wrong[2]["spec"]["template"]["metadata"]["labels"] = {"karpenter.sh/x": "y"}
    told = checking.refused(cluster, wrong)
    assert [line.split(":", 1)[0] for line in told] == ["EC2NodeClass/cpu", "EC2NodeClass/cpu", "NodePool/cpu"]
    assert "must specify exactly one of ['role', 'instanceProfile']" in told[0]
    assert "family is not supported" in told[1]
    assert 'label domain "karpenter.sh" is restricted' in told[2]
