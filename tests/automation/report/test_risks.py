"""Risks: what is replaced or deleted, by what it holds and who needs it."""

import pytest

from automation.report.model import Risk
from tests.automation.report import samples
from tests.automation.report.conftest import Shop

THING = "pulumi-python:dynamic/shop:Thing"


def told(events: list[object]) -> list[tuple[str, str]]:
    return [(each.level, each.kind) for each in found(events)]


def found(events: list[object]) -> list[Risk]:
    return samples.report(events).risks  # type: ignore[arg-type]


def test_a_real_plan_tells_replacements_and_deletions_the_worst_first(changed: Shop) -> None:
    risks = changed.told().risks
    assert [(each.level, each.kind, each.name) for each in risks] == [
        ("medium", "replacement", "torn"),
        ("low", "deletion", "gone"),
        ("low", "deletion", "kept"),
        ("low", "replacement", "moved"),
    ]
    assert "size cannot be changed in place" in risks[0].text
    assert "the old one goes before the new one comes" in risks[0].text
    assert "nobody looks after it" in risks[2].text


def test_what_is_protected_and_is_to_go_is_a_high_risk(shop: Shop) -> None:
    shop.stock(front=[{"name": "safe", "options": {"protect": True}}])
    shop.up()
    shop.stock(front=[])
    shop.preview()
    report = shop.told()
    assert ("high", "protection", "safe") in [(each.level, each.kind, each.name) for each in report.risks]


def test_what_loses_its_protection_is_told(shop: Shop) -> None:
    shop.stock(front=[{"name": "safe", "options": {"protect": True}}])
    shop.up()
    shop.stock(front=[{"name": "safe", "color": "red", "options": {"protect": False}}])
    assert [(each.kind, each.text) for each in shop.report().risks] == [("protection", "it is no longer protected")]


@pytest.mark.parametrize(
    "type_",
    [
        "aws:rds/instance:Instance",
        "aws:dynamodb/table:Table",
        "aws:s3/bucket:Bucket",
        "aws:s3/bucketV2:BucketV2",
        "aws:kms/key:Key",
        "aws:ecr/repository:Repository",
        "aws:ebs/volume:Volume",
        "aws:efs/fileSystem:FileSystem",
        "aws:secretsmanager/secret:Secret",
        "aws:cloudwatch/logGroup:LogGroup",
        "gcp:sql/databaseInstance:DatabaseInstance",
        "gcp:storage/bucket:Bucket",
        "gcp:kms/cryptoKey:CryptoKey",
        "gcp:bigquery/dataset:Dataset",
        "gcp:artifactregistry/repository:Repository",
        "gcp:secretmanager/secret:Secret",
        "kubernetes:core/v1:PersistentVolumeClaim",
        "kubernetes:core/v1:Namespace",
        "kubernetes:core/v1:Secret",
        "kubernetes:apps/v1:StatefulSet",
        "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",
    ],
)
def test_what_holds_something_is_a_loss_of_data(type_: str) -> None:
    assert ("high", "data loss") in told(samples.replaced(type_, "x"))
    assert told([samples.event("delete", samples.state(type_, "x"), None)]) == [("high", "data loss")]


@pytest.mark.parametrize(
    "type_",
    [
        "aws:eks/cluster:Cluster",
        "aws:ecs/cluster:Cluster",
        "aws:eks/nodeGroup:NodeGroup",
        "aws:autoscaling/group:Group",
        "aws:ecs/service:Service",
        "aws:lambda/function:Function",
        "aws:lb/loadBalancer:LoadBalancer",
        "aws:ec2/vpc:Vpc",
        "gcp:container/cluster:Cluster",
        "gcp:container/nodePool:NodePool",
        "gcp:cloudrunv2/service:Service",
        "gcp:compute/globalForwardingRule:GlobalForwardingRule",
        "kubernetes:apps/v1:Deployment",
        "kubernetes:core/v1:Service",
        "pulumi-python:dynamic/modelport:LocalServer",
    ],
)
def test_what_answers_stands_still_where_the_old_one_goes_first(type_: str) -> None:
    assert told(samples.replaced(type_, "x", first=True)) == [("high", "downtime")]
    assert told(samples.replaced(type_, "x")) == [("medium", "downtime")]
    assert told([samples.event("delete", samples.state(type_, "x"), None)]) == [("high", "downtime")]


@pytest.mark.parametrize(
    "type_",
    [
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:ecr/lifecyclePolicy:LifecyclePolicy",
        "aws:kms/alias:Alias",
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
        "kubernetes:core/v1:ConfigMap",
    ],
)
def test_what_stands_beside_it_is_none(type_: str) -> None:
    assert told(samples.replaced(type_, "x")) == [("low", "replacement")]


def test_what_is_kept_when_it_is_deleted_loses_nothing() -> None:
    gone = samples.event("delete", samples.state("aws:s3/bucket:Bucket", "x", retainOnDelete=True), None)
    assert told([gone]) == [("low", "deletion")]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"deletionProtection": True}, {"deletionProtection": False}, [("medium", "protection")]),
        ({"deletionProtection": True}, {}, [("medium", "protection")]),
        ({"deletionProtection": False}, {"deletionProtection": True}, []),
        ({"forceDestroy": False}, {"forceDestroy": True}, [("medium", "protection")]),
        ({}, {"forceDestroy": True}, [("medium", "protection")]),
        ({"spec": {"replicas": 3}}, {"spec": {"replicas": 0}}, [("high", "downtime")]),
        ({"desiredCount": 3}, {"desiredCount": 2}, []),
        ({"desiredCount": 3}, {"desiredCount": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}, []),
        ({"desiredCount": 0}, {"desiredCount": 0}, []),
    ],
)
def test_a_guard_that_goes_and_a_size_of_none_are_told(before: object, after: object, expected: object) -> None:
    old, new = (samples.state("a:b:C", "x", side) for side in (before, after))  # type: ignore[arg-type]
    assert told([samples.event("update", old, new)]) == expected


def test_an_update_without_its_provider_may_replace_and_is_not_called_safe() -> None:
    mark = {"diagnosticEvent": {"severity": "info", "message": "plan only", "planOnly": {"package": "aws"}}}
    old, new = (
        samples.state("aws:s3/bucket:Bucket", "x", {"a": 1}),
        samples.state("aws:s3/bucket:Bucket", "x", {"a": 2}),
    )
    (risk,) = found([mark, samples.event("update", old, new)])
    assert (risk.level, risk.kind) == ("high", "not known yet")
    assert found([mark, samples.event("create", None, new)]) == []


def test_many_risks_are_counted_where_they_are_not_listed() -> None:
    report = samples.huge()
    assert len(report.risks) == 201
    assert report.risks[-1].text.startswith("and 1,800 more")
