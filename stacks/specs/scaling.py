"""The section `autoscaling`: how many pods answer, by what there is to do."""

from typing import Annotated, Self

from pydantic import Field, StrictInt, model_validator

from stacks.specs.part import Part
from stacks.specs.words import Base, Named, Namespace, Network

_PERCENT = Field(gt=0, le=100)


class QueueSpec(Part):
    """Work that waits somewhere, as Prometheus knows it."""

    query: Annotated[str, Field(min_length=1, examples=["sum(jobs_waiting)"])]
    """PromQL whose one value is how much waits."""
    length: Annotated[float, Field(gt=0)]
    """What one pod is to have waiting for it."""


class BrokerSpec(Part):
    """Work that waits at a message broker, asked by one of KEDA's scalers."""

    type: Annotated[str, Field(min_length=1, examples=["rabbitmq"])]
    """Name of KEDA's scaler, as `rabbitmq`, `kafka` or `aws-sqs-queue`."""
    metadata: dict[str, str]
    """The scaler's settings, all as text. Nothing secret: that belongs to a TriggerAuthentication."""
    authentication: Named | None = None
    """Name of a TriggerAuthentication in the namespace."""


class AutoscalingSpec(Part):
    """How many pods answer, by what there is to do. With several targets, the one that wants the most pods decides.

    `cpu` alone is a HorizontalPodAutoscaler; everything else, and `min: 0`, wants KEDA 2.18 or later in the cluster.
    """

    min: Annotated[StrictInt, Field(ge=0, le=1000)] = 1
    """The fewest pods. With 0 there is none while nobody calls; an activator holds the first requests until one is."""
    max: Annotated[StrictInt, Field(ge=1, le=1000)]
    """The most pods."""
    cpu: Annotated[StrictInt | None, _PERCENT] = None
    """Per cent of the CPU set aside that pods are to use. 70 where there is no other target."""
    requests_in_flight: Annotated[float | None, Field(gt=0)] = None
    """Requests that one pod is to have in hand."""
    latency: Annotated[float | None, Field(gt=0, le=600)] = None
    """Seconds within which `latency_quantile` of the requests are to be answered. More pods must make it less."""
    latency_quantile: Annotated[float, Field(gt=0, lt=1)] = 0.99
    """The share of requests that `latency` is about."""
    gpu: Annotated[StrictInt | None, _PERCENT] = None
    """Per cent of the GPUs' time that pods are to use, as DCGM tells it."""
    queue: QueueSpec | None = None
    """Work that waits, as Prometheus knows it."""
    broker: BrokerSpec | None = None
    """Work that waits at a message broker."""
    prometheus: Base = "http://prometheus.monitoring.svc:9090"
    """Address of Prometheus, as KEDA reaches it."""
    prometheus_authentication: Named | None = None
    """Name of a TriggerAuthentication in the namespace that opens Prometheus."""
    scale_up_seconds: Annotated[StrictInt, Field(ge=0, le=3600)] = 0
    """Seconds over which the lowest wish for more pods counts."""
    scale_down_seconds: Annotated[StrictInt, Field(ge=0, le=3600)] = 300
    """Seconds over which the highest wish counts before pods go."""
    polling_seconds: Annotated[StrictInt | None, Field(ge=1, le=3600)] = None
    """Seconds between two questions of KEDA to each source. Default: 15, and 2 with `min: 0`."""
    cooldown_seconds: Annotated[StrictInt, Field(ge=1, le=86400)] = 300
    """Seconds without anything to do before the last pod goes."""
    hold: Annotated[float, Field(gt=0, le=3600)] = 120
    """With `min: 0`: seconds that a request waits for the first pod before it is answered with 503."""
    scaler_namespace: Namespace = "keda"
    """With `min: 0`: namespace of KEDA, which asks how many requests wait."""
    scaler_networks: tuple[Network, ...] = ()
    """With `min: 0`: networks that KEDA asks from, as `10.0.0.0/8`, where it is not in the cluster's own."""

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"max is {self.max}, expected at least min, which is {self.min}; write max: {self.min}")
        return self

    @property
    def by_keda(self) -> bool:
        """Whether it takes more than Kubernetes' own autoscaler, which knows CPU alone."""
        targets = (self.requests_in_flight, self.latency, self.gpu, self.queue, self.broker)
        return self.min == 0 or any(each is not None for each in targets)
