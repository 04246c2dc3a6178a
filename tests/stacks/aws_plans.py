"""The stack `aws-eks` planned under mocks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from stacks import aws_eks
from stacks.spec import StackSpec
from tests.components.planned import Plan, plan
from tests.stacks.earlier import MODEL, RELEASE, ROOT

IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/modelport/digits@sha256:" + "a1" * 32


def document(**aws: Any) -> dict[str, Any]:
    """`Pulumi.aws-eks.yaml` with keys of `aws` put over its section of that name; None takes one out."""
    whole: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.aws-eks.yaml").read_text())
    section = whole["config"]["modelport:aws"]
    for key, value in aws.items():
        known = section.get(key)
        section[key] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
    whole["config"]["modelport:aws"] = {key: value for key, value in section.items() if value is not None}
    return whole


def spec(folder: Path, whole: Mapping[str, Any]) -> StackSpec:
    """The same as checked. Raises SpecError."""
    file = folder / "Pulumi.aws-eks.yaml"
    file.write_text(yaml.safe_dump(dict(whole), sort_keys=False))
    return StackSpec.from_file(file)


OUTPUTS: Any = {
    "aws:eks/cluster:Cluster": lambda made: {
        "endpoint": "https://127.0.0.1:1",
        "certificateAuthority": {"data": "Q0E="},
        "vpcConfig": {**made.inputs["vpcConfig"], "clusterSecurityGroupId": "sg-0123456789abcdef0"},
    },
    "aws:eks/nodeGroup:NodeGroup": lambda made: {
        "nodeGroupName": made.name,
        "resources": [{"autoscalingGroups": [{"name": f"eks-{made.name}"}]}],
    },
    "aws:s3/bucket:Bucket": lambda made: {"bucket": made.name},
    "aws:route53/record:Record": lambda made: {"fqdn": made.name},
    "aws:ec2/launchTemplate:LaunchTemplate": lambda _: {"latestVersion": 1},
    "aws:ecr/repository:Repository": lambda _: {"repositoryUrl": IMAGE.partition("@")[0]},
    "aws:acm/certificate:Certificate": lambda made: {
        "domainValidationOptions": [
            {
                "domainName": made.inputs["domainName"],
                "resourceRecordName": "_a.example.com",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": "_b.acm-validations.aws",
            }
        ]
    },
    "aws:lb/loadBalancer:LoadBalancer": lambda made: {
        "arnSuffix": f"app/{made.name}/0123456789abcdef",
        "dnsName": "made.elb.amazonaws.com",
        "zoneId": "Z0",
    },
    "aws:lb/targetGroup:TargetGroup": lambda made: {"arnSuffix": f"targetgroup/{made.name}/0123456789abcdef"},
    "pulumi-python:dynamic/modelport:ApiKey": lambda _: {"key": "only for tests", "sha256": "ab" * 32},
    MODEL: lambda _: {
        "reference": IMAGE,
        "metrics": {"bytes": 58407.0, "p50_ms": 0.1},
        "digest": IMAGE.partition("@")[2],
    },
    RELEASE: lambda _: {"stable": IMAGE, "stable_digest": IMAGE.partition("@")[2], "history": [], "owner": "shop/test"},
}


def planned(given: StackSpec, *, preview: bool = True) -> Plan:
    """All that the stack registers; in a preview what is made tells nothing yet."""
    return plan(lambda: aws_eks.deploy(given), preview=preview, outputs=OUTPUTS)
