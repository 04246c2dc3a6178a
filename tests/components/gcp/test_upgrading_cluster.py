"""A stack that is there is what the program says: today's cluster leaves it alone, and a new version updates it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.gcp.cluster import GkeCluster
from tests.components.gcp import test_cluster
from tests.components.gcp.test_cluster import CLUSTER, HERE, POOL
from tests.components.planned import Planned
from tests.components.upgrading import Earlier, Json


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of."""
    args: Any = {**HERE, "version": "1.34", "private_access_cidrs": ["10.8.0.0/16"], **changed}
    GkeCluster("shop", args)


def auto(changed: Mapping[str, Any]) -> None:
    """The same without pools."""
    args: Any = {**HERE, "kind": "AUTOPILOT", "version": "1.34", **changed}
    GkeCluster("auto", args)


def _told(made: Planned) -> Json:
    # A secret has another form in a state.
    return {**test_cluster.OUTPUTS[CLUSTER](made), "masterAuth": {"clusterCaCertificate": "Q0E="}}


TOLD = {**test_cluster.OUTPUTS, CLUSTER: _told}
EARLIER = Earlier("cluster", shop, TOLD)
EARLIER_AUTOPILOT = Earlier("cluster-autopilot", auto, TOLD)


def _moved(state: list[Json], type_: str, **inputs: Any) -> list[Json]:
    """The state, with other inputs and outputs of what there is of a type."""
    assert any(each["type"] == type_ for each in state)
    return [
        {**each, **{key: {**each[key], **inputs} for key in ("inputs", "outputs")}} if each["type"] == type_ else each
        for each in state
    ]


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


def test_what_an_earlier_release_has_made_without_pools_is_left_alone(folder: Path) -> None:
    assert EARLIER_AUTOPILOT.changes(folder) == {}


@pytest.mark.parametrize(
    "inputs",
    [{"initialNodeCount": 2}, {"nodeCount": 2}, {"version": "1.35.1-gke.1396000"}],
    ids=lambda found: str(found),
)
def test_what_autoscaler_and_channel_have_moved_is_left_alone(folder: Path, inputs: Json) -> None:
    """As it is for a pool that was there before, and has been imported."""
    assert EARLIER.changes(folder, state=_moved(EARLIER.state, POOL, **inputs)) == {}


@pytest.mark.parametrize(
    "inputs",
    [
        {"nodeConfig": {"machineType": "g2-standard-8"}},
        {"nodeVersion": "1.34.9-gke.100"},
        {"initialNodeCount": 0},
    ],
    ids=lambda found: str(found),
)
def test_what_is_told_of_another_pool_does_not_replace_the_cluster(folder: Path, inputs: Json) -> None:
    assert EARLIER.changes(folder, state=_moved(EARLIER.state, CLUSTER, **inputs)) == {}


def test_another_key_for_what_the_pool_was_that_it_was_made_with_replaces_no_cluster(folder: Path) -> None:
    # The cluster's own node_config is another, too: that of a pool which is not there any more.
    found = EARLIER.changes(folder, {"disk_key_name": test_cluster.KEY}, typed=True)
    assert found["update"] == {f"{POOL}::shop-system"}


def test_a_new_version_of_kubernetes_updates_and_replaces_nothing(folder: Path) -> None:
    # Nodes follow in the time for maintenance: GKE moves them, and no `up`.
    assert EARLIER.changes(folder, {"version": "1.35"}, typed=True) == {"update": {f"{CLUSTER}::shop"}}


def test_a_new_version_of_kubernetes_without_pools_updates_and_replaces_nothing(folder: Path) -> None:
    assert EARLIER_AUTOPILOT.changes(folder, {"version": "1.35"}) == {"update": {"auto"}}


def test_another_channel_and_time_for_maintenance_update_the_cluster(folder: Path) -> None:
    more = {"channel": "STABLE", "maintenance": {"days": ["TU", "WE"], "hours": 6}}
    assert EARLIER_AUTOPILOT.changes(folder, more) == {"update": {"auto"}}
    assert EARLIER_AUTOPILOT.changes(folder, {"channel": "STABLE"}) == {"update": {"auto"}}


def test_another_size_updates_the_nodes_alone(folder: Path) -> None:
    assert EARLIER.changes(folder, {"system_max": 12, "system_machine_type": "n2-standard-8"}) == {
        "update": {"shop-system"}
    }


def test_a_number_to_begin_with_is_not_read_again(folder: Path) -> None:
    assert EARLIER.changes(folder, {"system_desired": 6}) == {}
