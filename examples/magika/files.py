"""Real files to measure on: what this Python and the packages of this project have brought, with known kinds.

Nothing is downloaded and nothing is made up. What a file is, is known by its name: so the truth does not come from the
model that is measured.
"""

import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path

KINDS = {
    ".bat": "batch", ".c": "c", ".css": "css", ".csv": "csv", ".f": "fortran", ".f90": "fortran", ".fish": "shell",
    ".gif": "gif", ".gz": "gzip", ".html": "html", ".ico": "ico", ".jpg": "jpeg", ".js": "javascript", ".json": "json",
    ".md": "markdown", ".onnx": "onnx", ".png": "png", ".proto": "proto", ".ps1": "powershell", ".py": "python",
    ".pyi": "python", ".rst": "rst", ".sh": "shell", ".so": "elf", ".svg": "svg", ".toml": "toml", ".ttf": "ttf",
    ".txt": "txt", ".whl": "zip", ".xml": "xml", ".yaml": "yaml", ".yml": "yaml", ".zip": "zip",
}  # fmt: skip
"""The model's name for the kind of a file with this ending."""

PACKAGES = ("magika", "numpy", "onnx", "onnxruntime", "PIL", "pydantic", "sklearn", "skl2onnx", "pulumi", "yaml")
"""Those that are installed count; more packages bring more kinds."""

_BYTES = 4_000_000
_EACH = 60  # files of one kind


def real_files(count: int) -> list[tuple[Path, str]]:
    """Up to `count` files with their kinds, in an order that is the same on every machine with the same packages.

    Kinds take turns, so that a few thousand Python files do not crowd out everything else.
    """
    kinds: dict[str, list[Path]] = {}
    for path in _candidates():
        found = kinds.setdefault(KINDS[path.suffix], [])
        if len(found) < _EACH:
            found.append(path)
    columns = [[(path, kind) for path in kinds[kind]] for kind in sorted(kinds)]
    return [pair for turn in zip_longest(*columns) for pair in turn if pair is not None][:count]


def _candidates() -> Iterator[Path]:
    roots = [Path(sysconfig.get_path("stdlib"))]
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            roots.append(Path(next(iter(spec.submodule_search_locations))))
    for root in roots:
        for path in sorted(root.rglob("*")):
            inside = path.relative_to(root).parts
            if path.suffix not in KINDS or {"site-packages", "__pycache__"} & set(inside) or inside[0] == "test":
                continue
            if path.is_file() and not path.is_symlink() and 64 <= path.stat().st_size <= _BYTES:
                yield path
