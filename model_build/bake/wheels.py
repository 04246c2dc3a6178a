"""The layer of wheels: what serving's locks pin, resolved for the base's Python, less what serving never reads."""

import csv
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from model_build.bake import python
from model_build.bake.errors import BakeError
from model_build.bake.inputs import NATIVE, SITE
from model_build.index import uv_environment

PLATFORMS = {NATIVE: "x86_64-manylinux_2_28", "linux/arm64": "aarch64-manylinux_2_28"}
"""uv's words for the platforms of images: none of these wheels asks for a newer glibc than 2.28."""

_DROP = re.compile(
    "|".join(
        [
            r"(.*/)?__pycache__(/|$)",
            r"bin(/|$)",
            r"(.*/)?(tests?|_pyinstaller)/",
            r".*\.(pyi|pyx|pxd|h|hpp|c|cpp|a|lib)$",
            r"onnxruntime/(tools|transformers|quantization|backend|datasets)(/|$)",
            r"numpy/(f2py|distutils|doc)(/|$)",
            r"numpy/conftest\.py$",
            r"[^/]+\.dist-info/(INSTALLER|REQUESTED|RECORD|direct_url\.json|uv_cache\.json|uv_build\.json)$",
            r"\.lock$",
        ]
    )
)
_KEEP = re.compile(r"numpy/(testing|_core/tests/_natype\.py)")


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise BakeError(
            "uv is not installed, which fetches the image's wheels; run `pip install uv`, or `make setup` in the "
            "project"
        )
    return found


def build_tree(root: Path, base: Path, locks: Sequence[Path], platform: str = NATIVE) -> None:
    """Fill `root` with the wheels that `locks` pin, for `platform`, at /opt/modelport/site.

    They are trimmed, and byte-compiled by the Python of `base`.
    """
    site = root / SITE
    site.mkdir(parents=True)
    version = python.launcher(base, {}).version
    command = [
        _uv(),
        "pip",
        "install",
        "-q",
        "--no-progress",
        "--target",
        str(site),
        "--link-mode",
        "copy",
    ]
    command += ["--python", sys.executable, "--python-version", version, "--python-platform", PLATFORMS[platform]]
    command += ["--only-binary", ":all:", "--no-deps", "--require-hashes"]
    for lock in locks:
        command += ["-r", str(lock)]
    ran = subprocess.run(
        command, capture_output=True, text=True, env=uv_environment(), cwd=root, stdin=subprocess.DEVNULL, check=False
    )
    if ran.returncode:
        raise _failed(ran.stderr, version, PLATFORMS[platform])
    _trim(site)
    python.compile_tree(base, root, SITE)


def _failed(said: str, version: str, platform: str) -> BakeError:
    if "os error 28" in said or "No space left" in said:
        raise OSError(28, "No space left on device", SITE)
    lines = [re.sub(r"^[^\w`]+", "", line) for line in said.splitlines() if line.strip()]
    reason = re.sub(r"//[^/@\s]+@", "//", " ".join(lines[:3])) or "no reason given"
    return BakeError(
        f"wheels: could not be fetched for Python {version} on {platform} (uv said: {reason}), expected every pin of "
        "serving's locks; look at the network and the package index that uv is set up with"
    )


def _trim(site: Path) -> None:
    for folder, folders, names in os.walk(site):
        here = Path(folder).relative_to(site).as_posix()
        below = "" if here == "." else here + "/"
        for name in list(folders):
            path = below + name
            if _DROP.match(path + "/") and not _KEEP.match(path):
                shutil.rmtree(Path(folder) / name)
                folders.remove(name)
        for name in names:
            path = below + name
            if path.endswith(".dist-info/RECORD"):
                continue
            if _DROP.match(path) and not _KEEP.match(path):
                (Path(folder) / name).unlink()
    for record in site.glob("*.dist-info/RECORD"):
        _rewrite(record, site)


def _rewrite(record: Path, site: Path) -> None:
    """RECORD as it is true of this folder: sorted, without what was taken out."""
    rows = [
        row for row in csv.reader(io.StringIO(record.read_text(encoding="utf-8"))) if row and (site / row[0]).is_file()
    ]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(sorted(row for row in rows if ".." not in row[0] and row[1]))
    record.write_text(out.getvalue() + f"{record.relative_to(site).as_posix()},,\n", encoding="utf-8")
