"""The target `gcp-cloudrun`: a registry is made, and the model answers in Cloud Run, behind its own name or yours."""

from pathlib import Path
from typing import Any, cast

import pulumi

from components.gcp.cloud_run import CloudRunService, CloudRunServiceArgs
from components.rehearsal import made
from stacks import gcp_parts, parts, samples, telling
from stacks.spec import StackSpec
from stacks.specs.gcp_cloudrun import CloudRunSpec
from stacks.specs.gcp_cloudrun_rules import arguments, reaching

MOST = 10
"""Instances where `autoscaling` does not say how many, as the component has it."""
SIGNED = '-H "Authorization: Bearer $(gcloud auth print-identity-token)"'
"""What tells Cloud Run who calls. A service account's token names the service that it is for."""


def deploy(spec: StackSpec) -> None:
    """Make all of it, and export what a person or a script asks next."""
    wanted = cast("CloudRunSpec", spec.cloudrun)
    if wanted.gpu is not None:
        parts.idle_gpus("cloudrun.gpu.type", [wanted.gpu.type], "leave gpu out")
    gcp_parts.deploy("cloudrun", wanted, _apis(wanted), lambda options: _make(spec, wanted, options))


def _apis(wanted: CloudRunSpec) -> list[str]:
    """What this target asks beside what all do."""
    front, network = wanted.load_balancer is not None, wanted.network
    asked = {
        "run": True,
        "compute": front or network is not None,
        # A network that is made has zones of its own for Google's names.
        "dns": front or (network is not None and network.existing is None),
        "certificatemanager": front,
        "secretmanager": bool(wanted.instance.secrets),
        "binaryauthorization": wanted.binary_authorization,
    }
    return [name for name, needed in asked.items() if needed]


def _make(spec: StackSpec, wanted: CloudRunSpec, options: pulumi.ResourceOptions) -> None:
    # Cloud Run's own account may pull from every repository of its project.
    registry = gcp_parts.registry(spec, wanted, options)
    image = gcp_parts.image(spec, registry)
    reference = gcp_parts.serving(spec, registry, image)
    given: dict[str, Any] = {**arguments(spec), **_reaching(wanted, options), "image": reference}
    service = made(CloudRunService, wanted.name, cast("CloudRunServiceArgs", given), options)
    balancer = None
    if wanted.load_balancer is not None:
        to = {"service": service.name, "region": wanted.region}
        balancer = gcp_parts.balancer(wanted.load_balancer, wanted, options, cloud_run=to)
    if wanted.monitoring is not None:
        # Its modules of pulumi_gcp cost a start of a program that has none their time.
        from components.gcp.cloud_run_monitoring import CloudRunMonitoring, CloudRunMonitoringArgs

        backend = balancer.backend_service_name if balancer is not None else None
        args = cast("CloudRunMonitoringArgs", {**_watching(spec, wanted, backend), "service_name": service.name})
        pulumi.export("dashboard", made(CloudRunMonitoring, wanted.name, args, options).dashboard_url)
    telling.of_model(spec, image)
    parts.released(spec, wanted.name, reference, service)
    pulumi.export("registry", registry.url)
    pulumi.export("service", service.name)
    pulumi.export("revision", service.revision)
    pulumi.export("service_account", service.service_account)
    pulumi.export("url", service.url)
    endpoint = service.url if balancer is None else balancer.url
    pulumi.export("endpoint", endpoint)
    if balancer is not None:
        pulumi.export("address", balancer.address)
    pulumi.export("try", endpoint.apply(lambda url: _lines(spec, wanted, url)))


def _reaching(wanted: CloudRunSpec, options: pulumi.ResourceOptions) -> dict[str, Any]:
    """The network that instances reach out into, made where it is not there."""
    asked = wanted.network
    if asked is None:
        return {}
    if asked.existing is not None:
        return reaching(wanted, asked.existing.network_id, asked.existing.subnetwork_id)
    network = gcp_parts.own_network(asked, wanted, options)
    pulumi.export("network", network.network_id)
    return reaching(wanted, network.network_id, network.subnetwork_id)


def _watching(spec: StackSpec, wanted: CloudRunSpec, backend: pulumi.Output[str] | None) -> dict[str, Any]:
    """What the stack file says of alerts, as a CloudRunMonitoring takes it; without the service's own name.

    backend: the load balancer's backend service.
    """
    asked = wanted.monitoring
    if asked is None:
        return {}
    args: dict[str, Any] = {
        **gcp_parts.where(wanted),
        "latency": asked.latency,
        "error_percent": asked.error_percent,
        "memory_percent": asked.memory_percent,
        "max": spec.autoscaling.max if spec.autoscaling is not None else MOST,
    }
    if asked.emails:
        args["emails"] = list(asked.emails)
    if backend is not None:
        args["load_balancer"] = {"backend_service_name": backend, "error_percent": asked.error_percent}
    if asked.uptime and wanted.load_balancer is not None:
        args["hostname"] = wanted.load_balancer.hostname
    return args


def _lines(spec: StackSpec, wanted: CloudRunSpec, url: str) -> list[str]:
    """What can be pasted into a shell in the project's folder, by who may call and is where `ingress` lets in."""
    found, about = samples.beside(spec.model.source, Path.cwd()), {"name": spec.model.name}
    trust = "" if wanted.anonymous else SIGNED
    return samples.requests(url.rstrip("/"), about, found, classify=spec.model.classify is not None, trust=trust)
