"""The layer of serving code: the package `serving`, as it is installed beside this one."""

import shutil
from pathlib import Path

from model_build.bake import python
from model_build.bake.inputs import APP, code_files


def build_tree(root: Path, base: Path) -> None:
    """Fill `root` with the code at /opt/modelport/app/serving, byte-compiled by the Python of `base`."""
    (root / APP / "serving").mkdir(parents=True)
    for name, path in code_files():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    python.compile_tree(base, root, APP)
