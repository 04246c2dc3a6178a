"""`bake` for an image that another's server answers from: that server's image, and one layer with the model's folder.

The layer is what the server reads, whole: a repository of NVIDIA Triton's with one model, or the folder of one version
of TensorFlow Serving's. Nothing of ours runs in such an image, so it has no wheels and no serving code.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model_build.bake import bases, servers, tar, triton
from model_build.bake.cache import cache_dir, work_folder
from model_build.bake.errors import BakeError, disk_errors
from model_build.bake.glimpse import glimpse, program
from model_build.bake.inputs import NATIVE, USER, read_base
from model_build.bake.layers import Layer, wrapped
from model_build.bake.layout import Json, Layout
from model_build.recipe_server import TENSORFLOW

SAVED = "saved_model"
"""The folder, within that of the model, with what TensorFlow Serving serves."""
_FULL = "free some, or set MODELPORT_CACHE_DIR to a folder on a larger disk"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Hosting:
    """Another's server: which, as a recipe calls it, the number of the model's version, and what it is told."""

    server: str
    version: str = "1"
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def file(self) -> str:
        """The model, in the folder that is baked."""
        return f"{SAVED}/saved_model.pb" if self.server == TENSORFLOW else "model.onnx"


@dataclass(frozen=True)
class Stood:
    """What an image consists of."""

    base: list[Layer]
    ours: list[Layer]
    config: Json
    """The base's."""
    runs: Json
    """What the image's own config says of how it runs."""


def stand(
    model: Path, name: str, base: str, layout: Path, platform: str, hosting: Hosting, say: Callable[[str], None]
) -> Stood:
    """Bring layers of `base` and of the folder `model` into `layout`. Raises BakeError, or BaseError for `base`."""
    server = servers.SERVERS[hosting.server]
    source, found, config, there = look(base, hosting, say, platform)
    store = Layout(layout)
    with disk_errors(cache_dir(), _FULL), work_folder(cache_dir() / "work") as folder:
        _fill(folder / "root", model, name, hosting)
        made = wrapped(store, tar.entries(folder / "root", f"models/{name}"), "model")
    for layer in found:
        store.link(source.blob(layer.digest), layer.digest, layer.size)
    entry, command = servers.started(server, config, there, name)
    env = {"PATH": _PATH, **servers.environment(config), "ORT_DISABLE_TELEMETRY": "1"}
    runs: Json = {
        "User": USER,
        "Entrypoint": entry,
        "Cmd": command,
        "WorkingDir": servers.about(config).get("WorkingDir") or "/",
        "ExposedPorts": {f"{port}/tcp": {} for port in server.ports},
        "Env": [f"{key}={value}" for key, value in sorted(env.items())],
        "Labels": {"org.opencontainers.image.title": name, **servers.labels(server, hosting.server, config)},
        "StopSignal": "SIGTERM",
    }
    return Stood(found, [made], config, runs)


def look(
    base: str, hosting: Hosting, say: Callable[[str], None], platform: str = NATIVE
) -> tuple[Layout, list[Layer], Json, str]:
    """Bring `base` here, which is not unpacked: its layout, layers and config, and where in it the server is.

    Raises BaseError for one without the server.
    """
    server = servers.SERVERS[hosting.server]
    kind, _, digest = read_base(base)
    if kind == "debian":
        raise servers.absent(server, base)
    with disk_errors(cache_dir(), _FULL):
        source = bases.brought(base, say, platform)
        found, config = bases.layers_of(source, digest, base, platform)
        path = servers.environment(config).get("PATH", _PATH).split(":")
        there = program(glimpse(source, found), server.program, [*path, *server.folders])
    if there is None:
        raise servers.absent(server, base)
    return source, found, config, there


def _fill(root: Path, model: Path, name: str, hosting: Hosting) -> None:
    """Make of the folder `model` what the server reads."""
    root.mkdir()
    _same(model / "model.json", root / "model.json")
    version = root / hosting.version
    if hosting.server == TENSORFLOW:
        shutil.copytree(model / SAVED, version, copy_function=lambda here, there: _same(Path(here), Path(there)))
        return
    version.mkdir()
    _same(model / "model.onnx", version / "model.onnx")
    text = triton.config(model / "model.onnx", name, triton.Settings.of(hosting.version, hosting.settings))
    if text is None:
        raise BakeError(
            "the model writes token by token, which is of no use to Triton without the loop that our own server has, "
            "expected one that answers at once; write server: modelport"
        )
    (root / "config.pbtxt").write_text(text, encoding="utf-8")


def _same(here: Path, there: Path) -> None:
    try:
        os.link(here, there)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(here, there)
