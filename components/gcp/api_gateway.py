"""An API before a service of Cloud Run: who may call, and how much."""

from typing import Optional, cast

import pulumi
from pulumi_gcp.apigateway.api import Api
from pulumi_gcp.apigateway.api_config import ApiConfig
from pulumi_gcp.apigateway.gateway import Gateway
from pulumi_gcp.cloudrunv2.service_iam_member import ServiceIamMember
from pulumi_gcp.projects.api_key import ApiKey
from pulumi_gcp.projects.service import Service
from pulumi_gcp.serviceaccount.account import Account

from components import outputs
from components.gcp import api_gateway_document as document
from components.gcp.api_gateway_asked import Asked, GcpApiBackend, GcpApiGatewayArgs, GcpApiJwt
from components.gcp.labels import Labels
from components.gcp.serverless import CALL

__all__ = ["GcpApiBackend", "GcpApiGateway", "GcpApiGatewayArgs", "GcpApiJwt"]


class GcpApiGateway(pulumi.ComponentResource):
    """A gateway that calls a service of Cloud Run for callers with API keys or tokens, and for nobody else.

    The keys themselves are Google's: `gcloud services api-keys get-key-string ID` tells one. Requests and answers have
    at most 32 MB. What is asked for is kept in a config that nobody can change: another one is made, the gateway goes
    over to it, and the old one is deleted. There is no name of one's own and no Cloud Armor before a gateway: that a
    load balancer leads to one is in preview at Google; `GcpLoadBalancer` leads to the service itself. The project needs
    the APIs apigateway, apikeys, servicemanagement and servicecontrol. Outputs: `url`, `api_id`, `gateway_id`,
    `managed_service`, `key_ids`.
    """

    url: pulumi.Output[str]
    """What the paths of the protocol stand behind, `https://...gateway.dev`."""
    api_id: pulumi.Output[str]
    """Id of the API."""
    gateway_id: pulumi.Output[str]
    """Id of the gateway."""
    managed_service: pulumi.Output[str]
    """Name of the API as a service: whoever has a project of his own enables it there, and makes keys for it."""
    key_ids: pulumi.Output[dict[str, str]]
    """Whole names of the API keys by their names; such a name lets nobody in."""

    def __init__(self, name: str, args: GcpApiGatewayArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        asked = Asked(name, args)
        self._labels = Labels("GcpApiGateway.labels", name, args.get("labels"))
        super().__init__("modelport:index:GcpApiGateway", name, {}, opts)
        self._name, self._child = name, pulumi.ResourceOptions(parent=self)
        account = asked.account
        if account is None:
            called = f"The gateway {name}"
            account = Account(name, project=asked.project, display_name=called, opts=self._child).email
        calls = ServiceIamMember(
            name,
            project=asked.project,
            location=asked.where,
            name=outputs.known(_last, name=asked.service),
            role=CALL,
            member=pulumi.Output.concat("serviceAccount:", account),
            opts=self._child,
        )
        api = Api(
            name,
            project=asked.project,
            api_id=name,
            display_name=name,
            labels=self._labels.all(),
            opts=self._child,
        )
        config = self._config(asked, api, account)
        gateway = Gateway(
            name,
            project=asked.project,
            region=asked.region,
            gateway_id=name,
            api_config=config.id,
            display_name=name,
            labels=self._labels.all(),
            # The first caller is answered.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[calls]),
        )
        keys = self._keys(asked, api, config)
        self.url = pulumi.Output.concat("https://", gateway.default_hostname)
        self.api_id, self.gateway_id = api.api_id, gateway.gateway_id
        self.managed_service = api.managed_service
        self.key_ids = cast("pulumi.Output[dict[str, str]]", pulumi.Output.all(**keys))
        self.register_outputs(
            {
                "url": self.url,
                "api_id": self.api_id,
                "gateway_id": self.gateway_id,
                "managed_service": self.managed_service,
                "key_ids": self.key_ids,
            }
        )

    def _config(self, asked: Asked, api: Api, account: pulumi.Input[str]) -> ApiConfig:
        """What the gateway is told, under a name that no other has: the old one serves until the gateway has this."""

        def told(url: str) -> str:
            return document.contents(document.made(asked.document, url))

        def identity(contents: str, account: str) -> str:
            return f"{self._name}-{document.digest(contents, account)}"

        contents = outputs.known(told, url=asked.url)
        return ApiConfig(
            self._name,
            project=asked.project,
            api=api.api_id,
            api_config_id=outputs.known(identity, contents=contents, account=account),
            display_name=self._name,
            openapi_documents=[{"document": {"path": document.PATH, "contents": contents}}],
            gateway_config={"backend_config": {"google_service_account": account}},
            labels=self._labels.all(),
            opts=self._child,
        )

    def _keys(self, asked: Asked, api: Api, config: ApiConfig) -> dict[str, pulumi.Output[str]]:
        """Keys for this API and no other: whole names of these by name."""
        if not asked.keys:
            return {}
        enabled = Service(
            self._name,
            project=asked.project,
            # There once a first config is. A key is good in a project that has it enabled.
            service=api.managed_service,
            disable_on_destroy=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[config]),
        )
        return {
            each: ApiKey(
                f"{self._name}-{each}",
                project=asked.project,
                display_name=f"{each}, for {self._name}",
                restrictions={"api_targets": [{"service": enabled.service}]},
                # Google makes its value, which the SDK marks as a secret in the state.
                opts=self._child,
            ).id
            for each in asked.keys
        }


def _last(name: str) -> str:
    return name.rpartition("/")[2]
