"""The bill of materials of an image that was baked here: Debian's packages, Python's, the program and the model.

CycloneDX 1.6 as JSON, the same bytes for the same image: nothing in it is of the machine or the moment it is made.
Packages are named by package URLs, so that a scanner finds what is known of each.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from model_build.bake.layers import Layer
from model_build.bake.layout import Json, Layout, in_oci_words
from model_build.bake.parts import OURS, parts
from model_build.bake.rootfs import unpacked

TYPE = "application/vnd.cyclonedx+json"
"""Media type of the document, and artifact type of the referrer that holds it."""
FILE = "sbom.cdx.json"
FORMAT = 1
"""Goes up when the same image is described in other words."""
_MADE = datetime(1970, 1, 1, tzinfo=UTC)
_FIELD = re.compile(r"^([A-Za-z-]+): (.*)$", re.MULTILINE)


def describe(layout: Path, digest: str) -> bytes:
    """The document of the image `digest` of `layout`. Raises BakeError for an image that is none of ours."""
    store = Layout(layout)
    manifest = store.manifest(digest)
    config: Json = json.loads(store.read(manifest["config"]["digest"]))
    layers = [
        Layer(entry["digest"], diff_id, entry["size"], 0, "", in_oci_words(entry["mediaType"]))
        for entry, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True)
    ]
    inside = parts(f"oci:{store.path}@{digest}")
    name = str(config["config"].get("Labels", {}).get("org.opencontainers.image.title", inside.model.name))
    found = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_OID, digest))
    found.metadata.timestamp = _MADE
    found.metadata.component = Component(
        type=ComponentType.CONTAINER,
        name=name,
        bom_ref=digest,
        version=digest,
        purl=PackageURL("oci", name=name, version=digest),
        hashes=[_hash(digest.removeprefix("sha256:"))],
    )
    for each in (
        *_debian(unpacked(store, layers[:-OURS])),
        *_python(inside.wheels),
        _program(inside.code),
        _model(inside.model),
    ):
        found.components.add(each)
        found.register_dependency(found.metadata.component, [each])
    return json.dumps(json.loads(JsonV1Dot6(found).output_as_string()), sort_keys=True, indent=1).encode() + b"\n"


def _hash(value: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=value)


def _debian(root: Path) -> Iterator[Component]:
    """What dpkg has installed, in one file or, as in images without a package manager, a file for each."""
    told = dict(line.partition("=")[::2] for line in _text(root / "etc/os-release").splitlines() if "=" in line)
    distribution = told.get("ID", "debian").strip('"')
    release = f"{distribution}-{told.get('VERSION_ID', '').strip(chr(34))}"
    status = root / "var/lib/dpkg"
    files = [status / "status", *sorted((status / "status.d").glob("*"))]
    seen: set[str] = set()
    for paragraph in (text for file in files for text in _text(file).split("\n\n")):
        fields = dict(_FIELD.findall(paragraph))
        if (
            "Package" not in fields
            or "Version" not in fields
            or not fields.get("Status", "installed").endswith("installed")
        ):
            continue
        architecture = fields.get("Architecture", "all")
        purl = PackageURL(
            "deb",
            distribution,
            fields["Package"],
            fields["Version"],
            {"arch": architecture, "distro": release.rstrip("-")},
        )
        if (ref := purl.to_string()) not in seen:
            seen.add(ref)
            yield Component(
                type=ComponentType.LIBRARY, name=fields["Package"], version=fields["Version"], bom_ref=ref, purl=purl
            )


def _python(site: Path) -> Iterator[Component]:
    for info in sorted(site.glob("*.dist-info")):
        fields = dict(_FIELD.findall(_text(info / "METADATA").partition("\n\n")[0]))
        if "Name" not in fields:
            continue
        name = re.sub(r"[-_.]+", "-", fields["Name"]).lower()
        purl = PackageURL("pypi", None, name, fields.get("Version", ""))
        yield Component(
            type=ComponentType.LIBRARY,
            name=name,
            version=fields.get("Version", ""),
            bom_ref=purl.to_string(),
            purl=purl,
        )


def _program(app: Path) -> Component:
    """The serving program, by a digest over its files."""
    total = hashlib.sha256()
    for file in sorted(path for path in app.rglob("*.py") if path.is_file()):
        name = file.relative_to(app).as_posix()
        total.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return Component(
        type=ComponentType.APPLICATION, name="serving", bom_ref="serving", hashes=[_hash(total.hexdigest())]
    )


def _model(folder: Path) -> Component:
    told: Json = json.loads((folder / "model.json").read_bytes())
    with (folder / "model.onnx").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=str(told["name"]),
        version=str(told["version"]),
        bom_ref="model",
        hashes=[_hash(digest)],
        properties=[Property(name="modelport:format", value="onnx")],
    )


def _text(file: Path) -> str:
    return file.read_text("utf-8", "replace") if file.is_file() else ""
