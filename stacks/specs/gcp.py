"""The section `gcp`: the project, and all that the target `gcp-gke` makes in it around the model."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from stacks.specs.gateway import Label
from stacks.specs.gcp_common import Channel, Email, GlobalFrontSpec, Named, NetworkedProjectSpec
from stacks.specs.part import Part
from stacks.specs.words import Line, Network, once

_NODES = Field(ge=0, le=1000)
_DISK = Field(ge=20, le=65_536)


class GkeSpec(Part):
    """The cluster and the nodes that its own pods, and the model's, run on."""

    kind: Literal["standard", "autopilot"] = "standard"
    """Nodes of your own, or pods that Google finds nodes for. Another kind is another cluster."""
    channel: Channel = "REGULAR"
    """Release channel: how soon Google upgrades it, within the maintenance window."""
    version: Annotated[str | None, Field(examples=["1.34"])] = None
    """Least version of Kubernetes. Default: what the channel has."""
    public_access_cidrs: tuple[Network, ...] = ()
    """Networks that may reach the API server over the internet. Default: none, so `up` runs inside of the network or of
    `private_access_cidrs`."""
    private_access_cidrs: tuple[Network, ...] = ()
    """Private networks, of a VPN for example, that may reach the API server."""
    dns_endpoint: StrictBool = False
    """Whether the API server is reached by a name from anywhere, by whom IAM gives `container.clusters.connect`."""
    allow_deletion: StrictBool = False
    """Whether `destroy` may delete the cluster. It takes an `up` with true first."""
    machine_type: Line | None = None
    """Machine type of its nodes, of x86_64. Default: `e2-standard-4`. Not with `autopilot`. `auto`: as `modelport size`
    chose, beside `service.resources: auto`."""
    min: Annotated[StrictInt | None, Field(ge=1, le=1000)] = None
    """The fewest nodes, in all zones together. Default: one in each."""
    max: Annotated[StrictInt | None, Field(ge=1, le=1000)] = None
    """The most nodes. Default: two in each zone."""
    disk_gib: Annotated[StrictInt, _DISK] = 100
    """A node's encrypted disk."""


class GkeGpuSpec(Part):
    """Nodes with GPUs: none until a pod asks for one."""

    machine_type: Line
    """Type with NVIDIA GPUs, as `g2-standard-8`, or of the series N1 with `gpu` attached."""
    gpu: Line | None = None
    """GPU that is attached to a machine of the series N1, as `T4`."""
    gpu_count: Annotated[StrictInt | None, Field(ge=1, le=8)] = None
    """How many of that each node has. Default: 1."""
    zones: tuple[Line, ...] | None = None
    """Zones of the region that have them. Default: all that do."""
    min: Annotated[StrictInt, _NODES] = 0
    """The fewest nodes."""
    max: Annotated[StrictInt, Field(ge=1, le=1000)] = 1
    """The most nodes."""
    spot: StrictBool = False
    """Whether spot machines are taken where there are some, and others where not."""
    disk_gib: Annotated[StrictInt, _DISK] = 100
    """A node's encrypted disk."""


class GkeFrontSpec(GlobalFrontSpec):
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


class GkeWatchSpec(Part):
    """What Cloud Monitoring measures, shows and tells."""

    emails: tuple[Email, ...] = ()
    """Who is told of alerts."""
    latency: Annotated[float, Field(gt=0, le=600)] = 0.25
    """Seconds within which 99 of 100 requests are to be answered."""
    error_percent: Annotated[float, Field(gt=0, le=100)] = 1
    """Per cent of requests that may fail by the server's fault."""
    uptime: StrictBool = False
    """Whether Google asks `load_balancer.hostname` from outside once a minute. The addresses that it asks from, which
    `gcloud monitoring uptime list-ips` tells, have to be among `client_cidrs`."""


class GcpSpec(NetworkedProjectSpec):
    """The project, and all that is made in it around the model."""

    name: Named = "models"
    """What the cluster is called, and what names of all else begin with. Another one is another cluster."""
    cluster: GkeSpec
    """The cluster and its nodes."""
    gpu: Annotated[dict[str, GkeGpuSpec], Field(min_length=1)] | None = None
    """Nodes with GPUs by name, for pods that ask for one; the model's own ask for none. Default: none."""
    load_balancer: GkeFrontSpec | None = None
    """How callers outside of the cluster reach the model. Default: not at all."""
    monitoring: GkeWatchSpec | None = None
    """What Cloud Monitoring measures, shows and tells. Default: nothing beside what Google collects itself."""

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if self.monitoring is not None and self.monitoring.uptime and self.load_balancer is None:
            raise ValueError(
                "monitoring.uptime is true without load_balancer, expected one, whose hostname is asked; write it, or "
                "leave uptime out"
            )
        if self.cluster.kind != "autopilot":
            return self
        given = sorted(self.cluster.model_fields_set & {"machine_type", "min", "max", "disk_gib"})
        if given:
            raise ValueError(
                f"cluster.{given[0]} is set with kind autopilot, expected none, as Google finds the nodes; remove it"
            )
        if self.gpu is not None:
            raise ValueError(
                "gpu is set with kind autopilot, expected none, as a pod that asks for a GPU gets its node there; "
                "remove it"
            )
        if self.load_balancer is not None:
            raise ValueError(
                "load_balancer is set with kind autopilot, expected kind standard, as it leads to nodes, of which "
                "Autopilot shows none; write kind: standard, or leave load_balancer out"
            )
        return self
