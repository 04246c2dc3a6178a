"""What stands around a VertexEndpoint: where its requests are kept, the private way to it, and who may call it."""

from typing import Any, Final

import pulumi
from pulumi_gcp.bigquery.dataset import Dataset
from pulumi_gcp.compute.address import Address
from pulumi_gcp.compute.forwarding_rule import ForwardingRule
from pulumi_gcp.dns.managed_zone import ManagedZone
from pulumi_gcp.dns.record_set import RecordSet
from pulumi_gcp.projects.iam_custom_role import IAMCustomRole
from pulumi_gcp.vertex.ai_endpoint_iam_member import AiEndpointIamMember

from components.gcp.labels import Labels
from components.gcp.vertex_asked import TABLE, Asked, Logging, Private

AGENT: Final = "gcp-sa-aiplatform"
"""Vertex AI's own account in a project (Vertex AI, "Access control", "Service agents", 2026-11-22)."""
BIGQUERY: Final = "serviceAccount:bq-{}@bigquery-encryption.iam.gserviceaccount.com"
"""BigQuery's own account that encrypts (BigQuery, "Customer-managed Cloud KMS keys", 2026-11-22)."""
DOMAIN: Final = "prediction.p.vertexai.goog"
"""What the certificate of private endpoints is for, `*.` before it ("Use dedicated private endpoints based on Private
Service Connect", 2026-11-22)."""
CALL: Final = "aiplatform.endpoints.predict"
TTL: Final = 60


def kept(
    parent: pulumi.Resource, name: str, asked: Asked, logging: Logging, key: pulumi.Input[str], labels: Labels
) -> tuple[pulumi.Input[str], list[pulumi.Resource]]:
    """The table that requests are kept in, by its URI, and what has to be there before.

    The table itself is Vertex AI's to make, with the columns that it writes.
    """
    if logging.dataset is not None:
        return f"bq://{logging.dataset}.{TABLE}", []
    called = f"{_in_project(name, asked)}_requests"
    dataset = Dataset(
        f"{name}-requests",
        dataset_id=called,
        project=asked.project,
        location=asked.region,
        description=f"Requests to {name}, and its answers",
        default_encryption_configuration={"kms_key_name": key},
        # Nobody else: by default whoever may look at the project reads them.
        accesses=[
            {"role": "OWNER", "special_group": "projectOwners"},
            {"role": "WRITER", "user_by_email": f"service-{asked.number}@{AGENT}.iam.gserviceaccount.com"},
        ],
        delete_contents_on_destroy=logging.delete,
        labels=labels.all(),
        opts=pulumi.ResourceOptions(parent=parent, retain_on_delete=None if logging.delete else True),
    )
    return dataset.dataset_id.apply(lambda known: f"bq://{asked.project}.{known}.{TABLE}"), [dataset]


def _in_project(name: str, asked: Asked) -> str:
    """What is called by letters, digits and _, once in a project."""
    return f"{name}_{asked.region}".replace("-", "_")


def way(
    parent: pulumi.Resource,
    name: str,
    asked: Asked,
    private: Private,
    endpoint: pulumi.Output[str],
    attachment: pulumi.Output[str],
    labels: Labels,
) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
    """A private address in the network, and the host name that means it there: that of Google's certificate."""
    child = pulumi.ResourceOptions(parent=parent)
    here: Any = {"project": asked.project, "region": asked.region}
    address = Address(
        name,
        address_type="INTERNAL",
        subnetwork=private.subnetwork,
        description=f"Where the network reaches {name}",
        labels=labels.all(),
        opts=child,
        **here,
    )
    rule = ForwardingRule(
        name,
        # Private Service Connect wants none said.
        load_balancing_scheme="",
        network=private.network,
        ip_address=address.id,
        target=attachment,
        allow_psc_global_access=private.everywhere,
        recreate_closed_psc=True,
        labels=labels.all(),
        opts=child,
        **here,
    )
    host = endpoint.apply(lambda known: f"{known}-{asked.region}-{asked.number}.{DOMAIN}")
    dns_name = host.apply(lambda known: f"{known}.")
    # Of this name alone: another endpoint in the same network has a zone of its own.
    zone = ManagedZone(
        name,
        project=asked.project,
        dns_name=dns_name,
        description=f"Where the network reaches {name}",
        visibility="private",
        private_visibility_config={"networks": [{"network_url": private.network}]},
        labels=labels.all(),
        opts=child,
    )
    record = RecordSet(
        name,
        project=asked.project,
        managed_zone=zone.name,
        name=dns_name,
        type="A",
        ttl=TTL,
        rrdatas=[address.address],
        opts=child,
    )
    there = pulumi.Output.all(host, record.id, rule.id).apply(lambda known: str(known[0]))
    return address.address, there


def callers(
    parent: pulumi.Resource, name: str, asked: Asked, endpoint: pulumi.Output[str]
) -> list[AiEndpointIamMember]:
    """Who may call it, and nothing else: Google's own roles for that let people change endpoints too."""
    if not asked.invokers:
        return []
    role = IAMCustomRole(
        f"{name}-caller",
        project=asked.project,
        role_id=_in_project(name, asked),
        title=f"Calls {name}",
        description="Calls endpoints of Vertex AI",
        permissions=[CALL],
        stage="GA",
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return [
        AiEndpointIamMember(
            f"{name}-caller-{who}",
            project=asked.project,
            location=asked.region,
            endpoint=endpoint,
            role=role.name,
            member=member,
            opts=pulumi.ResourceOptions(parent=parent),
        )
        for who, member in asked.invokers.items()
    ]
