"""The one resource behind a local endpoint: a server on this machine, and its provider.

The provider is pickled by reference, so this module's and the class's names are part of every stack's state: they stay.
It has no attributes: what it needs is in the resource's inputs and in the endpoint's folder.
"""

from pathlib import Path
from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown

INPUTS = ("image", "model", "port", "workers", "runtime")
RUNTIMES = ("auto", "docker", "podman", "process")
WORKERS = 256


class LocalServerProvider(ResourceProvider):
    """Starts, replaces and ends the server. What it does lies in `components.local.release`."""

    serialize_as_secret_always: ClassVar[bool] = False  # type: ignore[misc]  # there is nothing secret in a reference to a class

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        from components.local import folder, ports
        from components.local.errors import LocalError

        failures = [CheckFailure(key, reason) for key, reason in _problems(news)]
        port = news.get("port")
        if not failures and _known(port) and port != _olds.get("port"):
            # What a killed `up` of this very endpoint left there is taken over, not an obstacle.
            ours = [each for _, record in folder.endpoints() if record.key == news.get("key") for each in record.all()]
            try:
                if all(each.port != port for each in ours):
                    ports.require_free(int(port or 0))
            except LocalError as error:
                failures.append(CheckFailure("port", error.message))
        return CheckResult(news, failures)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        from components.local import release
        from components.local.folder import Folder

        release.acknowledge(Folder(_id))
        changed = any(_same(key, _olds.get(key)) != _same(key, _news.get(key)) for key in INPUTS)
        return DiffResult(changes=changed or not release.lives(Folder(_id)), replaces=[])

    def create(self, props: dict[str, Any]) -> CreateResult:
        from components.local import folder, release

        place = release.adopt(str(props["key"])) or folder.new(str(props["model"]))
        try:
            return CreateResult(place.id, _release(place.id, props))
        except BaseException:
            # The state will know nothing of this endpoint, so nothing of it may stay.
            release.remove(place)
            raise

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        from components.local import release
        from components.local.folder import Folder

        outs = _release(_id, _news)
        release.acknowledge(Folder(_id))
        return UpdateResult(outs)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        from components.local import release
        from components.local.folder import Folder

        if not release.lives(Folder(id_)):
            return ReadResult("", {})
        release.acknowledge(Folder(id_))
        return ReadResult(id_, props)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        from components.local import release
        from components.local.folder import Folder

        release.remove(Folder(_id))


class LocalServer(Resource, module="modelport", name="LocalServer"):
    """A server on this machine. Inputs: see `LocalEndpointArgs`; `key` says whose it is."""

    url: pulumi.Output[str]
    image: pulumi.Output[str]
    used: pulumi.Output[str]
    metadata: pulumi.Output[dict[str, Any]]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(LocalServerProvider(), name, {"url": None, "used": None, "metadata": None, **props}, opts)


def image_of(reference: str) -> tuple[Path, str]:
    """Layout folder and digest of `oci:PATH@sha256:...`. Raises ValueError."""
    path, _, digest = reference.removeprefix("oci:").rpartition("@")
    if not reference.startswith("oci:") or not path or not digest.startswith("sha256:") or len(digest) != 71:
        raise ValueError(reference)
    return Path(path), digest


def _problems(news: dict[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    try:
        if _known(news.get("image")):
            image_of(str(news.get("image")))
    except ValueError:
        wanted = "expected oci:PATH@sha256:DIGEST; pass a ModelImage's layout_image"
        found.append(("image", f"image is {news.get('image')!r}, {wanted}"))
    for key, most in (("port", 65535), ("workers", WORKERS)):
        value = news.get(key)
        if _known(value) and not (isinstance(value, int | float) and value == int(value) and 1 <= value <= most):
            wanted = f"expected a whole number from 1 to {most}; set modelport:endpoint.{key}"
            found.append((key, f"{key} is {_shown(value)}, {wanted}"))
    if _known(news.get("runtime")) and news.get("runtime") not in RUNTIMES:
        wanted = f"expected one of {', '.join(RUNTIMES)}; set modelport:endpoint.runtime"
        found.append(("runtime", f"runtime is {news.get('runtime')!r}, {wanted}"))
    return found


def _known(value: object) -> bool:
    """Whether a preview knows the value already."""
    return not isinstance(value, Unknown)


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _same(key: str, value: Any) -> object:
    """A value as `diff` compares it: an image by its digest alone (the layout may move), numbers as numbers."""
    if key == "image" and isinstance(value, str):
        return value.rpartition("@")[2]
    return value


def _release(id_: str, props: dict[str, Any]) -> dict[str, Any]:
    from components.local import release, runtimes
    from components.local.folder import Folder, Version
    from components.local.ports import HOST
    from components.local.start import say

    layout, digest = image_of(str(props["image"]))
    port, workers, model = int(props["port"]), int(props["workers"]), str(props["model"])
    used = runtimes.choose(str(props["runtime"]))
    version = release.release(Folder(id_), str(props["key"]), layout, Version(0, digest, model, port, workers, used))
    say(model, f"release {version.number} answers on port {port}, run by {used}")
    outs = {key: value for key, value in props.items() if key != "__provider"}
    return outs | {"url": f"http://{HOST}:{port}", "used": used, "metadata": release.metadata(version)}
