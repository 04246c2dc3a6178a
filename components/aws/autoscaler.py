"""What gives a cluster the nodes that its pods wait for, and takes them away again."""

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, NotRequired, Optional, TypedDict, cast

import pulumi
import yaml
from pulumi_aws.cloudwatch.event_rule import EventRule
from pulumi_aws.cloudwatch.event_target import EventTarget
from pulumi_aws.eks.access_entry import AccessEntry
from pulumi_aws.iam.instance_profile import InstanceProfile
from pulumi_aws.sqs.queue import Queue
from pulumi_aws.sqs.queue_policy import QueuePolicy

from components import checks
from components.aws import checks as aws
from components.aws import cluster_autoscaler, controllers, karpenter, nodes, pools
from components.aws.pools import EksNodePool
from components.aws.tags import Tags
from components.kubernetes import names
from components.kubernetes.objects import KubernetesObject
from components.outputs import known

Json = dict[str, Any]

DIGEST = r"\S+@sha256:[0-9a-f]{64}"


class EksAutoscalerKind(Enum):
    """Who decides about nodes."""

    KARPENTER = "karpenter"
    """Karpenter, which starts machines that fit what waits, of any type that a pool allows."""
    CLUSTER_AUTOSCALER = "cluster-autoscaler"
    """The cluster autoscaler, which moves the size of node groups that are there."""


class EksAutoscalerArgs(TypedDict):
    account_id: str
    """Account of the cluster."""
    region: str
    """Region of the cluster."""
    cluster_name: pulumi.Input[str]
    """Name of the cluster."""
    image: pulumi.Input[str]
    """The controller, by digest: `public.ecr.aws/karpenter/controller@sha256:...` of 1.14 or later, or
    `registry.k8s.io/autoscaling/cluster-autoscaler@sha256:...` of the cluster's own minor."""
    kind: NotRequired[EksAutoscalerKind]
    """Who decides about nodes. Default: Karpenter."""
    node_role_arn: NotRequired[pulumi.Input[str]]
    """ARN of the role of nodes, as of the cluster's own node group. Karpenter needs it."""
    node_role_name: NotRequired[pulumi.Input[str]]
    """Name of that role. Karpenter needs it."""
    separate_node_role: NotRequired[bool]
    """Whether no node group has that role, so that the cluster must be told to let nodes with it join. Default: False:
    EKS does so for the roles of node groups."""
    subnet_ids: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Private subnets that nodes start in. Karpenter needs them."""
    security_group_id: NotRequired[pulumi.Input[str]]
    """Security group of nodes, as of the cluster. Karpenter needs it."""
    pools: NotRequired[Sequence[EksNodePool]]
    """Nodes that Karpenter may make. Default: one pool without GPUs, called cpu."""
    definitions: NotRequired[Sequence[str]]
    """Files with Karpenter's CustomResourceDefinitions, of the version of `image`. Default: they are in the cluster."""
    spot_groups: NotRequired[Sequence[str]]
    """Patterns of the names of auto scaling groups that the cluster autoscaler tries first. Default: those with `spot`
    between hyphens."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that takes them, nodes and their disks included."""


class EksAutoscaler(pulumi.ComponentResource):
    """Nodes for what waits: Karpenter with its pools, or the cluster autoscaler over node groups.

    The controller is not a chart: its account, its rules and its Deployment are resources of their own, so that a
    preview shows each and a policy judges each, with either engine (charts need a plugin that only the official one
    can start). Karpenter's definitions are not written anew here, as its defaults are in them: they come from files
    (`definitions`), or are in the cluster already. Karpenter starts machines, so its role is held to the tags of this
    cluster, to the subnets and the security group that are given, and to one role of nodes; it writes nothing to IAM.

    Taken away in the order pools, node classes, controller, role: nodes and their network interfaces are gone before
    who removes them is. Outputs: `role_arn`, `queue_name`, `instance_profile`, `pools`.
    """

    role_arn: pulumi.Output[str]
    """ARN of the controller's role."""
    queue_name: pulumi.Output[str]
    """Name of the queue that tells Karpenter of machines that AWS takes back; empty with the cluster autoscaler."""
    instance_profile: pulumi.Output[str]
    """Name of the instance profile of Karpenter's nodes; empty with the cluster autoscaler."""
    pools: pulumi.Output[list[str]]
    """Names of Karpenter's pools."""

    def __init__(
        self,
        name: str,
        args: EksAutoscalerArgs,
        opts: Optional[pulumi.ResourceOptions] = None,  # noqa: UP045
    ) -> None:
        kind = _checked(name, args)
        super().__init__("modelport:index:EksAutoscaler", name, {}, opts)
        self._name, self._args, self._child = name, args, pulumi.ResourceOptions(parent=self)
        self._region, self._account = args["region"], args["account_id"]
        self._cluster = controllers.cluster("EksAutoscaler.cluster_name", args["cluster_name"])
        self._tags = Tags("EksAutoscaler.tags", name, args.get("tags"))
        if kind is EksAutoscalerKind.KARPENTER:
            self._karpenter()
        else:
            self._cluster_autoscaler()
        self.register_outputs(
            {
                "role_arn": self.role_arn,
                "queue_name": self.queue_name,
                "instance_profile": self.instance_profile,
                "pools": self.pools,
            }
        )

    def _identity(
        self, namespace: str, service_account: str, statements: Mapping[str, pulumi.Input[str]]
    ) -> controllers.Identity:
        made = controllers.Identity(
            self._name,
            region=self._region,
            account=self._account,
            cluster=self._cluster,
            namespace=namespace,
            service_account=service_account,
            statements=statements,
            tags=self._tags,
            parent=self,
        )
        self.role_arn = made.role.arn
        return made

    def _karpenter(self) -> None:
        region, account = self._region, self._account
        subnets, group, role = _subnets(self._args), self._args.get("security_group_id"), _role(self._args)
        queue = self._queue()
        identity = self._identity(
            karpenter.NAMESPACE,
            karpenter.NAME,
            {
                "placement": known(
                    partial(karpenter.placement, region, account), subnets=subnets, security_group=group
                ),
                "lifecycle": known(partial(karpenter.lifecycle, region, account), cluster=self._cluster),
                "discovery": known(
                    partial(karpenter.discovery, region, account), cluster=self._cluster, node_role=role
                ),
                "queue": queue.arn.apply(karpenter.reading),
            },
        )
        profile = InstanceProfile(
            f"{self._name}-nodes",
            role=self._args.get("node_role_name"),
            tags=self._tags.of(f"{self._name}-nodes"),
            opts=self._child,
        )
        joining: list[pulumi.Resource] = []
        if self._args.get("separate_node_role", False):
            entry = AccessEntry(
                f"{self._name}-nodes",
                cluster_name=self._cluster,
                principal_arn=role,
                type="EC2_LINUX",
                tags=self._tags.of(f"{self._name}-nodes"),
                opts=self._child,
            )
            joining.append(entry)
        self.queue_name, self.instance_profile = queue.name, profile.name
        associated = identity.given()
        controller = controllers.Controller(karpenter.NAME, karpenter.NAMESPACE, f"{self._name}-karpenter", self)
        for definition in _definitions(self._args.get("definitions") or []):
            self._defined(controller, definition)
        controller.allow(karpenter.RULES, karpenter.OWN_RULES)
        controller.close()
        selector = {"matchLabels": {names.APP: karpenter.NAME}}
        controller.make("PodDisruptionBudget", "budget", spec={"maxUnavailable": 1, "selector": selector})

        spec = controllers.deployment(
            karpenter.NAME,
            controllers.by_digest("EksAutoscaler.image", self._args["image"]),
            replicas=karpenter.REPLICAS,
            ports={"http-metrics": karpenter.METRICS, "health": karpenter.HEALTH},
            health=("/healthz", "/readyz"),
            resources={
                "requests": {"cpu": "250m", "memory": "512Mi", "ephemeral-storage": "64Mi"},
                "limits": {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "256Mi"},
            },
            env=karpenter.environment(region, self._cluster, queue.name),
            # It would take away the node that it runs on.
            avoid=f"{karpenter.GROUP}/nodepool",
        )
        running = controller.run(spec, [associated, *identity.rights])
        self._pools(profile.name, [running, profile, *joining])

    def _queue(self) -> Queue:
        """Told by AWS of machines that it takes back, and who may tell."""
        name = f"{self._name}-interruptions"
        queue = Queue(
            name,
            sqs_managed_sse_enabled=True,
            # Older news of a machine are about one that is gone.
            message_retention_seconds=300,
            tags=self._tags.of(name),
            opts=self._child,
        )
        rules: list[pulumi.Output[str]] = []
        for about, (source, detail) in karpenter.EVENTS.items():
            called = f"{self._name}-{about}"
            pattern = f'{{"source": ["{source}"], "detail-type": ["{detail}"]}}'
            rule = EventRule(called, event_pattern=pattern, tags=self._tags.of(called), opts=self._child)
            EventTarget(called, rule=rule.name, arn=queue.arn, opts=self._child)
            rules.append(rule.arn)
        policy = pulumi.Output.all(queue.arn, *rules).apply(lambda arns: karpenter.queue_policy(arns[0], arns[1:]))
        QueuePolicy(name, queue_url=queue.url, policy=policy, opts=self._child)
        return queue

    def _defined(self, controller: controllers.Controller, definition: Json) -> None:
        """One definition. It stays when the stack goes: with it would go every object of its kind."""
        called = definition["metadata"]["name"]
        opts = pulumi.ResourceOptions(parent=self, retain_on_delete=True)
        fields = {key: definition[key] for key in ("metadata", "spec")}
        made = KubernetesObject(
            definition["apiVersion"], definition["kind"], f"{self._name}-{called.split('.')[0]}", opts, **fields
        )
        controller.behind.append(made)

    def _pools(self, profile: pulumi.Output[str], behind: list[pulumi.Resource]) -> None:
        made: list[str] = []
        for pool in self._args.get("pools") or [EksNodePool(name="cpu")]:
            called = pool["name"]
            meta = {"name": called, "labels": controllers.labels(karpenter.NAME)}
            classed = KubernetesObject(
                f"{karpenter.AWS_GROUP}/v1",
                "EC2NodeClass",
                f"{self._name}-{called}-class",
                pulumi.ResourceOptions(parent=self, depends_on=behind),
                metadata=meta,
                spec=pools.node_class(
                    pool,
                    profile,
                    _subnets(self._args),
                    self._args.get("security_group_id"),
                    self._tags.of(f"{self._name}-{called}"),
                ),
            )
            KubernetesObject(
                f"{karpenter.GROUP}/v1",
                "NodePool",
                f"{self._name}-{called}",
                pulumi.ResourceOptions(parent=self, depends_on=[classed]),
                metadata=meta,
                spec=pools.node_pool(pool),
            )
            made.append(called)
        self.pools = pulumi.Output.from_input(made)

    def _cluster_autoscaler(self) -> None:
        region, account = self._region, self._account
        rights = known(partial(cluster_autoscaler.rights, region, account), cluster=self._cluster)
        identity = self._identity(cluster_autoscaler.NAMESPACE, cluster_autoscaler.NAME, {"nodes": rights})
        associated = identity.given()
        controller = controllers.Controller(
            cluster_autoscaler.NAME, cluster_autoscaler.NAMESPACE, f"{self._name}-cluster-autoscaler", self
        )
        controller.allow(cluster_autoscaler.RULES, cluster_autoscaler.OWN_RULES)
        controller.close()
        patterns = list(self._args.get("spot_groups") or [".*-spot-.*"])
        controller.make(
            "ConfigMap",
            "priorities",
            called=cluster_autoscaler.PRIORITIES,
            data={"priorities": cluster_autoscaler.priorities(patterns)},
        )

        spec = controllers.deployment(
            cluster_autoscaler.NAME,
            controllers.by_digest("EksAutoscaler.image", self._args["image"]),
            replicas=2,
            ports={"health": cluster_autoscaler.PORT},
            health=("/health-check", "/health-check"),
            resources={
                "requests": {"cpu": "100m", "memory": "600Mi", "ephemeral-storage": "64Mi"},
                "limits": {"cpu": "1", "memory": "600Mi", "ephemeral-storage": "256Mi"},
            },
            # Pods cannot ask the metadata service, whose answers go one hop.
            env=[{"name": "AWS_REGION", "value": region}],
            command=known(cluster_autoscaler.arguments, cluster=self._cluster),
        )
        controller.run(spec, [associated, *identity.rights])
        self.queue_name = self.instance_profile = pulumi.Output.from_input("")
        self.pools = pulumi.Output.from_input([])


KARPENTERS = ("node_role_arn", "node_role_name", "subnet_ids", "security_group_id")
"""What it cannot do without."""


def _checked(name: str, args: EksAutoscalerArgs) -> EksAutoscalerKind:
    """Raises ArgsError for what cannot be meant, before anything is registered."""
    checks.given("EksAutoscaler", args, EksAutoscalerArgs)
    # A role's name has 64 characters, a rule's too, of which `-reservation-interruption` and Pulumi's suffix take 33.
    aws.named("EksAutoscaler", name, 30)
    aws.account("EksAutoscaler.account_id", args["account_id"])
    aws.region("EksAutoscaler.region", args["region"])
    kind = checks.choice("EksAutoscaler.kind", args.get("kind", EksAutoscalerKind.KARPENTER), EksAutoscalerKind)
    controllers.cluster("EksAutoscaler.cluster_name", args["cluster_name"])
    controllers.by_digest("EksAutoscaler.image", args["image"])
    grouped = kind is EksAutoscalerKind.CLUSTER_AUTOSCALER
    others = ["pools", "definitions", "separate_node_role"] if grouped else ["spot_groups"]
    for key in others:
        if args.get(key):
            expected = f"nothing with kind {kind.value}"
            raise checks.wrong(f"EksAutoscaler.{key}", args.get(key), expected, "leave it out")
    for pattern in args.get("spot_groups") or []:
        try:
            re.compile(pattern)
        except re.error as error:
            what, expected = "EksAutoscaler.spot_groups", f"regular expressions ({error})"
            raise checks.wrong(what, pattern, expected, "for example .*-spot-.*") from None
    if grouped:
        return kind
    for key in KARPENTERS:
        if args.get(key) is None:
            raise checks.ArgsError(f"EksAutoscaler.{key} is missing, expected it with kind karpenter; write {key}: ...")
    _role(args)
    _subnets(args)
    group = args.get("security_group_id")
    if isinstance(group, str):
        aws.identity("EksAutoscaler.security_group_id", group, "sg")
    pools.checked("EksAutoscaler.pools", args.get("pools"), args["region"])
    _definitions(args.get("definitions") or [])
    return kind


def _role(args: EksAutoscalerArgs) -> pulumi.Input[str]:
    """The role of nodes. Raises ArgsError, for what is an output once it is known."""
    pattern = rf"arn:({'|'.join(aws.PARTITIONS)}):iam::{aws.ACCOUNT}:role/.+"
    what, example = "EksAutoscaler.node_role_arn", "arn:aws:iam::123456789012:role/nodes"
    given = cast("pulumi.Input[str]", args.get("node_role_arn"))
    return checks.asked(given, lambda known: checks.fits(what, known, pattern, "the ARN of a role", example))


def _subnets(args: EksAutoscalerArgs) -> pulumi.Input[Sequence[pulumi.Input[str]]]:
    return nodes.subnets("EksAutoscaler.subnet_ids", args.get("subnet_ids") or [], 1)


def _definitions(files: Sequence[str]) -> list[Json]:
    """The CustomResourceDefinitions in some files. Raises ArgsError, also where one that Karpenter needs is missing."""
    what = "EksAutoscaler.definitions"
    found: list[Json] = []
    for file in files:
        try:
            documents = list(yaml.safe_load_all(Path(file).read_text(encoding="utf-8")))
        except (OSError, ValueError, yaml.YAMLError) as error:
            told = getattr(error, "strerror", None) or "it is not YAML"
            raise checks.wrong(
                what, file, f"a file with definitions, which cannot be read ({told})", "mend it"
            ) from None
        for document in documents:
            definition = cast("Json", document) if isinstance(document, dict) else {}
            if definition.get("kind") != "CustomResourceDefinition":
                raise checks.wrong(what, file, "CustomResourceDefinitions and nothing else", "leave the others out")
            found.append(definition)
    here = {each["metadata"]["name"] for each in found}
    if files and (missing := [each for each in karpenter.DEFINITIONS if each not in here]):
        raise checks.wrong(what, list(files), f"files that define {', '.join(missing)} too", "add those of its release")
    return found
