"""The network that everything on Google Cloud stands in: a VPC with a subnetwork in a region, or one that is there."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, NotRequired, Optional, TypedDict, cast

import pulumi
from pulumi_gcp.compute.global_address import GlobalAddress
from pulumi_gcp.compute.network import Network
from pulumi_gcp.compute.subnetwork import Subnetwork
from pulumi_gcp.dns.policy import Policy
from pulumi_gcp.servicenetworking.connection import Connection

from components import checks
from components.gcp import addresses, firewall, flow_logs, google_apis
from components.gcp import checks as gcp
from components.gcp import nat as way
from components.gcp.google_apis import GcpGoogleApis as GcpGoogleApis
from components.gcp.labels import Labels
from components.gcp.nat import GcpNat as GcpNat

PODS, SERVICES = "pods", "services"
"""What the secondary ranges of a subnetwork that is made are called; another's may be called the same."""
PRIVATE_SERVICES: Final = "servicenetworking.googleapis.com"
PORTS: Final = '"8080" or "9000-9100"'
NAME = r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LONGEST: Final = "-private-services"
"""What most is put behind the component's own name."""


class GcpExistingNetwork(TypedDict):
    """A network that somebody else made and keeps."""

    network_id: pulumi.Input[str]
    """Its id, as `projects/shop-prod/global/networks/models`."""
    subnetwork_id: pulumi.Input[str]
    """Id of the subnetwork to use, as `projects/shop-prod/regions/europe-west4/subnetworks/models`."""
    cidr: str
    """Addresses of the subnetwork, in CIDR notation."""
    pods_cidr: str
    """Addresses of its secondary range for pods."""
    services_cidr: str
    """Addresses of its secondary range for services."""
    pods_range: str
    """Name of its secondary range for pods."""
    services_range: str
    """Name of its secondary range for services."""
    project: NotRequired[str]
    """Id of the project that the network is of, where that shares it with this one (Shared VPC): what is made in the
    network is made there. Default: this project."""


class GcpNetworkArgs(TypedDict):
    project: str
    """Id of the project, as `shop-prod`."""
    region: str
    """Region of the subnetwork, as `europe-west4`; it is in all of its zones."""
    cidr: NotRequired[str]
    """Addresses of nodes, a network of 8 to 29 bits, which may be made wider later. Default: 10.0.0.0/20."""
    pods_cidr: NotRequired[str]
    """Addresses of pods, a network of 9 to 21 bits, of which GKE gives a /24 to each node of 110 pods. Default:
    10.4.0.0/14, for 1,024 nodes."""
    services_cidr: NotRequired[str]
    """Addresses of services within a cluster, a network of 16 to 27 bits. Default: 10.0.16.0/20."""
    apart_from: NotRequired[Sequence[str]]
    """Networks that none of these ranges may share an address with, such as offices, other networks that this one is to
    be joined to, and the control plane of a cluster. Default: none."""
    nat: NotRequired[GcpNat]
    """How the network reaches the internet. Default: by Cloud NAT with addresses that Google chooses."""
    nat_address_count: NotRequired[int]
    """Public addresses of a NAT whose addresses stay, each of 64,512 connections to one address and port elsewhere.
    Default: 1."""
    google_apis: NotRequired[GcpGoogleApis]
    """By which addresses Google's APIs are reached. Default: the public ones; without NAT, private ones."""
    internal_ports: NotRequired[Sequence[str]]
    """Ports of TCP on which everything in the network answers its nodes and pods, as `8080` or `9000-9100`. Default:
    none; what nodes and pods of a cluster ask of each other is let in by GKE itself."""
    iap_ssh: NotRequired[bool]
    """Whether SSH may come in through Identity-Aware Proxy. Default: no."""
    proxy_cidr: NotRequired[str]
    """Addresses of the proxies of the region's load balancers, a network of up to 26 bits; Google advises one of 23.
    Default: none, and a load balancer of the region alone cannot be made."""
    private_services_cidr: NotRequired[str]
    """Private addresses, a network of up to 24 bits, for services of Google that stand in a network of their own beside
    this one, as private endpoints of Vertex AI; Google advises one of 16. It asks for the Service Networking API.
    Default: none."""
    flow_logs: NotRequired[bool]
    """Whether to log who speaks to whom; the project keeps these logs as its others. In an existing network this asks
    for the Network Management API. Default: yes; in an existing network, no."""
    flow_log_sampling: NotRequired[float]
    """Share of the traffic that is logged, from above 0 to 1. Default: 1."""
    flow_log_seconds: NotRequired[int]
    """Seconds of traffic that are one entry of the logs: 5, 30, 60, 300, 600 or 900. Default: 5."""
    dns_logs: NotRequired[bool]
    """Whether to log which names are asked for. Default: yes; in an existing network, no."""
    existing: NotRequired[GcpExistingNetwork]
    """A network to use instead of making one; nothing is made in it but what is asked for. Default: one is made."""
    labels: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels of everything that is made and can have some, beside this library's. Default: none."""


class GcpNetwork(pulumi.ComponentResource):
    """A VPC with a subnetwork for nodes, pods and services, closed from outside, flow logs, and ways to Google's APIs.

    Who uses the network by its ids and names waits for its routes, NAT and names, and is gone before those go. Outputs:
    `network_id`, `network_name`, `subnetwork_id`, `subnetwork_name`, `cidr`, `pods_cidr`, `services_cidr`,
    `pods_range`, `services_range`, `proxy_cidr`, `private_services_range`, `nat_addresses`.
    """

    network_id: pulumi.Output[str]
    """Id of the network, `projects/PROJECT/global/networks/NAME`."""
    network_name: pulumi.Output[str]
    """Its name."""
    subnetwork_id: pulumi.Output[str]
    """Id of the subnetwork, `projects/PROJECT/regions/REGION/subnetworks/NAME`."""
    subnetwork_name: pulumi.Output[str]
    """Its name."""
    cidr: pulumi.Output[str]
    """Addresses of nodes, in CIDR notation."""
    pods_cidr: pulumi.Output[str]
    """Addresses of pods."""
    services_cidr: pulumi.Output[str]
    """Addresses of services."""
    pods_range: pulumi.Output[str]
    """Name of the secondary range for pods."""
    services_range: pulumi.Output[str]
    """Name of the secondary range for services."""
    proxy_cidr: pulumi.Output[str]
    """Where the region's load balancers come from, empty without such addresses."""
    private_services_range: pulumi.Output[str]
    """Name of the range that services of Google take their addresses of, empty without one."""
    nat_addresses: pulumi.Output[list[str]]
    """Public addresses that the network comes from on the internet, where they stay; else empty."""

    def __init__(self, name: str, args: GcpNetworkArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        checks.given("GcpNetwork", args, GcpNetworkArgs)
        gcp.named("GcpNetwork", name, gcp.LONGEST - gcp.SUFFIX - len(_LONGEST))
        gcp.project("GcpNetwork.project", args["project"])
        gcp.region("GcpNetwork.region", args["region"])
        existing = args.get("existing")
        there = None if existing is None else _there(args, existing)
        apart_from = args.get("apart_from") or []
        told = cast("Mapping[str, Any]", args)
        layout = (
            addresses.layout(told, apart_from) if existing is None else addresses.adopted(told, existing, apart_from)
        )
        asked = _asked(args)
        labels = Labels("GcpNetwork.labels", name, args.get("labels"))
        super().__init__("modelport:index:GcpNetwork", name, {}, opts)
        project = args["project"] if existing is None else existing.get("project", args["project"])
        made = _Made(self, name, project, args["region"], labels)
        found = made.network(layout, asked) if there is None else there
        ready: list[pulumi.CustomResource] = []
        public: list[pulumi.Output[str]] = []
        if asked.nat is not GcpNat.NONE:
            ready, public = made.out(found, asked)
        ready += made.google(found, asked.apis)
        made.opened(found, layout, asked)
        ready += made.proxies(found, layout.proxies)
        taken, joined = made.private_services(found, layout.private_services)
        made.logged(found, asked, adopted=there is not None)
        ids = found.network_id, found.network_name, found.subnetwork_id, found.subnetwork_name
        self.network_id, self.network_name, self.subnetwork_id, self.subnetwork_name = (
            _carrying(each, [*ready, *joined]) for each in ids
        )
        self.cidr = pulumi.Output.from_input(layout.nodes)
        self.pods_cidr = pulumi.Output.from_input(layout.pods)
        self.services_cidr = pulumi.Output.from_input(layout.services)
        self.pods_range = pulumi.Output.from_input(found.pods_range)
        self.services_range = pulumi.Output.from_input(found.services_range)
        self.proxy_cidr = pulumi.Output.from_input(layout.proxies)
        self.private_services_range = _carrying(taken, joined)
        self.nat_addresses = pulumi.Output.all(*public)
        self.register_outputs({key: getattr(self, key) for key in GcpNetwork.__annotations__})


class _Found(NamedTuple):
    """A network and what of it others need."""

    network_id: pulumi.Input[str]
    network_name: pulumi.Input[str]
    subnetwork_id: pulumi.Input[str]
    subnetwork_name: pulumi.Input[str]
    pods_range: str
    services_range: str


class _Asked(NamedTuple):
    """What is asked for beside addresses, in this library's own words."""

    nat: GcpNat
    nat_address_count: int
    apis: GcpGoogleApis
    internal_ports: Sequence[str]
    iap_ssh: bool
    flow_logs: bool
    sampling: float
    seconds: int
    dns_logs: bool


class _Made:
    """What a network registers."""

    def __init__(self, parent: GcpNetwork, name: str, project: str, region: str, labels: Labels) -> None:
        self._parent, self._name, self._project, self._region, self._labels = parent, name, project, region, labels
        self._child = pulumi.ResourceOptions(parent=parent)

    def network(self, layout: addresses.Layout, asked: _Asked) -> _Found:
        network = Network(
            self._name,
            project=self._project,
            auto_create_subnetworks=False,
            # The one route out that Google makes would be there without NAT too: ours are what there is.
            delete_default_routes_on_create=True,
            routing_mode="REGIONAL",
            # Else what is denied here would never come to a policy that somebody has for the network.
            network_firewall_policy_enforcement_order="BEFORE_CLASSIC_FIREWALL",
            opts=self._child,
        )
        firewall.closed(self._name, network.id, self._project, self._child)
        subnetwork = Subnetwork(
            self._name,
            project=self._project,
            region=self._region,
            network=network.id,
            ip_cidr_range=layout.nodes,
            secondary_ip_ranges=[
                {"range_name": PODS, "ip_cidr_range": layout.pods},
                {"range_name": SERVICES, "ip_cidr_range": layout.services},
            ],
            private_ip_google_access=True,
            log_config=flow_logs.config(asked.seconds, asked.sampling) if asked.flow_logs else None,
            opts=self._child,
        )
        return _Found(network.id, network.name, subnetwork.id, subnetwork.name, PODS, SERVICES)

    def out(self, found: _Found, asked: _Asked) -> tuple[list[pulumi.CustomResource], list[pulumi.Output[str]]]:
        """The way to the internet, and its public addresses where they stay."""
        return way.out(
            self._name,
            found.network_id,
            found.subnetwork_id,
            project=self._project,
            region=self._region,
            count=asked.nat_address_count if asked.nat is GcpNat.STATIC else 0,
            labels=self._labels,
            opts=self._child,
        )

    def google(self, found: _Found, apis: GcpGoogleApis) -> list[pulumi.CustomResource]:
        return google_apis.reached(self._name, found.network_id, apis, self._labels, self._project, self._child)

    def opened(self, found: _Found, layout: addresses.Layout, asked: _Asked) -> None:
        """What comes in beside what others of this library let in for themselves."""
        if asked.internal_ports:
            sources = [layout.nodes, layout.pods]
            firewall.inside(self._name, found.network_id, self._project, sources, asked.internal_ports, self._child)
        if asked.iap_ssh:
            firewall.ssh(self._name, found.network_id, self._project, self._child)

    def proxies(self, found: _Found, cidr: str) -> list[pulumi.CustomResource]:
        """The subnetwork that the region's load balancers come from: nothing else is in it, and it logs nothing."""
        if not cidr:
            return []
        return [
            Subnetwork(
                f"{self._name}-proxies",
                project=self._project,
                region=self._region,
                network=found.network_id,
                ip_cidr_range=cidr,
                purpose="REGIONAL_MANAGED_PROXY",
                role="ACTIVE",
                opts=self._child,
            )
        ]

    def private_services(self, found: _Found, cidr: str) -> tuple[pulumi.Input[str], list[pulumi.CustomResource]]:
        """Name of a range for services of Google, and what joins their network to this one; empty without a range."""
        if not cidr:
            return "", []
        called, (first, _, bits) = f"{self._name}{_LONGEST}", cidr.partition("/")
        taken = GlobalAddress(
            called,
            project=self._project,
            network=found.network_id,
            purpose="VPC_PEERING",
            address_type="INTERNAL",
            address=first,
            prefix_length=int(bits),
            labels=self._labels.all(),
            opts=self._child,
        )
        joined = Connection(
            called,
            network=found.network_id,
            service=PRIVATE_SERVICES,
            reserved_peering_ranges=[taken.name],
            opts=self._child,
        )
        return taken.name, [joined]

    def logged(self, found: _Found, asked: _Asked, *, adopted: bool) -> None:
        """Names that are asked for, and the flow logs of a subnetwork that is not ours: one of ours has its own."""
        if asked.dns_logs:
            Policy(
                self._name,
                project=self._project,
                description=f"Logs of {self._name}",
                enable_logging=True,
                networks=[{"network_url": found.network_id}],
                opts=self._child,
            )
        if adopted and asked.flow_logs:
            flow_logs.of(
                self._parent,
                self._name,
                found.subnetwork_id,
                self._labels,
                project=self._project,
                seconds=asked.seconds,
                sampling=asked.sampling,
            )


def _carrying(value: pulumi.Input[str], others: Sequence[pulumi.Resource]) -> pulumi.Output[str]:
    """A value that carries along what makes the network usable: who takes it waits for that, and goes before it.

    It is known when it itself is: something new in the network must not look, in a preview, as if a cluster's network
    were another, which is a cluster to be replaced.
    """
    yes: asyncio.Future[bool] = asyncio.Future()
    yes.set_result(True)
    there = pulumi.Output(set(others), yes, yes)
    return pulumi.Output.all(value, there).apply(lambda known: str(known[0]))


def _asked(args: GcpNetworkArgs) -> _Asked:
    """Raises ArgsError."""
    ours = args.get("existing") is None
    nat = checks.choice("GcpNetwork.nat", args.get("nat", GcpNat.AUTOMATIC if ours else GcpNat.NONE), GcpNat)
    count = checks.whole(
        "GcpNetwork.nat_address_count", args.get("nat_address_count", way.ADDRESSES), 1, way.MOST_ADDRESSES
    )
    if "nat_address_count" in args and nat is not GcpNat.STATIC:
        raise checks.wrong(
            "GcpNetwork.nat_address_count", count, "it beside a nat whose addresses stay", "write nat: static"
        )
    usual = GcpGoogleApis.PRIVATE if ours and nat is GcpNat.NONE else GcpGoogleApis.PUBLIC
    apis = checks.choice("GcpNetwork.google_apis", args.get("google_apis", usual), GcpGoogleApis)
    if ours and nat is GcpNat.NONE and apis is GcpGoogleApis.PUBLIC:
        expected = "private or restricted without nat, as no route leads to public addresses"
        raise checks.wrong("GcpNetwork.google_apis", apis.value, expected, "leave it out")
    seconds = checks.whole(
        "GcpNetwork.flow_log_seconds", args.get("flow_log_seconds", flow_logs.SECONDS), 5, 900, "seconds"
    )
    if seconds not in flow_logs.INTERVALS:
        known = ", ".join(str(each) for each in flow_logs.INTERVALS)
        nearest = min(flow_logs.INTERVALS, key=lambda each: abs(each - seconds))
        raise checks.wrong("GcpNetwork.flow_log_seconds", seconds, f"one of {known} seconds", f"write {nearest}")
    sampling = args.get("flow_log_sampling", flow_logs.SAMPLING)
    checks.within("GcpNetwork.flow_log_sampling", sampling, 0, 1)
    if not sampling:
        raise checks.wrong("GcpNetwork.flow_log_sampling", sampling, "a share above 0", "write flow_logs: false")
    return _Asked(
        nat,
        count,
        apis,
        _ports(args.get("internal_ports") or []),
        args.get("iap_ssh", False),
        args.get("flow_logs", ours),
        sampling,
        seconds,
        args.get("dns_logs", ours),
    )


def _ports(given: Sequence[str]) -> list[str]:
    """Ports and ranges of them. Raises ArgsError."""
    what = "GcpNetwork.internal_ports"
    for each in given:
        checks.fits(what, each, r"[0-9]{1,5}(-[0-9]{1,5})?", "ports as text, one or from one to another", PORTS)
        first, _, last = each.partition("-")
        if not 1 <= int(first) <= int(last or first) <= 65535:
            raise checks.wrong(what, each, "ports of 1 to 65535, the first of a range first", f"for example {PORTS}")
    if len(set(given)) != len(given):
        raise checks.wrong(what, list(given), "each once", f"write {list(dict.fromkeys(given))}")
    return list(given)


def _there(args: GcpNetworkArgs, existing: GcpExistingNetwork) -> _Found:
    """A network that is there, by ids and names that are ones. Raises ArgsError."""
    what = "GcpNetwork.existing"
    checks.given(what, existing, GcpExistingNetwork)
    told = cast("Mapping[str, Any]", args)
    for key in ("cidr", "pods_cidr", "services_cidr", "nat", "nat_address_count"):
        if key in told:
            raise checks.wrong(
                f"GcpNetwork.{key}",
                getattr(told[key], "value", told[key]),
                "nothing beside existing, which has its own",
                f"leave {key} out, or existing",
            )
    project = existing.get("project", args["project"])
    gcp.project(f"{what}.project", project)
    for key in ("pods_range", "services_range"):
        checks.fits(f"{what}.{key}", told["existing"][key], NAME, "the name of a secondary range", key[:-6])
    if existing["pods_range"] == existing["services_range"]:
        raise checks.wrong(
            f"{what}.services_range",
            existing["services_range"],
            "another range than that of pods",
            "name that of services",
        )

    def id_(key: str, where: str, kind: str) -> pulumi.Input[str]:
        start = f"projects/{project}/{where}/{kind}/"
        fits = partial(
            checks.fits,
            f"{what}.{key}",
            pattern=re.escape(start) + NAME,
            expected=f"an id that begins with {start}",
            example=f"{start}models",
        )
        return checks.asked(told["existing"][key], fits)

    network_id = id_("network_id", "global", "networks")
    subnetwork_id = id_("subnetwork_id", f"regions/{args['region']}", "subnetworks")
    return _Found(
        network_id,
        _name(network_id),
        subnetwork_id,
        _name(subnetwork_id),
        existing["pods_range"],
        existing["services_range"],
    )


def _name(id_: pulumi.Input[str]) -> pulumi.Output[str]:
    return pulumi.Output.from_input(id_).apply(lambda known: known.rpartition("/")[2])
