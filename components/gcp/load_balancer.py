"""The way to a model from outside of its network: a name, TLS, and who may come."""

from collections.abc import Sequence
from typing import Any, NotRequired, Optional, TypedDict, cast

import pulumi
from pulumi_gcp.compute.backend_service import BackendService
from pulumi_gcp.compute.global_address import GlobalAddress
from pulumi_gcp.dns.record_set import RecordSet

from components import checks
from components.gcp import armor, backends, certificate, listeners
from components.gcp.armor import GcpWafRules as GcpWafRules
from components.gcp.labels import Labels
from components.gcp.load_balancer_asked import Asked
from components.gcp.load_balancer_asked import GcpCloudRunTarget as GcpCloudRunTarget
from components.gcp.load_balancer_asked import GcpExistingCertificate as GcpExistingCertificate
from components.gcp.load_balancer_asked import GcpInstancesTarget as GcpInstancesTarget
from components.outputs import once


class GcpLoadBalancerArgs(TypedDict):
    project: str
    """Id of the project, as `shop-prod`."""
    hostname: str
    """DNS name that callers use, as `models.example.com`."""
    zone_name: str
    """DNS name of the zone that it is in, as `example.com`."""
    managed_zone: NotRequired[pulumi.Input[str]]
    """Name of that zone in Cloud DNS, as `example-com`: a public one of this project. Default: the zone is elsewhere,
    and so are its records: one of type A of `address` for each name, and `validation_records`, as a WeightedDns makes
    them."""
    client_cidrs: Sequence[str]
    """Networks of the internet whose addresses may call, at most 200. All of the internet, 0.0.0.0/0, or a large part
    of it is for `open_to_the_internet` alone."""
    open_to_the_internet: NotRequired[bool]
    """Whether networks of more than 16 million addresses may be among them. Default: no."""
    instance_groups: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Addresses of the instance groups whose nodes answer, one of each zone, as GkeCluster tells them. Either these,
    with `node_port`, `network_id` and `node_tag`, or `instances`, or `cloud_run`."""
    zones: NotRequired[Sequence[str]]
    """Zones of these groups. Default: those that their addresses name; what a cluster tells is not known in a plan, and
    with it they have to be said."""
    node_port: NotRequired[int]
    """Port of every node at which the model answers, as its Service of type NodePort has it."""
    network_id: NotRequired[pulumi.Input[str]]
    """Id of the nodes' network: that port is opened there for Google's front ends."""
    node_tag: NotRequired[pulumi.Input[str]]
    """Network tag of the nodes, for which alone it is opened."""
    instances: NotRequired[GcpInstancesTarget]
    """The group of instances that answers: of a ComputeService."""
    cloud_run: NotRequired[GcpCloudRunTarget]
    """The service of Cloud Run that answers. It has to let the load balancer in, and everybody that it lets in call."""
    other_hostnames: NotRequired[Sequence[str]]
    """More names of the same zone that lead here. Default: none."""
    certificate: NotRequired[GcpExistingCertificate]
    """A certificate that is there. Default: one is made for each name and proven by a record in the zone."""
    allow_tls_1_2: NotRequired[bool]
    """Whether callers may speak TLS 1.2, with its best ciphers. Default: no, TLS 1.3 alone."""
    requests_per_minute: NotRequired[int]
    """Requests a minute that one address may send; what is beyond is answered with 429. Default: any number."""
    waf: NotRequired[Sequence[GcpWafRules]]
    """Preconfigured rules of Cloud Armor that every request passes first; each costs by month. Default: none."""
    waf_sensitivity: NotRequired[int]
    """How much these take for an attack, 1 to 4: the more, the more often they are wrong. Default: 1."""
    adaptive_protection: NotRequired[bool]
    """Whether Cloud Armor learns what requests are usual and tells of attacks by many of them; more than the fact is
    told with Cloud Armor Enterprise. Default: no."""
    timeout_seconds: NotRequired[int]
    """Seconds for which an answer of a node or an instance is waited for. Default: 60. Cloud Run has its own."""
    draining_seconds: NotRequired[int]
    """Seconds for which a node or an instance that goes may answer what it was asked. Default: 60, as long as the
    server itself goes on answering. Cloud Run has its own."""
    log_sampling: NotRequired[float]
    """Share of requests that is logged, up to 1; Cloud Logging keeps them as its bucket says. Default: 1, each."""
    allow_deletion: NotRequired[bool]
    """Whether it may be deleted. Default: no: Pulumi does not delete its address, which others may have written down,
    until an `up` has said so."""
    labels: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels of everything that is made and can have some, beside this library's. Default: none."""


class GcpLoadBalancer(pulumi.ComponentResource):
    """A name with TLS in front of a model: one address on the internet, for named networks, every request logged.

    A global external Application Load Balancer. Google issues a certificate some minutes after the `up` that asks for
    it, and `up` does not wait: until then TLS fails. What answers are nodes of a cluster, at one port, a group of
    instances, or a service of Cloud Run; callers reach the model's own paths of these names, and 404 elsewhere.
    Outputs: `url`, `address`, `backend_service_id`, `backend_service_name`, `url_map_name`, `security_policy_id`,
    `certificate_name`, `validation_records`.
    """

    url: pulumi.Output[str]
    """Where callers find the model, `https://HOSTNAME`; known once the way is open."""
    address: pulumi.Output[str]
    """Its IPv4 address, which stays."""
    backend_service_id: pulumi.Output[str]
    """Id of the backend service, known once the load balancer sends requests to it."""
    backend_service_name: pulumi.Output[str]
    """What Cloud Monitoring calls it, in the label backend_target_name."""
    url_map_name: pulumi.Output[str]
    """What Cloud Monitoring calls the load balancer, in the label url_map_name."""
    security_policy_id: pulumi.Output[str]
    """Id of the policy of Cloud Armor."""
    certificate_name: pulumi.Output[str]
    """Whole name of the certificate for `hostname`."""
    validation_records: pulumi.Output[list[dict[str, str]]]
    """What Google looks for in a zone elsewhere before it issues certificates: a record of `name`, `type` and `data`
    for each name, `hostname` first; none where `managed_zone` or `certificate` is given."""

    def __init__(self, name: str, args: GcpLoadBalancerArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        checks.given("GcpLoadBalancer", args, GcpLoadBalancerArgs)
        asked = Asked.of(name, args)
        labels = Labels("GcpLoadBalancer.labels", name, args.get("labels"))
        super().__init__("modelport:index:GcpLoadBalancer", name, {}, opts)
        project, child = args["project"], pulumi.ResourceOptions(parent=self)
        about: Any = {"project": project, "labels": labels, "opts": child}
        policy = armor.policy(
            name,
            clients=args["client_cidrs"],
            limit=asked.limit,
            waf=asked.waf,
            sensitivity=asked.sensitivity,
            adaptive=args.get("adaptive_protection", False),
            **about,
        )
        answers = self._answers(name, args, asked, policy.id)
        lasting = not args.get("allow_deletion", False)
        address = GlobalAddress(
            name,
            project=project,
            description=f"Address of {name}",
            address_type="EXTERNAL",
            ip_version="IPV4",
            labels=labels.all(),
            opts=pulumi.ResourceOptions(parent=self, protect=lasting or None),
        )
        given = asked.certificate
        zone, elsewhere = asked.zone, list[Any]()
        proven: dict[str, pulumi.Input[str]] = {
            host: certificate.of(name, host, zone=zone, elsewhere=elsewhere, **about) if given is None else given
            for host in asked.hosts
        }
        certificates, entries = certificate.mapped(name, proven, **about)
        routes = listeners.routes(name, asked.hosts, answers.id, project=project, opts=child)
        ways = listeners.ways(
            name,
            address=address,
            routes=routes,
            certificates=certificates,
            entries=entries,
            tls_1_2=args.get("allow_tls_1_2", False),
            **about,
        )
        records = [
            RecordSet(
                f"{name}-{host}",
                project=project,
                managed_zone=zone,
                name=f"{host}.",
                type="A",
                ttl=certificate.TTL,
                rrdatas=[address.address],
                # A name leads here once somebody answers to it; one that leads elsewhere is not taken over.
                opts=pulumi.ResourceOptions(parent=self, depends_on=ways),
            )
            for host in asked.hosts
            if zone is not None
        ]
        self.address = address.address
        self.backend_service_id = once(answers.id, ways)
        self.backend_service_name, self.url_map_name = answers.name, routes.name
        self.security_policy_id = policy.id
        self.certificate_name = pulumi.Output.from_input(proven[asked.hosts[0]])
        self.url = once(f"https://{asked.hosts[0]}", records or ways)
        self.validation_records = cast("Any", pulumi.Output.all(*elsewhere))
        self.register_outputs(
            {
                "url": self.url,
                "address": self.address,
                "backend_service_id": self.backend_service_id,
                "backend_service_name": self.backend_service_name,
                "url_map_name": self.url_map_name,
                "security_policy_id": self.security_policy_id,
                "certificate_name": self.certificate_name,
                "validation_records": self.validation_records,
            }
        )

    def _answers(
        self, name: str, args: GcpLoadBalancerArgs, asked: Asked, policy: pulumi.Output[str]
    ) -> BackendService:
        """What answers, behind its backend service."""
        child = pulumi.ResourceOptions(parent=self)
        both: Any = {"project": args["project"], "policy": policy, "sample": asked.sample}
        if (run := args.get("cloud_run")) is not None:
            project, region = args["project"], run["region"]
            found, about = backends.run(name, project=project, region=region, service_name=asked.service, opts=child)
            return backends.service(name, "run", backends=found, about=about, opts=child, **both)
        limits = {"timeout_sec": asked.timeout, "connection_draining_timeout_sec": asked.draining}
        if asked.instances is not None:
            group, port = asked.instances
            found, about = backends.instances(name, project=args["project"], group=group, port_name=port, opts=child)
            return backends.service(name, "instances", backends=found, about=about | limits, opts=child, **both)
        given = cast("Any", args)
        found, about, opened = backends.nodes(
            name,
            project=args["project"],
            network=given["network_id"],
            tag=asked.tag,
            groups=given["instance_groups"],
            zones=asked.zones,
            port=asked.port,
            opts=child,
        )
        about |= limits
        # The way to the nodes is open before somebody is sent there, and closed once nobody is.
        waits = pulumi.ResourceOptions(parent=self, depends_on=opened)
        return backends.service(name, "nodes", backends=found, about=about, opts=waits, **both)
