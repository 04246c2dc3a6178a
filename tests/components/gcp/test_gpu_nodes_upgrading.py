"""Nodes with GPUs that are there are what the program says: today's component leaves them alone, or updates them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.gcp.gpu_nodes import GkeGpuNodePool
from tests.components.gcp.test_gpu_nodes import HERE, KEY, NODES, OUTPUTS
from tests.components.upgrading import Earlier


def pools(changed: Mapping[str, Any]) -> None:
    """What the stack is made of."""
    args: Any = {**HERE, "max": 4, "spot": True, **changed}
    GkeGpuNodePool("gpu", args)


EARLIER = Earlier("gpu_nodes", pools, OUTPUTS)
BOTH = {"gpu-on-demand", "gpu-spot"}


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


def test_what_an_autoscaler_and_the_release_channel_have_moved_is_left_alone(folder: Path) -> None:
    moved = [{**each} for each in EARLIER.state]
    for each in moved:
        if each["type"] == NODES:
            told = {"initialNodeCount": 2, "nodeCount": 2, "version": "1.35.3-gke.1234567"}
            each |= {key: {**each[key], **told} for key in ("inputs", "outputs")}
    assert moved != EARLIER.state
    assert EARLIER.changes(folder, state=moved) == {}


@pytest.mark.parametrize(
    ("changed", "updated"),
    [
        ({"max": 8}, BOTH),
        ({"min": 1}, {"gpu-on-demand"}),
        ({"zones": ["europe-west4-b"]}, BOTH),
        ({"image_streaming": False}, BOTH),
        ({"driver": "LATEST"}, BOTH),
        ({"node_labels": {"team": "ml"}}, BOTH),
        ({"labels": {"team": "ml"}}, BOTH),
        ({"taints": []}, BOTH),
        ({"max_surge": 1}, BOTH),
        ({"disk_gib": 200}, BOTH),
        ({"use_reservations": False}, {"gpu-on-demand"}),
        ({"disk_key_name": KEY}, BOTH),
    ],
)
def test_what_changes_is_the_same_pools(folder: Path, changed: Any, updated: set[str]) -> None:
    assert EARLIER.changes(folder, changed) == {"update": updated}


def test_who_wants_no_spot_any_more_keeps_the_nodes_on_demand(folder: Path) -> None:
    assert EARLIER.changes(folder, {"spot": False}) == {"update": {"gpu-on-demand"}, "delete": {"gpu-spot"}}


def test_who_wants_spot_now_keeps_the_nodes_on_demand(folder: Path) -> None:
    without = [each for each in EARLIER.state if not each["urn"].endswith("::gpu-spot")]
    assert EARLIER.changes(folder, state=without) == {"create": {"gpu-spot"}}
