"""Rules of networks on Google Cloud: who reaches what, how it is encrypted on its way, and what is noted of it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from policies.given import open_to_all, yes
from policies.looking import Look
from policies.remedying import put
from policies.rules import Rule, StackRule, Whole
from policies.settings import PORTS

_SUBNET: Final = "gcp:compute/subnetwork:Subnetwork"
_FIREWALL: Final = "gcp:compute/firewall:Firewall"
_LAYERS: Final = tuple(
    f"gcp:compute/{kind[:1].lower()}{kind[1:]}{part}:{kind}{part}"
    for kind in ("FirewallPolicy", "NetworkFirewallPolicy", "RegionNetworkFirewallPolicy")
    for part in ("Rule", "WithRules")
)
"""Rules of policies of firewalls, each by itself or all of a policy."""
_POLICIES: Final = ("gcp:compute/sSLPolicy:SSLPolicy", "gcp:compute/regionSslPolicy:RegionSslPolicy")
_PROXIES: Final = (
    "gcp:compute/targetHttpsProxy:TargetHttpsProxy",
    "gcp:compute/regionTargetHttpsProxy:RegionTargetHttpsProxy",
    "gcp:compute/targetSSLProxy:TargetSSLProxy",
)
_PLAIN: Final = (
    "gcp:compute/targetHttpProxy:TargetHttpProxy",
    "gcp:compute/regionTargetHttpProxy:RegionTargetHttpProxy",
)
_MAPS: Final = ("gcp:compute/uRLMap:URLMap", "gcp:compute/regionUrlMap:RegionUrlMap")
_BACKENDS: Final = (
    "gcp:compute/backendService:BackendService",
    "gcp:compute/regionBackendService:RegionBackendService",
)
_MACHINELESS: Final = (
    "GLOBAL_MANAGED_PROXY",
    "INTERNAL_HTTPS_LOAD_BALANCER",
    "PRIVATE_NAT",
    "PRIVATE_SERVICE_CONNECT",
    "REGIONAL_MANAGED_PROXY",
)
"""Subnets of Google's own, which take no logs."""
_MODERN: Final = ("TLS_1_2", "TLS_1_3")
_VPC: Final = "https://cloud.google.com/vpc/docs"
_LB: Final = "https://cloud.google.com/load-balancing/docs"


def _automatic(each: Look) -> Iterator[str]:
    if each.at("autoCreateSubnetworks", True) is not False:
        yield "autoCreateSubnetworks is on, as where it is not said, expected false"


def _has_machines(each: Look) -> bool:
    return each.at("purpose", "PRIVATE") not in _MACHINELESS


def _flow_logs(whole: Whole) -> Iterator[tuple[Look, str]]:
    logs = whole.all("gcp:networkmanagement/vpcFlowLogsConfig:VpcFlowLogsConfig")
    for subnet in whole.all(_SUBNET):
        logged = subnet.at("logConfig") is not None or any(whole.refers(log, "subnet", subnet) for log in logs)
        if _has_machines(subnet) and not logged:
            yield subnet, "logConfig is not there, and no VpcFlowLogsConfig is of it, expected one of both"


def _google_access(each: Look) -> Iterator[str]:
    if _has_machines(each) and not yes(each.at("privateIpGoogleAccess")):
        yield "privateIpGoogleAccess is off, as where it is not said, expected true"


def _with_google_access(each: Look) -> Mapping[str, Any] | None:
    return put(each.props, ["privateIpGoogleAccess"], True) if [*_google_access(each)] else None


def _filters(each: Look) -> Iterator[Look]:
    """A rule of a firewall, or those of a policy."""
    if each.type.endswith("WithRules"):
        yield from each.each("rules")
    else:
        yield each


def _ports(each: Look) -> Iterator[str]:
    if str(each.at("direction", "INGRESS")).strip().upper() != "INGRESS" or yes(each.at("disabled")):
        return
    layered = each.type in _LAYERS
    if layered and str(each.at("action", "")).strip().lower() in ("deny", "goto_next"):
        return
    allowed, sources = ("match.layer4Configs", "match.srcIpRanges") if layered else ("allows", "sourceRanges")
    if each.at(allowed) is None or not any(open_to_all(cidr) for cidr in each.values(sources)):
        return
    for rule in each.each(allowed):
        protocol = str(rule.at("ipProtocol" if layered else "protocol")).strip().lower()
        if protocol not in ("all", "tcp", "udp", "6", "17"):
            continue
        ranges = [_range(str(port)) for port in rule.values("ports")]
        if not ranges or protocol == "all" or (0, 65535) in ranges or (1, 65535) in ranges:
            yield f"{rule.path} lets everybody reach every port, expected the ports and networks that are needed"
        elif reached := [port for port in each.config["ports"] if any(low <= port <= high for low, high in ranges)]:
            yield f"{rule.path} lets everybody reach port {', '.join(map(str, reached))}, expected networks of your own"


def _range(ports: str) -> tuple[int, int]:
    """First and last of `22` or `8000-9000`; text that is neither has none, which Google itself refuses."""
    low, _, high = (part.strip() for part in ports.partition("-"))
    return (int(low), int(high or low)) if low.isdigit() and (high or low).isdigit() else (1, 0)


def _logging(each: Look) -> Iterator[str]:
    if not yes(each.at("enableLogging")):
        yield "enableLogging is off, as where it is not said, expected true"


def _ciphers(each: Look) -> Iterator[str]:
    if (version := each.at("minTlsVersion", "TLS_1_0")) not in _MODERN:
        yield f"minTlsVersion is {version}, expected TLS_1_2"
    if (profile := each.at("profile", "COMPATIBLE")) == "COMPATIBLE":
        yield f"profile is {profile}, expected MODERN or RESTRICTED"


def _own_policy(each: Look) -> Iterator[str]:
    if not each.told("sslPolicy"):
        yield "sslPolicy is not there, so TLS 1.0 is taken, expected a policy"


def _plain_http(whole: Whole) -> Iterator[tuple[Look, str]]:
    maps = whole.all(*_MAPS)
    for proxy in whole.all(*_PLAIN):
        for each in maps:
            if whole.refers(proxy, "urlMap", each) and (wrong := _answers(each)):
                yield proxy, f"its URL map {each.name} {wrong}, expected a redirect to HTTPS"


def _answers(each: Look) -> str:
    if not yes(each.at("defaultUrlRedirect.httpsRedirect")):
        return "answers in plain HTTP"
    if any(not yes(one.at("defaultUrlRedirect.httpsRedirect")) for one in each.each("pathMatchers")):
        return "answers some paths in plain HTTP"
    return ""


def _external(each: Look) -> bool:
    default = "INTERNAL" if "region" in each.type.lower() else "EXTERNAL"
    return str(each.at("loadBalancingScheme", default)).startswith("EXTERNAL")


def _armor(each: Look) -> Iterator[str]:
    if _external(each) and not each.told("securityPolicy") and not each.told("edgeSecurityPolicy"):
        yield "securityPolicy is not there, expected a policy of Cloud Armor"


def _backend_logs(each: Look) -> Iterator[str]:
    if _external(each) and not yes(each.at("logConfig.enable")):
        yield "logConfig.enable is off, as where it is not said, expected true"


RULES: Final = (
    Rule(
        name="gcp-network-custom",
        title="A network has the subnets that somebody thought of",
        why="A subnet in every region has addresses that others have too, and nobody watches it",
        fix="write autoCreateSubnetworks: false",
        severity=Severity.MEDIUM,
        links=(f"{_VPC}/vpc",),
        types=("gcp:compute/network:Network",),
        look=_automatic,
    ),
    StackRule(
        name="gcp-subnet-flow-logs",
        title="A subnet logs its connections",
        why="Who talked to whom is found nowhere else once something has happened",
        fix="write logConfig, or make a VpcFlowLogsConfig of the subnet",
        severity=Severity.MEDIUM,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_GCP_26", "CIS GKE 1.6.0 5.6.1"),
        links=(f"{_VPC}/flow-logs",),
        look=_flow_logs,
    ),
    Rule(
        name="gcp-subnet-google-access",
        title="Machines without public addresses reach Google",
        why="They are given public addresses to pull images and write logs",
        fix="write privateIpGoogleAccess: true",
        severity=Severity.LOW,
        ids=("CKV_GCP_74",),
        links=(f"{_VPC}/private-google-access",),
        types=(_SUBNET,),
        look=_google_access,
        remedy=_with_google_access,
    ),
    Rule(
        name="gcp-no-open-administration",
        title="No firewall lets everybody reach where machines are administered",
        why="Passwords and holes of SSH and RDP are tried within minutes of a port being open",
        fix="name networks of your own, or use Identity-Aware Proxy: 35.235.240.0/20",
        severity=Severity.CRITICAL,
        ids=("CKV_GCP_2", "CKV_GCP_3"),
        links=("https://cloud.google.com/firewall/docs/using-firewalls",),
        types=(_FIREWALL, *_LAYERS),
        over=_filters,
        look=_ports,
        config=PORTS,
    ),
    Rule(
        name="gcp-tls-modern",
        title="A load balancer of Google Cloud speaks TLS 1.2 at least",
        why="TLS 1.0 and 1.1 can be read by who listens, and are refused by who checks",
        fix="write minTlsVersion: TLS_1_2 and profile: MODERN or RESTRICTED",
        severity=Severity.HIGH,
        ids=("CKV_GCP_4",),
        links=(f"{_LB}/ssl-policies-concepts",),
        types=_POLICIES,
        look=_ciphers,
    ),
    Rule(
        name="gcp-tls-policy",
        title="A load balancer of Google Cloud has a policy of TLS",
        why="Without one it takes TLS 1.0 and ciphers that are broken",
        fix="make an SSLPolicy and name it as sslPolicy",
        severity=Severity.HIGH,
        ids=("CKV_GCP_4",),
        links=(f"{_LB}/ssl-policies-concepts",),
        types=_PROXIES,
        look=_own_policy,
    ),
    StackRule(
        name="gcp-no-plain-http",
        title="A load balancer of Google Cloud answers nothing in plain HTTP",
        why="Who listens on the way reads requests, answers and keys",
        fix="write defaultUrlRedirect.httpsRedirect: true for port 80",
        severity=Severity.HIGH,
        ids=("CKV2_GCP_37", "CKV2_GCP_38"),
        links=(f"{_LB}/https/setting-up-http-https-redirect",),
        look=_plain_http,
    ),
    Rule(
        name="gcp-armor",
        title="What the internet reaches stands behind Cloud Armor",
        why="Nothing holds back who asks too often, or from where nobody should",
        fix="make a SecurityPolicy and name it as securityPolicy",
        severity=Severity.MEDIUM,
        level=EnforcementLevel.ADVISORY,
        links=("https://cloud.google.com/armor/docs/security-policy-overview",),
        types=_BACKENDS,
        look=_armor,
    ),
    Rule(
        name="gcp-backend-logged",
        title="A load balancer of Google Cloud logs who asked",
        why="Who called, and what was answered, is found nowhere else",
        fix="write logConfig.enable: true",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        links=(f"{_LB}/https/https-logging-monitoring",),
        types=_BACKENDS,
        look=_backend_logs,
    ),
    Rule(
        name="gcp-dns-logged",
        title="Questions for names are logged",
        why="What talks to whom by name is found nowhere else once something has happened",
        fix="write enableLogging: true",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        links=("https://cloud.google.com/dns/docs/monitoring",),
        types=("gcp:dns/policy:Policy",),
        look=_logging,
    ),
)
