"""Rules of Amazon EKS: the cluster, and the nodes that it has."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from policies.given import open_to_all, yes
from policies.looking import Look
from policies.remedying import put
from policies.rules import Rule, StackRule, Whole

CIS: Final = "CIS EKS 1.7.0"
_CLUSTER: Final = ("aws:eks/cluster:Cluster",)
_NODES: Final = "aws:eks/nodeGroup:NodeGroup"
_SUBNET: Final = "aws:ec2/subnet:Subnet"
_LOGS: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")
_GUIDE: Final = "https://docs.aws.amazon.com/eks/latest/userguide"


def _open_api(each: Look) -> Iterator[str]:
    if each.at("vpcConfig.endpointPublicAccess") is False:
        return
    if any(open_to_all(cidr) for cidr in each.values("vpcConfig.publicAccessCidrs")):
        yield "vpcConfig.publicAccessCidrs lets anybody ask the API server, expected networks of your own"
    elif not each.values("vpcConfig.publicAccessCidrs"):
        yield "vpcConfig.publicAccessCidrs is not said, which is everybody, expected networks of your own"


def _public_api(each: Look) -> Iterator[str]:
    if each.at("vpcConfig.endpointPublicAccess") is not False:
        yield "vpcConfig.endpointPublicAccess is on, as it is where it is not said, expected false"
    if not each.at("vpcConfig.endpointPrivateAccess"):
        yield "vpcConfig.endpointPrivateAccess is off, as it is where it is not said, expected true"


def _logs(each: Look) -> Iterator[str]:
    there = each.values("enabledClusterLogTypes")
    if missing := [kind for kind in each.config["kinds"] if kind not in there]:
        yield f"enabledClusterLogTypes lacks {', '.join(missing)}, expected {', '.join(each.config['kinds'])}"


def _with_logs(each: Look) -> Mapping[str, Any] | None:
    there = each.values("enabledClusterLogTypes")
    missing = [kind for kind in each.config["kinds"] if kind not in there]
    return put(each.props, ["enabledClusterLogTypes"], [*there, *missing]) if missing else None


def _secrets(each: Look) -> Iterator[str]:
    if "secrets" not in each.values("encryptionConfig.resources"):
        yield "encryptionConfig does not name secrets, expected resources: [secrets] with a key of your own"
    elif not each.told("encryptionConfig.provider.keyArn"):
        yield "encryptionConfig.provider.keyArn is not there, expected a key of your own"


def _entries(each: Look) -> Iterator[str]:
    mode = each.at("accessConfig.authenticationMode", "CONFIG_MAP")
    if mode != "API":
        yield f"accessConfig.authenticationMode is {mode}, expected API"
    if each.at("accessConfig.bootstrapClusterCreatorAdminPermissions", True) is not False:
        yield "accessConfig.bootstrapClusterCreatorAdminPermissions is on, as where it is not said, expected false"


def _ssh(each: Look) -> Iterator[str]:
    if each.told("remoteAccess.ec2SshKey") and not each.values("remoteAccess.sourceSecurityGroupIds"):
        yield "remoteAccess has a key and no sourceSecurityGroupIds, so port 22 is open to anybody, expected none"


def _public_nodes(whole: Whole) -> Iterator[tuple[Look, str]]:
    gateways = whole.all("aws:ec2/internetGateway:InternetGateway")
    routes = whole.all("aws:ec2/route:Route")
    open_tables = [
        table
        for table in whole.all("aws:ec2/routeTable:RouteTable")
        for gateway in gateways
        if whole.refers(table, "routes", gateway)
        or any(whole.refers(one, "routeTableId", table) and whole.refers(one, "gatewayId", gateway) for one in routes)
    ]
    joined = whole.all("aws:ec2/routeTableAssociation:RouteTableAssociation")
    public = [
        subnet
        for subnet in whole.all(_SUBNET)
        if yes(subnet.at("mapPublicIpOnLaunch"))
        or any(
            whole.refers(one, "subnetId", subnet) and whole.refers(one, "routeTableId", table)
            for one in joined
            for table in open_tables
        )
    ]
    for group in whole.all(_NODES):
        for subnet in public:
            if whole.refers(group, "subnetIds", subnet) or _named(group, subnet):
                yield group, f"subnetIds has {subnet.name}, which the internet reaches, expected private subnets"
                break


def _named(group: Look, subnet: Look) -> bool:
    return subnet.told("id") and subnet.at("id") in group.values("subnetIds")


RULES: Final = (
    Rule(
        name="eks-api-not-open",
        title="The API server of an EKS cluster is not open to the internet",
        why="Whoever finds a hole in it, or a token, can try from anywhere",
        fix="name the networks that may ask, or make the endpoint private",
        severity=Severity.HIGH,
        ids=("CKV_AWS_38", f"{CIS} 5.4.1"),
        links=(f"{_GUIDE}/cluster-endpoint.html",),
        types=_CLUSTER,
        look=_open_api,
    ),
    Rule(
        name="eks-api-private",
        title="The API server of an EKS cluster is reached from its VPC alone",
        why="Nodes talk to a public endpoint by way of the internet, and so may others",
        fix="turn the private endpoint on and the public one off",
        severity=Severity.MEDIUM,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_AWS_39", f"{CIS} 5.4.2"),
        links=(f"{_GUIDE}/cluster-endpoint.html",),
        types=_CLUSTER,
        look=_public_api,
    ),
    Rule(
        name="eks-logs",
        title="The control plane of an EKS cluster logs",
        why="Who asked what of the cluster is found nowhere else once something has happened",
        fix="list every kind of log",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_37", f"{CIS} 2.1.1"),
        links=(f"{_GUIDE}/control-plane-logs.html",),
        types=_CLUSTER,
        look=_logs,
        remedy=_with_logs,
        config={
            "kinds": {
                "type": "array",
                "items": {"type": "string", "enum": list(_LOGS)},
                "default": list(_LOGS),
                "description": "Kinds of logs that there must be.",
            }
        },
    ),
    Rule(
        name="eks-secrets-encrypted",
        title="Secrets of an EKS cluster are encrypted with a key of one's own",
        why="Who may use the key, and when it is taken from everybody, is not in your hands",
        fix="name a key of KMS for secrets; a cluster that is there takes one in place, and keeps it for good",
        severity=Severity.HIGH,
        ids=("CKV_AWS_58", f"{CIS} 5.3.1"),
        links=(f"{_GUIDE}/enable-kms.html",),
        types=_CLUSTER,
        look=_secrets,
    ),
    Rule(
        name="eks-access-entries",
        title="Who may use an EKS cluster is said by access entries",
        why="A mistake in the config map locks everybody out, and who made the cluster stays its administrator unseen",
        fix="write authenticationMode API, and an entry with a policy for each who may",
        severity=Severity.MEDIUM,
        level=EnforcementLevel.ADVISORY,
        ids=(f"{CIS} 5.5.1",),
        links=(f"{_GUIDE}/access-entries.html",),
        types=_CLUSTER,
        look=_entries,
    ),
    Rule(
        name="eks-nodes-no-open-ssh",
        title="Nodes of EKS take no SSH from everywhere",
        why="With a key alone, EKS opens port 22 of each node to the internet",
        fix="leave remoteAccess out, and use Session Manager",
        severity=Severity.HIGH,
        ids=("CKV_AWS_100",),
        links=("https://docs.aws.amazon.com/eks/latest/APIReference/API_RemoteAccessConfig.html",),
        types=(_NODES,),
        look=_ssh,
    ),
    StackRule(
        name="eks-nodes-private",
        title="Nodes of EKS are in private subnets",
        why="A node with a public address can be asked by anybody whom a security group lets in by mistake",
        fix="put the nodes into subnets whose way out is a NAT gateway",
        severity=Severity.HIGH,
        ids=(f"{CIS} 5.4.3",),
        links=(f"{_GUIDE}/network-reqs.html",),
        look=_public_nodes,
    ),
)
