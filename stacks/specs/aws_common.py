"""What the sections of all targets on AWS have in common: account, network, registry and load balancer."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from stacks.specs.gateway import Hostname
from stacks.specs.part import Part
from stacks.specs.words import Labels, Line, Network, wide

Named = Annotated[
    str,
    Field(
        pattern=r"^[a-z]([-a-z0-9]{0,22}[a-z0-9])?$",
        json_schema_extra={"x-expected": "at most 24 lower-case letters, digits and hyphens, a letter first"},
    ),
]
Days = Annotated[
    StrictInt, Field(json_schema_extra={"x-expected": "days for which CloudWatch keeps logs, as 30, 90 or 365"})
]
Email = Annotated[str, Field(pattern=r"^[^\s@]+@[^\s@]+\.[^\s@]+$", json_schema_extra={"x-expected": "an address"})]


class VpcSpec(Part):
    """A VPC that is there already, and stays."""

    vpc_id: Line
    """Its id, as `vpc-0123456789abcdef0`."""
    cidr: Network
    """Its addresses."""
    zones: tuple[Line, ...]
    """Availability zone of each private subnet, in their order, at least two."""
    private_subnet_ids: tuple[Line, ...]
    """Private subnets, one for each zone: nodes, and load balancers that do not face the internet."""
    public_subnet_ids: tuple[Line, ...] = ()
    """Public subnets, for load balancers that face the internet."""
    route_table_ids: tuple[Line, ...] = ()
    """Route tables of the private subnets that get an endpoint of S3. Default: none gets one."""


class NetworkSpec(Part):
    """The VPC that everything stands in."""

    cidr: Network = "10.0.0.0/16"
    """Its addresses, a network of 16 to 21 bits. Others are another VPC, with all that stands in it."""
    zones: tuple[Line, ...] | None = None
    """Availability zones, two or more. Default: the first three of the region."""
    nat: Literal["per-zone", "shared", "none"] = "per-zone"
    """How private subnets reach the internet: a NAT gateway in each zone, one for all, or not at all."""
    apart_from: tuple[Network, ...] = ()
    """Networks that it must share no address with: offices, other VPCs that it is to be joined to."""
    flow_log_days: Days = 365
    """Days for which it is kept who spoke to whom."""
    existing: VpcSpec | None = None
    """A VPC to use instead of making one, beside which none of the keys above is set. Default: one is made."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.existing is not None and (beside := sorted(self.model_fields_set - {"existing", "apart_from"})):
            raise ValueError(f"{beside[0]} is set beside existing, whose VPC has its own; leave one of them out")
        return self


class RegistrySpec(Part):
    """Where the model's images are kept: a repository of ECR. `image.keep: false` lets `destroy` take it away."""

    repository: Line | None = None
    """Its name, as `models/digits`. Default: the project's name and the model's."""
    images_kept: Annotated[StrictInt, Field(ge=1, le=10_000)] = 100
    """Images that stay, from the newest."""
    pull_account_ids: tuple[Line, ...] = ()
    """Other accounts that may pull."""
    adopt: StrictBool = False
    """Whether the repository is there already, as a `destroy` that keeps images leaves it, and is taken over."""
    key_arn: Line | None = None
    """KMS key that encrypts the images. Default: one of its own. A repository that is taken over keeps the one that it
    was made with, which has to stand here."""

    @model_validator(mode="after")
    def _kept(self) -> Self:
        if self.adopt and self.key_arn is None:
            named = self.repository or "NAME"
            raise ValueError(
                "adopt is true without key_arn, expected the key that the repository was made with; ask `aws ecr "
                f"describe-repositories --repository-names {named} "
                "--query repositories[0].encryptionConfiguration.kmsKey` for it"
            )
        return self


class BudgetActionSpec(Part):
    """A policy that roles are given when it is spent, one that denies things for example."""

    policy_arn: Line
    """ARN of the policy."""
    role_names: Annotated[tuple[Line, ...], Field(min_length=1, max_length=100)]
    """Names of the roles that it is attached to."""
    percent: Annotated[float, Field(ge=1, le=1000)] = 100
    """At which percentage of the budget."""
    forecast: StrictBool = False
    """Whether costs that are only expected count."""
    without_approval: StrictBool = False
    """Whether it is done at once. Default: somebody approves it, as it may stop what runs."""


class BudgetSpec(Part):
    """What a month may cost, and who is told when it costs more. AWS counts a few times a day."""

    monthly_usd: Annotated[float, Field(ge=0.01, le=1e9)]
    """What a month may cost, in US dollars."""
    emails: Annotated[tuple[Email, ...], Field(max_length=10)] = ()
    """Who is told. Others may subscribe to its topic."""
    cost_tag: Line | None = None
    """Key of one of `tags`: only what carries it with that value counts. It has to be activated as a cost allocation
    tag in the account that pays. Default: all that the account costs."""
    actual_percents: tuple[float, ...] = (80, 100)
    """Percentages of it at which costs that there are get told."""
    forecast_percents: tuple[float, ...] = (100,)
    """Percentages of it at which costs that are expected for the month get told."""
    action: BudgetActionSpec | None = None
    """What is done beyond telling. Default: nothing."""


class CertificateSpec(Part):
    """A certificate that is there already."""

    arn: Line
    """ARN in ACM, of the same region."""
    names: tuple[Line, ...]
    """Names that it is for, as `*.example.com`."""


class FrontSpec(Part):
    """How callers reach the model: a name with TLS, for named networks."""

    hostname: Hostname
    """DNS name that callers use."""
    zone_name: Hostname
    """Zone of Route 53 that the name is in, as `example.com`."""
    hosted_zone_id: Line
    """Id of that zone."""
    client_cidrs: tuple[Network, ...]
    """Networks that may call. `0.0.0.0/0`, or a part of it of less than 8 bits, is for `internet_facing` alone."""
    kind: Literal["ALB", "NLB"] = "ALB"
    """HTTP balancer, or one of connections."""
    internet_facing: StrictBool = False
    """Whether it has addresses of the internet. Default: those of the VPC alone."""
    certificate: CertificateSpec | None = None
    """A certificate that is there. Default: one is made, and proven by DNS."""
    web_acl_arn: Line | None = None
    """Web ACL of AWS WAF in front of an ALB."""
    log_days: Annotated[StrictInt, Field(ge=1, le=3653)] = 90
    """Days for which its log of requests is kept."""
    allow_deletion: StrictBool = False
    """Whether `destroy` may delete it. It takes an `up` with true first."""


class OpenFrontSpec(FrontSpec):
    """How callers reach a model that asks for no API key: a name with TLS, for named networks."""

    client_cidrs: tuple[Network, ...]
    """Networks that may call: all that is in them, as no API key is asked for."""
    anonymous: StrictBool = False
    """Whether everybody on the internet may be answered: `0.0.0.0/0` among `client_cidrs` wants it, and so does any
    network of less than 8 bits."""

    @model_validator(mode="after")
    def _meant(self) -> Self:
        if (each := wide(self.client_cidrs)) is not None and not self.anonymous:
            raise ValueError(
                f"client_cidrs has {each}, expected networks of your own, as no API key is asked for; name them, or "
                "write anonymous: true"
            )
        return self


class AccountSpec(Part):
    """The account, and what is made in it whatever runs the model."""

    account_id: Annotated[str, Field(examples=['"123456789012"'])]
    """The account, twelve digits as text. With credentials of another one nothing is done."""
    region: Line
    """Region, as `eu-central-1`."""
    name: Named = "models"
    """What names of all that is made begin with. Another one makes all of it anew."""
    registry: RegistrySpec = RegistrySpec()
    """Where the model's images are kept."""
    tags: Labels = Field(default_factory=dict[str, str])
    """Tags of everything, beside the library's own."""
    budget: BudgetSpec | None = None
    """What a month may cost, and who is told when it costs more. Default: nobody."""

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        key = self.budget.cost_tag if self.budget is not None else None
        if key is not None and key not in self.tags:
            raise ValueError(
                f"budget.cost_tag is {key}, expected a key of tags, by which costs are told apart; write tags: "
                f"{{{key}: ...}}, or leave cost_tag out"
            )
        return self


class NetworkedSpec(AccountSpec):
    """The account, with a network in it."""

    network: NetworkSpec = NetworkSpec()
    """The VPC that everything stands in."""
