"""The section `kubernetes`: which cluster, and the namespace there."""

from typing import Annotated

from pydantic import Field, StrictBool, StrictInt

from stacks.specs.part import Part
from stacks.specs.service import Quantity
from stacks.specs.words import Namespace


class QuotaSpec(Part):
    """What all pods of the namespace may ask for together."""

    cpu: Quantity = None
    """Cores. Default: `16`."""
    memory: Quantity = None
    """Memory. Default: `32Gi`."""
    pods: Annotated[StrictInt | None, Field(ge=1, le=100_000)] = None
    """Number of pods. Default: 100."""


class KubernetesSpec(Part):
    """Which cluster the model goes to, and its namespace there."""

    context: Annotated[str | None, Field(min_length=1)] = None
    """Context of the kubeconfig (`KUBECONFIG`, else `~/.kube/config`). Default: the current one."""
    namespace: Namespace | None = None
    """Namespace that all of the stack lives in. Default: the project's name and the stack's, as `modelport-dev`."""
    create_namespace: StrictBool = True
    """Whether the namespace is the stack's: made, closed to the network, given a quota, and destroyed with it.
    `false`: one that is there."""
    quota: QuotaSpec = QuotaSpec()
    """What all pods of the namespace may ask for together."""
    pull_secret: StrictBool = False
    """Whether the cluster needs what Docker's configuration of this machine says of `image.push`'s registry: user and
    password go into a Secret of the namespace. Default: its nodes may pull already."""
