"""The way to a model from outside of its network: a name, TLS, and who may come."""

from collections.abc import Sequence
from enum import Enum
from functools import partial
from typing import Any, NotRequired, Optional, TypedDict, cast

import pulumi
from pulumi_aws.ec2.security_group import SecurityGroup
from pulumi_aws.lb.load_balancer import LoadBalancer
from pulumi_aws.route53.record import Record
from pulumi_aws.vpc.security_group_egress_rule import SecurityGroupEgressRule
from pulumi_aws.vpc.security_group_ingress_rule import SecurityGroupIngressRule

from components import checks, front
from components.aws import access_logs, certificate, listeners
from components.aws import checks as aws
from components.aws.tags import Tags
from components.outputs import once

PORT = 8080
HOST_HEADER = 128
"""Characters of a name in a rule (ELB's API, HostHeaderConditionConfig)."""
NAME = 24
"""Characters of a component's name: a load balancer's has 32, of which Pulumi's suffix takes eight."""


class AwsLoadBalancerKind(Enum):
    """What a load balancer understands of what goes through it."""

    ALB = "application"
    """HTTP: requests are sent on one by one, and what is none is refused."""
    NLB = "network"
    """Connections: TLS ends here, and what is in it goes through as it is, to the server's metrics too."""


class AwsExistingCertificate(TypedDict):
    """A certificate that is there."""

    arn: pulumi.Input[str]
    """ARN of the certificate in ACM, of the load balancer's region."""
    names: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Names that it is for, as ACM shows them; a wildcard such as `*.example.com` stands for one label."""


class AwsLoadBalancerArgs(TypedDict):
    account_id: str
    """Id of the account, twelve digits as text."""
    region: str
    """Region, as `eu-central-1`: that of the AWS provider."""
    vpc_id: pulumi.Input[str]
    """Id of the VPC."""
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Ids of subnets in two or more zones: private ones, or public ones of one that faces the internet."""
    hostname: str
    """DNS name that callers use, as `models.example.com`."""
    zone_name: str
    """Name of the hosted zone that it is in, as `example.com`."""
    hosted_zone_id: pulumi.Input[str]
    """Id of that hosted zone in Route 53."""
    client_cidrs: Sequence[str]
    """Networks whose addresses may connect. All of the internet, 0.0.0.0/0, or a large part of it is
    for `internet_facing` alone."""
    target_security_group_id: NotRequired[pulumi.Input[str]]
    """Id of the security group of what answers, the cluster's for example: it is opened for the load balancer. Default:
    what answers is made later, and opens itself and the load balancer's own group, as an EcsService does."""
    kind: NotRequired[AwsLoadBalancerKind]
    """Application or network load balancer. Default: application."""
    internet_facing: NotRequired[bool]
    """Whether it has public addresses. Default: no, it is reached from the VPC and what is joined to it."""
    other_hostnames: NotRequired[Sequence[str]]
    """More names of the same zone that lead here. Default: none."""
    shared_hostname: NotRequired[bool]
    """Whether `hostname` leads to others beside this load balancer, as a WeightedDns leads it: it is answered for, and
    no record is made of it here. Default: no."""
    certificate: NotRequired[AwsExistingCertificate]
    """A certificate that is there. Default: one is made for the names and validated by records in the zone."""
    target_port: NotRequired[int]
    """Port of what answers. Default: 8080."""
    node_port: NotRequired[int]
    """Port of every node of a cluster, in place of `target_port`: targets are then nodes, and an
    `autoscaling.Attachment` of their group keeps them known, with nothing in the cluster that calls AWS. Default:
    targets are addresses."""
    instance_targets: NotRequired[bool]
    """Whether targets are instances of an auto scaling group, at `target_port`, as an Ec2Service has them. Default: no,
    targets are addresses."""
    two_versions: NotRequired[bool]
    """Whether there is a second target group, for ECS to move requests between two versions. Default: no."""
    allow_tls_1_2: NotRequired[bool]
    """Whether callers may speak TLS 1.2, with its best ciphers. Default: no, TLS 1.3 alone."""
    web_acl_arn: NotRequired[pulumi.Input[str]]
    """ARN of a web ACL of AWS WAF that every request passes first. Default: none."""
    log_days: NotRequired[int]
    """Days for which access logs are kept. Default: 90."""
    delete_logs: NotRequired[bool]
    """Whether `destroy` deletes the access logs. Default: no, their bucket stays."""
    allow_deletion: NotRequired[bool]
    """Whether it may be deleted. Default: no: neither Pulumi nor AWS deletes it until an `up` has said so."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that is made, beside this library's. Default: none."""


class AwsLoadBalancer(pulumi.ComponentResource):
    """A name with TLS in front of a model: internal, for named networks, with every request written down.

    Targets are addresses, which the AWS Load Balancer Controller (by a TargetGroupBinding) or ECS register, or with
    `node_port` the nodes of a cluster. Outputs: `url`, `dns_name`, `zone_id`, `arn`, `arn_suffix`, `target_group_arn`,
    `target_group_arn_suffix`, `alternate_target_group_arn`, `alternate_target_group_arn_suffix`, `rule_arn`,
    `certificate_arn`, `security_group_id`, `log_bucket`.
    """

    url: pulumi.Output[str]
    """Where callers find the model, `https://HOSTNAME`; known once the way is open."""
    dns_name: pulumi.Output[str]
    """The name that AWS gave it."""
    zone_id: pulumi.Output[str]
    """Id of AWS's own zone with that name, for aliases."""
    arn: pulumi.Output[str]
    """ARN of the load balancer."""
    arn_suffix: pulumi.Output[str]
    """What CloudWatch's metrics call it, in the dimension LoadBalancer."""
    target_group_arn: pulumi.Output[str]
    """ARN of the target group, known once the load balancer sends requests to it."""
    target_group_arn_suffix: pulumi.Output[str]
    """What CloudWatch's metrics call the target group, in the dimension TargetGroup."""
    alternate_target_group_arn: pulumi.Output[str]
    """ARN of the second target group; empty without `two_versions`."""
    alternate_target_group_arn_suffix: pulumi.Output[str]
    """What CloudWatch's metrics call it; empty without `two_versions`."""
    rule_arn: pulumi.Output[str]
    """ARN of what leads to the model: the rule for `hostname`, or a network load balancer's listener."""
    certificate_arn: pulumi.Output[str]
    """ARN of the certificate, known once it is valid."""
    security_group_id: pulumi.Output[str]
    """Id of the load balancer's security group."""
    log_bucket: pulumi.Output[str]
    """Name of the bucket with the access logs."""

    def __init__(self, name: str, args: AwsLoadBalancerArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        checks.given("AwsLoadBalancer", args, AwsLoadBalancerArgs)
        kind, hosts, subnets = _checked(name, args)
        days = checks.whole("AwsLoadBalancer.log_days", args.get("log_days", access_logs.DAYS), 1, 3650)
        port = checks.whole("AwsLoadBalancer.target_port", args.get("target_port", PORT), 1, 65535)
        if args.get("node_port") is not None:
            if args.get("target_port") is not None:
                expected = "nothing beside node_port"
                raise checks.wrong("AwsLoadBalancer.target_port", port, expected, "leave one of them out")
            port = checks.whole("AwsLoadBalancer.node_port", args.get("node_port"), 30_000, 32_767)
        given, firewall = _certificate(args, hosts), _firewall(args, kind)
        tags = Tags("AwsLoadBalancer.tags", name, args.get("tags"))
        super().__init__("modelport:index:AwsLoadBalancer", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        application = kind is AwsLoadBalancerKind.ALB
        bucket, writable = access_logs.of(
            self,
            name,
            tags,
            region=args["region"],
            account=args["account_id"],
            days=days,
            keep=not args.get("delete_logs", False),
            network=not application,
        )
        group, opened = self._group(name, args, port, application, tags)
        lasting = not args.get("allow_deletion", False)
        about: dict[str, Any] = (
            {"drop_invalid_header_fields": True, "desync_mitigation_mode": "defensive"}
            if application
            else {"enable_cross_zone_load_balancing": True}
        )
        balancer = LoadBalancer(
            name,
            load_balancer_type=kind.value,
            internal=not args.get("internet_facing", False),
            subnets=cast("Any", subnets),
            security_groups=[group.id],
            access_logs={"bucket": bucket.bucket, "enabled": True},
            enable_deletion_protection=lasting,
            tags=tags.of(name),
            # Who may come is settled before anybody can.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*writable, *opened], protect=lasting or None),
            **about,
        )
        targets = listeners.targets(name, args, port, application, tags, child)
        both = args.get("two_versions", False)
        other = listeners.targets(f"{name}-b", args, port, application, tags, child) if both else None
        proven = (
            certificate.of(self, name, hosts, args["hosted_zone_id"], tags)
            if given is None
            else pulumi.Output.from_input(given)
        )
        ways, rule = listeners.ways(name, args, balancer, targets, other, proven, hosts, application, tags, child)
        if firewall is not None:
            from pulumi_aws.wafv2.web_acl_association import WebAclAssociation

            ways.append(WebAclAssociation(name, resource_arn=balancer.arn, web_acl_arn=firewall, opts=child))
        aliases = [
            Record(
                f"{name}-{host}",
                zone_id=args["hosted_zone_id"],
                name=host,
                type="A",
                aliases=[{"name": balancer.dns_name, "zone_id": balancer.zone_id, "evaluate_target_health": True}],
                # A name leads here once somebody answers to it; one that leads elsewhere is not taken over.
                opts=pulumi.ResourceOptions(parent=self, depends_on=ways),
            )
            for host in (hosts[1:] if args.get("shared_hostname", False) else hosts)
        ]
        self.dns_name, self.zone_id = balancer.dns_name, balancer.zone_id
        self.arn, self.arn_suffix = balancer.arn, balancer.arn_suffix
        self.target_group_arn = once(targets.arn, ways)
        self.target_group_arn_suffix = targets.arn_suffix
        self.alternate_target_group_arn = once("" if other is None else other.arn, ways)
        self.alternate_target_group_arn_suffix = pulumi.Output.from_input("" if other is None else other.arn_suffix)
        self.rule_arn = rule
        self.certificate_arn = proven
        self.security_group_id = group.id
        self.log_bucket = bucket.bucket
        self.url = once(f"https://{hosts[0]}", aliases or ways)
        self.register_outputs(
            {
                "url": self.url,
                "dns_name": self.dns_name,
                "zone_id": self.zone_id,
                "arn": self.arn,
                "arn_suffix": self.arn_suffix,
                "target_group_arn": self.target_group_arn,
                "target_group_arn_suffix": self.target_group_arn_suffix,
                "alternate_target_group_arn": self.alternate_target_group_arn,
                "alternate_target_group_arn_suffix": self.alternate_target_group_arn_suffix,
                "rule_arn": self.rule_arn,
                "certificate_arn": self.certificate_arn,
                "security_group_id": self.security_group_id,
                "log_bucket": self.log_bucket,
            }
        )

    def _group(
        self, name: str, args: AwsLoadBalancerArgs, port: int, application: bool, tags: Tags
    ) -> tuple[SecurityGroup, list[pulumi.Resource]]:
        """The security group and its rules: in from named networks, out to what answers and nowhere else."""
        child = pulumi.ResourceOptions(parent=self)
        group = SecurityGroup(
            name,
            description=f"Load balancer {name}",
            vpc_id=args["vpc_id"],
            tags=tags.of(name),
            opts=child,
        )
        rules: list[pulumi.Resource] = []
        doors = {"https": front.HTTPS, "http": front.HTTP} if application else {"https": front.HTTPS}
        for door, number in doors.items():
            for cidr in args["client_cidrs"]:
                called = f"{name}-{door}-{cidr.replace('/', '-')}"
                rules.append(
                    SecurityGroupIngressRule(
                        called,
                        security_group_id=group.id,
                        description=f"{door.upper()} from {cidr}",
                        ip_protocol="tcp",
                        from_port=number,
                        to_port=number,
                        cidr_ipv4=cidr,
                        tags=tags.of(called),
                        opts=child,
                    )
                )
        if (answers := args.get("target_security_group_id")) is None:
            return group, rules
        called = f"{name}-targets"
        between: Any = {
            "ip_protocol": "tcp",
            "from_port": port,
            "to_port": port,
            "tags": tags.of(called),
            "opts": child,
        }
        rules.append(
            SecurityGroupEgressRule(
                called,
                security_group_id=group.id,
                description="To what answers",
                referenced_security_group_id=answers,
                **between,
            )
        )
        rules.append(
            SecurityGroupIngressRule(
                called,
                security_group_id=answers,
                description=f"From the load balancer {name}",
                referenced_security_group_id=group.id,
                **between,
            )
        )
        return group, rules


def _checked(
    name: str, args: AwsLoadBalancerArgs
) -> tuple[AwsLoadBalancerKind, list[str], pulumi.Input[Sequence[pulumi.Input[str]]]]:
    """What can be known before anything is made. Raises ArgsError."""
    # The second target group is NAME-b.
    aws.named("AwsLoadBalancer", name, NAME - 2 if args.get("two_versions", False) else NAME)
    checks.fits(
        "the name of AwsLoadBalancer", name, r"(?!internal-).*", "one that does not begin with internal-", "shop"
    )
    aws.account("AwsLoadBalancer.account_id", args["account_id"])
    aws.region("AwsLoadBalancer.region", args["region"])
    kind = checks.choice("AwsLoadBalancer.kind", args.get("kind", AwsLoadBalancerKind.ALB), AwsLoadBalancerKind)
    front.zone("AwsLoadBalancer.zone_name", args["zone_name"], "hosted zone")
    hosts = [args["hostname"], *(args.get("other_hostnames") or [])]
    front.hostname("AwsLoadBalancer.hostname", hosts[0], args["zone_name"], front.COMMON_NAME)
    what = "AwsLoadBalancer.other_hostnames"
    for each in hosts[1:]:
        front.hostname(what, each, args["zone_name"], HOST_HEADER)
    if len(set(hosts)) != len(hosts):
        raise checks.wrong(what, hosts[1:], "each name once, and not `hostname` again", f"write {_others(hosts)}")
    if len(hosts) > 1 and args.get("two_versions", False) and kind is AwsLoadBalancerKind.ALB:
        expected = "none beside two_versions, as ECS moves the requests of one rule, which is one name's"
        raise checks.wrong(what, hosts[1:], expected, "leave other_hostnames out, or write kind: NLB")
    if args.get("two_versions", False) and args.get("node_port") is not None:
        expected = "nothing beside two_versions, whose targets ECS registers by their addresses"
        raise checks.wrong("AwsLoadBalancer.node_port", args.get("node_port"), expected, "leave one of them out")
    if len(hosts) > certificate.NAMES:
        expected = f"at most {certificate.NAMES - 1} names beside `hostname`"
        raise checks.wrong(what, f"{len(hosts) - 1} names", expected, "make another load balancer for the rest")
    checks.asked(args["hosted_zone_id"], partial(aws.hosted_zone, "AwsLoadBalancer.hosted_zone_id"))
    _clients(args)
    return kind, hosts, checks.asked(args["subnet_ids"], _subnets)


def _others(hosts: Sequence[str]) -> list[str]:
    return sorted(set(hosts) - {hosts[0]})


def _subnets(found: Sequence[Any]) -> None:
    what = "AwsLoadBalancer.subnet_ids"
    if len(found) < 2:
        expected = "subnets in at least two zones, as one may fail"
        raise checks.wrong(what, f"{len(found)} subnet" + "s" * (len(found) != 1), expected, "name one of each zone")
    plain = [each for each in found if isinstance(each, str)]
    if len(set(plain)) != len(plain):
        raise checks.wrong(what, plain, "each subnet once", f"write {sorted(set(plain))}")


def _clients(args: AwsLoadBalancerArgs) -> None:
    what, cidrs = "AwsLoadBalancer.client_cidrs", list(args["client_cidrs"])
    if not cidrs:
        raise checks.wrong(what, cidrs, "networks that may connect", "write that of the VPC, as 10.0.0.0/16")
    networks = {f"{what}[{place}]": each for place, each in enumerate(cidrs)}
    found = {key: checks.network(key, each, largest=0, smallest=32) for key, each in networks.items()}
    checks.apart(found)
    if not args.get("internet_facing", False) and checks.wide(cidrs) is not None:
        expected = "named networks, as it is internal"
        raise checks.wrong(what, cidrs, expected, "name them, or set internet_facing: true")


def _certificate(args: AwsLoadBalancerArgs, hosts: Sequence[str]) -> pulumi.Input[str] | None:
    """The ARN of the certificate that is given: of this region, and for these names. Raises ArgsError."""
    given = args.get("certificate")
    if given is None:
        return None
    what = "AwsLoadBalancer.certificate"
    checks.given(what, given, AwsExistingCertificate)

    def here(known: str) -> None:
        example = "certificate/12345678-1234-1234-1234-123456789012"
        aws.arn(f"{what}.arn", known, "acm", r"certificate/[\w-]+", example)
        aws.here(f"{what}.arn", known, args["region"])
        aws.ours(f"{what}.arn", known, args["account_id"])

    def fitting(found: list[Any]) -> str:
        front.covers(f"{what}.names", found[1], hosts)
        return str(found[0])

    arn, names = checks.asked(given["arn"], here), given["names"]
    if not isinstance(names, pulumi.Output) and all(isinstance(each, str) for each in cast("Sequence[object]", names)):
        front.covers(f"{what}.names", cast("Sequence[str]", names), hosts)
        return arn
    return pulumi.Output.all(arn, names).apply(fitting)


def _firewall(args: AwsLoadBalancerArgs, kind: AwsLoadBalancerKind) -> pulumi.Input[str] | None:
    given = args.get("web_acl_arn")
    if given is None:
        return None
    what = "AwsLoadBalancer.web_acl_arn"
    if kind is not AwsLoadBalancerKind.ALB:
        raise checks.wrong(
            "AwsLoadBalancer.kind", kind.value, "application, as AWS WAF reads HTTP", f"leave {what} out"
        )

    def here(known: str) -> None:
        aws.arn(what, known, "wafv2", r"regional/webacl/[\w-]+/[\w-]+", "regional/webacl/shop/1234abcd-12ab-34cd")
        aws.here(what, known, args["region"])
        aws.ours(what, known, args["account_id"])

    return checks.asked(given, here)
