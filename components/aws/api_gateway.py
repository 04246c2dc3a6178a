"""A REST API before a function: who may call, and how much."""

import hashlib
import json
from typing import Any, Final, NamedTuple, Optional

import pulumi
from pulumi_aws.apigateway.account import Account
from pulumi_aws.apigateway.api_key import ApiKey
from pulumi_aws.apigateway.base_path_mapping import BasePathMapping
from pulumi_aws.apigateway.deployment import Deployment
from pulumi_aws.apigateway.domain_name import DomainName
from pulumi_aws.apigateway.integration import Integration
from pulumi_aws.apigateway.method import Method
from pulumi_aws.apigateway.method_settings import MethodSettings
from pulumi_aws.apigateway.resource import Resource
from pulumi_aws.apigateway.rest_api import RestApi
from pulumi_aws.apigateway.stage import Stage
from pulumi_aws.apigateway.usage_plan import UsagePlan
from pulumi_aws.apigateway.usage_plan_key import UsagePlanKey
from pulumi_aws.cloudwatch.log_group import LogGroup
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy import RolePolicy
from pulumi_aws.iam.role_policy_attachment import RolePolicyAttachment
from pulumi_aws.kms.key import Key
from pulumi_aws.route53.record import Record

from components.aws import certificate, policies
from components.aws.api_gateway_asked import (
    Asked,
    AwsApiDomain,
    AwsApiFunction,
    AwsApiGatewayArgs,
    AwsUsagePlan,
)
from components.aws.checks import partition
from components.aws.tags import Tags

__all__ = ["AwsApiDomain", "AwsApiFunction", "AwsApiGateway", "AwsApiGatewayArgs", "AwsUsagePlan"]

STAGE: Final = "live"
"""The stage, the first part of the path where no name of one's own is."""
ROOT: Final = "v2"
"""What of the server is reached: the Open Inference Protocol. Its metrics are not."""
TRUSTED: Final = policies.document(
    {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
)
_LOGGED: Final = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "caller": "$context.identity.sourceIp",
    # The id of a key, which is none.
    "key": "$context.identity.apiKeyId",
    "user": "$context.identity.userArn",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "error": "$context.error.message",
    "milliseconds": "$context.responseLatency",
    "functionMilliseconds": "$context.integrationLatency",
    "bytes": "$context.responseLength",
}
"""What is kept of a request: nothing of its body, and no key."""


class _Reached(NamedTuple):
    """An API as it answers: its stage, and all that a call needs to be there."""

    api: RestApi
    stage: Stage


class AwsApiGateway(pulumi.ComponentResource):
    """A REST API that calls a function for callers with API keys, each as often as its plan lets it.

    The keys themselves are AWS's: `aws apigateway get-api-key --include-value --api-key ID` tells one. Outputs: `url`,
    `api_id`, `stage_arn`, `key_ids`, `log_group_name`.
    """

    url: pulumi.Output[str]
    """What the paths of the protocol stand behind."""
    api_id: pulumi.Output[str]
    """Id of the API."""
    stage_arn: pulumi.Output[str]
    """ARN of its stage."""
    key_ids: pulumi.Output[dict[str, str]]
    """Ids of the API keys by their names; an id lets nobody in."""
    log_group_name: pulumi.Output[str]
    """Where it is kept who called."""

    def __init__(self, name: str, args: AwsApiGatewayArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        asked = Asked(name, args)
        tags = Tags("AwsApiGateway.tags", name, args.get("tags"))
        super().__init__("modelport:index:AwsApiGateway", name, {}, opts)
        region, child = args["region"], pulumi.ResourceOptions(parent=self)
        key = asked.key
        if key is None:
            key = Key(
                name,
                description=f"Logs of the API {name}",
                enable_key_rotation=True,
                policy=policies.key(region, args["account_id"], policies.logs_key(region, args["account_id"])),
                tags=tags.of(name),
                opts=child,
            ).arn
        kept: dict[str, Any] = {"kms_key_id": key, "retention_in_days": asked.log_days, "opts": child}
        logs = LogGroup(name, tags=tags.of(name), **kept)
        letting = [] if asked.may_log else self._may_log(name, region, tags)
        api = self._api(name, args["account_id"], asked, tags)
        called = f"{name}-errors"
        # API Gateway makes it where it is not there, for ever and with nobody's key.
        errors = LogGroup(
            called,
            name=api.id.apply(lambda id_: f"API-Gateway-Execution-Logs_{id_}/{STAGE}"),
            tags=tags.of(called),
            **kept,
        )
        answered = self._answered(name, asked, api, tags)
        deployed = Deployment(
            name,
            rest_api=api.id,
            # Another one takes its place once anything of these is another.
            triggers={"api": _digest(asked), "function": asked.function["invoke_arn"]},
            opts=pulumi.ResourceOptions(parent=self, depends_on=answered),
        )
        stage = Stage(
            name,
            rest_api=api.id,
            deployment=deployed.id,
            stage_name=STAGE,
            xray_tracing_enabled=True,
            access_log_settings={"destination_arn": logs.arn, "format": json.dumps(_LOGGED)},
            tags=tags.of(name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=letting),
        )
        settings = MethodSettings(
            name,
            rest_api=api.id,
            stage_name=stage.stage_name,
            method_path="*/*",
            settings={
                "logging_level": "ERROR",
                # Bodies and keys would stand in the log.
                "data_trace_enabled": False,
                "metrics_enabled": True,
                "caching_enabled": False,
                "cache_data_encrypted": True,
                "throttling_rate_limit": asked.rate,
                "throttling_burst_limit": asked.burst,
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[errors]),
        )
        reached = _Reached(api, stage)
        if asked.firewall is not None:
            from pulumi_aws.wafv2.web_acl_association import WebAclAssociation

            WebAclAssociation(name, resource_arn=stage.arn, web_acl_arn=asked.firewall, opts=child)
        ids = self._plans(name, asked, reached, tags)
        self.url = stage.invoke_url
        if asked.domain is not None:
            self.url = self._named(name, asked.domain, reached, settings, tags)
        self.api_id, self.stage_arn = api.id, stage.arn
        self.key_ids = pulumi.Output.all(**ids)
        self.log_group_name = logs.name
        self.register_outputs(
            {
                "url": self.url,
                "api_id": self.api_id,
                "stage_arn": self.stage_arn,
                "key_ids": self.key_ids,
                "log_group_name": self.log_group_name,
            }
        )

    def _may_log(self, name: str, region: str, tags: Tags) -> list[pulumi.Resource]:
        """Let API Gateway write logs: one role for all of a region's APIs, so it stays when this one goes."""
        child, called = pulumi.ResourceOptions(parent=self, retain_on_delete=True), f"{name}-logs"
        role = Role(
            called,
            description=f"API Gateway writes logs in {region}",
            # As API Gateway tries the role when it is set: with its service alone, and with AWS's own policy.
            assume_role_policy=TRUSTED,
            tags=tags.of(called),
            opts=child,
        )
        allowed = RolePolicyAttachment(
            called,
            role=role.name,
            policy_arn=f"arn:{partition(region)}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs",
            opts=child,
        )
        set_ = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[allowed]))
        return [Account(name, cloudwatch_role_arn=role.arn, opts=set_)]

    def _api(self, name: str, account: str, asked: Asked, tags: Tags) -> RestApi:
        rest: dict[str, Any] = {} if not asked.cidrs else {"policy": _policy(asked)}
        return RestApi(
            name,
            description=f"The model of {name}; account {account}",
            endpoint_configuration={"types": "REGIONAL"},
            # Tensors and pictures pass as they are.
            binary_media_types=["*/*"],
            # Where callers use a name of one's own, what stands before that (WAF, TLS) is not to be gone around.
            disable_execute_api_endpoint=asked.domain is not None,
            tags=tags.of(name),
            **rest,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _answered(self, name: str, asked: Asked, api: RestApi, tags: Tags) -> list[pulumi.Resource]:
        """The paths, who may call them, and the function that answers."""
        child = pulumi.ResourceOptions(parent=self)
        root = Resource(name, rest_api=api.id, parent_id=api.root_resource_id, path_part=ROOT, opts=child)
        below = Resource(f"{name}-below", rest_api=api.id, parent_id=root.id, path_part="{proxy+}", opts=child)
        calls = self._may_call(name, asked, tags)
        found: list[pulumi.Resource] = []
        for called, place in ((name, root), (f"{name}-below", below)):
            rest: dict[str, Any] = {"request_parameters": {"method.request.path.proxy": True}} if place is below else {}
            method = Method(
                called,
                rest_api=api.id,
                resource_id=place.id,
                http_method="ANY",
                authorization="AWS_IAM" if asked.iam else "NONE",
                api_key_required=bool(asked.plans),
                **rest,
                opts=child,
            )
            found.append(
                Integration(
                    called,
                    rest_api=api.id,
                    resource_id=place.id,
                    http_method=method.http_method,
                    type="AWS_PROXY",
                    integration_http_method="POST",
                    uri=asked.function["invoke_arn"],
                    credentials=calls,
                    timeout_milliseconds=round(asked.timeout * 1000),
                    opts=child,
                )
            )
        return found

    def _may_call(self, name: str, asked: Asked, tags: Tags) -> pulumi.Output[str]:
        """The role that the API calls the function in: it may do that, by this alias, and nothing else."""
        child, called = pulumi.ResourceOptions(parent=self), f"{name}-calls"
        role = Role(
            called,
            description=f"The API {name} calls its function",
            # As API Gateway's guide has it; who makes an integration with a role must be allowed to pass it.
            assume_role_policy=TRUSTED,
            tags=tags.of(called),
            opts=child,
        )
        policy = policies.text(policies.content(policies.allow(["lambda:InvokeFunction"], asked.function["arn"])))
        allowed = RolePolicy(called, role=role.name, policy=policy, opts=child)
        return pulumi.Output.all(role.arn, allowed.id).apply(lambda known: str(known[0]))

    def _plans(self, name: str, asked: Asked, reached: _Reached, tags: Tags) -> dict[str, pulumi.Output[str]]:
        """Usage plans with their keys: ids of these by name."""
        child, ids = pulumi.ResourceOptions(parent=self), dict[str, pulumi.Output[str]]()
        for each in asked.plans:
            called = f"{name}-{each.name}"
            rest: dict[str, Any] = {}
            if each.per_day is not None:
                rest["quota_settings"] = {"limit": each.per_day, "period": "DAY"}
            plan = UsagePlan(
                called,
                description=f"What the keys of {each.name} may ask of {name}",
                api_stages=[{"api_id": reached.api.id, "stage": reached.stage.stage_name}],
                throttle_settings={"rate_limit": each.rate, "burst_limit": each.burst},
                tags=tags.of(called),
                **rest,
                opts=child,
            )
            for caller in each.keys:
                called = f"{name}-{each.name}-{caller}"
                key = ApiKey(
                    called,
                    description=f"{caller}, for {name}",
                    tags=tags.of(called),
                    # AWS makes its value, which the SDK marks as a secret in the state.
                    opts=child,
                )
                UsagePlanKey(called, key_id=key.id, key_type="API_KEY", usage_plan_id=plan.id, opts=child)
                ids[caller] = key.id
        return ids

    def _named(
        self, name: str, asked: AwsApiDomain, reached: _Reached, settings: MethodSettings, tags: Tags
    ) -> pulumi.Output[str]:
        """A name of one's own, which leads here once the API answers as it should: its URL."""
        child, host, zone = pulumi.ResourceOptions(parent=self), asked["hostname"], asked["hosted_zone_id"]
        given = asked.get("certificate")
        proven = given["arn"] if given is not None else certificate.of(self, name, [host], zone, tags)
        domain = DomainName(
            name,
            domain_name=host,
            regional_certificate_arn=proven,
            endpoint_configuration={"types": "REGIONAL"},
            security_policy="TLS_1_2",
            tags=tags.of(name),
            opts=child,
        )
        mapped = BasePathMapping(
            name,
            domain_name=domain.domain_name,
            rest_api=reached.api.id,
            stage_name=reached.stage.stage_name,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[settings]),
        )
        record = Record(
            f"{name}-{host}",
            zone_id=zone,
            name=host,
            type="A",
            aliases=[
                {
                    "name": domain.regional_domain_name,
                    "zone_id": domain.regional_zone_id,
                    "evaluate_target_health": False,
                }
            ],
            # A name that leads elsewhere is not taken over.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[mapped]),
        )
        return record.name.apply(lambda _: f"https://{host}")


def _policy(asked: Asked) -> str:
    """Callers of other networks are refused, whoever they are."""
    invoke: dict[str, Any] = {"Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    deny = {"Effect": "Deny", **invoke, "Condition": {"NotIpAddress": {"aws:SourceIp": asked.cidrs}}}
    # Where IAM says who may, a policy that allows would allow everybody of the account.
    return policies.document(*([] if asked.iam else [{"Effect": "Allow", **invoke}]), deny)


def _digest(asked: Asked) -> str:
    """Changes when what is deployed does."""
    told = [asked.iam, bool(asked.plans), asked.cidrs, asked.timeout]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
