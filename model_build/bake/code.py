"""The layer of serving code: the package `serving`, as it is installed beside this one."""

import shutil
from pathlib import Path

from model_build.bake import python
from model_build.bake.errors import BakeError
from model_build.bake.inputs import APP, code_digest, code_files


def build_tree(root: Path, base: Path, digest: str) -> None:
    """Fill `root` with the code at /opt/modelport/app/serving, byte-compiled by the Python of `base`.

    digest: what the code was when the cache was asked; an edit since then must not be kept under it.
    """
    (root / APP / "serving").mkdir(parents=True)
    for name, path in code_files():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    if code_digest(root) != digest:
        raise BakeError("the package serving was edited while it was baked, expected it to stay the same; bake again")
    python.compile_tree(base, root, APP)
