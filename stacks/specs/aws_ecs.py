"""The section `ecs`: the account, and all that the target `aws-ecs` makes in it around the model."""

from typing import Annotated, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from stacks.specs.aws_common import Days, Email, NetworkedSpec, OpenFrontSpec
from stacks.specs.part import Part
from stacks.specs.words import Line, Short


class EcsTaskSpec(Part):
    """What runs the model, and how many of it there are."""

    count: Annotated[StrictInt, Field(ge=1, le=5000)] = 2
    """Tasks, where `autoscaling` does not say how many."""
    cpu: Annotated[StrictInt | None, Field(ge=128)] = None
    """Units of CPU of each, 1024 to a vCPU. Default: for `requests_per_second` at the measured latency. `auto`: this
    and memory for `load`."""
    memory: Annotated[StrictInt | None, Field(ge=128)] = None
    """MiB of each. Default: the server's and twice the model's for each worker, and requests in hand."""
    workers: Annotated[StrictInt, Field(ge=1, le=64)] = 1
    """Processes that answer in each."""
    requests_per_second: Annotated[float, Field(gt=0, le=100_000)] = 20.0
    """What one of them is to answer steadily."""
    spot_percent: Annotated[StrictInt, Field(ge=0, le=99)] = 0
    """Percent of the tasks beyond the fewest on spare capacity, which is cheaper and may be taken away."""
    requests_per_minute: Annotated[float | None, Field(gt=0)] = None
    """Requests that the autoscaler gives each task, beside `autoscaling.cpu`. Default: that is not looked at."""
    env: dict[str, str] = Field(default_factory=dict[str, str])
    """Environment of the server, beside its own. Nothing secret: whoever may look at tasks reads it."""


class EcsGpuSpec(Part):
    """Instances with GPUs in place of Fargate, as many as tasks want."""

    instance_types: tuple[Line, ...]
    """Types with NVIDIA GPUs, the preferred one first; as `g6.xlarge`."""
    gpus: Annotated[StrictInt, Field(ge=1, le=16)] = 1
    """GPUs of each task."""
    max_instances: Annotated[StrictInt | None, Field(ge=1, le=1000)] = None
    """The most instances. Default: enough for twice the tasks, as a release wants them."""
    disk_gib: Annotated[StrictInt, Field(ge=20, le=16_384)] = 100
    """Each instance's encrypted disk."""


class EcsAlarmsSpec(Part):
    """What rolls a release back, whichever strategy it has."""

    error_percent: Annotated[float, Field(ge=0, le=100)] = 1
    """Percent of a version's answers that may be errors by the server's fault. An ALB measures it."""
    latency: Annotated[float | None, Field(gt=0, le=3600)] = None
    """Seconds within which 99 of 100 answers must come. Default: that is not looked at."""
    names: tuple[Line, ...] = ()
    """Names of alarms of your own."""


class EcsWatchSpec(Part):
    """What CloudWatch shows and tells of the service. It rolls nothing back: that is `ecs.alarms`."""

    emails: tuple[Email, ...] = ()
    """Who is told of alarms. Others may subscribe to their topic."""
    latency: Annotated[float, Field(ge=0.001, le=3600)] = 0.25
    """Seconds within which 99 of 100 requests are to be answered. An ALB measures it."""
    error_percent: Annotated[float, Field(gt=0, le=100)] = 1
    """Percent of requests that may fail by the server's fault. An ALB counts them."""
    cpu_percent: Annotated[float, Field(ge=1, le=100)] = 90
    """Percent of their CPU that all tasks together may use."""
    memory_percent: Annotated[float, Field(ge=1, le=100)] = 85
    """Percent of its memory that a task may use."""


class EcsSpec(NetworkedSpec):
    """The account, and all that is made in it around the model."""

    name: Short = "models"
    """What the cluster is called, and what names of all else begin with. Another one is another cluster."""
    task: EcsTaskSpec = EcsTaskSpec()
    """What runs the model, and how many of it there are. `auto`: as `modelport size` chose for `load`."""
    gpu: EcsGpuSpec | None = None
    """Instances with GPUs to run it on, whose CPUs are what a model's own server computes on. Default: Fargate."""
    load_balancer: OpenFrontSpec | None = None
    """How callers reach the model. Default: not at all."""
    alarms: EcsAlarmsSpec = EcsAlarmsSpec()
    """What rolls a release back."""
    monitoring: EcsWatchSpec | None = None
    """What CloudWatch shows and tells. Default: nothing but what rolls a release back."""
    log_days: Days = 365
    """Days for which logs of tasks are kept."""
    wait: StrictBool = False
    """Whether `up` waits until a release is over, and fails when it was rolled back. Default: ECS goes on alone."""

    @model_validator(mode="after")
    def _reached(self) -> Self:
        if self.gpu is not None and self.network.nat == "none" and self.network.existing is None:
            raise ValueError(
                "network.nat is none beside gpu, expected a NAT gateway, as instances reach ECS through it; write nat: "
                "shared"
            )
        front, watched = self.load_balancer, self.monitoring
        asked = watched.model_fields_set & {"error_percent", "latency"} if watched is not None else set[str]()
        if asked and (front is None or front.kind == "NLB"):
            raise ValueError(
                f"monitoring.{sorted(asked)[0]} is set without an ALB, expected one that measures answers; leave it "
                "out, or write load_balancer with kind: ALB"
            )
        if front is None and self.alarms.model_fields_set & {"error_percent", "latency"}:
            raise ValueError(
                "alarms is set without load_balancer, expected one that measures answers; write load_balancer, or "
                "leave error_percent and latency out"
            )
        if front is not None and front.kind == "NLB" and self.alarms.model_fields_set & {"error_percent", "latency"}:
            raise ValueError("alarms is set with kind NLB, expected ALB, as answers are HTTP's; leave alarms out")
        return self
