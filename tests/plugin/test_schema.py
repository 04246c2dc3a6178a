"""What the plugin says of itself to the code generators of other languages."""

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from components import described, hosted
from tests.components import test_schema as every
from tests.plugin import snapshot


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return snapshot.told()


def _descriptions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("description"), str):
            yield value["description"]
        yield from (text for each in value.values() for text in _descriptions(each))
    elif isinstance(value, list):
        yield from (text for each in value for text in _descriptions(each))


def test_the_schema_stays_as_it_was_reviewed(told: dict[str, Any]) -> None:
    fix = "a property gone or retyped breaks programs; if that is meant, .venv/bin/python -m tests.plugin.snapshot"
    assert snapshot.text(told) == snapshot.FILE.read_text(), fix


def test_every_component_of_the_library_is_hosted_by_the_class_itself() -> None:
    assert hosted.components() == every._components()


@pytest.mark.parametrize(("name", "not_there"), [("EcsService", "pulumi_gcp"), ("GcpNetwork", "pulumi_aws")])
def test_who_makes_one_component_imports_no_other_cloud(name: str, not_there: str) -> None:
    code = f"import sys; from components import hosted; hosted.component({name!r}); print({not_there!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_descriptions_are_no_code_and_name_things_as_the_caller_writes_them(told: dict[str, Any]) -> None:
    texts = list(_descriptions(told))
    assert not [text for text in texts if re.search(r"(?m)^ {4}", text)]
    every = {
        name
        for each in (*told["resources"].values(), *told["types"].values())
        for name in (*each.get("properties", {}), *each.get("inputProperties", {}))
    }
    python = {re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f"_{found[1].lower()}", name) for name in every} - every
    assert "private_subnet_ids" in python
    assert not [text for text in texts if python & set(re.findall(r"\w+", text))]


def test_choices_are_named_as_every_generator_takes_them() -> None:
    names = ["S3", "ECR_API", "X86_64", "RTX_PRO_6000", "AL2023", "TIME_SHARING"]
    made = ["S3", "EcrApi", "X86_64", "RtxPro6000", "Al2023", "TimeSharing"]
    assert [described.choice(name) for name in names] == made


def test_no_property_is_named_as_the_class_that_c_sharp_makes_of_what_has_it(told: dict[str, Any]) -> None:
    for token, each in {**told["resources"], **told["types"]}.items():
        names = {name.lower() for name in (*each.get("properties", {}), *each.get("inputProperties", {}))}
        assert token.rpartition(":")[2].lower() not in names


def test_go_gets_the_types_of_what_lists_and_mappings_hold(told: dict[str, Any]) -> None:
    """Without them an SDK with `statements: array<AwsStatement>` does not compile."""
    assert told["language"]["go"]["generateExtraInputTypes"] is True


def test_the_package_names_its_own_publisher(told: dict[str, Any]) -> None:
    """Where none is told, the generators write Pulumi's name into the SDK."""
    assert told["publisher"] == "Modelport"
