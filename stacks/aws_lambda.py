"""The target `aws-lambda`: a registry is made, and the model answers in AWS Lambda, behind an API or a URL."""

from pathlib import Path
from typing import Any, cast

import pulumi

from components.aws.lambda_service import LambdaService, LambdaServiceArgs
from components.rehearsal import made
from stacks import aws_parts, parts, samples, telling
from stacks.spec import StackSpec
from stacks.specs.aws_lambda import FunctionApiSpec, FunctionSpec
from stacks.specs.aws_lambda_rules import arguments, of_api

SIGNED = (
    '--aws-sigv4 "aws:amz:{region}:{service}" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" '
    '-H "X-Amz-Security-Token: $AWS_SESSION_TOKEN"'
)
"""What curl signs a request with, from what `aws configure export-credentials --format env` tells."""
KEYED = (
    '-H "X-Api-Key: $(aws apigateway get-api-key --region {region} --api-key {id} --include-value --query value '
    '--output text)"'
)


def deploy(spec: StackSpec) -> None:
    """Make all of it, and export what a person or a script asks next."""
    wanted = cast("FunctionSpec", spec.function)
    aws_parts.deploy("function", wanted, lambda options: _make(spec, wanted, options))


def _make(spec: StackSpec, wanted: FunctionSpec, options: pulumi.ResourceOptions) -> None:
    registry = aws_parts.registry(spec, wanted, options, pulled_by_functions=True)
    aws_parts.budget(wanted, options)
    image = aws_parts.image(spec, registry)
    reference = aws_parts.serving(spec, registry, image)
    given = cast("LambdaServiceArgs", {**arguments(spec), "image": reference})
    function = made(LambdaService, wanted.name, given, options)
    telling.of_model(spec, image)
    parts.released(spec, wanted.name, reference, function)
    pulumi.export("registry", registry.url)
    pulumi.export("function", function.function_name)
    pulumi.export("alias_arn", function.alias_arn)
    pulumi.export("version", function.version)
    pulumi.export("logs", function.log_group_name)
    if wanted.has_url:
        pulumi.export("url", function.url)
    if wanted.api is None:
        pulumi.export("endpoint", function.url)
        pulumi.export("try", function.url.apply(lambda url: _lines(spec, url, _signed(wanted, "lambda"))))
    else:
        _before(spec, wanted, wanted.api, function, options)


def _before(
    spec: StackSpec,
    wanted: FunctionSpec,
    api: FunctionApiSpec,
    function: LambdaService,
    options: pulumi.ResourceOptions,
) -> None:
    """The API before the function."""
    # Its modules of pulumi_aws cost a start of a program that has none their time.
    from components.aws.api_gateway import AwsApiGateway, AwsApiGatewayArgs

    called = {"arn": function.alias_arn, "invoke_arn": function.invoke_arn}
    args = cast("AwsApiGatewayArgs", {**of_api(wanted, api), "function": called})
    gateway = made(AwsApiGateway, wanted.name, args, options)
    pulumi.export("endpoint", gateway.url)
    pulumi.export("api", gateway.api_id)
    pulumi.export("key_ids", gateway.key_ids)
    pulumi.export("access_logs", gateway.log_group_name)

    def lines(known: list[Any]) -> list[str]:
        url, ids = known
        options = [_signed(wanted, "execute-api")] if api.iam else []
        options += [KEYED.format(region=wanted.region, id=next(iter(ids.values())))] if ids else []
        return _lines(spec, url, " ".join(options))

    pulumi.export("try", pulumi.Output.all(gateway.url, gateway.key_ids).apply(lines))


def _signed(wanted: FunctionSpec, service: str) -> str:
    anonymous = wanted.url is not None and wanted.url.anonymous and service == "lambda"
    return "" if anonymous else SIGNED.format(region=wanted.region, service=service)


def _lines(spec: StackSpec, url: str, options: str) -> list[str]:
    """What can be pasted into a shell in the project's folder, with credentials that may call."""
    found, about = samples.beside(spec.model.source, Path.cwd()), {"name": spec.model.name}
    return samples.requests(url.rstrip("/"), about, found, classify=spec.model.classify is not None, trust=options)
