"""`bake`: a model folder on a base becomes an image in an OCI layout."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from model_build.bake import bases, code, hosted, layers, python, tar, wheels
from model_build.bake.cache import cache_dir
from model_build.bake.errors import BakeError, disk_errors
from model_build.bake.inputs import APP, EPOCH, NATIVE, SITE, USER, architecture, code_digest, key, locks
from model_build.bake.layers import Layer
from model_build.bake.layout import (
    CONFIG,
    DOCKER_CONFIG,
    DOCKER_LAYERS,
    DOCKER_MANIFEST,
    MANIFEST,
    Json,
    Layout,
    canonical,
)

_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,126}[a-z0-9])?")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """An image in a layout: `digest` is the manifest's, by which everything deploys."""

    digest: str
    config_digest: str
    layers: tuple[Layer, ...]
    layout: Path
    unpacked_bytes: int


def bake(
    model: Path,
    *,
    name: str,
    base: str,
    layout: Path,
    manifest: str = "oci",
    platform: str = NATIVE,
    hosting: hosted.Hosting | None = None,
    progress: Callable[[str], None] | None = None,
) -> Image:
    """Make an image in `layout`: the folder `model` at /models/`name`, on `base`, with the serving program.

    base: debian, oci:/path@sha256:... or registry/repo@sha256:...
    manifest: whose words name the parts, oci or docker; the parts are the same.
    platform: what the image is for, linux/amd64 or linux/arm64; either is baked by tools of linux/amd64.
    hosting: another's server, which `base` is an image of, in the place of the serving program.
    progress: called with a line for each thing that is not in the cache yet.
    The same model, name, base, serving code and pins give the same bytes on every machine.
    Raises BakeError (or BaseError for `base`), with nothing half-made left in `layout`.
    """
    say = progress or _silent
    _check(model, name, "model.onnx" if hosting is None else hosting.file)
    if hosting is not None:
        stood = hosted.stand(model, name, base, layout, platform, hosting, say)
        return _finish(Layout(layout), stood, name, architecture(platform), docker=manifest == "docker")
    needs: list[str] = json.loads((model / "model.json").read_bytes()).get("needs") or []
    with disk_errors(cache_dir(), "free some, or set MODELPORT_CACHE_DIR to a folder on a larger disk"):
        found = bases.resolve(base, say, platform)
        tools = python.fingerprint(found.tools)
        other = () if platform == NATIVE else (platform,)
        pinned = locks(needs)
        wheel = layers.cached(
            key("wheels", tools, *(each.read_text() for each in pinned), *other),
            "wheels",
            lambda root: wheels.build_tree(root, found.tools, pinned, platform),
            base=found.tools,
            say=say,
            text=" ".join(["fetching and trimming the image's wheels", *(f"for {each}" for each in other)]),
        )
        code_now = code_digest()
        program = layers.cached(
            key("program", tools, code_now),
            "code",
            lambda root: code.build_tree(root, found.tools, code_now),
            base=found.tools,
            say=say,
            text="compiling the serving program",
        )
    store = Layout(layout)
    # A new model is to be pushed in no time, and weights hardly shrink.
    made = layers.wrapped(store, tar.entries(model, f"models/{name}"), "model")
    ours = [wheel, program, made]
    for layer in found.layers:
        store.link(found.blobs[layer.digest], layer.digest, layer.size)
    for layer in (wheel, program):
        store.link(layers.blob(layer), layer.digest, layer.size)
    stood = hosted.Stood(found.layers, ours, found.config, _runs(found, name))
    return _finish(store, stood, name, architecture(platform), docker=manifest == "docker")


def _silent(_: str) -> None:
    pass


def _check(model: Path, name: str, held: str) -> None:
    if not _NAME.fullmatch(name):
        raise BakeError(
            f"model name is {name!r}, expected lower-case letters, digits, dots, dashes and underscores; rename the "
            f"model"
        )
    for file in (held, "model.json"):
        if not (model / file).is_file():
            raise BakeError(
                f"{model}: has no {file}, expected a folder with {held} and model.json; convert the model first"
            )


def _environment(base: Json, name: str) -> list[str]:
    listed: list[str] = base.get("config", {}).get("Env") or []
    given: Mapping[str, str] = dict(entry.split("=", 1) for entry in listed)
    ours = {
        "PATH": given.get("PATH", _PATH),
        "LANG": "C.UTF-8",
        "PYTHONPATH": f"/{APP}:/{SITE}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "MODELPORT_MODEL": f"/models/{name}",
    }
    return [f"{key}={value}" for key, value in sorted({**given, **ours}.items())]


def _runs(base: bases.Base, name: str) -> Json:
    """What the config of an image with our own server says."""
    return {
        "User": USER,
        "Entrypoint": ["/" + python.find_interpreter(base.tree), "-m", "serving"],
        "Cmd": [],
        "WorkingDir": "/",
        "ExposedPorts": {"8080/tcp": {}},
        "Env": _environment(base.config, name),
        "Labels": {"org.opencontainers.image.title": name},
        "StopSignal": "SIGTERM",
    }


def _finish(store: Layout, stood: hosted.Stood, name: str, machine: str, *, docker: bool) -> Image:
    ours, every = stood.ours, [*stood.base, *stood.ours]
    config: Json = {
        "architecture": machine,
        "os": "linux",
        "created": EPOCH,
        "config": stood.runs,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in every]},
    }
    history = stood.config.get("history") or [{"created": EPOCH, "created_by": "modelport: base"} for _ in stood.base]
    if sum(not entry.get("empty_layer") for entry in history) == len(stood.base):
        config["history"] = [
            *history,
            *({"created": EPOCH, "created_by": f"modelport: {layer.kind}"} for layer in ours),
        ]
    config_digest, config_size = store.add(canonical(config))
    words = {oci: of_docker for of_docker, oci in DOCKER_LAYERS.items()} if docker else {}
    kind, kind_of_config = (DOCKER_MANIFEST, DOCKER_CONFIG) if docker else (MANIFEST, CONFIG)
    manifest: Json = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": {"mediaType": kind_of_config, "digest": config_digest, "size": config_size},
        "layers": [
            {"mediaType": words.get(layer.media_type, layer.media_type), "digest": layer.digest, "size": layer.size}
            for layer in every
        ],
    }
    if not docker:  # whose manifests know no annotations
        manifest["annotations"] = {"io.modelport.layers": str(len(ours)), "org.opencontainers.image.title": name}
    digest, size = store.add(canonical(manifest))
    store.add_to_index(
        {
            "mediaType": kind,
            "digest": digest,
            "size": size,
            "platform": {"architecture": machine, "os": "linux"},
            "annotations": {"org.opencontainers.image.ref.name": f"{name}-{digest.removeprefix('sha256:')[:12]}"},
        }
    )
    return Image(digest, config_digest, tuple(every), store.path, sum(layer.unpacked for layer in every))


def load(layout: Path, digest: str) -> Json:
    """The config of an image in a layout."""
    store = Layout(layout)
    found: Json = json.loads(store.read(store.manifest(digest)["config"]["digest"]))
    return found
