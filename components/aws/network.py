"""The network that everything on AWS stands in: a VPC over several zones, or one that is already there."""

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import partial
from typing import Any, Final, NotRequired, Optional, TypedDict, cast

import pulumi
from pulumi_aws.ec2.default_security_group import DefaultSecurityGroup
from pulumi_aws.ec2.eip import Eip
from pulumi_aws.ec2.internet_gateway import InternetGateway
from pulumi_aws.ec2.nat_gateway import NatGateway
from pulumi_aws.ec2.route import Route
from pulumi_aws.ec2.route_table import RouteTable
from pulumi_aws.ec2.route_table_association import RouteTableAssociation
from pulumi_aws.ec2.security_group import SecurityGroup
from pulumi_aws.ec2.subnet import Subnet
from pulumi_aws.ec2.tag import Tag
from pulumi_aws.ec2.vpc import Vpc
from pulumi_aws.ec2.vpc_endpoint import VpcEndpoint
from pulumi_aws.vpc.security_group_ingress_rule import SecurityGroupIngressRule

from components import checks
from components.aws import addresses, flow_logs
from components.aws import checks as aws
from components.aws.tags import Tags, tags_of_private, tags_of_public

ANYWHERE = "0.0.0.0/0"


class AwsNat(Enum):
    """How what is in private subnets reaches the internet."""

    PER_ZONE = "per-zone"
    """A NAT gateway in each zone: a zone that fails takes no other along."""
    SHARED = "shared"
    """One NAT gateway for all zones: cheaper, and all depend on its zone."""
    NONE = "none"
    """Not at all: AWS is reached through endpoints, images come from ECR."""


class AwsEndpoint(Enum):
    """Services of AWS that are reached without leaving the network."""

    S3 = "s3"
    """S3, where layers of ECR's images lie too: a gateway endpoint, which costs nothing."""
    ECR_API = "ecr.api"
    """ECR: credentials and manifests."""
    ECR_DKR = "ecr.dkr"
    """ECR: what a container runtime speaks to."""
    STS = "sts"
    """Credentials of roles."""
    LOGS = "logs"
    """CloudWatch Logs."""
    MONITORING = "monitoring"
    """CloudWatch's metrics."""
    EC2 = "ec2"
    """EC2: the network plugin, volumes and nodes ask it."""
    EKS = "eks"
    """EKS itself."""
    EKS_AUTH = "eks-auth"
    """Pod Identity."""
    LOAD_BALANCING = "elasticloadbalancing"
    """Load balancers."""
    AUTOSCALING = "autoscaling"
    """Groups of nodes that scale."""
    SSM = "ssm"
    """Systems Manager: parameters that name machine images."""
    SQS = "sqs"
    """Queues: notices of interruption."""
    KMS = "kms"
    """Keys."""
    SECRETS_MANAGER = "secretsmanager"
    """Secrets."""
    SAGEMAKER_RUNTIME = "sagemaker.runtime"
    """Models that answer in SageMaker."""


USUAL: Final = (AwsEndpoint.S3, AwsEndpoint.ECR_API, AwsEndpoint.ECR_DKR, AwsEndpoint.STS, AwsEndpoint.LOGS)
"""What pays where there is a NAT gateway: images and logs are most of what goes through one."""
CLOSED: Final = (
    *USUAL,
    *(AwsEndpoint.MONITORING, AwsEndpoint.EC2, AwsEndpoint.EKS, AwsEndpoint.EKS_AUTH, AwsEndpoint.LOAD_BALANCING),
    *(AwsEndpoint.AUTOSCALING, AwsEndpoint.SSM, AwsEndpoint.SQS),
)
"""What a cluster without a way out needs (EKS user guide, "Deploy private clusters with limited internet access",
2026-11-22), and what its autoscalers and metrics ask beside that."""


class AwsExistingVpc(TypedDict):
    """A VPC that somebody else made and keeps."""

    vpc_id: pulumi.Input[str]
    """Its id, as `vpc-0123456789abcdef0`."""
    cidr: str
    """Its addresses, in CIDR notation."""
    zones: Sequence[str]
    """Zone of each private subnet, in their order, at least two."""
    private_subnet_ids: Sequence[pulumi.Input[str]]
    """Ids of private subnets, one for each zone."""
    public_subnet_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Ids of public subnets, for load balancers that face the internet. Default: none."""
    route_table_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Ids of the private subnets' route tables, which the endpoint of S3 goes into. Default: none."""


class AwsNetworkArgs(TypedDict):
    region: str
    """Region, as `eu-central-1`: that of the AWS provider."""
    account_id: str
    """Id of the account, twelve digits as text: in whose name alone logs are written and encrypted."""
    cidr: NotRequired[str]
    """Addresses of the VPC, a network of 16 to 21 bits, of which every zone has an eighth for private subnets and a
    sixty-fourth for public ones. Default: 10.0.0.0/16."""
    zones: NotRequired[Sequence[str]]
    """Availability zones, two or more of the region. Default: the first three that it has."""
    private_cidrs: NotRequired[Sequence[str]]
    """Addresses of the private subnets, one for each zone, together with `public_cidrs`. Default: from `cidr`."""
    public_cidrs: NotRequired[Sequence[str]]
    """Addresses of the public subnets, one for each zone. Default: from `cidr`."""
    apart_from: NotRequired[Sequence[str]]
    """Networks that the VPC must share no address with, such as offices, other VPCs that it is to be joined to, and the
    services of a cluster. Default: none."""
    nat: NotRequired[AwsNat]
    """How private subnets reach the internet. Default: a NAT gateway in each zone."""
    endpoints: NotRequired[Sequence[AwsEndpoint]]
    """Services that are reached without leaving the network. Default: S3, ECR, STS and logs; without NAT, all that a
    cluster asks; in an existing VPC, none."""
    flow_logs: NotRequired[bool]
    """Whether to log who speaks to whom, encrypted. Default: yes; in an existing VPC, no."""
    flow_log_days: NotRequired[int]
    """Days for which flow logs are kept. Default: 365."""
    flow_log_key_arn: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key that encrypts the flow logs. Default: one made for them, which rotates."""
    cluster_names: NotRequired[Sequence[str]]
    """Names of the EKS clusters that will use the subnets: their controllers find subnets by tags, Karpenter those of
    the first. Default: none."""
    existing: NotRequired[AwsExistingVpc]
    """A VPC to use instead of making one; nothing is made in it but what is asked for. Default: a VPC is made."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that is made, beside this library's. Default: none."""


class AwsNetwork(pulumi.ComponentResource):
    """A VPC over several zones with public and private subnets, flow logs, endpoints and a closed default group.

    Who uses the subnets by these outputs waits for their routes and endpoints, and is gone before those go, so that no
    network interface is left behind. Outputs: `vpc_id`, `cidr`, `zones`, `public_subnet_ids`, `private_subnet_ids`,
    `endpoint_security_group_id`.
    """

    vpc_id: pulumi.Output[str]
    """Id of the VPC."""
    cidr: pulumi.Output[str]
    """Its addresses, in CIDR notation."""
    zones: pulumi.Output[list[str]]
    """Availability zones, in the order of the private subnets."""
    public_subnet_ids: pulumi.Output[list[str]]
    """Ids of the public subnets: for load balancers that face the internet, and nothing else."""
    private_subnet_ids: pulumi.Output[list[str]]
    """Ids of the private subnets, one for each zone."""
    endpoint_security_group_id: pulumi.Output[str]
    """Id of the interface endpoints' security group, empty without such endpoints."""

    def __init__(self, name: str, args: AwsNetworkArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        checks.given("AwsNetwork", args, AwsNetworkArgs)
        # The longest that is made of it is `NAME-flow-logs` with Pulumi's suffix, a role's name of 64 characters.
        aws.named("AwsNetwork", name, 46)
        aws.region("AwsNetwork.region", args["region"])
        aws.account("AwsNetwork.account_id", args["account_id"])
        existing = args.get("existing")
        layout = _adopted(args, existing) if existing is not None else _carved(args)
        there = _there(existing) if existing is not None else None
        nat = checks.choice("AwsNetwork.nat", args.get("nat", AwsNat.PER_ZONE), AwsNat)
        endpoints = _endpoints(args, nat)
        clusters = _clusters(args)
        aws.log_days("AwsNetwork.flow_log_days", args.get("flow_log_days", flow_logs.DAYS))
        key = _key(args)
        tags = Tags("AwsNetwork.tags", name, args.get("tags"))
        super().__init__("modelport:index:AwsNetwork", name, {}, opts)
        made = _Made(self, name, args["region"], tags)
        if there is not None:
            self.vpc_id = pulumi.Output.from_input(there["vpc_id"])
            private, public = list(there["private_subnet_ids"]), list(there.get("public_subnet_ids", []))
            tables = list(there.get("route_table_ids", []))
            usable = made.marks("private", private, tags_of_private(clusters), clusters)
            reachable = made.marks("public", public, tags_of_public(clusters), clusters)
        else:
            vpc = made.vpc(layout.cidr)
            self.vpc_id = vpc.id
            public, reachable, gateways = made.public(vpc, layout, tags_of_public(clusters), nat)
            private, usable, tables = made.private(vpc, layout, tags_of_private(clusters), gateways)
        if args.get("flow_logs", existing is None):
            flow_logs.of(
                self,
                name,
                self.vpc_id,
                tags,
                region=args["region"],
                account=args["account_id"],
                days=args.get("flow_log_days", flow_logs.DAYS),
                key_arn=key,
            )
        group, inside = made.endpoints(self.vpc_id, layout.cidr, endpoints, private, tables)
        self.cidr = pulumi.Output.from_input(layout.cidr)
        self.zones = pulumi.Output.from_input(list(layout.zones))
        self.public_subnet_ids = _once(public, reachable)
        self.private_subnet_ids = _once(private, [*usable, *inside])
        self.endpoint_security_group_id = group
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "cidr": self.cidr,
                "zones": self.zones,
                "public_subnet_ids": self.public_subnet_ids,
                "private_subnet_ids": self.private_subnet_ids,
                "endpoint_security_group_id": self.endpoint_security_group_id,
            }
        )


class _Made:
    """What a network registers."""

    def __init__(self, parent: AwsNetwork, name: str, region: str, tags: Tags) -> None:
        self._parent, self._name, self._region, self._tags = parent, name, region, tags
        self._child = pulumi.ResourceOptions(parent=parent)

    def _after(self, *others: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self._parent, depends_on=list(others))

    def vpc(self, cidr: str) -> Vpc:
        vpc = Vpc(
            self._name,
            cidr_block=cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=self._tags.of(self._name),
            opts=self._child,
        )
        # Every VPC has this group, and what names no other is in it: it lets nothing in or out.
        called = f"{self._name}-default"
        DefaultSecurityGroup(called, vpc_id=vpc.id, ingress=[], egress=[], tags=self._tags.of(called), opts=self._child)
        return vpc

    def public(
        self, vpc: Vpc, layout: addresses.Layout, marks: Mapping[str, str], nat: AwsNat
    ) -> tuple[list[pulumi.Input[str]], list[pulumi.Resource], list[NatGateway]]:
        """Subnets' ids, what makes them reachable, and the NAT gateways in them."""
        called = f"{self._name}-public"
        way = InternetGateway(self._name, vpc_id=vpc.id, tags=self._tags.of(self._name), opts=self._child)
        table = RouteTable(called, vpc_id=vpc.id, tags=self._tags.of(called), opts=self._child)
        out = Route(
            called, route_table_id=table.id, destination_cidr_block=ANYWHERE, gateway_id=way.id, opts=self._child
        )
        ids: list[pulumi.Input[str]] = []
        reachable: list[pulumi.Resource] = [out]
        gateways: list[NatGateway] = []
        for zone, cidr in zip(layout.zones, layout.public, strict=True):
            subnet, joined = self._subnet("public", vpc, zone, cidr, marks, table)
            ids.append(subnet.id)
            reachable.append(joined)
            if nat is AwsNat.PER_ZONE or (nat is AwsNat.SHARED and not gateways):
                gateways.append(self._gateway(zone, subnet, [way, out, joined]))
        return ids, reachable, gateways

    def private(
        self, vpc: Vpc, layout: addresses.Layout, marks: Mapping[str, str], gateways: Sequence[NatGateway]
    ) -> tuple[list[pulumi.Input[str]], list[pulumi.Resource], list[pulumi.Input[str]]]:
        """Subnets' ids, what makes them usable, and the ids of their route tables.

        A table for each zone whatever the NAT: another kind of it changes routes and no table.
        """
        ids: list[pulumi.Input[str]] = []
        usable: list[pulumi.Resource] = []
        tables: list[pulumi.Input[str]] = []
        for at, (zone, cidr) in enumerate(zip(layout.zones, layout.private, strict=True)):
            called = f"{self._name}-private-{zone[-1]}"
            table = RouteTable(called, vpc_id=vpc.id, tags=self._tags.of(called), opts=self._child)
            subnet, joined = self._subnet("private", vpc, zone, cidr, marks, table)
            ids.append(subnet.id)
            tables.append(table.id)
            usable.append(joined)
            if gateways:
                usable.append(
                    Route(
                        called,
                        route_table_id=table.id,
                        destination_cidr_block=ANYWHERE,
                        nat_gateway_id=gateways[at % len(gateways)].id,
                        opts=self._child,
                    )
                )
        return ids, usable, tables

    def _subnet(
        self, kind: str, vpc: Vpc, zone: str, cidr: str, marks: Mapping[str, str], table: RouteTable
    ) -> tuple[Subnet, RouteTableAssociation]:
        called = f"{self._name}-{kind}-{zone[-1]}"
        subnet = Subnet(
            called,
            vpc_id=vpc.id,
            availability_zone=zone,
            cidr_block=cidr,
            # Load balancers and NAT gateways bring public addresses of their own; nothing else has one.
            map_public_ip_on_launch=False,
            tags=self._tags.of(called, marks),
            opts=self._child,
        )
        joined = RouteTableAssociation(called, subnet_id=subnet.id, route_table_id=table.id, opts=self._child)
        return subnet, joined

    def _gateway(self, zone: str, subnet: Subnet, way: Sequence[pulumi.Resource]) -> NatGateway:
        called = f"{self._name}-nat-{zone[-1]}"
        # Both need the internet gateway there, and it is not let go while they are.
        address = Eip(called, domain="vpc", tags=self._tags.of(called), opts=self._after(*way))
        return NatGateway(
            called,
            allocation_id=address.id,
            subnet_id=subnet.id,
            tags=self._tags.of(called),
            opts=self._after(*way),
        )

    def endpoints(
        self,
        vpc_id: pulumi.Input[str],
        cidr: str,
        asked: Sequence[AwsEndpoint],
        subnets: Sequence[pulumi.Input[str]],
        tables: Sequence[pulumi.Input[str]],
    ) -> tuple[pulumi.Output[str], list[pulumi.Resource]]:
        """The interface endpoints' security group, empty without them, and all endpoints."""
        made: list[pulumi.Resource] = []
        group: pulumi.Output[str] = pulumi.Output.from_input("")
        rules: list[pulumi.Resource] = []
        if any(each is not AwsEndpoint.S3 for each in asked):
            called = f"{self._name}-endpoints"
            closed = SecurityGroup(
                called,
                vpc_id=vpc_id,
                description="Endpoints of AWS services, for what is in the VPC",
                tags=self._tags.of(called),
                opts=self._child,
            )
            group = closed.id
            # Nothing goes out: an endpoint answers, and asks nobody.
            rules.append(
                SecurityGroupIngressRule(
                    called,
                    security_group_id=closed.id,
                    cidr_ipv4=cidr,
                    ip_protocol="tcp",
                    from_port=443,
                    to_port=443,
                    description="HTTPS from the VPC",
                    tags=self._tags.of(called),
                    opts=self._child,
                )
            )
        for each in asked:
            called = f"{self._name}-{each.value.replace('.', '-')}"
            about: dict[str, Any] = {
                "vpc_id": vpc_id,
                "service_name": f"com.amazonaws.{self._region}.{each.value}",
                "tags": self._tags.of(called),
            }
            if each is AwsEndpoint.S3:
                made.append(
                    VpcEndpoint(called, **about, vpc_endpoint_type="Gateway", route_table_ids=tables, opts=self._child)
                )
                continue
            made.append(
                VpcEndpoint(
                    called,
                    **about,
                    vpc_endpoint_type="Interface",
                    private_dns_enabled=True,
                    subnet_ids=subnets,
                    security_group_ids=[group],
                    opts=self._after(*rules),
                )
            )
        return group, made

    def marks(
        self, kind: str, subnets: Sequence[pulumi.Input[str]], marks: Mapping[str, str], clusters: Sequence[str]
    ) -> list[pulumi.Resource]:
        """Tags of subnets that are not ours, for the clusters that are asked for."""
        if not clusters:
            return []
        return [
            Tag(
                f"{self._name}-{kind}-{at}-{key.replace('/', '-').replace('.', '-')}",
                resource_id=subnet,
                key=key,
                value=value,
                opts=self._child,
            )
            for at, subnet in enumerate(subnets)
            for key, value in marks.items()
        ]


def _once(subnets: Sequence[pulumi.Input[str]], others: Sequence[pulumi.Resource]) -> pulumi.Output[list[str]]:
    """Ids of subnets that carry along what makes them usable: who takes them waits for it, and goes before it."""
    known = pulumi.Output.all(*subnets, *(cast("pulumi.CustomResource", each).id for each in others))
    return known.apply(lambda found: found[: len(subnets)])


def _carved(args: AwsNetworkArgs) -> addresses.Layout:
    return addresses.layout(
        args["region"],
        args.get("cidr", addresses.USUAL),
        args.get("zones"),
        args.get("private_cidrs"),
        args.get("public_cidrs"),
        args.get("apart_from") or [],
    )


def _adopted(args: AwsNetworkArgs, existing: AwsExistingVpc) -> addresses.Layout:
    checks.given("AwsNetwork.existing", existing, AwsExistingVpc)
    told = cast("Mapping[str, Any]", args)
    for key in ("cidr", "zones", "private_cidrs", "public_cidrs", "nat"):
        if key in told:
            raise checks.wrong(
                f"AwsNetwork.{key}",
                getattr(told[key], "value", told[key]),
                "nothing beside existing, whose VPC has its own",
                f"leave {key} out, or existing",
            )
    what = "AwsNetwork.existing"
    aws.zones(f"{what}.zones", existing["zones"], args["region"])
    cidr = checks.network(f"{what}.cidr", existing["cidr"])
    addresses.clear(f"{what}.cidr", cidr, args.get("apart_from") or [])
    if len(existing["private_subnet_ids"]) != len(existing["zones"]):
        there, expected = len(existing["private_subnet_ids"]), f"one for each of the {len(existing['zones'])} zones"
        raise checks.wrong(f"{what}.private_subnet_ids", f"{there} of them", expected, "name each zone's")
    return addresses.Layout(str(cidr), tuple(existing["zones"]), (), ())


def _there(existing: AwsExistingVpc) -> AwsExistingVpc:
    """The same with ids that are ones. Raises ArgsError."""
    what = "AwsNetwork.existing"

    def ids(key: str, kind: str) -> list[pulumi.Input[str]]:
        given = cast("Mapping[str, Sequence[pulumi.Input[str]]]", existing).get(key) or []
        return [
            checks.asked(each, partial(aws.identity, f"{what}.{key}[{at}]", kind=kind)) for at, each in enumerate(given)
        ]

    return {
        "vpc_id": checks.asked(existing["vpc_id"], partial(aws.identity, f"{what}.vpc_id", kind="vpc")),
        "cidr": existing["cidr"],
        "zones": existing["zones"],
        "private_subnet_ids": ids("private_subnet_ids", "subnet"),
        "public_subnet_ids": ids("public_subnet_ids", "subnet"),
        "route_table_ids": ids("route_table_ids", "rtb"),
    }


def _endpoints(args: AwsNetworkArgs, nat: AwsNat) -> list[AwsEndpoint]:
    usual = () if "existing" in args else CLOSED if nat is AwsNat.NONE else USUAL
    found = [checks.choice("AwsNetwork.endpoints", each, AwsEndpoint) for each in args.get("endpoints", usual)]
    if len(set(found)) != len(found):
        told = [each.value for each in found]
        raise checks.wrong("AwsNetwork.endpoints", told, "each service once", f"write {sorted(set(told))}")
    existing = args.get("existing")
    if existing is not None and AwsEndpoint.S3 in found and not existing.get("route_table_ids"):
        raise checks.wrong(
            "AwsNetwork.existing.route_table_ids",
            [],
            "the tables that the endpoint of S3 goes into",
            "name those of the private subnets",
        )
    return found


def _clusters(args: AwsNetworkArgs) -> list[str]:
    found = list(args.get("cluster_names") or [])
    for each in found:
        checks.fits("AwsNetwork.cluster_names", each, aws.CLUSTER, "names of EKS clusters", "shop")
    if len(set(found)) != len(found):
        raise checks.wrong(
            "AwsNetwork.cluster_names", found, "each cluster once", f"write {list(dict.fromkeys(found))}"
        )
    return found


def _key(args: AwsNetworkArgs) -> pulumi.Input[str] | None:
    if (given := args.get("flow_log_key_arn")) is None:
        return None
    example = "key/1234abcd-12ab-34cd-56ef-1234567890ab"

    def here(known: str) -> None:
        aws.arn("AwsNetwork.flow_log_key_arn", known, "kms", r"key/[a-zA-Z0-9-]+", example)
        aws.here("AwsNetwork.flow_log_key_arn", known, args["region"])

    return checks.asked(given, here)
