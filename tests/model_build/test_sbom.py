"""The bill of materials of an image that was really baked."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from model_build import bake, sbom
from model_build.bake.debian import read_lock
from model_build.bake.inputs import wheels_lock
from model_build.bake.parts import parts
from tests.tools import models


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A layout and the digest of a small model's image in it."""
    folder = tmp_path_factory.mktemp("sbom")
    made = bake.bake(models.folder(folder / "model"), name="tiny", base="debian", layout=folder / "images")
    return folder / "images", made.digest


@pytest.fixture(scope="module")
def told(image: tuple[Path, str]) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(sbom.describe(*image))
    return found


def test_it_is_cyclonedx_as_its_own_schema_has_it(image: tuple[Path, str]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom.describe(*image).decode()) is None


def test_it_names_every_package_of_both_locks(told: Mapping[str, Any]) -> None:
    purls = {str(each.get("purl", "")).partition("?")[0] for each in told["components"]}
    names = {purl.partition("@")[0] for purl in purls}
    assert {PackageURL("deb", "debian", package.name).to_string() for package in read_lock()} <= names
    lines = [line for line in wheels_lock().read_text().splitlines() if re.match(r"[a-z0-9]", line)]
    pinned = {f"pkg:pypi/{line.split()[0].replace('==', '@')}" for line in lines}
    python = {purl for purl in purls if purl.startswith("pkg:pypi/")}
    assert python <= pinned  # one package may be pinned once for each Python
    assert {purl.partition("@")[0] for purl in python} == {purl.partition("@")[0] for purl in pinned}


def test_it_is_of_the_image_and_knows_the_model_by_its_content(
    told: Mapping[str, Any], image: tuple[Path, str]
) -> None:
    layout, digest = image
    assert told["metadata"]["component"]["version"] == digest
    (model,) = [each for each in told["components"] if each["type"] == "machine-learning-model"]
    inside = parts(f"oci:{layout}@{digest}").model
    assert model["hashes"] == [
        {"alg": "SHA-256", "content": hashlib.sha256((inside / "model.onnx").read_bytes()).hexdigest()}
    ]


def test_the_same_image_is_described_in_the_same_bytes(image: tuple[Path, str]) -> None:
    assert sbom.describe(*image) == sbom.describe(*image)
    assert b"1970-01-01" in sbom.describe(*image)
