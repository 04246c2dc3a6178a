"""Compressed state: gzip, read and written as the official CLI's PULUMI_DIY_BACKEND_GZIP asks for it; zstd, read."""

import gzip
import importlib
import os
import zlib
from typing import Any, Final

from engine.errors import BackendError, BadInput

SUFFIXES: Final = ("", ".gz", ".zst")
"""What may stand behind `.json`."""

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"


def flag(*names: str) -> bool:
    """Whether one of the official CLI's variables is set; only "1" and "true" are."""
    return any(os.environ.get(name, "").lower() in ("1", "true") for name in names)


def wanted() -> str:
    """The suffix that is to be written."""
    if flag("PULUMI_DIY_BACKEND_ZSTD", "PULUMI_SELF_MANAGED_STATE_ZSTD"):
        raise BadInput(
            "the state is to be written with zstd (PULUMI_DIY_BACKEND_ZSTD), which the embedded engine only reads; "
            "use PULUMI_DIY_BACKEND_GZIP or neither"
        )
    return ".gz" if flag("PULUMI_DIY_BACKEND_GZIP", "PULUMI_SELF_MANAGED_STATE_GZIP") else ""


def pack(raw: bytes, suffix: str) -> bytes:
    return gzip.compress(raw, mtime=0) if suffix == ".gz" else raw


def unpack(raw: bytes, place: str) -> bytes:
    """What was packed; known by its first bytes, as the official CLI does. Raises ValueError when it is damaged."""
    if raw.startswith(_GZIP):
        try:
            return gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(str(error)) from None
    if raw.startswith(_ZSTD):
        return _unzstd(raw, place)
    return raw


def _unzstd(raw: bytes, place: str) -> bytes:
    for name in ("compression.zstd", "zstandard"):
        try:
            module: Any = importlib.import_module(name)
        except ImportError:
            continue
        if name == "zstandard":
            found: bytes = module.ZstdDecompressor().decompressobj().decompress(raw)
        else:
            found = module.decompress(raw)
        return found
    raise BackendError(
        f"{place}: the state is compressed with zstd; install the package zstandard, or write it once with the "
        "official CLI while PULUMI_DIY_BACKEND_ZSTD is not set"
    )
