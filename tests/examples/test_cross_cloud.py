"""One model from two clouds: what the example would make, without credentials of either."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.checks import ArgsError
from tests.components.aws import judging_models
from tests.components.aws import judging_terraform as aws_terraform
from tests.components.gcp import judging_terraform as google_terraform
from tests.components.planned import UNKNOWN, Plan
from tests.examples.conftest import command
from tests.examples.cross_cloud import COPY, DIGEST, FOLDER, MODEL, configured, copied_to, planned
from tests.stacks.pictures import picture

SNAPSHOT = Path(__file__).parent / "snapshots" / "cross-cloud.txt"
HOST = "digits.example.com"
RECORD = "aws:route53/record:Record"
RUN, TASKS = "gcp:cloudrunv2/service:Service", "aws:ecs/taskDefinition:TaskDefinition"


@pytest.fixture(scope="module")
def made() -> Plan:
    return planned()


def _images(found: Plan) -> tuple[str, str]:
    """What runs in ECS and in Cloud Run."""
    (task,) = json.loads(found.one(TASKS).inputs["containerDefinitions"])
    (container,) = found.one(RUN).inputs["template"]["containers"]
    return task["image"], container["image"]


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned(preview=preview).holds(SNAPSHOT)


def test_the_picture_of_it_is_of_this_plan(made: Plan) -> None:
    page = FOLDER / "plan.svg"
    drawn = picture("cross-cloud", made)
    if not page.exists():
        page.write_text(drawn)
        raise AssertionError("examples/cross-cloud/plan.svg was drawn, look at it and run the test again")
    assert page.read_text() == drawn, "to draw it anew, delete examples/cross-cloud/plan.svg and run the test once"


def test_one_image_is_in_both_registries_and_runs_in_both_clouds_by_one_digest(made: Plan) -> None:
    assert len(made.all(MODEL)) == 1, "what is built twice is not the same"
    aws = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/models/digits"
    google = "europe-west4-docker.pkg.dev/shop-prod/models/digits"
    copied = made.one(COPY).inputs
    assert made.one(MODEL).inputs["destination"].endswith("/models/digits")
    assert copied["source"] == f"{made.one(MODEL).inputs['destination']}@{DIGEST}"
    assert copied["destination"] == google
    assert _images(made) == (f"{aws}@{DIGEST}", f"{google}@{DIGEST}")


def _changed(made: Plan, other: Plan) -> set[str]:
    """What has other inputs in the other plan: types and names."""
    assert made.lines() == other.lines()
    before = {each.urn: each.inputs for each in made.resources}
    return {f"{each.type}::{each.name}" for each in other.resources if each.inputs != before[each.urn]}


def test_another_model_is_another_digest_in_both_and_changes_nothing_around_them(made: Plan) -> None:
    other = f"sha256:{'b2' * 32}"
    found = planned(digest=other)
    assert [each.partition("@")[2] for each in _images(found)] == [other, other]
    traffic = "pulumi-python:dynamic/modelport:CloudRunTraffic"
    assert _changed(made, found) == {f"{type_}::digits" for type_ in (COPY, traffic, RUN, TASKS)}


@pytest.mark.parametrize("weights", [{"aws": 90, "google": 10}, {"aws": 0, "google": 100}])
def test_a_shift_of_weight_is_another_weight_of_two_records_and_nothing_else(
    made: Plan, weights: dict[str, int]
) -> None:
    assert _changed(made, planned(weights=weights)) == {f"{RECORD}::digits-aws", f"{RECORD}::digits-google"}


def test_nothing_runs_anywhere_before_the_model_has_passed_and_aws_waits_for_google() -> None:
    found = planned(preview=True)
    assert found.one(TASKS).inputs["containerDefinitions"] == UNKNOWN
    assert found.one(COPY).inputs["source"] == UNKNOWN

    def needs(type_: str) -> set[str]:
        return {urn.split("::")[-2].rpartition("$")[2] for urn in found.one(type_).request["dependencies"]}

    assert COPY in needs("pulumi-python:dynamic/modelport:CloudRunTraffic")
    assert {MODEL, RUN} <= needs(TASKS)


def test_each_cloud_answers_for_the_name_with_a_certificate_of_its_own(made: Plan) -> None:
    assert made.one("aws:acm/certificate:Certificate").inputs["domainName"] == HOST
    assert made.one("gcp:certificatemanager/certificate:Certificate").inputs["managed"]["domains"] == [HOST]
    assert made.one("aws:lb/listenerRule:ListenerRule").inputs["conditions"][0] == {"hostHeader": {"values": [HOST]}}
    assert made.one("gcp:certificatemanager/certificateMapEntry:CertificateMapEntry").inputs["hostname"] == HOST
    proofs = {each.inputs["name"]: each.inputs["type"] for each in made.all(RECORD) if "validation" in each.name}
    assert set(proofs.values()) == {"CNAME"} and len(proofs) == 2, "and both find theirs in the one zone"
    assert made.all("gcp:dns/recordSet:RecordSet") == []


def test_the_name_has_two_weighted_records_and_no_other(made: Plan) -> None:
    addresses = [each for each in made.all(RECORD) if each.inputs["type"] == "A"]
    assert {each.inputs["setIdentifier"]: each.inputs["weightedRoutingPolicies"] for each in addresses} == {
        "aws": [{"weight": 70}],
        "google": [{"weight": 30}],
    }
    assert {each.inputs["name"] for each in addresses} == {HOST}
    check = made.one("aws:route53/healthCheck:HealthCheck").inputs
    address = made.one(RECORD, "digits-google").inputs["records"]
    assert [check["ipAddress"]] == address
    balancer = made.one("aws:lb/loadBalancer:LoadBalancer").name
    assert made.one(RECORD, "digits-aws").inputs["aliases"][0]["name"].startswith(balancer)


def test_who_checks_google_is_let_in_and_understood(made: Plan) -> None:
    """By Cloud Armor, which knows callers by address, and with TLS 1.2; callers find the same on either side."""
    rules = made.one("gcp:compute/securityPolicy:SecurityPolicy").inputs["rules"]
    let = {each for rule in rules for each in rule["match"].get("config", {}).get("srcIpRanges", [])}
    assert {"192.0.2.0/24", "15.177.2.0/23", "54.228.16.0/26"} <= let
    assert made.one("gcp:compute/sSLPolicy:SSLPolicy").inputs["minTlsVersion"] == "TLS_1_2"
    (secure,) = (each for each in made.all("aws:lb/listener:Listener") if each.inputs["port"] == 443)
    assert "TLS13-1-2" in secure.inputs["sslPolicy"]
    assert made.one(RUN).inputs["ingress"] == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", "and by no other way"


def test_route_53_has_one_target_group_to_judge_the_load_balancer_by(made: Plan) -> None:
    assert len(made.all("aws:lb/targetGroup:TargetGroup")) == 1


def test_either_cloud_is_asked_as_the_account_and_project_that_are_named(made: Plan) -> None:
    providers = {each.type: each for each in made.resources if each.type.startswith("pulumi:providers:")}
    assert json.loads(providers["pulumi:providers:aws"].inputs["allowedAccountIds"]) == ["123456789012"]
    assert providers["pulumi:providers:gcp"].inputs["project"] == "shop-prod"
    for each in made.resources:
        if each.custom and each.type.startswith(("aws:", "gcp:")):
            called = "::aws::" if each.type.startswith("aws:") else "::google::"
            assert called in each.request["provider"], each.urn


def test_both_providers_have_nothing_against_it(made: Plan) -> None:
    assert aws_terraform.misfits(made) == []
    assert google_terraform.misfits(made) == []
    only = Plan([each for each in made.resources if each.type.startswith("aws:")])
    assert judging_models.refused(only) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weights": {"aws": 0, "google": 0}}, r"WeightedDns.sides is .*, expected one weight that is not 0"),
        ({"weights": {"aws": 70, "google": 40}}, r"expected weights of 100 together; write google: 30"),
        ({"zone": {"name": "example.org", "id": "Z0"}}, r"expected a name of the zone example.org"),
        ({"clients": ["0.0.0.0/0"]}, r"client_cidrs.* overlaps|opens the model to the internet"),
    ],
)
def test_what_a_stack_file_gets_wrong_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgsError, match=said):
        planned(**changes)


def test_a_preview_needs_no_credentials_and_shows_all_of_it(tmp_path: Path, made: Plan) -> None:
    project = copied_to(tmp_path)
    done = command(project, "preview", "--stack", "prod", "--engine", "embedded", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    shown = json.loads(done.stdout)
    # With the stack, which a plan under mocks has not.
    assert shown["changeSummary"] == {"create": len(made.resources) + 1}
    assert configured()["hostname"] == HOST
