"""An OCI image without a daemon: base, wheels, serving code and model, one layer each, the same bytes on any machine.

image = bake(folder, name="digits", base="debian", layout=images)
extract(images, image.digest, rootfs); launcher(rootfs).argv + ["-m", "serving"]
"""

from typing import TYPE_CHECKING

from model_build.bake.errors import BakeError, BaseError, DiskFullError

if TYPE_CHECKING:
    from model_build.bake.archive import docker_archive
    from model_build.bake.attachments import attach, referrers
    from model_build.bake.image import Image, bake
    from model_build.bake.inputs import identity
    from model_build.bake.inside import Parts, parts
    from model_build.bake.layers import Layer
    from model_build.bake.python import Launcher, launcher
    from model_build.bake.rootfs import extract

__all__ = [
    "BakeError",
    "BaseError",
    "DiskFullError",
    "Image",
    "Launcher",
    "Layer",
    "Parts",
    "attach",
    "bake",
    "docker_archive",
    "extract",
    "identity",
    "launcher",
    "parts",
    "referrers",
]

_HOMES = {
    "Image": "image",
    "Launcher": "python",
    "Layer": "layers",
    "Parts": "inside",
    "attach": "attachments",
    "bake": "image",
    "docker_archive": "archive",
    "extract": "rootfs",
    "identity": "inputs",
    "launcher": "python",
    "parts": "inside",
    "referrers": "attachments",
}


def __getattr__(name: str) -> object:
    """Load a part when it is first used: `identity` runs in every preview and needs next to nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value: object = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
