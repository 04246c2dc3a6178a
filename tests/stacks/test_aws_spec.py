"""What the section `aws` may not say: told in one line each, before anything is planned."""

from pathlib import Path
from typing import Any

import pytest

from stacks.spec import SpecError
from tests.stacks.aws_plans import document, spec


def told(folder: Path, whole: dict[str, Any]) -> list[str]:
    with pytest.raises(SpecError) as raised:
        spec(folder, whole)
    return [line.removeprefix("Pulumi.aws-eks.yaml: ") for line in raised.value.lines]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"account_id": "1234"},
     "aws.account_id is '1234', expected an AWS account id, twelve digits as text; for example \"123456789012\""),
    ({"region": "eu-centrl-1"}, "aws.region is 'eu-centrl-1', expected one that there is; did you mean eu-central-1"),
    ({"network": {"zones": ["eu-central-1a"]}},
     "aws.network.zones is ['eu-central-1a'], expected at least 2 availability zones, as one may fail; "
     "write ['eu-central-1a', 'eu-central-1b', 'eu-central-1c']"),
    ({"network": {"apart_from": ["10.20.128.0/17"]}},
     "aws.network.cidr is '10.20.0.0/16', which overlaps aws.network.apart_from[0] (10.20.128.0/17), expected networks "
     "that share no address; change one of them"),
    ({"cluster": {"instance_types": ["m7g.large"]}},
     "aws.cluster.instance_types has m7g.large, expected types of x86_64, as the model's image is of; for example "
     "m7i.large, or write model.platforms: [linux/amd64, linux/arm64]"),
    ({"cluster": {"version": "1.19"}},
     "aws.cluster.version is '1.19', expected a version of Kubernetes that EKS supports: 1.36, 1.35, 1.34, 1.33, 1.32; "
     'write "1.36"'),
    ({"cluster": {"admins": {"deployer": "arn:aws:sts::123456789012:assumed-role/deployer/me"}}},
     "aws.cluster.admins.deployer is 'arn:aws:sts::123456789012:assumed-role/deployer/me', expected an ARN of iam; "),
    ({"cluster": {"desired": 5}},
     "aws.cluster.desired is 5, expected at most aws.cluster.max, which is 4; raise aws.cluster.max to 5"),
    ({"gpu": {"groups": {"l4": {"instance_types": ["m7i.large"]}}, "device_plugin_image": "a@sha256:" + "0" * 64}},
     "aws.gpu.groups.l4.instance_types is 'm7i.large', expected an instance type with NVIDIA GPUs; "),
    ({"gpu": {"groups": {"l4": {"instance_types": ["g6.xlarge"]}}}},
     "aws.gpu.device_plugin_image is missing, expected NVIDIA's device plugin by digest, as the nodes of l4 have none; "
     "name it, or write image: BOTTLEROCKET"),
    ({"autoscaler": None}, "aws.gpu.groups.l4.desired is 0 without a cluster autoscaler, expected a node at least, as "
     "nobody would start one; write desired: 1, or aws.autoscaler with kind: cluster-autoscaler"),
    ({"region": "eu-south-2", "gpu": {"groups": {"h": {"instance_types": ["p5.48xlarge"], "image": "BOTTLEROCKET"}}}},
     "aws.gpu.groups.h.instance_types is 'p5.48xlarge', expected an instance type that eu-south-2 has; "),
    ({"load_balancer": {"certificate": {
        "arn": "arn:aws:acm:eu-central-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab",
        "names": ["*.example.com"]}}},
     "aws.load_balancer.certificate.names is *.example.com, expected one that is for hostname, which is "
     "digits.models.example.com; take another certificate, or leave it out, and one is made"),
    ({"load_balancer": {"client_cidrs": ["0.0.0.0/0"]}},
     "aws.load_balancer.client_cidrs has 0.0.0.0/0, expected networks of your own, as it does not face the internet; "
     "name them, or write internet_facing: true"),
    ({"load_balancer": {"client_cidrs": ["0.0.0.0/1", "128.0.0.0/1"]}},
     "aws.load_balancer.client_cidrs has 0.0.0.0/1, expected networks of your own, as it does not face the internet; "),
    ({"tags": {"name": "digits"}},
     "a key of aws.tags is 'name', expected no other spelling of Name, as IAM takes both for one; write Name"),
    ({"tags": {"team": "ml", "Team": "ml"}},
     "a key of aws.tags is 'Team', expected no other spelling of team, as IAM takes both for one; leave one of them "
     "out"),
    ({"load_balancer": {"hostname": "digits.example.org"}},
     "aws.load_balancer.hostname is digits.example.org, expected a name in the zone models.example.com; for example "
     "models.models.example.com"),
    ({"autoscaler": {"kind": "karpenter"}},
     "aws.autoscaler: definitions is missing with kind karpenter, expected files with Karpenter's definitions, as a "
     "cluster that is just made has none; name them, or write kind: cluster-autoscaler"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "line"), WRONG)
def test_what_aws_would_refuse(tmp_path: Path, changed: dict[str, Any], line: str) -> None:
    (found,) = told(tmp_path, document(**changed))
    assert found.startswith(line) if line.endswith("; ") else found == line


BESIDE: list[tuple[str, Any, str]] = [
    ("image", {"push": "registry.example.com/digits"}, "image.push is set with target aws-eks, expected none"),
    ("kubernetes", {"context": "mine"}, "kubernetes.context is set with target aws-eks, expected none"),
    ("service", {"type": "LoadBalancer"}, "service.type is LoadBalancer with target aws-eks, expected none"),
    ("autoscaling", {"max": 3, "min": 0}, "autoscaling wants KEDA, which a cluster that is just made does not have"),
    ("gateway", {"hostname": "a.example.com", "class_name": "a", "namespace": "b"},
     "gateway is set with target aws-eks, expected it with target kubernetes alone"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "value", "line"), BESIDE)
def test_what_a_cluster_that_is_just_made_does_not_have(tmp_path: Path, section: str, value: Any, line: str) -> None:
    whole = document()
    whole["config"][f"modelport:{section}"] = value
    assert [each.startswith(line) for each in told(tmp_path, whole)] == [True]


def test_who_may_call_without_a_key_is_said(tmp_path: Path) -> None:
    assert spec(tmp_path, document()).keys == ("default",)
    (line,) = told(tmp_path, document(load_balancer={"keys": []}))
    assert line.startswith("aws.load_balancer.keys is empty, expected a key's name")
    assert spec(tmp_path, document(load_balancer={"anonymous": True})).keys == ()
