"""The section `vertex`: the project, and all that the target `gcp-vertex` makes in it around the model."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from stacks.specs.gcp_common import MadeNetworkSpec, ProjectSpec, ReleaseAlarmsSpec
from stacks.specs.part import Part
from stacks.specs.words import Line, Short


class VertexMachineSpec(Part):
    """What runs the model, and how many of it there are."""

    type: Line = "n2-standard-2"
    """Machine type of each replica, as `g2-standard-8`. `auto`: for `load`."""
    gpu: Line | None = None
    """GPU that is attached to a machine of the series N1, as `T4`. Default: none."""
    gpu_count: Annotated[StrictInt | None, Field(ge=1, le=8)] = None
    """How many of that each has. Default: 1."""
    spot: StrictBool = False
    """Whether replicas run on spot machines, which Google takes back when it needs them."""
    count: Annotated[StrictInt, Field(ge=1, le=1000)] = 2
    """Replicas, where `autoscaling` does not say how many."""
    gpu_busy: Annotated[StrictInt | None, Field(ge=1, le=100)] = None
    """Percent of the time that the autoscaler keeps GPUs busy. Default: 60 for a machine that has some."""
    workers: Annotated[StrictInt | None, Field(ge=1, le=256)] = None
    """Processes that answer in each. Default: one for each core, 4 at most."""
    startup_seconds: Annotated[StrictInt, Field(ge=60, le=3600)] = 300
    """Seconds within which the model must answer in a new replica, once its machine is there."""
    env: dict[str, str] = Field(default_factory=dict[str, str])
    """Environment of the server, beside its own. Nothing secret: whoever may look at models reads it."""
    service_account: Line | None = None
    """Address of what containers are to Google Cloud. Default: an account of Google's own, which may do nothing in the
    project."""


class ReachedNetworkSpec(Part):
    """A network that is there already, and stays."""

    network_id: Line
    """Its name with its project, as `projects/shop-prod/global/networks/shop`."""
    subnetwork_id: Line
    """A subnetwork of the region, as `projects/shop-prod/regions/europe-west4/subnetworks/shop`."""


class VertexNetworkSpec(MadeNetworkSpec):
    """The network that a private endpoint is reached in: it has an address there."""

    nat: Literal["automatic", "static", "none"] = "none"
    """How what is in it reaches the internet. Default: not at all, as nothing of the model's is in it."""
    existing: ReachedNetworkSpec | None = None
    """A network to use instead of making one, beside which `everywhere` and `projects` alone are set. Default: one is
    made."""
    everywhere: StrictBool = False
    """Whether the endpoint is reached from other regions of the network too."""
    projects: tuple[Line, ...] = ()
    """Ids of other projects that may make a way to the endpoint of their own. Others are another endpoint."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        beside = sorted(self.model_fields_set - {"existing", "everywhere", "projects"})
        if self.existing is not None and beside:
            raise ValueError(f"{beside[0]} is set beside existing, whose network has its own; leave one of them out")
        return self


class VertexLoggingSpec(Part):
    """Requests and answers, kept in a table of BigQuery until somebody deletes them."""

    percent: Annotated[float, Field(ge=0.01, le=100)]
    """Percent of the requests that are kept."""
    dataset: Line | None = None
    """Dataset that is there already, as `shop-data.models`. Default: one is made, which owners of the project read."""
    delete_data: StrictBool = False
    """Whether `destroy` takes away what was kept in the one that is made."""


class VertexSpec(ProjectSpec):
    """The project, and all that is made in it around the model."""

    name: Short = "models"
    """What the endpoint is called, and what names of all else begin with. Another one is another endpoint."""
    access: Literal["private", "dedicated", "shared"] = "private"
    """Where it is reached: in `network` alone; on the internet by a name of its own; or by the region's name, which VPC
    Service Controls guard, with requests of 1.5 MB. Who may call IAM says, whichever it is. Private or not: another one
    is another endpoint."""
    network: VertexNetworkSpec | None = None
    """The network that a private endpoint is reached in. Default: one that is made."""
    machine: VertexMachineSpec = VertexMachineSpec()
    """What runs the model, and how many of it there are. `auto`: as `modelport size` chose for `load`."""
    invokers: dict[str, Line] = Field(default_factory=dict[str, str])
    """Who may call, by a short name of each, as `shop: serviceAccount:shop@shop-prod.iam.gserviceaccount.com`. Default:
    whoever may call any endpoint of the project."""
    logging: VertexLoggingSpec | None = None
    """What is kept of requests and answers. Default: nothing."""
    access_logs: StrictBool = True
    """Whether each request is an entry of the project's logs, without what it holds."""
    alarms: ReleaseAlarmsSpec = ReleaseAlarmsSpec()
    """What sends a release back."""
    key_name: Line | None = None
    """Key of Cloud KMS that encrypts the endpoint and the model, of this region. Another one is another endpoint.
    Default: one of its own."""
    allow_deletion: StrictBool = False
    """Whether `destroy` may delete the endpoint. It takes an `up` with true first."""

    @model_validator(mode="after")
    def _reached(self) -> Self:
        if self.network is not None and self.access != "private":
            raise ValueError(
                f"network is set with access {self.access}, expected none, as the endpoint is on the internet; leave "
                "network out, or write access: private"
            )
        return self

    @property
    def reached_in(self) -> VertexNetworkSpec | None:
        """The network of a private endpoint."""
        return (self.network or VertexNetworkSpec()) if self.access == "private" else None
