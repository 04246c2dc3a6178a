"""The image's own Python, run on this machine from its unpacked files, through the image's own loader.

Nothing of the host's Python or libraries takes part: the loader is told where to look and not to ask the host's cache.
It compiles and compresses layers (so that both are the base's work, the same on every machine), and it is how a machine
without a container runtime serves.
"""

import functools
import hashlib
import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model_build.bake.errors import BakeError
from model_build.bake.unpack import resolve

_LOADERS = ("lib64/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
_LIBRARIES = (
    "usr/local/lib/x86_64-linux-gnu",
    "usr/local/lib",
    "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "lib64",
    "usr/lib64",
    "lib",
    "usr/lib",
)
_FOLDERS = ("usr/local/bin", "usr/bin", "bin")
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"

_COMPILE = """
import importlib._bootstrap_external as external, importlib.util as util, os, sys
tree, below = sys.argv[1:]
for folder, folders, names in os.walk(os.path.join(tree, below)):
    folders.sort()
    for name in sorted(names):
        if not name.endswith(".py"):
            continue
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            source = file.read()
        try:
            code = compile(source, path[len(tree):], "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            continue
        target = util.cache_from_source(path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(external._code_to_hash_pyc(code, util.source_hash(source), False))
"""
_COMPRESS = """
import sys, zlib
packer = zlib.compressobj(6, zlib.DEFLATED, 31)
while block := sys.stdin.buffer.read(1 << 20):
    sys.stdout.buffer.write(packer.compress(block))
sys.stdout.buffer.write(packer.flush())
"""


@dataclass(frozen=True)
class Launcher:
    """How to start the image's Python here: `argv` is a prefix for its arguments, `env` the whole environment it "
    "needs."""

    argv: list[str]
    env: dict[str, str]
    version: str  # of the image's Python, as "3.11"


def find_interpreter(root: Path) -> str:
    """The newest CPython in the usual folders of `root`, as a name in the image without a leading slash."""
    for folder in _FOLDERS:
        place = resolve(root, folder)
        if not place.is_dir():
            continue
        names = [entry.name for entry in place.iterdir() if re.fullmatch(r"python3\.\d+", entry.name)]
        for name in sorted(names, key=lambda name: int(name.split(".")[1]), reverse=True):
            if resolve(root, f"{folder}/{name}").is_file():
                return f"{folder}/{name}"
    raise BakeError(
        f"the base has no Python (looked for python3.N in {', '.join('/' + name for name in _FOLDERS)}), expected "
        f"CPython 3.11 or "
        "newer; name a base that has one, or base: debian"
    )


def launcher(root: Path, environment: Mapping[str, str] | None = None) -> Launcher:
    """The command and environment that run the image unpacked at `root` without a container runtime.

    environment: the image's (its paths are moved below `root`); default: what `extract` left in `root`, else none.
    Raises BakeError where this machine cannot run it.
    """
    root = root.absolute()
    if platform.machine() not in ("x86_64", "AMD64"):
        raise BakeError(
            f"this machine is {platform.machine()}, the image is for x86_64; run it with Docker or Podman and emulation"
        )
    loader = next((found for name in _LOADERS if (found := resolve(root, name)).is_file()), None)
    if loader is None:
        raise BakeError(
            f"{root}: the image has no glibc loader (/{_LOADERS[0]}), which ONNX Runtime's wheels need; choose a "
            f"glibc base"
        )
    name = find_interpreter(root)
    program = resolve(root, name)
    folders = dict.fromkeys(str(place) for library in _LIBRARIES if (place := resolve(root, library)).is_dir())
    argv = [
        str(loader),
        "--inhibit-cache",
        "--library-path",
        ":".join(folders),
        "--argv0",
        str(root / name),
        str(program),
    ]
    given = image_environment(root) if environment is None else dict(environment)
    env = {key: _moved(root, key, value) for key, value in given.items()}
    env["PYTHONHOME"] = str(root / name.rsplit("/", 2)[0])
    env["PYTHONSAFEPATH"] = "1"  # -m looks in the current folder first, and that is somebody's working tree
    certificates = resolve(root, _CERTIFICATES)
    if certificates.is_file():
        env["SSL_CERT_FILE"] = str(certificates)
    return Launcher(argv, env, name.rsplit("python", 1)[1])


@functools.lru_cache(maxsize=8)
def fingerprint(root: Path) -> str:
    """What of the base at `root` decides how it compiles and compresses: its Python and its zlib."""
    places = [resolve(root, find_interpreter(root))]
    for library in _LIBRARIES:
        folder = resolve(root, library)
        places += [
            resolve(root, f"{library}/{path.name}") for path in sorted(folder.glob("lib*.so*")) if _decides(path)
        ]
    total = hashlib.sha256()
    for place in dict.fromkeys(places):
        with place.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _decides(library: Path) -> bool:
    return library.name.startswith(("libz.so", "libpython3"))


def image_environment(root: Path) -> dict[str, str]:
    """The Env of the image that `extract` unpacked to `root`; empty where it did not."""
    import json

    place = root / ".modelport-image.json"
    if not place.is_file():
        return {}
    return dict(entry.split("=", 1) for entry in json.loads(place.read_text())["config"].get("Env", []))


def _moved(root: Path, key: str, value: str) -> str:
    if key != "PATH" and value.startswith("/"):
        return ":".join(str(root) + part if part.startswith("/") else part for part in value.split(":"))
    return value


@functools.lru_cache(maxsize=8)
def _tool(root: Path) -> Launcher:
    return launcher(root, {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"})


def compile_tree(base: Path, tree: Path, below: str) -> None:
    """Byte-compile every module under `tree`/`below` with the Python of the base unpacked at `base`.

    Unchecked hash-based pycs: valid whatever a file's time, and start-up reads no source. Their paths are the image's.
    """
    _run(base, ["-c", _COMPILE, str(tree), below])


def compress(base: Path, source: Path, target: Path) -> None:
    """gzip `source` into `target` with the base's own zlib, as another zlib's output has other bytes."""
    with source.open("rb") as file, target.open("wb") as out:
        _run(base, ["-c", _COMPRESS], stdin=file.fileno(), stdout=out.fileno())


def _run(base: Path, arguments: list[str], stdin: int = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL) -> None:
    tool = _tool(base)
    command = [*tool.argv, "-s", "-S", "-B", "-W", "ignore", *arguments]
    ran = subprocess.run(
        command, env=tool.env, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
    )
    if ran.returncode:
        last = ran.stderr.strip().splitlines()[-1:] or [f"exit {ran.returncode}"]
        if "Errno 28" in last[0] or "Errno 27" in last[0]:
            raise OSError(28, "No space left on device", str(base))
        raise BakeError(f"the base's Python failed ({last[0]}); remove {base} and bake again, or choose another base")
