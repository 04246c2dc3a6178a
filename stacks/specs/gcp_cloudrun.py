"""The section `cloudrun`: the project, and all that the target `gcp-cloudrun` makes in it around the model."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from stacks.specs.gcp_common import Email, GlobalFrontSpec, MadeNetworkSpec, ProjectSpec, ReleaseAlarmsSpec
from stacks.specs.part import Part
from stacks.specs.words import Line, Short


class CloudRunSecretSpec(Part):
    """A secret of Secret Manager that a variable has the value of. It is in no plan and in no state."""

    secret: Line
    """Its whole name, as `projects/shop-prod/secrets/upstream`, or its name alone where it is of this project."""
    version: Line | None = None
    """Number of the version, as text. Default: `latest`, what that is as an instance starts."""


class CloudRunInstanceSpec(Part):
    """What runs the model. How many of it there are, `autoscaling` says."""

    cpu: Annotated[StrictInt | None, Field(ge=1)] = None
    """vCPU of each: 1, 2, 4, 6 or 8. Default: 1, and beside a GPU the fewest that it takes. `auto`: this and memory for
    `load`."""
    memory: Annotated[StrictInt | None, Field(ge=128)] = None
    """MiB of each, what is written to /tmp among it. Default: 2048, or the least beside that many vCPU."""
    workers: Annotated[StrictInt, Field(ge=1, le=64)] = 1
    """Processes that answer in each."""
    concurrency: Annotated[StrictInt, Field(ge=1, le=1000)] = 80
    """The most requests at once in each; another instance starts beyond."""
    timeout: Annotated[StrictInt, Field(ge=1, le=3600)] = 60
    """Seconds within which an answer must come."""
    startup_seconds: Annotated[StrictInt, Field(ge=2, le=1800)] = 240
    """Seconds that a start may take, the model's loading among them; without a GPU at most 600."""
    startup_boost: StrictBool = True
    """Whether an instance has more CPU as it starts."""
    cpu_always: StrictBool | None = None
    """Whether an instance has its CPU between requests too, and is paid for as long as it lives. Default: no, and
    beside a GPU always."""
    env: dict[str, str] = Field(default_factory=dict[str, str])
    """Environment of the server, beside its own. Nothing secret: whoever may look at services reads it."""
    secrets: dict[str, CloudRunSecretSpec] = Field(default_factory=dict[str, CloudRunSecretSpec])
    """More of it, by variable, whose values are secrets; the service may read these and no others."""
    service_account: Line | None = None
    """Address of what instances are to Google Cloud. Default: an account that may do nothing but read `secrets`."""


class CloudRunGpuSpec(Part):
    """A GPU for each instance, for a server that uses one."""

    type: Literal["nvidia-l4", "nvidia-rtx-pro-6000"] = "nvidia-l4"
    """Which one. Each is in some regions alone."""
    zonal_redundancy: StrictBool = True
    """Whether GPUs are kept free in another zone. Without, an instance may find none when a zone fails, and costs less.
    Either has a quota of its own."""


class EgressNetworkSpec(Part):
    """A network that is there already, and stays."""

    network_id: Line
    """Its name with its project, as `projects/shop-prod/global/networks/shop`."""
    subnetwork_id: Line
    """A subnetwork of the region, as `projects/shop-prod/regions/europe-west4/subnetworks/shop`, /26 or larger."""


class EgressSpec(MadeNetworkSpec):
    """The network that instances reach out into. Nobody comes in through it."""

    existing: EgressNetworkSpec | None = None
    """A network to use instead of making one, beside which `egress` and `tags` alone are set. Default: one is made."""
    egress: Literal["all-traffic", "private-ranges-only"] = "all-traffic"
    """What goes that way: everything, so that the network's firewall and NAT decide, or what is for private
    addresses."""
    tags: tuple[Line, ...] = ()
    """Network tags of the instances, which firewall rules may name."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        beside = sorted(self.model_fields_set - {"existing", "egress", "tags"})
        if self.existing is not None and beside:
            raise ValueError(f"{beside[0]} is set beside existing, whose network has its own; leave one of them out")
        return self


class CloudRunWatchSpec(Part):
    """What Cloud Monitoring shows and tells of the service. It sends nothing back: that is `cloudrun.alarms`."""

    emails: tuple[Email, ...] = ()
    """Who is told of alerts."""
    latency: Annotated[float, Field(ge=0.001, le=3600)] = 0.25
    """Seconds within which 99 of 100 requests are to be answered."""
    error_percent: Annotated[float, Field(ge=0.001, le=100)] = 1
    """Percent of requests that may fail by the server's fault, or find no instance."""
    memory_percent: Annotated[float, Field(ge=1, le=100)] = 85
    """Percent of its memory that an instance may use."""
    uptime: StrictBool = False
    """Whether Google asks `load_balancer.hostname` from outside once a minute, which wants `anonymous`. The addresses
    that it asks from, which `gcloud monitoring uptime list-ips` tells, have to be among `client_cidrs`."""


class CloudRunSpec(ProjectSpec):
    """The project, and all that is made in it around the model."""

    name: Short = "models"
    """What the service is called, and what names of all else begin with. Another one is another service."""
    instance: CloudRunInstanceSpec = CloudRunInstanceSpec()
    """What runs the model. `auto`: as `modelport size` chose for `load`."""
    gpu: CloudRunGpuSpec | None = None
    """A GPU for each instance, which a model's own server has no use for. Default: none."""
    ingress: Literal["internal", "internal-and-cloud-load-balancing", "all"] | None = None
    """Where requests may come from, before anybody is asked who he is: VPC networks of the project, these and the load
    balancer, or anywhere. Default: `internal`, and with `load_balancer` that too."""
    invokers: dict[str, Line] = Field(default_factory=dict[str, str])
    """Who may call, by a short name of each, as `shop: serviceAccount:shop@shop-prod.iam.gserviceaccount.com`. Default:
    whoever may call any service of the project."""
    anonymous: StrictBool = False
    """Whether everybody is answered whom `ingress` lets through, in place of `invokers`: behind a load balancer,
    whoever is in its `client_cidrs`."""
    network: EgressSpec | None = None
    """The network that instances reach out into. Default: none, they reach the internet alone."""
    load_balancer: GlobalFrontSpec | None = None
    """A name with TLS of your own before it. Default: Cloud Run's own, `https://...run.app`."""
    alarms: ReleaseAlarmsSpec = ReleaseAlarmsSpec()
    """What sends a release back."""
    monitoring: CloudRunWatchSpec | None = None
    """What Cloud Monitoring shows and tells. Default: nothing but what Google collects itself."""
    key_name: Line | None = None
    """Key of Cloud KMS that encrypts the image where it runs, of this region. Default: one of its own."""
    binary_authorization: StrictBool = False
    """Whether the project's policy of Binary Authorization decides which images run."""
    allow_deletion: StrictBool = False
    """Whether `destroy` may delete the service. It takes an `up` with true first."""

    @model_validator(mode="after")
    def _reached(self) -> Self:
        front = self.load_balancer
        if self.anonymous and self.invokers:
            raise ValueError(
                "anonymous is true beside invokers, expected one of them; leave invokers out, or anonymous"
            )
        if front is not None and self.ingress == "internal":
            raise ValueError(
                "ingress is internal beside load_balancer, expected one that lets it in; leave ingress out, or write "
                "internal-and-cloud-load-balancing"
            )
        if front is not None and self.anonymous and self.ingress == "all":
            raise ValueError(
                "ingress is all beside load_balancer and anonymous, expected requests by the load balancer alone, as "
                "everybody is answered at Cloud Run's own address, whatever client_cidrs says; leave ingress out, or "
                "write invokers"
            )
        if front is None and self.ingress == "internal-and-cloud-load-balancing":
            raise ValueError(
                "ingress is internal-and-cloud-load-balancing without load_balancer, expected one to let in; write "
                "load_balancer, or leave ingress out"
            )
        if front is not None and not self.anonymous and not self.invokers:
            raise ValueError(
                "load_balancer is set without invokers, expected who may call through it; write anonymous: true to "
                "answer everybody in client_cidrs, or invokers, who send their identity tokens"
            )
        if self.monitoring is not None and self.monitoring.uptime and (front is None or not self.anonymous):
            raise ValueError(
                "monitoring.uptime is true without load_balancer and anonymous, expected both, as Google asks its "
                "hostname and is nobody to the service; write them, or leave uptime out"
            )
        return self

    @property
    def open_to(self) -> str:
        """Where requests may come from, in Cloud Run's words."""
        return self.ingress or ("internal" if self.load_balancer is None else "internal-and-cloud-load-balancing")
