"""A Kubernetes cluster on EKS, with what must run in it before anything else can."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, NotRequired, Optional, TypedDict

import pulumi
from pulumi_aws.cloudwatch.log_group import LogGroup
from pulumi_aws.eks.access_entry import AccessEntry
from pulumi_aws.eks.access_policy_association import AccessPolicyAssociation
from pulumi_aws.eks.cluster import Cluster
from pulumi_aws.eks.node_group import NodeGroup
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy import RolePolicy
from pulumi_aws.iam.role_policy_attachment import RolePolicyAttachment
from pulumi_aws.kms.key import Key
from pulumi_aws.vpc.security_group_ingress_rule import SecurityGroupIngressRule

from components import api_access, checks, kubeconfig
from components.aws import add_ons, catalog, nodes, policies
from components.aws import checks as aws
from components.aws.tags import Tags

LONGEST = 36
"""Characters of the name: `NAME-aws-ebs-csi-driver` with Pulumi's suffix is a role's, of 64 at most."""
LOGS: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""All that a control plane writes."""
LOG_DAYS = 365
MOST_PUBLIC: Final = 40
"""Networks that may reach an API server over the internet (EKS user guide, "Service quotas", 2026-11-22)."""
USE: Final = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:ListGrants")
"""What the control plane does with the key of its secrets (EKS user guide, "Encrypt Kubernetes secrets with KMS")."""
PRINCIPAL = r"(role|user)/[\w+=,.@/-]{1,512}"


class EksSupport(Enum):
    """What becomes of a cluster whose version of Kubernetes has reached the end of standard support."""

    EXTENDED = "EXTENDED"
    """It stays as it is for another year, and costs more."""
    STANDARD = "STANDARD"
    """EKS upgrades it, at an hour of its own choice."""


class EksClusterArgs(TypedDict):
    region: str
    """Region, as `eu-central-1`: that of the AWS provider."""
    account_id: str
    """Id of the account, twelve digits as text."""
    version: str
    """Version of Kubernetes, as `1.36`. A higher one upgrades the cluster in place, one minor version at a time, as EKS
    refuses to skip one: first the control plane, then add-ons, then nodes, which are replaced one by one. There is no
    way back."""
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Private subnets, of at least two availability zones."""
    admins: dict[str, pulumi.Input[str]]
    """Who administers the cluster: ARNs of IAM roles or users, each under a name that it keeps. Whoever deploys what
    runs in the cluster must be among them: to have made it gives no rights in it."""
    public_access_cidrs: NotRequired[Sequence[str]]
    """Networks that may reach the API server over the internet. Default: none, it is reached from the VPC alone."""
    open_to_the_internet: NotRequired[bool]
    """Whether one of `public_access_cidrs` may be 0.0.0.0/0 or next to it. Default: no."""
    private_access_cidrs: NotRequired[Sequence[str]]
    """Private networks, those of a VPN for example, that may reach the API server. Default: the nodes alone."""
    key_arn: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key that encrypts secrets and logs; its policy lets the cluster's role and CloudWatch Logs use it.
    It is that of the cluster for good. Default: one made for it, which rotates."""
    log_days: NotRequired[int]
    """Days for which the control plane's logs are kept. Default: 365."""
    support: NotRequired[EksSupport]
    """What becomes of it at the end of standard support. Default: it stays as it is, for a fee."""
    allow_deletion: NotRequired[bool]
    """Whether the cluster may be deleted. Default: no; write true and run `up` before `destroy`."""
    system_instance_types: NotRequired[Sequence[str]]
    """Instance types of the nodes that the cluster's own pods run on, of one architecture. Default: `m6i.large`, or
    `m7i.large` where the region has none."""
    system_min: NotRequired[int]
    """Least number of these nodes. Default: 2, so that one may fail."""
    system_desired: NotRequired[int]
    """Number of them at first; an autoscaler moves it from then on. Default: the least."""
    system_fixed_size: NotRequired[bool]
    """Whether no autoscaler moves their number, so that `system_desired` is what it is at all times. Default: no."""
    system_max: NotRequired[int]
    """Greatest number of them. Default: 4."""
    system_disk_gib: NotRequired[int]
    """Size of a node's encrypted disk, GiB. Default: 50."""
    system_release: NotRequired[pulumi.Input[str]]
    """Release of the nodes' image, as `1.36.4-20260917`. Default: the newest when the nodes are made or upgraded."""
    disk_key_arn: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key of the nodes' disks, which the service-linked role of EC2 Auto Scaling may use. Default: the
    account's own key for EBS."""
    add_on_versions: NotRequired[dict[str, pulumi.Input[str]]]
    """Versions of add-ons by name, as `coredns: v1.14.3-eksbuild.23`. Default: those that this library has been held to
    for the version of Kubernetes."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that is made, beside this library's. Default: none."""


class EksCluster(pulumi.ComponentResource):
    """A private EKS cluster with encrypted secrets, all control-plane logs, API access entries and its system nodes.

    It is called as the component is. Nothing that is changed replaces it: what would is refused, by EKS's deletion
    protection and Pulumi's. Who uses its `name` or `kubeconfig` comes after nodes and network, and is gone before
    those go. Outputs: `name`, `arn`, `endpoint`, `certificate_authority`, `kubeconfig` (no secret: the AWS CLI is asked
    for a token), `security_group_id`, `node_role_arn`, `node_role_name`, `version`, `key_arn`, `log_group_name`.
    """

    name: pulumi.Output[str]
    """Name of the cluster."""
    arn: pulumi.Output[str]
    """Its ARN."""
    endpoint: pulumi.Output[str]
    """URL of its API server."""
    certificate_authority: pulumi.Output[str]
    """Certificate of its authority, PEM in Base64."""
    kubeconfig: pulumi.Output[str]
    """A kubeconfig that has the AWS CLI fetch a token, so there is no secret in it."""
    security_group_id: pulumi.Output[str]
    """Id of the security group of the control plane and all nodes."""
    node_role_arn: pulumi.Output[str]
    """ARN of the nodes' role."""
    node_role_name: pulumi.Output[str]
    """Name of the nodes' role."""
    version: pulumi.Output[str]
    """Version of Kubernetes."""
    key_arn: pulumi.Output[str]
    """ARN of the key that encrypts secrets and logs."""
    log_group_name: pulumi.Output[str]
    """Name of the control plane's log group."""

    def __init__(self, name: str, args: EksClusterArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        checks.given("EksCluster", args, EksClusterArgs)
        aws.named("EksCluster", name, LONGEST)
        region, account, version = args["region"], args["account_id"], args["version"]
        aws.region("EksCluster.region", region)
        aws.account("EksCluster.account_id", account)
        support = checks.choice("EksCluster.support", args.get("support", EksSupport.EXTENDED), EksSupport)
        _version(version, support)
        subnets = nodes.subnets("EksCluster.subnet_ids", args["subnet_ids"], 2)
        _admins(args["admins"], region)
        opened = args.get("open_to_the_internet", False)
        public = api_access.public(
            "EksCluster", args.get("public_access_cidrs") or (), opened=opened, most=MOST_PUBLIC, service="EKS"
        )
        private = api_access.private("EksCluster", args.get("private_access_cidrs") or ())
        key_arn = nodes.key("EksCluster.key_arn", args.get("key_arn"), region)
        aws.log_days("EksCluster.log_days", args.get("log_days", LOG_DAYS))
        usual = _usual(region)
        types = nodes.types(
            "EksCluster.system_instance_types", args.get("system_instance_types", [usual]), region, usual
        )
        sizes = nodes.sizes("EksCluster", args, "system_", nodes.Sizes(2, 2, 4))
        if sizes.desired == 0:
            expected = "one node at least, as EKS waits for add-ons until their pods run somewhere"
            raise checks.wrong("EksCluster.system_desired", 0, expected, "write 2")
        disk = nodes.disk(
            "EksCluster.system_disk_gib",
            args.get("system_disk_gib", 50),
            nodes.key("EksCluster.disk_key_arn", args.get("disk_key_arn"), region),
        )
        versions = _add_on_versions(version, args.get("add_on_versions") or {})
        tags = Tags("EksCluster.tags", name, args.get("tags"))
        super().__init__("modelport:index:EksCluster", name, {}, opts)
        made = _Made(self, name, region, account, tags)

        if key_arn is None:
            key_arn = made.key()
        arn = f"arn:{aws.partition(region)}:eks:{region}:{account}:cluster/{name}"
        takes = policies.trust("eks.amazonaws.com", account, arn)
        role, permissions = made.role("control-plane", takes, ["AmazonEKSClusterPolicy"])
        permissions.append(made.may_use(role, key_arn))
        logs = made.logs(key_arn, args.get("log_days", LOG_DAYS))
        reached: Any = {
            "subnet_ids": subnets,
            "endpoint_private_access": True,
            "endpoint_public_access": bool(public),
            **({"public_access_cidrs": public} if public else {}),
        }
        cluster = Cluster(
            name,
            name=name,
            role_arn=role.arn,
            version=version,
            vpc_config=reached,
            access_config={
                "authentication_mode": "API",
                # Who may do what is said by `admins` alone.
                "bootstrap_cluster_creator_admin_permissions": False,
            },
            encryption_config={"provider": {"key_arn": key_arn}, "resources": ["secrets"]},
            enabled_cluster_log_types=list(LOGS),
            # What EKS would install by itself is of no known version.
            bootstrap_self_managed_addons=False,
            upgrade_policy={"support_type": support.value},
            deletion_protection=not args.get("allow_deletion", False),
            tags=tags.of(name),
            opts=pulumi.ResourceOptions(
                parent=self,
                # EKS would make the log group itself, neither encrypted nor ever emptied; and without its role's
                # permissions it cannot take its network interfaces away.
                depends_on=[logs, *permissions],
                protect=None if args.get("allow_deletion", False) else True,
                # Both are read once, when a cluster is made: another value, or that of an imported cluster, would
                # replace it.
                ignore_changes=["bootstrapSelfManagedAddons", "accessConfig.bootstrapClusterCreatorAdminPermissions"],
                # Should anything else call for another cluster: its name is taken, so that the old one stays.
                delete_before_replace=False,
            ),
        )
        self.security_group_id = cluster.vpc_config.apply(lambda found: found.cluster_security_group_id or "")
        made.ways_in(self.security_group_id, private)
        admitted = made.admit(cluster.name, args["admins"])
        installer = add_ons.Installer(self, name, cluster.name, tags, region=region, account=account, versions=versions)
        first = installer.install(add_ons.BEFORE_NODES, [])
        # The network plugin and the driver of volumes have roles of their own: a node may neither.
        node_role, allowed = made.role("nodes", nodes.TRUST, nodes.POLICIES)
        template = nodes.template(self, f"{name}-system", disk, tags)
        self.nodes = NodeGroup(
            f"{name}-system",
            cluster_name=cluster.name,
            version=cluster.version,
            node_role_arn=node_role.arn,
            subnet_ids=subnets,
            ami_type="AL2023_ARM_64_STANDARD" if nodes.arm(types[0]) else "AL2023_x86_64_STANDARD",
            release_version=args.get("system_release"),
            capacity_type="ON_DEMAND",
            instance_types=types,
            launch_template=nodes.started_by(template),
            scaling_config={"min_size": sizes.least, "desired_size": sizes.desired, "max_size": sizes.most},
            update_config={"max_unavailable": 1},
            node_repair_config={"enabled": True},
            labels={"modelport.io/nodes": "system"},
            tags=tags.of(f"{name}-system"),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*first, *allowed],
                ignore_changes=nodes.moved(fixed=args.get("system_fixed_size", False)),
            ),
        )
        then = installer.install(add_ons.AFTER_NODES, [self.nodes])

        # By way of its nodes: who is in the cluster is gone before they and their network are.
        self.name = self.nodes.cluster_name
        self.arn, self.endpoint, self.version = cluster.arn, cluster.endpoint, cluster.version
        self.certificate_authority = cluster.certificate_authority.apply(lambda found: found.data or "")
        self.node_role_arn, self.node_role_name = node_role.arn, node_role.name
        self.key_arn, self.log_group_name = pulumi.Output.from_input(key_arn), logs.name
        self.kubeconfig = self._kubeconfig(region, [*admitted, *then])
        self.register_outputs(
            {each: getattr(self, each) for each in EksCluster.__annotations__ if not each.startswith("_")}
        )

    def _kubeconfig(self, region: str, behind: list[pulumi.Resource]) -> pulumi.Output[str]:
        """For whoever is let in, which they are once `behind` is there."""
        waited = pulumi.Output.all(self.name, *[each.urn for each in behind])
        name = waited.apply(lambda found: str(found[0]))
        ask = ["--region", region, "eks", "get-token", "--output", "json", "--cluster-name", name]
        return kubeconfig.written(name, self.endpoint, self.certificate_authority, {"command": "aws", "args": ask})


class _Made:
    """Makes what stands around the cluster."""

    def __init__(self, parent: EksCluster, name: str, region: str, account: str, tags: Tags) -> None:
        self._name, self._region, self._account, self._tags = name, region, account, tags
        self._partition = aws.partition(region)
        self._parent = parent
        self._child = pulumi.ResourceOptions(parent=parent)

    def key(self) -> pulumi.Output[str]:
        called = f"{self._name}-key"
        root = f"arn:{self._partition}:iam::{self._account}:root"
        used = {
            "Sid": "Secrets",
            "Effect": "Allow",
            "Principal": {"AWS": root},
            "Action": list(USE),
            "Resource": "*",
            # The control plane's role, whose own policy has to allow it too.
            "Condition": {
                "ArnLike": {
                    "aws:PrincipalArn": f"arn:{self._partition}:iam::{self._account}:role/{self._name}-control-plane-*"
                }
            },
        }
        policy = policies.key(self._region, self._account, policies.logs_key(self._region, self._account), used)
        return Key(
            called,
            description=f"Secrets and control-plane logs of {self._name}",
            enable_key_rotation=True,
            policy=policy,
            tags=self._tags.of(called),
            opts=self._child,
        ).arn

    def logs(self, key_arn: pulumi.Input[str], days: int) -> LogGroup:
        return LogGroup(
            f"{self._name}-logs",
            # EKS writes to the group of this name.
            name=f"/aws/eks/{self._name}/cluster",
            retention_in_days=days,
            kms_key_id=key_arn,
            tags=self._tags.of(f"{self._name}-logs"),
            opts=self._child,
        )

    def role(self, part: str, trust: str, allowed: Sequence[str]) -> tuple[Role, list[pulumi.Resource]]:
        """A role with policies that AWS keeps."""
        called = f"{self._name}-{part}"
        role = Role(called, assume_role_policy=trust, tags=self._tags.of(called), opts=self._child)
        return role, [
            RolePolicyAttachment(
                f"{called}-{each}",
                role=role.name,
                policy_arn=f"arn:{self._partition}:iam::aws:policy/{each}",
                opts=self._child,
            )
            for each in allowed
        ]

    def may_use(self, role: Role, key_arn: pulumi.Input[str]) -> RolePolicy:
        """Lets the control plane encrypt and read secrets."""
        written = policies.text(policies.content(policies.allow(USE, key_arn)))
        return RolePolicy(f"{self._name}-control-plane-key", role=role.name, policy=written, opts=self._child)

    def ways_in(self, group: pulumi.Output[str], networks: Sequence[str]) -> None:
        """Lets private networks reach the API server."""
        for each in networks:
            called = f"{self._name}-api-from-{each.replace('.', '-').replace('/', '-')}"
            SecurityGroupIngressRule(
                called,
                security_group_id=group,
                description="Kubernetes API",
                cidr_ipv4=each,
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                tags=self._tags.of(called),
                opts=self._child,
            )

    def admit(self, cluster: pulumi.Output[str], admins: Mapping[str, pulumi.Input[str]]) -> list[pulumi.Resource]:
        """Lets administrators in."""
        found: list[pulumi.Resource] = []
        for who, arn in admins.items():
            called = f"{self._name}-admin-{who}"
            entry = AccessEntry(
                called,
                cluster_name=cluster,
                principal_arn=arn,
                type="STANDARD",
                tags=self._tags.of(called),
                opts=self._child,
            )
            found.append(
                AccessPolicyAssociation(
                    called,
                    cluster_name=cluster,
                    principal_arn=entry.principal_arn,
                    policy_arn=f"arn:{self._partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
                    access_scope={"type": "cluster"},
                    opts=pulumi.ResourceOptions(parent=self._parent, depends_on=[entry]),
                )
            )
        return found


def _version(version: str, support: EksSupport) -> None:
    what = "EksCluster.version"
    if version not in catalog.KUBERNETES:
        known = list(catalog.KUBERNETES)
        expected = f"a version of Kubernetes that EKS supports, as text: {', '.join(known)}"
        raise checks.wrong(what, version, expected, f'write "{version if str(version) in known else known[0]}"')
    until = catalog.KUBERNETES[version]
    if support is EksSupport.STANDARD and until.standard < catalog.UPDATED:
        expected = f"one in standard support, which this was until {until.standard}, as support is STANDARD"
        newer = [each for each, has in catalog.KUBERNETES.items() if has.standard >= catalog.UPDATED]
        raise checks.wrong(what, version, expected, f'write "{newer[-1]}", or support: EXTENDED')


def _admins(admins: Mapping[str, pulumi.Input[str]], region: str) -> None:
    what = "EksCluster.admins"
    if not admins:
        expected = "at least one name with the ARN of a role or user, as to have made a cluster gives no rights in it"
        raise checks.wrong(what, admins, expected, "write {'deployer': 'arn:aws:iam::123456789012:role/deployer'}")
    known: dict[str, str] = {}
    for who, arn in admins.items():
        checks.fits(f"a key of {what}", who, r"[a-z][a-z0-9-]{0,31}", "a name of a-z, 0-9 and -", "deployer")
        if isinstance(arn, pulumi.Output):
            continue
        # Sessions (arn:aws:sts::...:assumed-role/...) and roots are no principals of an access entry.
        aws.arn(f"{what}[{who!r}]", arn, "iam", PRINCIPAL, "role/deployer")
        aws.here(f"{what}[{who!r}]", str(arn), region)
        if arn in known:
            raise checks.wrong(f"{what}[{who!r}]", arn, f"another than that of {known[arn]!r}", "leave one of them out")
        known[str(arn)] = who


def _usual(region: str) -> str:
    """What every region has: the newest ones begin with newer types."""
    fits = region in catalog.SURVEYED and catalog.offered("m6i.large", region)
    return "m6i.large" if fits else "m7i.large"


def _add_on_versions(version: str, given: dict[str, pulumi.Input[str]]) -> dict[str, Any]:
    for called, each in given.items():
        checks.one_of("a key of EksCluster.add_on_versions", called, add_ons.ALL)
        if not isinstance(each, pulumi.Output):
            what = f"EksCluster.add_on_versions[{called!r}]"
            example = catalog.ADD_ONS[version][called]
            checks.fits(what, each, r"v\d+\.\d+\.\d+-eksbuild\.\d+", "a version of the add-on", example)
    return add_ons.versions(version, given)
