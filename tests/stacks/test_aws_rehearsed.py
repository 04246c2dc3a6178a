"""What only a component knows to be wrong, told in the stack file's words before the first resource is registered."""

from pathlib import Path
from typing import Any

import pytest

from components.checks import ArgsError
from stacks import aws_eks
from stacks.spec import SpecError
from tests.components.planned import plan
from tests.stacks.aws_plans import document, spec

ACL = "arn:aws:wafv2:eu-central-1:123456789012:global/webacl/shop/1"
ELSEWHERE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"name": "sg-models"}, "aws.name is 'sg-models', expected a letter and at most 45 more of a-z, A-Z, 0-9 and "
         "-, not beginning with sg-; for example shop"),
        ({"registry": {"repository": "a//b"}}, "aws.registry.repository is 'a//b', expected 2 to 256 of a-z and 0-9, "
         "with . _ - or / between them; for example models/digits"),
        ({"cluster": {"admins": {"A B": "arn:aws:iam::123456789012:role/x"}}}, "a key of aws.cluster.admins is 'A B', "
         "expected a name of a-z, 0-9 and -; for example deployer"),
        ({"load_balancer": {"client_cidrs": ["::/0"]}}, "aws.load_balancer.client_cidrs[0] is '::/0', expected an IPv4 "
         "network in CIDR notation; for example 10.0.0.0/16"),
        ({"load_balancer": {"client_cidrs": ["10.8.0.0/16", "10.8.1.0/24"]}}, "aws.load_balancer.client_cidrs[1] is "
         "'10.8.1.0/24', which overlaps aws.load_balancer.client_cidrs[0] (10.8.0.0/16), expected networks that share "
         "no address; change one of them"),
        ({"load_balancer": {"certificate": {"arn": ELSEWHERE, "names": ["*.models.example.com"]}}},
         f"aws.load_balancer.certificate.arn is '{ELSEWHERE}', expected one of eu-central-1, where what uses it is; "
         "make or take one in eu-central-1"),
        ({"load_balancer": {"web_acl_arn": ACL}}, f"aws.load_balancer.web_acl_arn is '{ACL}', expected an ARN of "
         "wafv2; for example arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/shop/1234abcd-12ab-34cd"),
        ({"monitoring": {"emails": ["a@b.c"]}}, "aws.monitoring.emails is 'a@b.c', expected e-mail addresses; for "
         "example ops@example.com"),
    ],
)  # fmt: skip
def test_nothing_is_registered(tmp_path: Path, sections: dict[str, Any], said: str) -> None:
    given = spec(tmp_path, document(**sections))
    told: list[str] = []

    def program() -> None:
        with pytest.raises(ArgsError) as found:
            aws_eks.deploy(given)
        told.append(str(found.value))

    assert plan(program).resources == []
    assert told == [said]


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public", "kube-node-lease"])
def test_what_every_cluster_has_is_not_the_stacks_own(tmp_path: Path, name: str) -> None:
    whole = document()
    whole["config"]["modelport:kubernetes"] = {"namespace": name}
    with pytest.raises(SpecError) as found:
        spec(tmp_path, whole)
    assert found.value.lines == [
        f"Pulumi.aws-eks.yaml: kubernetes.namespace is {name}, expected one that the stack makes, as every cluster has "
        "that; leave it out"
    ]
