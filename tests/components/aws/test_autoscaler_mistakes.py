"""What an autoscaler of a cluster on AWS cannot be, each in one line before anything is registered."""

from pathlib import Path
from typing import Any, cast

import pulumi
import pytest

from components.aws import pools
from components.aws.autoscaler import EksAutoscaler, EksAutoscalerArgs
from components.checks import ArgsError
from tests.components.aws.test_autoscaler import ARGS, GPUS, SCALER, planned
from tests.components.planned import plan

WHAT = "EksAutoscaler"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"pool": []}, f"{WHAT} has no argument 'pool', did you mean pools"),
        ({"account_id": "12"}, f"{WHAT}.account_id is '12', expected an AWS account id, twelve digits as text; "
         'for example "123456789012"'),
        ({"region": "eu-centrl-1"}, f"{WHAT}.region is 'eu-centrl-1', expected one that there is; "
         "did you mean eu-central-1"),
        ({"kind": "keda"}, f"{WHAT}.kind is 'keda', expected one of karpenter, cluster-autoscaler; write karpenter"),
        ({"image": "karpenter:1.14"}, f"{WHAT}.image is 'karpenter:1.14', expected an image by digest; "
         "for example registry/repository@sha256:..."),
        ({"node_role_arn": "nodes"}, f"{WHAT}.node_role_arn is 'nodes', expected the ARN of a role; "
         "for example arn:aws:iam::123456789012:role/nodes"),
        ({"subnet_ids": None}, f"{WHAT}.subnet_ids is missing, expected it with kind karpenter; write subnet_ids: ..."),
        ({"spot_groups": ["x"]}, f"{WHAT}.spot_groups is ['x'], expected nothing with kind karpenter; leave it out"),
        ({"security_group_id": "nodes"}, f"{WHAT}.security_group_id is 'nodes', expected an id that begins with sg-; "
         "for example sg-0123456789abcdef0"),
        ({**SCALER, "spot_groups": ["*spot"]}, f"{WHAT}.spot_groups is '*spot', expected regular expressions (nothing "
         "to repeat at position 0); for example .*-spot-.*"),
        ({**SCALER, "pools": [{"name": "cpu"}]}, f"{WHAT}.pools is [{{'name': 'cpu'}}], expected nothing with kind "
         "cluster-autoscaler; leave it out"),
        ({"definitions": ["/nowhere.yaml"]}, f"{WHAT}.definitions is '/nowhere.yaml', expected a file with "
         "definitions, which cannot be read (No such file or directory); mend it"),
        ({"pools": []}, f"{WHAT}.pools is [], expected at least one pool; "
         'write [{"name": "cpu"}], or leave it out'),
        ({"pools": [{"name": "cpu"}, {"name": "cpu"}]}, f"{WHAT}.pools[].name is 'cpu', expected a name that no other "
         "pool has; call one of them otherwise"),
        ({"pools": [{"name": "CPU"}]}, f"{WHAT}.pools[].name is 'CPU', expected at most 40 of a-z, 0-9 and -, a letter "
         "first; for example cpu"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_before_anything_is_registered(given: dict[str, Any], line: str) -> None:
    registered: list[bool] = []

    def program() -> None:
        EksAutoscaler("shop", cast("EksAutoscalerArgs", {**ARGS, **given}))
        registered.append(True)

    with pytest.raises(ArgsError) as told:
        plan(program)
    assert str(told.value) == line
    assert registered == []


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"min_cpus": 40}, "min_cpus is 40, expected at most EksAutoscaler.pools['p'].max_cpus, which is 32; "
         "raise EksAutoscaler.pools['p'].max_cpus to 40"),
        ({"max_cpus": 96}, "max_cpus is 96, expected at most EksAutoscaler.pools['p'].limit_cpus, which is 64; "
         "raise EksAutoscaler.pools['p'].limit_cpus to 96"),
        ({"weight": 0}, "weight is 0, expected 1 to 100; write 1"),
        ({"disk_gib": 5}, "disk_gib is 5, expected 20 to 16384; write 20"),
        ({"limit_cpus": 1.5}, "limit_cpus is 1.5, expected a whole number; write 1"),
        ({"instance_types": ["m7i"]}, "instance_types is 'm7i', expected an EC2 instance type; for example m7i.large"),
        ({"instance_types": ["m7i.large", "m7g.large"]}, "instance_types is ['m7i.large', 'm7g.large'], expected types "
         "of one architecture (m7g.large is arm64, m7i.large is x86_64); put the others into a group of their own"),
        ({"instance_types": ["g6.xlarge"]}, "instance_types is 'g6.xlarge', expected types without GPUs; "
         "write gpus: True, or another type"),
        ({"instance_types": ["m7i.large"], "arm": True}, "arm is True, expected nothing beside instance_types; "
         "leave one of them out"),
        ({"limit_gpus": 1}, "limit_gpus is 1, expected nothing without gpus; write gpus: True"),
        ({"gpus": True}, "instance_types is missing, expected the types of a pool with GPUs; "
         "write instance_types: ['g6.xlarge']"),
        ({**GPUS, "instance_types": ["g6.xlage"]}, "instance_types is 'g6.xlage', expected an EC2 instance type; "
         "for example m7i.large"),
        ({**GPUS, "instance_types": ["g6.3xlarge"]}, "instance_types is 'g6.3xlarge', expected an instance type with "
         "NVIDIA GPUs; for example g6.xlarge"),
        ({"gpus": True, "instance_types": ["g6.xlarge"]}, "limit_gpus is missing, expected the most GPUs that the pool "
         "may have; write limit_gpus: 4"),
        ({**GPUS, "instance_types": ["g6.12xlarge"], "limit_gpus": 2}, "limit_gpus is 2, expected at least 4, as "
         "g6.12xlarge has; write 4"),
        ({**GPUS, "limit_cpus": 2}, "limit_cpus is 2, expected at least 4, as its smallest type has; write 4"),
        ({"image": "AL2"}, "image is 'AL2', expected one of AL2023, BOTTLEROCKET; write AL2023"),
        ({"image_release": "latest"}, "image_release is 'latest', expected a release of AL2023; for example v20261023"),
    ],
)  # fmt: skip
def test_a_pool_that_cannot_be_is_named(given: dict[str, Any], line: str) -> None:
    with pytest.raises(ArgsError) as told:
        pools.checked("EksAutoscaler.pools", [cast("Any", {**given, "name": "p"})], "eu-central-1")
    assert str(told.value) == f"EksAutoscaler.pools['p'].{line}"


@pytest.mark.parametrize(
    ("labels", "line"),
    [
        ({"karpenter.sh/x": "y"}, "a key of EksAutoscaler.pools['p'].labels is 'karpenter.sh/x', expected a label of "
         "your own; for example example.com/team"),
        ({"team": "a b"}, "EksAutoscaler.pools['p'].labels['team'] is 'a b', expected a label's value, at most 63 of "
         "a-z, A-Z, 0-9, -, _ and .; for example ml"),
    ],
)  # fmt: skip
def test_labels_are_held_to_what_a_node_takes(labels: dict[str, str], line: str) -> None:
    with pytest.raises(ArgsError) as told:
        pools.checked("EksAutoscaler.pools", [{"name": "p", "labels": labels}], "eu-central-1")
    assert str(told.value) == line


def test_definitions_must_be_whole(tmp_path: Path) -> None:
    file = tmp_path / "crds.yaml"
    file.write_text("apiVersion: v1\nkind: CustomResourceDefinition\nmetadata: {name: nodepools.karpenter.sh}\n")
    with pytest.raises(
        ArgsError, match=r"files that define nodeclaims\.karpenter\.sh, ec2nodeclasses\.karpenter\.k8s\.aws too"
    ):
        planned(definitions=[str(file)])
    file.write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n")
    with pytest.raises(ArgsError, match="CustomResourceDefinitions and nothing else"):
        planned(definitions=[str(file)])


def test_what_is_wrong_and_known_late_stops_the_update() -> None:
    def program() -> None:
        late = pulumi.Output.from_input("karpenter:latest")
        EksAutoscaler("shop", cast("EksAutoscalerArgs", {**ARGS, "image": late}))

    with pytest.raises(Exception, match=r"EksAutoscaler\.image is 'karpenter:latest', expected an image by digest"):
        plan(program, preview=False)
