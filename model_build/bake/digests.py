"""What decides an image's bytes besides the model, as digests: cheap enough for every preview."""

import hashlib

from model_build.bake import bases, code, layers, wheels


def identity(base: str) -> dict[str, str]:
    """Digests of the base, the wheels' pins and the serving code, and the layers' format. Fetches and builds "
    "nothing."""
    return {
        "base": bases.identity(base),
        "wheels": hashlib.sha256(wheels.lock_file().read_bytes()).hexdigest(),
        "serving": code.digest(),
        "format": layers.FORMAT,
    }
