"""The section `service`: how the model runs in a cluster."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictInt, model_validator

from stacks.specs.part import Part
from stacks.specs.words import Namespace, Network, amount

NAME = r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$"
QUANTITY = r"^([0-9]+(\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"

Quantity = Annotated[
    str | None,
    Field(
        pattern=QUANTITY,
        json_schema_extra={"x-expected": "a quantity of Kubernetes, as text"},
        examples=["500m", "2Gi"],
    ),
]


_LEAST = 2**20
"""Bytes of memory below which a quantity lacks its unit."""


class ResourcesSpec(Part):
    """What a pod asks of its node. What is left out is worked out from the model's report."""

    cpu: Quantity = None
    """CPU that is set aside, as `500m` or `2`. Default: for `requests_per_second` at the measured latency."""
    memory: Quantity = None
    """Memory that is set aside, as `512Mi`. Default: the server's, and twice the model's for each worker."""
    cpu_limit: Quantity = None
    """CPU at most. Default: a core for each worker, or `cpu` where that is more."""
    memory_limit: Quantity = None
    """Memory at most. Default: `memory` where it is given, else room for requests in hand besides."""

    @model_validator(mode="after")
    def _below_limits(self) -> Self:
        for what in ("cpu", "memory"):
            asked, most = getattr(self, what), getattr(self, f"{what}_limit")
            if asked is not None and most is not None and amount(asked) > amount(most):
                raise ValueError(
                    f"{what} is {asked}, expected at most {what}_limit, which is {most}; raise {what}_limit to {asked}"
                )
        for what in ("memory", "memory_limit"):
            given = getattr(self, what)
            if given is not None and amount(given) < _LEAST:
                raise ValueError(
                    f"{what} is {given}, expected at least 1Mi, in bytes or with a unit; for example 512Mi"
                )
        return self


class ServiceSpec(Part):
    """How the model runs in the cluster."""

    name: Annotated[
        str | None,
        Field(
            pattern=NAME,
            json_schema_extra={"x-expected": "at most 40 lower-case letters, digits and hyphens, a letter first"},
        ),
    ] = None
    """What the service is called in the cluster. Default: as the model."""
    replicas: Annotated[StrictInt, Field(ge=1, le=1000)] = 2
    """Pods that answer; with `max_replicas`, or where `autoscaling` scales them, the fewest."""
    max_replicas: Annotated[StrictInt | None, Field(ge=1, le=1000)] = None
    """The most pods: the cluster keeps their number by the CPU that they use. Default: always `replicas`."""
    workers: Annotated[StrictInt, Field(ge=1, le=64)] = 1
    """Processes that answer in each pod."""
    requests_per_second: Annotated[float, Field(gt=0, le=100_000)] = 20.0
    """What one pod is to answer steadily: with the measured latency it makes the CPU that is set aside."""
    resources: ResourcesSpec = ResourcesSpec()
    """What a pod asks of its node, in place of what is worked out. `auto`: as `modelport size` chose for `load`."""
    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """How it is reached: inside of the cluster alone, at a port of every node, or at an address of the cloud."""
    allow: tuple[Network, ...] = ()
    """Networks that may call the pods from outside of the cluster. Default: none; a gateway may by itself."""
    allow_namespaces: tuple[Namespace, ...] = ()
    """Namespaces whose pods may call. Default: none."""
    ready_timeout: Annotated[StrictInt, Field(ge=10, le=86_400)] = 300
    """Seconds that a new version may take to answer."""

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.max_replicas is not None and self.max_replicas < self.replicas:
            raise ValueError(
                f"max_replicas is {self.max_replicas}, expected at least replicas, which is {self.replicas}; "
                f"write max_replicas: {self.replicas}"
            )
        return self
