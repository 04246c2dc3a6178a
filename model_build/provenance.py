"""Where an image comes from: an in-toto statement with SLSA's provenance, and its signature as a DSSE envelope.

It names digests and versions, all that a build's identity is made of, and where what was fetched was: no path of
a machine and no moment, so the same build says the same. Signed, it is what `cosign verify-attestation --type
slsaprovenance1` reads.
"""

import base64
import binascii
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_build.bake.attachments import ATTESTATION, attach, attach_as_cosign, referrers
from model_build.bake.errors import BakeError
from model_build.bake.layout import Json, Layout, canonical
from model_build.errors import ModelBuildError

if TYPE_CHECKING:
    from model_build.signing import Signer

TYPE = "application/vnd.in-toto+json"
"""Media type of the statement, and artifact type of the referrer that holds it unsigned."""
ENVELOPE = "application/vnd.dsse.envelope.v1+json"
FILE = "provenance.intoto.json"
STATEMENT, PREDICATE = "https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"
BUILDER, BUILD = "urn:modelport:builder:1", "urn:modelport:build:1"
_STEPS = ("fetch", "convert", "optimize", "verify", "gate", "bake")


class ProvenanceError(ModelBuildError):
    """What says where an image comes from is of another one, or by nobody who is trusted."""


@dataclass(frozen=True)
class Origin:
    """Of one build. `identity` and `parts` are those of `identity.Identity`."""

    model: str
    version: str
    chosen: str
    identity: str
    parts: Mapping[str, str]
    addresses: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """By part, such as source.content: where it was fetched from and its version there, for those that were."""


def statement(origin: Origin, digest: str) -> bytes:
    """What is said of the image `digest`."""
    parts = origin.parts
    inner = {name: value for name, value in parts.items() if name in ("steps",) or name.startswith("image.")}
    return canonical(
        {
            "_type": STATEMENT,
            "subject": [{"name": origin.model, "digest": {"sha256": digest.removeprefix("sha256:")}}],
            "predicateType": PREDICATE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD,
                    "externalParameters": {
                        "model": origin.model,
                        "version": origin.version,
                        "recipe": {"digest": {"sha256": parts.get("recipe", "")}},
                    },
                    "internalParameters": {**inner, "run": list(_STEPS), "chosen": origin.chosen},
                    "resolvedDependencies": list(_dependencies(parts, origin.addresses)),
                },
                "runDetails": {
                    "builder": {"id": BUILDER},
                    "metadata": {"invocationId": f"urn:modelport:identity:{origin.identity}"},
                },
            },
        }
    )


def _dependencies(parts: Mapping[str, str], addresses: Mapping[str, tuple[str, str]]) -> list[Json]:
    found: dict[str, Json] = {}
    for name, value in sorted(parts.items()):
        group, _, rest = name.partition(".")
        package = rest.removeprefix("package.") if rest.startswith("package.") else rest if group == "tool" else ""
        if package:
            found[f"pkg:pypi/{package}@{value}"] = {"uri": f"pkg:pypi/{package}@{value}", "name": package}
        elif rest in ("content", "code"):
            found[name] = {"name": name, "digest": {"sha256": value}}
            if name in addresses:
                uri, version = addresses[name]
                found[name] |= {"uri": uri, "annotations": {"version": version}}
        elif name == "image.base":
            found[name] = {"name": "base", "digest": {"sha256": value.removeprefix("sha256:")}}
    return [found[name] for name in sorted(found)]


def encoded(body: bytes) -> bytes:
    """What of a statement is signed: DSSE's encoding, which tells its kind from any other's."""
    return b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE.encode(), len(body), body)


def place(layout: Path, digest: str, text: bytes, folder: Path) -> str:
    """Attach a statement; the digest of what holds it."""
    file = folder / FILE
    file.write_bytes(text)
    return attach(layout, digest, TYPE, {FILE: file})


def sign(layout: Path, digest: str, text: bytes, signer: "Signer") -> str:
    """Attach a statement in an envelope of the signer's; the digest of the manifest that holds it."""
    from model_build.signing import ANNOTATION

    body = canonical(
        {
            "payloadType": TYPE,
            "payload": base64.b64encode(text).decode(),
            "signatures": [{"keyid": "", "sig": signer.sign(encoded(text))}],
        }
    )
    annotations = {ANNOTATION: "", "predicateType": PREDICATE}
    return attach_as_cosign(layout, digest, ATTESTATION, body, ENVELOPE, annotations)


def opened(store: Layout, manifest: Json, signed_by: str) -> list[bytes]:
    """The statements of a manifest's envelopes that the key has signed."""
    from model_build.signing import by, public

    keys = public(signed_by)
    found: list[bytes] = []
    for layer in manifest.get("layers", []):
        if layer.get("mediaType") != ENVELOPE:
            continue
        try:
            told: Any = json.loads(store.read(str(layer["digest"])))
            text = base64.b64decode(told["payload"], validate=True)
            for each in told["signatures"]:
                signature = base64.b64decode(each["sig"], validate=True)
                if told["payloadType"] == TYPE and any(by(key, signature, encoded(text)) for key in keys):
                    found.append(text)
        except (binascii.Error, ValueError, KeyError, TypeError, AttributeError, BakeError, RecursionError):
            continue
    return found


def found(layout: Path, digest: str, signed_by: str) -> str:
    """The digest of what holds a statement of this image that the first of the keys has signed, or nothing."""
    from model_build.signing import public, spoken

    store, first = Layout(layout), spoken(public(signed_by)[0])
    for each in referrers(layout, digest):
        with contextlib.suppress(BakeError, ValueError, TypeError, AttributeError, RecursionError):
            if each["artifactType"] == ATTESTATION and opened(store, store.manifest(each["digest"]), first):
                return str(each["digest"])
    return ""


def check(text: bytes, digest: str) -> Json:
    """Hold a statement to the image `digest`; its predicate. Raises ProvenanceError."""
    try:
        told: Any = json.loads(text)
        named = [each["digest"]["sha256"] for each in told["subject"]]
        predicate: Json = told["predicate"]
        definition = predicate["buildDefinition"]
        good = (told["_type"], told["predicateType"], definition["buildType"]) == (STATEMENT, PREDICATE, BUILD)
        builder = predicate["runDetails"]["builder"]["id"]
        recipe = definition["externalParameters"]["recipe"]["digest"]["sha256"]
    except (ValueError, KeyError, TypeError, AttributeError):
        good, named, builder, recipe, predicate = False, [], "", "", {}
    if not good or not recipe:
        raise ProvenanceError("the provenance is no statement of this build's form, expected SLSA provenance v1")
    if named != [digest.removeprefix("sha256:")]:
        raise ProvenanceError(f"the provenance is of another image ({', '.join(named)[:19] or 'none'})")
    if builder != BUILDER:
        raise ProvenanceError(f"the provenance names the builder {builder!r}, expected {BUILDER}")
    return predicate
