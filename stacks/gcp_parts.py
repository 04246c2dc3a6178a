"""What the targets on Google Cloud have in common: APIs, network, registry, load balancer and budget."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import pulumi
from pulumi_gcp.projects.service import Service
from pulumi_gcp.provider import Provider as Google

from components.gcp.load_balancer import GcpLoadBalancer, GcpLoadBalancerArgs
from components.gcp.network import GcpNat, GcpNetwork, GcpNetworkArgs
from components.gcp.registry import ArtifactRegistry, ArtifactRegistryArgs
from components.rehearsal import made
from model_build.resource import ModelImage
from stacks import parts
from stacks.parts import given as given
from stacks.spec import StackSpec
from stacks.specs import gcp_common_rules as rules
from stacks.specs.gcp_common import GlobalFrontSpec, MadeNetworkSpec, NetworkedProjectSpec, ProjectSpec

_KEYS = {
    "ArtifactRegistry": "registry",
    "CloudRunMonitoring": "monitoring",
    "GcpBudget": "budget",
    "GcpLoadBalancer": "load_balancer",
    "GcpMonitoring": "monitoring",
    "GcpNetwork": "network",
    "GkeCluster": "cluster",
}
"""Keys of a section by the components that have their arguments from there."""
APIS = ("artifactregistry", "cloudkms", "iam", "logging", "monitoring")
"""What every target asks."""
BUDGET_APIS = ("billingbudgets", "pubsub")
"""What is asked for a budget beside that."""


def rehearsed(section: str) -> AbstractContextManager[None]:
    """Within, what `made` would make is asked whether it could be made. Raises ArgsError in the stack file's words."""
    return parts.rehearsed(section, _KEYS, ("project", "project_number", "region", "labels"))


def deploy(
    section: str, wanted: ProjectSpec, more: Sequence[str], make: Callable[[pulumi.ResourceOptions], None]
) -> None:
    """Rehearse what `make` makes, and make it with a provider of the section's project, once its APIs are enabled.

    more: APIs that this target asks beside what all do.
    """
    with rehearsed(section):
        make(pulumi.ResourceOptions())
        budget(wanted)
    google = provider(wanted)
    enabled = apis(wanted, more, google)
    make(pulumi.ResourceOptions.merge(enabled, pulumi.ResourceOptions(provider=google)))
    budget(wanted, enabled)


def provider(wanted: ProjectSpec) -> Google:
    """Of the section's project and region, whatever else this machine is set to."""
    return Google("gcp", project=wanted.project, region=wanted.region)


def apis(wanted: ProjectSpec, more: Sequence[str], google: Google) -> pulumi.ResourceOptions:
    """Enable the APIs that a target asks, which stay when the stack goes. The options of what waits for them."""
    if not wanted.enable_apis:
        return pulumi.ResourceOptions()
    keep = pulumi.ResourceOptions(provider=google, retain_on_delete=True)
    enabled = [
        Service(f"{wanted.name}-{name}", service=f"{name}.googleapis.com", project=wanted.project,
                disable_on_destroy=False, opts=keep)
        for name in sorted({*APIS, *more, *(BUDGET_APIS if wanted.budget is not None else ())})
    ]  # fmt: skip
    return pulumi.ResourceOptions(transformations=[_after(enabled)])


def _after(enabled: Sequence[Service]) -> pulumi.ResourceTransformation:
    """What has whatever a component makes wait for APIs: that a component waits is no word to its children."""
    wait = pulumi.ResourceOptions(depends_on=list(enabled))

    def waiting(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not isinstance(args.resource, pulumi.CustomResource):
            return None
        return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, wait))

    return waiting


def where(wanted: ProjectSpec) -> dict[str, Any]:
    """Project, region and labels, as every component takes them."""
    return {"project": wanted.project, "region": wanted.region, **labelled(wanted)}


def labelled(wanted: ProjectSpec) -> dict[str, Any]:
    """Labels, as every component takes them."""
    return {"labels": dict(wanted.labels)} if wanted.labels else {}


def network(wanted: NetworkedProjectSpec, options: pulumi.ResourceOptions, **more: Any) -> GcpNetwork:
    """The network; `more`: arguments of one target alone."""
    asked = wanted.network
    if asked.existing is None:
        return own_network(asked, wanted, options, **more)
    args: dict[str, Any] = {**where(wanted), **more, "existing": given(asked.existing.model_dump())}
    if asked.apart_from:
        args["apart_from"] = list(asked.apart_from)
    return made(GcpNetwork, wanted.name, cast("GcpNetworkArgs", args), options)


def own_network(
    asked: MadeNetworkSpec, wanted: ProjectSpec, options: pulumi.ResourceOptions, **more: Any
) -> GcpNetwork:
    """A network that is made; `more`: arguments of one target alone."""
    args: dict[str, Any] = {
        **where(wanted),
        **more,
        **({"apart_from": list(asked.apart_from)} if asked.apart_from else {}),
        "cidr": asked.cidr,
        **given({"pods_cidr": asked.pods_cidr, "services_cidr": asked.services_cidr}),
        "nat": GcpNat(asked.nat),
        "flow_log_sampling": asked.flow_log_sampling,
    }
    return made(GcpNetwork, wanted.name, cast("GcpNetworkArgs", args), options)


def registry(spec: StackSpec, wanted: ProjectSpec, options: pulumi.ResourceOptions, **more: Any) -> ArtifactRegistry:
    """The repository that the model's image is pushed to; `more`: arguments of one target alone."""
    asked = wanted.registry
    args: dict[str, Any] = {
        **where(wanted),
        "project_number": wanted.project_number,
        "repository": asked.repository or pulumi.get_project().lower().replace("_", "-"),
        "image": spec.model.name.lower(),
        "images_kept": asked.images_kept,
        "delete_images": not spec.image.keep,
        **({"pullers": dict(asked.pullers)} if asked.pullers else {}),
        **({"key_name": asked.key_name} if asked.key_name is not None else {}),
        **({"adopt": True} if asked.adopt else {}),
        **more,
    }
    return made(ArtifactRegistry, wanted.name, cast("ArtifactRegistryArgs", args), options)


def budget(wanted: ProjectSpec, enabled: pulumi.ResourceOptions | None = None) -> None:
    """What a month may cost, where the section says it, and the export of the topic that is told.

    enabled: options of what waits for APIs; none in a rehearsal.
    """
    args = rules.budget(wanted)
    if args is None:
        return
    # Its modules of pulumi_gcp cost a start of a program that has none their time.
    from components.gcp.budget import GcpBudget, GcpBudgetArgs

    options = enabled
    if enabled is not None:
        # An account that pays is in no project, so that a person's own login has to say whose quota is asked
        # (pulumi_gcp, billing.Budget, 2026-11-22).
        google = Google(
            "gcp-budget",
            project=wanted.project,
            region=wanted.region,
            billing_project=wanted.project,
            user_project_override=True,
        )
        options = pulumi.ResourceOptions.merge(enabled, pulumi.ResourceOptions(provider=google))
    pulumi.export("budget_topic", made(GcpBudget, wanted.name, cast("GcpBudgetArgs", args), options).topic_id)


def image(spec: StackSpec, registry: ArtifactRegistry) -> ModelImage:
    """The model's image."""
    return parts.image(spec, registry.url)


def serving(spec: StackSpec, registry: ArtifactRegistry, image: ModelImage) -> pulumi.Output[str]:
    """What is to answer: the model's image, or the version in its place that the stack file pins."""
    return parts.serving(spec, registry.url, image)


def balancer(
    front: GlobalFrontSpec, wanted: ProjectSpec, options: pulumi.ResourceOptions, **more: Any
) -> GcpLoadBalancer:
    """The name with TLS; `more`: what it leads to, in one target alone."""
    args: dict[str, Any] = {
        "project": wanted.project,
        **labelled(wanted),
        "hostname": front.hostname,
        "zone_name": front.zone_name,
        "managed_zone": front.managed_zone,
        "client_cidrs": list(front.client_cidrs),
        "open_to_the_internet": front.open_to_the_internet,
        "allow_deletion": front.allow_deletion,
        **({} if front.requests_per_minute is None else {"requests_per_minute": front.requests_per_minute}),
        **more,
    }
    if front.certificate is not None:
        args["certificate"] = given(front.certificate.model_dump())
    return made(GcpLoadBalancer, wanted.name, cast("GcpLoadBalancerArgs", args), options)
