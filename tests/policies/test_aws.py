"""Rules of AWS, each flipped both ways on what the stacks really register."""

from pathlib import Path
from typing import Any

import pytest

from tests.components.planned import Plan
from tests.policies.judging import Verdict, flipped, judged
from tests.stacks import aws_plans

CLUSTER = "aws:eks/cluster:Cluster"


@pytest.fixture(scope="session")
def eks(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder: Path = tmp_path_factory.mktemp("policies")
    return aws_plans.planned(aws_plans.spec(folder, aws_plans.document()))


def test_what_the_stack_makes_keeps_every_rule(eks: Plan) -> None:
    assert judged(eks.resources).wrong == []


def test_an_api_that_is_open_breaks_it(eks: Plan) -> None:
    def opened(it: Any) -> None:
        it["vpcConfig"] |= {"endpointPublicAccess": True, "publicAccessCidrs": ["0.0.0.0/0"]}

    found = flipped(eks.resources, CLUSTER, None, opened)
    assert found.of("eks-api-not-open").wrong == [Verdict("eks-api-not-open", "models")]
