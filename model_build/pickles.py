"""What a pickle would call, told without loading it, and whether that is refused.

Every stream is read to its end, as the unpickler that is to load it would, with a stand-in for each thing that it
names: none of them is imported. Each name is then put to picklescan's rules, and to ours for what those do not know.
What cannot be read to its end is refused, whatever a loader would have made of the part before.
"""

import bz2
import functools
import gzip
import importlib
import io
import lzma
import pickle
import re
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, ClassVar, cast

from model_build import content
from model_build.errors import SourceError

Name = tuple[str, str]
"""A module, and what is named in it."""

DATA = {
    "onnx": ("*",),
    "sklearn": (".skops",),
    "xgboost": (".json", ".ubj"),
    "lightgbm": (".txt",),
    "pmml": ("*",),
    "seq2seq": (".safetensors",),
}
"""Formats and the endings of files whose loaders run no code that is in them; of any other it is taken for granted."""

_ENDINGS = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".dill")
_MOST = 16 << 30
"""Bytes that are read of one source, unpacked."""
_DEEP = 4
"""Archives in archives."""
_RATIO, _SMALL = 200, 256 << 20
"""An archive that grows by more than that, to more than this, is a bomb."""
_MAGIC = re.compile(rb"\x80[\x00-\x05]")
_NUMPY, _ZIP, _SEVEN, _OLD = b"\x93NUMPY", b"PK", b"7z\xbc\xaf\x27\x1c", b"ZF"
_LEGACY_TORCH = 0x1950A86A20F9469CFC6C
_LEGACY_PARTS = 5
_FIX = (
    "do not load it; ask whoever made it for ONNX or a .skops file, or, if it is yours, name a function that loads it "
    "as the source"
)

_PLAIN: dict[str, str] = {
    "builtins": "bool bytearray bytes complex dict float frozenset int list object range set slice str tuple type",
    "collections": "OrderedDict defaultdict deque Counter",
    "copyreg": "_reconstructor __newobj__ __newobj_ex__",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "array": "array _array_reconstructor",
    "re": "_compile",
    "random": "Random",
    "pathlib": "Path PosixPath PurePath PurePosixPath",
    "types": "SimpleNamespace",
    "argparse": "Namespace",
    "logging": "getLogger",
    "zoneinfo": "ZoneInfo ZoneInfo._unpickle",
    "_codecs": "encode",
    "io": "BytesIO StringIO",
    "_io": "BytesIO StringIO",
    "math": "exp log log10 log1p log2 sqrt expm1",
}
"""What a model's pickle may name of Python itself; all else is refused, for it has no end of ways to run things."""
_LOADERS = (
    "cloudpickle", "dill", "joblib.load", "joblib.numpy_pickle.load", "joblib.numpy_pickle.NDArrayWrapper",
    "joblib.numpy_pickle.ZNDArrayWrapper",
    "joblib.numpy_pickle_utils",
    "joblib.numpy_pickle_compat", "joblib.memory", "joblib.externals", "numpy.load", "numpy.fromfile", "numpy.memmap",
    "numpy.ctypeslib", "numpy.distutils", "numpy.lib.npyio", "numpy.lib._npyio_impl", "pandas.read_pickle",
    "pandas.io.pickle", "pandas.eval", "pandas.core.computation", "torch.load", "torch.hub", "torch.jit.load",
    "torch.serialization", "torch.utils.cpp_extension", "torch.ops.load_library", "torch.classes.load_library",
    "mlflow", "pkg_resources", "setuptools", "_distutils_hack", "cffi", "skops.io", "onnxruntime", "IPython",
    "model_build",
)  # fmt: skip
"""What loads or runs other things, of packages that models are made with."""


def runs_code(file: Path, kind: str) -> bool:
    """Whether loading a file of the format `kind` may run code that is in it."""
    endings = DATA.get(kind, ())
    return "*" not in endings and file.suffix not in endings


def check(source: Path, file: Path, kind: str, label: str) -> set[Name]:
    """All that the pickles of a source name. source: a file, or the folder that `file`, of format `kind`, is in.

    Raises SourceError for names that are dangerous, and for what cannot be read to its end.
    """
    names: set[Name] = set()
    for path in [file] if source.is_file() else [path for _, path in content.walk(source)]:
        try:
            with path.open("rb") as opened:
                budget = _Budget(path.stat().st_size)
                must = (path == file and kind == "sklearn") or path.suffix in _ENDINGS
                names |= _scan(opened, path.name, budget, 0, strict=must or bool(_MAGIC.match(_peek(opened))))
        except _Unreadable as error:
            inside = "" if path == file else f" ({path.name})"
            raise SourceError(
                f"source {label!r}{inside} cannot be read to its end as a pickle, so what it would run is not known: "
                f"{error}; save it again, or hand in ONNX or a .skops file"
            ) from None
    if bad := refused(names):
        shown = ", ".join(f"{module}.{name}" for module, name in bad[:5])
        more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
        raise SourceError(f"source {label!r} is a pickle that would call {shown}{more}, which no model needs; {_FIX}")
    return names


def _peek(file: IO[bytes]) -> bytes:
    start = file.read(8)
    file.seek(0)
    return start


def refused(names: Iterable[Name]) -> list[Name]:
    """Those that are dangerous, in order."""
    return sorted(each for each in set(names) if any(_ours(reading) for reading in _readings(each)) or _theirs(each))


def _readings(name: Name) -> Iterator[Name]:
    """The ways to come to the same thing: `os.system` of `sklearn.utils` is `system` of `os` too."""
    yield name
    parts = [part.lstrip("_") for part in name[1].split(".")]
    for start in range(len(parts) - 1):
        for stop in range(start + 1, len(parts)):
            yield ".".join(parts[start:stop]), ".".join(parts[stop:])


def _ours(name: Name) -> bool:
    module, what = name
    if "." in what and not what.lstrip("_")[:1].isupper():
        return True  # nothing that is in a class
    top = module.partition(".")[0].replace("__builtin__", "builtins").replace("copy_reg", "copyreg")
    whole = f"{module}.{what}"
    if any(whole == loader or whole.startswith(f"{loader}.") for loader in _LOADERS):
        return True
    if top not in sys.stdlib_module_names and top != "builtins":
        return False
    place = module.replace("__builtin__", "builtins").replace("copy_reg", "copyreg")
    return what not in _PLAIN.get(place, "").split()


def _theirs(name: Name) -> bool:
    """What picklescan says of a pickle that names just this."""
    scanner: Any = importlib.import_module("picklescan.scanner")
    text = f"c{name[0]}\n{name[1]}\n."
    if text.count("\n") != 2 or not all(name) or " " in text:
        return True
    found: Any = scanner.scan_pickle_bytes(io.BytesIO(text.encode("utf-8", "surrogatepass")), "names")
    return found.scan_err or not found.globals or any(g.safety == scanner.SafetyLevel.Dangerous for g in found.globals)


class _Unreadable(Exception):
    pass


class _Budget:
    """How much may still be read, unpacked."""

    def __init__(self, size: int) -> None:
        self._left = min(max(size * _RATIO, _SMALL), _MOST)

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise _Unreadable("it unpacks to many times its size")


class _Counted(io.RawIOBase):
    """Hands on what it reads from elsewhere, on a budget."""

    def __init__(self, inner: Any, budget: _Budget) -> None:
        self._inner, self._budget = inner, budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._inner.read(len(buffer))
        self._budget.take(len(data))
        buffer[: len(data)] = data
        return len(data)


def _scan(file: IO[bytes], name: str, budget: _Budget, depth: int, *, strict: bool) -> set[Name]:
    """What is named in a seekable file. strict: it may be loaded as a pickle, so it has to be one, or hold some."""
    if depth > _DEEP:
        raise _Unreadable(f"{name} is an archive in archives in archives")
    start = _peek(file)
    if start.startswith((_SEVEN, _OLD, b"\x04\x22\x4d\x18")):
        raise _Unreadable(f"{name} is packed in a way that nobody here unpacks")
    try:
        if opener := _packed(start):
            return _unpacked(io.BufferedReader(_Counted(opener(file), budget)), name, budget, depth, strict)
        if start.startswith(_NUMPY):
            return _array(file, name)
        if start.startswith(_ZIP):
            return _archive(file, name, budget, depth)
        if (found := _tar(file, name, budget, depth)) is not None:
            return found
        names = _streams(file, name, strict=strict)
        # Some loaders look at a file's end first.
        file.seek(0)
        return names | (_archive(file, name, budget, depth) if zipfile.is_zipfile(file) else set())
    except _Unreadable:
        raise
    except Exception as error:  # of what is made to confuse them, archives and numpy raise all kinds of things
        raise _Unreadable(f"{name}: {str(error)[:200] or type(error).__name__}") from None


def _packed(start: bytes) -> Any:
    if start.startswith(b"\x1f\x8b"):
        return functools.partial(gzip.GzipFile, None, "rb", 9)
    if start.startswith(b"BZh"):
        return bz2.BZ2File
    if start.startswith((b"\xfd7zXZ", b"\x5d\x00")):
        return lzma.LZMAFile
    return _Zlib if start[:1] == b"\x78" and start[1:2] in (b"\x01", b"\x5e", b"\x9c", b"\xda") else None


class _Zlib:
    """The bytes of a zlib stream, as a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._inner = file, zlib.decompressobj()

    def read(self, size: int) -> bytes:
        while not self._inner.eof:
            data = self._inner.unconsumed_tail or self._file.read(1 << 16)
            if not data:
                raise EOFError("a packed stream ends in the middle")
            if found := self._inner.decompress(data, size):
                return found
        return b""


def _unpacked(packed: IO[bytes], name: str, budget: _Budget, depth: int, strict: bool) -> set[Name]:
    import tempfile

    with tempfile.TemporaryFile() as file:
        while piece := packed.read(1 << 20):
            file.write(piece)
        file.seek(0)
        return _scan(file, name, budget, depth + 1, strict=strict)


def _archive(file: IO[bytes], name: str, budget: _Budget, depth: int) -> set[Name]:
    names: set[Name] = set()
    with zipfile.ZipFile(file) as archive:
        listed = [each for each in archive.infolist() if not each.is_dir()]
        if len({each.filename for each in listed}) != len(listed):
            raise _Unreadable(f"{name} has two files of one name")
        for each in listed:
            with archive.open(each) as packed:
                names |= _member(packed, f"{name}/{each.filename}", budget, depth)
    return names


def _tar(file: IO[bytes], name: str, budget: _Budget, depth: int) -> set[Name] | None:
    file.seek(257)
    known = file.read(5) == b"ustar"
    file.seek(0)
    if not known:
        return None
    names: set[Name] = set()
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for each in archive:
            if each.isfile() and (packed := archive.extractfile(each)) is not None:
                names |= _member(packed, f"{name}/{each.name}", budget, depth)
    return names


def _member(packed: IO[bytes], name: str, budget: _Budget, depth: int) -> set[Name]:
    import tempfile

    with tempfile.SpooledTemporaryFile(1 << 24) as file:
        while piece := packed.read(1 << 20):
            budget.take(len(piece))
            file.write(piece)
        file.seek(0)
        held = cast("IO[bytes]", file)
        if name.endswith(".py") and not _MAGIC.match(_peek(held)):
            return set()  # the text of a TorchScript program, whose `class` would be read as a call
        strict = name.endswith(_ENDINGS) or bool(_MAGIC.match(_peek(held)))
        return _scan(held, name, budget, depth + 1, strict=strict)


def _array(file: IO[bytes], name: str) -> set[Name]:
    from numpy.lib import format as numpy_format

    version = numpy_format.read_magic(file)
    read = numpy_format.read_array_header_1_0 if version == (1, 0) else numpy_format.read_array_header_2_0
    dtype: Any = read(file)[2]
    return _streams(file, name, strict=True) if dtype.hasobject else set()


def _streams(file: IO[bytes], name: str, *, strict: bool) -> set[Name]:
    """All pickles that stand one after the other."""
    names: set[Name] = set()
    done, legacy = 0, False
    while True:
        at = file.tell()
        if not file.read(1):
            if strict and not done:
                raise _Unreadable(f"{name} is empty")
            return names
        file.seek(at)
        reader = _Reader(file, joblib=".joblib" in name)
        try:
            value = reader.load()
        except Exception as error:
            if legacy and done >= _LEGACY_PARTS:
                return names  # the tensors of an older PyTorch's file
            if not strict:
                return names | reader.names
            why = "no pickle goes on so" if isinstance(error, KeyError) else f"{type(error).__name__} {error}".rstrip()
            raise _Unreadable(f"{name}, before byte {file.tell()}: {why}") from None
        names |= reader.names
        done += 1
        legacy = legacy or (done == 1 and isinstance(value, int) and value == _LEGACY_TORCH)


class _Thing:
    """Stands for whatever a pickle would have made."""

    def __init__(self, of: Name = ("", ""), arguments: tuple[Any, ...] = ()) -> None:
        self.of, self.arguments, self.state = of, arguments, None

    def __call__(self, *arguments: Any, **_: Any) -> "_Thing":
        return _Thing(self.of, arguments)

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def append(self, _: Any) -> None: ...

    def extend(self, _: Any) -> None: ...


_Unpickler: Any = vars(pickle)["_Unpickler"]


class _Reader(_Unpickler):  # type: ignore[misc]  # pyright: ignore[reportUntypedBaseClass]
    """Python's own unpickler, with stand-ins for all that it would import, call or fill."""

    dispatch: ClassVar[dict[int, Any]] = dict(_Unpickler.dispatch)
    stack: list[Any]
    proto: int
    append: Any
    pop_mark: Any
    read: Any

    def __init__(self, file: Any, *, joblib: bool) -> None:
        _Unpickler.__init__(self, file)
        self.names: set[Name] = set()
        self._source, self._joblib = file, joblib

    def find_class(self, module: Any, name: Any, /) -> _Thing:
        import _compat_pickle as older

        self.names.add((str(module), str(name)))
        if self.proto < 3:
            newer = older.NAME_MAPPING.get((module, name)) or (older.IMPORT_MAPPING.get(module, module), name)
            self.names.add((str(newer[0]), str(newer[1])))
        return _Thing((str(module), str(name)))

    def persistent_load(self, pid: Any, /) -> _Thing:
        return _Thing()

    def get_extension(self, code: int) -> None:
        raise _Unreadable(f"it names extension {code}, which only its maker knows")

    def _made(self) -> None:
        """cls, args -> a stand-in."""
        arguments = self.stack.pop()
        self.stack[-1] = self.stack[-1](*arguments)

    def _made_with_keywords(self) -> None:
        self.stack.pop()
        self._made()

    def _instantiate(self, klass: Any, arguments: Any) -> None:
        self.append(klass(*arguments))

    def _pairs(self, values: list[Any]) -> dict[str, Any]:
        # Not what keys would be in truth: to compute their hashes may take for ever.
        return {key: value for key, value in zip(values[::2], values[1::2], strict=False) if isinstance(key, str)}

    def _filled(self) -> None:
        values = self.pop_mark()
        if isinstance(made := self.stack[-1], dict):
            cast("dict[str, Any]", made).update(self._pairs(values))

    def _set(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        if isinstance(made := self.stack[-1], dict):
            cast("dict[str, Any]", made).update(self._pairs([key, value]))

    def _dict(self) -> None:
        values = self.pop_mark()  # which changes what append is
        self.append(self._pairs(values))

    def _added(self) -> None:
        self.pop_mark()

    def _frozen(self) -> None:
        self.pop_mark()
        self.append(_Thing())

    def _new_set(self) -> None:
        self.append(_Thing())

    def _buffer(self) -> None:
        raise _Unreadable("it keeps a part of itself elsewhere")

    def _built(self) -> None:
        """State for what is on the stack; joblib has the content of an array after it."""
        state = self.stack.pop()
        self.stack[-1].__setstate__(state)
        thing = self.stack[-1]
        if isinstance(thing, _Thing) and thing.of[1].endswith("ArrayWrapper"):
            self._skip_array(state)

    def _skip_array(self, told: dict[str, Any]) -> None:
        """As joblib reads it: past the frame that the stream may be in, by what numpy takes from a dtype's state."""
        if not self._joblib:
            raise _Unreadable("it was written by joblib; call it .joblib")
        kind, state = told["dtype"].arguments[0], told["dtype"].state
        found = re.fullmatch(r"[<>|=]?([?A-Za-z])(\d*)", kind)
        if not found or (state is not None and state[2] is not None):
            raise _Unreadable("it has an array of a form that joblib does not write")
        if found[1] == "O" or (state is not None and _whole(state[7]) & 1):
            inner = _Reader(self._source, joblib=True)
            inner.load()
            self.names |= inner.names
            return
        count = _whole(state[5]) if found[1] in "SUV" and state is not None else int(found[2] or 1)
        for length in told["shape"]:
            count *= _whole(length)
        if "numpy_array_alignment_bytes" in told:
            self._source.read(self._source.read(1)[0])
        while count:
            piece = self._source.read(min(count, 1 << 20))
            if not piece:
                raise EOFError("an array ends in the middle")
            count -= len(piece)

    dispatch[pickle.REDUCE[0]] = _made
    dispatch[pickle.NEWOBJ[0]] = _made
    dispatch[pickle.NEWOBJ_EX[0]] = _made_with_keywords
    dispatch[pickle.SETITEMS[0]] = _filled
    dispatch[pickle.SETITEM[0]] = _set
    dispatch[pickle.DICT[0]] = _dict
    dispatch[pickle.ADDITEMS[0]] = _added
    dispatch[pickle.FROZENSET[0]] = _frozen
    dispatch[pickle.EMPTY_SET[0]] = _new_set
    dispatch[pickle.NEXT_BUFFER[0]] = _buffer
    dispatch[pickle.BUILD[0]] = _built


def _whole(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise _Unreadable("it has an array of a form that joblib does not write")
    return value
