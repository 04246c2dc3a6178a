"""The archive that `docker load` takes, Docker 20.10's too, which knows no OCI layout."""

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from model_build.bake import tar
from model_build.bake.cache import work_folder
from model_build.bake.errors import disk_errors
from model_build.bake.layout import LAYER_GZIP, Layout, in_oci_words


def docker_archive(layout: Path, digest: str, file: Path, tag: str) -> Path:
    """Write the image `digest` as `file`, which `docker load -i` names `tag` (repo:tag); returns `file`.

    Layers are tars in it, so that Docker keeps their diff ids.
    """
    store = Layout(layout)
    manifest = store.manifest(digest)
    config = manifest["config"]["digest"].removeprefix("sha256:")
    with disk_errors(file.parent, "free some, or name another folder"), work_folder(file.parent) as folder:
        names: list[str] = []
        items: list[tuple[str, Path]] = [(f"{config}.json", store.blob(manifest["config"]["digest"]))]
        for entry in manifest["layers"]:
            hexadecimal = entry["digest"].removeprefix("sha256:")
            place = store.blob(entry["digest"])
            if in_oci_words(entry["mediaType"]) == LAYER_GZIP:
                plain = folder / hexadecimal
                with gzip.open(place) as source, plain.open("wb") as out:
                    shutil.copyfileobj(source, out, 1 << 20)
                place = plain
            names.append(f"{hexadecimal}.tar")
            items.append((names[-1], place))
        listing = [{"Config": f"{config}.json", "RepoTags": [tag], "Layers": names}]
        (folder / "manifest.json").write_text(json.dumps(listing))
        items.append(("manifest.json", folder / "manifest.json"))
        with (folder / "archive").open("wb") as out:
            tar.write(_entries(items), out)
        (folder / "archive").replace(file)
    return file


def _entries(items: list[tuple[str, Path]]) -> Iterator[tar.Entry]:
    for name, place in dict(items).items():
        yield tar.Entry(name, b"0", 0o644, place.stat().st_size, source=place)
