"""The serving program of an image, run here from the trees of its layers, which lie in the cache as a rule."""

import dataclasses
import json
from pathlib import Path

from model_build.bake.errors import BakeError
from model_build.bake.inputs import APP, SITE
from model_build.bake.inside import OURS
from model_build.bake.layers import listed
from model_build.bake.layout import Json, Layout
from model_build.bake.python import Launcher, launcher
from model_build.bake.rootfs import unpacked


def program(layout: Path, digest: str) -> Launcher:
    """How to start the image's own Python with its own wheels and serving code; the model is not among it.

    Raises BakeError where this machine cannot run it.
    """
    store = Layout(layout)
    manifest = store.manifest(digest)
    config: Json = json.loads(store.read(manifest["config"]["digest"]))
    layers = listed(manifest, config)
    if len(layers) <= OURS:
        raise BakeError(f"image {digest} has {len(layers)} layers, expected a base and {OURS}; build it again")
    base = unpacked(store, layers[:-OURS])
    wheels, code = (unpacked(store, [layer]) for layer in layers[-OURS:-1])
    found = launcher(base, {"LC_ALL": "C", "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"})
    modules = {"PYTHONPATH": f"{code / APP}:{wheels / SITE}", "ORT_DISABLE_TELEMETRY": "1"}
    return dataclasses.replace(found, env=found.env | modules)
