"""Where an image comes from, as in-toto and SLSA have it, and signed as cosign reads it."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from model_build import bake, provenance, signing
from model_build.bake.layout import Layout, canonical
from model_build.identity import identify
from model_build.recipe import Recipe
from tests.model_build import models as graphs
from tests.tools import models
from tests.tools.keys import key

PARTS = {
    "recipe": "a" * 64, "source.content": "b" * 64, "evaluation.code": "c" * 64, "evaluation.package.numpy": "2.4.6",
    "steps": "2", "tool.onnx": "1.22.0", "image.base": "d" * 64, "image.format": "1",
}  # fmt: skip
ORIGIN = provenance.Origin("tiny", "1", "fp32", "e" * 64, PARTS)

# Field by field as https://github.com/in-toto/attestation, spec/v1 and spec/predicates/provenance.md, has them.
DIGESTS = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]+$"}}
RESOURCE: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "uri": {"type": "string", "format": "uri"}, "digest": DIGESTS},
    "anyOf": [{"required": ["uri"]}, {"required": ["digest"]}],
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["_type", "subject", "predicateType", "predicate"],
    "additionalProperties": False,
    "properties": {
        "_type": {"const": "https://in-toto.io/Statement/v1"},
        "subject": {"type": "array", "minItems": 1, "items": {**RESOURCE, "required": ["digest"]}},
        "predicateType": {"const": "https://slsa.dev/provenance/v1"},
        "predicate": {
            "type": "object",
            "required": ["buildDefinition", "runDetails"],
            "additionalProperties": False,
            "properties": {
                "buildDefinition": {
                    "type": "object",
                    "required": ["buildType", "externalParameters"],
                    "additionalProperties": False,
                    "properties": {
                        "buildType": {"type": "string", "pattern": "^[a-z]+:"},
                        "externalParameters": {"type": "object"},
                        "internalParameters": {"type": "object"},
                        "resolvedDependencies": {"type": "array", "items": RESOURCE},
                    },
                },
                "runDetails": {
                    "type": "object",
                    "required": ["builder"],
                    "additionalProperties": False,
                    "properties": {
                        "builder": {
                            "type": "object",
                            "required": ["id"],
                            "properties": {"id": {"type": "string", "pattern": "^[a-z]+:"}},
                        },
                        "metadata": {"type": "object", "properties": {"invocationId": {"type": "string"}}},
                        "byproducts": {"type": "array", "items": RESOURCE},
                    },
                },
            },
        },
    },
}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("provenance")
    made = bake.bake(models.folder(folder / "model"), name="tiny", base="debian", layout=folder / "images")
    return folder / "images", made.digest


def test_it_is_a_statement_as_in_toto_and_slsa_describe_one() -> None:
    told = json.loads(provenance.statement(ORIGIN, "sha256:" + "0" * 64))
    jsonschema.Draft202012Validator(SCHEMA).validate(told)
    definition = told["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["recipe"]["digest"] == {"sha256": "a" * 64}
    assert {
        each["name"]: each.get("uri") or each["digest"]["sha256"] for each in definition["resolvedDependencies"]
    } == {
        "source.content": "b" * 64,
        "evaluation.code": "c" * 64,
        "base": "d" * 64,
        "numpy": "pkg:pypi/numpy@2.4.6",
        "onnx": "pkg:pypi/onnx@1.22.0",
    }


def test_nothing_of_the_machine_is_in_it(tmp_path: Path) -> None:
    said: list[bytes] = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "m.onnx").write_bytes(graphs.linear())
        (folder / "good.py").write_text("def data(): ...\n")
        recipe = Recipe.parse(
            {"name": "m", "source": str(folder / "m.onnx"), "evaluate": {"data": "good:data", "min": 0.5}}
        )
        found = identify(recipe, folder)
        origin = provenance.Origin(recipe.name, recipe.version, "fp32", found.digest, found.parts)
        said.append(provenance.statement(origin, "sha256:" + "0" * 64))
    assert said[0] == said[1]
    assert str(tmp_path).encode() not in said[0]


def test_an_envelope_is_signed_as_openssl_reads_it(
    image: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout, digest = image
    place, public = key(tmp_path)
    monkeypatch.setenv(signing.KEY_FILE, str(place))
    text = provenance.statement(ORIGIN, digest)
    made = provenance.sign(layout, digest, text, signing.Signer.of(public))
    assert made == provenance.sign(layout, digest, text, signing.Signer.of(public))
    assert provenance.found(layout, digest, public) == made
    assert provenance.found(layout, digest, key(tmp_path, "other")[1]) == ""
    store = Layout(layout)
    (layer,) = store.manifest(made)["layers"]
    told = json.loads(store.read(layer["digest"]))
    assert base64.b64decode(told["payload"]) == text
    # DSSE's own example of its encoding, in its own words: "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body
    kind = "application/vnd.in-toto+json"
    (tmp_path / "body").write_bytes(f"DSSEv1 {len(kind)} {kind} {len(text)} ".encode() + text)
    (tmp_path / "signature").write_bytes(base64.b64decode(told["signatures"][0]["sig"]))
    (tmp_path / "public.pem").write_text(public)
    said = subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "body"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.stdout == "Verified OK\n"


def test_the_same_statement_is_attached_once(image: tuple[Path, str], tmp_path: Path) -> None:
    layout, digest = image
    text = provenance.statement(ORIGIN, digest)
    made = provenance.place(layout, digest, text, tmp_path)
    assert provenance.place(layout, digest, text, tmp_path) == made
    assert [each["digest"] for each in bake.referrers(layout, digest) if each["artifactType"] == provenance.TYPE] == [
        made
    ]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"subject": [{"name": "tiny", "digest": {"sha256": "1" * 64}}]}, "is of another image"),
        ({"subject": []}, "is of another image"),
        ({"predicateType": "https://slsa.dev/provenance/v0.2"}, "is no statement of this build's form"),
        ({"predicate": {}}, "is no statement of this build's form"),
    ],
)
def test_a_statement_of_something_else_is_refused(change: dict[str, Any], why: str) -> None:
    digest = "sha256:" + "0" * 64
    told = json.loads(provenance.statement(ORIGIN, digest))
    assert provenance.check(canonical(told), digest)
    with pytest.raises(provenance.ProvenanceError, match=why):
        provenance.check(canonical(told | change), digest)
