"""checkov's word on plans, as Terraform that it reads: one process over all of them.

assert checkov({"network": judging.planned(lambda: AwsNetwork("net", {...}))}) == []
"""

from collections.abc import Mapping
from typing import Final

from tests.components import judging_checkov
from tests.components.aws import judging_terraform
from tests.components.planned import Plan

_WAYS = ("front", "way", "models")
_LOGS = {
    "CKV_AWS_145": "a load balancer writes its access logs to no bucket with a KMS key",
    "CKV_AWS_18": "what reads the access logs is told by CloudTrail; logs of logs have no end",
    "CKV_AWS_144": "access logs are kept in their region, for as many days as they are asked for",
    "CKV2_AWS_62": "nobody waits for access logs",
}
_SERVED = ("digits", "models", "served")
_KEPT = {
    "CKV_AWS_18": "who reads what an endpoint keeps is told by CloudTrail",
    "CKV_AWS_144": "requests are kept where they were answered, for as many days as they are asked for",
    "CKV2_AWS_62": "nobody waits for requests that are kept",
}
_FUNCTIONS: Final = {
    "CKV_AWS_116": "whoever calls hears of a failure himself; nothing waits in a queue",
    "CKV_AWS_272": "Lambda checks signatures of archives alone; an image is pulled by its digest",
}
_USUAL: Final = {
    "CKV_AWS_117": "a model calls nobody, and a function in no VPC reaches nothing in one",
    "CKV_AWS_173": "it has no environment, and one that it gets has the key",
}
_STAGES: Final = {
    "CKV2_AWS_51": "behind this API is a function, which IAM lets be called, and no server with a certificate",
    "CKV_AWS_120": "an answer is to what was sent, and there is nothing to keep",
}
_APIS: Final = ("digits", "answers", "named", "models")
TOO_MUCH: Final[dict[str, str]] = {
    **{
        f"CKV_AWS_115 aws_lambda_function.{name}": "a bound takes from the account what it reserves, so it is asked for"
        for name in ("digits", "answers")
    },
    **{
        f"{check} aws_lambda_function.{name}": why
        for name in ("digits", "whole", "answers", "models")
        for check, why in {**_FUNCTIONS, **(_USUAL if name != "whole" else {})}.items()
    },
    **{
        f"CKV_AWS_124 aws_cloudformation_stack.{name}": "an `up` waits for this stack, and says what became of it"
        for name in ("digits", "whole", "answers", "models")
    },
    **{f"{check} aws_api_gateway_stage.{name}": why for name in _APIS for check, why in _STAGES.items()},
    **{
        f"CKV2_AWS_29 aws_api_gateway_stage.{name}": "a firewall is asked for, as it costs by the request; keys are not"
        for name in ("digits", "answers", "models")
    },
    "CKV2_AWS_77 aws_api_gateway_stage.named": "the firewall is the test's own",
    **{
        f"CKV2_AWS_53 aws_api_gateway_method.{name}{kind}": "the server checks what it is sent, and says what is wrong"
        for name in _APIS
        for kind in ("", "-below")
    },
    **{
        f"CKV_AWS_225 aws_api_gateway_method_settings.{name}": "an answer is to what was sent: nothing is kept"
        for name in _APIS
    },
    "CKV_AWS_39 aws_eks_cluster.open": "this cluster names the networks that may reach it; by default there are none",
    "CKV_AWS_339 aws_eks_cluster.open": "this checkov knows Kubernetes up to 1.35",
    **{f"{check} aws_s3_bucket.{name}-logs": why for name in _WAYS for check, why in _LOGS.items()},
    "CKV_AWS_150 aws_lb.way": "this load balancer is free to go; by default it is protected",
    **{
        f"CKV_AWS_378 aws_lb_target_group.{name}": "TLS ends at the load balancer; behind it is the VPC"
        for name in (*_WAYS, "models-b")
    },
    "CKV2_AWS_15 aws_autoscaling_attachment.models-system": "EKS itself looks after the health of its nodes",
    **{f"{check} aws_s3_bucket.{name}-capture": why for name in _SERVED for check, why in _KEPT.items()},
    **{
        f"CKV2_AWS_5 aws_security_group.{name}": "a model of SageMaker's has it, which checkov does not look at"
        for name in _SERVED
    },
    **{
        f"CKV_AWS_393 aws_iam_role.{name}": "this one trusts a whole organisation, by the argument that says so"
        for name in ("any", "any-preview")
    },
    **{
        f"CKV2_AWS_57 aws_secretsmanager_secret.{name}": "who puts this value makes it anew"
        for name in ("shop-api", "kept-api")
    },
    "CKV2_AWS_38 aws_route53_zone.example": "the zone is the test's own, no component makes one",
    "CKV2_AWS_39 aws_route53_zone.example": "the zone is the test's own, no component makes one",
    "CKV2_AWS_23 aws_route53_record.shared-aws": "this one leads to a load balancer that another stack has",
    "CKV2_AWS_23 aws_route53_record.shared-google": "this one leads to another cloud",
}
"""Checks that ask for what is not wanted here, with the resources that they name, and why not."""


def checkov(plans: Mapping[str, Plan]) -> list[str]:
    """`NAME: CKV_AWS_58 aws_eks_cluster.shop: what it asks for`, for each check that fails. Nothing is skipped."""
    return judging_checkov.checkov(judging_terraform.TERRAFORM, plans)
