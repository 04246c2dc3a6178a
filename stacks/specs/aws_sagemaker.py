"""The section `sagemaker`: the account, and all that the target `aws-sagemaker` makes in it around the model."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from stacks.specs.aws_common import Days, NetworkedSpec, NetworkSpec
from stacks.specs.part import Part
from stacks.specs.words import Line

Endpoint = Annotated[
    str,
    Field(
        pattern=r"^[a-z]([-a-z0-9]{0,20}[a-z0-9])?$",
        json_schema_extra={"x-expected": "at most 22 lower-case letters, digits and hyphens, a letter first"},
    ),
]
Digest = Annotated[
    str,
    Field(pattern=r"^sha256:[0-9a-f]{64}$", json_schema_extra={"x-expected": "a digest, sha256: and 64 hex digits"}),
]
Weight = Annotated[float, Field(ge=0, le=1_000_000)]


class SageMakerNetworkSpec(NetworkSpec):
    """The VPC that the models' network interfaces stand in."""

    nat: Literal["per-zone", "shared", "none"] = "none"
    """How private subnets reach the internet. Default: not at all, as the containers speak to nobody."""


class SageMakerInstanceSpec(Part):
    """What runs the model, and how many of it there are."""

    type: Line = "ml.m7i.large"
    """Instance type, as `ml.g5.xlarge`. `auto`: for `load`."""
    count: Annotated[StrictInt, Field(ge=1, le=1000)] = 2
    """Instances, where `autoscaling` does not say how many."""
    workers: Annotated[StrictInt | None, Field(ge=1, le=256)] = None
    """Processes that answer on each. Default: one for each core, 4 at most."""
    requests_per_minute: Annotated[float | None, Field(gt=0)] = None
    """Requests that the autoscaler gives each instance. Default: that is not looked at."""
    startup_seconds: Annotated[StrictInt, Field(ge=60, le=3600)] = 300
    """Seconds within which the model must answer on a new instance."""
    env: dict[str, str] = Field(default_factory=dict[str, str])
    """Environment of the server, beside its own. Nothing secret: whoever may look at models reads it."""


class SageMakerVariantSpec(Part):
    """Another version that answers a share of the requests."""

    digest: Digest
    """Which one: an image of the same repository."""
    weight: Weight
    """Its share, beside the weights of all variants together."""
    type: Line | None = None
    """Instance type. Default: as `instance.type`."""


class SageMakerCaptureSpec(Part):
    """Requests and answers, kept in an encrypted bucket of the account."""

    percent: Annotated[StrictInt, Field(ge=1, le=100)]
    """Percent of the requests that are kept."""
    days: Annotated[StrictInt, Field(ge=1, le=3650)] = 90
    """Days for which they are kept."""
    answers: StrictBool = True
    """Whether answers are kept beside requests."""
    delete_data: StrictBool = False
    """Whether `destroy` takes away what was kept."""


class SageMakerAlarmsSpec(Part):
    """What rolls a release back, whichever strategy it has."""

    error_percent: Annotated[float, Field(ge=0, le=100)] = 1
    """Percent of the new version's answers that may be errors by the server's fault."""
    latency: Annotated[float | None, Field(gt=0, le=60)] = None
    """Seconds within which 99 of 100 answers must come. Default: that is not looked at."""
    names: tuple[Line, ...] = ()
    """Names of alarms of your own."""


class SageMakerSpec(NetworkedSpec):
    """The account, and all that is made in it around the model."""

    name: Endpoint = "models"
    """What the endpoint is called, and what names of all else begin with. Another one is another endpoint."""
    network: SageMakerNetworkSpec = SageMakerNetworkSpec()  # pyright: ignore[reportIncompatibleVariableOverride]  # it is frozen
    """The VPC that the models' network interfaces stand in."""
    reached_from_vpc: StrictBool = False
    """Whether callers in the VPC reach the endpoint without leaving it, through an interface in each zone."""
    instance: SageMakerInstanceSpec = SageMakerInstanceSpec()
    """What runs the model, and how many of it there are. `auto`: as `modelport size` chose for `load`."""
    weight: Weight = 1
    """Share of the requests for the model's own version, beside the weights of `variants`."""
    variants: dict[str, SageMakerVariantSpec] = Field(default_factory=dict[str, SageMakerVariantSpec])
    """Other versions that answer a share of the requests, by name. Default: none."""
    shadow_percent: Annotated[float, Field(ge=1, le=100)] = 100
    """With `release.strategy: shadow`: percent of the requests that the new version gets copies of."""
    capture: SageMakerCaptureSpec | None = None
    """What is kept of requests and answers. Default: nothing."""
    alarms: SageMakerAlarmsSpec = SageMakerAlarmsSpec()
    """What rolls a release back."""
    log_days: Days = 365
    """Days for which logs of the models are kept."""

    @model_validator(mode="after")
    def _weighed(self) -> Self:
        if not self.weight and not any(each.weight for each in self.variants.values()):
            raise ValueError("weight is 0, expected one above 0 here or for one of variants; write 1")
        return self
