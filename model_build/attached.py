"""What is attached to an image, here or in its registry. Whoever pushes there may attach things: it proves nothing."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from model_build import cache, content, folders
from model_build.bake.attachments import referrers
from model_build.bake.layout import Layout
from model_build.errors import ModelBuildError

MOST = 64
"""Things of one type that are looked at: more are nobody's but one's who wants to hinder."""
LARGEST = 64 << 20
"""Bytes of one of them."""


def of(layout: Path, source: str, digest: str, kind: str, problems: list[str]) -> Iterator[tuple[Layout, str]]:
    """Everything of one artifact type: where its blobs are, and its digest; that of this machine first.

    source: where the image was pushed, `host/repository@sha256:...`, or `oci:...` for one that was not. A registry that
    does not answer, or answers nonsense, is told in `problems`; one thing that cannot be read hides no other.
    """
    if content.is_whole(layout, digest):
        for each in referrers(layout, digest):
            if each["artifactType"] == kind:
                yield Layout(layout), str(each["digest"])
    if source.startswith("oci:"):
        return
    from model_build import push
    from model_build.push.referrers import SILENT

    name, root = push.parse(source).name, folders.cache()
    try:
        listed = push.list_referrers(source, kind)
        with cache.disk_errors(root):
            root.mkdir(parents=True, exist_ok=True)
            folder = tempfile.TemporaryDirectory(prefix="attached-", dir=root)
        with folder:
            for each in listed[:MOST]:
                place = Path(folder.name) / "layout"
                try:
                    with cache.disk_errors(root):
                        push.pull_attached(name, each["digest"], digest, place, most=LARGEST, kind=kind)
                except SILENT:
                    raise
                except ModelBuildError as error:
                    problems.append(str(error))
                else:
                    yield Layout(place), str(each["digest"])
                shutil.rmtree(place, ignore_errors=True)
        if len(listed) > MOST:
            problems.append(f"{source}: has {len(listed)} things of the type {kind} attached, {MOST} were looked at")
    except ModelBuildError as error:
        problems.append(str(error))
