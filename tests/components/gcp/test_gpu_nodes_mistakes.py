"""What is wrong with nodes with GPUs on GKE, told in one line before anything is planned."""

from typing import Any

import pytest

from components.checks import ArgsError
from components.gcp import gpus
from components.gcp.gpu_nodes import GkeGpuNodePool
from tests.components.gcp.test_gpu_nodes import HERE
from tests.components.planned import plan

WHAT = "GkeGpuNodePool"
TYPE = f"{WHAT}.machine_type"
RESERVED = {"reservation": "gpus", "zones": ["europe-west4-b"]}


def _told(**more: Any) -> str:
    """The line; nothing is registered beside it."""
    told: list[str] = []
    args: Any = {key: value for key, value in {**HERE, **more}.items() if value is not None}

    def program() -> None:
        try:
            GkeGpuNodePool("gpu", args)
        except ArgsError as problem:
            told.append(str(problem))

    found = plan(program)
    assert found.resources == []
    (line,) = told
    return line


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {"machine_type": "e2-standard-4"},
            f"{TYPE} is 'e2-standard-4', expected a machine type with NVIDIA GPUs, or of the series n1; for example "
            "g2-standard-4",
        ),
        (
            {"machine_type": "g2-standard-6"},
            f"{TYPE} is 'g2-standard-6', expected a machine type with NVIDIA GPUs, or of the series n1; for example "
            "g2-standard-96",
        ),
        (
            {"machine_type": "g4-standard-12"},
            f"{TYPE} is 'g4-standard-12', expected a machine type with NVIDIA GPUs, or of the series n1, but it has a "
            "part of a GPU, which wants NVIDIA's vGPU driver and GKE installs another; for example g2-standard-8",
        ),
        (
            {"machine_type": "a4x-highgpu-4g"},
            f"{TYPE} is 'a4x-highgpu-4g', expected a machine type with NVIDIA GPUs, or of the series n1, but it is "
            "sold by the rack, to be planned with Google, and its processors are ARM; for example g2-standard-8",
        ),
        (
            {"region": "europe-north1"},
            f"{TYPE} is 'g2-standard-8', expected a machine type that europe-north1 has; europe-west1, europe-west2, "
            "europe-west3 have it",
        ),
        (
            {"machine_type": "a2-megagpu-16g", "region": "us-east1"},
            f"{TYPE} is 'a2-megagpu-16g', expected a machine type that us-east1 has; us-central1, asia-southeast1, "
            "europe-west4 have it",
        ),
        (
            {"machine_type": "n1-standard-8", "gpu": "V100", "region": "europe-west1"},
            f"{TYPE} is 'n1-standard-8 with V100', expected a machine type that europe-west1 has; europe-west4, "
            "asia-east1, us-central1 have it",
        ),
        (
            {"zones": ["europe-west4-d"]},
            f"{WHAT}.zones is 'europe-west4-d', expected zones of europe-west4 that have g2-standard-8; take of "
            "europe-west4-a, europe-west4-b, europe-west4-c",
        ),
        (
            {"region": "europe-west1", "zones": ["europe-west1-b", "europe-west1-d"]},
            f"{WHAT}.zones is 'europe-west1-d', expected zones of europe-west1 that have g2-standard-8; take of "
            "europe-west1-b, europe-west1-c",
        ),
        (
            {"zones": []},
            f"{WHAT}.zones is [], expected a list of at least one zone; write ['europe-west4-a', 'europe-west4-b', "
            "'europe-west4-c'], or leave it out",
        ),
        (
            {"zones": "europe-west4-a"},
            f"{WHAT}.zones is 'europe-west4-a', expected a list of at least one zone; write ['europe-west4-a', "
            "'europe-west4-b', 'europe-west4-c'], or leave it out",
        ),
        (
            {"zones": ["europe-west4-a", "europe-west4-a"]},
            f"{WHAT}.zones is ['europe-west4-a', 'europe-west4-a'], expected each zone once; write ['europe-west4-a']",
        ),
        (
            {"gpu": "T4"},
            f"{WHAT}.gpu is 'T4', expected nothing beside g2-standard-8, which has GPUs of its own; leave it out",
        ),
        (
            {"gpu_count": 2},
            f"{WHAT}.gpu_count is 2, expected nothing beside g2-standard-8, which has GPUs of its own; leave it out",
        ),
        (
            {"machine_type": "n1-standard-8"},
            f"{WHAT}.gpu is missing, expected the GPU that is attached to n1-standard-8, which has none of its own; "
            "write gpu: T4",
        ),
        (
            {"machine_type": "n1-standard-8", "gpu": "P100"},
            f"{WHAT}.gpu is 'P100', expected one of T4, V100; write V100",
        ),
        (
            {"machine_type": "n1-standard-8", "gpu": "T4", "gpu_count": 3},
            f"{WHAT}.gpu_count is 3, expected one of 1, 2, 4; write 4",
        ),
        (
            {"machine_type": "n1-standard-8", "gpu": "T4", "gpu_count": 8},
            f"{WHAT}.gpu_count is 8, expected 1 to 4 GPUs; write 4",
        ),
        (
            {"machine_type": "n1-standard-16", "gpu": "V100"},
            f"{TYPE} is 'n1-standard-16', expected at most 12 vCPUs and 78 GiB beside 1 V100; write gpu_count: 2, or "
            "take a smaller one",
        ),
        (
            {"machine_type": "n1-highmem-96", "gpu": "T4"},
            f"{TYPE} is 'n1-highmem-96', expected at most 48 vCPUs and 312 GiB beside 1 T4; write gpu_count: 4, or "
            "take a smaller one",
        ),
        (
            {"machine_type": "a3-highgpu-1g"},
            f"{WHAT}.spot is False, expected True, as a3-highgpu-1g is sold as Spot VMs alone; write spot: True, or "
            "take a3-highgpu-8g",
        ),
        (
            {"machine_type": "a3-highgpu-2g", "spot": True, **RESERVED},
            f"{WHAT}.reservation is 'gpus', expected nothing beside a3-highgpu-2g, which is sold as Spot VMs alone; "
            "leave it out",
        ),
        (
            {"machine_type": "a4-highgpu-8g"},
            f"{TYPE} is 'a4-highgpu-8g', expected a type that is sold on demand, as this is by reservation or as Spot "
            "VMs alone; write reservation: NAME, or spot: True",
        ),
        (
            {"reservation": "gpus"},
            f"{WHAT}.zones is missing, expected those of the reservation 'gpus', as GKE would look for it in every "
            "zone; write zones: [...]",
        ),
        (
            {**RESERVED, "use_reservations": False},
            f"{WHAT}.use_reservations is False, expected True beside a reservation; leave one of them out",
        ),
        (
            {**RESERVED, "reservation": "shop/gpus"},
            f"{WHAT}.reservation is 'shop/gpus', expected the name of a reservation; for example "
            "projects/shop-prod/reservations/gpus",
        ),
        (
            {"partition": "1g.10gb"},
            f"{WHAT}.partition is '1g.10gb', expected nothing beside g2-standard-8, whose L4 cannot be partitioned; "
            "leave it out, or take a type of a2-highgpu, a2-megagpu, a2-ultragpu, a3-edgegpu, a3-highgpu, a3-megagpu, "
            "a3-ultragpu, a4-highgpu, g4-standard",
        ),
        (
            {"machine_type": "a2-highgpu-1g", "partition": "1g.10gb"},
            f"{WHAT}.partition is '1g.10gb', expected a size that A100 has, one of 1g.5gb, 2g.10gb, 3g.20gb, 7g.40gb; "
            "for example 1g.5gb",
        ),
        (
            {"sharing": {"clients": 1}},
            f"{WHAT}.sharing.clients is 1, expected 2 to 48 containers; write 2",
        ),
        (
            {"sharing": {"clients": 49}},
            f"{WHAT}.sharing.clients is 49, expected 2 to 48 containers; write 48",
        ),
        (
            {"sharing": {"strategy": "MIG", "clients": 2}},
            f"{WHAT}.sharing.strategy is 'MIG', expected one of TIME_SHARING, MPS; write TIME_SHARING",
        ),
        (
            {"sharing": {"strategy": "MPS"}},
            f"{WHAT}.sharing.clients is missing, expected a value; write clients: ...",
        ),
        (
            {"driver": "550"},
            f"{WHAT}.driver is '550', expected one of DEFAULT, LATEST, NONE; write DEFAULT",
        ),
        ({"min": 2, "max": 1}, f"{WHAT}.min is 2, expected at most {WHAT}.max, which is 1; raise {WHAT}.max to 2"),
        ({"max": 0}, f"{WHAT}.max is 0, expected 1 to 3000 nodes; write 1"),
        ({"min": -1}, f"{WHAT}.min is -1, expected 0 to 3000 nodes; write 0"),
        ({"disk_gib": 10}, f"{WHAT}.disk_gib is 10, expected 20 to 65536 GiB; write 20"),
        (
            {"disk_key_name": "projects/shop-prod/locations/global/keyRings/nodes/cryptoKeys/disks"},
            f"{WHAT}.disk_key_name is 'projects/shop-prod/locations/global/keyRings/nodes/cryptoKeys/disks', expected "
            "a key of europe-west4, where what uses it is; make or take one there: projects/shop-prod/locations/"
            "europe-west4/keyRings/models/cryptoKeys/models",
        ),
        (
            {"max_surge": 0, "max_unavailable": 0},
            f"{WHAT}.max_unavailable is 0, expected at least 1 where max_surge is 0, as an upgrade would otherwise "
            "have no node to begin with; write 1",
        ),
        ({"max_surge": 21}, f"{WHAT}.max_surge is 21, expected 0 to 20 nodes; write 20"),
        (
            {"max_surge": 15, "max_unavailable": 6},
            f"{WHAT}.max_unavailable is 6, expected 0 to 5 nodes; write 5",
        ),
        (
            {"project": "Shop"},
            f"{WHAT}.project is 'Shop', expected the id of a project, 6 to 30 of a-z, 0-9 and -, beginning with a "
            "letter; for example shop-prod",
        ),
        (
            {"region": "europe-west5"},
            f"{WHAT}.region is 'europe-west5', expected one that there is; did you mean europe-west9",
        ),
        (
            {"cluster_name": "My Cluster"},
            f"{WHAT}.cluster_name is 'My Cluster', expected the name of a GKE cluster; for example shop",
        ),
        (
            {"node_service_account": "shop-nodes"},
            f"{WHAT}.node_service_account is 'shop-nodes', expected the address of a service account; for example "
            "server@shop-prod.iam.gserviceaccount.com",
        ),
        (
            {"node_tag": "Shop"},
            f"{WHAT}.node_tag is 'Shop', expected a network tag, at most 63 of a-z, 0-9 and -, a letter first; for "
            "example shop-nodes",
        ),
        (
            {"node_labels": {"cloud.google.com/gke-spot": "true"}},
            f"a key of {WHAT}.node_labels is 'cloud.google.com/gke-spot', expected one that is not Kubernetes' or "
            "GKE's own; leave it out",
        ),
        (
            {"node_labels": {"team": "machine learning"}},
            f"{WHAT}.node_labels['team'] is 'machine learning', expected at most 63 letters, digits and any of ._-; "
            "for example ml",
        ),
        (
            {"taints": [{"key": "slow", "effect": "NoSchedule"}]},
            f"{WHAT}.taints.effect is 'NoSchedule', expected one of NO_SCHEDULE, NO_EXECUTE, PREFER_NO_SCHEDULE; write "
            "NO_SCHEDULE",
        ),
        ({"taints": [{"value": "true"}]}, f"{WHAT}.taints.key is missing, expected a value; write key: ..."),
        (
            {"labels": {"Team": "ml"}},
            f"a key of {WHAT}.labels is 'Team', expected a letter and at most 62 letters of lower case, digits, _ and "
            "-; for example team",
        ),
        ({"spots": True}, f"{WHAT} has no argument 'spots', did you mean spot"),
        ({"machine_type": None}, f"{WHAT}.machine_type is missing, expected a value; write machine_type: ..."),
    ],
)
def test_a_mistake_is_told_before_anything_is_planned(more: Any, line: str) -> None:
    assert _told(**more) == line


@pytest.mark.parametrize("word", list(gpus.LEFT_OUT))
def test_what_is_left_out_is_told_apart(word: str) -> None:
    assert gpus.LEFT_OUT[word] in _told(machine_type=word if word.startswith("g4") else f"{word}-8")


def test_a_name_that_leaves_no_room_for_its_pools_is_refused() -> None:
    with pytest.raises(ArgsError, match=r"the name of GkeGpuNodePool is 'g+', expected a letter and at most 21 more"):
        plan(lambda: GkeGpuNodePool("g" * 23, HERE))
