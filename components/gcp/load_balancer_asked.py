"""What a GcpLoadBalancer is asked for, checked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, NotRequired, TypedDict, cast

import pulumi

from components import checks, front
from components.api_access import RESERVED
from components.gcp import armor, backends, catalog, certificate
from components.gcp import checks as gcp
from components.gcp.armor import GcpWafRules

LONGEST: Final = gcp.LONGEST - gcp.SUFFIX - len("-port-32767")
"""Characters of a component's name: the firewall rule's ends with the port."""
HOST: Final = 253
NETWORKS: Final = 200
"""Networks that may call: twenty rules, of the quota that a project has for those of all its policies (Cloud Armor,
"Quotas and limits", SECURITY_POLICY_RULES, 2026-11-22)."""
TIMEOUT, DRAINING = 60, 60
NODES: Final = ("instance_groups", "node_port", "network_id", "node_tag")
"""What nodes as targets need."""
OF_NODES: Final = ("zones", *NODES)
FOR_NODES: Final = (*OF_NODES, "timeout_seconds", "draining_seconds")
SERVICE: Final = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
"""Names of services of Cloud Run, of zones in Cloud DNS and of network tags (RFC 1035)."""


class GcpExistingCertificate(TypedDict):
    """A certificate that is there."""

    name: pulumi.Input[str]
    """Whole name of the certificate in Certificate Manager, `projects/PROJECT/locations/global/certificates/NAME`."""
    names: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Names that it is for; a wildcard such as `*.example.com` stands for one label."""


class GcpCloudRunTarget(TypedDict):
    """A service of Cloud Run that answers."""

    service: pulumi.Input[str]
    """Name of the service, of this project."""
    region: str
    """Its region, as `europe-west4`."""


class GcpInstancesTarget(TypedDict):
    """A group of instances that answers: outputs of a ComputeService."""

    instance_group: pulumi.Input[str]
    """Address of the group, of a region or a zone: `instance_group` of a ComputeService. Whoever made it lets Google's
    front ends in."""
    named_port: NotRequired[pulumi.Input[str]]
    """Name of the port at which its instances answer, as the group names it. Default: http."""


class Instances(NamedTuple):
    """The group that answers."""

    group: pulumi.Input[str]
    port: pulumi.Input[str]
    """Its name."""


@dataclass(frozen=True)
class Asked:
    """The arguments, checked and with defaults."""

    hosts: list[str]
    zone: pulumi.Input[str] | None
    """Name of the zone in Cloud DNS, if that is where it is."""
    certificate: pulumi.Input[str] | None
    limit: int | None
    waf: list[GcpWafRules]
    sensitivity: int
    sample: float
    zones: list[str]
    """Of nodes; without any it is Cloud Run that answers, or instances."""
    instances: Instances | None
    service: pulumi.Input[str]
    """Of Cloud Run."""
    port: int
    tag: pulumi.Input[str]
    timeout: int
    draining: int

    @classmethod
    def of(cls, name: str, args: Mapping[str, Any]) -> "Asked":
        """Raises ArgsError for what cannot be, as far as it is known."""
        gcp.named("GcpLoadBalancer", name, LONGEST)
        gcp.project("GcpLoadBalancer.project", args["project"])
        hosts = _hosts(args)
        zone = args.get("managed_zone")
        if zone is not None:
            zone = checks.asked(zone, _managed_zone)
        _clients(args)
        limit = args.get("requests_per_minute")
        if limit is not None:
            limit = checks.whole("GcpLoadBalancer.requests_per_minute", limit, 1, armor.MOST_REQUESTS)
        sample = args.get("log_sampling", 1.0)
        checks.within("GcpLoadBalancer.log_sampling", sample, 0.001, 1)
        waf = _waf(args)
        sensitivity = checks.whole(
            "GcpLoadBalancer.waf_sensitivity", args.get("waf_sensitivity", armor.SENSITIVITY), 1, 4
        )
        zones, service = _targets(args)
        instances = _instances(args)
        return cls(
            hosts=hosts,
            zone=zone,
            certificate=_certificate(args, hosts),
            limit=limit,
            waf=waf,
            sensitivity=sensitivity,
            sample=float(sample),
            zones=zones,
            instances=instances,
            service=service,
            port=checks.whole("GcpLoadBalancer.node_port", args["node_port"], 30_000, 32_767) if zones else 0,
            tag=checks.asked(args["node_tag"], _tag) if zones else "",
            timeout=_seconds(args, "timeout_seconds", TIMEOUT, 1, 86_400),
            draining=_seconds(args, "draining_seconds", DRAINING, 0, 3_600),
        )


def _seconds(args: Mapping[str, Any], key: str, usual: int, least: int, most: int) -> int:
    return checks.whole(f"GcpLoadBalancer.{key}", args.get(key, usual), least, most, "seconds")


def _hosts(args: Mapping[str, Any]) -> list[str]:
    front.zone("GcpLoadBalancer.zone_name", args["zone_name"], "zone")
    others: Sequence[str] = args.get("other_hostnames") or ()
    hosts: list[str] = [args["hostname"], *others]
    front.hostname("GcpLoadBalancer.hostname", hosts[0], args["zone_name"], front.COMMON_NAME)
    what = "GcpLoadBalancer.other_hostnames"
    for each in hosts[1:]:
        # Each has a certificate of its own, and is its first name.
        front.hostname(what, each, args["zone_name"], front.COMMON_NAME)
    if len(set(hosts)) != len(hosts):
        left = sorted(set(hosts) - {hosts[0]})
        raise checks.wrong(what, hosts[1:], "each name once, and not `hostname` again", f"write {left}")
    return hosts


def _managed_zone(known: object) -> None:
    expected = "the name of a zone in Cloud DNS, which is not its DNS name"
    checks.fits("GcpLoadBalancer.managed_zone", known, SERVICE, expected, "example-com")


def _tag(known: object) -> None:
    checks.fits("GcpLoadBalancer.node_tag", known, SERVICE, "a network tag of Compute Engine", "shop-nodes")


def _clients(args: Mapping[str, Any]) -> None:
    what, cidrs = "GcpLoadBalancer.client_cidrs", list(args["client_cidrs"])
    if not cidrs:
        raise checks.wrong(what, cidrs, "networks that may call", "write those of the callers, as 192.0.2.0/24")
    networks = {f"{what}[{place}]": each for place, each in enumerate(cidrs)}
    found = {key: checks.network(key, each, largest=0, smallest=32) for key, each in networks.items()}
    checks.apart(found)
    for key, each in found.items():
        if any(each.subnet_of(checks.Network(other)) for other in RESERVED):
            expected = "a network that somebody has on the internet, from where callers come"
            raise checks.wrong(key, str(each), expected, "write what their requests come from")
    if not args.get("open_to_the_internet") and (large := checks.wide(cidrs)) is not None:
        expected = "networks of those who call, as this opens the model to the internet"
        raise checks.wrong(what, large, expected, "name theirs, or write open_to_the_internet: true")
    if len(cidrs) > NETWORKS:
        raise checks.wrong(what, f"{len(cidrs)} networks", f"at most {NETWORKS}", "join some")


def _waf(args: Mapping[str, Any]) -> list[GcpWafRules]:
    what = "GcpLoadBalancer.waf"
    asked: Sequence[object] = args.get("waf") or ()
    found = [checks.choice(what, each, GcpWafRules) for each in asked]
    if len(set(found)) != len(found):
        raise checks.wrong(what, [each.value for each in found], "each of the rules once", "leave one of them out")
    if not found and (given := args.get("waf_sensitivity")) is not None:
        expected = "nothing without waf"
        raise checks.wrong("GcpLoadBalancer.waf_sensitivity", given, expected, "leave it out, or write waf: ...")
    return found


def _targets(args: Mapping[str, Any]) -> tuple[list[str], pulumi.Input[str]]:
    """The zones of the nodes that answer, or none and the service of Cloud Run that does. Raises ArgsError."""
    run, given = args.get("cloud_run"), [each for each in FOR_NODES if args.get(each) is not None]
    if (instances := args.get("instances")) is not None:
        others = [each for each in (*OF_NODES, "cloud_run") if args.get(each) is not None]
        checks.given("GcpLoadBalancer.instances", instances, GcpInstancesTarget)
        if others:
            expected = "nothing beside instances, whose group says all that there is to say"
            raise checks.wrong(f"GcpLoadBalancer.{others[0]}", args[others[0]], expected, "leave one of them out")
        return [], ""
    if run is not None:
        what = "GcpLoadBalancer.cloud_run"
        checks.given(what, run, GcpCloudRunTarget)
        if given:
            expected = "nothing beside cloud_run, which needs none of what nodes do"
            raise checks.wrong(f"GcpLoadBalancer.{given[0]}", args[given[0]], expected, "leave one of them out")
        gcp.region(f"{what}.region", run["region"])
        expected = "the name of a service of Cloud Run"
        return [], checks.asked(
            run["service"], lambda known: checks.fits(f"{what}.service", known, SERVICE, expected, "digits")
        )
    for each in NODES:
        if args.get(each) is None:
            what = f"{', '.join(NODES)} beside each other, or instances, or cloud_run"
            raise checks.wrong(f"GcpLoadBalancer.{each}", None, what, f"write {each}: ...")
    return _zones(args), ""


def _instances(args: Mapping[str, Any]) -> Instances | None:
    """The group of instances that answers, where one does. Raises ArgsError."""
    given = args.get("instances")
    if given is None:
        return None
    what = "GcpLoadBalancer.instances"

    def group(known: object) -> None:
        pattern = rf"(https://(www|compute)\.googleapis\.com/compute/(v1|beta)/)?{backends.INSTANCES}"
        example = "projects/shop-prod/regions/europe-west4/instanceGroups/digits"
        checks.fits(f"{what}.instance_group", known, pattern, "the address of an instance group", example)

    def port(known: object) -> None:
        checks.fits(f"{what}.named_port", known, SERVICE, "the name of a port of the group", "http")

    return Instances(checks.asked(given["instance_group"], group), checks.asked(given.get("named_port", "http"), port))


def _zones(args: Mapping[str, Any]) -> list[str]:
    groups = _plain(args["instance_groups"])
    said: Sequence[str] | None = args.get("zones")
    for place, each in enumerate(groups or ()):
        _group(f"GcpLoadBalancer.instance_groups[{place}]", each)
    if groups is None and said is None:
        expected = "the zones of instance_groups, which are not known in a plan"
        fix = 'write those of the cluster, as ["europe-west4-a"]'
        raise checks.wrong("GcpLoadBalancer.zones", said, expected, fix)
    if groups is None:
        return _known_zones(said or ())
    zones = _known_zones(said or list(dict.fromkeys(each.split("/zones/")[1].split("/")[0] for each in groups)))
    for each in zones:
        backends.group(groups, each)
    if len(groups) != len(zones):
        expected = f"one group of each of {', '.join(zones)}"
        raise checks.wrong("GcpLoadBalancer.instance_groups", list(groups), expected, "name their zones too")
    return zones


def _plain(value: Any) -> Sequence[str] | None:
    """Texts that a plan knows, or none."""
    if isinstance(value, pulumi.Output) or not all(isinstance(each, str) for each in cast("Sequence[object]", value)):
        return None
    return cast("Sequence[str]", value)


def _known_zones(said: Sequence[str]) -> list[str]:
    what = "GcpLoadBalancer.zones"
    if not said:
        raise checks.wrong(what, list(said), "zones of nodes that answer", 'write ["europe-west4-a"]')
    regions = {str(each).rpartition("-")[0] for each in said}
    if len(regions) > 1:
        raise checks.wrong(what, list(said), "zones of one region, as a cluster's are", "make another for each region")
    (region,) = regions
    if region not in catalog.ZONES:
        raise checks.wrong(what, said[0], "a zone that there is", "for example europe-west4-a")
    gcp.zones(what, said, region)
    return list(said)


def _group(what: str, known: object) -> None:
    example = "projects/shop-prod/zones/europe-west4-a/instanceGroups/gke-shop-system-1a2b3c4d-grp"
    pattern = rf"(https://(www|compute)\.googleapis\.com/compute/(v1|beta)/)?{backends.GROUP}"
    checks.fits(what, known, pattern, "the address of an instance group", example)


def _certificate(args: Mapping[str, Any], hosts: Sequence[str]) -> pulumi.Input[str] | None:
    """The name of the certificate that is given: of this project, and for these names. Raises ArgsError."""
    given = args.get("certificate")
    if given is None:
        return None
    what = "GcpLoadBalancer.certificate"
    checks.given(what, given, GcpExistingCertificate)

    def here(known: object) -> None:
        example = f"projects/{args['project']}/locations/global/certificates/models"
        expected = "the whole name of a global certificate of Certificate Manager"
        checks.fits(f"{what}.name", known, certificate.CERTIFICATE, expected, example)
        if not re.match(rf"projects/{args['project']}/", str(known)):
            expected = f"one of {args['project']}, as a load balancer takes no other's"
            raise checks.wrong(f"{what}.name", known, expected, "make or take one there")

    def fitting(found: list[Any]) -> str:
        front.covers(f"{what}.names", found[1], hosts)
        return str(found[0])

    whole: pulumi.Input[str] = checks.asked(given["name"], here)
    if (names := _plain(given["names"])) is None:
        return pulumi.Output.all(whole, given["names"]).apply(fitting)
    front.covers(f"{what}.names", names, hosts)
    return whole
