"""Load balancers that the judges judge: by default, and in their other kinds."""

from collections.abc import Callable
from typing import Any, Final

from components.gcp.load_balancer import GcpLoadBalancer, GcpWafRules

PROJECT, REGION = "shop-prod", "europe-west4"
_EDGE: Final[dict[str, Any]] = {
    "project": PROJECT,
    "hostname": "models.example.com",
    "zone_name": "example.com",
    "managed_zone": "example-com",
    "client_cidrs": ["192.0.2.0/24"],
}
_NODES: Final[dict[str, Any]] = {
    **_EDGE,
    "instance_groups": [
        f"projects/{PROJECT}/zones/{REGION}-{letter}/instanceGroups/gke-shop-system-1a2b3c4d-grp" for letter in "ab"
    ],
    "node_port": 30_080,
    "network_id": f"projects/{PROJECT}/global/networks/shop",
    "node_tag": "shop-nodes",
}


def load_balancer() -> None:
    given: Any = _NODES
    GcpLoadBalancer("edge", given)


def load_balancer_with_everything() -> None:
    given: Any = {
        **_NODES,
        "client_cidrs": ["0.0.0.0/0"],
        "open_to_the_internet": True,
        "zones": [f"{REGION}-a", f"{REGION}-b"],
        "other_hostnames": ["old.example.com"],
        "certificate": {
            "name": f"projects/{PROJECT}/locations/global/certificates/models",
            "names": ["*.example.com"],
        },
        "allow_tls_1_2": True,
        "requests_per_minute": 600,
        "waf": list(GcpWafRules),
        "waf_sensitivity": 2,
        "adaptive_protection": True,
        "timeout_seconds": 300,
        "draining_seconds": 120,
        "log_sampling": 0.1,
        "allow_deletion": True,
        "labels": {"team": "ml"},
    }
    GcpLoadBalancer("edge", given)


def load_balancer_of_cloud_run() -> None:
    given: Any = {**_EDGE, "cloud_run": {"service": "digits", "region": REGION}}
    GcpLoadBalancer("edge", given)


def load_balancer_of_a_name_elsewhere() -> None:
    edge = {key: value for key, value in _EDGE.items() if key != "managed_zone"}
    given: Any = {**edge, "cloud_run": {"service": "digits", "region": REGION}}
    GcpLoadBalancer("edge", given)


def load_balancer_of_instances() -> None:
    group = f"projects/{PROJECT}/regions/{REGION}/instanceGroups/digits"
    given: Any = {**_EDGE, "instances": {"instance_group": group, "named_port": "http"}, "timeout_seconds": 300}
    GcpLoadBalancer("edge", given)


PROGRAMS: Final[dict[str, Callable[[], object]]] = {
    "load-balancer": load_balancer,
    "load-balancer-with-everything": load_balancer_with_everything,
    "load-balancer-of-cloud-run": load_balancer_of_cloud_run,
    "load-balancer-of-instances": load_balancer_of_instances,
    "load-balancer-of-a-name-elsewhere": load_balancer_of_a_name_elsewhere,
}
TOO_MUCH: Final[dict[str, str]] = {
    "CKV_GCP_73 google_compute_security_policy.edge": "nothing of Java answers; who wants it of Cloud Armor asks for "
    "`GcpWafRules.CVE`, and checkov knows that by an older word alone",
}
