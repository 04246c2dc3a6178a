"""What the sections of all targets on Google Cloud have in common: project, network, registry and load balancer."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from stacks.specs.aws_common import Email as Email
from stacks.specs.aws_common import Named as Named
from stacks.specs.gateway import Hostname
from stacks.specs.part import Part
from stacks.specs.words import Labels, Line, Network


class SharedVpcSpec(Part):
    """A network that is there already, and stays."""

    network_id: Line
    """Its name with its project, as `projects/shop-prod/global/networks/shop`."""
    subnetwork_id: Line
    """A subnetwork of the region, as `projects/shop-prod/regions/europe-west4/subnetworks/shop`."""
    cidr: Network
    """Addresses of the subnetwork."""
    pods_range: Line
    """Name of its secondary range for pods."""
    pods_cidr: Network
    """Addresses of that."""
    services_range: Line
    """Name of its secondary range for Services of Kubernetes."""
    services_cidr: Network
    """Addresses of that."""


class MadeNetworkSpec(Part):
    """A network that is made."""

    cidr: Network = "10.0.0.0/20"
    """Addresses of machines. Others are another network, with all that stands in it."""
    pods_cidr: Network | None = None
    """Addresses of pods, of which each node takes 256. Default: `10.4.0.0/14`."""
    services_cidr: Network | None = None
    """Addresses of Services of Kubernetes. Default: `10.0.16.0/20`."""
    nat: Literal["automatic", "static", "none"] = "automatic"
    """How what is in it reaches the internet: by Cloud NAT with addresses that Google chooses, with one that stays, or
    not at all. Google's own services are reached either way."""
    apart_from: tuple[Network, ...] = ()
    """Networks that it must share no address with: offices, other networks that it is to be joined to."""
    flow_log_sampling: Annotated[float, Field(gt=0, le=1)] = 1
    """Share of the traffic of which it is kept who spoke to whom."""


class VpcNetworkSpec(MadeNetworkSpec):
    """The network that everything stands in."""

    existing: SharedVpcSpec | None = None
    """A network to use instead of making one, beside which none of the keys above is set. Default: one is made."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.existing is not None and (beside := sorted(self.model_fields_set - {"existing", "apart_from"})):
            raise ValueError(f"{beside[0]} is set beside existing, whose network has its own; leave one of them out")
        return self


class ArtifactRegistrySpec(Part):
    """Where the model's images are kept: a repository of Artifact Registry. `image.keep: false` lets `destroy` take it
    away."""

    repository: Line | None = None
    """Its name, as `models`. Default: the project's name."""
    images_kept: Annotated[StrictInt, Field(ge=1, le=10_000)] = 100
    """Images that stay, from the newest."""
    pullers: dict[str, Line] = Field(default_factory=dict[str, str])
    """Who else may pull, by a short name of each, as `ci: serviceAccount:ci@shop-prod.iam.gserviceaccount.com`."""
    adopt: StrictBool = False
    """Whether the repository is there already, as a `destroy` that keeps images leaves it, and is taken over."""
    key_name: Line | None = None
    """Key of Cloud KMS that encrypts the images. Default: one of its own. A repository that is taken over keeps the one
    that it was made with, which has to stand here."""

    @model_validator(mode="after")
    def _kept(self) -> Self:
        if self.adopt and self.key_name is None:
            named = self.repository or "NAME"
            raise ValueError(
                "adopt is true without key_name, expected the key that the repository was made with; ask `gcloud "
                f"artifacts repositories describe {named} --location REGION --format 'value(kmsKeyName)'` for it"
            )
        return self


class ManagedCertificateSpec(Part):
    """A certificate that is there already."""

    name: Line
    """Its whole name in Certificate Manager, as `projects/shop-prod/locations/global/certificates/shop`."""
    names: tuple[Line, ...]
    """Names that it is for, as `*.example.com`."""


class GlobalFrontSpec(Part):
    """How callers reach the model: a name with TLS on the internet, for named networks."""

    hostname: Hostname
    """DNS name that callers use."""
    zone_name: Hostname
    """Zone that the name is in, as `example.com`."""
    managed_zone: Line
    """What that zone is called in Cloud DNS."""
    client_cidrs: tuple[Network, ...]
    """Networks that may call. All others are refused by Cloud Armor. `0.0.0.0/0`, or a part of it of less than 8 bits,
    is for `open_to_the_internet` alone."""
    open_to_the_internet: StrictBool = False
    """Whether such networks may be among them."""
    requests_per_minute: Annotated[StrictInt | None, Field(ge=1)] = None
    """Requests a minute that one address may send. Default: any number."""
    certificate: ManagedCertificateSpec | None = None
    """A certificate that is there. Default: one is made, and proven by DNS."""
    allow_deletion: StrictBool = False
    """Whether `destroy` may delete its address. It takes an `up` with true first."""


class ReleaseAlarmsSpec(Part):
    """What sends a release back that is looked at, of strategy `canary` or `blue-green`."""

    error_percent: Annotated[float | None, Field(ge=0, le=100)] = None
    """Percent of the new version's answers that may be errors by the server's fault. Default: 1."""
    latency: Annotated[float | None, Field(gt=0, le=3600)] = None
    """Seconds within which 99 of 100 of its answers must come. Default: that is not looked at."""
    policies: tuple[Line, ...] = ()
    """Alert policies of your own, as `projects/shop-prod/alertPolicies/1234567890123456789`: an open incident of one
    sends a release back."""


class ProjectBudgetSpec(Part):
    """What a month may cost, and who is told when it costs more. Google counts a few times a day, and stops nothing."""

    billing_account: Line
    """Id of the account that pays for the project, as `01ABCD-2345EF-67890A`: `gcloud billing projects describe ID`."""
    monthly_amount: Annotated[float, Field(ge=0.01, le=1e9)]
    """What a month may cost."""
    currency: Annotated[Line, Field(examples=["EUR"])]
    """What that is an amount of, as `EUR`: the currency of the account that pays."""
    emails: Annotated[tuple[Email, ...], Field(max_length=5)] = ()
    """Who is told. Others may subscribe to its topic."""
    payers: StrictBool = True
    """Whether administrators and users of the account that pays are told by mail, too."""
    cost_label: Line | None = None
    """Key of one of `labels`: only what carries it with that value counts. Default: all that the project costs."""
    after_credits: StrictBool = False
    """Whether credits are taken off first: discounts are some, but so are vouchers that run out."""
    actual_percents: tuple[float, ...] = (80, 100)
    """Percentages of it at which costs that there are get told."""
    forecast_percents: tuple[float, ...] = (100,)
    """Percentages of it at which costs that are expected for the month get told."""
    key_name: Line | None = None
    """Key of Cloud KMS that encrypts its topic. Default: one of its own."""


class ProjectSpec(Part):
    """The project, and what is made in it whatever runs the model."""

    project: Annotated[str, Field(examples=["shop-prod"])]
    """Id of the project that everything is made in."""
    project_number: Annotated[str, Field(examples=['"123456789012"'])]
    """Its number, as text: `gcloud projects describe ID --format 'value(projectNumber)'`. Google's own agents, who get
    the right to use keys, are called by it."""
    region: Line
    """Region, as `europe-west4`."""
    name: Named = "models"
    """What names of all that is made begin with. Another one makes all of it anew."""
    registry: ArtifactRegistrySpec = ArtifactRegistrySpec()
    """Where the model's images are kept."""
    labels: Labels = Field(default_factory=dict[str, str])
    """Labels of everything, beside the library's own."""
    enable_apis: StrictBool = True
    """Whether the APIs that it wants are enabled in the project, and stay so. `false`: they are, by somebody else."""
    budget: ProjectBudgetSpec | None = None
    """What a month may cost, and who is told when it costs more. Default: nobody."""

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        key = self.budget.cost_label if self.budget is not None else None
        if key is not None and key not in self.labels:
            raise ValueError(
                f"budget.cost_label is {key}, expected a key of labels, by which costs are told apart; write labels: "
                f"{{{key}: ...}}, or leave cost_label out"
            )
        return self


class NetworkedProjectSpec(ProjectSpec):
    """The project, with a network in it."""

    network: VpcNetworkSpec = VpcNetworkSpec()
    """The network that everything stands in."""


Channel = Literal["RAPID", "REGULAR", "STABLE", "EXTENDED"]
