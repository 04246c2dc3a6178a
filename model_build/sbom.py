"""The bill of materials of an image that was baked here: Debian's packages, Python's, the program and the model.

CycloneDX 1.6 as JSON, the same bytes for the same image: nothing in it is of the machine or the moment it is made.
Packages are named by package URLs, so that a scanner finds what is known of each. Where the packages of the base cannot
be read, all of them or some, the document says that it is incomplete. Links in the image are followed inside it alone.
"""

import hashlib
import json
import re
import shlex
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from packageurl import PackageURL

from model_build import runtime
from model_build.bake import inside, servers
from model_build.bake.errors import BakeError
from model_build.bake.glimpse import glimpse
from model_build.bake.inside import OURS, parts
from model_build.bake.layers import listed
from model_build.bake.layout import Json, Layout
from model_build.bake.rootfs import unpacked
from model_build.bake.unpack import resolve
from model_build.recipe_server import OWN

Component = Any
"""CycloneDX's; its library's decorators hide what they decorate from type checkers."""

TYPE = "application/vnd.cyclonedx+json"
"""Media type of the document, and artifact type of the referrer that holds it."""
FILE = "sbom.cdx.json"
FORMAT = 2
"""Goes up when the same image is described in other words."""
_MADE = datetime(1970, 1, 1, tzinfo=UTC)
_FIELD = re.compile(r"^([A-Za-z][A-Za-z0-9-]*):(.*)$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n(?:[ \t\r]*\n)+")
_STATUS = "var/lib/dpkg/status"
_MOST_READ = 64 << 20
"""Bytes of a package's record or of a database of them; dpkg's own of a full desktop is below a tenth of this."""
_MOST_RELEASE = 64 << 10
_LONGEST_VERSION = 1024
"""Characters, as CycloneDX's schema has it."""


def describe(layout: Path, digest: str) -> bytes:
    """The document of the image `digest` of `layout`. Raises BakeError for an image that is none of ours."""
    store = Layout(layout)
    manifest = store.manifest(digest)
    config: Json = json.loads(store.read(manifest["config"]["digest"]))
    if servers.told(config) != OWN:
        return _hosted(store, digest, manifest, config)
    layers = listed(manifest, config)
    ours = parts(f"oci:{store.path}@{digest}")
    for layer, place in zip(layers[-OURS:], (ours.wheels, ours.code, ours.model), strict=True):
        _held(unpacked(store, [layer]), place, digest)
    debian, all_debian = debian_packages(unpacked(store, layers[:-OURS]))
    python, all_python = python_packages(ours.wheels)
    found = [*debian, *python, program(ours.code), model(ours.model)]
    return document(digest, _name(config, ours.model), found, complete=all_debian and all_python)


def _hosted(store: Layout, digest: str, manifest: Json, config: Json) -> bytes:
    """The document of an image that another's server answers from: it and its libraries are in no package's record."""
    *base, top = listed(manifest, config)
    folder = inside.model(store, digest)
    _held(unpacked(store, [top]), folder, digest)
    debian, _ = debian_packages(glimpse(store, base))
    server = servers.SERVERS[servers.told(config)]
    found = [*debian, _server(server, config), model(folder)]
    return document(digest, _name(config, folder), found, complete=False)


def _held(root: Path, place: Path, digest: str) -> None:
    if resolve(root, place.relative_to(root).as_posix()) != place:
        raise BakeError(f"image {digest} is none that a ModelImage has made: it has links where those have folders")


def _name(config: Json, folder: Path) -> str:
    labels: Json = config["config"].get("Labels") or {}
    return str(labels.get("org.opencontainers.image.title") or "").strip() or folder.name


def _server(server: servers.Server, config: Json) -> Component:
    """Another's server, with the version that its own image says."""
    version = str(config["config"]["Labels"].get(servers.VERSION) or "")[:_LONGEST_VERSION] or None
    return _component("APPLICATION", name=server.program, version=version, bom_ref="server")


def document(digest: str, name: str, components: Iterable[Component], *, complete: bool) -> bytes:
    """The document of an image: `components` are what it depends on, of which each is told once.

    complete: whether they are all that is in the image; where they are not, the document says so.
    """
    found: Any = runtime.untyped("cyclonedx.model.bom").Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_OID, digest))
    found.metadata.timestamp = _MADE
    found.metadata.component = _component(
        "CONTAINER",
        name=name,
        bom_ref=digest,
        version=digest,
        purl=PackageURL("oci", name=name, version=digest),
        hashes=[_hash(digest.removeprefix("sha256:"))],
    )
    told: Json = json.loads(runtime.untyped("cyclonedx.output.json").JsonV1Dot6(found).output_as_string())
    # A Bom that holds the components looks through all of them for each; one by one the time grows as their number.
    by_ref: dict[str, Json] = {}
    view = runtime.untyped("cyclonedx.schema.schema").SchemaVersion1Dot6
    for each in components:
        by_ref.setdefault(str(each.bom_ref), json.loads(each.as_json(view_=view)))
    told["components"] = sorted(by_ref.values(), key=_order)
    depends = [{"ref": digest, "dependsOn": sorted(by_ref)}] if by_ref else [{"ref": digest}]
    told["dependencies"] = sorted([*depends, *({"ref": ref} for ref in by_ref)], key=lambda entry: str(entry["ref"]))
    if not complete:
        told["compositions"] = [{"aggregate": "incomplete", "assemblies": [digest], "dependencies": [digest]}]
    return json.dumps(told, sort_keys=True, indent=1).encode() + b"\n"


def _order(told: Json) -> tuple[str, ...]:
    return tuple(str(told.get(key, "")) for key in ("type", "name", "version", "bom-ref"))


def _hash(value: str) -> Any:
    model = runtime.untyped("cyclonedx.model")
    return model.HashType(alg=model.HashAlgorithm.SHA_256, content=value)


def _component(kind: str, **told: Any) -> Component:
    module = runtime.untyped("cyclonedx.model.component")
    return module.Component(type=module.ComponentType[kind], **told)


def debian_packages(root: Path) -> tuple[list[Component], bool]:
    """What dpkg has installed in the unpacked image `root`, and whether that is all that is installed there.

    It is not where there is no database of dpkg's, nor where a record of it cannot be told as a package.
    """
    told = _release(_text(root, "etc/os-release", most=_MOST_RELEASE) or "")
    distribution = told.get("ID") or "debian"
    release = f"{distribution}-{told.get('VERSION_ID', '')}".rstrip("-")
    found: list[Component] = []
    complete = True
    # One file or, as in images without a package manager, a file for each.
    for name in (_STATUS, *(f"{_STATUS}.d/{each}" for each in _names(root, f"{_STATUS}.d"))):
        text = _text(root, name)
        complete = complete and (text is not None or (name == _STATUS and _at(root, name) is None))
        for fields in map(_fields, _BLANK_LINES.split(text or "")):
            if "package" not in fields or (fields.get("status") or "installed").split()[-1] != "installed":
                continue
            where = {"arch": fields.get("architecture") or "all", "distro": release}
            package = _package("deb", distribution, fields["package"], fields.get("version", ""), where)
            if package is None or not fields.get("version"):
                complete = False
            else:
                found.append(package)
    return found, complete and bool(found)


def python_packages(site: Path) -> tuple[list[Component], bool]:
    """The distributions in the folder `site`, and whether these are all that have a record there."""
    records = [name for name in _names(site, "") if name.endswith(".dist-info")]
    texts = [_text(site, f"{name}/METADATA") or "" for name in records]
    found = [
        _package("pypi", None, re.sub(r"[-_.]+", "-", fields["name"]).lower(), fields.get("version", ""))
        for fields in (_fields(text.partition("\n\n")[0]) for text in texts)
        if "name" in fields
    ]
    known = [each for each in found if each is not None]
    return known, len(known) == len(records)


def _package(
    kind: str, namespace: str | None, name: str, version: str, qualifiers: Mapping[str, str] | None = None
) -> Component | None:
    """A package as a component, or None for one that has no name, or none that a package URL can hold."""
    if not name or len(version) > _LONGEST_VERSION:
        return None
    try:
        purl = PackageURL(kind, namespace, name, version, dict(qualifiers or {}))
        return _component("LIBRARY", name=name, version=version, bom_ref=purl.to_string(), purl=purl)
    except (ValueError, TypeError):
        return None


def program(app: Path) -> Component:
    """The serving program in the folder `app`, by a digest over its files; of a link, by where it leads."""
    total = hashlib.sha256()
    for file in sorted(app.rglob("*.py")):
        name = file.relative_to(app).as_posix()
        if file.is_symlink():
            total.update(f"{name}\0-> {file.readlink()}\n".encode(errors="surrogateescape"))
        elif file.is_file():
            total.update(f"{name}\0{_digest(file)}\n".encode(errors="surrogateescape"))
    return _component("APPLICATION", name="serving", bom_ref="serving", hashes=[_hash(total.hexdigest())])


def model(folder: Path) -> Component:
    """The model in `folder`. Raises BakeError where that has none of its own."""
    try:
        told: Json = json.loads(_text(folder, "model.json") or "")
        name, version = str(told["name"]), str(told["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise BakeError(f"{folder.name}/model.json: names no model and version, expected both; bake it anew") from error
    kind, hashed = ("savedmodel", _saved(folder)) if "savedmodel" in told else ("onnx", _graph(folder))
    return _component(
        "MACHINE_LEARNING_MODEL",
        name=name,
        version=version,
        bom_ref="model",
        hashes=[_hash(hashed)],
        properties=[runtime.untyped("cyclonedx.model").Property(name="modelport:format", value=kind)],
    )


def _graph(folder: Path) -> str:
    """Digest of the model's ONNX file: beside the description of it, or in the folder of the version that it has."""
    file = _file(folder, "model.onnx") or next(
        (found for name in _names(folder, "") if (found := _file(folder, f"{name}/model.onnx"))), None
    )
    if file is None:
        raise BakeError(f"{folder.name}/model.onnx: leads out of the model's folder, expected a file; bake it anew")
    return _digest(file)


def _saved(folder: Path) -> str:
    """Digest over the files of the SavedModel, by name and content."""
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_symlink():
            raise BakeError(f"{folder.name}/{file.name}: is a link, expected a file of the SavedModel; bake it anew")
        if file.is_file():
            total.update(f"{file.relative_to(folder).as_posix()}\0{_digest(file)}\n".encode(errors="surrogateescape"))
    return total.hexdigest()


def _release(text: str) -> dict[str, str]:
    """What os-release says, where a shell would find it so."""
    told: dict[str, str] = {}
    for line in text.split("\n"):
        key, sign, value = line.strip().partition("=")
        if not sign:
            continue
        try:
            words = shlex.split(value)
        except ValueError:  # a quote that is not closed
            words = [value.strip("'\"")]
        told[key] = words[0] if words else ""
    return told


def _fields(paragraph: str) -> dict[str, str]:
    return {key.lower(): value.strip() for key, value in _FIELD.findall(paragraph)}


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _at(root: Path, name: str) -> Path | None:
    """The place that `name` means in the image `root`; None where its links lead round in a circle or to no name."""
    try:
        place = resolve(root, name)
        return place if place.exists() else None
    except (BakeError, OSError):
        return None


def _file(root: Path, name: str) -> Path | None:
    place = _at(root, name)
    return place if place is not None and place.is_file() else None


def _names(root: Path, name: str) -> list[str]:
    place = _at(root, name)
    return sorted(each.name for each in place.iterdir()) if place is not None and place.is_dir() else []


def _text(root: Path, name: str, *, most: int = _MOST_READ) -> str | None:
    """The text of a file of the image `root`; None where there is no file, or one of more than `most` bytes."""
    file = _file(root, name)
    if file is None or file.stat().st_size > most:
        return None
    return file.read_text("utf-8", "replace")
