"""What a cluster on GKE is asked for, held to what there is before anything is made."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import pulumi

from components import api_access, checks
from components.gcp import checks as gcp
from components.gcp import cluster_maintenance, cluster_nodes, keys

WHAT: Final = "GkeCluster"
LONGEST: Final = 30 - gcp.SUFFIX - len("-nodes")
"""Characters of the name: `NAME-nodes` with Pulumi's suffix is a service account's id, of 30 at most."""
MOST_NETWORKS: Final = 50
"""Networks that may reach an API server (GKE API, MasterAuthorizedNetworksConfig, 2026-11-22)."""
VERSION = r"1\.[1-9]\d?(\.\d{1,2}(-gke\.\d{1,8})?)?"
GROUP = r"gke-security-groups@[a-z0-9][a-z0-9.-]*\.[a-z]+"
"""Nothing else is taken (GKE, "Configure Google Groups for RBAC", 2026-11-22)."""
_PROJECT = r"projects/[a-z][a-z0-9.:-]{4,61}"
_NAME = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
_OF_NODES: Final = ("zones", "system_machine_type", "system_min", "system_desired", "system_max", "system_disk_gib")
"""Arguments about nodes that somebody looks after himself."""


class Asked(NamedTuple):
    """What holds."""

    network: pulumi.Input[str]
    subnetwork: pulumi.Input[str]
    pods: pulumi.Input[str]
    services: pulumi.Input[str]
    public: list[str]
    private: list[str]
    maintenance: dict[str, Any]
    key: pulumi.Input[str] | None
    disk_key: pulumi.Input[str] | None
    system: cluster_nodes.System | None


def asked(name: str, args: Mapping[str, Any], *, autopilot: bool) -> Asked:
    """Hold a cluster's arguments to what there is. Raises ArgsError."""
    gcp.named(WHAT, name, LONGEST)
    gcp.project(f"{WHAT}.project", args["project"])
    gcp.number(f"{WHAT}.project_number", args["project_number"])
    region = args["region"]
    gcp.region(f"{WHAT}.region", region)
    if (version := args.get("version")) is not None:
        expected = "a version of Kubernetes as text, with a patch and GKE's own number if it has to be that one"
        checks.fits(f"{WHAT}.version", version, VERSION, expected, '"1.35"')
    if (group := args.get("security_group")) is not None:
        expected = "the address of the group that GKE looks in, gke-security-groups@DOMAIN"
        checks.fits(f"{WHAT}.security_group", group, GROUP, expected, "gke-security-groups@example.com")
    system = None
    if not autopilot:
        system = cluster_nodes.system(WHAT, args, region)
    elif given := next((each for each in _OF_NODES if each in args), None):
        expected = "nothing, as kind is AUTOPILOT and its nodes are Google's"
        raise checks.wrong(f"{WHAT}.{given}", args[given], expected, "leave it out, or write kind: STANDARD")
    public, private = _reached(args)
    pods, services = _ranges(args)
    return Asked(
        checks.asked(args["network_id"], _network),
        checks.asked(args["subnetwork_id"], lambda known: _subnetwork(known, region)),
        pods,
        services,
        public,
        private,
        cluster_maintenance.asked(f"{WHAT}.maintenance", args.get("maintenance", {})),
        keys.given(f"{WHAT}.key_name", args.get("key_name"), region),
        keys.given(f"{WHAT}.disk_key_name", args.get("disk_key_name"), region),
        system,
    )


def _reached(args: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Networks that may reach the API server: of the internet, and private ones."""
    opened = args.get("open_to_the_internet", False)
    cidrs: Sequence[str] = args.get("public_access_cidrs") or ()
    public = api_access.public(WHAT, cidrs, opened=opened, most=MOST_NETWORKS, service="GKE")
    private = api_access.private(WHAT, args.get("private_access_cidrs") or ())
    if len(public) + len(private) > MOST_NETWORKS:
        got = f"{len(private)} networks beside {len(public)} of the internet"
        expected = f"at most {MOST_NETWORKS} of both, as GKE takes no more"
        raise checks.wrong(f"{WHAT}.private_access_cidrs", got, expected, "join some")
    if (endpoint := args.get("control_plane_cidr")) is not None:
        checks.network(f"{WHAT}.control_plane_cidr", endpoint, largest=28, smallest=28)
    return public, private


def _ranges(args: Mapping[str, Any]) -> tuple[pulumi.Input[str], pulumi.Input[str]]:
    """Names of the secondary ranges for pods and for services."""
    found = {each: args[f"{each}_range"] for each in ("pods", "services")}
    pods, services = (checks.asked(value, partial(_range, f"{WHAT}.{each}_range")) for each, value in found.items())
    if isinstance(pods, str) and pods == services:
        expected = f"another than pods_range, {pods!r}"
        raise checks.wrong(f"{WHAT}.services_range", services, expected, "name the subnetwork's range for services")
    return pods, services


def _range(what: str, known: object) -> None:
    expected = "the name of a secondary range of the subnetwork"
    checks.fits(what, known, _NAME, expected, what.rpartition(".")[2].removesuffix("_range"))


def _network(known: object) -> None:
    example = "projects/shop-prod/global/networks/models"
    checks.fits(f"{WHAT}.network_id", known, rf"{_PROJECT}/global/networks/{_NAME}", "the id of a network", example)


def _subnetwork(known: object, region: str) -> None:
    what, example = f"{WHAT}.subnetwork_id", f"projects/shop-prod/regions/{region}/subnetworks/models"
    checks.fits(what, known, rf"{_PROJECT}/regions/[a-z0-9-]+/subnetworks/{_NAME}", "the id of a subnetwork", example)
    if not re.search(rf"/regions/{region}/", str(known)):
        raise checks.wrong(what, known, f"one of {region}, where the cluster is", f"for example {example}")
