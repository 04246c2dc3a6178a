"""What every target on AWS takes of its account: a budget, and a repository that is there already."""

import functools
import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.spec import SpecError, StackSpec
from stacks.specs.aws_common import AccountSpec
from stacks.specs.targets import ACCOUNTS, COUNTERPARTS, TARGETS
from tests.components.aws import judging
from tests.components.planned import Plan

ROOT = Path(__file__).resolve().parents[2]
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
BUDGET: dict[str, Any] = {
    "monthly_usd": 500,
    "emails": ["ops@example.com"],
    "cost_tag": "team",
    "forecast_percents": [],
    "action": {"policy_arn": "arn:aws:iam::123456789012:policy/stop-spending", "role_names": ["deployer"]},
}
ADDED: dict[str, Any] = {
    "tags": {"team": "ml"},
    "budget": BUDGET,
    "registry": {"repository": "models/digits", "adopt": True, "key_arn": KEY},
}
EVERY = [target for target in TARGETS if target.startswith("aws-")]


def section(target: str) -> str:
    """The section of a target that says the account."""
    (found,) = (name for name in TARGETS[target] if _account(name))
    return found


def _account(name: str) -> bool:
    kinds = getattr(StackSpec.model_fields[name].annotation, "__args__", ())
    return any(isinstance(kind, type) and issubclass(kind, AccountSpec) for kind in kinds)


def read(folder: Path, target: str, **added: Any) -> StackSpec:
    """The stack file of a target with keys put into its section. Raises SpecError."""
    whole: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{target}.yaml").read_text())
    known = whole["config"][f"modelport:{section(target)}"]
    known.update(added)
    file = folder / f"Pulumi.{target}.yaml"
    file.write_text(yaml.safe_dump(whole, sort_keys=False))
    return StackSpec.from_file(file)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Any:
    @functools.cache
    def of(target: str) -> Plan:
        given = read(tmp_path_factory.mktemp(target), target, **ADDED)
        module = importlib.import_module(f"stacks.{target.replace('-', '_')}")
        return judging.planned(lambda: module.deploy(given))

    return of


@pytest.mark.parametrize("target", EVERY)
def test_every_target_makes_the_budget_that_its_section_asks_for(planned: Any, target: str) -> None:
    budget = planned(target).one("aws:budgets/budget:Budget")
    assert budget.inputs["limitAmount"] == "500"
    assert budget.inputs["costFilters"] == [{"name": "TagKeyValue", "values": ["user:team$ml"]}]
    assert [each["threshold"] for each in budget.inputs["notifications"]] == [80, 100]
    assert "::aws" in budget.request["provider"], "with credentials of another account it is not made either"
    assert planned(target).one("aws:budgets/budgetAction:BudgetAction").inputs["approvalModel"] == "MANUAL"


@pytest.mark.parametrize("target", EVERY)
def test_every_target_takes_over_a_repository_that_was_left(planned: Any, target: str) -> None:
    repository = planned(target).one("aws:ecr/repository:Repository")
    assert repository.request["importId"] == "models/digits"
    (encrypted,) = repository.inputs["encryptionConfigurations"]
    assert encrypted["kmsKey"] == KEY


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ({"registry": {"adopt": True}},
         "ecs.registry: adopt is true without key_arn, expected the key that the repository was made with; ask `aws "
         "ecr describe-repositories --repository-names NAME --query repositories[0].encryptionConfiguration.kmsKey` "
         "for it"),
        ({"registry": {"key_arn": KEY.replace("central", "west")}},
         f"ecs.registry.key_arn is '{KEY.replace('central', 'west')}', expected one of eu-central-1, where what uses "
         "it is; make or take one in eu-central-1"),
        ({"budget": BUDGET},
         "ecs: budget.cost_tag is team, expected a key of tags, by which costs are told apart; write tags: {team: "
         "...}, or leave cost_tag out"),
        ({"budget": {"monthly_usd": 1.999}}, "ecs.budget.monthly_usd is 1.999, expected whole cents; write 2.00"),
        ({"budget": {"monthly_usd": 5, "actual_percents": [], "forecast_percents": []}},
         "ecs.budget.actual_percents is [], expected one percentage at least; write [100]"),
        ({"budget": {"monthly_usd": 5, "actual_percents": [0.5]}},
         "ecs.budget.actual_percents is 0.5, expected 1 to 1000 per cent; write 1"),
        ({"budget": {"monthly_usd": 5, "action": {"policy_arn": "stop", "role_names": ["deployer"]}}},
         "ecs.budget.action.policy_arn is 'stop', expected an ARN of iam; for example "
         "arn:aws:iam::123456789012:policy/stop-spending"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_before_anything_is_planned(tmp_path: Path, added: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as error:
        read(tmp_path, "aws-ecs", **added)
    assert error.value.lines == [f"Pulumi.aws-ecs.yaml: {said}"]


def _planned(folder: Path, target: str, **added: Any) -> Plan:
    given = read(folder, target, **added)
    return judging.planned(lambda: importlib.import_module(f"stacks.{target.replace('-', '_')}").deploy(given))


@pytest.mark.parametrize("target", ["aws-ecs", "aws-ec2", "aws-sagemaker"])
def test_routes_of_a_vpc_that_is_there_lead_to_s3_where_the_file_names_them(tmp_path: Path, target: str) -> None:
    there: dict[str, Any] = {
        "vpc_id": "vpc-0123456789abcdef0",
        "cidr": "10.20.0.0/16",
        "zones": ["eu-central-1a", "eu-central-1b"],
        "private_subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    }
    assert not _planned(tmp_path, target, network={"existing": there}).all("aws:ec2/vpcEndpoint:VpcEndpoint")
    named = {"existing": {**there, "route_table_ids": ["rtb-0123456789abcdef0"]}}
    made = _planned(tmp_path, target, network=named).one("aws:ec2/vpcEndpoint:VpcEndpoint")
    assert made.inputs["serviceName"] == "com.amazonaws.eu-central-1.s3"
    assert made.inputs["routeTableIds"] == ["rtb-0123456789abcdef0"]


@pytest.mark.parametrize(
    ("target", "gpus", "named"),
    [
        ("aws-ecs", {"gpu": {"instance_types": ["g6.xlarge"]}}, "ecs.gpu.instance_types is g6.xlarge"),
        ("aws-ec2", {"instance": {"types": ["g6.xlarge", "g5.xlarge"]}}, "ec2.instance.types is g6.xlarge, g5.xlarge"),
        ("aws-sagemaker", {"instance": {"type": "ml.g5.xlarge"}}, "sagemaker.instance.type is ml.g5.xlarge"),
    ],
)
def test_gpus_that_would_have_nothing_to_do_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, gpus: dict[str, Any], named: str
) -> None:
    told: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", told.append)
    _planned(tmp_path, target)
    assert not told
    _planned(tmp_path, target, **gpus)
    way = "leave gpu out for Fargate" if target == "aws-ecs" else "take types without GPUs"
    assert told == [
        f"{named}, whose GPUs stay idle: the server in the model's image computes on the CPU; {way}, unless the "
        "machine is wanted for its CPUs and memory"
    ]


@pytest.mark.parametrize(
    ("target", "key", "said"),
    [
        ("aws-ecs", "monitoring", "expected it with target kubernetes alone; remove it, and write ecs.monitoring"),
        ("aws-lambda", "autoscaling", "; remove it, and write function.reserved_concurrency"),
        ("aws-ecs", "aws", "expected it with target aws-eks alone; remove it, and write ecs"),
        ("aws-ecs", "tenants", "; remove it or set modelport:target to kubernetes"),
        ("aws-eks", "eks", "unknown key 'modelport:eks', did you mean 'modelport:aws'?"),
        ("aws-lambda", "lambda", "unknown key 'modelport:lambda', did you mean 'modelport:function'?"),
    ],
)
def test_a_section_of_another_target_is_led_to_its_counterpart(
    tmp_path: Path, target: str, key: str, said: str
) -> None:
    whole: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{target}.yaml").read_text())
    whole["config"][f"modelport:{key}"] = {}
    file = tmp_path / f"Pulumi.{target}.yaml"
    file.write_text(yaml.safe_dump(whole))
    with pytest.raises(SpecError) as caught:
        StackSpec.from_file(file)
    assert any(line.endswith(said) for line in caught.value.lines), caught.value.lines


def test_every_target_on_aws_is_known_by_its_section_and_by_counterparts_that_there_are() -> None:
    on_aws = {target: found for target, found in ACCOUNTS.items() if target.startswith("aws-")}
    assert {target: section(target) for target in EVERY} == on_aws
    for target, found in COUNTERPARTS.items():
        for key, named in found.items():
            part, _, child = named.partition(".")
            assert key not in TARGETS[target] and part == ACCOUNTS[target]
            kinds = getattr(StackSpec.model_fields[part].annotation, "__args__", ())
            assert any(child in getattr(kind, "model_fields", {}) for kind in kinds), named
