"""The target `gcp-vertex`: a registry is made, and the model answers in Vertex AI, in a network or on the internet."""

import shlex
from pathlib import Path
from typing import Any, cast

import pulumi

from components.gcp import gpus
from components.gcp.vertex import VertexEndpoint, VertexEndpointArgs
from components.rehearsal import made
from stacks import gcp_parts, parts, samples, telling
from stacks.spec import StackSpec
from stacks.specs.gcp_vertex import VertexSpec
from stacks.specs.gcp_vertex_rules import arguments, reaching

SIGNED = '-H "Authorization: Bearer $(gcloud auth print-access-token)"'
"""What tells Vertex AI who calls."""
CERTIFICATE = "vertex.pem"
"""Where the lines to try it keep what a private endpoint shows, which nobody but Google has signed."""


def deploy(spec: StackSpec) -> None:
    """Make all of it, and export what a person or a script asks next."""
    wanted = cast("VertexSpec", spec.vertex)
    if wanted.machine.gpu is not None or wanted.machine.type in gpus.GPU_TYPES:
        parts.idle_gpus("vertex.machine.type", [wanted.machine.type], "take one without")
    gcp_parts.deploy("vertex", wanted, _apis(wanted), lambda options: _make(spec, wanted, options))


def _apis(wanted: VertexSpec) -> list[str]:
    """What this target asks beside what all do."""
    private = wanted.access == "private"
    asked = {"aiplatform": True, "compute": private, "dns": private, "bigquery": wanted.logging is not None}
    return [name for name, needed in asked.items() if needed]


def _make(spec: StackSpec, wanted: VertexSpec, options: pulumi.ResourceOptions) -> None:
    # Vertex AI's own account may pull from every repository of its project.
    registry = gcp_parts.registry(spec, wanted, options)
    image = gcp_parts.image(spec, registry)
    reference = gcp_parts.serving(spec, registry, image)
    given: dict[str, Any] = {**arguments(spec), **_reaching(wanted, options), "image": reference}
    endpoint = made(VertexEndpoint, wanted.name, cast("VertexEndpointArgs", given), options)
    telling.of_model(spec, image)
    parts.released(spec, wanted.name, reference, endpoint)
    pulumi.export("registry", registry.url)
    pulumi.export("endpoint", endpoint.url)
    pulumi.export("endpoint_id", endpoint.endpoint_id)
    pulumi.export("endpoint_name", endpoint.endpoint_name)
    pulumi.export("deployed_model", endpoint.deployed_model_id)
    pulumi.export("model_version", endpoint.model_version)
    if wanted.access == "private":
        pulumi.export("address", endpoint.address)
    if wanted.logging is not None:
        pulumi.export("requests", endpoint.requests_table)
    pulumi.export(
        "try",
        pulumi.Output.all(endpoint.url, endpoint.host, endpoint.endpoint_id).apply(
            lambda known: _lines(spec, wanted, *(str(each) for each in known))
        ),
    )


def _reaching(wanted: VertexSpec, options: pulumi.ResourceOptions) -> dict[str, Any]:
    """The network that a private endpoint is reached in, made where it is not there."""
    asked = wanted.reached_in
    if asked is None:
        return {}
    if asked.existing is not None:
        return reaching(wanted, asked.existing.network_id, asked.existing.subnetwork_id)
    network = gcp_parts.own_network(asked, wanted, options)
    pulumi.export("network", network.network_id)
    return reaching(wanted, network.network_id, network.subnetwork_id)


def _lines(spec: StackSpec, wanted: VertexSpec, url: str, host: str, endpoint: str) -> list[str]:
    """What can be pasted into a shell in the project's folder, by who may call and is where the endpoint is reached."""
    lines = [f"gcloud ai endpoints describe {endpoint} --region {wanted.region} --project {wanted.project}"]
    curl = f"curl -sS {SIGNED}"
    if wanted.access == "private":
        shown = f"openssl s_client -showcerts -connect {host}:443 </dev/null | openssl x509 -outform pem"
        lines.append(f"{shown} > {CERTIFICATE}")
        curl = f"{curl} --cacert {CERTIFICATE}"
    found = samples.beside(spec.model.source, Path.cwd())
    if (sample := samples.fitting({"name": spec.model.name}, found)) is not None:
        data = shlex.quote(f"@{sample}")
        lines.append(f"{curl} {url} -H 'Content-Type: application/json' -d {data}")
    return lines
