"""What is attached to an image, here or in its registry. Whoever pushes there may attach things: it proves nothing."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from model_build import content
from model_build.bake.attachments import referrers
from model_build.bake.layout import Layout
from model_build.errors import ModelBuildError


def of(layout: Path, source: str, digest: str, kind: str, problems: list[str]) -> Iterator[tuple[Layout, str]]:
    """Everything of one artifact type: where its blobs are, and its digest; that of this machine first.

    source: where the image was pushed, `host/repository@sha256:...`, or `oci:...` for one that was not. A registry that
    does not answer, or answers nonsense, is told in `problems`.
    """
    if content.is_whole(layout, digest):
        for each in referrers(layout, digest):
            if each["artifactType"] == kind:
                yield Layout(layout), str(each["digest"])
    if source.startswith("oci:"):
        return
    from model_build import push

    name = push.parse(source).name
    try:
        listed = [each for each in push.list_referrers(source) if each.get("artifactType") == kind]
        with tempfile.TemporaryDirectory(prefix="attached-") as folder:
            for each in listed:
                push.pull(f"{name}@{each['digest']}", Path(folder) / "layout")
                yield Layout(Path(folder) / "layout"), str(each["digest"])
    except ModelBuildError as error:
        problems.append(str(error))
