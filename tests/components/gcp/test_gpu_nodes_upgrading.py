"""Nodes with GPUs that are there are what the program says: today's component leaves them alone, or updates them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


def test_whatever_is_said_of_them_they_stay_the_same_pools(folder: Path) -> None:
    """A replaced pool is one whose nodes, and all on them, go at once."""
    said: dict[str, Any] = {
        "machine_type": "g2-standard-12",
        "zones": ["europe-west4-b"],
        "max": 8,
        "sharing": {"clients": 2},
        "driver": "LATEST",
        "image_streaming": False,
        "disk_gib": 200,
        "disk_key_name": KEY,
        "node_labels": {"team": "ml"},
        "taints": [],
        "max_surge": 1,
        "labels": {"team": "ml"},
    }
    assert EARLIER.changes(folder, said) == {"update": BOTH}


def test_what_is_said_of_those_on_demand_is_nothing_to_spot_nodes(folder: Path) -> None:
    assert EARLIER.changes(folder, {"min": 1, "use_reservations": False}) == {"update": {"gpu-on-demand"}}


def test_who_wants_no_spot_any_more_keeps_the_nodes_on_demand(folder: Path) -> None:
    assert EARLIER.changes(folder, {"spot": False}) == {"update": {"gpu-on-demand"}, "delete": {"gpu-spot"}}


def test_who_wants_spot_now_keeps_the_nodes_on_demand(folder: Path) -> None:
    without = [each for each in EARLIER.state if not each["urn"].endswith("::gpu-spot")]
    assert EARLIER.changes(folder, state=without) == {"create": {"gpu-spot"}}
