"""What policies say, and what they do not: not yet known is never kept."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.automation.report import samples
from tests.automation.report.conftest import Shop

PACK = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy


def red(args, report):
    if args.props.get("color") == "red":
        report("red is not sold here")


def sized(args, report):
    if args.resource_type.endswith(":Thing") and int(args.props["size"]) > 100:
        report("too large")


def few(args, report):
    if len(args.resources) > 100:
        report("too many")


PolicyPack(
    "shop",
    policies=[
        ResourceValidationPolicy("no-red", "Nothing is red.", red, enforcement_level=EnforcementLevel.MANDATORY),
        ResourceValidationPolicy("tell-red", "Red is told.", red, enforcement_level=EnforcementLevel.ADVISORY),
        ResourceValidationPolicy("size", "Sizes are small.", sized, enforcement_level=EnforcementLevel.MANDATORY),
        ResourceValidationPolicy("never", "Nothing.", lambda args, report: None),
        StackValidationPolicy("few", "There are few.", few),
    ],
)
"""
PROGRAM = """
import pulumi
from pulumi.dynamic import Resource

from provider import Provider


class Thing(Resource, module="shop", name="Thing"):
    size: pulumi.Output[int]


first = Thing(Provider(), "first", {"size": 1, "color": "red", "made": None})
second = Thing(Provider(), "second", {"size": first.id.apply(int), "color": "blue"})
"""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A plan that a pack of another author than ours looks at: one size is not known before something is made."""
    from tests.automation.report.conftest import make_shop

    shop = make_shop(tmp_path_factory.mktemp("judged"))
    folder = shop.project.root / "pack"
    folder.mkdir()
    import sys

    runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
    (folder / "PulumiPolicy.yaml").write_text(yaml.safe_dump({"runtime": runtime, "description": "of the shop"}))
    (folder / "__main__.py").write_text(PACK)
    (shop.project.root / "__main__.py").write_text(PROGRAM)
    shop.project.stack("dev")
    done = shop.preview("--policy-pack", "pack")
    assert done.returncode == 1, done.stdout + done.stderr
    return shop


def test_each_verdict_of_a_real_pack_has_its_word(judged: Shop) -> None:
    found = judged.told().policies
    assert [(each.policy, each.verdict, each.name) for each in found.verdicts] == [
        ("no-red", "mandatory", "first"),
        ("size", "not known yet", "second"),
        ("tell-red", "advisory", "first"),
    ]
    assert list(found.packs) == ["shop"]


def test_only_what_nothing_was_found_against_is_kept(judged: Shop) -> None:
    """`size` held for one resource and is not known for another: it is not kept."""
    found = judged.told().policies
    assert found.kept == ["shop/few", "shop/never"]
    assert found.finished


def test_a_mandatory_violation_is_the_reason_that_all_formats_give(judged: Shop) -> None:
    report = judged.told()
    assert (report.result, report.exit_code) == ("failed", 1)
    assert any("red is not sold here" in each for each in report.errors)
    for text in judged.texts().values():
        assert "red is not sold here" in text


def test_without_a_pack_nothing_is_said_to_be_kept(changed: Shop) -> None:
    found = changed.told().policies
    assert (found.packs, found.kept, found.finished) == ({}, [], False)
    for name in ("r.html", "c.md"):
        assert "No policy pack was asked" in changed.texts()[name]


def test_a_pack_that_has_not_seen_the_stack_has_not_finished() -> None:
    summary: dict[str, Any] = {"resourceUrn": "u", "policyPackName": "pack", "passed": ["rule"]}
    report = samples.report([{"policyAnalyzeSummaryEvent": summary}])
    assert not report.policies.finished
    assert report.policies.kept == ["pack/rule"]


def test_a_remedied_resource_is_told_and_its_policy_not_kept() -> None:
    payload: dict[str, Any] = {
        "policyName": "rule",
        "policyPackName": "pack",
        "resourceUrn": samples.urn("a:b:C", "x"),
        "before": {},
    }
    summary = {"resourceUrn": "u", "policyPackName": "pack", "passed": ["rule"]}
    report = samples.report([{"policyRemediationEvent": payload}, {"policyAnalyzeSummaryEvent": summary}])
    assert [each.verdict for each in report.policies.verdicts] == ["remediated"]
    assert report.policies.kept == []


def test_words_of_a_pack_cannot_pass_a_violation_off_as_not_known() -> None:
    """An advisory says what the SDK says of an unknown value; a mandatory one is broken whatever it says."""
    late = "can't run policy 'x' from policy pack 'y@v1' during preview: size is not known"
    report = samples.report([samples.violation("mandatory", late), samples.violation("advisory", late, "other")])
    assert [(each.policy, each.verdict) for each in report.policies.verdicts] == [
        ("rule", "mandatory"),
        ("other", "not known yet"),
    ]


def test_what_is_not_known_yet_is_no_good_news(cloud: dict[str, Path]) -> None:
    """The plan's own verdict is not the colour of one that nothing speaks against."""
    assert '<div class="verdict warned">' in cloud["html"].read_text()


def test_our_own_pack_says_what_is_not_known_of_a_stack_in_a_cloud(cloud: dict[str, Path]) -> None:
    found = json.loads(cloud["json"].read_text())["policies"]
    late = {each["policy"] for each in found["verdicts"] if each["verdict"] == "not known yet"}
    assert "model-image-built" in late
    assert not late & {each.partition("/")[2] for each in found["kept"]}
