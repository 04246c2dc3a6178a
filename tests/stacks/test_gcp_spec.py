"""What the section `gcp` may not say: told in one line each, before anything is planned."""

from pathlib import Path
from typing import Any

import pytest

from components.checks import ArgsError
from stacks import gcp_gke
from stacks.spec import SpecError
from tests.components.planned import plan
from tests.stacks.gcp_plans import document, planned, spec

KEY = "projects/shop-prod/locations/us-east1/keyRings/a/cryptoKeys/b"
CERTIFICATE = "projects/shop-prod/locations/global/certificates/shop"
THERE: dict[str, Any] = {
    "network_id": "projects/shop-prod/global/networks/shop",
    "subnetwork_id": "projects/shop-prod/regions/europe-west4/subnetworks/shop",
    "cidr": "10.20.0.0/20",
    "pods_range": "pods",
    "pods_cidr": "10.64.0.0/14",
    "services_range": "services",
    "services_cidr": "10.30.0.0/20",
}


def told(folder: Path, whole: dict[str, Any]) -> list[str]:
    with pytest.raises(SpecError) as raised:
        spec(folder, whole)
    return [line.removeprefix("Pulumi.gcp-gke.yaml: ") for line in raised.value.lines]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"project": "Shop"}, "gcp.project is 'Shop', expected the id of a project, 6 to 30 of a-z, 0-9 and -, "),
    ({"project_number": "12a"}, "gcp.project_number is '12a', expected the number of a project, digits as text, "),
    ({"region": "europe-wst4"}, "gcp.region is 'europe-wst4', expected one that there is; did you mean europe-west4"),
    ({"labels": {"Team": "ml"}}, "a key of gcp.labels is 'Team', expected a letter and at most 62 letters of lower "),
    ({"network": {"pods_cidr": "10.20.0.0/16"}},
     "gcp.network.pods_cidr is '10.20.0.0/16', which overlaps gcp.network.cidr (10.20.0.0/20), expected networks that "
     "share no address; change one of them"),
    ({"network": {"apart_from": ["10.20.8.0/24"]}},
     "gcp.network.cidr is '10.20.0.0/20', which overlaps gcp.network.apart_from[0] (10.20.8.0/24), expected networks "
     "that share no address; change one of them"),
    ({"network": {"existing": THERE, "cidr": "10.20.0.0/20"}},
     "gcp.network: cidr is set beside existing, whose network has its own; leave one of them out"),
    ({"cluster": {"min": 5, "max": 3}},
     "gcp.cluster.min is 5, expected at most gcp.cluster.max, which is 3; raise gcp.cluster.max to 5"),
    ({"cluster": {"public_access_cidrs": ["0.0.0.0/0"]}},
     "gcp.cluster.public_access_cidrs has 0.0.0.0/0, expected networks of those who administer the cluster, "),
    ({"cluster": {"channel": "FAST"}}, "gcp.cluster.channel is 'FAST', expected one of RAPID, REGULAR, STABLE, "),
    ({"gpu": {"l4": {"machine_type": "n2-standard-4"}}},
     "gcp.gpu.l4.machine_type is 'n2-standard-4', expected a machine type with NVIDIA GPUs, or of the series n1; "),
    ({"gpu": {"l4": {"machine_type": "n1-standard-4"}}},
     "gcp.gpu.l4.gpu is missing, expected the GPU that is attached to n1-standard-4, which has none of its own; "),
    ({"gpu": {"h100": {"machine_type": "a3-highgpu-8g"}}, "region": "europe-west8"},
     "gcp.gpu.h100.machine_type is 'a3-highgpu-8g', expected a machine type that europe-west8 has; "),
    ({"gpu": {"L4": {"machine_type": "g2-standard-8"}}}, "the name of gcp.gpu.L4 is 'L4', expected at most 15 lower"),
    ({"gpu": {"l4": {"machine_type": "g2-standard-8", "zones": ["europe-west1-b"]}}},
     "gcp.gpu.l4.zones is 'europe-west1-b', expected zones of europe-west4 that have g2-standard-8; take of "),
    ({"gpu": {"l4": {"machine_type": "g2-standard-8", "min": 3, "max": 2}}},
     "gcp.gpu.l4.min is 3, expected at most gcp.gpu.l4.max, which is 2; raise gcp.gpu.l4.max to 3"),
    ({"load_balancer": {"hostname": "digits.example.org"}},
     "gcp.load_balancer.hostname is digits.example.org, expected a name in the zone models.example.com; "),
    ({"load_balancer": {"client_cidrs": ["0.0.0.0/0"]}},
     "gcp.load_balancer.client_cidrs has 0.0.0.0/0, expected networks of your own; name them, or write "
     "open_to_the_internet: true if everybody may call"),
    ({"load_balancer": {"client_cidrs": []}},
     "gcp.load_balancer.client_cidrs is empty, expected networks that may call; for example [192.0.2.0/24]"),
    ({"load_balancer": {"keys": []}},
     "gcp.load_balancer.keys is empty, expected a key's name, for without one everybody is answered; write "),
    ({"load_balancer": {"certificate": {"name": CERTIFICATE, "names": ["*.example.com"]}}},
     "gcp.load_balancer.certificate.names is *.example.com, expected one that is for hostname, which is "),
    ({"registry": {"adopt": True}},
     "gcp.registry: adopt is true without key_name, expected the key that the repository was made with; "),
    ({"registry": {"key_name": KEY}},
     f"gcp.registry.key_name is '{KEY}', expected a key of europe-west4, where what uses it is; "),
    ({"cluster": {"kind": "autopilot", "min": 2}},
     "gcp: cluster.min is set with kind autopilot, expected none, as Google finds the nodes; remove it"),
    ({"cluster": {"kind": "autopilot"}},
     "gcp: gpu is set with kind autopilot, expected none, as a pod that asks for a GPU gets its node there; "),
    ({"cluster": {"kind": "autopilot"}, "gpu": None},
     "gcp: load_balancer is set with kind autopilot, expected kind standard, as it leads to nodes, "),
    ({"load_balancer": None, "monitoring": {"uptime": True}},
     "gcp: monitoring.uptime is true without load_balancer, expected one, whose hostname is asked; "),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "line"), WRONG)
def test_what_google_would_refuse(tmp_path: Path, changed: dict[str, Any], line: str) -> None:
    (only,) = told(tmp_path, document(**changed))
    assert only.startswith(line)


@pytest.mark.parametrize(
    ("section", "value", "line"),
    [
        ("service", {"type": "LoadBalancer"}, "service.type is LoadBalancer with target gcp-gke, expected none, "),
        ("kubernetes", {"context": "kind"}, "kubernetes.context is set with target gcp-gke, expected none, "),
        ("image", {"push": "registry.example.com/team/digits"},
         "image.push is set with target gcp-gke, expected none, as the stack makes its registry; remove it, and write "
         "gcp.registry.repository for another name"),
        ("autoscaling", {"min": 0, "max": 3, "cpu": 70}, "autoscaling wants KEDA, which a cluster that is just made "),
        ("monitoring", {"namespace": "monitoring"},
         "monitoring is set with target gcp-gke, expected it with target kubernetes alone; remove it, and write "
         "gcp.monitoring"),
    ],
)  # fmt: skip
def test_what_a_cluster_that_is_just_made_does_not_have(tmp_path: Path, section: str, value: Any, line: str) -> None:
    whole = document()
    whole["config"][f"modelport:{section}"] = value
    assert any(each.startswith(line) for each in told(tmp_path, whole)), told(tmp_path, whole)


def test_the_section_has_to_be_there(tmp_path: Path) -> None:
    whole = document()
    del whole["config"]["modelport:gcp"]
    assert told(tmp_path, whole) == [
        "gcp is missing, expected the project and what is made in it; write project, project_number, region and cluster"
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"cluster": {"machine_type": "huge"}}, "gcp.cluster.machine_type is 'huge', expected a machine type of "),
        ({"cluster": {"version": "one"}}, "gcp.cluster.version is 'one', expected "),
        ({"registry": {"repository": "a//b"}}, "gcp.registry.repository is 'a//b', expected "),
        ({"load_balancer": {"client_cidrs": ["192.0.2.0/24", "192.0.2.0/25"]}},
         "gcp.load_balancer.client_cidrs[1] is '192.0.2.0/25', which overlaps gcp.load_balancer.client_cidrs[0] "),
        ({"load_balancer": {"managed_zone": "Models"}}, "gcp.load_balancer.managed_zone is 'Models', expected "),
    ],
)  # fmt: skip
def test_what_only_a_component_knows_is_told_before_the_first_resource(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    given = spec(tmp_path, document(**changed))
    found: list[str] = []

    def program() -> None:
        with pytest.raises(ArgsError) as raised:
            gcp_gke.deploy(given)
        found.append(str(raised.value))

    assert plan(program).resources == []
    (line,) = found
    assert line.startswith(said)


def test_a_network_that_is_there_is_used_and_none_is_made(tmp_path: Path) -> None:
    found = planned(spec(tmp_path, document(network={"existing": THERE, "cidr": None})))
    assert not found.all("gcp:compute/network:Network")
    cluster = found.one("gcp:container/cluster:Cluster").inputs
    assert (cluster["network"], cluster["subnetwork"]) == (THERE["network_id"], THERE["subnetwork_id"])


def test_autopilot_has_no_nodes_of_ours(tmp_path: Path) -> None:
    less = {"gpu": None, "load_balancer": None, "monitoring": None}
    found = planned(spec(tmp_path, document(cluster={"kind": "autopilot"}, **less)))
    assert not found.all("gcp:container/nodePool:NodePool")
    assert found.one("gcp:container/cluster:Cluster").inputs["enableAutopilot"] is True


def test_a_certificate_that_is_there_is_used_and_none_is_made(tmp_path: Path) -> None:
    there = {"name": CERTIFICATE, "names": ["*.models.example.com"]}
    found = planned(spec(tmp_path, document(load_balancer={"certificate": there})))
    assert not found.all("gcp:certificatemanager/certificate:Certificate")
    entry = found.one("gcp:certificatemanager/certificateMapEntry:CertificateMapEntry")
    assert entry.inputs["certificates"] == [CERTIFICATE]
