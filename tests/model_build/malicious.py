"""A corpus of pickles that run something when they are loaded: each would make a folder `marker`."""

import bz2
import functools
import gzip
import io
import lzma
import marshal
import os
import pickle
import pty
import runpy
import subprocess
import tarfile
import timeit
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np

Made = dict[str, bytes]
"""A file's name, whose ending says how it is loaded, and its content."""


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.arguments


def dumped(function: Callable[..., Any], *arguments: Any, protocol: int = 4) -> bytes:
    return pickle.dumps(Call(function, *arguments), protocol)


def running(marker: Path) -> dict[str, bytes]:
    """Those that a plain `pickle.loads` runs, by what they do."""
    place, shell, code = str(marker), f"mkdir {marker}", f"import os; os.mkdir({str(marker)!r})"
    compiled = marshal.dumps(compile(code, "x", "exec"))
    return {
        **{f"os.mkdir, protocol {p}": dumped(os.mkdir, place, protocol=p) for p in range(6)},
        "os.system": dumped(os.system, shell),
        "subprocess.Popen": dumped(subprocess.Popen, ["mkdir", place]),
        "subprocess.check_output": dumped(subprocess.check_output, ["mkdir", place]),
        "eval": dumped(eval, f"__import__('os').mkdir({place!r})"),
        "exec": dumped(exec, code),
        "getattr": _getattr(place),
        "attrgetter": _chain(b"operator\nattrgetter", place),
        "methodcaller": _methodcaller(place),
        "partial": dumped(functools.partial(os.mkdir, place)),
        "partial, by another way": _partial(place),
        "runpy": dumped(runpy._run_code, code, {}),  # type: ignore[attr-defined]
        "pty": dumped(pty.spawn, ["mkdir", place]),
        "timeit": dumped(timeit.timeit, code, "pass", timeit.default_timer, 1),
        "a function from its code": _function(compiled),
        "nested": dumped(pickle.loads, dumped(os.mkdir, place)),
        "nested, by joblib": _nested_by_joblib(marker),
        "inst": b"(S'" + place.encode() + b"'\nios\nmkdir\n.",
        "obj": b"(cos\nmkdir\nS'" + place.encode() + b"'\no.",
        "names of Python 2": b'c__builtin__\neval\n(S\'__import__("os").mkdir("' + place.encode() + b"\")'\ntR.",
        "commands of Python 2": b"ccommands\ngetoutput\n(S'" + shell.encode() + b"'\ntR.",
        "names from the memo": _memo(place),
        "a module behind a module": _text(b"\x80\x04", "joblib.parallel", "os.mkdir", place),
        "a module behind a private name": _text(b"\x80\x04", "random", "_os.mkdir", place),
        "numpy's own exec": dumped(_runstring(), code, {}),
        "importlib": b"cimportlib\nimport_module\n(S'os'\ntR0" + dumped(os.mkdir, place, protocol=0),
        "a tail that is broken": dumped(os.mkdir, place)[:-1] + b"\xff\xff\xff",
        "no end": dumped(os.mkdir, place, protocol=2)[:-1],
        "in a dictionary that never ends": b"(" + dumped(os.mkdir, place, protocol=2)[2:-1] + b"U\xff",
    }


def hidden(marker: Path) -> Made:
    """Those that lie in something else, or that their own loader runs."""
    bomb = dumped(os.mkdir, str(marker))
    plain = pickle.dumps({"weights": [1.0]}, 4)
    objects = np.empty(1, object)
    objects[0] = Call(os.mkdir, str(marker))
    array = io.BytesIO()
    np.save(array, objects, allow_pickle=True)
    return {
        "second.pkl": plain + bomb,
        "gzip.joblib": gzip.compress(bomb),
        "bz2.joblib": bz2.compress(bomb),
        "xz.joblib": lzma.compress(bomb),
        "lzma.joblib": lzma.compress(bomb, lzma.FORMAT_ALONE),
        "zlib.joblib": zlib.compress(bomb),
        "twice.joblib": gzip.compress(gzip.compress(bomb)),
        "behind-an-array.joblib": _joblib([np.arange(1000), Call(os.mkdir, str(marker))]),
        "objects.joblib": _joblib(objects),
        "array.npy": array.getvalue(),
        "arrays.npz": _zip({"x.npy": array.getvalue()}),
        "torch.pt": _zip({"archive/data.pkl": bomb, "archive/data/0": b"\0" * 64, "archive/version": b"3\n"}),
        "renamed.bin": _zip({"archive/weights": bomb}),
        "protocol-0.bin": _zip({"archive/weights": dumped(os.mkdir, str(marker), protocol=0)}),
        "nested.zip": _zip({"inner.zip": _zip({"model.pkl": bomb})}),
        "archive.tar": _tar({"model.pkl": bomb}),
        "archive.tar.gz": gzip.compress(_tar({"model.pkl": bomb})),
        "before-an-archive.pkl": bomb + _zip({"notes.txt": b"nothing"}),
        "archive-behind.pkl": plain + _zip({"model.pkl": bomb}),
        "older-torch.pt": pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + plain + bomb,
        "array-in-opcodes.pkl": _joblib([np.frombuffer(bomb * 8, np.uint8)]),
        "seven.pkl": b"7z\xbc\xaf\x27\x1c" + bomb,
        "header.npy": b"\x93NUMPY\x01\x00\x01\x00(" + bomb,
        "extension.pkl": b"\x80\x02\x82\x01.",
        "elsewhere.pkl": b"\x80\x05\x97.",
        "empty.pkl": b"",
        "cut.pkl": plain[:-4],
    }


def bombs(size: int) -> Made:
    """What is small, and unpacks to `size` bytes and more."""
    return {
        "bomb.joblib": gzip.compress(b"\0" * size),
        "bomb.pt": _zip({"archive/data.pkl": b"\0" * size}, zipfile.ZIP_DEFLATED),
        "many.zip": _zip({f"{at}.dat": b"\0" * (size // 8) for at in range(9)}, zipfile.ZIP_DEFLATED),
    }


def _string(text: str) -> bytes:
    data = text.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def _text(start: bytes, module: str, name: str, argument: str) -> bytes:
    return start + _string(module) + _string(name) + b"\x93" + _string(argument) + b"\x85R."


def _getattr(place: str) -> bytes:
    module = b"c__builtin__\n__import__\n" + _string("os") + b"\x85R"
    return b"\x80\x02c__builtin__\ngetattr\n" + module + _string("mkdir") + b"\x86R" + _string(place) + b"\x85R."


def _chain(getter: bytes, place: str) -> bytes:
    module = b"c__builtin__\n__import__\n" + _string("os") + b"\x85R"
    return b"\x80\x02c" + getter + b"\n" + _string("mkdir") + b"\x85R" + module + b"\x85R" + _string(place) + b"\x85R."


def _methodcaller(place: str) -> bytes:
    called = b"coperator\nmethodcaller\n" + _string("mkdir") + _string(place) + b"\x86R"
    return b"\x80\x02" + called + b"c__builtin__\n__import__\n" + _string("os") + b"\x85R\x85R."


def _partial(place: str) -> bytes:
    return b"\x80\x02cfunctools\npartial\ncposix\nmkdir\n" + _string(place) + b"\x86R)R."


def _function(compiled: bytes) -> bytes:
    code = b"cmarshal\nloads\nB" + len(compiled).to_bytes(4, "little") + compiled + b"\x85R"
    return b"\x80\x03ctypes\nFunctionType\n" + code + b"}\x86R)R."


def _memo(place: str) -> bytes:
    """The module's and the function's name are put away first, among others, and taken out for the call."""
    put = _string("numpy") + b"q\x01" + _string("posix") + b"q\x02" + _string("mkdir") + b"q\x03000"
    return b"\x80\x04" + put + b"h\x02h\x03\x93" + _string(place) + b"\x85R."


def _nested_by_joblib(marker: Path) -> bytes:
    inner = marker.with_name(f"{marker.name}.joblib")
    inner.write_bytes(dumped(os.mkdir, str(marker)))
    return dumped(joblib.load, str(inner))


def _runstring() -> Callable[..., Any]:
    from numpy.testing._private.utils import runstring

    return runstring


def _joblib(value: Any) -> bytes:
    made = io.BytesIO()
    joblib.dump(value, made)
    return made.getvalue()


def _zip(files: dict[str, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packing) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def _tar(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return made.getvalue()
