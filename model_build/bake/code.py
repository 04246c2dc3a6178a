"""The layer of serving code: the package `serving`, as it is installed beside this one."""

import hashlib
import importlib.util
import shutil
from pathlib import Path

from model_build.bake import python
from model_build.bake.errors import BakeError

APP = "opt/modelport/app"


def files() -> list[tuple[str, Path]]:
    """Name in the layer and place of every file of `serving`, sorted; found without importing it."""
    spec = importlib.util.find_spec("serving")
    if spec is None or not spec.submodule_search_locations:
        raise BakeError("the package serving is not installed, expected it beside model_build; install modelport whole")
    folder = Path(next(iter(spec.submodule_search_locations)))
    found = [(path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file()]
    return sorted((f"{APP}/serving/{name}", path) for name, path in found if _wanted(name))


def _wanted(name: str) -> bool:
    parts = name.split("/")
    # The requirements have a layer of their own: a new pin does not change the code's.
    return (
        "__pycache__" not in parts
        and not any(part.startswith(".") for part in parts)
        and not parts[-1].startswith("requirements.")
    )


def digest() -> str:
    """A digest of names and contents."""
    total = hashlib.sha256()
    for name, path in files():
        total.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def build_tree(root: Path, base: Path) -> None:
    """Fill `root` with the code at /opt/modelport/app/serving, byte-compiled by the Python of `base`."""
    (root / APP / "serving").mkdir(parents=True)
    for name, path in files():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    python.compile_tree(base, root, APP)
