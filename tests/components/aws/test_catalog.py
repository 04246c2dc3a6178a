"""What is known of AWS, held to what botocore knows of it."""

import re
from datetime import date
from typing import Any

import pytest

from components.aws import add_ons, catalog, checks, nodes
from components.checks import ArgsError
from tests.components.aws.judging_models import session

VERSION = re.compile(r"v\d+\.\d+\.\d+-eksbuild\.\d+")


@pytest.fixture(scope="module")
def instance_types() -> set[str]:
    return set(session().get_service_model("ec2").shape_for("InstanceType").enum)


def test_regions_are_those_of_botocore() -> None:
    known: set[str] = set()
    for partition in ("aws", "aws-us-gov"):
        known.update(session().get_available_regions("eks", partition))
    assert set(catalog.ZONES) == known


def test_every_gpu_type_is_one_of_botocores_and_none_of_its_is_forgotten(instance_types: set[str]) -> None:
    assert set(catalog.GPU_TYPES) <= instance_types
    families = {each.partition(".")[0] for each in instance_types if re.match(r"(g[0-9]|gr[0-9]|p[0-9])", each)}
    told = {each.partition(".")[0] for each in catalog.GPU_TYPES}
    assert told.isdisjoint(catalog.GPU_TYPES_LEFT_OUT)
    assert families == told | set(catalog.GPU_TYPES_LEFT_OUT)
    sizes = {each for each in instance_types if each.partition(".")[0] in told}
    assert sizes == set(catalog.GPU_TYPES)


def test_families_for_general_use_are_botocores(instance_types: set[str]) -> None:
    known = {each.partition(".")[0] for each in instance_types}
    assert set(catalog.REGIONS_WITHOUT) <= known


def test_every_gpu_type_is_offered_somewhere_that_is_known() -> None:
    assert set(catalog.ZONES) > catalog.SURVEYED
    for each in catalog.GPU_TYPES:
        found = catalog.regions(each)
        assert found, each
        assert set(found) <= catalog.SURVEYED
    named = {region for told in catalog.GPU_REGIONS.values() for region in told.split()}
    named |= {region for told in catalog.REGIONS_WITHOUT.values() for region in told.split()}
    assert named <= catalog.SURVEYED
    assert set(catalog.GPU_REGIONS) <= {*catalog.GPU_TYPES, *(each.partition(".")[0] for each in catalog.GPU_TYPES)}


@pytest.mark.parametrize(
    ("type_", "region", "has"),
    [
        ("g6.xlarge", "eu-central-1", True),
        ("g6.xlarge", "eu-west-1", False),
        ("p5.48xlarge", "us-west-1", True),
        ("p5.4xlarge", "us-west-1", False),
        ("p5.48xlarge", "mx-central-1", True),
        ("m6i.large", "eu-south-2", False),
        ("m6i.large", "eu-central-1", True),
        ("x2gd.large", "eu-south-2", True),
    ],
)
def test_what_a_region_has(type_: str, region: str, has: bool) -> None:
    assert catalog.offered(type_, region) is has


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (
            lambda: checks.offered("types", "g6.xlarge", "eu-west-1"),
            "types is 'g6.xlarge', expected an instance type that eu-west-1 has; eu-central-1, eu-central-2, "
            "eu-north-1 has it",
        ),
        (
            lambda: checks.gpu_type("types", "g7.2xlarge"),
            "types is 'g7.2xlarge', expected an instance type with NVIDIA GPUs, but its GPUs want a driver from 595 on "
            "and EKS's images have 580; for example g6.xlarge",
        ),
    ],
)
def test_what_a_region_or_an_image_has_not_is_told(rule: Any, line: str) -> None:
    with pytest.raises(ArgsError) as told:
        rule()
    assert str(told.value) == line


def test_the_architecture_is_read_from_the_type(instance_types: set[str]) -> None:
    for each, gpus in catalog.GPU_TYPES.items():
        assert nodes.arm(each) is gpus.arm, each
    graviton = {each.partition(".")[0] for each in instance_types if nodes.arm(each)}
    assert {"m6g", "c7gn", "t4g", "r8gd", "x2gd", "im4gn", "is4gen", "a1", "g5g"} <= graviton
    assert not graviton & {"g4dn", "g5", "g6", "g6e", "gr6", "m6i", "m7a", "c5n", "p6-b200", "mac2", "trn1", "z1d"}


def test_versions_of_kubernetes_are_supported_on_the_day_of_the_tables() -> None:
    today = date.fromisoformat(catalog.UPDATED)
    newest_first = list(catalog.KUBERNETES)
    assert newest_first == sorted(newest_first, key=lambda each: int(each.partition(".")[2]), reverse=True)
    for version, until in catalog.KUBERNETES.items():
        standard, extended = date.fromisoformat(until.standard), date.fromisoformat(until.extended)
        assert today < extended, version
        assert (extended.year, extended.month, extended.day) == (standard.year + 1, standard.month, standard.day)


def test_each_version_has_every_add_on() -> None:
    assert set(catalog.ADD_ONS) == set(catalog.KUBERNETES)
    for version, found in catalog.ADD_ONS.items():
        assert set(found) == set(add_ons.ALL), version
        assert all(VERSION.fullmatch(each) for each in found.values()), version
        # The one that is of Kubernetes itself is of the same minor version: a newer one is not supported.
        assert found["kube-proxy"].startswith(f"v{version}.")
