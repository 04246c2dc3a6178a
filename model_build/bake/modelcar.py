"""The model's files as an image of their own, beside the one that serves them.

For volumes of Kubernetes that are images, and for KServe, which runs such an image beside the server (a modelcar) and
wants a shell in it. /models/NAME is the folder of the image that serves, the same layer, so that nothing is stored or
sent twice; and it is a repository of Triton at once: `config.pbtxt`, and `1/model.onnx`, which leads to the model.
"""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

from model_build.bake import apt, deb, layers, servers, tar, triton
from model_build.bake.attachments import MODELCAR, attach_image
from model_build.bake.cache import cache_dir
from model_build.bake.errors import BakeError, DiskFullError, disk_errors
from model_build.bake.inputs import EPOCH, MODELCAR_LOCK, USER
from model_build.bake.inside import model as model_of
from model_build.bake.layers import Layer
from model_build.bake.layout import Json, Layout, canonical
from model_build.recipe_server import OWN

_COMMANDS = ("cat", "echo", "ln", "ls", "mkdir", "sh", "sleep", "test", "[")
"""What KServe's shell calls, and what shows somebody what is there."""
_DOC = "usr/share/doc/busybox-static"
_KEPT = ("bin", "bin/busybox", "usr", "usr/share", "usr/share/doc", _DOC, f"{_DOC}/copyright")


def attach(layout: Path, digest: str) -> str:
    """Attach a modelcar to the image `digest`; the modelcar's digest, the same for the same image.

    It is made anew and not looked for: whoever may push to a registry may have attached another. Raises BakeError for
    an image that no ModelImage has made, and where the shell cannot be had.
    """
    store = Layout(layout)
    manifest = store.manifest(digest)
    config: Json = json.loads(store.read(manifest["config"]["digest"]))
    model = model_of(store, digest)
    own = servers.told(config) == OWN
    ours = [
        _shell(store),
        replace(layers.listed(manifest, config)[-1], kind="model"),
        # One that another's server answers from is what that server reads already.
        *(_repository(store, model) if own else []),
    ]
    told: Json = {
        "architecture": "amd64",
        "os": "linux",
        "created": EPOCH,
        "config": {
            "User": USER,
            "Env": ["PATH=/bin"],
            "Cmd": ["sleep", "infinity"],
            "WorkingDir": "/",
            "Labels": {"org.opencontainers.image.title": model.name},
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in ours]},
        "history": [{"created": EPOCH, "created_by": f"modelport: {layer.kind}"} for layer in ours],
    }
    blobs: list[Json] = [{"mediaType": each.media_type, "digest": each.digest, "size": each.size} for each in ours]
    return attach_image(layout, digest, MODELCAR, canonical(told), blobs)


def _repository(store: Layout, model: Path) -> list[Layer]:
    """What makes the model's folder one of Triton; nothing for a model that Triton could not run."""
    config = triton.config(model / "model.onnx", model.name)
    if config is None:
        return []
    with tempfile.TemporaryDirectory(prefix="triton-") as folder:
        root = Path(folder)
        (root / "1").mkdir()
        (root / "1" / "model.onnx").symlink_to("../model.onnx")
        (root / "config.pbtxt").write_text(config, encoding="utf-8")
        return [layers.wrapped(store, tar.entries(root, f"models/{model.name}"), "triton")]


def _shell(store: Layout) -> Layer:
    """BusyBox, linked statically, of the locked Debian package."""
    (package,) = [apt.Package(**entry) for entry in json.loads(MODELCAR_LOCK.read_text())["packages"]]
    try:
        with disk_errors(cache_dir(), "free some, or set MODELPORT_CACHE_DIR to a folder on a larger disk"):
            fetched = apt.fetch([package], cache_dir() / "debs")[package.name]
    except DiskFullError:
        raise
    except BakeError as error:
        raise BakeError(f"the modelcar's shell, {package.name} of Debian, cannot be had: {error}") from error
    with tempfile.TemporaryDirectory(prefix="shell-") as folder:
        root = Path(folder)
        deb.unpack(fetched, root, lambda name: name if name in _KEPT else None)
        for command in _COMMANDS:
            (root / "bin" / command).symlink_to("busybox")
        return layers.wrapped(store, tar.entries(root), "shell")
