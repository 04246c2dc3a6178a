"""A model that answers in Vertex AI: replicas on machines of Google's, released by shares of the requests."""

from typing import Any, Optional

import pulumi
from pulumi_gcp.projects.service_identity import ServiceIdentity
from pulumi_gcp.vertex.ai_endpoint import AiEndpoint

from components import outputs
from components.gcp import checks as gcp
from components.gcp import keys, vertex_parts, vertex_version
from components.gcp.labels import Labels
from components.gcp.vertex_asked import Asked, VertexEndpointArgs, VertexLogging, VertexPrivate
from components.gcp.vertex_deployment import VertexDeployment
from components.gcp.vertex_steps import VertexRelease, VertexStep, VertexStrategy

__all__ = [
    "VertexEndpoint",
    "VertexEndpointArgs",
    "VertexLogging",
    "VertexPrivate",
    "VertexRelease",
    "VertexStep",
    "VertexStrategy",
]

_SERVICE = "aiplatform.googleapis.com"


class VertexEndpoint(pulumi.ComponentResource):
    """An endpoint of Vertex AI that answers for one model, whose requests have the model's own form (`rawPredict`).

    Each `up` with another image, or with anything else that a replica is made of, is a version, which gets requests as
    `release` says; how many replicas there are is changed in place. Whoever runs it may change endpoints and models and
    read metrics (`aiplatform.admin`, `monitoring.viewer`). Outputs: `url`, `host`, `endpoint_id`, `endpoint_name`,
    `deployed_model_id`, `model_version`, `key_name`, `address`, `requests_table`.
    """

    url: pulumi.Output[str]
    """Where it is called with POST, a token of Google's, and a request in the model's own form: ends in `:rawPredict`.
    There once who may call it may."""
    host: pulumi.Output[str]
    """Name of the host in that. A private endpoint's has a certificate that Google signed itself."""
    endpoint_id: pulumi.Output[str]
    """Id of the endpoint, as gcloud wants it."""
    endpoint_name: pulumi.Output[str]
    """Its whole name, `projects/PROJECT/locations/REGION/endpoints/ID`."""
    deployed_model_id: pulumi.Output[str]
    """Id of the version that gets the requests, on the endpoint: the label `deployed_model_id` of its metrics."""
    model_version: pulumi.Output[str]
    """Whole name of that version, `projects/PROJECT/locations/REGION/models/ID@NUMBER`."""
    key_name: pulumi.Output[str]
    """Whole name of the key that encrypts it."""
    address: pulumi.Output[str]
    """Where the network reaches a private endpoint; empty for another one."""
    requests_table: pulumi.Output[str]
    """Table that requests are kept in, `bq://PROJECT.DATASET.TABLE`; empty where they are not."""

    def __init__(self, name: str, args: VertexEndpointArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        asked = Asked(name, args)
        labels = Labels("VertexEndpoint.labels", name, args.get("labels"))
        super().__init__("modelport:index:VertexEndpoint", name, {}, opts)
        key = asked.key if asked.key is not None else self._key(name, asked, labels)
        table: pulumi.Input[str] = ""
        before: list[pulumi.Resource] = []
        if asked.logging is not None:
            table, before = vertex_parts.kept(self, name, asked, asked.logging, key, labels)
        endpoint = self._endpoint(name, asked, key, table, before, labels)
        deployment = self._deployment(name, asked, endpoint, key, labels)
        callers = vertex_parts.callers(self, name, asked, endpoint.name)
        address: pulumi.Input[str] = ""
        if asked.private is not None:
            address, host = vertex_parts.way(
                self, name, asked, asked.private, endpoint.name, deployment.attachment, labels
            )
        elif asked.dedicated:
            host = pulumi.Output.all(endpoint.dedicated_endpoint_dns, deployment.deployed).apply(_bare)
        else:
            host = pulumi.Output.from_input(f"{asked.region}-aiplatform.googleapis.com")
        path = f"/v1/projects/{asked.project}/locations/{asked.region}/endpoints"
        self.url = pulumi.Output.all(host, endpoint.name, deployment.deployed, *(each.id for each in callers)).apply(
            lambda known: f"https://{known[0]}{path}/{known[1]}:rawPredict"
        )
        self.host = host
        self.endpoint_id = endpoint.name
        self.endpoint_name = endpoint.name.apply(
            lambda known: f"projects/{asked.project}/locations/{asked.region}/endpoints/{known}"
        )
        self.deployed_model_id = deployment.deployed
        self.model_version = deployment.model
        self.key_name = pulumi.Output.from_input(key)
        self.address = pulumi.Output.from_input(address)
        self.requests_table = pulumi.Output.from_input(table)
        self.register_outputs(
            {
                "url": self.url,
                "host": self.host,
                "endpoint_id": self.endpoint_id,
                "endpoint_name": self.endpoint_name,
                "deployed_model_id": self.deployed_model_id,
                "model_version": self.model_version,
                "key_name": self.key_name,
                "address": self.address,
                "requests_table": self.requests_table,
            }
        )

    def _key(self, name: str, asked: Asked, labels: Labels) -> pulumi.Output[str]:
        # The account that encrypts is there from the first model on, unless it is asked for before.
        agent = ServiceIdentity(name, project=asked.project, service=_SERVICE, opts=pulumi.ResourceOptions(parent=self))
        agents: dict[str, pulumi.Input[str]] = {"vertex": gcp.agent(asked.number, vertex_parts.AGENT)}
        logging, stays = asked.logging, None
        if logging is not None and logging.dataset is None:
            agents["bigquery"] = vertex_parts.BIGQUERY.format(asked.number)
            # What is kept is lost without it.
            stays = None if logging.delete else True
        return keys.made(
            name,
            project=asked.project,
            location=asked.region,
            agents=agents,
            labels=labels,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[agent], retain_on_delete=stays),
        )

    def _endpoint(
        self,
        name: str,
        asked: Asked,
        key: pulumi.Input[str],
        table: pulumi.Input[str],
        before: list[pulumi.Resource],
        labels: Labels,
    ) -> AiEndpoint:
        rest: dict[str, Any] = {}
        if asked.dedicated:
            rest["dedicated_endpoint_enabled"] = True
        if asked.private is not None:
            rest["private_service_connect_config"] = {
                "enable_private_service_connect": True,
                "project_allowlists": [asked.project, *asked.private.projects],
            }
        if asked.logging is not None:
            rest["predict_request_response_logging_config"] = {
                "enabled": True,
                "sampling_rate": asked.logging.share,
                "bigquery_destination": {"output_uri": table},
            }
        return AiEndpoint(
            name,
            display_name=name,
            project=asked.project,
            location=asked.region,
            region=asked.region,
            description=f"Answers for the model of {name}",
            encryption_spec={"kms_key_name": key},
            deletion_policy="DELETE" if asked.allow_deletion else "PREVENT",
            labels=labels.all(),
            **rest,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=before,
                # Who gets the requests is the deployment's to say.
                ignore_changes=["trafficSplit"],
                # Or another one is there by the time that this one turns out to have to stay.
                protect=None if asked.allow_deletion else True,
            ),
        )

    def _deployment(
        self, name: str, asked: Asked, endpoint: AiEndpoint, key: pulumi.Input[str], labels: Labels
    ) -> VertexDeployment:
        bounds: dict[str, Any] = {
            "error_percent": asked.bounds.error_percent,
            "latency": asked.bounds.latency,
            "policies": asked.policies,
        }
        return VertexDeployment(
            name,
            {
                "project": asked.project,
                "region": asked.region,
                "endpoint": endpoint.name,
                "name": name,
                # As text: a number in a dynamic resource's input comes back as a float.
                "version": outputs.text(vertex_version.version(asked.version, name, asked.image, key)),
                "scale": outputs.text(vertex_version.scale(asked.scale)),
                "labels": outputs.text(labels.all()),
                "stages": asked.plan.text(),
                "bounds": outputs.text(bounds),
                "private": "yes" if asked.private is not None else "",
                "protected": "" if asked.allow_deletion else "yes",
            },
            pulumi.ResourceOptions(parent=self),
        )


def _bare(known: list[Any]) -> str:
    """The host of an endpoint that has one of its own, as Google tells it with or without a scheme before it."""
    return str(known[0] or "").removeprefix("https://")
