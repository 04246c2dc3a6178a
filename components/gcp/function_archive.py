"""The source of a function: a model's image as the archive that Google builds a function from.

What is in it comes out of the image's own layers, by digest: the model that has passed its gate, and the serving code
beside it. The wheels do not: Google installs what `requirements.txt` pins by hash, and those are the very wheels that
the image was baked with. The same image gives the same bytes on every machine.
"""

import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from components.checks import wrong

HTTP, EVENT = "answer", "hear"
"""What Google calls in `main.py`: for a request, and for an event."""
RUNTIMES: Final = ("python311", "python312", "python313", "python314")
"""Google's runtimes for the Pythons that an image may have ("Runtime support" of Cloud Run functions, 2026-11-22)."""
LOCK: Final = Path(__file__).with_name("function_requirements.lock")
MAIN: Final = f'''"""The model beside this file, asked by Google's functions-framework."""

import os
from pathlib import Path

# Before numpy is imported: its threads would keep the process that answers from being forked safely.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import functions_framework.aio

from serving.process import cloud_function

FUNCTION = cloud_function.begin(Path(__file__).with_name("model"))


@functions_framework.aio.http
async def {HTTP}(_request):
    return await FUNCTION.application()


@functions_framework.aio.cloud_event
async def {EVENT}(event):
    await FUNCTION.hear(event.get_attributes(), event.data)
'''
_HEAD: Final = "# No code of a package is run to install it.\n--only-binary :all:\n"
_FORMAT: Final = "1"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_BINARY = re.compile(r"\.cpython-([0-9]+)-x86_64-linux-gnu\.so$")


class Archive(NamedTuple):
    """An archive in this machine's cache."""

    sha256: str
    """Hex of its content, by which it is found."""
    runtime: str
    """Google's runtime with the Python that the image has."""
    size: int
    """Bytes."""
    model: int
    """Bytes of the model in it."""


def archived(image: str, layout_image: str = "") -> Archive:
    """The archive of the image `image`, by digest, made where this machine has not made it before.

    layout_image: `oci:PATH@sha256:...`, where the image may lie on this machine.
    Raises ArgsError for an image of other wheels than are pinned here, and what the image's own place raises.
    """
    note = record(image)
    return _known(note) or _made(image, layout_image, note)


def record(image: str) -> Path:
    """Where this machine notes what it has made of an image, by all that decides that."""
    from model_build.resource import cache_dir

    decides = (_FORMAT, image.rpartition("@")[2], MAIN, _HEAD + LOCK.read_text())
    return cache_dir() / "functions" / f"{hashlib.sha256(chr(0).join(decides).encode()).hexdigest()}.json"


def fits(archive: Archive, memory: int) -> None:
    """Hold a model to the memory of an instance, MiB: one that is larger never starts. Raises ArgsError.

    Google has no limit of an archive of the second generation ("Quotas" of Cloud Run functions, 2026-11-22).
    """
    if archive.model >= memory << 20:
        expected = f"more than the {-(-archive.model >> 20)} MiB of the model"
        raise wrong("CloudFunction.memory", f"{memory} MiB", expected, "raise it, or bake a smaller model")


def file(sha256: str) -> Path:
    """Where the archive of that content is, or would be."""
    from model_build.resource import cache_dir

    return cache_dir() / "functions" / f"{sha256}.zip"


def _known(note: Path) -> Archive | None:
    try:
        found = Archive(**json.loads(note.read_bytes()))
        return found if file(found.sha256).stat().st_size == found.size else None
    except (OSError, ValueError, TypeError):
        return None


def _made(image: str, layout_image: str, note: Path) -> Archive:
    from model_build.resource import parts

    found = parts(image, layout_image)
    runtime = _runtime(found.wheels, image)
    _as_pinned(found.wheels, image)
    if not (found.code / "serving" / "process" / "cloud_function.py").is_file():
        raise _other(image, "serving code of before there were functions of Google Cloud")
    note.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".work-", dir=note.parent) as folder:
        work = Path(folder) / "zip"
        with zipfile.ZipFile(work, "w", zipfile.ZIP_STORED) as out:
            for name, source in sorted(_files(found)):
                _put(out, name, source)
        with work.open("rb") as made:
            sha256 = hashlib.file_digest(made, "sha256").hexdigest()
        weight = sum(each.stat().st_size for each in found.model.rglob("*") if each.is_file())
        archive = Archive(sha256, runtime, work.stat().st_size, weight)
        work.replace(file(sha256))
        (Path(folder) / "note").write_text(json.dumps(archive._asdict()))
        (Path(folder) / "note").replace(note)
    return archive


def _files(found: Any) -> Iterator[tuple[str, Path | bytes]]:
    yield "main.py", MAIN.encode()
    yield "requirements.txt", (_HEAD + LOCK.read_text()).encode()
    for prefix, folder in (("serving", found.code / "serving"), ("model", found.model)):
        for each in folder.rglob("*"):
            # What was compiled is of the image's Python alone.
            if each.is_file() and "__pycache__" not in each.parts:
                yield f"{prefix}/{each.relative_to(folder).as_posix()}", each


def _put(out: zipfile.ZipFile, name: str, source: Path | bytes) -> None:
    """One file. As it is: weights hardly shrink, and what a compressor writes is not the same everywhere."""
    about = zipfile.ZipInfo(name, _EPOCH)
    about.create_system, about.external_attr = 3, 0o100644 << 16
    if isinstance(source, bytes):
        out.writestr(about, source)
        return
    about.file_size = source.stat().st_size
    with source.open("rb") as read, out.open(about, "w") as put:
        while block := read.read(1 << 20):
            put.write(block)


def _runtime(wheels: Path, image: str) -> str:
    """The runtime of the Python that the image's wheels are for."""
    found = {f"python{tag[1]}" for each in wheels.rglob("*.so") if (tag := _BINARY.search(each.name))}
    if len(found) != 1 or not found <= set(RUNTIMES):
        got = ", ".join(sorted(found)) or "no wheel of CPython"
        expected = f"wheels for one of Google's runtimes, {', '.join(RUNTIMES)}"
        raise wrong(
            "CloudFunction.image", image, f"{expected}, and not for {got}", "bake it on a base with one of them"
        )
    return found.pop()


def _as_pinned(wheels: Path, image: str) -> None:
    """Hold the image's wheels to the versions whose hashes are known here. Raises ArgsError."""
    known: dict[str, set[str]] = {}
    for name, version in _PIN.findall(LOCK.read_text()):
        known.setdefault(_plain(name), set()).add(version)
    for each in sorted(wheels.glob("*.dist-info")):
        name, _, version = each.name.removesuffix(".dist-info").partition("-")
        if version not in known.get(_plain(name), set()):
            there = " or ".join(sorted(known.get(_plain(name), ()))) or "none"
            raise _other(image, f"{_plain(name)} {version} in it, where {there} is pinned by hash here")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _other(image: str, has: str) -> Exception:
    fix = "bake it with this version of the library, or give it to a CloudRunService, which takes an image whole"
    return wrong("CloudFunction.image", image, f"one that this version of the library has baked; it has {has}", fix)
