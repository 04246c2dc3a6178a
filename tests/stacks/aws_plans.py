"""The stack `aws-eks` planned under mocks, and as an old state that a plan is made over."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from stacks import aws_eks
from stacks.spec import StackSpec
from tests.components.planned import Plan, Planned, plan

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/modelport/digits@sha256:" + "a1" * 32
MODEL = "pulumi-python:dynamic/modelport:ModelImage"
RELEASE = "pulumi-python:dynamic/modelport:Release"


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


def state(found: Plan, image: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    """A deployment as an engine would have left it behind: what was registered, with what is made up for AWS's answers.

    image, default: inputs of the model's image, and of the provider of dynamic resources, as they were checked.
    """
    ids = {each.urn: f"{each.name}-id" for each in found.resources if each.custom}
    stack = "urn:pulumi:test::shop::pulumi:pulumi:Stack::shop-test"
    own = "urn:pulumi:test::shop::pulumi:providers:pulumi-python::default"
    resources: list[dict[str, Any]] = [
        {"urn": stack, "custom": False, "type": "pulumi:pulumi:Stack"},
        {
            "urn": own,
            "custom": True,
            "id": "default-id",
            "type": "pulumi:providers:pulumi-python",
            "inputs": dict(default),
        },
    ]
    providers = {"aws": "", "kubernetes": "", "pulumi-python": f"{own}::default-id"}
    for each in found.resources:
        if each.type.startswith("pulumi:providers:"):
            providers[each.type.rpartition(":")[2]] = f"{each.urn}::{ids[each.urn]}"
    for each in _after_what_they_need(found.resources):
        inputs = _stored(each.request.get("object", {}))
        if each.type == "kubernetes:core/v1:Secret":
            # As the provider's check has it.
            texts = json.loads(inputs.pop("stringData")["plaintext"])
            data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
            inputs["data"] = {_SIGNATURE: _SECRET, "plaintext": json.dumps(data)}
        if each.type == MODEL:
            inputs = {**image, "destination": inputs["destination"]}
        one: dict[str, Any] = {"urn": each.urn, "custom": each.custom, "type": each.type, "inputs": inputs}
        one["parent"] = each.request.get("parent") or stack
        one["dependencies"] = each.request.get("dependencies", [])
        needed = each.request.get("propertyDependencies", {})
        one["propertyDependencies"] = {key: value.get("urns", []) for key, value in needed.items()}
        if each.custom:
            one["id"] = ids[each.urn]
            one["outputs"] = {**inputs, **_told(each)}
            if each.type.startswith("pulumi:providers:"):
                one["inputs"] = one["outputs"] = {**inputs, "version": each.request["version"]}
            else:
                one["provider"] = providers[each.type.partition(":")[0]]
        if each.request.get("protect"):
            one["protect"] = True
        resources.append(one)
    manifest = {"time": "2026-11-22T00:00:00Z", "magic": "", "version": ""}
    whole: dict[str, Any] = {"version": 3, "deployment": {"manifest": manifest, "resources": resources}}
    return cast("dict[str, Any]", json.loads(plain(json.dumps(whole))))


def plain(urns: str) -> str:
    """URNs as an engine has them: the mocks name the stack in front of what lies right below it."""
    return urns.replace("pulumi:pulumi:Stack$", "")


def _told(made: Planned) -> dict[str, Any]:
    """As the mocks tell it."""
    about: dict[str, Any] = {"arn": f"arn:aws:test:eu-central-1:123456789012:{made.name}", "name": made.name}
    known = OUTPUTS.get(made.type, lambda _: {})(made)
    return {**{key: value for key, value in about.items() if key not in made.inputs}, **known}


def _after_what_they_need(given: list[Planned]) -> list[Planned]:
    """As a state has them: nobody before his parent or what he depends on."""
    waiting, found, there, named = list(given), list[Planned](), set[str](), set[str]()
    every = {each.urn for each in given}
    while waiting:
        ready = [
            each
            for each in waiting
            if not (({each.request.get("parent", "")} | set(each.request.get("dependencies", []))) & every - there)
            and (each.type.partition(":")[0] != "kubernetes" or "cluster" in named)
        ]
        assert ready
        found += ready
        there |= {each.urn for each in ready}
        named |= {each.name for each in ready if each.type == "pulumi:providers:kubernetes"}
        waiting = [each for each in waiting if each.urn not in there]
    return found


_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"


def _stored(value: Any) -> Any:
    """Secrets as a state without encryption has them."""
    if isinstance(value, dict):
        if _SIGNATURE in value:
            return {_SIGNATURE: value[_SIGNATURE], "plaintext": json.dumps(value["value"])}
        return {key: _stored(each) for key, each in value.items()}
    return [_stored(each) for each in value] if isinstance(value, list) else value
