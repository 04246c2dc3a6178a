"""The target `aws-sagemaker`: a network and a registry are made, and the model answers in Amazon SageMaker."""

import shlex
from pathlib import Path
from typing import Any, cast

import pulumi

from components.aws.network import AwsEndpoint
from components.aws.sagemaker import SageMakerEndpoint, SageMakerEndpointArgs
from components.rehearsal import made
from stacks import aws_parts, parts, samples, telling
from stacks.spec import StackSpec
from stacks.specs.aws_sagemaker import SageMakerSpec
from stacks.specs.aws_sagemaker_rules import arguments


def deploy(spec: StackSpec) -> None:
    """Make all of it, and export what a person or a script asks next."""
    wanted = cast("SageMakerSpec", spec.sagemaker)
    aws_parts.idle_gpus("sagemaker.instance.type", [wanted.instance.type])
    aws_parts.deploy("sagemaker", wanted, lambda options: _make(spec, wanted, options))


def _make(spec: StackSpec, wanted: SageMakerSpec, options: pulumi.ResourceOptions) -> None:
    network = aws_parts.network(wanted, options, endpoints=_endpoints(wanted))
    registry = aws_parts.registry(spec, wanted, options)
    aws_parts.budget(wanted, options)
    image = aws_parts.image(spec, registry)
    reference = aws_parts.serving(spec, registry, image)

    def other(digest: str) -> pulumi.Output[str]:
        return registry.url.apply(lambda url: f"{url}@{digest}")

    given: dict[str, Any] = {
        **arguments(spec, reference, image.reference, other),
        "vpc_id": network.vpc_id,
        "subnet_ids": network.private_subnet_ids,
    }
    endpoint = made(SageMakerEndpoint, wanted.name, cast("SageMakerEndpointArgs", given), options)
    telling.of_model(spec, image)
    parts.released(spec, wanted.name, reference, endpoint)
    pulumi.export("registry", registry.url)
    pulumi.export("vpc", network.vpc_id)
    pulumi.export("endpoint", endpoint.url)
    pulumi.export("endpoint_name", endpoint.endpoint_name)
    pulumi.export("endpoint_arn", endpoint.endpoint_arn)
    pulumi.export("configuration", endpoint.configuration_name)
    pulumi.export("logs", endpoint.log_group_name)
    if wanted.capture is not None:
        pulumi.export("captured", endpoint.capture_uri)
    pulumi.export("try", endpoint.endpoint_name.apply(lambda name: _lines(spec, wanted, name)))


def _endpoints(wanted: SageMakerSpec) -> list[AwsEndpoint]:
    """What is reached without leaving the VPC: S3, where requests are kept, and SageMaker for callers in it."""
    # In a VPC that is there, `aws_parts.network` adds it where the file names the route tables.
    kept = [] if wanted.network.existing is not None else [AwsEndpoint.S3]
    return [*kept, *([AwsEndpoint.SAGEMAKER_RUNTIME] if wanted.reached_from_vpc else [])]


def _lines(spec: StackSpec, wanted: SageMakerSpec, name: str) -> list[str]:
    """What can be pasted into a shell in the project's folder, with credentials that may invoke the endpoint."""
    about = f"--region {wanted.region} --endpoint-name {name}"
    lines = [f"aws sagemaker describe-endpoint {about}"]
    sample = samples.fitting({"name": spec.model.name}, samples.beside(spec.model.source, Path.cwd()))
    if sample is not None:
        body = shlex.quote(f"fileb://{sample}")
        call = f"aws sagemaker-runtime invoke-endpoint {about} --content-type application/json"
        lines.append(f"{call} --body {body} /dev/stdout")
    return lines
