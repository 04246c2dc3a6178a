"""Rules of networks on AWS: who reaches what, how it is encrypted on its way, and what is noted of it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from policies.given import number, one, open_to_all, yes
from policies.looking import Look
from policies.remedying import put
from policies.rules import Rule, StackRule, Whole
from policies.settings import PORTS

_GROUP: Final = "aws:ec2/securityGroup:SecurityGroup"
_DEFAULT: Final = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
_OLD_RULE: Final = "aws:ec2/securityGroupRule:SecurityGroupRule"
_INGRESS: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_EGRESS: Final = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
_BALANCERS: Final = ("aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer")
_LISTENERS: Final = ("aws:lb/listener:Listener", "aws:alb/listener:Listener")
_MODERN: Final = re.compile(r"ELBSecurityPolicy-(TLS13-1-[23]|TLS-1-2|FS-1-2)-")
_ALL: Final = ("-1", "all")
_TCP: Final = ("tcp", "6", "udp", "17")
_SOURCES: Final = ("cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6")
_ELB: Final = "https://docs.aws.amazon.com/elasticloadbalancing/latest"
_VPC: Final = "https://docs.aws.amazon.com/vpc/latest/userguide"


def _rules(each: Look) -> Iterator[Look]:
    """The rules of who comes in, in each of the three ways of writing them."""
    if each.type in (_GROUP, _DEFAULT):
        yield from each.each("ingress")
    elif each.type != _OLD_RULE or each.at("type") == "ingress":
        yield each


def _ports(each: Look) -> Iterator[str]:
    if not any(open_to_all(cidr) for path in _SOURCES for cidr in each.values(path)):
        return
    protocol = str(each.at("ipProtocol") or each.at("protocol"))
    if protocol in _ALL:
        yield "everybody reaches every port, expected the ports and networks that are needed"
        return
    first, last = number(each.at("fromPort"), -1), number(each.at("toPort"), -1)
    if protocol not in _TCP or last < 0:
        return
    if first <= 0 and last >= 65535:
        yield "everybody reaches every port, expected the ports and networks that are needed"
    elif reached := [port for port in each.config["ports"] if first <= port <= last]:
        yield f"everybody reaches port {', '.join(map(str, reached))}, expected networks of your own"


def _described(each: Look) -> Iterator[str]:
    if not each.at("description") or each.at("description") == "Managed by Pulumi":
        yield "description is not there, expected what it is for"


def _default_groups(whole: Whole) -> Iterator[tuple[Look, str]]:
    groups = whole.all(_DEFAULT)
    for vpc in whole.all("aws:ec2/vpc:Vpc"):
        closed = [
            group
            for group in groups
            if whole.refers(group, "vpcId", vpc) and not any(map(group.values, ("ingress", "egress")))
        ]
        if not closed:
            yield (
                vpc,
                "its default security group is as AWS makes it, expected a DefaultSecurityGroup without rules",
            )


def _flow_logs(whole: Whole) -> Iterator[tuple[Look, str]]:
    logs = whole.all("aws:ec2/flowLog:FlowLog")
    for vpc in whole.all("aws:ec2/vpc:Vpc"):
        if not any(whole.refers(log, "vpcId", vpc) for log in logs):
            yield vpc, "no FlowLog is of it, expected one"


def _public_subnet(each: Look) -> Iterator[str]:
    if yes(each.at("mapPublicIpOnLaunch")):
        yield "mapPublicIpOnLaunch is true, expected false"


def _application(each: Look) -> bool:
    return str(each.at("loadBalancerType", "application")) == "application"


def _headers(each: Look) -> Iterator[str]:
    if _application(each) and not yes(each.at("dropInvalidHeaderFields")):
        yield "dropInvalidHeaderFields is off, as where it is not said, expected true"


def _dropped(each: Look) -> Mapping[str, Any] | None:
    return put(each.props, ["dropInvalidHeaderFields"], True) if [*_headers(each)] else None


def _desync(each: Look) -> Iterator[str]:
    if _application(each) and (mode := each.at("desyncMitigationMode", "defensive")) not in ("defensive", "strictest"):
        yield f"desyncMitigationMode is {mode}, expected defensive"


def _access_logs(each: Look) -> Iterator[str]:
    if each.at("loadBalancerType") != "gateway" and not yes(each.at("accessLogs.enabled")):
        yield "accessLogs.enabled is off, as where it is not said, expected true with a bucket"


def _kept(each: Look) -> Iterator[str]:
    if not yes(each.at("enableDeletionProtection")):
        yield "enableDeletionProtection is off, as where it is not said, expected true"


def _tls(each: Look) -> Iterator[str]:
    if each.at("protocol") not in ("HTTPS", "TLS"):
        return
    policy = each.at("sslPolicy", "ELBSecurityPolicy-2016-08")
    if not _MODERN.match(str(policy)):
        yield f"sslPolicy is {policy}, which takes TLS before 1.2, expected ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"


def _plain(each: Look) -> Iterator[str]:
    if each.at("protocol") != "HTTP":
        return
    for action in each.each("defaultActions"):
        if action.at("type") != "redirect" or one(action.at("redirect.protocol")) != "HTTPS":
            yield "a listener of HTTP answers, expected HTTPS, or a redirect to it"
            return


def _health(each: Look) -> Iterator[str]:
    if each.at("type") in ("HTTP", "HTTP_STR_MATCH"):
        yield "type is HTTP, expected HTTPS"


RULES: Final = (
    Rule(
        name="aws-no-open-administration",
        title="No security group lets everybody reach where machines are administered",
        why="Passwords and holes of SSH and RDP are tried within minutes of a port being open",
        fix="name networks of your own, or use Session Manager",
        severity=Severity.CRITICAL,
        ids=("CKV_AWS_24", "CKV_AWS_25", "CKV_AWS_277"),
        links=(f"{_VPC}/security-group-rules.html",),
        types=(_GROUP, _DEFAULT, _OLD_RULE, _INGRESS),
        over=_rules,
        look=_ports,
        config=PORTS,
    ),
    Rule(
        name="aws-group-described",
        title="Security groups and their rules say what they are for",
        why="Nobody dares to take away a rule that nobody knows",
        fix="write a description",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_AWS_23",),
        links=(f"{_VPC}/security-group-rules.html",),
        types=(_GROUP, _OLD_RULE, _INGRESS, _EGRESS),
        look=_described,
    ),
    StackRule(
        name="vpc-default-group-closed",
        title="The default security group of a VPC lets nothing through",
        why="What is made without a group of its own lands in it, and talks to all that did the same",
        fix="make a DefaultSecurityGroup of the VPC, with no ingress and no egress",
        severity=Severity.MEDIUM,
        ids=("CKV2_AWS_12",),
        links=(f"{_VPC}/default-security-group.html",),
        look=_default_groups,
    ),
    StackRule(
        name="vpc-flow-logs",
        title="A VPC logs its connections",
        why="Who talked to whom is found nowhere else once something has happened",
        fix="make a FlowLog of the VPC",
        severity=Severity.MEDIUM,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV2_AWS_11",),
        links=(f"{_VPC}/flow-logs.html",),
        look=_flow_logs,
    ),
    Rule(
        name="subnet-no-public-addresses",
        title="A subnet gives no public addresses by itself",
        why="Each machine in it can be asked from the internet, whether that is meant or not",
        fix="write mapPublicIpOnLaunch: false, and give what must be reached a load balancer",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_130",),
        links=(f"{_VPC}/subnet-public-ip.html",),
        types=("aws:ec2/subnet:Subnet", "aws:ec2/defaultSubnet:DefaultSubnet"),
        look=_public_subnet,
    ),
    Rule(
        name="lb-tls-modern",
        title="A load balancer speaks TLS 1.2 at least",
        why="TLS 1.0 and 1.1 can be read by who listens, and are refused by who checks",
        fix="name a policy of TLS 1.3 or 1.2",
        severity=Severity.HIGH,
        ids=("CKV_AWS_103",),
        links=(f"{_ELB}/application/describe-ssl-policies.html",),
        types=_LISTENERS,
        look=_tls,
    ),
    Rule(
        name="lb-no-plain-http",
        title="A load balancer answers nothing in plain HTTP",
        why="Who listens on the way reads requests, answers and keys",
        fix="listen to HTTPS, and redirect port 80 to it",
        severity=Severity.HIGH,
        ids=("CKV_AWS_2", "CKV2_AWS_20"),
        links=(f"{_ELB}/application/create-https-listener.html",),
        types=_LISTENERS,
        look=_plain,
    ),
    Rule(
        name="lb-drops-invalid-headers",
        title="An application load balancer drops headers that are none",
        why="Server and balancer read such a header differently, and one request hides another",
        fix="write dropInvalidHeaderFields: true",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_131",),
        links=(f"{_ELB}/application/application-load-balancers.html",),
        types=_BALANCERS,
        look=_headers,
        remedy=_dropped,
    ),
    Rule(
        name="lb-no-desync",
        title="An application load balancer stops requests that can be read in two ways",
        why="One caller's request is answered to another",
        fix="write defensive or strictest, or leave it out",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_328",),
        links=(f"{_ELB}/application/application-load-balancers.html",),
        types=_BALANCERS,
        look=_desync,
    ),
    Rule(
        name="lb-access-logs",
        title="A load balancer logs who asked",
        why="Who called, and what was answered, is found nowhere else",
        fix="name a bucket for accessLogs and turn them on",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_AWS_91",),
        links=(f"{_ELB}/application/load-balancer-access-logs.html",),
        types=_BALANCERS,
        look=_access_logs,
    ),
    Rule(
        name="lb-deletion-protected",
        title="A load balancer is protected from deletion",
        why="Its name and addresses are gone with it, and all callers with them",
        fix="write enableDeletionProtection: true",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_AWS_150",),
        links=(f"{_ELB}/application/edit-load-balancer-attributes.html",),
        types=_BALANCERS,
        look=_kept,
    ),
    Rule(
        name="route53-health-by-tls",
        title="Route 53 asks for health by HTTPS",
        why="A name is sent elsewhere, or kept, by an answer that anybody on the way can write",
        fix="write HTTPS, with enableSni",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        links=("https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-types.html",),
        types=("aws:route53/healthCheck:HealthCheck",),
        look=_health,
    ),
)
