"""A model that answers in Amazon SageMaker: variants on instances, released by SageMaker's own deployments."""

from typing import Any, Optional

import pulumi
from pulumi_aws.cloudwatch.log_group import LogGroup
from pulumi_aws.ec2.security_group import SecurityGroup
from pulumi_aws.iam.role import Role
from pulumi_aws.kms.key import Key
from pulumi_aws.sagemaker.endpoint import Endpoint
from pulumi_aws.sagemaker.endpoint_configuration import EndpointConfiguration
from pulumi_aws.sagemaker.model import Model
from pulumi_aws.vpc.security_group_egress_rule import SecurityGroupEgressRule

from components.aws import sagemaker_parts, sagemaker_release, sagemaker_types
from components.aws.sagemaker_asked import (
    LOG_DAYS,
    VARIANT,
    Asked,
    SageMakerCapture,
    SageMakerEndpointArgs,
    SageMakerShadow,
    SageMakerVariant,
    Variant,
)
from components.aws.sagemaker_release import SageMakerRelease, SageMakerStep, SageMakerStrategy
from components.aws.tags import Tags

__all__ = [
    "SageMakerCapture",
    "SageMakerEndpoint",
    "SageMakerEndpointArgs",
    "SageMakerRelease",
    "SageMakerShadow",
    "SageMakerStep",
    "SageMakerStrategy",
    "SageMakerVariant",
]


class SageMakerEndpoint(pulumi.ComponentResource):
    """An endpoint that is called as the component is, in private subnets, whose containers speak to nobody.

    Who may call it is IAM's to say: `sagemaker:InvokeEndpoint` on its ARN. A configuration is never changed: a new one
    is made, the endpoint moves there, and only then the old one goes. An `up` fails when SageMaker went back to the old
    one. Outputs: `endpoint_name`, `endpoint_arn`, `configuration_name`, `url`, `role_arn`, `security_group_id`,
    `log_group_name`, `key_arn`, `capture_uri`.
    """

    endpoint_name: pulumi.Output[str]
    """Name of the endpoint."""
    endpoint_arn: pulumi.Output[str]
    """Its ARN: of what callers need `sagemaker:InvokeEndpoint`."""
    configuration_name: pulumi.Output[str]
    """Name of the configuration that it has."""
    url: pulumi.Output[str]
    """Where it is called, with a signed request."""
    role_arn: pulumi.Output[str]
    """ARN of what SageMaker is when it runs the models."""
    security_group_id: pulumi.Output[str]
    """Id of the security group of its network interfaces."""
    log_group_name: pulumi.Output[str]
    """Where the models log to."""
    key_arn: pulumi.Output[str]
    """ARN of the key of disks, logs and what is kept."""
    capture_uri: pulumi.Output[str]
    """Where requests and answers are kept, `s3://BUCKET/captured`; empty where they are not."""

    def __init__(
        self,
        name: str,
        args: SageMakerEndpointArgs,
        opts: Optional[pulumi.ResourceOptions] = None,  # noqa: UP045
    ) -> None:
        asked = Asked(name, args)
        tags = Tags("SageMakerEndpoint.tags", name, args.get("tags"))
        super().__init__("modelport:index:SageMakerEndpoint", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        region, account = args["region"], args["account_id"]
        key = asked.key
        if key is None:
            # What is kept is lost without it.
            stays = asked.capture is not None and not asked.capture.delete
            key = Key(
                name,
                description=f"Disks, logs and kept requests of {name}",
                enable_key_rotation=True,
                policy=sagemaker_parts.key_policy(region, account),
                tags=tags.of(name),
                opts=pulumi.ResourceOptions(parent=self, retain_on_delete=stays or None),
            ).arn
        logs = LogGroup(
            name,
            # SageMaker writes there, and would make one without a key that is kept for ever.
            name=f"/aws/sagemaker/Endpoints/{name}",
            kms_key_id=key,
            retention_in_days=args.get("log_days", LOG_DAYS),
            tags=tags.of(name),
            opts=child,
        )
        group, rule = self._group(name, asked, tags)
        kept = sagemaker_parts.Kept(self, name, asked.capture, key, tags) if asked.capture is not None else None
        all_of_them = [*asked.variants, *([asked.shadow] if asked.shadow is not None else [])]
        images = [each.image for each in all_of_them]
        who, allowed = sagemaker_parts.role(
            self, name, region, account, images, asked.subnets, group.id, logs, kept, key, tags
        )
        models = {each.name: self._model(name, each, asked, who, group, [allowed, rule], tags) for each in all_of_them}
        configuration = self._configuration(name, asked, models, kept, key, tags)
        watched = sagemaker_release.alarms(
            self,
            name,
            [each.name for each in asked.variants],
            configuration.name,
            tags,
            error_percent=asked.errors,
            latency=asked.latency,
        )
        alarms = [{"alarm_name": each} for each in [*(each.name for each in watched), *asked.alarms]]
        # Never without alarms: with the first or the last of them the provider would make the endpoint anew.
        released: Any = {**asked.release.policy, "auto_rollback_configuration": {"alarms": alarms}}
        endpoint = Endpoint(
            name,
            # What callers ask for, and what alarms and scaling know it by before it is there.
            name=name,
            endpoint_config_name=configuration.name,
            deployment_config=released,
            tags=tags.of(name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs, allowed, *(kept.settled if kept else [])]),
        )
        if asked.targets.scaled:
            sagemaker_parts.scaled(self, name, endpoint, endpoint.name, asked.variants, asked.targets, tags)
        self.endpoint_name = endpoint.name
        self.endpoint_arn = endpoint.arn
        self.configuration_name = pulumi.Output.all(name, endpoint.endpoint_config_name, configuration.name).apply(
            _in_service
        )
        self.url = endpoint.name.apply(lambda known: f"{_runtime(region)}/endpoints/{known}/invocations")
        self.role_arn = who.arn
        self.security_group_id = group.id
        self.log_group_name = logs.name
        self.key_arn = pulumi.Output.from_input(key)
        self.capture_uri = pulumi.Output.from_input(kept.uri if kept is not None else "")
        self.register_outputs(
            {
                "endpoint_name": self.endpoint_name,
                "endpoint_arn": self.endpoint_arn,
                "configuration_name": self.configuration_name,
                "url": self.url,
                "role_arn": self.role_arn,
                "security_group_id": self.security_group_id,
                "log_group_name": self.log_group_name,
                "key_arn": self.key_arn,
                "capture_uri": self.capture_uri,
            }
        )

    def _group(self, name: str, asked: Asked, tags: Tags) -> tuple[SecurityGroup, SecurityGroupEgressRule]:
        """Nobody speaks to the interfaces: requests come through SageMaker itself."""
        child = pulumi.ResourceOptions(parent=self)
        group = SecurityGroup(name, vpc_id=asked.vpc, description=f"Models of {name}", tags=tags.of(name), opts=child)
        called = f"{name}-out"
        rule = SecurityGroupEgressRule(
            called,
            security_group_id=group.id,
            cidr_ipv4="0.0.0.0/0",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            description="HTTPS: SageMaker keeps requests in S3 from here",
            tags=tags.of(called),
            opts=child,
        )
        return group, rule

    def _model(
        self,
        name: str,
        variant: Variant,
        asked: Asked,
        who: Role,
        group: SecurityGroup,
        after: list[pulumi.Resource],
        tags: Tags,
    ) -> Model:
        called = name if variant.name == VARIANT else f"{name}-{variant.name}"
        return Model(
            called,
            execution_role_arn=who.arn,
            primary_container={"image": variant.image, "mode": "SingleModel", "environment": asked.env},
            enable_network_isolation=asked.isolated,
            vpc_config={"subnets": asked.subnets, "security_group_ids": [group.id]},
            tags=tags.of(called),
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )

    def _configuration(
        self,
        name: str,
        asked: Asked,
        models: dict[str, Model],
        kept: "sagemaker_parts.Kept | None",
        key: pulumi.Input[str],
        tags: Tags,
    ) -> EndpointConfiguration:
        every = [*asked.variants, *([asked.shadow] if asked.shadow is not None else [])]
        rest: dict[str, Any] = {}
        # Disks of an instance's own are encrypted by its hardware, and SageMaker refuses a key beside them.
        if not any(sagemaker_types.has_own_disks(each.instance_type) for each in every):
            rest["kms_key_arn"] = key
        if asked.shadow is not None:
            rest["shadow_production_variants"] = [_variant(asked.shadow, models, asked.startup)]
        if kept is not None and asked.capture is not None:
            rest["data_capture_config"] = {
                "enable_capture": True,
                "initial_sampling_percentage": asked.capture.percent,
                "destination_s3_uri": kept.uri,
                "kms_key_id": key,
                "capture_options": [{"capture_mode": each} for each in asked.capture.modes],
                # Kept as text; without it, as base64.
                "capture_content_type_header": {"json_content_types": ["application/json"]},
            }
        return EndpointConfiguration(
            name,
            production_variants=[_variant(each, models, asked.startup) for each in asked.variants],
            tags=tags.of(name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=kept.settled if kept is not None else []),
            **rest,
        )


def _variant(each: Variant, models: dict[str, Model], startup: int) -> Any:
    return {
        "variant_name": each.name,
        "model_name": models[each.name].name,
        "instance_type": each.instance_type,
        "initial_instance_count": each.instances,
        "initial_variant_weight": each.weight,
        "container_startup_health_check_timeout_in_seconds": startup,
        "routing_configs": [{"routing_strategy": "LEAST_OUTSTANDING_REQUESTS"}],
        # Nobody gets a shell where the model runs.
        "enable_ssm_access": False,
    }


def _in_service(known: list[object]) -> str:
    """The configuration that the endpoint has. Raises RunError when it is not the one that was asked for.

    The provider takes an endpoint that is in service again for updated, and what the release was to replace would be
    deleted next, while it serves (issue 48997 of terraform-provider-aws, 2026-11-22). A program that fails keeps it.
    """
    name, found, wanted = (str(each) for each in known)
    if found != wanted:
        # Not an ArgsError, around which the SDK puts words of its own where it is told of late.
        raise pulumi.RunError(
            f"the endpoint {name} has the configuration {found}, expected {wanted}: SageMaker rolled the release back, "
            "and the version before answers on; see why with `aws sagemaker describe-endpoint --endpoint-name "
            f"{name}`, in its alarms and logs, and mend the model; another up tries again"
        )
    return found


def _runtime(region: str) -> str:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://runtime.sagemaker.{region}.{suffix}"
