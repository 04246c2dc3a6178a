"""Rules of Google Cloud, each flipped both ways on what the components and the stacks really register."""

import dataclasses
import datetime
import fnmatch
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from policies.gcp import RULES
from policies.rules import Rule
from stacks import gcp_cloudrun, gcp_gke, gcp_vertex
from tests.components.gcp import judging
from tests.components.gcp.judging_programs import PROGRAMS
from tests.components.planned import Planned
from tests.policies import flips, gcp_flips, gcp_flips_access
from tests.policies.flips import GONE, Flip
from tests.policies.judging import Verdict, judged, remedied
from tests.stacks.gcp_plans import GcpFile

FLIPS: Final = (
    *gcp_flips.GKE,
    *gcp_flips_access.SERVING,
    *gcp_flips_access.NETWORK,
    *gcp_flips_access.IDENTITY,
    *gcp_flips_access.KEPT,
)
BROKEN: Final = {
    ("gke-api-private", "cluster.*-that-some-may-reach/*"): "this cluster names the networks that may reach it",
    ("gke-nodes-own-key", "gpu-nodes.gpu-nodes*/*"): "a pool beside somebody's cluster is told the key of its disks",
    ("gar-tags-immutable", "function.*/*"): "Cloud Build moves the tags of the functions that it builds",
    ("gcs-versioned", "function.*/*-source"): "an archive is called by its digest, and never overwritten",
    ("gcp-no-acting-as-any", "github.github-with-everything/*"): "this one is told to look after accounts",
    ("vertex-private", "vertex.*/*"): "an endpoint of its own name asks IAM; networks are asked for",
    ("vertex-private", "stack-vertex.* on the internet/*"): "this file asks for an endpoint on the internet",
    ("run-ingress", "api-gateway.*/*"): "API Gateway is outside of every network",
}
"""What programs break on purpose, and why."""
FILES: Final = (
    GcpFile("gcp-gke", gcp_gke.deploy, {}),
    GcpFile("gcp-cloudrun", gcp_cloudrun.deploy, {}),
    GcpFile("gcp-vertex", gcp_vertex.deploy, {}),
)
ADDED_ALONE: Final = ("gcp-no-account-keys",)
"""Rules of what no component makes."""
BY_NAME: Final = {each.name: each for each in RULES}


@functools.cache
def planned(program: str) -> Sequence[Planned]:
    """What a judged program registers."""
    return judging.planned(PROGRAMS[program]).resources


def test_every_rule_is_flipped() -> None:
    assert {each.rule for each in FLIPS} == set(BY_NAME)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.target)
def test_what_a_stack_file_makes_keeps_every_rule_in_a_preview(file: GcpFile, tmp_path: Path) -> None:
    assert judged(file.planned(tmp_path, preview=True).resources, rules=RULES).wrong == []


@functools.cache
def _wrong() -> frozenset[tuple[str, str]]:
    return frozenset(
        (each.rule, f"{program}/{each.resource}")
        for program in PROGRAMS
        for each in judged(planned(program), rules=RULES).wrong
    )


def test_what_the_components_and_stacks_make_keeps_every_rule_but_what_is_listed() -> None:
    unlisted = {
        (rule, where)
        for rule, where in _wrong()
        if not any(rule == known and fnmatch.fnmatchcase(where, place) for known, place in BROKEN)
    }
    assert unlisted == set()


@pytest.mark.parametrize(("rule", "place"), BROKEN)
def test_what_is_listed_is_broken(rule: str, place: str) -> None:
    assert any(known == rule and fnmatch.fnmatchcase(where, place) for known, where in _wrong())


def test_nothing_of_what_is_made_is_unknown_once_it_is_made() -> None:
    assert [each for program in PROGRAMS for each in judged(planned(program), rules=RULES).late] == []


@pytest.mark.parametrize("flip", FLIPS, ids=str)
def test_what_is_changed_breaks_it_and_nobody_else_does(flip: Flip) -> None:
    rule, resources = BY_NAME[flip.rule], planned(flip.plan)
    assert flips.kept(rule, resources).wrong == []
    found = flips.broken(rule, resources, flip).wrong
    assert {*found} == {Verdict(flip.rule, name) for name in flip.breaks or (flip.name,)}


@pytest.mark.parametrize("flip", [each for each in FLIPS if each.unknown is not None], ids=str)
def test_what_is_not_known_yet_is_neither_kept_nor_broken(flip: Flip) -> None:
    found = flips.late(BY_NAME[flip.rule], planned(flip.plan), flip)
    assert [each.rule for each in found.late] == [flip.rule]
    assert found.late[0].text.startswith("not yet known: ")


@pytest.mark.parametrize(
    "name", [each.name for each in RULES if isinstance(each, Rule) and each.name not in ADDED_ALONE]
)
def test_a_rule_looks_at_what_is_made(name: str) -> None:
    assert any(flips.concerned(BY_NAME[name], planned(program)) for program in PROGRAMS)


REMEDIED: Final = [each for each in FLIPS if isinstance(rule := BY_NAME[each.rule], Rule) and rule.remedy is not None]


@pytest.mark.parametrize("flip", REMEDIED, ids=str)
def test_a_remedy_puts_it_right(flip: Flip) -> None:
    rule = BY_NAME[flip.rule]
    assert isinstance(rule, Rule)
    found = flips.changed(planned(flip.plan), flip)
    (broken,) = (each for each in found if (each.type, each.name) == (flip.type, flip.name))
    inputs = remedied(rule, broken)
    assert inputs is not None
    assert flips.kept(rule, [dataclasses.replace(broken, inputs=dict(inputs))]).wrong == []


@pytest.mark.parametrize("flip", REMEDIED, ids=str)
def test_a_remedy_leaves_alone_what_is_right(flip: Flip) -> None:
    rule = BY_NAME[flip.rule]
    assert isinstance(rule, Rule)
    assert remedied(rule, flips.found(planned(flip.plan), flip)) is None


def test_a_remedy_takes_the_days_that_are_set() -> None:
    rule, resources, flip = _flip("gcp-kms-rotated")
    (broken,) = (each for each in flips.changed(resources, flip) if (each.type, each.name) == (flip.type, flip.name))
    inputs = remedied(rule, broken, days=30)
    assert inputs is not None
    assert inputs["rotationPeriod"] == "2592000s"


def _flip(rule: str, change: dict[str, Any] | None = None) -> tuple[Any, Sequence[Planned], Flip]:
    """The first flip of a rule, or another change of the same resource."""
    first = next(each for each in FLIPS if each.rule == rule)
    return BY_NAME[rule], planned(first.plan), first if change is None else dataclasses.replace(first, change=change)


@pytest.mark.parametrize(
    ("rule", "change", "config", "right"),
    [
        ("gcp-kms-rotated", {"rotationPeriod": "31536000s"}, {"days": 365}, True),
        ("gcp-kms-rotated", {"rotationPeriod": "7776000s"}, {"days": 30}, False),
        ("gcp-kms-recoverable", {"destroyScheduledDuration": "86400s"}, {"days": 1}, True),
        ("gcp-kms-recoverable", {"destroyScheduledDuration": "1728000s"}, {"days": 30}, False),
        ("gcp-no-open-administration", {"sourceRanges": ["::/0"], "allows[0].ports": ["22"]}, {"ports": [80]}, True),
        ("gcp-no-open-administration", {"sourceRanges": ["0.0.0.0/0"]}, {"ports": [30080]}, False),
    ],
)  # fmt: skip
def test_settings_say_how_much(rule: str, change: dict[str, Any], config: dict[str, Any], right: bool) -> None:
    found = flips.broken(*_flip(rule, change), config={rule: config})
    assert (found.wrong == []) is right


def test_every_setting_is_tried() -> None:
    assert {each.name for each in RULES if each.config} == {
        "gcp-kms-rotated", "gcp-kms-recoverable", "gcp-no-open-administration"
    }  # fmt: skip


@pytest.mark.parametrize("rule", ["gke-nodes-shielded", "gcp-subnet-flow-logs"])
def test_an_exception_holds_until_its_last_day(rule: str) -> None:
    today = datetime.datetime.now(tz=datetime.UTC).date()
    of = next(each for each in FLIPS if each.rule == rule)
    for until, held in ((today, True), (today - datetime.timedelta(days=1), False)):
        excepted = {"resource": of.name, "reason": "moved soon", "until": until.isoformat()}
        found = flips.broken(*_flip(rule), config={rule: {"exceptions": [excepted]}})
        assert (found.wrong == []) is held


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("gke-api-not-open", {"privateClusterConfig.enablePrivateEndpoint": False}),
        ("gke-api-private", {"privateClusterConfig.enablePrivateEndpoint": False,
            "controlPlaneEndpointsConfig.ipEndpointsConfig.enabled": False}),
        ("gke-network-policies", {"datapathProvider": GONE, "networkPolicy": {"enabled": True}}),
        ("gke-release-channel", {"enableAutopilot": True, "releaseChannel": GONE}),
        ("gke-observed", {"loggingConfig": GONE, "monitoringConfig": GONE}),
        ("gke-nodes-maintained", {"management": GONE}),
        ("gke-nodes-cos", {"nodeConfig.imageType": GONE}),
        ("gke-nodes-shielded", {"enableShieldedNodes": GONE}),
        ("gcp-kms-rotated", {"purpose": "ASYMMETRIC_SIGN", "rotationPeriod": GONE}),
        ("gcp-kms-recoverable", {"destroyScheduledDuration": GONE}),
        ("gar-tags-immutable", {"format": "PYTHON", "dockerConfig": GONE}),
        ("gcs-versioned", {"versioning": GONE, "retentionPolicy": {"retentionPeriod": "86400"}}),
        ("gcp-subnet-google-access", {"purpose": "REGIONAL_MANAGED_PROXY", "privateIpGoogleAccess": GONE}),
        ("gcp-no-open-administration", {"sourceRanges": ["0.0.0.0/0"], "allows[0].ports": ["443"]}),
        ("gcp-no-open-administration", {"sourceRanges": ["35.235.240.0/20"], "allows[0].ports": ["22"]}),
        ("gcp-no-open-administration", {"sourceRanges": ["0.0.0.0/0"], "allows[0].ports": ["22"], "disabled": True}),
        ("gcp-no-open-administration", {"sourceRanges": ["0.0.0.0/0"], "allows[0].ports": ["no port"]}),
        ("gcp-armor", {"loadBalancingScheme": "INTERNAL_SELF_MANAGED", "securityPolicy": GONE}),
        ("vertex-private", {"privateServiceConnectConfig": GONE, "network": "projects/1/global/networks/shop"}),
        ("gcp-no-secrets-in-environment", {"template.containers[0].envs": [{"name": "UPSTREAM_TOKEN",
            "valueSource": {"secretKeyRef": {"secret": "upstream"}}}]}),
        ("gcp-federation-bounded", {"oidc.issuerUri": "https://login.example.com", "attributeCondition": "true"}),
        ("gce-own-account", {"serviceAccount": GONE}),
    ],
)  # fmt: skip
def test_what_else_is_right(rule: str, change: dict[str, Any]) -> None:
    found = flips.broken(*_flip(rule, change))
    assert (found.wrong, found.late) == ([], [])


def test_a_key_that_is_protected_may_go_at_once() -> None:
    rule, resources, flip = _flip("gcp-kms-recoverable")
    guarded = [dataclasses.replace(each, request={**each.request, "protect": True}) for each in resources]
    assert flips.broken(rule, resources, flip).wrong == [Verdict("gcp-kms-recoverable", "shop-key")]
    assert flips.broken(rule, guarded, flip).wrong == []


def test_who_may_call_cloud_run_is_left_to_the_rule_of_that() -> None:
    (run,) = (each for each in planned("cloud-run.cloud_run_of_ones_own") if each.inputs.get("member") == "allUsers")
    assert flips.kept(BY_NAME["gcp-nothing-public"], [run]).wrong == []


def test_the_value_of_a_secret_is_not_told() -> None:
    for rule in ("gcp-no-secrets-in-environment", "gce-no-keys-in-metadata"):
        assert [
            each for each in flips.broken(*_flip(rule)).wrong if "hunter2" in each.text or "AKIA" in each.text
        ] == []


def test_logs_of_a_subnet_that_are_asked_for_apart_are_seen() -> None:
    rule, resources, flip = _flip("gcp-subnet-flow-logs")
    (subnet,) = (each for each in resources if (each.type, each.name) == (flip.type, flip.name))
    type_ = "gcp:networkmanagement/vpcFlowLogsConfig:VpcFlowLogsConfig"
    apart = dataclasses.replace(
        flips.made(type_, "net", {}), request={"propertyDependencies": {"subnet": {"urns": [subnet.urn]}}}
    )
    assert flips.broken(rule, [*resources, apart], flip).wrong == []
