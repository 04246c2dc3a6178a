"""What is deployed inside of a cluster, whoever made that: the model by its release, and what stands around it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import pulumi
from pulumi_kubernetes.provider import Provider

from components.kubernetes import ModelGateway, ModelNamespace, ModelService, ModelServiceArgs, ModelServiceType, names
from components.kubernetes.api_keys import ApiKeys
from components.kubernetes.autoscaler import ModelAutoscaler, ModelAutoscalerArgs, ScalingActivator
from components.kubernetes.monitoring import ModelMonitoring, ModelMonitoringArgs, MonitoringMode
from components.kubernetes.others import ImageServer
from components.kubernetes.release import Release, ReleaseArgs
from components.kubernetes.service import rendered
from components.kubernetes.tenant import Tenant
from model_build.recipe_server import OWN
from model_build.resource import ModelImage
from stacks import exposing, parts, pulling, telling
from stacks.spec import StackSpec
from stacks.specs.monitoring import MonitoringSpec
from stacks.specs.release import ReleaseSpec
from stacks.specs.scaling import AutoscalingSpec


@dataclass(frozen=True)
class Place:
    """Where a stack deploys."""

    provider: Provider
    namespace: str
    context: str | None = None
    """Context of the kubeconfig."""
    kubeconfig: pulumi.Input[str] | None = None
    """Text of a kubeconfig, for a cluster that the stack makes itself."""

    @property
    def reached(self) -> dict[str, Any]:
        """How components reach the API server themselves, as arguments of each."""
        both = {"context": self.context, "kubeconfig": self.kubeconfig}
        return {key: value for key, value in both.items() if value is not None}


@dataclass(frozen=True)
class Deployed:
    """What was."""

    release: Release
    service: ModelService
    gateway: ModelGateway | None
    keys: ApiKeys | None
    tenants: Mapping[str, Tenant]


def namespace(spec: StackSpec) -> str:
    """Name of the namespace that a stack has to itself."""
    return spec.kubernetes.namespace or f"{pulumi.get_project()}-{pulumi.get_stack()}".lower().replace("_", "-")


def called(spec: StackSpec) -> str:
    """Name of the service."""
    return spec.service.name or names.fitting(spec.model.name)


def space(spec: StackSpec, place: Place) -> tuple[pulumi.Input[str], pulumi.ResourceOptions]:
    """The namespace's name, and the options of what lives in it."""
    if not spec.kubernetes.create_namespace:
        return place.namespace, pulumi.ResourceOptions(provider=place.provider)
    quota = spec.kubernetes.quota.model_dump(exclude_none=True)
    made = ModelNamespace(
        place.namespace, {"quota": cast("Any", quota)}, pulumi.ResourceOptions(provider=place.provider)
    )
    return made.name, pulumi.ResourceOptions(provider=place.provider, depends_on=[made])


def deploy(spec: StackSpec, place: Place, built: ModelImage, **given: Any) -> Deployed:
    """Release the image, and serve what holds. given: arguments of the service in place of those of the stack file."""
    where, within = space(spec, place)
    name = called(spec)
    args = _service(spec, where, built)
    args.update(cast("ModelServiceArgs", {**place.reached, **given}))
    if spec.kubernetes.pull_secret:
        args["pull_secret"] = pulling.secret(spec, name, where, within)
    _scaled(args, spec.autoscaling)
    if spec.monitoring is not None:
        args["monitoring_namespace"] = spec.monitoring.namespace
    keys = exposing.keyed(spec, name, args, within)
    release = _release(spec, name, args, built, place)
    # What reads `stable` is touched only when the new version has held.
    args["image"] = release.stable
    service = ModelService(name, args, within)
    behind = pulumi.ResourceOptions(provider=place.provider, depends_on=[service])
    if spec.autoscaling is not None:
        _autoscaler(name, args, spec.autoscaling, behind)
    if spec.monitoring is not None:
        _monitoring(name, where, spec.monitoring, behind)
    gateway = exposing.reached(spec, name, service, behind, place.reached)
    tenants = exposing.apart(spec, args, gateway, pulumi.ResourceOptions(provider=place.provider))
    return Deployed(release, service, gateway, keys, tenants)


def told(spec: StackSpec, built: ModelImage, made: Deployed) -> None:
    """Export what every stack with a model in a cluster tells."""
    if made.keys is not None:
        pulumi.export("api_keys", made.keys.keys)
    for each, tenant in made.tenants.items():
        pulumi.export(f"tenant-{each}", {"url": tenant.url, "api_keys": tenant.keys})
    pulumi.export("namespace", made.service.namespace)
    pulumi.export("digest", made.release.stable_digest)
    pulumi.export("history", made.release.history)
    telling.of_model(spec, built)


def _service(spec: StackSpec, where: pulumi.Input[str], built: ModelImage) -> ModelServiceArgs:
    wanted = spec.service
    args = ModelServiceArgs(
        namespace=where,
        image=parts.deployed(spec, built),
        replicas=wanted.replicas,
        workers=wanted.workers,
        metrics=built.metrics,
        requests_per_second=wanted.requests_per_second,
        resources=cast("Any", wanted.resources.model_dump(exclude_none=True)),
        type=ModelServiceType(wanted.type),
        allowed_networks=list(wanted.allow),
        allowed_namespaces=list(wanted.allow_namespaces),
        ready_timeout=wanted.ready_timeout,
    )
    if spec.model.server != OWN:
        args["server"], args["model"] = ImageServer(spec.model.server), spec.model.name
        del args["workers"]
    if wanted.max_replicas is not None:
        args["max_replicas"] = wanted.max_replicas
    if not spec.routed and spec.release is not None and spec.release.strategy == "canary":
        args["split_by_replicas"] = True
    return args


def _scaled(args: ModelServiceArgs, wanted: AutoscalingSpec | None) -> None:
    """Who says how many pods there are, and who stands before them."""
    if wanted is not None:
        args["autoscaled"] = True
        args["activated"] = wanted.min == 0


def _autoscaler(
    name: str, service: ModelServiceArgs, wanted: AutoscalingSpec, options: pulumi.ResourceOptions
) -> ModelAutoscaler:
    mine = ("hold", "scaler_namespace", "scaler_networks")
    targets = {key: value for key, value in wanted.model_dump(exclude_none=True).items() if key not in mine}
    args = cast("ModelAutoscalerArgs", {"namespace": service["namespace"], "service": name, **targets})
    if wanted.min == 0:
        args["activator"] = ScalingActivator(
            image=service["image"],
            hold=wanted.hold,
            allowed_namespaces=service.get("allowed_namespaces", []),
            allowed_networks=service.get("allowed_networks", []),
            same_namespace=service.get("same_namespace", False),
            scaler_namespace=wanted.scaler_namespace,
            scaler_networks=list(wanted.scaler_networks),
        )
        if "pull_secret" in service:
            args["activator"]["pull_secret"] = service["pull_secret"]
        if "context" in service:
            args["activator"]["context"] = service["context"]
        if "kubeconfig" in service:
            args["activator"]["kubeconfig"] = service["kubeconfig"]
    return ModelAutoscaler(name, args, options)


def _release(spec: StackSpec, name: str, args: ModelServiceArgs, built: ModelImage, place: Place) -> Release:
    """What decides which version serves. `MODELPORT_RELEASE_PIN` is `modelport rollback`'s word for this one `up`."""
    wanted = spec.release or ReleaseSpec()
    plan = wanted.plan()
    given = ReleaseArgs(
        service=name,
        namespace=args["namespace"],
        candidate=parts.deployed(spec, built),
        template=rendered(name, args),
        version=spec.model.version,
        strategy=plan.canonical(),
        analysis=wanted.judged().canonical(),
        routes=_routes(spec, name),
        pin=os.environ.get("MODELPORT_RELEASE_PIN") or wanted.pin,
        context=place.context,
    )
    if place.kubeconfig is not None:
        given["kubeconfig"] = place.kubeconfig
    return Release(name, given)


def _routes(spec: StackSpec, name: str) -> list[str]:
    """HTTPRoutes that lead to the service. Without one a canary's share goes by pods."""
    return [name] if spec.routed else []


def _monitoring(
    name: str, where: pulumi.Input[str], wanted: MonitoringSpec, options: pulumi.ResourceOptions
) -> ModelMonitoring:
    given = wanted.model_dump(exclude_none=True, exclude={"mode", "namespace"})
    args = cast("ModelMonitoringArgs", {"namespace": where, "service": name, **given})
    args["mode"] = MonitoringMode(wanted.mode)
    return ModelMonitoring(name, args, options)
