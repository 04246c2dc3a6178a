"""The section `aws`: the account, and all that the target `aws-eks` makes in it around the model."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from stacks.specs.aws_common import Days, Email, FrontSpec, Named, NetworkedSpec
from stacks.specs.gateway import Label
from stacks.specs.part import Part
from stacks.specs.words import Line, Network, once

_NODES = Field(ge=0, le=450)
_DISK = Field(ge=20, le=16_384)

Image = Annotated[
    str,
    Field(
        pattern=r"^\S+@sha256:[0-9a-f]{64}$",
        json_schema_extra={"x-expected": "an image by digest, as registry.example.com/name@sha256:..."},
    ),
]


class EksSpec(Part):
    """The cluster and the nodes that its own pods, and the model's, run on."""

    version: Annotated[str, Field(examples=["1.35"])]
    """Version of Kubernetes. A higher one upgrades in place, one minor at a time; nothing is replaced but nodes."""
    admins: dict[str, Line]
    """Who administers the cluster: ARNs of IAM roles or users by names of your choice. Whoever runs `up` must be among
    them."""
    public_access_cidrs: tuple[Network, ...] = ()
    """Networks that may reach the API server over the internet. Default: none, so `up` runs inside of the VPC or of
    `private_access_cidrs`."""
    private_access_cidrs: tuple[Network, ...] = ()
    """Private networks, of a VPN for example, that may reach the API server."""
    support: Literal["EXTENDED", "STANDARD"] = "EXTENDED"
    """At the end of standard support EKS leaves the version as it is, for a fee, or upgrades by itself."""
    log_days: Days = 365
    """Days for which logs of the control plane are kept."""
    allow_deletion: StrictBool = False
    """Whether `destroy` may delete the cluster. It takes an `up` with true first."""
    instance_types: tuple[Line, ...] | None = None
    """Instance types of its nodes, of one architecture. Default: `m6i.large`. `auto`: as `modelport size` chose, beside
    `service.resources: auto`."""
    min: Annotated[StrictInt, _NODES] = 2
    """The fewest nodes."""
    desired: Annotated[StrictInt | None, _NODES] = None
    """Nodes at first, and for good where no cluster autoscaler moves their number. Default: the fewest."""
    max: Annotated[StrictInt, Field(ge=1, le=450)] = 4
    """The most nodes."""
    disk_gib: Annotated[StrictInt, _DISK] = 50
    """A node's encrypted disk."""


class GpuSpec(Part):
    """A group of nodes with GPUs: with a cluster autoscaler none until a pod asks for one."""

    instance_types: tuple[Line, ...]
    """Types with NVIDIA GPUs of one model, as many in each, the preferred one first; as `g6.xlarge`."""
    image: Literal["AL2023", "BOTTLEROCKET"] = "AL2023"
    """What nodes start from."""
    min: Annotated[StrictInt, _NODES] = 0
    """The fewest nodes."""
    desired: Annotated[StrictInt | None, _NODES] = None
    """Nodes at first, and for good where no cluster autoscaler moves their number. Default: the fewest."""
    max: Annotated[StrictInt, Field(ge=1, le=450)] = 1
    """The most nodes."""
    spot: StrictBool = False
    """Whether spot instances are taken where there are some, and others where not."""
    disk_gib: Annotated[StrictInt, _DISK] = 100
    """A node's encrypted disk."""


class GpusSpec(Part):
    """Nodes with GPUs, and what makes pods find them."""

    groups: Annotated[dict[str, GpuSpec], Field(min_length=1)]
    """Groups of nodes, by name: `instance_types`, and `image`, `min`, `desired`, `max`, `spot`, `disk_gib`."""
    device_plugin_image: Image | None = None
    """NVIDIA's device plugin, by digest: `nvcr.io/nvidia/k8s-device-plugin@sha256:...`. Nodes of AL2023 need it."""
    time_slices: Annotated[StrictInt, Field(ge=1, le=48)] = 1
    """Pods that share one GPU by turns."""


class BalancerSpec(FrontSpec):
    """How callers outside of the cluster reach the model: a name with TLS, and API keys."""

    node_port: Annotated[StrictInt, Field(ge=30_000, le=32_767)] = 30_080
    """Port of the nodes that it leads to."""
    keys: tuple[Label, ...] = ("default",)
    """Names of the API keys that are made, one for each caller."""
    anonymous: StrictBool = False
    """Whether everybody is answered, without a key."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        once(self.keys, "keys")
        if self.anonymous and self.keys and "keys" in self.model_fields_set:
            raise ValueError("anonymous is true beside keys, expected one of them; leave keys out, or anonymous")
        return self


class PoolSpec(Part):
    """Nodes that Karpenter may make."""

    gpus: StrictBool = False
    """Whether they have GPUs and are kept for pods that ask for one."""
    instance_types: tuple[Line, ...] | None = None
    """Types that they may have. Default: any of the families c, m and r. A pool with GPUs names them."""
    spot: StrictBool = True
    """Whether spot instances are taken where there are some."""
    limit_cpus: Annotated[StrictInt | None, Field(ge=1, le=100_000)] = None
    """Cores of all of them together. Default: 64; with GPUs 32 for each of those."""
    limit_gpus: Annotated[StrictInt | None, Field(ge=1, le=10_000)] = None
    """GPUs of all of them together. A pool with GPUs says it."""


class NodesSpec(Part):
    """Who decides how many nodes there are."""

    kind: Literal["karpenter", "cluster-autoscaler"] = "karpenter"
    """Karpenter starts machines that fit what waits; the cluster autoscaler moves the sizes of groups of nodes."""
    image: Image
    """The controller, by digest: `public.ecr.aws/karpenter/controller@sha256:...`, or
    `registry.k8s.io/autoscaling/cluster-autoscaler@sha256:...` of the cluster's minor version."""
    definitions: tuple[Line, ...] = ()
    """Karpenter: files with its CustomResourceDefinitions, of the version of `image`."""
    pools: dict[str, PoolSpec] = Field(default_factory=dict[str, PoolSpec])
    """Karpenter: what nodes it may make, by name. Default: one pool, `cpu`."""

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.kind == "karpenter" and not self.definitions:
            raise ValueError(
                "definitions is missing with kind karpenter, expected files with Karpenter's definitions, as a cluster "
                "that is just made has none; name them, or write kind: cluster-autoscaler"
            )
        if self.kind != "karpenter" and (self.pools or self.definitions):
            key = "pools" if self.pools else "definitions"
            raise ValueError(f"{key} is set with kind {self.kind}, expected it with karpenter alone; remove it")
        return self


class WatchSpec(Part):
    """What CloudWatch measures, shows and tells."""

    collector_image: Image
    """The CloudWatch agent, by digest: `public.ecr.aws/cloudwatch-agent/cloudwatch-agent@sha256:...`."""
    emails: tuple[Email, ...] = ()
    """Who is told of alarms."""
    latency: Annotated[float, Field(gt=0, le=600)] = 0.25
    """Seconds within which 99 of 100 requests are to be answered."""
    error_percent: Annotated[float, Field(gt=0, le=100)] = 1
    """Per cent of requests that may fail by the server's fault."""
    log_days: Days = 365
    """Days for which logs of pods are kept."""


class AwsSpec(NetworkedSpec):
    """The account, and all that is made in it around the model."""

    name: Named = "models"
    """What the cluster is called, and what names of all else begin with. Another one is another cluster."""
    cluster: EksSpec
    """The cluster and its nodes."""
    gpu: GpusSpec | None = None
    """Nodes with GPUs, for pods that ask for one; the model's own ask for none. Default: none."""
    load_balancer: BalancerSpec | None = None
    """How callers outside of the cluster reach the model. Default: not at all."""
    autoscaler: NodesSpec | None = None
    """Who decides how many nodes there are. Default: nobody, as many as `cluster.desired` and each group say."""
    monitoring: WatchSpec | None = None
    """What CloudWatch measures, shows and tells. Default: logs of the control plane alone."""
