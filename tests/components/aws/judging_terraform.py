"""A plan as a configuration of the Terraform AWS provider, and what the provider's schema has against it.

pulumi_aws is made from that provider.

    found = judging.planned(lambda: AwsNetwork("net", {...}))
    assert misfits(found) == []
    hcl(found)                  # as text, for what reads Terraform
    configuration(found)        # as JSON
"""

import re
from typing import Final

from tests.components.aws import judging
from tests.components.aws.judging_schema import BINDINGS, schema
from tests.components.judging_terraform import Terraform

_NAMED = {
    "aws:lb/loadBalancer:LoadBalancer": "aws_lb",
    "aws:lb/targetGroup:TargetGroup": "aws_lb_target_group",
    "aws:autoscaling/tag:Tag": "aws_autoscaling_group_tag",
    "aws:codedeploy/application:Application": "aws_codedeploy_app",
    "aws:servicediscovery/service:Service": "aws_service_discovery_service",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "aws_iam_openid_connect_provider",
    "aws:route53/record:Record": "aws_route53_record",
    "aws:cloudwatch/logGroup:LogGroup": "aws_cloudwatch_log_group",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "aws_cloudwatch_log_resource_policy",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "aws_cloudwatch_metric_alarm",
}
"""Terraform's type, where it is neither `aws_MODULE_NAME` nor `aws_NAME` of Pulumi's token."""
_RENAMED: dict[tuple[str, str], str] = {
    ("aws_cloudwatch_metric_alarm", "name"): "alarm_name",
    ("aws_api_gateway_base_path_mapping", "restApi"): "api_id",
    ("aws_api_gateway_stage", "deployment"): "deployment_id",
    **{
        (f"aws_api_gateway_{each}", "restApi"): "rest_api_id"
        for each in ("deployment", "integration", "method", "method_settings", "resource", "stage")
    },
    ("aws_lambda_function", "name"): "function_name",
    ("aws_lambda_permission", "function"): "function_name",
    ("aws_sns_topic_subscription", "topic"): "topic_arn",
}
"""Terraform's name by its type and Pulumi's word, where that is not the name in one word, nor its plural."""


def kind(token: str) -> str:
    """Terraform's type for a token of Pulumi's. Raises LookupError where the provider has none."""
    if token in _NAMED:
        return _NAMED[token]
    module, _, rest = token.removeprefix("aws:").partition("/")
    name = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", rest.partition(":")[0]).lower()
    module = {"apigateway": "api_gateway"}.get(module, module)
    for each in (f"aws_{module}_{name}", f"aws_{name}"):
        if schema(each) is not None:
            return each
    raise LookupError(f"the Terraform AWS provider has no type for {token}, name it in _NAMED")


TERRAFORM: Final = Terraform("aws", "aws", BINDINGS, kind, _RENAMED, judging.references, judging.named)
misfits = TERRAFORM.misfits
configuration = TERRAFORM.configuration
hcl = TERRAFORM.hcl
