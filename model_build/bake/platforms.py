"""Images of one model for several platforms under one digest: an OCI image index, of which whoever pulls takes his."""

import json
from collections.abc import Mapping
from pathlib import Path

from model_build.bake.errors import BakeError
from model_build.bake.inputs import NATIVE, architecture
from model_build.bake.layout import DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST, Json, Layout, canonical


def index(layout: Path, images: Mapping[str, str], name: str) -> str:
    """Write an index of `images` (platform to digest, all of them in `layout`); its digest, the same for the same ones.

    It is of the kind that its images are, OCI's or Docker's.
    """
    store = Layout(layout)
    listed: list[Json] = []
    for platform, digest in sorted(images.items(), key=lambda item: (item[0] != NATIVE, item[0])):
        data = store.read(digest)
        kind = json.loads(data).get("mediaType", MANIFEST)
        where = {"architecture": architecture(platform), "os": platform.partition("/")[0]}
        listed.append({"mediaType": kind, "digest": digest, "size": len(data), "platform": where})
    docker = listed[0]["mediaType"] == DOCKER_MANIFEST
    made: Json = {"schemaVersion": 2, "mediaType": DOCKER_LIST if docker else INDEX, "manifests": listed}
    if not docker:  # whose lists know no annotations
        made["annotations"] = {"org.opencontainers.image.title": name}
    digest, size = store.add(canonical(made))
    store.add_to_index({"mediaType": made["mediaType"], "digest": digest, "size": size})
    return digest


def listed(store: Layout, digest: str) -> dict[str, str]:
    """The images of an index, by platform. Raises BakeError for what is no index of images, each for a platform."""
    found: dict[str, str] = {}
    try:
        entries = store.manifest(digest)["manifests"]
        for each in entries:
            where = each["platform"]
            found[f"{where['os']}/{where['architecture']}"] = str(each["digest"])
        whole = 0 < len(entries) == len(found)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise BakeError(f"{digest[:19]} is no index of images with one for each platform; build it anew")
    return found
