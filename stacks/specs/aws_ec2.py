"""The section `ec2`: the account, and all that the target `aws-ec2` makes in it around the model."""

from typing import Annotated, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from stacks.specs.aws_common import Days, NetworkedSpec, OpenFrontSpec
from stacks.specs.part import Part
from stacks.specs.words import Line


class Ec2InstanceSpec(Part):
    """What runs the model, and how many of it there are."""

    types: tuple[Line, ...] | None = None
    """Types of instances, the preferred one first, all with NVIDIA GPUs or all without; as `m7i.large` or `g6.xlarge`.
    Default: those of m7i.large, m6i.large and m5.large that the region has. `auto`: for `load`."""
    image_id: Line | None = None
    """Machine image, as `ami-...`: one like AWS's own for ECS on Amazon Linux 2023. Default: AWS's newest as an
    instance starts, with NVIDIA's driver for types with GPUs."""
    count: Annotated[StrictInt, Field(ge=1, le=1000)] = 2
    """Instances, where `autoscaling` does not say how many."""
    spot_percent: Annotated[StrictInt, Field(ge=0, le=99)] = 0
    """Percent of the instances beyond the fewest on spare capacity, which is cheaper and may be taken away."""
    requests_per_minute: Annotated[float | None, Field(gt=0)] = None
    """Requests that the autoscaler gives each instance, beside `autoscaling.cpu`. Default: that is not looked at."""
    disk_gib: Annotated[StrictInt | None, Field(ge=30, le=16_384)] = None
    """Each instance's encrypted disk. Default: 30, and 100 with GPUs."""
    max_days: Annotated[StrictInt, Field(ge=1, le=365)] = 30
    """Days after which an instance is replaced, by one of the newest machine image."""
    workers: Annotated[StrictInt | None, Field(ge=1, le=256)] = None
    """Processes that answer on each. Default: one for each core, four at most."""
    env: dict[str, str] = Field(default_factory=dict[str, str])
    """Environment of the server, beside its own. Nothing secret: whoever may look at launch templates reads it."""
    sessions: StrictBool = False
    """Whether whoever may use SSM's Session Manager gets a shell on instances. Default: nobody does."""


class Ec2AlarmsSpec(Part):
    """What ends a release and rolls it back."""

    error_percent: Annotated[float, Field(ge=0, le=100)] = 1
    """Percent of the answers that may be errors by the server's fault. An ALB measures it."""
    latency: Annotated[float | None, Field(gt=0, le=3600)] = None
    """Seconds within which 99 of 100 answers must come. Default: that is not looked at."""
    names: tuple[Line, ...] = ()
    """Names of alarms of your own."""


class Ec2Spec(NetworkedSpec):
    """The account, and all that is made in it around the model."""

    instance: Ec2InstanceSpec = Ec2InstanceSpec()
    """What runs the model, and how many of it there are. `auto`: as `modelport size` chose for `load`."""
    load_balancer: OpenFrontSpec | None = None
    """How callers reach the model. Default: not at all."""
    alarms: Ec2AlarmsSpec = Ec2AlarmsSpec()
    """What ends a release and rolls it back."""
    log_days: Days = 365
    """Days for which logs of servers and machines are kept."""
    wait: StrictBool = True
    """Whether `up` waits until a release is over, and fails when it was rolled back. Without, AWS goes on alone, which
    wants `instance.image_id`: AWS rolls no image back that it looks up itself."""

    @model_validator(mode="after")
    def _reached(self) -> Self:
        if self.network.nat == "none" and self.network.existing is None:
            raise ValueError(
                "network.nat is none, expected a NAT gateway, as instances fetch the AWS command line and reach EC2 "
                "Auto "
                "Scaling through it; write nat: shared"
            )
        front, said = self.load_balancer, self.alarms.model_fields_set & {"error_percent", "latency"}
        if front is None and said:
            raise ValueError(
                "alarms is set without load_balancer, expected one that measures answers; write load_balancer, or "
                "leave error_percent and latency out"
            )
        if front is not None and front.kind == "NLB" and said:
            raise ValueError("alarms is set with kind NLB, expected ALB, as answers are HTTP's; leave alarms out")
        return self
